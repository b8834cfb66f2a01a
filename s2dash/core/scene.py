"""The Scene value: named bands on one grid, what hides pixels, and how stored numbers become reflectance.

A scene's rasters are of our own making, or the operator's own file after the same checks; a
stranger's file is opened only in `ingest/`. How pixels are read is in `reading.py`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from s2dash.core import sentinel2
from s2dash.core.grid import Grid, decimation_step
from s2dash.core.missions import SENTINEL_2, Mission, OwnBand, attribution_of, code_of, quality_classes, title_of
from s2dash.errors import UnknownName
from s2dash.raster.location import Location, paths_of

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
    """The Sentinel-2 band it is, `B02`, or that sees the same kind of light; None where nothing says so."""
    is_helper: bool = False
    """Whether it is a mask, a by-product or a picture beside the measured bands: used only where it is asked for."""

    own: OwnBand | None = None
    """What it is on another mission; None on Sentinel-2, and where nothing says so."""

    @property
    def wavelength_nm(self) -> int | None:
        if self.own is not None:
            return self.own.wavelength_nm
        return sentinel2.BANDS[self.standard].wavelength_nm if self.standard else None

    @property
    def common_name(self) -> str | None:
        """`near infrared`; None where nothing says it."""
        if self.own is not None:
            return self.own.common_name
        return sentinel2.BANDS[self.standard].common_name if self.standard else None

    @property
    def root(self) -> str:
        """The name without what is added to it, such as a date."""
        return self.own.name if self.own is not None else self.standard or self.name

    @property
    def suffix(self) -> str:
        """What the name adds to its root, such as a date; empty for most."""
        return self.name.removeprefix(self.root) if self.standard or self.own else ""

    @property
    def description(self) -> str:
        """`B5 · near infrared · 865 nm`; the name itself where nothing is known of it."""
        if self.own is not None:
            return f"{self.name} · {self.own.common_name} · {self.own.wavelength_nm} nm"
        return sentinel2.describe_band(self.name)


@dataclass(frozen=True)
class Layer:
    """Where the pixels of a band or mask lie, on the grid they were measured or drawn on."""

    location: Location
    index: int
    """Which band of the raster, from 1."""
    grid: Grid


FILE_MASK, SCL, AREA = "file mask", "scene classification", "area"
"""Kinds of mask layers: 0 is no data; a class of `MaskLayer.classes`; 0 is outside of what was drawn."""


@dataclass(frozen=True)
class MaskLayer:
    """A layer that hides pixels."""

    kind: str
    """`FILE_MASK`, `SCL` or `AREA`."""
    layer: Layer
    positions: tuple[int, ...] = ()
    """The bands it speaks of, such as those of its date: it hides nothing where none is chosen. Empty for all."""
    notes: tuple[str, ...] = ()
    """What the scene's notes say of it, in plain words."""
    quality: str | None = None
    """The kind of quality band whose bits became classes (`missions`); None for the scene classification itself."""

    @property
    def classes(self) -> dict[int, str]:
        """Words for the classes that it can hold, by number."""
        return sentinel2.SCL_CLASSES if self.quality is None else quality_classes(self.quality)

    def concerns(self, positions: Sequence[int]) -> bool:
        """Whether it speaks of one of these bands."""
        return not self.positions or not set(self.positions).isdisjoint(positions)


@dataclass(frozen=True)
class Masking:
    """Which causes hide a pixel; what is not a finite number always is hidden."""

    nodata: bool = True
    """The tagged value, a mask or alpha band, and fill that no tag states."""
    saturated: bool = False
    """The value that stands for saturation, in any chosen band."""
    scl: tuple[int, ...] = ()
    """Classes of the scene classification."""
    area: bool = True
    """What lies outside of a drawn area."""


NO_MASKING = Masking(nodata=False)


@dataclass(frozen=True)
class Fill:
    """A stored number that stands for no data in some bands, though no tag says so."""

    value: float
    positions: tuple[int, ...]
    """The bands that hold it."""
    is_alone: bool = False
    """Whether one band that holds it is enough; otherwise each band could be measured so, and only all together
    say that nothing was."""
    share: float = 0.0
    """Of the looked at pixels, those that hold it."""
    least: float | None = None
    """Where pictures packed with loss made a range of it: from this on up to `value`."""

    def holds(self, values: np.ndarray) -> np.ndarray:
        """Where stored numbers are it, bool."""
        if self.least is None:
            return np.asarray(values == self.value)
        return np.asarray((values >= self.least) & (values <= self.value))


@dataclass(frozen=True)
class Reflectance:
    """How stored numbers become reflectance: (stored + offset of the band) / quantification of the band."""

    quantification: float
    """Of all bands, or of most where `by_band` has those of each."""
    offsets: tuple[float, ...]
    """One for each band of the scene."""
    sentence: str
    """Where the numbers come from, in plain words."""
    by_band: tuple[float, ...] = ()
    """The quantification of each band of the scene, where they differ."""

    @property
    def quantifications(self) -> tuple[float, ...]:
        """One for each band."""
        return self.by_band or (self.quantification,) * len(self.offsets)

    @property
    def offset(self) -> float | None:
        """The offset that all bands share; None where they differ."""
        return self.offsets[0] if len(set(self.offsets)) == 1 else None


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


def valid_pixels(scene: Scene, positions: Sequence[int], stack: np.ndarray, masking: Masking) -> np.ndarray:
    """The mask of chosen bands in a stack as `reading.read_preview_stack` has it, shape (rows, cols), bool."""
    valid = np.ones(stack.shape[1:], dtype=bool)
    for _, hidden in hidden_by_cause(scene, positions, *_parts(scene, positions, stack), masking):
        valid &= ~hidden
    return valid


def masked_shares(
    scene: Scene, positions: Sequence[int], stack: np.ndarray, masking: Masking
) -> tuple[tuple[str, float], ...]:
    """The share of all pixels that each cause hides, by its words; causes overlap, so shares do not add up.

    `stack` is as for `valid_pixels`.
    """
    together: dict[str, np.ndarray] = {}
    for cause, hidden in hidden_by_cause(scene, positions, *_parts(scene, positions, stack), masking):
        # Several dates bring a classification each.
        together[cause] = together[cause] | hidden if cause in together else hidden
    return tuple((cause, float(hidden.mean())) for cause, hidden in together.items())


OtherBands = Callable[[Sequence[int]], np.ndarray]
"""Gives bands that were not chosen in the same place, shape (bands, rows, cols): read where they are asked for."""


def _parts(scene: Scene, positions: Sequence[int], stack: np.ndarray) -> tuple[np.ndarray, np.ndarray, OtherBands]:
    bands, masks = stack[: len(scene.bands)], stack[len(scene.bands) :]
    return bands[list(positions)], masks, lambda others: bands[list(others)]


def hidden_by_cause(
    scene: Scene,
    positions: Sequence[int],
    values: np.ndarray,
    masks: np.ndarray,
    other_bands: OtherBands,
    masking: Masking,
) -> Iterator[tuple[str, np.ndarray]]:
    """Each cause in plain words, and the pixels it hides, shape (rows, cols), bool; the order is fixed.

    Parameters
    ----------
    values : ndarray of shape (chosen bands, rows, cols), as stored
    masks : ndarray of shape (scene.masks, rows, cols)
    """
    if np.issubdtype(values.dtype, np.floating):
        yield "not a number", ~(np.abs(values) <= _LARGEST_VALUE).all(axis=0)
    if masking.nodata:
        yield "no data", _without_data(scene, positions, values, masks, other_bands)
    if masking.saturated and scene.saturated is not None:
        yield "saturated", (values == scene.saturated).any(axis=0)
    for mask, stored in zip(scene.masks, masks, strict=True):
        if mask.kind == AREA and masking.area:
            yield "outside the area", stored == 0
        elif mask.kind == SCL and mask.concerns(positions):
            for code in masking.scl:
                if mask.quality is None or code in mask.classes:
                    yield mask.classes.get(code, f"class {code}"), stored == code


def _without_data(
    scene: Scene, positions: Sequence[int], values: np.ndarray, masks: np.ndarray, other_bands: OtherBands
) -> np.ndarray:
    hidden = np.zeros(values.shape[1:], dtype=bool)
    for position, band in zip(positions, values, strict=True):
        alone = [fill.value for fill in scene.fills if fill.is_alone and position in fill.positions]
        for nodata in (scene.nodata[position], *alone):
            if nodata is not None and not math.isnan(nodata):
                hidden |= band == nodata
    for mask, stored in zip(scene.masks, masks, strict=True):
        if mask.kind == FILE_MASK and mask.concerns(positions):
            hidden |= stored == 0
    for fill in scene.fills:
        if not fill.is_alone:
            hidden |= _holding(fill, positions, values, other_bands)
    return hidden


def _holding(fill: Fill, positions: Sequence[int], values: np.ndarray, other_bands: OtherBands) -> np.ndarray:
    """Where all bands of a fill hold it, shape (rows, cols), bool; nowhere if none of them is chosen."""
    chosen = [place for place, position in enumerate(positions) if position in fill.positions]
    if not chosen:
        return np.zeros(values.shape[1:], dtype=bool)
    # The first band alone settles it for almost every window, in a tenth of the time.
    found: np.ndarray = fill.holds(values[chosen[0]])
    for place in chosen[1:]:
        if not found.any():
            return found
        found &= fill.holds(values[place])
    for position in fill.positions:
        if position not in positions:
            if not found.any():
                return found
            # One at a time: hundreds of bands together would take more memory than all else.
            found &= fill.holds(other_bands([position])[0])
    return found
