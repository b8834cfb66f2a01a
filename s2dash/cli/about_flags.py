"""Flags for what is said of a map: it goes into every file that is written of it."""

from __future__ import annotations

import argparse

from s2dash.core.about import MOST_LINE_CHARACTERS, MOST_NOTES_CHARACTERS, About
from s2dash.errors import RecipeError

_FLAGS = {
    "title": ("--title", "TEXT", "what the map is called"),
    "place": ("--place", "TEXT", "where it is"),
    "date": ("--date", "TEXT", "when the picture was taken, as you would write it"),
    "author": ("--by", "NAME", "who made the map"),
    "notes": ("--notes", "TEXT", "what its readers should know"),
}


def add_about_flags(command: argparse.ArgumentParser) -> None:
    """A flag for each field."""
    group = command.add_argument_group("what is said of the map, in the files that are written")
    for field, (flag, metavar, help_words) in _FLAGS.items():
        group.add_argument(flag, dest=f"about_{field}", default="", metavar=metavar, help=help_words)


def about_of(arguments: argparse.Namespace) -> About:
    """What was said; raises RecipeError where a text is too long."""
    said = {field: str(getattr(arguments, f"about_{field}")) for field in _FLAGS}
    for field, words in said.items():
        most = MOST_NOTES_CHARACTERS if field == "notes" else MOST_LINE_CHARACTERS
        if len(words) > most:
            raise RecipeError(f"{_FLAGS[field][0]} has {len(words):,} characters, and {most:,} is the most.")
    return About(**said)
