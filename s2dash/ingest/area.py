"""Polygons given as a mask: from a stranger's GeoJSON or GeoPackage to pixels of the scene.

Nothing of GDAL or GEOS parses the file: JSON and SQLite come from Python's own library.
"""

from __future__ import annotations

from pathlib import Path

from shapely.errors import GEOSException

from s2dash.errors import UnreadableFile
from s2dash.ingest.area_geojson import read_geojson
from s2dash.ingest.area_geopackage import read_geopackage
from s2dash.ingest.area_placing import area_on, burn
from s2dash.ingest.area_shapes import Area, Refusal
from s2dash.settings import AREA_LIMITS, AreaLimits

__all__ = ["Area", "area_on", "burn", "is_area_file", "read_area"]

_SQLITE_MAGIC = b"SQLite format 3\x00"
_UTF8_BOM = b"\xef\xbb\xbf"
_MAGIC_BYTES = 1_024


def is_area_file(path: Path) -> bool:
    """Whether the first bytes are those of a GeoPackage (SQLite) or of a JSON object.

    Raises UnreadableFile where the file cannot be read at all.
    """
    try:
        start = _start(path)
    except OSError as error:
        raise UnreadableFile(f"{path.name} cannot be read: {error.strerror}.") from error
    return start.startswith(_SQLITE_MAGIC) or _is_json_object(start)


def read_area(path: Path, limits: AreaLimits = AREA_LIMITS, name: str | None = None) -> Area:
    """The polygons of a GeoJSON or GeoPackage, in the file's own CRS; `name` is what messages call the file.

    Points, lines and curved shapes are left out and noted; polygons that cross themselves are repaired
    (`shapely.make_valid`, method "structure") and noted.

    Raises UnreadableFile where the file is of another kind, is damaged, holds no polygon or passes a limit.
    """
    name = name or path.name
    try:
        start = _start(path)
        if path.stat().st_size > limits.most_bytes:
            raise Refusal(f"is larger than the {limits.most_bytes:,} bytes accepted for polygons. Simplify them.")
        if start.startswith(_SQLITE_MAGIC):
            return read_geopackage(path, name, limits)
        if _is_json_object(start):
            return read_geojson(path, name, limits)
        raise Refusal("is not a file of polygons that we read. Save them as GeoJSON or GeoPackage.")
    except Refusal as refusal:
        raise UnreadableFile(f"{name} {refusal}") from refusal
    except OSError as error:
        raise UnreadableFile(f"{name} cannot be read: {error.strerror}.") from error
    except GEOSException as error:
        raise UnreadableFile(f"{name} holds polygons that cannot be repaired. Simplify them.") from error


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MAGIC_BYTES)


def _is_json_object(start: bytes) -> bool:
    return start.removeprefix(_UTF8_BOM).lstrip(b" \t\r\n").startswith(b"{")
