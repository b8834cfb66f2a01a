"""The Change value: how much ground went from which class to which between two dates, counted strip by strip."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import reduce

import numpy as np
import rasterio
from rasterio.vrt import WarpedVRT

from s2dash.batch.change.dated_map import DatedMap, require_same_classes
from s2dash.batch.change.on_grid import placed_on
from s2dash.classify.compare import Amount, Comparison, Contingency, contingency, together
from s2dash.core.legend import LegendEntry
from s2dash.core.types import CancelToken, Progress, no_progress, windows
from s2dash.errors import BrokenResult, RecipeError
from s2dash.export.contents import STRIP_ROWS
from s2dash.raster.door import GDAL_ERRORS, open_raster


@dataclass(frozen=True, eq=False)
class Change:
    """Two dates of the same ground, that of the first, in its pixels."""

    before: DatedMap
    after: DatedMap
    found: Comparison
    """Table of pairs of classes; a class is itself on both dates."""
    is_resampled: bool
    """Whether the later map lies on other pixels, of which each of the first takes the nearest."""

    @property
    def entries(self) -> tuple[LegendEntry, ...]:
        """The classes, the same on both dates."""
        return self.before.legend.entries

    @property
    def stayed(self) -> Amount:
        """What has the same class on both dates."""
        table = self.found.table
        area = None if table.area_ha is None else float(np.trace(table.area_ha[1:, 1:]))
        return Amount(int(np.trace(table.counts[1:, 1:])), area)

    @property
    def neither(self) -> Amount:
        """What has no class on either date."""
        table = self.found.table
        return Amount(int(table.counts[0, 0]), None if table.area_ha is None else float(table.area_ha[0, 0]))

    def totals(self) -> tuple[dict[int, Amount], dict[int, Amount]]:
        """Each class on the first date and on the later, of the pixels that have a class on both."""
        numbers = [entry.id for entry in self.entries]
        return tuple(  # type: ignore[return-value]
            {n: together(self.amount(*((n, m) if is_before else (m, n))) for m in numbers) for n in numbers}
            for is_before in (True, False)
        )

    def amount(self, before: int, after: int) -> Amount:
        """What went from one class to the other; 0 is no data."""
        table = self.found.table
        area = None if table.area_ha is None else float(table.area_ha[before, after])
        return Amount(int(table.counts[before, after]), area)


def find_change(
    before: DatedMap, after: DatedMap, progress: Progress = no_progress, cancel: CancelToken | None = None
) -> Change:
    """Count every pair of classes on the first map's pixels; memory holds one strip.

    Where the maps lie on other lattices, each pixel of the first takes the nearest of the later one. What is no data
    on either date is counted apart, and is no change.

    Raises RecipeError where the classes are not the same or the maps share no ground, BrokenResult where one can no
    longer be read, Cancelled.
    """
    require_same_classes(before, after)
    require_same_place(before, after)
    count = max(entry.id for entry in before.legend.entries)
    cancel = cancel or CancelToken()
    tables = _tables(before, after, count, progress, cancel)
    table = reduce(operator.add, tables)
    if not table.counts[:, 1:].any():
        raise RecipeError(
            f"{before.name} and {after.name} share no ground with classes. Choose two dates of the same place."
        )
    same = {entry.id: entry.id for entry in before.legend.entries}
    return Change(before, after, Comparison(table, same), before.grid.lattice_shift(after.grid) is None)


def require_same_place(before: DatedMap, after: DatedMap) -> None:
    """Raise RecipeError where nothing says which pixels of two maps show the same ground."""
    if before.grid.has_place and after.grid.has_place:
        return
    if before.grid.has_place == after.grid.has_place and before.grid.shape_rc == after.grid.shape_rc:
        return
    raise RecipeError(
        "A map without a place can only be compared with one of as many rows and columns that has none either. "
        "Bring files with coordinates."
    )


def paired_strips(before: DatedMap, after: DatedMap) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """The labels of both dates on the first map's pixels from top to bottom: first row, and two arrays (rows, cols).

    Raises BrokenResult where a file can no longer be read.
    """
    try:
        with ExitStack() as stack:
            one = stack.enter_context(open_raster(before.path))
            other = _on_grid_of(before, after, stack)
            for window in windows(before.grid.shape_rc, (STRIP_ROWS, before.grid.width)):
                where = window.ranges_rc
                yield window.row, one.read(1, window=where), other.read(1, window=where)
    except GDAL_ERRORS as error:
        raise BrokenResult("A map of these dates can no longer be read. Classify the scenes again.") from error


def _on_grid_of(before: DatedMap, after: DatedMap, stack: ExitStack) -> rasterio.DatasetReader | WarpedVRT:
    dataset = stack.enter_context(open_raster(after.path))
    grid = before.grid
    if after.grid.shape_rc == grid.shape_rc and (not grid.has_place or grid.lattice_shift(after.grid) == (0, 0)):
        return dataset
    return stack.enter_context(placed_on(dataset, grid))


def _tables(
    before: DatedMap, after: DatedMap, count: int, progress: Progress, cancel: CancelToken
) -> Iterator[Contingency]:
    for row, one, other in paired_strips(before, after):
        cancel.check()
        if max(int(one.max(initial=0)), int(other.max(initial=0))) > count:
            raise BrokenResult("A map holds a class that its legend does not have. Classify the scenes again.")
        yield contingency(one, other, count, count, before.grid, row)
        progress((row + len(one)) / before.grid.height, "Comparing the dates")
