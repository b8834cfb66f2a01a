"""Learning the classes: a recipe fitted on a sample of pixels, and the classes put in canonical order."""

from __future__ import annotations

import numpy as np

from s2dash.classify.algorithms.threads import single_threaded
from s2dash.classify.assign import labels_of_sample
from s2dash.classify.fitted import Fitted
from s2dash.classify.grouping import grouped
from s2dash.classify.learn import distinct_rows, learn_space, learnt_with_sample
from s2dash.classify.means import class_means, sample_reflectance
from s2dash.classify.prepare import Prepared
from s2dash.classify.rarity import learnt_from
from s2dash.classify.sampling import Sample
from s2dash.core.missions import CORRECTED_LEVELS
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Scene
from s2dash.core.types import frozen
from s2dash.errors import TooFewPixels


def fit(prepared: Prepared) -> Fitted:
    """Fit the recipe on its sample of the scene.

    Raises TooFewPixels where the mask leaves fewer distinct pixels than classes.
    """
    return fit_sample(*learnt_with_sample(prepared))


def fit_sample(prepared: Prepared, sample: Sample) -> Fitted:
    """Fit the recipe on pixels that have been drawn already, from one scene or from several.

    Parameters
    ----------
    prepared : says what the sample's numbers mean: bands in their order, nodata and reflectance; its pixels are
        not read. Where the recipe keeps edges, with the space in which the sample was smoothed (`learn.learnt`)
    sample : raw features by the recipe

    Raises as `fit`.
    """
    scene, recipe = prepared.scene, prepared.recipe
    space = learn_space(prepared, sample.raw)
    rows = space.transform(sample.raw, np.float64 if recipe.sample is None else np.float32)
    _require_distinct(rows, prepared, sample)
    with single_threaded():
        model = grouped(prepared, learnt_from(recipe, rows), recipe.k, recipe.seed)
        own = labels_of_sample(prepared, model, space, sample.raw)
    count = model.class_count
    # How many whitened ones are kept is part of the default, of which there is nothing to note.
    words = "" if recipe.pca is None else (prepared.pointwise or space).words
    number_of, means, counts = canonical_numbers(scene, sample, own, count)
    return Fitted(
        prepared,
        space,
        model,
        frozen(number_of),
        sample,
        frozen(number_of[own - 1]),
        frozen(means),
        (*_warnings(scene, recipe, count, int((counts == 0).sum())), *filter(None, [words]), *model.notes),
    )


def canonical_numbers(
    scene: Scene, sample: Sample, own: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The canonical number of each of a model's classes, uint8, from the dark to the bright.

    Parameters
    ----------
    own : 1 + the model's class of each pixel of the sample

    Also the class means over the sample, reflectance of shape (k, bands), and the pixels of each, shape (k,): in
    the order of their numbers, and of the model's classes.
    """
    means, counts = class_means(sample_reflectance(scene, sample.bands), own, k)
    order = _dark_to_bright(np.nan_to_num(means[:, list(scene.optical_bands())]).mean(axis=1), counts)
    number_of = np.empty(k, dtype=np.uint8)
    number_of[order] = np.arange(1, k + 1)
    return number_of, means[order], counts


def _require_distinct(rows: np.ndarray, prepared: Prepared, sample: Sample) -> None:
    scene, recipe = prepared.scene, prepared.recipe
    distinct = distinct_rows(rows, recipe.k)
    if prepared.pointwise is not None:
        # Means of neighbours make many numbers of few.
        distinct = min(distinct, prepared.pointwise.distinct)
    if distinct < recipe.k:
        is_masked = round(sample.population) < scene.grid.width * scene.grid.height
        raise TooFewPixels(_few_pixels(distinct, recipe, len(scene.bands), is_masked))


def _few_pixels(distinct: int, recipe: Recipe, band_count: int, is_masked: bool) -> str:
    """What to say of fewer distinct pixels than classes: why they are few, and what can still be done."""
    ways = []
    if distinct >= 2:
        ways.append("choose 2 classes" if distinct == 2 else f"choose {distinct} classes or fewer")
    if len(recipe.bands) < band_count:
        ways.append("choose more bands")
    if recipe.pca is not None or recipe.components is not None:
        ways.append("keep more components")
    if is_masked:
        ways.append("mask less")
    if not ways or (distinct <= 2 and not is_masked):
        ways.append("open a picture with the satellite's own bands")
    advice = " or ".join([", ".join(ways[:-1]), ways[-1]] if len(ways) > 1 else ways)
    advice = f"{advice[0].upper()}{advice[1:]}."
    where = "the mask leaves" if is_masked else "the picture has only"
    if distinct == 1:
        same = "Every pixel that the mask leaves is the same" if is_masked else "Every pixel of the picture is the same"
        return f"{same}, so there is nothing to group. {advice}"
    seen = f"k = {recipe.k} but {where} {distinct} distinct pixels"
    if not is_masked and band_count == 1:
        seen += ": it looks like a finished class map or a mask"
    return f"{seen}. {advice}"


def _dark_to_bright(brightness: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The model's classes from dark to bright; empty ones last."""
    return np.lexsort((np.arange(len(counts)), brightness, counts == 0))


def _warnings(scene: Scene, recipe: Recipe, classes: int, empty_classes: int) -> tuple[str, ...]:
    found = []
    if empty_classes:
        found.append(f"{classes} classes were asked for; {classes - empty_classes} were found.")
    if recipe.indices and recipe.scale == "none":
        found.append("Indices run from -1 to 1 and bands to thousands: without scaling, bands alone decide.")
    if recipe.atmosphere == "dos1" and scene.level in CORRECTED_LEVELS:
        level = scene.level[0].upper() + scene.level[1:]
        found.append(f"{level} is corrected for the atmosphere already; subtracting dark objects changes it once more.")
    return (*scene.notes, *found)
