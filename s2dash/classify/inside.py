"""Which pixels' centres lie inside polygons that a step of edits names, in degrees: the same for windows of any size.

Everything is counted in columns and rows of the scene's own grid, never from a window's corner: what is added to a
number rounds it, and a pixel on an edge would be inside in one window and outside in another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pyproj import Transformer

from s2dash.core.grid import Grid
from s2dash.core.scene_reading import Ring
from s2dash.errors import RecipeError

_PIECES = 128
"""An edge is straight in degrees: it is divided into pieces of this part of the scene, each straight on the grid."""
_MARGIN = 0.1
"""Of the scene's size, beyond which polygons are cut off: far away coordinates may have no numbers."""
_POLAR = 84.0
"""Degrees of latitude from which on a scene may hold all longitudes."""
_TURNS = (-720, -360, 0, 360, 720)


def on_grid(rings: Sequence[Ring], grid: Grid) -> tuple[np.ndarray, ...]:
    """The edges of each closed ring of longitude and latitude, (n, 4) float64: x, y to x, y in columns and rows.

    What lies away from the scene is cut off; a ring that does not come near it has no edges. Raises RecipeError on a
    grid without a place.
    """
    if grid.crs is None or grid.bounds_lonlat is None:
        raise RecipeError(
            "The edits name an area on the Earth, but this picture has no place, so nobody knows where that is in it. "
            "Take these edits out, or export the picture with its coordinates."
        )
    box = _box(grid.bounds_lonlat)
    place = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    return tuple(_placed(np.array(ring, dtype=np.float64), box, place, grid) for ring in rings)


def burnt(rings: Sequence[np.ndarray], rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """Whether centres of pixels lie inside any ring, shape (rows, cols), bool.

    Parameters
    ----------
    rings : edges of each, as `on_grid` gives them
    rows, cols : ascending numbers of the scene's rows and columns

    Of each ring by winding numbers (Sunday, 2001, "Inclusion of a point in a polygon"): an edge adds or takes one from
    where it crosses the line of a row's centres.
    """
    inside = np.zeros((len(rows), len(cols)), dtype=bool)
    for edges in rings:
        if _may_meet(edges, rows, cols):
            inside |= _inside_ring(edges, rows + 0.5, cols + 0.5)
    return inside


def _may_meet(edges: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> bool:
    if not (len(edges) and len(rows) and len(cols)):
        return False
    (left, top), (right, bottom) = edges[:, :2].min(axis=0), edges[:, :2].max(axis=0)
    return bool(left <= cols[-1] + 1 and right >= cols[0] and top <= rows[-1] + 1 and bottom >= rows[0])


def _inside_ring(edges: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    goes_down = edges[:, 3] > edges[:, 1]
    upper_x, upper_y, lower_x, lower_y = np.where(goes_down[:, None], edges, edges[:, [2, 3, 0, 1]]).T
    first, last = np.searchsorted(y, upper_y), np.searchsorted(y, lower_y)
    count = last - first
    edge = np.repeat(np.arange(len(edges)), count)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    share = (y[row] - upper_y[edge]) / (lower_y[edge] - upper_y[edge])
    crossing = upper_x[edge] + share * (lower_x[edge] - upper_x[edge])
    winding = np.zeros((len(y), len(x) + 1), dtype=np.int32)
    np.add.at(winding, (row, np.searchsorted(x, crossing)), np.where(goes_down, 1, -1)[edge])
    return np.asarray(np.cumsum(winding, axis=1)[:, :-1] != 0)


def _box(bounds: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """The scene's bounds in degrees with a margin; all longitudes near a pole."""
    west, south, east, north = bounds
    wide, high = _MARGIN * (east - west) + 1e-6, _MARGIN * (north - south) + 1e-6
    if max(-south, north) > _POLAR:
        return -180.0, south - high if north > 0 else -90.0, 180.0, 90.0 if north > 0 else north + high
    return west - wide, south - high, east + wide, north + high


def _placed(ring: np.ndarray, box: tuple[float, float, float, float], place: Transformer, grid: Grid) -> np.ndarray:
    west, south, east, north = box
    longest = max(east - west, north - south) / _PIECES
    into = ~grid.transform
    found = [np.empty((0, 4))]
    for turn in _TURNS:
        corners = _cut(ring + np.array([turn, 0]), box)
        if len(corners) < 3:
            continue
        points = _divided(corners, longest)
        x, y = place.transform(points[:, 0], points[:, 1])
        on = np.column_stack([into.a * x + into.b * y + into.c, into.d * x + into.e * y + into.f])
        found.append(np.hstack([on, np.roll(on, -1, axis=0)]))
    return np.concatenate(found)


def _cut(ring: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """The corners of what of a closed ring lies in a box, without the last again (Sutherland and Hodgman, 1974)."""
    corners = ring[:-1]
    for axis, limit, sign in ((0, box[0], 1), (1, box[1], 1), (0, box[2], -1), (1, box[3], -1)):
        if not len(corners):
            break
        beyond = sign * (corners[:, axis] - limit)
        following, beyond_next = np.roll(corners, -1, axis=0), np.roll(beyond, -1)
        crosses = (beyond >= 0) != (beyond_next >= 0)
        share = np.divide(beyond, beyond - beyond_next, out=np.zeros_like(beyond), where=crosses)[:, None]
        on_edge = corners + share * (following - corners)
        on_edge[:, axis] = limit
        both = np.stack([on_edge, following], axis=1).reshape(-1, 2)
        corners = both[np.column_stack([crosses, beyond_next >= 0]).ravel()]
    return corners


def _divided(corners: np.ndarray, longest: float) -> np.ndarray:
    """Corners of the same ring, with edges no longer than asked for along either axis."""
    following = np.roll(corners, -1, axis=0)
    pieces = np.maximum(1, np.ceil(np.abs(following - corners).max(axis=1) / longest)).astype(np.int64)
    edge = np.repeat(np.arange(len(corners)), pieces)
    nth = np.arange(len(edge)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    share = (nth / pieces[edge])[:, None]
    return np.asarray(corners[edge] + share * (following[edge] - corners[edge]))
