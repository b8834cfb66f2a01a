"""Edits of classes: steps act the same on live picture, windows of any size, workers and tiles; the fit stays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from drawn_rings import ring_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenes import make_scene
from scipy import ndimage

from s2dash.classify import pipeline
from s2dash.classify.assign import asking, assign_edited
from s2dash.classify.edit import LabelStep, Stage, label_step
from s2dash.classify.features import preview_features
from s2dash.classify.fitted import Fitted
from s2dash.classify.parts import travelling
from s2dash.classify.sureness import live_sureness
from s2dash.core.classmap import Result
from s2dash.core.edits import (
    AnyStep,
    ClassEdits,
    LeaveOut,
    LeaveOutInside,
    Majority,
    Merge,
    RegroupInside,
    SetInside,
    Split,
    Step,
)
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Pixels
from s2dash.core.types import Window, windows
from s2dash.errors import RecipeError
from s2dash.raster.door import open_raster
from s2dash.raster.reading import SceneReader
from s2dash.tiles import details
from s2dash.tiles.native import NativeTiles

SHAPE_RC = (150, 130)


class Darkest(Step, frozen=True, tag="darkest of neighbours"):
    """A step of the tests that looks at neighbours: each pixel gets the smallest label within its reach."""

    reach: int


@dataclass(frozen=True)
class DarkestOfNeighbours:
    halo: int

    def __call__(self, labels: np.ndarray, /) -> np.ndarray:
        side = 2 * self.halo + 1
        return np.asarray(ndimage.minimum_filter(labels, side, mode="constant", cval=255))


@label_step.register
def _darkest(step: Darkest) -> LabelStep:
    return DarkestOfNeighbours(step.reach)


TRIANGLE, KITE = ((20.3, 11.2), (90.7, 40.1), (33.9, 95.5)), ((100, 60), (128, 90), (100.5, 200), (60.2, 91.4))
AREAS = tuple(ring_of(corners) for corners in (TRIANGLE, KITE))
"""By columns and rows; the second reaches beyond the scene."""
BANDS, MEANS = ("B02", "B03", "B04", "B08"), ((0.08, 0.07, 0.05, 0.24), (0.15, 0.17, 0.2, 0.25), (0.2, 0.2, 0.3, 0.1))
EDITS = {
    "merge": ClassEdits(steps=(Merge((2, 3), 2),)),
    "leave out": ClassEdits(steps=(LeaveOut(4), Merge((1, 5), 5))),
    "neighbours": ClassEdits(steps=(Darkest(2),)),
    "split": ClassEdits(steps=(Split(2, 3, seed=5), Merge((6, 1), 1))),
    "split what was merged": ClassEdits(steps=(Merge((2, 3), 2), Darkest(1), Split(2), Darkest(1))),
    "majority": ClassEdits(steps=(Majority(5), Merge((1, 2), 1), Majority())),
    "all": ClassEdits(steps=(Merge((5, 4), 4), Darkest(1), LeaveOut(2), Darkest(2))),
    "areas": ClassEdits(steps=(SetInside(AREAS, 2), Merge((3, 1), 1), LeaveOutInside(AREAS[1:]))),
    "areas, neighbours and a split": ClassEdits(
        steps=(SetInside(AREAS[:1], 4), Majority(5), Split(4), SetInside(AREAS, 6))
    ),
    "an area regrouped": ClassEdits(
        steps=(Merge((3, 1), 1), RegroupInside(AREAS, BANDS, MEANS), Majority(), LeaveOut(3), Split(2))
    ),
}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    scene = make_scene(tmp_path_factory.mktemp("edit"), SHAPE_RC, masked=((slice(9, 30), slice(50, 70)),))
    return pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), k=5, smooth=3))


@pytest.fixture(scope="module")
def whole(fitted: Fitted) -> np.ndarray:
    """Labels before any edit."""
    return labels_of(pipeline.run_live(fitted))


def labels_of(result: Result) -> np.ndarray:
    if result.classmap.labels is not None:
        return result.classmap.labels
    assert result.classmap.path is not None
    with open_raster(result.classmap.path) as dataset:
        return np.asarray(dataset.read(1))


def replayed(fitted: Fitted, edits: ClassEdits, whole: np.ndarray) -> np.ndarray:
    """What the edits make of all labels at once."""
    stage = pipeline.edited(fitted, edits).stage.at(Window(0, 0, *SHAPE_RC))
    return stage(whole, asking(fitted, preview_features(fitted.prepared)))


@pytest.mark.parametrize("edits", EDITS.values(), ids=EDITS)
class TestEveryWay:
    def test_live(self, fitted: Fitted, whole: np.ndarray, edits: ClassEdits) -> None:
        assert np.array_equal(
            labels_of(pipeline.run_live(pipeline.edited(fitted, edits))), replayed(fitted, edits, whole)
        )

    @pytest.mark.parametrize("window_rc", [(150, 130), (64, 48), (7, 130)])
    def test_full(
        self, fitted: Fitted, whole: np.ndarray, edits: ClassEdits, window_rc: tuple[int, int], tmp_path: Path
    ) -> None:
        result = pipeline.run_full(pipeline.edited(fitted, edits), tmp_path / "l.tif", window_shape_rc=window_rc)
        assert np.array_equal(labels_of(result), replayed(fitted, edits, whole))
        counts = np.bincount(labels_of(result).ravel(), minlength=256)
        assert {row.id: row.count for row in result.rows} | {0: counts[0]} == {
            number: counts[number] for number in (0, *pipeline.edited(fitted, edits).numbers)
        }

    def test_by_workers(self, fitted: Fitted, whole: np.ndarray, edits: ClassEdits, tmp_path: Path) -> None:
        with ThreadPoolExecutor(2) as executor:
            result = pipeline.run_full(
                pipeline.edited(fitted, edits), tmp_path / "l.tif", executor=executor, window_shape_rc=(64, 64)
            )
        assert np.array_equal(labels_of(result), replayed(fitted, edits, whole))

    def test_a_window_by_itself(self, fitted: Fitted, whole: np.ndarray, edits: ClassEdits) -> None:
        light = pipeline.edited(fitted, edits).light(replace(fitted.prepared, scene=travelling(fitted.scene)))
        with SceneReader(light.scene) as reader:
            for window in (Window(0, 0, 1, 1), Window(40, 60, 9, 3), Window(149, 100, 1, 30)):
                found = pipeline.label_window(light, reader, window)
                assert np.array_equal(found, replayed(fitted, edits, whole)[window.slices_rc])

    def test_on_labels_of_a_run_with_fewer_steps(
        self, fitted: Fitted, whole: np.ndarray, edits: ClassEdits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("s2dash.classify.whole_scene._WINDOW_SHAPE_RC", (64, 48))
        changed = pipeline.edited(fitted, edits)
        fresh = pipeline.run_full(changed, tmp_path / "fresh.tif")
        for count in range(len(edits.steps)):
            fewer = pipeline.edited(fitted, ClassEdits(steps=edits.steps[:count]))
            made = pipeline.run_full(fewer, tmp_path / "fewer.tif")
            before = labels_of(made)
            further = pipeline.run_further(changed, made, tmp_path / "further.tif")
            assert np.array_equal(labels_of(further), replayed(fitted, edits, whole))
            assert further.digest == fresh.digest
            assert [(row.id, row.count) for row in further.rows] == [(row.id, row.count) for row in fresh.rows]
            assert np.array_equal(labels_of(made), before)
        with pytest.raises(ValueError, match="another fit"):
            pipeline.run_further(changed, fresh, tmp_path / "none.tif")

    def test_native_tiles(self, fitted: Fitted, edits: ClassEdits, monkeypatch: pytest.MonkeyPatch) -> None:
        expected = replayed(fitted, edits, labels_of(pipeline.run_live(fitted)))
        monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 1_500)
        scene = replace(fitted.scene, previews=())
        changed = pipeline.edited(fitted, edits)
        detail = details.of_classes(
            NativeTiles(), replace(changed, prepared=replace(changed.prepared, scene=scene)), "edited"
        )
        assert detail is not None
        [native, *_] = detail.levels
        picked = np.zeros(SHAPE_RC, dtype=np.uint8)
        for cell in native.cells:
            window = native.window(cell)
            inside = np.indices((window.height, window.width)).reshape(2, -1)
            found = detail._picked(detail._read(native, cell), *inside)
            picked[window.slices_rc] = found.reshape(window.height, window.width)
        assert np.array_equal(picked, expected)


def test_names_and_colours_change_no_label_and_no_digest(fitted: Fitted) -> None:
    plain = pipeline.run_live(fitted)
    named = pipeline.run_live(pipeline.edited(fitted, ClassEdits(names={1: "Sea"}, colours={1: "#000000"})))
    assert named.digest == plain.digest
    assert np.array_equal(labels_of(named), labels_of(plain))
    assert named.rows == plain.rows


def test_steps_make_another_digest_and_their_order_counts(fitted: Fitted) -> None:
    orders = [(), (Merge((3, 2), 2), LeaveOut(1)), (LeaveOut(1), Merge((3, 2), 2))]
    found = {pipeline.run_live(pipeline.edited(fitted, ClassEdits(steps=steps))).digest for steps in orders}
    assert len(found) == 3


def test_merged_classes_share_area_and_mean(fitted: Fitted) -> None:
    plain, merged = (pipeline.run_live(one) for one in (fitted, pipeline.edited(fitted, EDITS["merge"])))
    assert merged.rows[1].count == plain.rows[1].count + plain.rows[2].count
    assert [row.id for row in merged.rows] == [1, 2, 4, 5]
    area = [row.area_ha or 0 for row in plain.rows]
    assert merged.rows[1].area_ha == pytest.approx(area[1] + area[2])
    counts = [int((fitted.sample_labels == number).sum()) for number in (2, 3)]
    means = [np.array(plain.rows[number].mean_reflectance) for number in (1, 2)]
    assert merged.rows[1].mean_reflectance == pytest.approx(np.average(means, axis=0, weights=counts))


def test_what_is_left_out_is_no_data_and_counts_as_masked(fitted: Fitted) -> None:
    plain, without = (
        pipeline.run_live(pipeline.edited(fitted, ClassEdits(steps=steps))) for steps in ((), (LeaveOut(3),))
    )
    assert [row.id for row in without.rows] == [1, 2, 4, 5]
    lost = plain.rows[2].count / plain.classmap.grid.pixel_count
    assert without.masked_share == pytest.approx(plain.masked_share + lost)
    assert pipeline.sample_scores(pipeline.edited(fitted, ClassEdits(steps=(LeaveOut(3),)))).silhouette is not None


def test_edits_start_from_the_fit_without_edits(fitted: Fitted) -> None:
    with pytest.raises(ValueError, match="edited already"):
        pipeline.edited(pipeline.edited(fitted, EDITS["merge"]), EDITS["leave out"])


@pytest.mark.parametrize("algorithm", ["kmeans", "gaussian-mixture", "nested-groups", "isodata"])
def test_a_split_leaves_other_classes_and_fills_the_lowest_free_numbers(fitted: Fitted, algorithm: str) -> None:
    own = pipeline.fitted_to(fitted.scene, replace(fitted.recipe, algorithm=algorithm))
    biggest = int(np.bincount(own.sample_labels)[1:].argmax()) + 1
    gone = 1 if biggest != 1 else 2
    steps = (LeaveOut(gone), Split(biggest, 3))
    before = labels_of(pipeline.run_live(pipeline.edited(own, ClassEdits(steps=steps[:1]))))
    split = pipeline.edited(own, ClassEdits(steps=steps))
    after = labels_of(pipeline.run_live(split))
    parts = {biggest, gone, own.class_count + 1}
    assert np.array_equal(after[before != biggest], before[before != biggest])
    assert set(np.unique(after[before == biggest]).tolist()) == parts
    assert split.numbers == tuple(sorted({*range(1, own.class_count + 1)} | parts))
    assert np.isfinite(split.numbers_mean).all()
    assert split.model is own.model
    assert pipeline.sample_scores(split).silhouette is not None


def test_a_split_asks_by_features_smoothed_with_edges_kept(fitted: Fitted, tmp_path: Path) -> None:
    recipe = replace(fitted.recipe, smooth="edge", transform="sqrt", pca=3)
    kept = pipeline.edited(pipeline.fitted_to(fitted.scene, recipe), ClassEdits(steps=(Split(2, 3), Merge((1,), 6))))
    full = pipeline.run_full(kept, tmp_path / "l.tif", window_shape_rc=(64, 48))
    assert np.array_equal(labels_of(full), labels_of(pipeline.run_live(kept)))
    assert {row.id for row in full.rows if row.count} == {2, 3, 4, 5, 6, 7}


def test_sureness_knows_the_parts_of_a_split_class(fitted: Fitted) -> None:
    one, other = (
        live_sureness(found, pipeline.run_live(found))
        for found in (fitted, pipeline.edited(fitted, ClassEdits(steps=(Split(2, 3),))))
    )
    inside = labels_of(pipeline.run_live(fitted)) == 2
    assert (other.percent[inside] <= one.percent[inside]).all()
    assert (other.percent[inside] < one.percent[inside]).any()
    far = ndimage.binary_dilation(inside, np.ones((3, 3)))
    assert np.array_equal(one.percent[~far], other.percent[~far])
    assert len(other.class_shares) == 7


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ((LeaveOut(9),), "class 9, which the map does not have at that step. It has 1, 2, 3, 4, 5"),
        ((LeaveOut(2), Split(2)), "class 2"),
        ((Merge((1, 7), 1),), "class 7"),
        ((Split(1, 255),), "255 classes"),
        ((LeaveOut(5), Split(1, 250), Split(2, 4)), "255 classes|different ones"),
    ],
)
def test_steps_that_cannot_be_are_refused_in_words(fitted: Fitted, steps: tuple[AnyStep, ...], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        pipeline.edited(fitted, ClassEdits(steps=steps))


@given(
    classes=st.lists(st.integers(1, 5), min_size=2, max_size=4, unique=True),
    k=st.integers(2, 4),
    window_rc=st.tuples(st.integers(20, 150), st.integers(20, 130)),
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_merging_adds_areas_and_windows_split_alike(
    fitted: Fitted, whole: np.ndarray, classes: list[int], k: int, window_rc: tuple[int, int]
) -> None:
    into = classes[0]
    merged = pipeline.run_live(pipeline.edited(fitted, ClassEdits(steps=(Merge(tuple(classes), into),))))
    areas = {row.id: row.area_ha or 0 for row in pipeline.run_live(fitted).rows}
    assert {row.id: row.area_ha for row in merged.rows} == pytest.approx(
        {number: area for number, area in areas.items() if number not in classes}
        | {into: sum(areas[number] for number in classes)}
    )
    split = pipeline.edited(fitted, ClassEdits(steps=(Merge(tuple(classes), into), Split(into, k))))
    features = preview_features(fitted.prepared)
    everywhere = split.stage(whole, asking(fitted, features))
    for window in windows(SHAPE_RC, window_rc):
        inside = window.slices_rc
        part = Pixels(features.values[(slice(None), *inside)], features.valid[inside])
        assert np.array_equal(assign_edited(split, part), everywhere[inside])


@given(
    reaches=st.lists(st.integers(0, 3), max_size=3),
    window_rc=st.tuples(st.integers(1, 41), st.integers(1, 37)),
)
def test_windows_with_their_halo_give_what_the_whole_gives(reaches: list[int], window_rc: tuple[int, int]) -> None:
    stage = Stage(tuple(DarkestOfNeighbours(reach) for reach in reaches))
    labels = np.random.default_rng(3).integers(0, 6, (41, 37), dtype=np.uint8)
    out = np.zeros_like(labels)
    for window in windows(labels.shape, window_rc):
        wide = window.grown(stage.halo, labels.shape)
        out[window.slices_rc] = stage.inside(labels[wide.slices_rc], wide, window)
    assert np.array_equal(out, stage(labels))


def test_a_step_that_nobody_knows_is_named() -> None:
    class Unknown(Step, frozen=True, tag="unknown"):
        pass

    with pytest.raises(TypeError, match="Unknown"):
        label_step(Unknown())
