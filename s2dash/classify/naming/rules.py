"""Names by rules on class means: the first rule that fits, as measured against labels that people drew.

`benchmarks/naming.py` measures them. They tell no trees from other plants: 58 of 100 pixels of trees were found, and
45 of 100 of other plants called trees, so that all are dense plants.
"""

from __future__ import annotations

from dataclasses import dataclass

from s2dash.classify.naming.suggestion import Suggestion, Sureness, percent
from s2dash.core.band_means import BandMeans

BRIGHT, WATER, DARK, PLANTS, BARE, MIXED = (
    "Cloud, snow or bright ground",
    "Water",
    "Shadow or dark ground",
    "Dense plants",
    "Bare ground",
    "Sparse plants",
)
"""The names that rules give."""


@dataclass(frozen=True)
class _Light:
    """What the rules ask of one class."""

    ndvi: float
    wetness: float
    wetness_name: str
    infrared: float
    visible: float
    brightness: float


def named_by_rule(means: BandMeans, i: int) -> Suggestion | None:
    """The name of the class in row `i`, from 0; None without red and near infrared.

    V is the mean of B02, B03 and B04; NDVI (Rouse et al. 1974),
    MNDWI (Xu 2006), in its place NDWI (McFeeters 1996) without shortwave infrared.
    """
    light = _light(means, i)
    return None if light is None else _first_that_fits(light)


def _light(means: BandMeans, i: int) -> _Light | None:
    if means.infrared is None or means.ndvi is None:
        return None
    wetness = means.mndwi if means.mndwi is not None else means.ndwi
    return _Light(
        ndvi=float(means.ndvi[i]),
        wetness=-1.0 if wetness is None else float(wetness[i]),
        wetness_name="NDWI" if means.mndwi is None else "MNDWI",
        infrared=float(means.infrared[i]),
        visible=float(means.visible[i]),
        brightness=float(means.brightness[i]),
    )


def _first_that_fits(of: _Light) -> Suggestion:
    if of.visible >= 0.25 and of.ndvi < 0.30:
        return _rule(BRIGHT, "likely", f"It reflects {percent(of.visible)} of visible light: very bright")
    if of.wetness > 0.05 and of.ndvi < 0.15 and of.infrared < 0.20:
        is_sure = of.wetness > 0.30 and of.infrared < 0.10
        words = f"{of.wetness_name} {of.wetness:.2f} and {percent(of.infrared)} of near infrared: open water"
        return _rule(WATER, "very likely" if is_sure else "likely", words)
    if of.brightness < 0.10 and of.ndvi < 0.45:
        return _rule(DARK, "perhaps", f"It reflects {percent(of.brightness)} of all light: dark")
    if of.ndvi >= 0.40:
        return _rule(PLANTS, "very likely" if of.ndvi >= 0.55 else "likely", f"NDVI {of.ndvi:.2f}: dense plants")
    if of.ndvi < 0.25:
        return _rule(BARE, "likely", f"NDVI {of.ndvi:.2f}: hardly any plants")
    return _rule(MIXED, "perhaps", f"NDVI {of.ndvi:.2f}: neither dense plants nor bare")


def _rule(name: str, sureness: Sureness, reason: str) -> Suggestion:
    return Suggestion(name, "rule", f"{reason} (a rule on the class's mean reflectance).", sureness)
