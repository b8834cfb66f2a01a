"""Transitions between two dates as an Excel file: a matrix of hectares, one of pixels, and the list of pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from s2dash.batch.change.transitions import Change
from s2dash.classify.compare import Amount, together
from s2dash.export.contents import NODATA_NAME, one_line
from s2dash.export.digits import SHARE_DECIMALS, hectare_decimals
from s2dash.export.excel import NAME_WIDTH, NUMBER_WIDTH, WORDS_WIDTH, Cell, ExcelSheet, decimals, new_book

if TYPE_CHECKING:
    from xlsxwriter.workbook import Workbook

_COUNT, _SHARE = "#,##0", f"0.{'0' * SHARE_DECIMALS}%"


def write_excel(change: Change, out: Path) -> None:
    """Write it; hectares only where the maps have a place. Raises OutputConflict where it cannot be written."""
    with new_book(out, one_line(f"{change.before.name} to {change.after.name}")) as book:
        _matrices(book, change, "")
        _pairs(ExcelSheet(book, "Pairs"), change)
        _about(ExcelSheet(book, "About"), change)


def add_transitions(book: Workbook, change: Change) -> None:
    """Add the same sheets to a workbook of more than that."""
    _matrices(book, change, "Transitions, ")
    _pairs(ExcelSheet(book, "Changes"), change)
    _about(ExcelSheet(book, "Two dates"), change)


def _names(change: Change) -> dict[int, str]:
    return {entry.id: one_line(entry.name) for entry in change.entries} | {0: NODATA_NAME}


def _matrices(book: Workbook, change: Change, lead: str) -> None:
    for name in ("Hectares", "Pixels"):
        if name == "Pixels" or change.before.grid.has_place:
            sheet = ExcelSheet(book, f"{lead}{name.lower()}" if lead else name)
            _matrix(sheet, name, change)


def _matrix(sheet: ExcelSheet, name: str, change: Change) -> None:
    """Rows are classes of the first date, columns of the later; the last of either sums up."""
    names = _names(change)
    corner = one_line(f"{name}: {change.before.name} down, {change.after.name} across")
    sheet.head([(corner, NAME_WIDTH), *((words, NUMBER_WIDTH) for words in names.values()), ("Total", NUMBER_WIDTH)], 1)

    def cell(amount: Amount) -> Cell:
        return _hectares(change, amount) if name == "Hectares" else (amount.count, _COUNT)

    for first, words in names.items():
        amounts = [change.amount(first, second) for second in names]
        sheet.row([(words, ""), *map(cell, amounts), cell(together(amounts))])
    sums = [together(change.amount(first, second) for first in names) for second in names]
    sheet.total([("Total", ""), *map(cell, sums), cell(together(sums))])


def _pairs(sheet: ExcelSheet, change: Change) -> None:
    """Every pair that occurs; shares are of the pixels that have a class on both dates."""
    names = _names(change)
    heads = ("Pixels", "Hectares", "Share of the ground on both dates")
    named = [(one_line(dated.name), NAME_WIDTH) for dated in (change.before, change.after)]
    sheet.head([*named, *((words, NUMBER_WIDTH) for words in heads)])
    compared = max(1, change.found.compared_count)
    for first in names:
        for second in names:
            amount = change.amount(first, second)
            if amount.count:
                share = amount.count / compared if first and second else None
                counted = [(amount.count, _COUNT), _hectares(change, amount), (share, _SHARE)]
                sheet.row([(names[first], ""), (names[second], ""), *counted])


def _about(sheet: ExcelSheet, change: Change) -> None:
    sheet.head([("What", NAME_WIDTH), ("Changes between two dates", WORDS_WIDTH)], 1)
    for words, dated in (("First date", change.before), ("Later date", change.after)):
        sheet.row([(words, ""), (one_line(dated.name), "")])
        sheet.row([("Scene", ""), (one_line(dated.title), "")])
        sheet.row([("Source", ""), (one_line(dated.attribution), "")])
    sheet.row([(NODATA_NAME, ""), ("Missing or left out on that date; it is no change.", "")])


def _hectares(change: Change, amount: Amount) -> Cell:
    return amount.area_ha, decimals(hectare_decimals(change.before.grid))
