"""What is said of a mission: its bands under their own names, and how its stored numbers become reflectance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

THERMAL, PANCHROMATIC = "thermal infrared", "panchromatic"


@dataclass(frozen=True)
class OwnBand:
    """What another mission than Sentinel-2 says of one of its bands."""

    name: str
    """As its files have it: `B5`, `SR_B5`, `green_i`."""
    common_name: str
    wavelength_nm: int
    standard: str | None
    """The Sentinel-2 band that sees the same kind of light, `B08` for near infrared; None where none does."""
    mission: str = ""
    """Key of `MISSIONS`."""

    @property
    def is_left_out(self) -> bool:
        """Whether it is no reflectance of one kind of light: used only where it is asked for."""
        return self.common_name in (THERMAL, PANCHROMATIC)


@dataclass(frozen=True)
class Numbers:
    """How stored numbers become reflectance: stored times scale plus offset."""

    scale: float
    offset: float
    sentence: str
    """Where that is from; `{mission}` stands for the mission's title."""
    note: str = ""
    """What the user should know of it."""


@dataclass(frozen=True)
class Mission:
    """A satellite, or a product made from several."""

    key: str
    title: str
    source: str | None
    """The words that its owner asks for, `{year}` standing for ` 2021` or nothing; None where nothing is known."""
    bands: tuple[OwnBand, ...] = field(default=(), repr=False)
    """Empty where the names are Sentinel-2's."""
    orders: Mapping[int, tuple[str, ...]] = field(default_factory=dict, hash=False, repr=False)
    """Names of unnamed bands by how many there are."""
    digits: int = 1
    """Of the numbers in its names: `B5` has one, `B05` two."""
    is_embedding: bool = False
    """Whether its bands are the axes of an embedding: what a network made of a year of pictures, no light at all."""

    def attribution(self, year: int | None) -> str:
        """The sentence that goes with anything made from its data; empty where none is known."""
        return (self.source or "").format(year=f" {year}" if year else "")

    def band(self, name: str) -> OwnBand | None:
        """The band of that name, as `bands` has it."""
        return next((band for band in self.bands if band.name == name), None)
