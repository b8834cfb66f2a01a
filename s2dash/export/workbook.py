"""The tables of a map as one Excel workbook: areas, spectra and what it is, with real numbers and colours to see.

XlsxWriter writes text as text, never as a formula or a link, and the same bytes for the same map.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2dash.core.run import current_versions
from s2dash.errors import OutputConflict
from s2dash.export.contents import Export, listed_facts, one_line, require_full, staged
from s2dash.export.digits import REFLECTANCE_DECIMALS, SHARE_DECIMALS, hectare_decimals
from s2dash.export.handover import Handover
from s2dash.export.recipe_words import recipe_words

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

_UNDATED = datetime(1980, 1, 1, tzinfo=UTC)
"""The workbook's own date: the first that a zip can tell, so that the same map gives the same bytes."""
_OPTIONS = {
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": True,
}
_MOST_WORDS = 2_000
_NAME_WIDTH, _CODE_WIDTH, _NUMBER_WIDTH, _WORDS_WIDTH = 32, 10, 14, 90


def write_workbook(handover: Handover, out: Path) -> None:
    """Write the workbook; raises RecipeError for a preview, OutputConflict where `out` cannot be written."""
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import XlsxFileError

    require_full(handover.result)
    with staged(out) as path:
        try:
            with Workbook(str(path), _OPTIONS) as book:
                book.set_properties({"title": one_line(handover.title), "created": _UNDATED})
                _areas(_Sheet(book, "Areas"), handover)
                _spectra(_Sheet(book, "Spectra"), handover)
                _about(_Sheet(book, "About"), handover)
        except XlsxFileError as error:
            raise OutputConflict(f"{out.name} cannot be written: {error}") from error


class _Sheet:
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

    def row(self, cells: Sequence[tuple[object, str]]) -> None:
        """One more row of values, each with its number format; None and what is no number stay empty."""
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

    def total(self, cells: Sequence[tuple[object, str]]) -> None:
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

    def _format(self, **look: Any) -> Format:
        key = repr(sorted(look.items()))
        if key not in self._formats:
            self._formats[key] = self._book.add_format(look)
        return self._formats[key]


def _ink(colour: str) -> str:
    """Black or white, whichever is read better on a colour."""
    red, green, blue = bytes.fromhex(colour[1:])
    return "#000000" if 299 * red + 587 * green + 114 * blue > 128_000 else "#ffffff"


def _decimals(count: int) -> str:
    return "#,##0" + ("." + "0" * count if count else "")


def _areas(sheet: _Sheet, handover: Handover) -> None:
    result = handover.result
    classes = listed_facts(result, handover.legend)
    hectares = _decimals(hectare_decimals(result.scene.grid))
    columns = [("Class", 8), ("Name", _NAME_WIDTH), ("Code", _CODE_WIDTH), ("Colour", 12)]
    numbers = [("Pixels", _NUMBER_WIDTH), ("Share of the mapped ground", _NUMBER_WIDTH), ("Hectares", _NUMBER_WIDTH)]
    sheet.head([*columns, *numbers])
    for c in classes:
        counted = [(c.row.count, "#,##0"), (c.row.share, f"0.{'0' * SHARE_DECIMALS}%"), (c.row.area_ha, hectares)]
        sheet.row([(c.id, "0"), (c.name, ""), (c.code, ""), (c.colour, ""), *counted])
        sheet.swatch(3, c.colour, c.colour)
    pixels = sum(c.row.count for c in classes)
    masked = result.classmap.grid.pixel_count - pixels
    whole = 1.0 if pixels else None
    sheet.total(
        [("", ""), ("Mapped", ""), ("", ""), ("", ""), (pixels, "#,##0"), (whole, "0%"), (result.mapped_ha, hectares)]
    )
    sheet.row([("", ""), ("No data or left out", ""), ("", ""), ("", ""), (masked, "#,##0")])


def _spectra(sheet: _Sheet, handover: Handover) -> None:
    scene = handover.result.scene
    named = [(one_line(band.name), 12) for band in scene.bands]
    sheet.head([("Class", 8), ("Mean reflectance", _NAME_WIDTH), *named])
    sheet.row([("", ""), ("Wavelength, nm", ""), *((band.wavelength_nm, "0") for band in scene.bands)])
    form = f"0.{'0' * REFLECTANCE_DECIMALS}"
    for c in listed_facts(handover.result, handover.legend):
        sheet.row([(c.id, "0"), (c.name, ""), *((value, form) for value in c.row.mean_reflectance)])
        sheet.swatch(0, c.colour, c.id)


def _about(sheet: _Sheet, handover: Handover) -> None:
    result, about = handover.result, handover.about
    said = {"Place": about.place, "Date": about.date, "Author": about.author, "Notes": about.notes}
    attribution = one_line(result.scene.attribution)
    sheet.head([("What", _NAME_WIDTH), (one_line(handover.title) or "Class map", _WORDS_WIDTH)], 1)
    pairs = [
        *((name, one_line(words, _MOST_WORDS)) for name, words in said.items() if words),
        ("Scene", one_line(result.scene.title)),
        *([("Source", attribution)] if attribution else []),
        *recipe_words(result),
        *(("Note", one_line(words, _MOST_WORDS)) for words in result.warnings),
        ("Classes", "Groups of pixels that look alike; their names are the user's."),
        ("Spectra", "Means over the pixels that were learnt from."),
        ("Made with", ", ".join(f"{name} {version}" for name, version in current_versions().items())),
    ]
    for name, words in pairs:
        sheet.row([(one_line(name), ""), (words, "")])


EXPORT = Export(
    key="workbook",
    card="tables",
    label="Tables (Excel)",
    short="Excel",
    suffix="-classes.xlsx",
    mime="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    help="Areas, spectra and how the map was made, as sheets of numbers to calculate with.",
    needs_full=True,
    needs_place=False,
    write=write_workbook,
)
