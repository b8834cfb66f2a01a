"""Birch: pixels brought together in a tree of small subclusters, which are then joined to k classes.

Zhang, Ramakrishnan and Livny, BIRCH, an efficient data clustering method for very large databases, 1996. The tree is
scikit-learn's, and so is the label, that of the nearest subcluster; they are joined by Ward's rule as the paper has it,
each with the pixels it holds, where scikit-learn lets a subcluster of one pixel count as much as one of thousands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from s2dash.classify.algorithms.base import Algorithm, LinearModel, Param
from s2dash.core.recipe import ParamValue
from s2dash.core.types import cancel_token

_ROWS_AT_ONCE = 2_000
_GROWTH, _SHRINKING = 1.3, 0.25
_MOST_TRIES = 60


def fit(features: np.ndarray, k: int, params: Mapping[str, ParamValue], seed: int) -> LinearModel:
    """Subclusters of at most `fit_pixels` rows, chosen by the seed, in k groups.

    The threshold is a share of the radius of all rows, the root of their mean squared distance from their mean
    (equation 2 of the paper), so that it means the same for any bands and scaling. Where it gives more subclusters
    than allowed it grows, as in the paper; where fewer than k, it shrinks.
    """
    rows = _some(features, k, int(params["fit_pixels"]), seed)
    middle = rows.mean(axis=0, dtype=np.float64)
    rows = rows - middle.astype(rows.dtype)
    radius = float(np.sqrt(rows.var(axis=0, dtype=np.float64).sum()))
    share, most = float(params["threshold"]), int(params["max_subclusters"])
    centroids, used = _within(rows, share * radius, int(params["branching"]), k, most)
    notes = (
        ()
        if used == share * radius
        else (
            f"Birch used a threshold of {used / radius:.2g} in place of {share:g}, "
            f"so that there are at least {k} and at most {most:,} subclusters.",
        )
    )
    own = _joined(centroids, _sizes(rows, centroids), k)
    return replace(LinearModel.nearest_centre(centroids + middle), notes=notes, class_of=own)


def _some(features: np.ndarray, k: int, most: int, seed: int) -> np.ndarray:
    """Rows to learn from, of which at least k differ."""
    if len(features) <= most:
        return features
    some = features[np.sort(np.random.default_rng(seed).choice(len(features), most, replace=False))]
    if len(np.unique(some, axis=0)) < k:
        return np.concatenate([some, np.unique(features, axis=0)[:k]])
    return some


def _within(rows: np.ndarray, threshold: float, branching: int, k: int, most: int) -> tuple[np.ndarray, float]:
    """Centroids of k to `most` subclusters, float64, and the threshold, changed as far as that takes."""
    too_fine, too_coarse = 0.0, np.inf
    for _ in range(_MOST_TRIES):
        centroids = _subclusters(rows, threshold, branching, most)
        if len(centroids) > most:
            too_fine = threshold
        elif len(centroids) < k:
            too_coarse = threshold
        else:
            break
        if np.isinf(too_coarse):
            threshold = too_fine * _GROWTH
        else:
            threshold = float(np.sqrt(too_fine * too_coarse)) if too_fine else too_coarse * _SHRINKING
    return centroids, threshold


def _subclusters(rows: np.ndarray, threshold: float, branching: int, most: int) -> np.ndarray:
    """Centroids of the tree's leaves; the tree is left unfinished once they are too many."""
    from sklearn.cluster import Birch

    tree = Birch(threshold=threshold, branching_factor=branching, n_clusters=None, compute_labels=False)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        cancel_token().check()
        tree.partial_fit(rows[start : start + _ROWS_AT_ONCE])
        if len(tree.subcluster_centers_) > most:
            break
    return np.asarray(tree.subcluster_centers_, dtype=np.float64)


def _sizes(rows: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Rows that lie nearest to each centroid, at least 1, shape (centroids,), float64."""
    sizes = np.zeros(len(centroids))
    nearest = LinearModel.nearest_centre(centroids)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        sizes += np.bincount(nearest.predict(rows[start : start + _ROWS_AT_ONCE]), minlength=len(centroids))
    return np.maximum(sizes, 1.0)


def _joined(centroids: np.ndarray, sizes: np.ndarray, k: int) -> np.ndarray:
    """The class of each subcluster, from 0: two that add least to the squared distances are joined until k are left.

    Joining groups of n and m rows whose means lie d apart adds n m / (n + m) d^2 (Ward, 1963).
    """
    means, weights = centroids.copy(), sizes.copy()
    own = np.arange(len(means))
    cost = np.stack([_costs(means, weights, one) for one in range(len(means))])
    for _ in range(len(means) - min(k, len(means))):
        one, other = sorted(divmod(int(cost.argmin()), len(means)))
        both = weights[one] + weights[other]
        means[one] = (weights[one] * means[one] + weights[other] * means[other]) / both
        weights[one], weights[other] = both, np.inf
        own[own == other] = one
        cost[other], cost[:, other] = np.inf, np.inf
        cost[one] = cost[:, one] = _costs(means, weights, one)
    return np.asarray(np.unique(own, return_inverse=True)[1])


def _costs(means: np.ndarray, weights: np.ndarray, one: int) -> np.ndarray:
    """What joining one group with each other would add; infinite for itself and for those that are gone."""
    gone = np.isinf(weights)
    share = 1 / (1 / weights[one] + 1 / weights)
    cost = np.where(gone, np.inf, share * ((means - means[one]) ** 2).sum(axis=1))
    cost[one] = np.inf
    return np.asarray(cost)


ALGORITHM = Algorithm(
    name="birch",
    label="Birch",
    help="Gathers pixels in hundreds of small subclusters and joins these. Groups for k + 1 refine those for k.",
    params=(
        Param(
            "threshold",
            "Threshold",
            "How wide a subcluster may get; 1 is as wide as the whole scene. Smaller is finer and slower.",
            0.2,
            0.01,
            1.0,
        ),
        Param("max_subclusters", "Most subclusters", "Where there would be more, the threshold grows.", 500, 300, 1000),
        Param("branching", "Branching factor", "Most subclusters that a node of the tree holds.", 50, 2, 1000),
        Param("fit_pixels", "Pixels for the tree", "More is steadier and slower.", 20_000, 1_000, 1_000_000),
    ),
    fit=fit,
)
