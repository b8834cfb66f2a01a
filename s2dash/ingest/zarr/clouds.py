"""The probabilities of cloud and snow that a Level-2A product holds, as classes where it has no classification."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from s2dash.core.grid import Grid
from s2dash.core.types import Window
from s2dash.ingest.zarr.array import ZarrArray

_MEDIUM_PERCENT, _HIGH_PERCENT, _SNOW_PERCENT = 35, 65, 50
"""From which probability on a pixel is of a class."""
_CLEAR, _MEDIUM, _HIGH, _SNOW = 5, 8, 9, 11
"""In the numbers of the scene classification."""


@dataclass(frozen=True, eq=False)
class LikelyClouds:
    """Classes of two arrays of percent on one grid; a `PixelSource`."""

    arrays: tuple[ZarrArray, ...]
    """Of cloud, then of snow where there is one, which counts on the same grid only."""
    dtype: str = "uint8"
    nodata: None = None
    stated: None = None
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.arrays[0].name

    @property
    def grid(self) -> Grid:
        return self.arrays[0].grid

    @property
    def block_bytes(self) -> int:
        return sum(one.block_bytes for one in self.arrays)

    def read(self, window: Window) -> np.ndarray:
        percent = [one.read(window) for one in self.arrays if one.grid == self.grid]
        classes = np.full(percent[0].shape, _CLEAR, dtype=np.uint8)
        for snow in percent[1:]:
            classes[snow >= _SNOW_PERCENT] = _SNOW
        classes[percent[0] >= _MEDIUM_PERCENT] = _MEDIUM
        classes[percent[0] >= _HIGH_PERCENT] = _HIGH
        return classes

    def digest(self) -> bytes:
        return b"".join(one.digest() for one in self.arrays)
