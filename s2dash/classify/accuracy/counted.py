"""A class map in a file as something that can be checked: its pixels counted, whatever made it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2dash.core.classmap import ClassMap, ClassRow
from s2dash.core.grid import Grid
from s2dash.core.types import Progress, no_progress
from s2dash.export.contents import label_strips


@dataclass(frozen=True, eq=False)
class CountedMap:
    """A map of classes with what was counted (`core.classmap.Mapped`)."""

    classmap: ClassMap
    rows: tuple[ClassRow, ...]

    @property
    def grid(self) -> Grid:
        return self.classmap.grid

    @property
    def mapped_ha(self) -> float | None:
        return sum(row.area_ha or 0 for row in self.rows) if self.grid.has_place else None


def counted(grid: Grid, path: Path, numbers: Sequence[int], progress: Progress = no_progress) -> CountedMap:
    """Count a one-band uint8 GeoTIFF of these class numbers strip by strip.

    Raises BrokenResult where it cannot be read, or holds a higher number.
    """
    classmap = ClassMap(grid, max(numbers, default=0), None, path)
    pixels = np.zeros(classmap.class_count + 1, dtype=np.int64)
    area_ha = np.zeros(classmap.class_count + 1)
    for row, strip in label_strips(classmap):
        here = np.bincount(strip.ravel(), minlength=classmap.class_count + 1)
        pixels += here
        area_ha += grid.class_area_ha(strip, classmap.class_count, row, counts=here)
        progress((row + len(strip)) / grid.height, "Counting pixels")
    total = max(1, int(pixels[list(numbers)].sum()))
    rows = tuple(
        ClassRow(
            id=number,
            count=int(pixels[number]),
            share=float(pixels[number] / total),
            area_ha=float(area_ha[number]) if grid.has_place else None,
            mean_reflectance=(),
        )
        for number in numbers
    )
    return CountedMap(classmap, rows)
