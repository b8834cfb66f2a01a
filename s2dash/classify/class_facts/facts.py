"""The facts of one class together, as they are asked for at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from s2dash.classify.class_facts.extent import ClassPatches, border_shares, class_patches
from s2dash.classify.class_facts.places import ClassPlaces, class_places
from s2dash.classify.features import preview_features
from s2dash.classify.fitted import Fitted
from s2dash.classify.point import class_spread
from s2dash.classify.sureness import LiveSureness
from s2dash.core.classmap import Result
from s2dash.core.types import frozen


@dataclass(frozen=True, eq=False)
class ClassFacts:
    """What the live picture, and the sample for the spectrum, tell of one class."""

    patches: ClassPatches | None
    """None where no pixel of the live picture has the class."""
    borders: Mapping[int, float]
    """Shares of its border by the class on the other side, the longest first."""
    places: ClassPlaces
    spread: np.ndarray
    """The 10th and 90th percentile of each band, reflectance, shape (2, bands)."""


def class_facts(fitted: Fitted, live: Result, sure: LiveSureness, number: int) -> ClassFacts:
    """The facts of a class; `live` is the result of `run_live` for the same fit, `sure` how sure its classes are."""
    labels = live.classmap.labels
    if labels is None:
        raise ValueError("the labels of a live picture are in memory, but this result has none there")
    return ClassFacts(
        class_patches(labels, number),
        border_shares(labels, number),
        class_places(fitted, preview_features(fitted.prepared), labels, sure.percent, number),
        frozen(class_spread(fitted, number)),
    )
