"""Sheets of an Excel workbook: cells with number formats, colours, and text that is never a formula or a link.

XlsxWriter gives the same bytes for the same cells.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2dash.errors import OutputConflict
from s2dash.export.contents import staged

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

NAME_WIDTH, CODE_WIDTH, NUMBER_WIDTH, WORDS_WIDTH = 32, 10, 14, 90
"""Of columns, characters."""
Cell = tuple[object, str]
"""A value and its number format; None and what is no number stay empty."""
_UNDATED = datetime(1980, 1, 1, tzinfo=UTC)
"""The workbook's own date: the first that a zip can tell, so that the same map gives the same bytes."""
_OPTIONS = {
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": True,
}


@contextmanager
def new_book(out: Path, title: str) -> Iterator[Workbook]:
    """A workbook to add sheets to, whole or not there; raises OutputConflict where `out` cannot be written."""
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import XlsxFileError

    with staged(out) as path:
        try:
            with Workbook(str(path), _OPTIONS) as book:
                book.set_properties({"title": title, "created": _UNDATED})
                yield book
        except XlsxFileError as error:
            raise OutputConflict(f"{out.name} cannot be written: {error}") from error


class ExcelSheet:
    """One sheet, filled row by row."""

    def __init__(self, book: Workbook, name: str) -> None:
        self._book = book
        self._formats: dict[str, Format] = {}
        self.sheet: Worksheet = book.add_worksheet(name)
        self._row = 0

    def head(self, columns: Sequence[tuple[str, int]], frozen_columns: int = 2) -> None:
        """The first row: names of columns, each with its width in characters; it stays as one scrolls."""
        look = self._format(bold=True, bottom=1, text_wrap=True, valign="top")
        for column, (words, width) in enumerate(columns):
            self.sheet.set_column(column, column, width)
            self.sheet.write_string(0, column, words, look)
        self.sheet.freeze_panes(1, frozen_columns)
        self._row = 1

    def row(self, cells: Sequence[Cell]) -> None:
        """One more row."""
        for column, (value, form) in enumerate(cells):
            if isinstance(value, str):
                self.sheet.write_string(self._row, column, value, self._format(text_wrap=True, valign="top"))
            elif isinstance(value, int | float) and math.isfinite(value):
                self.sheet.write_number(self._row, column, value, self._format(num_format=form))
        self._row += 1

    def swatch(self, column: int, colour: str, value: str | int) -> None:
        """Paint a cell of the row that was written last."""
        look = self._format(bg_color=colour, font_color=_ink(colour))
        self.sheet.write(self._row - 1, column, value, look)

    def total(self, cells: Sequence[Cell]) -> None:
        """A last row, in bold."""
        for column, (value, form) in enumerate(cells):
            look = self._format(bold=True, top=1, num_format=form)
            if isinstance(value, str):
                self.sheet.write_string(self._row, column, value, look)
            elif isinstance(value, int | float):
                self.sheet.write_number(self._row, column, value, look)
            else:
                self.sheet.write_blank(self._row, column, None, look)
        self._row += 1

    def part(self, title: str) -> None:
        """The title of further rows under the same columns, after an empty row."""
        self.sheet.write_string(self._row + 1, 1, title, self._format(bold=True, text_wrap=True, valign="top"))
        self._row += 2

    def words(self, text: str) -> None:
        """A sentence below a table, over as many columns as it takes."""
        self.sheet.write_string(self._row, 0, text)
        self._row += 1

    def _format(self, **look: Any) -> Format:
        key = repr(sorted(look.items()))
        if key not in self._formats:
            self._formats[key] = self._book.add_format(look)
        return self._formats[key]


def _ink(colour: str) -> str:
    """Black or white, whichever is read better on a colour."""
    red, green, blue = bytes.fromhex(colour[1:])
    return "#000000" if 299 * red + 587 * green + 114 * blue > 128_000 else "#ffffff"


def decimals(count: int) -> str:
    """The number format with so many decimals."""
    return "#,##0" + ("." + "0" * count if count else "")
