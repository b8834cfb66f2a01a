"""The Handover value: everything that a file made of a map may tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from s2dash.core.about import NOTHING_SAID, About
from s2dash.core.accuracy import Accuracy
from s2dash.core.classmap import Result
from s2dash.core.legend import Legend


@dataclass(frozen=True, eq=False)
class Handover:
    """A map as it is handed over: the result, how its classes are shown, and what else is known or said of it."""

    result: Result
    legend: Legend
    about: About = NOTHING_SAID
    alone: int | None = None
    """The class that is shown by itself."""
    accuracy: Accuracy | None = None
    """Of a check of this map; None where nobody checked."""
    sureness: tuple[tuple[str, float], ...] = ()
    """How sure the classes are, in the order of the words: words, and the share of pixels, 0 to 1."""
    spread: np.ndarray | None = None
    """What most of each class's sample lies between, reflectance, shape (classes in the order of rows, 2, bands)."""

    @property
    def title(self) -> str:
        """The user's, else the scene's."""
        return self.about.title or self.result.scene.title
