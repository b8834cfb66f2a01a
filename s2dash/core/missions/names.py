"""Missions by names of files and folders: identifiers of products first, mere words last."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from s2dash.core.missions.products import C1_SR, C2_LEVEL_2, DEA, HLS, LEVEL_1, LEVELS, PLANET_RADIANCE, PLANET_SR, WEB
from s2dash.core.missions.table import (
    FOREIGN,
    HLS_L30,
    HLS_S30,
    LANDSAT_OLI,
    LANDSAT_TM,
    PLANETSCOPE,
    is_landsat,
    landsat,
)
from s2dash.core.missions.values import Mission

DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)-?([01]\d)-?([0-3]\d)(?!\d)")
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
    for by in (said_by_identifier, _by_word):
        for part in reversed(parts):
            said = by(part)
            if said is not None and (said.is_sure or not names_sentinel_2(parts[-1])):
                return with_product(said, parts)
    return None


def names_sentinel_2(text: str) -> bool:
    """Whether a text speaks of Sentinel-2: its products, tiles or levels."""
    return bool(_SENTINEL_2_WORD.search(text))


def said_by_identifier(text: str) -> Said | None:
    """What the first identifier of a product in a text says; None where it holds none."""
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
        dated = DATE.search(text)
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


def with_product(said: Said, parts: Sequence[str]) -> Said:
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
