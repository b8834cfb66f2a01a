"""Polygons that a user draws on the map: their form, what is taken of a stranger's message, and the same as a file."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import msgspec

from s2dash.core.scene_reading import AreaFile, Ring, SceneReading
from s2dash.errors import UnreadableValue
from s2dash.settings import AREA_LIMITS, AreaLimits

NAME = "drawn on the map"
"""What a reading calls such an area in the place of a file's name."""
_EQUATOR_M, _ECCENTRICITY = 6_378_137.0, 0.081819190842622
"""Of WGS 84."""

_Position = Annotated[list[float], msgspec.Meta(min_length=2, max_length=2)]


def drawn_rings(given: object, limits: AreaLimits = AREA_LIMITS) -> tuple[Ring, ...]:
    """The polygons of a message from the map: a list of closed rings of longitude and latitude in degrees.

    Raises UnreadableValue for anything else: numbers that are not finite or no degrees, rings that are open or have
    fewer than three corners, more polygons or corners than are accepted.
    """
    try:
        rings = msgspec.convert(given, list[list[_Position]], strict=True)
    except msgspec.ValidationError as error:
        raise UnreadableValue("The drawn area is damaged: it is no list of corners. Draw it again.") from error
    if len(rings) > limits.most_drawn_polygons:
        raise UnreadableValue(
            f"{len(rings):,} polygons are drawn; at most {limits.most_drawn_polygons:,} are accepted. Remove some."
        )
    corners = sum(map(len, rings))
    if corners > limits.most_drawn_corners:
        raise UnreadableValue(
            f"The drawn polygons have {corners:,} corners; at most {limits.most_drawn_corners:,} are accepted. "
            "Draw them with fewer, or give them as a file."
        )
    return tuple(_checked(ring) for ring in rings)


def _checked(ring: Sequence[Sequence[float]]) -> Ring:
    if not all(map(math.isfinite, (number for corner in ring for number in corner))):
        raise UnreadableValue("The drawn area is damaged: a corner is not a finite number. Draw it again.")
    if any(abs(longitude) > 540 or abs(latitude) > 90 for longitude, latitude in ring):
        raise UnreadableValue("The drawn area lies nowhere on the Earth. Draw it again.")
    if len(ring) < 4 or ring[0] != ring[-1]:
        raise UnreadableValue("A drawn polygon is not closed, or has fewer than three corners. Draw it again.")
    return tuple((float(longitude), float(latitude)) for longitude, latitude in ring)


def as_geojson(rings: Sequence[Ring]) -> str:
    """The polygons as GeoJSON (RFC 7946), outer rings anticlockwise, each by the name that the page gives it."""
    features = [
        {
            "type": "Feature",
            "properties": {"name": f"Area {number}"},
            "geometry": {"type": "Polygon", "coordinates": [_anticlockwise(ring)]},
        }
        for number, ring in enumerate(rings, 1)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, allow_nan=False)


def area_said(rings: Sequence[Ring]) -> AreaFile:
    """What a reading says of them; the digest is that of `as_geojson`, in UTF-8."""
    return AreaFile(NAME, hashlib.sha256(as_geojson(rings).encode()).hexdigest(), tuple(rings))


def drawn_in(reading: SceneReading) -> tuple[Ring, ...]:
    """The polygons of its area where they were drawn on the map; none otherwise."""
    return tuple(ring for area in reading.area for ring in area.drawn)


def area_ha(ring: Ring) -> float:
    """Hectares inside of a ring whose edges are straight in degrees, on the ellipsoid of WGS 84.

    The ground between two meridians from the equator to a latitude is known in closed form (Snyder, 1987, equation
    3-12, authalic latitude); along an edge its mean is taken by Simpson's rule.
    """
    doubled = 0.0
    for (west, south), (east, north) in pairwise(ring):
        middle = _ground_to((south + north) / 2)
        doubled += math.radians(east - west) * (_ground_to(south) + 4 * middle + _ground_to(north)) / 6
    return abs(doubled) / 10_000


def _ground_to(latitude: float) -> float:
    """Square metres from the equator to a latitude in degrees, for a radian of longitude."""
    e, sine = _ECCENTRICITY, math.sin(math.radians(latitude))
    q = sine / (1 - (e * sine) ** 2) + math.atanh(e * sine) / e
    return _EQUATOR_M**2 * (1 - e**2) / 2 * q


def _anticlockwise(ring: Ring) -> list[list[float]]:
    doubled = sum(x * v - u * y for (x, y), (u, v) in pairwise(ring))
    return [list(corner) for corner in (ring if doubled >= 0 else ring[::-1])]
