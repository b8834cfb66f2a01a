"""Lists and maps of names on the page: a map changes what is suggested, a list gives codes that are handed over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from page_driver import Page, downloads, start
from scenes import make_scene, write_raster

from s2dash.core.scene import Scene
from s2dash.ui.legend_event import LegendEvent

__all__ = ["downloads", "start"]  # fixtures


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make_scene(tmp_path)


@pytest.fixture
def page(start: Callable[[Scene], Page], scene: Scene) -> Page:
    return start(scene)


def test_a_map_and_a_list_of_names(page: Page, scene: Scene, tmp_path: Path) -> None:
    assert {row["suggestion"]["name"] for row in page.rows} >= {"Water", "Dense plants"}
    path = write_raster(tmp_path / "m.tif", np.full((1, *scene.grid.shape_rc), 80, np.uint8))
    page.upload_together(("wc.tif", path.read_bytes()), label="A map to name classes by")
    assert {row["suggestion"]["name"] for row in page.rows} == {"Permanent water bodies"}
    assert page.rows[0]["suggestion"]["why"] == "All of it is “Permanent water bodies” in wc.tif."
    page.edit_legend(LegendEvent({1: "Permanent water bodies"}))
    assert page.rows[0]["suggestion"] is None
    page.upload_together(("mine.csv", b"name,code,colour\nBay,7,#123456\n"), label="Your own list")
    page.choose("toggle", "Take the list's colours too", True)
    page.edit_legend(LegendEvent({2: "Bay"}))
    assert page.rows[1]["colour"] == "#123456"
    table = page.downloads["Class table (CSV)"].content().decode("utf-8-sig").splitlines()
    assert [line.split(",")[:3] for line in table[:4]] == [
        ["id", "name", "code"],
        ["1", "Permanent water bodies", "80"],
        ["2", "Bay", "7"],
        ["3", "Class 3", ""],
    ]


@pytest.mark.parametrize(
    ("label", "name", "content", "words"),
    [
        ("A map to name classes by", "m.tif", b"no raster", "m.tif"),
        ("Your own list", "mine.csv", b"label\nBay\n", "is no list of names"),
    ],
)
def test_what_cannot_be_read_is_said(page: Page, label: str, name: str, content: bytes, words: str) -> None:
    before = page.rows
    page.upload_together((name, content), label=label)
    assert any(words in one.value for one in page.test.markdown)
    assert page.rows == before
