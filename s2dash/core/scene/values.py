"""What a scene is made of: bands, layers, masks, fill, reflectance, and pixels once they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from s2dash.core import sentinel2
from s2dash.core.grid import Grid
from s2dash.core.missions import OwnBand, quality_classes
from s2dash.raster.location import Location


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
