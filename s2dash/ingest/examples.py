"""The example scenes that come with the package: where each lies and what it shows, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from s2dash.errors import UnknownName

_DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True)
class Example:
    """One scene to try things on."""

    key: str
    title: str
    description: str
    """One sentence that says what is seen, where and when."""
    k: int
    """A number of classes that suits it."""
    map_title: str
    """What a map of its classes may be called."""
    place: str

    @property
    def path(self) -> Path:
        """The GeoTIFF."""
        return _DATA / f"{self.key}.tif"

    @property
    def thumbnail(self) -> Path:
        """A PNG of 96 x 64 pixels, the scene's middle in true colour."""
        return _DATA / f"{self.key}.png"


EXAMPLES: tuple[Example, ...] = (
    Example(
        "coast",
        "Virginia coast",
        "The coast of Virginia on 12 January 2016: fields, forest, marsh, sand and sea.",
        8,
        "Land cover at the Virginia coast",
        "Virginia, USA",
    ),
    Example(
        "desert",
        "Sahara, Mauritania",
        "The Sahara in northern Mauritania on 19 February 2020: plains, dark rock, sand and pale pans, "
        "in pixels of 100 m.",
        8,
        "Land cover in the Sahara",
        "Northern Mauritania",
    ),
    Example(
        "mountains",
        "Mountains near Zagreb",
        "Wooded mountains, farmed valleys and the city of Zagreb on 15 August 2023, in four bands and pixels of 120 m.",
        6,
        "Land cover in the mountains near Zagreb",
        "Zagreb, Croatia",
    ),
    Example(
        "farmland",
        "Farmland in Sicily",
        "Hills of inner Sicily on 29 December 2018: green and bare fields, dark slopes and roads, in four bands.",
        8,
        "Land cover of farmland in Sicily",
        "Inner Sicily, Italy",
    ),
)


def example(key: str) -> Example:
    """The example of that key. Raises UnknownName where there is none."""
    found = next((one for one in EXAMPLES if one.key == key), None)
    if found is None:
        raise UnknownName(f"There is no example {key}. Examples: {', '.join(one.key for one in EXAMPLES)}.")
    return found
