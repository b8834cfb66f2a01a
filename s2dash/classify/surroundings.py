"""What lies around the places of a sample, held from the one reading of a scene until their features are smoothed.

Smoothing that keeps edges acts in a space that is learnt from the sample, so it can't be done while pixels are read;
reading them once more would cost as much again.
"""

from __future__ import annotations

import mmap
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from s2dash.classify.edge_smoothing import HALO
from s2dash.classify.features import PLACES_AT_ONCE, around, features_at, smoothed_around
from s2dash.classify.prepare import Prepared
from s2dash.core.scene import Pixels
from s2dash.settings import LIVE_LIMITS, thread_count

_AREA = (2 * HALO + 1) ** 2
"""Pixels that the smoothed features of a place depend on."""

_lock = threading.Lock()
_held_bytes = 0


class Held(Protocol):
    """Places of a part of a scene, with the pixels that their smoothed features depend on."""

    @property
    def count(self) -> int:
        """How many places there are."""

    def features(self, prepared: Prepared, chosen: np.ndarray) -> np.ndarray:
        """Smoothed features of some of the places, by their numbers: shape (features, places), float32."""


@dataclass(frozen=True, eq=False)
class _Whole:
    """All that was read, where places lie near each other."""

    pixels: Pixels
    rows: np.ndarray
    cols: np.ndarray

    @property
    def count(self) -> int:
        return len(self.rows)

    def features(self, prepared: Prepared, chosen: np.ndarray) -> np.ndarray:
        return features_at(prepared, self.pixels, self.rows[chosen], self.cols[chosen]).values[:, 0]


@dataclass(frozen=True, eq=False)
class _Apart:
    """Copies of what lies around each place."""

    near: tuple[Pixels, ...]
    count: int

    def features(self, prepared: Prepared, chosen: np.ndarray) -> np.ndarray:
        starts = np.searchsorted(chosen, np.arange(len(self.near) + 1) * PLACES_AT_ONCE)
        found = [np.empty((_space_count(prepared), 0), dtype=np.float32)]
        for number, near in enumerate(self.near):
            some = chosen[starts[number] : starts[number + 1]] - number * PLACES_AT_ONCE
            if len(some):
                found.append(smoothed_around(prepared, _of_places(near, some)).values)
        return np.concatenate(found, axis=1)


def held(pixels: Pixels, rows: np.ndarray, cols: np.ndarray) -> Held:
    """What places of a part of a scene depend on; `pixels` are what was read of it, with `HALO` more around them."""
    if len(rows) * _AREA >= pixels.valid.size:
        return _Whole(pixels, rows, cols)
    pixels = Pixels(np.ascontiguousarray(pixels.values), pixels.valid)
    parts = [slice(start, start + PLACES_AT_ONCE) for start in range(0, len(rows), PLACES_AT_ONCE)]
    return _Apart(tuple(_set_apart(around(pixels, rows[part], cols[part])) for part in parts), len(rows))


def smoothed_features(prepared: Prepared, parts: Sequence[Held], chosen: np.ndarray) -> np.ndarray:
    """Smoothed features of some of the places of all parts, by their numbers in order: shape (features, places)."""
    ends = np.cumsum([0, *(part.count for part in parts)])
    cuts = np.searchsorted(chosen, ends)

    def of_part(number: int) -> np.ndarray:
        return parts[number].features(prepared, chosen[cuts[number] : cuts[number + 1]] - ends[number])

    with ThreadPoolExecutor(thread_count()) as pool:
        return np.concatenate(list(pool.map(of_part, range(len(parts)))), axis=1)


@contextmanager
def room_for(prepared: Prepared, places: float) -> Iterator[bool]:
    """Whether so many places may be held for the length of the block, beside what else this process holds."""
    global _held_bytes
    grid = prepared.scene.grid
    each = len(prepared.positions) * np.dtype(prepared.scene.dtype).itemsize + 1
    wanted = int(min(places * _AREA, grid.pixel_count)) * each
    with _lock:
        fits = _held_bytes + wanted <= LIVE_LIMITS.most_around_bytes
        _held_bytes += wanted * fits
    try:
        yield fits
    finally:
        with _lock:
            _held_bytes -= wanted * fits


def _set_apart(near: Pixels) -> Pixels:
    """The same in memory of its own: the C library would keep what pieces of this size leave behind."""
    own = mmap.mmap(-1, near.values.nbytes)
    values = np.frombuffer(own, dtype=near.values.dtype).reshape(near.values.shape)
    values[...] = near.values
    return Pixels(values, near.valid)


def _of_places(near: Pixels, chosen: np.ndarray) -> Pixels:
    """What is `around` some of the places."""
    side = 2 * HALO + 1

    def some(values: np.ndarray) -> np.ndarray:
        rows = values.reshape(*values.shape[:-1], side, -1)
        return rows[..., chosen].reshape(*values.shape[:-1], -1)

    return near if len(chosen) * side == near.valid.shape[1] else Pixels(some(near.values), some(near.valid))


def _space_count(prepared: Prepared) -> int:
    assert prepared.pointwise is not None
    return prepared.pointwise.count
