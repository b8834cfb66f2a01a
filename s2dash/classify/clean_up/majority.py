"""Majority: each pixel takes the label that most of its neighbourhood has, exact by windows."""

from __future__ import annotations

import numpy as np

_STRIP_PIXELS = 131_072
"""Pixels worked on at once: their counts stay in the processor's cache."""


def majority(labels: np.ndarray, size: int) -> np.ndarray:
    """The most frequent label of each pixel's neighbourhood, shape (rows, cols), uint8, as `labels`.

    Pixels without data (0) stay so and count for nothing, as does what lies outside. Of labels that are equally
    frequent the pixel keeps its own, else takes the lowest. A pixel depends on those within `size // 2` of it.

    Parameters
    ----------
    size : side of the square neighbourhood in pixels, 3 or 5
    """
    reach = size // 2
    rows, cols = labels.shape
    padded = np.pad(labels, reach)
    out = np.empty_like(labels)
    height = max(16, _STRIP_PIXELS // max(1, cols))
    for top in range(0, rows, height):
        bottom = min(rows, top + height)
        out[top:bottom] = _of_strip(padded[top : bottom + 2 * reach], reach)
    return out


def _of_strip(padded: np.ndarray, reach: int) -> np.ndarray:
    """`majority` of the pixels that are `reach` and more from the edges."""
    own = padded[reach:-reach, reach:-reach]
    # Counts, ties and labels in one number, of which the largest is the answer: twice the count, one more for
    # the pixel's own label, then the lowest label.
    best: np.ndarray = np.zeros(own.shape, dtype=np.uint16)
    is_known = np.bincount(padded.ravel(), minlength=256)[1:]
    for number in (1 + np.flatnonzero(is_known)).tolist():
        is_class = (padded == number).view(np.uint8)
        score = _box_sum(is_class, reach)
        score <<= 1
        score |= is_class[reach:-reach, reach:-reach]
        rank = score.astype(np.uint16)
        rank <<= 8
        rank |= 255 - number
        np.maximum(best, rank, out=best)
    winner = np.bitwise_not(best.astype(np.uint8))
    winner *= own > 0
    return winner


def _box_sum(counts: np.ndarray, reach: int) -> np.ndarray:
    """Sums over squares of 2 * reach + 1, of those wholly inside, uint8."""
    rows, cols = (length - 2 * reach for length in counts.shape)
    down = counts[:rows] + counts[1 : 1 + rows]
    for start in range(2, 2 * reach + 1):
        down += counts[start : start + rows]
    total: np.ndarray = down[:, :cols] + down[:, 1 : 1 + cols]
    for start in range(2, 2 * reach + 1):
        total += down[:, start : start + cols]
    return total
