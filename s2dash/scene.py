"""The Scene value and the reading of its pixels.

A scene's raster is one of our own making, or the operator's own file after the same checks; a
stranger's file is opened only in `ingest/`. Pixels come out as they are stored, with a mask beside
them, as one value (`Pixels`) that every later step takes.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from s2dash import sentinel2
from s2dash.errors import UnknownName
from s2dash.grid import Grid, decimation_step
from s2dash.types import Window, frozen, windows

# A scene without a place is legal here and said so in words of our own. rasterio warns at each opening, on
# any thread, where `warnings.catch_warnings` is of no use.
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)

_LARGEST_VALUE = 1e30
"""Floating-point values beyond this (and NaN) are no measurement, and their squares would overflow."""

LIVE_PIXELS = 1_048_576
"""The most grid pixels that the live picture has; a scene of at most this many is shown in full."""


@dataclass(frozen=True)
class Band:
    """One band of a scene."""

    name: str
    """Unique in its scene: `B02`, `B02_2018-04-19`, or the file's own words."""
    standard: str | None
    """The Sentinel-2 band it is, `B02`; None where nothing says so."""

    @property
    def wavelength_nm(self) -> int | None:
        return sentinel2.BANDS[self.standard].wavelength_nm if self.standard else None

    @property
    def suffix(self) -> str:
        """What the name adds to the standard one, such as a date; empty for most."""
        return self.name.removeprefix(self.standard) if self.standard else ""


@dataclass(frozen=True)
class Reflectance:
    """How stored numbers become reflectance: (stored + offset) / quantification."""

    quantification: float
    offset: float
    sentence: str
    """Where the two numbers come from, in plain words."""


@dataclass(frozen=True, eq=False)
class Pixels:
    """Stored values and their mask."""

    values: np.ndarray
    """Shape (bands, rows, cols), in the stored dtype."""
    valid: np.ndarray
    """Shape (rows, cols), bool; False is nodata."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture with named bands on one grid, and what was found out about it."""

    title: str
    """From the file's name or the sample's; text from outside, to be escaped where it is shown."""
    grid: Grid
    bands: tuple[Band, ...]
    path: Path
    band_indexes: tuple[int, ...]
    """Where each band stands in the raster, from 1."""
    dtype: str
    nodata: tuple[float | None, ...]
    """The tagged nodata value of each band."""
    mask_index: int | None
    """Where an alpha or mask band stands in the raster, from 1 (0 in it is nodata)."""
    reflectance: Reflectance
    digest: str
    """Says which content this is; caches are keyed by it."""
    level: str | None = None
    baseline: str | None = None
    year: int | None = None
    date: str | None = None
    notes: tuple[str, ...] = ()
    """What the user should know of how the file was understood, in plain words."""
    names_are_guessed: bool = False
    preview_path: Path | None = None
    """The decimated copy gathered at ingest, shape (raster bands, rows, cols) as .npy; None where not made."""

    @property
    def live_step(self) -> int:
        """Every how many pixels the live picture takes one; 1 means that it is the full picture."""
        return decimation_step(self.grid.shape_rc, LIVE_PIXELS)

    @property
    def band_names(self) -> tuple[str, ...]:
        return tuple(band.name for band in self.bands)

    @property
    def zero_is_nodata(self) -> bool:
        """Whether pixels that are zero in every band count as nodata: integers without a nodata tag."""
        return np.issubdtype(np.dtype(self.dtype), np.integer) and all(n is None for n in self.nodata)

    @property
    def attribution(self) -> str:
        return sentinel2.attribution(self.year)

    def optical_bands(self) -> tuple[int, ...]:
        """Positions of the bands whose mean is called brightness: all but those made for the air."""
        ground = [i for i, b in enumerate(self.bands) if b.standard not in sentinel2.ATMOSPHERE_BANDS]
        return tuple(ground or range(len(self.bands)))

    def positions(self, names: Sequence[str]) -> tuple[int, ...]:
        """Positions of bands by name; `B2` and `b02` are B02.

        Raises UnknownName for a name that is missing or fits several bands, listing what there is.
        """
        return tuple(self._position(name) for name in names)

    def _position(self, name: str) -> int:
        if name in self.band_names:
            return self.band_names.index(name)
        standard = sentinel2.standard_band_name(name)
        fits = [i for i, b in enumerate(self.bands) if standard and b.standard == standard]
        if len(fits) == 1:
            return fits[0]
        if fits:
            listed = ", ".join(self.bands[i].name for i in fits)
            raise UnknownName(f"{name} fits {len(fits)} bands of this scene: {listed}. Give one of these names.")
        raise UnknownName(f"There is no band {name[:60]} in this scene. It has {', '.join(self.band_names)}.")

    def to_reflectance(self, values: np.ndarray) -> np.ndarray:
        """Stored numbers as reflectance, float32, any shape (0.1 reflects a tenth of the light)."""
        as_float = np.asarray(values, dtype=np.float32)
        return (as_float + np.float32(self.reflectance.offset)) / np.float32(self.reflectance.quantification)


class SceneReader:
    """Reads windows of a scene. One thread each: a GDAL dataset must not be shared."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._dataset = rasterio.open(scene.path, driver="GTiff")

    def __enter__(self) -> SceneReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._dataset.close()

    @property
    def block_shape_rc(self) -> tuple[int, int]:
        """Rows and columns of a stored block; reading whole blocks is fastest."""
        height, width = self._dataset.block_shapes[0]
        return int(height), int(width)

    def read(self, positions: Sequence[int], window: Window, mask: str = "auto") -> Pixels:
        """The bands at `positions` in a window, values as stored.

        The mask is made by `valid_pixels`.
        """
        indexes = [self.scene.band_indexes[i] for i in positions]
        extra = [self.scene.mask_index] if self.scene.mask_index and mask == "auto" else []
        stack = self._dataset.read([*indexes, *extra], window=window.ranges_rc)
        values, alpha = (stack[:-1], stack[-1]) if extra else (stack, None)

        def rest_is_zero(candidates: np.ndarray) -> np.ndarray:
            others = [n for n in self.scene.band_indexes if n not in indexes]
            if not others:
                return candidates
            return candidates & ~self._dataset.read(others, window=window.ranges_rc).any(axis=0)

        return Pixels(values, _valid(self.scene, positions, values, alpha, mask, rest_is_zero))


def valid_pixels(scene: Scene, positions: Sequence[int], stack: np.ndarray, mask: str) -> np.ndarray:
    """The mask of chosen bands in a stack of all raster bands, shape (rows, cols), bool.

    Masked are: in any chosen band NaN, infinity or a value beyond 1e30, always; and with mask `auto` the tagged nodata
    value in any chosen band, 0 in an alpha or mask band, and, for integers without a nodata tag,
    zero in every band of the scene.
    """
    indexes = [scene.band_indexes[i] - 1 for i in positions]
    alpha = stack[scene.mask_index - 1] if scene.mask_index else None

    def rest_is_zero(candidates: np.ndarray) -> np.ndarray:
        return candidates & ~stack[[n - 1 for n in scene.band_indexes]].any(axis=0)

    return _valid(scene, positions, stack[indexes], alpha, mask, rest_is_zero)


def _valid(
    scene: Scene,
    positions: Sequence[int],
    values: np.ndarray,
    alpha: np.ndarray | None,
    mask: str,
    rest_is_zero: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """The mask of `valid_pixels`; `rest_is_zero` narrows candidates to those that are zero in all other bands too."""
    valid = np.ones(values.shape[1:], dtype=bool)
    if np.issubdtype(values.dtype, np.floating):
        valid &= (np.abs(values) <= _LARGEST_VALUE).all(axis=0)
    if mask == "none":
        return valid
    for position, band in zip(positions, values, strict=True):
        nodata = scene.nodata[position]
        if nodata is not None and not math.isnan(nodata):
            valid &= band != nodata
    if alpha is not None:
        valid &= alpha != 0
    if scene.zero_is_nodata:
        candidates = np.asarray(~values.any(axis=0))
        if candidates.any():
            valid &= ~rest_is_zero(candidates)
    return valid


def read_preview_stack(scene: Scene) -> np.ndarray:
    """Every raster band, nearest-decimated to the live picture, shape (raster bands, rows, cols).

    Taken from the copy that ingest gathered where there is one; a read-only array in the stored dtype.
    """
    if scene.preview_path is not None:
        return frozen(np.load(scene.preview_path, allow_pickle=False))
    with rasterio.open(scene.path, driver="GTiff") as dataset:
        return frozen(decimate(dataset, scene.live_step))


def decimate(dataset: rasterio.DatasetReader, step: int) -> np.ndarray:
    """Every `step`-th pixel of every band from row and column `step // 2` on, read strip by strip.

    Full-resolution pixels are taken by slicing: never GDAL's decimated read, which may average,
    and may follow overviews.
    """
    if step == 1:
        return dataset.read()
    first = step // 2
    rows, cols = (max(0, -(-(n - first) // step)) for n in (dataset.height, dataset.width))
    out = np.empty((dataset.count, rows, cols), dtype=dataset.dtypes[0])
    strip = max(1, 512 // step) * step
    for window in windows((dataset.height, dataset.width), (strip, dataset.width)):
        taken = dataset.read(window=window.ranges_rc)[:, first::step, first::step]
        out[:, window.row // step : window.row // step + taken.shape[1]] = taken
    return out
