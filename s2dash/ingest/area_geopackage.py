"""GeoPackage of a stranger, read by SQLite with everything shut that could run: its polygons and its coordinates.

WKB is read here, because GEOS's reader follows nested collections until the stack overflows.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import CRS
from pyproj.exceptions import CRSError

from s2dash.ingest.area_shapes import POLYGON, Area, Refusal, area_of, collect, epsg, plain
from s2dash.settings import AreaLimits

_CONTENTS = "gpkg_contents"
_COLUMNS = "gpkg_geometry_columns"
_SYSTEMS = "gpkg_spatial_ref_sys"
_POLYGON_TYPES = ("POLYGON", "MULTIPOLYGON")
_MIXED_TYPES = ("GEOMETRY", "GEOMETRYCOLLECTION", "SURFACE", "CURVEPOLYGON", "MULTISURFACE")
_ENVELOPE_BYTES = (0, 32, 48, 48, 64)
_SQL_STEPS_EACH = 10_000
_MOST_SCHEMA_SQL = 1_000_000
_MOST_WKT = 20_000
_WKT_OPENING_FILES = ("EXTENSION", "PARAMETERFILE", "PROJ-BASED", "PROJ BASED", "+PROJ", "+INIT")
"""Parts of WKT through which PROJ opens files that the text names, or runs its own language."""


@dataclass(frozen=True)
class _Layer:
    table: str
    column: str
    srs_id: int
    others: tuple[str, ...]
    """Further layers with polygons, which are not read."""


def read_geopackage(path: Path, name: str, limits: AreaLimits) -> Area:
    """The polygons of a GeoPackage's first layer of them. Raises Refusal."""
    try:
        with closing(_connect(path, limits)) as connection:
            layer = _polygon_layer(connection, limits)
            crs, notes = _layer_crs(connection, layer.srs_id, limits)
            rows = _select(connection, layer.table, (layer.column,), limits)
            shapes = _geopackage_shapes(rows, layer.srs_id, limits)
            found = collect(shapes, limits)
    except (sqlite3.Error, ValueError) as error:
        raise Refusal("is damaged: its tables cannot be read. Export it again as GeoPackage.") from error
    if layer.others:
        names = ", ".join(plain(name) for name in layer.others[:5])
        notes = (f"Only the layer {plain(layer.table)} is read; the file also has {names}.", *notes)
    return area_of(found, crs, notes, name, limits)


def _connect(path: Path, limits: AreaLimits) -> sqlite3.Connection:
    """The file read-only as it stands: no journal beside it is looked at, nothing in it may run."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
    try:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        for limit, most in (
            (sqlite3.SQLITE_LIMIT_LENGTH, limits.most_bytes),
            (sqlite3.SQLITE_LIMIT_SQL_LENGTH, _MOST_SCHEMA_SQL),
            (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
            (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 1),
            (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
        ):
            connection.setlimit(limit, most)
        connection.set_progress_handler(_budget(limits.most_sql_steps), _SQL_STEPS_EACH)
        for setting in ("trusted_schema=OFF", "query_only=ON", "cell_size_check=ON", "mmap_size=0"):
            connection.execute(f"PRAGMA {setting}").close()
    except BaseException:
        connection.close()
        raise
    return connection


def _budget(most_steps: int) -> Callable[[], int]:
    """A progress handler that stops SQLite after so many steps in all."""
    left = most_steps // _SQL_STEPS_EACH

    def stop() -> int:
        nonlocal left
        left -= 1
        return int(left < 0)

    return stop


def _only(pragma: str = "", table: str = "") -> Callable[[int, str | None, str | None, str | None, str | None], int]:
    """An authoriser that lets one pragma through, or plain reading of one table; no view, function or recursion."""

    def decide(action: int, first: str | None, second: str | None, database: str | None, inside: str | None) -> int:
        if pragma:
            allowed = action == sqlite3.SQLITE_PRAGMA and first == pragma
        else:
            reads = action == sqlite3.SQLITE_READ and (first or "").lower() == table.lower()
            allowed = inside is None and (reads or action == sqlite3.SQLITE_SELECT)
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    return decide


def _real_tables(connection: sqlite3.Connection) -> dict[str, str]:
    """Names of ordinary tables by their lower-case form. Views and virtual tables are programs, and left out.

    Asks for the parsed schema: the text in `sqlite_master` may say one thing and mean another.
    """
    connection.set_authorizer(_only(pragma="table_list"))
    rows = connection.execute("PRAGMA table_list").fetchall()
    return {row[1].lower(): row[1] for row in rows if row[0] == "main" and row[2] == "table"}


def _select(
    connection: sqlite3.Connection, table: str, columns: Sequence[str], limits: AreaLimits
) -> Iterator[tuple[Any, ...]]:
    """Rows of an ordinary table with ordinary columns, by names that may hold anything.

    Raises Refusal where there is no such table or column, or too many rows.
    """
    known = _real_tables(connection)
    if table.lower() not in known:
        raise Refusal(f"is not a GeoPackage that we read: it has no table {plain(table)}. Export it as GeoPackage.")
    connection.set_authorizer(_only(pragma="table_xinfo"))
    described = connection.execute(f"PRAGMA table_xinfo({_quoted(table)})").fetchall()
    stored = {row[1].lower() for row in described if row[6] == 0}
    for column in columns:
        if column.lower() not in stored:
            raise Refusal(f"is damaged: its table {plain(table)} has no column {plain(column)}. Export it again.")
    connection.set_authorizer(_only(table=known[table.lower()]))
    names = ", ".join(_quoted(column) for column in columns)
    cursor = connection.execute(f"SELECT {names} FROM main.{_quoted(table)} NOT INDEXED")
    for number, row in enumerate(cursor):
        if number >= limits.most_polygons:
            raise Refusal(
                f"has more than {limits.most_polygons:,} rows in the table {plain(table)}, which are too many. "
                "Keep only the polygons that are needed."
            )
        yield row


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _polygon_layer(connection: sqlite3.Connection, limits: AreaLimits) -> _Layer:
    """The first layer declared to hold polygons, else the first that may hold any shape."""
    features = [
        table.lower()
        for table, kind in _select(connection, _CONTENTS, ("table_name", "data_type"), limits)
        if isinstance(table, str) and kind == "features"
    ]
    wanted = ("table_name", "column_name", "geometry_type_name", "srs_id")
    described = [
        (table, column, kind.upper(), srs_id)
        for table, column, kind, srs_id in _select(connection, _COLUMNS, wanted, limits)
        if isinstance(table, str) and isinstance(column, str) and isinstance(kind, str) and isinstance(srs_id, int)
    ]
    order = {table: place for place, table in reversed(list(enumerate(features)))}
    described = sorted((d for d in described if d[0].lower() in order), key=lambda d: order[d[0].lower()])
    for kinds in (_POLYGON_TYPES, _MIXED_TYPES):
        layers = [(table, column, srs_id) for table, column, kind, srs_id in described if kind in kinds]
        if layers:
            return _Layer(*layers[0], tuple(table for table, _, _ in layers[1:]))
    raise Refusal("holds no layer of polygons. Choose a file with polygons.")


def _layer_crs(connection: sqlite3.Connection, srs_id: int, limits: AreaLimits) -> tuple[CRS, tuple[str, ...]]:
    if srs_id == 0:
        return CRS.from_user_input("OGC:CRS84"), ("The file does not say which degrees it uses; taken as WGS 84.",)
    columns = ("srs_id", "organization", "organization_coordsys_id", "definition")
    for known_id, organisation, code, definition in _select(connection, _SYSTEMS, columns, limits):
        if known_id != srs_id or srs_id < 0:
            continue
        if isinstance(organisation, str) and organisation.upper() == "EPSG" and isinstance(code, int):
            return epsg(code), ()
        return _from_wkt(definition), ()
    raise Refusal("does not say which coordinates it uses. Save it with a coordinate system, such as EPSG:4326.")


def _from_wkt(definition: Any) -> CRS:
    refusal = Refusal("uses a coordinate system that we do not read. Save it in WGS 84 (EPSG:4326).")
    if not isinstance(definition, str) or len(definition) > _MOST_WKT:
        raise refusal
    if any(part in definition.upper() for part in _WKT_OPENING_FILES):
        raise refusal
    try:
        return CRS.from_wkt(definition)
    except CRSError as error:
        raise refusal from error


def _geopackage_shapes(
    rows: Iterable[tuple[Any, ...]], srs_id: int, limits: AreaLimits
) -> Iterator[list[np.ndarray] | None]:
    """Rings of each polygon; none for an empty one, None for a shape that is no polygon."""
    left = limits.most_bytes
    for (blob,) in rows:
        if blob is None:
            yield []
            continue
        if not isinstance(blob, bytes):
            raise Refusal("is damaged: a feature's shape is not stored as one. Export it again.")
        left -= len(blob)
        if left < 0:
            raise Refusal("is damaged: its features hold more than the whole file. Export it again.")
        try:
            yield from _blob_shapes(blob, srs_id)
        except struct.error as error:
            raise Refusal("is damaged: a feature's shape breaks off. Export it again.") from error


def _blob_shapes(blob: bytes, srs_id: int) -> Iterator[list[np.ndarray] | None]:
    """Parse the header of GeoPackage 1.4, section 2.1.3, then the WKB behind it."""
    magic, version, flags = struct.unpack_from("2sBB", blob)
    envelope = flags >> 1 & 7
    if magic != b"GP" or version > 0 or envelope >= len(_ENVELOPE_BYTES):
        raise Refusal("is damaged: a feature's shape does not begin as one. Export it again.")
    (own_id,) = struct.unpack_from("<i" if flags & 1 else ">i", blob, 4)
    if own_id not in (srs_id, 0, -1):
        raise Refusal("mixes coordinate systems in one layer. Save it in WGS 84 (EPSG:4326).")
    if flags & 0x20:
        yield None
    elif flags & 0x10:
        yield []
    else:
        yield from _wkb_shapes(blob, 8 + _ENVELOPE_BYTES[envelope])


def _wkb_shapes(blob: bytes, at: int) -> Iterator[list[np.ndarray] | None]:
    kind, order, dimensions, at = _wkb_head(blob, at)
    if kind == POLYGON:
        yield _wkb_rings(blob, at, order, dimensions)[0]
    elif kind == 6:
        (count,) = struct.unpack_from(f"{order}I", blob, at)
        at += 4
        for _ in range(count):
            kind, order, dimensions, at = _wkb_head(blob, at)
            if kind != POLYGON:
                raise Refusal("is damaged: a multipolygon holds another shape. Export it again.")
            rings, at = _wkb_rings(blob, at, order, dimensions)
            yield rings
    elif 1 <= kind <= 17:
        yield None
    else:
        raise Refusal("is damaged: a feature's shape is of no known kind. Export it again.")


def _wkb_head(blob: bytes, at: int) -> tuple[int, str, int, int]:
    """Kind of shape, byte order, numbers a point, and where the rest begins; ISO and extended WKB alike."""
    order = "<" if blob[at : at + 1] == b"\x01" else ">"
    (code,) = struct.unpack_from(f"{order}I", blob, at + 1)
    extra = bool(code & 0x80000000) + bool(code & 0x40000000)
    at += 9 if code & 0x20000000 else 5
    thousands, kind = divmod(code & 0x1FFFFFFF, 1000)
    return kind if thousands <= 3 else 0, order, 2 + max(extra, (thousands + 1) // 2), at


def _wkb_rings(blob: bytes, at: int, order: str, dimensions: int) -> tuple[list[np.ndarray], int]:
    """A polygon's rings, each (n, 2) float64, and where the next shape begins."""
    (count,) = struct.unpack_from(f"{order}I", blob, at)
    at += 4
    rings = []
    for _ in range(count):
        (points,) = struct.unpack_from(f"{order}I", blob, at)
        at += 4
        end = at + 8 * dimensions * points
        if end > len(blob):
            raise Refusal("is damaged: a feature's shape breaks off. Export it again.")
        values = np.frombuffer(blob, f"{order}f8", dimensions * points, at)
        rings.append(values.reshape(points, dimensions)[:, :2].astype(np.float64))
        at = end
    return rings, at
