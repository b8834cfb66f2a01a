"""Where pixels lie: CRS, transform, shape, and the true ground area of a pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from affine import Affine
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

_WGS84_SEMI_MAJOR_M = 6_378_137.0
_WGS84_ECCENTRICITY_SQUARED = 6.694379990141e-3
_ALIGNED_PIXELS = 1e-3
"""Lattices may differ by this part of a pixel."""
_MOST_COMPARED = 20
"""Classes up to which they are counted one by one."""


@dataclass(frozen=True)
class Grid:
    """A raster grid; `transform` maps (column, row) to CRS coordinates at the pixel's outer corner."""

    shape_rc: tuple[int, int]
    transform: Affine
    crs_wkt: str | None

    def __getstate__(self) -> dict[str, object]:
        """For other processes: without what was computed from it, which may be as large as the picture."""
        return {"shape_rc": self.shape_rc, "transform": self.transform, "crs_wkt": self.crs_wkt}

    @property
    def height(self) -> int:
        return self.shape_rc[0]

    @property
    def width(self) -> int:
        return self.shape_rc[1]

    @property
    def pixel_count(self) -> int:
        return self.shape_rc[0] * self.shape_rc[1]

    @cached_property
    def crs(self) -> CRS | None:
        """The CRS where the grid can be placed on the Earth; None for pixel or unknown coordinates."""
        if not self.crs_wkt:
            return None
        try:
            crs = CRS.from_user_input(self.crs_wkt)
        except CRSError:
            return None
        return crs if crs.is_geographic or crs.is_projected else None

    @property
    def has_place(self) -> bool:
        """Whether the pixels have a place on the Earth."""
        return self.crs is not None

    @property
    def crs_label(self) -> str | None:
        """`EPSG:n` where there is a code, else WKT; None without a CRS."""
        if self.crs is None:
            return None
        code = self.crs.to_epsg()
        return f"EPSG:{code}" if code else self.crs_wkt

    @cached_property
    def metres_per_unit(self) -> float:
        """Metres in one unit of a projected CRS; 1 without a CRS. Degrees have none: see `pixel_area_m2`."""
        if self.crs is None or self.crs.is_geographic:
            return 1.0
        return float(self.crs.axis_info[0].unit_conversion_factor) if self.crs.axis_info else 1.0

    @property
    def pixel_size(self) -> tuple[float, float]:
        """Width and height of a pixel in CRS units (lengths of the transform's columns)."""
        t = self.transform
        return math.hypot(t.a, t.d), math.hypot(t.b, t.e)

    @cached_property
    def pixel_size_m(self) -> tuple[float, float] | None:
        """Ground width and height of the central pixel in metres; None without a place."""
        if self.crs is None:
            return None
        if not self.crs.is_geographic:
            return (self.pixel_size[0] * self.metres_per_unit, self.pixel_size[1] * self.metres_per_unit)
        latitude = math.radians(self._centre_xy[1])
        meridian_m, parallel_m = _radii_m(np.array(latitude))
        t, radians = self.transform, math.radians(1)
        along_x, along_y = float(parallel_m) * radians, float(meridian_m) * radians
        return math.hypot(t.a * along_x, t.d * along_y), math.hypot(t.b * along_x, t.e * along_y)

    def lattice_shift(self, other: Grid) -> tuple[int, int] | None:
        """Rows and columns from this grid's first pixel to the other's; None where their lattices of pixels differ."""
        if self.crs != other.crs:
            return None
        there = ~self.transform @ other.transform
        reach = max(*self.shape_rc, *other.shape_rc)
        is_same_size = np.allclose((there.a, there.b, there.d, there.e), (1, 0, 0, 1), atol=_ALIGNED_PIXELS / reach)
        col, row = round(there.c), round(there.f)
        if not is_same_size or math.hypot(there.c - col, there.f - row) > _ALIGNED_PIXELS:
            return None
        return row, col

    @property
    def _centre_xy(self) -> tuple[float, float]:
        return self.transform @ (self.width / 2, self.height / 2)

    def pixel_area_m2(self) -> np.ndarray:
        """True ground area of pixels, broadcastable to (rows, cols), float64, square metres; NaN without a place.

        Projected grids: the plane area with CRS units converted to metres. Grids in degrees and in
        Web Mercator are measured on the WGS 84 ellipsoid, by the area element
        M(latitude) N(latitude) cos(latitude) (Snyder, Map Projections: A Working Manual, 1987,
        equations 4-18 to 4-20), at each pixel's centre.
        """
        t = self.transform
        cell = abs(t.a * t.e - t.b * t.d)
        if self.crs is None:
            return np.full((1, 1), np.nan)
        is_web_mercator = self.crs.to_epsg() in (3857, 3785, 900913)
        if not (self.crs.is_geographic or is_web_mercator):
            return np.full((1, 1), cell * self.metres_per_unit**2)
        rows = np.arange(self.height)[:, None] + 0.5
        cols = np.full((1, 1), 0.5) if t.d == 0 else np.arange(self.width)[None, :] + 0.5
        y = t.d * cols + t.e * rows + t.f
        if is_web_mercator:
            latitude = 2 * np.arctan(np.exp(y / _WGS84_SEMI_MAJOR_M)) - math.pi / 2
            square_radians = cell / _WGS84_SEMI_MAJOR_M**2 * np.cos(latitude)
        else:
            unit = float(self.crs.axis_info[0].unit_conversion_factor)
            latitude = y * unit
            square_radians = np.full_like(latitude, cell * unit**2)
        meridian_m, parallel_m = _radii_m(latitude)
        return np.asarray(square_radians * meridian_m * parallel_m)

    def class_area_ha(
        self, labels: np.ndarray, class_count: int, row: int = 0, col: int = 0, counts: np.ndarray | None = None
    ) -> np.ndarray:
        """Area of classes 0 to `class_count` in a window of labels, shape (class_count + 1,), hectares.

        The window's first pixel stands at `row`, `col` of the grid; NaN throughout without a place. `counts`
        are its `class_counts` where the caller has them.
        """
        area_m2 = self._area_m2
        if area_m2.size == 1:
            counts = class_counts(labels, class_count) if counts is None else counts
            return np.asarray(counts * area_m2.item() / 10_000)
        if area_m2.shape[0] > 1:
            area_m2 = area_m2[row : row + labels.shape[0]]
        if area_m2.shape[1] > 1:
            area_m2 = area_m2[:, col : col + labels.shape[1]]
        weights = np.broadcast_to(area_m2, labels.shape).ravel()
        return np.asarray(np.bincount(labels.ravel(), weights, minlength=class_count + 1) / 10_000)

    @cached_property
    def _area_m2(self) -> np.ndarray:
        return self.pixel_area_m2()

    def _at(self, cols: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """CRS coordinates of positions in columns and rows."""
        t = self.transform
        return t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f

    def decimated(self, step: int) -> Grid:
        """The grid of every `step`-th pixel, each shown as the block of step x step pixels it stands in.

        The pixel taken from block i is row and column `i * step + step // 2`.
        """
        if step == 1:
            return self
        return Grid(decimated_shape(self.shape_rc, step), self.transform @ Affine.scale(step), self.crs_wkt)

    @cached_property
    def bounds_lonlat(self) -> tuple[float, float, float, float] | None:
        """West, south, east, north in degrees (WGS 84), the outline densified; None without a place.

        Around the antimeridian east exceeds 180 rather than wrapping.
        """
        if self.crs is None:
            return None
        steps = np.linspace(0, 1, 21)
        cols = np.concatenate([steps, steps, np.zeros(21), np.ones(21)]) * self.width
        rows = np.concatenate([np.zeros(21), np.ones(21), steps, steps]) * self.height
        x, y = self._at(cols, rows)
        longitude, latitude = Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True).transform(x, y)
        if np.ptp(longitude) > 180:
            longitude = np.where(longitude < 0, longitude + 360, longitude)
        return (float(longitude.min()), float(latitude.min()), float(longitude.max()), float(latitude.max()))


def class_counts(labels: np.ndarray, class_count: int) -> np.ndarray:
    """Pixels of classes 0 to `class_count` in labels of any shape, uint8; shape (class_count + 1,), int64."""
    if class_count <= _MOST_COMPARED:
        # A fraction of the time of `bincount`, which takes a copy of eight times the size.
        return np.array([np.count_nonzero(labels == number) for number in range(class_count + 1)], dtype=np.int64)
    return np.bincount(labels.ravel(), minlength=class_count + 1)


def decimated_shape(shape_rc: tuple[int, int], step: int) -> tuple[int, int]:
    """Rows and columns left when every `step`-th is taken, starting at `step // 2`."""
    return tuple(max(0, -(-(n - step // 2) // step)) for n in shape_rc)  # type: ignore[return-value]


def decimation_step(shape_rc: tuple[int, int], most_pixels: int) -> int:
    """The smallest step that leaves at most `most_pixels` grid pixels."""
    step = max(1, math.isqrt(shape_rc[0] * shape_rc[1] // most_pixels))
    while math.prod(decimated_shape(shape_rc, step)) > most_pixels:
        step += 1
    return step


def _radii_m(latitude_rad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Radius of the meridian's curvature and of the parallel (N cos latitude), metres, on WGS 84."""
    w = 1 - _WGS84_ECCENTRICITY_SQUARED * np.sin(latitude_rad) ** 2
    meridian_m = _WGS84_SEMI_MAJOR_M * (1 - _WGS84_ECCENTRICITY_SQUARED) / w**1.5
    return meridian_m, _WGS84_SEMI_MAJOR_M / np.sqrt(w) * np.cos(latitude_rad)
