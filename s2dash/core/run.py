"""The Run value: everything that one map was made with, so that it can be kept, compared, sent and made again."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib import metadata
from typing import Annotated, Any

import msgspec

from s2dash import __version__
from s2dash.core import strict_json
from s2dash.core.edits import NO_EDITS, ClassEdits
from s2dash.core.recipe import Recipe, recipe_from_dict
from s2dash.core.scene_reading import AS_FOUND, SceneReading
from s2dash.errors import RecipeError, UnreadableValue

_WHAT = "a run"
_Finite = Annotated[float, msgspec.Meta(ge=-1e300, le=1e300)]
_FIRST_YEAR, _LAST_YEAR = 1970, 9998
"""Of the times that every clock and page can tell, whatever their zone."""
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class View(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the map was looked at."""

    side: str = "Swipe"
    """`Swipe`, `Classes` or `Picture`."""
    picture: str | None = None
    """The picture beside the classes, as its menu calls it; None is the menu's first."""
    shown_bands: tuple[str, ...] = ()
    """Bands shown as red, green and blue where the user picked them."""
    alone: Annotated[int, msgspec.Meta(ge=1, le=255)] | None = None
    """The class that is shown by itself."""
    palette: str = ""
    """Name of the set of colours; empty is the usual one."""
    centre_lonlat: tuple[_Finite, _Finite] | None = None
    zoom: _Finite | None = None
    """Of web maps: 0 is the whole earth."""


PLAIN_VIEW = View()


class RunScores(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was measured of a run, as far as it was; the fields of `evaluate.Scores` and what the page reports."""

    silhouette: _Finite | None = None
    davies_bouldin: _Finite | None = None
    calinski_harabasz: _Finite | None = None
    explained_variance: _Finite | None = None
    shares: tuple[_Share, ...] = ()
    """Of each class among the pixels that are not masked."""


class UsedReference(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The map of other names that names were suggested by; it is no part of a run itself."""

    name: Annotated[str, msgspec.Meta(max_length=100)]
    """Of its file."""
    digest: Annotated[str, msgspec.Meta(max_length=100)]
    """`Reference.digest`."""


class _Rest(strict_json.Versioned, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The fields of a run that are not values of their own."""

    scene_digest: str
    scene_title: str = ""
    view: View = PLAIN_VIEW
    scores: RunScores | None = None
    made: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    seconds: Annotated[float, msgspec.Meta(ge=0, le=1e300)] | None = None
    versions: dict[str, str] = msgspec.field(default_factory=dict)
    reference: UsedReference | None = None

    def __post_init__(self) -> None:
        if self.made is not None and not _FIRST_YEAR <= self.made.year <= _LAST_YEAR:
            raise ValueError(f"a run is made in a year from {_FIRST_YEAR} to {_LAST_YEAR}")


@cache
def current_versions() -> dict[str, str]:
    """Versions of the program and of the libraries that decide labels, by name."""
    names = ("numpy", "scikit-learn", "rasterio")
    return {"s2dash": __version__, "python": platform.python_version()} | {n: metadata.version(n) for n in names}


@dataclass(frozen=True)
class Run:
    """One map: what it was made of, how, what was made of its classes, and what it showed."""

    scene_digest: str
    """`Scene.digest` of the scene as it was read."""
    recipe: Recipe
    reading: SceneReading = AS_FOUND
    edits: ClassEdits = NO_EDITS
    view: View = PLAIN_VIEW
    scene_title: str = ""
    scores: RunScores | None = None
    made: datetime | None = None
    """With its time zone; None for a run that has not been made yet."""
    seconds: float | None = None
    """What fit and labels took."""
    versions: dict[str, str] = field(default_factory=lambda: dict(current_versions()))
    """Of the program and the libraries that decide labels, by name."""
    reference: UsedReference | None = None

    def to_dict(self) -> dict[str, Any]:
        """The run as plain values, with the version of their form; no reference where none was used, as it once was."""
        own = {name: getattr(self, name) for name in _Rest.__struct_fields__ if name != "version"}
        plain = strict_json.plain(_Rest(**own))
        return {name: value for name, value in plain.items() if name != "reference" or value} | {
            "recipe": self.recipe.to_dict(),
            "reading": self.reading.to_dict(),
            "edits": self.edits.to_dict(),
        }

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads back to an equal run."""
        return strict_json.to_text(self.to_dict())

    @staticmethod
    def from_dict(given: object) -> Run:
        """Parse what `to_dict` gave; raises UnreadableValue that says what is wrong."""
        if not isinstance(given, dict):
            raise UnreadableValue("This is not a run: it should be a JSON object, in braces.")
        own = {name: value for name, value in given.items() if name not in ("recipe", "reading", "edits")}
        rest = strict_json.decoded(_Rest, own, _WHAT)
        if "recipe" not in given:
            raise UnreadableValue("This is not a run as s2dash writes it: it has no recipe.")
        try:
            recipe = recipe_from_dict(given["recipe"])
        except RecipeError as error:
            raise UnreadableValue(f"The recipe of this run cannot be read. {error}") from error
        values = {name: getattr(rest, name) for name in _Rest.__struct_fields__ if name != "version"}
        return Run(
            recipe=recipe,
            reading=SceneReading.from_dict(given.get("reading", {})),
            edits=ClassEdits.from_dict(given.get("edits", {})),
            **values,
        )

    @staticmethod
    def from_json(text: str) -> Run:
        """Parse what `to_json` wrote; raises UnreadableValue that says what is wrong."""
        return Run.from_dict(strict_json.parse(text, _WHAT))
