"""What is kept of a session's maps, and of what the page was at a time."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from s2dash.core.accuracy import Check
from s2dash.core.edits import ClassEdits
from s2dash.core.legend import Legend
from s2dash.core.recipe import Recipe
from s2dash.core.run import Run
from s2dash.core.scene_reading import SceneReading, without_area
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
    title: str = ""
    """The user's own; empty where it is called by its number of classes."""
    files: tuple[str, ...] = ()
    """Names of what its scene was made of; none for one that comes with the package."""
    scene_key: str = ""
    """By which the server keeps its scene; empty where that was never here."""
    check: Check | None = None
    """Its own, with the answers that there are."""
    is_checking: bool = False
    """Whether its user is just looking at the places of the check."""
    key: str = field(default_factory=lambda: secrets.token_hex(8))
    """Its own among the maps of all sessions."""

    @property
    def is_marked(self) -> bool:
        return self.star or bool(self.note) or bool(self.title) or self.check is not None


@dataclass(frozen=True)
class Moment:
    """What the page was at a time."""

    scene: str
    """Digest of the scene, with the area that counts of it."""
    recipe: Recipe
    edits: ClassEdits
    loaded: Loaded = field(compare=False)

    @property
    def ground(self) -> tuple[str, SceneReading]:
        """The files and how they are read, whatever area counts: undo stays within them."""
        return f"{self.loaded.scene.paths[0]}", without_area(self.loaded.reading)
