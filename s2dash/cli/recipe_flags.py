"""The flags that say how pixels are grouped, and the recipe they give."""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2dash.cli.arguments import file_path, listed, whole
from s2dash.core import sentinel2
from s2dash.errors import RecipeError, UnreadableFile

if TYPE_CHECKING:
    from s2dash.core.edits import ClassEdits
    from s2dash.core.recipe import ParamValue, Recipe
    from s2dash.core.scene import Scene


def add_recipe_flags(command: argparse.ArgumentParser) -> None:
    """What a `Recipe` says; RECIPE_FLAGS has the same."""
    group = command.add_argument_group(
        "recipe", "Every choice; what is not given stays as in --recipe, or the default."
    )
    group.add_argument("--recipe", type=file_path, metavar="R.json", help="start from a saved recipe")
    group.add_argument("--save-recipe", type=file_path, metavar="R.json", help="save the recipe that was used")
    group.add_argument(
        "--edits",
        type=file_path,
        metavar="E.json",
        help="merge, split, leave out, name, order classes as in a file",
    )
    group.add_argument("--bands", metavar="all|B02,B03", help="bands to look at")
    group.add_argument("--indices", metavar="NDVI,NDWI", help="spectral indices as further features")
    group.add_argument("--scale", metavar="none|standard|robust", help="let every band count equally")
    group.add_argument("--clip", metavar="none|1,99", help="cut outliers at these percentiles")
    group.add_argument("--pca", metavar="none|0.99|3", help="principal components: their share of variance, or number")
    group.add_argument(
        "--transform", metavar="none|sqrt|log", help="what to take of each band's reflectance before all else"
    )
    group.add_argument("--components", metavar="none|6", help="principal components, partly whitened: how many")
    group.add_argument(
        "--smooth",
        metavar="none|3|edge",
        help="take the mean of 3 x 3 pixels first, or smooth where there is no edge",
    )
    group.add_argument(
        "--preparation",
        choices=("edges-kept", "plain"),
        help="edges-kept stands for --transform sqrt --scale standard --components 6 --smooth edge --favour-rare yes, "
        "and where the algorithm takes it --distance mahalanobis; plain for --scale standard and none of the others; "
        "flags beside it count for more",
    )
    group.add_argument("--favour-rare", metavar="yes|no", help="let rare kinds of pixels count for more")
    group.add_argument(
        "--distance",
        metavar="euclidean|mahalanobis",
        help="what makes a pixel near to a class of k-means: differences as they are, or by the spread in all classes",
    )
    group.add_argument("--mask", metavar="auto|none", help="leave out pixels without data, and the next two")
    group.add_argument(
        "--mask-scl",
        metavar="default|none|3,8,9",
        help="classes of the scene classification or cloud mask to leave out",
    )
    group.add_argument("--mask-saturated", metavar="yes|no", help="leave out saturated pixels")
    group.add_argument("--pixel-size", metavar="finest|10|20|60", help="the grid to work on, in units of the CRS")
    group.add_argument("--atmosphere", metavar="none|dos1", help="subtract haze by dark objects, for Level-1C")
    group.add_argument("--algorithm", metavar="NAME", help="kmeans and others: see the documentation")
    group.add_argument("--k", type=whole, metavar="N", help="number of classes, 2 to 255")
    group.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="a setting of the algorithm")
    group.add_argument("--seed", type=whole, metavar="N", help="another seed, another random start")
    group.add_argument("--sample", metavar="N|all", help="pixels to learn from")


RECIPE_FLAGS = (
    *("bands", "indices", "scale", "clip", "pca", "smooth", "mask", "mask_scl", "mask_saturated", "pixel_size"),
    *(
        "transform",
        "components",
        "preparation",
        "favour_rare",
        "distance",
        "atmosphere",
        "algorithm",
        "k",
        "param",
        "seed",
        "sample",
    ),
)
"""What `recipe_of` looks at, beside the saved recipe."""


def recipe_of(arguments: argparse.Namespace, scene: Scene) -> Recipe:
    """The default or the given recipe with every flag that was given."""
    from s2dash.classify import pipeline
    from s2dash.core.recipe import default_recipe

    recipe = default_recipe(scene)
    if arguments.recipe:
        recipe = saved_recipe(arguments.recipe)
    if arguments.algorithm is not None and arguments.algorithm != recipe.algorithm:
        recipe = pipeline.apply_algorithm(recipe, arguments.algorithm)
    if arguments.preparation is not None:
        prepared = recipe.plain() if arguments.preparation == "plain" else recipe.with_edges_kept()
        fitting = pipeline.apply_algorithm(prepared, recipe.algorithm)
        recipe = replace(prepared, distance=fitting.distance)
    given: dict[str, Any] = {}
    if arguments.bands is not None:
        every = tuple(scene.band_names[i] for i in scene.measured)
        given["bands"] = every if arguments.bands == "all" else _bands(scene, listed(arguments.bands))
    if arguments.indices is not None:
        given["indices"] = () if arguments.indices == "none" else tuple(listed(arguments.indices))
    if arguments.clip is not None:
        given["clip"] = None if arguments.clip == "none" else _percentiles(arguments.clip)
    if arguments.pca is not None:
        given["pca"] = None if arguments.pca == "none" else _components(arguments.pca)
    if arguments.components is not None:
        given["components"] = None if arguments.components == "none" else _number("--components", arguments.components)
    for one, other in (("pca", "components"), ("components", "pca")):
        if given.get(one) is not None and other not in given:
            given[other] = None
    if arguments.smooth is not None:
        given["smooth"] = _smooth(arguments.smooth)
    if arguments.sample is not None:
        given["sample"] = None if arguments.sample == "all" else _number("--sample", arguments.sample)
    if arguments.param:
        params = recipe.params_dict | dict(_param(text) for text in arguments.param)
        given["params"] = tuple(sorted(params.items()))
    if arguments.mask_scl is not None:
        given["mask_scl"] = _scl_classes(arguments.mask_scl)
    if arguments.mask_saturated is not None:
        given["mask_saturated"] = _yes("--mask-saturated", arguments.mask_saturated)
    if arguments.favour_rare is not None:
        given["favour_rare"] = _yes("--favour-rare", arguments.favour_rare)
    if arguments.pixel_size is not None:
        given["pixel_size"] = None if arguments.pixel_size == "finest" else _size(arguments.pixel_size)
    for name in ("scale", "transform", "distance", "mask", "k", "seed", "atmosphere"):
        if getattr(arguments, name) is not None:
            given[name] = getattr(arguments, name)
    return replace(recipe, **given)


def saved_recipe(path: Path) -> Recipe:
    """The recipe in a file; raises RecipeError where there is none."""
    from s2dash.core.recipe import Recipe

    try:
        return Recipe.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"The recipe {path} cannot be read: {error}.") from error


def saved_edits(path: Path | None) -> ClassEdits:
    """The edits in a file, none without one; raises UnreadableValue or UnreadableFile where it holds none."""
    from s2dash.core.edits import NO_EDITS, ClassEdits

    if path is None:
        return NO_EDITS
    try:
        return ClassEdits.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"The edits {path} cannot be read: {error}.") from error


def _bands(scene: Scene, names: list[str]) -> tuple[str, ...]:
    return tuple(scene.band_names[position] for position in scene.positions(names))


def _percentiles(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise RecipeError(f"--clip takes two percentiles such as 1,99, or none; not {text[:40]!r}.") from None
    return low, high


def _components(text: str) -> int | float:
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    raise RecipeError(
        f"--pca takes a share such as 0.99, a number of components such as 3, or none; not {text[:40]!r}."
    )


def _smooth(text: str) -> int | str:
    if text == "edge":
        return text
    return 0 if text == "none" else _number("--smooth", text)


def _number(flag: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise RecipeError(f"{flag} takes a whole number; not {text[:40]!r}.") from None


def _scl_classes(text: str) -> tuple[int, ...]:
    if text in ("default", "none"):
        return sentinel2.SCL_MASKED if text == "default" else ()
    return tuple(sorted({_number("--mask-scl", part) for part in listed(text)}))


def _yes(flag: str, text: str) -> bool:
    if text not in ("yes", "no"):
        raise RecipeError(f"{flag} takes yes or no; not {text[:40]!r}.")
    return text == "yes"


def _size(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RecipeError(f"--pixel-size takes a number such as 10, or finest; not {text[:40]!r}.") from None


def _param(text: str) -> tuple[str, ParamValue]:
    name, equals, value = text.partition("=")
    if not equals:
        raise RecipeError(f"--param takes NAME=VALUE; not {text[:40]!r}.")
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return name.strip(), kind(value)
    return name.strip(), value.strip()
