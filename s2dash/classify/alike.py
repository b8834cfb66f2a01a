"""How like one pixel others are: the distance in the features of a run, in steps that hold known shares of a scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from s2dash.classify.features import preview_features, window_features
from s2dash.classify.fitted import Fitted
from s2dash.core.scene import Pixels
from s2dash.core.types import Window, frozen
from s2dash.raster.reading import SceneReader

SHARES = (0.01, 0.05, 0.1)
"""Of a scene's pixels: those most alike, and how many there are up to each next step."""

_PIXELS_AT_ONCE = 65_536


@dataclass(frozen=True, eq=False)
class Alike:
    """Tells steps of likeness to one pixel."""

    fitted: Fitted
    at: np.ndarray
    """The pixel among the features that are grouped, shape (features or components,)."""
    limits: tuple[float, ...] = ()
    """The longest distance of each step, the nearest first."""

    def steps(self, features: Pixels) -> np.ndarray:
        """The step of each pixel, uint8, from 1, the most alike; 0 beyond all and where masked.

        Parameters
        ----------
        features : raw features, as `features.window_features` gives them
        """
        away = self.distances(features)
        beyond = np.add.reduce([away > limit for limit in self.limits], dtype=np.uint8)
        inside = features.valid & (beyond < len(self.limits))
        return np.asarray(np.where(inside, 1 + beyond, 0), dtype=np.uint8)

    def distances(self, features: Pixels) -> np.ndarray:
        """Distance to the pixel, shape as `features.valid`, float32: Euclidean, or that of directions by angle."""
        flat = features.values.reshape(len(features.values), -1)
        out = np.empty(flat.shape[1], dtype=np.float32)
        for start in range(0, len(out), _PIXELS_AT_ONCE):
            part = slice(start, start + _PIXELS_AT_ONCE)
            rows = _compared(self.fitted, flat[:, part])
            out[part] = np.sqrt(((rows - self.at) ** 2).sum(axis=1))
        return out.reshape(features.valid.shape)


def alike_to(fitted: Fitted, reader: SceneReader, row: int, col: int) -> tuple[Alike, np.ndarray] | None:
    """What tells likeness to a pixel of the fitted scene, and the steps of the live picture; None where it is masked.

    Steps of the live picture have shape (rows, cols), uint8, as `Alike.steps`. Each holds the share of its valid
    pixels that `SHARES` says, as near as it goes; of a scene in which many are the same, more.
    """
    here = window_features(fitted.prepared, reader, Window(row, col, 1, 1))
    if not here.valid[0, 0]:
        return None
    features = preview_features(fitted.prepared)
    alone = Alike(fitted.light(), _compared(fitted, here.values.reshape(len(here.values), 1))[0])
    known = alone.distances(features)[features.valid]
    limits = np.quantile(known, SHARES, method="lower") if known.size else np.zeros(len(SHARES))
    alike = Alike(alone.fitted, alone.at, tuple(float(limit) for limit in limits))
    return alike, frozen(alike.steps(features))


def _compared(fitted: Fitted, raw: np.ndarray) -> np.ndarray:
    """Features as they are compared, shape (pixels, features): of unit length where directions count."""
    rows = fitted.space.transform(raw)
    if not fitted.prepared.algorithm.on_reflectance:
        return rows
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
