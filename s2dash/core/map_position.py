"""The MapPosition value: where a map looks and how near; its browser tells it, links hold it, sessions keep it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from s2dash.core.run import View
from s2dash.errors import UnreadableValue

_FARTHEST = 1e7
"""Degrees and pixels: no scene has so many of either."""
_LEAST_ZOOM, _MOST_ZOOM = -30.0, 30.0
_Coordinate = Annotated[float, msgspec.Meta(ge=-_FARTHEST, le=_FARTHEST)]
_Zoom = Annotated[float, msgspec.Meta(ge=_LEAST_ZOOM, le=_MOST_ZOOM)]


class MapPosition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in the middle of a map, and how near it is."""

    centre: tuple[_Coordinate, _Coordinate]
    """Longitude and latitude in degrees; of a scene without a place column and -row in pixels."""
    zoom: _Zoom
    """Of web maps, 0 is the whole earth; without a place a pixel of the scene is 2 ** zoom pixels of the screen."""

    def in_view(self, view: View) -> View:
        """The view with this position, to a tenth of a metre."""
        across, up = (round(one, 6) for one in self.centre)
        return msgspec.structs.replace(view, centre_lonlat=(across, up), zoom=round(self.zoom, 4))


def to_json(position: MapPosition | None) -> str:
    """One line that `from_json` reads back; None is the whole scene."""
    return msgspec.json.encode(position).decode()


def from_json(text: str | bytes) -> MapPosition | None:
    """Parse what `to_json` wrote, or a browser told; raises UnreadableValue for anything else."""
    try:
        return msgspec.json.decode(text, type=MapPosition | None)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableValue("This is not where a map looks.") from error


def position_of(view: View) -> MapPosition | None:
    """Where a view looks; None where it does not say.

    Raises UnreadableValue where it says half of it, or what no map can show.
    """
    if view.centre_lonlat is None and view.zoom is None:
        return None
    if view.centre_lonlat is None or view.zoom is None:
        raise UnreadableValue("It says only half of where the map looks, which is the middle and the zoom.")
    (x, y), zoom = view.centre_lonlat, view.zoom
    if max(abs(x), abs(y)) > _FARTHEST or not _LEAST_ZOOM <= zoom <= _MOST_ZOOM:
        raise UnreadableValue(f"It has the map look at {x:g}, {y:g} with a zoom of {zoom:g}, where no map goes.")
    return MapPosition(view.centre_lonlat, zoom)
