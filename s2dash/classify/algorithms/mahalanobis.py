"""Mahalanobis distance to classes, with one covariance for all of them that is learnt along with the classes.

Euclidean distance cuts what varies widely inside every class, such as light on slopes, and overlooks small differences
that tell classes apart. Here the covariance within classes says what counts, and each class reaches as far as its
share of the pixels lets it: a Gaussian mixture of one shape (McLachlan and Peel, Finite Mixture Models, 2000, 3.9), by
expectation-maximisation (Dempster, Laird and Rubin, 1977) from classes found by Euclidean distance. With one covariance
the quadratic terms are equal for all classes, so that labels cost no more than those of the nearest centre.

A few thousand cells of near neighbours stand for the rows, as in `kmeans`: benchmarks/README.md has what that loses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from s2dash.classify.algorithms.base import LinearModel
from s2dash.classify.algorithms.kmeans import enough_cells, near_cells
from s2dash.core.types import cancel_token

_MOST_ROUNDS = 100
_LEAST_GAIN = 1e-3
"""Of the mean log-likelihood in a round: rounds that bring less are the last."""
_FLOOR = 1e-6
"""Of each feature's variance, added to that within classes, which may be none."""
_NOTHING = 1e-9
"""Rows: classes to which fewer belong have none."""
_BLOCK_ROWS = 65_536


@dataclass(frozen=True, eq=False)
class _Classes:
    """Where classes lie, seen from the middle of all rows."""

    centres: np.ndarray
    """Shape (classes, features), float64."""
    shares: np.ndarray
    """Of all rows, shape (classes,), each above 0."""
    whitening: np.ndarray
    """Shape (features, features): what brings features to where all classes are round, of variance 1."""

    def scores(self, cells: np.ndarray) -> np.ndarray:
        """Log-densities of cells in each class, but for what is the same for all; shape (cells, classes)."""
        there = self.centres @ self.whitening
        scores = cells @ self.whitening @ there.T - 0.5 * (there**2).sum(axis=1)
        return np.asarray(scores + np.log(self.shares))

    def likelihood(self, cells: np.ndarray, counts: np.ndarray, of_cells: np.ndarray) -> float:
        """Mean log-density of the rows, but for a constant, from what `_expected` says of each cell."""
        squares = ((cells @ self.whitening) ** 2).sum(axis=1)
        return float(counts @ (of_cells - 0.5 * squares) / counts.sum() + np.linalg.slogdet(self.whitening)[1])


def with_shared_covariance(model: LinearModel, rows: np.ndarray) -> LinearModel:
    """Classes by Mahalanobis distance, learnt from rows of shape (pixels, features), float32 or float64.

    Parameters
    ----------
    model : the classes to begin with, one centre each

    Rounds end before a class would have no cell left that is its own: so there are as many classes as before.
    """
    middle, means, counts = near_cells(rows, enough_cells(model.class_count))
    cells, middle = means.astype(np.float64), middle.astype(np.float64)
    scatter = _scatter(rows, middle) * (counts.sum() / len(rows))
    own = model.predict(cells + middle)
    found = _Classes(model.weights - middle, np.ones(model.class_count), np.eye(len(middle)))
    belongs, last = np.eye(model.class_count)[own], -np.inf
    for _ in range(_MOST_ROUNDS):
        cancel_token().check()
        moved = _learnt(cells, counts, belongs, scatter, found.centres)
        scores = moved.scores(cells)
        if len(np.unique(scores.argmax(axis=1))) < len(np.unique(own)):
            break
        found = moved
        belongs, sums = _expected(scores)
        likelihood = found.likelihood(cells, counts, sums)
        if likelihood - last < _LEAST_GAIN:
            break
        last = likelihood
    return _as_linear(found, middle, model.notes)


def _scatter(rows: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Sum of squares and products of rows around the middle, shape (features, features)."""
    total = np.zeros((len(middle), len(middle)))
    for start in range(0, len(rows), _BLOCK_ROWS):
        off = rows[start : start + _BLOCK_ROWS].astype(np.float64) - middle
        total += off.T @ off
    return total


def _expected(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The step of expectation: how far each cell belongs to each class, and the logarithm of its summed density."""
    highest = scores.max(axis=1, keepdims=True)
    belongs = np.exp(scores - highest)
    sums = belongs.sum(axis=1, keepdims=True)
    return belongs / sums, (highest + np.log(sums))[:, 0]


def _learnt(
    cells: np.ndarray, counts: np.ndarray, belongs: np.ndarray, scatter: np.ndarray, before: np.ndarray
) -> _Classes:
    """The step of maximisation: classes by how far each cell belongs to them; one without any stays where it was."""
    weights, count = belongs * counts[:, None], counts.sum()
    sizes = weights.sum(axis=0)
    has_any = sizes > _NOTHING
    centres = np.where(has_any[:, None], weights.T @ cells / np.where(has_any, sizes, 1)[:, None], before)
    within = (scatter - (centres * np.where(has_any, sizes, 0)[:, None]).T @ centres) / count
    spread = np.diag(scatter) / count
    spread = np.sqrt(np.where(spread > 0, spread, 1))
    # In shares of each feature's own spread, so that what is tiny in one unit is not in another.
    variances, axes = np.linalg.eigh(within / np.outer(spread, spread) + _FLOOR * np.eye(len(spread)))
    whitening = axes / np.sqrt(np.maximum(variances, _FLOOR)) / spread[:, None]
    return _Classes(centres, np.maximum(sizes, 1) / count, whitening)


def _as_linear(found: _Classes, middle: np.ndarray, notes: tuple[str, ...]) -> LinearModel:
    """Of |z - c|^2 / 2 - log(share) among whitened features z, what differs between classes."""
    centres = found.centres + middle
    weights = centres @ found.whitening @ found.whitening.T
    bias = 0.5 * (weights * centres).sum(axis=1) - np.log(found.shares)
    return LinearModel(weights, bias, notes, whitening=found.whitening)
