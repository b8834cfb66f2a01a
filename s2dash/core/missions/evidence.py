"""Missions by what files hold, their tags and the names of their bands together; and which evidence is believed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from s2dash.core.missions.bands import NUMBERED_BAND
from s2dash.core.missions.names import Said, said_by_identifier, with_product
from s2dash.core.missions.products import C1_SR, C2_LEVEL_2, HLS, LEVEL_1, PLANET_SR
from s2dash.core.missions.table import (
    FOREIGN,
    HLS_L30,
    HLS_S30,
    LANDSAT_OLI,
    LANDSAT_TM,
    MISSIONS,
    PLANETSCOPE,
    is_landsat,
    landsat,
)
from s2dash.core.missions.values import Mission


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


_LANDSAT_SIGN = re.compile(
    r"(?<![a-z])(?:sr_b\d|st_b\d|qa_?pixel|qa_?radsat|pixel_?qa|radsat_?qa|sr_qa_aerosol|sr_aerosol|sr_atmos_opacity|"
    r"sr_cloud_qa|bqa|b6_?vcid)"
)
_OLI_SIGN = re.compile(r"(?<![a-z])(?:st_b10|sr_b6|sr_qa_aerosol|sr_aerosol|b0?9|b1[01]|lwir11|coastal)(?![0-9])")
_TM_SIGN = re.compile(r"(?<![a-z])(?:st_b6|sr_atmos_opacity|sr_cloud_qa|lwir)(?![0-9])")


def mission_of_bands(texts: Sequence[str]) -> Said | None:
    """What the descriptions of a file's bands together say of its mission; None where nothing but Sentinel-2 fits."""
    small = [text.lower().strip() for text in texts if text]
    named = [with_product(said, ["", text]) for text in texts if (said := said_by_identifier(text or "")) is not None]
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
    numbers = {int(f[2]) for text in small if (f := NUMBERED_BAND.search(text))}
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
    is_numbered = any(NUMBERED_BAND.search(text) for text in small)
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
    if said := said_by_identifier(text):
        return said
    if found := _SPACECRAFT.search(text):
        return Said(landsat(found[1], "M" if told.get("SENSOR_ID") == "MSS" else ""))
    return None
