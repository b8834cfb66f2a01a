"""A fit as plain numbers, for files that label pixels without the program (`export.learnt`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from s2dash.classify.algorithms import LinearModel, Model
from s2dash.classify.clean_up import Sieving
from s2dash.classify.edit import Regrouping
from s2dash.classify.fitted import Fitted
from s2dash.classify.space import FeatureSpace
from s2dash.export.learnt import Bisection, Centres, Fork, Learnt, Mixture, Rule, Space


def learnt_numbers(fitted: Fitted) -> Learnt:
    """What the fit found. Raises TypeError for a model of a kind that is not known here."""
    prepared = fitted.prepared
    steps = list(enumerate(fitted.stage.steps))
    return Learnt(
        positions=prepared.positions[: len(prepared.recipe.bands)],
        indices=prepared.indices,
        space=_space(fitted.space),
        rule=_rule(fitted.model, fitted.number_of),
        on_reflectance=prepared.algorithm.on_reflectance,
        smoothed_in=None if prepared.pointwise is None else _space(prepared.pointwise),
        parts={at: _rule(step.model, step.number_of) for at, step in steps if isinstance(step, Regrouping)},
        least={at: step.least for at, step in steps if isinstance(step, Sieving)},
    )


def _space(space: FeatureSpace) -> Space:
    return Space(space.low, space.high, space.shift, space.scale, space.axes)


def _rule(model: Model, number_of: np.ndarray) -> Rule:
    if isinstance(model, LinearModel):
        bias = None if model.whitening is None else model.bias
        return Centres(model.weights, model.centre_table(number_of)[1:], model.by_angle, bias)
    estimator: Any = getattr(model, "estimator", None)
    if hasattr(estimator, "precisions_cholesky_"):
        found = (estimator.weights_, estimator.means_, estimator.covariances_, estimator.precisions_cholesky_)
        return Mixture(*found, estimator.covariance_type, number_of)
    if hasattr(estimator, "_bisecting_tree"):
        root = _fork(estimator._bisecting_tree, estimator._X_mean, number_of)
        assert isinstance(root, Fork)  # k is at least 2
        return Bisection(root, estimator.cluster_centers_.dtype.name)
    raise TypeError(f"the numbers of a {type(model).__name__} are not known")


def _fork(node: Any, middle: np.ndarray, number_of: np.ndarray) -> Fork | int:
    """A node of scikit-learn's tree, whose centres are seen from the middle of the sample."""
    if node.left is None:
        return int(number_of[node.label])
    centres = np.vstack((node.left.center, node.right.center))
    centres += middle
    return Fork(centres, _fork(node.left, middle, number_of), _fork(node.right, middle, number_of))
