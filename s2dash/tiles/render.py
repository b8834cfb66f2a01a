"""Pictures and their map tiles: stretching bands to colours, and placing pixels in XYZ tiles as PNG.

Glossary: the map plane is what Leaflet lays its tiles on. For a grid with a place it is Web Mercator
(EPSG:3857, metres, y to the north); for one without it is the scene's own columns and rows (Leaflet's
CRS.Simple, where longitude is the column and latitude is minus the row). A lattice is a coarse net of
tile positions with their exact source pixel; between its nodes source pixels are interpolated.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from PIL import Image
from pyproj import Transformer

from s2dash.core.grid import Grid
from s2dash.core.scene import Masking, Scene, valid_pixels
from s2dash.core.types import frozen
from s2dash.errors import InputError

_DARK_PERCENTILE, _BRIGHT_PERCENTILE = 2.0, 98.0
_GAMMA = 1.5
_VISIBLE_BANDS = frozenset({"B02", "B03", "B04"})

PICTURE_MASKING = Masking(area=False)
"""What a picture leaves out: it goes on beyond a drawn area."""

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


class Detail(Protocol):
    """A picture's pixels at finer steps than it holds, read when a tile shows them."""

    @property
    def nbytes(self) -> int:
        """Memory that it holds for itself."""
        ...

    def tile(self, z: int, x: int, y: int, size: int) -> np.ndarray | None:
        """Pixels of a tile, as `tile_pixels` gives them; None where the picture's own are fine enough.

        Raises PixelsGone where its files are no longer there.
        """
        ...


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels to be shown on the map, and where they lie.

    Raises ValueError where shapes and dtypes do not fit each other.
    """

    grid: Grid
    """The grid of these pixels: for a decimated picture, `scene.grid.decimated(step)`."""
    pixels: np.ndarray
    """Shape (rows, cols) with a palette, (rows, cols, 4) as RGBA without; uint8. Kept read-only."""
    palette: np.ndarray | None = None
    """RGBA of each value, shape (256, 4), uint8; alpha 0 is transparent. None for RGBA pixels."""
    step: int = 1
    """Every how many rows and columns of the scene one was taken; it places pictures without a place."""
    detail: Detail | None = None
    """Where tiles that show more than these pixels find it."""

    def __post_init__(self) -> None:
        expected = self.grid.shape_rc if self.palette is not None else (*self.grid.shape_rc, 4)
        if self.pixels.shape != expected or self.pixels.dtype != np.uint8:
            raise ValueError(f"pixels are {self.pixels.shape} {self.pixels.dtype}, but must be {expected} uint8")
        if self.palette is not None and (self.palette.shape != (256, 4) or self.palette.dtype != np.uint8):
            raise ValueError(f"the palette is {self.palette.shape} {self.palette.dtype}, but must be (256, 4) uint8")
        if self.step < 1:
            raise ValueError(f"step is {self.step}, but must be at least 1")
        object.__setattr__(self, "pixels", _read_only(self.pixels))
        if self.palette is not None:
            object.__setattr__(self, "palette", _read_only(self.palette))


@dataclass(frozen=True, eq=False)
class Stretch:
    """How the stored numbers of three bands become red, green and blue."""

    positions: tuple[int, int, int]
    """Of the bands in the scene."""
    dark: tuple[float, float, float]
    """The stored number of each band that is shown black."""
    extent: tuple[float, float, float]
    """How much larger that shown brightest is."""

    def rgba(self, values: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Colours of stored numbers, shape (..., 4), uint8; transparent where not valid.

        Parameters
        ----------
        values : ndarray of shape (3, ...), the bands at `positions`
        valid : ndarray of shape (...), bool
        """
        rgba = np.empty((*valid.shape, 4), dtype=np.uint8)
        dtype = values.dtype
        for index, (channel, dark, extent) in enumerate(zip(values, self.dark, self.extent, strict=True)):
            if dtype.kind in "iu" and dtype.itemsize <= 2:
                table = _stretch_table(dtype, dark, extent)
                rgba[..., index] = table[np.ascontiguousarray(channel).view(f"u{dtype.itemsize}")]
            else:
                known = np.where(valid, channel, 0).astype(np.float32)
                rgba[..., index] = _stretched(known, dark, extent)
        rgba[..., 3] = 255
        if not valid.all():
            rgba[~valid] = 0
        return rgba


def stretch_of(scene: Scene, stack: np.ndarray, band_names: Sequence[str]) -> Stretch:
    """The stretch that suits a scene, from its preview; a picture keeps it at any zoom, so that colours never jump.

    `stack` is `read_preview_stack(scene)`, shape (bands and masks, rows, cols). Each channel is
    stretched from its own dark end (percentile 2 of the valid pixels), so that haze goes, up to its own
    bright end (percentile 98). Where all three bands are visible light, the range is the geometric mean
    of its own and the widest of the three: hues stay as the eye knows them, and water does not turn
    brown. A gamma of 1.5 lifts the dark parts. The same band three times gives grey. Raises
    UnknownName for a band the scene lacks, ValueError unless there are three names.
    """
    if len(band_names) != 3:
        raise ValueError(f"a picture needs 3 band names, not {len(band_names)}")
    red, green, blue = positions = scene.positions(band_names)
    valid = valid_pixels(scene, positions, stack, PICTURE_MASKING)
    if not valid.any():
        return Stretch((red, green, blue), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    is_true_colour = {scene.bands[i].standard for i in positions} == _VISIBLE_BANDS
    channels = [stack[i][valid].astype(np.float32) for i in positions]
    dark, bright = np.array([np.percentile(c, (_DARK_PERCENTILE, _BRIGHT_PERCENTILE)) for c in channels]).T
    own = bright - dark
    ranges = np.sqrt(own * own.max()) if is_true_colour else own
    lows, extents = (tuple(map(float, numbers)) for numbers in (dark, ranges))
    return Stretch((red, green, blue), lows, extents)  # type: ignore[arg-type]


def picture_rgba(
    scene: Scene, stack: np.ndarray, band_names: Sequence[str], stretch: Stretch | None = None
) -> np.ndarray:
    """Three bands as red, green and blue, shape (rows, cols, 4), uint8, read-only; pixels without data are transparent.

    Parameters
    ----------
    stack : `read_preview_stack(scene)`, shape (bands and masks, rows, cols)
    stretch : `stretch_of(scene, stack, band_names)` where the caller has it

    Raises as `stretch_of`.
    """
    stretch = stretch_of(scene, stack, band_names) if stretch is None else stretch
    valid = valid_pixels(scene, stretch.positions, stack, PICTURE_MASKING)
    return frozen(stretch.rgba(stack[list(stretch.positions)], valid))


def tile_png(picture: Picture, z: int, x: int, y: int, size: int = TILE_PX) -> bytes | None:
    """One map tile, nearest neighbour, colours exactly those of the picture; PNG of size x size pixels.

    Where one pixel of the tile covers less than one of the picture and the picture has a detail, its
    pixels are shown. Raises PixelsGone where these are no longer there.

    Tiles count as Leaflet counts them, y from the top. With a place: the EPSG:3857 square, cut into
    2^z by 2^z. Without: columns [x 256 / 2^z, (x + 1) 256 / 2^z) of the scene and rows likewise,
    where z, x and y may be negative. None where no centre of a tile pixel lies on the picture.
    """
    pixels = None if picture.detail is None else picture.detail.tile(z, x, y, size)
    if pixels is not None:
        return _rgba_png(pixels) if picture.palette is None else _palette_png(pixels, picture.palette)
    places = tile_places(picture.grid, picture.step, z, x, y, size)
    if places is None:
        return None
    placement, inside, width = places.placement, places.inside, picture.grid.width
    source = np.where(inside, places.rows * width + places.cols, 0)
    if picture.palette is not None and picture.palette[0, 3] == 0:
        indexes = np.zeros((size, size), dtype=np.uint8)
        indexes[placement.tile_slices_rc] = np.where(inside, picture.pixels.ravel()[source], 0)
        return _palette_png(indexes, picture.palette)
    # A colour is moved as one 32-bit number: four times fewer elements to pick.
    colours = picture.pixels if picture.palette is None else picture.palette
    flat = colours.view(np.uint32).ravel()
    picked = source if picture.palette is None else picture.pixels.ravel()[source]
    rgba = np.zeros((size, size), dtype=np.uint32)
    rgba[placement.tile_slices_rc] = np.where(inside, flat[picked], 0)
    return _rgba_png(rgba.view(np.uint8).reshape(size, size, 4))


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


@lru_cache(maxsize=1)
def transparent_tile_png() -> bytes:
    """A tile with nothing on it, for places where `tile_png` has None."""
    return _palette_png(np.zeros((TILE_PX, TILE_PX), dtype=np.uint8), np.zeros((256, 4), dtype=np.uint8))


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


def _read_only(array: np.ndarray) -> np.ndarray:
    if array.flags.c_contiguous and not array.flags.writeable:
        return array
    return frozen(np.ascontiguousarray(array).view())


@lru_cache(maxsize=16)
def _stretch_table(dtype: np.dtype, dark: float, extent: float) -> np.ndarray:
    """`_stretched` of every number of a short whole-number type, shape (256,) or (65536,), by its bits without sign."""
    numbers = np.arange(2 ** (8 * dtype.itemsize), dtype=np.uint32).astype(f"u{dtype.itemsize}").view(dtype)
    return frozen(_stretched(numbers.astype(np.float32), dark, extent))


def _stretched(values: np.ndarray, dark: float, extent: float) -> np.ndarray:
    if extent <= 0:
        return np.full(values.shape, 128, dtype=np.uint8)
    share = np.clip((values - np.float32(dark)) / np.float32(extent), 0, 1)
    return np.asarray(np.rint(share ** np.float32(1 / _GAMMA) * 255).astype(np.uint8))


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
class _Axis:
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


def _tile_axes(has_place: bool, z: int, x: int, y: int, size: int, turn: int) -> tuple[_Axis, _Axis]:
    """Down and across; `turn` shifts the tile around the Earth, for pictures that cross the antimeridian."""
    if not has_place:
        side = _SIMPLE_TILE_PX / 2.0**z
        pitch = side / size
        return _Axis(y * side + pitch / 2, pitch, size), _Axis(x * side + pitch / 2, pitch, size)
    side = 2 * _WORLD_HALF_M / 2.0**z
    pitch = side / size
    left = (x - 2 ** (z - 1) + turn * 2**z) * side if z else -_WORLD_HALF_M + turn * side
    top = -(y - 2 ** (z - 1)) * side if z else _WORLD_HALF_M
    return _Axis(top - pitch / 2, -pitch, size), _Axis(left + pitch / 2, pitch, size)


def _lattice(grid: Grid, step: int, axes: Sequence[_Axis], spans: Sequence[slice]) -> np.ndarray:
    """The coarsest lattice that interpolates well; every pixel's own source where none does."""
    for cells in _LATTICE_CELLS:
        nodes = _nodes(grid, step, axes, spans, (cells, cells))
        if np.isfinite(nodes).all() and _halved_error(nodes) < _LATTICE_TOLERANCE_PX:
            return _bounded(nodes)
    each = [max(span.stop - span.start - 1, 1) for span in spans]
    return _bounded(_nodes(grid, step, axes, spans, each))


def _nodes(grid: Grid, step: int, axes: Sequence[_Axis], spans: Sequence[slice], cells: Sequence[int]) -> np.ndarray:
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


def _palette_png(indexes: np.ndarray, palette: np.ndarray) -> bytes:
    used = palette[: int(indexes.max()) + 1]
    image = Image.fromarray(indexes)
    image.putpalette(used[:, :3].tobytes())
    return _png(image, transparency=used[:, 3].tobytes())


def _rgba_png(rgba: np.ndarray) -> bytes:
    is_opaque = bool((rgba[..., 3] == 255).all())
    return _png(Image.fromarray(np.ascontiguousarray(rgba[..., :3]) if is_opaque else rgba))


def _png(image: Image.Image, **options: bytes) -> bytes:
    """Packed quickly rather than small: tiles travel from this machine once and are cached."""
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1, **options)
    return out.getvalue()
