"""The cloud mask of Level-1C before processing baseline 04.00: polygons in GML, read within limits and burnt.

As products have it (Sentinel-2 Products Specification Document, issue 14): `eop:MaskFeature` with `eop:maskType`
OPAQUE or CIRRUS and one `gml:Polygon`, in east and north of the tile's UTM zone; a mask without clouds has no feature.
GDAL's GML driver is not used, as it follows links and files beside.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
import shapely
from pyproj import CRS
from shapely.errors import GEOSException

from s2dash.core.grid import Grid
from s2dash.core.types import windows
from s2dash.errors import UnreadableFile
from s2dash.ingest.align import same_crs
from s2dash.ingest.area.placing import OutsideScene, area_on, burn
from s2dash.ingest.area.shapes import Area, Refusal, collect, epsg
from s2dash.ingest.safe_xml import local_name, parsed_xml, text_of
from s2dash.settings import AREA_LIMITS

CLEAR, OPAQUE, CIRRUS = 5, 9, 10
"""Classes, in the numbers of the scene classification."""
_TYPES = {"OPAQUE": OPAQUE, "CIRRUS": CIRRUS}
_CRS = re.compile(r"(?:.*[:/])?EPSG[:/](?:[\d.]*[:/])?(\d{4,6})", re.IGNORECASE | re.ASCII)
_STRIP_ROWS = 512
_FARTHEST_M = 1e9
_DIMENSIONS = {"2": 2, "3": 3}


@dataclass(frozen=True, eq=False)
class CloudPolygons:
    """What a file says."""

    crs: CRS | None
    """None where the file names none, which only a mask without polygons may."""
    extent: tuple[float, float, float, float] | None
    """West, south, east, north of the ground that it speaks of; None where the file does not say."""
    areas: dict[int, Area]
    """By class; empty where there are no clouds."""


def read_polygons(path: Path, name: str) -> CloudPolygons:
    """Raises UnreadableFile for what is no such mask, is damaged, or passes a limit."""
    try:
        with path.open("rb") as file:
            xml = file.read(AREA_LIMITS.most_bytes + 1)
    except OSError as error:
        raise UnreadableFile(f"{name} cannot be read: {error.strerror}.") from error
    root = parsed_xml(xml, name, AREA_LIMITS.most_bytes)
    if local_name(root) != "Mask":
        raise UnreadableFile(f"{name} is not the cloud mask of a Sentinel-2 product.")
    try:
        return _polygons(root, name)
    except Refusal as refusal:
        raise UnreadableFile(f"{name} {refusal}") from refusal
    except GEOSException as error:
        raise UnreadableFile(f"{name} holds polygons that cannot be repaired.") from error


def burnt(polygons: CloudPolygons, grid: Grid, name: str) -> np.ndarray:
    """The classes on a grid, shape (rows, cols), uint8: 0 outside of the mask's extent; opaque goes before cirrus.

    Raises UnreadableFile where the polygons are in another system than the grid, or speak of another place.
    """
    classes = np.full(grid.shape_rc, CLEAR, dtype=np.uint8)
    if polygons.crs is not None:
        theirs = Grid(grid.shape_rc, grid.transform, polygons.crs.to_wkt())
        if not same_crs(theirs, grid):
            raise UnreadableFile(f"{name} is in {theirs.crs_label} but the bands in {grid.crs_label}.")
    if polygons.extent is not None:
        classes[~_inside(polygons.extent, grid)] = 0
        if not classes.any():
            raise UnreadableFile(f"{name} speaks of another place than the bands show.")
    for code in (CIRRUS, OPAQUE):
        # Clouds elsewhere on the tile than a cut of it are no reason to refuse the mask.
        with contextlib.suppress(OutsideScene):
            if code in polygons.areas:
                _burn_onto(classes, code, area_on(polygons.areas[code], grid, AREA_LIMITS), grid)
    return classes


def _burn_onto(classes: np.ndarray, code: int, area: Area, grid: Grid) -> None:
    for part in windows(grid.shape_rc, (_STRIP_ROWS, grid.width)):
        under = classes[part.slices_rc]
        under[(burn(area, grid, part) != 0) & (under != 0)] = code


def _inside(extent: tuple[float, float, float, float], grid: Grid) -> np.ndarray:
    """Where a pixel's centre lies in an extent, shape (rows, cols), bool."""
    west, south, east, north = extent
    t = grid.transform
    cols, rows = np.arange(grid.width)[None, :] + 0.5, np.arange(grid.height)[:, None] + 0.5
    x, y = t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f
    return np.asarray((x >= west) & (x <= east) & (y >= south) & (y <= north))


def _polygons(root: Element, name: str) -> CloudPolygons:
    found: dict[int, list[list[np.ndarray]]] = {}
    for feature in _below(root, "MaskFeature"):
        kind = next((text_of(one).upper() for one in _below(feature, "maskType")), "")
        if kind in _TYPES:
            for one in _below(feature, "Polygon"):
                if rings := _rings(one):
                    found.setdefault(_TYPES[kind], []).append(rings)
    crs = _crs(root)
    if not found:
        return CloudPolygons(crs, _extent(root), {})
    if crs is None:
        raise Refusal("does not say which coordinate system it is in.")
    areas = {code: _area(shapes, crs, name) for code, shapes in found.items()}
    return CloudPolygons(crs, _extent(root), areas)


def _area(shapes: list[list[np.ndarray]], crs: CRS, name: str) -> Area:
    """The polygons as they stand; raises Refusal.

    Those of clouds touch themselves at corners. They are not repaired, which takes GEOS ten seconds for a tile of
    small clouds: `burn` counts windings, and needs no valid polygons.
    """
    polygons = collect(shapes, AREA_LIMITS).polygons
    if abs(shapely.total_bounds(polygons)).max() > _FARTHEST_M:
        raise Refusal("holds coordinates that lie nowhere on the Earth.")
    return Area(shapely.multipolygons(polygons), crs.to_wkt(), len(polygons), (), name)


def _below(element: Element, name: str) -> Iterator[Element]:
    return (one for one in element.iter() if local_name(one) == name)


def _crs(root: Element) -> CRS | None:
    """The one system that the file names, of metres; raises Refusal for several, an unknown one, or degrees."""
    said = {name for one in root.iter() if (name := one.get("srsName"))}
    codes = {match[1] for name in said if (match := _CRS.fullmatch(name[:200].strip()))}
    if len(codes) > 1 or (said and not codes):
        raise Refusal("is in a coordinate system that we do not read.")
    if not codes:
        return None
    crs = epsg(int(codes.pop()))
    if not crs.is_projected:
        raise Refusal("is in degrees, and not in metres as cloud masks are.")
    return crs


def _extent(root: Element) -> tuple[float, float, float, float] | None:
    envelope = next(_below(root, "Envelope"), None)
    if envelope is None:
        return None
    corners = [_numbers(one)[:2] for tag in ("lowerCorner", "upperCorner") for one in list(_below(envelope, tag))[:1]]
    if len(corners) != 2 or any(len(corner) != 2 for corner in corners):
        raise Refusal("is damaged: it does not say where it begins and ends.")
    west, south, east, north = (float(number) for corner in corners for number in corner)
    return west, south, east, north


def _rings(polygon: Element) -> list[np.ndarray]:
    """The outer ring of a polygon and its holes, (n, 2) float64 each."""
    sides = [one for tag in ("exterior", "interior") for one in _below(polygon, tag)]
    found = (_points(one, polygon) for side in sides for one in _below(side, "posList"))
    return [ring for ring in found if len(ring)]


def _points(positions: Element, polygon: Element) -> np.ndarray:
    stated = (one.get("srsDimension") for one in (positions, polygon))
    size = _DIMENSIONS.get(next((text for text in stated if text), "2"))
    numbers = _numbers(positions)
    if size is None or len(numbers) % size:
        raise Refusal("is damaged: its coordinates do not come in pairs.")
    return numbers.reshape(-1, size)[:, :2]


def _numbers(element: Element) -> np.ndarray:
    try:
        return np.array((element.text or "").split(), dtype=np.float64)
    except ValueError as error:
        raise Refusal("is damaged: it holds coordinates that are no numbers.") from error
