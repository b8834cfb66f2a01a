"""What is compared, and what was found out about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from s2dash.classify.compare import Comparison, Pair
from s2dash.core.classmap import Result
from s2dash.core.legend import Legend
from s2dash.core.recipe import Recipe
from s2dash.server.live_engine import LiveAnswer

CompareView = Literal["Swipe", "Where they differ"]
COMPARE_VIEWS: tuple[CompareView, ...] = get_args(CompareView)
THE_PICTURE = 0
"""Stands for the picture where others are numbers of runs."""


@dataclass(frozen=True)
class Comparing:
    """Two runs, or the picture and a run, that are looked at beside each other."""

    left: int
    """Number of a run, or THE_PICTURE."""
    right: int
    """Number of a run."""
    beside: tuple[str, Recipe]
    """The map that the page is at meanwhile; another one ends it."""
    view: CompareView = "Swipe"
    move: Pair | None = None
    """The pixels that are pointed out: their class on the left and on the right."""
    counts_all: bool = False
    """Whether both are to be compared in every pixel, where that takes full runs."""


@dataclass(frozen=True, eq=False)
class ComparedRun:
    """A run beside another."""

    number: int
    answer: LiveAnswer
    shown: Result
    """What is known best of it: of every pixel on both sides, or of the live picture."""
    legend: Legend
    """Classes that are the same on both sides have one name and one colour."""

    @property
    def name(self) -> str:
        return f"Run {self.number}"


@dataclass(frozen=True, eq=False)
class Compared:
    """All that the page shows of two sides."""

    comparing: Comparing
    left: ComparedRun | None
    """None is the picture."""
    right: ComparedRun
    found: Comparison | None
    """None beside the picture, which has no classes."""

    @property
    def names(self) -> tuple[str, str]:
        return "The picture" if self.left is None else self.left.name, self.right.name
