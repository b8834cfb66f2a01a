"""Runs with what their user said of them, as they leave the program: one by one, or all as one JSON file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import msgspec

from s2dash.core import strict_json
from s2dash.core.accuracy import Check
from s2dash.core.edits import ClassEdits, Colour
from s2dash.core.legend import MOST_NAME_CHARACTERS, Legend, LegendEntry, clean_name
from s2dash.core.run import Run
from s2dash.errors import UnreadableValue

_ONE, _ALL = "a run of a list", "a list of runs"
_OWN_CODECS = ("run", "edits", "check")
"""Fields that are values with a codec of their own."""
MOST_RUNS = 1000
"""Of one file."""
MOST_RUN_CHARACTERS = 1_000_000
"""Of one run in a file: each of them becomes a row of the store and goes to the page."""
_Line = Annotated[str, msgspec.Meta(max_length=MOST_NAME_CHARACTERS)]
_Words = Annotated[str, msgspec.Meta(max_length=400)]
_Picture = Annotated[str, msgspec.Meta(max_length=40_000, pattern=r"^(data:image/png;base64,[A-Za-z0-9+/]+={0,2})?$")]
_Class = Annotated[int, msgspec.Meta(ge=1, le=255)]
_Order = Annotated[tuple[_Class, ...], msgspec.Meta(max_length=255)]


class ClassLook(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Name and colour of one class, and the code of its name."""

    name: _Line
    colour: Colour
    code: Annotated[str, msgspec.Meta(max_length=20)] = ""


_NO_CLASS = ClassLook("", "#000000")


class OwnLook(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """How a map's classes looked before its user's edits."""

    classes: tuple[ClassLook, ...]
    carried: tuple[_Class, ...] = ()
    order: _Order = ()
    """Those that took over name or colour from another map."""


class _Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The fields of a listed run that are no values of their own."""

    number: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
    title: _Line = ""
    star: bool = False
    note: _Line = ""
    words: _Words = ""
    thumbnail: _Picture = ""
    separation: Annotated[float, msgspec.Meta(ge=-1, le=1)] | None = None
    files: Annotated[tuple[_Words, ...], msgspec.Meta(max_length=10_000)] = ()
    legend: Annotated[tuple[ClassLook, ...], msgspec.Meta(max_length=255)] = ()
    order: _Order = ()
    """Of the legend."""
    own: OwnLook | None = None
    is_checking: bool = False


_OWN = tuple(name for name in _Said.__struct_fields__ if name not in ("legend", "order"))


class _All(strict_json.Versioned, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of runs."""

    runs: Annotated[list[Any], msgspec.Meta(max_length=MOST_RUNS)]


@dataclass(frozen=True)
class ListedRun:
    """A run with its place in a list."""

    run: Run
    number: int
    """From 1, in the order in which they were made."""
    legend: Legend
    title: str = ""
    star: bool = False
    note: str = ""
    words: str = ""
    """What differs from the run before."""
    thumbnail: str = ""
    """A picture as an address that images take; empty where there is none."""
    separation: float | None = None
    """Silhouette, -1 to 1, where it was measured."""
    files: tuple[str, ...] = ()
    """Names of the files that its scene was made of."""
    own: OwnLook | None = None
    edits: ClassEdits | None = None
    """The user's own edits, where `run.edits` holds what was taken over from other maps as well."""
    check: Check | None = None
    """Places at which its user looks to check it, with what was answered."""
    is_checking: bool = False
    """Whether places of the check are just being looked at."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        said = {name: getattr(self, name) for name in _OWN}
        whole = _Said(**said, legend=looks_of(self.legend), order=self.legend.order)
        plain = strict_json.plain(whole) | {"run": self.run.to_dict()}
        if not self.legend.order:
            del plain["order"]
        further = {"edits": self.edits, "check": self.check}
        return plain | {name: value.to_dict() for name, value in further.items() if value is not None}

    @staticmethod
    def from_dict(given: object) -> ListedRun:
        """Parse what `to_dict` gave; raises UnreadableValue that says what is wrong."""
        if not isinstance(given, dict):
            raise UnreadableValue("This is not a run of a list: it should be a JSON object, in braces.")
        said = strict_json.decoded(_Said, {k: v for k, v in given.items() if k not in _OWN_CODECS}, _ONE)
        values = {name: getattr(said, name) for name in _OWN}
        legend = legend_of(said.legend).ordered(said.order)
        edits = None if given.get("edits") is None else ClassEdits.from_dict(given["edits"])
        check = None if given.get("check") is None else Check.from_dict(given["check"])
        return ListedRun(run=Run.from_dict(given.get("run")), legend=legend, edits=edits, check=check, **values)

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads back to an equal value."""
        return strict_json.to_text(self.to_dict())

    @staticmethod
    def from_json(text: str) -> ListedRun:
        """Parse what `to_json` wrote; raises UnreadableValue that says what is wrong."""
        return ListedRun.from_dict(strict_json.parse(text, _ONE))


def looks_of(legend: Legend) -> tuple[ClassLook, ...]:
    """Names and colours by class number, from 1 on; a number without a class has no name."""
    of_number = {entry.id: ClassLook(entry.name, entry.colour, entry.code) for entry in legend.entries}
    return tuple(of_number.get(number, _NO_CLASS) for number in range(1, max(of_number, default=0) + 1))


def legend_of(looks: Sequence[ClassLook]) -> Legend:
    """The legend that `looks_of` was given; names are cleaned."""
    return Legend(tuple(_entry(number, look) for number, look in enumerate(looks, 1) if look.name))


def _entry(number: int, look: ClassLook) -> LegendEntry:
    return LegendEntry(number, clean_name(look.name) or f"Class {number}", look.colour, clean_name(look.code))


def to_file(runs: Sequence[ListedRun]) -> str:
    """All runs as one JSON text that `from_file` reads back."""
    return strict_json.to_text({"version": 1, "runs": [one.to_dict() for one in runs]})


def from_file(text: str) -> tuple[ListedRun, ...]:
    """Parse what `to_file` wrote; raises UnreadableValue that says which run is wrong, and how."""
    listed = strict_json.decoded(_All, strict_json.parse(text, _ALL), _ALL).runs
    return tuple(read_one(place, one) for place, one in enumerate(listed, 1))


def read_one(place: int, given: object) -> ListedRun:
    """A run of a file, the `place`-th, as plain values; raises UnreadableValue that says which is wrong, and how."""
    try:
        length = len(json.dumps(given, ensure_ascii=False))
    except RecursionError as error:
        raise UnreadableValue(f"Run {place} of the file cannot be read: it is nested too deep.") from error
    if length > MOST_RUN_CHARACTERS:
        raise UnreadableValue(
            f"Run {place} of the file has {length:,} characters; a run has at most {MOST_RUN_CHARACTERS:,}."
        )
    try:
        return _cleaned(ListedRun.from_dict(given))
    except UnreadableValue as error:
        raise UnreadableValue(f"Run {place} of the file cannot be read. {error}") from error


def _cleaned(one: ListedRun) -> ListedRun:
    run = replace(one.run, scene_title=clean_name(one.run.scene_title))
    return replace(one, run=run, title=clean_name(one.title), note=clean_name(one.note))
