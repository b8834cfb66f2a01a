"""Memory used again: by one thread, for one shape, and only where the thread was told to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from s2dash.classify.edge_smoothing import edge_smoothed
from s2dash.core.room import keep_rooms, room


def _asked(*keys: int) -> list[object]:
    return [room("planes", key, object) for key in keys]


def test_a_thread_that_keeps_rooms_has_the_same_as_long_as_the_key_stays() -> None:
    with ThreadPoolExecutor(1, initializer=keep_rooms) as pool:
        first, again, other, anew = pool.submit(_asked, 1, 1, 2, 1).result()
        assert first is again
        assert len({id(one) for one in (first, other, anew)}) == 3
        assert pool.submit(room, "sums", 1, object).result() is not anew
        assert pool.submit(_asked, 1).result() == [anew]


def test_other_threads_have_their_own_or_none() -> None:
    with ThreadPoolExecutor(1, initializer=keep_rooms) as pool, ThreadPoolExecutor(1, initializer=keep_rooms) as other:
        assert pool.submit(_asked, 1).result() != other.submit(_asked, 1).result()
    first, again = _asked(1, 1)
    assert first is not again


def test_a_smoothed_picture_is_not_touched_by_the_next() -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.normal(size=(3, 30, 40)).astype(np.float32) for _ in range(3)]
    masks = [rng.random((30, 40)) > share for share in (0.0, 0.5, 0.2)]
    alone = [edge_smoothed(one, valid) for one, valid in zip(pictures, masks, strict=True)]
    with ThreadPoolExecutor(1, initializer=keep_rooms) as pool:
        together = list(pool.map(edge_smoothed, pictures, masks))
    assert all(np.array_equal(*pair) for pair in zip(alone, together, strict=True))
