"""Check and Accuracy: places that somebody looks at to check a map, what they answered, and what follows of the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec

from s2dash.core import strict_json

MOST_PLACES = 10_000
"""In one check, also where it comes from a file."""
FEW_ANSWERS = 20
"""Below that nothing is said of a map."""
FAIR_ANSWERS = 50
"""From there on intervals are narrow enough to be of use."""

_Finite = Annotated[float, msgspec.Meta(ge=-1e300, le=1e300)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Amount = Annotated[float, msgspec.Meta(ge=0, le=1e300)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Words = Annotated[str, msgspec.Meta(max_length=2000)]


class Stratum(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A class of the map that places were drawn from, as it was then."""

    name: _Name
    pixels: _Count
    """That it had, of those that places could be drawn from."""


class CheckPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One pixel to look at, and what somebody saw there."""

    row: _Count
    col: _Count
    """Of the scene's own grid, whatever the map's step was."""
    x: _Finite
    y: _Finite
    """Centre of the pixel in the scene's coordinates."""
    lonlat: tuple[_Finite, _Finite] | None = None
    """In degrees (WGS 84); None without a place."""
    stratum: _Name
    """Name of the class that it was drawn from."""
    answer: _Name | None = None
    """The class that is there, by name; None as long as nobody said."""
    unsure: bool = False
    """Whether somebody looked and could not tell; such a place counts for nothing, whatever its answer."""

    @property
    def is_answered(self) -> bool:
        """Whether its answer counts."""
        return self.answer is not None and not self.unsure


class Check(strict_json.Versioned, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Places drawn at random to check a map, in the order in which they are to be looked at, with their answers."""

    seed: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
    allocation: _Words
    """In a sentence: how many places each class got, and by which rule."""
    step: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    """Places were drawn from every `step`-th pixel of the scene."""
    strata: Annotated[tuple[Stratum, ...], msgspec.Meta(min_length=1)]
    places: Annotated[tuple[CheckPlace, ...], msgspec.Meta(max_length=MOST_PLACES)]

    def __post_init__(self) -> None:
        """Raise ValueError for a stratum that is there twice, and for a place of a stratum that is not there."""
        names = {stratum.name for stratum in self.strata}
        if len(names) < len(self.strata):
            raise ValueError("a class is there twice")
        if any(place.stratum not in names for place in self.places):
            raise ValueError("a place is of a class that it was not drawn from")

    @property
    def answered_count(self) -> int:
        """Places whose answers count."""
        return sum(place.is_answered for place in self.places)

    @property
    def unsure_count(self) -> int:
        """Places where somebody could not tell."""
        return sum(place.unsure for place in self.places)

    @property
    def next_place(self) -> int | None:
        """Number of the first place that nobody has answered; None where all are."""
        return next((i for i, place in enumerate(self.places) if place.answer is None and not place.unsure), None)

    def answered(self, number: int, answer: str | None, unsure: bool = False) -> Check:
        """This check with another answer of one place; None takes it back."""
        place = msgspec.structs.replace(self.places[number], answer=answer, unsure=unsure)
        return msgspec.structs.replace(self, places=(*self.places[:number], place, *self.places[number + 1 :]))

    def renamed(self, names: Mapping[str, str]) -> Check:
        """This check with answers by other names of the same classes; what classes were called when drawn stays."""
        places = (
            msgspec.structs.replace(p, answer=names.get(p.answer, p.answer)) if p.answer is not None else p
            for p in self.places
        )
        return msgspec.structs.replace(self, places=tuple(places))

    def to_dict(self) -> dict[str, Any]:
        """The check as plain values."""
        return strict_json.plain(self)

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads back to an equal check."""
        return strict_json.to_text(self.to_dict())

    @staticmethod
    def from_dict(given: object) -> Check:
        """Parse what `to_dict` gave; raises UnreadableValue that says what is wrong."""
        return strict_json.decoded(Check, given, "a check")

    @staticmethod
    def from_json(text: str) -> Check:
        """Parse what `to_json` wrote; raises UnreadableValue that says what is wrong."""
        return Check.from_dict(strict_json.parse(text, "a check"))


class Estimate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was estimated, and the interval that holds the true value in 95 of 100 samples like this one."""

    value: _Amount
    low: _Amount
    high: _Amount

    def times(self, factor: float) -> Estimate:
        """The same in another unit."""
        return Estimate(self.value * factor, self.low * factor, self.high * factor)


class ClassAccuracy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How far one class can be trusted, and how much of it there is."""

    name: _Name
    users: Estimate | None = None
    """Share of what is mapped as this class that is of it; None where no answer says anything."""
    producers: Estimate | None = None
    """Share of what is of this class that is mapped so; None where no answer says anything."""
    area_share: Estimate | None = None
    """Of the ground that is of this class, whatever the map says; None where the answers are no random sample."""
    area_ha: Estimate | None = None
    """The same in hectares; None without a place, too."""
    mapped_share: _Share
    """Of the ground that the map gives this class."""
    mapped_ha: _Amount | None = None


class Kappa(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Cohen's kappa of a confusion matrix, with what must be said beside it."""

    value: Annotated[float, msgspec.Meta(ge=-1, le=1)]
    caveat: _Words


class Accuracy(strict_json.Versioned, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How far a map can be trusted: overall, by class, and the counts that it follows from."""

    how: Literal["own places", "reference"]
    unit: Literal["places", "polygons", "points", "squares"] = "places"
    """What each answer is; squares are of a raster."""
    design: _Words
    """How places were chosen and what intervals mean, in plain words."""
    answers: _Count
    """Places, or units of a reference, that were compared."""
    overall: Estimate | None
    """Share of the ground that is mapped as what it is; None without any answer."""
    classes: tuple[ClassAccuracy, ...]
    """Of the map first, in its order; then those that only answers have."""
    map_names: tuple[_Name, ...]
    reference_names: tuple[_Name, ...]
    matrix: tuple[tuple[_Count, ...], ...]
    """Confusion matrix: how many places, or pixels of a reference, are mapped as (row) and are (column) of a class."""
    mapped_shares: tuple[_Share, ...]
    """W_i: share of the ground of each of `map_names`."""
    mapping: dict[str, str] = msgspec.field(default_factory=dict)
    """What each class of the map stands for among those of a reference; empty where both have the same names."""
    kappa: Kappa | None = None
    notes: tuple[_Words, ...] = ()
    """What is to be known beside the numbers, in plain sentences: what was left out and why."""

    def __post_init__(self) -> None:
        """Raise ValueError where matrix and names do not belong together."""
        widths = {len(row) for row in self.matrix}
        if len(self.matrix) != len(self.map_names) or widths - {len(self.reference_names)}:
            raise ValueError("the matrix has another shape than its names")
        if len(self.mapped_shares) != len(self.map_names):
            raise ValueError("there are not as many shares as classes")

    @property
    def is_too_few(self) -> bool:
        """Whether there are too few answers to say anything."""
        return self.answers < FEW_ANSWERS

    def mapped(self, name: str) -> tuple[int, int]:
        """Of the places mapped as this class: how many are of it, and how many there are."""
        if name not in self.map_names:
            return 0, 0
        row = self.matrix[self.map_names.index(name)]
        return _at(row, self.reference_names, name), sum(row)

    def found(self, name: str) -> tuple[int, int]:
        """Of the places that are of this class: how many are mapped so, and how many there are."""
        if name not in self.reference_names:
            return 0, 0
        column = [row[self.reference_names.index(name)] for row in self.matrix]
        return _at(column, self.map_names, name), sum(column)

    def to_dict(self) -> dict[str, Any]:
        """The accuracy as plain values."""
        return strict_json.plain(self)

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads back to an equal accuracy."""
        return strict_json.to_text(self.to_dict())

    @staticmethod
    def from_dict(given: object) -> Accuracy:
        """Parse what `to_dict` gave; raises UnreadableValue that says what is wrong."""
        return strict_json.decoded(Accuracy, given, "an accuracy")

    @staticmethod
    def from_json(text: str) -> Accuracy:
        """Parse what `to_json` wrote; raises UnreadableValue that says what is wrong."""
        return Accuracy.from_dict(strict_json.parse(text, "an accuracy"))


def _at(counts: Sequence[int], names: Sequence[str], name: str) -> int:
    return counts[names.index(name)] if name in names else 0
