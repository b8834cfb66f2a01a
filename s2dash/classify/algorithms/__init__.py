"""The registry of algorithms. Adding one: a module beside this file and a line in `ALGORITHMS`."""

from __future__ import annotations

import warnings

from s2dash.classify.algorithms import (
    birch,
    bisecting_kmeans,
    gaussian_mixture,
    isodata,
    kmeans,
    minibatch_kmeans,
    nested_groups,
    spectral_angle_kmeans,
)
from s2dash.classify.algorithms.base import Algorithm, LinearModel, Model, Param, SklearnModel
from s2dash.errors import UnknownName

__all__ = [
    "ALGORITHMS",
    "Algorithm",
    "LinearModel",
    "Model",
    "Param",
    "SklearnModel",
    "find_algorithm",
    "load_libraries",
]

# The result says so itself, in plain words; `warnings.catch_warnings` would not hold on several threads.
for _message in ("Number of distinct clusters", "Best performing initialization did not converge"):
    warnings.filterwarnings("ignore", message=_message, module="sklearn")

ALGORITHMS: dict[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        kmeans.ALGORITHM,
        minibatch_kmeans.ALGORITHM,
        bisecting_kmeans.ALGORITHM,
        gaussian_mixture.ALGORITHM,
        spectral_angle_kmeans.ALGORITHM,
        nested_groups.ALGORITHM,
        isodata.ALGORITHM,
        birch.ALGORITHM,
    )
}


def find_algorithm(name: str) -> Algorithm:
    """The algorithm of that name; raises UnknownName, listing what there is."""
    if name not in ALGORITHMS:
        raise UnknownName(f"There is no algorithm {name[:60]!r}. There are {', '.join(ALGORITHMS)}.")
    return ALGORITHMS[name]


def load_libraries() -> None:
    """Load what fits need, scikit-learn above all, which takes a second or more."""
    import sklearn.cluster  # noqa: F401
