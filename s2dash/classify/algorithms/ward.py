"""A Ward tree over weighted points: which two groups are brought together next, and the groups at any cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Tree:
    """How points were brought together, two groups at a time: leaf i is point i, node len(weights) + i merge i."""

    merges: np.ndarray
    """The two nodes of each merge, shape (points - 1, 2), intp."""
    heights: np.ndarray
    """What each merge added to the sum of squares within groups, shape (points - 1,), float64, never falling."""
    weights: np.ndarray
    """Of each point, shape (points,), float64."""

    @property
    def leaf_count(self) -> int:
        return len(self.weights)

    def cut(self, k: int) -> np.ndarray:
        """Which of k groups each point belongs to, shape (points,), uint8 from 0; at most one for each point.

        The groups of k + 1 are those of k with one of them split in two.
        """
        return np.unique(self.nodes(k), return_inverse=True)[1].astype(np.uint8)

    def nodes(self, k: int) -> np.ndarray:
        """The node of the group that each point belongs to where there are k groups, shape (points,), intp."""
        owner = np.arange(self.leaf_count)
        for number, pair in enumerate(self.merges[: max(0, self.leaf_count - k)], self.leaf_count):
            owner[(owner == pair[0]) | (owner == pair[1])] = number
        return owner

    def splits_into(self, k: int) -> tuple[int, tuple[int, int]] | None:
        """The node that is split where k groups become k + 1, and its two parts; None where there is none."""
        place = self.leaf_count - k - 1
        if not 0 <= place < len(self.merges):
            return None
        return self.leaf_count + place, (int(self.merges[place, 0]), int(self.merges[place, 1]))


def ward_tree(points: np.ndarray, weights: np.ndarray) -> Tree:
    """Bring together, again and again, the two groups whose union adds least to the sum of squares within groups.

    Parameters
    ----------
    points : ndarray of shape (points, features), float64
    weights : ndarray of shape (points,), float64, above 0

    Groups a and b of weight w add w_a w_b / (w_a + w_b) |c_a - c_b|^2 (Ward, 1963); at ties the first pair wins.
    """
    count = len(points)
    centres, sizes, node = points.astype(np.float64), weights.astype(np.float64), np.arange(count)
    alive = np.ones(count, dtype=bool)
    costs = np.stack([_costs_of(one, centres, sizes, alive) for one in range(count)])
    merges, heights = np.empty((count - 1, 2), dtype=np.intp), np.empty(count - 1)
    for step in range(count - 1):
        first, second = divmod(int(costs.argmin()), count)
        merges[step], heights[step] = (node[first], node[second]), costs[first, second]
        together = sizes[first] + sizes[second]
        centres[first] = (centres[first] * sizes[first] + centres[second] * sizes[second]) / together
        sizes[first], node[first], alive[second] = together, count + step, False
        costs[second], costs[:, second] = np.inf, np.inf
        costs[first] = costs[:, first] = _costs_of(first, centres, sizes, alive)
    # Rounding may let a merge cost a breath less than the one before it.
    return Tree(merges, np.maximum.accumulate(heights), weights.astype(np.float64))


def _costs_of(one: int, centres: np.ndarray, sizes: np.ndarray, alive: np.ndarray) -> np.ndarray:
    """What bringing a group together with each of the others adds; infinity for itself and for those that are gone."""
    squared = ((centres - centres[one]) ** 2).sum(axis=1)
    costs = np.where(alive, sizes * sizes[one] / (sizes + sizes[one]) * squared, np.inf)
    costs[one] = np.inf
    return costs
