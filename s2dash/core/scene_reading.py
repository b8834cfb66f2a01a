"""The SceneReading value: how files are to be understood, every choice that a user makes as they are opened."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from s2dash.core import strict_json

_WHAT = "a reading of a scene"
_Finite = Annotated[float, msgspec.Meta(ge=-1e300, le=1e300)]


_Position = tuple[Annotated[float, msgspec.Meta(ge=-540, le=540)], Annotated[float, msgspec.Meta(ge=-90, le=90)]]
Ring = tuple[_Position, ...]
"""A closed ring: longitude and latitude of its corners in degrees, the first again at the end."""


class AreaFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A file outside of whose shapes nothing counts, or what was drawn on the map in its place."""

    name: str
    digest: str = ""
    """SHA-256 of its content, in hex; empty where it is not known."""
    drawn: tuple[Annotated[Ring, msgspec.Meta(min_length=4)], ...] = ()
    """Where it was drawn on the map, one ring a polygon; none for a file."""


class SceneReading(strict_json.Versioned, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How files are to be understood. What nobody has chosen is as the files say."""

    tile: str | None = None
    """Which one to take where there are several, such as `33TWM`."""
    also: tuple[str, ...] = ()
    """Names of pictures to use as bands though they would be left out, as `Scene.left_out` has them."""
    band_names: tuple[str, ...] | None = None
    """A name for each band, in their order."""
    quantification: _Finite | None = None
    """Reflectance is (stored + offset) / quantification."""
    offset: _Finite | None = None
    """In stored units."""
    nodata: tuple[_Finite, ...] = ()
    """Stored numbers that stand for no data."""
    area: tuple[AreaFile, ...] = ()
    guesses_clouds: bool = False
    """Whether clouds are guessed from the pixels, where the files do not say where they are."""

    def to_dict(self) -> dict[str, Any]:
        """The reading as plain values; nothing of guessed clouds where there are none, as it once was."""
        return {name: value for name, value in strict_json.plain(self).items() if name != "guesses_clouds" or value}

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads back to an equal reading."""
        return strict_json.to_text(self.to_dict())

    @staticmethod
    def from_dict(given: object) -> SceneReading:
        """Parse what `to_dict` gave; raises UnreadableValue that says what is wrong."""
        return strict_json.decoded(SceneReading, given, _WHAT)

    @staticmethod
    def from_json(text: str) -> SceneReading:
        """Parse what `to_json` wrote; raises UnreadableValue that says what is wrong."""
        return SceneReading.from_dict(strict_json.parse(text, _WHAT))


AS_FOUND = SceneReading()
"""Files as they say themselves."""


def without_area(reading: SceneReading) -> SceneReading:
    """The same reading of the whole scene."""
    return msgspec.structs.replace(reading, area=())
