"""The cloud masks that a Level-1C product brings, pixels or polygons, made into classes on a grid of its bands.

A mask that cannot be used is no reason to refuse the picture: it is left out, and a note says why.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from affine import Affine

from s2dash.core.grid import Grid
from s2dash.core.missions import CLASSI
from s2dash.core.types import Window, windows
from s2dash.errors import UnreadableFile
from s2dash.ingest.align import same_crs
from s2dash.ingest.assemble.values import InputFile
from s2dash.ingest.checks import open_checked, read_grid, translated_header_errors
from s2dash.ingest.cloud_polygons import CIRRUS, CLEAR, OPAQUE, burnt, read_polygons
from s2dash.ingest.inputs import Inputs
from s2dash.ingest.pile import shown
from s2dash.ingest.pixels import PixelSource
from s2dash.ingest.product.cloud_files import CloudFile
from s2dash.raster.door import GDAL_ERRORS, make_on_grid
from s2dash.raster.location import FileLocation
from s2dash.settings import INGEST_LIMITS

_MASK_M = 60
"""Pixels of cloud masks in metres, and the lattice that polygons follow."""
_SNOW, _UNSAID = 11, 0
_ORDER = (OPAQUE, CIRRUS, _SNOW)
"""The bands of MSK_CLASSI in their order, each 0 or 1; where several hold, the first decides."""
_BLOCK = 512
_WHOLE = 1e-6


def with_cloud_masks(inputs: Inputs, scratch: Path) -> Inputs:
    """The inputs with a classification for each cloud mask that can be used, and notes of those that cannot.

    Parameters
    ----------
    scratch : a folder for what is made; exists
    """
    made: list[InputFile] = []
    notes: list[str] = []
    for number, (one, stored) in enumerate(inputs.clouds):
        name = shown(one.name)
        try:
            classes, grid = _classes(one, stored, name, _grid_of_bands(inputs, one.date))
        except UnreadableFile as error:
            notes.append(f"The product's cloud mask is not used. {error}")
            continue
        if (share := float((classes == _UNSAID).mean())) > 0:
            notes.append(f"{name} says nothing of {share:.1%} of the scene; clouds there are not left out.")
        target = scratch / f"clouds_{number}.tif"
        with make_on_grid(target, grid, "uint8", block=_BLOCK) as out:
            out.write(classes, 1)
        made.append(InputFile(FileLocation(target), name, None, True, one.date, quality=one.kind))
    provenance = replace(inputs.provenance, notes=(*inputs.provenance.notes, *notes))
    return replace(inputs, files=(*inputs.files, *made), provenance=provenance, clouds=())


def _grid_of_bands(inputs: Inputs, date: str | None) -> Grid:
    """A grid over the ground of the bands of a date, for their mask; raises UnreadableFile where they have no place."""
    known = inputs.provenance.places or {}
    for file in inputs.files:
        if file.is_scl or file.date != date:
            continue
        # A band that cannot be read is refused later, in words of its own.
        with contextlib.suppress(UnreadableFile):
            grid = _grid_of(file)
            grid = grid if grid.has_place else known.get(grid.shape_rc, grid)
            if grid.has_place:
                return _coarsened(grid)
    raise UnreadableFile("The bands have no coordinates to place it by.")


def _grid_of(file: InputFile) -> Grid:
    if file.pixels is not None:
        return file.pixels.grid
    with open_checked(file.location, name=file.name) as dataset, translated_header_errors(file.name):
        return read_grid(dataset, file.name)


def _coarsened(grid: Grid) -> Grid:
    """The same ground in the largest whole steps of pixels, up to 60 m, that hit the lattice of masks."""
    size = max(grid.pixel_size_m or (_MASK_M, _MASK_M))
    t = grid.transform
    corner = (t.c / t.a, t.f / t.e) if t.a and t.e else (0.5, 0.5)
    whole = (*grid.shape_rc, *corner)
    steps = range(max(1, round(_MASK_M / size)), 1, -1)
    step = next((n for n in steps if all(math.isclose(v / n, round(v / n), abs_tol=_WHOLE) for v in whole)), 1)
    rows, cols = (length // step for length in grid.shape_rc)
    return Grid((rows, cols), t @ Affine.scale(step), grid.crs_wkt)


def _classes(one: CloudFile, stored: Path | PixelSource, name: str, grid: Grid) -> tuple[np.ndarray, Grid]:
    """The mask's classes on the grid, uint8, 0 where it says nothing; raises UnreadableFile that says why not."""
    if grid.pixel_count > INGEST_LIMITS.most_mask_pixels:
        raise UnreadableFile(
            f"It would take {grid.pixel_count:,} pixels; at most {INGEST_LIMITS.most_mask_pixels:,} are accepted."
        )
    if not isinstance(stored, Path):
        return _placed_classes(*_from_bits(stored, name), grid, name), grid
    if one.kind == CLASSI:
        return _placed_classes(*_from_pixels(stored, name), grid, name), grid
    return burnt(read_polygons(stored, name), grid, name), grid


def _from_pixels(path: Path, name: str) -> tuple[np.ndarray, Grid]:
    """The classes of three bands, and the grid that they state."""
    with open_checked(path, name=name) as dataset:
        with translated_header_errors(name):
            own = read_grid(dataset, name)
        if dataset.count != len(_ORDER):
            raise UnreadableFile(f"{name} has {dataset.count} bands in place of three: opaque clouds, cirrus, snow.")
        _require_budget(own, name)
        classes = np.full(own.shape_rc, CLEAR, dtype=np.uint8)
        try:
            for part in windows(own.shape_rc, dataset.block_shapes[0]):
                stored = dataset.read(window=part.ranges_rc)
                for code, band in reversed(list(zip(_ORDER, stored, strict=True))):
                    classes[part.slices_rc][band != 0] = code
        except GDAL_ERRORS as error:
            raise UnreadableFile(f"{name} is damaged: its pixels cannot be read. Download it again.") from error
    return classes, own


def _from_bits(stored: PixelSource, name: str) -> tuple[np.ndarray, Grid]:
    """The classes of one band of bits, as EOPF products have them: 1 opaque clouds, 2 cirrus, 4 snow."""
    _require_budget(stored.grid, name)
    if not np.issubdtype(np.dtype(stored.dtype), np.integer):
        raise UnreadableFile(f"{name} should be whole numbers: 1 for opaque clouds, 2 for cirrus, 4 for snow.")
    bits = stored.read(Window(0, 0, *stored.grid.shape_rc))
    classes = np.full(bits.shape, CLEAR, dtype=np.uint8)
    for place, code in reversed(list(enumerate(_ORDER))):
        classes[bits & (1 << place) != 0] = code
    return classes, stored.grid


def _require_budget(own: Grid, name: str) -> None:
    if own.pixel_count > INGEST_LIMITS.most_mask_pixels:
        raise UnreadableFile(
            f"{name} declares {own.pixel_count:,} pixels; at most {INGEST_LIMITS.most_mask_pixels:,} are accepted."
        )


def _placed_classes(classes: np.ndarray, own: Grid, target: Grid, name: str) -> np.ndarray:
    """The classes on the grid of the bands."""
    found = _nearest(classes, _placed(own, target, name), target)
    if not found.any():
        raise UnreadableFile(f"{name} shows another place than the bands.")
    return found


def _placed(own: Grid, target: Grid, name: str) -> Grid:
    """The mask's grid, over the ground of the bands where it has no place; raises UnreadableFile for another system."""
    if not own.has_place:
        scale = [theirs / ours for theirs, ours in zip(target.shape_rc, own.shape_rc, strict=True)]
        if scale[0] != scale[1]:
            raise UnreadableFile(f"{name} has no coordinates, and another shape than the bands.")
        return Grid(own.shape_rc, target.transform @ Affine.scale(scale[1], scale[0]), target.crs_wkt)
    if not same_crs(own, target):
        raise UnreadableFile(f"{name} is in {own.crs_label} but the bands in {target.crs_label}.")
    return own


def _nearest(classes: np.ndarray, own: Grid, target: Grid) -> np.ndarray:
    """The class under the centre of each pixel of the target, 0 beyond the mask."""
    found = np.zeros(target.shape_rc, dtype=np.uint8)
    t = ~own.transform @ target.transform
    x = np.arange(target.width) + 0.5
    for row, y in enumerate(np.arange(target.height) + 0.5):
        cols, rows = (np.floor(a * x + b * y + c) for a, b, c in ((t.a, t.b, t.c), (t.d, t.e, t.f)))
        inside = (cols >= 0) & (cols < own.width) & (rows >= 0) & (rows < own.height)
        found[row, inside] = classes[rows[inside].astype(np.int64), cols[inside].astype(np.int64)]
    return found
