"""Which pixels lie inside drawn polygons: as a file of them has it, the same in any window, on grids of any kind."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from drawn_rings import ring_of
from hypothesis import given
from hypothesis import strategies as st
from scenes import DEGREES, ROTATED, SOUTH_UP, UTM, UTM_10M, make_scene

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.classify.edit import Painting
from s2dash.classify.inside import burnt, on_grid
from s2dash.core.drawn_area import as_geojson
from s2dash.core.edits import MOST_CORNERS, ClassEdits, LeaveOutInside, Majority, SetInside
from s2dash.core.grid import Grid
from s2dash.core.recipe import default_recipe
from s2dash.core.scene_reading import Ring
from s2dash.errors import RecipeError, UnknownName, UnreadableValue

SHAPE_RC = (40, 50)
GRIDS = {
    "metres": (UTM_10M, UTM),
    "turned": (ROTATED, UTM),
    "south up": (SOUTH_UP, UTM),
    "degrees": (DEGREES, "EPSG:4326"),
    "across the date line": (Affine(0.01, 0, 179.8, 0, -0.01, 10), "EPSG:4326"),
    "Web Mercator": (Affine(100, 0, 1e6, 0, -100, 6e6), "EPSG:3857"),
    "around the pole": (Affine(10_000, 0, -250_000, 0, -10_000, 200_000), "EPSG:3413"),
}
CORNERS = st.lists(st.tuples(st.floats(-20, 70), st.floats(-20, 60)), min_size=3, max_size=7)
RECTANGLE = ((10, 5), (30, 5), (30, 25), (10, 25))


def grid_of(name: str, shape_rc: tuple[int, int] = SHAPE_RC) -> Grid:
    transform, crs = GRIDS[name]
    return Grid(shape_rc, transform, crs)


def everywhere(rings: tuple[Ring, ...], grid: Grid) -> np.ndarray:
    return burnt(on_grid(rings, grid), np.arange(grid.height), np.arange(grid.width))


@pytest.mark.parametrize("name", [name for name in GRIDS if name != "around the pole"])
def test_a_rectangle_of_pixels_is_these_pixels(name: str) -> None:
    transform, crs = GRIDS[name]
    # Drawn edges are straight in degrees: through many corners they are so on the grid too.
    steps = np.linspace(0, 1, 20, endpoint=False)[:, None]
    ends = np.array(RECTANGLE, dtype=float)
    corners = np.concatenate([a + steps * (b - a) for a, b in zip(ends, np.roll(ends, -1, axis=0), strict=True)])
    expected = np.zeros(SHAPE_RC, dtype=bool)
    expected[5:25, 10:30] = True
    ring = ring_of([(float(x), float(y)) for x, y in corners], transform, crs)
    if name == "across the date line":
        ring = tuple((x + 360 if x < 0 else x, y) for x, y in ring)
    assert np.array_equal(everywhere((ring,), grid_of(name)), expected)
    around = tuple((x - 360, y) for x, y in ring)
    assert np.array_equal(everywhere((around,), grid_of(name)), expected)


@given(CORNERS, st.integers(0, 39), st.integers(0, 49), st.integers(1, 40), st.integers(1, 50))
def test_a_window_has_what_the_whole_has(
    corners: list[tuple[float, float]], row: int, col: int, height: int, width: int
) -> None:
    rings = on_grid((ring_of(corners), ring_of(corners[::-1])), grid_of("metres"))
    whole = burnt(rings, np.arange(40), np.arange(50))
    rows, cols = np.arange(row, min(40, row + height)), np.arange(col, min(50, col + width))
    assert np.array_equal(burnt(rings, rows, cols), whole[np.ix_(rows, cols)])
    assert np.array_equal(burnt(rings, rows[::3], cols[::4]), whole[np.ix_(rows[::3], cols[::4])])


def test_it_is_as_a_file_of_the_same_polygons_has_it(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, SHAPE_RC)
    rings = (ring_of(((3.2, 4.9), (41.7, 9.1), (20.4, 36.3))), ring_of(((30, 20), (70, 20), (70, 60), (30, 60))[::-1]))
    file = tmp_path / "area.geojson"
    file.write_text(as_geojson(rings))
    [mask] = ingest.with_area(scene, file, tmp_path / "mask").masks[-1:]
    with mask.layer.location.open() as dataset:
        assert np.array_equal(everywhere(rings, scene.grid), dataset.read(1) == 1)


@given(st.lists(st.tuples(st.floats(-540, 540), st.floats(-90, 90)), min_size=3, max_size=6))
def test_whatever_is_drawn_has_an_inside_or_none(corners: list[tuple[float, float]]) -> None:
    ring = (*corners, corners[0])
    for name in GRIDS:
        assert everywhere((ring,), grid_of(name, (5, 6))).shape == (5, 6)


def test_the_whole_earth_is_inside_of_itself() -> None:
    ring: Ring = ((-180, -90), (180, -90), (180, 90), (-180, 90), (-180, -90))
    for name in GRIDS:
        if name != "across the date line":
            assert everywhere((ring,), grid_of(name)).all(), name


def test_rings_that_turn_against_each_other_add_up() -> None:
    one, other = ring_of(RECTANGLE), ring_of(((20, 10), (20, 35), (45, 35), (45, 10)))
    both = everywhere((one, other), grid_of("metres"))
    assert np.array_equal(both, everywhere((one,), grid_of("metres")) | everywhere((other,), grid_of("metres")))


# ---- as steps of edits -------------------------------------------------------------------------------------------


def test_an_area_becomes_a_class_or_no_data_and_nothing_else_changes(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, SHAPE_RC, masked=((slice(0, 9), slice(0, 20)),))
    fitted = pipeline.fitted_to(scene, default_recipe(scene).plain())
    plain, ring = pipeline.run_live(fitted), ring_of(RECTANGLE)
    before, inside = plain.classmap.labels, everywhere((ring,), scene.grid)
    assert before is not None
    for step, expected in (
        (LeaveOutInside((ring,)), np.where(inside, 0, before)),
        (SetInside((ring,), 3), np.where(inside & (before != 0), 3, before)),
    ):
        edits = ClassEdits(steps=(step,))
        after = pipeline.run_live(pipeline.edited(fitted, edits))
        assert np.array_equal(after.classmap.labels, expected)  # type: ignore[arg-type]
        assert after.digest != plain.digest
        assert [row.mean_reflectance for row in after.rows] == [row.mean_reflectance for row in plain.rows]
        assert pipeline.run_full(pipeline.edited(fitted, edits), tmp_path / "l.tif").digest == after.digest
    with pytest.raises(UnknownName, match="class 99"):
        pipeline.edited(fitted, ClassEdits(steps=(SetInside((ring,), 99),)))


def test_another_scene_has_the_area_where_it_lies_on_the_earth(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    scene = make_scene(tmp_path, SHAPE_RC)
    other = make_scene(tmp_path / "other", SHAPE_RC, transform=UTM_10M @ Affine.translation(12, 7))
    fitted, ring = pipeline.fitted_to(scene, default_recipe(scene).plain()), ring_of(RECTANGLE)
    edited = pipeline.edited(fitted, ClassEdits(steps=(LeaveOutInside((ring,)),))).on(other)
    found = pipeline.run_full(edited, tmp_path / "l.tif")
    inside = everywhere((ring,), other.grid)
    with rasterio.open(tmp_path / "l.tif") as dataset:
        assert np.array_equal(dataset.read(1) == 0, inside)
    assert 0 < inside.sum() < 400
    assert found.masked_share == pytest.approx(inside.mean())


def test_a_picture_without_a_place_says_so(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, SHAPE_RC, crs=None, transform=Affine.identity())
    fitted = pipeline.fitted_to(scene, default_recipe(scene).plain())
    with pytest.raises(RecipeError, match="no place"):
        pipeline.edited(fitted, ClassEdits(steps=(LeaveOutInside((ring_of(RECTANGLE),)),)))


def test_labels_whose_place_nobody_said_are_not_guessed() -> None:
    with pytest.raises(ValueError, match="where these labels lie"):
        Painting(LeaveOutInside((ring_of(RECTANGLE),)))(np.ones((3, 3), dtype=np.uint8))


SQUARE = [[9.0, 45.0], [9.1, 45.0], [9.1, 45.1], [9.0, 45.1], [9.0, 45.0]]


@pytest.mark.parametrize(
    ("rings", "words"),
    [
        ([], "length"),
        ([SQUARE[:-1]], "not closed"),
        ([SQUARE[:2] + SQUARE[:1]], "fewer than three corners"),
        ([[[9, 91], *SQUARE[1:-1], [9, 91]]], "<= 90"),
        ([[[1e9, 45], *SQUARE[1:-1], [1e9, 45]]], "<= 540"),
        ([[[math.nan, 45], *SQUARE[1:]]], "rings"),
        ([[["9", 45], *SQUARE[1:]]], "expected `float`"),
        ([SQUARE] * 51, "at most 50"),
        ([SQUARE * 210], "at most 1,000"),
        ("circle", "expected `array`"),
    ],
)
def test_a_file_with_areas_that_are_none_is_refused_in_a_sentence(rings: Any, words: str) -> None:
    for step in ({"step": "leave out inside"}, {"step": "set class inside", "number": 1}):
        with pytest.raises(UnreadableValue, match=f"not a set of edits as s2dash writes it.*{words}"):
            ClassEdits.from_dict({"steps": [step | {"rings": rings}]})


def test_all_areas_together_have_a_limit() -> None:
    ring: Ring = tuple((9 + n / 1000, 45.0 + n % 2) for n in range(990))
    step = LeaveOutInside(((*ring, ring[0]),))
    most = MOST_CORNERS // 991
    assert ClassEdits(steps=(step,) * most).steps
    with pytest.raises(ValueError, match="corners"):
        ClassEdits(steps=(step,) * (most + 1))


@given(st.lists(CORNERS, min_size=1, max_size=3), st.integers(1, 255))
def test_edits_with_areas_come_back_equal(all_corners: list[list[tuple[float, float]]], number: int) -> None:
    rings = tuple(ring_of(corners) for corners in all_corners)
    edits = ClassEdits(steps=(SetInside(rings, number), Majority(), LeaveOutInside(rings)))
    assert ClassEdits.from_json(edits.to_json()) == edits
