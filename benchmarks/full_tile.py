"""Makes full Sentinel-2 tiles out of the sample scene's pixels: a product as downloaded, and stacks as people export.

Each is written once into a folder and found there the next time. The sample is mirrored over the tile without
noise: blocks are compressed by themselves, and at 0.8 to 1.0 bytes a pixel they come out as real ones do.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import rasterio
from common import SAMPLE_PATH
from rasterio.transform import from_origin

FULL_SIDE, QUICK_SIDE = 10_980, 2_748
"""Rows and columns at 10 m, of a tile and of about a sixteenth of one; divisible by 6."""
PIXEL_M = {
    "B01": 60, "B02": 10, "B03": 10, "B04": 10, "B05": 20, "B06": 20, "B07": 20, "B08": 10, "B8A": 20, "B09": 60,
    "B11": 20, "B12": 20, "SCL": 20,
}  # fmt: skip
"""The pictures of a Level-2A product, each at its finest."""
STACKED = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
_JP2_BLOCK = {10: 1024, 20: 640, 60: 192}
"""Internal tiles of the mission's files."""
_CORNER_XY = (600_000, 5_100_000)
_WATER_BELOW = 900
"""Near infrared, stored: tells water from land well enough for a stand-in classification."""
_BLOCK = 512
_SAFE = "S2B_MSIL2A_20180601T101031_N0208_R022_T32TQM_20180601T133000.SAFE"
_IMAGES = "GRANULE/L2A_T32TQM_A006430_20180601T101029/IMG_DATA"


def product(folder: Path, side: int) -> Path:
    """The folder of a Level-2A product with each band at its native pixel size, JP2 without loss."""
    return _once(folder / str(side) / _SAFE, lambda path: _write_product(path, side))


def zipped(folder: Path, side: int) -> Path:
    """`product` as a zip that stores its files as they are."""
    safe = product(folder, side)

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for picture in pictures(safe):
                archive.write(picture, picture.relative_to(safe.parent))

    return _once(safe.parent / "product.zip", write)


def pictures(safe: Path) -> list[Path]:
    """The files of a product that hold pixels."""
    return sorted(safe.rglob("*.jp2"))


def stack(folder: Path, side: int, interleave: str) -> Path:
    """A GeoTIFF of ten bands at 10 m, uint16, tiled by 512, deflate with predictor 2; interleave is pixel or band."""
    return _once(folder / str(side) / f"{interleave}.tif", lambda path: _write_stack(path, side, interleave))


def zarr_product(folder: Path, side: int, version: Literal[2, 3]) -> Path:
    """The same product as EOPF has it: Zarr, Blosc of Zstandard, 36 chunks a band; version 2 or 3."""
    name = f"{_SAFE.removesuffix('.SAFE')}.zarr"
    return _once(folder / str(side) / f"zarr{version}" / name, lambda path: _write_zarr(path, side, version))


def zipped_zarr(folder: Path, side: int, version: Literal[2, 3]) -> Path:
    """`zarr_product` as a zip that stores its files as they are."""
    product = zarr_product(folder, side, version)

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(product.rglob("*")):
                archive.write(file, file.relative_to(product.parent))

    return _once(product.with_name(f"{product.name}.zip"), write)


def sample_bands(names: tuple[str, ...], step: int = 1) -> np.ndarray:
    """Bands of the sample scene, shape (bands, rows, cols), uint16, every `step`-th pixel."""
    with rasterio.open(SAMPLE_PATH) as sample:
        indexes = [sample.descriptions.index(name) + 1 for name in names]
        return np.asarray(sample.read(indexes)[:, step // 2 :: step, step // 2 :: step])


def mirrored(values: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """Values of shape (bands, r, c) continued over the plane by mirroring, at whole-numbered rows and columns."""
    places = []
    for wanted, length in zip((rows, cols), values.shape[1:], strict=True):
        turn = wanted % (2 * length)
        places.append(np.where(turn < length, turn, 2 * length - 1 - turn))
    return values[:, places[0][:, None], places[1]]


def _once(path: Path, write: Callable[[Path], None]) -> Path:
    """Write to a path unless it is there; what is broken off half way does not count."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"part-{path.name}")
        write(part)
        part.rename(path)
    return path


def _write_product(safe: Path, side: int) -> None:
    def write(item: tuple[str, int]) -> None:
        band, pixel_m = item
        path = safe / _IMAGES / f"R{pixel_m}m" / f"T32TQM_20180601T101031_{band}_{pixel_m}m.jp2"
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_picture(path, band, pixel_m, side * 10 // pixel_m)

    # Each band is encoded by one thread and held whole meanwhile.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        list(pool.map(write, sorted(PIXEL_M.items(), key=lambda item: item[1])))


def _values(band: str, pixel_m: int, side: int) -> np.ndarray:
    """Of a whole band, shape (rows, cols)."""
    places = np.arange(side)
    values = mirrored(sample_bands(("B08" if band == "SCL" else band,), pixel_m // 10), places, places)[0]
    return np.where(values < _WATER_BELOW, 6, 4).astype(np.uint8) if band == "SCL" else values


def _write_picture(path: Path, band: str, pixel_m: int, side: int) -> None:
    values = _values(band, pixel_m, side)
    block = _JP2_BLOCK[pixel_m]
    how = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES", "BLOCKXSIZE": block, "BLOCKYSIZE": block}
    with rasterio.open(path, "w", **how, **_place(side, pixel_m), count=1, dtype=values.dtype) as out:
        out.write(values, 1)


def _write_zarr(root: Path, side: int, version: Literal[2, 3]) -> None:
    import zarr
    from numcodecs import Blosc
    from zarr.codecs import BloscCodec

    packing = Blosc("zstd", 3, Blosc.BITSHUFFLE) if version == 2 else BloscCodec(cname="zstd", clevel=3)
    group = zarr.create_group(root, zarr_format=version, attributes={"other_metadata": {}})
    for band, pixel_m in PIXEL_M.items():
        values = _values(band, pixel_m, side * 10 // pixel_m)
        folder = "conditions/mask/l2a_classification" if band == "SCL" else "measurements/reflectance"
        told: dict[str, Any] = {} if band == "SCL" else {"scale_factor": 0.0001, "add_offset": 0.0}
        told |= {"proj:epsg": 32632, "proj:transform": [pixel_m, 0, _CORNER_XY[0], 0, -pixel_m, _CORNER_XY[1]]}
        array = group.create_array(
            f"{folder}/r{pixel_m}m/{band.lower()}", shape=values.shape, dtype=values.dtype, fill_value=0,
            chunks=tuple(-(-length // 6) for length in values.shape), compressors=packing, attributes=told,
        )  # fmt: skip
        array[:] = values


def _write_stack(path: Path, side: int, interleave: str) -> None:
    values = sample_bands(STACKED)
    how = {
        "driver": "GTiff", "count": len(STACKED), "dtype": "uint16", "interleave": interleave, "tiled": True,
        "blockxsize": _BLOCK, "blockysize": _BLOCK, "compress": "deflate", "predictor": 2, "bigtiff": "if_safer",
        "num_threads": "all_cpus",
    }  # fmt: skip
    with rasterio.open(path, "w", **how, **_place(side, 10)) as out:
        for row in range(0, side, _BLOCK):
            rows = np.arange(row, min(row + _BLOCK, side))
            out.write(mirrored(values, rows, np.arange(side)), window=((row, row + len(rows)), (0, side)))
        out.descriptions = STACKED


def _place(side: int, pixel_m: int) -> dict[str, Any]:
    transform = from_origin(*_CORNER_XY, pixel_m, pixel_m)
    return {"width": side, "height": side, "crs": "EPSG:32632", "transform": transform}
