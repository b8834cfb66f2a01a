"""The levels of a large scene: its own grid and every n-th pixel of it, cut into cells that are read at once."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from s2dash.core.grid import Grid
from s2dash.core.scene import Scene
from s2dash.core.types import Window

_NATIVE_CELL_SIDE = 512
"""As the blocks of our own rasters."""
_BETWEEN_CELL_SIDE = 256
_STEP_WITH_A_LEVEL_BETWEEN = 5
"""Of the live picture. Below it all of a scene is read in half a second."""
_MOST_BETWEEN_BYTES = 10**9
"""Of one level; ten bands of a full tile have 600 MB at every second pixel."""

Cell = tuple[int, int]
"""Its number from the top and from the left."""


@dataclass(frozen=True)
class Level:
    """A scene's grid, or every n-th pixel of it, cut into cells."""

    scene_grid: Grid
    step: int
    side: int
    """Of a cell, in pixels of the level."""

    @cached_property
    def grid(self) -> Grid:
        return self.scene_grid.decimated(self.step)

    @property
    def cells(self) -> list[Cell]:
        """All of them, row by row."""
        rows, cols = (-(-length // self.side) for length in self.grid.shape_rc)
        return [(row, col) for row in range(rows) for col in range(cols)]

    def cells_under(self, coarser: Level, cell: Cell) -> list[Cell]:
        """The cells of this level on the ground of a cell of a coarser one, or of its own."""
        times = coarser.side * coarser.step // (self.side * self.step)
        rows, cols = (-(-length // self.side) for length in self.grid.shape_rc)
        row, col = (number * times for number in cell)
        return list(itertools.product(range(row, min(row + times, rows)), range(col, min(col + times, cols))))

    def shape_rc(self, cell: Cell) -> tuple[int, int]:
        """Rows and columns of a cell, in pixels of the level."""
        rows, cols = (
            min(self.side, length - number * self.side) for number, length in zip(cell, self.grid.shape_rc, strict=True)
        )
        return rows, cols

    def window(self, cell: Cell) -> Window:
        """The scene's pixels that a cell stands for."""
        side = self.side * self.step
        row, col = (number * side for number in cell)
        height, width = (
            min(side, length - start) for start, length in zip((row, col), self.scene_grid.shape_rc, strict=True)
        )
        return Window(row, col, height, width)

    def places(self, cell: Cell) -> tuple[np.ndarray, np.ndarray]:
        """The scene's rows and columns that a cell takes, as `reading.preview_places` takes them."""
        row, col = (number * self.side * self.step + self.step // 2 for number in cell)
        height, width = self.shape_rc(cell)
        return row + self.step * np.arange(height), col + self.step * np.arange(width)


def levels_of(scene: Scene) -> tuple[Level, ...]:
    """The levels finer than a scene's live picture, finest first; none where that is the whole scene."""
    if scene.live_step == 1:
        return ()
    native = Level(scene.grid, 1, _NATIVE_CELL_SIDE)
    if scene.live_step < _STEP_WITH_A_LEVEL_BETWEEN:
        return (native,)
    pixel_bytes = (len(scene.bands) + len(scene.masks)) * np.dtype(scene.dtype).itemsize
    # Each zoom halves what a tile's pixel covers; so a level pays as far as a zoom lies between it and the next.
    steps = [2**n for n in range(1, scene.live_step.bit_length()) if 2 * 2**n <= scene.live_step]
    kept = [step for step in steps if scene.grid.pixel_count // step**2 * pixel_bytes <= _MOST_BETWEEN_BYTES]
    return native, *(Level(scene.grid, step, _BETWEEN_CELL_SIDE) for step in kept)
