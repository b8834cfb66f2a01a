"""Grouping rows by what a recipe says of algorithm and distance: one way for maps, advice and splits."""

from __future__ import annotations

import numpy as np

from s2dash.classify.algorithms import LinearModel, Model
from s2dash.classify.algorithms.mahalanobis import with_shared_covariance
from s2dash.classify.prepare import Prepared


def grouped(prepared: Prepared, rows: np.ndarray, k: int, seed: int) -> Model:
    """What the recipe's algorithm finds among rows of shape (pixels, features), float32 or float64.

    Number of classes and seed are given beside the recipe, as advice and splits have their own.
    """
    algorithm, recipe = prepared.algorithm, prepared.recipe
    model = algorithm.fit(rows, k, algorithm.complete_params(recipe.params_dict), seed)
    if recipe.distance == "euclidean":
        return model
    assert isinstance(model, LinearModel)  # as `prepare.resolve` sees to it
    return with_shared_covariance(model, rows)
