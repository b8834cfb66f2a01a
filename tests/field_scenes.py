"""Makes scenes as people have them: four covers of known place, a slanted clip, fill of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scenes import write_raster

SHAPE_RC = (90, 120)
TEN = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")

_SPECTRA = {
    "B01": (0.052, 0.031, 0.088, 0.152),
    "B02": (0.042, 0.029, 0.108, 0.171),
    "B03": (0.036, 0.049, 0.148, 0.188),
    "B04": (0.021, 0.031, 0.201, 0.212),
    "B05": (0.019, 0.078, 0.229, 0.219),
    "B06": (0.016, 0.205, 0.248, 0.231),
    "B07": (0.015, 0.252, 0.268, 0.238),
    "B08": (0.013, 0.279, 0.291, 0.252),
    "B8A": (0.012, 0.302, 0.308, 0.259),
    "B09": (0.011, 0.309, 0.318, 0.262),
    "B10": (0.0008, 0.001, 0.0011, 0.0009),
    "B11": (0.009, 0.142, 0.378, 0.271),
    "B12": (0.008, 0.061, 0.331, 0.248),
}
"""Reflectance of water, forest, soil and town."""


def covers(shape_rc: tuple[int, int] = SHAPE_RC) -> np.ndarray:
    """Which of the four covers lies where: 1 to 4, shape (rows, cols), in quarters with wavy edges."""
    rows, cols = np.mgrid[0 : shape_rc[0], 0 : shape_rc[1]]
    is_right = cols >= shape_rc[1] / 2 + 5 * np.sin(rows / 6)
    return np.asarray(1 + is_right + 2 * (rows >= shape_rc[0] / 2))


def outside(shape_rc: tuple[int, int] = SHAPE_RC) -> np.ndarray:
    """What a slanted clip leaves outside: two corners and a wedge, about a quarter; shape (rows, cols), bool."""
    rows, cols = np.mgrid[0 : shape_rc[0], 0 : shape_rc[1]]
    height, width = shape_rc
    return np.asarray(
        (rows + cols < 0.45 * height) | (rows + cols > width + 0.5 * height) | (cols - rows > 0.75 * width)
    )


def reflectance(bands: Sequence[str] = TEN, shape_rc: tuple[int, int] = SHAPE_RC, seed: int = 0) -> np.ndarray:
    """The covers with noise, shape (bands, rows, cols), float64, from 0 to 1."""
    rng = np.random.default_rng(seed)
    clean = np.array([_SPECTRA[band] for band in bands])[:, covers(shape_rc) - 1]
    noisy: np.ndarray = clean * rng.normal(1, 0.04, clean.shape) + rng.normal(0, 0.0004, clean.shape)
    return noisy


def numbers(
    bands: Sequence[str] = TEN, added: float = 0, shape_rc: tuple[int, int] = SHAPE_RC, seed: int = 0
) -> np.ndarray:
    """The same as whole numbers of reflectance x 10,000 plus `added`, at least 1, float64."""
    return np.maximum(1, np.rint(reflectance(bands, shape_rc, seed) * 10_000) + added)


def write_clip(
    path: Path,
    dtype: str,
    fill: float | None,
    bands: Sequence[str] = TEN,
    where: np.ndarray | None = None,
    shape_rc: tuple[int, int] = SHAPE_RC,
    **how: Any,
) -> Path:
    """A stack with `fill` in every band at `where`, outside the clip if None; floats are fractions.

    Further arguments are those of `scenes.write_raster`.
    """
    floating = np.issubdtype(np.dtype(dtype), np.floating)
    values = reflectance(bands, shape_rc) if floating else numbers(bands, shape_rc=shape_rc)
    stored = values.astype(dtype)
    if fill is not None:
        stored[:, outside(shape_rc) if where is None else where] = fill
    return write_raster(path, stored, **{"descriptions": bands, **how})
