"""A stranger's label raster, brought to the live pictures of a scene: what the one-shot process does of a reference."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from pyproj import Transformer
from pyproj.exceptions import ProjError

from s2dash.core.grid import Grid, decimation_step
from s2dash.core.legend import clean_name
from s2dash.core.reference import NO_CODE
from s2dash.core.scene import LIVE_PIXELS
from s2dash.core.types import Window, windows
from s2dash.errors import UnreadableFile
from s2dash.ingest.canonical import BLOCK
from s2dash.ingest.checks import driver_of, open_checked, read_grid, translated_header_errors
from s2dash.ingest.pile import GivenFile, shown
from s2dash.ingest.scene_facts import grid_of
from s2dash.raster.door import GDAL_ERRORS
from s2dash.raster.reading import preview_places

MOST_CODES = 1000
"""Maps of land cover have a few dozen; what has more is a measurement."""
_CLASS_TAG = re.compile(r"CLASS_(\d{1,3})")


def write_codes(
    given: GivenFile, grids: Sequence[list[Any]], folder: Path, progress: Callable[[float], None]
) -> dict[str, Any]:
    """Write the codes under the live picture of each grid as .npy, nearest; returns the facts.

    Raises UnreadableFile for what is no raster of labels, and for one that lies elsewhere.
    """
    name = shown(given.name)
    if driver_of(given.path) is None:
        raise UnreadableFile(f"{name} is no raster. Give a map of classes as GeoTIFF, one number for each class.")
    found, files = hashlib.sha256(), []
    with open_checked(given.path, name=name) as dataset:
        with translated_header_errors(name):
            source = read_grid(dataset, name)
            names = _own_names(dataset)
        for number, facts in enumerate(grids):
            codes = _codes_under(dataset, source, name, grid_of(facts))
            found.update(codes.tobytes())
            files.append(f"codes_{number}.npy")
            np.save(folder / files[-1], codes, allow_pickle=False)
            progress((number + 1) / len(grids))
    found.update(repr(sorted(names.items())).encode())
    return {"codes": files, "names": {str(code): words for code, words in names.items()}, "digest": found.hexdigest()}


def _own_names(dataset: rasterio.DatasetReader) -> dict[int, str]:
    """Names by code where the file is a class map of our own."""
    tagged = ((_CLASS_TAG.fullmatch(key), value) for key, value in dataset.tags().items())
    cleaned = {int(match[1]): clean_name(value) for match, value in tagged if match}
    return {code: words for code, words in cleaned.items() if words}


def _codes_under(dataset: rasterio.DatasetReader, source: Grid, name: str, grid: Grid) -> np.ndarray:
    """The code under the centre of each pixel of the live picture, shape (rows, cols), int32."""
    rows, cols = _places(source, name, grid)
    inside = (rows >= 0) & (rows < source.height) & (cols >= 0) & (cols < source.width)
    out = np.full(rows.shape, NO_CODE, dtype=np.int32)
    if inside.any():
        _fill(dataset, name, out, np.where(inside, rows, -1), cols, _box(rows[inside], cols[inside]))
    known = np.unique(out[out != NO_CODE])
    if not known.size:
        raise UnreadableFile(f"{name} says nothing of this scene: it lies elsewhere, or has no data here.")
    if known.size > MOST_CODES:
        raise UnreadableFile(
            f"{name} is no map of classes: it has more than {MOST_CODES:,} different numbers here. "
            "Give one with a whole number for each class."
        )
    return out


def _box(rows: np.ndarray, cols: np.ndarray) -> Window:
    """The least window that holds these pixels."""
    row, col = int(rows.min()), int(cols.min())
    return Window(row, col, int(rows.max()) - row + 1, int(cols.max()) - col + 1)


def _places(source: Grid, name: str, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the source under the centres of the live picture's pixels, shape (rows, cols), int64."""
    rows, cols = preview_places(grid, decimation_step(grid.shape_rc, LIVE_PIXELS))
    if not (source.has_place and grid.has_place):
        if source.shape_rc != grid.shape_rc:
            raise UnreadableFile(
                f"{name} has {source.height:,} x {source.width:,} pixels but the scene {grid.height:,} x "
                f"{grid.width:,}, and without coordinates they cannot be brought together. Give one with coordinates."
            )
        down, across = np.meshgrid(rows, cols, indexing="ij")
        return down.astype(np.int64), across.astype(np.int64)
    t, back = grid.transform, ~source.transform
    across, down = np.meshgrid(cols + 0.5, rows + 0.5)
    x, y = t.a * across + t.b * down + t.c, t.d * across + t.e * down + t.f
    try:
        x, y = Transformer.from_crs(grid.crs, source.crs, always_xy=True).transform(x, y)
    except ProjError as error:
        raise UnreadableFile(f"{name} cannot be brought into the scene's coordinates. Save it in WGS 84.") from error
    places = back.d * x + back.e * y + back.f, back.a * x + back.b * y + back.c
    found = [np.where(np.isfinite(p), np.clip(np.floor(p), -1, 2**31), -1).astype(np.int64) for p in places]
    return found[0], found[1]


def _fill(
    dataset: rasterio.DatasetReader, name: str, out: np.ndarray, rows: np.ndarray, cols: np.ndarray, box: Window
) -> None:
    """Take each pixel of `out` from its row and column of the first band, where its row is not below 0."""
    nodata, strip = dataset.nodatavals[0], max(BLOCK, dataset.block_shapes[0][0])
    order = np.argsort(rows, axis=None, kind="stable")
    sorted_rows = rows.ravel()[order]
    try:
        for part in windows((box.height, box.width), (strip, box.width)):
            first = box.row + part.row
            some = order[slice(*np.searchsorted(sorted_rows, (first, first + part.height)))]
            if not some.size:
                continue
            stored = dataset.read(1, window=((first, first + part.height), (box.col, box.col + box.width)))
            taken = stored[rows.ravel()[some] - first, cols.ravel()[some] - box.col]
            out.ravel()[some] = _as_codes(taken, nodata, name)
    except GDAL_ERRORS as error:
        raise UnreadableFile(f"{name} is damaged: its pixels cannot be read. Export it again.") from error


def _as_codes(stored: np.ndarray, nodata: float | None, name: str) -> np.ndarray:
    """Stored numbers as codes, int32; raises UnreadableFile for such as are no whole numbers of a usual size."""
    known = np.isfinite(stored)
    if nodata is not None:
        known &= stored != nodata
    numbers = np.where(known, stored, 0)
    if (np.abs(numbers.astype(np.float64)) > 2**31 - 2).any() or (numbers != np.rint(numbers)).any():
        raise UnreadableFile(f"{name} is no map of classes: its numbers are not whole. Give one number for each class.")
    codes = numbers.astype(np.int32)
    codes[~known] = NO_CODE
    return codes
