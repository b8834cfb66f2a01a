"""What one run has that the run before it had not, in few words: for the list of runs, and for undo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile

from s2dash.classify.algorithms import ALGORITHMS
from s2dash.core.edits import (
    AnyStep,
    ClassEdits,
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
from s2dash.core.run import Run
from s2dash.core.scene_reading import SceneReading
from s2dash.ui import text
from s2dash.ui.preparation import WAYS
from s2dash.ui.state import preparation_of

_MOST_NAMES = 3
_SCALES = {"standard": "equal weight", "robust": "outliers ignored", "none": "no scaling"}


def change_words(before: Run | None, after: Run) -> str:
    """`k 8 → 9 · + NDVI`; `The first map` without one before, `Same choices` where nothing but edits differs."""
    if before is None:
        return "The first map"
    found = list(_changes(before.recipe, after.recipe))
    if before.scene_digest != after.scene_digest:
        found.insert(0, _scene_words(before, after))
    return " · ".join(found) or "Same choices"


def _scene_words(before: Run, after: Run) -> str:
    if before.scene_title != after.scene_title:
        return "another scene"
    if before.reading.area == after.reading.area:
        return "read another way"
    return area_words(before.reading, after.reading)


def area_words(before: SceneReading, after: SceneReading) -> str:
    """`only an area`, `another area`, `the whole scene`: what changed of what counts."""
    if not after.area:
        return "the whole scene"
    return "another area" if before.area else "only an area"


def _changes(before: Recipe, after: Recipe) -> Iterator[str]:
    if before.k != after.k:
        yield f"k {before.k} → {after.k}"
    if before.algorithm != after.algorithm:
        yield _label(after.algorithm)
    yield from _names(before.bands, after.bands, "bands")
    yield from _names(before.indices, after.indices, "indices")
    if before.scale != after.scale:
        yield _SCALES[after.scale]
    if before.clip != after.clip:
        yield "outliers kept" if after.clip is None else f"cut at {after.clip[0]:g} and {after.clip[1]:g} %"
    yield from _preparation(before, after)
    if preparation_of(before) == preparation_of(after):
        yield from _beside_preparation(before, after)
    if before.atmosphere != after.atmosphere:
        yield "haze subtracted" if after.atmosphere != "none" else "haze kept"
    if before.masking != after.masking:
        yield "nothing left out" if after.mask == "none" else "leaves out other pixels"
    if before.pixel_size != after.pixel_size:
        yield "finest pixels" if after.pixel_size is None else f"pixels of {after.pixel_size:g}"
    if before.sample != after.sample:
        yield f"learns from {'all pixels' if after.sample is None else text.pixels(after.sample)}"
    if before.seed != after.seed:
        yield f"seed {before.seed} → {after.seed}"
    if before.algorithm == after.algorithm and before.params != after.params:
        yield from _params(before, after)


def _beside_preparation(before: Recipe, after: Recipe) -> Iterator[str]:
    """What comes with a preparation and was changed without it."""
    if before.favour_rare != after.favour_rare:
        yield "rare classes favoured" if after.favour_rare else "rare classes not favoured"
    if before.distance != after.distance and before.algorithm == after.algorithm:
        yield "distance learnt" if after.distance == "mahalanobis" else "distance straight"


def _preparation(before: Recipe, after: Recipe) -> Iterator[str]:
    """What changed between bands and grouping: in one word where it is one choice."""
    one, other = preparation_of(before), preparation_of(after)
    if one != other and other in WAYS:
        yield WAYS[other][0].lower() + WAYS[other][1:]
        return
    if before.transform != after.transform:
        yield {"none": "reflectance as measured", "sqrt": "square root", "log": "logarithm"}[after.transform]
    if (before.pca, before.components) != (after.pca, after.components):
        yield _pca_words(after.pca) if after.components is None else _whitened_words(after.components)
    if before.smooth != after.smooth:
        yield "+ smoothing, edges kept" if after.keeps_edges else "+ smoothing" if after.smooth else "− smoothing"


def _whitened_words(components: int) -> str:
    return f"{_pca_words(components)}, whitened in part"


def _pca_words(pca: int | float | None) -> str:
    """`all features`, `first 3 components`, `components for 99 %`."""
    if pca is None:
        return "all features"
    if isinstance(pca, int):
        return "first component" if pca == 1 else f"first {pca} components"
    return f"components for {100 * pca:.10g} %"


def _label(algorithm: str) -> str:
    return ALGORITHMS[algorithm].label if algorithm in ALGORITHMS else algorithm


def _names(before: Sequence[str], after: Sequence[str], what: str) -> Iterator[str]:
    """What came and what went, by name where that is little."""
    came = [name for name in after if name not in before]
    went = [name for name in before if name not in after]
    if len(came) + len(went) > _MOST_NAMES:
        yield f"{len(before)} → {len(after)} {what}"
        return
    yield from (f"{sign} {name}" for sign, some in (("+", came), ("−", went)) for name in some)


def _params(before: Recipe, after: Recipe) -> Iterator[str]:
    if after.algorithm not in ALGORITHMS:
        yield "other settings"
        return
    for param in ALGORITHMS[after.algorithm].params:
        one, other = (recipe.params_dict.get(param.name, param.default) for recipe in (before, after))
        if one != other:
            yield f"{param.label.lower()} {one} → {other}"


def step_words(before: Recipe, after: Recipe, edits: ClassEdits, later_edits: ClassEdits) -> str:
    """What one step changed: of the recipe, or of the names, colours and order of one map."""
    if before != after:
        return " · ".join(_changes(before, after)) or "other choices"
    if edits.steps != later_edits.steps:
        return steps_words(edits.steps, later_edits.steps)
    for what, one, other in (("name", edits.names, later_edits.names), ("colour", edits.colours, later_edits.colours)):
        changed = [n for n in sorted({*one, *other}) if one.get(n) != other.get(n)]
        if changed:
            return f"{what} of class {changed[0]}" if len(changed) == 1 else f"{what}s of {len(changed)} classes"
    return "order of classes" if edits.order != later_edits.order else "changes of classes"


def steps_words(before: Sequence[AnyStep], after: Sequence[AnyStep]) -> str:
    """`merge 3 and 4`, `remove 2 edits`: what one change of a list of steps did."""
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))
    parts = [step_name(step) for step in after[common:]]
    gone = len(before) - common
    return " · ".join([*parts, *([f"remove {gone} edit{'s' if gone != 1 else ''}"] if gone else [])])


def step_name(step: AnyStep) -> str:
    """`merge 3 and 4`, `split 3 in two`, `leave out 5`."""
    match step:
        case Merge():
            *first, last = sorted({*step.classes, step.into})
            return f"merge {', '.join(map(str, first))} and {last}"
        case Split():
            return f"split {step.number} in {'two' if step.k == 2 else step.k}"
        case LeaveOut():
            return f"leave out {step.number}"
        case LeaveOutInside():
            return f"leave out {_areas(step)}"
        case SetInside():
            return f"set {_areas(step)} to {step.number}"
        case RegroupInside():
            return f"regroup {_areas(step)} in {'two' if len(step.means) == 2 else len(step.means)}"
        case Majority():
            return f"majority {step.size} × {step.size}"
        case Sieve():
            return f"sieve under {step.least:g} {step.unit}"


def _areas(step: StepInside) -> str:
    return "an area" if len(step.rings) == 1 else f"{len(step.rings)} areas"


def separation_words(silhouette: float | None) -> str:
    """`clear 0.54`, `fair 0.41`, `weak 0.18`: how well classes lie apart; empty where it is not known.

    From a silhouette of 0.5 on a structure is reasonable, up to 0.25 there is none to speak of (Kaufman and
    Rousseeuw, Finding Groups in Data, 1990, table 4).
    """
    if silhouette is None:
        return ""
    word = "clear" if silhouette > 0.5 else "fair" if silhouette > 0.25 else "weak"
    return f"{word} {silhouette:.2f}"
