"""Smoothing that keeps edges: each pixel becomes the mean of itself and of neighbours like it, in three passes.

The edge-avoiding à-trous filter of Dammertz, Sewtz, Hanika and Lensch (2010, "Edge-Avoiding À-Trous Wavelet Transform
for fast Global Illumination Filtering"), with steps of 1, 2 and 3 pixels. The same bits whichever way pixels are read:
neighbours are added in one order, and their weights are numpy's `exp` of single precision, element by element.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from s2dash.core.room import room

HALO = 6
"""Pixels beyond a pixel that its smoothed features depend on: the sum of the steps."""

_STEPS = (1, 2, 3)
_SIGMA = 0.4
"""Neighbours whose features differ by so much, as a root mean square, weigh exp(-1/2) of those that are alike."""
_STRAIGHT, _DIAGONAL = 0.8825, 0.7788
"""Weights of neighbours that are alike: exp(-1/8) and exp(-1/4)."""
_FAR = np.float32(1e15)
"""Features of what is masked or outside: so unlike all else that it weighs nothing, without being asked for."""
_PADDED_ROWS, _PADDED_COLS = 4, 3
_BLOCK_PIXELS = 32_768
"""Of which a block has at most so many: with fewer, numpy's calls cost more than what they do."""
_STRIP_COLS = 640


def edge_smoothed(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Smoothed features of a picture; what is beyond its edges counts as masked.

    Parameters
    ----------
    values : ndarray of shape (features, rows, cols), float32, below 1e6 where valid, on a scale on which their mean
        variance is about 1
    valid : ndarray of shape (rows, cols), bool

    Returns
    -------
    ndarray of shape (features, rows, cols), float32; 0 where masked.
    """
    features, rows, cols = values.shape
    out = np.empty(values.shape, dtype=np.float32)
    # Strips of columns, so that what is a row away is near in memory too.
    count = max(1, round(cols / _STRIP_COLS))
    edges = [cols * number // count for number in range(count + 1)]
    strips = [slice(max(0, left - HALO), min(cols, right + HALO)) for left, right in itertools.pairwise(edges)]
    shape = (features, rows, max(strip.stop - strip.start for strip in strips))
    laid_out = room("strips", shape, lambda: _LaidOut(*shape))
    for wide, (left, right) in zip(strips, itertools.pairwise(edges), strict=True):
        smooth = laid_out.smoothed(values[:, :, wide], valid[:, wide])
        out[:, :, left:right] = smooth[:, :, left - wide.start : right - wide.start]
    _fill(out, ~valid, np.float32(0))
    return out


def edge_smoothed_at(neighbours: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """`edge_smoothed` of single places, from the features around them: shape (features, places), float32.

    Parameters
    ----------
    neighbours : ndarray of shape (features, 13, 13, places), float32: the place in the middle of `HALO` on each side
    valid : ndarray of shape (13, 13, places), bool
    """
    found = np.where(valid, neighbours, _FAR)
    present: Sequence[int] = range(-HALO, HALO + 1)
    for number, step in enumerate(_STEPS):
        wanted = _needed(_STEPS[number + 1 :])
        found, present = _pass_at(found, present, wanted, step), wanted
    out = found[:, 0, 0]
    np.copyto(out, 0, where=~valid[HALO, HALO])
    return out


def _fill(values: np.ndarray, hidden: np.ndarray, number: np.float32) -> None:
    if hidden.any():
        np.copyto(values, number, where=hidden)


def _needed(steps: Sequence[int]) -> list[int]:
    """How far from a place, along an axis, passes of these steps look."""
    places = {0}
    for step in steps:
        places = {place + off for place in places for off in (-step, 0, step)}
    return sorted(places)


def _offsets(step: int) -> Iterator[tuple[int, int, float]]:
    """Rows and columns to half of the neighbours, and their weight; the others are as far on the other side."""
    yield 0, step, _STRAIGHT
    yield step, 0, _STRAIGHT
    yield step, step, _DIAGONAL
    yield step, -step, _DIAGONAL


class _LaidOut:
    """Room for strips up to a width, used again for each: rows one behind another, with what is far between them."""

    def __init__(self, features: int, rows: int, cols: int) -> None:
        self._width = cols + _PADDED_COLS
        size = (rows + 2 * _PADDED_ROWS) * self._width
        self._before, self._after = (np.full((features, size), _FAR, dtype=np.float32) for _ in range(2))
        self._first, self._end = _PADDED_ROWS * self._width, size - _PADDED_ROWS * self._width
        self._block = min(_BLOCK_PIXELS, self._end - self._first)
        reach = self._block + max(_STEPS) * (self._width + 1)
        self._differences: np.ndarray = np.empty((features, reach), dtype=np.float32)
        self._square, self._weights = np.empty((2, reach), dtype=np.float32)
        self._sums: np.ndarray = np.empty((features, self._block), dtype=np.float32)
        self._total: np.ndarray = np.empty(self._block, dtype=np.float32)

    def smoothed(self, values: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """All passes over a strip, shape (features, rows, cols); what comes out lasts until the next one."""
        cols = values.shape[2]
        inside = self._inside()
        inside[:, :, :cols] = values
        inside[:, :, cols:] = _FAR
        _fill(inside[:, :, :cols], ~valid, _FAR)
        for step in _STEPS:
            for start in range(self._first, self._end, self._block):
                self._pass(start, min(start + self._block, self._end), step)
            self._before, self._after = self._after, self._before
        return self._inside()[:, :, :cols]

    def _inside(self) -> np.ndarray:
        rows = self._before.reshape(len(self._before), -1, self._width)
        return rows[:, _PADDED_ROWS:-_PADDED_ROWS, :-_PADDED_COLS]

    def _pass(self, start: int, stop: int, step: int) -> None:
        """One pass over a block of what is laid out."""
        before, size = self._before, stop - start
        sums, total = self._sums[:, :size], self._total[:size]
        total[...] = 1
        for number, (down, right, likeness) in enumerate(_offsets(step)):
            away = down * self._width + right
            # From a pixel to its neighbour it is as far as back: each pair is compared once.
            towards, weight = self._differences[:, : size + away], self._weights[: size + away]
            np.subtract(before[:, start : stop + away], before[:, start - away : stop], out=towards)
            _weigh(towards, likeness, self._square[: size + away], weight)
            towards *= weight
            if number:
                sums += towards[:, away:]
                sums -= towards[:, :size]
            else:
                np.subtract(towards[:, away:], towards[:, :size], out=sums)
            total += weight[away:]
            total += weight[:size]
        sums /= total
        np.add(before[:, start:stop], sums, out=self._after[:, start:stop])


def _pass_at(before: np.ndarray, present: Sequence[int], wanted: Sequence[int], step: int) -> np.ndarray:
    """One pass at the crossings of `wanted` rows and columns, from those of `present`, as seen from each place.

    `before` has shape (features, present, present, places).
    """
    number = {place: i for i, place in enumerate(present)}

    def at(down: int, right: int) -> np.ndarray:
        rows, cols = ([number[place + off] for place in wanted] for off in (down, right))
        return np.ascontiguousarray(before[:, rows][:, :, cols])

    here = at(0, 0)
    sums, total = np.zeros_like(here), np.ones_like(here[0])
    square, weight = np.empty_like(total), np.empty_like(total)
    for down, right, likeness in _offsets(step):
        for sign in (1, -1):
            towards = at(sign * down, sign * right) - here
            _weigh(towards, likeness, square, weight)
            towards *= weight
            sums += towards
            total += weight
    sums /= total
    return np.asarray(here + sums)


def _weigh(differences: np.ndarray, likeness: float, square: np.ndarray, out: np.ndarray) -> None:
    """Weights of neighbours by how their features differ: shape (features, ...) to shape (...), through `square`."""
    np.multiply(differences[0], differences[0], out=out)
    for one in differences[1:]:  # in this order: numpy's own sums choose one by the shape
        np.multiply(one, one, out=square)
        out += square
    out *= np.float32(-1 / (2 * _SIGMA**2 * len(differences)))
    np.exp(out, out=out)
    out *= np.float32(likeness)
