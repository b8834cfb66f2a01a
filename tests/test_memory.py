"""Freed memory goes back once, after the last burst of work, and nothing breaks where the C library cannot do it."""

from __future__ import annotations

import threading

import pytest

from s2dash.server import memory


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[int, ...]]]:
    """Calls of the C library, in place of making them."""
    made: list[tuple[str, tuple[int, ...]]] = []
    monkeypatch.setattr(memory, "_libc_function", lambda name: lambda *given: made.append((name, given)))
    return made


def test_a_burst_is_handed_back_once(monkeypatch: pytest.MonkeyPatch, calls: list[object]) -> None:
    monkeypatch.setattr(memory, "_QUIET_SECONDS", 3_600)
    for _ in range(20):
        memory.hand_back_soon()
    timers = [t for t in threading.enumerate() if isinstance(t, threading.Timer) and t.function is memory.hand_back]
    (waiting,) = [timer for timer in timers if not timer.finished.is_set()]
    waiting.cancel()
    assert calls == []
    waiting.function()
    assert calls == [("malloc_trim", (0,))]


def test_pools_are_few_and_bounded(calls: list[tuple[str, tuple[int, ...]]]) -> None:
    memory.share_pools()
    assert {name for name, _ in calls} == {"mallopt"}
    assert all(value >= 1 for _, (_, value) in calls)


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_libc_function", lambda name: None)
    memory.share_pools()
    memory.hand_back()


def test_this_c_library_is_asked_without_harm() -> None:
    assert memory._libc_function("no such function") is None
    memory.hand_back()
