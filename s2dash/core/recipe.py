"""The Recipe value: every choice that decides the labels, and nothing else.

A recipe and a scene determine the labels bit for bit on one machine and set of versions. This
module checks shape and types; whether an algorithm takes a parameter is checked by `algorithms/`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from s2dash.core import sentinel2
from s2dash.core.scene import NO_MASKING, Masking, Scene
from s2dash.errors import RecipeError

DEFAULT_SAMPLE = 100_000
SCALES = ("none", "standard", "robust")
MASKS = ("auto", "none")
ATMOSPHERES = ("none", "dos1")
TRANSFORMS = ("none", "sqrt", "log")
DISTANCES = ("euclidean", "mahalanobis")
SMOOTHS: tuple[int | str, ...] = (0, 3, "edge")

BY_ANGLE = "spectral-angle-kmeans"
"""The algorithm that looks at directions only."""
_MOST_COMPONENTS = 1_000
_LATER: Mapping[str, object] = {
    "pca": None,
    "transform": "none",
    "components": None,
    "favour_rare": False,
    "distance": "euclidean",
}
"""Fields that recipes once did not have, by what stands for that: they are left out of JSON then."""
_CAN_BE_NONE = ("sample", "components")

ParamValue = int | float | str


@dataclass(frozen=True)
class Recipe:
    """What to look at and how to group it."""

    bands: tuple[str, ...]
    indices: tuple[str, ...] = ()
    """Spectral indices as further features, by the names of `features.INDICES`."""
    scale: str = "standard"
    """`none`, `standard` (mean 0, deviation 1) or `robust` (median 0, interquartile range 1)."""
    clip: tuple[float, float] | None = None
    """Lower and upper percentile outside of which features are cut; None leaves them."""
    smooth: int | str = 0
    """3 takes the mean of 3 x 3 pixels of the bands first; `edge` smooths the scaled features, or their components,
    and keeps edges (`edge_smoothing`); 0 takes pixels as they are."""
    mask: str = "auto"
    """`auto` masks nodata as the scene says, and the next two; `none` uses every finite pixel."""
    mask_scl: tuple[int, ...] = ()
    """Classes of Level-2A's scene classification to leave out, where the scene has one; sorted."""
    mask_saturated: bool = False
    """Whether pixels that are saturated in a chosen band are left out, where the scene says which are."""
    pixel_size: float | None = None
    """Pixel size to work at, in units of the CRS: one of those among the bands; None takes the finest chosen one."""
    atmosphere: str = "none"
    """`dos1` subtracts each band's darkest value as haze before indices, spectra and angles are made."""
    algorithm: str = "kmeans"
    k: int = 8
    """Number of classes, 2 to 255."""
    params: tuple[tuple[str, ParamValue], ...] = ()
    """The algorithm's own settings where they differ from its defaults, sorted by name."""
    seed: int = 0
    sample: int | None = DEFAULT_SAMPLE
    """Pixels to fit on; None fits on all of them."""
    pca: int | float | None = None
    """Principal components in place of the scaled features: a number of them, 1 or more, or, as a fraction, the share
    of the variance that they have to hold; None takes the features themselves."""
    transform: str = "none"
    """What is taken of each band's reflectance before all else, as light multiplies: `none`, `sqrt`, or `log` of
    reflectance + 0.02; what is below zero counts as zero. Indices stay as they are."""
    components: int | None = None
    """So many principal components, partly whitened: each divided by its variance to the power of 0.325, so that
    faint ones count for more than with `pca`, whose place they take; None takes the features themselves."""
    favour_rare: bool = False
    """Whether classes are learnt from pixels drawn so that rare kinds count for more than their number."""
    distance: str = "euclidean"
    """By which a pixel's class is the nearest: `euclidean`, or `mahalanobis`, with one covariance for all classes that
    is learnt along with them, and frequent ones reaching further (`algorithms/mahalanobis.py`)."""

    def __post_init__(self) -> None:
        if not self.bands:
            raise RecipeError("No band is chosen. Choose at least one band to look at.")
        for what, names in (("band", self.bands), ("index", self.indices)):
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise RecipeError(f"The {what} {sorted(twice)[0]} is given twice. Give each once.")
        _one_of("scale", self.scale, SCALES)
        _one_of("mask", self.mask, MASKS)
        _one_of("atmosphere", self.atmosphere, ATMOSPHERES)
        wrong = [code for code in self.mask_scl if code not in sentinel2.SCL_CLASSES]
        if wrong:
            raise RecipeError(f"mask_scl has {wrong[0]}, but classes of the scene classification are 0 to 11.")
        if self.pixel_size is not None and not (math.isfinite(self.pixel_size) and self.pixel_size > 0):
            raise RecipeError(f"pixel_size = {self.pixel_size:g}, but it must be a number above 0.")
        _one_of("transform", self.transform, TRANSFORMS)
        _one_of("distance", self.distance, DISTANCES)
        if self.smooth not in SMOOTHS:
            given = str(self.smooth)[:60]
            raise RecipeError(f"smooth = {given}, but it can be 0 (none), 3 (3 x 3 mean) or edge (edges are kept).")
        _whole("k", self.k, 2, 255)
        _whole("seed", self.seed, 0, 2**32 - 1)
        if self.sample is not None:
            _whole("sample", self.sample, 100, 100_000_000)
        if self.clip is not None:
            low, high = self.clip
            if not (math.isfinite(low) and math.isfinite(high) and 0 <= low < high <= 100):
                raise RecipeError(f"clip = {low:g},{high:g}, but it takes two percentiles, 0 <= low < high <= 100.")
        if self.pca is not None:
            _components(self.pca)
        if self.components is not None:
            _whole("components", self.components, 1, _MOST_COMPONENTS)
            if self.pca is not None:
                raise RecipeError("components and pca are both given, but each stands for the features. Leave one out.")
        for name, value in self.params:
            if isinstance(value, float) and not math.isfinite(value):
                raise RecipeError(f"{name} = {value}, but it must be a finite number.")

    def with_edges_kept(self) -> Recipe:
        """The same with what made maps better on scenes with labels that people drew (benchmarks/README.md)."""
        prepared = replace(self.plain(), transform="sqrt", components=6, smooth="edge")
        return replace(prepared, favour_rare=True, distance="mahalanobis")

    def is_first_look_of(self, asked: Recipe) -> bool:
        """Whether this is another recipe without its smoothing, which takes a while on a large scene."""
        return asked.keeps_edges and self == replace(asked, smooth=0)

    def plain(self) -> Recipe:
        """The same that looks at single pixels, each of whose bands and indices has equal weight."""
        prepared = replace(self, transform="none", scale="standard", pca=None, components=None, smooth=0)
        return replace(prepared, favour_rare=False, distance="euclidean")

    @property
    def keeps_edges(self) -> bool:
        """Whether features are smoothed where there is no edge: labels then depend on neighbours."""
        return self.smooth == "edge"

    @property
    def params_dict(self) -> dict[str, ParamValue]:
        return dict(self.params)

    @property
    def masking(self) -> Masking:
        """What the three mask fields ask for."""
        return Masking(True, self.mask_saturated, self.mask_scl) if self.mask == "auto" else NO_MASKING

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads back to an equal recipe."""
        return json.dumps(self.to_dict(), allow_nan=False)

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain values, fields in the order of the class."""
        out: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, none in _LATER.items():
            if out[name] == none:
                del out[name]  # as recipes were before there was such a choice
        return out | {
            "bands": list(self.bands),
            "indices": list(self.indices),
            "clip": list(self.clip) if self.clip else None,
            "mask_scl": list(self.mask_scl),
            "params": self.params_dict,
            "sample": "all" if self.sample is None else self.sample,
        }

    @staticmethod
    def from_json(text: str) -> Recipe:
        """Parse what `to_json` wrote.

        Raises RecipeError for anything else: no JSON, unknown or missing fields, wrong types,
        numbers that are not finite.
        """
        try:
            given = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise RecipeError("This is not a recipe: it is not valid JSON.") from error
        return recipe_from_dict(given)


def recipe_from_dict(given: object) -> Recipe:
    """A recipe from plain values, as `Recipe.to_dict` gives them; raises RecipeError as `from_json` does."""
    if not isinstance(given, dict):
        raise RecipeError("This is not a recipe: it should be a JSON object with fields such as bands and k.")
    known = {field.name for field in fields(Recipe)}
    unknown = sorted(set(given) - known)
    if unknown:
        raise RecipeError(f"A recipe has no field {unknown[0][:60]!r}. It has {', '.join(sorted(known))}.")
    values = dict(given)
    for name in ("bands", "indices"):
        if name in values:
            values[name] = _names(name, values[name])
    if "bands" not in values:
        raise RecipeError("The recipe does not say which bands to use. Add a field bands.")
    if values.get("clip") is not None:
        values["clip"] = _pair(values["clip"])
    if "params" in values:
        values["params"] = freeze_params(values["params"])
    if values.get("sample") == "all":
        values["sample"] = None
    elif "sample" in values and values["sample"] is None:
        raise RecipeError('sample must be a whole number or "all".')
    if "mask_scl" in values:
        values["mask_scl"] = _codes(values["mask_scl"])
    for name in ("mask_saturated", "favour_rare"):
        if not isinstance(values.get(name, False), bool):
            raise RecipeError(f"{name} should be true or false.")
    if values.get("pixel_size") is not None:
        values["pixel_size"] = _size(values["pixel_size"])
    pca = values.get("pca")
    if pca is not None and (isinstance(pca, bool) or not isinstance(pca, (int, float))):
        raise RecipeError(_PCA_WORDS)
    for name in ("scale", "mask", "algorithm", "atmosphere", "transform", "distance"):
        if name in values and not isinstance(values[name], str):
            raise RecipeError(f"{name} should be a word, not {type(values[name]).__name__}.")
    for name in ("k", "seed", "smooth", "sample", "components"):
        number = values.get(name, 0)
        if name == "smooth" and number == "edge":
            continue
        if isinstance(number, bool) or not isinstance(number, int | None if name in _CAN_BE_NONE else int):
            raise RecipeError(f"{name} should be a whole number.")
    return Recipe(**values)


def freeze_params(given: object) -> tuple[tuple[str, ParamValue], ...]:
    """Parameters as the recipe holds them; raises RecipeError for anything but numbers and words."""
    if not isinstance(given, Mapping):
        raise RecipeError("params should be an object of names and values.")
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise RecipeError(f"The parameter {str(name)[:60]!r} should be a number or a word.")
    return tuple(sorted(given.items()))


def default_recipe(scene: Scene) -> Recipe:
    """The recipe that page and command line start from.

    All bands but B01, B09 and B10, which are made for the air (B10 is almost pure noise, and
    standardising would give it full weight), bands that are the same number everywhere, empty or codes
    of classes, and helper layers such as QA60; a scene with no other band uses what it has. Clouds, their shadows and
    saturated pixels are left out where the scene says which they are. Where these bands are light, pixels are
    prepared as `Recipe.with_edges_kept` says. Embeddings are grouped by the angle between their vectors.
    """
    ground = [i for i in scene.measured if scene.bands[i].standard not in sentinel2.ATMOSPHERE_BANDS]
    changing = [i for i in ground if i not in scene.set_aside]
    chosen = changing or ground or list(scene.measured)
    recipe = Recipe(
        bands=tuple(scene.band_names[i] for i in chosen),
        mask_scl=tuple(code for code in sentinel2.SCL_MASKED if code in scene.mask_classes),
        mask_saturated=scene.saturated is not None,
    )
    if scene.is_embedding:
        # A direction is what a vector means: with equal weight for each axis it would be another.
        return replace(recipe, scale="none", algorithm=BY_ANGLE)
    return recipe.with_edges_kept() if _are_light(scene, chosen) else recipe


def _are_light(scene: Scene, positions: Sequence[int]) -> bool:
    """Whether several bands hold reflectance: by their names, or else as numbers of the kind that products have.

    Masks, class maps, slopes and embeddings are none.
    """
    named = [i for i in positions if scene.bands[i].standard or scene.bands[i].own]
    return len(positions) > 1 and (2 * len(named) >= len(positions) or scene.dtype == "uint16")


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is not a number")


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise RecipeError(f"{name} = {str(value)[:60]}, but it can be {', '.join(choices)}.")


def _whole(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise RecipeError(f"{name} = {value}, but it can be {low:,} to {high:,}.")


_PCA_WORDS = "pca should be a share of the variance, such as 0.99, a whole number of components, such as 3, or null."


def _components(value: int | float) -> None:
    is_share = isinstance(value, float) and 0 < value < 1
    if not (is_share or (isinstance(value, int) and 1 <= value <= _MOST_COMPONENTS)):
        raise RecipeError(
            f"pca = {str(value)[:60]}, but it can be a share between 0 and 1, or a number of components, "
            f"1 to {_MOST_COMPONENTS:,}."
        )


def _names(field: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise RecipeError(f"{field} should be a list of names.")
    return tuple(value)


def _codes(value: object) -> tuple[int, ...]:
    whole = isinstance(value, list) and all(isinstance(v, int) and not isinstance(v, bool) for v in value)
    if not (whole and isinstance(value, list)):
        raise RecipeError("mask_scl should be a list of whole numbers, such as [3, 8, 9].")
    return tuple(sorted(set(value)))


def _size(value: object) -> float:
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
    except OverflowError:
        pass
    raise RecipeError("pixel_size should be a number, such as 10, or null.")


def _pair(value: object) -> tuple[float, float]:
    numbers = isinstance(value, list) and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in value)
    if not (numbers and isinstance(value, list) and len(value) == 2):
        raise RecipeError("clip should be two percentiles, such as [1, 99], or null.")
    try:
        return float(value[0]), float(value[1])
    except OverflowError as error:
        raise RecipeError("clip should be two percentiles between 0 and 100.") from error
