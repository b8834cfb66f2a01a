"""Bands that tell nothing of the ground by their values: one number everywhere, no data at all, or codes of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from s2dash import sentinel2
from s2dash.ingest.describe import named_bands
from s2dash.scene import Scene

SAME, EMPTY, CODES = "the same number everywhere", "without data", "codes"
_WORDS = {
    SAME: (
        "{} is the same number everywhere, and left out unless you choose it.",
        "{} are the same number everywhere, and left out unless you choose them.",
    ),
    EMPTY: (
        "{} has no data anywhere, and is left out unless you choose it.",
        "{} have no data anywhere, and are left out unless you choose them.",
    ),
    CODES: (
        "{} holds few whole numbers, as classes and masks do, and is left out unless you choose it.",
        "{} hold few whole numbers, as classes and masks do, and are left out unless you choose them.",
    ),
}
"""Notes about one band, and about several."""
_MOST_CODES = 24
_LARGEST_CODE = 255
_MANY_VALUES = 100
_MOST_NAMED = 6
_MAY_BE_CIRRUS = ("B09", "B10")
"""Bands in whose place by order one may be that is almost empty."""


def told_nothing(scene: Scene, found: Sequence[np.ndarray]) -> dict[int, str]:
    """Positions of the bands that are left out by default, and why; empty where that would be all of them.

    Parameters
    ----------
    found : valid stored values of each of the scene's measured bands, shape (n,)

    Few small whole numbers in a band that no name calls a band of the ground are a classification or a mask, if
    another band beside it is measured. Counted by order, bands have no names of their own.
    """
    by_band = list(zip(scene.measured, found, strict=True))
    out = {i: SAME for i, values in by_band if values.size > 1 and (values == values[0]).all()}
    out |= {i: EMPTY for i, values in by_band if not values.size}
    varied = any(_distinct(values) > _MANY_VALUES for i, values in by_band if i not in out)
    for i, values in by_band if varied else ():
        band = scene.bands[i]
        is_named = band.own is not None or (band.standard is not None and not scene.names_are_guessed)
        if i not in out and not is_named and band.standard not in _MAY_BE_CIRRUS and _are_codes(values):
            out[i] = CODES
    return out if len(out) < len(by_band) else {}


def without_codes_in_order(scene: Scene, reasons: Mapping[int, str]) -> Scene:
    """The scene whose bands were named by their order, with the codes among them out of the count.

    Twelve bands and a classification are not the thirteen of Level-1C.
    """
    codes = [i for i, why in reasons.items() if why == CODES]
    if not scene.names_are_guessed or not codes or len({layer.path for layer in scene.layers}) > 1:
        return scene
    guessed = ", ".join(scene.band_names)
    rest = [i for i in range(len(scene.bands)) if i not in codes]
    order = sentinel2.guess_band_names(len(rest))
    names = [f"band {i + 1}" for i in range(len(scene.bands))]
    for i, name in zip(rest, order or (), strict=False):
        names[i] = name
    without = ", ".join(names[i] for i in codes)
    note = f"Without {without}, the others have no usual order. Change the names."
    if order:
        note = f"Without {without}, the others are taken as {', '.join(order)}. Change the names if that is wrong."
    kept = [one for one in scene.notes if guessed not in one]
    return replace(scene, bands=named_bands(names), names_are_guessed=True, notes=(*kept, note))


def with_set_aside(scene: Scene, reasons: Mapping[int, str]) -> Scene:
    """The scene that knows which of its bands are left out unless they are chosen, with notes of them."""
    if not reasons:
        return scene
    notes = []
    for why, (one, many) in _WORDS.items():
        names = [scene.bands[i].name for i, found in reasons.items() if found == why]
        if names:
            listed = ", ".join(names[:_MOST_NAMED])
            listed += f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
            notes.append((one if len(names) == 1 else many).format(listed))
    return replace(scene, set_aside=tuple(sorted(reasons)), notes=(*scene.notes, *notes))


def _distinct(values: np.ndarray) -> int:
    return int(np.unique(values).size)


def _are_codes(values: np.ndarray) -> bool:
    numbers = np.unique(values)
    if numbers.size > _MOST_CODES or numbers.min() < -1 or numbers.max() > _LARGEST_CODE:
        return False
    return bool((numbers == np.rint(numbers)).all())
