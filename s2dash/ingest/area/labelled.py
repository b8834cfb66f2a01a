"""Polygons and points of a stranger whose class is known: brought to a scene's grid, a number for each feature."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from affine import Affine
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from shapely.errors import GEOSException

from s2dash.core.grid import Grid
from s2dash.core.legend import clean_name
from s2dash.core.types import Window, windows
from s2dash.errors import UnreadableFile
from s2dash.ingest.area.geojson import read_geojson_features
from s2dash.ingest.area.kinds import GEOJSON
from s2dash.ingest.area.placing import OutsideScene, area_on, burn
from s2dash.ingest.area.polygons import flattened, system_of
from s2dash.ingest.area.shapes import Area, Collected, Others, Refusal, area_of, polygons_of, require_few
from s2dash.ingest.area.sources import vector_files
from s2dash.ingest.area.vectors import read_layers
from s2dash.ingest.canonical import BLOCK
from s2dash.ingest.pile import GivenFile
from s2dash.raster.door import make_on_grid
from s2dash.settings import AREA_LIMITS, AreaLimits

NUMBERS_NAME = "known.tif"
COLUMNS_NAME = "known.json"
MOST_FEATURES = 50_000
"""That meet the scene: each is burnt by itself."""
MOST_VALUES = 500
"""Of one column; what has more tells features apart, not classes."""
MOST_COLUMNS = 100
_NOTHING = frozenset(("", "nan", "none", "null", "<na>"))


@dataclass(frozen=True)
class _Group:
    """Features of one coordinate system; owners are numbers of features in the whole file, from 0."""

    polygons: Collected
    points: np.ndarray
    """(n, 2) float64."""
    point_owners: np.ndarray
    crs: CRS
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Features:
    count: int
    groups: tuple[_Group, ...]
    columns: Mapping[str, list[str]]
    """By heading a text for each feature, empty where it has none."""


def write_known(
    given: Sequence[GivenFile], grid: Grid, folder: Path, progress: Callable[[float], None]
) -> dict[str, Any]:
    """Write a raster of feature numbers (from 1; 0 is none) and what columns say of them; returns the facts.

    Where features overlap the first in the file counts. Raises UnreadableFile for what is no file of polygons or
    points with columns, for such as lie elsewhere, and where limits are passed.
    """
    name = given[0].name
    if grid.crs is None:
        raise UnreadableFile(f"{name} needs coordinates to lie on, and this scene has no place on the Earth.")
    try:
        with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as scratch:
            features = _read(given, name, Path(scratch), grid.crs, AREA_LIMITS)
        columns = {key: values for key, values in features.columns.items() if _may_be_class(values)}
        if not columns:
            raise Refusal(
                f"has no column that could hold a class: one with 1 to {MOST_VALUES} different texts or whole numbers."
            )
        placed = _placed(features, name, grid)
    except Refusal as refusal:
        raise UnreadableFile(f"{name} {refusal}") from refusal
    except OSError as error:
        raise UnreadableFile(f"{name} cannot be read: {error.strerror}.") from error
    except GEOSException as error:
        raise UnreadableFile(f"{name} holds polygons that cannot be repaired. Simplify them.") from error
    overlapping = _write_numbers(placed, grid, folder / NUMBERS_NAME, progress)
    notes = list(placed.notes)
    if overlapping:
        notes.append(f"Where polygons overlap ({overlapping:,} pixels) the first of the file counts.")
    digest = _write_columns(columns, folder)
    kind = "points" if placed.is_points else "polygons"
    return {"kind": kind, "notes": notes, "digest": digest, "count": features.count}


def _may_be_class(values: list[str]) -> bool:
    return 1 <= len({value for value in values if value}) <= MOST_VALUES


def _write_columns(columns: Mapping[str, list[str]], folder: Path) -> str:
    """Each column as its texts and a place among them for each feature, -1 for none; returns a digest."""
    found = []
    for heading, values in columns.items():
        texts = sorted({value for value in values if value})
        at = {text: i for i, text in enumerate(texts)} | {"": -1}
        found.append({"name": heading, "classes": texts, "class_of": [at[value] for value in values]})
    text = json.dumps(found)
    (folder / COLUMNS_NAME).write_text(text, encoding="utf-8")
    return hashlib.sha256(text.encode() + (folder / NUMBERS_NAME).read_bytes()).hexdigest()


def _read(given: Sequence[GivenFile], name: str, scratch: Path, scene_crs: CRS, limits: AreaLimits) -> _Features:
    found = vector_files(given, scratch, limits)
    if found[0].kind == GEOJSON:
        return _from_geojson(found[0].path, name, limits)
    groups, count, columns = [], 0, dict[str, list[str]]()
    vertices = 0
    for source in found:
        for layer in read_layers(source.path, limits, with_columns=True):
            flat, owners, _ = flattened(layer.shapes)
            vertices += int(shapely.get_num_coordinates(flat).sum())
            require_few(count + flat.size, vertices, limits)
            if layer.missing and source.kind == "gpkg":
                # Those that are said to be empty have been taken out.
                raise Refusal("is damaged: a feature's shape breaks off. Export it again.")
            points, point_owners = _points_of(layer.shapes)
            if flat.size or len(points):
                shapes = layer.shapes[~shapely.is_missing(layer.shapes)]
                crs, doubt = system_of(layer.crs, source.kind, shapely.total_bounds(shapes), scene_crs)
                polygons = Collected(flat, Others(), owners + count)
                groups.append(_Group(polygons, points, point_owners + count, crs, (*source.notes, *doubt)))
            _add_columns(columns, count, {key: _texts(values) for key, values in layer.columns.items()})
            count += len(layer.shapes)
    return _Features(count, tuple(groups), _filled(columns, count))


def _from_geojson(path: Path, name: str, limits: AreaLimits) -> _Features:
    found = read_geojson_features(path, name, limits)
    headings = dict.fromkeys(key for one in found.properties for key in one)
    columns = {key: [_text(one.get(key)) for one in found.properties] for key in list(headings)[:MOST_COLUMNS]}
    points = np.array([(x, y) for _, x, y in found.points], dtype=np.float64).reshape(-1, 2)
    owners = np.array([owner for owner, _, _ in found.points], dtype=np.int64)
    group = _Group(found.polygons, points, owners, found.crs, ())
    return _Features(len(found.properties), (group,), {clean_name(key) or "column": v for key, v in columns.items()})


def _points_of(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of points and multi-points, (n, 2), and the place of each among the given."""
    kind = np.where(shapely.is_missing(shapes) | shapely.is_empty(shapes), -1, shapely.get_type_id(shapes))
    places = np.flatnonzero(np.isin(kind, (0, 4)))
    points, index = shapely.get_coordinates(shapes[places], return_index=True)
    return points, places[index]


def _add_columns(columns: dict[str, list[str]], before: int, found: Mapping[str, list[str]]) -> None:
    """Put a layer's columns behind those of the layers before it, of `before` features."""
    for heading, values in found.items():
        key = clean_name(heading) or "column"
        if key in columns or len(columns) < MOST_COLUMNS:
            held = columns.setdefault(key, [])
            held += [""] * (before - len(held)) + values


def _filled(columns: Mapping[str, list[str]], count: int) -> dict[str, list[str]]:
    return {heading: values + [""] * (count - len(values)) for heading, values in columns.items()}


def _texts(values: np.ndarray) -> list[str]:
    return [_text(value) for value in values.tolist()]


def _text(value: object) -> str:
    """A value as a class may be called: text or a whole number; empty for all else."""
    if isinstance(value, float):
        return str(int(value)) if value == value and abs(value) < 1e15 and value == int(value) else ""
    if isinstance(value, bool | str | int):
        text = clean_name(str(value)[:300])
        return "" if text.casefold() in _NOTHING else text
    return ""


@dataclass(frozen=True)
class _Placed:
    """Features on a grid."""

    polygons: np.ndarray
    """(n,) of shapely.Polygon in columns and rows of the grid, sorted by feature."""
    owners: np.ndarray
    cells: np.ndarray
    """(n, 2) int64: rows and columns of points."""
    cell_owners: np.ndarray
    notes: tuple[str, ...]

    @property
    def is_points(self) -> bool:
        return len(self.cells) > 0 and not len(self.polygons)


_NONE: tuple[tuple[tuple[int, ...], type], ...] = (
    ((0,), object),
    ((0,), np.int64),
    ((0, 2), np.int64),
    ((0,), np.int64),
)
"""Shapes and kinds of the arrays of `_Placed` where there is nothing."""


def _placed(features: _Features, name: str, grid: Grid) -> _Placed:
    """All that meets the scene, in its pixels. Raises Refusal, UnreadableFile where nothing does."""
    # Empty ones first, as there is nothing to put together of no arrays.
    polygons, owners = [np.empty(0, dtype=object)], [np.empty(0, dtype=np.int64)]
    cells, cell_owners = [np.empty((0, 2), dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    notes: Counter[str] = Counter()
    outside: UnreadableFile | None = None
    for group in features.groups:
        notes.update(group.notes)
        if group.polygons.polygons.size:
            try:
                area = area_on(area_of(group.polygons, group.crs, (), name, AREA_LIMITS), grid)
            except OutsideScene as error:
                outside = error
            else:
                notes.update(area.notes)
                polygons.append(_in_pixels(area, grid))
                owners.append(np.asarray(area.owners))
        found = _cells(group.points, group.crs, grid)
        inside = np.all((found >= 0) & (found < grid.shape_rc), axis=1)
        cells.append(found[inside])
        cell_owners.append(group.point_owners[inside])
        if not inside.all():
            notes.update([f"{int((~inside).sum()):,} of {len(inside):,} points lie outside the scene."])
    if not sum(map(len, (*polygons, *cells))):
        raise outside or Refusal("holds no polygons and no points on the scene. Choose a file of the same place.")
    there = np.unique(np.concatenate([*owners, *cell_owners]))
    if len(there) > MOST_FEATURES:
        raise Refusal(f"has {len(there):,} features on the scene; at most {MOST_FEATURES:,} are read. Leave some out.")
    flat, of = np.concatenate(polygons), np.concatenate(owners)
    order = np.argsort(of, kind="stable")
    return _Placed(flat[order], of[order], np.concatenate(cells), np.concatenate(cell_owners), tuple(notes))


def _in_pixels(area: Area, grid: Grid) -> np.ndarray:
    t = ~grid.transform
    x, y = np.array([t.a, t.b, t.c]), np.array([t.d, t.e, t.f])

    def moved(points: np.ndarray) -> np.ndarray:
        return np.column_stack([points @ axis[:2] + axis[2] for axis in (x, y)])

    return np.asarray(shapely.transform(polygons_of(area.geometry), moved))


def _cells(points: np.ndarray, crs: CRS, grid: Grid) -> np.ndarray:
    """Rows and columns under points, (n, 2) int64, below 0 where they have no place in the grid's system."""
    try:
        x, y = Transformer.from_crs(crs, grid.crs, always_xy=True).transform(*points.T)
    except ProjError as error:
        raise Refusal("cannot be brought into the scene's coordinates. Save it in WGS 84 (EPSG:4326).") from error
    t = ~grid.transform
    with np.errstate(invalid="ignore", over="ignore"):
        places = np.column_stack([t.d * x + t.e * y + t.f, t.a * x + t.b * y + t.c])
    return np.where(np.isfinite(places), np.clip(np.floor(places), -1, 2**31), -1).astype(np.int64)


def _write_numbers(placed: _Placed, grid: Grid, path: Path, progress: Callable[[float], None]) -> int:
    """Burn all features, strip by strip; returns how many pixels lie in several."""
    pixels = Grid(grid.shape_rc, Affine.identity(), None)
    owners, starts = np.unique(placed.owners, return_index=True)
    parts = np.split(placed.polygons, starts[1:]) if owners.size else []
    shapes = [Area(shapely.multipolygons(part), "", len(part), ()) for part in parts]
    boxes = np.array([shape.geometry.bounds for shape in shapes]).reshape(-1, 4)
    overlapping = 0
    with make_on_grid(path, grid, "int32", block=BLOCK, compress="deflate", zlevel=1) as out:
        for strip in windows(grid.shape_rc, (BLOCK, grid.width)):
            held = np.zeros((strip.height, strip.width), dtype=np.int32)
            for i in np.flatnonzero((boxes[:, 1] < strip.row + strip.height) & (boxes[:, 3] > strip.row)):
                overlapping += _burn_onto(held, shapes[i], int(owners[i]) + 1, boxes[i], strip, pixels)
            _put_points(held, placed, strip)
            out.write(held, 1, window=strip.ranges_rc)
            progress((strip.row + strip.height) / grid.height)
    return overlapping


def _burn_onto(held: np.ndarray, shape: Area, number: int, box: np.ndarray, strip: Window, pixels: Grid) -> int:
    """Put a feature where there is none yet; returns how many of its pixels have another already."""
    left, top = max(0, int(box[0])), max(strip.row, int(box[1]))
    right = min(pixels.width, int(np.ceil(box[2])))
    bottom = min(strip.row + strip.height, int(np.ceil(box[3])))
    if right <= left or bottom <= top:
        return 0
    window = Window(top, left, bottom - top, right - left)
    inside = burn(shape, pixels, window).astype(bool)
    there = held[window.within(strip).slices_rc]
    taken = inside & (there > 0)
    there[inside & ~taken] = number
    return int(taken.sum())


def _put_points(held: np.ndarray, placed: _Placed, strip: Window) -> None:
    """Points count before polygons that lie below them, and the first of several on one pixel."""
    rows = placed.cells[:, 0] - strip.row
    here = np.flatnonzero((rows >= 0) & (rows < strip.height))[::-1]
    held[rows[here], placed.cells[here, 1]] = placed.cell_owners[here] + 1


def feature_columns(folder: Path) -> Iterator[tuple[str, tuple[str, ...], np.ndarray]]:
    """What `write_known` wrote of columns: heading, classes, and for each feature its place among them, int32."""
    for one in json.loads((folder / COLUMNS_NAME).read_text(encoding="utf-8")):
        yield (
            clean_name(str(one["name"])),
            tuple(clean_name(str(text)) for text in one["classes"]),
            np.array(one["class_of"], dtype=np.int32),
        )
