"""Runs that go on without a page: kept under a token, watched, stopped after a grace period."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from waiting import PATIENCE_SECONDS

from s2dash.core.recipe import Recipe
from s2dash.core.run import Run
from s2dash.core.types import CancelToken, Progress
from s2dash.errors import Cancelled
from s2dash.server.jobs import FullJob, Job
from s2dash.server.kept_runs import KeptRun, KeptRuns
from s2dash.settings import RunLimits


def kept(scene: str = "") -> KeptRun[str]:
    return KeptRun(cast(FullJob, SimpleNamespace(is_kept=False)), scene, Run(scene, Recipe(("B04",))))


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def until_cancelled(folder: Path, progress: Progress, cancel: CancelToken) -> None:
    while True:
        cancel.check()
        time.sleep(0.01)


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Job[None]]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def start(is_wanted: Callable[[], bool], grace_seconds: float) -> Job[None]:
        return Job(until_cancelled).start(is_wanted, grace_seconds)

    return start


def test_a_run_comes_back_by_its_token_and_by_no_other() -> None:
    runs: KeptRuns[str] = KeptRuns()
    first, second = kept("a"), kept("b")
    tokens = runs.put(first), runs.put(second)
    assert tokens[0] != tokens[1]
    assert len(tokens[0]) == 32
    assert [runs.get(token) for token in tokens] == [first, second]
    assert runs.get("") is runs.get("0" * 32) is None
    assert first.job.is_kept
    assert second.job.is_kept


def test_a_dropped_run_is_watched_again() -> None:
    runs: KeptRuns[str] = KeptRuns()
    run = kept()
    token = runs.put(run)
    runs.drop(token)
    runs.drop(token)
    assert runs.get(token) is None
    assert not run.job.is_kept


def test_all_runs_of_a_session_go_and_no_others() -> None:
    runs: KeptRuns[str] = KeptRuns()
    made = [replace(kept(), session=address) for address in ("one", "", "one", "other")]
    tokens = [runs.put(run) for run in made]
    runs.drop_session("")
    runs.drop_session("one")
    assert [runs.get(token) is not None for token in tokens] == [False, True, False, True]
    assert [run.job.is_kept for run in made] == [False, True, False, True]


def test_runs_go_after_their_time_and_the_oldest_where_there_are_too_many() -> None:
    clock = Clock()
    runs: KeptRuns[str] = KeptRuns(RunLimits(kept_seconds=100, most_kept=2), clock)
    tokens = []
    for now in (0, 10, 20):
        clock.now = now
        tokens.append(runs.put(kept()))
    assert [runs.get(token) is not None for token in tokens] == [False, True, True]
    clock.now = 111
    assert [runs.get(token) is not None for token in tokens] == [False, False, True]


def test_a_job_whose_page_is_closed_stops_after_the_grace_period(begin: Callable[..., Job[None]]) -> None:
    job = begin(lambda: False, 0.2)
    assert job.wait(PATIENCE_SECONDS)
    with pytest.raises(Cancelled):
        job.result()
    assert not job.folder.path.exists()


def test_a_job_goes_on_while_its_page_is_open_or_it_is_kept(begin: Callable[..., Job[None]]) -> None:
    is_open = threading.Event()
    is_open.set()
    job = begin(is_open.is_set, 0.1)
    assert not job.wait(0.6)
    job.is_kept = True
    is_open.clear()
    assert not job.wait(0.6)
    job.is_kept = False
    assert job.wait(PATIENCE_SECONDS)


def test_a_job_goes_on_while_any_page_wants_it(begin: Callable[..., Job[None]]) -> None:
    first, second = threading.Event(), threading.Event()
    first.set()
    second.set()
    job = begin(first.is_set, 0.1)
    job.go_on_while(second.is_set)
    first.clear()
    assert not job.wait(0.6)
    second.clear()
    assert job.wait(PATIENCE_SECONDS)
    assert isinstance(job.error, Cancelled)


def test_a_page_that_comes_back_in_time_saves_its_job(begin: Callable[..., Job[None]]) -> None:
    looks = iter([False, True] * 10_000)
    job = begin(lambda: next(looks), 0.3)
    assert not job.wait(1.5)
    job.cancel()
    assert job.wait(PATIENCE_SECONDS)
