"""The table of missions beside Sentinel-2: the bands of each, their usual order, and the words of their sources.

Band numbers mean other light on each: B5 is shortwave infrared on Landsat 4 to 7, near infrared on 8 and 9, red edge
on Sentinel-2. Sources: USGS Landsat Collection 1 and 2 product guides, HLS user guide v2.0, Planet's imagery
specifications.
"""

from __future__ import annotations

from collections.abc import Sequence

from s2dash.core import sentinel2
from s2dash.core.missions.embeddings import ALPHAEARTH, TESSERA
from s2dash.core.missions.values import PANCHROMATIC, THERMAL, Mission, OwnBand

_TM = (
    ("B1", "blue", 485, "B02"),
    ("B2", "green", 560, "B03"),
    ("B3", "red", 660, "B04"),
    ("B4", "near infrared", 830, "B08"),
    ("B5", "shortwave infrared 1", 1650, "B11"),
    ("B6", THERMAL, 11_450, None),
    ("B7", "shortwave infrared 2", 2215, "B12"),
)
_ETM = (
    ("B1", "blue", 483, "B02"),
    ("B2", "green", 560, "B03"),
    ("B3", "red", 662, "B04"),
    ("B4", "near infrared", 835, "B08"),
    ("B5", "shortwave infrared 1", 1648, "B11"),
    ("B6", THERMAL, 11_450, None),
    ("B7", "shortwave infrared 2", 2206, "B12"),
    ("B8", PANCHROMATIC, 710, None),
)
_MSS = (
    ("B1", "green", 550, "B03"),
    ("B2", "red", 650, "B04"),
    ("B3", "near infrared 1", 750, None),
    ("B4", "near infrared 2", 950, "B08"),
)
"""Of Landsat 4 and 5, which carried it beside the Thematic Mapper; the first three count from B4 on."""
_FIRST_MSS = tuple((f"B{n + 3}", light, nm, standard) for n, (_, light, nm, standard) in enumerate(_MSS, 1))
_OLI = (
    ("B1", "coastal aerosol", 443, "B01"),
    ("B2", "blue", 482, "B02"),
    ("B3", "green", 561, "B03"),
    ("B4", "red", 655, "B04"),
    ("B5", "near infrared", 865, "B08"),
    ("B6", "shortwave infrared 1", 1609, "B11"),
    ("B7", "shortwave infrared 2", 2201, "B12"),
    ("B8", PANCHROMATIC, 590, None),
    ("B9", "cirrus", 1373, "B10"),
    ("B10", THERMAL, 10_895, None),
    ("B11", THERMAL, 12_005, None),
)
_SUPERDOVE = (
    ("coastal_blue", "coastal blue", 443, "B01"),
    ("blue", "blue", 490, "B02"),
    ("green_i", "green 1", 531, None),
    ("green", "green", 565, "B03"),
    ("yellow", "yellow", 610, None),
    ("red", "red", 665, "B04"),
    ("rededge", "red edge", 705, "B05"),
    ("nir", "near infrared", 865, "B08"),
)
_TM_SIX, _OLI_SIX = ("B1", "B2", "B3", "B4", "B5", "B7"), ("B2", "B3", "B4", "B5", "B6", "B7")
_TM_ORDERS = {6: _TM_SIX, 7: tuple(name for name, *_ in _TM)}
_ETM_ORDERS = {**_TM_ORDERS, 8: tuple(name for name, *_ in _ETM)}
_OLI_ORDERS = {
    **{6: _OLI_SIX, 7: ("B1", *_OLI_SIX), 8: tuple(f"B{n}" for n in range(1, 9))},
    **{9: tuple(f"B{n}" for n in range(1, 10)), 11: tuple(name for name, *_ in _OLI)},
}


def _named(key: str, table: Sequence[tuple[str, str, int, str | None]], digits: int = 1) -> tuple[OwnBand, ...]:
    numbered = ((f"B{int(n[1:]):0{digits}}" if n[1:].isdigit() else n, *facts) for n, *facts in table)
    return tuple(OwnBand(*one, mission=key) for one in numbered)  # type: ignore[misc, arg-type]


def _landsat(
    number: str, table: Sequence[tuple[str, str, int, str | None]], orders: dict[int, tuple[str, ...]]
) -> Mission:
    """A Landsat; `number` is `8`, or `8/9` where names do not tell them apart."""
    key = f"landsat-{number.replace('/', '-').replace(' ', '-').lower()}"
    which = f"Landsat {number[0]}" if "/" not in number and "-" not in number else "Landsat"
    source = f"{which} image courtesy of the U.S. Geological Survey"
    return Mission(key, f"Landsat {number}", source, _named(key, table), orders)


SENTINEL_2 = Mission("sentinel-2", "Sentinel-2", sentinel2.attribution(None) + "{year}")
LANDSAT_TM = _landsat("4-7", _TM, _TM_ORDERS)
"""Any of Landsat 4 to 7, whose bands are alike."""
LANDSAT_OLI = _landsat("8/9", _OLI, _OLI_ORDERS)
HLS_S30 = Mission(
    "hls-s30",
    "HLS S30",
    sentinel2.attribution(None) + "{year}, harmonized by NASA (HLS S30)",
    orders={6: ("B02", "B03", "B04", "B8A", "B11", "B12")},
)
HLS_L30 = Mission(
    "hls-l30",
    "HLS L30",
    "HLS L30 data courtesy of NASA and the U.S. Geological Survey",
    _named("hls-l30", _OLI, 2),
    {6: tuple(f"B{n:02}" for n in range(2, 8)), 7: tuple(f"B{n:02}" for n in range(1, 8))},
    digits=2,
)
PLANETSCOPE = Mission(
    "planetscope",
    "PlanetScope",
    "Image © Planet Labs PBC",
    _named("planetscope", _SUPERDOVE),
    {3: ("red", "green", "blue"), 4: ("blue", "green", "red", "nir"), 8: tuple(name for name, *_ in _SUPERDOVE)},
)
FOREIGN = Mission("other", "Unknown sensor", None)
"""A sensor that is none of these, by its names: their band numbers are not Sentinel-2's."""

MISSIONS: dict[str, Mission] = {
    mission.key: mission
    for mission in (
        *(SENTINEL_2, HLS_S30, HLS_L30, PLANETSCOPE, LANDSAT_TM, LANDSAT_OLI, ALPHAEARTH, TESSERA, FOREIGN),
        *(_landsat(number, _TM, _TM_ORDERS) for number in "45"),
        _landsat("7", _ETM, _ETM_ORDERS),
        *(_landsat(number, _OLI, _OLI_ORDERS) for number in "89"),
        *(_landsat(number, _FIRST_MSS, {4: ("B4", "B5", "B6", "B7")}) for number in "123"),
        *(_landsat(f"{number} MSS", _MSS, {4: ("B1", "B2", "B3", "B4")}) for number in "45"),
    )
}


def landsat(number: str, sensor: str = "") -> Mission:
    """The Landsat of that number, `8`; with its older sensor where the letter in its names is M."""
    return MISSIONS[f"landsat-{number}-mss" if sensor == "M" and number in "45" else f"landsat-{number}"]


def is_landsat(mission: Mission) -> bool:
    """Whether it is one of the Landsat satellites."""
    return mission.key.startswith("landsat")


def has_own_bands(mission: Mission | None) -> bool:
    """Whether its band names are not to be read as Sentinel-2's."""
    return mission is not None and (bool(mission.bands) or mission.is_embedding or mission is FOREIGN)


def title_of(missions: Sequence[Mission]) -> str:
    """`Landsat 8`, `Sentinel-2 and Landsat 8`; `Unknown sensor` without any."""
    titles = list(dict.fromkeys(mission.title for mission in missions)) or [FOREIGN.title]
    return titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"


def attribution_of(missions: Sequence[Mission], year: int | None) -> str:
    """The sentences of all of them, without a full stop at the end; empty where nothing is known."""
    return "; ".join(dict.fromkeys(filter(None, (mission.attribution(year) for mission in missions))))
