"""What a raster's header calls its bands, freed of what programs add: paths, counts, products, wavelengths, tags."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import rasterio

from s2dash.core import helper_layers, sentinel2

_TAGS = ("name", "band_name", "bandname", "long_name", "common_name", "description")
_WAVELENGTH_TAGS = ("wavelength", "wavelength_nm", "center_wavelength", "central_wavelength", "central_wavelength_um")
_LIST_TAGS = ("long_name", "band_names", "bandnames", "bands", "descriptions")
_MOST_SEEN = 4_000
_RASTER_ENDING = re.compile(r"\.(?:tiff?|jp2|j2k|img|dat|vrt|bsq|bil|bip|nc)$", re.IGNORECASE)
_NUMBERED = re.compile(r"\s*(?:band|layer|lyr)[ _.-]?\d{1,3}\s*(?:[:=,-]+|(?=\())\s*\(?(.+?)\)?\s*", re.IGNORECASE)
_COUNT = re.compile(
    r"(band|layer|lyr|b|bn|sample|channel|ch|x|v|var|raster|unnamed|gray index|)[ _.#-]?(0|[1-9]\d{0,2})",
    re.IGNORECASE | re.ASCII,
)
_MOST_COUNTED_BY_LETTER = 7
_LEAST_COUNTED_BY_LETTER = 10
"""`B1` to `B8` or `B9` are taken for the mission's own names; `B1` to `B10` and more have no `B8A`, so they count."""
_WAVELENGTH = re.compile(
    r"(?<![\d.])(\d{1,4}(?:\.\d+)?)\s*(nm|nanomet\w*|µm|μm|um|micromet\w*|microns?)(?![a-z])", re.IGNORECASE
)
_BROAD_NIR = re.compile(r"(?:broad[ _-]?nir|b[ _-]?nir|nir[ _-]?broad|wide[ _-]?nir)", re.IGNORECASE)


def band_texts(dataset: rasterio.DatasetReader, file_name: str, is_named_apart: bool = False) -> list[str]:
    """What the header calls each band, in the file's order; empty where it says nothing.

    Descriptions come first, then tags of the bands, then lists in tags of the file. Names that only count are
    left as they are; see `only_count`.

    Parameters
    ----------
    is_named_apart : whether the bands are those of another mission, whose own names must stay
    """
    texts = [text or "" for text in dataset.descriptions]
    if not any(texts):
        texts = _of_tags(dataset) or texts
    texts = [_last_of_path(text) for text in texts]
    texts = _without_numbers(texts)
    if is_named_apart or len(texts) < 2:
        return texts
    return _by_wavelength(texts) or _read_as_files(_with_narrow_infrared(texts))


def only_count(texts: Sequence[str], stem: str) -> bool:
    """Whether names only count the bands, from 0 or 1 on, or are all the same number.

    So do `Band 1`, `lyr.1`, and `stack_1` of stack.tif.

    `B1` to `B7` count too where no gap and no `B8A` shows that the mission's bands are meant; `B01` does not.
    """
    if len(texts) < 2 or not all(texts):
        return False
    if len(set(texts)) == 1:
        return _COUNT.fullmatch(texts[0]) is not None
    found = [_counted(text, stem) for text in texts]
    kinds = {match[0] for match in found if match is not None}
    if None in found or len(kinds) > 1:
        return False
    numbers = [match[1] for match in found if match is not None]
    if numbers not in (list(range(1, len(texts) + 1)), list(range(len(texts)))):
        return False
    is_letter = kinds == {"b"} and numbers[0] == 1
    return not (is_letter and _MOST_COUNTED_BY_LETTER < len(texts) < _LEAST_COUNTED_BY_LETTER)


def is_count(text: str) -> bool:
    """Whether a name is a mere number of a band, such as `Band 4`."""
    return _COUNT.fullmatch(text) is not None


def _counted(text: str, stem: str) -> tuple[str, int] | None:
    """What a name that counts begins with, and its number."""
    if match := _COUNT.fullmatch(text):
        return match[1].lower(), int(match[2])
    before, number = re.fullmatch(r"(.*?)[ _.-]?(\d{0,3})", text, re.DOTALL).groups()  # type: ignore[union-attr]
    is_stem = bool(number) and number == str(int(number)) and before.lower() == stem.lower()
    return (before, int(number)) if is_stem else None


def _of_tags(dataset: rasterio.DatasetReader) -> list[str] | None:
    """Names by the tags of bands, else by a list in the file's; None where neither tells all bands apart."""
    own = [
        {key.lower(): value for key, value in (dataset.tags(i, ns="IMAGERY") | dataset.tags(i)).items()}
        for i in dataset.indexes
    ]
    for key in _TAGS:
        texts = [tags.get(key, "").strip()[:_MOST_SEEN] for tags in own]
        if all(texts) and len(set(texts)) == len(texts) and _are_of_use(texts):
            return texts
    for key in _WAVELENGTH_TAGS:
        texts = [_in_nanometres(tags.get(key, "")) for tags in own]
        if all(texts) and len(set(texts)) == len(texts) > 1:
            return texts
    tags = {key.lower(): value[:_MOST_SEEN] for key, value in dataset.tags().items()}
    numbered = [tags.get(f"band_{i}", "").strip() for i in dataset.indexes]
    lists = (re.split(r"[,;|]", tags[key].strip(" ()[]{}")) for key in _LIST_TAGS if key in tags)
    for texts in (numbered, *lists):
        texts = [text.strip(" \t\n'\"") for text in texts]
        if len(texts) == dataset.count and all(texts) and _are_of_use(texts):
            return texts
    return None


def _are_of_use(texts: Sequence[str]) -> bool:
    """Whether tags name bands: that of a single band may be a title of the picture."""
    return len(texts) > 1 or sentinel2.standard_band_name(texts[0]) is not None


def _in_nanometres(text: str) -> str:
    """`665 nm` from a tag in nanometres or micrometres; empty for what is no wavelength of light."""
    found = re.match(r"\s*(\d{1,5}(?:\.\d+)?)", text)
    value = float(found[1]) if found else 0.0
    value = value * 1000 if value < 20 else value
    return f"{value:g} nm" if 300 <= value <= 20_000 else ""


def _last_of_path(text: str) -> str:
    """A name without folders and the ending of a file, where it is a file's."""
    if _RASTER_ENDING.search(text.strip()):
        return _RASTER_ENDING.sub("", PurePosixPath(text.strip().replace("\\", "/")).name)
    return text


def _without_numbers(texts: list[str]) -> list[str]:
    """`B02` for `Band 1: B02`, where all bands are numbered so and something else follows."""
    found = [_NUMBERED.fullmatch(text) for text in texts]
    if not found or None in found:
        return texts
    rest = [match[1].strip() for match in found if match is not None]
    return rest if len(set(rest)) == len(rest) else texts


def _by_wavelength(texts: Sequence[str]) -> list[str] | None:
    """The mission's names where all bands of the ground state the wavelengths of hers, each another's; else None.

    A few of many narrow bands would fit by chance: they are another sensor's.
    """
    kept = [number for number, text in enumerate(texts) if not helper_layers.helper_kind(text)]
    told = {number: _band_of_wavelength(texts[number]) for number in kept}
    bands = list(told.values())
    if None in bands or len(bands) < 2 or len(set(bands)) < len(bands):
        return None
    if all(sentinel2.standard_band_name(texts[number]) for number in kept):
        return None
    return [told.get(number) or text for number, text in enumerate(texts)]


def _band_of_wavelength(text: str) -> str | None:
    found = _WAVELENGTH.findall(text)
    if len(found) != 1:
        return None
    number, unit = found[0]
    is_nm = unit.lower().startswith("n")
    return sentinel2.band_at(float(number) * (1 if is_nm else 1000))


def _with_narrow_infrared(texts: list[str]) -> list[str]:
    """The same where `NIR` beside `BROADNIR` is the narrow band, as FORCE has it."""
    if not any(_BROAD_NIR.fullmatch(text.strip()) for text in texts):
        return texts
    return ["nir08" if text.strip().lower() == "nir" else text for text in texts]


def _read_as_files(texts: list[str]) -> list[str]:
    """Names that end in that of a band, as names of files do, where no band is known by its whole name."""
    if any(sentinel2.standard_band_name(text) for text in texts):
        return texts
    out = []
    for text in texts:
        words = re.split(r"[\s_.-]+", text)
        helpers = (" ".join(words[-count:]) for count in (3, 2, 1) if len(words) > count)
        helper = next((ending for ending in helpers if helper_layers.helper_kind(ending)), None)
        band = None if helper else sentinel2.band_in_file_name(text)
        date = re.search(r"(?<!\d)(20\d\d)-?([01]\d)-?([0-3]\d)(?!\d)", text)
        day = f" {'-'.join(date.groups())}" if date else ""
        out.append(f"{helper or band}{day}" if helper or band else "")
    known = [text for text in out if text]
    return [new or text for new, text in zip(out, texts, strict=True)] if 2 * len(known) > len(texts) else texts
