"""What a batch is to do, how far each scene is, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from s2dash.batch import mosaic
from s2dash.batch.manifest import Finished
from s2dash.batch.sources import Source
from s2dash.classify.pipeline import Fitted
from s2dash.core.edits import NO_EDITS, AnyStep, ClassEdits
from s2dash.core.legend import Legend
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Scene
from s2dash.core.types import CancelToken, Progress
from s2dash.raster.location import Location

FIT_ON_ALL = "all"
MOSAICS = (*mosaic.KINDS, "none")


@dataclass(frozen=True)
class Opener:
    """How scenes are opened."""

    open: Callable[[Location, Path, Progress, CancelToken], Scene]
    """From the source's location, with a folder for what is rewritten; the folder does not exist yet."""
    key: str = ""
    """Says what the user changed about how files are understood: another key, another scene."""


@dataclass(frozen=True)
class RecipeChoice:
    """Where the recipe comes from."""

    make: Callable[[Scene], Recipe]
    """From the first scene that the classes are learnt from."""
    key: str
    """Of all that it depends on beside that scene."""


@dataclass(frozen=True, eq=False)
class Given:
    """Classes that exist already, to be applied to all scenes."""

    fitted: Fitted
    legend: Legend


@dataclass(frozen=True, eq=False)
class Plan:
    """What a batch is to do."""

    sources: tuple[Source, ...]
    out: Path
    opener: Opener
    recipe: RecipeChoice
    fit_on: Source | None = None
    """The one scene to learn from; None for a pooled sample of all."""
    given: Given | None = None
    """Classes to use instead of learning any."""
    mosaic: str = "vrt"
    """One of MOSAICS."""
    again: bool = False
    """Whether to do again what is finished."""
    edits: ClassEdits = NO_EDITS
    """What becomes of the classes that are learnt."""
    beside: tuple[str, ...] = ()
    """Keys of exports that are written of each scene beside its GeoTIFF."""

    @property
    def steps(self) -> tuple[AnyStep, ...]:
        """What the classes go through once they are there."""
        return (self.edits if self.given is None else self.given.fitted.edits).steps


@dataclass(frozen=True)
class SceneReport:
    """How far a scene is, or how it ended."""

    source: Source
    state: str
    """`waiting`, `learning`, `labelling`, `done`, `unchanged` or `failed`."""
    error: str = ""
    """Why it failed, in plain words."""
    finished: Finished | None = None


Watch = Callable[[SceneReport], None]
"""Told of each change."""


@dataclass(frozen=True)
class Report:
    """How a batch ended."""

    scenes: tuple[SceneReport, ...]
    recipe: Recipe | None
    files: tuple[str, ...]
    """Names of table, recipe and mosaics in the folder."""
    notes: tuple[str, ...]
    was_stopped: bool = False

    @property
    def failed(self) -> tuple[SceneReport, ...]:
        return tuple(one for one in self.scenes if one.state == "failed")

    @property
    def finished(self) -> tuple[Finished, ...]:
        return tuple(one.finished for one in self.scenes if one.finished is not None)
