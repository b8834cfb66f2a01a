"""K-means by Lloyd's algorithm with k-means++ starts (Arthur and Vassilvitskii, 2007), restarted cheaply.

Restarts are what protects against a poor optimum, so they run on a subsample; every distinct
optimum found there within a few percent of the best is then polished on all rows, because which
of two near optima is better often shows only there (docs/design.md has the figures).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from s2dash.algorithms.base import Algorithm, LinearModel, Param
from s2dash.algorithms.threads import side_by_side
from s2dash.recipe import ParamValue

_RESTART_PIXELS = 10_000
_RESTART_TOLERANCE = 1e-3
_WORTH_POLISHING = 1.06
"""Optima up to this multiple of the best inertia on the subsample are polished."""
_DISTINCT = 1.0015
"""Two optima count as one when their inertia differs by less than this factor."""
_MOST_POLISHED = 6


def fit(features: np.ndarray, k: int, params: Mapping[str, ParamValue], seed: int) -> LinearModel:
    """The best centres of `n_init` starts; one start, or few rows, is exactly scikit-learn's KMeans."""
    from sklearn.cluster import KMeans

    starts, rounds, tolerance = int(params["n_init"]), int(params["max_iter"]), float(params["tol"])
    if starts == 1 or len(features) <= _RESTART_PIXELS:
        whole = KMeans(k, n_init=starts, max_iter=rounds, tol=tolerance, random_state=seed).fit(features)
        return LinearModel.nearest_centre(whole.cluster_centers_)

    def polish(centres: np.ndarray) -> KMeans:
        return KMeans(k, init=centres, n_init=1, max_iter=rounds, tol=tolerance).fit(features)

    polished = side_by_side(polish, _distinct_optima(features, k, starts, rounds, seed))
    return LinearModel.nearest_centre(min(polished, key=lambda one: one.inertia_).cluster_centers_)


def _distinct_optima(features: np.ndarray, k: int, starts: int, rounds: int, seed: int) -> list[np.ndarray]:
    """Centres of the different good optima that restarts on a subsample reach, best first."""
    from sklearn.cluster import KMeans

    rng = np.random.default_rng(seed)
    few = features[np.sort(rng.choice(len(features), _RESTART_PIXELS, replace=False))]

    def climb(start: int) -> KMeans:
        return KMeans(k, n_init=1, max_iter=rounds, tol=_RESTART_TOLERANCE, random_state=start).fit(few)

    tries = side_by_side(climb, rng.integers(2**31, size=starts).tolist())
    tries.sort(key=lambda one: one.inertia_)
    kept = [tries[0]]
    for one in tries[1:]:
        if one.inertia_ > tries[0].inertia_ * _WORTH_POLISHING or len(kept) == _MOST_POLISHED:
            break
        if one.inertia_ > kept[-1].inertia_ * _DISTINCT:
            kept.append(one)
    return [one.cluster_centers_ for one in kept]


ALGORITHM = Algorithm(
    name="kmeans",
    label="K-means",
    help="Each pixel joins the group whose average it is closest to. Fast, and a good start.",
    params=(
        Param(
            "n_init", "Restarts", "How many random starts are compared. More finds better groups, slower.", 24, 1, 100
        ),
        Param("max_iter", "Most rounds", "When a start stops at the latest.", 300, 1, 1000),
        Param(
            "tol", "Stop when still", "How little the centres may still move; smaller is more exact.", 1e-4, 0.0, 0.1
        ),
    ),
    fit=fit,
)
