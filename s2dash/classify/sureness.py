"""How sure the class of a pixel is: how clearly it lies nearer to its own than to the next, among neighbours like it.

Clearness is 1 - d1 / d2 of the distances to the nearest and second nearest centre, or the posterior of a mixture;
it is multiplied by the share of the same class among the pixel and its eight neighbours. On scenes with labels that
people drew this tells pixels that are right from those that are wrong better than either alone
(benchmarks/sureness.py), and not well: the words for it promise no more than a close call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from s2dash.classify.algorithms import Model
from s2dash.classify.algorithms.threads import single_threaded
from s2dash.classify.assign import asking, assign, assign_edited
from s2dash.classify.features import preview_features, window_features
from s2dash.classify.fitted import Fitted
from s2dash.core.classmap import Result
from s2dash.core.scene import Pixels
from s2dash.core.sureness import UNKNOWN
from s2dash.core.types import Window, frozen
from s2dash.raster.reading import SceneReader

HALO = 1
"""Pixels around a window that its sureness depends on."""
STEPS: Sequence[str] = ("Could be either", "Likely", "Clear")
"""Words for the steps, from 1."""

_STEP_QUANTILES = (0.1, 0.3)
"""Shares of a scene's pixels below the second step, and below the third."""
_PIXELS_AT_ONCE = 8_192
"""So that their distances stay in the cache of the processor."""


@dataclass(frozen=True)
class SureSteps:
    """Where the steps of one map begin, in percent: they are relative to its scene, as no fixed limit holds for all."""

    likely_from: int
    clear_from: int

    @staticmethod
    def of(percent: np.ndarray) -> SureSteps:
        """The steps that put the least sure tenth in the first and the next fifth in the second, as near as it goes."""
        known = percent[percent != UNKNOWN]
        if not known.size:
            return SureSteps(0, 0)
        likely, clear = (int(np.quantile(known, share, method="lower")) for share in _STEP_QUANTILES)
        return SureSteps(likely, clear)

    def __call__(self, percent: np.ndarray) -> np.ndarray:
        """The step of each pixel, uint8, 1 to 3; 0 where it is not known."""
        steps = 1 + (percent >= self.likely_from).astype(np.uint8) + (percent >= self.clear_from)
        return np.asarray(np.where(percent == UNKNOWN, 0, steps), dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class LiveSureness:
    """How sure the classes of a live picture are."""

    percent: np.ndarray
    """Shape (rows, cols), uint8, read-only, as `sureness` gives it."""
    limits: SureSteps
    shares: tuple[float, ...]
    """Of each step among the mapped pixels, 0 to 1."""
    class_shares: np.ndarray
    """Share of each step among the pixels of each class, shape (highest number, steps); 0 where it has none."""

    @property
    def steps(self) -> np.ndarray:
        """Step of each pixel, shape (rows, cols), uint8, 0 where there is none."""
        return self.limits(self.percent)


def live_sureness(fitted: Fitted, live: Result) -> LiveSureness:
    """How sure the classes of a live picture are; `live` is the result of `run_live` for the same fit."""
    labels = live.classmap.labels
    if labels is None:
        raise ValueError("the labels of a live picture are in memory, but this result has none there")
    percent = frozen(sureness(fitted, preview_features(fitted.prepared), labels))
    limits = SureSteps.of(percent)
    table = np.zeros((live.classmap.class_count + 1, len(STEPS) + 1), dtype=np.int64)
    np.add.at(table, (labels.ravel(), limits(percent).ravel()), 1)
    counts = table[1:, 1:]
    shares = counts.sum(axis=0) / max(1, counts.sum())
    return LiveSureness(
        percent, limits, tuple(float(share) for share in shares), counts / np.maximum(1, counts.sum(axis=1))[:, None]
    )


def window_sureness(fitted: Fitted, reader: SceneReader, window: Window) -> np.ndarray:
    """How sure each label of a window is, as `sureness` gives it; `reader` reads the fitted scene."""
    stage, shape_rc = fitted.stage, fitted.scene.grid.shape_rc
    near = window.grown(HALO, shape_rc)
    wide = near.grown(stage.halo, shape_rc)
    features = window_features(fitted.prepared, reader, wide)
    rows, cols = near.within(wide).slices_rc
    labels = assign_edited(fitted.at(wide), features)[rows, cols]
    inner = Pixels(features.values[:, rows, cols], features.valid[rows, cols])
    return sureness(fitted, inner, labels)[window.within(near).slices_rc]


def sureness(fitted: Fitted, features: Pixels, labels: np.ndarray, inner: Window | None = None) -> np.ndarray:
    """How sure each label is, in percent, shape (rows, cols), uint8, 0 to 100; 255 where there is none.

    Parameters
    ----------
    features : raw features, as `features.window_features` gives them
    labels : ndarray of shape (rows, cols), uint8, after edits, of the same pixels, or of `HALO` more around them
    inner : where the pixels of `features` lie within `labels`; everywhere where None

    A pixel at the edge of the labels has fewer neighbours.
    """
    inside = (inner or Window(0, 0, *labels.shape)).slices_rc
    own = labels[inside]
    percent = np.rint(100 * clearness(fitted, features, own) * _equal_neighbours(labels)[inside])
    return np.where(own != 0, percent, UNKNOWN).astype(np.uint8)


def clearness(fitted: Fitted, features: Pixels, labels: np.ndarray) -> np.ndarray:
    """Clearness of each mapped pixel, shape (rows, cols), float32; 0 elsewhere. `labels` are those after edits.

    Where a class was split, the less clear of its place among the classes and of that among the parts. Of classes
    that were found in an area, that among these.
    """
    stage, mapped = fitted.stage, labels != 0
    out = _clearness(fitted, fitted.model, features, mapped, stage.numbers_of(fitted.number_of))
    if stage.regroups:
        before = assign(fitted, features)
        for step, where, group_of in stage.regroupings(before, asking(fitted, features)):
            inside = where & mapped
            part = _clearness(fitted, step.model, features, inside, group_of)
            out[inside] = np.minimum(out[inside], part[inside])
    for found, numbers in stage.in_areas():
        inside = np.isin(labels, numbers) & mapped
        out[inside] = _clearness(fitted, found.model, features, inside, numbers)[inside]
    return out


def _clearness(fitted: Fitted, model: Model, features: Pixels, where: np.ndarray, group_of: np.ndarray) -> np.ndarray:
    flat = features.values.reshape(len(features.values), -1)
    places = np.flatnonzero(where)
    out = np.zeros(where.size, dtype=np.float32)
    with single_threaded():
        for start in range(0, len(places), _PIXELS_AT_ONCE):
            some = places[start : start + _PIXELS_AT_ONCE]
            out[some] = model.clearness(fitted.space.transform(flat[:, some]), group_of)
    return out.reshape(where.shape)


def _equal_neighbours(labels: np.ndarray) -> np.ndarray:
    """Share of each pixel's label among itself and its mapped neighbours, shape (rows, cols), float32."""
    rows, cols = labels.shape
    padded = np.pad(labels, 1)
    equal = np.zeros(labels.shape, dtype=np.float32)
    mapped = np.zeros(labels.shape, dtype=np.float32)
    for down in range(3):
        for right in range(3):
            other = padded[down : down + rows, right : right + cols]
            equal += other == labels
            mapped += other != 0
    return equal / np.maximum(mapped, 1)
