"""The canonical raster: tiled, one dtype, chosen bands and a mask on one grid, with its decimated copy.

Every block is read before the file is accepted, and what later steps need is gathered on the same pass.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import RasterioError

from s2dash.errors import UnreadableFile
from s2dash.grid import decimated_shape, decimation_step
from s2dash.ingest.checks import read_grid
from s2dash.ingest.describe import acquisition_date, band_layout, guess_reflectance, has_internal_mask
from s2dash.scene import LIVE_PIXELS
from s2dash.types import windows

RASTER_NAME = "scene.tif"
PREVIEW_NAME = "preview.npy"
_BLOCK = 512


def rewrite(
    dataset: rasterio.DatasetReader, folder: Path, title: str, progress: Callable[[float], None]
) -> dict[str, Any]:
    """Write the canonical raster and the decimated copy of a checked dataset into a folder.

    Returns the facts that `ingest` makes a Scene of, as plain values. Raises UnreadableFile where
    a block cannot be read.
    """
    grid, notes = read_grid(dataset)
    layout = band_layout(dataset, title)
    with_mask = layout.mask_index is not None or has_internal_mask(dataset)
    dtype = _common_dtype(dataset, layout.indexes)
    step = decimation_step(grid.shape_rc, LIVE_PIXELS)
    count = len(layout.indexes) + with_mask
    preview = np.zeros((count, *decimated_shape(grid.shape_rc, step)), dtype=dtype)
    strip = max(1, _BLOCK // step) * step if step > 1 else _BLOCK
    parts = list(windows(grid.shape_rc, (strip, grid.width)))
    with rasterio.open(folder / RASTER_NAME, "w", **_profile(grid, count, dtype)) as out:
        for done, part in enumerate(parts, 1):
            try:
                values = dataset.read(list(layout.indexes), window=part.ranges_rc).astype(dtype, copy=False)
                if with_mask:
                    mask = _mask(dataset, layout.mask_index, part.ranges_rc)
                    values = np.concatenate([values, mask[None].astype(dtype)])
            except RasterioError as error:
                raise UnreadableFile(
                    f"{Path(dataset.name).name} is damaged: the pixels from row {part.row + 1:,} on cannot be read. "
                    "Download or export it again."
                ) from error
            out.write(values, window=part.ranges_rc)
            taken = values[:, step // 2 :: step, step // 2 :: step]
            preview[:, part.row // step : part.row // step + taken.shape[1]] = taken
            progress(done / len(parts))
    np.save(folder / PREVIEW_NAME, preview, allow_pickle=False)
    date, year = acquisition_date(dataset.tags(), title)
    nodata = [dataset.nodatavals[i - 1] for i in layout.indexes]
    reflectance = guess_reflectance(dtype, _without_nodata(preview[: len(layout.indexes)], nodata), dataset.tags())
    return {
        "shape_rc": list(grid.shape_rc),
        "transform": list(grid.transform[:6]),
        "crs_wkt": grid.crs_wkt,
        "bands": [[band.name, band.standard] for band in layout.bands],
        "mask_index": count if with_mask else None,
        "dtype": dtype,
        "nodata": [None if n is None else repr(float(n)) for n in nodata],
        "reflectance": [reflectance.quantification, reflectance.offset, reflectance.sentence],
        "names_are_guessed": layout.names_are_guessed,
        "notes": [*notes, *layout.notes],
        "date": date,
        "year": year,
        "level": dataset.tags().get("PROCESSING_LEVEL", "")[:20] or None,
    }


def _profile(grid: Any, count: int, dtype: str) -> dict[str, Any]:
    floating = np.issubdtype(np.dtype(dtype), np.floating)
    return {
        "driver": "GTiff",
        "height": grid.height,
        "width": grid.width,
        "count": count,
        "dtype": dtype,
        "crs": grid.crs_wkt,
        "transform": grid.transform,
        "tiled": True,
        "blockxsize": _BLOCK,
        "blockysize": _BLOCK,
        "interleave": "band",
        "compress": "zstd",
        "zstd_level": 1,
        "predictor": 3 if floating else 2,
        "photometric": "minisblack",
        "bigtiff": "if_safer",
    }


def _common_dtype(dataset: rasterio.DatasetReader, indexes: tuple[int, ...]) -> str:
    """The dtype that holds every chosen band."""
    return str(np.result_type(*(np.dtype(dataset.dtypes[i - 1]) for i in indexes)))


def _mask(dataset: rasterio.DatasetReader, mask_index: int | None, ranges_rc: Any) -> np.ndarray:
    """1 where the alpha band, or else the file's own mask, says valid; 0 elsewhere."""
    stored = dataset.read(mask_index, window=ranges_rc) if mask_index else dataset.dataset_mask(window=ranges_rc)
    return np.asarray(stored != 0)


def _without_nodata(values: np.ndarray, nodata: list[float | None]) -> np.ndarray:
    keep = np.isfinite(values) & (values != 0)
    for kept, band, value in zip(keep, values, nodata, strict=True):
        if value is not None:
            kept &= band != value
    return values[keep]
