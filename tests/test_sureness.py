"""How sure classes are: margins, neighbours, steps, and the same by windows, in tiles and in files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scenes import make_scene

from s2dash.classify import pipeline
from s2dash.classify.algorithms import ALGORITHMS
from s2dash.classify.algorithms.base import LinearModel, margin
from s2dash.classify.fitted import Fitted
from s2dash.classify.sureness import STEPS, SureSteps, live_sureness, window_sureness
from s2dash.classify.sureness_file import sureness_in, write_sureness
from s2dash.core.edits import ClassEdits, Majority, Merge, Sieve, Split, Step
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene
from s2dash.core.sureness import UNKNOWN
from s2dash.core.types import CancelToken, Window, windows
from s2dash.errors import BrokenResult, Cancelled, OutputConflict
from s2dash.raster.reading import SceneReader
from s2dash.tiles import details
from s2dash.tiles.native import NativeTiles

SHAPE_RC = (96, 120)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    masked = [(slice(20, 40), slice(30, 60)), (slice(70, 71), slice(0, 120))]
    return make_scene(tmp_path_factory.mktemp("scene"), shape_rc=SHAPE_RC, nodata=0, masked=masked)


def fitted_on(scene: Scene, **choices: object) -> Fitted:
    return pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), **{"k": 4, "sample": 2_000, **choices}))


@pytest.fixture(scope="module")
def fitted(scene: Scene) -> Fitted:
    return fitted_on(scene)


distances = arrays(np.float64, (7, 4), elements=st.floats(0, 1e6))


@given(distances)
def test_a_margin_is_one_less_the_ratio_of_the_two_nearest(found: np.ndarray) -> None:
    own = found.argmin(axis=1)
    clear = margin(found, own, np.arange(4))
    assert ((clear >= 0) & (clear <= 1)).all()
    first, second = np.sort(found, axis=1)[:, :2].T
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.where(second > first, 1 - first / second, 0)
    assert np.allclose(clear, expected)


@given(distances)
def test_classes_of_one_group_are_no_rivals(found: np.ndarray) -> None:
    own = found.argmin(axis=1)
    assert (margin(found, own, np.zeros(4, dtype=int)) == 1).all()
    assert (margin(found, own, np.array([0, 0, 1, 2])) >= margin(found, own, np.arange(4)) - 1e-12).all()


def test_a_pixel_at_a_centre_is_clear_and_one_between_is_not() -> None:
    model = LinearModel.nearest_centre(np.array([[0.0, 0.0], [4.0, 0.0]]))
    rows = np.array([[0.0, 0.0], [2.0, 1.0], [1.0, 0.0]])
    assert model.clearness(rows, np.arange(2)) == pytest.approx([1, 0, 1 - 1 / 3])


def test_directions_are_told_apart_by_angle() -> None:
    model = LinearModel(np.eye(2), np.zeros(2), by_angle=True)
    rows = np.array([[3.0, 0.0], [2.0, 2.0], [1.0, np.tan(np.pi / 8)]])
    assert model.clearness(rows, np.arange(2)) == pytest.approx([1, 0, 1 - 1 / 3], abs=1e-6)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_says_how_clear_its_classes_are(scene: Scene, name: str) -> None:
    own = {"bands": ("B02", "B04", "B08")} | ({"scale": "none"} if ALGORITHMS[name].on_reflectance else {})
    fitted = fitted_on(scene, algorithm=name, **own)
    features = fitted.space.transform(fitted.sample.raw)
    clear = fitted.model.clearness(features, np.arange(len(fitted.number_of)))
    assert clear.shape == (len(features),)
    assert ((clear >= 0) & (clear <= 1)).all()
    assert clear.std() > 0
    assert np.allclose(fitted.model.clearness(features, np.zeros(len(fitted.number_of))), 1)


def test_there_is_a_percent_where_there_is_a_label_and_edges_of_classes_are_less_sure(fitted: Fitted) -> None:
    live = pipeline.run_live(fitted)
    sure = live_sureness(fitted, live)
    labels = live.classmap.labels
    assert labels is not None
    assert np.array_equal(sure.percent == UNKNOWN, labels == 0)
    assert sure.percent[labels != 0].max() <= 100
    assert sum(sure.shares) == pytest.approx(1)
    assert sure.class_shares.sum(axis=1) == pytest.approx(1)
    inside = np.zeros(labels.shape, dtype=bool)
    inside[1:-1, 1:-1] = True
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            inside &= np.roll(labels, (down, right), (0, 1)) == labels
    assert sure.percent[inside & (labels != 0)].mean() > sure.percent[~inside & (labels != 0)].mean()


@settings(max_examples=40)
@given(arrays(np.uint8, (9, 11), elements=st.one_of(st.integers(0, 100), st.just(UNKNOWN))))
def test_steps_put_the_least_sure_first_and_never_more_than_asked(percent: np.ndarray) -> None:
    limits = SureSteps.of(percent)
    steps, known = limits(percent), percent != UNKNOWN
    assert np.array_equal(steps == 0, ~known)
    assert limits.likely_from <= limits.clear_from
    if known.any():
        assert (steps[known] == 1).mean() <= 0.1
        assert (steps[known] <= 2).mean() <= 0.3
        assert (steps[known] == 3).any()
        order = np.argsort(percent[known], kind="stable")
        assert (np.diff(steps[known][order].astype(int)) >= 0).all()


@pytest.mark.parametrize(
    "edits", [ClassEdits(), ClassEdits(steps=(Merge((1, 2), 1),)), ClassEdits(steps=(Split(1), Merge((1, 2), 1)))]
)
def test_windows_are_as_sure_as_the_whole(fitted: Fitted, edits: ClassEdits) -> None:
    edited = pipeline.edited(fitted, edits)
    whole = live_sureness(edited, pipeline.run_live(edited)).percent
    with SceneReader(edited.scene) as reader:
        for window in windows(SHAPE_RC, (37, 50)):
            assert np.array_equal(window_sureness(edited, reader, window), whole[window.slices_rc])


def test_a_merged_class_has_no_rival_in_itself(fitted: Fitted) -> None:
    merged = pipeline.edited(fitted, ClassEdits(steps=(Merge(classes=(1, 2), into=1),)))
    before = live_sureness(fitted, pipeline.run_live(fitted)).percent
    after = live_sureness(merged, pipeline.run_live(merged)).percent
    assert (after >= before).all()
    assert (after > before).any()


def test_tiles_show_the_steps_of_every_pixel(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 500)
    fitted = fitted_on(scene)
    assert fitted.scene.live_step > 1
    limits = live_sureness(fitted, pipeline.run_live(fitted)).limits
    detail = details.of_sureness(NativeTiles(), fitted, "live", limits)
    assert detail is not None
    native = detail.levels[0]
    with SceneReader(scene) as reader:
        whole = limits(window_sureness(fitted, reader, Window(0, 0, *SHAPE_RC)))
    assert np.array_equal(detail._read(native, (0, 0)), native.picked(whole, (0, 0))[: native.side, : native.side])


SMALL_RC = (32, 48)


def test_the_file_holds_every_percent_in_its_place(fitted: Fitted, tmp_path: Path) -> None:
    live = pipeline.run_live(fitted)
    sure = live_sureness(fitted, live)
    out, heard = tmp_path / "sure.tif", list[float]()
    write_sureness(
        fitted, live.classmap, sure.limits, out, lambda share, words: heard.append(share), window_shape_rc=SMALL_RC
    )
    with rasterio.open(out) as dataset:
        assert np.array_equal(dataset.read(1), sure.percent)
        assert dataset.nodata == UNKNOWN
        assert dataset.transform == fitted.scene.grid.transform
        tags = dataset.tags()
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    assert (tags["LIKELY_FROM"], tags["CLEAR_FROM"]) == (str(sure.limits.likely_from), str(sure.limits.clear_from))
    assert tags["S2DASH_RECIPE"] == fitted.recipe.to_json()
    assert STEPS[0] in tags["S2DASH_SURENESS"]
    assert heard == sorted(heard)
    assert heard[-1] == 1


@pytest.mark.parametrize("smooth", [0, 3, "edge"])
@pytest.mark.parametrize(
    "steps", [(), (Split(1), Merge((1, 2), 1)), (Sieve(least=12, unit="pixels"),), (Majority(3), Split(2))], ids=str
)
def test_a_full_map_is_as_sure_by_windows_as_whole(
    scene: Scene, smooth: int | str, steps: tuple[Step, ...], tmp_path: Path
) -> None:
    fitted = pipeline.edited(fitted_on(scene, smooth=smooth), ClassEdits(steps=steps))
    full = pipeline.run_full(fitted, tmp_path / "labels.tif", window_shape_rc=SMALL_RC)
    write_sureness(fitted, full.classmap, SureSteps(20, 50), tmp_path / "sure.tif", window_shape_rc=SMALL_RC)
    whole = live_sureness(fitted, pipeline.run_live(fitted)).percent
    there = sureness_in(tmp_path / "sure.tif")
    for window in windows(SHAPE_RC, (50, 70)):
        assert np.array_equal(there.read(window), whole[window.slices_rc])
    there.write(tmp_path / "copy.tif")
    assert (tmp_path / "copy.tif").read_bytes() == (tmp_path / "sure.tif").read_bytes()


def test_nothing_is_left_of_a_file_that_was_cancelled_and_inputs_stay(fitted: Fitted, tmp_path: Path) -> None:
    cancel, classmap = CancelToken(), pipeline.run_live(fitted).classmap
    cancel.cancel()
    with pytest.raises(Cancelled):
        write_sureness(fitted, classmap, SureSteps(20, 50), tmp_path / "sure.tif", cancel=cancel)
    assert list(tmp_path.iterdir()) == []
    before = fitted.scene.paths[0].read_bytes()
    with pytest.raises(OutputConflict):
        write_sureness(fitted, classmap, SureSteps(20, 50), fitted.scene.paths[0])
    assert fitted.scene.paths[0].read_bytes() == before


def test_labels_that_are_gone_are_said(fitted: Fitted, tmp_path: Path) -> None:
    gone = replace(pipeline.run_live(fitted).classmap, labels=None, path=tmp_path / "gone.tif")
    with pytest.raises(BrokenResult):
        write_sureness(fitted, gone, SureSteps(20, 50), tmp_path / "sure.tif")
    with pytest.raises(BrokenResult):
        sureness_in(tmp_path / "sure.tif").read(Window(0, 0, 1, 1))
