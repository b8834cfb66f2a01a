"""What becomes of a check while it is looked at: answers as a browser says them, and places that are added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from s2dash.core.accuracy import Check
from s2dash.errors import UnreadableValue

_MOST_ANSWERS = 1_000


@dataclass(frozen=True)
class Answered:
    """What somebody says of one place."""

    name: str | None
    """The class that is there; None where the answer is taken back, or cannot be told."""
    unsure: bool = False


class _Said(msgspec.Struct, forbid_unknown_fields=True):
    of: Annotated[str, msgspec.Meta(max_length=64)]
    answers: Annotated[dict[int, str | Literal[False] | None], msgspec.Meta(max_length=_MOST_ANSWERS)]


def read_answers(said: bytes) -> tuple[str, dict[int, Answered]]:
    """By what a check is known, and its answers by number of the place.

    `{"of": "…", "answers": {"11": "Open water", "12": null, "13": false}}`: the name of a class, null where it cannot
    be told, false where an answer is taken back. Raises UnreadableValue for anything else.
    """
    try:
        found = msgspec.json.decode(said, type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableValue("This is no answer of a check.") from error
    return found.of, {number: _answered(one) for number, one in found.answers.items()}


def _answered(said: str | Literal[False] | None) -> Answered:
    return Answered(said) if isinstance(said, str) else Answered(None, unsure=said is None)


def joined(check: Check, further: Check) -> Check:
    """A check with the places of another one of the same strata, but for those that it has already.

    Strata keep the names that they had first, whatever the classes are called now. Raises ValueError where the strata
    are others: then both together are no sample of either.
    """
    if _pixels(check) != _pixels(further) or check.step != further.step:
        raise ValueError("the places were drawn from another map")
    first = {new.name: old.name for new, old in zip(further.strata, check.strata, strict=True)}
    known = {(place.row, place.col) for place in check.places}
    new = (place for place in further.places if (place.row, place.col) not in known)
    places = (*check.places, *(msgspec.structs.replace(place, stratum=first[place.stratum]) for place in new))
    words = f"{check.allocation} Then {further.allocation[:1].lower()}{further.allocation[1:]}"
    return msgspec.structs.replace(check, places=places, allocation=words[:2000])


def _pixels(check: Check) -> list[int]:
    return [stratum.pixels for stratum in check.strata]
