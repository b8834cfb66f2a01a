"""Counting a map against known ground: pixels of each unit by class of the map and class that is known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from s2dash.classify.accuracy.sampling import class_names
from s2dash.classify.naming.legends import fitting_legends, likely_legend, meanings_of
from s2dash.core.classmap import ClassMap, Mapped
from s2dash.core.grid import Grid
from s2dash.core.known_ground import KnownColumn, KnownGround
from s2dash.core.legend import Legend
from s2dash.core.reference import NO_CODE, Reference
from s2dash.core.types import frozen
from s2dash.errors import BrokenResult
from s2dash.export.contents import STRIP_ROWS, label_strips
from s2dash.raster.door import GDAL_ERRORS, open_raster

_SQUARES = 400
"""About how many squares a raster is divided into; each counts as one."""


@dataclass(frozen=True, eq=False)
class Tallied:
    """Pixels that have a class on the map and a known one, counted; one row for each unit and pair of classes.

    A unit is what is known as one: a polygon, a point, a square of a raster.
    """

    unit: np.ndarray
    """Shape (rows,), int64."""
    mapped: np.ndarray
    """Shape (rows,), int64: place among `map_names`."""
    known: np.ndarray
    """Shape (rows,), int64: place among `known_names`."""
    pixels: np.ndarray
    """Shape (rows,), int64."""
    map_names: tuple[str, ...]
    known_names: tuple[str, ...]
    unmapped_pixels: int
    """That have a known class and none on the map."""

    def table(self, units: np.ndarray | None = None) -> np.ndarray:
        """Pixels by class of the map and known class, int64; of some units only where they are given."""
        some = np.ones(self.unit.shape, dtype=bool) if units is None else np.isin(self.unit, units)
        shape = (len(self.map_names), len(self.known_names))
        flat = self.mapped[some] * shape[1] + self.known[some]
        counts = np.bincount(flat, self.pixels[some], minlength=shape[0] * shape[1])
        return np.rint(counts).astype(np.int64).reshape(shape)


def known_raster(reference: Reference, grid: Grid, step: int) -> KnownGround:
    """A raster of classes as known ground: a column for each legend by which its codes mean something.

    Parameters
    ----------
    step : of the live pictures on this grid, under which its codes lie
    """
    codes = reference.codes[grid]
    values = np.unique(codes[codes != NO_CODE])
    numbers = np.where(codes == NO_CODE, 0, np.searchsorted(values, codes) + 1).astype(np.int32)
    first = likely_legend(reference)
    legends = (first, *(legend for legend in fitting_legends(reference) if legend != first))
    columns = tuple(_column_of(reference, legend, values) for legend in legends)
    return KnownGround(reference.name, reference.digest, "squares", grid, columns, step=step, numbers=frozen(numbers))


def _column_of(reference: Reference, legend: str, values: np.ndarray) -> KnownColumn:
    meanings = meanings_of(reference, legend)
    called = [meanings[value].name if value in meanings else "" for value in values.tolist()]
    classes = tuple(dict.fromkeys(name for name in called if name))
    place = {name: i for i, name in enumerate(classes)} | {"": -1}
    colours = {meanings[v].name: meanings[v].colour for v in values.tolist() if v in meanings and meanings[v].colour}
    return KnownColumn(legend, classes, frozen(np.array([-1, *(place[name] for name in called)], np.int32)), colours)


def tally(ground: KnownGround, column: KnownColumn, result: Mapped, legend: Legend) -> Tallied:
    """Count a map against what one column says, strip by strip: memory does not grow with the scene.

    Raises ValueError where they are not of the same grid, BrokenResult where labels or numbers cannot be read.
    """
    classmap = result.classmap
    if ground.grid != result.grid or (classmap.step != ground.step and 1 not in (classmap.step, ground.step)):
        raise ValueError(f"a map of step {classmap.step} and known ground of step {ground.step} on different grids")
    names = class_names(legend)
    map_names = tuple(dict.fromkeys(names.values()))
    place = np.full(256, -1, dtype=np.int64)
    for number, name in names.items():
        place[number] = map_names.index(name)
    found, unmapped = [], 0
    for labels, numbers, units in _strips(ground, classmap):
        known = column.class_of[numbers].astype(np.int64)
        there, mapped = known >= 0, place[labels]
        unmapped += int((there & (mapped < 0)).sum())
        some = there & (mapped >= 0)
        keys = (units[some] * 256 + mapped[some]) * len(column.classes) + known[some]
        found.append(np.unique(keys, return_counts=True))
    keys, counts = (np.concatenate([one[i] for one in found]) for i in (0, 1))
    keys, back = np.unique(keys, return_inverse=True)
    pixels = np.rint(np.bincount(back.ravel(), counts, minlength=len(keys))).astype(np.int64)
    rest, known = np.divmod(keys, max(1, len(column.classes)))
    unit, mapped = np.divmod(rest, 256)
    return Tallied(unit, mapped, known, pixels, map_names, column.classes, unmapped)


def _strips(ground: KnownGround, classmap: ClassMap) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Labels, numbers of the ground and units of the same pixels, each (rows, cols)."""
    step = max(ground.step, classmap.step)
    side = _square_side(ground)
    for first, strip in label_strips(classmap):
        labels, top = strip, first
        if classmap.step < step:
            begin = -(first - step // 2) % step
            labels, top = strip[begin::step, step // 2 :: step], (first + begin) // step
        if not labels.size:
            continue
        numbers = _numbers(ground, top, len(labels), step)
        if ground.kind == "squares":
            rows, cols = np.arange(top, top + len(labels)) // side, np.arange(labels.shape[1]) // side
            units = rows[:, None] * (labels.shape[1] // side + 1) + cols[None, :]
        else:
            units = numbers
        yield labels, numbers, units.astype(np.int64)


def _numbers(ground: KnownGround, top: int, height: int, step: int) -> np.ndarray:
    """Numbers of the ground in rows of its every `step`-th pixel, (height, cols)."""
    if ground.numbers is not None:
        return ground.numbers[top : top + height] if ground.step == step else _taken(ground.numbers, top, height, step)
    if ground.path is None:
        raise BrokenResult("The reference is no longer there. Give it again.")
    first, end = top * step, min((top + height) * step, ground.grid.height)
    try:
        with open_raster(ground.path) as dataset:
            parts = []
            for row in range(first, end, STRIP_ROWS * step):
                window = ((row, min(row + STRIP_ROWS * step, end)), (0, ground.grid.width))
                parts.append(_taken(dataset.read(1, window=window), 0, STRIP_ROWS, step))
            return np.concatenate(parts)[:height]
    except GDAL_ERRORS as error:
        raise BrokenResult("The reference can no longer be read. Give it again.") from error


def _taken(numbers: np.ndarray, top: int, height: int, step: int) -> np.ndarray:
    return numbers[step // 2 :: step, step // 2 :: step][top : top + height]


def _square_side(ground: KnownGround) -> int:
    """Pixels along a square of a raster, so that there are about `_SQUARES`."""
    size = 0 if ground.numbers is None else ground.numbers.size
    return max(1, round(math.sqrt(size / _SQUARES)))
