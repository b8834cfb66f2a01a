"""Runs over all pixels of several users at once: in one line, none starving; and none begins before it is wanted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from page_driver import Page, downloads, start
from scenes import make_scene
from test_first_look import FIRST_LOOK, go_on
from waiting import PATIENCE_SECONDS, wait_until

from s2dash.classify import pipeline
from s2dash.core.scene import Scene
from s2dash.core.types import CancelToken, Progress
from s2dash.errors import Cancelled
from s2dash.server import jobs
from s2dash.server.jobs import Job
from s2dash.server.turns import Turns
from s2dash.settings import RUN_LIMITS
from s2dash.ui import full_run

__all__ = ["downloads", "go_on", "start"]  # fixtures


class Line:
    """Jobs of several users in one line; each works until it is let go."""

    def __init__(self, most_at_once: int) -> None:
        self.turns = Turns(most_at_once)
        self.begun: list[int] = []
        self.most_now = 0
        self._now = 0
        self._lock = threading.Lock()
        self.go = [threading.Event() for _ in range(6)]

    def job(self, user: int) -> Job[int]:
        def work(folder: Path, progress: Progress, cancel: CancelToken) -> int:
            with self._lock:
                self.begun.append(user)
                self._now += 1
                self.most_now = max(self.most_now, self._now)
            assert self.go[user].wait(PATIENCE_SECONDS)
            with self._lock:
                self._now -= 1
            cancel.check()
            return user

        one = Job(work, turns=self.turns).start()
        # The next user asks later, so that there is an order.
        wait_until(lambda: user in self.begun or len(self.turns._waiting) == user + 1 - len(self.begun))
        return one


@pytest.mark.parametrize("most_at_once", [1, 2, 3])
def test_everybody_comes_in_the_order_of_asking_and_few_at_once(most_at_once: int) -> None:
    line = Line(most_at_once)
    users = [line.job(user) for user in range(6)]
    for user, one in enumerate(users):
        wait_until(lambda user=user: user in line.begun)
        assert [other.is_waiting for other in users[user + most_at_once :]] == [True] * (6 - user - most_at_once)
        line.go[user].set()
        assert one.wait(PATIENCE_SECONDS)
        assert one.result() == user
    assert line.begun == sorted(line.begun)
    assert line.most_now == most_at_once


def test_who_leaves_the_line_keeps_nobody_waiting() -> None:
    line = Line(1)
    first, second, third = (line.job(user) for user in range(3))
    second.cancel()
    assert second.wait(PATIENCE_SECONDS)
    assert isinstance(second.error, Cancelled)
    first.cancel()
    line.go[0].set()
    wait_until(lambda: line.begun == [0, 2])
    line.go[2].set()
    assert third.wait(PATIENCE_SECONDS)
    assert line.turns.is_one_free


# ---- the page --------------------------------------------------------------------------------------------------------


@pytest.fixture
def begun(start: Callable[[Scene], Page], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Grows by the recipe of each full run that begins; all are soon done, which `start` rules out."""
    recipes, whole = [], pipeline.run_full

    def noted(fitted: Any, *more: Any) -> Any:
        recipes.append(fitted.recipe)
        return whole(fitted, *more)

    monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 6_000)
    monkeypatch.setattr(pipeline, "run_full", noted)
    monkeypatch.setattr(full_run, "RUN_LIMITS", replace(RUN_LIMITS, at_once_seconds=3_600))
    return recipes


def test_none_begins_by_itself_on_a_first_look(
    begun: list[Any], go_on: threading.Event, start: Callable[[Scene], Page], tmp_path: Path
) -> None:
    page = start(make_scene(tmp_path, (150, 130)))
    for _ in range(3):
        assert FIRST_LOOK in page.run().words
    assert begun == []
    go_on.set()
    wait_until(lambda: FIRST_LOOK not in page.run().words)
    wait_until(lambda: page.run() and begun)
    assert [recipe.keeps_edges for recipe in begun] == [True]


def test_none_begins_by_itself_where_it_would_have_to_wait(
    begun: list[Any], start: Callable[[Scene], Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = Turns(1)
    monkeypatch.setattr(jobs, "FULL_TURNS", turns)
    monkeypatch.setattr(full_run, "FULL_TURNS", turns)
    with ExitStack() as others:
        others.enter_context(turns(CancelToken()))
        page = start(make_scene(tmp_path, (150, 130)))
        assert begun == []
        page.press("Classify full scene")  # whoever asks for it stands in line
        wait_until(lambda: any("Waiting for the full scenes" in bar.proto.text for bar in page.test.get("progress")))
        assert begun == []
    wait_until(lambda: "Download GeoTIFF" in page.run().downloads)
    assert len(begun) == 1
