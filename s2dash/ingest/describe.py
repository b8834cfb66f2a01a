"""What a raster's header and a look at its pixels say of its bands: which there are, their names, dates and masks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, MaskFlags

from s2dash.core import helper_layers, missions, sentinel2
from s2dash.core.legend import MOST_NAME_CHARACTERS, clean_name
from s2dash.core.scene import Band
from s2dash.ingest.band_texts import band_texts, is_count, only_count

_MOST_CLASSES = 40
_EMPTY_REFLECTANCE = 0.012
_DATE = re.compile(r"(20\d\d)-?([01]\d)-?([0-3]\d)")
_ANY_DATE = re.compile(r"((?:19[7-9]|20\d)\d)-?([01]\d)-?([0-3]\d)")


@dataclass(frozen=True)
class BandLayout:
    """Which bands of a raster are bands of the scene, and what they are called."""

    indexes: tuple[int, ...]
    """Place of each band in the raster, from 1."""
    texts: tuple[str, ...]
    """What the file calls each, cleaned; empty where it says nothing."""
    measured: tuple[bool, ...]
    """Whether each is a measurement, not a helper layer."""
    classifications: tuple[tuple[int, str | None], ...]
    """Place of each band that is a scene classification beside others, and its date where the name has one."""
    mask_index: int | None
    """The band that is a mask: 0 is no data."""
    is_guessed: bool
    """Whether the texts follow from count and order only."""
    notes: tuple[str, ...]
    quality: tuple[tuple[int, str, str | None], ...] = ()
    """Place, kind and date of each band whose bits tell clouds and the like apart."""


def layout_of(dataset: rasterio.DatasetReader, file_name: str, said: missions.Said | None = None) -> BandLayout:
    """Bands by their descriptions, else by count and order, a single one by the file's name; alpha is a mask.

    Names by count and order are a guess, and noted as one.

    Parameters
    ----------
    said : what is known of a mission that is not Sentinel-2, whose numbers and orders are others
    """
    mission = said.mission if said is not None else None
    described = band_texts(dataset, file_name, missions.has_own_bands(mission))
    alpha = [i for i in dataset.indexes if _is_alpha(dataset, i)] if dataset.count > 1 else []
    kinds = {i: helper_layers.helper_kind(described[i - 1]) for i in dataset.indexes}
    if all(kinds[i] for i in dataset.indexes if i not in alpha[-1:]):
        kinds = dict.fromkeys(kinds)
    quality = _quality_of(dataset, said)
    kinds |= {i: helper_layers.OTHER for i, _, _ in quality}
    valid = [i for i in dataset.indexes if kinds[i] == helper_layers.VALID]
    mask_index = next(iter([*alpha[-1:], *valid]), None)
    classes = [i for i in dataset.indexes if kinds[i] == helper_layers.SCENE_CLASSES]
    bits = [i for i, _, _ in quality]
    indexes = tuple(i for i in dataset.indexes if i != mask_index and i not in classes and i not in bits)
    descriptions = [described[i - 1] for i in indexes]
    texts = [clean_name(text) for text in descriptions]
    if only_count(texts, Path(file_name).stem) and not (
        _are_numbers_own(mission) and texts[0].lower().startswith("b1")
    ):
        texts = [""] * len(texts)
    by_colour = _by_colour([dataset.colorinterp[i - 1] for i in indexes])
    if by_colour and mission is missions.FOREIGN:
        by_colour = tuple(sentinel2.BANDS[name].common_name for name in by_colour)
    usual = None if missions.has_own_bands(mission) else sentinel2.guess_band_names(len(indexes))
    ordered = mission.orders.get(len(indexes)) if mission is not None else None
    guess = ordered or by_colour or usual
    order = "by the colours it states" if by_colour and not ordered else "the usual order"
    if mission is not None and ordered:
        order = f"the usual order of {mission.title}"
    notes: tuple[str, ...] = ()
    guessed = False
    if any(len(text.strip()) > MOST_NAME_CHARACTERS for text in descriptions):
        notes = (f"The file has names of bands that are cut to {MOST_NAME_CHARACTERS} characters.",)
    if not any(texts) and len(indexes) == 1:
        stem = clean_name(Path(file_name).stem)
        known = None if missions.has_own_bands(mission) else sentinel2.band_in_file_name(stem)
        texts = [known or stem]
    elif not any(texts) and guess:
        texts, guessed = list(guess), True
        notes = (
            f"The file does not name its {len(indexes)} bands; they are taken as {', '.join(guess)}, {order}. "
            "Change the names if that is wrong.",
        )
    elif not any(texts):
        notes = (f"The file does not name its {len(indexes)} bands, and their number has no usual order.",)
    if classes:
        notes = (*notes, f"{clean_name(described[classes[0] - 1])} is taken as the scene classification.")
    if quality:
        named = ", ".join(clean_name(dataset.descriptions[i - 1] or "") for i in bits)
        notes = (*notes, f"{named} tells clouds and the like apart: what it marks can be left out.")
    dated = tuple((i, acquisition_date({}, described[i - 1])[0]) for i in classes)
    measured = tuple(not kinds[i] for i in indexes)
    return BandLayout(indexes, tuple(texts), measured, dated, mask_index, guessed, notes, quality)


def _are_numbers_own(mission: missions.Mission | None) -> bool:
    """Whether `B1` to `B7` are names of that mission rather than the count of a program."""
    return mission is not None and (missions.is_landsat(mission) or mission is missions.HLS_L30)


def _quality_of(dataset: rasterio.DatasetReader, said: missions.Said | None) -> tuple[tuple[int, str, str | None], ...]:
    """The bands of a stack whose bits tell clouds apart: of each date the one that says most."""
    if said is None or dataset.count < 2:
        return ()
    found: dict[str | None, list[tuple[int, str]]] = {}
    for index in dataset.indexes:
        text = dataset.descriptions[index - 1] or ""
        kind = missions.quality_kind(said.mission, text)
        if kind is not None:
            found.setdefault(any_date(text), []).append((index, kind))
    best = {date: missions.best_quality(kind for _, kind in kinds) for date, kinds in found.items()}
    return tuple(
        next((index, kind, date) for index, kind in kinds if kind == best[date]) for date, kinds in found.items()
    )


_MOST_LOOKED_AT = 16


def _is_alpha(dataset: rasterio.DatasetReader, index: int) -> bool:
    """Whether a band tagged alpha is one: not named as another, and only none and all in the blocks looked at.

    GDAL tags the fourth band of 8-bit files so whatever it holds. Where red, green and blue are stated, and of a
    fourth band nothing is, it may be one too.
    """
    colours = dataset.colorinterp
    is_fourth = index == dataset.count == 4 and set(colours[:3]) == set(_COLOURS) and not dataset.descriptions[3]
    if colours[index - 1] != ColorInterp.alpha and not (is_fourth and colours[3] == ColorInterp.undefined):
        return False
    text = dataset.descriptions[index - 1] or ""
    if text and "alpha" not in text.lower() and not is_count(clean_name(text)):
        return helper_layers.helper_kind(text) == helper_layers.VALID
    dtype = np.dtype(dataset.dtypes[index - 1])
    full = (np.iinfo(dtype).max, 255) if np.issubdtype(dtype, np.integer) else (1, 255)
    rows, cols = dataset.block_shapes[index - 1]
    down, across = -(-dataset.height // rows), -(-dataset.width // cols)
    for place in np.unique(np.linspace(0, down * across - 1, _MOST_LOOKED_AT).astype(int)):
        row, col = int(place) // across * rows, int(place) % across * cols
        window = ((row, min(row + rows, dataset.height)), (col, min(col + cols, dataset.width)))
        if not np.isin(dataset.read(index, window=window), (0, *full)).all():
            return False
    return True


_COLOURS = {ColorInterp.red: "B04", ColorInterp.green: "B03", ColorInterp.blue: "B02"}


def _by_colour(colours: Sequence[ColorInterp]) -> tuple[str, ...] | None:
    """Names by stated colours, where red, green and blue are all there and at most one other, the near infrared."""
    if not 3 <= len(colours) <= 4 or any(list(colours).count(colour) != 1 for colour in _COLOURS):
        return None
    return tuple(_COLOURS.get(colour, "B08") for colour in colours)


def named_bands(texts: Sequence[str], of: Sequence[missions.Mission | None] = ()) -> tuple[Band, ...]:
    """Bands with unique names from free texts: standard names, with a date or number where one comes twice.

    Parameters
    ----------
    of : the mission of each, whose own names stay; empty where all are Sentinel-2's
    """
    of = of or (None,) * len(texts)
    kinds = [helper_layers.helper_kind(text) for text in texts]
    counts = {mission: of.count(mission) for mission in of}
    owns = [
        missions.own_band(mission, clean_name(text), counts[mission])
        if mission is not None and missions.has_own_bands(mission) and not kind
        else None
        for text, mission, kind in zip(texts, of, kinds, strict=True)
    ]
    beyond = [own is not None and own.is_left_out for own in owns]
    helpers = [
        (is_beyond or (bool(kind) and own is None)) and not all(b or k for b, k in zip(beyond, kinds, strict=True))
        for kind, own, is_beyond in zip(kinds, owns, beyond, strict=True)
    ]
    standards = [_standard_of(*one) for one in zip(texts, of, owns, helpers, strict=True)]
    roots = [own.name if own else standard for own, standard in zip(owns, standards, strict=True)]
    names: list[str] = []
    for number, (text, root) in enumerate(zip(texts, roots, strict=True), 1):
        name = root or clean_name(text) or f"band {number}"
        if root and roots.count(root) > 1:
            date = any_date(text)
            name = f"{root}_{date}" if date else root
        unique, copy = name, 2
        while unique in names:
            unique, copy = f"{name}_{copy}", copy + 1
        names.append(unique)
    return tuple(Band(*one) for one in zip(names, standards, helpers, owns, strict=True))


def _standard_of(
    text: str, mission: missions.Mission | None, own: missions.OwnBand | None, is_helper: bool
) -> str | None:
    if own is not None:
        return own.standard
    return None if is_helper or missions.has_own_bands(mission) else sentinel2.standard_band_name(text)


def has_internal_mask(dataset: rasterio.DatasetReader) -> bool:
    """Whether the file carries a mask that is neither a nodata value nor an alpha band."""
    return any(
        MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags and MaskFlags.nodata not in flags
        for flags in dataset.mask_flag_enums
    )


def looks_like_classes(dtype: str, sampled: Sequence[np.ndarray], is_palette: bool) -> bool:
    """Whether a picture is a finished map of classes: a palette, or one band of few small whole numbers.

    Parameters
    ----------
    sampled : valid stored values of each band
    """
    if len(sampled) != 1 or not np.issubdtype(np.dtype(dtype), np.integer):
        return False
    values = np.unique(sampled[0])
    return is_palette or bool(2 < values.size <= _MOST_CLASSES and values.min() >= 0 and values.max() <= 255)


CLASS_MAP = (
    "This looks like a finished class map, not a picture: its numbers are names of classes. "
    "Open the picture it was made from."
)
CIRRUS_BEFORE_LAST = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B09", "B10", "B11", "B12", "B8A")
"""The order of EuroSAT and of those who learnt from it: B8A comes last."""
CIRRUS_AMONG = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B09", "B10", "B11", "B12")
"""How some programs write 12 bands of the top of the atmosphere: without B8A."""


def is_cirrus(tenth: np.ndarray, ninth: np.ndarray, quantification: float) -> bool:
    """Whether the tenth of 12 unnamed bands is B10, which is almost empty; else it is B09, much like B8A before it."""
    if not tenth.size or not ninth.size:
        return False
    level, before = float(np.median(tenth)) / quantification, float(np.median(ninth)) / quantification
    return level < _EMPTY_REFLECTANCE and level < before / 4


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


def any_date(text: str) -> str | None:
    """`1995-07-01` from a text, of the times of any satellite; None without one."""
    found = _ANY_DATE.search(text)
    if found is None or not (1 <= int(found[2]) <= 12 and 1 <= int(found[3]) <= 31):
        return None
    return "-".join(found.groups())
