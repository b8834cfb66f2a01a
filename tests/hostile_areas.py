"""Makes files of polygons that must not hurt, as `hostile_files.py` does of pictures, each with the answer due."""

from __future__ import annotations

import io
import json
import sqlite3
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from hostile_files import BAIT, PORT

from s2dash.ingest.area.vectors import pyogrio_of_ours

LON_LAT = "EPSG:4326"
KML_HEAD = '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2">'


@dataclass(frozen=True)
class HostileArea:
    """Files that are given together."""

    files: Mapping[str, bytes]
    words: str | None
    """What the refusal says; None where the file is read all the same."""


def written(
    driver: str, ending: str, shapes: Sequence[Any], crs: str | None = LON_LAT, **options: Any
) -> dict[str, bytes]:
    """What GDAL writes, by endings."""
    ogr = pyogrio_of_ours()
    kinds = {shape.geom_type for shape in shapes}
    options = {"layer": "fields", "geometry_type": kinds.pop() if len(kinds) == 1 else "Unknown", **options}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"fields{ending}"
        wkb = np.array([shapely.to_wkb(shape, flavor="iso") for shape in shapes], dtype=object)
        if ending == ".shp":
            options.pop("layer")
        with warnings.catch_warnings():
            # Of a file without a coordinate system.
            warnings.simplefilter("ignore", UserWarning)
            ogr.raw.write(path, wkb, [], [], driver=driver, crs=crs, **options)
        return {one.suffix: one.read_bytes() for one in Path(folder).iterdir()}


def shapefile(shapes: Sequence[Any], crs: str | None = LON_LAT, **options: Any) -> dict[str, bytes]:
    return written("ESRI Shapefile", ".shp", shapes, crs, **options)


def flatgeobuf(shapes: Sequence[Any], crs: str | None = LON_LAT) -> bytes:
    return written("FlatGeobuf", ".fgb", shapes, crs, SPATIAL_INDEX="NO")[".fgb"]


def geopackage(shapes: Sequence[Any], script: str = "", crs: str = LON_LAT) -> bytes:
    made = written("GPKG", ".gpkg", shapes, crs)[".gpkg"]
    if not script:
        return made
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fields.gpkg"
        path.write_bytes(made)
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            # What GDAL's triggers call is not known here.
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                db.execute(f'DROP TRIGGER "{name}"')
            db.executescript(script)
        return path.read_bytes()


def kml(body: str, before: str = "") -> bytes:
    return f"{before}{KML_HEAD}<Document>{body}</Document></kml>".encode()


def kml_polygon(shape: shapely.Polygon) -> str:
    points = " ".join(f"{x},{y},0" for x, y in shape.exterior.coords)
    ring = f"<LinearRing><coordinates>{points}</coordinates></LinearRing>"
    return f"<Polygon><outerBoundaryIs>{ring}</outerBoundaryIs></Polygon>"


def placemark(shape: shapely.Polygon) -> str:
    return f"<Placemark>{kml_polygon(shape)}</Placemark>"


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def changed(content: bytes, at: int, put: bytes) -> bytes:
    return content[:at] + put + content[at + len(put) :]


def _one(name: str, content: bytes, words: str | None) -> HostileArea:
    return HostileArea({name: content}, words)


def _cut(box: shapely.Polygon) -> dict[str, HostileArea]:
    """Each kind, cut short."""
    whole: dict[str, bytes] = {
        "gpkg": geopackage([box] * 300),
        "fgb": flatgeobuf([box] * 300),
        "kml": kml(placemark(box) * 300),
        "kmz": zipped({"doc.kml": kml(placemark(box) * 300)}),
        "geojson": json.dumps(box.__geo_interface__).encode(),
        "shp": shapefile([box] * 300)[".shp"],
    }
    words = {"gpkg": "damaged|no polygons", "kmz": "cut short|damaged", "shp": "cut short|not a file"}
    made = {}
    for ending, content in whole.items():
        for share in (0.02, 0.6):
            cut = content[: int(len(content) * share)]
            made[f"cut at {share} {ending}"] = _one(f"cut.{ending}", cut, words.get(ending, "damaged|not a file"))
    return made


def _archives(box: shapely.Polygon) -> dict[str, HostileArea]:
    good = kml(placemark(box))
    return {
        "kmz bomb": _one("bomb.kmz", zipped({"doc.kml": b" " * 400_000_000}), "refused"),
        "kmz larger than accepted": _one("large.kmz", zipped({"doc.kml": good + b" " * 60_000_000}), "larger than"),
        "kmz slip": _one("slip.kmz", zipped({f"../../..{BAIT}_BY_KMZ": b"x", "doc.kml": good}), "refused"),
        "kmz in kmz": _one("in.kmz", zipped({"doc.kml": zipped({"doc.kml": good})}), "inside another"),
        "empty zip": _one("empty.zip", zipped({}), "holds no files|cut short"),
        "zip of pictures": _one("a.zip", zipped({"a.jpg": b"\xff\xd8\xff"}), "without polygons"),
        "zip of texts called shp": _one("a.zip", zipped({"a.shp": b"Dear all"}), "does not begin as a shapefile|not a"),
    }


def _texts(box: shapely.Polygon) -> dict[str, HostileArea]:
    laughs = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghi", "bcdefghij", strict=True))
    link = f"<NetworkLink><Link><href>http://127.0.0.1:{PORT}/a.kml</href></Link></NetworkLink>"
    near = "<NetworkLink><Link><href>/etc/passwd</href></Link></NetworkLink>"
    nested = "<MultiGeometry>" * 900 + kml_polygon(box) + "</MultiGeometry>" * 900
    deep = "<MultiGeometry>" * 10_000 + kml_polygon(box) + "</MultiGeometry>" * 10_000
    vrt = "<OGRVRTDataSource><OGRVRTLayer name='a'><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer>"
    vrt += "</OGRVRTDataSource>"
    collection: Any = '{"type":"GeometryCollection","geometries":['
    geojson = collection * 10_000 + json.dumps(box.__geo_interface__) + "]}" * 10_000
    return {
        "kml laughs": _one(
            "laughs.kml",
            kml("<name>&j;</name>" + placemark(box), f'<!DOCTYPE a [<!ENTITY a "ha">{laughs}]>'),
            "not a file",
        ),
        "kml laughs behind a comment": _one(
            "laughs.kml",
            f'<!-- a --><!DOCTYPE a [<!ENTITY a "ha">{laughs}]><kml>&j;</kml>'.encode(),
            "not a file",
        ),
        "kml doctype inside": _one("late.kml", kml(placemark(box) + "<!DOCTYPE a>"), "DOCTYPE"),
        "kml external entity": _one(
            "entity.kml",
            kml("<name>&x;</name>", '<!DOCTYPE k [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
            "not a file|DOCTYPE",
        ),
        "kml network link": _one("link.kml", kml(link + near + placemark(box)), None),
        "kml network link alone": _one("link.kml", kml(link), "no polygons"),
        "kml nested": _one("nested.kml", kml(f"<Placemark>{nested}</Placemark>"), None),
        "kml nested deeply": _one("deep.kml", kml(f"<Placemark>{deep}</Placemark>"), "damaged"),
        "kml with a vrt in it": _one("vrt.kml", kml(vrt), "no polygons|damaged"),
        "kml vrt as a comment": _one(
            "vrt.kml", KML_HEAD.encode() + f"<!--{vrt}-->{vrt}</kml>".encode(), "polygons|damaged"
        ),
        "vrt called kml": _one("vrt.kml", vrt.encode(), "not a file"),
        "geojson nested deeply": _one("deep.geojson", geojson.encode(), "deeply"),
        "address called geojson": _one("web.geojson", f"http://127.0.0.1:{PORT}/a".encode(), "not a file"),
        "connection string": _one("pg.gpkg", b"PG:host=127.0.0.1", "not a file"),
    }


_ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT"


def _databases(box: shapely.Polygon) -> dict[str, HostileArea]:
    view = "DROP TABLE gpkg_contents; CREATE VIEW gpkg_contents AS"
    endless_layer = f"CREATE VIEW v AS {_ENDLESS} i AS fid, x'00' AS geom FROM n;"
    register = (
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) VALUES ('v', 'features', 'v', 4326);"
        "INSERT INTO gpkg_geometry_columns VALUES ('v', 'geom', 'POLYGON', 4326, 0, 0);"
    )
    writing = f"CREATE TRIGGER t AFTER DELETE ON fields BEGIN SELECT writefile('{BAIT}_BY_TRIGGER', 'x'); END;"
    lie = "PRAGMA writable_schema=ON; UPDATE sqlite_master SET sql = 'CREATE TABLE ' || sql WHERE name = 'fields';"
    blob = "X'" + (b"GP\x00\x01" + struct.pack("<i", 4326) + struct.pack("<BIII", 1, 3, 1, 2**31 - 1)).hex() + "'"
    nested = b"GP\x00\x01" + struct.pack("<i", 4326) + struct.pack("<BII", 1, 7, 1) * 100_000
    return {
        "gpkg contents that never end": _one("a.gpkg", geopackage([box], f"{view} {_ENDLESS} i FROM n;"), "no table"),
        "gpkg layer that never ends": _one("a.gpkg", geopackage([box], endless_layer + register), None),
        "gpkg layer of another file": _one(
            "a.gpkg",
            geopackage([box], f"CREATE VIEW v AS SELECT 1 AS fid, readfile('/etc/passwd') AS geom;{register}"),
            None,
        ),
        "gpkg trigger that writes": _one("a.gpkg", geopackage([box], writing), None),
        "gpkg schema that lies": _one("a.gpkg", geopackage([box], lie), "damaged|no table"),
        "gpkg points without end": _one("a.gpkg", geopackage([box], f"UPDATE fields SET geom = {blob};"), "damaged"),
        "gpkg nested deeply": _one(
            "a.gpkg", geopackage([box], f"UPDATE fields SET geom = X'{nested.hex()}';"), "damaged"
        ),
        "gpkg huge blob": _one("a.gpkg", geopackage([box], "UPDATE fields SET geom = zeroblob(40000000);"), "damaged"),
        "gpkg with spatialite": _one(
            "a.gpkg",
            geopackage(
                [box],
                "CREATE TABLE e AS SELECT load_extension_name AS a FROM (SELECT 'mod_spatialite' "
                "AS load_extension_name);",
            ),
            None,
        ),
        "sqlite that is none": _one("a.gpkg", b"SQLite format 3\x00" + bytes(range(256)) * 40, "damaged"),
    }


def _flat(box: shapely.Polygon) -> dict[str, HostileArea]:
    good = flatgeobuf([box] * 3)
    header = struct.unpack_from("<I", good, 8)[0]
    first = 12 + header
    return {
        "fgb header of 4 GB": _one("a.fgb", changed(good, 8, b"\xff\xff\xff\xff"), "damaged"),
        "fgb header of 1 GB": _one("a.fgb", changed(good, 8, struct.pack("<I", 2**30)), "damaged"),
        "fgb feature of 4 GB": _one("a.fgb", changed(good, first, b"\xff\xff\xff\xff"), "damaged|polygons"),
        "fgb feature of 1 GB": _one("a.fgb", changed(good, first, struct.pack("<I", 2**30)), "damaged|polygons"),
        "fgb of rubbish": _one("a.fgb", good[:12] + b"\xff" * 4_000, "damaged"),
        "fgb offsets that lead out": _one("a.fgb", changed(good, first + 4, b"\xff\xff\xff\x7f"), "damaged|polygons"),
    }


def _shapes(box: shapely.Polygon) -> dict[str, HostileArea]:
    parts = shapefile([box])
    rings, points = 108 + 36, 108 + 40

    def with_shp(at: int, put: bytes, words: str | None) -> HostileArea:
        files = {f"a{ending}": content for ending, content in parts.items()}
        return HostileArea(files | {"a.shp": changed(parts[".shp"], at, put)}, words)

    most = struct.pack("<i", 2**31 - 1)
    index = changed(parts[".shx"], 100, struct.pack(">ii", 2**31 - 1, 2**31 - 1))
    prj = b'PROJCS["a",EXTENSION["PROJ4","+proj=utm +zone=33 +nadgrids=/etc/passwd"]]'
    whole = {f"a{ending}": content for ending, content in parts.items()}
    return {
        "shp parts without end": with_shp(rings, most, "damaged|polygons"),
        "shp points without end": with_shp(points, most, "damaged|polygons"),
        "shp fewer than none": with_shp(points, struct.pack("<i", -5), "damaged|polygons"),
        "shp parts that lead out": with_shp(108 + 44, struct.pack("<i", 2**30), "damaged|polygons"),
        "shp record of 4 GB": with_shp(104, struct.pack(">i", 2**31 - 1), None),
        "shp longer than it is": with_shp(24, struct.pack(">i", 2**31 - 1), "cut short"),
        "shx that leads out": HostileArea(whole | {"a.shx": index}, None),
        "shx without end": HostileArea(
            whole | {"a.shx": changed(parts[".shx"], 24, struct.pack(">i", 2**31 - 1))}, None
        ),
        "prj that names a file": HostileArea(whole | {"a.prj": prj}, "coordinate"),
        "prj of a megabyte": HostileArea(whole | {"a.prj": b"GEOGCS[" * 140_000}, None),
        "dbf of rubbish": HostileArea(whole | {"a.dbf": b"\xff" * 5_000}, None),
    }


def _numbers(box: shapely.Polygon) -> dict[str, HostileArea]:
    def spoilt(number: float) -> shapely.Polygon:
        points = np.array(box.exterior.coords)
        points[1] = number
        with np.errstate(invalid="ignore"):
            return shapely.Polygon(points)

    made = {}
    for number in (np.nan, np.inf, 1e300):
        writers: dict[str, Callable[[Sequence[Any]], bytes]] = {"fgb": flatgeobuf, "gpkg": geopackage}
        for ending, write in writers.items():
            made[f"{number} {ending}"] = _one(f"a.{ending}", write([spoilt(number)]), "finite|nowhere|damaged|polygons")
        # GDAL writes no such numbers into a shapefile.
        mark, instead = struct.pack("<d", 12.3456789), struct.pack("<d", number)
        files = {f"a{ending}": part.replace(mark, instead) for ending, part in shapefile([spoilt(12.3456789)]).items()}
        made[f"{number} shp"] = HostileArea(files, "finite|nowhere|damaged|polygons")
        made[f"{number} kml"] = _one("a.kml", kml(placemark(spoilt(number))), "finite|nowhere|damaged|polygons|degrees")
    return made


HOSTILE: Mapping[str, Callable[[shapely.Polygon], dict[str, HostileArea]]] = {
    "cut short": _cut,
    "archives": _archives,
    "texts": _texts,
    "databases": _databases,
    "FlatGeobuf": _flat,
    "shapefiles": _shapes,
    "numbers": _numbers,
}
"""What makes each kind of hostile area, by name, around a polygon in degrees."""
