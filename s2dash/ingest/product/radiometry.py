"""Which offset and quantification make reflectance of a product's stored numbers, and the sentence that says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from s2dash.core.sentinel2 import BANDS
from s2dash.ingest.product.metadata import ProductMetadata
from s2dash.ingest.product.names import L2A, OUTSIDE_SERIES

FIRST_BASELINE_WITH_OFFSET = "04.00"
UNKNOWN_OFFSET = (
    "The processing baseline is unknown: for data made since 25 January 2022, "
    "check whether 1000 must be subtracted, and set the offset yourself."
)
UNKNOWN_OFFSET_OF_FRACTIONS = UNKNOWN_OFFSET.replace("1000", "0.1")
USUAL_OFFSET = -1000.0
USUAL_QUANTIFICATION = 10_000.0


@dataclass(frozen=True)
class Radiometry:
    """How stored numbers become reflectance: (number + offset) / quantification."""

    quantification: float
    offsets: Mapping[str, float]
    """By band, in stored numbers; a band without entry has 0."""
    sentence: str
    warning: str | None
    """What the user should check; None where the metadata settle it."""


def offset_rule(level: str | None, baseline: str | None, metadata: ProductMetadata | None = None) -> Radiometry:
    """Which offset and quantification hold, and the sentence that says so.

    Metadata decide where they speak of it: an offset there is used, none there means 0. Otherwise the
    baseline does: from 04.00 on (25 January 2022) 1000 is subtracted, before it nothing. Never the date.

    Parameters
    ----------
    level, baseline : as names have them; those of the metadata go before
    """
    if metadata is not None:
        level, baseline = metadata.level, metadata.baseline or baseline
    if metadata is not None and metadata.states_radiometry:
        quantification = metadata.quantification or USUAL_QUANTIFICATION
        return _radiometry(level, baseline, quantification, metadata.offsets, _doubt(baseline, metadata.offsets))
    if baseline is None or baseline == OUTSIDE_SERIES:
        return _radiometry(level, None, USUAL_QUANTIFICATION, {}, UNKNOWN_OFFSET)
    offsets = dict.fromkeys(BANDS, USUAL_OFFSET) if baseline >= FIRST_BASELINE_WITH_OFFSET else {}
    warning = f"No metadata state the offset: it follows from baseline {baseline} in the product's name. Check it."
    return _radiometry(level, baseline, USUAL_QUANTIFICATION, offsets, warning)


def _doubt(baseline: str | None, offsets: Mapping[str, float]) -> str | None:
    """Why metadata may not mean what they say; None where nothing speaks against them."""
    if baseline is None or baseline == OUTSIDE_SERIES:
        return None
    if not any(offsets.values()) and baseline >= FIRST_BASELINE_WITH_OFFSET:
        return (
            f"Products of baseline {baseline} usually have an offset of -1000, but the metadata have none. "
            "Check whether 1000 must be subtracted."
        )
    if any(offsets.values()) and baseline < FIRST_BASELINE_WITH_OFFSET:
        return f"Products of baseline {baseline} usually have no offset, but the metadata have one. Check it."
    return None


def _radiometry(
    level: str | None, baseline: str | None, quantification: float, offsets: Mapping[str, float], warning: str | None
) -> Radiometry:
    held = {offsets.get(band, 0.0) for band in BANDS if not (level == L2A and band == "B10")}
    made_by = f"baseline {baseline}" if baseline else "baseline unknown"
    scale = "" if quantification == USUAL_QUANTIFICATION else f", divided by {quantification:g}"
    sentence = f"{level or 'Level unknown'}, {made_by}: {_offset_words(held)}{scale}."
    return Radiometry(quantification, dict(offsets), sentence, warning)


def _offset_words(held: Iterable[float]) -> str:
    low, high = min(held), max(held)
    if low == high == 0:
        return "no offset"
    if low == high:
        return f"{abs(low):g} {'subtracted' if low < 0 else 'added'}"
    return f"an offset from {low:g} to {high:g}, by band"
