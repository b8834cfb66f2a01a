"""What a raster's header and a look at its pixels say of it: band names, nodata, reflectance."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, MaskFlags

from s2dash import sentinel2
from s2dash.legend import MOST_NAME_CHARACTERS, clean_name
from s2dash.scene import Band, Reflectance

_QUANTIFICATION, _OFFSET = 10_000.0, 1_000.0
_OFTEN_BELOW, _ALWAYS_BELOW = 15_000, 25_000
"""Reflectance x 10,000 that three of four pixels stay below even in snow, and that nothing on the Earth reaches."""
_STRETCH = 6.5535
_ENOUGH_NUMBERS = 50
WEB_EXPORT = "Taken as reflectance x 65,535, as web exports have it."
_LARGEST_MEASURED = 1e30
"""Scenes take no number beyond this for a measurement (`scene.py`)."""
_DATE = re.compile(r"(20\d\d)-?([01]\d)-?([0-3]\d)")


@dataclass(frozen=True)
class Layout:
    """Which bands of a raster are bands of the scene, and what they are called."""

    indexes: tuple[int, ...]
    """Place of each band in the raster, from 1."""
    texts: tuple[str, ...]
    """What the file calls each, cleaned; empty where it says nothing."""
    alpha_index: int | None
    """The band that is a mask."""
    is_guessed: bool
    """Whether the texts follow from count and order only."""
    notes: tuple[str, ...]


def layout_of(dataset: rasterio.DatasetReader, file_name: str) -> Layout:
    """Bands by their descriptions, else by count and order, a single one by the file's name; alpha is a mask.

    Names by count and order are a guess, and noted as one.
    """
    alpha = [i for i in dataset.indexes if dataset.colorinterp[i - 1] == ColorInterp.alpha]
    if dataset.count == 1:
        alpha = []
    indexes = tuple(i for i in dataset.indexes if i not in alpha[-1:])
    descriptions = [dataset.descriptions[i - 1] or "" for i in indexes]
    texts = [clean_name(text) for text in descriptions]
    guess = sentinel2.guess_band_names(len(indexes))
    notes: tuple[str, ...] = ()
    guessed = False
    if any(len(text.strip()) > MOST_NAME_CHARACTERS for text in descriptions):
        notes = (f"The file has names of bands that are cut to {MOST_NAME_CHARACTERS} characters.",)
    if not any(texts) and len(indexes) == 1:
        texts = [sentinel2.standard_band_name(file_name) or ""]
    elif not any(texts) and guess:
        texts, guessed = list(guess), True
        notes = (
            f"The file does not name its {len(indexes)} bands; they are taken as {', '.join(guess)}, the usual order. "
            "Change the names if that is wrong.",
        )
    elif not any(texts):
        notes = (f"The file does not name its {len(indexes)} bands, and their number has no usual order.",)
    return Layout(indexes, tuple(texts), alpha[-1] if alpha else None, guessed, notes)


def named_bands(texts: Sequence[str]) -> tuple[Band, ...]:
    """Bands with unique names from free texts: standard names, with a date or number where one comes twice."""
    standards = [sentinel2.standard_band_name(text) for text in texts]
    names: list[str] = []
    for number, (text, standard) in enumerate(zip(texts, standards, strict=True), 1):
        name = standard or clean_name(text) or f"band {number}"
        if standard and standards.count(standard) > 1:
            date = _DATE.search(text)
            name = f"{standard}_{'-'.join(date.groups())}" if date else standard
        unique, copy = name, 2
        while unique in names:
            unique, copy = f"{name}_{copy}", copy + 1
        names.append(unique)
    return tuple(Band(name, standard) for name, standard in zip(names, standards, strict=True))


def has_internal_mask(dataset: rasterio.DatasetReader) -> bool:
    """Whether the file carries a mask that is neither a nodata value nor an alpha band."""
    return any(
        MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags and MaskFlags.nodata not in flags
        for flags in dataset.mask_flag_enums
    )


def stated_reflectance(dataset: rasterio.DatasetReader, band_count: int) -> Reflectance | None:
    """What a file's header says of its numbers: tags of our own, else the scale and offset of its bands; or None."""
    tags = dataset.tags()
    tagged = _number(tags.get("QUANTIFICATION_VALUE"))
    if tagged:
        offset = _number(tags.get("ADD_OFFSET")) or 0.0
        return Reflectance(tagged, (offset,) * band_count, f"The file says: divided by {tagged:g}, offset {offset:g}.")
    scale, offset = dataset.scales[0], dataset.offsets[0]
    same = len(set(dataset.scales)) == 1 and len(set(dataset.offsets)) == 1
    if same and scale not in (0, 1) and np.isfinite(scale) and np.isfinite(offset) and 1e-9 < scale < 1:
        sentence = f"The file says: times {scale:g}, {'plus' if offset >= 0 else 'minus'} {abs(offset):g}."
        return Reflectance(1 / scale, (offset / scale,) * band_count, sentence)
    return None


def guessed_reflectance(dtype: str, sampled: np.ndarray, band_count: int) -> Reflectance:
    """How stored numbers become reflectance, from their kind and typical values.

    Parameters
    ----------
    sampled : ndarray of stored values, any shape, without nodata; may be empty
    """
    typical, high = np.percentile(sampled, (75, 99)) if sampled.size else (0.0, 0.0)
    none = (0.0,) * band_count
    if np.issubdtype(np.dtype(dtype), np.floating) and typical <= 2:
        return Reflectance(1.0, none, "Taken as reflectance from 0 to 1.")
    if np.dtype(dtype).itemsize == 1:
        return Reflectance(255.0, none, "Taken as pictures scaled to 8 bits: reflectance is not exact.")
    if typical > _OFTEN_BELOW or high > _ALWAYS_BELOW or _is_stretched(dtype, sampled):
        return Reflectance(65_535.0, none, WEB_EXPORT)
    return Reflectance(10_000.0, none, "Taken as reflectance x 10,000, the mission's usual numbers.")


def _is_stretched(dtype: str, sampled: np.ndarray) -> bool:
    """Whether numbers are whole ones times 6.5535, as reflectance x 10,000 stretched to 16 bits: most are missing."""
    if dtype != "uint16":
        return False
    numbers = np.unique(sampled[sampled > 0])
    if numbers.size < _ENOUGH_NUMBERS:
        return False
    steps = numbers / _STRETCH
    rounded, cut = np.rint(np.rint(steps) * _STRETCH), np.floor(np.ceil(steps) * _STRETCH)
    return bool(max((rounded == numbers).mean(), (cut == numbers).mean()) > 0.99)


def power_to_divide_by(values: np.ndarray) -> int:
    """The power of ten by which numbers must be divided to be of a usual size; 0 where most are measurements.

    Parameters
    ----------
    values : ndarray of stored values, any shape, without nodata; may be empty
    """
    finite = np.abs(values[np.isfinite(values)])
    typical = float(np.median(finite)) if finite.size else 0.0
    return math.floor(math.log10(typical / _QUANTIFICATION)) if typical > _LARGEST_MEASURED else 0


def doubts_about_numbers(values: np.ndarray) -> tuple[str, ...]:
    """What is strange about the size of stored values, in plain words; empty where nothing is.

    Parameters
    ----------
    values : ndarray of stored values, any shape, without nodata; NaN is nodata
    """
    if not np.issubdtype(values.dtype, np.floating) or not values.size:
        return ()
    sizes = np.abs(values)
    beyond = sizes > _LARGEST_MEASURED
    found = []
    if beyond.any():
        found.append("Some values are infinite or too large to be measured; their pixels count as no data.")
    if (sizes[~beyond] > 1e6).any():
        found.append("Some values are far too large for reflectance. Look at the picture before you trust the groups.")
    return tuple(found)


def doubts_about_offset(reflectance: Reflectance, lowest: Sequence[float]) -> tuple[str, ...]:
    """A warning where the values contradict the offset, in plain words; empty where they agree.

    Parameters
    ----------
    lowest : the stored value below which 1 % of a band's valid pixels lie, for each band

    With an offset of -1000 still to be applied, hardly any value lies below 1000; where many do, it was
    applied before.
    """
    if reflectance.quantification != _QUANTIFICATION or not lowest:
        return ()
    offset = min(reflectance.offsets)
    if offset <= -_OFFSET / 2 and min(lowest) < -offset / 2:
        return (
            f"The values look as if {-offset:,.0f} had been subtracted already: some are far below it. "
            "If the spectra look too dark, set the offset to 0.",
        )
    return ()


def title_from(path: Path) -> str:
    """A scene's title from its file name."""
    return clean_name(path.stem) or "Scene"


def acquisition_date(tags: dict[str, str], title: str) -> tuple[str | None, int | None]:
    """`2016-01-12` and 2016 from the tag ACQUISITION_DATE or a date in the title; None where neither has one."""
    for text in (tags.get("ACQUISITION_DATE", ""), title):
        found = _DATE.search(text)
        if found and 1 <= int(found[2]) <= 12 and 1 <= int(found[3]) <= 31 and int(found[1]) >= 2015:
            return "-".join(found.groups()), int(found[1])
    return None, None


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and np.isfinite(value) else None
