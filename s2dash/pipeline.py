"""The one flow from a scene and a recipe to a result, walked by the page, the command line and the tests alike.

check -> sample -> fit -> assign the live picture, or every window -> table of classes
"""

from __future__ import annotations

import hashlib
import itertools
import math
import os
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rasterio

from s2dash import evaluate
from s2dash.algorithms import Algorithm, LinearModel, Model, find_algorithm, nearest
from s2dash.algorithms.threads import single_threaded
from s2dash.atmosphere import without_haze
from s2dash.classmap import ClassMap, ClassRow, Result
from s2dash.errors import RecipeError, TooFewPixels
from s2dash.features import (
    FeatureSpace,
    chosen_indices,
    learn_space,
    needed_positions,
    preview_features,
    window_features,
)
from s2dash.grid import Grid
from s2dash.reading import SceneReader, read_preview_stack
from s2dash.recipe import Recipe
from s2dash.sampling import Sample, draw_sample
from s2dash.scene import Pixels, Scene
from s2dash.settings import thread_count
from s2dash.types import CancelToken, Progress, Window, frozen, no_progress, windows

_WINDOW_SHAPE_RC = (512, 2048)
_PREDICT_PIXELS = 65_536
"""Pixels given to scikit-learn at once, so that memory is bounded whatever the window."""
_DISTINCT_LOOK = 4_096


@dataclass(frozen=True, eq=False)
class Fitted:
    """A recipe fitted to a scene: everything that labels any pixel of it."""

    scene: Scene
    recipe: Recipe
    space: FeatureSpace
    model: Model
    number_of: np.ndarray
    """Canonical class number, 1 to k from dark to bright, of each of the model's classes, uint8."""
    sample: Sample
    sample_labels: np.ndarray
    """Canonical class numbers of the sample's pixels, uint8."""
    mean_reflectance: np.ndarray
    """Class means over the sample, shape (k, bands of the scene), reflectance."""
    warnings: tuple[str, ...]

    @property
    def engine(self) -> str:
        return nearest.ENGINE if isinstance(self.model, LinearModel) else "scikit-learn"


def apply_algorithm(recipe: Recipe, algorithm: str) -> Recipe:
    """The recipe with another algorithm, without what that algorithm does not take."""
    changed = replace(recipe, algorithm=algorithm, params=())
    if find_algorithm(algorithm).on_reflectance:
        return replace(changed, indices=(), scale="none", clip=None)
    return changed


def check(scene: Scene, recipe: Recipe) -> Algorithm:
    """Raise the error that says what does not fit, before any pixel is read; returns the algorithm.

    Raises UnknownName for bands, indices, parameters or an algorithm that do not exist, RecipeError
    where choices contradict each other.
    """
    algorithm = find_algorithm(recipe.algorithm)
    algorithm.complete_params(recipe.params_dict)
    positions = scene.positions(recipe.bands)
    scene_for(scene, recipe)
    if len(set(positions)) < len(positions):
        raise RecipeError(f"A band is chosen twice in {', '.join(recipe.bands)}. Give each once.")
    chosen_indices(scene, recipe.indices)
    if algorithm.on_reflectance:
        given = {
            "indices": bool(recipe.indices),
            "scaling": recipe.scale != "none",
            "clipping": recipe.clip is not None,
        }
        wrong = [name for name, is_given in given.items() if is_given]
        if wrong:
            raise RecipeError(
                f"{algorithm.label} looks at bands as they are and takes no {' or '.join(wrong)}. "
                "Set scaling to none and leave out indices and clipping."
            )
        if len(positions) < 2:
            raise RecipeError(f"{algorithm.label} compares bands with each other. Choose at least 2 bands, not 1.")
    return algorithm


def scene_for(scene: Scene, recipe: Recipe) -> Scene:
    """The scene on the grid that the recipe works at: the pixel size it names, else the finest of its bands.

    Raises UnknownName for bands or indices that do not exist, RecipeError for a pixel size that no band has.
    """
    if recipe.pixel_size is None:
        native = [scene.native_grid(position) for position in needed_positions(scene, recipe)]
        return scene.on_grid(min(native, key=scene.grids.index))
    return scene.on_grid(_grid_of_size(scene, recipe.pixel_size))


def _grid_of_size(scene: Scene, pixel_size: float) -> Grid:
    for grid in scene.grids:
        if math.isclose(grid.pixel_size[0], pixel_size, rel_tol=1e-3):
            return grid
    has = ", ".join(f"{grid.pixel_size[0]:g}" for grid in scene.grids)
    raise RecipeError(f"pixel_size = {pixel_size:g}, but the bands of this scene have {has}. Choose one of these.")


def fit(scene: Scene, recipe: Recipe, stack: np.ndarray | None = None) -> Fitted:
    """Fit the recipe on its sample of the scene.

    Parameters
    ----------
    stack : the `read_preview_stack` of `scene_for(scene, recipe)` where the caller has it

    Raises RecipeError and its kinds as `check` does, and TooFewPixels where the mask leaves fewer
    distinct pixels than classes.
    """
    algorithm = check(scene, recipe)
    scene = scene_for(scene, recipe)
    if recipe.atmosphere == "dos1":
        stack = read_preview_stack(scene) if stack is None else stack
        scene = without_haze(scene, stack)
    sample = draw_sample(scene, recipe, stack, algorithm.on_reflectance)
    space = learn_space(scene, recipe, sample.raw, algorithm.on_reflectance)
    rows = space.transform(sample.raw, np.float64 if recipe.sample is None else np.float32)
    _require_distinct(rows, recipe.k)
    with single_threaded():
        model = algorithm.fit(rows, recipe.k, algorithm.complete_params(recipe.params_dict), recipe.seed)
        own_labels = _own_labels(model, space, sample.raw, np.ones(sample.pixel_count, dtype=bool))
    means, counts = _class_means(_sample_reflectance(scene, sample.bands), own_labels, recipe.k)
    order = _dark_to_bright(np.nan_to_num(means[:, list(scene.optical_bands())]).mean(axis=1), counts)
    number_of = np.empty(recipe.k, dtype=np.uint8)
    number_of[order] = np.arange(1, recipe.k + 1)
    return Fitted(
        scene,
        recipe,
        space,
        model,
        frozen(number_of),
        sample,
        frozen(number_of[own_labels - 1]),
        frozen(means[order]),
        (*_warnings(scene, recipe, int((counts == 0).sum())), *model.notes),
    )


def assign(fitted: Fitted, features: Pixels) -> np.ndarray:
    """Labels of raw features, shape (rows, cols), uint8: 0 where masked, else the canonical class number.

    Each pixel's label depends on that pixel alone.
    """
    flat = features.values.reshape(len(features.values), -1)
    own = _own_labels(fitted.model, fitted.space, flat, features.valid.ravel())
    table = np.concatenate([np.zeros(1, dtype=np.uint8), fitted.number_of])
    return np.asarray(table[own].reshape(features.valid.shape))


def run_live(fitted: Fitted, stack: np.ndarray | None = None) -> Result:
    """Label the live picture: the whole scene where it is small, else every n-th pixel of it."""
    scene, recipe = fitted.scene, fitted.recipe
    stack = read_preview_stack(scene) if stack is None else stack
    on_reflectance = find_algorithm(recipe.algorithm).on_reflectance
    features = preview_features(scene, recipe, stack, on_reflectance)
    labels = np.empty(features.valid.shape, dtype=np.uint8)
    with ThreadPoolExecutor(thread_count()) as pool:
        rows, cols = scene.grid.decimated(scene.live_step).shape_rc
        strips = list(windows((rows, cols), (max(64, -(-rows // (2 * thread_count()))), cols)))

        def one(strip: Window) -> None:
            part = strip.slices_rc[0]
            labels[part] = assign(fitted, Pixels(features.values[:, part], features.valid[part]))

        list(pool.map(one, strips))
    grid = scene.grid.decimated(scene.live_step)
    classmap = ClassMap(grid, recipe.k, frozen(labels), step=scene.live_step)
    tally = _Tally(classmap)
    tally.add(labels, 0)
    return tally.result(fitted)


def run_full(
    fitted: Fitted,
    labels_path: Path,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
    executor: Executor | None = None,
    window_shape_rc: tuple[int, int] = _WINDOW_SHAPE_RC,
) -> Result:
    """Label every pixel, window by window, into a one-band GeoTIFF; memory does not grow with the scene.

    Parameters
    ----------
    labels_path : written under a temporary name and moved into place at the end; nothing is left
        there after an error or a cancellation
    executor : runs the windows; a thread pool of this machine's cores where None

    Raises Cancelled when `cancel` says so between two windows.
    """
    scene = fitted.scene
    cancel = cancel or CancelToken()
    parts = list(windows(scene.grid.shape_rc, window_shape_rc))
    classmap = ClassMap(scene.grid, fitted.recipe.k, None, labels_path)
    tally = _Tally(classmap)
    handle, name = tempfile.mkstemp(suffix=".tif", prefix=".s2dash-", dir=labels_path.parent)
    os.close(handle)
    try:
        with rasterio.open(
            name,
            "w",
            driver="GTiff",
            height=scene.grid.height,
            width=scene.grid.width,
            count=1,
            dtype="uint8",
            nodata=0,
            crs=scene.grid.crs_wkt,
            transform=scene.grid.transform,
            tiled=True,
            blockxsize=512,
            blockysize=512,
            compress="deflate",
            zlevel=1,
            bigtiff="if_safer",
        ) as out:
            for done, (part, labels) in enumerate(_labelled_windows(fitted, parts, cancel, executor), 1):
                out.write(labels, 1, window=part.ranges_rc)
                tally.add(labels, part.row, part.col)
                progress(done / len(parts), "Grouping pixels")
        cancel.check()
        os.replace(name, labels_path)
    finally:
        Path(name).unlink(missing_ok=True)
    return tally.result(fitted)


def run(
    scene: Scene,
    recipe: Recipe,
    labels_path: Path,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
    executor: Executor | None = None,
) -> tuple[Result, Fitted]:
    """The whole flow to a full result. `labels_path` is only written for scenes larger than the live picture."""
    progress(0.0, "Learning the groups")
    scene = scene_for(scene, recipe)
    if scene.live_step == 1:
        stack = read_preview_stack(scene)
        fitted = fit(scene, recipe, stack)
        result = run_live(fitted, stack)
        progress(1.0, "Grouping pixels")
        return result, fitted
    fitted = fit(scene, recipe)
    return run_full(fitted, labels_path, progress, cancel, executor), fitted


def sample_scores(fitted: Fitted) -> evaluate.Scores:
    """Scores of the fit on its sample, in the space the algorithm worked in."""
    rows = fitted.space.transform(fitted.sample.raw)
    if find_algorithm(fitted.recipe.algorithm).on_reflectance:
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    with single_threaded():
        return evaluate.scores(rows, fitted.sample_labels, fitted.recipe.seed)


def _labelled_windows(
    fitted: Fitted, parts: list[Window], cancel: CancelToken, executor: Executor | None
) -> Iterator[tuple[Window, np.ndarray]]:
    """Labels of each window as they come, a few ahead of the writer and no more."""
    readers = _ReaderPerThread(fitted.scene)
    on_reflectance = find_algorithm(fitted.recipe.algorithm).on_reflectance

    def one(part: Window) -> tuple[Window, np.ndarray]:
        cancel.check()
        features = window_features(readers.get(), fitted.recipe, part, on_reflectance)
        return part, assign(fitted, features)

    own = ThreadPoolExecutor(thread_count()) if executor is None else None
    pool = executor or own
    assert pool is not None
    todo = iter(parts)
    waiting: set[Future[tuple[Window, np.ndarray]]] = set()
    try:
        waiting.update(pool.submit(one, part) for part in itertools.islice(todo, 2 * thread_count()))
        while waiting:
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                yield future.result()
                waiting.update(pool.submit(one, part) for part in itertools.islice(todo, 1))
    finally:
        for future in waiting:
            future.cancel()
        wait(waiting)
        if own:
            own.shutdown()
        readers.close()


class _ReaderPerThread:
    """One open dataset for each thread that asks."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._local = threading.local()
        self._opened: list[SceneReader] = []

    def get(self) -> SceneReader:
        if not hasattr(self._local, "reader"):
            self._local.reader = SceneReader(self._scene)
            self._opened.append(self._local.reader)
        reader: SceneReader = self._local.reader
        return reader

    def close(self) -> None:
        for reader in self._opened:
            reader.close()


class _Tally:
    """Counts and areas of classes, added up window by window."""

    def __init__(self, classmap: ClassMap) -> None:
        self._classmap = classmap
        self._counts = np.zeros(classmap.class_count + 1, dtype=np.int64)
        self._area_ha: dict[tuple[int, int], np.ndarray] = {}

    def add(self, labels: np.ndarray, row: int, col: int = 0) -> None:
        grid, count = self._classmap.grid, self._classmap.class_count
        self._counts += np.bincount(labels.ravel(), minlength=count + 1)
        if grid.has_place:
            self._area_ha[row, col] = grid.class_area_ha(labels, count, row, col)

    def result(self, fitted: Fitted) -> Result:
        classmap = self._classmap
        # Windows come in any order; a fixed order of the sum gives the same last bits every time.
        area_ha = sum((self._area_ha[key] for key in sorted(self._area_ha)), np.zeros(classmap.class_count + 1))
        mapped = max(1, int(self._counts[1:].sum()))
        rows = tuple(
            ClassRow(
                id=i,
                count=int(self._counts[i]),
                share=float(self._counts[i] / mapped),
                area_ha=float(area_ha[i]) if classmap.grid.has_place else None,
                mean_reflectance=tuple(float(v) for v in fitted.mean_reflectance[i - 1]),
            )
            for i in range(1, classmap.class_count + 1)
        )
        key = f"{fitted.scene.digest} {fitted.recipe.to_json()} {classmap.step}"
        digest = hashlib.sha256(key.encode()).hexdigest()
        return Result(fitted.scene, fitted.recipe, classmap, rows, fitted.engine, digest, fitted.warnings)


def _own_labels(model: Model, space: FeatureSpace, raw: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """1 + the model's own class of each pixel, 0 where masked; raw features of shape (features, pixels)."""
    if isinstance(model, LinearModel):
        weights = model.weights / space.scale
        bias = model.bias + model.weights @ (space.shift / space.scale)
        return nearest.assign(raw, valid, space.low, space.high, weights, bias)
    labels = np.zeros(raw.shape[1], dtype=np.uint8)
    where = np.flatnonzero(valid)
    with single_threaded():
        for start in range(0, len(where), _PREDICT_PIXELS):
            some = where[start : start + _PREDICT_PIXELS]
            labels[some] = 1 + model.predict(space.transform(raw[:, some]))
    return labels


def _require_distinct(rows: np.ndarray, k: int) -> None:
    distinct = len(np.unique(rows[:_DISTINCT_LOOK], axis=0))
    if distinct < k and len(rows) > _DISTINCT_LOOK:
        distinct = len(np.unique(rows, axis=0))
    if distinct < k:
        raise TooFewPixels(
            f"k = {k} but the mask leaves {distinct} distinct pixel{'s' if distinct != 1 else ''}. "
            "Choose fewer classes, or more bands."
        )


def _sample_reflectance(scene: Scene, bands: np.ndarray) -> np.ndarray:
    """Reflectance of the sample's pixels in every band, NaN where a band that was not chosen has no data."""
    reflectance = scene.to_reflectance(bands)
    for row, stored, nodata in zip(reflectance, bands, scene.nodata, strict=True):
        if nodata is not None:
            row[stored == nodata] = np.nan
    return reflectance


def _class_means(reflectance: np.ndarray, own_labels: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each band over each class, shape (k, bands), NaN where a class has none, and pixels of each class."""
    means = np.full((k, len(reflectance)), np.nan)
    for column, band in enumerate(reflectance):
        finite = np.isfinite(band)
        counts = np.bincount(own_labels[finite] - 1, minlength=k)
        sums = np.bincount(own_labels[finite] - 1, band[finite], minlength=k)
        np.divide(sums, counts, out=means[:, column], where=counts > 0)
    return means, np.bincount(own_labels - 1, minlength=k)


def _dark_to_bright(brightness: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The model's classes from dark to bright; empty ones last."""
    return np.lexsort((np.arange(len(counts)), brightness, counts == 0))


def _warnings(scene: Scene, recipe: Recipe, empty_classes: int) -> tuple[str, ...]:
    found = []
    if empty_classes:
        found.append(f"{recipe.k} classes were asked for; {recipe.k - empty_classes} were found.")
    if recipe.indices and recipe.scale == "none":
        found.append("Indices run from -1 to 1 and bands to thousands: without scaling, bands alone decide.")
    if recipe.atmosphere == "dos1" and scene.level == "Level-2A":
        found.append("Level-2A is corrected for the atmosphere already; subtracting dark objects changes it once more.")
    return (*scene.notes, *found)
