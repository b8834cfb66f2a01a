"""K-means by Lloyd's algorithm from k-means++ starts (Arthur and Vassilvitskii, 2007), with a search for the best.

Starts alone miss the best optimum too often. So a subsample is searched: from the best of a few
starts, single centres are moved elsewhere and Lloyd's algorithm goes on from there, as in the
random swaps of Fränti (2018, "Efficiency of random swap clustering"). Every distinct optimum within
a few percent of the best is then polished on all rows, because which of two near optima is better
often shows only there (benchmarks/README.md has the figures).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from s2dash.algorithms.base import Algorithm, LinearModel, Param
from s2dash.algorithms.threads import side_by_side
from s2dash.recipe import ParamValue

if TYPE_CHECKING:
    from sklearn.cluster import KMeans

_SEARCH_PIXELS = 20_000
_SEARCH_TOLERANCE = 1e-3
_SWAP_ROUNDS = 3
_SWAPS = 6
"""Moves of one centre tried in each round; the next round begins from the best so far."""
_WORTH_POLISHING = 1.03
"""Optima up to this multiple of the best inertia on the subsample are polished."""
_DISTINCT = 1.0015
"""Two optima count as one when their inertia differs by less than this factor."""
_MOST_POLISHED = 4


def fit(features: np.ndarray, k: int, params: Mapping[str, ParamValue], seed: int) -> LinearModel:
    """The best centres found from `n_init` starts; with one start it is exactly scikit-learn's KMeans."""
    from sklearn.cluster import KMeans

    starts, rounds, tolerance = int(params["n_init"]), int(params["max_iter"]), float(params["tol"])
    if starts == 1:
        whole = KMeans(k, n_init=1, max_iter=rounds, tol=tolerance, random_state=seed).fit(features)
        return LinearModel.nearest_centre(whole.cluster_centers_)

    def polish(centres: np.ndarray) -> KMeans:
        return KMeans(k, init=centres, n_init=1, max_iter=rounds, tol=tolerance).fit(features)

    polished = side_by_side(polish, _distinct_optima(features, k, starts, rounds, seed))
    return LinearModel.nearest_centre(min(polished, key=lambda one: one.inertia_).cluster_centers_)


def _distinct_optima(features: np.ndarray, k: int, starts: int, rounds: int, seed: int) -> list[np.ndarray]:
    """Centres of the different good optima found on a subsample, best first."""
    rng = np.random.default_rng(seed)
    few = features
    if len(features) > _SEARCH_PIXELS:
        few = features[np.sort(rng.choice(len(features), _SEARCH_PIXELS, replace=False))]
    tries = _search(few, k, starts, rounds, rng)
    kept = [tries[0]]
    for one in tries[1:]:
        if one.inertia_ > tries[0].inertia_ * _WORTH_POLISHING or len(kept) == _MOST_POLISHED:
            break
        if one.inertia_ > kept[-1].inertia_ * _DISTINCT:
            kept.append(one)
    return [one.cluster_centers_ for one in kept]


def _search(few: np.ndarray, k: int, starts: int, rounds: int, rng: np.random.Generator) -> list[KMeans]:
    """All fits of the search, best first; equal ones in the order they were begun."""
    from sklearn.cluster import KMeans

    def climb_from_seed(start: int) -> KMeans:
        return KMeans(k, n_init=1, max_iter=rounds, tol=_SEARCH_TOLERANCE, random_state=start).fit(few)

    def climb_from_centres(centres: np.ndarray) -> KMeans:
        return KMeans(k, init=centres, n_init=1, max_iter=rounds, tol=_SEARCH_TOLERANCE).fit(few)

    tries = side_by_side(climb_from_seed, rng.integers(2**31, size=starts).tolist())
    for _ in range(_SWAP_ROUNDS):
        best = min(tries, key=lambda one: one.inertia_)
        tries += side_by_side(climb_from_centres, _swapped(few, best.cluster_centers_, rng))
    return sorted(tries, key=lambda one: one.inertia_)


def _swapped(few: np.ndarray, centres: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Copies of the centres with one moved each: likely one that is missed least, to a row far from all.

    A centre is missed by what its rows' squared distance grows when each goes to its second nearest.
    """
    near = np.full((2, len(few)), np.inf)
    own = np.zeros(len(few), dtype=np.intp)
    for number, centre in enumerate(centres):
        squared = ((few - centre) ** 2).sum(axis=1, dtype=np.float64)
        closer = squared < near[0]
        own[closer] = number
        near[1] = np.where(closer, near[0], np.minimum(near[1], squared))
        near[0] = np.minimum(near[0], squared)
    missed = np.bincount(own, near[1] - near[0], minlength=len(centres))
    ease = 1 / np.maximum(missed, max(missed.max(), 1e-300) * 1e-9)
    total = near[0].sum()
    far = near[0] / total if total > 0 else None
    out = []
    for _ in range(_SWAPS):
        moved = centres.copy()
        moved[rng.choice(len(centres), p=ease / ease.sum())] = few[rng.choice(len(few), p=far)]
        out.append(moved)
    return out


ALGORITHM = Algorithm(
    name="kmeans",
    label="K-means",
    help="Each pixel joins the group whose average it is closest to. Fast, and a good start.",
    params=(
        Param(
            "n_init", "Restarts", "How many random starts are compared. More finds better groups, slower.", 6, 1, 100
        ),
        Param("max_iter", "Most rounds", "When a start stops at the latest.", 300, 1, 1000),
        Param(
            "tol", "Stop when still", "How little the centres may still move; smaller is more exact.", 1e-4, 0.0, 0.1
        ),
    ),
    fit=fit,
)
