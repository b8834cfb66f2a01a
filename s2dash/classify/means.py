"""Mean reflectance of classes over a sample."""

from __future__ import annotations

import numpy as np

from s2dash.core.scene import Scene


def sample_reflectance(scene: Scene, bands: np.ndarray) -> np.ndarray:
    """Reflectance of the sample's pixels in every band, NaN where a band that was not chosen has no data."""
    reflectance = scene.to_reflectance(bands)
    for row, stored, nodata in zip(reflectance, bands, scene.nodata, strict=True):
        if nodata is not None:
            row[stored == nodata] = np.nan
    return reflectance


def class_means(reflectance: np.ndarray, classes: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each band over each class, shape (k, bands), NaN where a class has none, and pixels of each class."""
    means = np.full((k, len(reflectance)), np.nan)
    own = classes.astype(np.intp) - 1
    all_counts = np.bincount(own, minlength=k)
    for column, band in enumerate(reflectance):
        finite = np.isfinite(band)
        if finite.all():
            numbers, values, counts = own, band, all_counts
        else:
            numbers, values = own[finite], band[finite]
            counts = np.bincount(numbers, minlength=k)
        np.divide(np.bincount(numbers, values, minlength=k), counts, out=means[:, column], where=counts > 0)
    return means, all_counts
