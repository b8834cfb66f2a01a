"""Grouping the pixels inside a drawn area anew, by themselves: the step that is made of it, and its work on any fit.

The step keeps the mean reflectance of each new class, so nothing is ever fitted again: the means go the way of any
pixel into the space of a fit, and each pixel inside is of the nearest. So one step holds for windows, full scenes,
other scenes of a batch, and recipes with other numbers of classes or other preparation.
"""

from __future__ import annotations

import numpy as np

from s2dash.classify.algorithms import LinearModel, find_algorithm
from s2dash.classify.algorithms.threads import single_threaded
from s2dash.classify.features import preview_features, raw_features
from s2dash.classify.fit import canonical_numbers
from s2dash.classify.fitted import Fitted
from s2dash.classify.inside import burnt, on_grid
from s2dash.classify.learn import distinct_rows
from s2dash.classify.sampling import Sample
from s2dash.core.edits import RegroupInside
from s2dash.core.scene import Pixels
from s2dash.core.scene_reading import Ring
from s2dash.core.types import frozen
from s2dash.errors import RecipeError, TooFewPixels
from s2dash.raster.reading import preview_places

_MOST_PIXELS = 100_000
"""That are grouped: of more, evenly spaced ones."""
_BY_ANGLE = "spectral-angle-kmeans"


def regrouped_inside(fitted: Fitted, labels: np.ndarray, rings: tuple[Ring, ...], k: int, seed: int) -> RegroupInside:
    """The step that groups the live picture's pixels inside of rings into k classes.

    Parameters
    ----------
    labels : ndarray of shape (rows, cols), uint8, of the live picture as it is: what has no data stays so

    Raises TooFewPixels where the area holds fewer than k different pixels, RecipeError on a grid without a place.
    """
    scene = fitted.scene
    inside = burnt(on_grid(rings, scene.grid), *preview_places(scene.grid, scene.live_step)) & (labels != 0)
    features, places = preview_features(fitted.prepared), np.flatnonzero(inside)
    places = places[:: max(1, -(-len(places) // _MOST_PIXELS))]
    raw = features.values.reshape(len(features.values), -1)[:, places]
    bands = fitted.prepared.stack[: len(scene.bands)].reshape(len(scene.bands), -1)[:, places]
    rows = fitted.space.transform(raw, np.float64)
    distinct = distinct_rows(rows, k)
    if distinct < k:
        raise TooFewPixels(
            f"This area cannot be regrouped into {k}: {distinct} different pixels of the map lie in it. Draw it larger."
        )
    algorithm = find_algorithm(_BY_ANGLE if _is_by_angle(fitted) else "kmeans")
    with single_threaded():
        model = algorithm.fit(rows, k, algorithm.complete_params({}), seed)
    own = (1 + model.predict(rows)).astype(np.uint8)
    _, means, _ = canonical_numbers(scene, Sample(raw, bands, float(len(places))), own, k)
    known = np.flatnonzero(np.isfinite(means).all(axis=0))
    return RegroupInside(
        rings,
        bands=tuple(scene.band_names[i] for i in known),
        means=tuple(tuple(float(f"{value:.6g}") for value in row[known]) for row in means),
    )


def nearest_mean(fitted: Fitted, step: RegroupInside) -> LinearModel:
    """What tells the step's classes apart in the space of a fit.

    Raises RecipeError for a band of the recipe that the step does not know.
    """
    prepared, scene = fitted.prepared, fitted.scene
    means = step_reflectance(fitted, step)[:, list(prepared.positions)].T
    missing = [scene.band_names[p] for p, row in zip(prepared.positions, means, strict=True) if np.isnan(row).any()]
    if missing:
        raise RecipeError(
            f"A drawn area was regrouped without band {missing[0]}, which this map groups by. Undo that, or leave out "
            "the band."
        )
    offsets, quantifications = scene.offsets_of(prepared.positions), scene.quantifications_of(prepared.positions)
    stored = means * quantifications[:, None] - offsets[:, None]
    pixels = raw_features(prepared, Pixels(stored[:, None], np.ones((1, len(step.means)), dtype=bool)))
    raw = pixels.values[:, 0] if prepared.pointwise is None else prepared.pointwise.planes(pixels.values[:, 0])
    rows = fitted.space.transform(raw, np.float64)
    if not (pixels.valid.all() and np.isfinite(rows).all()):
        raise RecipeError(
            "A drawn area was regrouped into classes that this map cannot compare with its pixels: an index has no "
            "value for one of them. Undo that, or leave out the index."
        )
    if _is_by_angle(fitted):
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return LinearModel(frozen(rows / lengths), frozen(np.zeros(len(rows))), by_angle=True)
    return LinearModel.nearest_centre(rows)


def step_reflectance(fitted: Fitted, step: RegroupInside) -> np.ndarray:
    """Means of the step's classes in the bands of a fit's scene, shape (classes, bands), reflectance or NaN."""
    by_name = dict(zip(step.bands, np.array(step.means, dtype=np.float64).T, strict=True))
    unknown = np.full(len(step.means), np.nan)
    return np.stack([by_name.get(name, unknown) for name in fitted.scene.band_names], axis=1)


def _is_by_angle(fitted: Fitted) -> bool:
    return isinstance(fitted.model, LinearModel) and fitted.model.by_angle
