"""One thread inside every fit, however many fits overlap; and work side by side that comes back in order."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from threadpoolctl import threadpool_info
from waiting import PATIENCE_SECONDS

from s2dash.classify.algorithms.threads import side_by_side, single_threaded

LIGHTGBM = "libgomp.so."
"""The system's own, for guessing clouds: that takes its number of threads at each call."""


def allowed_threads() -> set[int]:
    """What each library that fits use may use when called from this thread."""
    return {one["num_threads"] for one in threadpool_info() if not Path(one["filepath"]).name.startswith(LIGHTGBM)}


def test_overlapping_blocks_stay_limited_when_one_of_them_ends() -> None:
    """The second block begins within the first, in another thread, and outlives it."""
    inside, ended = threading.Event(), threading.Event()

    def outlive() -> tuple[set[int], set[int]]:
        with single_threaded():
            before = allowed_threads()
            inside.set()
            assert ended.wait(PATIENCE_SECONDS)
            return before, allowed_threads()

    with ThreadPoolExecutor(1) as pool:
        with single_threaded():
            future = pool.submit(outlive)
            assert inside.wait(PATIENCE_SECONDS)
        ended.set()
        assert future.result(10) == ({1}, {1})


def test_a_thread_that_comes_after_another_is_limited_too() -> None:
    with single_threaded():
        assert allowed_threads() == {1}

    def look() -> set[int]:
        with single_threaded(), single_threaded():
            return allowed_threads()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(look).result(10) == {1}


def test_side_by_side_keeps_the_order_and_limits_every_piece() -> None:
    found = side_by_side(lambda n: (n, allowed_threads()), range(20))
    assert found == [(n, {1}) for n in range(20)]


def test_side_by_side_of_nothing_is_nothing() -> None:
    assert side_by_side(str, ()) == []
