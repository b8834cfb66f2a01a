"""Spectral-angle k-means: k-means on unit vectors, so that the shape of a spectrum counts and brightness does not.

Spherical k-means (Dhillon and Modha, Concept decompositions for large sparse text data, Machine
Learning 42, 2001); the angle is that of the spectral angle mapper (Kruse et al., 1993).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from s2dash.classify.algorithms.base import Algorithm, LinearModel, Param
from s2dash.core.recipe import ParamValue

_TOLERANCE = 1e-6
_RESTART_PIXELS = 10_000


def fit(features: np.ndarray, k: int, params: Mapping[str, ParamValue], seed: int) -> LinearModel:
    """Unit centres whose cosine with their pixels is largest in sum; rows of zeros must be left out before.

    Restarts run on a subsample; the best one is then polished on all rows, as for k-means.
    """
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    restarts, rounds = int(params["n_init"]), int(params["max_iter"])
    rng = np.random.default_rng(seed)
    few = unit
    if restarts > 1 and len(unit) > _RESTART_PIXELS:
        few = unit[np.sort(rng.choice(len(unit), _RESTART_PIXELS, replace=False))]
    tries = [_climb(few, _spread_start(few, k, rng), rounds) for _ in range(restarts)]
    centres = max(tries, key=lambda one: one[1])[0]
    if few is not unit:
        centres = _climb(unit, centres, rounds)[0]
    return LinearModel(centres.astype(np.float64), np.zeros(k), by_angle=True)


def _spread_start(unit: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """K rows far apart: k-means++ (Arthur and Vassilvitskii, 2007) with 1 - cosine as the distance."""
    from sklearn.cluster import kmeans_plusplus

    centres, _ = kmeans_plusplus(unit, k, random_state=int(rng.integers(2**31)))
    return np.asarray(centres)


def _climb(unit: np.ndarray, centres: np.ndarray, rounds: int) -> tuple[np.ndarray, float]:
    """Assign to the closest direction, average, renormalise, until the summed cosine stops growing."""
    total = -np.inf
    for _ in range(rounds):
        cosines = unit @ centres.T
        labels = cosines.argmax(axis=1)
        nearest = cosines[np.arange(len(unit)), labels]
        sums = np.stack([np.bincount(labels, column, minlength=len(centres)) for column in unit.T], axis=1).astype(
            unit.dtype
        )
        empty = np.flatnonzero(np.bincount(labels, minlength=len(centres)) == 0)
        if len(empty):
            sums[empty] = unit[np.argsort(nearest, kind="stable")[: len(empty)]]
        centres = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        previous, total = total, float(nearest.sum(dtype=np.float64))
        if not len(empty) and total - previous <= _TOLERANCE * max(len(unit) - total, 1e-12):
            break
    return centres, total


ALGORITHM = Algorithm(
    name="spectral-angle-kmeans",
    label="Spectral angle k-means",
    help="Looks at the shape of the spectrum, not at brightness: a shaded slope joins its sunny side.",
    params=(
        Param("n_init", "Restarts", "How many random starts are compared.", 8, 1, 50),
        Param("max_iter", "Most rounds", "When to stop at the latest.", 100, 1, 1000),
    ),
    fit=fit,
    on_reflectance=True,
)
