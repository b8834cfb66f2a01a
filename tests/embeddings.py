"""Makes files of yearly embeddings for tests, as people have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scenes import UTM, UTM_10M, write_raster

from s2dash.core.missions import CODE_NODATA

AXES = [f"A{n:02}" for n in range(64)]
SHAPE_RC = (50, 70)


def kinds() -> np.ndarray:
    """Which of four kinds of ground lies where, 0 to 3; no two quarters are of one size."""
    rows, cols = np.mgrid[0 : SHAPE_RC[0], 0 : SHAPE_RC[1]]
    return np.asarray(2 * (rows >= 20) + (cols >= 30))


def vectors(seed: int = 0) -> np.ndarray:
    """Unit vectors around a direction for each kind, shape (64, rows, cols), float64."""
    rng = np.random.default_rng(seed)
    made = rng.normal(0, 1, (4, 64))[kinds()] + rng.normal(0, 0.4, (*SHAPE_RC, 64))
    made /= np.linalg.norm(made, axis=2, keepdims=True)
    return np.asarray(made.transpose(2, 0, 1))


def codes(values: np.ndarray) -> np.ndarray:
    """As the dataset stores them."""
    return np.rint(np.sign(values) * np.sqrt(np.abs(values)) * 127.5).clip(-127, 127).astype("int8")


def coded() -> np.ndarray:
    """Codes with a corner of no data."""
    made = codes(vectors())
    made[:, :10, :10] = CODE_NODATA
    return made


def tessera(path: Path, version: str = "v1", year: str = "2024") -> Path:
    """As GeoTESSERA writes it: 128 axes in fractions, vectors of any length, a corner without data."""
    rng = np.random.default_rng(3)
    made = rng.normal(0, 3, (4, 128))[kinds()] + rng.normal(0, 1, (*SHAPE_RC, 128))
    made[:5, :5] = np.nan
    tags = {"TESSERA_DATASET_VERSION": version, "TESSERA_YEAR": year, "GEOTESSERA_VERSION": "0.7.5"}
    names = [f"Tessera_Band_{n}" for n in range(128)]
    return write(path, made.transpose(2, 0, 1).astype("float32"), descriptions=names, tags=tags)


def write(path: Path, values: np.ndarray, **how: Any) -> Path:
    return write_raster(path, values, **{"descriptions": AXES, "crs": UTM, "transform": UTM_10M, **how})
