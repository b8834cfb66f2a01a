"""An area grouped anew by itself: nothing else changes, the step's numbers say all, on any window and scene."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from drawn_rings import ring_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenes import UTM_10M, make_scene

from s2dash.classify import pipeline
from s2dash.classify.carry import carried
from s2dash.classify.features import preview_features
from s2dash.classify.fitted import Fitted
from s2dash.classify.inside import burnt, on_grid
from s2dash.classify.match import matching_classes
from s2dash.classify.point import next_class
from s2dash.classify.regroup import regrouped_inside
from s2dash.classify.sureness import live_sureness
from s2dash.core.edits import AnyStep, ClassEdits, LeaveOut, Merge, RegroupInside, SetInside, Split
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Pixels, Scene
from s2dash.core.types import Window
from s2dash.errors import RecipeError, TooFewPixels, UnreadableValue
from s2dash.raster.door import open_raster
from s2dash.raster.reading import SceneReader

SHAPE_RC = (90, 110)
AREA = (ring_of(((20, 10), (95, 15), (60, 85))),)
NAMES = ("B02", "B03", "B04", "B08", "B11")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("s"), SHAPE_RC, NAMES, masked=((slice(20, 30), slice(40, 60)),))


@pytest.fixture(scope="module")
def fitted(scene: Scene) -> Fitted:
    return pipeline.fitted_to(scene, replace(default_recipe(scene), k=4))


@pytest.fixture(scope="module")
def before(fitted: Fitted) -> np.ndarray:
    return live(fitted)


@pytest.fixture(scope="module")
def step(fitted: Fitted, before: np.ndarray) -> RegroupInside:
    return regrouped_inside(fitted, before, AREA, 3, seed=1)


@pytest.fixture(scope="module")
def inside(scene: Scene) -> np.ndarray:
    return burnt(on_grid(AREA, scene.grid), *(np.arange(n) for n in SHAPE_RC))


def live(fitted: Fitted, *steps: AnyStep) -> np.ndarray:
    labels = pipeline.run_live(pipeline.edited(fitted, ClassEdits(steps=steps))).classmap.labels
    assert labels is not None
    return labels


def test_only_what_lies_inside_is_of_new_classes(
    fitted: Fitted, before: np.ndarray, step: RegroupInside, inside: np.ndarray, tmp_path: Path
) -> None:
    edited = pipeline.edited(fitted, ClassEdits(steps=(step,)))
    result = pipeline.run_live(edited)
    after = result.classmap.labels
    assert after is not None
    assert np.array_equal(after[~inside], before[~inside])
    assert np.array_equal(after == 0, before == 0)
    assert set(np.unique(after[inside & (before != 0)])) == {5, 6, 7}
    assert edited.numbers == (1, 2, 3, 4, 5, 6, 7)
    assert edited.stage.born == {5, 6, 7}
    rows = {row.id: row for row in result.rows}
    assert [rows[n].mean_reflectance for n in (5, 6, 7)] == [pytest.approx(mean) for mean in step.means]
    assert [rows[n].mean_reflectance for n in range(1, 5)] == [
        row.mean_reflectance for row in pipeline.run_live(fitted).rows
    ]
    brightness = [np.mean(mean) for mean in step.means]
    assert brightness == sorted(brightness)
    full = pipeline.run_full(edited, tmp_path / "l.tif", window_shape_rc=(31, 40))
    with open_raster(tmp_path / "l.tif") as dataset:
        assert np.array_equal(dataset.read(1), after)
    assert full.digest == result.digest


def test_pixels_are_of_the_group_whose_mean_is_nearest(scene: Scene, before: np.ndarray, inside: np.ndarray) -> None:
    """Where groups lie apart, they are the groups: means of the pixels of each class are those of the step."""
    plain = pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), k=4))
    where = inside & (before != 0)
    step = regrouped_inside(plain, live(plain), AREA, 4, seed=0)
    after = live(plain, step)
    stack = plain.prepared.stack[: len(NAMES)] / 10_000
    for number, mean in zip((5, 6, 7, 8), step.means, strict=True):
        own = stack[:, where & (after == number)].mean(axis=1)
        assert own == pytest.approx(mean, rel=0.03)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.integers(0, 89), st.integers(0, 109), st.integers(1, 60), st.integers(1, 60))
def test_a_window_has_what_the_whole_has(
    fitted: Fitted, step: RegroupInside, row: int, col: int, height: int, width: int
) -> None:
    steps = (step, Merge((2,), 6), SetInside((ring_of(((30, 20), (50, 20), (40, 60))),), 7))
    edited = pipeline.edited(fitted, ClassEdits(steps=steps))
    window = Window(row, col, min(height, 90 - row), min(width, 110 - col))
    with SceneReader(fitted.scene) as reader:
        found = pipeline.label_window(edited, reader, window)
    assert np.array_equal(found, live(fitted, *steps)[window.slices_rc])


RECIPES: dict[str, dict[str, Any]] = {
    "plain": {"transform": "none", "components": None, "smooth": 0},
    "means of neighbours and an index": {"components": None, "smooth": 3, "indices": ("NDVI",), "scale": "standard"},
    "other bands": {"bands": ("B02", "B08", "B11")},
    "mixture": {"algorithm": "gaussian-mixture", "distance": "euclidean"},
    "angle": {
        **{"algorithm": "spectral-angle-kmeans", "transform": "none", "components": None, "smooth": 0},
        **{"scale": "none", "clip": None, "distance": "euclidean"},
    },
}


@pytest.mark.parametrize("fields", RECIPES.values(), ids=RECIPES)
def test_it_holds_for_maps_that_are_made_otherwise(
    scene: Scene, step: RegroupInside, inside: np.ndarray, fields: dict[str, Any]
) -> None:
    other = pipeline.fitted_to(scene, replace(default_recipe(scene), k=3, **fields))
    plain, found = live(other), live(other, step)
    assert np.array_equal(found[~inside], plain[~inside])
    assert np.array_equal(found == 0, plain == 0)
    assert set(np.unique(found[inside])) == {0, 4, 5, 6}


def test_another_scene_has_it_where_it_lies_on_the_earth(fitted: Fitted, step: RegroupInside, tmp_path: Path) -> None:
    other = make_scene(tmp_path, SHAPE_RC, NAMES, transform=UTM_10M @ Affine.translation(12, 7), seed=3)
    edited = pipeline.edited(fitted, ClassEdits(steps=(step,))).on(other)
    pipeline.run_full(edited, tmp_path / "l.tif")
    with open_raster(tmp_path / "l.tif") as dataset:
        found = dataset.read(1)
    there = burnt(on_grid(AREA, other.grid), *(np.arange(n) for n in SHAPE_RC))
    assert np.array_equal(found > 4, there)


def test_how_sure_a_pixel_inside_is_compares_the_new_classes(
    fitted: Fitted, step: RegroupInside, before: np.ndarray, inside: np.ndarray
) -> None:
    edited = pipeline.edited(fitted, ClassEdits(steps=(step,)))
    result = pipeline.run_live(edited)
    plain = live_sureness(fitted, pipeline.run_live(fitted)).percent
    found = live_sureness(edited, result).percent
    assert np.array_equal(found == 255, plain == 255)
    assert not np.array_equal(found[inside], plain[inside])
    row, col = np.argwhere(inside & (before != 0))[0]
    features = preview_features(fitted.prepared)
    one = Pixels(features.values[:, row : row + 1, col : col + 1], features.valid[row : row + 1, col : col + 1])
    assert result.classmap.labels is not None
    assert next_class(edited, one, int(result.classmap.labels[row, col])) in {5, 6, 7}


def test_it_goes_on_to_the_next_map_with_its_classes(scene: Scene, fitted: Fitted, step: RegroupInside) -> None:
    other = pipeline.fitted_to(scene, replace(default_recipe(scene), k=6))
    pairs = matching_classes(pipeline.run_live(fitted), pipeline.run_live(other))
    numbers = {old: new for new, old in pairs.items()}
    steps = (step, Merge((6,), 5), LeaveOut(7))
    kept, left = carried(steps, fitted.numbers, other.numbers, numbers)
    assert (kept, left) == ((step, Merge((8,), 7), LeaveOut(9)), ())
    assert pipeline.edited(other, ClassEdits(steps=kept)).numbers == (1, 2, 3, 4, 5, 6, 7)
    kept, left = carried(steps, fitted.numbers, other.numbers, numbers, impossible=[step])
    assert (kept, left) == ((), steps)


def test_numbers_of_classes_that_are_gone_are_free_again(fitted: Fitted, step: RegroupInside) -> None:
    steps = (step, LeaveOut(5), LeaveOut(6), LeaveOut(7))
    assert pipeline.edited(fitted, ClassEdits(steps=steps)).numbers == (1, 2, 3, 4)
    again = pipeline.edited(fitted, ClassEdits(steps=(*steps, Split(1), Split(5))))
    assert again.numbers == (1, 2, 3, 4, 5, 6)
    with pytest.raises(TooFewPixels, match="regroup the area into more"):
        pipeline.edited(fitted, ClassEdits(steps=(step, Split(5))))


def test_what_cannot_be_is_said(scene: Scene, fitted: Fitted, before: np.ndarray, step: RegroupInside) -> None:
    with pytest.raises(TooFewPixels, match="regrouped into 3: 1 different pixels"):
        regrouped_inside(fitted, before, (ring_of(((2, 2), (3, 2), (3, 3), (2, 3))),), 3, seed=0)
    fewer = RegroupInside(step.rings, step.bands[:4], tuple(mean[:4] for mean in step.means))
    with pytest.raises(RecipeError, match="without band B11"):
        pipeline.edited(fitted, ClassEdits(steps=(fewer,)))
    with pytest.raises(RecipeError, match="255 classes"):
        pipeline.edited(fitted, ClassEdits(steps=(step,) * 84))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"means": [[0.1, 0.2]]}, "length >= 2"),
        ({"means": [[0.1, 0.2]] * 11}, "length <= 10"),
        ({"means": [[0.1], [0.2]]}, "one mean a band"),
        ({"means": [[0.1, 1e31], [0.1, 0.2]]}, "<= 1e"),
        ({"means": [[0.1, None], [0.1, 0.2]]}, "expected `float`"),
        ({"bands": []}, "length >= 1"),
        ({"bands": ["B02", "B02"]}, "named twice"),
        ({"rings": []}, "length"),
        ({"k": 3}, "unknown field"),
    ],
)
def test_a_file_with_a_step_that_is_none_is_refused_in_a_sentence(changed: dict[str, Any], words: str) -> None:
    right = {"step": "regroup inside", "rings": AREA, "bands": ["B02", "B03"], "means": [[0.1, 0.2], [0.3, 0.4]]}
    assert ClassEdits.from_dict({"steps": [right]}).steps
    with pytest.raises(UnreadableValue, match=f"not a set of edits as s2dash writes it.*{words}"):
        ClassEdits.from_dict({"steps": [right | changed]})


def test_it_comes_back_equal_from_json(step: RegroupInside) -> None:
    edits = ClassEdits(steps=(step, LeaveOut(5)))
    assert ClassEdits.from_json(edits.to_json()) == edits
    assert len(edits.to_json()) < 800
