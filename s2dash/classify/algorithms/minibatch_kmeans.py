"""Mini-batch k-means: k-means from small random batches (Sculley, Web-scale k-means clustering, 2010)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from s2dash.classify.algorithms.base import Algorithm, LinearModel, Param
from s2dash.core.recipe import ParamValue


def fit(features: np.ndarray, k: int, params: Mapping[str, ParamValue], seed: int) -> LinearModel:
    """Centres by scikit-learn's MiniBatchKMeans."""
    from sklearn.cluster import MiniBatchKMeans

    estimator = MiniBatchKMeans(
        k,
        n_init=int(params["n_init"]),
        batch_size=int(params["batch_size"]),
        max_iter=int(params["max_iter"]),
        random_state=seed,
    ).fit(features)
    return LinearModel.nearest_centre(estimator.cluster_centers_)


ALGORITHM = Algorithm(
    name="minibatch-kmeans",
    label="Mini-batch k-means",
    help="K-means that learns from small random batches. Quick on huge samples, a little less exact.",
    params=(
        Param("n_init", "Restarts", "How many random starts are compared before one is kept.", 10, 1, 50),
        Param("batch_size", "Batch size", "Pixels in each batch. Larger is steadier and slower.", 4096, 100, 100_000),
        Param("max_iter", "Most rounds", "When to stop at the latest, in passes over the sample.", 100, 1, 1000),
    ),
    fit=fit,
    has_centres=True,
)
