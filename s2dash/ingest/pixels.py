"""What stands for the picture in an input that GDAL does not open: a header of plain values, and windows to read."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from s2dash.core.grid import Grid
from s2dash.core.scene import Reflectance
from s2dash.core.types import Window


class PixelSource(Protocol):
    """One band, or one band of codes, within the limits of `settings.py`; to be read by several threads."""

    @property
    def grid(self) -> Grid:
        """Where its pixels lie."""

    @property
    def dtype(self) -> str:
        """Of its numbers, as numpy names it."""

    @property
    def nodata(self) -> float | None:
        """What stands for no data."""

    @property
    def stated(self) -> Reflectance | None:
        """How its numbers become reflectance, where it says so."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of it."""

    @property
    def block_bytes(self) -> int:
        """What a thread takes to decode one of its blocks."""

    def read(self, window: Window) -> np.ndarray:
        """The stored numbers of a window, shape (rows, cols); raises UnreadableFile where they are damaged."""

    def digest(self) -> bytes:
        """Of all that was read of it: complete once every window was."""
