"""How stored numbers become reflectance: as a header states it, or as the numbers look, and what is doubtful in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import rasterio

from s2dash.core.scene import Reflectance

_QUANTIFICATION, _OFFSET = 10_000.0, 1_000.0
_OFTEN_BELOW, _ALWAYS_BELOW = 15_000, 25_000
"""Reflectance x 10,000 that three of four pixels stay below even in snow, and that nothing on the Earth reaches."""
_STRETCH = 6.5535
_ENOUGH_NUMBERS = 50
WEB_EXPORT = "Taken as reflectance x 65,535, as web exports have it."
AS_THEY_ARE = "The numbers are shown as they are: nothing says how much light they mean."
FRACTIONS = "Taken as reflectance from 0 to 1."
IN_8_BITS = "Taken as pictures scaled to 8 bits: reflectance is not exact."
_MOST_PERCENT = 130
_LEAST_SCALE = 50
OFFSET_SINCE = "2022-01-25"
"""Products made since have 1000 added to their numbers."""
_CLEARLY_BELOW, _HARDLY_BELOW = 900.0, 950.0
_LARGEST_MEASURED = 1e30
"""Scenes take no number beyond this for a measurement (`core.scene`)."""


def stated_reflectance(
    dataset: rasterio.DatasetReader, indexes: Sequence[int], measured: Sequence[bool]
) -> Reflectance | None:
    """What a file's header says of its numbers: tags of our own, else the scale and offset of its bands; or None.

    Parameters
    ----------
    indexes : the bands that are wanted, from 1
    measured : whether each is a measurement; the scales of others say nothing of reflectance
    """
    band_count = len(indexes)
    tags = dataset.tags()
    tagged = _number(tags.get("QUANTIFICATION_VALUE"))
    if tagged:
        offset = _number(tags.get("ADD_OFFSET")) or 0.0
        return Reflectance(tagged, (offset,) * band_count, f"The file says: divided by {tagged:g}, offset {offset:g}.")
    found = [(dataset.scales[i - 1], dataset.offsets[i - 1]) for i in indexes]
    first = next((pair for pair, is_measured in zip(found, measured, strict=True) if is_measured), found[0])
    pairs = [pair if is_measured else first for pair, is_measured in zip(found, measured, strict=True)]
    if not all(np.isfinite(offset) and 1e-9 < scale <= 1 for scale, offset in pairs):
        return None
    if all(scale == 1 for scale, _ in pairs):
        return None
    return scaled(pairs)


def in_one(stated: Sequence[Reflectance]) -> Reflectance:
    """What several files say of their numbers, for all their bands in this order."""
    first = stated[0]
    offsets = tuple(offset for one in stated for offset in one.offsets)
    if all(one.sentence == first.sentence for one in stated):
        return replace(first, offsets=offsets, by_band=tuple(q for one in stated for q in one.by_band))
    own = [quantification for one in stated for quantification in one.quantifications]
    return scaled([(1 / divisor, offset / divisor) for divisor, offset in zip(own, offsets, strict=True)])


def scaled(pairs: Sequence[tuple[float, float]]) -> Reflectance:
    """The reflectance of bands that are stored number times scale plus offset, each with its own two."""
    scales, offsets = [scale for scale, _ in pairs], [offset for _, offset in pairs]
    usual = max(set(scales), key=lambda scale: (scales.count(scale), -scale))
    own = tuple(1 / scale for scale in scales) if len(set(scales)) > 1 else ()
    stored = tuple(offset / scale for scale, offset in pairs)
    if len(set(pairs)) == 1:
        sentence = f"The file says: times {usual:g}, {'plus' if offsets[0] >= 0 else 'minus'} {abs(offsets[0]):g}."
        return Reflectance(1 / usual, stored, sentence)
    times = f"{min(scales):g}" if not own else f"{min(scales):g} to {max(scales):g}"
    plus = f"{offsets[0]:g}" if len(set(offsets)) == 1 else f"{min(offsets):g} to {max(offsets):g}"
    return Reflectance(1 / usual, stored, f"The file says: times {times}, plus {plus}, by band.", own)


def guessed_reflectance(dtype: str, sampled: np.ndarray, band_count: int, are_bands: bool = True) -> Reflectance:
    """How stored numbers become reflectance, from their kind and typical values.

    Parameters
    ----------
    sampled : ndarray of stored values, any shape, without nodata; may be empty
    are_bands : whether names say that bands of the mission are among them: slopes, indices and embeddings are no light
    """
    typical, high = np.percentile(sampled, (75, 99)) if sampled.size else (0.0, 0.0)
    none = (0.0,) * band_count
    if not are_bands and (np.issubdtype(np.dtype(dtype), np.floating) or np.dtype(dtype) == np.int8):
        return Reflectance(1.0, none, AS_THEY_ARE)
    if np.issubdtype(np.dtype(dtype), np.floating):
        if _is_percent(sampled, typical, high):
            return Reflectance(100.0, none, "Taken as percent: all light reflected is 100.")
        if typical <= 2:
            return Reflectance(1.0, none, FRACTIONS)
    if np.dtype(dtype).itemsize == 1:
        return Reflectance(255.0, none, IN_8_BITS)
    if typical > _OFTEN_BELOW or high > _ALWAYS_BELOW or _is_stretched(dtype, sampled):
        return Reflectance(65_535.0, none, WEB_EXPORT)
    return Reflectance(10_000.0, none, "Taken as reflectance x 10,000, the mission's usual numbers.")


def _is_percent(sampled: np.ndarray, typical: float, high: float) -> bool:
    """Whether fractional numbers are percent: far above 1, hardly above 100, and hardly below 0."""
    if not (high <= _MOST_PERCENT and (typical > 2 or high > 10)):
        return False
    return bool(np.percentile(sampled, 5) >= -2 and (sampled != np.rint(sampled)).mean() > 0.5)


def contradicted(stated: Reflectance, dtype: str, sampled: np.ndarray) -> Reflectance | None:
    """Reflectance from 0 to 1 where numbers are that already and a scale is stated that is still to be applied.

    None where they agree. Some programs apply the scale and keep the tag of the whole numbers.
    """
    if not np.issubdtype(np.dtype(dtype), np.floating) or not sampled.size:
        return None
    typical = float(np.percentile(sampled, 75))
    if stated.quantification < _LEAST_SCALE or not 0 < typical <= 2 or typical / stated.quantification >= 1e-3:
        return None
    words = f"The file says: times {1 / stated.quantification:g}, but its numbers are reflectance from 0 to 1 already."
    return Reflectance(1.0, (0.0,) * len(stated.offsets), words)


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


def may_hold_offset(reflectance: Reflectance, lowest: Sequence[float], date: str | None, is_known: bool) -> bool:
    """Whether 1000 may be in the numbers, or 0.1 in fractions, where neither metadata nor a baseline says so.

    Parameters
    ----------
    lowest : as for `doubts_about_offset`
    date : the latest day of a picture, None where unknown: what is older was made before, unless anew
    is_known : whether names say that it is of this mission: tile, or date
    """
    if not lowest or reflectance.quantification not in (_QUANTIFICATION, 1.0):
        return False
    if any(reflectance.offsets) or reflectance.by_band:
        return False
    if date is not None and date < OFFSET_SINCE:
        return False
    least = _CLEARLY_BELOW if is_known or date is not None else _HARDLY_BELOW
    return min(lowest) * _QUANTIFICATION / reflectance.quantification >= least


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and np.isfinite(value) else None
