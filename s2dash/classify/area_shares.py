"""What classes lie within a drawn area: how much of it each is, by the pixels of the live picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from s2dash.classify.inside import burnt, on_grid
from s2dash.core.classmap import Result
from s2dash.core.grid import class_counts
from s2dash.core.scene_reading import Ring
from s2dash.raster.reading import preview_places


@dataclass(frozen=True)
class ClassInside:
    """What of an area is of one class."""

    id: int
    """0 is no data."""
    share: float
    """Of the area's pixels that lie on the scene, above 0."""
    area_ha: float


@dataclass(frozen=True)
class AreaShares:
    """What an area holds."""

    classes: tuple[ClassInside, ...]
    """Those that occur, the largest first and what has no data last; none where no pixel of the map lies inside."""
    step: int
    """One of so many pixels along rows and columns was counted."""


def area_shares(live: Result, rings: Sequence[Ring]) -> AreaShares:
    """The classes of a live picture's pixels whose centres lie inside of any ring of longitude and latitude.

    Raises RecipeError on a grid without a place.
    """
    classmap, grid = live.classmap, live.scene.grid
    if classmap.labels is None:
        raise ValueError("the labels of a live picture are in memory, but this result has none there")
    inside = burnt(on_grid(rings, grid), *preview_places(grid, classmap.step))
    # Numbers from 1, so that what has no data counts apart from what lies outside.
    numbers = np.where(inside, classmap.labels.astype(np.uint16) + 1, 0)
    counts = class_counts(numbers, classmap.class_count + 1)[1:]
    area_ha = classmap.grid.class_area_ha(numbers, classmap.class_count + 1)[1:]
    order = sorted(np.flatnonzero(counts).tolist(), key=lambda number: (number == 0, -counts[number], number))
    total = int(counts.sum())
    classes = tuple(ClassInside(n, float(counts[n] / total), float(area_ha[n])) for n in order)
    return AreaShares(classes, classmap.step)
