"""The FeatureSpace value: what clips and scales features, and turns them into principal components."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from s2dash.core.edits import MOST_CLASSES

_PROJECTED_PIXELS = 65_536
"""Pixels projected at once, so that memory is bounded whatever the sample."""
_PLANE_PIXELS = 8_192
"""So many at once stay in the processor's cache."""
_EPSILON = 1e-9
_FARTHEST = 1e6
"""Scaled features beyond it are cut: squares of their differences stay in range."""


@dataclass(frozen=True, eq=False)
class FeatureSpace:
    """What clips and scales raw features: (clip(x, low, high) - shift) / scale, each of shape (features,), float64."""

    low: np.ndarray
    high: np.ndarray
    shift: np.ndarray
    scale: np.ndarray
    axes: np.ndarray | None = None
    """Principal axes that scaled features are projected on, shape (components, features), float64: each of length 1,
    or as long as it weighs where components are partly whitened."""
    kept_variance: float = 1.0
    """Share of the sample's variance that the axes hold."""
    distinct: int = MOST_CLASSES
    """Different pixels in the sample where smoothing follows, counted as far as there can be classes."""

    @staticmethod
    def unchanged(count: int) -> FeatureSpace:
        """The space that leaves so many features as they are."""
        return FeatureSpace(np.full(count, -np.inf), np.full(count, np.inf), np.zeros(count), np.ones(count))

    @property
    def count(self) -> int:
        """How many features or components come out."""
        return len(self.shift if self.axes is None else self.axes)

    @property
    def key(self) -> bytes:
        """Equal keys mean equal spaces."""
        arrays = [self.low, self.high, self.shift, self.scale, *([] if self.axes is None else [self.axes])]
        return blake2b(b"".join(one.tobytes() for one in arrays), digest_size=16).digest()

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

    def planes(self, raw: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """What `transform` gives, one plane a feature or component, in single precision throughout: for pictures.

        Parameters
        ----------
        raw : ndarray of shape (features, pixels)
        out : where the planes go, as they are returned; a new array where None

        Returns
        -------
        ndarray of shape (features or components, pixels), float32; each pixel's numbers depend on that pixel alone,
        bit for bit. What is not a number stays none.
        """
        axes = np.eye(len(self.shift)) if self.axes is None else self.axes
        weights = (axes / self.scale).astype(np.float32)
        start = -(axes @ (self.shift / self.scale)).astype(np.float32)
        limits = np.stack([self.low, self.high], axis=1).astype(np.float32)
        out = np.empty((len(axes), raw.shape[1]), dtype=np.float32) if out is None else out
        is_clipped = bool(np.isfinite(limits).any())
        room: np.ndarray = np.empty((len(axes), min(_PLANE_PIXELS, raw.shape[1])), dtype=np.float32)
        with np.errstate(invalid="ignore", over="ignore"):
            for begin in range(0, raw.shape[1], _PLANE_PIXELS):
                part = slice(begin, begin + _PLANE_PIXELS)
                values = raw[:, part].astype(np.float32, copy=False)
                if is_clipped:
                    values = np.clip(values, limits[:, :1], limits[:, 1:])
                planes = out[:, part]
                terms = room[:, : planes.shape[1]]
                planes[...] = start[:, None]
                # A product of matrices sums in an order of its own, which may change with the number of pixels.
                for column, value in zip(weights.T, values, strict=True):
                    np.multiply(column[:, None], value, out=terms)
                    planes += terms
                np.clip(planes, -_FARTHEST, _FARTHEST, out=planes)
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


def _percent(share: float) -> str:
    """`99.2 %`, never 100 where something is left out."""
    return "100 %" if share >= 1 - _EPSILON else f"{min(99.9, round(100 * share, 1)):g} %"
