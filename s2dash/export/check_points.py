"""The places of a check with their answers, as CSV and GeoPackage: to look at in a GIS, to fill in, to bring back."""

from __future__ import annotations

import csv
import io
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

from s2dash.core.accuracy import Check
from s2dash.core.check_rows import COLUMNS, rows_of
from s2dash.errors import OutputConflict
from s2dash.export.contents import UNDATED, staged
from s2dash.export.table import csv_bytes, text_cell

_LAYER = "check_points"
_WGS84, _UNDEFINED = 4326, -1
_NUMBERS = ("place", "longitude", "latitude", "x", "y", "row", "col")
_WKT = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],'
    'AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,'
    'AUTHORITY["EPSG","9122"]],AUTHORITY["EPSG","4326"]]'
)
_TABLES = f"""
    PRAGMA application_id = 1196444487;
    PRAGMA user_version = 10300;
    CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY, organization TEXT NOT NULL,
        organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
    CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
        description TEXT DEFAULT '', last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
        min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
        CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
    CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL,
        geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
        CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
        CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
        CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id));
    CREATE TABLE {_LAYER} (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom POINT, place INTEGER, map_class TEXT,
        answer TEXT, unsure TEXT, longitude DOUBLE, latitude DOUBLE, x DOUBLE, y DOUBLE, "row" INTEGER, col INTEGER,
        design TEXT);
"""
"""Of GeoPackage 1.3 (OGC 12-128r17, annex C), with one layer of points."""
_SYSTEMS = (
    ("Undefined Cartesian", -1, "NONE", -1, "undefined", None),
    ("Undefined geographic", 0, "NONE", 0, "undefined", None),
    ("WGS 84 geodetic", _WGS84, "EPSG", _WGS84, _WKT, None),
)


def check_csv_text(check: Check) -> str:
    """One row a place, lines ended by CR LF; names that a spreadsheet might take for a formula are harmless."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows_of(check):
        names = {key: text_cell(row[key]) for key in ("map_class", "answer")}
        writer.writerow([(row | names)[key] for key in COLUMNS])
    return out.getvalue()


def write_check_csv(check: Check, out: Path) -> None:
    """Write `check_csv_text` as UTF-8 with a byte order mark; raises OutputConflict where `out` cannot be written."""
    with staged(out) as path:
        path.write_bytes(csv_bytes(check_csv_text(check)))


def write_check_package(check: Check, out: Path) -> None:
    """Write a GeoPackage with a layer of points in WGS 84, or in the scene's pixels where it has no place.

    Raises OutputConflict where `out` cannot be written.
    """
    with staged(out) as path:
        try:
            with closing(sqlite3.connect(path)) as connection, connection:
                _fill(connection, check)
        except sqlite3.Error as error:
            raise OutputConflict(f"{out.name} cannot be written: {error}.") from error


def _fill(connection: sqlite3.Connection, check: Check) -> None:
    connection.executescript(_TABLES)
    connection.executemany("INSERT INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?, ?)", _SYSTEMS)
    has_place = all(place.lonlat is not None for place in check.places)
    system = _WGS84 if has_place else _UNDEFINED
    points = [place.lonlat if has_place and place.lonlat else (place.x, place.y) for place in check.places]
    bounds = [pick(axis) for pick in (min, max) for axis in zip(*points, strict=True)] or [None] * 4
    connection.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, last_change, min_x, min_y, max_x, max_y, srs_id)"
        " VALUES (?, 'features', ?, ?, ?, ?, ?, ?, ?)",
        (_LAYER, _LAYER, UNDATED, *bounds, system),
    )
    connection.execute("INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', 'POINT', ?, 0, 0)", (_LAYER, system))
    marks = ", ".join("?" * (len(COLUMNS) + 1))
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    connection.executemany(
        f"INSERT INTO {_LAYER} (geom, {columns}) VALUES ({marks})",
        [
            (_blob(point, system), *(_value(key, row[key]) for key in COLUMNS))
            for point, row in zip(points, rows_of(check), strict=False)
        ],
    )


def _blob(point: tuple[float, float], system: int) -> bytes:
    """A point as GeoPackage has it (section 2.1.3): little end first, without an envelope."""
    return b"GP\x00\x01" + struct.pack("<i", system) + struct.pack("<BIdd", 1, 1, *point)


def _value(key: str, text: str) -> str | float | None:
    if key in _NUMBERS:
        return float(text) if text else None
    return text or None
