"""What is kept of a session's maps, and of what the page was at a time."""

from __future__ import annotations

from dataclasses import dataclass

from s2dash.core.edits import ClassEdits
from s2dash.core.legend import Legend
from s2dash.core.recipe import Recipe
from s2dash.core.run import Run
from s2dash.ui.loaded import Loaded


@dataclass(frozen=True, eq=False)
class KeptMap:
    """One map of the session."""

    number: int
    """From 1, in the order in which they were made."""
    run: Run
    words: str
    """What differs from the map before."""
    thumbnail: str
    """Address of a picture."""
    loaded: Loaded | None
    """Its scene; None where that is kept no longer."""
    legend: Legend
    star: bool = False
    note: str = ""
    separation: float | None = None
    """Silhouette, -1 to 1, once it was measured."""

    @property
    def is_marked(self) -> bool:
        return self.star or bool(self.note)


@dataclass(frozen=True)
class Moment:
    """What the page was at a time."""

    scene: str
    """Digest of the scene; undo stays within it."""
    recipe: Recipe
    edits: ClassEdits
