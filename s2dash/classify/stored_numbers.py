"""Between scenes that store reflectance as other numbers: what turns those of one scene into another's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from s2dash.classify.space import FeatureSpace
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Band, Scene


@dataclass(frozen=True, eq=False)
class Renumbering:
    """What turns stored numbers of one scene into another's of the same reflectance: number * factor + shift."""

    factor: np.ndarray
    """Shape (features,), float64, above 0."""
    shift: np.ndarray
    """Shape (features,), float64."""

    @staticmethod
    def nothing(count: int) -> Renumbering:
        """The change that leaves so many features as they are."""
        return Renumbering(np.ones(count), np.zeros(count))

    @property
    def is_nothing(self) -> bool:
        """Whether numbers stay as they are."""
        return bool((self.factor == 1).all() and (self.shift == 0).all())

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Values of shape (features, ...) in the other scene's numbers, float64."""
        tail = [1] * (values.ndim - 1)
        return np.asarray(values * self.factor.reshape(-1, *tail) + self.shift.reshape(-1, *tail))

    def space(self, space: FeatureSpace) -> FeatureSpace:
        """The space that gives changed features what this one gives them unchanged."""
        if self.is_nothing:
            return space
        low, high, shift = (self.apply(limits) for limits in (space.low, space.high, space.shift))
        return replace(space, low=low, high=high, shift=shift, scale=space.scale * self.factor)


def renumbering(
    source: Scene, from_positions: Sequence[int], target: Scene, to_positions: Sequence[int]
) -> Renumbering:
    """The change from bands of one scene to the same bands of another."""
    factor = target.quantifications_of(to_positions) / source.quantifications_of(from_positions)
    shift = source.offsets_of(from_positions) * factor - target.offsets_of(to_positions)
    return Renumbering(factor, shift)


def feature_renumbering(source: Scene, target: Scene, recipe: Recipe) -> Renumbering:
    """The change from raw features of one scene to those of another; what comes from reflectance stays.

    That is indices, and with `Recipe.transform` bands too. Features are those of single pixels.

    Raises UnknownName where a scene lacks a band of the recipe.
    """
    bands = renumbering(source, source.positions(recipe.bands), target, target.positions(recipe.bands))
    if recipe.transform != "none":
        bands = Renumbering.nothing(len(recipe.bands))
    count = len(recipe.indices)
    return Renumbering(np.concatenate([bands.factor, np.ones(count)]), np.concatenate([bands.shift, np.zeros(count)]))


def matching_bands(source: Scene, target: Scene) -> tuple[int | None, ...]:
    """For each band of `target` the position in `source` of the same one; None where there is none, or several."""
    return tuple(_match(source, band) for band in target.bands)


def _match(scene: Scene, wanted: Band) -> int | None:
    # The same number is other light on another mission.
    by_name = [i for i, b in enumerate(scene.bands) if b.name == wanted.name and b.standard == wanted.standard]
    fits = by_name or [i for i, band in enumerate(scene.bands) if wanted.standard and band.standard == wanted.standard]
    return fits[0] if len(fits) == 1 else None
