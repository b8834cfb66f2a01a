"""A user's own list of names as CSV: strict about its form, so that nothing is left out in silence."""

from __future__ import annotations

import csv
import io
import re

from s2dash.core.legend import clean_name
from s2dash.core.schemes import Scheme, SchemeEntry
from s2dash.errors import UnreadableValue

MOST_BYTES = 200_000
MOST_ROWS = 255
MOST_CODE_CHARACTERS = 20
_COLUMNS = ("name", "colour", "code")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_FORM = "Its first line names the columns: name, and if you like colour (#rrggbb) and code."


def scheme_from_csv(content: bytes, title: str) -> Scheme:
    """The list of a CSV file with the columns `name`, `colour` and `code`, of which the last two may be missing.

    Text is UTF-8; commas or semicolons part the cells. Raises UnreadableValue that says which line is wrong, and how.
    """
    shown = clean_name(title) or "Your list"
    if len(content) > MOST_BYTES:
        raise UnreadableValue(f"{shown} has {len(content):,} bytes; a list of names has at most {MOST_BYTES:,}.")
    try:
        text = content.decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnreadableValue(f"{shown} is not a CSV file in UTF-8. {_FORM}") from error
    columns = [cell.strip().lower().replace("color", "colour") for cell in rows[0]] if rows else []
    if "name" not in columns or not set(columns) <= set(_COLUMNS) or len(set(columns)) < len(columns):
        raise UnreadableValue(f"{shown} is no list of names. {_FORM}")
    numbered = [(number, row) for number, row in enumerate(rows[1:], 2) if any(cell.strip() for cell in row)]
    if not 1 <= len(numbered) <= MOST_ROWS:
        raise UnreadableValue(f"{shown} has {len(numbered):,} names; a list has 1 to {MOST_ROWS}.")
    entries = tuple(_entry(shown, number, columns, row) for number, row in numbered)
    for place, entry in enumerate(entries):
        if any(other.name.casefold() == entry.name.casefold() for other in entries[:place]):
            raise UnreadableValue(f"{shown} has the name {entry.name} twice. Give each name once.")
    return Scheme(shown, entries)


def _delimiter(text: str) -> str:
    first = text.splitlines()[0] if text else ""
    return ";" if ";" in first and "," not in first else ","


def _entry(shown: str, number: int, columns: list[str], row: list[str]) -> SchemeEntry:
    where = f"Line {number} of {shown}"
    if len(row) != len(columns):
        raise UnreadableValue(f"{where} has {len(row)} cells, but the first line names {len(columns)} columns.")
    cells = dict(zip(columns, (cell.strip() for cell in row), strict=True))
    name, colour, code = clean_name(cells["name"]), cells.get("colour", ""), clean_name(cells.get("code", ""))
    if not name:
        raise UnreadableValue(f"{where} has no name.")
    if colour and not _COLOUR.fullmatch(colour):
        raise UnreadableValue(f"{where} has the colour {colour[:20]!r}; colours are written #rrggbb, such as #3479c7.")
    if len(code) > MOST_CODE_CHARACTERS:
        raise UnreadableValue(f"{where} has a code of {len(code)} characters; at most {MOST_CODE_CHARACTERS} fit.")
    return SchemeEntry(code, name, colour.lower())
