"""The KnownGround value: polygons, points or pixels whose class somebody knows, on the grid of a scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from s2dash.core.grid import Grid

Kind = Literal["polygons", "points", "squares"]
"""What is known as one: of a raster, squares of pixels."""


@dataclass(frozen=True, eq=False)
class KnownColumn:
    """One column of a file that may hold the class."""

    name: str
    classes: tuple[str, ...]
    """Those that occur, clean."""
    class_of: np.ndarray
    """Shape (numbers + 1,), int32: for each number of the ground its place among `classes`, -1 where it has none."""
    colours: Mapping[str, str] = field(default_factory=dict)
    """`#rrggbb` by class, where the file has any."""


@dataclass(frozen=True, eq=False)
class KnownGround:
    """What a file says of the ground: a number at each pixel, and what numbers mean by each column."""

    name: str
    """Of its file: text from outside."""
    digest: str
    kind: Kind
    grid: Grid
    """The scene's own, of step 1."""
    columns: tuple[KnownColumn, ...]
    """The likeliest to hold the class first."""
    step: int = 1
    """Numbers are there for every `step`-th pixel of the grid."""
    numbers: np.ndarray | None = None
    """Shape (rows, cols), whole numbers from 1, 0 where nothing is known, read-only; None where they are in a file."""
    path: Path | None = None
    """A one-band GeoTIFF of the numbers."""
    notes: tuple[str, ...] = ()
    """What was left out, in plain words."""

    def column(self, name: str) -> KnownColumn:
        """The column of that name; raises KeyError where there is none."""
        return {column.name: column for column in self.columns}[name]
