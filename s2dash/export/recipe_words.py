"""A recipe in field terms: what was chosen, as a name and a sentence each, for tables, scripts and README files."""

from __future__ import annotations

from collections.abc import Iterator

from s2dash.core.classmap import Result
from s2dash.core.edits import (
    AnyStep,
    LeaveOut,
    LeaveOutInside,
    Majority,
    Merge,
    RegroupInside,
    SetInside,
    Sieve,
    Split,
    StepInside,
)
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Scene

_SCALES = {
    "none": "none: stored numbers as they are",
    "standard": "each feature to mean 0 and deviation 1",
    "robust": "each feature to median 0 and interquartile range 1",
}
_SMOOTHS = {0: "none", 3: "mean of 3 x 3 pixels", "edge": "neighbours that look alike, edges kept"}
_TRANSFORMS = {"sqrt": "square root of reflectance", "log": "logarithm of reflectance + 0.02"}


def recipe_words(result: Result) -> tuple[tuple[str, str], ...]:
    """What was chosen, each as its name and what it is; what is left at nothing is left out."""
    return tuple(_words(result))


def _words(result: Result) -> Iterator[tuple[str, str]]:
    scene, recipe = result.scene, result.recipe
    yield "Bands", ", ".join(recipe.bands)
    if recipe.indices:
        yield "Indices", ", ".join(recipe.indices)
    if recipe.transform in _TRANSFORMS:
        yield "Transform", _TRANSFORMS[recipe.transform]
    if recipe.clip is not None:
        yield "Clipped to percentiles", f"{recipe.clip[0]:g} to {recipe.clip[1]:g}"
    yield "Scaling", _SCALES[recipe.scale]
    yield from _components(recipe)
    yield "Smoothing", _SMOOTHS[recipe.smooth]
    if recipe.atmosphere == "dos1":
        yield "Haze", "subtracted, by the darkest object of each band (DOS1)"
    yield "Left out", left_out_words(scene, recipe)
    yield "Algorithm", recipe.algorithm
    yield "Number of classes (k)", str(recipe.k)
    for name, value in recipe.params:
        yield f"Parameter {name}", str(value)
    yield "Learnt from", "all pixels" if recipe.sample is None else f"at most {recipe.sample:,} pixels"
    if recipe.favour_rare:
        yield "Rare kinds", "favoured"
    if recipe.distance == "mahalanobis":
        yield "Distance to classes", "Mahalanobis, one covariance for all classes, learnt along with them"
    yield "Seed", str(recipe.seed)
    for number, step in enumerate(result.edits.steps, 1):
        yield f"Edit {number}", step_words(step)


def _components(recipe: Recipe) -> Iterator[tuple[str, str]]:
    if recipe.pca is not None:
        kept = f"{recipe.pca}" if isinstance(recipe.pca, int) else f"as many as hold {100 * recipe.pca:g} %"
        yield "Principal components", kept
    if recipe.components is not None:
        yield "Principal components", f"at most {recipe.components}, partly whitened"


def left_out_words(scene: Scene, recipe: Recipe) -> str:
    """Which pixels are no data by choice."""
    if recipe.mask == "none":
        return "nothing but what is not a number"
    classes = [name for code, name in scene.mask_classes.items() if code in recipe.masking.scl]
    saturated = ["saturated pixels"] if recipe.mask_saturated else []
    return ", ".join(["pixels without data", *saturated, *classes])


def step_words(step: AnyStep) -> str:
    """What one edit did."""
    match step:
        case Merge():
            others = [str(number) for number in step.classes if number != step.into]
            return f"class {', '.join(others)} merged into class {step.into}"
        case LeaveOut():
            return f"class {step.number} left out"
        case LeaveOutInside():
            return f"{_areas_words(step)} left out"
        case SetInside():
            return f"{_areas_words(step)} given class {step.number}"
        case RegroupInside():
            return f"{_areas_words(step)} regrouped into {len(step.means)} by the look of its own pixels"
        case Split():
            return f"class {step.number} split into {step.k} by the look of its own pixels, seed {step.seed}"
        case Majority():
            return f"each pixel takes the class that most of {step.size} x {step.size} pixels have"
        case Sieve():
            return f"patches under {step.least:g} {step.unit} go to the neighbour with the longest border"


def _areas_words(step: StepInside) -> str:
    count = len(step.rings)
    return f"what lies inside {'a drawn area' if count == 1 else f'{count} drawn areas'}"
