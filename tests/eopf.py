"""Makes small but genuine EOPF products of Sentinel-2 for tests, by the `zarr` package: versions 2 and 3, and shards.

Their pixels are those of `products.write_safe`, so what is made of both must be the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numcodecs import Blosc
from products import EPSG, L2A_BANDS, ORIGIN_XY, SENSED, pixel_centres, reflectance, scl_classes
from zarr.codecs import BloscCodec

from s2dash.core.sentinel2 import BANDS

L2A_NAME = "S2B_MSIL2A_20250601T101031_N0511_R022_T32TQM_20250601T133000.zarr"
L1C_NAME = "S2B_MSIL1C_20250601T101031_N0511_R022_T32TQM_20250601T133000.zarr"
SHORT_NAME = "S02MSIL1C_20250601T101031_0000_A064_T3A5.zarr"
SCALE, OFFSET = 0.0001, -0.1
_CHUNK = {10: 54, 20: 27, 60: 9}
"""Rows and columns, which divide no side of the default size."""


def write_eopf(
    folder: Path,
    *,
    level: str = "L2A",
    version: int = 2,
    name: str | None = None,
    size_m: int = 1200,
    sharded: bool = False,
    bands: Sequence[str] | None = None,
    empty_m: int = 0,
    with_scl: bool = True,
    place: str = "own",
    attributes: Mapping[str, Any] | None = None,
    array_attributes: Mapping[str, Any] | None = None,
    compressors: Any = "blosc",
    chunk: Mapping[int, int] | None = None,
    separator: str | None = None,
    order: str = "C",
    stac: Mapping[str, Any] | None = None,
    cloud_bits: np.ndarray | None = None,
    percent: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """Write a product into `folder` and return the path of its .zarr folder.

    Parameters
    ----------
    level : `L1C` or `L2A`
    version : of Zarr
    sharded : version 3 alone
    empty_m : width of a strip at the western edge that has no data; chunks all in it are not stored
    place : `own` attributes of each array, `coordinates` with the system in other_metadata, or `none`
    attributes, stac : further ones of the root, and of its STAC properties
    array_attributes : further ones of each band
    percent : probabilities at 20 m, of `cld` and `snw`
    cloud_bits : Level-1C's mask at 60 m: 1 for opaque clouds, 2 for cirrus, 4 for snow
    compressors : `blosc` for the mission's own, else what `zarr.create_array` takes
    """
    root = folder / (name or (L2A_NAME if level == "L2A" else L1C_NAME))
    date = "T10:10:31.024000Z"
    properties = {"platform": "sentinel-2b", "processing:level": level, "start_datetime": SENSED + date} | dict(
        stac or {}
    )
    other = {"horizontal_CRS_code": f"EPSG:{EPSG}"} if place == "coordinates" else {}
    top = {"stac_discovery": {"id": root.stem, "properties": properties}, "other_metadata": other} | dict(
        attributes or {}
    )
    group = zarr.create_group(root, zarr_format=version, attributes=top)
    how = _how(version, compressors, separator, order)
    wanted = tuple(BANDS) if bands is None else tuple(bands)
    for pixel_m in (10, 20, 60):
        path = f"measurements/reflectance/r{pixel_m}m"
        measured = group.create_group(path)
        x, y = pixel_centres(ORIGIN_XY, size_m, pixel_m)
        if place != "none":
            for axis, values in (("x", x.ravel()), ("y", y.ravel())):
                measured.create_array(axis, data=values.astype("int64"))
        for band in _bands_at(level, pixel_m):
            if band not in wanted:
                continue
            stored = np.clip(np.round(reflectance(band, x, y) * 10_000 + 1000), 1, 65_534).astype("<u2")
            stored[:, : empty_m // pixel_m] = 0
            told = {"scale_factor": SCALE, "add_offset": OFFSET, "fill_value": 0, "dtype": "<u2"}
            told |= _place(pixel_m, stored.shape, place) | dict(array_attributes or {})
            _write(measured, band.lower(), stored, pixel_m, chunk, sharded, how, told)
    if level == "L2A" and with_scl:
        for pixel_m in (20, 60):
            masks = group.create_group(f"conditions/mask/l2a_classification/r{pixel_m}m")
            classes = scl_classes(*pixel_centres(ORIGIN_XY, size_m, pixel_m))
            classes[:, : empty_m // pixel_m] = 0
            _write(masks, "scl", classes, pixel_m, chunk, sharded, how, _place(pixel_m, classes.shape, place))
    for last, values in (percent or {}).items():
        masks = group.require_group("quality/probability/r20m")
        _write(masks, last, values.astype("u1"), 20, chunk, sharded, how, _place(20, values.shape, place))
    if cloud_bits is not None:
        masks = group.create_group("conditions/mask/l1c_classification/r60m")
        _write(masks, "b00", cloud_bits.astype("u1"), 60, chunk, sharded, how, _place(60, cloud_bits.shape, place))
    group.create_group("quality/mask")
    return root


def _bands_at(level: str, pixel_m: int) -> tuple[str, ...]:
    if level == "L2A":
        return L2A_BANDS[pixel_m]
    return tuple(name for name, band in BANDS.items() if band.native_pixel_m == pixel_m)


def _place(pixel_m: int, shape_rc: tuple[int, ...], place: str) -> dict[str, Any]:
    if place != "own":
        return {}
    return {
        "proj:epsg": EPSG,
        "proj:transform": [pixel_m, 0, ORIGIN_XY[0], 0, -pixel_m, ORIGIN_XY[1]],
        "proj:shape": list(shape_rc),
    }


def _how(version: int, compressors: Any, separator: str | None, order: str) -> dict[str, Any]:
    how: dict[str, Any] = {"compressors": compressors}
    if compressors == "blosc":
        codec = Blosc("zstd", 3, Blosc.BITSHUFFLE) if version == 2 else BloscCodec(cname="zstd", clevel=3)
        how = {"compressors": codec}
    if separator is not None:
        how["chunk_key_encoding"] = {"name": "v2" if version == 2 else "default", "separator": separator}
    if version == 2:
        how["order"] = order
    return how


def _write(
    group: zarr.Group,
    name: str,
    values: np.ndarray,
    pixel_m: int,
    chunk: Mapping[int, int] | None,
    sharded: bool,
    how: Mapping[str, Any],
    attributes: Mapping[str, Any],
) -> None:
    side = (chunk or _CHUNK)[pixel_m]
    shards = {"shards": (2 * side, 2 * side)} if sharded else {}
    array = group.create_array(
        name, shape=values.shape, chunks=(side, side), dtype=values.dtype, fill_value=0, attributes=dict(attributes),
        **shards, **how,
    )  # fmt: skip
    array[:] = values


def changed_json(path: Path, **values: Any) -> None:
    """Put values into a JSON object on the disk."""
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
