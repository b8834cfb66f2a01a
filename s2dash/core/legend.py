"""The Legend value: what each class is called, how it is drawn and where it is listed. Editing it never refits."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from s2dash.core.edits import ClassEdits
from s2dash.errors import RecipeError

T = TypeVar("T")
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
MOST_NAME_CHARACTERS = 60
_UNSEEN = frozenset(("Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"))


@dataclass(frozen=True)
class LegendEntry:
    """One class as people see it."""

    id: int
    """Its value in the labels, from 1."""
    name: str
    colour: str
    """`#rrggbb`"""
    code: str = ""
    """Of its name in a scheme; empty where that has none."""


@dataclass(frozen=True)
class Legend:
    """The classes in the order of their numbers: 1 to k, of which edits may have taken some away and added others."""

    entries: tuple[LegendEntry, ...]
    order: tuple[int, ...] = ()
    """Numbers of all classes as they are listed, from the top; empty where that is by number."""

    @property
    def listed(self) -> tuple[LegendEntry, ...]:
        """The entries as they are listed."""
        return self.arranged(self.entries)

    def arranged(self, of_classes: Sequence[T]) -> tuple[T, ...]:
        """What there is of each class by number, as classes are listed; raises ValueError for another count."""
        if len(of_classes) != len(self.entries):
            raise ValueError(f"{len(of_classes)} things of {len(self.entries)} classes")
        of_number = {entry.id: one for entry, one in zip(self.entries, of_classes, strict=True)}
        return tuple(of_number[number] for number in self.order) if self.order else tuple(of_classes)

    def ordered(self, order: Iterable[int]) -> Legend:
        """This legend listed so; what is no class of it counts for nothing, and classes not named come last."""
        ids = [entry.id for entry in self.entries]
        named = [number for number in dict.fromkeys(order) if number in ids]
        every = [*named, *(number for number in ids if number not in named)]
        return Legend(self.entries, tuple(every) if every != ids else ())

    def taking(self, edits: ClassEdits) -> Legend:
        """This legend with the names, colours, codes and order of edits; raises RecipeError as `edited` does."""
        taken = self.edited(edits.names, edits.colours, edits.codes)
        return taken.ordered(edits.order) if edits.order else taken

    def edited(
        self, names: Mapping[int, str], colours: Mapping[int, str], codes: Mapping[int, str] | None = None
    ) -> Legend:
        """This legend with other names and colours where given, by class id; another name has no code but these.

        Raises RecipeError for a colour that is not `#rrggbb`.
        """
        return Legend(
            tuple(
                replace(
                    entry,
                    name=clean_name(names.get(entry.id, "")) or entry.name,
                    colour=_checked_colour(colours.get(entry.id, entry.colour)),
                    code=clean_name((codes or {}).get(entry.id, "" if entry.id in names else entry.code)),
                )
                for entry in self.entries
            ),
            self.order,
        )

    def rgba(self, only: int | None = None) -> np.ndarray:
        """A table from label to colour, shape (256, 4), uint8; label 0 and labels without entry are transparent.

        With `only`, the other classes fade to a quarter of their opacity.
        """
        table = np.zeros((256, 4), dtype=np.uint8)
        for entry in self.entries:
            opacity = 255 if only in (None, entry.id) else 64
            table[entry.id] = (*bytes.fromhex(entry.colour[1:]), opacity)
        return table


def default_legend(colours: Sequence[str], numbers: Sequence[int] | None = None) -> Legend:
    """`Class 1` to `Class k` in the given colours; other numbers where they are given."""
    numbers = range(1, len(colours) + 1) if numbers is None else numbers
    return Legend(tuple(LegendEntry(i, f"Class {i}", colour) for i, colour in zip(numbers, colours, strict=True)))


def clean_name(text: str) -> str:
    """A name as one line of at most 60 characters, without control or direction characters."""
    if not text.isprintable():  # as almost every name is, which is asked much faster
        text = "".join(" " if unicodedata.category(c) in _UNSEEN else c for c in text)
    return " ".join(text.split())[:MOST_NAME_CHARACTERS].strip()


def _checked_colour(colour: str) -> str:
    if not _HEX.fullmatch(colour):
        raise RecipeError(f"{colour[:20]!r} is not a colour. Colours are written #rrggbb, such as #3479c7.")
    return colour.lower()
