"""Polygons on the scene's grid: brought into its coordinates, cut down to it, burnt by pixel centres."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError
from shapely.errors import GEOSException

from s2dash.core.grid import Grid
from s2dash.core.types import Window
from s2dash.errors import UnreadableFile
from s2dash.ingest.area.shapes import Area, Refusal, degrees_each, points_of, polygons_of
from s2dash.settings import AREA_LIMITS, AreaLimits


class OutsideScene(UnreadableFile):
    """No polygon meets the scene."""


_CROSSINGS_EACH = 2_000_000
_LARGEST_BEND_PX = 0.25


def area_on(area: Area, grid: Grid, limits: AreaLimits = AREA_LIMITS) -> Area:
    """The polygons in the grid's CRS, cut down to the scene and a margin around it.

    Long edges are divided before they are transformed, so that what is straight in the file stays within
    half a pixel of straight. `polygon_count` is how many of the file's polygons meet the scene. Around the
    margin the geometry may run along itself; it is meant for `burn` on this grid.

    Raises UnreadableFile where the scene has no place, where no polygon meets it, or where a limit is passed.
    """
    if grid.crs is None:
        raise UnreadableFile(
            "Polygons need coordinates, and this scene has no place on the Earth. "
            f"Leave {area.name} out, or export the scene with its coordinates."
        )
    try:
        return _area_on(area, grid, grid.crs, limits)
    except Refusal as refusal:
        raise UnreadableFile(f"{area.name} {refusal}") from refusal
    except (CRSError, ProjError, GEOSException) as error:
        raise UnreadableFile(
            f"{area.name} cannot be brought into the scene's coordinates. Save it in WGS 84 (EPSG:4326)."
        ) from error


def areas_on(areas: Sequence[Area], grid: Grid) -> list[Area]:
    """Each of the areas that meets the scene as `area_on` has it; raises what that does where none is left."""
    placed: list[Area] = []
    outside: list[UnreadableFile] = []
    for area in areas:
        try:
            placed.append(area_on(area, grid))
        except OutsideScene as error:
            outside.append(error)
    if not placed:
        raise outside[0]
    if outside:
        left = len(outside)
        note = f"Polygons of {left} coordinate system{'s' * (left > 1)} lie outside the scene."
        placed[0] = replace(placed[0], notes=(*placed[0].notes, note))
    return placed


def burn(area: Area, grid: Grid, window: Window) -> np.ndarray:
    """1 where a pixel's centre lies in any polygon, else 0; shape (window.height, window.width), uint8.

    `area` is in the grid's CRS: see `area_on`. The winding number of every centre is counted along its row
    (Sunday 2001, "Inclusion of a point in a polygon"): each edge adds or takes one from where it crosses the
    row of centres. Takes 6 bytes a pixel of the window and about 200 an edge. A scan of all edges for each
    row, as `rasterio.features.rasterize` has it, takes minutes for polygons of a million vertices.
    """
    winding = np.zeros((window.height, window.width + 1), np.int32)
    upper_x, upper_y, lower_x, lower_y, turn = _downward(area, grid)
    upper_x, lower_x = upper_x - window.col, lower_x - window.col
    upper_y, lower_y = upper_y - window.row, lower_y - window.row
    first, last = (np.clip(np.ceil(y - 0.5), 0, window.height).astype(np.int64) for y in (upper_y, lower_y))
    crossing = np.flatnonzero(last > first)
    for part in _parts(crossing, (last - first)[crossing], _CROSSINGS_EACH):
        rows_each = last[part] - first[part]
        edge = np.repeat(part, rows_each)
        nth = np.arange(edge.size) - np.repeat(np.cumsum(rows_each) - rows_each, rows_each)
        row = first[edge] + nth
        share = (row + 0.5 - upper_y[edge]) / (lower_y[edge] - upper_y[edge])
        x = upper_x[edge] + share * (lower_x[edge] - upper_x[edge])
        col = np.clip(np.ceil(x - 0.5), 0, window.width).astype(np.int64)
        np.add.at(winding, (row, col), turn[edge])
    np.cumsum(winding, axis=1, out=winding)
    return (winding[:, : window.width] != 0).astype(np.uint8)


def _area_on(area: Area, grid: Grid, target: CRS, limits: AreaLimits) -> Area:
    source = CRS.from_user_input(area.crs_wkt)
    box = _neighbourhood(grid, source)
    if box is None:
        raise OutsideScene(_outside(area, grid, source))
    cut, origin = _clipped_to(polygons_of(area.geometry), box, source)
    if not len(cut):
        raise OutsideScene(_outside(area, grid, source))
    if not source.equals(target, ignore_axis_order=True):
        place = _placing(source, grid)
        longest = _longest_edge(grid, box, place)
        if float(shapely.length(cut).sum()) / longest > limits.most_placed_vertices:
            raise Refusal("holds too many long edges. Simplify the polygons.")
        cut = _densified(cut, longest, place)
    outline = shapely.Polygon([grid.transform @ (c, r) for c, r in _corners(grid)])
    shapely.prepare(outline)
    meets = shapely.intersects(outline, cut)
    if not meets.any():
        raise OutsideScene(_outside(area, grid, source))
    within = len(np.unique(origin[meets]))
    notes = area.notes
    if within < area.polygon_count:
        notes = (*notes, f"{area.polygon_count - within:,} of {area.polygon_count:,} polygons lie outside the scene.")
    owners = None if area.owners is None else area.owners[origin[meets]]
    placed = Area(shapely.multipolygons(cut[meets]), target.to_wkt(), within, notes, area.name, owners)
    _, upper, _, lower, _ = _downward(placed, grid)
    rows = np.clip(lower, 0, grid.height) - np.clip(upper, 0, grid.height)
    if float(rows.sum()) > limits.most_edge_rows:
        raise Refusal("holds too many long edges. Simplify the polygons.")
    return placed


def _corners(grid: Grid) -> tuple[tuple[int, int], ...]:
    """Columns and rows of the grid's corners, in turn."""
    return (0, 0), (grid.width, 0), (grid.width, grid.height), (0, grid.height)


def _neighbourhood(grid: Grid, source: CRS) -> np.ndarray | None:
    """West, south, east, north of the scene and a margin in the polygons' CRS; None where it has no place there.

    Across the antimeridian east goes on beyond 180 degrees.
    """
    steps = np.linspace(0, 1, 21)
    cols, rows = (axis.ravel() for axis in np.meshgrid(steps * grid.width, steps * grid.height))
    t = grid.transform
    back = Transformer.from_crs(grid.crs, source, always_xy=True)
    points = np.column_stack(back.transform(t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f))
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return None
    turn = 360 / degrees_each(source) if source.is_geographic else math.inf
    if np.ptp(points[:, 0]) > turn / 2:
        points[:, 0] += np.where(points[:, 0] < 0, turn, 0)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.1 * (high - low)
    low, high = low - margin, high + margin
    if source.is_geographic:
        low[1], high[1] = max(low[1], -turn / 4), min(high[1], turn / 4)
    return np.concatenate([low, high])


def _clipped_to(polygons: np.ndarray, box: np.ndarray, source: CRS) -> tuple[np.ndarray, np.ndarray]:
    """Polygons that reach into the box, beyond it pressed onto its border; and the place of each among the given.

    Degrees are also tried a turn to the east and to the west.
    """
    turn = 360 / degrees_each(source) if source.is_geographic else 0.0
    bounds = shapely.bounds(polygons)
    kept, origins = [], []
    for shift in (0.0, turn, -turn) if turn else (0.0,):
        moved = bounds + np.array([shift, 0, shift, 0])
        near = np.flatnonzero((moved[:, :2] <= box[2:]).all(axis=1) & (moved[:, 2:] >= box[:2]).all(axis=1))
        if not near.size:
            continue
        chosen = polygons[near]
        if shift:
            chosen = shapely.transform(chosen, lambda xy, shift=shift: xy + np.array([shift, 0]))
        beyond = (moved[near, :2] < box[:2]).any(axis=1) | (moved[near, 2:] > box[2:]).any(axis=1)
        if beyond.any():
            chosen[beyond] = _clamped(chosen[beyond], box)
        kept.append(chosen)
        origins.append(near)
    if not kept:
        return np.empty(0, object), np.empty(0, np.int64)
    return np.concatenate(kept), np.concatenate(origins)


def _clamped(polygons: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The polygons with what lies beyond the box moved onto its border; unchanged inside it.

    Edges are first divided where they cross the box's four lines, so that each part moves as a whole and no
    winding number inside the box changes. Costs a fixed time an edge, unlike an intersection.
    """
    low, high = box[:2], box[2:]
    points, ring, owner = points_of(polygons)
    side = (points > high).astype(np.int8) - (points < low)
    edge = np.flatnonzero((side[1:] != side[:-1]).any(axis=1) & (ring[1:] == ring[:-1]))
    start, along = points[edge], points[edge + 1] - points[edge]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        shares = np.sort(np.hstack([(low - start) / along, (high - start) / along]), axis=1)
    place, nth = np.nonzero((shares > 0) & (shares < 1))
    crossings = start[place] + shares[place, nth][:, None] * along[place]
    points = np.clip(np.insert(points, edge[place] + 1, crossings, axis=0), low, high)
    rings = shapely.linearrings(points, indices=np.insert(ring, edge[place] + 1, ring[edge[place]]))
    return np.asarray(shapely.polygons(rings, indices=owner))


def _densified(polygons: np.ndarray, longest: float, place: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The polygons with no edge above `longest`, then placed. Raises Refusal where a point has no place.

    `shapely.segmentize` also rebuilds polygons by their buffer, which costs far more and may change them.
    """
    points, ring, owner = points_of(polygons)
    same = np.append(ring[1:] == ring[:-1], False)
    along = np.zeros_like(points)
    along[same] = points[1:][same[:-1]] - points[:-1][same[:-1]]
    pieces = np.maximum(np.ceil(np.hypot(along[:, 0], along[:, 1]) / longest), 1).astype(np.int64)
    first = np.repeat(np.cumsum(pieces) - pieces, pieces)
    share = (np.arange(first.size) - first) / np.repeat(pieces, pieces)
    placed = place(np.repeat(points, pieces, axis=0) + share[:, None] * np.repeat(along, pieces, axis=0))
    if not np.isfinite(placed).all():
        raise Refusal("holds coordinates that the scene's projection cannot show. Cut the polygons to the scene.")
    rings = shapely.linearrings(placed, indices=np.repeat(ring, pieces))
    return np.asarray(shapely.polygons(rings, indices=owner))


def _placing(source: CRS, grid: Grid) -> Callable[[np.ndarray], np.ndarray]:
    """A function from (n, 2) coordinates of the source to those of the grid; degrees come out near the scene."""
    forth = Transformer.from_crs(source, grid.crs, always_xy=True)
    middle = (grid.transform @ (grid.width / 2, grid.height / 2))[0]
    turn = 360 / degrees_each(grid.crs) if grid.crs is not None and grid.crs.is_geographic else 0.0
    if np.ptp([(grid.transform @ corner)[0] for corner in _corners(grid)]) > turn / 2:
        turn = 0.0

    def place(points: np.ndarray) -> np.ndarray:
        x, y = forth.transform(points[:, 0], points[:, 1])
        if turn:
            with np.errstate(invalid="ignore"):
                x = x - turn * np.round((x - middle) / turn)
        return np.column_stack([x, y])

    return place


def _longest_edge(grid: Grid, box: np.ndarray, place: Callable[[np.ndarray], np.ndarray]) -> float:
    """How long an edge may be, in units of the source, to stay within a quarter of a pixel of straight.

    Edges in four directions around points all over the scene are measured at their middle; halved until
    they pass.
    """
    low, high = box[:2], box[2:]
    steps = np.linspace(0.05, 0.95, 11)
    middles = np.stack(np.meshgrid(*(low[a] + steps * (high - low)[a] for a in (0, 1))), axis=-1).reshape(-1, 2)
    directions = np.array([[1, 0], [0, 1], [0.7, 0.7], [0.7, -0.7]])
    longest = float((high - low).max())
    for _ in range(30):
        half = directions[:, None, :] * longest / 2
        ends = [_to_pixels(place((middles + way * half).reshape(-1, 2)), grid) for way in (-1, 0, 1)]
        with np.errstate(invalid="ignore"):
            bend = np.hypot(*((ends[0] + ends[2]) / 2 - ends[1]).T)
        bend = bend[np.isfinite(bend)]
        if not bend.size or bend.max() <= _LARGEST_BEND_PX:
            break
        longest /= 2
    return longest


def _to_pixels(points: np.ndarray, grid: Grid) -> np.ndarray:
    """Columns and rows, (n, 2) float64, of coordinates in the grid's CRS."""
    t = ~grid.transform
    x, y = points[:, 0], points[:, 1]
    with np.errstate(invalid="ignore", over="ignore"):
        return np.column_stack([t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f])


def _downward(area: Area, grid: Grid) -> tuple[np.ndarray, ...]:
    """Edges in pixels from the upper to the lower end: column, row, column, row, and 1 or -1 for their direction.

    One order for both neighbours of a common edge, so that rounding leaves no gap between them.
    """
    edges, turn = area.edges
    start, end = _to_pixels(edges[:, :2], grid), _to_pixels(edges[:, 2:], grid)
    down = end[:, 1] >= start[:, 1]
    upper, lower = np.where(down[:, None], start, end), np.where(down[:, None], end, start)
    return upper[:, 0], upper[:, 1], lower[:, 0], lower[:, 1], np.where(down, turn, -turn)


def _parts(items: np.ndarray, weights: np.ndarray, most: int) -> Iterator[np.ndarray]:
    """Consecutive parts of `items` with about `most` of weight each."""
    total = np.cumsum(weights)
    if items.size:
        yield from np.split(items, np.searchsorted(total, np.arange(most, total[-1], most)))


def _outside(area: Area, grid: Grid, source: CRS) -> str:
    to_degrees = Transformer.from_crs(source, "OGC:CRS84", always_xy=True)
    west, south, east, north = area.geometry.bounds
    there = _degrees(*to_degrees.transform((west + east) / 2, (south + north) / 2))
    bounds = grid.bounds_lonlat
    here = _degrees((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2) if bounds else "elsewhere"
    return (
        f"The polygons lie outside the scene: those of {area.name} are around {there}, the scene is around {here}. "
        "Choose polygons of the same place."
    )


def _degrees(longitude: float, latitude: float) -> str:
    if not (math.isfinite(longitude) and math.isfinite(latitude)):
        return "an unknown place"
    longitude = (longitude + 180) % 360 - 180
    return f"{abs(latitude):.2f}° {'NS'[latitude < 0]}, {abs(longitude):.2f}° {'EW'[longitude < 0]}"
