"""How two maps of the same pixels differ: which classes are the same, what moved, how far the groupings agree."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np

from s2dash.classify.match import by_counts, pair_counts, pair_numbers
from s2dash.core.classmap import ClassMap, Result
from s2dash.core.grid import Grid
from s2dash.core.types import CancelToken, Progress, frozen, no_progress
from s2dash.export.contents import label_strips

SAME, MOVED, OTHER_MOVE, ONE_SIDED = range(4)
"""What a pair of classes means where it lies on the map; OTHER_MOVE is one that was not asked for."""

Pair = tuple[int, int]
"""Class of a pixel in the first map and in the second."""


@dataclass(frozen=True, eq=False)
class Contingency:
    """How many pixels, and how much ground, each pair of classes has. Tables of parts add up to that of the whole."""

    counts: np.ndarray
    """Shape (classes of the first + 1, classes of the second + 1), int64; row and column 0 are no data."""
    area_ha: np.ndarray | None
    """The same in hectares, float64; None without a place."""

    def __add__(self, other: Contingency) -> Contingency:
        area = None if self.area_ha is None or other.area_ha is None else self.area_ha + other.area_ha
        return Contingency(self.counts + other.counts, area)


def contingency(
    one: np.ndarray, other: np.ndarray, one_count: int, other_count: int, grid: Grid, row: int = 0
) -> Contingency:
    """The table of a strip of labels, whose first row is `row` of the grid.

    Parameters
    ----------
    one, other : ndarray of shape (rows, width of the grid), uint8, labels of the same pixels; 0 is no data
    """
    pairs = pair_numbers(one, other, other_count)
    counts = pair_counts(pairs, one_count, other_count)
    if not grid.has_place:
        return Contingency(counts, None)
    area = grid.class_area_ha(pairs, counts.size - 1, row, counts=counts.ravel())
    return Contingency(counts, area.reshape(counts.shape))


@dataclass(frozen=True)
class Amount:
    """Some pixels of both maps."""

    count: int
    area_ha: float | None
    """None without a place."""


def together(amounts: Iterable[Amount]) -> Amount:
    """Several as one."""
    listed = list(amounts)
    areas = [amount.area_ha for amount in listed if amount.area_ha is not None]
    return Amount(sum(amount.count for amount in listed), sum(areas) if len(areas) == len(listed) else None)


@dataclass(frozen=True)
class Move(Amount):
    """Pixels that are of one class in the first map and of another in the second."""

    pair: Pair


@dataclass(frozen=True, eq=False)
class Comparison:
    """What can be said of two maps from their table of pairs."""

    table: Contingency
    same: Mapping[int, int]
    """For each class of the second map that is one of the first, its number there."""

    @cached_property
    def stays(self) -> np.ndarray:
        """Whether a pair is one class in both maps; bool, of the table's shape."""
        found = np.zeros(self.table.counts.shape, dtype=bool)
        for second, first in self.same.items():
            found[first, second] = True
        return frozen(found)

    @property
    def compared_count(self) -> int:
        """Pixels that have a class in both maps; all others are left out of shares, moves and scores."""
        return int(self._both.sum())

    @cached_property
    def moved(self) -> Amount:
        """All pixels that are in another class."""
        return self._amount(self._moved)

    @property
    def moved_share(self) -> float:
        """Of the pixels that have a class in both maps, 0 to 1."""
        return self.moved.count / max(1, self.compared_count)

    @cached_property
    def one_sided(self) -> tuple[Amount, Amount]:
        """What has a class in the first map only, and in the second only: no move, as the other says nothing."""
        return self._amount(np.s_[1:, 0]), self._amount(np.s_[0, 1:])

    def totals(self) -> tuple[dict[int, Amount], dict[int, Amount]]:
        """All pixels of each class of the first map and of the second, whatever the other says of them."""
        first, second = (range(1, size) for size in self.table.counts.shape)
        return {n: self._amount(np.s_[n, :]) for n in first}, {n: self._amount(np.s_[:, n]) for n in second}

    @cached_property
    def moves(self) -> tuple[Move, ...]:
        """Each pair of classes that is a move, the largest first."""
        pairs = [(int(first), int(second)) for first, second in np.argwhere(self._moved & (self.table.counts > 0))]
        found = [Move(amount.count, amount.area_ha, pair) for pair in pairs for amount in (self._amount(pair),)]
        return tuple(sorted(found, key=lambda move: (-move.count, move.pair)))

    @cached_property
    def adjusted_rand(self) -> float:
        """1 where both group the pixels alike, about 0 where they agree as by chance.

        Hubert and Arabie, Comparing partitions, Journal of Classification 2, 1985, equation 5; from counts of pairs of
        pixels, whole numbers without rounding.
        """
        table = self._both.astype(object)
        pixels, together = int(table.sum()), int((table**2).sum())
        first, second = (int((table.sum(axis=axis) ** 2).sum()) for axis in (1, 0))
        if first == together == second:
            return 1.0
        only_first, only_second = first - together, second - together
        neither, both = pixels**2 - first - only_second, together - pixels
        agreed = 2 * (both * neither - only_first * only_second)
        return agreed / ((both + only_first) * (only_first + neither) + (both + only_second) * (only_second + neither))

    @cached_property
    def mutual_information(self) -> float:
        """How much a pixel's class in one map tells of that in the other: 0 is nothing, 1 is all.

        Mutual information over the geometric mean of both entropies (Strehl and Ghosh, Cluster ensembles, Journal of
        Machine Learning Research 3, 2002, equation 3).
        """
        share = self._both / max(1, self.compared_count)
        first, second = share.sum(axis=1), share.sum(axis=0)
        if np.count_nonzero(first) <= 1 and np.count_nonzero(second) <= 1:
            return 1.0
        known = share > 0
        shared = float((share[known] * np.log(share[known] / np.outer(first, second)[known])).sum())
        entropies = _entropy(first) * _entropy(second)
        return min(1.0, max(0.0, shared) / math.sqrt(entropies)) if entropies > 0 else 0.0

    def kinds(self, move: Pair | None = None) -> np.ndarray:
        """What to show of each pair of classes, uint8, of the table's shape; with `move` that one before all others."""
        kinds = np.full(self.table.counts.shape, MOVED if move is None else OTHER_MOVE, dtype=np.uint8)
        kinds[self.stays] = SAME
        kinds[0, :] = kinds[:, 0] = ONE_SIDED
        kinds[0, 0] = SAME
        if move is not None:
            kinds[move] = MOVED
        return frozen(kinds)

    def _amount(self, where: Any) -> Amount:
        counts, area = self.table.counts, self.table.area_ha
        return Amount(int(counts[where].sum()), None if area is None else float(area[where].sum()))

    @property
    def _both(self) -> np.ndarray:
        return self.table.counts[1:, 1:]

    @cached_property
    def _moved(self) -> np.ndarray:
        moved = ~self.stays
        moved[0, :] = moved[:, 0] = False
        return moved


def compare(
    one: Result, other: Result, progress: Progress = no_progress, cancel: CancelToken | None = None
) -> Comparison:
    """Compare two maps of the same pixels, strip by strip: memory does not grow with them.

    Raises ValueError where they are not of the same pixels, Cancelled when `cancel` says so, BrokenResult where labels
    cannot be read.
    """
    first, second = one.classmap, other.classmap
    if first.grid != second.grid or first.step != second.step:
        raise ValueError(f"maps of {first.grid.shape_rc} and {second.grid.shape_rc} pixels are not of the same pixels")
    table = reduce(operator.add, _tables(first, second, progress, cancel or CancelToken()))
    return Comparison(table, by_counts(table.counts))


def _tables(first: ClassMap, second: ClassMap, progress: Progress, cancel: CancelToken) -> Iterator[Contingency]:
    for (row, one), (_, other) in zip(label_strips(first), label_strips(second), strict=True):
        cancel.check()
        yield contingency(one, other, first.class_count, second.class_count, first.grid, row)
        progress((row + len(one)) / first.grid.height, "Comparing pixels")


def _entropy(share: np.ndarray) -> float:
    known = share[share > 0]
    return float(-(known * np.log(known)).sum())
