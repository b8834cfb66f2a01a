"""Gaussian mixture: groups as clouds of their own size, shape and direction, fitted by expectation-maximisation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from s2dash.classify.algorithms.base import Algorithm, Param, SklearnModel
from s2dash.core.recipe import ParamValue


class MixtureModel(SklearnModel):
    """A fitted mixture, which can also say how well it accounts for rows."""

    def bic(self, features: np.ndarray) -> float:
        """The Bayesian information criterion (Schwarz, 1978) on rows of shape (pixels, features); lower is better."""
        return float(self.estimator.bic(np.asarray(features, dtype=np.float64)))


def fit(features: np.ndarray, k: int, params: Mapping[str, ParamValue], seed: int) -> MixtureModel:
    """scikit-learn's GaussianMixture on at most `fit_pixels` rows, chosen by the seed."""
    from sklearn.mixture import GaussianMixture

    rows = np.asarray(features, dtype=np.float64)
    most = int(params["fit_pixels"])
    if len(rows) > most:
        rows = rows[np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False))]
    spread = float(rows.var(axis=0).mean()) or 1.0
    estimator = GaussianMixture(
        k,
        covariance_type=str(params["covariance"]),
        max_iter=int(params["max_iter"]),
        n_init=int(params["n_init"]),
        reg_covar=1e-6 * spread,
        random_state=seed,
    )
    estimator.fit(rows)
    notes = (
        ()
        if estimator.converged_
        else (f"The Gaussian mixture was still moving after {params['max_iter']} rounds. Allow more under Advanced.",)
    )
    return MixtureModel(estimator, k, np.float64, notes)


ALGORITHM = Algorithm(
    name="gaussian-mixture",
    label="Gaussian mixture",
    help="Lets groups differ in size and shape. Finds narrow groups that k-means cuts up; slower.",
    params=(
        Param(
            "covariance",
            "Shape of a group",
            "full: any ellipsoid. tied: one shape for all. diag: along the bands. spherical: round.",
            "full",
            choices=("full", "tied", "diag", "spherical"),
        ),
        Param("fit_pixels", "Pixels for the mixture", "More is steadier and slower.", 10_000, 1_000, 1_000_000),
        Param("n_init", "Restarts", "How many random starts are compared.", 1, 1, 10),
        Param("max_iter", "Most rounds", "When to stop at the latest.", 100, 1, 1000),
    ),
    fit=fit,
)
