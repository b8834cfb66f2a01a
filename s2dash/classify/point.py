"""One pixel that somebody asks about: its class and the next one, its spectrum beside that of the class, where it is.

Everything is read and labelled at full resolution, as a full run does it, whatever the live picture shows there.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pyproj import Transformer

from s2dash.classify.algorithms import Model
from s2dash.classify.algorithms.threads import single_threaded
from s2dash.classify.assign import asking, assign
from s2dash.classify.features import window_features
from s2dash.classify.fitted import Fitted
from s2dash.classify.full import label_window
from s2dash.classify.indices import SpectralIndex, available_indices, index_values
from s2dash.classify.means import sample_reflectance
from s2dash.classify.sureness import STEPS, SureSteps, window_sureness
from s2dash.core.grid import Grid
from s2dash.core.scene import SCL, Pixels, Scene, hidden_by_cause
from s2dash.core.types import Window
from s2dash.raster.reading import SceneReader

SPREAD_PERCENTS = (10, 90)
"""Between these percentiles of a class's sample lies what is called most of it."""

_USUAL_INDEX = "NDVI"
"""Shown where the recipe has no index."""


@dataclass(frozen=True)
class BandHere:
    """One band at the pixel, and in its class; reflectances, None where they are not known."""

    name: str
    """Text from outside."""
    description: str
    common_name: str | None
    wavelength_nm: int | None
    group: str
    """Bands of one group make one line, such as those of one date."""
    is_chosen: bool
    """Whether the classes are made of it."""
    value: float | None
    mean: float | None
    low: float | None
    """The lower end of most of the class, in the sample."""
    high: float | None


@dataclass(frozen=True)
class IndexHere:
    """One spectral index at the pixel, -1 to 1; None where it is 0/0."""

    name: str
    value: float | None


@dataclass(frozen=True)
class GroundPlace:
    """Where a pixel's centre lies on the Earth."""

    x: float
    """In the scene's system."""
    y: float
    crs: str
    """Name of that system, with its code where it has one."""
    longitude: float
    """Degrees (WGS 84)."""
    latitude: float


@dataclass(frozen=True)
class Point:
    """What is known of one pixel."""

    row: int
    col: int
    label: int
    """Its class after edits; 0 where it has none."""
    next_label: int | None
    """The class that it would be in otherwise; None without a class, and where there is one class alone."""
    sure: str | None
    """How sure its class is: one of `sureness.STEPS`."""
    left_out: tuple[str, ...]
    """Why it has no class, in plain words."""
    bands: tuple[BandHere, ...]
    """Those made for the ground and those chosen, in the scene's order."""
    indices: tuple[IndexHere, ...]
    scl: str | None
    """Words for what the product's own classification, or quality band, says of it."""
    ground: GroundPlace | None
    """None without a place."""
    is_embedding: bool = False
    """Whether the values of bands are those of a yearly embedding, not reflectances."""


def ask(fitted: Fitted, limits: SureSteps, reader: SceneReader, row: int, col: int, known: int | None = None) -> Point:
    """What is known of the pixel at a row and column of the fitted scene's grid; `reader` reads that scene.

    `limits` are those of the live picture. `known` is the pixel's class where a map of all pixels has it: a sieve may
    need more of the scene than is read here. Raises IndexError for a place outside of the grid, and what reading
    raises.
    """
    scene, prepared = fitted.scene, fitted.prepared
    if not (0 <= row < scene.grid.height and 0 <= col < scene.grid.width):
        raise IndexError(f"row {row}, column {col} is outside of {scene.grid.height} x {scene.grid.width} pixels")
    window = Window(row, col, 1, 1)
    stack = reader.stack(np.array([row]), np.array([col]))
    features = window_features(prepared, reader, window)
    label = int(label_window(fitted, reader, window)[0, 0]) if known is None else known
    percent = window_sureness(fitted, reader, window)
    next_label = next_class(fitted, features, label) if label else None
    return Point(
        row,
        col,
        label,
        next_label,
        sure=STEPS[int(limits(percent)[0, 0]) - 1] if label else None,
        left_out=() if label else tuple(_causes(fitted, stack, features)),
        bands=_bands_here(fitted, stack, label),
        indices=tuple(_index_here(scene, index, stack) for index in _shown_indices(fitted)),
        scl=_scl_words(scene, prepared.positions, stack),
        ground=_ground_place(scene.grid, row, col),
        is_embedding=scene.is_embedding,
    )


def next_class(fitted: Fitted, features: Pixels, label: int) -> int | None:
    """The class that a pixel lies nearest to beside its own, by the fitted model; None where there is no other.

    Parameters
    ----------
    features : raw features of the one pixel
    label : its class after edits, not 0

    Against each other class alone clearness is asked for: the next is the one against which it is least clear.
    Where neighbours have given the pixel its class, the one it would have by itself is the next.
    """
    stage, asked, before = fitted.stage, asking(fitted, features), assign(fitted, features)
    row = fitted.space.transform(features.values.reshape(len(features.values), -1))
    for found, numbers in stage.in_areas():
        if label in numbers:
            return _least_clear(row, label, [(found.model, numbers)])
    alone = int(stage.of_lone_pixels(before, asked)[0, 0])
    if alone not in (0, label):
        return alone
    models = [(fitted.model, stage.numbers_of(fitted.number_of))]
    models += [(step.model, numbers) for step, where, numbers in stage.regroupings(before, asked) if where[0, 0]]
    return _least_clear(row, label, models)


def _least_clear(row: np.ndarray, label: int, models: Sequence[tuple[Model, np.ndarray]]) -> int | None:
    with single_threaded():
        clear = {
            int(other): float(model.clearness(row, (numbers == other).astype(int))[0])
            for model, numbers in models
            for other in np.unique(numbers)
            if other not in (0, label, numbers[model.predict(row)[0]])
        }
    return min(clear, key=lambda other: clear[other], default=None)


def class_spread(fitted: Fitted, label: int) -> np.ndarray:
    """The `SPREAD_PERCENTS` of a class in each band over the sample, reflectance, shape (2, bands), float64.

    NaN where the sample has no pixel of it.
    """
    own = sample_reflectance(fitted.scene, fitted.sample.bands[:, fitted.sample_labels == label])
    if not own.shape[1]:
        return np.full((2, len(own)), np.nan)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)  # a band that was not chosen may have no data
        return np.asarray(np.nanpercentile(own, SPREAD_PERCENTS, axis=1), dtype=np.float64)


def class_spreads(fitted: Fitted) -> dict[int, np.ndarray]:
    """`class_spread` of every class by its number."""
    return {number: class_spread(fitted, number) for number in fitted.numbers}


def _bands_here(fitted: Fitted, stack: np.ndarray, label: int) -> tuple[BandHere, ...]:
    scene = fitted.scene
    count = len(scene.bands)
    values = sample_reflectance(scene, stack[:count].reshape(count, 1))[:, 0]
    means = fitted.mean_reflectance[label - 1] if label else np.full(count, np.nan)
    low, high = class_spread(fitted, label) if label else np.full((2, count), np.nan)
    chosen = set(scene.positions(fitted.recipe.bands))
    return tuple(
        BandHere(
            (band := scene.bands[i]).name,
            band.description,
            band.common_name,
            band.wavelength_nm,
            band.suffix,
            i in chosen,
            *(_known(numbers[i]) for numbers in (values, means, low, high)),
        )
        for i in sorted({*scene.optical_bands(), *chosen})
    )


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _shown_indices(fitted: Fitted) -> Sequence[SpectralIndex]:
    if fitted.prepared.indices:
        return fitted.prepared.indices
    usual = available_indices(fitted.scene).get(_USUAL_INDEX)
    return () if usual is None else (usual,)


def _index_here(scene: Scene, index: SpectralIndex, stack: np.ndarray) -> IndexHere:
    stored = stack[[position for _, position in index.positions]]
    return IndexHere(index.name, _known(index_values(scene, index, stored)[0, 0]))


def _causes(fitted: Fitted, stack: np.ndarray, features: Pixels) -> Iterator[str]:
    """Why a pixel has no class."""
    prepared, count = fitted.prepared, len(fitted.scene.bands)
    bands = stack[:count]
    hidden = hidden_by_cause(
        prepared.scene,
        prepared.positions,
        bands[list(prepared.positions)],
        stack[count:],
        lambda others: bands[list(others)],
        prepared.recipe.masking,
    )
    causes = list(dict.fromkeys(cause for cause, where in hidden if where[0, 0]))
    if causes:
        yield from causes
    elif not features.valid[0, 0]:
        yield "zero in every band" if prepared.algorithm.on_reflectance else "an index has no value here"
    else:
        yield "its class was left out"


def _scl_words(scene: Scene, positions: Sequence[int], stack: np.ndarray) -> str | None:
    """What the first classification that speaks of these bands says; None without one."""
    for mask, stored in zip(scene.masks, stack[len(scene.bands) :], strict=True):
        if mask.kind == SCL and mask.concerns(positions):
            return mask.classes.get(int(stored[0, 0]))
    return None


def _ground_place(grid: Grid, row: int, col: int) -> GroundPlace | None:
    if grid.crs is None:
        return None
    x, y = grid.transform @ (col + 0.5, row + 0.5)
    longitude, latitude = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(x, y)
    code = grid.crs.to_epsg()
    name = f"{grid.crs.name} (EPSG:{code})" if code else grid.crs.name
    return GroundPlace(float(x), float(y), name, float(longitude), float(latitude))
