"""Bands that tell nothing of the ground by their values: one number everywhere, no data at all, or codes of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from s2dash.core import sentinel2
from s2dash.core.scene import Scene
from s2dash.ingest.describe import named_bands

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


def uninformative_bands(scene: Scene, found: Sequence[np.ndarray]) -> dict[int, str]:
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
    """The scene whose bands have no names but by their order, with what is left out taken out of the count.

    Twelve bands and a classification are not the thirteen of Level-1C. Where their number had no order at all, what
    is the same number everywhere, such as angles, is taken out too.
    """
    is_unnamed = all(band.name == f"band {i}" for i, band in enumerate(scene.bands, 1))
    out = [i for i, why in reasons.items() if why == CODES or is_unnamed]
    if not (scene.names_are_guessed or is_unnamed) or not out or len({layer.location for layer in scene.layers}) > 1:
        return scene
    rest = [i for i in range(len(scene.bands)) if i not in out]
    order = sentinel2.guess_band_names(len(rest))
    if is_unnamed and order is None:
        return scene
    names = [f"band {i + 1}" for i in range(len(scene.bands))]
    for i, name in zip(rest, order or (), strict=False):
        names[i] = name
    without = _listed([names[i] for i in sorted(out)])
    note = f"Without {without}, the others have no usual order. Change the names."
    if order:
        note = f"Without {without}, the others are taken as {', '.join(order)}. Change the names if that is wrong."
    said_before = ("has no usual order" if is_unnamed else ", ".join(scene.band_names),)
    kept = [one for one in scene.notes if not any(words in one for words in said_before)]
    return replace(scene, bands=named_bands(names), names_are_guessed=True, notes=(*kept, note))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + (
        f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    )


def with_set_aside(scene: Scene, reasons: Mapping[int, str]) -> Scene:
    """The scene that knows which of its bands are left out unless they are chosen, with notes of them."""
    if not reasons:
        return scene
    notes = []
    for why, (one, many) in _WORDS.items():
        names = [scene.bands[i].name for i, found in reasons.items() if found == why]
        if names:
            notes.append((one if len(names) == 1 else many).format(_listed(names)))
    return replace(scene, set_aside=tuple(sorted(reasons)), notes=(*scene.notes, *notes))


def _distinct(values: np.ndarray) -> int:
    return int(np.unique(values).size)


def _are_codes(values: np.ndarray) -> bool:
    numbers = np.unique(values)
    if numbers.size > _MOST_CODES or numbers.min() < -1 or numbers.max() > _LARGEST_CODE:
        return False
    return bool((numbers == np.rint(numbers)).all())
