"""Bands of missions by what texts call them."""

from __future__ import annotations

import re
from dataclasses import replace

from s2dash.core import sentinel2
from s2dash.core.missions.names import DATE
from s2dash.core.missions.table import FOREIGN, HLS_L30, PLANETSCOPE, is_landsat
from s2dash.core.missions.values import PANCHROMATIC, THERMAL, Mission, OwnBand

NUMBERED_BAND = re.compile(
    r"(?<![A-Za-z0-9])(?:(SR|ST|TOA)[ _-]?)?(?:band|b)[ _-]?(0?\d{1,2})(_?VCID_?[12])?(?![0-9A-Za-z])", re.IGNORECASE
)
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
    if mission.is_embedding:
        return None
    found = NUMBERED_BAND.findall(text)
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
    undated = " ".join(DATE.sub(" ", text).strip(" _-").split())
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
    found = NUMBERED_BAND.fullmatch(name.strip())
    return found[2].lstrip("0") if found else re.sub(r"[^a-z0-9]", "", name.lower())
