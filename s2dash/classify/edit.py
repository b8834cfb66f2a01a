"""The stage between labels and a result, where edits of classes act: the same for live picture, windows and tiles.

A step either looks at each pixel alone, or at neighbours too, as far as its halo. Labels come in with that
margin around them, as far as the scene goes, and so windows of any size give the same labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Protocol

import numpy as np

from s2dash.core.edits import ClassEdits, LeaveOut, Merge, Step
from s2dash.core.types import Window


class LabelStep(Protocol):
    """One change of labels."""

    @property
    def halo(self) -> int:
        """How many pixels beyond a pixel its new label depends on; 0 where on itself alone."""

    def __call__(self, labels: np.ndarray, /) -> np.ndarray:
        """New labels, shape and dtype as given: (rows, cols), uint8, 0 for no data. What is given stays as it is."""


@singledispatch
def label_step(step: Step) -> LabelStep:
    """What a step of `ClassEdits` does; each kind registers here."""
    raise TypeError(f"no work is known for the step {type(step).__name__}")


@dataclass(frozen=True, eq=False)
class Relabelling:
    """Other numbers for some classes, pixel by pixel."""

    table: np.ndarray
    """New label of each old one, shape (256,), uint8."""
    halo: int = 0

    def __call__(self, labels: np.ndarray, /) -> np.ndarray:
        return np.asarray(self.table[labels])


@label_step.register
def _merge(step: Merge) -> LabelStep:
    table = np.arange(256, dtype=np.uint8)
    table[list(step.classes)] = step.into
    return Relabelling(table)


@label_step.register
def _leave_out(step: LeaveOut) -> LabelStep:
    table = np.arange(256, dtype=np.uint8)
    table[step.number] = 0
    return Relabelling(table)


@dataclass(frozen=True)
class Stage:
    """All steps of some edits, in their order."""

    steps: Sequence[LabelStep] = ()

    @property
    def halo(self) -> int:
        """Pixels that labels need around them, so that those inside come out as they do in the whole scene."""
        return sum(step.halo for step in self.steps)

    def __call__(self, labels: np.ndarray) -> np.ndarray:
        """Labels after all steps, shape (rows, cols), uint8."""
        for step in self.steps:
            labels = step(labels)
        return labels

    def inside(self, labels: np.ndarray, wide: Window, window: Window) -> np.ndarray:
        """Labels of `window` after all steps, from those of `wide`, which is the window with its halo."""
        return self(labels)[window.within(wide).slices_rc]

    def of_lone_pixels(self, labels: np.ndarray) -> np.ndarray:
        """Labels of pixels without neighbours, any shape: only steps that look at each pixel alone act."""
        for step in self.steps:
            if step.halo == 0:
                labels = step(labels)
        return labels


def stage_of(edits: ClassEdits) -> Stage:
    """The stage that replays these edits; names and colours change no label."""
    return Stage(tuple(label_step(step) for step in edits.steps))
