"""The mask of a scene's pixels: which cause hides which."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from s2dash.core.scene.scene import Scene
from s2dash.core.scene.values import AREA, FILE_MASK, SCL, Fill, Masking

_LARGEST_VALUE = 1e30
"""Floating-point values beyond this (and NaN) are no measurement, and their squares would overflow."""


def valid_pixels(scene: Scene, positions: Sequence[int], stack: np.ndarray, masking: Masking) -> np.ndarray:
    """The mask of chosen bands in a stack as `reading.read_preview_stack` has it, shape (rows, cols), bool."""
    valid = np.ones(stack.shape[1:], dtype=bool)
    for _, hidden in hidden_by_cause(scene, positions, *_parts(scene, positions, stack), masking):
        valid &= ~hidden
    return valid


def masked_shares(
    scene: Scene, positions: Sequence[int], stack: np.ndarray, masking: Masking
) -> tuple[tuple[str, float], ...]:
    """The share of all pixels that each cause hides, by its words; causes overlap, so shares do not add up.

    `stack` is as for `valid_pixels`.
    """
    together: dict[str, np.ndarray] = {}
    for cause, hidden in hidden_by_cause(scene, positions, *_parts(scene, positions, stack), masking):
        # Several dates bring a classification each.
        together[cause] = together[cause] | hidden if cause in together else hidden
    return tuple((cause, float(hidden.mean())) for cause, hidden in together.items())


OtherBands = Callable[[Sequence[int]], np.ndarray]
"""Gives bands that were not chosen in the same place, shape (bands, rows, cols): read where they are asked for."""


def _parts(scene: Scene, positions: Sequence[int], stack: np.ndarray) -> tuple[np.ndarray, np.ndarray, OtherBands]:
    bands, masks = stack[: len(scene.bands)], stack[len(scene.bands) :]
    return bands[list(positions)], masks, lambda others: bands[list(others)]


def hidden_by_cause(
    scene: Scene,
    positions: Sequence[int],
    values: np.ndarray,
    masks: np.ndarray,
    other_bands: OtherBands,
    masking: Masking,
) -> Iterator[tuple[str, np.ndarray]]:
    """Each cause in plain words, and the pixels it hides, shape (rows, cols), bool; the order is fixed.

    Parameters
    ----------
    values : ndarray of shape (chosen bands, rows, cols), as stored
    masks : ndarray of shape (scene.masks, rows, cols)
    """
    if np.issubdtype(values.dtype, np.floating):
        yield "not a number", ~(np.abs(values) <= _LARGEST_VALUE).all(axis=0)
    if masking.nodata:
        yield "no data", _without_data(scene, positions, values, masks, other_bands)
    if masking.saturated and scene.saturated is not None:
        yield "saturated", (values == scene.saturated).any(axis=0)
    for mask, stored in zip(scene.masks, masks, strict=True):
        if mask.kind == AREA and masking.area:
            yield "outside the area", stored == 0
        elif mask.kind == SCL and mask.concerns(positions):
            for code in masking.scl:
                if mask.quality is None or code in mask.classes:
                    yield mask.classes.get(code, f"class {code}"), stored == code


def _without_data(
    scene: Scene, positions: Sequence[int], values: np.ndarray, masks: np.ndarray, other_bands: OtherBands
) -> np.ndarray:
    hidden = np.zeros(values.shape[1:], dtype=bool)
    for position, band in zip(positions, values, strict=True):
        alone = [fill.value for fill in scene.fills if fill.is_alone and position in fill.positions]
        for nodata in (scene.nodata[position], *alone):
            if nodata is not None and not math.isnan(nodata):
                hidden |= band == nodata
    for mask, stored in zip(scene.masks, masks, strict=True):
        if mask.kind == FILE_MASK and mask.concerns(positions):
            hidden |= stored == 0
    for fill in scene.fills:
        if not fill.is_alone:
            hidden |= _holding(fill, positions, values, other_bands)
    return hidden


def _holding(fill: Fill, positions: Sequence[int], values: np.ndarray, other_bands: OtherBands) -> np.ndarray:
    """Where all bands of a fill hold it, shape (rows, cols), bool; nowhere if none of them is chosen."""
    chosen = [place for place, position in enumerate(positions) if position in fill.positions]
    if not chosen:
        return np.zeros(values.shape[1:], dtype=bool)
    # The first band alone settles it for almost every window, in a tenth of the time.
    found: np.ndarray = fill.holds(values[chosen[0]])
    for place in chosen[1:]:
        if not found.any():
            return found
        found &= fill.holds(values[place])
    for position in fill.positions:
        if position not in positions:
            if not found.any():
                return found
            # One at a time: hundreds of bands together would take more memory than all else.
            found &= fill.holds(other_bands([position])[0])
    return found
