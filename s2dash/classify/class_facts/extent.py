"""How a class lies on the ground: its patches and their sizes, and the classes that it borders on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

_BY_CORNERS_TOO = np.ones((3, 3), dtype=int)


@dataclass(frozen=True)
class ClassPatches:
    """The patches of one class, which hold together by their sides and corners."""

    count: int
    pixels: int
    """Of all of them together."""
    largest: int
    """Pixels of the largest."""
    half_below: int
    """Half of the class lies in patches of at most so many pixels: the median size, counted by pixels."""


def class_patches(labels: np.ndarray, number: int) -> ClassPatches | None:
    """The patches of a class among labels of shape (rows, cols), uint8; None where no pixel has it."""
    numbers, count = ndimage.label(labels == number, _BY_CORNERS_TOO)
    if not count:
        return None
    sizes = np.sort(np.bincount(numbers.ravel())[1:])
    within = np.cumsum(sizes)
    half = int(np.searchsorted(2 * within, within[-1]))
    return ClassPatches(int(count), int(within[-1]), int(sizes[-1]), int(sizes[half]))


def border_shares(labels: np.ndarray, number: int) -> Mapping[int, float]:
    """Shares of the border of a class by the class on its other side, 0 to 1, the longest first.

    Counted are sides of pixels of `labels`, shape (rows, cols), uint8; those towards no data and the edge are no
    border. Empty where there is none.
    """
    sides = np.zeros(256, dtype=np.int64)
    own = labels == number
    for one, other in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        sides += np.bincount(labels[other][own[one]], minlength=256)
        sides += np.bincount(labels[one][own[other]], minlength=256)
    sides[[0, number]] = 0
    order = np.argsort(-sides, kind="stable")
    return {int(n): float(sides[n] / sides.sum()) for n in order if sides[n]}
