"""Bringing one grid's pixels to another's in georeferenced space: upward bilinear, downward average, codes nearest.

Each output value depends on its own pixel alone, never on the window it is computed in, so that any
way of cutting a scene gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from s2dash.core.grid import Grid
from s2dash.errors import InputError

_TINY_SHARE = 1e-4
"""Of a pixel: less than this is a rounding error of weights."""
_HALF = 0.5 - _TINY_SHARE
_SAME_PX = 0.01
"""Grids that stay within a hundredth of a pixel of each other over the whole scene are the same."""


@dataclass(frozen=True)
class Relation:
    """Where a target grid's pixels lie in a source: source = target * scale + shift, by (row, column)."""

    scale_rc: tuple[float, float]
    """Target pixel size over source pixel size; below 1 the target is finer."""
    shift_rc: tuple[float, float]
    """Source position of the target's first corner, in source pixels."""
    source_shape_rc: tuple[int, int]

    @property
    def is_copy(self) -> bool:
        """Whether pixels correspond one to one."""
        return self.scale_rc == (1.0, 1.0) and all(shift == round(shift) for shift in self.shift_rc)

    def axes(self, rows: np.ndarray, cols: np.ndarray) -> tuple[Axis, Axis]:
        """The two axes for target rows and columns, shape (n,), whole numbers."""
        return tuple(  # type: ignore[return-value]
            _axis(np.asarray(targets), scale, shift, length)
            for targets, scale, shift, length in zip(
                (rows, cols), self.scale_rc, self.shift_rc, self.source_shape_rc, strict=True
            )
        )


@dataclass(frozen=True, eq=False)
class Axis:
    """What each target place takes from a source, along one axis."""

    places: np.ndarray
    """Source places, shape (taps, targets), int64, within the source."""
    weights: np.ndarray
    """Their weights, shape (taps, targets), float64, sums of 1."""
    nearest: np.ndarray
    """The source place under each target's centre, shape (targets,)."""
    is_coarser: bool
    """Whether targets are larger than source pixels and take the mean of those they cover."""

    @property
    def span(self) -> tuple[int, int]:
        """First source place and the one after the last."""
        return int(self.places.min()), int(self.places.max()) + 1


def relation(target: Grid, source: Grid) -> Relation:
    """How two grids relate; raises InputError where one is turned or mirrored against the other."""
    found = ~source.transform @ target.transform
    length = max(*target.shape_rc, 1)
    if max(abs(found.b), abs(found.d)) * length > _SAME_PX or found.a <= 0 or found.e <= 0:
        raise InputError("The files' grids are turned against each other. Bring them to one grid first.")
    pairs = [
        _snapped(scale, shift, size)
        for scale, shift, size in ((found.e, found.f, target.height), (found.a, found.c, target.width))
    ]
    (row_scale, row_shift), (col_scale, col_shift) = pairs
    return Relation((row_scale, col_scale), (row_shift, col_shift), source.shape_rc)


def _snapped(scale: float, shift: float, length: int) -> tuple[float, float]:
    """Scale and shift without the rounding errors of transforms: whole ratios stay whole."""
    for exact in (round(scale), 1 / max(1, round(1 / scale))):
        if exact and abs(scale - exact) * length < _SAME_PX:
            scale = float(exact)
            break
    if abs(shift - round(shift)) < _SAME_PX:
        shift = float(round(shift))
    return scale, shift


def _axis(targets: np.ndarray, scale: float, shift: float, length: int) -> Axis:
    centre = (targets + 0.5) * scale + shift
    if scale > 1:
        first = targets * scale + shift
        start = np.floor(first + 1e-9).astype(np.int64)
        taps = int(np.ceil(scale - 1e-9)) + (1 if np.any(np.abs(first - np.round(first)) > 1e-9) else 0)
        places = start + np.arange(taps)[:, None]
        weights = np.clip(np.minimum(places + 1, first + scale) - np.maximum(places, first), 0, None) / scale
        if places.min() < 0 or places.max() >= length:
            weights = np.where((places >= 0) & (places < length), weights, 0)
            total = weights.sum(axis=0)
            # A target beyond the source altogether takes its edge, as a finer one does.
            weights[0] = np.where(total > 0, weights[0], 1)
            weights /= np.where(total > 0, total, 1)
    else:
        start = np.floor(centre - 0.5 + 1e-9).astype(np.int64)
        share = np.clip(centre - 0.5 - start, 0, None)
        places = np.stack([start, start + 1])
        weights = np.stack([1 - share, share])
    nearest = np.floor(centre + 1e-9).astype(np.int64)
    return Axis(np.clip(places, 0, length - 1), weights, np.clip(nearest, 0, length - 1), scale > 1)


def resampled(
    source: np.ndarray,
    rows: Axis,
    cols: Axis,
    first_rc: tuple[int, int],
    missing: Sequence[float],
    saturated: float | None = None,
    shown: np.ndarray | None = None,
) -> np.ndarray:
    """A band's weighted means at the target's pixels, in the source's dtype; whole numbers are rounded.

    Parameters
    ----------
    source : ndarray of shape (rows, cols), the part of the source that the axes reach
    first_rc : the source row and column of its first pixel
    missing : the values that stand for no data, besides NaN; the first is given where nothing is left
    saturated : the value that stands for more light than could be measured; None for none
    shown : ndarray of the source's shape, bool, False where a mask of its file hides it; None for all

    Missing, saturated and hidden pixels count for nothing in means. A finer target is missing or
    saturated where the source pixel under its centre is; a coarser one where more than half of it is.
    """
    floating = np.issubdtype(source.dtype, np.floating)
    precise = np.float32 if source.dtype.itemsize <= 2 or source.dtype == np.float32 else np.float64
    present = np.isfinite(source) if floating else np.ones(source.shape, dtype=bool)
    for value in missing:
        if not np.isnan(value):
            present &= source != value
    bright = present & (source == saturated) if saturated is not None else np.zeros(source.shape, dtype=bool)
    usable = present & ~bright if shown is None else present & ~bright & shown
    if usable.all():
        return _as_dtype(_weighted(source, rows, cols, first_rc, precise), source.dtype)
    total = _weighted(np.where(usable, source, 0), rows, cols, first_rc, precise)
    share = _weighted(usable, rows, cols, first_rc, precise)
    is_coarser = rows.is_coarser or cols.is_coarser
    kept = nearest(usable, rows, cols, first_rc)
    if is_coarser:
        # What a file's own mask shows at the centre is shown, so it has a value however little of it counts.
        kept = (share >= _HALF) | kept if shown is not None else share >= _HALF
    # Where nothing is left out the sum is taken as it is: dividing by a sum of weights could round otherwise.
    means = np.divide(total, share, out=total, where=kept & (share < 1 - _TINY_SHARE))
    empty = missing[0] if missing else (np.nan if floating else 0)
    out = np.where(kept, _as_dtype(means, source.dtype), np.asarray(empty).astype(source.dtype))
    for value in missing[1:]:
        # What each stands for may depend on the other bands: they must not become one.
        out[~kept & (nearest(source, rows, cols, first_rc) == value)] = value
    if bright.any():
        if is_coarser:
            too_bright = 2 * _weighted(bright, rows, cols, first_rc, precise) >= 1 - share - _TINY_SHARE
        else:
            too_bright = nearest(bright, rows, cols, first_rc)
        out[~kept & too_bright] = np.asarray(saturated).astype(source.dtype)
    return np.asarray(out)


def nearest(source: np.ndarray, rows: Axis, cols: Axis, first_rc: tuple[int, int]) -> np.ndarray:
    """The source pixel under each target pixel's centre: for codes, of which no mean can be taken."""
    return np.asarray(source[np.ix_(rows.nearest - first_rc[0], cols.nearest - first_rc[1])])


def _weighted(source: np.ndarray, rows: Axis, cols: Axis, first_rc: tuple[int, int], precise: type) -> np.ndarray:
    down = _along(source, rows, first_rc[0], precise)
    return np.ascontiguousarray(_along(down.T, cols, first_rc[1], precise).T)


def _along(source: np.ndarray, axis: Axis, first: int, precise: type) -> np.ndarray:
    """Weighted rows of the source, always added in the same order."""
    total = None
    for places, weights in zip(axis.places - first, axis.weights.astype(precise), strict=True):
        part = np.multiply(source[places], weights[:, None], dtype=precise)
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None
    return total


def _as_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if np.issubdtype(dtype, np.floating):
        return values.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
