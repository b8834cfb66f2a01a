"""The About value: what the user says of a map once, for everything that is handed over of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from s2dash.errors import UnreadableValue

MOST_LINE_CHARACTERS, MOST_NOTES_CHARACTERS = 120, 2_000
_Line = Annotated[str, msgspec.Meta(max_length=MOST_LINE_CHARACTERS)]


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Words of the user; an empty field is left out of what is made."""

    title: _Line = ""
    place: _Line = ""
    date: _Line = ""
    """Of the picture, as the user writes it."""
    author: _Line = ""
    notes: Annotated[str, msgspec.Meta(max_length=MOST_NOTES_CHARACTERS)] = ""

    def saying(self, **fields: str) -> About:
        """With other words in these fields."""
        return msgspec.structs.replace(self, **fields)


NOTHING_SAID = About()


def to_json(said: Mapping[str, About]) -> str:
    """What was said of several scenes as one line that `from_json` reads back."""
    return msgspec.json.encode(said).decode()


def from_json(text: str) -> dict[str, About]:
    """Parse what `to_json` wrote; raises UnreadableValue for anything else."""
    try:
        return msgspec.json.decode(text, type=dict[str, About])
    except msgspec.MsgspecError as error:
        raise UnreadableValue("This is not what was said of maps.") from error
