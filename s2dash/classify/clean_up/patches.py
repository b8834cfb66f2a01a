"""Patches of equal labels and the borders between them, gathered strip by strip: what the sieve works on.

Glossary: a run is a stretch of equal labels within a row; a patch is the pixels of one label that hold together,
by their sides or, with eight neighbours, by their corners too. Patches count in the order of their first pixels,
row by row; where one lies in several strips, its first number stands for all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from s2dash.errors import RecipeError
from s2dash.settings import RUN_LIMITS


class Borders(NamedTuple):
    """Pairs of neighbouring patches, each array of shape (pairs,), int32; a pair may be there several times."""

    one: np.ndarray
    other: np.ndarray
    length: np.ndarray
    """Sides of pixels that they share."""

    def at(self, wanted: np.ndarray) -> Borders:
        """Those where `wanted` is True, or at these places."""
        return Borders(self.one[wanted], self.other[wanted], self.length[wanted])


def all_borders(parts: list[Borders]) -> Borders:
    """Borders of several parts, one after another."""
    return Borders(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


@dataclass(frozen=True, eq=False)
class Patches:
    """All patches of some labels, each array by the patch's number."""

    size: np.ndarray
    """Pixels; 0 for a number that another stands for."""
    label: np.ndarray
    """uint8."""
    stands_for: np.ndarray
    """Number of the patch that each number belongs to, int32."""
    borders: Borders
    """Of patches with data, those between two that are not small left out."""


class PatchFinder:
    """Finds patches strip by strip, from the top down."""

    def __init__(self, least: int, neighbours: int) -> None:
        """Of patches smaller than `least` pixels all borders are found; `neighbours` is 4 or 8."""
        self._least = least
        self._neighbours = neighbours
        self._count = 0
        self._sizes: list[np.ndarray] = []
        self._labels: list[np.ndarray] = []
        self._borders: list[Borders] = []
        self._links: list[np.ndarray] = []
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def add(self, labels: np.ndarray) -> np.ndarray:
        """Take in the next strip, shape (rows, cols), uint8; returns each pixel's patch, counted from 0, int32.

        Raises RecipeError where there are more than `RUN_LIMITS.most_patches`.
        """
        numbers = patch_numbers(labels, self._neighbours)
        size = np.bincount(numbers.ravel())
        _require_few(self._count + len(size))
        label = np.empty(len(size), dtype=np.uint8)
        label[numbers.ravel()] = labels.ravel()
        self._borders.append(_borders_within(labels, numbers, label, size < self._least, self._count))
        if self._last is not None:
            self._join(labels[:1], numbers[:1] + np.int32(self._count))
        self._last = labels[-1:].copy(), numbers[-1:] + np.int32(self._count)
        self._sizes.append(size)
        self._labels.append(label)
        self._count += len(size)
        return numbers

    def _join(self, row: np.ndarray, numbers: np.ndarray) -> None:
        """Take in what lies between the last row of the strip before and the first of this one."""
        assert self._last is not None
        labels, both = (np.concatenate(rows) for rows in zip(self._last, (row, numbers), strict=True))
        self._links.append(_links(labels, both, _begins_of_runs(labels), self._neighbours))
        below = np.flatnonzero((labels[0] != labels[1]) & (labels[0] > 0) & (labels[1] > 0))
        self._borders.append(_counted(both[0][below], both[1][below]))

    def found(self) -> Patches:
        """All patches of the strips that were added; to be asked once, as what was gathered is given away."""
        stands_for = np.arange(self._count, dtype=np.int32)
        size = np.concatenate(self._sizes)
        self._sizes.clear()
        if self._links:
            merge(*united(*np.concatenate(self._links, axis=1)), size, stands_for)
        borders = all_borders(self._borders)
        self._borders.clear()
        for numbers in borders[:2]:
            numbers[:] = stands_for[numbers]
        is_small = size < self._least
        borders = borders.at(is_small[borders.one] | is_small[borders.other])
        return Patches(size, np.concatenate(self._labels), stands_for, borders)


def _require_few(count: int) -> None:
    if count > RUN_LIMITS.most_patches:
        raise RecipeError(
            f"This map falls into more than {RUN_LIMITS.most_patches:,} patches, too many to take away the small ones "
            "in the memory there is. Clean up specks by a majority instead, or have fewer classes or more smoothing."
        )


def patch_numbers(labels: np.ndarray, neighbours: int) -> np.ndarray:
    """The number of each pixel's patch, from 0 in the order of first pixels, shape as `labels`, int32."""
    begins = _begins_of_runs(labels)
    runs = np.cumsum(begins.ravel(), dtype=np.int32).reshape(labels.shape)
    runs -= 1
    count = int(runs[-1, -1]) + 1
    above, below = _links(labels, runs, begins, neighbours)
    return _components(above, below, count)[runs]


def united(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All numbers in pairs that belong together, and for each the lowest that it belongs to, however indirectly."""
    members, places = np.unique(np.concatenate((one, other)), return_inverse=True)
    found = _components(places[: len(one)], places[len(one) :], len(members))
    # Numbers ascend, and so do components, in the order of the first of each.
    first = np.flatnonzero(np.diff(np.maximum.accumulate(found), prepend=-1)) if len(found) else found
    return members, members[first[found]]


def merge(members: np.ndarray, heads: np.ndarray, size: np.ndarray, stands_for: np.ndarray) -> None:
    """Put pixels of patches that are one into the sizes of those that stand for them, in place."""
    pixels = size[members]
    size[members] = 0
    np.add.at(size, heads, pixels)
    stands_for[members] = heads


def _components(one: np.ndarray, other: np.ndarray, count: int) -> np.ndarray:
    """Which numbers below `count` hold together, int32, shape (count,), counted in the order of the lowest of each."""
    graph = coo_array((np.ones(len(one), dtype=np.uint8), (one, other)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int32)


def _begins_of_runs(labels: np.ndarray) -> np.ndarray:
    begins = np.ones(labels.shape, dtype=bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=begins[:, 1:])
    return begins


def _links(labels: np.ndarray, numbers: np.ndarray, begins: np.ndarray, neighbours: int) -> np.ndarray:
    """Pairs of numbers that hold together across rows, shape (2, pairs); one for each two runs that touch."""
    cols, flat = labels.shape[1], numbers.ravel()
    above = np.flatnonzero((labels[:-1] == labels[1:]) & (begins[:-1] | begins[1:]))
    pairs = [(above, above + cols)]
    if neighbours == 8:
        # Where two equal pixels stand beside each other, sides hold all together that corners would.
        apart = np.zeros((len(labels) - 1, cols), dtype=bool)
        np.logical_and(begins[:-1, 1:], begins[1:, 1:], out=apart[:, :-1])
        left, own = np.flatnonzero(apart), labels.ravel()
        for a, b in ((left, left + cols + 1), (left + 1, left + cols)):
            touches = own[a] == own[b]
            pairs.append((a[touches], b[touches]))
    return np.stack([flat[np.concatenate(places)] for places in zip(*pairs, strict=True)])


def _borders_within(
    labels: np.ndarray, numbers: np.ndarray, label: np.ndarray, is_small: np.ndarray, start: int
) -> Borders:
    """Borders of small patches in a strip, as numbers of the whole, of which those of the strip begin at `start`."""
    cols, flat = labels.shape[1], numbers.ravel()
    differs = np.zeros(labels.shape, dtype=bool)
    np.not_equal(labels[:, :-1], labels[:, 1:], out=differs[:, :-1])
    places = np.flatnonzero(differs), np.flatnonzero(labels[:-1] != labels[1:])
    one = np.concatenate([flat[of] for of in places])
    other = np.concatenate([flat[of + step] for of, step in zip(places, (1, cols), strict=True)])
    # Without data 0, small 2, else 1: a border counts where both have data and one is small.
    kind = np.where(label == 0, 0, 1 + is_small.astype(np.uint8)).astype(np.uint8)
    counts = np.flatnonzero(kind[one] * kind[other] > 1)
    found = _counted(one[counts], other[counts])
    return Borders(found.one + np.int32(start), found.other + np.int32(start), found.length)


def _counted(one: np.ndarray, other: np.ndarray) -> Borders:
    """Each pair once, the lower number first, with how often it is there."""
    keys = np.minimum(one, other).astype(np.int64) << 32
    keys |= np.maximum(one, other)
    keys.sort()
    first = begins_of(keys)
    length = np.diff(first, append=len(keys)).astype(np.int32)
    keys = keys[first]
    return Borders((keys >> 32).astype(np.int32), keys.astype(np.int32), length)


def begins_of(ordered: np.ndarray) -> np.ndarray:
    """Where each stretch of equal values begins."""
    is_first = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    return np.flatnonzero(is_first)
