"""What goes into the store of sessions and comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from s2dash.core.about import About
from s2dash.core.map_position import MapPosition
from s2dash.core.reference import Reference
from s2dash.core.run_list import ListedRun
from s2dash.core.scene import Scene

MARKS = ("star", "title", "note", "check", "is_checking")
"""What people say of a run, and may say in another page of the same session; the last word counts for each."""


@dataclass(frozen=True, eq=False)
class StoredScene:
    """A scene, and what keeps its files alive."""

    scene: Scene
    held: object = None


@dataclass(frozen=True, eq=False)
class StoredRun:
    """A run of a session. Two of one key are one run at two times."""

    key: str
    """Unique among all."""
    listed: ListedRun
    scene_key: str = ""
    """By which the store knows its scene; empty where that never was here."""


@dataclass(frozen=True)
class StoredReference:
    """The map that a session names classes by, and what its user says of it."""

    reference: Reference
    legend: str
    """What its codes mean, one of `naming.legends.LEGENDS`."""
    takes_colours: bool
    """Whether a name that is taken from it brings its colour."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A session as it is at a moment."""

    runs: tuple[StoredRun, ...]
    """The same object as before where nothing of a run has changed."""
    shown: str | None
    """Key of the run that the page shows."""
    made: int
    """How many runs were made, also those that are gone."""
    scenes: Mapping[str, StoredScene] = field(default_factory=dict)
    """Scenes that are here to be kept, by key."""
    position: MapPosition | None = None
    """Where the map looks; None is the whole scene."""
    said: Mapping[str, About] = field(default_factory=dict)
    """What the user says of maps, by what tells their scenes apart."""
    reference: StoredReference | None = None


@dataclass(frozen=True, eq=False)
class StoredSession:
    """A session as it was kept."""

    runs: tuple[StoredRun, ...]
    """By number."""
    shown: str | None
    made: int
    position: MapPosition | None = None
    said: Mapping[str, About] = field(default_factory=dict)
    reference: StoredReference | None = None


@dataclass(frozen=True, eq=False)
class Change:
    """What is to be written of a session."""

    put: tuple[StoredRun, ...] = ()
    drop: tuple[str, ...] = ()
    """Keys of runs that are no longer kept."""
    shown: str | None = None
    made: int = 0
    position: MapPosition | None = None
    said: Mapping[str, About] = field(default_factory=dict)
    left: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By key of a run the marks that stay as they are kept: another page of the session may have changed them."""
    reference: StoredReference | None = None
    is_other_reference: bool = False
    """Whether `reference` takes the place of what is kept; that stays otherwise."""
