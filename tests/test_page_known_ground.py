"""The page's panel "Check" with a reference file: it scores the map, by a column and a mapping that one chooses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from page_driver import Page, downloads, start
from scenes import make_scene
from test_known_ground import box, vectors

from s2dash.core.scene import Scene
from s2dash.ui.legend_event import LegendEvent

__all__ = ["downloads", "start"]  # fixtures
pytestmark = pytest.mark.usefixtures("door_is_here")
PANEL = ("segmented_control", "Panel")
WAY = ("segmented_control", "Which class is which")
REFERENCE = "Polygons, points or a map whose classes are known"
NAMES = {1: "Sea", 2: "Marsh", 3: "Fields"}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("known"), (60, 80))


@pytest.fixture
def page(start: Callable[[Scene], Page], scene: Scene) -> Page:
    named = start(scene).choose("slider", "Number of classes (k)", 3).edit_legend(LegendEvent(names=NAMES))
    return named.choose(*PANEL, "Check")


@pytest.fixture
def fields(page: Page, tmp_path: Path) -> bytes:
    """Squares of five pixels with the class that most of each has on the map, under another name."""
    labels = page.test.session_state["answer"].result.classmap.labels
    corners = [(row, col) for row in range(0, 60, 5) for col in range(0, 80, 5)]
    most = [int(np.bincount(labels[r : r + 5, c : c + 5].ravel(), minlength=4)[1:].argmax()) + 1 for r, c in corners]
    shapes = [box(row, col, 5, 5) for row, col in corners]
    kinds = ["<b>=1+1" if number == 1 else f"kind {number}" for number in most]
    return vectors(tmp_path / "fields.gpkg", shapes, {"class": kinds, "owner": ["x"] * len(kinds)}).read_bytes()


def test_a_reference_says_how_right_the_map_is(page: Page, fields: bytes) -> None:
    page.upload_together(("fields.gpkg", fields), label=REFERENCE)
    said = page.words
    assert "of the reference's ground is right" in said
    assert "no random sample" in said
    assert "Pontius and Millones" in said
    page.choose("selectbox", "Column with the class", "owner")
    assert "About 100 % of the reference's ground is right" in page.words
    page.choose("selectbox", "Column with the class", "class")
    page.choose(*WAY, "By hand")
    assert page.widget("selectbox", "“Sea” is").value == "<b>=1+1"
    page.choose("selectbox", "“Sea” is", "kind 2")
    assert "All 192 polygons score" in page.words
    page.press("Take this reference away")
    assert page.widget("file_uploader", REFERENCE) is not None


def test_a_file_that_is_no_reference_is_refused_in_place(page: Page) -> None:
    page.upload_together(("fields.gpkg", b"Dear all"), label=REFERENCE)
    assert "fields.gpkg is" in page.words
