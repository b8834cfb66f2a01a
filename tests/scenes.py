"""Makes small scenes for tests: pictures of plausible land cover, written as GeoTIFF of any shape, kind and place."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning

from s2dash import ingest
from s2dash.core import sentinel2
from s2dash.core.scene import Scene

UTM = "EPSG:32633"
UTM_10M = Affine(10, 0, 500_000, 0, -10, 5_200_000)
ROTATED = UTM_10M @ Affine.rotation(30)
SOUTH_UP = Affine(10, 0, 500_000, 0, 10, 5_200_000)
DEGREES = Affine(1e-4, 0, 12, 0, -1e-4, 48)

TEN_METRE = ("B02", "B03", "B04", "B08")

_SPECTRA = {
    "water": (1200, 900, 700, 450, 380, 330, 310, 290, 270, 240, 20, 150, 110),
    "forest": (1150, 820, 700, 480, 850, 1900, 2300, 2400, 2550, 900, 25, 1250, 600),
    "field": (1300, 1000, 1150, 900, 1600, 3200, 3800, 4000, 4200, 1300, 30, 2100, 1100),
    "soil": (1500, 1300, 1500, 1900, 2150, 2350, 2500, 2600, 2750, 1000, 35, 3300, 2700),
    "town": (1800, 1700, 1750, 1850, 1950, 2050, 2150, 2250, 2300, 1100, 40, 2350, 2100),
    "sand": (2400, 2500, 2900, 3300, 3500, 3600, 3700, 3750, 3850, 1500, 50, 4300, 3900),
}
"""Typical stored numbers (reflectance x 10,000) of bands B01 to B12."""


def land_cover(shape_rc: tuple[int, int], names: Sequence[str], seed: int = 0) -> np.ndarray:
    """Patches of six covers with noise, shape (bands, rows, cols), float64, reflectance x 10,000, at least 1."""
    rng = np.random.default_rng(seed)
    columns = [list(sentinel2.BANDS).index(name) if name in sentinel2.BANDS else i for i, name in enumerate(names)]
    spectra = np.array(list(_SPECTRA.values()))[:, np.mod(columns, 13)]
    patches = 18
    rows, cols = rng.random(patches) * shape_rc[0], rng.random(patches) * shape_rc[1]
    nearest = np.zeros(shape_rc, dtype=int)
    least = np.full(shape_rc, np.inf)
    for number, (row, col) in enumerate(zip(rows, cols, strict=True)):
        away = (np.arange(shape_rc[0])[:, None] - row) ** 2 + (np.arange(shape_rc[1])[None, :] - col) ** 2
        nearest[away < least] = number
        least = np.minimum(least, away)
    cover = nearest % len(_SPECTRA)
    clean = np.moveaxis(spectra[cover], -1, 0)
    return np.maximum(1, np.round(clean * rng.normal(1, 0.05, clean.shape)))


def as_dtype(values: np.ndarray, dtype: str) -> np.ndarray:
    """Reflectance x 10,000 as a file of that dtype usually holds it: 0 to 255, 0 to 1, or as it is."""
    if dtype == "uint8":
        return np.clip(np.round(values / 10_000 * 255), 1, 255).astype(dtype)
    if dtype.startswith("float"):
        return (values / 10_000).astype(dtype)
    return values.astype(dtype)


def write_raster(
    path: Path,
    values: np.ndarray,
    *,
    crs: str | None = UTM,
    transform: Affine = UTM_10M,
    nodata: float | None = None,
    descriptions: Sequence[str] | None = None,
    alpha: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    tags: dict[str, str] | None = None,
    tiled: bool = True,
    **profile: Any,
) -> Path:
    """Write values of shape (bands, rows, cols) as a GeoTIFF; returns the path.

    `alpha` becomes a last band marked as alpha, `mask` an internal mask, both of shape (rows, cols).
    """
    stack = values if alpha is None else np.concatenate([values, alpha[None].astype(values.dtype)])
    layout = {"tiled": True, "blockxsize": 32, "blockysize": 16} if tiled else {"blockysize": 8}
    with (
        warnings.catch_warnings(),
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True, GDAL_PAM_ENABLED="NO"),
    ):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            count=len(stack),
            height=stack.shape[1],
            width=stack.shape[2],
            dtype=stack.dtype,
            crs=crs,
            transform=transform if crs or transform != UTM_10M else None,
            nodata=nodata,
            **{"photometric": "minisblack", **layout, **profile},
        ) as dataset:
            if alpha is not None:
                dataset.colorinterp = [*dataset.colorinterp[:-1], ColorInterp.alpha]
            dataset.write(stack)
            for number, text in enumerate(descriptions or (), 1):
                dataset.set_band_description(number, text)
            if tags:
                dataset.update_tags(**tags)
            if mask is not None:
                dataset.write_mask(mask.astype(np.uint8) * 255)
    return path


def write_scene(
    path: Path,
    shape_rc: tuple[int, int] = (48, 64),
    names: Sequence[str] = TEN_METRE,
    dtype: str = "uint16",
    seed: int = 0,
    masked: Iterable[tuple[slice, slice]] = (),
    **how: Any,
) -> Path:
    """Write land cover as a GeoTIFF with described bands; further arguments are those of `write_raster`.

    `masked` are places that get the value of `nodata`, or 0 where there is none, in every band.
    """
    values = as_dtype(land_cover(shape_rc, names, seed), dtype)
    for rows, cols in masked:
        values[:, rows, cols] = how.get("nodata") or 0
    return write_raster(path, values, **{"descriptions": names, **how})


def make_scene(folder: Path, *args: Any, **how: Any) -> Scene:
    """`write_scene`, opened in place."""
    return open_scene(write_scene(folder / "scene.tif", *args, **how))


def open_scene(path: Path) -> Scene:
    """A tiled GeoTIFF in place."""
    scene = ingest.open_in_place(path)
    assert scene is not None
    return scene
