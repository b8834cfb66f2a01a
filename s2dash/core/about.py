"""The About value: what the user says of a map once, for everything that is handed over of it."""

from __future__ import annotations

from typing import Annotated

import msgspec

_Line = Annotated[str, msgspec.Meta(max_length=120)]


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Words of the user; an empty field is left out of what is made."""

    title: _Line = ""
    place: _Line = ""
    date: _Line = ""
    """Of the picture, as the user writes it."""
    author: _Line = ""
    notes: Annotated[str, msgspec.Meta(max_length=2_000)] = ""


NOTHING_SAID = About()
