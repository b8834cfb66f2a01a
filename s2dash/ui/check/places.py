"""Places of a check as the map has them: centre and corners of each pixel, and the small picture of where it lies."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image
from pyproj import Transformer

from s2dash.core.accuracy import CheckPlace
from s2dash.core.grid import Grid
from s2dash.core.scene import Scene, valid_pixels
from s2dash.tiles.stretch import PICTURE_MASKING, stretch_of
from s2dash.ui import services
from s2dash.ui.layers import true_colour

_INSET_PX = 248
"""Longest side; shown at half of that, sharp on fine screens."""
_CORNERS = np.array([(0.5, 0.5), (0, 0), (1, 0), (1, 1), (0, 1)])
"""Columns and rows from a pixel's upper left corner: its centre, then its corners in turn."""


def on_map(places: Sequence[CheckPlace], grid: Grid) -> list[dict[str, Any]]:
    """Each place as the map's frame takes it: `at` and `corners` on its plane, `left` and `top` within the scene.

    The pixel is that of the grid that lies there, also where the check was made at another pixel size.
    """
    if not places:
        return []
    back = ~grid.transform
    x, y = (np.array([getattr(place, name) for place in places]) for name in "xy")
    cols, rows = (np.floor(back.a * x + back.b * y + back.c), np.floor(back.d * x + back.e * y + back.f))
    points = np.stack([cols, rows], axis=1)[:, None] + _CORNERS
    plane = _plane(grid, points)
    left, top = (points[:, 0] / (grid.width, grid.height)).T
    return [
        {"at": list(at), "corners": [list(c) for c in corners], "left": one_left, "top": one_top}
        for (at, *corners), one_left, one_top in zip(plane.tolist(), left.tolist(), top.tolist(), strict=True)
    ]


def _plane(grid: Grid, points: np.ndarray) -> np.ndarray:
    """Columns and rows, shape (..., 2), as latitude and longitude of the map's plane."""
    cols, rows = points[..., 0], points[..., 1]
    if not grid.has_place:
        return np.stack([-rows, cols], axis=-1)
    t = grid.transform
    x, y = t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f
    longitude, latitude = Transformer.from_crs(grid.crs_wkt or "", "EPSG:4326", always_xy=True).transform(x, y)
    return np.stack([latitude, longitude], axis=-1)


def inset(scene: Scene) -> str:
    """The whole scene as the eye sees it, small, as an address that images take."""
    stack = services.live_engine().stack(scene)
    stretch = stretch_of(scene, stack, true_colour(scene))
    _, height, width = stack.shape
    step = max(1, -(-max(height, width) // _INSET_PX))
    part = np.ascontiguousarray(stack[:, ::step, ::step])
    valid = valid_pixels(scene, stretch.positions, part, PICTURE_MASKING)
    out = io.BytesIO()
    Image.fromarray(stretch.rgba(part[list(stretch.positions)], valid)).save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
