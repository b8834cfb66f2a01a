"""Means of 3 x 3 pixels, the same bits whichever way they are read: picture, places, windows below each other."""

from __future__ import annotations

import numpy as np

from s2dash.core.scene import Pixels

_SMOOTHED_NUMBERS = 2**16
"""Numbers smoothed at once, so that they stay in the processor's cache."""


def smoothed(values: np.ndarray, valid: np.ndarray, step: int = 1, first_rc: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Mean of each pixel's valid 3 x 3 neighbours, float32; masked pixels and beyond the edge count for nothing.

    Parameters
    ----------
    values : ndarray of shape (bands, rows, cols)
    valid : ndarray of shape (rows, cols), bool
    step, first_rc : give the mean of every `step`-th pixel only, from row and column `first_rc` on

    Returns
    -------
    ndarray of shape (bands, rows taken, cols taken), float32; 0 where no neighbour is valid.
    """
    rows, cols = valid.shape
    # Sums of nine short integers are exact in single precision, and so is their mean once rounded to it.
    dtype = np.float32 if values.dtype.kind in "ui" and values.dtype.itemsize <= 2 else np.float64
    taken = range(first_rc[0], rows, step)
    out = np.empty((len(values), len(taken), len(range(first_rc[1], cols, step))), dtype=np.float32)
    length = max(8, _SMOOTHED_NUMBERS // ((cols + 2) * step))
    for start in range(0, len(taken), length):
        some = taken[start : start + length]
        top, bottom = some[0] - 1, some[-1] + 2
        inside = slice(max(top, 0), min(bottom, rows))
        padded = np.zeros((bottom - top, cols + 2), dtype=dtype)
        middle = padded[inside.start - top : inside.stop - top, 1:-1]
        middle[...] = valid[inside]
        counts = np.maximum(_neighbour_sum(padded, step, first_rc[1]), 1)
        hidden = None if valid[inside].all() else ~valid[inside]
        for band, result in zip(values, out, strict=True):
            middle[...] = band[inside]
            if hidden is not None:
                middle[hidden] = 0
            sums = _neighbour_sum(padded, step, first_rc[1])
            np.divide(sums, counts, out=result[start : start + length], casting="unsafe")
    return out


def smoothed_at(pixels: Pixels, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """`smoothed` of some places only: at `rows` and `cols`, shape (n,); shape (bands, n), float32."""
    height, width = pixels.valid.shape
    off = np.arange(-1, 2)
    # Neighbours of a place as three rows and three columns of a picture, those of the next place to its right.
    down, right = rows[:, None] + off[:, None, None], cols[:, None] + off
    inside = (down >= 0) & (down < height) & (right >= 0) & (right < width)
    down, right = np.clip(down, 0, height - 1), np.clip(right, 0, width - 1)
    values = pixels.values[:, down, right].reshape(len(pixels.values), 3, -1)
    valid = (pixels.valid[down, right] & inside).reshape(3, -1)
    return smoothed(values, valid, 3, (1, 1))[:, 0]


def _neighbour_sum(padded: np.ndarray, step: int, first_col: int) -> np.ndarray:
    """Sums of 3 x 3, always added in the same order, so that every way of reading gives the same bits.

    Of every `step`-th place, from the second row and from the second column after `first_col` on.
    """
    if step == 1:
        lines = _three(padded.T[first_col:]).T
        return _three(lines)
    rows, cols = padded.shape[0] - 2, padded.shape[1] - 2

    def across(down: int) -> np.ndarray:
        line = padded[down : rows + down : step]
        left, middle, right = (line[:, first_col + n : cols + n : step] for n in range(3))
        return np.asarray(left + middle + right)

    return across(0) + across(1) + across(2)


def _three(lines: np.ndarray) -> np.ndarray:
    """Each line of an array plus the two after it."""
    sums = lines[:-2] + lines[1:-1]
    sums += lines[2:]
    return np.asarray(sums)


def smoothed_between(above: Pixels | None, here: Pixels, below: Pixels | None) -> np.ndarray:
    """`smoothed` of pixels whose next rows above and below, if the scene goes on there, are in arrays of their own."""
    means = smoothed(here.values, here.valid)
    last = len(here.valid) - 1
    for row in {0, last}:
        near = [Pixels(here.values[:, max(row - 1, 0) : row + 2], here.valid[max(row - 1, 0) : row + 2])]
        if row == 0 and above is not None:
            near.insert(0, Pixels(above.values[:, -1:], above.valid[-1:]))
        if row == last and below is not None:
            near.append(Pixels(below.values[:, :1], below.valid[:1]))
        values = np.concatenate([one.values for one in near], axis=1)
        valid = np.concatenate([one.valid for one in near])
        place = 1 if row > 0 or above is not None else 0
        means[:, row] = smoothed(values, valid)[:, place]
    return means
