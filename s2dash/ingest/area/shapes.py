"""What all readers of polygons share: the polygons themselves, their limits, their repair, their refusal."""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from s2dash.settings import AreaLimits

POLYGON = 3
"""The kind of shape, in shapely and in WKB."""

_PAIRS_SAMPLED = 4_000_000
_FARTHEST = 1e9
"""Metres or feet: many times around the Earth."""


class Refusal(Exception):
    """Why the file is refused: a sentence that goes on from its name."""


@dataclass(frozen=True)
class Area:
    """Polygons that keep what is inside them; they may overlap."""

    geometry: shapely.Polygon | shapely.MultiPolygon
    """Each polygon is valid in the file's CRS; a collection may hold overlapping ones."""
    crs_wkt: str
    polygon_count: int
    notes: tuple[str, ...]
    """What was found or changed, in plain words."""
    name: str = "The file"
    """File name, for messages."""
    owners: np.ndarray | None = None
    """(polygons of the geometry,) int64: the feature that each is of, where that was asked for."""

    @cached_property
    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Edges of all rings, (n, 4) float64: x, y to x, y; and 1 or -1, (n,) int32, where they are to be turned.

        Once turned, shells run anticlockwise and holes clockwise. Told from the area that a ring encloses,
        which also holds for rings that run along themselves.
        """
        points, ring, owner = points_of(polygons_of(self.geometry))
        first = np.searchsorted(ring, np.arange(len(owner)))
        x, y = (points - points[first[ring]]).T
        same = ring[1:] == ring[:-1]
        doubled = np.bincount(ring[1:], np.where(same, x[:-1] * y[1:] - x[1:] * y[:-1], 0), minlength=len(owner))
        is_shell = np.append(True, owner[1:] != owner[:-1])
        turn = np.where((doubled > 0) == is_shell, 1, -1).astype(np.int32)
        return np.hstack([points[:-1][same], points[1:][same]]), turn[ring[1:][same]]


def plain(text: str) -> str:
    """A name from the file, short and without control characters."""
    kept = "".join(c for c in text if c.isprintable()).strip()
    return f"“{kept if len(kept) <= 40 else kept[:39] + '…'}”"


def epsg(code: int) -> CRS:
    """The CRS of a code. Raises Refusal where there is none."""
    try:
        return CRS.from_epsg(code)
    except CRSError as error:
        raise Refusal(f"names EPSG:{code}, which is not known here. Save it in WGS 84 (EPSG:4326).") from error


_MOST_WKT = 20_000
_WKT_OPENING_FILES = ("EXTENSION", "PARAMETERFILE", "PROJ-BASED", "PROJ BASED", "+PROJ", "+INIT")
"""Parts of WKT through which PROJ opens files that the text names, or runs its own language."""


def crs_of(text: str) -> CRS:
    """The CRS of `EPSG:…` or of WKT that names no files. Raises Refusal."""
    code = re.fullmatch(r"EPSG:(\d{1,6})", text)
    if code is not None:
        return epsg(int(code[1]))
    refusal = Refusal("uses a coordinate system that we do not read. Save it in WGS 84 (EPSG:4326).")
    if len(text) > _MOST_WKT or any(part in text.upper() for part in _WKT_OPENING_FILES):
        raise refusal
    try:
        return CRS.from_wkt(text)
    except CRSError as error:
        raise refusal from error


@dataclass(frozen=True)
class Others:
    """How many shapes there are that are no polygons."""

    points: int = 0
    lines: int = 0
    unknown: int = 0
    """Of other kinds, or damaged."""

    def __add__(self, other: Others) -> Others:
        return Others(self.points + other.points, self.lines + other.lines, self.unknown + other.unknown)

    @property
    def total(self) -> int:
        return self.points + self.lines + self.unknown

    def words(self) -> str:
        """`12 lines and 1 point`; empty where there are none."""
        counted = [
            f"{count:,} {one if count == 1 else many}"
            for count, one, many in (
                (self.lines, "line", "lines"),
                (self.points, "point", "points"),
                (self.unknown, "shape of another kind", "shapes of other kinds"),
            )
            if count
        ]
        return " and ".join([", ".join(counted[:-1]), counted[-1]] if len(counted) > 1 else counted)


@dataclass(frozen=True)
class Collected:
    """Polygons as they stand in the file, and what stands beside them."""

    polygons: np.ndarray
    """(n,) of shapely.Polygon, none of them empty; they may be invalid."""
    others: Others
    owners: np.ndarray | None = None
    """(n,) int64: the feature that each is of, where that was asked for."""


def collect(shapes: Iterable[list[np.ndarray] | str], limits: AreaLimits) -> Collected:
    """Polygons of rings, those that are empty left out. A shape is a word where it is no polygon. Raises Refusal."""
    rings: list[np.ndarray] = []
    owners: list[int] = []
    count = vertices = 0
    others: Counter[str] = Counter()
    for shape in shapes:
        if isinstance(shape, str):
            others[shape] += 1
            continue
        if not shape or not len(shape[0]):
            continue
        full = [ring for ring in shape if len(ring)]
        rings += full
        owners += [count] * len(full)
        count += 1
        vertices += sum(map(len, full))
        require_few(count, vertices, limits)
    return Collected(_built(rings, owners), Others(**others))


def require_few(polygons: int, vertices: int, limits: AreaLimits) -> None:
    """Raise Refusal for more polygons or points than are accepted."""
    if polygons > limits.most_polygons:
        raise Refusal(f"holds more than {limits.most_polygons:,} polygons. Keep only those that are needed.")
    if vertices > limits.most_vertices:
        raise Refusal(f"holds more than {limits.most_vertices:,} points. Simplify the polygons.")


_NOT_FINITE = "holds coordinates that are not finite numbers. Export it again."


def _built(rings: list[np.ndarray], owners: list[int]) -> np.ndarray:
    if not rings:
        return np.empty(0, dtype=object)
    lengths = np.array([len(ring) for ring in rings])
    points = np.concatenate(rings)
    if not np.isfinite(points).all():
        raise Refusal(_NOT_FINITE)
    if lengths.min() < 4:
        raise Refusal(f"is damaged: a polygon's ring has {lengths.min()} points, and needs 4. Export it again.")
    ends = np.cumsum(lengths)
    if not (points[ends - lengths] == points[ends - 1]).all():
        raise Refusal("is damaged: a polygon's ring is not closed, its last point must repeat the first.")
    lines = shapely.linearrings(points, indices=np.repeat(np.arange(len(rings)), lengths))
    return np.asarray(shapely.polygons(lines, indices=np.array(owners)))


def _repaired(polygons: np.ndarray, limits: AreaLimits) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Valid polygons, what has no area left out, the place of each among the given, and notes."""
    if _pairs(polygons, _boxes_overlap, limits.most_close_pairs) > limits.most_close_pairs:
        raise Refusal("holds polygons that are too intricate to check. Simplify them.")
    broken = ~shapely.is_valid(polygons)
    if not broken.any():
        return polygons, np.arange(len(polygons)), ()
    if _pairs(polygons[broken], _edges_cross, limits.most_crossings) > limits.most_crossings:
        raise Refusal("holds polygons that cross themselves too often to be repaired. Simplify them.")
    mended = shapely.make_valid(polygons[broken], method="structure", keep_collapsed=False)
    outer, origin = shapely.get_parts(mended, return_index=True)
    inner, middle = shapely.get_parts(outer, return_index=True)
    kept = np.concatenate([inner, polygons[~broken]])
    origins = np.concatenate([np.flatnonzero(broken)[origin[middle]], np.flatnonzero(~broken)])
    whole = (shapely.get_type_id(kept) == POLYGON) & ~shapely.is_empty(kept)
    kept, origins = kept[whole], origins[whole]
    if not kept.size:
        raise Refusal("holds no polygon with an area. Choose a file with polygons.")
    return kept, origins, (f"Polygons repaired, as they crossed or touched themselves: {int(broken.sum()):,}.",)


def _pairs(polygons: np.ndarray, meet: Callable[[np.ndarray, np.ndarray], np.ndarray], enough: float) -> float:
    """About how many pairs of edges of one polygon meet, over all polygons; 0 where they are too few to matter.

    The cost of GEOS grows with such pairs, and a file of a megabyte can have 10^10. Counted in a sample
    of pairs, seeded so that the same file always gets the same answer.
    """
    edges, owner = edges_of(polygons)
    counts = np.bincount(owner, minlength=len(polygons)).astype(np.float64)
    all_pairs = float((counts**2).sum() / 2)
    if all_pairs <= enough:
        return 0.0
    rng = np.random.default_rng(zlib.crc32(edges.data))
    starts = np.cumsum(counts) - counts
    chances = np.cumsum(counts**2)
    met = 0
    for _ in range(4):
        drawn = rng.random((3, _PAIRS_SAMPLED // 4))
        polygon = np.minimum(np.searchsorted(chances, drawn[0] * chances[-1], "right"), len(counts) - 1)
        one, other = (starts[polygon] + np.floor(d * counts[polygon]) for d in drawn[1:])
        apart = np.abs(one - other)
        neighbours = (apart <= 1) | (apart == counts[polygon] - 1)
        found = meet(edges[one.astype(np.int64)], edges[other.astype(np.int64)])
        met += int((found & ~neighbours).sum())
    return all_pairs * met / _PAIRS_SAMPLED


def _boxes_overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.logical_and.reduce(
        [
            np.maximum(one[:, a], one[:, a + 2]) > np.minimum(other[:, a], other[:, a + 2])
            for one, other in ((one, other), (other, one))
            for a in (0, 1)
        ]
    )


def _edges_cross(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    def sides(line: np.ndarray, of: np.ndarray) -> np.ndarray:
        """Whether the ends of `of` lie on either side of `line`."""
        along = line[:, 2:] - line[:, :2]
        left = [along[:, 0] * (of[:, a + 1] - line[:, 1]) - along[:, 1] * (of[:, a] - line[:, 0]) for a in (0, 2)]
        return np.asarray(np.sign(left[0]) * np.sign(left[1]) < 0)

    return sides(one, other) & sides(other, one)


def area_of(found: Collected, crs: CRS, notes: tuple[str, ...], name: str, limits: AreaLimits) -> Area:
    """Valid polygons from what was collected. Raises Refusal where they are damaged or have no place on a map."""
    others = found.others
    if not found.polygons.size:
        beside = f" but {others.words()}" if others.total else ""
        raise Refusal(f"holds no polygons{beside}. Choose a file with polygons; points and lines have no inside.")
    if not (crs.is_geographic or crs.is_projected):
        raise Refusal("uses coordinates that are no place on a map. Save it in WGS 84 (EPSG:4326).")
    _require_on_earth(found.polygons, crs)
    polygons, origins, repairs = _repaired(found.polygons, limits)
    owners = None if found.owners is None else found.owners[origins]
    if others.total:
        notes = (*notes, f"Left out, being no polygons but points, lines or curves: {others.total:,}.")
    return Area(shapely.multipolygons(polygons), crs.to_wkt(), len(polygons), notes + repairs, name, owners)


def _require_on_earth(polygons: np.ndarray, crs: CRS) -> None:
    bounds = shapely.total_bounds(polygons)
    if not np.isfinite(shapely.get_coordinates(polygons)).all():
        raise Refusal(_NOT_FINITE)
    if abs(bounds).max() > _FARTHEST:
        raise Refusal("holds coordinates that lie nowhere on the Earth. Save it in WGS 84 (EPSG:4326).")
    west, south, east, north = bounds * (degrees_each(crs) if crs.is_geographic else 0)
    if max(-south, north) > 90.001 or max(-west, east) > 540:
        raise Refusal(
            "holds coordinates that are not degrees of longitude and latitude, though it says so. "
            "Save it in WGS 84 (EPSG:4326)."
        )


def degrees_each(crs: CRS) -> float:
    """Degrees in one unit of a geographic CRS."""
    return math.degrees(crs.axis_info[0].unit_conversion_factor) if crs.axis_info else 1.0


def polygons_of(geometry: shapely.Polygon | shapely.MultiPolygon) -> np.ndarray:
    """Its polygons, (n,) of shapely.Polygon."""
    return np.asarray(shapely.get_parts(geometry))


def points_of(polygons: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of all rings, (n, 2) float64; the ring each belongs to, (n,); the polygon of each ring, (rings,)."""
    rings, owner = shapely.get_rings(polygons, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    return points, ring, owner


def edges_of(polygons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges, (n, 4) float64: x, y to x, y; and the polygon each belongs to, (n,)."""
    points, ring, owner = points_of(polygons)
    same = ring[1:] == ring[:-1]
    return np.hstack([points[:-1][same], points[1:][same]]), owner[ring[1:][same]]
