"""Layers that lie beside the measured bands: classifications, masks, angles, by-products and pictures, told by name."""

from __future__ import annotations

import re

SCENE_CLASSES, VALID, OTHER = "scene classes", "valid", "other"
"""Kinds: the scene classification of Level-2A; 1 where there is data and 0 elsewhere; any other."""

_DATED = re.compile(
    r"(?<!\d)(?:19|20)\d\d([-_]?)[01]\d\1[0-3]\d(?:t\d{4,6}z?)?(?!\d)|(?<![a-z0-9])\d{1,3}m(?![a-z0-9])"
)
_PLACE = re.compile(r"^\d+(?= )|(?<![a-z0-9])t\d\d[a-z]{3}(?![a-z0-9])")
_PRODUCT = re.compile(r"^(?:(?:s2[a-d]?|msil[12][ac]|l[12][ac]|sentinel 2|quality|oa|band|b) )+")

_OF_CATALOGUE = re.compile(r"(?<![A-Za-z0-9])S2[A-D]_\w+_L2A_", re.ASCII)

_SCENE_CLASSES = re.compile(r"scl|scene class(?:ification)?(?: map)?")
_VALID = re.compile(r"data ?mask|valid(?:ity)?(?: data)?(?: mask)?")
_OTHER = (
    r"qa ?\d*|qa (?:pixel|radsat|aerosol|band)|(?:pixel|radsat|sr aerosol|sr cloud|sr atmos|st|cloud) qa|bqa|"
    r"sr (?:qa aerosol|atmos opacity|aerosol|cloud qa)|st (?:qa|atran|cdist|drad|emis|emsd|trad|urad)",
    r"msk(?: \w+)+|(?:cloud|snow|shadow|water|land|opaque|cirrus)(?:s| \w+)* (?:mask|prob\w*|confidence|prb)|"
    r"masks?|mask \w+|clouds?|cloud ?(?:mask|prob\w*|score\w*|confidence)|cs(?: cdf)?|shadows?|clear|probability|"
    r"opaque clouds?|cirrus clouds?",
    r"cld(?: ?prb)?|snw(?: ?prb)?|clp|clm|clc|snow (?:confidence|prob\w*)|ddv|bwi|pvi",
    r"aot|wvp|aerosol optical (?:thickness|depth)|water vapou?r content",
    r"tci(?: [rgb])?|true ?colou?r(?: image)?(?: [rgb])?|visual(?: [rgb])?|overview|preview|thumbnail|quick ?look|ql|"
    r"browse",
    r"f ?mask|s2cloudless (?:mask|prob\w*)|(?:nbart |nbar |combined )?contiguity|terrain shadow|exiting angle|"
    r"incident angle|time ?delta|spectral quality",
    r"sza|saa|vza|vaa|raa",
    r"(?:(?:mean|sun|solar|view(?:ing)?|sensor|satellite|relative|local|incidence) )*"
    r"(?:zenith|azimuth|azimuthal)(?: angles?)?(?: mean)?(?: \w+)?|relative (?:slope|azimuth)|"
    r"(?:sun|view|incidence) angles?",
    r"udm2?(?: \w+)?|unusable data(?: mask)?|usable data(?: mask)?|quality(?: \w+)?|flags?|pixel ?qa|radsat ?qa|"
    r"(?:edg|sat|mg2|clm|atb|iab|def|pix|dfp|nua)(?: r\d|(?: \w\d?)+)|edg|sat|mg2|atb",
    r"qai|hot|ovv|vzn|dst",
)
_HELPER = re.compile("|".join(_OTHER))


def helper_kind(text: str) -> str | None:
    """Which kind of helper layer a band's text names: `QA60`, `0_SCL`, `sunZenithAngles`; None for any other.

    Dates, tiles, pixel sizes and the names of products in it count for nothing.
    """
    words = _plain(text)
    if _SCENE_CLASSES.fullmatch(words):
        return SCENE_CLASSES
    if _VALID.fullmatch(words):
        return VALID
    return OTHER if words and _HELPER.fullmatch(words) else None


def helper_kind_of_file(stem: str) -> str | None:
    """The same of a file's name without its ending: what its last words say, `LC08_..._QA_PIXEL`."""
    words = _plain(stem).split()
    for count in (3, 2, 1):
        if len(words) >= count and (kind := helper_kind(" ".join(words[-count:]))):
            return kind
    # By itself it may be somebody's band; beside the bands of a catalogue it is the probability of snow.
    return OTHER if words[-1:] == ["snow"] and _OF_CATALOGUE.search(stem) else None


def _plain(text: str) -> str:
    """A text in small letters, words apart, without dates, tiles and sizes."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", text)
    small = " ".join(_DATED.sub(" ", apart.lower()).replace("_", " ").replace("-", " ").replace(".", " ").split())
    return _PRODUCT.sub("", " ".join(_PLACE.sub(" ", small).split()))
