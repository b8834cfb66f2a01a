"""Areas from shapefiles, KML, KMZ, FlatGeobuf and archives of them: what is read, what is said, what may not hurt."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from answers import MOST_CHILD_MB, wrong_words
from forked_door import FORKS, ended
from hostile_areas import (
    HOSTILE,
    HostileArea,
    flatgeobuf,
    geopackage,
    kml,
    kml_polygon,
    placemark,
    shapefile,
    zipped,
)
from hostile_files import BAIT
from pyproj import CRS, Transformer
from scenes import UTM, make_scene, write_scene
from test_hostile import listening

from s2dash import ingest
from s2dash.core.scene import Scene
from s2dash.errors import UnreadableFile
from s2dash.ingest import process
from s2dash.ingest.area.polygons import read_area
from s2dash.ingest.area.shapes import Area
from s2dash.ingest.area.vectors import DRIVERS, pyogrio_of_ours
from s2dash.ingest.pile import GivenFile
from s2dash.settings import AREA_LIMITS, AreaLimits

BOX = shapely.box(15.0, 47.84, 15.005, 47.845)
HOLED = BOX - shapely.box(15.001, 47.841, 15.002, 47.842)
MOST_SECONDS = 8
"""Of a processor, for one hostile file."""


def given(folder: Path, files: Mapping[str, bytes]) -> list[GivenFile]:
    found = []
    for number, (name, content) in enumerate(files.items()):
        path = folder / f"given_{number}"
        path.write_bytes(content)
        found.append(GivenFile(name, path))
    return found


def area(folder: Path, files: Mapping[str, bytes], **options: Any) -> Area:
    return read_area(given(folder, files), **options)


def refused(folder: Path, files: Mapping[str, bytes], **options: Any) -> str:
    with pytest.raises(UnreadableFile) as caught:
        area(folder, files, **options)
    message = str(caught.value)
    assert message.startswith(next(iter(files)))
    assert wrong_words(message) is None, message
    return message


def named(parts: Mapping[str, bytes], stem: str = "fields") -> dict[str, bytes]:
    return {f"{stem}{ending}": content for ending, content in parts.items()}


EVERY_KIND: dict[str, dict[str, bytes]] = {
    "GeoPackage": {"a.gpkg": geopackage([HOLED, BOX])},
    "shapefile": named(shapefile([HOLED, BOX])),
    "shapefile in a zip": {"a.zip": zipped(named(shapefile([HOLED, BOX]), "folder/fields"))},
    "KML": {
        "a.kml": kml(
            placemark(BOX)
            + placemark(HOLED).replace(
                "</Polygon>",
                "<innerBoundaryIs>"
                + kml_polygon(shapely.Polygon(HOLED.interiors[0]))[26:-28]
                + "</innerBoundaryIs></Polygon>",
            )
        )
    },
    "FlatGeobuf": {"a.fgb": flatgeobuf([HOLED, BOX])},
    "GeoPackage in a zip": {"a.zip": zipped({"a.gpkg": geopackage([HOLED, BOX])})},
    "lines of GeoJSON": {
        "a.geojsonl": "\n".join(
            json.dumps({"type": "Feature", "properties": {}, "geometry": s.__geo_interface__}) for s in (BOX, HOLED)
        ).encode()
    },
}
EVERY_KIND["KMZ"] = {"a.kmz": zipped({"doc.kml": EVERY_KIND["KML"]["a.kml"], "files/icon.png": b"\x89PNG"})}


@pytest.mark.parametrize("files", EVERY_KIND.values(), ids=EVERY_KIND)
@pytest.mark.parametrize("ending", ["as it is", "misleading"])
def test_every_kind_is_known_by_its_bytes(tmp_path: Path, files: dict[str, bytes], ending: str) -> None:
    """But for the files of a shapefile, which only their names tell apart."""
    if ending == "misleading" and len(files) == 1:
        files = {"fields.txt.gpkg" if "a.kml" in files else "fields.kml": next(iter(files.values()))}
    found = area(tmp_path, files)
    assert found.polygon_count == 2
    assert found.notes == ()
    expected = shapely.normalize(shapely.multipolygons([HOLED, BOX]))
    assert shapely.equals_exact(shapely.normalize(found.geometry), expected, 1e-9)
    assert CRS.from_wkt(found.crs_wkt).equals(CRS.from_epsg(4326), ignore_axis_order=True)


class TestWhatIsRead:
    @pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:32633", "EPSG:3035", "EPSG:2056"])
    def test_any_coordinate_system(self, tmp_path: Path, crs: str) -> None:
        there = Transformer.from_crs("OGC:CRS84", crs, always_xy=True)
        moved = shapely.transform(BOX, lambda xy: np.column_stack(there.transform(xy[:, 0], xy[:, 1])))
        for number, files in enumerate(
            [
                named(shapefile([moved], crs)),
                {"a.fgb": flatgeobuf([moved], crs)},
                {"a.gpkg": geopackage([moved], "", crs)},
            ]
        ):
            folder = tmp_path / str(number)
            folder.mkdir()
            found = area(folder, files)
            assert shapely.equals_exact(shapely.normalize(found.geometry.geoms[0]), shapely.normalize(moved), 1e-6)
            assert CRS.from_wkt(found.crs_wkt).equals(CRS.from_user_input(crs), ignore_axis_order=True)

    def test_heights_and_measures_go(self, tmp_path: Path) -> None:
        for number, files in enumerate(
            [
                named(shapefile([shapely.force_3d(BOX, 7)], geometry_type="Polygon Z")),
                {"a.kml": kml(placemark(BOX))},
            ]
        ):
            (tmp_path / str(number)).mkdir()
            assert not area(tmp_path / str(number), files).geometry.has_z

    def test_collections_are_flattened_however_deep(self, tmp_path: Path) -> None:
        nested: Any = shapely.multipolygons([BOX, HOLED])
        for _ in range(20):
            nested = shapely.geometrycollections([nested, shapely.Point(1, 2)])
        found = area(tmp_path, {"a.gpkg": geopackage([nested])})
        assert found.polygon_count == 2
        assert found.notes == ("Left out, being no polygons but points, lines or curves: 20.",)

    def test_curves_become_lines(self, tmp_path: Path) -> None:
        blob = b"GP\x00\x01" + (4326).to_bytes(4, "little") + circle()
        script = f"UPDATE fields SET geom = X'{blob.hex()}'; UPDATE gpkg_geometry_columns SET geometry_type_name = "
        found = area(tmp_path, {"a.gpkg": geopackage([BOX], script + "'CURVEPOLYGON';")})
        assert found.geometry.area == pytest.approx(np.pi * 0.01**2, rel=1e-2)

    def test_crossing_ones_are_repaired(self, tmp_path: Path) -> None:
        bow = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2), (0, 0)])
        found = area(tmp_path, {"a.fgb": flatgeobuf([bow])})
        assert found.notes == ("Polygons repaired, as they crossed or touched themselves: 1.",)
        assert found.geometry.area == pytest.approx(2)

    def test_lines_and_points_are_counted_in_the_refusal(self, tmp_path: Path) -> None:
        lines = [shapely.LineString([(0, 0), (1, 1)])] * 12
        assert "holds no polygons but 12 lines." in refused(tmp_path, named(shapefile(lines)))
        mixed = "<Placemark><Point><coordinates>1,2</coordinates></Point></Placemark>" * 2
        mixed += "<Placemark><LineString><coordinates>1,2 3,4</coordinates></LineString></Placemark>"
        assert "no polygons but 1 line and 2 points." in refused(tmp_path, {"a.kml": kml(mixed)})

    def test_empty_ones_do_not_count(self, tmp_path: Path) -> None:
        assert area(tmp_path, {"a.gpkg": geopackage([shapely.Polygon(), BOX])}).polygon_count == 1
        assert "no polygons" in refused(tmp_path, {"a.fgb": flatgeobuf([shapely.Polygon()])})

    def test_all_folders_of_a_kml_are_used_and_named(self, tmp_path: Path) -> None:
        body = "".join(f"<Folder><name>{name}</name>{placemark(BOX)}</Folder>" for name in ("Äcker", "b\n"))
        found = area(tmp_path, {"a.kml": kml(body)})
        assert found.polygon_count == 2
        assert found.notes == ("Polygons of 2 layers are used: “Äcker”, “b”.",)

    def test_several_shapefiles_of_a_zip_are_used(self, tmp_path: Path) -> None:
        files = named(shapefile([BOX]), "one") | named(shapefile([HOLED]), "two")
        assert area(tmp_path, {"a.zip": zipped(files)}).polygon_count == 2

    def test_hundreds_of_thousands_of_points(self, tmp_path: Path) -> None:
        turn = np.linspace(0, 2 * np.pi, 400_000, endpoint=False)
        radius = 0.1 + 0.01 * np.sin(turn * 2_000)
        large = shapely.Polygon(np.c_[15 + radius * np.cos(turn), 47 + radius * np.sin(turn)])
        for number, files in enumerate([named(shapefile([large])), {"a.fgb": flatgeobuf([large])}]):
            (tmp_path / str(number)).mkdir()
            assert shapely.get_num_coordinates(area(tmp_path / str(number), files).geometry) == 400_001


def circle() -> bytes:
    """A curve polygon of one circle around 15, 47 in WKB."""
    import struct

    points = [(14.99, 47), (15.0, 47.01), (15.01, 47), (15.0, 46.99), (14.99, 47)]
    string = struct.pack("<BII", 1, 8, len(points)) + b"".join(struct.pack("<2d", *xy) for xy in points)
    return struct.pack("<BII", 1, 10, 1) + string


class TestShapefiles:
    def test_parts_may_have_other_names(self, tmp_path: Path) -> None:
        parts = shapefile([BOX])
        files = {"a (1).SHP": parts[".shp"], "a.shx": parts[".shx"], "a (2).prj": parts[".prj"]}
        assert area(tmp_path, files).notes == ()

    def test_a_missing_index_is_made_anew_and_said(self, tmp_path: Path) -> None:
        files = named(shapefile([BOX, HOLED]))
        del files["fields.shx"]
        found = area(tmp_path, files)
        assert found.polygon_count == 2
        assert found.notes == ("The shapefile came without its .shx, which was made anew.",)

    def test_without_a_prj_small_numbers_are_degrees(self, tmp_path: Path) -> None:
        files = named(shapefile([BOX]))
        del files["fields.prj"]
        found = area(tmp_path, files, scene_crs=CRS.from_user_input(UTM))
        assert found.notes == ("The shapefile came without its .prj; its coordinates are taken as degrees (WGS 84).",)
        assert CRS.from_wkt(found.crs_wkt).is_geographic

    def test_without_a_prj_large_numbers_are_those_of_the_scene(self, tmp_path: Path) -> None:
        parts = shapefile([shapely.box(500_000, 5e6, 500_100, 5.001e6)], None)
        parts.pop(".prj", None)
        found = area(tmp_path, named(parts), scene_crs=CRS.from_user_input(UTM))
        assert "are taken as those of the scene (" in found.notes[0]
        assert CRS.from_wkt(found.crs_wkt) == CRS.from_user_input(UTM)
        assert "which coordinates" in refused(tmp_path, named(parts))

    @pytest.mark.parametrize("alone", [".shx", ".dbf", ".prj"])
    def test_parts_without_the_shapes_say_what_lacks(self, tmp_path: Path, alone: str) -> None:
        files = {f"fields{alone}": shapefile([BOX])[alone]}
        assert "Give all files of the shapefile together" in refused(tmp_path, files)

    def test_beside_another_file(self, tmp_path: Path) -> None:
        files = {"a.shp": shapefile([BOX])[".shp"], "b.kml": kml(placemark(BOX))}
        assert "beside b.kml" in refused(tmp_path, files)
        assert "together with b.fgb" in refused(tmp_path, {"a.kml": kml(placemark(BOX)), "b.fgb": flatgeobuf([BOX])})

    def test_rings_of_three_points_are_left_out(self, tmp_path: Path) -> None:
        """Old programs write them; they have no inside."""
        flat = shapely.Polygon([(0, 0), (1, 1), (0, 0), (0, 0)])
        assert area(tmp_path, named(shapefile([flat, BOX]))).polygon_count == 1


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.gpx", b'<?xml version="1.0"?><gpx version="1.1"></gpx>', "GPX .* Draw the area"),
        ("a.gml", b'<?xml version="1.0"?><a xmlns:gml="http://www.opengis.net/gml"></a>', r"ogr2ogr area\.gpkg a\.gml"),
        ("a b.dxf", b"  0\r\nSECTION\r\n  2\r\nHEADER", r"DXF .* `ogr2ogr area\.gpkg 'a b\.dxf'`"),
        ("a.tab", b"!table\n!version 300", "MapInfo .*ogr2ogr"),
        ("a.mif", b'Version 300\nCharset "Neutral"', "MapInfo .*ogr2ogr"),
        ("a.csv", b"id,WKT\n1,POLYGON ((0 0,1 0,1 1,0 0))", "WKT.* Delimited Text"),
        ("a.csv", b"lon,lat\n1,2", "Delimited Text"),
        ("a.parquet", b"PAR1\x00", "Parquet.*ogr2ogr"),
        ("a.json", b'{"geometryType": "esriGeometryPolygon", "features": []}', r"ogr2ogr area\.gpkg a\.json"),
        ("a.topojson", b'{"type": "Topology", "objects": {}}', "not GeoJSON.*ogr2ogr"),
        ("a.jpg", b"\xff\xd8\xff", "a photo"),
        ("a.gpkg", b"", "is empty"),
    ],
)
def test_other_kinds_are_named_with_one_step(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    assert re.search(words, refused(tmp_path, {name: content}))


@pytest.mark.parametrize("ending", ["gpkg", "fgb", "kml", "shp"])
def test_limits(tmp_path: Path, ending: str) -> None:
    many = [BOX] * 11
    files = {
        "gpkg": {"a.gpkg": geopackage(many)},
        "fgb": {"a.fgb": flatgeobuf(many)},
        "kml": {"a.kml": kml("".join(map(placemark, many)))},
        "shp": named(shapefile(many)),
    }[ending]
    assert "10 features" in refused(tmp_path, files, limits=AreaLimits(most_polygons=10))
    assert "50 points" in refused(tmp_path, files, limits=AreaLimits(most_vertices=50))
    assert "100 bytes" in refused(tmp_path, files, limits=AreaLimits(most_bytes=100))


def test_only_our_drivers_are_left() -> None:
    assert set(pyogrio_of_ours().list_drivers()) == set(DRIVERS.values())


def test_both_gdals_live_in_one_process(tmp_path: Path) -> None:
    """Each with its own drivers, settings and coordinate systems, whichever comes first."""
    path = tmp_path / "a.fgb"
    path.write_bytes(flatgeobuf([BOX], "EPSG:32633"))
    raster = f"""
with rasterio.open({str(tmp_path / "a.tif")!r}) as dataset:
    assert dataset.crs.to_epsg() == 32633 and dataset.read().any()
"""
    vector = f"assert next(read_layers(Path({str(path)!r}), AREA_LIMITS)).crs == 'EPSG:32633'"
    write_scene(tmp_path / "a.tif", (9, 9), crs="EPSG:32633")
    imports = """
from pathlib import Path
import rasterio
from s2dash.ingest.area.vectors import read_layers
from s2dash.settings import AREA_LIMITS
"""
    for order in ([raster, vector, raster], [vector, raster, vector]):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", "\n".join([imports, *order])], capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")


# ---- hostile files, through the door ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("scene"))


def inside_of(scene: Scene) -> shapely.Polygon:
    west, south, east, north = scene.grid.bounds_lonlat or (0, 0, 0, 0)
    return shapely.box(west, south, (west + east) / 2, north)


@pytest.fixture(scope="module", autouse=True)
def nobody_is_called() -> Iterator[None]:
    with listening() as callers:
        yield
        assert callers() == [], "a file made the reader call an address"


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_areas_do_not_hurt(scene: Scene, tmp_path: Path, kind: str) -> None:
    """Two at a time, each in its process; what is wrong is told of all."""
    made = HOSTILE[kind](inside_of(scene))
    before = len(ended)
    with ThreadPoolExecutor(2) as pool:
        faults = list(pool.map(lambda name: fault_of(scene, tmp_path / name.replace(" ", "_"), made[name]), made))
    assert [(name, fault) for name, fault in zip(made, faults, strict=True) if fault] == []
    used = ended[before:]
    assert len(used) == (len(made) if FORKS else 0)
    assert all(one.cpu_seconds < MOST_SECONDS for one in used)
    assert all(one.peak_kb <= MOST_CHILD_MB * 1024 for one in used)
    assert list(Path(BAIT).parent.glob(f"{Path(BAIT).name}*")) == []


def fault_of(scene: Scene, folder: Path, one: HostileArea) -> str:
    """What is wrong with the answer; empty where nothing is."""
    folder.mkdir()
    out = folder / "out"
    paths = [found.path for found in given(folder, one.files)]
    try:
        drawn = ingest.with_area(scene, paths, out, list(one.files))
    except UnreadableFile as error:
        message = str(error)
        if out.exists():
            return "left its folder"
        if one.words is not None and not re.search(one.words, message):
            return f"says: {message}"
        return wrong_words(message) or ("tells a secret" if "root:" in message else "")
    if {path.name for path in out.iterdir()} - {"area.tif", "area_preview.npy", "preview.npy"}:
        return "left more than its mask"
    if one.words is not None:
        return f"was read: {drawn.masks[-1].notes}"
    return next((fault for note in drawn.masks[-1].notes if (fault := wrong_words(note))), "")


@pytest.mark.parametrize("signal_number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE])
def test_a_crash_ends_the_child_only_and_is_said(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signal_number: int
) -> None:
    path = tmp_path / "crash.fgb"
    path.write_bytes(flatgeobuf([inside_of(scene)]))
    real = subprocess.Popen

    def crashes(words: list[str], **options: Any) -> Any:
        program = f"import os, sys; sys.stdin.readline(); os.kill(os.getpid(), {int(signal_number)})"
        return real([sys.executable, "-c", program], **options)

    monkeypatch.setattr(process.subprocess, "Popen", crashes)
    with pytest.raises(UnreadableFile, match=r"^crash\.fgb could not be read: it is damaged") as caught:
        ingest.with_area(scene, path, tmp_path / "out")
    assert wrong_words(str(caught.value)) is None
    assert not (tmp_path / "out").exists()
    monkeypatch.undo()
    assert ingest.with_area(scene, path, tmp_path / "out").masks


@pytest.mark.parametrize("kind", ["shapefile", "KMZ", "FlatGeobuf", "GeoPackage"])
def test_from_the_command_lines_own_files(scene: Scene, tmp_path: Path, kind: str) -> None:
    """The files of a shapefile lie beside its .shp."""
    inside = inside_of(scene)
    files = {
        "shapefile": named(shapefile([inside]), "f"),
        "KMZ": {"f.kmz": zipped({"doc.kml": kml(placemark(inside))})},
        "FlatGeobuf": {"f.fgb": flatgeobuf([inside])},
        "GeoPackage": {"f.gpkg": geopackage([inside])},
    }[kind]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    main = next(tmp_path / name for name in sorted(files, reverse=True) if not name.endswith(".shx"))
    drawn = ingest.with_area(scene, main, tmp_path / "out")
    assert drawn.masks[-1].notes == ()
    assert AREA_LIMITS.most_files > 1
