"""The page while a large scene is read: its first look is shown, nothing of it is kept, and the exact one follows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from affine import Affine
from page_driver import Downloads, Page, downloads
from scenes import make_scene
from waiting import wait_until

from s2dash import ingest
from s2dash.core.scene import Scene
from s2dash.core.types import CancelToken
from s2dash.errors import Cancelled, UnreadableFile
from s2dash.ui import first_look, map_view, services, uploads
from s2dash.ui.map_view import MapState

__all__ = ["downloads"]  # a fixture


@dataclass
class Reading:
    """A scene whose reading shows a look, and goes on until it is let go."""

    look: ingest.FirstLook
    scene: Scene
    error: Exception | None = None
    may_end: threading.Event = field(default_factory=threading.Event)

    def ingest(self, *_: Any, on_look: Any, **__: Any) -> Scene:
        cancel: CancelToken = _[4]
        on_look(self.look)
        wait_until(lambda: self.may_end.is_set() or cancel.is_cancelled)
        if cancel.is_cancelled:
            raise Cancelled
        if self.error is not None:
            raise self.error
        return self.scene


@pytest.fixture
def reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reading]:
    for name in ("before", "look", "whole"):
        (tmp_path / name).mkdir()
    before = make_scene(tmp_path / "before", (40, 40))
    scene = replace(make_scene(tmp_path / "whole", (96, 128), seed=1), title="The whole")
    small = replace(make_scene(tmp_path / "look", (48, 64), seed=1), title="The whole")
    grid = replace(scene.grid, shape_rc=(48, 64), transform=scene.grid.transform @ Affine.scale(2))
    small = replace(small, grid=grid, grids=(grid,), layers=tuple(replace(one, grid=grid) for one in small.layers))
    found = Reading(ingest.FirstLook(small, scene.grid, scene.paths[0]), scene)
    monkeypatch.setattr(services, "sample_scene", lambda key="coast": before)
    monkeypatch.setattr(uploads.ingest, "ingest", found.ingest)
    yield found
    found.may_end.set()


@pytest.fixture
def maps(monkeypatch: pytest.MonkeyPatch) -> list[MapState]:
    """What the map was told."""
    told: list[MapState] = []
    real = map_view.show_map

    def show_map(state: MapState, key: str) -> None:
        told.append(state)
        real(state, key)

    for module in (first_look, map_view):  # of which the page takes it at each of its runs
        monkeypatch.setattr(module, "show_map", show_map)
    return told


@pytest.fixture
def page(downloads: Downloads, reading: Reading, maps: list[MapState]) -> Page:
    """While the look is shown."""
    return Page(downloads).upload("whole.tif", b"any")


def end(page: Page, reading: Reading) -> None:
    """Let the reading end, and draw the page until it has taken what came of it."""
    reading.may_end.set()
    wait_until(lambda: "First look" not in page.run().words)


def labels_of_buttons(page: Page) -> set[str]:
    return {one.label for one in page.test.button if not one.disabled}


def test_the_look_is_shown_and_said(page: Page, maps: list[MapState], reading: Reading) -> None:
    assert page.title == "### The whole"
    assert "**First look**: classes may still move; the whole scene is being read." in page.words
    (told,) = maps[-1:]
    assert told.classes_url is not None
    assert (told.scene_key, told.asking, told.k) == (str(reading.scene.paths[0]), None, None)
    assert told.area.is_off


def test_nothing_of_it_can_leave_the_page_or_is_kept(page: Page) -> None:
    assert labels_of_buttons(page) == {"Cancel"}
    (shown,) = (one for one in page.test.button if one.label == "Hand over")
    assert shown.disabled
    assert not page.test.slider
    assert not page.test.number_input
    assert [one.run.scene_title for one in page.test.session_state["maps"]] == ["scene"]
    assert page.test.session_state["answer"].result.scene.title == "scene"
    assert not page.test.session_state["loaded"].files


def test_no_window_that_was_asked_for_offers_a_file_of_it(page: Page) -> None:
    page.test.session_state["window"] = "hand over"
    assert page.run().downloads == {}
    assert labels_of_buttons(page) == {"Cancel"}


def test_the_exact_scene_takes_its_place_where_the_map_stands(
    page: Page, maps: list[MapState], reading: Reading
) -> None:
    maps_before = len(maps)
    end(page, reading)
    assert "First look" not in page.words
    assert "128 × 96" in page.words
    of_look, exact = (maps[maps_before - 1], maps[-1])
    assert (exact.scene_key, exact.bounds, exact.title) == (of_look.scene_key, of_look.bounds, of_look.title)
    assert (exact.picture_url, exact.classes_url) != (of_look.picture_url, of_look.classes_url)
    assert "Cancel" not in labels_of_buttons(page)


def test_cancelled_the_scene_before_comes_back(page: Page) -> None:
    page.press("Cancel")
    assert "First look" not in page.words
    assert "40 × 40" in page.words


def test_what_cannot_be_read_in_the_end_is_said_beside_the_scene_before(page: Page, reading: Reading) -> None:
    reading.error = UnreadableFile("It is damaged.")
    end(page, reading)
    assert "It is damaged." in page.words
    assert "40 × 40" in page.words
    assert "First look" not in page.words
