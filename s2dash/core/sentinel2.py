"""Facts about Sentinel-2: bands, names people give them, and the words of its licence.

Band names and order follow the product metadata (MTD_MSIL1C.xml, MTD_MSIL2A.xml): index 0 to 12
is B01 to B08, B8A, B09 to B12. Centre wavelengths are the nominal ones of the same files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class BandFacts:
    """What the mission says of one band."""

    name: str
    common_name: str
    wavelength_nm: int
    native_pixel_m: int
    spyndex_code: str | None
    """The band's letter in the catalogue of spectral indices; None where it has none."""


BANDS: dict[str, BandFacts] = {
    facts.name: facts
    for facts in (
        BandFacts("B01", "coastal aerosol", 443, 60, "A"),
        BandFacts("B02", "blue", 490, 10, "B"),
        BandFacts("B03", "green", 560, 10, "G"),
        BandFacts("B04", "red", 665, 10, "R"),
        BandFacts("B05", "red edge 1", 705, 20, "RE1"),
        BandFacts("B06", "red edge 2", 740, 20, "RE2"),
        BandFacts("B07", "red edge 3", 783, 20, "RE3"),
        BandFacts("B08", "near infrared", 842, 10, "N"),
        BandFacts("B8A", "narrow near infrared", 865, 20, "N2"),
        BandFacts("B09", "water vapour", 945, 60, "WV"),
        BandFacts("B10", "cirrus", 1375, 60, None),
        BandFacts("B11", "shortwave infrared 1", 1610, 20, "S1"),
        BandFacts("B12", "shortwave infrared 2", 2190, 20, "S2"),
    )
}

ATMOSPHERE_BANDS = ("B01", "B09", "B10")
"""Bands made for the air, not the ground: left out by default and never part of brightness."""

BAND_SETS: dict[str, tuple[str, ...]] = {
    "All land": tuple(name for name in BANDS if name not in ATMOSPHERE_BANDS),
    "10 m": ("B02", "B03", "B04", "B08"),
    "Plants": ("B03", "B04", "B05", "B06", "B07", "B08", "B8A"),
    "Water": ("B02", "B03", "B04", "B08", "B11", "B12"),
    "All bands": tuple(BANDS),
}
"""Choices of bands with a purpose; a scene offers those of their bands that it has."""

SCL_CLASSES: dict[int, str] = {
    0: "no data in the classification",
    1: "saturated or defective",
    2: "dark feature or shadow",
    3: "cloud shadow",
    4: "vegetation",
    5: "not vegetated",
    6: "water",
    7: "unclassified",
    8: "cloud, medium probability",
    9: "cloud, high probability",
    10: "thin cirrus",
    11: "snow or ice",
}
"""The scene classification of Level-2A (SCL)."""

SCL_MASKED = (0, 1, 3, 8, 9, 10)
"""Classes of it that are left out by default: what is not the ground."""

LAYERS: dict[str, tuple[tuple[str, str, str], str]] = {
    "True colour": (("B04", "B03", "B02"), "True colour"),
    "False colour": (("B08", "B04", "B03"), "False colour: plants are bright red"),
    "Shortwave": (("B12", "B8A", "B04"), "Shortwave: bare ground is red, plants green"),
}
"""Pictures by name: bands for red, green, blue, and the label that says what the colours mean."""

_BY_COUNT: dict[int, tuple[str, ...]] = {
    13: tuple(BANDS),
    12: tuple(name for name in BANDS if name != "B10"),
    10: BAND_SETS["All land"],
    4: BAND_SETS["10 m"],
    3: ("B04", "B03", "B02"),
}

_NAME = re.compile(r"(?<![A-Za-z0-9])(?:band[ _-]?|b)0*(8a|1[0-2]|[1-9])(?![0-9a-z])", re.IGNORECASE)
_WORDS_OF = {
    "B01": "coastal, coastalaerosol, coastalblue, aerosol, ultrablue, violet",
    "B02": "blue, b, blau, bleu, azul, blu",
    "B03": "green, g, grn, gruen, vert, verde",
    "B04": "red, r, rot, rouge, rojo, rosso, vermelho",
    "B05": "rededge, rededge1, rededge01, rededge705, re1, redge1, vre1, vegetationrededge1",
    "B06": "rededge2, rededge02, rededge740, re2, redge2, vre2, vegetationrededge2",
    "B07": "rededge3, rededge03, rededge783, re3, redge3, vre3, vegetationrededge3",
    "B08": "nir, nir1, pir, nearinfrared, nearinfrared1, broadnir, bnir, nirbroad, widenir, nirwide, infrared, n",
    "B8A": "nir08, nir2, nnir, narrownir, nirnarrow, nearinfrared2, narrownearinfrared, nearinfrarednarrow, rededge4, "
    "re4, vre4, vegetationrededge4",
    "B09": "nir09, watervapour, watervapor, wv",
    "B10": "cirrus, swircirrus, swir13",
    "B11": "swir1, swir16, shortwaveinfrared1, shortwaveinfrared16, swir1600, swir1610",
    "B12": "swir2, swir22, shortwaveinfrared2, shortwaveinfrared22, swir2200, swir2190",
}
"""Words that catalogues, services and programs use: STAC, Earth Search, Digital Earth, FORCE, openEO."""
_COMMON = {word.strip(): name for name, words in _WORDS_OF.items() for word in words.split(",")}
_LETTERS = {"b", "g", "r", "n"}
"""Words that mean a band only where they stand alone."""
_NO_WORD = {
    *("nbart", "nbar", "fre", "sre", "boa", "toa", "sr", "l2a", "l1c"),
    *("reflectance", "band", "bands", "surface", "sur", "refl"),
    *("median", "mean", "avg", "average", "min", "max", "geomedian", "medoid", "mosaic", "composite"),
}
_SPREAD = re.compile(r"(?<![a-z])(?:std(?:dev)?|stdev|sd|variance|var|count|cv|iqr|mad)(?![a-z])")
"""Words of statistics that are no brightness, whatever band they are of."""
_SIZE_OR_TIME = re.compile(r"\d{1,3}m|(?:19|20)\d{6}(?:t\d{4,6}z?)?|\d{3,4}nm|nm", re.ASCII)


def standard_band_name(text: str) -> str | None:
    """The standard name in a free text: `B2`, `band 2`, `blue` and `x_B02_10m` are all B02.

    None where the text names no band, or more than one, or a statistic that is no brightness: `B4_stdDev`.
    """
    if _SPREAD.search(text.lower()):
        return None
    found = {f"B{match.upper().zfill(2)}" for match in _NAME.findall(text)}
    if len(found) == 1:
        return found.pop()
    if found:
        return None
    return _COMMON.get(_common_word(text))


def band_of_words(text: str) -> str | None:
    """The standard name for a common word alone: `nir08` is B8A; None for numbers and for all else."""
    return None if _NAME.search(text) else _COMMON.get(_common_word(text))


def band_in_file_name(stem: str) -> str | None:
    """The same of a file's name without its ending, where its last words may be a common name: `…_L2A_nir08`."""
    if (found := standard_band_name(stem)) or _NAME.search(stem):
        return found
    words = re.split(r"[\s_.-]+", stem)
    words = [word for word in words if word and not _SIZE_OR_TIME.fullmatch(word.lower()) and word.lower() != "clip"]
    for count in (4, 3, 2, 1):
        if len(words) >= count:
            word = _common_word(" ".join(words[-count:]))
            if word in _COMMON and (word not in _LETTERS or len(words) > 1):
                return _COMMON[word]
    return None


def _common_word(text: str) -> str:
    """A text as one word in small letters, without dates, sizes and names of products; of other programs' meaning."""
    undated = re.sub(r"(?<!\d)(?:19|20)\d\d-[01]\d-[0-3]\d(?!\d)", " ", text.lower())
    words = [word for word in re.split(r"[^a-z0-9]+", undated) if word and not _SIZE_OR_TIME.fullmatch(word)]
    word = "".join(word for word in words if word not in _NO_WORD)
    if "nbart" in words or "nbar" in words:
        # Digital Earth Australia counts the bands of shortwave from 2 on.
        return {"swir2": "swir1", "swir3": "swir2"}.get(word, word)
    return word


_MOST_OFF_NM = 4.0
_MEASURED_NM = {
    "B01": (442.7, 442.3),
    "B02": (492.4, 492.1, 496.6, 497),
    "B03": (559.8, 559.0),
    "B04": (664.6, 665.0),
    "B05": (704.1, 703.8),
    "B06": (740.5, 739.1),
    "B07": (782.8, 779.7),
    "B08": (832.8, 833.0, 835.1),
    "B8A": (864.7, 864.0),
    "B09": (945.1, 943.2),
    "B10": (1373.5, 1376.9),
    "B11": (1613.7, 1610.4),
    "B12": (2202.4, 2185.7),
}
"""Centres of Sentinel-2A and 2B by their spectral responses, beside the nominal ones of `BANDS`."""


def band_at(wavelength_nm: float) -> str | None:
    """The band whose centre is at a wavelength, within 4 nm of what metadata state for it; None where none is."""
    for name, facts in BANDS.items():
        centres = (facts.wavelength_nm, *_MEASURED_NM[name])
        if min(abs(wavelength_nm - centre) for centre in centres) <= _MOST_OFF_NM:
            return name
    return None


def guess_band_names(band_count: int) -> tuple[str, ...] | None:
    """Names by count and order, for stacks without descriptions; None where there is no usual order."""
    return _BY_COUNT.get(band_count)


def attribution(year: int | None) -> str:
    """The sentence that the Copernicus licence asks of anything made from its data."""
    words = "Contains modified Copernicus Sentinel data"
    return f"{words} {year}" if year else words


def describe_band(name: str) -> str:
    """`B02 · blue · 490 nm` for a standard name; the name itself for any other."""
    facts = BANDS.get(name)
    return f"{name} · {facts.common_name} · {facts.wavelength_nm} nm" if facts else name
