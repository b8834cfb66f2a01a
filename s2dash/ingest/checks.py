"""What must be true of a file's header before any of its pixels is read."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError, ProjError

from s2dash.core.grid import Grid
from s2dash.errors import UnreadableFile
from s2dash.ingest.kinds import SEEN_BYTES, WANTED, kind_of
from s2dash.raster.door import GDAL_ERRORS
from s2dash.raster.location import Place, location_of
from s2dash.settings import INGEST_LIMITS, IngestLimits

_DRIVERS = (
    (b"II*\x00", "GTiff"),
    (b"MM\x00*", "GTiff"),
    (b"II+\x00", "GTiff"),
    (b"MM\x00+", "GTiff"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JP2OpenJPEG"),
    (b"\xff\x4f\xff\x51", "JP2OpenJPEG"),
)
"""The first bytes of a raster, whatever its name says, and the one driver that may open it."""

_SMALLEST_SIDE, _LARGEST_SIDE = 1e-10, 1e8
"""Of a pixel in units of any CRS: beyond is no map."""
_LEAST_ANGLE = 1e-6
"""Between the sides of a pixel, radians: flatter ones have no inside."""
_FARTHEST = 1e12
"""Coordinates in units of any CRS."""

_REFUSED_DOMAINS = ("OVERVIEWS", "GEOLOCATION")
"""Metadata through which a genuine GeoTIFF or JPEG 2000 makes GDAL open other files."""

_JP2_DECODED_BYTES = 4
"""OpenJPEG decodes a tile into 32-bit numbers before they become what the header says."""


def driver_of(place: Place) -> str | None:
    """The driver for a raster by its first bytes; None where it is none that is read.

    Raises UnreadableFile where there is no such file or it is empty.
    """
    magic = first_bytes(place)
    return next((driver for start, driver in _DRIVERS if magic.startswith(start)), None)


def first_bytes(place: Place) -> bytes:
    """How a file begins, in up to 1,024 bytes; raises UnreadableFile for one that cannot be read or is empty."""
    location = location_of(place)
    magic = location.first_bytes(SEEN_BYTES)
    if not magic:
        raise UnreadableFile(f"{location.shown} is empty. {WANTED}")
    return magic


@contextlib.contextmanager
def translated_header_errors(name: str) -> Iterator[None]:
    """Whatever reading a header raises becomes an UnreadableFile about the file of that name."""
    try:
        yield
    except (*GDAL_ERRORS, ValueError, OverflowError) as error:
        raise UnreadableFile(f"{name} is damaged: its header cannot be read. Download or export it again.") from error


def open_checked(place: Place, limits: IngestLimits = INGEST_LIMITS, name: str | None = None) -> rasterio.DatasetReader:
    """Open a GeoTIFF or JPEG 2000 by the one driver of its first bytes, with its header within the limits.

    `name` is what errors call it, where that is not its own. Raises UnreadableFile that says what
    is wrong, with both numbers where a limit is passed.
    """
    location = location_of(place)
    shown = name or location.shown
    driver = driver_of(location)
    if driver is None:
        raise UnreadableFile(kind_of(shown, first_bytes(location)).sentence(shown))
    with translated_header_errors(shown):
        dataset = location.open(driver)
    try:
        with translated_header_errors(shown):
            _require_within(shown, dataset, location.size_bytes, limits)
    except BaseException:
        dataset.close()
        raise
    return dataset


def stored_bytes(dataset: rasterio.DatasetReader) -> int:
    """All pixels of all bands once decoded."""
    return sum(np.dtype(t).itemsize for t in dataset.dtypes) * dataset.width * dataset.height


def block_bytes(dataset: rasterio.DatasetReader) -> int:
    """What the decoding of one block takes."""
    item_bytes = max(np.dtype(t).itemsize for t in dataset.dtypes)
    rows, cols = dataset.block_shapes[0]
    if dataset.driver == "JP2OpenJPEG":
        return rows * cols * dataset.count * (_JP2_DECODED_BYTES + item_bytes)
    return rows * cols * item_bytes * (dataset.count if dataset.profile.get("interleave") == "pixel" else 1)


def _require_no_references(shown: str, domains: Iterable[str]) -> None:
    if not set(_REFUSED_DOMAINS).isdisjoint(domains):
        raise UnreadableFile(f"{shown} refers to other files, which is not accepted. Export it as a plain GeoTIFF.")


def _require_within(shown: str, dataset: rasterio.DatasetReader, file_bytes: int, limits: IngestLimits) -> None:
    _require_no_references(shown, dataset.tag_namespaces())
    if "SUBDATASETS" in dataset.tag_namespaces():
        raise UnreadableFile(f"{shown} holds several pictures in one file. Export the one with the bands by itself.")
    if any(np.issubdtype(np.dtype(t) if t != "complex_int16" else complex, np.complexfloating) for t in dataset.dtypes):
        raise UnreadableFile(f"{shown} holds complex numbers (radar?), not the brightness of optical bands.")
    stored = stored_bytes(dataset)
    shape_rc = (dataset.height, dataset.width)
    require_limits(shown, shape_rc, dataset.count, stored, block_bytes(dataset), stored, file_bytes, limits)
    for index in dataset.indexes:
        _require_no_references(shown, dataset.tag_namespaces(index))


def require_limits(
    shown: str,
    shape_rc: tuple[int, int],
    count: int,
    stored: int,
    block: int,
    declared: int,
    held: int,
    limits: IngestLimits = INGEST_LIMITS,
) -> None:
    """Raise UnreadableFile, with both numbers, for a raster that asks for more than a file may.

    Parameters
    ----------
    count : bands
    stored, block : bytes of all pixels and of one block once decoded
    declared, held : bytes that what is there declares to decode to, and that it has
    """
    checks = (
        ("rows or columns", max(shape_rc), limits.most_side),
        ("pixels", shape_rc[0] * shape_rc[1], limits.most_pixels),
        ("bands", count, limits.most_bands),
        ("bytes when unpacked", stored, limits.most_stored_bytes),
        ("bytes in one block", block, limits.most_block_bytes),
    )
    for what, found, most in checks:
        if found > most:
            raise UnreadableFile(f"{shown} declares {found:,} {what}; at most {most:,} are accepted.")
    if declared > limits.free_stored_bytes and declared / max(1, held) > limits.most_compression:
        raise UnreadableFile(
            f"{shown} declares {declared:,} bytes of pixels but holds only {held:,}. It is damaged or not genuine."
        )


NO_PLACE = "No place in this file. You can look, group and compare; hectares and basemaps need coordinates."


def _is_usable(transform: Affine) -> bool:
    """Whether pixels have a size, an inside and a place, in numbers that can be reckoned with."""
    width, height = math.hypot(transform.a, transform.d), math.hypot(transform.b, transform.e)
    return (
        all(_SMALLEST_SIDE < side < _LARGEST_SIDE for side in (width, height))
        and abs(transform.determinant) > _LEAST_ANGLE * width * height
        and all(abs(corner) < _FARTHEST for corner in (transform.c, transform.f))
    )


def read_grid(dataset: rasterio.DatasetReader, name: str) -> Grid:
    """The dataset's grid by its own header; without a CRS where it has none that places it on the Earth.

    Raises UnreadableFile for coordinates that cannot be: not finite, of no size, beyond the poles, or geocentric.
    """
    crs_wkt = dataset.crs.to_wkt() if dataset.crs else None
    return checked_grid((dataset.height, dataset.width), dataset.transform, crs_wkt, name)


def is_local(crs_wkt: str) -> bool:
    """Whether a coordinate system is one of a site or a drawing, which says nothing of the Earth."""
    try:
        return bool(CRS.from_wkt(crs_wkt).is_engineering)
    except CRSError:
        return False


def checked_grid(shape_rc: tuple[int, int], transform: Affine, crs_wkt: str | None, name: str) -> Grid:
    """A grid that can be; raises UnreadableFile as `read_grid` does."""
    wrong = f"{name} has coordinates that lie nowhere on the Earth"
    todo = "Export it again with its coordinate system, or without any."
    if not _is_usable(transform):
        raise UnreadableFile(f"{wrong}: its pixel size or corner is not a usable number. {todo}")
    if not crs_wkt or is_local(crs_wkt):
        return Grid(shape_rc, transform, None)
    grid = Grid(shape_rc, transform, crs_wkt)
    if grid.crs is None:
        raise UnreadableFile(f"{name} has a coordinate system that is no map's (geocentric or local). {todo}")
    try:
        bounds = grid.bounds_lonlat
    except ProjError as error:
        raise UnreadableFile(f"{wrong}. {todo}") from error
    if bounds is None or not all(math.isfinite(v) for v in bounds):
        raise UnreadableFile(f"{wrong}. {todo}")
    west, south, east, north = bounds
    if not (south >= -90.001 and north <= 90.001 and west >= -540 and east <= 540):
        raise UnreadableFile(
            f"{wrong}: latitude {south:.4g} to {north:.4g}, longitude {west:.4g} to {east:.4g}. {todo}"
        )
    return grid
