"""Where on the Earth a scene lies: a small globe, turned so that the scene is in its middle, as SVG."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import shapely

from s2dash.core.grid import Grid

_LAND = Path(__file__).parents[1] / "data" / "land.json"
_MOST_STEP_DEG = 2.0
_SEA, _GROUND, _EDGE, _MARK = "#dbe7ea", "#a9bdb4", "#8fa5a0", "#d42670"
_SIZE = 200


def globe_svg(grid: Grid) -> str | None:
    """An SVG of 200 by 200, an orthographic globe with the scene's middle marked; None without a place."""
    bounds = grid.bounds_lonlat
    if bounds is None or not all(map(math.isfinite, bounds)):
        return None
    west, south, east, north = bounds
    return _drawn(round((west + east) / 2, 3), round((south + north) / 2, 3))


@cache
def _drawn(longitude: float, latitude: float) -> str:
    """The globe as seen from above a place; the whole disc is drawn first, as a ring about the far side is its outside.

    Land that holds the far side is everything but what its ring encloses here, so the disc goes into its path too.
    """
    middle, radius = _SIZE / 2, _SIZE / 2 - 2
    disc = (
        f"M{middle - radius} {middle}a{radius} {radius} 0 1 0 {2 * radius} 0a{radius} {radius} 0 1 0 {-2 * radius} 0Z"
    )
    far = shapely.Point((longitude + 360) % 360 - 180, -latitude)
    behind = sum(shapely.Polygon(ring).contains(far) for ring in _land()) % 2 == 1
    paths = [disc] if behind else []
    paths += [_path(ring, middle, radius) for ring in _seen_rings(longitude, latitude)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE} {_SIZE}" width="{_SIZE}" height="{_SIZE}">'
        f'<path d="{disc}" fill="{_SEA}"/><path d="{"".join(paths)}" fill="{_GROUND}" fill-rule="evenodd"/>'
        f'<path d="{disc}" fill="none" stroke="{_EDGE}" stroke-width="1.5"/>'
        f'<circle cx="{middle}" cy="{middle}" r="9" fill="none" stroke="{_MARK}" stroke-width="4"/></svg>'
    )


def _seen_rings(longitude: float, latitude: float) -> Iterator[np.ndarray]:
    """Rings of land on the unit disc, shape (n, 2), right and down; what lies behind is pushed out to its edge."""
    for ring in _land():
        lon, lat = np.radians(ring - [longitude, 0]).T
        at = math.radians(latitude)
        right = np.cos(lat) * np.sin(lon)
        up = math.cos(at) * np.sin(lat) - math.sin(at) * np.cos(lat) * np.cos(lon)
        near = math.sin(at) * np.sin(lat) + math.cos(at) * np.cos(lat) * np.cos(lon)
        if (near <= 0).all():
            continue
        away = np.maximum(np.hypot(right, up), 1e-9)
        push = np.where(near < 0, 1 / away, 1.0)
        yield np.column_stack([right * push, -up * push])


def _path(ring: np.ndarray, middle: float, radius: float) -> str:
    points = np.round(middle + radius * ring, 1)
    keep = np.append(True, (np.diff(points, axis=0) != 0).any(axis=1))
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points[keep]) + "Z"


@cache
def _land() -> tuple[np.ndarray, ...]:
    """Closed rings of land, each of shape (n, 2), longitude and latitude in degrees, no step above two degrees."""
    rings = json.loads(_LAND.read_text(encoding="utf-8"))
    return tuple(shapely.get_coordinates(shapely.segmentize(shapely.LineString(r), _MOST_STEP_DEG)) for r in rings)
