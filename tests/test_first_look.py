"""The first look at a large scene on the page: said to be one, replaced by the smoothed map, and nothing of it kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from page_driver import Page, downloads, start
from scenes import make_scene
from waiting import PATIENCE_SECONDS, wait_until

from s2dash.classify.learn import learnt_with_sample
from s2dash.classify.prepare import Prepared
from s2dash.classify.sampling import Sample
from s2dash.core.scene import Scene
from s2dash.server import live_engine
from s2dash.ui.legend_event import LegendEvent

__all__ = ["downloads", "start"]  # fixtures

FIRST_LOOK = "**A first look**"


@pytest.fixture
def go_on(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Until it is set nothing is smoothed; the page is drawn once at a time."""
    event = threading.Event()

    def held(prepared: Prepared) -> tuple[Prepared, Sample]:
        assert not prepared.recipe.keeps_edges or event.wait(PATIENCE_SECONDS)
        return learnt_with_sample(prepared)

    monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 6_000)
    monkeypatch.setattr(live_engine, "learnt_with_sample", held)
    monkeypatch.setattr(Page, "run", lambda page: page._run_once() or page)
    return event


@pytest.fixture
def page(go_on: threading.Event, start: Callable[[Scene], Page], tmp_path: Path) -> Page:
    scene = make_scene(tmp_path, (150, 130))
    assert scene.live_step == 2
    return start(scene)


def named(page: Page) -> list[str]:
    return [str(row["second"]) for row in page.rows if row["name"] == "Sea"]


def test_is_said_and_nothing_of_it_leaves_the_page(page: Page, go_on: threading.Event) -> None:
    assert FIRST_LOOK in page.words
    assert "Up to date" not in page.words
    first = page.tiles[-1]
    assert len(page.edit_legend(LegendEvent(names={2: "Sea"})).rows) > 1
    assert named(page) == [""]
    assert page.downloads == {}
    assert "What you hand over or take to other scenes is the smoothed map" in page.words
    assert "maps" not in page.test.session_state

    go_on.set()
    wait_until(lambda: FIRST_LOOK not in page.run().words)
    assert "Up to date" in page.words
    assert page.tiles[-1] != first
    assert named(page) == ["carried over"]
    assert page.recipe.keeps_edges
    (kept,) = page.test.session_state["maps"]
    assert kept.run.recipe.keeps_edges


def test_a_name_that_comes_with_the_smoothed_map_is_of_the_class_that_was_named(
    page: Page, go_on: threading.Event
) -> None:
    go_on.set()
    wait_until(page.test.session_state["future"].done)
    assert FIRST_LOOK in page.words
    page.edit_legend(LegendEvent(names={2: "Sea"}))
    assert FIRST_LOOK not in page.words
    assert named(page) == ["carried over"]
    # Of the smoothed map itself the second class, which may be another one, has no name.
    assert [recipe.keeps_edges for _, recipe in page.test.session_state["legend edits"]] == [False]
