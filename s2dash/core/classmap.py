"""ClassMap and Result: labels on a grid, the model that made them, and the table of classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from s2dash.core.edits import NO_EDITS, ClassEdits
from s2dash.core.grid import Grid
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Scene


@dataclass(frozen=True, eq=False)
class ClassMap:
    """uint8 labels on a grid: 0 is nodata, classes count from 1, ordered from dark to bright."""

    grid: Grid
    class_count: int
    """The highest class number; after edits some below it may be missing."""
    labels: np.ndarray | None
    """Shape (rows, cols), uint8, read-only; None where they are in a file."""
    path: Path | None = None
    """A one-band uint8 GeoTIFF of the labels, for maps too large to hold in memory."""
    step: int = 1
    """1 where this is the scene's own grid; n where it shows every n-th pixel."""


@dataclass(frozen=True)
class ClassRow:
    """What is known of one class."""

    id: int
    count: int
    """Pixels of the class map's grid."""
    share: float
    """Of the pixels that are not masked, 0 to 1."""
    area_ha: float | None
    """True ground area; None without a place."""
    mean_reflectance: tuple[float, ...]
    """Mean over the fit sample of every band of the scene, reflectance."""


class Mapped(Protocol):
    """What can be checked: a map of classes that were counted, whatever made it."""

    @property
    def classmap(self) -> ClassMap: ...

    @property
    def rows(self) -> tuple[ClassRow, ...]: ...

    @property
    def grid(self) -> Grid:
        """The class map's own where that has step 1, else that of which it shows every n-th pixel."""

    @property
    def mapped_ha(self) -> float | None:
        """Ground area of all classes together; None without a place."""


@dataclass(frozen=True, eq=False)
class Result:
    """What one run of a recipe on a scene gave."""

    scene: Scene
    recipe: Recipe
    classmap: ClassMap
    rows: tuple[ClassRow, ...]
    """One for each class, in the order of their numbers; what was merged or left out has none."""
    engine: str
    """What assigned the pixels: `numpy` or `scikit-learn`."""
    digest: str
    """Of scene, recipe and grid: equal digests mean equal labels."""
    warnings: tuple[str, ...] = ()
    edits: ClassEdits = NO_EDITS
    """Whose steps its labels went through."""

    @property
    def grid(self) -> Grid:
        """The scene's own as it was mapped, of step 1."""
        return self.scene.grid

    @property
    def is_full(self) -> bool:
        """Whether every pixel of the scene has its label here."""
        return self.classmap.step == 1

    @property
    def masked_share(self) -> float:
        """Share of the grid's pixels that are masked, 0 to 1."""
        return 1 - sum(row.count for row in self.rows) / self.classmap.grid.pixel_count

    @property
    def mapped_ha(self) -> float | None:
        """Ground area of all classes together; None without a place."""
        areas = [row.area_ha for row in self.rows]
        return None if any(area is None for area in areas) else float(sum(a for a in areas if a is not None))
