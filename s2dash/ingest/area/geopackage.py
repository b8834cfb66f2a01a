"""GeoPackage of a stranger: what could run in it is taken out before GDAL opens it, and damaged shapes are found.

A GeoPackage is an SQLite database. Views, triggers and virtual tables in it are programs, and GDAL's SQL functions
reach far; so this works on a copy of our own and leaves ordinary tables only.
"""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from pathlib import Path

from s2dash.ingest.area.shapes import Refusal, epsg, plain
from s2dash.settings import AreaLimits

_MOST_SCHEMA_SQL = 1_000_000
_NEEDED = ("gpkg_contents", "gpkg_geometry_columns", "gpkg_spatial_ref_sys")
_PROGRAMS = """
    DELETE FROM sqlite_master WHERE NOT (
        rootpage > 1 AND (
            type = 'table' AND sql LIKE 'CREATE TABLE %'
            OR type = 'index' AND sql IS NULL
        )
    )
"""
_DAMAGED = "is damaged: its tables cannot be read. Export it again as GeoPackage."


def leave_tables_only(path: Path, limits: AreaLimits) -> None:
    """Take all that is no ordinary table out of our copy of a GeoPackage, and check the heads of its shapes.

    Features without a shape go too, so that where GDAL gives none, one is damaged.

    Raises Refusal where it is no GeoPackage, is damaged, or mixes coordinate systems in a layer.
    """
    try:
        with closing(_connect(path, limits)) as connection:
            connection.execute("PRAGMA writable_schema=ON").close()
            connection.execute(_PROGRAMS).close()
            connection.execute("PRAGMA journal_mode=DELETE").close()
        with closing(_connect(path, limits)) as connection:
            _check_tables(connection)
    except (sqlite3.Error, ValueError, OverflowError, struct.error) as error:
        raise Refusal(_DAMAGED) from error


def _connect(path: Path, limits: AreaLimits) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
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
        for setting in ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0", "synchronous=OFF"):
            connection.execute(f"PRAGMA {setting}").close()
    except BaseException:
        connection.close()
        raise
    return connection


def _check_tables(connection: sqlite3.Connection) -> None:
    """Check what describes the layers, and the layers; those that were no tables are struck off."""
    listed = connection.execute("PRAGMA main.table_list").fetchall()
    tables = {row[1].lower() for row in listed if row[2] == "table" and not row[1].lower().startswith("sqlite_")}
    for needed in _NEEDED:
        if needed not in tables:
            raise Refusal(
                f"is a database, but no GeoPackage: it has no table {plain(needed)}. Export it as GeoPackage."
            )
        _ordinary_columns(connection, needed)
    layers = connection.execute("SELECT table_name, column_name, srs_id FROM gpkg_geometry_columns").fetchall()
    gone = [table for table, _, _ in layers if not (isinstance(table, str) and table.lower() in tables)]
    if gone and len(gone) == len(layers):
        raise Refusal(
            f"is not a GeoPackage that we read: it has no table {plain(str(gone[0]))}. Export it as GeoPackage."
        )
    for table in gone:
        for described in ("gpkg_geometry_columns", "gpkg_contents"):
            connection.execute(f"DELETE FROM {described} WHERE table_name IS ?", (table,))
    for table, column, srs_id in layers:
        if table in gone:
            continue
        if not (isinstance(column, str) and isinstance(srs_id, int)):
            raise Refusal(_DAMAGED)
        if column.lower() not in _ordinary_columns(connection, table):
            raise Refusal(f"is damaged: its table {plain(table)} has no column {plain(column)}. Export it again.")
        connection.execute(f"DELETE FROM main.{_quoted(table)} WHERE {_quoted(column)} IS NULL").close()
        _check_heads(connection, table, column, srs_id)
        _define_system(connection, srs_id)


def _define_system(connection: sqlite3.Connection, srs_id: int) -> None:
    """Where a code of EPSG stands beside a definition, the code counts; to GDAL only if it is the number too."""
    for organisation, code in connection.execute(
        "SELECT organization, organization_coordsys_id FROM gpkg_spatial_ref_sys WHERE srs_id = ?", (srs_id,)
    ).fetchall():
        if isinstance(organisation, str) and organisation.upper() == "EPSG" and code != srs_id:
            if not isinstance(code, int):
                raise Refusal(_DAMAGED)
            defined = (epsg(code).to_wkt(), srs_id)
            connection.execute("UPDATE gpkg_spatial_ref_sys SET definition = ? WHERE srs_id = ?", defined)


def _ordinary_columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """Names of a table's columns in lower case. Raises Refusal where one is reckoned anew at each look."""
    described = connection.execute(f"PRAGMA main.table_xinfo({_quoted(table)})").fetchall()
    if any(row[6] for row in described):
        raise Refusal(f"has columns in its table {plain(table)} that are no data but formulas. Export it again.")
    return {row[1].lower() for row in described}


def _check_heads(connection: sqlite3.Connection, table: str, column: str, srs_id: int) -> None:
    """Magic, version and coordinate system of each shape (GeoPackage 1.4, section 2.1.3), which GDAL passes over."""
    shape = _quoted(column)
    rows = f"SELECT 1 FROM main.{_quoted(table)} NOT INDEXED WHERE {shape} IS NOT NULL AND "
    if connection.execute(
        f"{rows} (typeof({shape}) != 'blob' OR substr({shape}, 1, 3) != x'475000') LIMIT 1"
    ).fetchone():
        raise Refusal("is damaged: a feature's shape does not begin as one. Export it again.")
    known = [struct.pack(order, one) for order in ("<i", ">i") for one in (srs_id, 0, -1)]
    marks = ", ".join("?" * len(known))
    if connection.execute(f"{rows} substr({shape}, 5, 4) NOT IN ({marks}) LIMIT 1", known).fetchone():
        raise Refusal("mixes coordinate systems in one layer. Save it in WGS 84 (EPSG:4326).")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
