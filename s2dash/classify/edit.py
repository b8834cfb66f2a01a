"""The stage between labels and a result, where edits of classes act: the same for live picture, windows and tiles.

A step either looks at each pixel alone, or at neighbours too, as far as its halo, or at where a pixel lies, which
`Stage.at` tells it. Labels come in with that
margin around them, as far as the scene goes, and so windows of any size give the same labels. A sieve needs the
whole scene (`Stage.parted`): a full run gives it that, and a window by itself shows it as far as its halo. A step
that groups pixels anew asks another model about them, by the features that the fit's own model is asked with (`Ask`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Protocol, TypeAlias, TypeVar

import numpy as np

from s2dash.classify.algorithms import Model
from s2dash.classify.clean_up import NeighbourMajority, Sieving, sieving
from s2dash.classify.inside import burnt, on_grid
from s2dash.core.edits import LeaveOut, LeaveOutInside, Majority, Merge, SetInside, Step, StepInside
from s2dash.core.grid import Grid
from s2dash.core.types import Window
from s2dash.errors import UnknownName

Ask: TypeAlias = Callable[[Model, np.ndarray, np.ndarray], np.ndarray]
"""`ask(model, number_of, where)`: what a model calls some of the pixels at hand, in the space of the fit.

`number_of` are the numbers of the model's classes, uint8, and `where` the pixels, a mask of the labels' shape;
returned is the number of each, shape (pixels,), uint8.
"""


class LabelStep(Protocol):
    """One change of labels."""

    @property
    def halo(self) -> int:
        """How many pixels beyond a pixel its new label depends on; 0 where on itself alone."""

    def __call__(self, labels: np.ndarray, /) -> np.ndarray:
        """New labels, shape and dtype as given: (rows, cols), uint8, 0 for no data. What is given stays as it is."""


@singledispatch
def label_step(step: Step) -> LabelStep:
    """What a step of `ClassEdits` does that looks at labels alone; each kind registers here."""
    raise TypeError(f"no work is known for the step {type(step).__name__}")


@singledispatch
def classes_after(step: Step, before: frozenset[int]) -> frozenset[int]:
    """The numbers of the classes that there are after a step; a kind that makes or ends none need not register.

    Raises UnknownName for a class that is not there.
    """
    return before


@dataclass(frozen=True, eq=False)
class Relabelling:
    """Other numbers for some classes, pixel by pixel."""

    table: np.ndarray
    """New label of each old one, shape (256,), uint8."""
    halo: int = 0

    def __call__(self, labels: np.ndarray, /) -> np.ndarray:
        return np.asarray(self.table[labels])


@dataclass(frozen=True, eq=False)
class Regrouping:
    """A class whose pixels another model tells apart, pixel by pixel; those of other classes stay as they are."""

    number: int
    model: Model
    number_of: np.ndarray
    """Class number of each of the model's classes, uint8."""
    halo: int = 0

    def __call__(self, labels: np.ndarray, ask: Ask, /) -> np.ndarray:
        where = labels == self.number
        if not where.any():
            return labels
        out = labels.copy()
        out[where] = ask(self.model, self.number_of, where)
        return out


_A = TypeVar("_A", bound="_InArea")


@dataclass(frozen=True, eq=False)
class _InArea:
    """What acts on the pixels inside of an area, but for those that have no data."""

    step: StepInside
    rings: tuple[np.ndarray, ...] = ()
    """Of the area on a scene's grid, as `inside.on_grid` gives them."""
    where: np.ndarray | None = None
    """Which of the labels at hand lie inside, shape (rows, cols), bool, once it is known which these are."""
    halo: int = 0

    def on(self: _A, grid: Grid) -> _A:
        """The same on a scene's grid; raises RecipeError where that has no place."""
        return replace(self, rings=on_grid(self.step.rings, grid), where=None)

    def at(self: _A, rows: np.ndarray, cols: np.ndarray) -> _A:
        """The same for labels of these rows and columns of the scene."""
        return replace(self, where=burnt(self.rings, rows, cols))

    def _mapped(self, labels: np.ndarray) -> np.ndarray:
        if self.where is None:
            raise ValueError("nobody has said where these labels lie")
        return self.where & (labels != 0)


@dataclass(frozen=True, eq=False)
class Painting(_InArea):
    """One label for the pixels inside of an area; 0 leaves them out."""

    def __call__(self, labels: np.ndarray, /) -> np.ndarray:
        where = self._mapped(labels)
        number = self.step.number if isinstance(self.step, SetInside) else 0
        return np.where(where, np.uint8(number), labels) if where.any() else labels


@dataclass(frozen=True, eq=False, kw_only=True)
class RegroupingInside(_InArea):
    """Another model that tells apart the pixels inside of an area, whatever their class was."""

    model: Model
    number_of: np.ndarray
    """Class number of each of the model's classes, uint8."""

    def __call__(self, labels: np.ndarray, ask: Ask, /) -> np.ndarray:
        where = self._mapped(labels)
        if not where.any():
            return labels
        out = labels.copy()
        out[where] = ask(self.model, self.number_of, where)
        return out


AnyWork: TypeAlias = LabelStep | Regrouping | RegroupingInside
_ASKING = (Regrouping, RegroupingInside)


@label_step.register
def _merge(step: Merge) -> LabelStep:
    table = np.arange(256, dtype=np.uint8)
    table[list(step.classes)] = step.into
    return Relabelling(table)


@classes_after.register
def _after_merge(step: Merge, before: frozenset[int]) -> frozenset[int]:
    require_classes((*step.classes, step.into), before)
    return (before - set(step.classes)) | {step.into}


@label_step.register
def _leave_out(step: LeaveOut) -> LabelStep:
    table = np.arange(256, dtype=np.uint8)
    table[step.number] = 0
    return Relabelling(table)


@classes_after.register
def _after_leaving_out(step: LeaveOut, before: frozenset[int]) -> frozenset[int]:
    require_classes((step.number,), before)
    return before - {step.number}


@label_step.register
def _leave_out_inside(step: LeaveOutInside) -> LabelStep:
    return Painting(step)


@label_step.register
def _set_inside(step: SetInside) -> LabelStep:
    return Painting(step)


@classes_after.register
def _after_setting_inside(step: SetInside, before: frozenset[int]) -> frozenset[int]:
    require_classes((step.number,), before)
    return before


@label_step.register
def _majority(step: Majority) -> LabelStep:
    return NeighbourMajority(step.size)


def require_classes(numbers: Sequence[int], before: frozenset[int]) -> None:
    """Raise UnknownName where one of these is no class of the map."""
    for number in numbers:
        if number not in before:
            has = ", ".join(str(known) for known in sorted(before)) or "none"
            raise UnknownName(
                f"The edits speak of class {number}, which the map does not have at that step. It has {has}."
            )


def _nobody(model: Model, number_of: np.ndarray, where: np.ndarray) -> np.ndarray:
    raise ValueError("these edits group pixels anew: that takes their features, not labels alone")


@dataclass(frozen=True)
class Stage:
    """All steps of some edits, in their order."""

    steps: Sequence[AnyWork] = ()

    @property
    def halo(self) -> int:
        """Pixels that labels need around them, so that those inside come out as they do in the whole scene."""
        return sum(step.halo for step in self.steps)

    def __call__(self, labels: np.ndarray, ask: Ask = _nobody) -> np.ndarray:
        """Labels after all steps, shape (rows, cols), uint8; `ask` speaks of the same pixels."""
        for step in self.steps:
            labels = step(labels, ask) if isinstance(step, _ASKING) else step(labels)
        return labels

    def inside(self, labels: np.ndarray, wide: Window, window: Window, ask: Ask = _nobody) -> np.ndarray:
        """Labels of `window` after all steps, from those of `wide`, which is the window with its halo."""
        return self(labels, ask)[window.within(wide).slices_rc]

    def on(self, grid: Grid) -> Stage:
        """The same steps for another scene's grid; raises RecipeError for hectares and areas where it has no place."""
        return Stage([_on(step, grid) for step in self.steps])

    def at(self, window: Window, step: int = 1) -> Stage:
        """The same steps for the labels of a window of the scene, or of every `step`-th pixel of it.

        Only steps that name an area ask for that. Those pixels are taken that `Grid.decimated` stands for.
        """
        if not self.has_areas:
            return self
        first = step // 2
        rows = np.arange(window.row + first, window.row + window.height, step)
        cols = np.arange(window.col + first, window.col + window.width, step)
        return Stage([one.at(rows, cols) if isinstance(one, _InArea) else one for one in self.steps])

    @property
    def has_areas(self) -> bool:
        """Whether labels depend on where a pixel lies, so that `at` has to say it."""
        return any(isinstance(step, _InArea) for step in self.steps)

    def every(self, step: int) -> Stage:
        """The same steps for every `step`-th pixel of their scene, the sieve's least patch as many times smaller."""
        return Stage([one.every(step) if isinstance(one, Sieving) else one for one in self.steps])

    def parted(self) -> tuple[Stage, Stage]:
        """The steps that any window with its halo gets right, and the rest, from the first that needs the whole."""
        at = next((place for place, step in enumerate(self.steps) if isinstance(step, Sieving)), len(self.steps))
        return Stage(self.steps[:at]), Stage(self.steps[at:])

    @property
    def regroups(self) -> bool:
        """Whether any step asks about features."""
        return any(isinstance(step, _ASKING) for step in self.steps)

    @property
    def born(self) -> frozenset[int]:
        """Numbers of classes that a split, or the grouping of an area, has added."""
        parts = [(step, step.number_of.tolist()) for step in self.steps if isinstance(step, _ASKING)]
        return frozenset(n for step, numbers in parts for n in numbers if n != getattr(step, "number", None))

    @property
    def of_lone_pixels(self) -> Stage:
        """Those steps alone that look at a pixel's own label and features, for pixels without neighbours and place."""
        return Stage([step for step in self.steps if step.halo == 0 and not isinstance(step, _InArea)])

    def numbers_of(self, labels: np.ndarray) -> np.ndarray:
        """What becomes of class numbers of any shape by steps that treat a class as a whole, uint8."""
        return Stage([step for step in self.steps if isinstance(step, Relabelling)])(labels)

    def regroupings(self, labels: np.ndarray, ask: Ask) -> Iterator[tuple[Regrouping, np.ndarray, np.ndarray]]:
        """Each grouping anew of lone pixels: itself, the mask of its pixels, and what its classes' numbers become."""
        for place, step in enumerate(self.steps):
            if isinstance(step, Regrouping):
                later = Stage(self.steps[place + 1 :])
                yield step, labels == step.number, later.numbers_of(step.number_of)
            labels = Stage([step]).of_lone_pixels(labels, ask)

    def in_areas(self) -> Iterator[tuple[RegroupingInside, np.ndarray]]:
        """Each grouping of an area, and what its classes' numbers become."""
        for place, step in enumerate(self.steps):
            if isinstance(step, RegroupingInside):
                yield step, Stage(self.steps[place + 1 :]).numbers_of(step.number_of)


def _on(step: AnyWork, grid: Grid) -> AnyWork:
    match step:
        case Sieving():
            return sieving(step.step, grid)
        case _InArea():
            return step.on(grid)
        case _:
            return step


NO_STEPS = Stage()
