"""The Learnt value: what a fit found, as numbers that anyone can label pixels with, without the program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from s2dash.classify.indices import SpectralIndex


@dataclass(frozen=True, eq=False)
class Space:
    """What features become before they are grouped: (clip(x, low, high) - shift) / scale, then projected on axes."""

    low: np.ndarray
    """Shape (features,), float64, as those below."""
    high: np.ndarray
    shift: np.ndarray
    scale: np.ndarray
    axes: np.ndarray | None = None
    """Shape (components, features), float64; None leaves scaled features as they are."""


@dataclass(frozen=True, eq=False)
class Centres:
    """Each pixel is of the class of the nearest centre, by distance or by angle."""

    centres: np.ndarray
    """Shape (centres, features), float64; by Mahalanobis distance what features are multiplied by in its place."""
    numbers: np.ndarray
    """Class number of each centre, uint8."""
    by_angle: bool = False
    bias: np.ndarray | None = None
    """By Mahalanobis distance, shape (centres,), float64: the class of the smallest of `bias - centres . x` is the
    nearest."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """Each pixel is of the most likely of several clouds of a Gaussian mixture."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    precisions_cholesky: np.ndarray
    covariance_type: str
    numbers: np.ndarray
    """Class number of each cloud, uint8."""


@dataclass(frozen=True, eq=False)
class Fork:
    """Of a tree of groups: the nearer of two centres leads on."""

    centres: np.ndarray
    """Shape (2, features)."""
    left: Fork | int
    """What follows where the first is nearer: another fork, or a class number."""
    right: Fork | int


@dataclass(frozen=True, eq=False)
class Bisection:
    """Each pixel walks down a tree of groups."""

    root: Fork
    dtype: str


Rule = Centres | Mixture | Bisection
"""How a pixel finds its class."""


@dataclass(frozen=True, eq=False)
class Learnt:
    """Everything that labels any pixel of a scene by a recipe, but for the scene and the recipe."""

    positions: tuple[int, ...]
    """Of the chosen bands in the scene."""
    indices: tuple[SpectralIndex, ...]
    space: Space
    rule: Rule
    on_reflectance: bool = False
    """Whether pixels of zero reflectance in all chosen bands are no data."""
    smoothed_in: Space | None = None
    """Where smoothing that keeps edges acts, if the recipe has it."""
    parts: Mapping[int, Rule] = field(default_factory=dict)
    """By the place of a `Split` among the edits' steps: what tells the parts of the class apart."""
    least: Mapping[int, int] = field(default_factory=dict)
    """By the place of a `Sieve` among the edits' steps: pixels that a patch has at least."""
