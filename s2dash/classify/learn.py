"""Learning the space of features from a sample of pixels, before any class is: scaling, clipping, components.

Smoothing that keeps edges acts on features that have been brought into such a space, so there it is learnt first,
from pixels as they are, and goes along with what is prepared; the classes are then learnt from smoothed features.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from s2dash.classify.algorithms.threads import single_threaded
from s2dash.classify.prepare import Prepared
from s2dash.classify.sampling import Drawn, Sample, draw_sample, drawn_to_smooth, sample_of
from s2dash.classify.space import FeatureSpace
from s2dash.core.edits import MOST_CLASSES

_LEARNT_PIXELS = 65_536
"""Pixels worked on at once, so that memory is bounded whatever the sample."""
_EPSILON = 1e-9
_DISTINCT_LOOK = 4_096
_WHITENING = 0.325
"""Between 0, principal components as they are, and 0.5, all of the same variance: what did best on scenes with labels
that people drew (benchmarks/README.md)."""


def learnt(prepared: Prepared) -> Prepared:
    """The same with the space that smoothing acts in, where the recipe keeps edges; as it is otherwise.

    What has such a space keeps it. Raises TooFewPixels where the mask leaves no pixel.
    """
    if not prepared.recipe.keeps_edges or prepared.pointwise is not None:
        return prepared
    space = prepared.keep("space", prepared.space_key, lambda: learn_space(prepared, sample_of(prepared).raw))
    return replace(prepared, pointwise=space)


def learnt_with_sample(prepared: Prepared) -> tuple[Prepared, Sample]:
    """`learnt`, and the sample of what it gives; a scene of which nothing is kept is read once for both.

    Raises TooFewPixels where the mask leaves no pixel.
    """
    if not prepared.recipe.keeps_edges or prepared.pointwise is not None:
        return prepared, sample_of(prepared)
    with ExitStack() as until_smoothed:
        drawn: list[Drawn] = []

        def draw() -> Sample:
            drawn.append(until_smoothed.enter_context(drawn_to_smooth(prepared)))
            return drawn[0].sample

        def learn() -> FeatureSpace:
            return learn_space(prepared, prepared.keep("sample", prepared.sample_key, draw).raw)

        found = replace(prepared, pointwise=prepared.keep("space", prepared.space_key, learn))

        def smooth() -> Sample:
            return drawn[0].smoothed(found) if drawn and drawn[0].parts else draw_sample(found)

        return found, found.keep("sample", found.sample_key, smooth)


def learn_space(prepared: Prepared, raw: np.ndarray) -> FeatureSpace:
    """Clip limits and scaling from the fit sample.

    Parameters
    ----------
    raw : ndarray of shape (features, pixels), raw features of the sample, all valid

    With `Recipe.pca` or `components` scaled features are turned into principal components after that. Features that
    have been smoothed in a space of their own stay as they are.

    A feature that never changes keeps the scale 1. With scaling `none` the features keep their stored numbers,
    put on one scale where bands are stored on several.
    """
    scene, recipe = prepared.scene, prepared.recipe
    count = len(raw)
    if prepared.pointwise is not None:
        return FeatureSpace.unchanged(count)
    low, high = np.full(count, -np.inf), np.full(count, np.inf)
    if prepared.algorithm.on_reflectance:
        positions = scene.positions(recipe.bands)
        return FeatureSpace(low, high, -scene.offsets_of(positions), scene.quantifications_of(positions))
    rows = raw.astype(np.float64)
    if recipe.clip is not None:
        low, high = np.percentile(rows, recipe.clip, axis=1)
        rows = np.clip(rows, low[:, None], high[:, None])
    shift, scale = np.zeros(count), np.ones(count)
    if scene.reflectance.by_band and recipe.transform == "none":
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
    if recipe.pca is not None:
        space = _with_axes(space, raw, recipe.pca)
    if recipe.components is not None:
        space = _with_axes(space, raw, recipe.components, _WHITENING)
    if recipe.keeps_edges or recipe.components is not None:
        space = _of_unit_spread(space, raw)
    return replace(space, distinct=distinct_rows(space.transform(raw), MOST_CLASSES)) if recipe.keeps_edges else space


def distinct_rows(rows: np.ndarray, enough: int) -> int:
    """How many different rows there are, shape (pixels, features); counted to the end only where they are few."""
    distinct = len(np.unique(rows[:_DISTINCT_LOOK], axis=0))
    if distinct < enough and len(rows) > _DISTINCT_LOOK:
        distinct = len(np.unique(rows, axis=0))
    return distinct


def _with_axes(space: FeatureSpace, raw: np.ndarray, pca: int | float, whitening: float = 0.0) -> FeatureSpace:
    """The same with as many principal axes as asked for, at most one a feature (Pearson, 1901; Hotelling, 1933).

    Each axis points to where its largest weight is positive, as eigenvectors have no sign of their own. With
    `whitening` each component is divided by its variance to that power: 0.5 gives all the same weight.
    """
    with single_threaded():
        variances, vectors = np.linalg.eigh(_covariance(space, raw))
    variances, axes = np.maximum(variances[::-1], 0), vectors.T[::-1]
    axes = axes * np.sign(np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1))
    held = np.cumsum(variances) / (variances.sum() or 1.0)
    # Rounding may leave the last share just below what was asked for.
    count = pca if isinstance(pca, int) else int(np.searchsorted(held, pca - _EPSILON)) + 1
    count = min(count, len(axes))
    axes, variances = axes[:count], variances[:count]
    if whitening:
        # What does not vary but for rounding must not be blown up.
        tells = variances > _EPSILON * variances[0]
        axes = axes * np.where(tells, np.where(tells, variances, 1) ** -whitening, 0)[:, None]
    return replace(space, axes=np.ascontiguousarray(axes), kept_variance=float(held[count - 1]))


def _of_unit_spread(space: FeatureSpace, raw: np.ndarray) -> FeatureSpace:
    """The same with all features divided by the root of their mean variance over the sample."""
    variance = float(np.diag(_covariance(space, raw)).mean())
    if not variance > 0:
        return space
    if space.axes is None:
        return replace(space, scale=space.scale * np.sqrt(variance))
    return replace(space, axes=space.axes / np.sqrt(variance))


def _covariance(space: FeatureSpace, raw: np.ndarray) -> np.ndarray:
    """Of scaled features, or their components, over the sample, shape (features, features), some pixels at a time."""
    parts = [raw[:, start : start + _LEARNT_PIXELS] for start in range(0, raw.shape[1], _LEARNT_PIXELS)]
    sums = sum(space.transform(part, np.float64).sum(axis=0) for part in parts)
    middle = np.asarray(sums) / raw.shape[1]
    off = (space.transform(part, np.float64) - middle for part in parts)
    return np.asarray(sum(part.T @ part for part in off)) / raw.shape[1]
