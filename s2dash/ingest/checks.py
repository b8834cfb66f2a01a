"""What must be true of a file's header before any of its pixels is read."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import RasterioError

from s2dash.errors import UnreadableFile
from s2dash.grid import Grid
from s2dash.settings import INGEST_LIMITS, IngestLimits

_TIFF_MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_KINDS = (
    (b"\xff\xd8\xff", "a photo (JPEG)"),
    (b"\x89PNG", "a PNG picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x00\x00\x00\x0cjP", "a JPEG 2000 file"),
    (b"<", "a text file in XML"),
)
_REFUSED_DOMAINS = ("OVERVIEWS", "GEOLOCATION")
"""Metadata through which a genuine GeoTIFF makes GDAL open other files."""


def require_geotiff(path: Path) -> None:
    """Raise UnreadableFile, saying what it is instead, unless the first bytes are those of a TIFF."""
    try:
        with path.open("rb") as file:
            magic = file.read(16)
    except OSError as error:
        raise UnreadableFile(f"{path.name} cannot be read: {error.strerror}.") from error
    if magic.startswith(_TIFF_MAGIC):
        return
    if not magic:
        raise UnreadableFile(f"{path.name} is empty. Choose a GeoTIFF with Sentinel-2 bands.")
    kind = next((words for start, words in _KINDS if magic.startswith(start)), "not a GeoTIFF")
    raise UnreadableFile(
        f"{path.name} is {kind}, not satellite bands we can read. Choose a GeoTIFF with Sentinel-2 bands."
    )


def open_checked(path: Path, limits: IngestLimits = INGEST_LIMITS) -> rasterio.DatasetReader:
    """Open a GeoTIFF by the one driver, with its header within the limits.

    Raises UnreadableFile that says what is wrong, with both numbers where a limit is passed.
    """
    require_geotiff(path)
    try:
        dataset = rasterio.open(path, driver="GTiff")
    except (RasterioError, ValueError, OverflowError) as error:
        raise UnreadableFile(
            f"{path.name} is damaged: its header cannot be read. Download or export it again."
        ) from error
    try:
        _require_within(path, dataset, limits)
    except BaseException:
        dataset.close()
        raise
    return dataset


def _require_within(path: Path, dataset: rasterio.DatasetReader, limits: IngestLimits) -> None:
    for domain in dataset.tag_namespaces():
        if domain in _REFUSED_DOMAINS:
            raise UnreadableFile(
                f"{path.name} refers to other files, which is not accepted. Export it as a plain GeoTIFF."
            )
    if any(np.issubdtype(np.dtype(t) if t != "complex_int16" else complex, np.complexfloating) for t in dataset.dtypes):
        raise UnreadableFile(f"{path.name} holds complex numbers (radar?), not the brightness of optical bands.")
    pixels = dataset.width * dataset.height
    item_bytes = max(np.dtype(t).itemsize for t in dataset.dtypes)
    stored = pixels * dataset.count * item_bytes
    block_rows, block_cols = dataset.block_shapes[0]
    per_block = dataset.count if dataset.profile.get("interleave") == "pixel" else 1
    block = block_rows * block_cols * item_bytes * per_block
    file_bytes = max(1, path.stat().st_size)
    checks = (
        ("rows or columns", max(dataset.width, dataset.height), limits.most_side),
        ("pixels", pixels, limits.most_pixels),
        ("bands", dataset.count, limits.most_bands),
        ("bytes when unpacked", stored, limits.most_stored_bytes),
        ("bytes in one block", block, limits.most_block_bytes),
    )
    for what, found, most in checks:
        if found > most:
            raise UnreadableFile(f"{path.name} declares {found:,} {what}; at most {most:,} are accepted.")
    if stored > limits.free_stored_bytes and stored / file_bytes > limits.most_compression:
        raise UnreadableFile(
            f"{path.name} declares {stored:,} bytes of pixels but holds only {file_bytes:,}. "
            "It is damaged or not genuine."
        )


def read_grid(dataset: rasterio.DatasetReader) -> tuple[Grid, tuple[str, ...]]:
    """The dataset's grid, and notes in plain words; a place that is not on the Earth is left out and noted."""
    shape_rc = (dataset.height, dataset.width)
    transform = dataset.transform
    finite = all(math.isfinite(v) for v in transform[:6]) and abs(transform.determinant) > 0
    if not finite:
        transform = rasterio.Affine.identity()
    grid = Grid(shape_rc, transform, dataset.crs.to_wkt() if dataset.crs and finite else None)
    if grid.crs is None:
        words = "No place in this file. You can look, group and compare; hectares and basemaps need coordinates."
        return Grid(shape_rc, transform, None), (words,)
    bounds = grid.bounds_lonlat
    on_earth = bounds is not None and all(math.isfinite(v) for v in bounds) and abs(bounds[1]) <= 90 >= abs(bounds[3])
    if on_earth and bounds is not None and bounds[0] >= -540 and bounds[2] <= 540:
        return grid, ()
    words = "The coordinates in this file do not lie on the Earth, so it is shown without a place."
    return Grid(shape_rc, transform, None), (words,)
