"""The Scene value: named bands on one grid, what hides pixels, and how stored numbers become reflectance.

A scene's rasters are of our own making, or the operator's own file after the same checks; a
stranger's file is opened only in `ingest/`. How pixels are read is in `raster/reading.py`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from s2dash.core import sentinel2
from s2dash.core.grid import Grid, decimation_step
from s2dash.core.missions import SENTINEL_2, Mission, attribution_of, code_of, title_of
from s2dash.core.scene.values import SCL, Band, Fill, Layer, MaskLayer, Reflectance
from s2dash.errors import UnknownName
from s2dash.raster.location import Location, paths_of

LIVE_PIXELS = 1_048_576
"""The most grid pixels that the live picture has; a scene of at most this many is shown in full."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture with named bands on one grid, and what was found out about it."""

    title: str
    """From the file's name or the sample's; text from outside, to be escaped where it is shown."""
    grid: Grid
    """One of `grids`; layers on others are brought to it as they are read."""
    bands: tuple[Band, ...]
    layers: tuple[Layer, ...]
    """Where each band lies."""
    dtype: str
    """That holds every band."""
    nodata: tuple[float | None, ...]
    """The tagged nodata value of each band."""
    reflectance: Reflectance
    digest: str
    """Says which content this is; caches are keyed by it."""
    masks: tuple[MaskLayer, ...] = ()
    saturated: float | None = None
    """The stored value that stands for saturation; None where nothing says so."""
    grids: tuple[Grid, ...] = ()
    """The grids that the scene can be put on, finest first."""
    level: str | None = None
    baseline: str | None = None
    """Of the processing, `05.11`."""
    year: int | None = None
    date: str | None = None
    notes: tuple[str, ...] = ()
    """What the user should know of how the files were understood, in plain words."""
    names_are_guessed: bool = False
    previews: tuple[Path | None, ...] = ()
    """The decimated copy for each of `grids`, as .npy; None or missing where not made."""
    valid_shares: tuple[float, ...] = ()
    """The share of each band's own pixels that are not its nodata value; empty where nobody counted."""
    fills: tuple[Fill, ...] = ()
    """What stands for no data though no tag says so."""
    set_aside: tuple[int, ...] = ()
    """Positions of bands that tell nothing of the ground by their values, where others do: not used unless chosen."""
    doubtful_fills: tuple[Fill, ...] = ()
    """What may stand for no data, but may as well have been measured: for the user to say."""
    left_out: tuple[str, ...] = ()
    """Pictures that were brought and are no bands of the ground, by their names: text from outside."""
    origins: tuple[str, ...] = ()
    """Where each band is from, where that is a file among several: its name, cleaned; empty where all are of one."""
    missions: tuple[Mission, ...] = (SENTINEL_2,)
    """Whose pictures its bands are; empty where nothing says it."""

    def __post_init__(self) -> None:
        if not self.grids:
            object.__setattr__(self, "grids", (self.grid,))

    @property
    def live_step(self) -> int:
        """Every how many pixels the live picture takes one; 1 means that it is the full picture."""
        return decimation_step(self.grid.shape_rc, LIVE_PIXELS)

    @property
    def locations(self) -> tuple[Location, ...]:
        """Where its pixels are read from, the first band's first."""
        layers = [*self.layers, *(mask.layer for mask in self.masks)]
        return tuple(dict.fromkeys(layer.location for layer in layers))

    @property
    def paths(self) -> tuple[Path, ...]:
        """Those of its locations that are files of this machine: all of every scene but one read from a web server."""
        return tuple(paths_of(self.locations))

    @property
    def band_names(self) -> tuple[str, ...]:
        return tuple(band.name for band in self.bands)

    @property
    def measured(self) -> tuple[int, ...]:
        """Positions of the bands that are no helper layers; all where there are only such."""
        return tuple(i for i, b in enumerate(self.bands) if not b.is_helper) or tuple(range(len(self.bands)))

    @property
    def zero_is_nodata(self) -> bool:
        """Whether pixels that are zero in every band count as nodata though no tag says so."""
        fills = [fill for fill in self.fills if fill.value == 0 and not fill.is_alone]
        return any(len(fill.positions) == len(self.measured) for fill in fills)

    @property
    def has_scl(self) -> bool:
        """Whether a scene classification came with it."""
        return any(mask.kind == SCL for mask in self.masks)

    @property
    def mask_classes(self) -> dict[int, str]:
        """Words for the classes by which its classifications or quality bands can hide pixels, by number."""
        found: dict[int, str] = {}
        for mask in self.masks:
            if mask.kind == SCL:
                found = mask.classes | found
        return dict(sorted(found.items()))

    @property
    def sensor(self) -> str:
        """`Sentinel-2`, `Landsat 8`; `Unknown sensor` where nothing says it."""
        return title_of(self.missions)

    @property
    def is_embedding(self) -> bool:
        """Whether its bands are axes of a yearly embedding, not light."""
        return any(mission.is_embedding for mission in self.missions)

    @property
    def preview_path(self) -> Path | None:
        """The decimated copy on the scene's grid; None where there is none."""
        number = self.grids.index(self.grid)
        return self.previews[number] if number < len(self.previews) else None

    @property
    def attribution(self) -> str:
        """The sentence that goes with anything made from it; empty where nothing says whose picture it is."""
        return attribution_of(self.missions, self.year)

    def missing_values(self, position: int) -> tuple[float, ...]:
        """The values of a band that stand for no data where grids are brought together."""
        tagged = self.nodata[position]
        fills = [fill.value if fill.least is None else fill.least for fill in self.fills if position in fill.positions]
        return tuple(dict.fromkeys(fills if tagged is None else [tagged, *fills]))

    def native_grid(self, position: int) -> Grid:
        """The one of `grids` that a band was measured on, by its pixel size."""
        wanted = self.layers[position].grid.pixel_size
        return min(self.grids, key=lambda grid: abs(math.log(math.prod(grid.pixel_size) / math.prod(wanted))))

    def on_grid(self, grid: Grid) -> Scene:
        """The same scene on another of its grids."""
        if grid == self.grid:
            return self
        marked = hashlib.sha256(f"{self.digest} {grid.pixel_size}".encode()).hexdigest()
        return replace(self, grid=grid, digest=marked)

    def with_reflectance(self, reflectance: Reflectance) -> Scene:
        """The same scene with other numbers for its reflectance."""
        own = f" {reflectance.by_band}" if reflectance.by_band else ""
        key = f"{self.digest} {reflectance.quantification} {reflectance.offsets}{own}"
        return replace(self, reflectance=reflectance, digest=hashlib.sha256(key.encode()).hexdigest())

    def optical_bands(self) -> tuple[int, ...]:
        """Positions of the bands whose mean is called brightness: all but those made for the air."""
        ground = [i for i in self.measured if self.bands[i].standard not in sentinel2.ATMOSPHERE_BANDS]
        return tuple(ground or self.measured)

    def positions(self, names: Sequence[str]) -> tuple[int, ...]:
        """Positions of bands by name; `B2` and `b02` are B02.

        Raises UnknownName for a name that is missing or fits several bands, listing what there is.
        """
        return tuple(self._position(name) for name in names)

    def _position(self, name: str) -> int:
        if name in self.band_names:
            return self.band_names.index(name)
        standard = sentinel2.standard_band_name(name)
        fits = [i for i, b in enumerate(self.bands) if b.own and code_of(b.own.name) == code_of(name)]
        if not fits:
            # A number means another band on each mission; words mean the same light.
            is_word = sentinel2.band_of_words(name) is not None
            standard = None if name.upper().startswith(("SR_B", "ST_B")) else standard
            bands = ((i, b) for i, b in enumerate(self.bands) if b.own is None or is_word)
            fits = [i for i, b in bands if standard and b.standard == standard]
        if len(fits) == 1:
            return fits[0]
        if fits:
            listed = ", ".join(self.bands[i].name for i in fits)
            raise UnknownName(f"{name} fits {len(fits)} bands of this scene: {listed}. Give one of these names.")
        raise UnknownName(f"There is no band {name[:60]} in this scene. It has {', '.join(self.band_names)}.")

    def to_reflectance(self, values: np.ndarray, positions: Sequence[int] | None = None) -> np.ndarray:
        """Stored numbers as reflectance, float32 (0.1 reflects a tenth of the light).

        Parameters
        ----------
        values : ndarray of shape (bands, ...) in the order of `positions`; all bands where None
        """
        as_float = np.asarray(values, dtype=np.float32)
        chosen = range(len(self.bands)) if positions is None else positions
        offsets, quantifications = (
            numbers.astype(np.float32).reshape(-1, *([1] * (as_float.ndim - 1)))
            for numbers in (self.offsets_of(chosen), self.quantifications_of(chosen))
        )
        return np.asarray((as_float + offsets) / quantifications)

    def offsets_of(self, positions: Sequence[int]) -> np.ndarray:
        """The offsets of bands, shape (bands,), float64."""
        return np.array([self.reflectance.offsets[i] for i in positions], dtype=np.float64)

    def quantifications_of(self, positions: Sequence[int]) -> np.ndarray:
        """The quantifications of bands, shape (bands,), float64."""
        return np.array([self.reflectance.quantifications[i] for i in positions], dtype=np.float64)
