"""Places of a class that are worth a look: typical ones, and ones where another class is nearly as near.

Typical places lie well inside of patches, are among the surer half of these, and nearest to the class's mean among
the features. Doubtful places are the least sure whose eight neighbours are of the class too, so that there is more
to be seen than a speck. Both are spread over the class: of places in their order each is taken that lies far enough
from those before, and the distance is halved until there are enough. Nothing is drawn at random.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from s2dash.classify.fitted import Fitted
from s2dash.classify.point import next_class
from s2dash.core.scene import Pixels

TYPICAL, DOUBTFUL = 6, 3
"""How many places there are at most."""

_INSIDE = 5
"""From so many pixels to the nearest other class on, further inside is no better."""
_MOST_COMPARED = 20_000
_DOUBTFUL_SHARE = 0.02
_INSIDE_SHARE = 0.05
"""At least such a share of a class counts as inside, or places would all be in its one large patch."""
_FEWEST = 200
"""Pixels that there are to choose from, where there are so many."""


@dataclass(frozen=True)
class ClassPlace:
    """One pixel of the live picture."""

    row: int
    col: int
    next_label: int | None = None
    """Of a doubtful place, the class that it would be in otherwise; None where there is no other."""


@dataclass(frozen=True)
class ClassPlaces:
    """Places of one class, of which there may be few or none."""

    typical: tuple[ClassPlace, ...]
    """The most typical first."""
    doubtful: tuple[ClassPlace, ...]
    """The least sure first; none of the typical ones."""


def class_places(fitted: Fitted, features: Pixels, labels: np.ndarray, percent: np.ndarray, number: int) -> ClassPlaces:
    """Typical and doubtful places of a class.

    Parameters
    ----------
    features : raw features of the live picture, as `features.preview_features` gives them
    labels : ndarray of shape (rows, cols), uint8, of the live picture after edits
    percent : how sure each label is, as `sureness.live_sureness` gives it
    """
    inside = _steps_inside(labels == number)
    typical = _spread(_typical(fitted, features, inside, percent, number), inside.shape[1], TYPICAL)
    chosen = {row * inside.shape[1] + col for row, col in typical}
    least_sure = [place for place in _doubtful(inside, percent).tolist() if place not in chosen]
    doubtful = _spread(np.array(least_sure, dtype=np.int64), inside.shape[1], DOUBTFUL)
    return ClassPlaces(
        tuple(ClassPlace(row, col) for row, col in typical),
        tuple(ClassPlace(row, col, next_class(fitted, _at(features, row, col), number)) for row, col in doubtful),
    )


def _steps_inside(own: np.ndarray) -> np.ndarray:
    """Steps from each pixel of a class to the nearest that is not of it, corners too, at most `_INSIDE`, 0 outside."""
    left = own
    steps = own.astype(np.uint8)
    for _ in range(_INSIDE - 1):
        left = ndimage.minimum_filter(left.view(np.uint8), 3, mode="constant").view(bool)
        steps += left
    return steps


def _typical(fitted: Fitted, features: Pixels, inside: np.ndarray, percent: np.ndarray, number: int) -> np.ndarray:
    """Flat places of the more typical half of what lies inside, the nearest to the mean first."""
    enough = max(_FEWEST, round(_INSIDE_SHARE * np.count_nonzero(inside)))
    for steps in range(_INSIDE, 0, -1):
        deep = np.flatnonzero(inside >= steps)
        if len(deep) >= enough:
            break
    if not deep.size:
        return deep
    sure = percent.ravel()[deep]
    some = deep[sure >= np.median(sure)]
    some = some[:: math.ceil(len(some) / _MOST_COMPARED)]
    rows = fitted.space.transform(features.values.reshape(len(features.values), -1)[:, some])
    sample = fitted.sample.raw[:, fitted.sample_labels == number]
    middle = (fitted.space.transform(sample) if sample.shape[1] else rows).mean(axis=0)
    away = ((rows - middle) ** 2).sum(axis=1)
    return some[np.argsort(away, kind="stable")[: max(TYPICAL, len(some) // 2)]]


def _doubtful(inside: np.ndarray, percent: np.ndarray) -> np.ndarray:
    """Flat places of the least sure pixels, the least sure first."""
    for least in (2, 1):
        some = np.flatnonzero(inside >= least)
        if len(some) >= DOUBTFUL:
            break
    count = max(_FEWEST, round(_DOUBTFUL_SHARE * len(some)))
    return some[np.argsort(percent.ravel()[some], kind="stable")[:count]]


def _spread(places: np.ndarray, width: int, count: int) -> list[tuple[int, int]]:
    """Rows and columns of at most `count` of these flat places, the first always among them, far from each other."""
    if not len(places):
        return []
    at = np.stack(np.divmod(places, width), axis=1)
    apart = float(np.hypot(*np.ptp(at, axis=0))) / 2
    while True:
        chosen = _far_from_each_other(at, apart, count)
        if len(chosen) >= min(count, len(at)) or apart < 1:
            return [(int(row), int(col)) for row, col in at[chosen]]
        apart /= 2


def _far_from_each_other(at: np.ndarray, apart: float, count: int) -> list[int]:
    """Indices of the first places in their order that are at least so many pixels from those chosen before."""
    chosen: list[int] = []
    free = np.ones(len(at), dtype=bool)
    while len(chosen) < count and free.any():
        chosen.append(int(np.argmax(free)))
        free &= np.hypot(*(at - at[chosen[-1]]).T) >= max(apart, 1)
    return chosen


def _at(features: Pixels, row: int, col: int) -> Pixels:
    one = np.s_[row : row + 1, col : col + 1]
    return Pixels(features.values[:, *one], features.valid[one])
