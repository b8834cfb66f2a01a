"""Files that know the ground: polygons, points and rasters on the scene's grid, with their columns, or refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from affine import Affine
from hostile_areas import HOSTILE, kml, placemark, zipped
from pyproj import Transformer
from scenes import UTM, UTM_10M, write_raster

from s2dash import ingest
from s2dash.core.grid import Grid
from s2dash.core.known_ground import KnownGround
from s2dash.core.reference import Reference
from s2dash.errors import UnreadableFile
from s2dash.ingest.area.labelled import MOST_FEATURES, MOST_VALUES, write_known
from s2dash.ingest.area.vectors import pyogrio_of_ours
from s2dash.ingest.known_ground import read_known_ground
from s2dash.ingest.pile import GivenFile
from s2dash.raster.door import open_raster

GRID = Grid((48, 64), UTM_10M, UTM)


def box(row: float, col: float, height: float, width: float) -> shapely.Polygon:
    """In the scene's metres, by rows and columns."""
    x, y = 500_000 + 10 * col, 5_200_000 - 10 * row
    return shapely.box(x, y - 10 * height, x + 10 * width, y)


def point(row: int, col: int) -> shapely.Point:
    return box(row, col, 1, 1).centroid


def in_degrees(shape: Any) -> Any:
    forth = Transformer.from_crs(UTM, "EPSG:4326", always_xy=True)
    return shapely.transform(shape, lambda xy: np.column_stack(forth.transform(*xy.T)))


def vectors(
    path: Path, shapes: list[Any], columns: Mapping[str, list[Any]], crs: str = UTM, driver: str = "GPKG"
) -> Path:
    kinds = {shape.geom_type for shape in shapes}
    wkb = np.array([shapely.to_wkb(shape, flavor="iso") for shape in shapes], dtype=object)
    data = [np.array(values, dtype=object if isinstance(values[0], str) else None) for values in columns.values()]
    kind = kinds.pop() if len(kinds) == 1 else "Unknown"
    pyogrio_of_ours().raw.write(path, wkb, data, list(columns), driver=driver, crs=crs, geometry_type=kind)
    return path


def geojson(path: Path, shapes: list[Any], columns: Mapping[str, list[Any]]) -> Path:
    features = [
        {"type": "Feature", "geometry": shape.__geo_interface__, "properties": dict(zip(columns, values, strict=True))}
        for shape, *values in zip(map(in_degrees, shapes), *columns.values(), strict=True)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def read(path: Path, folder: Path, grid: Grid = GRID) -> KnownGround:
    found = read_known_ground(grid, path, folder / "known")
    assert isinstance(found, KnownGround)
    return found


def written(path: Path, folder: Path, grid: Grid = GRID) -> dict[str, Any]:
    """In this process: what a refusal says, and what is written, is the same."""
    out = folder / "written"
    out.mkdir()
    return write_known([GivenFile(path.name, path)], grid, out, lambda share: None)


def numbers(folder: Path) -> np.ndarray:
    with open_raster(folder / "known.tif") as dataset:
        return np.asarray(dataset.read(1))


SHAPES = [box(2, 3, 10, 12), box(20, 30, 8, 8), box(30, 5, 5, 40)]
COLUMNS: dict[str, list[Any]] = {"fid_old": [7, 8, 9], "area": [1.25, 2.5, 3.75], "Klasse": ["Sea", "Marsh", "Sea"]}


def expected() -> np.ndarray:
    held = np.zeros(GRID.shape_rc, dtype=np.int32)
    held[2:12, 3:15], held[20:28, 30:38], held[30:35, 5:45] = 1, 2, 3
    return held


@pytest.mark.usefixtures("door_is_here")
@pytest.mark.parametrize("kind", ["gpkg", "shp", "fgb", "geojson", "kmz"])
def test_polygons_of_every_kind_are_numbers_with_columns(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    path = folder / f"fields.{kind}"
    if kind == "geojson":
        geojson(path, SHAPES, COLUMNS)
    elif kind == "kmz":
        marks = "".join(
            placemark(in_degrees(shape)).replace("<Placemark>", f"<Placemark><name>{name}</name>")
            for shape, name in zip(SHAPES, COLUMNS["Klasse"], strict=True)
        )
        path.write_bytes(zipped({"doc.kml": kml(marks)}))
    else:
        drivers = {"gpkg": "GPKG", "shp": "ESRI Shapefile", "fgb": "FlatGeobuf"}
        vectors(path, SHAPES, COLUMNS, driver=drivers[kind])
    ground = read(path, tmp_path)
    first = ground.columns[0]
    assert first.classes == ("Marsh", "Sea")
    assert [first.classes[i] for i in first.class_of[numbers(tmp_path / "known")[[2, 20, 30], [5, 31, 6]]]] == (
        ["Sea", "Marsh", "Sea"]
    )
    assert ground.kind == "polygons"
    found = numbers(tmp_path / "known") > 0
    assert np.mean(found != (expected() > 0)) < 0.005, "edges move by less than a pixel between systems"


def test_the_same_grid_gives_the_same_pixels(tmp_path: Path) -> None:
    facts = written(vectors(tmp_path / "a.gpkg", SHAPES, COLUMNS), tmp_path)
    assert np.array_equal(numbers(tmp_path / "written"), expected())
    assert facts["notes"] == []


def test_points_are_their_pixels_and_those_elsewhere_are_counted(tmp_path: Path) -> None:
    shapes = [in_degrees(point(3, 4)), in_degrees(point(10, 60)), shapely.Point(0.0, 0.0)]
    path = vectors(tmp_path / "a.gpkg", shapes, {"type": ["a", "b", "c"]}, crs="EPSG:4326")
    facts = written(path, tmp_path)
    found = numbers(tmp_path / "written")
    assert (found[3, 4], found[10, 60], np.count_nonzero(found)) == (1, 2, 2)
    assert facts["kind"] == "points"
    assert facts["notes"] == ["1 of 3 points lie outside the scene."]


def test_points_in_geojson_and_multipoints(tmp_path: Path) -> None:
    several = shapely.MultiPoint([point(1, 1), point(5, 5)])
    written(geojson(tmp_path / "a.geojson", [several, point(9, 9)], {"c": ["x", "y"]}), tmp_path)
    found = numbers(tmp_path / "written")
    assert (found[1, 1], found[5, 5], found[9, 9], np.count_nonzero(found)) == (1, 1, 2, 3)


def test_where_polygons_overlap_the_first_counts_and_it_is_said(tmp_path: Path) -> None:
    path = vectors(tmp_path / "a.gpkg", [box(0, 0, 10, 10), box(5, 5, 10, 10)], {"c": ["x", "y"]})
    facts = written(path, tmp_path)
    found = numbers(tmp_path / "written")
    assert (found[7, 7], found[12, 12]) == (1, 2)
    assert facts["notes"] == ["Where polygons overlap (25 pixels) the first of the file counts."]


def test_parts_and_holes_and_repairs_stay_with_their_feature(tmp_path: Path) -> None:
    ring = box(0, 0, 10, 10) - box(3, 3, 2, 2)
    bow = shapely.Polygon([(500_200, 5_199_800), (500_300, 5_199_900), (500_300, 5_199_800), (500_200, 5_199_900)])
    shapes = [bow, shapely.MultiPolygon([ring, box(40, 40, 3, 3)])]
    written(vectors(tmp_path / "a.gpkg", shapes, {"c": ["bow", "parts"]}), tmp_path)
    found = numbers(tmp_path / "written")
    assert (found[0, 0], found[4, 4], found[41, 41]) == (2, 0, 2)
    assert np.count_nonzero(found == 1) > 20


@pytest.mark.usefixtures("door_is_here")
def test_a_raster_gives_codes(tmp_path: Path) -> None:
    stored = np.random.default_rng(0).integers(1, 5, (1, *GRID.shape_rc)).astype(np.uint8)
    path = write_raster(tmp_path / "map.tif", stored)
    found = read_known_ground(GRID, path, tmp_path / "known")
    assert isinstance(found, Reference)
    assert np.array_equal(found.codes[GRID], stored[0])


@pytest.mark.usefixtures("door_is_here")
def test_the_likeliest_column_comes_first(tmp_path: Path) -> None:
    shapes = [box(4 * i, 0, 3, 3) for i in range(6)]
    columns = {
        "id": [1, 2, 3, 4, 5, 6],
        "owner_name": ["A", "B", "C", "D", "E", "F"],
        "year": [2020, 2020, 2021, 2021, 2021, 2021],
        "LC_class": ["x", "x", "y", "y", "z", "z"],
        "height": [0.5, 1.5, 2.5, 3.5, 4.5, 5.5],
    }
    found = [column.name for column in read(vectors(tmp_path / "a.gpkg", shapes, columns), tmp_path).columns]
    assert found[0] == "LC_class"
    assert "height" not in found, "measurements are no classes"
    assert set(found) == {"id", "owner_name", "year", "LC_class"}


@pytest.mark.usefixtures("door_is_here")
def test_values_are_clean_and_those_without_one_have_no_class(tmp_path: Path) -> None:
    shapes = [box(4 * i, 0, 3, 3) for i in range(4)]
    path = geojson(tmp_path / "a.geojson", shapes, {"class": ["  Sea\u202e\n", None, "=1+1", {"a": 1}]})
    first = read(path, tmp_path).columns[0]
    assert first.classes == ("=1+1", "Sea")
    assert first.class_of.tolist() == [-1, 1, -1, 0, -1]


@pytest.mark.parametrize(
    ("shapes", "columns", "words"),
    [
        ([box(0, 0, 3, 3)], {"h": [0.5]}, "no column that could hold a class"),
        ([box(500, 500, 3, 3)], {"c": ["x"]}, "outside the scene"),
        ([point(500, 500)], {"c": ["x"]}, "no polygons and no points on the scene"),
        ([shapely.LineString([(5e5, 5.2e6), (5.1e5, 5.2e6)])], {"c": ["x"]}, "no polygons and no points"),
        ([point(1, 1)] * (MOST_VALUES + 1), {"c": [f"n{i}" for i in range(MOST_VALUES + 1)]}, "no column"),
    ],
)
def test_what_says_nothing_is_refused_with_the_reason(
    tmp_path: Path, shapes: list[Any], columns: dict[str, list[Any]], words: str
) -> None:
    with pytest.raises(UnreadableFile, match=words):
        written(vectors(tmp_path / "a.gpkg", shapes, columns), tmp_path)


def test_too_many_features_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_FEATURES > 1000
    monkeypatch.setattr("s2dash.ingest.area.labelled.MOST_FEATURES", 1)
    with pytest.raises(UnreadableFile, match=r"has 3 features on the scene; at most 1 "):
        written(vectors(tmp_path / "a.gpkg", SHAPES, COLUMNS), tmp_path)


def test_a_scene_without_a_place_has_no_reference(tmp_path: Path) -> None:
    path = vectors(tmp_path / "a.gpkg", SHAPES, COLUMNS)
    with pytest.raises(UnreadableFile, match="no place on the Earth"):
        written(path, tmp_path, Grid((48, 64), Affine.identity(), None))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("texts", "kml laughs"),
        ("databases", "gpkg contents that never end"),
        ("archives", "kmz slip"),
        ("cut short", "cut at 0.6 shp"),
    ],
)
def test_hostile_files_are_refused_as_areas_are(tmp_path: Path, kind: str, name: str) -> None:
    """The reader is the same but for columns; in the process of its own, which is confined."""
    hostile = HOSTILE[kind](in_degrees(box(5, 5, 10, 10)))[name]
    paths = []
    for number, content in enumerate(hostile.files.values()):
        paths.append(tmp_path / f"given_{number}")
        paths[-1].write_bytes(content)
    with pytest.raises(UnreadableFile, match=hostile.words):
        ingest.read_known_ground(GRID, paths, tmp_path / "known", names=list(hostile.files))
    assert not (tmp_path / "known").exists()
