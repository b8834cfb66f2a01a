"""Sheets of the workbook that say how far the map can be trusted: accuracies with intervals, confusion matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from s2dash.core.accuracy import Accuracy, ClassAccuracy, Estimate
from s2dash.core.accuracy_words import overall_words
from s2dash.export.contents import one_line
from s2dash.export.excel import NAME_WIDTH, NUMBER_WIDTH, Cell, ExcelSheet

if TYPE_CHECKING:
    from xlsxwriter.workbook import Workbook

_PERCENT, _HECTARES, _COUNT = "0.0%", "#,##0.0", "#,##0"
_ENDS = ("", ", low", ", high")
_MOST_WORDS = 2_000


def add_accuracy(book: Workbook, accuracy: Accuracy) -> None:
    """Both sheets, of shares as percent; the words alone where answers are too few to say anything."""
    _accuracies(ExcelSheet(book, "Accuracy"), accuracy)
    _confusion(ExcelSheet(book, "Confusion"), accuracy)


def _accuracies(sheet: ExcelSheet, accuracy: Accuracy) -> None:
    estimated = ("Overall accuracy", "User's accuracy", "Producer's accuracy", "Estimated hectares")
    numbers = [(words + end, NUMBER_WIDTH) for words in estimated for end in _ENDS]
    mapped = [("Mapped share", NUMBER_WIDTH), ("Mapped hectares", NUMBER_WIDTH)]
    sheet.head([("Class", NAME_WIDTH), *mapped, *numbers], 1)
    if not accuracy.is_too_few:
        for one in accuracy.classes:
            sheet.row(_class_cells(one))
        sheet.total([("All classes", ""), (None, ""), (None, ""), *_cells(accuracy.overall, _PERCENT)])
    said = (overall_words(accuracy), "Low and high: 95 % interval.", accuracy.design, *accuracy.notes)
    for words in said:
        sheet.words(one_line(words, _MOST_WORDS))


def _class_cells(one: ClassAccuracy) -> list[Cell]:
    return [
        (one_line(one.name), ""),
        (one.mapped_share, _PERCENT),
        (one.mapped_ha, _HECTARES),
        *_cells(None, ""),
        *_cells(one.users, _PERCENT),
        *_cells(one.producers, _PERCENT),
        *_cells(one.area_ha, _HECTARES),
    ]


def _cells(estimate: Estimate | None, form: str) -> list[Cell]:
    if estimate is None:
        return [(None, "")] * 3
    return [(value, form) for value in (estimate.value, estimate.low, estimate.high)]


def _confusion(sheet: ExcelSheet, accuracy: Accuracy) -> None:
    """Rows as mapped, columns as they are; the last of either sums up."""
    columns = [(one_line(name), NUMBER_WIDTH) for name in accuracy.reference_names]
    sheet.head([("Mapped as", NAME_WIDTH), *columns, ("Total", NUMBER_WIDTH)], 1)
    for name, row in zip(accuracy.map_names, accuracy.matrix, strict=True):
        sheet.row([(one_line(name), ""), *((count, _COUNT) for count in (*row, sum(row)))])
    sums = [sum(column) for column in zip(*accuracy.matrix, strict=True)]
    sheet.total([("Total", ""), *((count, _COUNT) for count in (*sums, sum(sums)))])
