"""Small pictures around single pixels of a scene, at full resolution where the scene's files are there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from s2dash.core.scene import Scene, valid_pixels
from s2dash.core.types import Window
from s2dash.errors import PixelsGone
from s2dash.tiles.native import NativeTiles, translated_to_pixels_gone
from s2dash.tiles.stretch import PICTURE_MASKING, Stretch


@dataclass(frozen=True, eq=False)
class Cropper:
    """Cuts small pictures out of a scene, all in the stretch of its live picture."""

    scene: Scene
    stretch: Stretch
    stack: np.ndarray
    """Stored numbers of the live picture, shape (bands and masks, rows, cols)."""
    native: NativeTiles

    def window(self, row: int, col: int, shape_rc: tuple[int, int]) -> Window:
        """The window of at most this shape around a pixel of the scene, moved where it would go over the edge."""
        sides = [min(side, whole) for side, whole in zip(shape_rc, self.scene.grid.shape_rc, strict=True)]
        first = [
            max(0, min(at - side // 2, whole - side))
            for at, side, whole in zip((row, col), sides, self.scene.grid.shape_rc, strict=True)
        ]
        return Window(*first, *sides)

    def rgba(self, window: Window) -> np.ndarray:
        """Colours of a window of the scene's grid, shape (rows, cols, 4), uint8; transparent without data.

        Of a large scene whose files are gone the pixels of the live picture are repeated.
        """
        if self.scene.live_step > 1:
            try:
                with translated_to_pixels_gone(), self.native.reader(self.scene) as reader:
                    pixels = reader.read(self.stretch.positions, window, PICTURE_MASKING)
                self.native.tidy_later()
                return self.stretch.rgba(pixels.values, pixels.valid)
            except PixelsGone:
                pass
        return self._of_live_picture(window)

    def _of_live_picture(self, window: Window) -> np.ndarray:
        step, (_, height, width) = self.scene.live_step, self.stack.shape
        rows = np.minimum(np.arange(window.row, window.row + window.height) // step, height - 1)
        cols = np.minimum(np.arange(window.col, window.col + window.width) // step, width - 1)
        part = self.stack[:, rows[:, None], cols]
        valid = valid_pixels(self.scene, self.stretch.positions, part, PICTURE_MASKING)
        return self.stretch.rgba(part[list(self.stretch.positions)], valid)
