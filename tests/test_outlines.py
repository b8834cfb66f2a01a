"""Patches as polygons: no gaps, no overlaps, the raster's own areas, whatever the strips and whatever the names."""

from __future__ import annotations

import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from rasterio.features import rasterize
from test_export import HOSTILE, UTM, make_legend, make_result
from test_gis_styles import legend_in_qgis

from s2dash.classify.clean_up.patches import patch_numbers
from s2dash.core.grid import Grid
from s2dash.core.sureness import UNKNOWN, Sureness
from s2dash.export import EXPORTS, Handover, polygons
from s2dash.export.contents import listed_facts
from s2dash.export.handover import OutlineChoice
from s2dash.export.outlines import SMOOTH, STRAIGHT, Outlines, outlines
from s2dash.ingest.area.vectors import pyogrio_of_ours

TALL = Grid((600, 60), Affine(10, 0, 4e5, 0, -10, 4e6), UTM)
"""Taller than a strip of labels."""
KEYS = ("geopackage", "flatgeobuf", "shapefile")


def in_strips(labels: np.ndarray, rows: int) -> Iterator[tuple[int, np.ndarray]]:
    for first in range(0, len(labels), rows):
        yield first, labels[first : first + rows]


def made(labels: np.ndarray, rows: int, tolerance_px: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shapes, labels and hectares of all patches."""
    grid = Grid(labels.shape, Affine(10, 0, 4e5, 0, -10, 4e6), UTM)
    parts = list(outlines(in_strips(labels, rows), grid, tolerance_px))
    assert all(np.isnan(part.percent).all() for part in parts)
    shapes, numbers, areas = ([getattr(p, name) for p in parts] for name in ("shapes", "labels", "area_ha"))
    return np.concatenate(shapes), np.concatenate(numbers), np.concatenate(areas)


@given(
    arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=14), elements=st.integers(0, 3)),
    st.integers(1, 14),
    st.sampled_from([STRAIGHT, SMOOTH]),
)
def test_polygons_fill_the_map_without_gaps_or_overlaps(labels: np.ndarray, rows: int, tolerance_px: float) -> None:
    shapes, numbers, areas = made(labels, rows, tolerance_px)
    patches = np.unique(patch_numbers(labels, 4)[labels > 0])
    assert len(shapes) == len(patches)
    assert (shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON).all()
    assert shapely.is_valid(shapes).all()
    assert shapely.coverage_is_valid(shapes)
    counted = np.bincount(labels.ravel(), minlength=4)[1:]
    assert np.bincount(numbers, areas, minlength=4)[1:] * 100 == pytest.approx(counted)
    if tolerance_px == STRAIGHT:
        drawn = np.zeros_like(labels)
        if len(shapes):
            drawn = rasterize(zip(shapes, numbers.tolist(), strict=True), labels.shape, dtype="uint8")
        assert np.array_equal(drawn, labels)
        assert np.bincount(numbers, shapely.area(shapes), minlength=4)[1:] == pytest.approx(counted)
    elif (labels > 0).all():
        assert shapely.area(shapes).sum() == pytest.approx(labels.size)


def test_straight_borders_within_a_strip_have_no_needless_corners() -> None:
    labels = np.ones((20, 20), np.uint8)
    labels[5:15, 5:15] = 2
    shapes, numbers, _ = made(labels, 20, STRAIGHT)
    (inner,) = shapes[numbers == 2]
    assert len(inner.exterior.coords) == 5


@given(
    arrays(np.uint8, (11, 9), elements=st.integers(0, 3)),
    arrays(np.uint8, (11, 9), elements=st.one_of(st.integers(0, 100), st.just(UNKNOWN))),
    st.integers(1, 11),
)
def test_a_patch_is_as_sure_as_its_pixels_are_on_average(labels: np.ndarray, percent: np.ndarray, rows: int) -> None:
    grid = Grid(labels.shape, Affine(10, 0, 4e5, 0, -10, 4e6), UTM)
    numbers = patch_numbers(labels, 4)
    found = []
    for part in outlines(in_strips(labels, rows), grid, STRAIGHT, lambda row, strip: percent[row : row + len(strip)]):
        for shape, mean in zip(part.shapes, part.percent, strict=True):
            row, col = (int(at) for at in shapely.get_coordinates(shape.representative_point())[0][::-1])
            own = percent[numbers == numbers[row, col]]
            found.append(mean)
            assert mean == pytest.approx(own[own != UNKNOWN].mean()) if (own != UNKNOWN).any() else np.isnan(mean)
    assert len(found) == len(np.unique(numbers[labels > 0]))


def read(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, object]]:
    meta, _, shapes, columns = pyogrio_of_ours().raw.read(path, layer="classes")
    return shapely.from_wkb(shapes), dict(zip(meta["fields"], columns, strict=True)), meta


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("choice", [OutlineChoice(), OutlineChoice(0.3, True)], ids=["every patch", "large and smooth"])
def test_files_hold_every_class_in_its_place_with_strange_names(
    key: str, choice: OutlineChoice, tmp_path: Path
) -> None:
    k = len(HOSTILE)
    result, legend = make_result(TALL, k), make_legend(k, HOSTILE)
    path = tmp_path / f"x{EXPORTS[key].suffix}"
    EXPORTS[key].write(Handover(result, legend, outlines=choice), path)
    if key == "shapefile":
        with zipfile.ZipFile(path) as archive:
            assert {Path(name).suffix for name in archive.namelist()} == {
                ".shp",
                ".shx",
                ".dbf",
                ".prj",
                ".cpg",
                ".qml",
            }
            archive.extractall(tmp_path / "unpacked")
        path = tmp_path / "unpacked" / "classes.shp"
    meta, _, raw, columns = pyogrio_of_ours().raw.read(path, layer=None if key == "flatgeobuf" else "classes")
    shapes, table = shapely.from_wkb(raw), dict(zip(meta["fields"], columns, strict=True))
    names = {c.id: c.name for c in listed_facts(result, legend)}
    assert "confidence" not in table
    assert {(int(n), str(name)) for n, name in zip(table["class"], table["name"], strict=True)} <= set(names.items())
    assert "32618" in str(meta["crs"])
    assert shapely.coverage_is_valid(shapes)
    left, bottom, right, top = shapely.total_bounds(shapes)
    assert (left, bottom, right, top) == pytest.approx((4e5, 4e6 - 6000, 4e5 + 600, 4e6))
    if not choice.least_ha:
        assert table["hectares"].sum() == pytest.approx(result.mapped_ha)
        for row in result.rows:
            assert table["hectares"][table["class"] == row.id].sum() == pytest.approx(row.area_ha)


def test_a_least_patch_leaves_none_that_is_smaller(tmp_path: Path) -> None:
    labels = np.ones((60, 60), np.uint8)
    labels[10:12, 10:12], labels[30:40, 30:40] = 2, 3
    result = make_result(Grid((60, 60), Affine(10, 0, 4e5, 0, -10, 4e6), UTM), 3)
    result = replace(result, classmap=replace(result.classmap, labels=labels))
    EXPORTS["geopackage"].write(Handover(result, make_legend(3), outlines=OutlineChoice(0.5)), tmp_path / "x.gpkg")
    _, table, _ = read(tmp_path / "x.gpkg")
    assert dict(zip(table["class"].tolist(), table["hectares"].tolist(), strict=True)) == {1: 35.0, 3: 1.0}


@pytest.mark.parametrize("key", KEYS)
def test_confidence_is_of_the_pixels_that_a_least_patch_left_their_class(key: str, tmp_path: Path) -> None:
    labels = np.ones((60, 60), np.uint8)
    labels[10:12, 10:12], labels[30:40, 30:40] = 2, 3
    percent = np.choose(labels - 1, [np.full_like(labels, 80), np.zeros_like(labels), np.full_like(labels, 33)])
    percent[30, 30] = 0
    result = make_result(Grid((60, 60), Affine(10, 0, 4e5, 0, -10, 4e6), UTM), 3)
    result = replace(result, classmap=replace(result.classmap, labels=labels))
    sureness = Sureness(lambda window: percent[window.slices_rc], Path.touch)
    path = tmp_path / f"x{EXPORTS[key].suffix}"
    EXPORTS[key].write(Handover(result, make_legend(3), outlines=OutlineChoice(0.5), sureness=sureness), path)
    if key == "shapefile":
        # Unpacked: a process that has read areas opens .shx to mend it, which no file within a zip can be.
        with zipfile.ZipFile(path) as archive:
            archive.extractall(tmp_path)
        path = tmp_path / "classes.shp"
    meta, _, _, columns = pyogrio_of_ours().raw.read(path, layer="classes" if key == "geopackage" else None)
    table = dict(zip(meta["fields"], columns, strict=True))
    assert dict(zip(table["class"].tolist(), table["confidence"].tolist(), strict=True)) == {1: 80.0, 3: 32.7}


def test_patches_are_found_once_for_all_files_of_a_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handover = Handover(make_result(), make_legend())
    alone = {}
    for key in KEYS:
        EXPORTS[key].write(handover, tmp_path / key)
        alone[key] = (tmp_path / key).read_bytes()
    found: list[object] = []

    def counted(*given: Any) -> Iterator[Outlines]:
        found.append(given)
        return outlines(*given)

    monkeypatch.setattr(polygons, "outlines", counted)
    (tmp_path / "kept").mkdir()
    with polygons.made_once(tmp_path / "kept"):
        for key in KEYS:
            EXPORTS[key].write(handover, tmp_path / key)
            assert (tmp_path / key).read_bytes() == alone[key]
    assert len(found) == 1
    EXPORTS["geopackage"].write(handover, tmp_path / "x.gpkg")
    assert len(found) == 2


def test_a_geopackage_says_how_it_is_to_be_drawn(tmp_path: Path) -> None:
    result, legend = make_result(), make_legend()
    EXPORTS["geopackage"].write(Handover(result, legend), tmp_path / "x.gpkg")
    with closing(sqlite3.connect(tmp_path / "x.gpkg")) as connection:
        rows = connection.execute("SELECT f_table_name, useAsDefault, styleQML FROM layer_styles").fetchall()
    assert [(name, default) for name, default, _ in rows] == [("classes", 1)]
    assert all(entry.colour for entry in legend.entries)
    assert "categorizedSymbol" in rows[0][2]


@pytest.mark.slow
def test_qgis_opens_a_geopackage_in_the_maps_colours(tmp_path: Path) -> None:
    k = len(HOSTILE)
    result, legend = make_result(k=k), make_legend(k, HOSTILE)
    EXPORTS["geopackage"].write(Handover(result, legend), tmp_path / "x.gpkg")
    assert legend_in_qgis(tmp_path / "x.gpkg", tmp_path) == [[c.name, c.colour] for c in listed_facts(result, legend)]
