"""Makes loose files of bands for tests, as people have them: GeoTIFF or JPEG 2000, on any grid, under any name."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning

from s2dash import ingest
from s2dash.core.grid import Grid
from s2dash.core.scene import Masking, Pixels, Scene
from s2dash.core.types import Window
from s2dash.raster.reading import SceneReader

UTM = "EPSG:32632"
ORIGIN_XY = (600_000.0, 5_100_000.0)
"""East and north of the first corner of most grids here, metres."""


def placed(shape_rc: tuple[int, int], size: float, offset_xy: tuple[float, float] = (0, 0)) -> Grid:
    """A grid of square pixels whose first corner lies `offset_xy` metres east and south of the origin."""
    return Grid(shape_rc, Affine(size, 0, ORIGIN_XY[0] + offset_xy[0], 0, -size, ORIGIN_XY[1] - offset_xy[1]), UTM)


def write_band(
    path: Path,
    values: np.ndarray,
    grid: Grid,
    *,
    jp2: bool | None = None,
    with_crs: bool = True,
    with_transform: bool = True,
    mask: np.ndarray | None = None,
    scale_offset: tuple[float, float] | None = None,
    **profile: Any,
) -> Path:
    """Write values of shape (rows, cols) or (bands, rows, cols) under any name; returns the path.

    Parameters
    ----------
    jp2 : which bytes to write; by the name's ending where None
    with_transform : False leaves out the coordinates too, where there is no CRS
    mask : ndarray of shape (rows, cols), bool, written as the file's own mask
    """
    stack = values if values.ndim == 3 else values[None]
    if jp2 is None:
        jp2 = path.suffix == ".jp2"
    place: dict[str, Any] = {"transform": grid.transform} if with_transform else {}
    if with_crs:
        place["crs"] = grid.crs_wkt
    how = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"} if jp2 else {"driver": "GTiff"}
    shape = {"count": len(stack), "height": stack.shape[1], "width": stack.shape[2], "dtype": stack.dtype}
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True, GDAL_PAM_ENABLED="NO"):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **shape, **how, **place, **profile) as dataset:
            dataset.write(stack)
            if mask is not None:
                dataset.write_mask(mask.astype(np.uint8) * 255)
            if scale_offset is not None:
                dataset.scales = [scale_offset[0]] * len(stack)
                dataset.offsets = [scale_offset[1]] * len(stack)
    return path


def ground(shape_rc: tuple[int, int], seed: int = 0, brightness: float = 0.2) -> np.ndarray:
    """Reflectance with some structure, shape (rows, cols), float64, between 0.01 and 0.9."""
    rng = np.random.default_rng(seed)
    rows, cols = (np.linspace(0, 3, n) for n in shape_rc)
    waves = 1 + 0.5 * np.sin(2 * rows + seed)[:, None] * np.cos(3 * cols)[None, :]
    return np.clip(brightness * waves * rng.normal(1, 0.05, shape_rc), 0.01, 0.9)


def taken_in(paths: Path | Sequence[Path], folder: Path, **how: Any) -> Scene:
    """The files through the door, into a folder of their own."""
    return ingest.ingest(paths, folder / "taken-in", **how)


def read_all(scene: Scene, masking: Masking | None = None) -> Pixels:
    """Every band of the scene on its grid."""
    with SceneReader(scene) as reader:
        return reader.read(range(len(scene.bands)), Window(0, 0, *scene.grid.shape_rc), masking)
