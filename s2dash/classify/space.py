"""What clips and scales features, learnt from the fit sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from s2dash.classify.prepare import Prepared


@dataclass(frozen=True, eq=False)
class FeatureSpace:
    """What clips and scales raw features: (clip(x, low, high) - shift) / scale, each of shape (features,), float64."""

    low: np.ndarray
    high: np.ndarray
    shift: np.ndarray
    scale: np.ndarray

    def transform(self, raw: np.ndarray, dtype: type = np.float32) -> np.ndarray:
        """Raw features of shape (features, pixels) as rows to group, shape (pixels, features)."""
        out: np.ndarray = np.empty(raw.shape[::-1], dtype=dtype)
        # One feature at a time: whole arrays in float64 would be the peak of a fit's memory.
        for column, row, *own in zip(out.T, raw, self.low, self.high, self.shift, self.scale, strict=True):
            low, high, shift, scale = own
            column[:] = (np.clip(row.astype(np.float64), low, high) - shift) / scale
        return out


def learn_space(prepared: Prepared, raw: np.ndarray) -> FeatureSpace:
    """Clip limits and scaling from the fit sample.

    Parameters
    ----------
    raw : ndarray of shape (features, pixels), raw features of the sample, all valid

    A feature that never changes keeps the scale 1. With scaling `none` the features keep their stored numbers,
    put on one scale where bands are stored on several.
    """
    scene, recipe = prepared.scene, prepared.recipe
    count = len(raw)
    low, high = np.full(count, -np.inf), np.full(count, np.inf)
    if prepared.algorithm.on_reflectance:
        positions = scene.positions(recipe.bands)
        return FeatureSpace(low, high, -scene.offsets_of(positions), scene.quantifications_of(positions))
    rows = raw.astype(np.float64)
    if recipe.clip is not None:
        low, high = np.percentile(rows, recipe.clip, axis=1)
        rows = np.clip(rows, low[:, None], high[:, None])
    shift, scale = np.zeros(count), np.ones(count)
    if scene.reflectance.by_band:
        own = scene.quantifications_of(scene.positions(recipe.bands))
        scale[: len(own)] = own / scene.reflectance.quantification
    if recipe.scale == "standard":
        shift, scale = rows.mean(axis=1), rows.std(axis=1)
    elif recipe.scale == "robust":
        quarter, shift, three_quarters = np.percentile(rows, (25, 50, 75), axis=1)
        scale = three_quarters - quarter
        flat = scale <= 0
        scale[flat] = rows[flat].std(axis=1)
    return FeatureSpace(low, high, shift, np.where(scale > 0, scale, 1.0))
