"""Placing: which pixel of a picture each pixel of a map tile shows.

Glossary: the map plane is what Leaflet lays its tiles on. For a grid with a place it is Web Mercator
(EPSG:3857, metres, y to the north); for one without it is the scene's own columns and rows (Leaflet's
CRS.Simple, where longitude is the column and latitude is minus the row). A lattice is a coarse net of
tile positions with their exact source pixel; between its nodes source pixels are interpolated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pyproj import Transformer

from s2dash.core.grid import Grid
from s2dash.core.types import frozen
from s2dash.errors import InputError

_WORLD_HALF_M = math.pi * 6_378_137.0
"""Half the side of the Web Mercator square, metres (EPSG:3857)."""
_MERCATOR_LATITUDE = math.degrees(math.atan(math.sinh(math.pi)))
"""Where the Web Mercator square ends, about 85.05 degrees."""
_LATTICE_CELLS = (8, 16, 32, 64)
_LATTICE_TOLERANCE_PX = 0.1
_FAR_PX = 1e9
_TIE_PX = 1e-6
_SIMPLE_TILE_PX = 256
_SHORT_WAY_M = 10.0

TILE_PX = 256
"""Pixels along the side of a tile."""


@dataclass(frozen=True, eq=False)
class TilePlaces:
    """Which pixel of a grid each pixel of a tile shows."""

    placement: _Placement
    rows: np.ndarray
    """Shape of the part of the tile at `slices_rc`, int64; meaningful where `inside`."""
    cols: np.ndarray
    inside: np.ndarray
    """Of the same shape, bool: whether it shows any."""

    @property
    def slices_rc(self) -> tuple[slice, slice]:
        """The part of the tile that the grid can touch."""
        return self.placement.tile_slices_rc

    def by_cell(self, side: int) -> dict[tuple[int, int], tuple[np.ndarray, np.ndarray]]:
        """The tile's pixels, as indexes of its part, that fall in each cell of the grid, `side` pixels wide."""
        down, across = np.nonzero(self.inside)
        cell_rows, cell_cols = self.rows[down, across] // side, self.cols[down, across] // side
        width = int(cell_cols.max()) + 1
        number = cell_rows * width + cell_cols
        order = np.argsort(number, kind="stable")
        cells, starts = np.unique(number[order], return_index=True)
        return {
            (int(cell) // width, int(cell) % width): (down[some], across[some])
            for cell, some in zip(cells, np.split(order, starts[1:]), strict=True)
        }


def tile_places(grid: Grid, step: int, z: int, x: int, y: int, size: int = TILE_PX) -> TilePlaces | None:
    """The nearest pixels of a picture's grid for a tile as `tile_png` counts it; None where it shows none.

    Parameters
    ----------
    grid, step : as for `Picture`
    """
    placement = _placement(grid, step, z, x, y, size)
    if placement is None:
        return None
    rows, cols = placement.source_rc()
    height, width = grid.shape_rc
    inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
    if not inside.any():
        return None
    return TilePlaces(placement, rows.astype(np.int64), cols.astype(np.int64), inside)


@lru_cache(maxsize=256)
def covered_pixels(grid: Grid, z: int, size: int = TILE_PX) -> float:
    """Across how many pixels of a scene's grid one pixel of a tile reaches, at the grid's centre.

    The geometric mean of both directions; infinite where the centre is not on the map plane.
    """
    if not grid.has_place:
        return _SIMPLE_TILE_PX / 2.0**z / size
    pitch = 2 * _WORLD_HALF_M / 2.0**z / size
    to_plane = Transformer.from_crs(grid.crs_wkt or "", "EPSG:3857", always_xy=True)
    x, y = to_plane.transform(*(grid.transform @ (grid.width / 2, grid.height / 2)))
    if not (math.isfinite(x) and math.isfinite(y)):
        return math.inf
    # Over a fixed short way: a whole pixel of a small zoom's tile may reach beyond the Earth.
    way = _SHORT_WAY_M
    at, right, down = _source_of_plane(grid, 1, np.array([x, x + way, x]), np.array([y, y, y - way])).T
    area = float(abs(np.linalg.det(np.stack([right - at, down - at])))) / way**2
    return math.sqrt(area) * pitch if math.isfinite(area) else math.inf


def map_bounds(grid: Grid, step: int = 1) -> tuple[tuple[float, float], tuple[float, float]]:
    """((south, west), (north, east)) of a picture's grid, as Leaflet's fitBounds takes them.

    Degrees (WGS 84), within the latitudes of Web Mercator; without a place ((-rows, 0), (0, columns)) of
    the whole scene, of which the grid holds every `step`-th. Raises InputError where the
    coordinates are not on the Earth.
    """
    if not grid.has_place:
        return (-float(grid.height * step), 0.0), (0.0, float(grid.width * step))
    bounds = _bounds_lonlat(grid)
    if bounds is None:
        raise InputError("The coordinates in this file are not on the Earth. Export it again with its right position.")
    west, south, east, north = bounds
    return (south, west), (north, east)


def pixel_at(grid: Grid, latitude: float, longitude: float) -> tuple[int, int] | None:
    """Row and column of the pixel that the map shows at a place of its plane; None where there is none.

    The place is in degrees (WGS 84); without a place on the Earth it is minus the row and the column.
    """
    if not grid.has_place:
        x, y = longitude, -latitude
    elif abs(latitude) > _MERCATOR_LATITUDE:
        return None
    else:
        x = math.radians(longitude) * _WORLD_HALF_M / math.pi
        y = math.asinh(math.tan(math.radians(latitude))) * _WORLD_HALF_M / math.pi
    row, col = _source_of_plane(grid, 1, np.array(x), np.array(y)) + _TIE_PX
    if not (0 <= row < grid.height and 0 <= col < grid.width):
        return None
    return int(row), int(col)


def place_of_pixel(grid: Grid, row: int, col: int) -> tuple[float, float]:
    """Latitude and longitude of a pixel's centre on the map's plane, as `pixel_at` takes them."""
    if not grid.has_place:
        return -(row + 0.5), col + 0.5
    x, y = grid.transform @ (col + 0.5, row + 0.5)
    longitude, latitude = Transformer.from_crs(grid.crs_wkt or "", "EPSG:4326", always_xy=True).transform(x, y)
    return float(latitude), float(longitude)


@dataclass(frozen=True, eq=False)
class _Placement:
    """The part of a tile that a picture can touch, and the lattice of its source pixels."""

    tile_slices_rc: tuple[slice, slice]
    nodes_rc: np.ndarray
    """Source row and column at lattice nodes, shape (2, n, m), evenly spread from first to last pixel centre."""

    def source_rc(self) -> tuple[np.ndarray, np.ndarray]:
        """Fractional source row and column of each pixel of the part, each of the part's shape, float64."""
        counts = [part.stop - part.start for part in self.tile_slices_rc]
        down, across = (
            _weights(count, nodes - 1) for count, nodes in zip(counts, self.nodes_rc.shape[1:], strict=True)
        )
        rows, cols = (down @ nodes @ across.T for nodes in self.nodes_rc)
        return rows, cols


@lru_cache(maxsize=128)
def _weights(count: int, cells: int) -> np.ndarray:
    """Linear interpolation from cells + 1 nodes to `count` even positions, shape (count, cells + 1)."""
    position = np.linspace(0, cells, count)
    base = np.minimum(position.astype(int), cells - 1)
    weights = np.zeros((count, cells + 1))
    each = np.arange(count)
    weights[each, base] = base + 1 - position
    weights[each, base + 1] = position - base
    return frozen(weights)


@lru_cache(maxsize=128)
def _placement(grid: Grid, step: int, z: int, x: int, y: int, size: int) -> _Placement | None:
    extent = _extent_on_plane(grid, step)
    if extent is None or (grid.has_place and not (z >= 0 and 0 <= x < 2**z and 0 <= y < 2**z)):
        return None
    for turn in (0, 1, -1) if grid.has_place else (0,):
        axes = _tile_axes(grid.has_place, z, x, y, size, turn)
        spans = [axis.span(*limits) for axis, limits in zip(axes, extent, strict=True)]
        if all(span.stop > span.start for span in spans):
            return _Placement((spans[0], spans[1]), _lattice(grid, step, axes, spans))
    return None


@dataclass(frozen=True)
class _TileAxis:
    """One direction of a tile: the map plane's coordinate of its first pixel's centre, and of each next."""

    first: float
    pitch: float
    size: int

    def at(self, positions: np.ndarray) -> np.ndarray:
        return self.first + self.pitch * positions

    def span(self, low: float, high: float) -> slice:
        """The pixels whose centres lie from `low` to `high` on the map plane."""
        near, far = sorted(((low - self.first) / self.pitch, (high - self.first) / self.pitch))
        start = math.ceil(min(max(near, 0), self.size))
        return slice(start, max(start, math.floor(min(max(far, -1), self.size - 1)) + 1))


def _tile_axes(has_place: bool, z: int, x: int, y: int, size: int, turn: int) -> tuple[_TileAxis, _TileAxis]:
    """Down and across; `turn` shifts the tile around the Earth, for pictures that cross the antimeridian."""
    if not has_place:
        side = _SIMPLE_TILE_PX / 2.0**z
        pitch = side / size
        return _TileAxis(y * side + pitch / 2, pitch, size), _TileAxis(x * side + pitch / 2, pitch, size)
    side = 2 * _WORLD_HALF_M / 2.0**z
    pitch = side / size
    left = (x - 2 ** (z - 1) + turn * 2**z) * side if z else -_WORLD_HALF_M + turn * side
    top = -(y - 2 ** (z - 1)) * side if z else _WORLD_HALF_M
    return _TileAxis(top - pitch / 2, -pitch, size), _TileAxis(left + pitch / 2, pitch, size)


def _lattice(grid: Grid, step: int, axes: Sequence[_TileAxis], spans: Sequence[slice]) -> np.ndarray:
    """The coarsest lattice that interpolates well; every pixel's own source where none does."""
    for cells in _LATTICE_CELLS:
        nodes = _nodes(grid, step, axes, spans, (cells, cells))
        if np.isfinite(nodes).all() and _halved_error(nodes) < _LATTICE_TOLERANCE_PX:
            return _bounded(nodes)
    each = [max(span.stop - span.start - 1, 1) for span in spans]
    return _bounded(_nodes(grid, step, axes, spans, each))


def _nodes(
    grid: Grid, step: int, axes: Sequence[_TileAxis], spans: Sequence[slice], cells: Sequence[int]
) -> np.ndarray:
    down, across = (
        axis.at(np.linspace(span.start, span.stop - 1, n + 1)) for axis, span, n in zip(axes, spans, cells, strict=True)
    )
    return _source_of_plane(grid, step, *np.meshgrid(across, down))


def _halved_error(nodes: np.ndarray) -> float:
    """How far the lattice of every other node misses the nodes between, source pixels.

    Interpolation errors fall to a quarter when the mesh is halved, so the lattice itself does better.
    """
    coarse = nodes[:, ::2, ::2]
    weights = _weights(nodes.shape[1], coarse.shape[1] - 1)
    return float(np.abs(weights @ coarse @ weights.T - nodes).max())


def _bounded(nodes: np.ndarray) -> np.ndarray:
    # A pixel centre that falls on an edge between source pixels must not be tossed by rounding.
    return frozen(np.clip(np.nan_to_num(nodes, nan=-_FAR_PX), -_FAR_PX, _FAR_PX) + _TIE_PX)


def _source_of_plane(grid: Grid, step: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fractional row and column of points on the map plane, shape (2, ...); not finite where there is none."""
    if grid.crs is None:
        return np.stack([y / step, x / step])
    x_crs, y_crs = _to_grid_crs("EPSG:3857", grid.crs_wkt or "").transform(x, y)
    if grid.crs.is_geographic:
        turn = 2 * math.pi / float(grid.crs.axis_info[0].unit_conversion_factor)
        centre, _ = grid.transform @ (grid.width / 2, grid.height / 2)
        with np.errstate(invalid="ignore"):
            x_crs = x_crs - turn * np.rint((x_crs - centre) / turn)
    with np.errstate(invalid="ignore"):
        col, row = ~grid.transform @ (x_crs, y_crs)
    return np.stack([row, col])


@lru_cache(maxsize=64)
def _to_grid_crs(source: str, crs_wkt: str) -> Transformer:
    return Transformer.from_crs(source, crs_wkt, always_xy=True)


@lru_cache(maxsize=256)
def _extent_on_plane(grid: Grid, step: int) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Lowest and highest y, then x, of a picture on the map plane; None where it is not on the Earth."""
    if not grid.has_place:
        return (0.0, float(grid.height * step)), (0.0, float(grid.width * step))
    bounds = _bounds_lonlat(grid)
    if bounds is None:
        return None
    west, south, east, north = bounds
    left, right = (math.radians(longitude) * _WORLD_HALF_M / math.pi for longitude in (west, east))
    bottom, top = (
        math.asinh(math.tan(math.radians(latitude))) * _WORLD_HALF_M / math.pi for latitude in (south, north)
    )
    # The bounds come from points along the outline; between two of them an edge may bulge a little.
    margin = 0.01 * max(right - left, top - bottom)
    return (bottom - margin, top + margin), (left - margin, right + margin)


@lru_cache(maxsize=256)
def _bounds_lonlat(grid: Grid) -> tuple[float, float, float, float] | None:
    """West, south, east, north in degrees, cut to the latitudes of Web Mercator; None if not on the Earth."""
    with np.errstate(all="ignore"):
        bounds = grid.bounds_lonlat
    if bounds is None or not all(map(math.isfinite, bounds)):
        return None
    west, south, east, north = bounds
    if _has_pole(grid, 90):
        west, east, north = -180.0, 180.0, 90.0
    if _has_pole(grid, -90):
        west, east, south = -180.0, 180.0, -90.0
    south, north = max(south, -_MERCATOR_LATITUDE), min(north, _MERCATOR_LATITUDE)
    return (west, south, east, north) if south < north else None


def _has_pole(grid: Grid, latitude: float) -> bool:
    """Whether a pole lies within a projected grid, whose outline then says nothing of its bounds."""
    if grid.crs is None or grid.crs.is_geographic:
        return False
    x, y = _to_grid_crs("EPSG:4326", grid.crs_wkt or "").transform(0.0, latitude)
    if not (math.isfinite(x) and math.isfinite(y)):
        return False
    col, row = ~grid.transform @ (x, y)
    return bool(0 <= row <= grid.height and 0 <= col <= grid.width)
