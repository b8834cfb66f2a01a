"""Rasters of two dates brought onto the pixels of one grid: small ones to be looked at, and all labels."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from s2dash.classify import parts
from s2dash.core.grid import Grid
from s2dash.core.types import CancelToken, windows
from s2dash.errors import BrokenResult
from s2dash.export.contents import STRIP_ROWS
from s2dash.raster.door import GDAL_ERRORS, open_raster

MOST_SIDE = 720
"""Rows or columns of what is looked at, at most."""


def preview_grid(grid: Grid) -> Grid:
    """The grid of every n-th pixel of a map, of at most MOST_SIDE rows and columns."""
    return grid.decimated(max(1, -(-max(grid.shape_rc) // MOST_SIDE)))


def read_on_grid(path: Path, grid: Grid) -> np.ndarray:
    """All bands of a raster at the pixels of a grid, by the nearest of its own; shape (bands, rows, cols), its dtype.

    What lies outside is 0. Without a place, the raster is taken to show all of the grid.

    Raises BrokenResult where it can no longer be read.
    """
    try:
        with ExitStack() as stack:
            dataset = stack.enter_context(open_raster(path))
            if not grid.has_place:
                shape = (dataset.count, *grid.shape_rc)
                return np.asarray(dataset.read(out_shape=shape, resampling=Resampling.nearest))
            return np.asarray(stack.enter_context(placed_on(dataset, grid)).read())
    except GDAL_ERRORS as error:
        raise BrokenResult("A map of these dates can no longer be read. Classify the scenes again.") from error


def write_on_grid(path: Path, grid: Grid, out: Path, cancel: CancelToken) -> None:
    """Write labels at the pixels of a grid with a place, by the nearest of their own; memory holds one strip.

    Raises BrokenResult where they can no longer be read or written, Cancelled.
    """
    try:
        with ExitStack() as stack:
            placed = stack.enter_context(placed_on(stack.enter_context(open_raster(path)), grid))
            brought = stack.enter_context(parts.make_labels(out, grid))
            for window in windows(grid.shape_rc, (STRIP_ROWS, grid.width)):
                cancel.check()
                brought.write(placed.read(1, window=window.ranges_rc), 1, window=window.ranges_rc)
    except GDAL_ERRORS as error:
        raise BrokenResult("A map of these dates can no longer be read. Classify the scenes again.") from error


def placed_on(dataset: rasterio.DatasetReader, grid: Grid) -> WarpedVRT:
    """A raster at the pixels of a grid, by the nearest of its own; 0 is no data, also what lies outside."""
    return WarpedVRT(
        dataset,
        crs=grid.crs_wkt,
        transform=grid.transform,
        height=grid.height,
        width=grid.width,
        resampling=Resampling.nearest,
        src_nodata=0,
        nodata=0,
    )
