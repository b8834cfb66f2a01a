"""The one cache: its budget, what goes first, and that a value is made once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from waiting import PATIENCE_SECONDS, wait_until

from s2dash.core.byte_cache import ByteCache, held_by_arrays
from s2dash.errors import TooFewPixels

THREADS = 12
STEPS = st.lists(
    st.tuples(st.sampled_from(("put", "get", "known", "drop")), st.integers(0, 7), st.integers(0, 120)), max_size=60
)


def block(key: int) -> np.ndarray:
    return np.full(100, key, dtype=np.uint8)


class Model:
    """What the cache is to do, said as plainly as possible: sizes by key, the least recently used first."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.sizes: OrderedDict[int, int] = OrderedDict()

    def put(self, key: int, size: int) -> None:
        self.sizes.pop(key, None)
        self.sizes[key] = size
        while sum(self.sizes.values()) > self.budget and len(self.sizes) > 1:
            self.sizes.popitem(last=False)

    def known(self, key: int) -> int | None:
        if key in self.sizes:
            self.sizes.move_to_end(key)
        return self.sizes.get(key)


@given(STEPS, st.integers(0, 300))
def test_is_within_its_budget_and_drops_the_least_recently_used(steps: list[tuple[str, int, int]], budget: int) -> None:
    cache: ByteCache[int, bytearray] = ByteCache(budget, lambda value: ((id(value), len(value)),))
    model = Model(budget)
    for what, key, size in steps:
        if what == "put":
            before = dict.fromkeys(model.sizes)
            dropped = cache.put(key, bytearray(size))
            model.put(key, size)
            assert dropped.keys() == before.keys() - model.sizes.keys()
        elif what == "get":
            found = model.known(key)
            assert len(cache.get(key, lambda: bytearray(size))) == (size if found is None else found)  # noqa: B023
            if found is None:
                model.put(key, size)
        elif what == "known":
            value = cache.known(key)
            assert (None if value is None else len(value)) == model.known(key)
        else:
            cache.drop(key.__eq__)
            model.sizes.pop(key, None)
        assert [key for key in range(8) if cache.has(key)] == sorted(model.sizes)
        assert cache.byte_count == sum(model.sizes.values())
        assert cache.byte_count <= budget or len(cache) == 1


@given(st.lists(st.tuples(st.integers(0, 5), st.sets(st.integers(0, 5))), max_size=40), st.integers(0, 400))
def test_what_values_share_counts_once_and_until_the_last_has_gone(
    puts: list[tuple[int, set[int]]], budget: int
) -> None:
    arrays = [np.zeros(size, np.uint8) for size in (10, 20, 40, 80, 160, 320)]
    cache: ByteCache[int, frozenset[int]] = ByteCache(
        budget, lambda value: held_by_arrays(*(arrays[number] for number in value))
    )
    for key, numbers in puts:
        cache.put(key, frozenset(numbers))
        kept = [value for one in range(6) if (value := cache.known(one)) is not None]
        assert cache.byte_count == sum(arrays[number].nbytes for number in frozenset[int]().union(*kept))
        assert cache.byte_count <= budget or len(cache) == 1
    cache.drop(lambda _: True)
    assert (cache.byte_count, len(cache)) == (0, 0)


@pytest.mark.parametrize("way", ["get", "each"])
def test_a_value_is_made_once_whoever_asks_at_the_same_time(way: str) -> None:
    cache: ByteCache[str, object] = ByteCache(1_000)
    made: list[object] = []
    at_once = threading.Barrier(THREADS)

    def make() -> object:
        time.sleep(0.05)
        made.append(object())
        return made[-1]

    def ask() -> object:
        at_once.wait(PATIENCE_SECONDS)
        return cache.get("key", make) if way == "get" else dict(cache.each(["key"], lambda _: make()))["key"]

    with ThreadPoolExecutor(THREADS) as pool:
        answers = [future.result() for future in [pool.submit(ask) for _ in range(THREADS)]]
    assert len(made) == 1
    assert all(answer is made[0] for answer in answers)


def test_many_threads_leave_the_count_of_bytes_right() -> None:
    cache: ByteCache[int, np.ndarray] = ByteCache(550)

    def work(seed: int) -> None:
        for key in np.random.default_rng(seed).integers(0, 12, 400).tolist():
            assert cache.get(key, lambda: block(key))[0] == key  # noqa: B023
            if key == 0:
                cache.drop(lambda one: one % 3 == seed % 3)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))
    kept = sum(cache.known(key) is not None for key in range(12))
    assert cache.byte_count == 100 * kept <= 550


def test_an_error_reaches_all_who_wait_and_is_not_kept() -> None:
    cache: ByteCache[str, int] = ByteCache(1_000)
    is_making, may_fail = threading.Event(), threading.Event()

    def fail() -> int:
        is_making.set()
        may_fail.wait(PATIENCE_SECONDS)
        raise TooFewPixels("k = 9 but the mask leaves 4 distinct pixels.")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get, "key", fail)
        assert is_making.wait(PATIENCE_SECONDS)
        assert cache.known("key") is None
        second = pool.submit(cache.get, "key", lambda: 1)
        wait_until(lambda: cache._entries["key"].awaited is not None)
        may_fail.set()
        for future in (first, second):
            assert isinstance(future.exception(PATIENCE_SECONDS), TooFewPixels)
    assert not cache.has("key")
    assert cache.get("key", lambda: 7) == 7


def test_what_is_dropped_while_it_is_made_reaches_who_asked_and_is_not_kept() -> None:
    cache: ByteCache[str, np.ndarray] = ByteCache(1_000)

    def make() -> np.ndarray:
        cache.drop(lambda key: key == "key")
        return block(1)

    assert cache.get("key", make)[0] == 1
    assert (cache.byte_count, cache.has("key")) == (0, False)


def test_threads_share_what_is_being_made_and_work_on_the_rest() -> None:
    cache: ByteCache[int, np.ndarray] = ByteCache(10_000)
    made: list[int] = []
    both = threading.Barrier(2)

    def make(key: int) -> np.ndarray:
        if key < 2:  # the first of each thread: neither waits for the other
            both.wait(PATIENCE_SECONDS)
        made.append(key)
        return block(key)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda keys: dict(cache.each(keys, make)), ([0, 1, 2, 3], [1, 0, 3, 2])))
    assert sorted(made) == [0, 1, 2, 3]
    assert all(answer[key] is answers[0][key] for answer in answers for key in range(4))


def test_what_is_idle_goes_and_its_bytes_are_counted() -> None:
    cache: ByteCache[int, np.ndarray] = ByteCache(1_000)
    list(cache.each([1, 2], block))
    assert cache.drop_idle(60) == 0
    assert cache.drop_idle(-1) == 200
    assert cache.byte_count == 0
