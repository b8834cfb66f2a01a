"""A fit with the edits of its classes: steps made ready on the sample, and only the parts of a split class fitted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from s2dash.classify.algorithms import Model, find_algorithm
from s2dash.classify.algorithms.threads import single_threaded
from s2dash.classify.assign import asking, own_labels
from s2dash.classify.clean_up import Sieving, sieving
from s2dash.classify.edit import (
    AnyWork,
    Painting,
    Regrouping,
    RegroupingInside,
    Stage,
    classes_after,
    label_step,
    require_classes,
)
from s2dash.classify.fit import canonical_numbers
from s2dash.classify.fitted import Fitted
from s2dash.classify.grouping import grouped
from s2dash.classify.learn import distinct_rows
from s2dash.classify.means import class_means, sample_reflectance
from s2dash.classify.regroup import nearest_mean, step_reflectance
from s2dash.classify.sampling import Sample
from s2dash.core.edits import MOST_CLASSES, ClassEdits, LeaveOutInside, RegroupInside, SetInside, Sieve, Split, Step
from s2dash.core.scene import Pixels
from s2dash.core.types import frozen
from s2dash.errors import RecipeError, TooFewPixels

_PLAIN = "kmeans"


def edited(fitted: Fitted, edits: ClassEdits) -> Fitted:
    """The same fit whose labels go through these edits, in place of those it has: nothing of it is fitted again.

    Class means become those of the sample's pixels that a class has then, wherever they lie: an area that is left out
    or given a class changes labels on the ground, not what a class looks like.

    Raises UnknownName for a step on a class that is not there, TooFewPixels where a class is to be split into more
    than it has distinct pixels in the sample, RecipeError beyond `MOST_CLASSES`.
    """
    if edits.steps == fitted.edits.steps:
        return replace(fitted, edits=edits)
    if fitted.edits.steps:
        raise ValueError("labels of the sample are edited already: start from the fit without edits")
    replay = _Replay(fitted)
    for step in edits.steps:
        replay.take(step)
    return replay.fitted(edits)


class _Replay:
    """Steps taken one after another on the pixels of the sample."""

    def __init__(self, fitted: Fitted) -> None:
        self._fitted = fitted
        self._labels = fitted.sample_labels
        self._classes = frozenset(fitted.numbers)
        self._highest = fitted.class_count
        self._steps: list[AnyWork] = []
        self._of_areas: dict[int, np.ndarray] = {}
        """Mean reflectance of classes that were found in an area, which the sample, as it has no places, lacks."""

    def take(self, step: Step) -> None:
        work = self._work(step)
        self._steps.append(work)
        self._classes = classes_after(step, self._classes)
        if isinstance(work, Regrouping | RegroupingInside):
            self._classes |= set(work.number_of.tolist())
        self._of_areas = {number: mean for number, mean in self._of_areas.items() if number in self._classes}
        self._highest = max(self._highest, *self._classes, 0)
        self._labels = self._after(work)

    def _work(self, step: Step) -> AnyWork:
        match step:
            case Split():
                return self._split(step)
            case Sieve():
                return self._sieve(step)
            case RegroupInside():
                return self._regroup(step)
            case LeaveOutInside() | SetInside() if self._fitted.scene.layers:
                return Painting(step).on(self._fitted.scene.grid)
            case _:
                return label_step(step)

    def _sieve(self, step: Sieve) -> Sieving:
        scene = self._fitted.scene
        # What was learnt from several scenes has no ground yet: `Stage.on` brings it to that of each.
        return sieving(step, scene.grid) if scene.layers else Sieving(step, least=1)

    def fitted(self, edits: ClassEdits) -> Fitted:
        fitted, kept = self._fitted, np.flatnonzero(self._labels)
        reflectance = sample_reflectance(fitted.scene, fitted.sample.bands[:, kept])
        means, counts = class_means(reflectance, self._labels[kept], self._highest)
        for number, mean in self._of_areas.items():
            if not counts[number - 1]:
                means[number - 1] = mean
        return replace(
            fitted,
            edits=edits,
            stage=Stage(tuple(self._steps)),
            edited_numbers=tuple(sorted(self._classes)),
            sample_labels=frozen(self._labels),
            mean_reflectance=frozen(means),
        )

    def _after(self, work: AnyWork) -> np.ndarray:
        raw = self._fitted.sample.raw[:, None]
        pixels = Pixels(raw, np.ones(raw.shape[1:], dtype=bool))
        return Stage([work]).of_lone_pixels(self._labels[None], asking(self._fitted, pixels))[0]

    def _split(self, step: Split) -> Regrouping:
        require_classes((step.number,), self._classes)
        self._require_room(step.k - 1, f"class {step.number} split into {step.k}")
        if step.number in self._of_areas:
            raise TooFewPixels(
                f"Class {step.number} was found inside a drawn area, and cannot be split by itself. Undo that, and "
                "regroup the area into more."
            )
        fitted, where = self._fitted, np.flatnonzero(self._labels == step.number)
        sample = Sample(fitted.sample.raw[:, where], fitted.sample.bands[:, where], float(len(where)))
        model = _fit_within(fitted, sample, step)
        own = own_labels(model, fitted.space, sample.raw, np.ones(len(where), dtype=bool))
        order, _, _ = canonical_numbers(fitted.scene, sample, own, model.class_count)
        numbers = np.array([step.number, *_free(self._classes, model.class_count - 1)], dtype=np.uint8)
        return Regrouping(step.number, model, frozen(numbers[order - 1]))

    def _regroup(self, step: RegroupInside) -> RegroupingInside:
        self._require_room(len(step.means), f"an area regrouped into {len(step.means)}")
        fitted = self._fitted
        numbers = list(_free(self._classes, len(step.means)))
        self._of_areas |= dict(zip(numbers, step_reflectance(fitted, step), strict=True))
        model = nearest_mean(fitted, step)
        work = RegroupingInside(step=step, model=model, number_of=frozen(np.array(numbers, dtype=np.uint8)))
        return work.on(fitted.scene.grid) if fitted.scene.layers else work

    def _require_room(self, more: int, what: str) -> None:
        if len(self._classes) + more > MOST_CLASSES:
            raise RecipeError(
                f"A map can have {MOST_CLASSES} classes; with {what} there would be {len(self._classes) + more}. "
                "Make fewer of it, or merge others first."
            )


def _fit_within(fitted: Fitted, sample: Sample, step: Split) -> Model:
    rows = fitted.space.transform(sample.raw, np.float64 if fitted.recipe.sample is None else np.float32)
    distinct = distinct_rows(rows, step.k)
    if distinct < step.k:
        raise TooFewPixels(
            f"Class {step.number} cannot be split into {step.k}: the pixels that were learnt from hold {distinct} "
            "different ones of it."
        )
    plain = find_algorithm(_PLAIN)
    with single_threaded():
        if fitted.finds_its_number:  # then it may find none to tell apart
            return plain.fit(rows, step.k, plain.complete_params({}), step.seed)
        return grouped(fitted.prepared, rows, step.k, step.seed)


def _free(classes: frozenset[int], count: int) -> Iterator[int]:
    """The lowest numbers that no class has."""
    free = (number for number in range(1, MOST_CLASSES + 1) if number not in classes)
    return (next(free) for _ in range(count))
