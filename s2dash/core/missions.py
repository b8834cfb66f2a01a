"""Facts about missions beside Sentinel-2: names, bands, usual numbers, quality bits, and the words of their sources.

Band numbers mean other light on each: B5 is shortwave infrared on Landsat 4 to 7, near infrared on 8 and 9, red edge
on Sentinel-2. Sources: USGS Landsat Collection 1 and 2 product guides, HLS user guide v2.0, Planet's imagery
specifications.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache

import numpy as np

from s2dash.core import sentinel2

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

    def attribution(self, year: int | None) -> str:
        """The sentence that goes with anything made from its data; empty where none is known."""
        return (self.source or "").format(year=f" {year}" if year else "")

    def band(self, name: str) -> OwnBand | None:
        """The band of that name, as `bands` has it."""
        return next((band for band in self.bands if band.name == name), None)


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
        *(SENTINEL_2, HLS_S30, HLS_L30, PLANETSCOPE, LANDSAT_TM, LANDSAT_OLI, FOREIGN),
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
    return mission is not None and (bool(mission.bands) or mission is FOREIGN)


# What a scene says of its missions


def title_of(missions: Sequence[Mission]) -> str:
    """`Landsat 8`, `Sentinel-2 and Landsat 8`; `Unknown sensor` without any."""
    titles = list(dict.fromkeys(mission.title for mission in missions)) or [FOREIGN.title]
    return titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"


def attribution_of(missions: Sequence[Mission], year: int | None) -> str:
    """The sentences of all of them, without a full stop at the end; empty where nothing is known."""
    return "; ".join(dict.fromkeys(filter(None, (mission.attribution(year) for mission in missions))))


# Products and their numbers

C2_LEVEL_2, C1_SR, LEVEL_1, HLS, DEA = "C2 L2", "C1 SR", "L1", "HLS", "DEA"
PLANET_SR, PLANET_RADIANCE, WEB = "Planet SR", "Planet radiance", "web export"
SURFACE, RADIANCE = "surface reflectance", "radiance"
LEVELS = {
    **{C2_LEVEL_2: "Level-2", C1_SR: "Level-2", LEVEL_1: "Level-1"},
    **{HLS: SURFACE, DEA: SURFACE, PLANET_SR: SURFACE, PLANET_RADIANCE: RADIANCE},
}
"""What each product is called by; others have no such word."""
CORRECTED_LEVELS = ("Level-2A", "Level-2", SURFACE)
"""Levels whose numbers are corrected for the atmosphere."""

_NUMBERS = {
    C2_LEVEL_2: Numbers(2.75e-5, -0.2, "{mission}, Collection 2 Level-2: times 2.75e-05, minus 0.2."),
    C1_SR: Numbers(1e-4, 0.0, "{mission}, surface reflectance of Collection 1: times 0.0001."),
    HLS: Numbers(1e-4, 0.0, "{mission}: times 0.0001."),
    DEA: Numbers(1e-4, 0.0, "{mission}, of Digital Earth Australia: times 0.0001."),
    WEB: Numbers(1 / 65_535, 0.0, "Taken as reflectance x 65,535, as web exports have it."),
    PLANET_SR: Numbers(1e-4, 0.0, "{mission}, surface reflectance: times 0.0001."),
    PLANET_RADIANCE: Numbers(
        1e-4,
        0.0,
        "{mission}, radiance: divided by 10,000, which is not reflectance.",
        "The file holds radiance, not reflectance. Give its _metadata.xml too, which has the coefficients; until then "
        "indices and spectra are rough.",
    ),
}
_OLI_LEVEL_1 = Numbers(
    2e-5,
    -0.1,
    "{mission}, Level-1 without its MTL file: times 2e-05, minus 0.1; top of the atmosphere.",
    "Level-1 numbers are read without the height of the sun, which is in the _MTL file. Give it too for right spectra.",
)


def usual_numbers(mission: Mission, product: str | None) -> Numbers | None:
    """How the whole numbers of a mission's product become reflectance; None where only metadata can say."""
    found = _NUMBERS.get(product or "")
    if product == LEVEL_1 and mission.bands[:1] and mission.bands[0].standard == "B01":
        found = _OLI_LEVEL_1
    if found is None and mission in (HLS_S30, HLS_L30):
        found = _NUMBERS[HLS]
    if found is None and mission is PLANETSCOPE:
        found = _NUMBERS[PLANET_SR]
    return None if found is None else replace(found, sentence=found.sentence.format(mission=mission.title))


def numbers_by_values(mission: Mission, lowest: float) -> Numbers | None:
    """How whole numbers of 16 bits become reflectance where no name says which product of Landsat they are.

    Parameters
    ----------
    lowest : the stored number below which 1 % of the values lie: dark ground is about 7,300 in Collection 2 Level-2,
        and about 5,000 in Level-1 of Landsat 8 and 9
    """
    if not is_landsat(mission):
        return None
    product = C2_LEVEL_2 if lowest >= _LEAST_OF_LEVEL_2 else LEVEL_1 if lowest >= _LEAST_OF_LEVEL_1 else None
    found = usual_numbers(mission, product)
    return None if found is None else replace(found, sentence=f"By its values {found.sentence}")


_LEAST_OF_LEVEL_2, _LEAST_OF_LEVEL_1 = 6_900, 4_800


def usual_nodata(product: str | None) -> float | None:
    """The whole number that stands for no data in a product; None where a tag or the pixels must tell."""
    return 0.0 if product in (C2_LEVEL_2, LEVEL_1, PLANET_SR, PLANET_RADIANCE) else None


# Quality bands

QA_PIXEL, PIXEL_QA, BQA, OLD_BQA, FMASK, DEA_FMASK, UDM2, UDM = (
    *("QA_PIXEL", "pixel_qa", "BQA", "BQA before collections", "Fmask", "fmask of DEA", "udm2", "udm"),
)
"""Kinds of quality bands; the earlier one is used where several are there."""
_KINDS = (QA_PIXEL, PIXEL_QA, BQA, OLD_BQA, FMASK, DEA_FMASK, UDM2, UDM)

_QUALITY_CLASSES = {
    0: "no data in the quality band",
    3: "cloud shadow",
    5: "clear",
    6: "water",
    8: "beside a cloud",
    9: "cloud",
    10: "cirrus",
    11: "snow or ice",
}
_PLANET_CLASSES = _QUALITY_CLASSES | {1: "missing or suspect", 8: "heavy haze", 10: "light haze"}


def quality_classes(kind: str) -> dict[int, str]:
    """Words for what `classes_of_bits` makes of a quality band; numbers are those of `sentinel2.SCL_CLASSES`."""
    return _PLANET_CLASSES if kind in (UDM2, UDM) else _QUALITY_CLASSES


def classes_of_bits(kind: str, stored: np.ndarray) -> np.ndarray:
    """A quality band as classes in the numbers of the scene classification, shape (rows, cols), uint8.

    Where several bits are set, the first that holds decides: fill, cloud, cirrus, shadow, beside a cloud, snow, water.

    Parameters
    ----------
    stored : ndarray of shape (bands, rows, cols); one band but for `UDM2`
    """
    if kind == UDM2 and len(stored) >= 6:
        return _of_usable_data(stored)
    numbers = np.nan_to_num(stored[0], nan=_FILL[kind], posinf=_FILL[kind], neginf=_FILL[kind])
    bits = np.clip(numbers, 0, 65_535).astype(np.uint16)
    fits = (stored[0] >= 0) & (stored[0] <= 65_535)
    classes: np.ndarray = _table(kind)[bits]
    return np.where(fits, classes, np.uint8(0)).astype(np.uint8)


_FILL = {QA_PIXEL: 1, PIXEL_QA: 1, BQA: 1, OLD_BQA: 1, FMASK: 255, DEA_FMASK: 0, UDM2: 1, UDM: 1}


@cache
def _table(kind: str) -> np.ndarray:
    """The class of each number that 16 bits can hold, uint8."""
    n = np.arange(65_536, dtype=np.uint32)

    def bit(place: int) -> np.ndarray:
        return (n >> place) & 1 == 1

    def sure(place: int) -> np.ndarray:
        return (n >> place) & 3 == 3

    none = np.zeros(n.shape, dtype=bool)
    fill, cloud, cirrus, shadow, near, snow, water, suspect = (none,) * 8
    if kind == QA_PIXEL:
        fill, near, cirrus, cloud, shadow, snow, water = (bit(i) for i in (0, 1, 2, 3, 4, 5, 7))
    elif kind == PIXEL_QA:
        fill, water, shadow, snow, cloud, cirrus = (*(bit(i) for i in (0, 2, 3, 4, 5)), sure(8))
    elif kind == BQA:
        fill, cloud, shadow, snow, cirrus = bit(0), bit(4), sure(7), sure(9), sure(11)
    elif kind == OLD_BQA:
        fill, water, snow, cirrus, cloud = bit(0), sure(4), sure(10), sure(12), sure(14)
    elif kind == FMASK:
        fill = n >= 255
        cirrus, cloud, near, shadow, snow, water = (bit(i) for i in range(6))
    elif kind == DEA_FMASK:
        fill, cloud, shadow, snow, water = (n == 0) | (n > 5), n == 2, n == 3, n == 4, n == 5
    else:
        fill, cloud, suspect = bit(0), bit(1), n > 1
    order = ((fill, 0), (cloud, 9), (cirrus, 10), (shadow, 3), (near, 8), (snow, 11), (water, 6), (suspect, 1))
    table = np.full(n.shape, 5, dtype=np.uint8)
    for held, code in reversed(order):
        table[held] = code
    return table


def _of_usable_data(stored: np.ndarray) -> np.ndarray:
    """The same of Planet's usable data mask: clear, snow, shadow, light and heavy haze, cloud, confidence, old bits."""
    clear, snow, shadow, light, heavy, cloud = (stored[i] == 1 for i in range(6))
    found = np.full(clear.shape, 5, dtype=np.uint8)
    for held, code in ((snow, 11), (light, 10), (heavy, 8), (shadow, 3), (cloud, 9)):
        found[held] = code
    nothing = ~(clear | snow | shadow | light | heavy | cloud)
    if len(stored) >= 8:
        nothing |= np.nan_to_num(stored[7], nan=1).astype(np.int64) & 1 == 1
    found[nothing] = 0
    return found


_QUALITY = (
    (re.compile(r"(?<![a-z])qa[ _-]?pixel(?![a-z])"), QA_PIXEL),
    (re.compile(r"(?<![a-z])pixel[ _-]?qa(?![a-z])"), PIXEL_QA),
    (re.compile(r"(?<![a-z])bqa(?![a-z])"), BQA),
    (re.compile(r"(?<![a-z])oa[ _-]fmask(?![a-z])"), DEA_FMASK),
    (re.compile(r"(?<![a-z])f[ _-]?mask(?![a-z])"), FMASK),
    (re.compile(r"(?<![a-z])udm2(?![a-z0-9])"), UDM2),
    (re.compile(r"(?<![a-z])(?:udm|dn[ _-]udm)(?![a-z0-9])"), UDM),
)
_OF_MISSION: dict[str, Callable[[Mission], bool]] = {
    QA_PIXEL: is_landsat,
    PIXEL_QA: is_landsat,
    BQA: is_landsat,
    OLD_BQA: is_landsat,
    DEA_FMASK: is_landsat,
    FMASK: lambda mission: mission in (HLS_S30, HLS_L30),
    UDM2: lambda mission: mission is PLANETSCOPE,
    UDM: lambda mission: mission is PLANETSCOPE,
}


def quality_kind(mission: Mission, text: str) -> str | None:
    """Which kind of quality band a text names on that mission: `QA_PIXEL`, `0_Fmask`; None for any other."""
    for pattern, kind in _QUALITY:
        if pattern.search(text.lower()) and _OF_MISSION[kind](mission):
            return kind
    return None


def best_quality(kinds: Iterable[str]) -> str | None:
    """Of several kinds the one that says most."""
    return min(kinds, key=_KINDS.index, default=None)


# Names

_START, _END = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
_DAY8 = r"((?:19|20)\d{6})"
_PRODUCT_ID = re.compile(
    rf"{_START}L([COTEM])0([1-9])_(L\d[A-Z]{{2}})_(\d{{6}})_{_DAY8}_\d{{8}}(?:_(0[12])_(?:T1|T2|RT))?"
)
_ARD_ID = re.compile(rf"{_START}L([COTEM])0([1-9])_(?:CU|AK|HI)_\d{{6}}_{_DAY8}_\d{{8}}_(0[12]|C01)")
_ESPA_ID = re.compile(rf"{_START}L([COTEM])0([1-9])(\d{{6}}){_DAY8}(0[12])(?:T1|T2|RT){_END}")
_SHORT_ID = re.compile(rf"{_START}L([COTEM])0([1-9])_(\d{{6}})_{_DAY8}(?!\d)")
_SCENE_ID = re.compile(rf"{_START}L([COTEM])([1-9])(\d{{6}})((?:19|20)\d\d)(\d{{3}})[A-Z]{{3}}\d\d(?![A-Za-z0-9])")
_DEA_ID = re.compile(
    rf"{_START}ga_ls([45789])[tec]_[\w-]+?_(?:(\d{{6}})_)?((?:19|20)\d\d-[01]\d-[0-3]\d)", re.IGNORECASE
)
_HLS_ID = re.compile(rf"{_START}HLS[._]([LS])30[._]T(\d\d[A-Z]{{3}})[._](\d{{4}})(\d{{3}})(?:T\d{{6}})?", re.IGNORECASE)
_PLANET_ID = re.compile(
    rf"{_START}(20\d{{6}})_\d{{6}}_(?:\d{{2}}_[0-9a-f]{{4}}(?:_(?:1B|3A|3B))?|[0-9a-f]{{4}}_(?:1B|3A|3B))(?=[_.]|\Z)"
)
_PLANET_WORD = re.compile(
    r"PSScene|PSOrthoTile|planet_?scope|super_?dove|Analytic_?MS|ortho_analytic|analytic_(?:4b|8b)|"
    r"planet_medres|global_monthly_\d{4}_\d\d_mosaic",
    re.IGNORECASE,
)
_LANDSAT_WORD = re.compile(r"(?<![A-Za-z])landsat[ _-]?(?:0?([1-9]))?(?![0-9])", re.IGNORECASE)
_LANDSAT_SHORT = re.compile(rf"{_START}L(?:[COTE]0?)?([5789])(?:SR|TOA)?{_END}")
_BROWSER_ID = re.compile(r"Landsat[ _-](4-5|7|8-9|8)(?:[ _-](?:TM|ETM|OLI\w*))?[ _-]L[12]_", re.IGNORECASE)
"""How browsers of imagery name Landsat; its bands count with two digits there."""
_HLS_WORD = re.compile(rf"{_START}HLS[ _.-]?([LS])30(?![0-9])", re.IGNORECASE)
_FOREIGN_WORD = re.compile(
    r"(?<![A-Za-z0-9])(?:MODIS|M[OY]D(?:09|13|43)\w*|MCD43\w*|VIIRS|VNP09\w*|NAIP|SPOT[ _-]?[4-7]|Pl[eé]iades|PNEO\w*|"
    r"PHR1[AB]|WorldView\w*|WV0?[1-4]|QuickBird|GeoEye|IKONOS|RapidEye|REOrthoTile|SkySat\w*|ASTER|AST_L1\w*|CBERS\w*|"
    r"PRISMA|EnMAP\w*|DESIS|EMIT|AVIRIS\w*|Gaofen\w*|GF[1-7]|Sentinel[ _-]?[135]|S[13][AB]|S5P|PROBA\w*|KOMPSAT\w*|"
    r"Hyperion|ALOS\w*|PALSAR\w*|UAV|drone|DJI|Sequoia|MicaSense|RedEdge-?M\w*|AlphaEarth|Tessera)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_SENTINEL_2_WORD = re.compile(
    r"(?<![A-Za-z0-9])(?:S2[A-D]?|S2[A-D]?[-_]?MSI\w*|MSIL[12][AC]|Sentinel[ _-]?2\w?|COPERNICUS|L1C|L2A|"
    r"T\d\d[A-Z]{3})(?![A-Za-z0-9])|"
    r"(?<![A-Za-z])(?:S2[A-D]_|sentinel-?2)|ga_s2|(?<![A-Za-z0-9])S2[A-D]?\d[A-Z]_",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Said:
    """What a name says of a mission that has its own way with bands."""

    mission: Mission
    product: str | None = None
    """One of `LEVELS`, `HLS` and the like."""
    place: str | None = None
    """Path and row of Landsat, `044034`; None where nothing says it."""
    date: str | None = None
    """`2016-09-25`"""
    is_sure: bool = True
    """Whether an identifier says so, not just a word that may mean something else."""
    is_old: bool = False
    """Whether it is from before collections."""

    @property
    def level(self) -> str | None:
        """As people call it: `Level-2`."""
        return LEVELS.get(self.product or "")

    @property
    def ground(self) -> str | None:
        """Where it is, in Landsat's own words: `path 44, row 34`."""
        return None if self.place is None else f"path {int(self.place[:3])}, row {int(self.place[3:])}"


def said_by_name(name: str) -> Said | None:
    """What a file's name or path says of a mission other than Sentinel-2, the nearest folder first."""
    parts = name.replace("\\", "/").split("/")
    for by in (_by_identifier, _by_word):
        for part in reversed(parts):
            said = by(part)
            if said is not None and (said.is_sure or not names_sentinel_2(parts[-1])):
                return _with_product(said, parts)
    return None


def names_sentinel_2(text: str) -> bool:
    """Whether a text speaks of Sentinel-2: its products, tiles or levels."""
    return bool(_SENTINEL_2_WORD.search(text))


def _by_identifier(text: str) -> Said | None:
    if found := _HLS_ID.search(text):
        mission = HLS_S30 if found[1].upper() == "S" else HLS_L30
        return Said(mission, HLS, None, _day_of_year(found[3], found[4]))
    if found := _PRODUCT_ID.search(text):
        product = LEVEL_1 if found[3].startswith("L1") else C2_LEVEL_2
        return Said(landsat(found[2], found[1]), product, found[4], _day(found[5]))
    if found := _ARD_ID.search(text):
        product = C2_LEVEL_2 if found[4] == "02" else C1_SR
        return Said(landsat(found[2], found[1]), product, None, _day(found[3]))
    if found := _ESPA_ID.search(text):
        product = C2_LEVEL_2 if found[5] == "02" else C1_SR
        return Said(landsat(found[2], found[1]), product, found[3], _day(found[4]))
    if found := _SHORT_ID.search(text):
        return Said(landsat(found[2], found[1]), None, found[3], _day(found[4]))
    if found := _SCENE_ID.search(text):
        day = _day_of_year(found[4], found[5])
        return Said(landsat(found[2], found[1]), LEVEL_1, found[3], day, is_old=True) if day else None
    if found := _BROWSER_ID.search(text):
        mission = {"4-5": LANDSAT_TM, "8-9": LANDSAT_OLI}.get(found[1]) or landsat(found[1])
        dated = _DATE.search(text)
        return Said(mission, WEB if "(Raw)" in text else None, None, "-".join(dated.groups()) if dated else None)
    if found := _DEA_ID.search(text):
        return Said(landsat(found[1]), DEA, None, found[3])
    if (found := _PLANET_ID.search(text)) and _day(found[1]):
        return Said(PLANETSCOPE, None, None, _day(found[1]))
    return None


def _by_word(text: str) -> Said | None:
    if found := _HLS_WORD.search(text):
        return Said(HLS_S30 if found[1].upper() == "S" else HLS_L30, HLS)
    if _PLANET_WORD.search(text):
        return Said(PLANETSCOPE)
    if found := _LANDSAT_WORD.search(text) or _LANDSAT_SHORT.search(text):
        any_of = LANDSAT_TM if _BEFORE_2013.search(text) else LANDSAT_OLI
        return Said(landsat(found[1]) if found[1] else any_of, is_sure=False)
    if _FOREIGN_WORD.search(text) and not names_sentinel_2(text):
        return Said(FOREIGN, is_sure=False)
    return None


_BEFORE_2013 = re.compile(r"(?<!\d)(?:19[789]\d|200\d|201[0-2])(?:[01]\d(?:[0-3]\d)?)?(?!\d)")
_SURFACE = re.compile(r"(?<![A-Za-z])(?:sr|surface|boa)(?![A-Za-z])", re.IGNORECASE)
_ANALYTIC = re.compile(r"(?<!normalized_)analytic", re.IGNORECASE)
_COLLECTION_1_SR = re.compile(r"(?<![A-Za-z])sr_band\d|(?<![A-Za-z])(?:pixel|radsat)_qa(?![A-Za-z])", re.IGNORECASE)
_COLLECTION_2 = re.compile(r"(?<![A-Za-z0-9])C0?2(?![A-Za-z0-9])|T1_L2", re.IGNORECASE)
_TOA = re.compile(r"(?<![A-Za-z])toa(?![A-Za-z])", re.IGNORECASE)


def _with_product(said: Said, parts: Sequence[str]) -> Said:
    """The same with the kind of product, where further words of the path tell it."""
    text = "/".join(parts[-2:])
    if said.mission is PLANETSCOPE and said.product is None:
        if _SURFACE.search(text) or not _ANALYTIC.search(text):
            return replace(said, product=PLANET_SR)
        return replace(said, product=PLANET_RADIANCE)
    if is_landsat(said.mission):
        if said.product == LEVEL_1 and _COLLECTION_1_SR.search(text):
            return replace(said, product=C1_SR)
        if said.product is None and _COLLECTION_2.search(text) and not _TOA.search(text):
            return replace(said, product=C2_LEVEL_2)
    return said


def settled(by_name: Said | None, others: Iterable[Said | None], texts: Sequence[str]) -> Said | None:
    """What is believed of a file: an identifier in its name first, then tags and the like, a mere word last.

    The first decides on the mission; what it leaves open is taken from those that agree with it.

    Parameters
    ----------
    others : by tags, by metadata, by the names of its bands together, in this order
    texts : the names of its bands, which can contradict a mere word
    """
    found = [said for said in others if said is not None]
    is_against = any(_EIGHT_A.search(text) for text in texts) if by_name and by_name.mission is FOREIGN else None
    is_against = _is_numbered_as_sentinel_2(texts) if is_against is None else is_against
    if by_name is not None and (by_name.is_sure or not is_against):
        found.insert(0 if by_name.is_sure else len(found), by_name)
    if not found:
        return None
    best = found[0]
    agreeing = [said for said in found if is_landsat(said.mission) == is_landsat(best.mission)]
    agreeing = [said for said in agreeing if is_landsat(best.mission) or said.mission is best.mission]
    if best is by_name and best.mission is LANDSAT_OLI and not best.is_sure:
        best = replace(best, mission=_landsat_of_bands([(text or "").lower() for text in texts]))
    exact = [said.mission for said in agreeing if said.mission not in (LANDSAT_TM, LANDSAT_OLI)]
    return replace(
        best,
        mission=exact[0] if exact else best.mission,
        product=next((said.product for said in agreeing if said.product), None),
        place=next((said.place for said in agreeing if said.place), None),
        date=next((said.date for said in agreeing if said.date), None),
    )


_EIGHT_A = re.compile(r"(?i)(?<![a-z0-9])b0?8a(?![0-9a-z])")


def _is_numbered_as_sentinel_2(texts: Sequence[str]) -> bool:
    return any(re.search(r"(?i)(?<![a-z0-9])b(?:8a|08a|0[1-9]|12)(?![0-9a-z])", text or "") for text in texts)


def said_of_pile(names: Iterable[str]) -> Said | None:
    """What metadata files among names, such as `LC08_…_MTL.txt`, say of the pictures beside them; None for nothing."""
    found = {said for name in names if is_metadata(name) and (said := said_by_name(name))}
    return found.pop() if len(found) == 1 else None


_METADATA = re.compile(
    r"(?:.*_)?MTL(?: ?\(\d+\))?\.(?:txt|json|xml)|.*metadata(?:_clip)?(?:_\w+)?\.(?:xml|json)", re.IGNORECASE
)


def is_metadata(name: str) -> bool:
    """Whether a file's name is that of metadata of Landsat or PlanetScope."""
    return bool(_METADATA.fullmatch(name.replace("\\", "/").rsplit("/", 1)[-1]))


def metadata_of(name: str, others: Iterable[str]) -> list[str]:
    """Of names in the same folder, those of metadata that speak of the picture of this name."""
    said = said_by_name(name)
    if said is None or not said.is_sure:
        return []
    same = (other for other in others if is_metadata(other) and (found := said_by_name(other)) and found.is_sure)
    ours = (said.mission, said.place, said.date)
    return [o for o in same if (f := said_by_name(o)) is not None and (f.mission, f.place, f.date) == ours]


def _day(eight: str) -> str | None:
    try:
        return date(int(eight[:4]), int(eight[4:6]), int(eight[6:8])).isoformat()
    except ValueError:
        return None


def _day_of_year(year: str, number: str) -> str | None:
    if not 1 <= int(number) <= 366 or int(year) < 1970:
        return None
    return (date(int(year), 1, 1) + timedelta(int(number) - 1)).isoformat()


# Bands

_NUMBERED = re.compile(
    r"(?<![A-Za-z0-9])(?:(SR|ST|TOA)[ _-]?)?(?:band|b)[ _-]?(0?\d{1,2})(_?VCID_?[12])?(?![0-9A-Za-z])", re.IGNORECASE
)
_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)-?([01]\d)-?([0-3]\d)(?!\d)")
_THERMAL_WORD = re.compile(
    r"(?:lwir|tirs?|thermal(?:infrared)?|surfacetemperature|lst|st)(?:1[12]|[12])?|brightnesstemp\w*"
)
_PAN_WORD = re.compile(r"pan(?:chromatic)?")
_PLANET_WORDS = {
    "coastalblue": "coastal_blue",
    "coastal": "coastal_blue",
    "coastalaerosol": "coastal_blue",
    "greeni": "green_i",
    "green1": "green_i",
    "greenii": "green",
    "green2": "green",
    "rededge": "rededge",
    "rededge1": "rededge",
    "nearinfrared": "nir",
}


def own_band(mission: Mission, text: str, count: int = 0) -> OwnBand | None:
    """The band of a mission that a text names, under the name it has there; None where it names none, or several.

    Parameters
    ----------
    count : of the bands in the file, by which numbers of PlanetScope's are read
    """
    found = _NUMBERED.findall(text)
    numbers = {int(number) for _, number, _ in found}
    if len(numbers) > 1:
        return None
    if numbers and mission is not FOREIGN:
        number = numbers.pop()
        prefix, _, channel = found[-1]
        if mission is PLANETSCOPE:
            order = mission.orders.get(count) or mission.orders[8]
            return mission.band(order[number - 1]) if 1 <= number <= len(order) else None
        band = mission.band(f"B{number:0{mission.digits}}")
        named = f"{prefix.upper()}_" if prefix and prefix.upper() != "TOA" else ""
        return replace(band, name=f"{named}{band.name}{channel.upper()}") if band else None
    return None if numbers else _by_light(mission, text)


def _by_light(mission: Mission, text: str) -> OwnBand | None:
    undated = " ".join(_DATE.sub(" ", text).strip(" _-").split())
    word = re.sub(r"(?i)(?<![a-z])(?:nbart?|oa|sr|toa|boa|reflectance|band)(?![a-z])", "", undated.replace("_", " "))
    plain = re.sub(r"[^a-z0-9]", "", word.lower())
    if mission is PLANETSCOPE and (known := mission.band(_PLANET_WORDS.get(plain, undated.lower()))):
        return known
    if is_landsat(mission) or mission is HLS_L30:
        kind = THERMAL if _THERMAL_WORD.fullmatch(plain) else PANCHROMATIC if _PAN_WORD.fullmatch(plain) else None
        if kind:
            band = next((band for band in mission.bands if band.common_name == kind), None)
            return replace(band, name=undated) if band else None
    standard = sentinel2.band_of_words(word)
    if standard is None:
        return None
    facts = sentinel2.BANDS[standard]
    if mission is FOREIGN:
        return OwnBand(undated, facts.common_name, facts.wavelength_nm, standard, mission.key)
    role = "B08" if standard == "B8A" else standard
    band = next((band for band in mission.bands if band.standard == role), None)
    return replace(band, name=undated) if band else None


def code_of(name: str) -> str:
    """A band's name without what differs between products: `SR_B5`, `b05` and `B5` are all `5`; words stay words."""
    found = _NUMBERED.fullmatch(name.strip())
    return found[2].lstrip("0") if found else re.sub(r"[^a-z0-9]", "", name.lower())


_LANDSAT_SIGN = re.compile(
    r"(?<![a-z])(?:sr_b\d|st_b\d|qa_?pixel|qa_?radsat|pixel_?qa|radsat_?qa|sr_qa_aerosol|sr_aerosol|sr_atmos_opacity|"
    r"sr_cloud_qa|bqa|b6_?vcid)"
)
_OLI_SIGN = re.compile(r"(?<![a-z])(?:st_b10|sr_b6|sr_qa_aerosol|sr_aerosol|b0?9|b1[01]|lwir11|coastal)(?![0-9])")
_TM_SIGN = re.compile(r"(?<![a-z])(?:st_b6|sr_atmos_opacity|sr_cloud_qa|lwir)(?![0-9])")


def mission_of_bands(texts: Sequence[str]) -> Said | None:
    """What the descriptions of a file's bands together say of its mission; None where nothing but Sentinel-2 fits."""
    small = [text.lower().strip() for text in texts if text]
    named = [_with_product(said, ["", text]) for text in texts if (said := _by_identifier(text or "")) is not None]
    if named:
        first = named[0]
        return replace(
            first,
            product=first.product or _product_of_bands(small),
            place=first.place if len({said.place for said in named}) == 1 else None,
            date=first.date if len({said.date for said in named}) == 1 else None,
        )
    if any(text.startswith("sur_refl_b") for text in small):
        return Said(FOREIGN, is_sure=False)
    if any(re.search(r"(?<![a-z])green[ _]?i(?![a-z])", text) for text in small):
        return Said(PLANETSCOPE, PLANET_SR)
    if any(_LANDSAT_SIGN.search(text) for text in small):
        return Said(_landsat_of_bands(small), _product_of_bands(small))
    if any(re.fullmatch(r"(?:\w+_)?fmask", text) for text in small) and not any("oa_" in text for text in small):
        numbers = {f[1] for text in small if (f := re.search(r"(?<![a-z0-9])b0?(\d{1,2}|8a)(?![0-9a-z])", text))}
        if numbers:
            is_s30 = bool({"8", "8a", "12"} & numbers) or not {"5", "6", "7", "10"} & numbers
            return Said(HLS_S30 if is_s30 else HLS_L30, HLS)
    return None


def _landsat_of_bands(small: Sequence[str]) -> Mission:
    if any("b6_vcid" in text or "b6vcid" in text for text in small):
        return MISSIONS["landsat-7"]
    if any(_OLI_SIGN.search(text) for text in small):
        return LANDSAT_OLI
    if any(_TM_SIGN.search(text) for text in small):
        return LANDSAT_TM
    numbers = {int(f[2]) for text in small if (f := _NUMBERED.search(text))}
    if 6 in numbers or not numbers or 1 not in numbers:
        return LANDSAT_OLI
    return LANDSAT_TM


def _product_of_bands(small: Sequence[str]) -> str | None:
    if any(re.search(r"(?<![a-z])(?:sr_b\d|st_b\d)", text) for text in small):
        return C2_LEVEL_2
    if any(
        re.search(r"(?<![a-z])(?:sr_band\d|pixel_qa|radsat_qa|sr_aerosol|sr_atmos|sr_cloud)", text) for text in small
    ):
        return C1_SR
    is_numbered = any(_NUMBERED.search(text) for text in small)
    if any(re.search(r"qa_pixel", text) for text in small):
        # Catalogues give the bands of Level-2 common names; those of Level-1 keep their numbers.
        return LEVEL_1 if is_numbered else C2_LEVEL_2
    return LEVEL_1 if any("bqa" in text for text in small) else None


_TAG_NAMES = re.compile(
    r"SPACECRAFT(?:_ID|_NAME)?|SATELLITE|SENSOR(?:_ID)?|PLATFORM|MISSION|INSTRUMENT|LANDSAT_(?:PRODUCT|SCENE)_ID|PRODUCT_ID|"
    r"PRODUCT_URI|CONSTELLATION|TIFFTAG_IMAGEDESCRIPTION|DESCRIPTION|TITLE|COLLECTION|SOURCE|"
    r"SYSTEM:INDEX|SYSTEM:ID|ID|IDENTIFIER|GRANULE\w*",
    re.IGNORECASE,
)
_SPACECRAFT = re.compile(r"landsat[ _-]?0?([1-9])", re.IGNORECASE)


def mission_of_tags(tags: Mapping[str, str]) -> Said | None:
    """What a file's own tags say of its mission; None where they say nothing, or Sentinel-2."""
    told = {name.upper(): value[:500] for name, value in tags.items() if _TAG_NAMES.fullmatch(name)}
    is_hls = any(name.upper().startswith("HLS") for name in tags) or "ACCODE" in (name.upper() for name in tags)
    text = " ".join(told.values())
    if is_hls:
        is_landsat_made = "LANDSAT_PRODUCT_ID" in told or bool(_SPACECRAFT.search(text))
        return Said(HLS_L30 if is_landsat_made else HLS_S30, HLS)
    if '"atmospheric_correction"' in text or "planet labs" in text.lower() or "planetscope" in text.lower():
        return Said(PLANETSCOPE, PLANET_SR)
    if said := _by_identifier(text):
        return said
    if found := _SPACECRAFT.search(text):
        return Said(landsat(found[1], "M" if told.get("SENSOR_ID") == "MSS" else ""))
    return None
