"""What clips and scales features, and turns them into principal components, learnt from the fit sample."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from s2dash.classify.algorithms.threads import single_threaded
from s2dash.classify.prepare import Prepared

_PROJECTED_PIXELS = 65_536
"""Pixels projected at once, so that memory is bounded whatever the sample."""
_EPSILON = 1e-9


@dataclass(frozen=True, eq=False)
class FeatureSpace:
    """What clips and scales raw features: (clip(x, low, high) - shift) / scale, each of shape (features,), float64."""

    low: np.ndarray
    high: np.ndarray
    shift: np.ndarray
    scale: np.ndarray
    axes: np.ndarray | None = None
    """Principal axes that scaled features are projected on, shape (components, features), float64, each of length 1."""
    kept_variance: float = 1.0
    """Share of the sample's variance that the axes hold."""

    @property
    def words(self) -> str:
        """What the axes leave of the features; empty without any."""
        if self.axes is None:
            return ""
        kept, count = self.axes.shape
        each = "component holds" if kept == 1 else "components hold"
        return f"PCA: {kept} of {count} {each} {_percent(self.kept_variance)} of the variance."

    def transform(self, raw: np.ndarray, dtype: type = np.float32) -> np.ndarray:
        """Raw features of shape (features, pixels) as rows to group, shape (pixels, features or components).

        Each pixel's numbers depend on that pixel alone, bit for bit, whatever stands beside it.
        """
        if self.axes is None:
            return self._scaled(raw, dtype)
        out: np.ndarray = np.empty((raw.shape[1], len(self.axes)), dtype=dtype)
        for start in range(0, len(out), _PROJECTED_PIXELS):
            part = slice(start, start + _PROJECTED_PIXELS)
            scaled = self._scaled(raw[:, part], np.float64).T
            for column, axis in zip(out[part].T, self.axes, strict=True):
                # A product of matrices sums in an order of its own, which may change with the number of pixels.
                column[:] = sum(weight * row for weight, row in zip(axis, scaled, strict=True))
        return out

    def folded(self, weights: np.ndarray) -> np.ndarray:
        """Weights of shape (centres, features or components) as those of scaled features."""
        return weights if self.axes is None else np.asarray(weights @ self.axes)

    def _scaled(self, raw: np.ndarray, dtype: type) -> np.ndarray:
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

    With `Recipe.pca` scaled features are turned into principal components after that.

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
    space = FeatureSpace(low, high, shift, np.where(scale > 0, scale, 1.0))
    return space if recipe.pca is None else _with_axes(space, raw, recipe.pca)


def _with_axes(space: FeatureSpace, raw: np.ndarray, pca: int | float) -> FeatureSpace:
    """The same with as many principal axes as asked for, at most one a feature (Pearson, 1901; Hotelling, 1933).

    Each axis points to where its largest weight is positive, as eigenvectors have no sign of their own.
    """
    with single_threaded():
        variances, vectors = np.linalg.eigh(_covariance(space, raw))
    variances, axes = np.maximum(variances[::-1], 0), vectors.T[::-1]
    axes = axes * np.sign(np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1))
    held = np.cumsum(variances) / (variances.sum() or 1.0)
    # Rounding may leave the last share just below what was asked for.
    count = pca if isinstance(pca, int) else int(np.searchsorted(held, pca - _EPSILON)) + 1
    count = min(count, len(axes))
    return replace(space, axes=np.ascontiguousarray(axes[:count]), kept_variance=float(held[count - 1]))


def _covariance(space: FeatureSpace, raw: np.ndarray) -> np.ndarray:
    """Of scaled features over the sample, shape (features, features), some pixels at a time."""
    parts = [raw[:, start : start + _PROJECTED_PIXELS] for start in range(0, raw.shape[1], _PROJECTED_PIXELS)]
    sums = sum(space.transform(part, np.float64).sum(axis=0) for part in parts)
    middle = np.asarray(sums) / raw.shape[1]
    off = (space.transform(part, np.float64) - middle for part in parts)
    return np.asarray(sum(part.T @ part for part in off)) / raw.shape[1]


def _percent(share: float) -> str:
    """`99.2 %`, never 100 where something is left out."""
    return "100 %" if share >= 1 - _EPSILON else f"{min(99.9, round(100 * share, 1)):g} %"
