"""Class means by the Sentinel-2 band that they are of, and what rules on the character of classes speak of."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from s2dash.core import sentinel2


class BandMeans:
    """Class means by band, with the quantities that the rules speak of, each of shape (k,)."""

    def __init__(self, mean_reflectance: np.ndarray, standard_names: Sequence[str | None]) -> None:
        # A corrected reflectance may lie below zero, where normalised differences lose their meaning.
        means = np.maximum(np.asarray(mean_reflectance, dtype=np.float64), 0)
        self.count = len(means)
        self._columns = {
            name: _known_mean(means[:, [i for i, other in enumerate(standard_names) if other == name]])
            for name in dict.fromkeys(standard_names)
            if name is not None
        }
        ground = [i for i, name in enumerate(standard_names) if name not in sentinel2.ATMOSPHERE_BANDS]
        self.brightness = _known_mean(means[:, ground or list(range(means.shape[1]))])
        self.visible = self.mean_of("B02", "B03", "B04", otherwise=self.brightness)
        self.infrared = self.get("B08") if self.get("B08") is not None else self.get("B8A")
        self.ndvi = self._difference(self.infrared, self.get("B04"))
        self.ndwi = self._difference(self.get("B03"), self.infrared)
        self.mndwi = self._difference(self.get("B03"), self.get("B11"))

    def get(self, name: str) -> np.ndarray | None:
        return self._columns.get(name)

    def mean_of(self, *names: str, otherwise: np.ndarray) -> np.ndarray:
        found = [self._columns[name] for name in names if name in self._columns]
        return np.asarray(np.mean(found, axis=0)) if found else otherwise

    @staticmethod
    def _difference(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
        """The normalised difference of two bands; None where one is missing."""
        if one is None or other is None:
            return None
        total = one + other
        return np.where(np.abs(total) > 1e-6, (one - other) / np.where(np.abs(total) > 1e-6, total, 1), 0)


def band_means(mean_reflectance: np.ndarray, standard_names: Sequence[str | None]) -> BandMeans:
    """Class means by band.

    Parameters
    ----------
    mean_reflectance : ndarray of shape (k, bands), reflectance; NaN where unknown
    standard_names : the Sentinel-2 band of each column; None where unknown
    """
    means = np.asarray(mean_reflectance, dtype=np.float64)
    return _kept_bands(means.tobytes(), means.shape, tuple(standard_names))


@lru_cache(maxsize=256)
def _kept_bands(content: bytes, shape: tuple[int, ...], standard_names: tuple[str | None, ...]) -> BandMeans:
    """The same as `BandMeans`, kept as each run of the page asks for that of the same result."""
    return BandMeans(np.frombuffer(content).reshape(shape), standard_names)


def _known_mean(values: np.ndarray) -> np.ndarray:
    """Mean of the finite values of each row; 0 in a row without any."""
    known = np.isfinite(values)
    return np.asarray(np.where(known, values, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))
