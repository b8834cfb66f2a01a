"""The mask of an area: polygons or a raster, burnt onto a scene's grid as one canonical raster."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.warp import reproject

from s2dash.core.grid import Grid, decimation_step
from s2dash.core.scene import LIVE_PIXELS
from s2dash.core.types import Window, windows
from s2dash.errors import UnreadableFile
from s2dash.ingest.area.placing import areas_on, burn
from s2dash.ingest.area.polygons import read_areas
from s2dash.ingest.canonical import BLOCK
from s2dash.ingest.checks import driver_of, open_checked, read_grid, translated_header_errors
from s2dash.ingest.kinds import is_beside
from s2dash.ingest.pile import GivenFile
from s2dash.ingest.scene_facts import grid_of
from s2dash.raster.door import GDAL_ERRORS, make_on_grid
from s2dash.raster.reading import preview_places

RASTER_NAME = "area.tif"
PREVIEW_NAME = "area_preview.npy"


def write_area(
    given: Sequence[GivenFile], grid_facts: list[Any], folder: Path, progress: Callable[[float], None]
) -> dict[str, Any]:
    """Write the mask as a raster on the grid (1 inside, 0 outside), and its decimated copy; returns the facts.

    `given` are polygons, which may lie in several files, or a raster. Raises UnreadableFile where it is neither, or
    leaves nothing of the scene.
    """
    grid = grid_of(grid_facts)
    notes: tuple[str, ...] = ()
    parts: Iterator[tuple[Window, np.ndarray]]
    name = given[0].name
    raster = raster_of(given)
    if raster is not None:
        name = raster.name
        parts = _from_raster(raster.path, name, grid)
    else:
        areas = areas_on(read_areas(given, scratch=folder, scene_crs=grid.crs), grid)
        notes = tuple(dict.fromkeys(note for area in areas for note in area.notes))
        parts = ((part, np.maximum.reduce([burn(area, grid, part) for area in areas])) for part in _parts(grid))
    rows, cols = preview_places(grid, decimation_step(grid.shape_rc, LIVE_PIXELS))
    preview = np.zeros((len(rows), len(cols)), dtype=np.uint8)
    found = hashlib.sha256()
    any_inside = False
    with _begun(folder / RASTER_NAME, grid) as out:
        for part, inside in parts:
            out.write(inside, 1, window=part.ranges_rc)
            found.update(inside.tobytes())
            any_inside |= bool(inside.any())
            start, end = np.searchsorted(rows, (part.row, part.row + part.height))
            preview[start:end] = inside[rows[start:end] - part.row][:, cols]
            progress((part.row + part.height) / grid.height)
    if not any_inside:
        raise UnreadableFile(f"{name} leaves nothing of the scene: no pixel's centre lies inside. Choose another area.")
    np.save(folder / PREVIEW_NAME, preview, allow_pickle=False)
    return {"raster": RASTER_NAME, "preview": PREVIEW_NAME, "digest": found.hexdigest(), "notes": list(notes)}


def raster_of(given: Sequence[GivenFile]) -> GivenFile | None:
    """The one file that begins as a GeoTIFF or JPEG 2000, where nothing else is given but what lies beside such."""
    main = [one for one in given if not is_beside(one.name)] or given
    is_one = len(main) == 1 and main[0].path.stat().st_size > 0
    return main[0] if is_one and driver_of(main[0].path) is not None else None


def _parts(grid: Grid) -> Iterator[Window]:
    return windows(grid.shape_rc, (BLOCK, grid.width))


def _from_raster(path: Path, name: str, grid: Grid) -> Iterator[tuple[Window, np.ndarray]]:
    """What a raster's first band says is inside: not 0, not nodata. Pixel by pixel, or nearest on another grid."""
    with open_checked(path, name=name) as dataset:
        with translated_header_errors(name):
            source = read_grid(dataset, name)
            nodata = dataset.nodatavals[0]
        inside = np.zeros(source.shape_rc, dtype=np.uint8)
        try:
            for part in windows(source.shape_rc, (max(BLOCK, dataset.block_shapes[0][0]), source.width)):
                stored = dataset.read(1, window=part.ranges_rc)
                inside[part.slices_rc] = (stored != 0) & np.isfinite(stored) & (nodata is None or stored != nodata)
        except GDAL_ERRORS as error:
            raise UnreadableFile(f"{name} is damaged: its pixels cannot be read. Export it again.") from error
    if not (source.has_place and grid.has_place):
        if source.shape_rc != grid.shape_rc:
            raise UnreadableFile(
                f"{name} has {source.height:,} x {source.width:,} pixels but the scene "
                f"{grid.height:,} x {grid.width:,}, "
                "and without coordinates they cannot be brought together. Give a mask with coordinates."
            )
        for part in _parts(grid):
            yield part, inside[part.slices_rc]
        return
    for part in _parts(grid):
        out = np.zeros((part.height, part.width), dtype=np.uint8)
        reproject(
            inside,
            out,
            src_transform=source.transform,
            src_crs=source.crs_wkt,
            dst_transform=grid.transform @ rasterio.Affine.translation(part.col, part.row),
            dst_crs=grid.crs_wkt,
            resampling=Resampling.nearest,
        )
        yield part, out


def _begun(path: Path, grid: Grid) -> rasterio.io.DatasetWriter:
    return make_on_grid(path, grid, "uint8", block=BLOCK, compress="deflate", zlevel=1)
