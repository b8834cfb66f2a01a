"""The Handover value: everything that a file made of a map may tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from s2dash.core.about import NOTHING_SAID, About
from s2dash.core.accuracy import Accuracy
from s2dash.core.classmap import Result
from s2dash.core.legend import Legend
from s2dash.core.scene import Scene
from s2dash.core.sureness import Sureness
from s2dash.export.learnt import Learnt

if TYPE_CHECKING:
    from xlsxwriter.workbook import Workbook


@dataclass(frozen=True)
class OutlineChoice:
    """How patches become polygons."""

    least_ha: float = 0.0
    """Hectares that a patch has at least; smaller ones go to the neighbour with the longest border. 0 keeps all."""
    is_smooth: bool = False
    """Whether the stairs of pixels are smoothed."""


@dataclass(frozen=True, eq=False)
class ToldChange:
    """What changed between the map's date and another one."""

    sentences: tuple[str, ...]
    largest: tuple[tuple[str, str], ...]
    """The largest changes: which class became which, and how much ground that is."""
    add_sheets: Callable[[Workbook], None]
    """Adds the transitions to a workbook."""


@dataclass(frozen=True, eq=False)
class Handover:
    """A map as it is handed over: the result, how its classes are shown, and what else is known or said of it."""

    result: Result
    legend: Legend
    about: About = NOTHING_SAID
    outlines: OutlineChoice = OutlineChoice()
    alone: int | None = None
    """The class that is shown by itself."""
    learnt: Learnt | None = None
    """What the fit found, for files that make the map again."""
    accuracy: Accuracy | None = None
    """How far it can be trusted; None where nobody checked it."""
    change: ToldChange | None = None
    """None where no other date is compared."""
    sureness: Sureness | None = None
    """How sure each pixel's class is; None where that has not been worked out."""
    spreads: Mapping[int, np.ndarray] = field(default_factory=dict)
    """By class number the 10th and 90th percentile of each band of the scene over the class's part of the sample,
    reflectance, shape (2, bands); empty where that is not known."""

    lender: Scene | None = None
    """The scene of the same place whose picture is shown in the place of its own."""

    @property
    def source_of_lender(self) -> str:
        """Whose the picture is that another scene lends; empty where none does, or nothing says whose."""
        source = "" if self.lender is None else self.lender.attribution
        return f"Picture: {source}" if source else ""

    @property
    def title(self) -> str:
        """The user's, else the scene's."""
        return self.about.title or self.result.scene.title
