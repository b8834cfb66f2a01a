"""The panel on numbers of classes as people use it: asked for, looked at, a number adopted, stopped, left again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from page_driver import Page, downloads, start
from scenes import make_scene
from waiting import wait_until

from s2dash.core.scene import Scene
from s2dash.server.sweeps import Sweeps
from s2dash.settings import AdviceLimits
from s2dash.ui import services

__all__ = ["downloads", "start"]  # fixtures
FEW = AdviceLimits(highest_k=6, refits=2, refit_pixels=300)


@pytest.fixture
def page(tmp_path: Path, start: Callable[[Scene], Page], monkeypatch: pytest.MonkeyPatch) -> Page:
    sweeps = Sweeps(lambda: False, FEW)
    monkeypatch.setattr(services, "sweeps", lambda: sweeps)
    return start(make_scene(tmp_path, (40, 50)))


def buttons(page: Page) -> list[str]:
    return [button.label for button in page.test.button]


def curves(page: Page) -> dict[str, Any]:
    told = [json.loads(component.proto.json) for component in page.test.get("bidi_component")]
    return next((one for one in told if "measures" in one), {})


def wait_for_advice(page: Page) -> None:
    wait_until(lambda: "Stop" not in buttons(page.run()))


def test_an_advised_number_is_adopted_and_undone(page: Page) -> None:
    page.press("Help me choose")
    assert curves(page)["now"] == 8
    assert not page.rows
    wait_for_advice(page)
    offered = curves(page)["use"]
    assert offered is not None
    assert f"Use {offered} classes" in buttons(page)
    assert any(words.startswith("**") and "same at every try" in words for words in page.fragments)
    page.press(f"Use {offered} classes")
    assert page.widget("slider", "Number of classes (k)").value == offered
    assert curves(page)["now"] == offered
    page.press("Undo")
    assert curves(page)["now"] == 8
    page.press("Classes")
    assert len(page.rows) == 8
    assert not curves(page)


def test_stopped_until_it_is_asked_for_again(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Sweeps(lambda: True, FEW)
    monkeypatch.setattr(services, "sweeps", lambda: waiting)
    page.press("Help me choose").press("Stop")
    assert "Stopped." in page.words
    assert not curves(page)
    page.choose("slider", "Number of classes (k)", 5)
    assert "Stopped." in page.words
    page.press("Try again")
    assert curves(page)["now"] == 5


def test_another_panel_takes_its_place(page: Page) -> None:
    page.press("Help me choose")
    assert curves(page)
    page.choose("segmented_control", "Panel", "Runs")
    assert not curves(page)
    page.choose("segmented_control", "Panel", "Classes")
    assert not curves(page)


def test_the_nested_tree_is_cut_by_either_slider(page: Page) -> None:
    page.press("Help me choose").choose("segmented_control", "Way of looking at numbers", "Nested")
    page.press("Use nested groups")
    assert page.widget("selectbox", "Algorithm").value == "nested-groups"
    page.choose("slider", "Cut the tree at", 5)
    assert page.widget("slider", "Number of classes (k)").value == 5
    assert "**4 to 5:**" in page.words
    page.choose("slider", "Number of classes (k)", 6)
    assert page.widget("slider", "Cut the tree at").value == 6
    assert "**6 to 7:**" in page.words
