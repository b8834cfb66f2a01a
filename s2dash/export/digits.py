"""How many digits numbers of a map are worth: as many as its pixels and measurements can tell."""

from __future__ import annotations

import math

import numpy as np

from s2dash.core.grid import Grid

SHARE_DECIMALS = 2
"""Of percent: one pixel in ten thousand."""
REFLECTANCE_DECIMALS = 4
"""The step of stored Sentinel-2 reflectance is 0.0001."""
_M2_PER_HA = 10_000
_MOST_DECIMALS = 6
_USUAL_DECIMALS = 2


def hectare_decimals(grid: Grid) -> int:
    """Decimals of hectares that tell one pixel from none: 2 for pixels of 10 m, none for pixels of 1 km."""
    area_m2 = grid.pixel_area_m2()
    pixel_ha = float(np.median(area_m2)) / _M2_PER_HA
    if not (math.isfinite(pixel_ha) and pixel_ha > 0):
        return _USUAL_DECIMALS
    return min(max(0, math.ceil(-math.log10(pixel_ha) - 1e-6)), _MOST_DECIMALS)
