"""Two runs compared on the page: what begins and ends it, what panel and map say, which runs can be compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from page_driver import InPage, Page, actor, downloads, start
from scenes import make_scene
from waiting import wait_until

from s2dash.classify.compare import Comparison
from s2dash.core.classmap import Result
from s2dash.core.legend import default_legend
from s2dash.core.run_list import OwnLook, looks_of
from s2dash.core.scene import Scene
from s2dash.core.types import CancelToken, Progress
from s2dash.ui import state
from s2dash.ui.compare import exact
from s2dash.ui.compare import panel as compare_panel
from s2dash.ui.compare.sides import begin_comparing, why_not
from s2dash.ui.legend_event import LegendEvent
from s2dash.ui.runs import keeping, kept, panel

__all__ = ["downloads", "start"]  # fixtures
K = ("slider", "Number of classes (k)")


@pytest.fixture(autouse=True)
def _nothing_is_passed_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "STAYS", timedelta(0))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("compare"), (60, 80))


@pytest.fixture
def page(start: Callable[[Scene], Page], scene: Scene) -> Page:
    """With runs 1, 2 and 3 of k = 8, 5 and 6, of which the last is shown."""
    return start(scene).choose(*K, 5).choose(*K, 6)


@pytest.fixture
def in_page(page: Page, monkeypatch: pytest.MonkeyPatch) -> InPage:
    return actor(page, monkeypatch)


def told(page: Page) -> dict[str, Any] | None:
    """What the panel is told; None while nothing is compared."""
    components = [json.loads(component.proto.json) for component in page.test.get("bidi_component")]
    return next((one for one in components if "sides" in one), None)


def compare(page: Page, in_page: InPage, number: int) -> dict[str, Any]:
    in_page(lambda: (state.PANEL.set("Runs"), begin_comparing(number)))
    page.run()
    found = told(page)
    assert found is not None
    return found


def act(in_page: InPage, monkeypatch: pytest.MonkeyPatch, count: int, **action: Any) -> None:
    """As if the panel had just sent this."""
    monkeypatch.setattr(compare_panel, "sent", lambda key, name: [{"count": count, **action}])
    in_page(lambda: compare_panel._receive(state.COMPARE_PANEL, compare_panel._carry_out))


def test_two_runs_beside_each_other(page: Page, in_page: InPage) -> None:
    before = page.tiles
    found = compare(page, in_page, 1)
    assert found["title"] == "Run 1 and run 3"
    assert found["sides"] == ["Run 1", "Run 3"]
    rows = found["table"]["rows"]
    assert [row["number"] for row in rows[:6]] == [1, 2, 3, 4, 5, 6]
    assert {row["name"] for row in rows[6:]} <= {f"Class {n} of run 1" for n in range(1, 9)}
    assert len(rows) >= 8
    assert found["lead"].endswith("stay in the same class.")
    assert 2 <= len(found["moves"]) <= 3
    assert [score["name"] for score in found["scores"]] == ["Adjusted Rand index", "Mutual information (NMI)"]
    assert all(score["words"] for score in found["scores"])
    assert "Comparing run 1 with run 3 · your classes stay as they are" in page.fragments
    assert len(page.tiles) == 4  # picture, right, left, where they differ
    assert page.tiles[0] == before[0]
    assert page.widget("selectbox", "On the left").options == ["Picture", "Run 1 · k 8", "Run 2 · k 5"]
    assert page.widget("selectbox", "On the right").options == ["Run 2 · k 5", "Run 3 · k 6"]


def test_the_other_run_has_the_labels_that_it_had(page: Page, in_page: InPage) -> None:
    in_page(lambda: kept.restore(1))
    page.run()
    labels = page.geotiff
    in_page(lambda: (state.close_window(), kept.restore(3)))
    compare(page, in_page, 1)
    left = in_page(lambda: state.COMPARE_REQUESTS[0].get().result().result)
    assert np.array_equal(left.classmap.labels, labels)


def test_other_runs_and_sides_are_chosen(page: Page, in_page: InPage) -> None:
    compare(page, in_page, 1)
    page.choose("selectbox", "On the left", 2)
    assert (told(page) or {})["sides"] == ["Run 2", "Run 3"]
    page.press("Swap sides")
    assert (told(page) or {})["sides"] == ["Run 3", "Run 2"]
    assert page.widget("selectbox", "On the left").value == 3


def test_a_run_from_elsewhere_whose_legend_is_not_of_its_classes(page: Page, in_page: InPage) -> None:
    (one,), two_classes = in_page(kept.maps)[-1:], default_legend(("#111111", "#222222"))
    given = replace(
        in_page(lambda: keeping.listed(one)),
        run=replace(one.run, recipe=replace(one.run.recipe, k=4)),
        legend=two_classes,
        own=OwnLook(classes=looks_of(two_classes)),
    )
    assert in_page(lambda: kept.bring_in([given])) == (1, 0, 0)
    assert compare(page, in_page, 4)["sides"]
    in_page(lambda: kept.restore(4))
    assert [one.name for one in in_page(kept.now).legend.entries] == [f"Class {n}" for n in (1, 2, 3, 4)]


def test_a_run_beside_the_picture(page: Page, in_page: InPage) -> None:
    compare(page, in_page, 1)
    page.choose("selectbox", "On the left", 0)
    found = told(page)
    assert found is not None
    assert found["sides"] == ["The picture", "Run 3"]
    assert found["table"] is None
    assert len(page.tiles) == 2
    assert page.widget("button", "Swap sides").disabled
    assert page.widget("button_group", "Comparison").disabled


def test_a_move_is_pointed_out_and_let_go_again(page: Page, in_page: InPage, monkeypatch: pytest.MonkeyPatch) -> None:
    found = compare(page, in_page, 1)
    all_that_differs = page.tiles[3]
    pair = found["moves"][1]["pair"]
    act(in_page, monkeypatch, 1, kind="move", pair=pair)
    found = told(page)
    assert found is not None
    assert [move["chosen"] for move in found["moves"]] == [place == 1 for place in range(len(found["moves"]))]
    assert page.widget("button_group", "Comparison").value == "Where they differ"
    assert page.tiles[3] != all_that_differs
    act(in_page, monkeypatch, 2, kind="move", pair=pair)
    assert page.tiles[3] == all_that_differs


def test_a_change_of_the_map_ends_it(page: Page, in_page: InPage) -> None:
    compare(page, in_page, 1)
    page.choose(*K, 7)
    assert told(page) is None
    assert len(page.tiles) == 2
    assert page.widget("button", "Undo") is not None


def test_a_class_alone_ends_it_and_a_name_does_not(page: Page, in_page: InPage) -> None:
    compare(page, in_page, 1)
    page.edit_legend(LegendEvent({1: "Open sea"}))
    found = told(page)
    assert found is not None
    assert found["table"]["rows"][0]["name"] == "Open sea"
    page.edit_legend(LegendEvent(isolates=True, isolated=2))
    assert told(page) is None


def test_stopping_brings_back_what_was_there(page: Page, in_page: InPage, monkeypatch: pytest.MonkeyPatch) -> None:
    before = page.tiles
    compare(page, in_page, 1)
    act(in_page, monkeypatch, 1, kind="stop")
    assert told(page) is None
    assert page.tiles == before
    assert in_page(kept.now).number == 3


def test_what_is_no_action_is_skipped(page: Page, in_page: InPage, monkeypatch: pytest.MonkeyPatch) -> None:
    before = compare(page, in_page, 1)
    nothing = [None, *({"count": 1} | action for action in ({}, {"kind": "move"}, {"kind": "explode"}))]
    moves = [{"count": 2, "kind": "move", "pair": pair} for pair in ([1], [99, 1], [True, "1"], None)]
    monkeypatch.setattr(compare_panel, "sent", lambda key, name: [*nothing, *moves])
    in_page(lambda: compare_panel._receive(state.COMPARE_PANEL, compare_panel._carry_out))
    assert {**(told(page) or {}), "handled": 0} == {**before, "handled": 0}


def test_runs_of_other_scenes_and_pixels_say_why_they_cannot_be_compared(page: Page, in_page: InPage) -> None:
    now = in_page(kept.now)
    of_another = replace(now, run=replace(now.run, scene_digest="other", scene_title="Elsewhere"))
    read_anew = replace(now, run=replace(now.run, scene_digest="other"))
    larger = replace(now, run=replace(now.run, recipe=replace(now.run.recipe, pixel_size=60.0)))
    said = in_page(lambda: [why_not(one) for one in (now, of_another, read_anew, larger)])
    assert said[0] is None
    assert [words.split(".")[0] for words in said[1:]] == [
        "It is of another scene",
        "The files of its scene are read in another way now",
        "Its pixels have another size",
    ]
    assert all(row["why_not_compare"] is None for row in in_page(panel.panel_data)["rows"])


def test_the_only_run_is_compared_with_the_picture(page: Page, in_page: InPage) -> None:
    in_page(lambda: (kept.delete(1), kept.delete(2)))
    assert compare(page, in_page, 3)["sides"] == ["The picture", "Run 3"]


def test_the_run_that_is_shown_is_compared_with_the_one_before(page: Page, in_page: InPage) -> None:
    assert compare(page, in_page, 3)["sides"] == ["Run 2", "Run 3"]


@pytest.fixture(scope="module")
def large_scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Of which the live picture has every second row and column."""
    scene = make_scene(tmp_path_factory.mktemp("large"), (1100, 1000), ("B03", "B04", "B08"))
    assert scene.live_step == 2
    return scene


def offers(page: Page, button: str) -> bool:
    return any(one.label == button for one in page.test.button)


def never_done(left: Result, right: Result, progress: Progress, cancel: CancelToken) -> Comparison:
    wait_until(lambda: cancel.check() or False)
    raise AssertionError("it ends by being cancelled")


@pytest.mark.slow
def test_every_pixel_of_a_large_scene_is_counted_when_asked_and_can_be_stopped(
    start: Callable[[Scene], Page], large_scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = start(large_scene).choose(*K, 4)
    in_page = actor(page, monkeypatch)
    found = compare(page, in_page, 1)
    assert found["table"]["preview"] == "Of the preview, which has every 2nd row and column."
    preview, tiles = found["table"]["rows"], page.tiles

    with monkeypatch.context() as slow:
        slow.setattr(exact, "compare", never_done)
        page.press("Count every pixel")
        wait_until(lambda: offers(page.run(), "Cancel") and in_page(state.COUNTING.get) is not None)
        page.press("Cancel")
        wait_until(lambda: offers(page.run(), "Count every pixel"))
        assert told(page) == found

    page.press("Count every pixel")
    wait_until(lambda: "every pixel is counted" in page.run().words)
    found = told(page)
    assert found is not None
    assert found["table"]["preview"] == ""
    assert [row["number"] for row in found["table"]["rows"]] == [row["number"] for row in preview]
    assert found["table"]["rows"] != preview
    assert not set(page.tiles[1:]) & set(tiles[1:])
