"""Makes files of yearly embeddings for tests, as people have them."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
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


TILE = "grid_0.15_52.05"


def npy(values: np.ndarray) -> bytes:
    """As `numpy.save` writes it; objects too."""
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def tile_arrays() -> tuple[np.ndarray, np.ndarray]:
    """Codes of shape (rows, cols, 128) and scales of shape (rows, cols), of which a corner is none."""
    rng = np.random.default_rng(3)
    made = rng.normal(0, 3, (4, 128))[kinds()] + rng.normal(0, 1, (*SHAPE_RC, 128))
    scales = (np.abs(made).max(axis=2) / 127).astype("float32")
    quantised = np.rint(made / scales[..., None]).astype("int8")
    scales[:5, :5] = np.nan
    return quantised, scales


def tile_files(
    folder: Path, name: str = TILE, right: int = 0, shape_rc: tuple[int, int] = SHAPE_RC
) -> dict[str, bytes]:
    """The three files of a tile by their names, its pixels `right` columns east of the usual ones."""
    rows, cols = (slice(length) for length in shape_rc)
    quantised, scales = (array[rows, cols].copy() for array in tile_arrays())
    land = np.ones((1, *shape_rc), dtype="uint8")
    mask = write_raster(folder / "mask.tiff", land, crs=UTM, transform=UTM_10M @ Affine.translation(right, 0))
    return {
        f"{name}.npy": npy(quantised),
        f"{name}_scales.npy": npy(scales),
        f"{name}.tiff": mask.read_bytes(),
    }


def laid_out(files: Mapping[str, bytes], year: str = "2024") -> dict[str, bytes]:
    """The files of tiles in the folders that GeoTESSERA makes."""
    arrays, masks = "global_0.1_degree_representation", "global_0.1_degree_tiff_all"
    named = {name: name.removesuffix("_scales.npy").removesuffix(".npy") for name in files}
    return {
        f"{masks}/{name}" if name.endswith(".tiff") else f"{arrays}/{year}/{named[name]}/{name}": content
        for name, content in files.items()
    }


def put(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write files by their names with folders; returns their paths."""
    paths = [folder / name for name in files]
    for path, content in zip(paths, files.values(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return paths


def packed(files: Mapping[str, bytes]) -> bytes:
    """A zip of files, none of them compressed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), content)
    return out.getvalue()


def spoilt(name: str) -> tuple[str, bytes]:
    """One file of a tile as it must not be, by what is wrong with it."""
    quantised, scales = tile_arrays()
    codes, good = f"{TILE}.npy", npy(quantised)
    bare = {"objects": np.array([{}], dtype=object), "fractions": quantised.astype("float32")}
    if name in bare:
        return codes, npy(bare[name])
    if name == "fortran":
        return codes, npy(np.asfortranarray(quantised))
    if name == "cut":
        return codes, good[:-1]
    if name == "longer":
        return codes, good + b"x"
    if name == "lying shape":
        return codes, good.replace(b"(50, 70, 128)", b"(90000, 90000, 128)").replace(b" " * 6, b"", 1)
    if name == "huge header":
        return codes, b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + good[10:]
    if name == "code":
        return codes, good.replace(b"'|i1'", b"exit()")
    if name == "one axis":
        return codes, npy(quantised[..., :64].copy())
    if name == "empty":
        return codes, b""
    if name == "scales of another tile":
        return f"{TILE}_scales.npy", npy(scales[:-1].copy())
    if name == "place of another tile":
        return f"{TILE}.tiff", b"II*\0"
    raise AssertionError(name)
