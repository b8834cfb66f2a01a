"""How rasters are opened and made: errors, handles and profiles. Nothing else of s2dash calls `rasterio.open`.

GDAL's environment (`settings.GDAL_ENVIRONMENT`) holds by then: the package sets it before any of its modules can load
GDAL. A driver is always named, so that no other one of GDAL's hundred looks at a file.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import rasterio
from affine import Affine
from rasterio._err import CPLE_BaseError
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from s2dash.core.grid import Grid

GDAL_ERRORS = (RasterioError, CPLE_BaseError)
"""All that rasterio raises for what GDAL says; it lets some of GDAL's own errors through."""

# A scene without a place is legal here and said so in words of our own. rasterio warns at each opening, on
# any thread, where `warnings.catch_warnings` is of no use.
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)


def open_raster(
    path: Path | str, driver: str = "GTiff", opener: Callable[..., IO[bytes]] | None = None
) -> rasterio.DatasetReader:
    """Open a file by one driver, whatever its name says; `opener` gives its bytes in the place of the disk.

    Raises one of GDAL_ERRORS where it is damaged or of another format.
    """
    return rasterio.open(path, driver=driver, opener=opener)


def make_geotiff(
    path: Path | str,
    shape_rc: tuple[int, int],
    dtype: str,
    *,
    count: int = 1,
    crs_wkt: str | None = None,
    transform: Affine | None = None,
    block: int | None = None,
    **options: Any,
) -> rasterio.io.DatasetWriter:
    """Begin a GeoTIFF; larger than 4 GB where it must be.

    Parameters
    ----------
    block : rows and columns of its tiles; strips where None
    options : creation options of GDAL's GTiff driver, and `nodata`

    Raises one of GDAL_ERRORS or OSError where it cannot be written.
    """
    tiles = {} if block is None else {"tiled": True, "blockxsize": block, "blockysize": block}
    place = {} if transform is None else {"transform": transform}
    profile = {
        "driver": "GTiff",
        "height": shape_rc[0],
        "width": shape_rc[1],
        "count": count,
        "dtype": dtype,
        "crs": crs_wkt or None,
        "bigtiff": "if_safer",
    }
    return rasterio.open(path, "w", **(profile | place | tiles | options))


def make_on_grid(path: Path | str, grid: Grid, dtype: str, **options: Any) -> rasterio.io.DatasetWriter:
    """The same with the shape and place of a grid; `options` are further arguments of `make_geotiff`."""
    return make_geotiff(path, grid.shape_rc, dtype, crs_wkt=grid.crs_wkt, transform=grid.transform, **options)
