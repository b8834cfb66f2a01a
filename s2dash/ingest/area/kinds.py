"""What a file given as an area is, by its first bytes, and what is said of those that are not read."""

from __future__ import annotations

import re
import shlex
from pathlib import PurePosixPath

from s2dash.ingest.area.shapes import Refusal
from s2dash.ingest.kinds import kind_of

FIRST_BYTES = 4_096
GEOJSON, ZIP = "geojson", "zip"
KINDS = "GeoJSON, GeoPackage, Shapefile, KML, KMZ or FlatGeobuf"

_BOM = b"\xef\xbb\xbf"
_RECORD_SEPARATOR = b"\x1e"
_KML = re.compile(rb"\s*(<\?xml[^>]*\?>\s*)?(<!--.*?-->\s*)*<kml[\s>]", re.DOTALL)
_SHAPEFILE = b"\x00\x00\x27\x0a"
_SHAPEFILE_VERSION = slice(28, 32), b"\xe8\x03\x00\x00"

_CONVERT = "Save it as GeoPackage in a GIS, or run `ogr2ogr area.gpkg {name}`."
_TABLE = "In QGIS add it by Layer > Add Layer > Add Delimited Text Layer, and export that as GeoPackage."
_DRAW = "Draw the area as a polygon in a GIS, and save it as GeoPackage."
_WHOLE = "Give all files of the shapefile together: .shp, .shx, .dbf and .prj."
_SAVE = f"Save the polygons as {KINDS}."
_OTHERS: tuple[tuple[re.Pattern[bytes], str, str], ...] = (
    (re.compile(rb"\s*<[^<]{0,300}<gpx\b|\s*<gpx\b", re.I), "a GPX file, which holds tracks and points", _DRAW),
    (re.compile(rb"(?s)\s*<.{0,2000}(xmlns:gml|<gml:|/gml\b)", re.I), "a GML file, which is not read here", _CONVERT),
    (
        re.compile(rb"\s*0\s+SECTION\s|AutoCAD Binary DXF|\s*999\s", re.I),
        "a DXF drawing, which is not read here",
        _CONVERT,
    ),
    (re.compile(rb"!table", re.I), "a MapInfo table, which is not read here", _CONVERT),
    (re.compile(rb"\s*version\s+\d+\s+charset", re.I), "a MapInfo file (MIF), which is not read here", _CONVERT),
    (re.compile(rb"PAR1"), "a table (Parquet), which is not read here", _CONVERT),
    (
        re.compile(rb"(?s).{0,2000}\b(MULTI)?POLYGON\s*(Z|M|ZM)?\s*\(\(", re.I),
        "a text with shapes in it (WKT), which is not read here",
        _TABLE,
    ),
)


def kind_of_area(name: str, start: bytes) -> str:
    """What kind of polygons begins so: `GEOJSON`, `ZIP`, or an ending of `vectors.DRIVERS`.

    Raises Refusal for anything else: what it is, and the one step that makes it usable.
    """
    if start.startswith(b"SQLite format 3\x00"):
        return "gpkg"
    if start.startswith(b"fgb\x03fgb"):
        return "fgb"
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return ZIP
    if start.startswith(_SHAPEFILE) and start[_SHAPEFILE_VERSION[0]] == _SHAPEFILE_VERSION[1]:
        if name.lower().endswith(".shx"):
            raise Refusal(f"is the index of a shapefile. {_WHOLE}")
        return "shp"
    text = start.removeprefix(_BOM)
    if text.lstrip(b" \t\r\n" + _RECORD_SEPARATOR).startswith(b"{"):
        return GEOJSON
    if _KML.match(text):
        return "kml"
    raise _refusal(name, start)


def _refusal(name: str, start: bytes) -> Refusal:
    if not start:
        return Refusal(f"is empty. {_SAVE}")
    if name.lower().endswith((".dbf", ".shx", ".prj", ".cpg", ".sbn", ".sbx")):
        return Refusal(f"is a part of a shapefile, without the shapes. {_WHOLE}")
    for pattern, words, step in _OTHERS:
        if pattern.match(start.removeprefix(_BOM)):
            return Refusal(f"is {words}. {step.format(name=shlex.quote(PurePosixPath(name).name))}")
    if name.lower().endswith((".csv", ".tsv", ".txt", ".wkt")):
        return Refusal(f"is a text, not a file of polygons that we read. {_TABLE}")
    kind = kind_of(name, start)
    if kind.tells:
        words = kind.words.format(name=shlex.quote(name), stem=PurePosixPath(name).stem, target="")
        return Refusal(f"is {words}, not a file of polygons that we read. {_SAVE}")
    return Refusal(f"is not a file of polygons that we read. {_SAVE}")
