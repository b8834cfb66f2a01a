"""Quality bands and cloud masks: their kinds, and what they say as classes of the scene classification."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache

import numpy as np

from s2dash.core.missions.table import HLS_L30, HLS_S30, PLANETSCOPE, is_landsat
from s2dash.core.missions.values import Mission

QA_PIXEL, PIXEL_QA, BQA, OLD_BQA, FMASK, DEA_FMASK, UDM2, UDM = (
    *("QA_PIXEL", "pixel_qa", "BQA", "BQA before collections", "Fmask", "fmask of DEA", "udm2", "udm"),
)
"""Kinds of quality bands; the earlier one is used where several are there."""
_KINDS = (QA_PIXEL, PIXEL_QA, BQA, OLD_BQA, FMASK, DEA_FMASK, UDM2, UDM)

CLASSI, CLOUDS = "MSK_CLASSI", "MSK_CLOUDS"
"""Kinds of cloud masks that Level-1C brings: pixels since processing baseline 04.00, polygons before."""

PROBABILITY = "cloud and snow probability"
"""The kind of mask that is made of a Level-2A product's probabilities, where it has no classification."""

S2CLOUDLESS = "s2cloudless"
"""The kind of mask that is guessed from the pixels (`ingest.guessed_clouds`)."""

_QUALITY_CLASSES = {
    0: "no data in the quality band",
    3: "cloud shadow",
    5: "clear",
    6: "water",
    8: "beside a cloud",
    9: "cloud",
    10: "cirrus",
    11: "snow or ice",
}
_PLANET_CLASSES = _QUALITY_CLASSES | {1: "missing or suspect", 8: "heavy haze", 10: "light haze"}
_CLOUDS_CLASSES = {9: "opaque cloud", 10: "cirrus"}
_WORDS = {
    UDM2: _PLANET_CLASSES,
    UDM: _PLANET_CLASSES,
    CLASSI: _CLOUDS_CLASSES | {11: "snow or ice"},
    CLOUDS: _CLOUDS_CLASSES,
    PROBABILITY: {5: "clear", 8: "cloud, medium probability", 9: "cloud, high probability", 11: "snow or ice"},
    S2CLOUDLESS: {9: "cloud, as guessed"},
}


def quality_classes(kind: str) -> dict[int, str]:
    """Words for what `classes_of_bits` makes of a quality band; numbers are those of `sentinel2.SCL_CLASSES`."""
    return _WORDS.get(kind, _QUALITY_CLASSES)


def classes_of_bits(kind: str, stored: np.ndarray) -> np.ndarray:
    """A quality band as classes in the numbers of the scene classification, shape (rows, cols), uint8.

    Where several bits are set, the first that holds decides: fill, cloud, cirrus, shadow, beside a cloud, snow, water.
    Cloud masks of Level-1C are made ready as classes before (`ingest.cloud_masks`), and stay as they are.

    Parameters
    ----------
    stored : ndarray of shape (bands, rows, cols); one band but for `UDM2`
    """
    if kind in (CLASSI, CLOUDS, PROBABILITY, S2CLOUDLESS):
        return np.asarray(stored[0], dtype=np.uint8)
    if kind == UDM2 and len(stored) >= 6:
        return _of_usable_data(stored)
    numbers = np.nan_to_num(stored[0], nan=_FILL[kind], posinf=_FILL[kind], neginf=_FILL[kind])
    bits = np.clip(numbers, 0, 65_535).astype(np.uint16)
    fits = (stored[0] >= 0) & (stored[0] <= 65_535)
    classes: np.ndarray = _table(kind)[bits]
    return np.where(fits, classes, np.uint8(0)).astype(np.uint8)


_FILL = {QA_PIXEL: 1, PIXEL_QA: 1, BQA: 1, OLD_BQA: 1, FMASK: 255, DEA_FMASK: 0, UDM2: 1, UDM: 1}


@cache
def _table(kind: str) -> np.ndarray:
    """The class of each number that 16 bits can hold, uint8."""
    n = np.arange(65_536, dtype=np.uint32)

    def bit(place: int) -> np.ndarray:
        return (n >> place) & 1 == 1

    def sure(place: int) -> np.ndarray:
        return (n >> place) & 3 == 3

    none = np.zeros(n.shape, dtype=bool)
    fill, cloud, cirrus, shadow, near, snow, water, suspect = (none,) * 8
    if kind == QA_PIXEL:
        fill, near, cirrus, cloud, shadow, snow, water = (bit(i) for i in (0, 1, 2, 3, 4, 5, 7))
    elif kind == PIXEL_QA:
        fill, water, shadow, snow, cloud, cirrus = (*(bit(i) for i in (0, 2, 3, 4, 5)), sure(8))
    elif kind == BQA:
        fill, cloud, shadow, snow, cirrus = bit(0), bit(4), sure(7), sure(9), sure(11)
    elif kind == OLD_BQA:
        fill, water, snow, cirrus, cloud = bit(0), sure(4), sure(10), sure(12), sure(14)
    elif kind == FMASK:
        fill = n >= 255
        cirrus, cloud, near, shadow, snow, water = (bit(i) for i in range(6))
    elif kind == DEA_FMASK:
        fill, cloud, shadow, snow, water = (n == 0) | (n > 5), n == 2, n == 3, n == 4, n == 5
    else:
        fill, cloud, suspect = bit(0), bit(1), n > 1
    order = ((fill, 0), (cloud, 9), (cirrus, 10), (shadow, 3), (near, 8), (snow, 11), (water, 6), (suspect, 1))
    table = np.full(n.shape, 5, dtype=np.uint8)
    for held, code in reversed(order):
        table[held] = code
    return table


def _of_usable_data(stored: np.ndarray) -> np.ndarray:
    """The same of Planet's usable data mask: clear, snow, shadow, light and heavy haze, cloud, confidence, old bits."""
    clear, snow, shadow, light, heavy, cloud = (stored[i] == 1 for i in range(6))
    found = np.full(clear.shape, 5, dtype=np.uint8)
    for held, code in ((snow, 11), (light, 10), (heavy, 8), (shadow, 3), (cloud, 9)):
        found[held] = code
    nothing = ~(clear | snow | shadow | light | heavy | cloud)
    if len(stored) >= 8:
        nothing |= np.nan_to_num(stored[7], nan=1).astype(np.int64) & 1 == 1
    found[nothing] = 0
    return found


_QUALITY = (
    (re.compile(r"(?<![a-z])qa[ _-]?pixel(?![a-z])"), QA_PIXEL),
    (re.compile(r"(?<![a-z])pixel[ _-]?qa(?![a-z])"), PIXEL_QA),
    (re.compile(r"(?<![a-z])bqa(?![a-z])"), BQA),
    (re.compile(r"(?<![a-z])oa[ _-]fmask(?![a-z])"), DEA_FMASK),
    (re.compile(r"(?<![a-z])f[ _-]?mask(?![a-z])"), FMASK),
    (re.compile(r"(?<![a-z])udm2(?![a-z0-9])"), UDM2),
    (re.compile(r"(?<![a-z])(?:udm|dn[ _-]udm)(?![a-z0-9])"), UDM),
)
_OF_MISSION: dict[str, Callable[[Mission], bool]] = {
    QA_PIXEL: is_landsat,
    PIXEL_QA: is_landsat,
    BQA: is_landsat,
    OLD_BQA: is_landsat,
    DEA_FMASK: is_landsat,
    FMASK: lambda mission: mission in (HLS_S30, HLS_L30),
    UDM2: lambda mission: mission is PLANETSCOPE,
    UDM: lambda mission: mission is PLANETSCOPE,
}


def quality_kind(mission: Mission, text: str) -> str | None:
    """Which kind of quality band a text names on that mission: `QA_PIXEL`, `0_Fmask`; None for any other."""
    for pattern, kind in _QUALITY:
        if pattern.search(text.lower()) and _OF_MISSION[kind](mission):
            return kind
    return None


def best_quality(kinds: Iterable[str]) -> str | None:
    """Of several kinds the one that says most."""
    return min(kinds, key=_KINDS.index, default=None)
