"""Where an array lies: by its own attributes, those of its group and of the store, or by arrays of coordinates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError

from s2dash.ingest.places import crs_of_text
from s2dash.ingest.zarr.documents import numbers, text, values_named, whole

_LARGEST_CODE = 999_999
_EVEN = 1e-3
"""Of a pixel: how far coordinates may lie from an even division."""


def crs_wkt_of(sources: Iterable[object]) -> str | None:
    """The coordinate system that the first of these attributes states which state one; None for none that is known.

    By `proj:epsg`, `proj:code` or `proj:wkt2` (STAC's projection extension), or `horizontal_CRS_code` of EOPF.
    """
    for source in sources:
        for key in ("proj:epsg", "proj:code", "horizontal_CRS_code"):
            for value in values_named(source, key):
                if (wkt := _wkt_of_code(value)) is not None:
                    return wkt
        for value in values_named(source, "proj:wkt2"):
            if (wkt := crs_of_text(text(value))) is not None:
                return wkt
    return None


def _wkt_of_code(value: object) -> str | None:
    """`EPSG:32632`, 32632 or "32632"."""
    digits = text(value).upper().removeprefix("EPSG:") if isinstance(value, str) else ""
    code = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 6 else whole(value)
    if code is None or not 0 < code <= _LARGEST_CODE:
        return None
    try:
        return str(CRS.from_epsg(code).to_wkt())
    except CRSError:
        return None


def transform_of(sources: Iterable[Mapping[str, Any]], shape_rc: tuple[int, int]) -> Affine | None:
    """The first `proj:transform` or `proj:bbox` that these attributes state for an array of this shape."""
    for source in sources:
        shape = numbers(source.get("proj:shape"))
        if shape is not None and shape != tuple(map(float, shape_rc)):
            continue
        found = _of_transform(numbers(source.get("proj:transform"))) or _of_box(
            numbers(source.get("proj:bbox")), shape_rc
        )
        if found is not None:
            return found
    return None


def _of_transform(values: Sequence[float] | None) -> Affine | None:
    """From six numbers, or nine, row by row; or six in GDAL's order, which some write."""
    if values is None or len(values) not in (6, 9):
        return None
    if len(values) == 6 and values[2] == values[4] == 0:
        return Affine.from_gdal(*values)
    return Affine(*values[:6])


def _of_box(values: Sequence[float] | None, shape_rc: tuple[int, int]) -> Affine | None:
    """From the edges in the west, south, east and north."""
    if values is None or len(values) != 4:
        return None
    west, south, east, north = values
    if not (west < east and south < north):
        return None
    return Affine((east - west) / shape_rc[1], 0, west, 0, (south - north) / shape_rc[0], north)


def transform_of_centres(x: np.ndarray, y: np.ndarray) -> Affine | None:
    """From the coordinates of the centres of columns and rows; None where they are not even."""
    steps = []
    for places in (x.astype(np.float64), y.astype(np.float64)):
        if places.size < 2 or not np.isfinite(places).all():
            return None
        step = (places[-1] - places[0]) / (places.size - 1)
        even = places[0] + step * np.arange(places.size)
        if step == 0 or np.abs(places - even).max() > _EVEN * abs(step):
            return None
        steps.append((float(step), float(places[0] - step / 2)))
    (width, west), (height, north) = steps
    return Affine(width, 0, west, 0, height, north)
