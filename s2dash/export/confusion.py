"""A confusion matrix as a picture and as tables, with the accuracy of each class beside it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass

from s2dash import __version__
from s2dash.core.accuracy import Accuracy, ClassAccuracy, Estimate
from s2dash.export.contents import one_line
from s2dash.export.sheet import DPI, GREY, INK, LINE, MARGIN, Sheet, SheetLayout, drawable, fonts
from s2dash.export.table import text_cell

MOST_DRAWN = 30
"""Classes in a row or column of the picture; of more the largest are drawn, and that is said."""
_RIGHT, _WRONG = "#0f6b5c", "#d42670"
_PLAIN_RIGHT, _PLAIN_WRONG = (226, 239, 236), (252, 233, 240)
_HEADER, _ACCURACY, _FOOTER = 1.3, 1.5, 0.95
_LEAST_ROW_NAMES, _MOST_ROW_NAMES, _LEAST_COLUMN_NAMES = 1.7, 2.9, 0.9
_TURN, _MOST_TURNED = 38, 1.75
"""Degrees by which names of columns are turned, and inches that they may take along that."""
_CELL, _SMALL_CELL, _MANY = (0.92, 0.5), (0.62, 0.38), 12
_UNLISTED = "#d3dbd8"


def confusion_picture(accuracy: Accuracy, colours: Mapping[str, str] | None = None) -> bytes:
    """A PNG of the matrix: rows as mapped, columns as answered, user's and producer's accuracy with 95 % intervals.

    Parameters
    ----------
    colours : `#rrggbb` by name of a class, for the marks beside names
    """
    drawing = _Drawing.of(accuracy, dict(colours or {}))
    drawing.draw()
    buffer = io.BytesIO()
    about = {"Title": "Confusion matrix", "Software": f"s2dash {__version__}"}
    drawing.sheet.figure.savefig(buffer, format="png", dpi=2 * DPI, facecolor="white", metadata=about)
    return buffer.getvalue()


@dataclass(frozen=True)
class _Drawing:
    accuracy: Accuracy
    colours: Mapping[str, str]
    sheet: Sheet
    rows: tuple[int, ...]
    """Of the matrix, that are drawn."""
    columns: tuple[int, ...]
    cell: tuple[float, float]
    """Width and height, inches."""
    row_names: float
    """Width that names of rows take, inches."""
    column_names: float
    """Height that names of columns take, inches."""

    @staticmethod
    def of(accuracy: Accuracy, colours: Mapping[str, str]) -> _Drawing:
        """With a sheet of the size that its classes need."""
        kept = _largest(accuracy)
        rows = tuple(i for i, name in enumerate(accuracy.map_names) if name in kept)
        columns = tuple(i for i, name in enumerate(accuracy.reference_names) if name in kept)
        cell = _CELL if max(len(rows), len(columns)) <= _MANY else _SMALL_CELL
        measure = Sheet(SheetLayout(1, 1, 0, 0, 0, 0, 1, 0, 0))
        widths = [measure.width_of(drawable(one_line(accuracy.map_names[i])), _size(cell)) for i in rows]
        row_names = min(_MOST_ROW_NAMES, max(_LEAST_ROW_NAMES, 0.5 + max(widths, default=0)))
        widths = [measure.width_of(drawable(one_line(accuracy.reference_names[i])), _size(cell)) for i in columns]
        longest = min(_MOST_TURNED, max(widths, default=0))
        column_names = max(_LEAST_COLUMN_NAMES, 0.8 + longest * math.sin(math.radians(_TURN)))
        width = max(7.0, 2 * MARGIN + row_names + len(columns) * cell[0] + _ACCURACY)
        height = _HEADER + column_names + len(rows) * cell[1] + 0.75 + _FOOTER
        sheet = Sheet(SheetLayout(width, height, 0, 0, 0, 0, 1, 0, 0))
        return _Drawing(accuracy, colours, sheet, rows, columns, cell, row_names, column_names)

    def draw(self) -> None:
        """All of it."""
        most = self.sheet.layout.width - 2 * MARGIN
        self.sheet.text(MARGIN, 0.5, "Confusion matrix", 19, bold=True, most_width=most)
        self.sheet.text(MARGIN, 0.9, self._subtitle(), 12, colour=GREY, most_width=most)
        self._names()
        self._lines()
        for i, row in enumerate(self.rows):
            for j, column in enumerate(self.columns):
                # An artist for each empty cell of a large matrix would take ten times the time.
                if self.accuracy.matrix[row][column]:
                    self._cell(i, j, row, column)
        self._accuracies()
        self._footer()

    @property
    def _left(self) -> float:
        return MARGIN + self.row_names

    @property
    def _top(self) -> float:
        return _HEADER + self.column_names

    @property
    def _bottom(self) -> float:
        return self._top + len(self.rows) * self.cell[1]

    @property
    def _right(self) -> float:
        return self._left + len(self.columns) * self.cell[0]

    def _subtitle(self) -> str:
        parts = [f"{self.accuracy.answers:,} {self.accuracy.unit}"]
        if self.accuracy.overall is not None:
            parts.insert(
                0, f"Overall {_percent(self.accuracy.overall)}, 95 % interval {_interval(self.accuracy.overall)}"
            )
        if self.accuracy.is_too_few:
            parts.append("too few to say")
        return " · ".join(parts)

    def _names(self) -> None:
        width, height = self.cell
        size = _size(self.cell)
        self.sheet.text(MARGIN, self._top - 0.2, "Mapped as", 10.5, colour=GREY)
        for i, row in enumerate(self.rows):
            y, name = self._top + (i + 0.5) * height, self.accuracy.map_names[row]
            self._mark(MARGIN, y, name)
            self.sheet.name(MARGIN + 0.3, y, one_line(name), size, self.row_names - 0.45)
        self.sheet.text(self._left, _HEADER + 0.1, self._seen, 10.5, colour=GREY)
        for j, column in enumerate(self.columns):
            x, name = self._left + (j + 0.5) * width, self.accuracy.reference_names[column]
            self._mark(x - 0.09, self._top - 0.16, name)
            self._turned(x, self._top - 0.34, one_line(name), size)

    @property
    def _seen(self) -> str:
        return "Seen there" if self.accuracy.how == "own places" else "In the reference"

    def _mark(self, x: float, y: float, name: str) -> None:
        look = {"facecolor": self.colours.get(name, _UNLISTED), "edgecolor": INK, "linewidth": 0.5}
        self.sheet.box(x, y - 0.09, 0.18, 0.18, **look)

    def _turned(self, x: float, y: float, text: str, size: float) -> None:
        while len(text) > 1 and self.sheet.width_of(drawable(text), size) > _MOST_TURNED:
            text = text[:-2].rstrip() + "…"
        self.sheet.paper.text(
            *(x - 0.04, y, drawable(text)),
            fontsize=size,
            color=INK,
            rotation=_TURN,
            rotation_mode="anchor",
            ha="left",
            va="baseline",
            parse_math=False,
            family=list(fonts()),
        )

    def _lines(self) -> None:
        """What empty cells are told by."""
        width, height = self.cell
        for i in range(len(self.rows) + 1):
            y = self._top + i * height
            self.sheet.paper.plot([self._left, self._right], [y, y], color=LINE, linewidth=0.6)
        for j in range(len(self.columns) + 1):
            x = self._left + j * width
            self.sheet.paper.plot([x, x], [self._top, self._bottom], color=LINE, linewidth=0.6)

    def _cell(self, i: int, j: int, row: int, column: int) -> None:
        width, height = self.cell
        count, total = self.accuracy.matrix[row][column], sum(self.accuracy.matrix[row])
        is_right = self.accuracy.map_names[row] == self.accuracy.reference_names[column]
        x, y = self._left + j * width, self._top + i * height
        edge = {"edgecolor": _RIGHT if is_right else _WRONG, "linewidth": 1.1 if is_right else 0.4}
        fill = _tint(is_right, count / total)
        self.sheet.box(x + 0.02, y + 0.02, width - 0.04, height - 0.04, facecolor=fill, **edge)
        strong = count / total > 0.55
        words = f"{count:,}"
        size = 11.5 if self.cell is _CELL else 9
        ink = "#ffffff" if strong else INK
        # A count that is too long for its cell is put smaller, never cut.
        while size > 5 and self.sheet.width_of(words, size) > width - 0.12:
            size -= 0.5
        self.sheet.text(x + width / 2, y + height / 2, words, size, colour=ink, align="center", bold=is_right)

    def _accuracies(self) -> None:
        known = {one.name: one for one in self.accuracy.classes}
        width, height = self.cell
        self.sheet.text(self._right + 0.2, self._top - 0.2, "User's accuracy", 10.5, colour=GREY)
        for i, row in enumerate(self.rows):
            y = self._top + (i + 0.5) * height
            self._accuracy(self._right + 0.2, y, known.get(self.accuracy.map_names[row]), "users", "left")
        y = self._bottom + 0.34
        self.sheet.text(self._left - 0.15, y, "Producer's accuracy", 10.5, colour=GREY, align="right")
        for j, column in enumerate(self.columns):
            x = self._left + (j + 0.5) * width
            self._accuracy(x, y, known.get(self.accuracy.reference_names[column]), "producers", "center")

    def _accuracy(self, x: float, y: float, one: ClassAccuracy | None, which: str, align: str) -> None:
        estimate: Estimate | None = getattr(one, which, None)
        if estimate is None:
            self.sheet.text(x, y, "–", 10.5, colour=GREY, align=align)
            return
        shift = 0.1 if self.cell is _CELL or which == "producers" else 0.08
        small = 8.5 if self.cell is _CELL else 7.5
        self.sheet.text(x, y - shift, _percent(estimate), 11 if self.cell is _CELL else 9.5, align=align, bold=True)
        self.sheet.text(x, y + shift, _interval(estimate), small, colour=GREY, align=align)

    def _footer(self) -> None:
        drawn = len(self.rows) < len(self.accuracy.map_names) or len(self.columns) < len(self.accuracy.reference_names)
        words = ["Counts are places; percentages are estimates for the ground, with 95 % intervals."]
        if self.accuracy.how == "reference":
            unit = self.accuracy.unit
            words = [f"Counts are pixels of the {unit} that score. They are no random sample; each counts as one."]
        if drawn:
            words.append(f"The {MOST_DRAWN} largest classes are shown.")
        for i, line in enumerate(words):
            self.sheet.text(MARGIN, self._bottom + 0.95 + 0.24 * i, line, 9.5, colour=GREY, most_width=self._most)

    @property
    def _most(self) -> float:
        return self.sheet.layout.width - 2 * MARGIN


def _size(cell: tuple[float, float]) -> float:
    """Of names, points."""
    return 11.5 if cell is _CELL else 9.5


def _largest(accuracy: Accuracy) -> frozenset[str]:
    """Names of the classes that are drawn: those with most answers, mapped or seen."""
    totals = dict.fromkeys((*accuracy.map_names, *accuracy.reference_names), 0)
    for name, row in zip(accuracy.map_names, accuracy.matrix, strict=True):
        totals[name] += sum(row)
    for name, column in zip(accuracy.reference_names, zip(*accuracy.matrix, strict=True), strict=False):
        totals[name] += sum(column)
    return frozenset(sorted(totals, key=lambda name: -totals[name])[:MOST_DRAWN])


def _tint(is_right: bool, share: float) -> str:
    """From a pale colour to a strong one, by the share of the row."""
    strong = bytes.fromhex((_RIGHT if is_right else _WRONG)[1:])
    plain = _PLAIN_RIGHT if is_right else _PLAIN_WRONG
    return "#" + "".join(f"{round(p + (s - p) * share):02x}" for p, s in zip(plain, strong, strict=True))


def _percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.0f} %"


def _interval(estimate: Estimate) -> str:
    return f"{100 * estimate.low:.0f}–{100 * estimate.high:.0f} %"


def confusion_csv_text(accuracy: Accuracy) -> str:
    """The matrix as a table: a row for each class of the map, a column for each that was seen; lines end by CR LF."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["mapped_as", *map(text_cell, accuracy.reference_names), "total"])
    for name, row in zip(accuracy.map_names, accuracy.matrix, strict=True):
        writer.writerow([text_cell(name), *row, sum(row)])
    return out.getvalue()


_ESTIMATES = (("users_percent", "users", 100), ("producers_percent", "producers", 100), ("area_ha", "area_ha", 1))


def accuracy_csv_text(accuracy: Accuracy) -> str:
    """A row for each class and one for all: each estimate with the ends of its interval; empty where there is none."""
    out = io.StringIO()
    writer = csv.writer(out)
    heads = [f"{head}{end}" for head, _, _ in _ESTIMATES for end in ("", "_low", "_high")]
    writer.writerow(
        ["name", "mapped_share_percent", "mapped_ha", "overall_percent", "overall_low", "overall_high", *heads]
    )
    whole = _cells(accuracy.overall, 100)
    writer.writerow(["All classes", "", "", *whole, *[""] * len(heads)])
    for one in accuracy.classes:
        cells = [cell for _, field, factor in _ESTIMATES for cell in _cells(getattr(one, field), factor)]
        mapped = "" if one.mapped_ha is None else f"{one.mapped_ha:.2f}"
        writer.writerow([text_cell(one.name), f"{100 * one.mapped_share:.2f}", mapped, "", "", "", *cells])
    return out.getvalue()


def _cells(estimate: Estimate | None, factor: float) -> list[str]:
    if estimate is None:
        return [""] * 3
    return [f"{factor * value:.2f}" for value in (estimate.value, estimate.low, estimate.high)]
