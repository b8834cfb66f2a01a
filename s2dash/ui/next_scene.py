"""What becomes of a recipe when another scene takes the place of the one it was chosen for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from s2dash.classify.indices import available_indices
from s2dash.core.missions import CORRECTED_LEVELS
from s2dash.core.recipe import BY_ANGLE, Recipe, default_recipe
from s2dash.core.scene import Scene


def moved(chosen: Recipe, defaults: Recipe, band_names: Sequence[str], scene: Scene) -> Recipe:
    """The recipe for another scene, which takes away what it lacks; where nothing was chosen, it has its own.

    Parameters
    ----------
    defaults : what the recipe would have been on the scene before, by which a choice is known
    band_names : of the scene before
    """
    own = default_recipe(scene)
    if BY_ANGLE in (defaults.algorithm, own.algorithm) and defaults.algorithm != own.algorithm:
        # Between light and embeddings nothing of how pixels are prepared and grouped means the same.
        return replace(own, k=chosen.k, seed=chosen.seed, sample=chosen.sample)

    def of_scene(field: str, has: Callable[[Any], Any]) -> Any:
        before, now, value = (getattr(one, field) for one in (defaults, own, chosen))
        if value == before:
            return now
        return value if now == before else has(value)

    sizes = [grid.pixel_size[0] for grid in scene.grids]
    offered = available_indices(scene)
    return replace(
        chosen,
        bands=_bands(chosen, defaults, own, band_names, scene) or own.bands,
        indices=tuple(name for name in chosen.indices if name in offered),
        mask_scl=of_scene("mask_scl", lambda codes: tuple(code for code in codes if code in scene.mask_classes)),
        mask_saturated=of_scene("mask_saturated", lambda is_left_out: False),
        pixel_size=chosen.pixel_size if chosen.pixel_size in sizes else None,
        atmosphere="none" if scene.level in CORRECTED_LEVELS else chosen.atmosphere,
    )


def _bands(chosen: Recipe, defaults: Recipe, own: Recipe, before: Sequence[str], scene: Scene) -> tuple[str, ...]:
    """The chosen bands as far as the scene has them, in its order; none where nothing was chosen."""
    are_same = tuple(before) == tuple(scene.band_names)
    if are_same and own.bands == defaults.bands:
        return chosen.bands
    if set(chosen.bands) == set(defaults.bands):
        return ()
    if are_same:
        return chosen.bands
    return tuple(name for name in scene.band_names if name in chosen.bands)
