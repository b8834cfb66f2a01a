"""What all exports share: the Export value, facts of a result put into words, strips of labels, safe writing."""

from __future__ import annotations

import itertools
import os
import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from s2dash.core.about import MOST_NOTES_CHARACTERS, About
from s2dash.core.classmap import ClassMap, ClassRow, Result
from s2dash.core.edits import ClassEdits
from s2dash.core.legend import Legend, clean_name
from s2dash.core.types import windows
from s2dash.errors import BrokenResult, OutputConflict, RecipeError
from s2dash.export.handover import Handover
from s2dash.raster.door import GDAL_ERRORS, open_raster

STRIP_ROWS = 512
"""Rows of labels held in memory at once; one row of tiles of the GeoTIFFs written here."""

MOST_TITLE_CHARACTERS = 120
NODATA_NAME = "No data"
UNDATED = "1980-01-01T00:00:00.000Z"
"""In the place of a file's own time, the first that a zip can tell: so the same map gives the same bytes."""


Card = Literal["picture", "report", "tables", "gis", "outlines", "recipe", "all"]
"""Of the window `Hand over`, what belongs together; `all` is its foot."""


@dataclass(frozen=True)
class Export:
    """A kind of file that a result can be saved as."""

    key: str
    card: Card
    """Beside which others it is offered."""
    label: str
    """What its button is called, such as `Download GeoTIFF`."""
    short: str
    """The part of the label that its button shows, such as `GeoTIFF`."""
    suffix: str
    """The end of the file's name, such as `-classes.tif`."""
    mime: str
    help: str
    """One plain sentence: what is in it and what it is good for."""
    needs_full: bool
    """Whether it takes a full result only, not a preview of every n-th pixel."""
    needs_place: bool
    """Whether it is of no use without a place on the Earth."""
    write: Callable[[Handover, Path], None]
    """Write the file; what stood under that name stays untouched on failure.

    Raises RecipeError for a preview where a full result is needed, OutputConflict where the file
    cannot be written, and BrokenResult where the result contradicts itself.
    """
    is_of: Callable[[Handover], bool] = lambda handover: True
    """Whether there is any such file of a map."""

    def file_name(self, handover: Handover) -> str:
        """A name to save under, of plain letters, digits, dots, dashes and underscores."""
        return file_stem(handover.title) + self.suffix


@dataclass(frozen=True)
class ClassFacts:
    """One class: how it is shown and what was counted."""

    id: int
    name: str
    """One clean line, never empty."""
    colour: str
    """`#rrggbb`"""
    row: ClassRow
    code: str = ""
    """Of its name in a scheme; one clean line."""

    @property
    def rgb(self) -> tuple[int, int, int]:
        red, green, blue = bytes.fromhex(self.colour[1:])
        return red, green, blue


def class_facts(result: Result, legend: Legend) -> tuple[ClassFacts, ...]:
    """The classes of a result in the order of their numbers, of which some may be missing after edits.

    Raises RecipeError where the legend lacks a class, BrokenResult where the counts do.
    """
    entries = {entry.id: entry for entry in legend.entries}
    rows = {row.id: row for row in result.rows}
    ids = sorted(rows)
    unnamed = [i for i in ids if i not in entries]
    if unnamed:
        raise RecipeError(
            f"The map has {len(ids)} classes but the legend names {len(entries)}: class {unnamed[0]} is missing. "
            "Use the legend that belongs to this result."
        )
    uncounted = [i for i in entries if i not in rows]
    if uncounted:
        raise BrokenResult(f"The legend names class {uncounted[0]}, but it was not counted. Run it again.")
    return tuple(
        ClassFacts(i, clean_name(e.name) or f"Class {i}", e.colour, rows[i], clean_name(e.code))
        for i, e in ((i, entries[i]) for i in ids)
    )


def listed_facts(result: Result, legend: Legend) -> tuple[ClassFacts, ...]:
    """The same as the legend lists them, for people to read."""
    return legend.arranged(class_facts(result, legend))


def edits_with_looks(result: Result, legend: Legend) -> ClassEdits | None:
    """The steps that made these classes of those that were found, with names, colours, codes and order.

    None without steps and order: the rest is in other files.
    """
    has_any = result.edits.steps or legend.order
    return with_looks(ClassEdits(steps=result.edits.steps), legend) if has_any else None


def with_looks(edits: ClassEdits, legend: Legend) -> ClassEdits:
    """Edits with names, colours, codes and order of all classes of a legend."""
    entries = legend.entries
    return edits.ordered(legend.order).named(
        {entry.id: clean_name(entry.name) or f"Class {entry.id}" for entry in entries},
        {entry.id: entry.colour for entry in entries},
        {entry.id: clean_name(entry.code) for entry in entries if entry.code},
    )


def category_names(names: Mapping[int, str]) -> list[str]:
    """Names by class number as GDAL wants them, by place: 0 is `No data`, and a number without a class has none."""
    return [NODATA_NAME, *(names.get(number, "") for number in range(1, max(names, default=0) + 1))]


def require_full(result: Result) -> None:
    """Raise RecipeError for a preview, which has only every n-th pixel."""
    if not result.is_full:
        raise RecipeError(
            f"This is a preview of every {ordinal(result.classmap.step)} pixel. "
            "Classify the full scene first, then save it."
        )


def ordinal(number: int) -> str:
    """`2nd`, `11th`, `23rd`."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def one_line(text: str, most_characters: int = MOST_TITLE_CHARACTERS) -> str:
    """Text from outside as one line without control or direction characters, cut at the end."""
    visible = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(visible.split())[:most_characters].strip()


def about_facts(about: About) -> dict[str, str]:
    """What the user said, each as one clean line by its name; nothing that was left empty."""
    said = {
        "title": one_line(about.title),
        "place": one_line(about.place),
        "date": one_line(about.date),
        "author": one_line(about.author),
        "notes": one_line(about.notes, MOST_NOTES_CHARACTERS),
    }
    return {name: words for name, words in said.items() if words}


def file_stem(title: str) -> str:
    """A title as the start of a file name: ASCII letters, digits, dots, dashes, underscores."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9_.]+", "-", plain)[:80].strip("-._")
    return stem or "scene"


def label_strips(classmap: ClassMap) -> Iterator[tuple[int, np.ndarray]]:
    """The labels from top to bottom: (first row, labels of shape (up to STRIP_ROWS, cols), uint8).

    Memory stays at one strip where the labels are in a file. Raises BrokenResult where they cannot
    be read, have another shape than their grid, or hold a class that does not exist.
    """
    for row, strip in _strips(classmap):
        highest = int(strip.max(initial=0))
        if highest > classmap.class_count:
            raise BrokenResult(f"The labels hold class {highest}, but there are {classmap.class_count}. Run it again.")
        yield row, strip


def _strips(classmap: ClassMap) -> Iterator[tuple[int, np.ndarray]]:
    if classmap.labels is not None:
        _check_shape(classmap.labels.shape, classmap)
        for window in windows(classmap.grid.shape_rc, (STRIP_ROWS, classmap.grid.width)):
            yield window.row, classmap.labels[window.slices_rc]
    elif classmap.path is not None:
        yield from file_strips(classmap.path, classmap)
    else:
        raise BrokenResult("This result has no labels. Run it again.")


def file_strips(
    path: Path, classmap: ClassMap, first: int = 0, end: int | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """The first band of a GeoTIFF of labels on the grid of `classmap`, in the strips of `label_strips`.

    Only those from number `first` up to, but not with, number `end` are read.

    Raises BrokenResult where it cannot be read or has another shape.
    """
    try:
        with open_raster(path) as dataset:
            _check_shape(dataset.shape, classmap)
            strips = windows(classmap.grid.shape_rc, (STRIP_ROWS, classmap.grid.width))
            for window in itertools.islice(strips, first, end):
                yield window.row, dataset.read(1, window=window.ranges_rc)
    except GDAL_ERRORS as error:
        raise BrokenResult("The labels of this result can no longer be read. Run it again.") from error


def _check_shape(shape_rc: tuple[int, ...], classmap: ClassMap) -> None:
    if tuple(shape_rc) != tuple(classmap.grid.shape_rc):
        raise BrokenResult(f"The labels are {shape_rc}, but their grid is {classmap.grid.shape_rc} (rows, columns).")


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A path in a temporary folder beside `out` that takes the place of `out` when the block ends well.

    Where the block raises, nothing is left and an existing `out` stays. Raises OutputConflict where
    the folder or the file cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".s2dash-", dir=out.parent) as folder:
            path = Path(folder) / out.name
            yield path
            os.replace(path, out)
    except (OSError, *GDAL_ERRORS) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputConflict(
            f"{out.name} cannot be written: {reason}. Check that the folder exists, may be written and has space left."
        ) from error
