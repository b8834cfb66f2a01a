"""How much there is to fetch of a scene for some ground, bands and pixel size, before anything is asked of a server."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from s2dash.core.sentinel2 import BANDS
from s2dash.find.items import FoundScene
from s2dash.find.places import Box

_M_PER_DEGREE = 111_320.0
_BYTES_PER_PIXEL = 1.6
"""Of two, which deflate makes smaller by a fifth."""
_SCL_METRES = 20


@dataclass(frozen=True)
class Estimate:
    """Of one scene."""

    shape_rc: tuple[int, int]
    """Rows and columns at the wanted pixel size."""
    fetched_bytes: int

    @property
    def pixels(self) -> int:
        return self.shape_rc[0] * self.shape_rc[1]


def estimate(scene: FoundScene, names: Sequence[str], box: Box, pixel_m: int) -> Estimate:
    """Roughly how much a cut of this ground takes, as far as the scene's footprint reaches."""
    height_m, width_m = _size_m(_within(scene, box))
    fetched = sum(height_m * width_m / _read_m(name, pixel_m) ** 2 for name in names)
    rows, columns = (math.ceil(length / pixel_m) for length in (height_m, width_m))
    return Estimate((rows, columns), round(fetched * _BYTES_PER_PIXEL))


def _read_m(name: str, pixel_m: int) -> int:
    """The pixels that are read of a band: its own, or those of its coarsest overview that is fine enough."""
    size = BANDS[name].native_pixel_m if name in BANDS else _SCL_METRES
    while size * 2 <= pixel_m and name in BANDS:
        size *= 2
    return size


def _within(scene: FoundScene, box: Box) -> tuple[float, float, float, float]:
    corners = [corner for ring in scene.footprint for corner in ring]
    west, south, east, north = box.bounds
    if not corners:
        return box.bounds
    x, y = zip(*corners, strict=True)
    return max(west, min(x)), max(south, min(y)), min(east, max(x)), min(north, max(y))


def _size_m(bounds: tuple[float, float, float, float]) -> tuple[float, float]:
    """From south to north and from west to east; 0 where nothing is between."""
    west, south, east, north = bounds
    across = math.cos(math.radians((south + north) / 2))
    return max(0.0, north - south) * _M_PER_DEGREE, max(0.0, east - west) * _M_PER_DEGREE * across
