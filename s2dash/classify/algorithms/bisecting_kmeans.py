"""Bisecting k-means: splits one group in two until there are k (Steinbach, Karypis, Kumar, 2000)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from s2dash.classify.algorithms.base import Algorithm, Param, SklearnModel
from s2dash.core.recipe import ParamValue


def fit(features: np.ndarray, k: int, params: Mapping[str, ParamValue], seed: int) -> SklearnModel:
    """scikit-learn's BisectingKMeans, which labels by walking down its tree, not by the nearest centre."""
    from sklearn.cluster import BisectingKMeans

    estimator = BisectingKMeans(
        k,
        n_init=int(params["n_init"]),
        bisecting_strategy=str(params["strategy"]),
        max_iter=int(params["max_iter"]),
        random_state=seed,
    ).fit(features)
    return SklearnModel(estimator, k, features.dtype.type)


ALGORITHM = Algorithm(
    name="bisecting-kmeans",
    label="Bisecting k-means",
    help="Splits the largest group in two, again and again. Groups for k + 1 refine those for k.",
    params=(
        Param(
            "strategy",
            "Which group to split",
            "The one that varies most, or the one with most pixels.",
            "biggest_inertia",
            choices=("biggest_inertia", "largest_cluster"),
        ),
        Param("n_init", "Restarts", "How many random starts each split compares.", 4, 1, 50),
        Param("max_iter", "Most rounds", "When a split stops at the latest.", 300, 1, 1000),
    ),
    fit=fit,
)
