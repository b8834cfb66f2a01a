"""Smoothing that keeps edges: each pixel becomes the mean of itself and of neighbours like it, in three passes.

The edge-avoiding à-trous filter of Dammertz, Sewtz, Hanika and Lensch (2010, "Edge-Avoiding À-Trous Wavelet Transform
for fast Global Illumination Filtering"), with steps of 1, 2 and 3 pixels. The same bits whichever way pixels are read:
neighbours are added in one order, and their weights are numpy's `exp` of single precision, element by element.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

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
_STRIP_COLS = 1_024
_PLACES_AT_ONCE = 512


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
    out = np.empty(values.shape, dtype=np.float32)
    cols = values.shape[2]
    # Strips of columns, so that what is a row away is near in memory too.
    for left in range(0, cols, _STRIP_COLS):
        right = min(left + _STRIP_COLS, cols)
        wide = slice(max(0, left - HALO), min(cols, right + HALO))
        strip = _strip(values[:, :, wide], valid[:, wide])
        out[:, :, left:right] = strip[:, :, left - wide.start : right - wide.start]
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


def _strip(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """All passes over a picture, whose rows are laid one behind another with what is far between them."""
    features, rows, cols = values.shape
    width = cols + _PADDED_COLS
    before: np.ndarray = np.full((features, rows + 2 * _PADDED_ROWS, width), _FAR, dtype=np.float32)
    inside = before[:, _PADDED_ROWS:-_PADDED_ROWS, :cols]
    inside[...] = values
    _fill(inside, ~valid, _FAR)
    before = before.reshape(features, -1)
    after = np.full_like(before, _FAR)
    for step in _STEPS:
        _pass(before, after, width, step)
        before, after = after, before
    return before.reshape(features, -1, width)[:, _PADDED_ROWS:-_PADDED_ROWS, :cols]


def _pass(before: np.ndarray, after: np.ndarray, width: int, step: int) -> None:
    """One pass over pixels laid out in one row, shape (features, pixels); `width` of them lead to the next row."""
    features, count = before.shape
    first, end = _PADDED_ROWS * width, count - _PADDED_ROWS * width
    length = min(_BLOCK_PIXELS, end - first)
    reach = length + step * width + step
    differences, squares = np.empty((2, features, reach), dtype=np.float32)
    weights = np.empty(reach, dtype=np.float32)
    sums: np.ndarray = np.empty((features, length), dtype=np.float32)
    total: np.ndarray = np.empty(length, dtype=np.float32)
    for start in range(first, end, length):
        stop = min(start + length, end)
        size = stop - start
        block_sums, block_total = sums[:, :size], total[:size]
        block_sums[...], block_total[...] = 0, 1
        for down, right, likeness in _offsets(step):
            away = down * width + right
            # From a pixel to its neighbour it is as far as back: each pair is compared once.
            towards, weight = differences[:, : size + away], weights[: size + away]
            np.subtract(before[:, start : stop + away], before[:, start - away : stop], out=towards)
            _weigh(towards, likeness, squares[:, : size + away], weight)
            towards *= weight
            block_sums += towards[:, away:]
            block_total += weight[away:]
            block_sums -= towards[:, :size]
            block_total += weight[:size]
        block_sums /= block_total
        np.add(before[:, start:stop], block_sums, out=after[:, start:stop])


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
    squares, weight = np.empty_like(here), np.empty_like(total)
    for down, right, likeness in _offsets(step):
        for sign in (1, -1):
            towards = at(sign * down, sign * right) - here
            _weigh(towards, likeness, squares, weight)
            towards *= weight
            sums += towards
            total += weight
    sums /= total
    return np.asarray(here + sums)


def _weigh(differences: np.ndarray, likeness: float, squares: np.ndarray, out: np.ndarray) -> None:
    """Weights of neighbours by how their features differ: shape (features, ...) to shape (...), through `squares`."""
    np.multiply(differences, differences, out=squares)
    out[...] = squares[0]
    for one in squares[1:]:  # in this order: numpy's own sums choose one by the shape
        out += one
    out *= np.float32(-1 / (2 * _SIGMA**2 * len(differences)))
    np.exp(out, out=out)
    out *= np.float32(likeness)
