"""Clean-up as steps of edits: a sieve is the same from a full run, workers and the live picture of a small scene."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from scenes import make_scene

from s2dash.classify import pipeline
from s2dash.classify.clean_up import least_pixels, sieve, sieving
from s2dash.classify.clean_up.steps import MOST_HALO
from s2dash.classify.fitted import Fitted
from s2dash.core.classmap import Result
from s2dash.core.edits import ClassEdits, Majority, Merge, Sieve, Split
from s2dash.core.grid import Grid
from s2dash.core.recipe import default_recipe
from s2dash.core.types import CancelToken, Window
from s2dash.errors import Cancelled, RecipeError
from s2dash.raster.door import open_raster
from s2dash.raster.reading import SceneReader
from s2dash.settings import RUN_LIMITS

SHAPE_RC = (150, 130)
PIXELS = Sieve(30, "pixels", 4)
EDITS = {
    "sieve": (PIXELS,),
    "after a merge and a majority": (Merge((1, 2), 1), Majority(3), PIXELS),
    "before a split and another one": (PIXELS, Split(2, 2), Majority(5), Sieve(60, "pixels", 8), Merge((4, 3), 4)),
}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    scene = make_scene(tmp_path_factory.mktemp("sieve"), SHAPE_RC, masked=((slice(9, 30), slice(50, 70)),))
    return pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), k=12))


def labels_of(result: Result) -> np.ndarray:
    if result.classmap.labels is not None:
        return result.classmap.labels
    assert result.classmap.path is not None
    with open_raster(result.classmap.path) as dataset:
        return np.asarray(dataset.read(1))


@pytest.fixture(autouse=True)
def low_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s2dash.classify.clean_up.raster._STRIP_ROWS", 11)


@pytest.mark.parametrize("steps", EDITS.values(), ids=EDITS)
def test_a_full_run_and_workers_give_what_the_whole_gives(fitted: Fitted, steps: tuple, tmp_path: Path) -> None:
    edited = pipeline.edited(fitted, ClassEdits(steps=steps))
    live = pipeline.run_live(edited)
    full = pipeline.run_full(edited, tmp_path / "full.tif", window_shape_rc=(64, 48))
    with ThreadPoolExecutor(2) as executor:
        parts = pipeline.run_full(edited, tmp_path / "parts.tif", executor=executor, window_shape_rc=(64, 64))
    for other in (full, parts):
        assert np.array_equal(labels_of(other), labels_of(live))
        assert [row.count for row in other.rows] == [row.count for row in live.rows]
        assert other.digest == live.digest


def test_the_full_run_has_no_small_patch_left_and_says_how_far_it_is(fitted: Fitted, tmp_path: Path) -> None:
    said = []
    result = pipeline.run_full(
        pipeline.edited(fitted, ClassEdits(steps=(PIXELS,))),
        tmp_path / "l.tif",
        progress=lambda share, what: said.append((share, what)),
    )
    labels = labels_of(result)
    assert np.array_equal(sieve(labels, 30, 4), labels)
    assert (labels != labels_of(pipeline.run_live(fitted))).any()
    assert [share for share, _ in said] == sorted(share for share, _ in said)
    assert {what for _, what in said} == {"Grouping pixels", "Cleaning up specks"}


def test_a_run_that_is_cancelled_while_it_cleans_up_leaves_nothing(fitted: Fitted, tmp_path: Path) -> None:
    cancel = CancelToken()

    def progress(share: float, what: str) -> None:
        if what == "Cleaning up specks" and share > 0.8:
            cancel.cancel()

    with pytest.raises(Cancelled):
        pipeline.run_full(
            pipeline.edited(fitted, ClassEdits(steps=(PIXELS,))), tmp_path / "l.tif", progress=progress, cancel=cancel
        )
    assert not list(tmp_path.iterdir())


def test_more_patches_than_there_is_memory_for_are_refused_in_words(
    fitted: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited = pipeline.edited(fitted, ClassEdits(steps=(PIXELS,)))
    monkeypatch.setattr("s2dash.classify.clean_up.patches.RUN_LIMITS", replace(RUN_LIMITS, most_patches=200))
    with pytest.raises(RecipeError, match=r"more than 200 patches.*by a majority instead"):
        pipeline.run_full(edited, tmp_path / "l.tif")
    with pytest.raises(RecipeError, match="more than 200 patches"):
        pipeline.run_live(edited)
    assert not list(tmp_path.iterdir())


def test_a_window_by_itself_agrees_about_patches_that_are_small_as_found(fitted: Fitted) -> None:
    edited = pipeline.edited(fitted, ClassEdits(steps=(Sieve(2, "pixels", 4),)))
    whole, window = labels_of(pipeline.run_live(edited)), Window(40, 60, 50, 60)
    with SceneReader(edited.scene) as reader:
        assert np.array_equal(pipeline.label_window(edited, reader, window), whole[window.slices_rc])


def test_hectares_are_pixels_by_the_area_of_a_pixel_and_fewer_of_every_nth() -> None:
    grid = Grid((100, 100), Affine(10, 0, 600_000, 0, -10, 5_000_000), "EPSG:32633")
    assert [least_pixels(Sieve(ha), grid) for ha in (0.001, 0.07, 0.5, 0.501)] == [1, 7, 50, 51]
    whole = sieving(Sieve(0.5), grid)
    assert [whole.every(n).least for n in (1, 2, 3, 10)] == [50, 13, 6, 1]
    assert [sieving(Sieve(ha), grid).halo for ha in (0.5, 100)] == [50, MOST_HALO]


def test_hectares_need_a_place(fitted: Fitted) -> None:
    with pytest.raises(RecipeError, match="no place"):
        least_pixels(Sieve(0.5), Grid((10, 10), Affine.identity(), None))
    assert least_pixels(Sieve(7, "pixels"), Grid((10, 10), Affine.identity(), None)) == 7
