"""Products of missions: what each is called by, and its usual numbers."""

from __future__ import annotations

from dataclasses import replace

from s2dash.core.missions.table import HLS_L30, HLS_S30, PLANETSCOPE, is_landsat
from s2dash.core.missions.values import Mission, Numbers

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
