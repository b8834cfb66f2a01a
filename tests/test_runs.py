"""Maps of a session are kept, restored bit for bit, marked, deleted, brought back; undo and redo over all changes."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from page_driver import Downloads, InPage, Page, actor, downloads, start
from PIL import Image
from waiting import PATIENCE_SECONDS, wait_until

from s2dash.server import live_engine
from s2dash.server.state import server_state
from s2dash.ui import state
from s2dash.ui.legend_event import LegendEvent
from s2dash.ui.runs import actions, history, kept, last_runs, panel
from s2dash.ui.runs.thumbnail import SIDE

__all__ = ["downloads", "start"]  # fixtures
K = ("slider", "Number of classes (k)")


@pytest.fixture(autouse=True)
def _nothing_is_passed_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "STAYS", timedelta(0))
    monkeypatch.setattr(live_engine, "_STAYED_SECONDS", PATIENCE_SECONDS)  # measured later than any test ends


@pytest.fixture
def page(downloads: Downloads) -> Page:
    return Page(downloads)


@pytest.fixture
def in_page(page: Page, monkeypatch: pytest.MonkeyPatch) -> InPage:
    return actor(page, monkeypatch)


def looks(page: Page) -> list[tuple[str, str]]:
    return [(row["name"], row["colour"]) for row in page.rows]


def test_every_map_is_kept_with_what_changed(page: Page, in_page: Callable[[Callable[[], Any]], Any]) -> None:
    page.choose(*K, 9).choose("multiselect", "Indices", ["NDVI"]).choose(*K, 8)
    listed = in_page(panel.panel_data)
    assert [row["words"] for row in listed["rows"]] == ["k 9 → 8", "+ NDVI", "k 8 → 9", "The first map"]
    assert [row["number"] for row in listed["rows"]] == [4, 3, 2, 1]
    assert listed["now"] == 4


def test_the_last_runs_stand_in_the_strip(
    page: Page, in_page: Callable[[Callable[[], Any]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [row["now"] for row in in_page(last_runs.last_rows)] == [True]
    for k in (9, 10, 11, 12):
        page.choose(*K, k)
    rows = in_page(last_runs.last_rows)
    assert [row["number"] for row in rows] == [2, 3, 4, 5]
    assert [row["words"] for row in rows] == ["k 8 → 9", "k 9 → 10", "k 10 → 11", "k 11 → 12"]
    assert [row["now"] for row in rows] == [False, False, False, True]
    assert all(row["can_restore"] for row in rows)

    def restore() -> None:
        monkeypatch.setattr(actions, "sent", lambda *_: [{"count": 1, "kind": "restore", "number": 3, "value": None}])
        actions.receive(state.LAST_RUNS)
        kept.title(3, "For the board")

    in_page(restore)
    page.run()
    assert page.recipe.k == 10
    rows = in_page(last_runs.last_rows)
    assert [row["now"] for row in rows] == [False, True, False, False]
    assert rows[1]["words"] == "For the board"


def test_a_map_that_is_made_again_is_the_same_run(page: Page, in_page: Callable[[Callable[[], Any]], Any]) -> None:
    page.choose(*K, 9).choose(*K, 8)
    listed = in_page(panel.panel_data)
    assert [row["number"] for row in listed["rows"]] == [2, 1]
    assert listed["now"] == 1


def test_restoring_brings_back_labels_names_colours_and_view(
    page: Page, in_page: Callable[[Callable[[], Any]], Any]
) -> None:
    page.edit_legend(LegendEvent({2: "Salt marsh"}, {2: "#123456"}, isolates=True, isolated=2))
    labels, legend, tiles = page.geotiff, looks(page), page.tiles
    page.choose(*K, 5).choose("selectbox", "Scaling", "none").edit_legend(LegendEvent({1: "Water"}))
    page.edit_legend(LegendEvent(isolates=True, isolated=None))
    in_page(lambda: kept.restore(1))
    assert np.array_equal(page.geotiff, labels)
    assert looks(page) == legend
    assert page.tiles == tiles
    assert in_page(kept.now).number == 1


def test_a_run_knows_the_edits_made_after_it(page: Page, in_page: Callable[[Callable[[], Any]], Any]) -> None:
    before = in_page(kept.now)
    page.edit_legend(LegendEvent({1: "Open sea"}, {1: "#ff0000"}))
    after = in_page(kept.now)
    assert after.number == before.number
    assert after.run.edits.names[1] == "Open sea"
    assert after.thumbnail != before.thumbnail


def test_a_map_that_one_stays_with_is_measured(
    page: Page, in_page: Callable[[Callable[[], Any]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_engine, "_STAYED_SECONDS", 0)
    page.choose(*K, 5)
    wait_until(lambda: in_page(kept.now).separation is not None)
    assert -1 <= in_page(kept.now).separation <= 1


def test_thumbnails_are_pictures_of_the_classes(page: Page, in_page: Callable[[Callable[[], Any]], Any]) -> None:
    shown = in_page(kept.now)
    content = base64.b64decode(shown.thumbnail.removeprefix("data:image/png;base64,"))
    assert len(content) < 8_000
    picture = Image.open(io.BytesIO(content)).convert("RGBA")
    assert picture.size == (SIDE, SIDE)
    found = {f"#{r:02x}{g:02x}{b:02x}" for _, (r, g, b, a) in picture.getcolors(10_000) if a}
    assert found <= {colour for _, colour in looks(page)}
    assert len(found) > 3


def test_star_note_delete_and_bring_back(page: Page, in_page: Callable[[Callable[[], Any]], Any]) -> None:
    page.choose(*K, 9)
    in_page(lambda: (kept.star(1, True), kept.note(1, " for\nthe board ")))
    one = in_page(kept.maps)[0]
    assert (one.star, one.note) == (True, "for the board")
    in_page(lambda: kept.delete(2))
    assert [one.number for one in in_page(kept.maps)] == [1, 2]  # the one that is shown stays
    in_page(lambda: kept.delete(1))
    assert [one.number for one in in_page(kept.maps)] == [2]
    assert in_page(panel.panel_data)["deleted"] == 1
    in_page(kept.bring_back)
    assert [(one.number, one.star) for one in in_page(kept.maps)] == [(1, True), (2, False)]
    assert in_page(panel.panel_data)["deleted"] is None


def test_the_oldest_without_a_mark_goes(
    page: Page, in_page: Callable[[Callable[[], Any]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "MOST_KEPT", 3)
    in_page(lambda: kept.star(1, True))
    for k in (3, 4, 5, 6):
        page.choose(*K, k)
    assert [one.run.recipe.k for one in in_page(kept.maps)] == [8, 5, 6]


def test_maps_that_were_only_passed_through_are_not_kept(
    page: Page, in_page: Callable[[Callable[[], Any]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "STAYS", timedelta(hours=1))
    for k in (9, 10, 11):
        page.choose(*K, k)
    listed = in_page(panel.panel_data)
    assert [row["words"] for row in listed["rows"]] == ["k 8 → 11", "The first map"]


def test_scenes_that_are_long_gone_are_not_held(
    page: Page, in_page: Callable[[Callable[[], Any]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "MOST_SCENES", 1)
    first = in_page(kept.now)

    def another_scene() -> None:
        later = replace(first, number=2, run=replace(first.run, scene_digest="other"))
        state.MAP_NOW.set(2)
        assert [one.loaded is None for one in kept._within_limits((first, later))] == [True, False]
        monkeypatch.setattr(kept, "MOST_SCENES", 2)
        assert [one.loaded is None for one in kept._within_limits((first, later))] == [False, False]
        limits = server_state().limits
        room = replace(limits, runs=replace(limits.runs, most_scene_bytes=1000))
        monkeypatch.setattr(kept, "server_state", lambda: SimpleNamespace(limits=room))
        assert [one.loaded is None for one in kept._within_limits((first, later))] == [True, False]
        state.MAP_NOW.set(1)

    in_page(another_scene)


def test_undo_and_redo_walk_through_choices_and_names(page: Page, in_page: Callable[[Callable[[], Any]], Any]) -> None:
    at_eight = looks(page)
    assert page.widget("button", "Undo").disabled
    page.choose(*K, 5)
    page.edit_legend(LegendEvent({1: "Water"}))
    assert page.widget("button", "Undo").help == "Undo: name of class 1"
    page.press("Undo")
    assert looks(page)[0][0] == "Class 1"
    assert page.widget("button", "Undo").help == "Undo: k 8 → 5"
    page.press("Undo")
    assert looks(page) == at_eight
    assert page.recipe.k == 8
    assert page.widget(*K).value == 8
    assert page.widget("button", "Undo").disabled
    assert page.widget("button", "Redo").help == "Redo: k 8 → 5"
    page.press("Redo").press("Redo")
    assert page.recipe.k == 5
    assert looks(page)[0][0] == "Water"
    assert page.widget("button", "Redo").disabled
    page.press("Undo").choose(*K, 7)
    assert page.widget("button", "Redo").disabled
    assert in_page(history.undo_words) == "k 5 → 7"


@pytest.mark.parametrize(
    "action",
    [
        None,
        {"kind": "restore"},
        {"kind": "restore", "number": "1"},
        {"kind": "star", "number": 1, "value": "yes"},
        {"kind": "note", "number": 1, "value": 5},
        {"kind": "explode", "number": 1},
        {"kind": "delete", "number": True},
        {"kind": "restore", "number": 99},
    ],
)
def test_what_is_no_action_is_skipped(
    page: Page, in_page: Callable[[Callable[[], Any]], Any], action: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = [action | {"count": 1} if isinstance(action, dict) else action]
    monkeypatch.setattr(actions, "sent", lambda key, name: message)
    before = in_page(panel.panel_data)
    in_page(lambda: actions.receive("runs"))
    assert in_page(panel.panel_data) == before


def test_an_action_that_comes_twice_is_done_once(
    page: Page, in_page: Callable[[Callable[[], Any]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    page.choose(*K, 9)
    message = [{"count": 1, "kind": "delete", "number": 1}]
    monkeypatch.setattr(actions, "sent", lambda key, name: message)
    in_page(lambda: actions.receive("runs"))
    in_page(kept.bring_back)
    in_page(lambda: actions.receive("runs"))
    assert [one.number for one in in_page(kept.maps)] == [1, 2]
