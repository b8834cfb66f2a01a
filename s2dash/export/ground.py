"""What a drawn map must know of the ground: which way it lies, where north is, how long a metre is on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from affine import Affine
from pyproj import Geod, Transformer

from s2dash.core.grid import Grid

_GEOD = Geod(ellps="WGS84")


@dataclass(frozen=True)
class Drawn:
    """How a grid is put on paper: turned over where needed so that it is no mirror picture."""

    flip_rows: bool
    flip_cols: bool
    aspect: float
    """Width of the map over its height, on the ground where there is a place."""
    width_m: float | None
    """Ground length of a line of pixels across the map's centre, metres; None without a place."""
    north_deg: float | None
    """Direction of the grid's north on paper, degrees clockwise from up; None without a place."""

    def oriented(self, labels: np.ndarray) -> np.ndarray:
        """Labels of shape (rows, cols) as they are drawn, first row on top."""
        return labels[:: -1 if self.flip_rows else 1, :: -1 if self.flip_cols else 1]

    def size_wh(self, longest: int) -> tuple[int, int]:
        """Width and height of a picture of it, in pixels, whose longer side has so many."""
        width = longest if self.aspect >= 1 else max(1, round(longest * self.aspect))
        return width, max(1, round(width / self.aspect))


def drawn(grid: Grid) -> Drawn:
    """How to draw a grid: north-up wherever rows follow a parallel, else as stored with north shown turned."""
    t = grid.transform
    if grid.crs is None:
        width, height = grid.pixel_size
        aspect = (grid.width * width) / (grid.height * height) if width and height else grid.width / grid.height
        return Drawn(False, False, aspect, None, None)
    flip_rows, flip_cols = _flips(t)
    width_m, height_m = (_central_length_m(grid, across) for across in (True, False))
    if not (width_m and height_m):
        return Drawn(flip_rows, flip_cols, grid.width / grid.height, None, None)
    return Drawn(flip_rows, flip_cols, width_m / height_m, width_m, _north_deg(t, flip_rows, flip_cols))


def round_length_m(most_m: float) -> float:
    """The longest of 1, 2 or 5 times a power of ten that is at most `most_m` (above 0)."""
    power = 10.0 ** math.floor(math.log10(most_m))
    return max(step * power for step in (1, 2, 5) if step * power <= most_m * (1 + 1e-12))


def length_words(length_m: float) -> str:
    """`500 m`, `2 km`, `0.5 m`."""
    return f"{length_m / 1000:,.15g} km" if length_m >= 1000 else f"{length_m:.15g} m"


def _flips(t: Affine) -> tuple[bool, bool]:
    """Which axes to turn over so that north is up, or, on turned grids, so that nothing is mirrored."""
    if t.b == t.d == 0:
        return t.e > 0, t.a < 0
    return t.determinant > 0, False


def _north_deg(t: Affine, flip_rows: bool, flip_cols: bool) -> float:
    """Where the CRS's second axis points on paper; columns run right and rows down."""
    inverse = ~Affine(t.a, t.b, 0, t.d, t.e, 0)
    col, row = inverse @ (0.0, 1.0)
    width, height = math.hypot(t.a, t.d), math.hypot(t.b, t.e)
    right = col * width * (-1 if flip_cols else 1)
    down = row * height * (-1 if flip_rows else 1)
    return math.degrees(math.atan2(right, -down)) + 0.0


def _central_length_m(grid: Grid, across: bool) -> float | None:
    """Geodesic length of the central line of pixels, across or down, metres, on WGS 84.

    Measured in 16 pieces, since a line of pixels need not be the shortest way.
    """
    along = np.linspace(0, 1, 17)
    half = np.full_like(along, 0.5)
    cols, rows = (along, half) if across else (half, along)
    cols, rows, t = cols * grid.width, rows * grid.height, grid.transform
    x, y = t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f
    longitude, latitude = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(x, y)
    if not (np.isfinite(longitude).all() and np.isfinite(latitude).all()):
        return None
    return float(_GEOD.line_length(longitude, latitude))
