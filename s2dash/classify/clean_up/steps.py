"""Majority and sieve as steps of edits: what a step asks for, brought to the pixels at hand."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from s2dash.classify.clean_up.majority import majority
from s2dash.classify.clean_up.sieve import sieve
from s2dash.core.edits import Sieve
from s2dash.core.grid import Grid
from s2dash.errors import RecipeError

MOST_HALO = 128
"""Pixels around a window that a sieve looks at where it is to make do without the whole scene."""
_M2_PER_HA = 10_000


@dataclass(frozen=True)
class NeighbourMajority:
    """The most frequent label of the neighbourhood."""

    size: int

    @property
    def halo(self) -> int:
        return self.size // 2

    def __call__(self, labels: np.ndarray, /) -> np.ndarray:
        return majority(labels, self.size)


@dataclass(frozen=True)
class Sieving:
    """The sieve of a picture; exact where it is handed the whole of it.

    A window with its halo is right too about every patch that is too small as it was found. Patches that only
    grow or break in the sieve's later rounds may come out otherwise than in the whole.
    """

    step: Sieve
    least: int
    """Pixels that a patch has at least."""

    @property
    def halo(self) -> int:
        return min(self.least, MOST_HALO)

    def __call__(self, labels: np.ndarray, /) -> np.ndarray:
        return sieve(labels, self.least, self.step.neighbours)

    def every(self, step: int) -> Sieving:
        """The same for every `step`-th pixel, each of which stands for step x step: an approximation."""
        return replace(self, least=max(1, math.ceil(self.least / step**2)))


def sieving(step: Sieve, grid: Grid) -> Sieving:
    """A step's work on pixels of a grid; raises RecipeError for hectares on a grid without a place."""
    return Sieving(step, least_pixels(step, grid))


def least_pixels(step: Sieve, grid: Grid) -> int:
    """Pixels that a patch has at least, by the area of the grid's central pixel; raises as `sieving`."""
    if step.unit == "pixels":
        return math.ceil(step.least)
    area_ha = pixel_ha(grid)
    if area_ha is None:
        raise RecipeError(
            f"The edits take away patches under {step.least:g} ha, but this picture has no place, so nobody knows "
            "how large its pixels are. Give the least patch in pixels."
        )
    # Rounded before it is raised: 0.07 ha of 0.01 ha are 7.000000000000001 pixels.
    return max(1, math.ceil(round(step.least / area_ha, 6)))


def pixel_ha(grid: Grid) -> float | None:
    """Hectares of a grid's central pixel; None without a place."""
    area_m2 = grid.pixel_area_m2()
    if np.isnan(area_m2).any():
        return None
    return float(area_m2[area_m2.shape[0] // 2, area_m2.shape[1] // 2]) / _M2_PER_HA
