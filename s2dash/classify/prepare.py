"""A scene and a recipe resolved once, handed on whole: grid, bands, indices, algorithm, and the way to the pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias, TypeVar

import numpy as np

from s2dash.classify import edge_smoothing
from s2dash.classify.algorithms import Algorithm, find_algorithm
from s2dash.classify.atmosphere import without_haze
from s2dash.classify.indices import SpectralIndex, chosen_indices
from s2dash.classify.space import FeatureSpace
from s2dash.core.grid import Grid
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Scene
from s2dash.errors import RecipeError
from s2dash.raster.location import Location
from s2dash.raster.reading import read_preview_stack

T = TypeVar("T")
Key: TypeAlias = tuple[str, tuple[Location, ...], *tuple[Hashable, ...]]
"""Digest and files of a scene, and all else that something depends on."""

WHOLE_UP_TO_PIXELS = 2**26
"""Scenes up to this size are sampled from all pixels; of larger ones blocks are read, with smoothing their insides."""


class Keep(Protocol):
    """Keeps what takes a pass over pixels, so that it is made once for equal keys.

    `what` is `stack` (`reading.read_preview_stack`), `smoothed` (`features.smoothed_preview`), `sample`
    (`sampling.sample_of`), `space` (`learn.learnt`) or `nearest` (`assign.centres_key`).
    """

    def __call__(self, what: str, key: Hashable, make: Callable[[], T], /) -> T: ...


def afresh(what: str, key: Hashable, make: Callable[[], T], /) -> T:
    """A Keep that keeps nothing."""
    return make()


class Memo:
    """A Keep for one thread and one piece of work."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, Hashable], object] = {}

    def __call__(self, what: str, key: Hashable, make: Callable[[], T], /) -> T:
        if (what, key) not in self._kept:
            self._kept[what, key] = make()
        found: T = self._kept[what, key]  # type: ignore[assignment]
        return found


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a recipe means on a scene."""

    scene: Scene
    """On the recipe's grid, with its haze subtracted where the recipe says so."""
    recipe: Recipe
    algorithm: Algorithm
    indices: tuple[SpectralIndex, ...]
    """Those of the recipe, in its order."""
    positions: tuple[int, ...]
    """Of all bands that features are made of: the chosen ones, then those of indices."""
    keep: Keep = afresh
    pointwise: FeatureSpace | None = None
    """With smoothing that keeps edges, what brings features to where it acts, once that has been learnt
    (`learn.learnt`): features are smoothed from then on, and before that are those of single pixels."""

    @property
    def halo(self) -> int:
        """How many pixels beyond a pixel its features depend on."""
        if self.pointwise is not None:
            return edge_smoothing.HALO
        return int(self.recipe.smooth == 3)

    @property
    def stack(self) -> np.ndarray:
        """The scene's `reading.read_preview_stack`."""
        return _stack(self.scene, self.keep)

    @property
    def smooths_beyond_preview(self) -> bool:
        """Whether the live picture's features take neighbours that are not in the preview stack."""
        return self.halo > 0 and self.scene.live_step > 1

    @property
    def features_key(self) -> Key:
        """All that raw features depend on: equal keys mean equal features at every pixel.

        With the locations, as an equal scene may lie in another folder that goes at another time.
        """
        scene, recipe = self.scene, self.recipe
        chosen = (scene.positions(recipe.bands), recipe.indices, self.halo, recipe.masking, recipe.atmosphere)
        space = None if self.pointwise is None else self.pointwise.key
        bent = (self.algorithm.on_reflectance, recipe.transform, space)
        return (scene.digest, scene.locations, *chosen, *bent)

    @property
    def sample_key(self) -> Key:
        """All that the sample depends on: not the number of classes, scaling, clipping, nor parameters."""
        stays_inside = self.recipe.smooth != 0 and self.scene.grid.pixel_count > WHOLE_UP_TO_PIXELS
        return (*self.features_key, stays_inside, self.recipe.seed, self.recipe.sample)

    @property
    def space_key(self) -> Key:
        """All that the space depends on which smoothing that keeps edges acts in."""
        recipe = self.recipe
        return (*self.sample_key, recipe.scale, recipe.clip, recipe.pca, recipe.components)

    def alone(self) -> Prepared:
        """The same without what keeps its pixels: to be held for long, or sent elsewhere."""
        return replace(self, keep=afresh)


def prepare(scene: Scene, recipe: Recipe, keep: Keep = afresh) -> Prepared:
    """Resolve a recipe on a scene. Pixels are only read where haze is to be subtracted.

    Raises what `resolve` raises.
    """
    found = resolve(scene, recipe, keep)
    if recipe.atmosphere == "dos1":
        return replace(found, scene=without_haze(found.scene, found.stack))
    return found


def resolve(scene: Scene, recipe: Recipe, keep: Keep = afresh) -> Prepared:
    """`prepare` before any pixel is read: the haze, if any, is still in the scene.

    Raises UnknownName for bands, indices, parameters or an algorithm that do not exist, RecipeError
    where choices contradict each other, or for a pixel size that no band has.
    """
    algorithm = find_algorithm(recipe.algorithm)
    algorithm.complete_params(recipe.params_dict)
    indices = chosen_indices(scene, recipe.indices)
    positions = _positions(scene, recipe, indices)
    on_grid = scene.on_grid(_grid(scene, recipe, positions))
    chosen = scene.positions(recipe.bands)
    if len(set(chosen)) < len(chosen):
        raise RecipeError(f"A band is chosen twice in {', '.join(recipe.bands)}. Give each once.")
    if algorithm.on_reflectance:
        _require_bands_alone(algorithm, recipe)
    if recipe.distance != "euclidean" and not algorithm.has_centres:
        raise RecipeError(
            f"{algorithm.label} has a way of its own to say what is near. "
            "Set distance to euclidean, or the algorithm to kmeans."
        )
    return Prepared(on_grid, recipe, algorithm, indices, positions, keep)


def recipe_grid(scene: Scene, recipe: Recipe) -> Scene:
    """The scene on the grid that the recipe works at: the pixel size it names, else the finest of its bands.

    Raises UnknownName for bands or indices that do not exist, RecipeError for a pixel size that no band has.
    """
    return scene.on_grid(_grid(scene, recipe, _positions(scene, recipe, chosen_indices(scene, recipe.indices))))


def of_numbers(scene: Scene, recipe: Recipe) -> Prepared:
    """What a recipe means on a scene that has numbers and no pixels, such as a pool of samples."""
    return Prepared(scene, recipe, find_algorithm(recipe.algorithm), (), scene.positions(recipe.bands))


def apply_algorithm(recipe: Recipe, algorithm: str) -> Recipe:
    """The recipe with another algorithm, without what that algorithm does not take."""
    changed, found = replace(recipe, algorithm=algorithm, params=()), find_algorithm(algorithm)
    if not found.has_centres:
        changed = replace(changed, distance="euclidean")
    if found.on_reflectance:
        smooth = 0 if changed.keeps_edges else changed.smooth
        plain = replace(changed, transform="none", components=None, smooth=smooth)
        return replace(plain, indices=(), scale="none", clip=None, pca=None)
    return changed


def _stack(scene: Scene, keep: Keep) -> np.ndarray:
    return keep("stack", (scene.digest, scene.locations), lambda: read_preview_stack(scene))


def _require_bands_alone(algorithm: Algorithm, recipe: Recipe) -> None:
    given = {
        "indices": bool(recipe.indices),
        "scaling": recipe.scale != "none",
        "clipping": recipe.clip is not None,
        "principal components": recipe.pca is not None or recipe.components is not None,
        "transform": recipe.transform != "none",
        "smoothing that keeps edges": recipe.keeps_edges,
    }
    wrong = [name for name, is_given in given.items() if is_given]
    if wrong:
        raise RecipeError(
            f"{algorithm.label} looks at bands as they are and takes no {' or '.join(wrong)}. "
            "Set scaling to none and leave out indices, clipping, principal components, transform and smoothing."
        )
    if len(recipe.bands) < 2:
        raise RecipeError(f"{algorithm.label} compares bands with each other. Choose at least 2 bands, not 1.")


def _positions(scene: Scene, recipe: Recipe, indices: tuple[SpectralIndex, ...]) -> tuple[int, ...]:
    of_indices = (position for index in indices for _, position in index.positions)
    return tuple(dict.fromkeys((*scene.positions(recipe.bands), *of_indices)))


def _grid(scene: Scene, recipe: Recipe, positions: tuple[int, ...]) -> Grid:
    """The grid that the recipe works at: the pixel size it names, else the finest of its bands."""
    if recipe.pixel_size is None:
        return min((scene.native_grid(position) for position in positions), key=scene.grids.index)
    for grid in scene.grids:
        if math.isclose(grid.pixel_size[0], recipe.pixel_size, rel_tol=1e-3):
            return grid
    has = ", ".join(f"{grid.pixel_size[0]:g}" for grid in scene.grids)
    raise RecipeError(
        f"pixel_size = {recipe.pixel_size:g}, but the bands of this scene have {has}. Choose one of these."
    )
