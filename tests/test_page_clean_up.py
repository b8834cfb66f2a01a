"""The page's clean-up of specks: live, undone like any step, with the share that changes, and held by the downloads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from page_driver import Page, downloads, start
from scenes import make_scene
from waiting import wait_until

from s2dash.classify import pipeline
from s2dash.classify.clean_up import sieve
from s2dash.core.edits import ClassEdits, Sieve
from s2dash.core.scene import Scene
from s2dash.ui.legend_event import LegendEvent

__all__ = ["downloads", "start"]  # fixtures

WAY, LEAST, HOLD = "Clean up specks", "Least patch, hectares", "Hold together by"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make_scene(tmp_path, (150, 130))


def full_labels(scene: Scene, page: Page, edits: ClassEdits, folder: Path) -> np.ndarray:
    """Of the page's recipe after edits, over every pixel."""
    fitted = pipeline.edited(pipeline.fitted_to(scene, page.recipe), edits)
    labels = pipeline.run_live(fitted).classmap.labels
    assert labels is not None
    return labels


def test_specks_go_and_come_back(start: Callable[[Scene], Page], scene: Scene, tmp_path: Path) -> None:
    page = start(scene).choose("slider", "Number of classes (k)", 12)
    plain = page.geotiff
    page.choose("selectbox", WAY, "Patches under …")
    assert "Under 5 pixels · " in page.words
    assert page.widget("number_input", LEAST).value == 0.05
    assert np.array_equal(page.geotiff, sieve(plain, 5, 8))
    page.choose("number_input", LEAST, 0.3).choose("selectbox", HOLD, 4)
    assert "Under 30 pixels · " in page.words
    cleaned = page.geotiff
    assert np.array_equal(cleaned, sieve(plain, 30, 4))
    share = (cleaned != plain).sum() / (plain > 0).sum()
    assert f"{100 * share:.1f} % of pixels change" in page.words
    page.choose("selectbox", WAY, "Majority 3 × 3")
    assert "majority 3" in page.words
    assert LEAST not in [widget.label for widget in page.test.get("number_input")]
    page.press("Undo")
    assert np.array_equal(page.geotiff, cleaned)
    assert page.widget("number_input", LEAST).value == 0.3
    page.choose("selectbox", WAY, "Off")
    assert np.array_equal(page.geotiff, plain)


def test_where_there_is_no_place_patches_are_in_pixels(start: Callable[[Scene], Page], tmp_path: Path) -> None:
    page = start(make_scene(tmp_path, (60, 50), transform=Affine.identity(), crs=None))
    page.choose("selectbox", WAY, "Patches under …")
    assert page.widget("number_input", "Least patch, pixels").value == 5
    assert "Under 5 pixels · " in page.words


def test_edits_after_a_full_run_are_taken_on_its_labels_by_themselves(
    start: Callable[[Scene], Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 6_000)
    page = start(make_scene(tmp_path, (150, 130))).press("Classify full scene")
    wait_until(lambda: "Download GeoTIFF" in page.run().downloads)
    labels = page.geotiff
    page.test.session_state["window"] = None
    monkeypatch.setattr("s2dash.classify.pipeline.run_full", None)  # nothing runs again
    page.edit_legend(LegendEvent(merges=((1, 2),)))
    wait_until(lambda: "Download GeoTIFF" in page.run().downloads)
    assert np.array_equal(page.geotiff, np.where(labels == 1, 2, labels))
    page.test.session_state["window"] = None
    page.edit_legend(LegendEvent(opened=2)).press("Split in two")
    assert page.widget("button", "Classify full scene")  # as it reads pixels


def test_a_large_scene_is_cleaned_up_in_full(
    start: Callable[[Scene], Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 6_000)
    scene = make_scene(tmp_path, (150, 130))
    assert scene.live_step == 2
    page = start(scene).choose("slider", "Number of classes (k)", 12)
    page.choose("selectbox", WAY, "Patches under …").choose("number_input", LEAST, 0.3)
    assert "in the preview, which shows one of 2 × 2" in page.words
    page.press("Classify full scene")
    wait_until(lambda: "Download GeoTIFF" in page.run().downloads)
    labels, recipe = page.geotiff, page.recipe
    monkeypatch.undo()
    expected = full_labels(replace(scene), page, ClassEdits(steps=(Sieve(0.3),)), tmp_path)
    assert recipe.k == 12
    assert np.array_equal(labels, expected)
    assert np.array_equal(labels, sieve(labels, 30, 8))
