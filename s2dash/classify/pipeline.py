"""The one flow from a scene and a recipe to a result, walked by the page, the command line and the tests alike.

check -> sample -> fit -> assign the live picture, or every window -> table of classes
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import math
import os
import tempfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from s2dash.classify import evaluate, parts
from s2dash.classify.algorithms import Algorithm, LinearModel, Model, find_algorithm, nearest
from s2dash.classify.algorithms.threads import single_threaded
from s2dash.classify.atmosphere import without_haze
from s2dash.classify.features import (
    FeatureSpace,
    chosen_indices,
    learn_space,
    needed_positions,
    preview_features,
    run_features,
    window_features,
)
from s2dash.classify.renumber import Renumbering, feature_renumbering, matching_bands, renumbering
from s2dash.classify.sampling import Sample, draw_sample
from s2dash.core.classmap import ClassMap, ClassRow, Result
from s2dash.core.grid import Grid
from s2dash.core.missions import CORRECTED_LEVELS
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Pixels, Scene
from s2dash.core.types import CancelToken, Progress, Window, cancel_token, frozen, no_progress, windows
from s2dash.errors import OutputConflict, RecipeError, TooFewPixels
from s2dash.raster import web_files
from s2dash.raster.door import GDAL_ERRORS, open_raster
from s2dash.raster.reading import SceneReader, read_preview_stack
from s2dash.settings import thread_count

_WINDOW_SHAPE_RC = (512, 2048)
_MOST_WINDOW_GROWTH = 4
"""How many times larger windows may become so that they hold whole blocks."""
_PREDICT_PIXELS = 65_536
"""Pixels given to scikit-learn at once, so that memory is bounded whatever the window."""
_ASSIGNED_PIXELS = 262_144
_RUN_WINDOWS = 11
"""Windows below each other that one thread goes down, where what two of them share would be read twice."""
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
    fitted_on: str = ""
    """Digest of what it was fitted on, where that is not `scene`."""

    @property
    def engine(self) -> str:
        return nearest.ENGINE if isinstance(self.model, LinearModel) else "scikit-learn"

    def on(self, scene: Scene) -> Fitted:
        """The same classes for another scene: its pixels get the labels that this fit gives to their reflectance.

        Bands are matched by name. Where scenes store reflectance with other offsets or quantifications,
        scaling, sample and all are put into the numbers of `scene`; so is the haze of each where it is
        subtracted. Means of bands that this fit has not seen are NaN.

        Raises UnknownName for bands or indices that the scene lacks, RecipeError as `check` does.
        """
        check(scene, self.recipe)
        scene = ready_scene(scene, self.recipe)
        known = matching_bands(self.scene, scene)
        change = feature_renumbering(self.scene, scene, self.recipe)
        return replace(
            self,
            scene=scene,
            space=self.space if change.is_nothing else change.space(self.space),
            sample=_renumbered_sample(self.sample, change, self.scene, scene, known),
            mean_reflectance=frozen(_taken(self.mean_reflectance.T, known).T),
            warnings=(*scene.notes, *(words for words in self.warnings if words not in self.scene.notes)),
            fitted_on=self.fitted_on or self.scene.digest,
        )


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


def sample_of(scene: Scene, recipe: Recipe, stack: np.ndarray | None = None) -> Sample:
    """The pixels that `fit` learns from; recipes with an equal `sample_key` share them.

    Parameters and errors are those of `fit`.
    """
    algorithm = check(scene, recipe)
    scene = ready_scene(scene, recipe, stack)
    return draw_sample(scene, recipe, stack, algorithm.on_reflectance)


def features_key(scene: Scene, recipe: Recipe) -> tuple[object, ...]:
    """All that raw features depend on: equal keys mean equal features at every pixel.

    With the paths, as an equal scene may lie in another folder that goes at another time.
    """
    scene = scene_for(scene, recipe)
    on_reflectance = find_algorithm(recipe.algorithm).on_reflectance
    chosen = (scene.positions(recipe.bands), recipe.indices, recipe.smooth, recipe.masking, recipe.atmosphere)
    return (scene.digest, scene.paths, *chosen, on_reflectance)


def sample_key(scene: Scene, recipe: Recipe) -> tuple[object, ...]:
    """All that `sample_of` depends on: not the number of classes, scaling, clipping, nor parameters."""
    return (*features_key(scene, recipe), recipe.seed, recipe.sample)


def fit(scene: Scene, recipe: Recipe, stack: np.ndarray | None = None, sample: Sample | None = None) -> Fitted:
    """Fit the recipe on its sample of the scene.

    Parameters
    ----------
    stack : the `read_preview_stack` of `scene_for(scene, recipe)` where the caller has it
    sample : `sample_of(scene, recipe)` where the caller has it

    Raises RecipeError and its kinds as `check` does, and TooFewPixels where the mask leaves fewer
    distinct pixels than classes.
    """
    sample = sample_of(scene, recipe, stack) if sample is None else sample
    return fit_sample(ready_scene(scene, recipe, stack), recipe, sample)


def ready_scene(scene: Scene, recipe: Recipe, stack: np.ndarray | None = None) -> Scene:
    """The scene as a fit takes it: on the recipe's grid, with its haze subtracted where the recipe says so.

    Parameters and Raises as for `fit`.
    """
    scene = scene_for(scene, recipe)
    if recipe.atmosphere == "dos1":
        scene = without_haze(scene, read_preview_stack(scene) if stack is None else stack)
    return scene


def fit_sample(scene: Scene, recipe: Recipe, sample: Sample) -> Fitted:
    """Fit the recipe on pixels that have been drawn already, from one scene or from several.

    Parameters
    ----------
    scene : what the sample's numbers mean: its bands in their order, nodata and reflectance; its pixels are
        not read
    sample : raw features of `ready_scene` by the recipe

    Raises as `fit`.
    """
    algorithm = find_algorithm(recipe.algorithm)
    space = learn_space(scene, recipe, sample.raw, algorithm.on_reflectance)
    rows = space.transform(sample.raw, np.float64 if recipe.sample is None else np.float32)
    _require_distinct(rows, recipe, scene, sample)
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


def assign(fitted: Fitted, features: Pixels, cancel: CancelToken | None = None) -> np.ndarray:
    """Labels of raw features, shape (rows, cols), uint8: 0 where masked, else the canonical class number.

    Each pixel's label depends on that pixel alone. Raises Cancelled when `cancel` says so between some of them.
    """
    cancel = cancel or CancelToken()
    labels = np.empty(features.valid.shape, dtype=np.uint8)
    length = max(1, len(labels))
    if not features.values.flags.c_contiguous:
        # The rows of a part of a larger window have to be copied together: some at a time.
        length = max(1, _ASSIGNED_PIXELS // max(1, features.valid.shape[1]))
    for start in range(0, len(labels), length):
        cancel.check()
        rows = slice(start, start + length)
        flat = features.values[:, rows].reshape(len(features.values), -1)
        valid = features.valid[rows]
        numbers = _own_labels(fitted.model, fitted.space, flat, valid.ravel(), fitted.number_of, cancel)
        labels[rows] = numbers.reshape(valid.shape)
    return labels


def run_live(fitted: Fitted, stack: np.ndarray | None = None, smoothed_pixels: Pixels | None = None) -> Result:
    """Label the live picture: the whole scene where it is small, else every n-th pixel of it.

    Raises Cancelled where this thread's work is to stop (`types.cancel_token`).

    Parameters
    ----------
    stack, smoothed_pixels : `read_preview_stack` and `features.smoothed_preview` of the fitted scene, where
        the caller has them
    """
    scene, recipe = fitted.scene, fitted.recipe
    stack = read_preview_stack(scene) if stack is None else stack
    on_reflectance = find_algorithm(recipe.algorithm).on_reflectance
    features = preview_features(scene, recipe, stack, on_reflectance, smoothed_pixels)
    labels = np.empty(features.valid.shape, dtype=np.uint8)
    cancel = cancel_token()
    with ThreadPoolExecutor(thread_count()) as pool:
        rows, cols = scene.grid.decimated(scene.live_step).shape_rc
        strips = list(windows((rows, cols), (max(64, -(-rows // (2 * thread_count()))), cols)))

        def one(strip: Window) -> None:
            part = strip.slices_rc[0]
            labels[part] = assign(fitted, Pixels(features.values[:, part], features.valid[part]), cancel)

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
    window_shape_rc: tuple[int, int] | None = None,
) -> Result:
    """Label every pixel, window by window, into a one-band GeoTIFF; memory does not grow with the scene.

    Parameters
    ----------
    labels_path : written under a temporary name and moved into place at the end; nothing is left
        there after an error or a cancellation
    executor : runs the windows on workers that may be other processes and machines, each reading and
        writing files by itself (see `parts`); the scene's files and the folder of `labels_path` must be
        within their reach, and finished parts stay beside it after an error, for the next run. A thread
        pool of this machine's cores where None
    window_shape_rc : rows and columns worked on at once; whole blocks of the scene's file where None

    Raises Cancelled when `cancel` says so, also within a window of a slow algorithm, OutputConflict where the
    labels cannot be written; with an executor also as `parts.run` does.
    """
    scene = fitted.scene
    cancel = cancel or CancelToken()
    window_shape_rc = window_shape_rc or _whole_blocks(scene)
    if executor is not None:
        return _run_parts(fitted, labels_path, progress, cancel, executor, window_shape_rc)
    todo = list(windows(scene.grid.shape_rc, window_shape_rc))
    classmap = ClassMap(scene.grid, fitted.recipe.k, None, labels_path)
    tally = _Tally(classmap)
    with _writing_labels():
        handle, name = tempfile.mkstemp(suffix=".tif", prefix=".s2dash-", dir=labels_path.parent)
        os.close(handle)
    try:
        with _writing_labels():
            out = parts.make_labels(name, scene.grid)
        try:
            for done, (part, labels) in enumerate(_labelled_windows(fitted, todo, cancel), 1):
                with _writing_labels():
                    out.write(labels, 1, window=part.ranges_rc)
                tally.add(labels, part.row, part.col)
                progress(done / len(todo), "Grouping pixels")
        finally:
            with _writing_labels():
                out.close()
        cancel.check()
        with _writing_labels():
            _require_whole(Path(name), tally.mapped_count)
            os.replace(name, labels_path)
    finally:
        Path(name).unlink(missing_ok=True)
    return tally.result(fitted)


@contextmanager
def _writing_labels() -> Iterator[None]:
    try:
        yield
    except (*GDAL_ERRORS, OSError) as error:
        reason = getattr(error, "strerror", None) or "is the disk full?"
        raise OutputConflict(
            f"The labels cannot be written ({reason}). Make room on the disk and try again."
        ) from error


def _require_whole(path: Path, mapped_count: int) -> None:
    """Raise one of GDAL_ERRORS or OSError where labels cannot be read back: a full disk may show only then."""
    mapped = 0
    with open_raster(path) as dataset:
        for strip in windows(dataset.shape, (_WINDOW_SHAPE_RC[0], dataset.width)):
            mapped += int(np.count_nonzero(dataset.read(1, window=strip.ranges_rc)))
    if mapped != mapped_count:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _whole_blocks(scene: Scene) -> tuple[int, int]:
    """Rows and columns of windows that are decoded once: whole blocks, about as large as `_WINDOW_SHAPE_RC`."""
    with SceneReader(scene) as reader:
        block_rows, block_cols = reader.block_shape_rc
    height, width = _WINDOW_SHAPE_RC
    rows = block_rows * max(1, height // block_rows)
    cols = block_cols * max(1, height * width // (rows * block_cols))
    return (rows, cols) if rows * cols <= _MOST_WINDOW_GROWTH * height * width else _WINDOW_SHAPE_RC


def run(
    scene: Scene,
    recipe: Recipe,
    labels_path: Path,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
    executor: Executor | None = None,
) -> tuple[Result, Fitted]:
    """The whole flow to a full result. `labels_path` is only written for scenes larger than the live picture.

    Raises what `fit` and `run_full` raise, and UnreadableFile where a file on a web server was changed meanwhile.
    """
    progress(0.0, "Learning the groups")
    scene = scene_for(scene, recipe)
    if scene.live_step == 1:
        stack = read_preview_stack(scene)
        fitted = fit(scene, recipe, stack)
        result = run_live(fitted, stack)
        progress(1.0, "Grouping pixels")
    else:
        fitted = fit(scene, recipe)
        result = run_full(fitted, labels_path, progress, cancel, executor)
    web_files.require_unchanged(scene.paths)
    return result, fitted


def sample_scores(fitted: Fitted) -> evaluate.Scores:
    """Scores of the fit on its sample, in the space the algorithm worked in."""
    rows = fitted.space.transform(fitted.sample.raw)
    if find_algorithm(fitted.recipe.algorithm).on_reflectance:
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    with single_threaded():
        return evaluate.scores(rows, fitted.sample_labels, fitted.recipe.seed)


def _run_parts(
    fitted: Fitted,
    labels_path: Path,
    progress: Progress,
    cancel: CancelToken,
    executor: Executor,
    window_shape_rc: tuple[int, int],
) -> Result:
    """`run_full` on the workers of an executor."""
    import joblib

    scene = parts.travelling(fitted.scene)
    none = replace(fitted.sample, raw=fitted.sample.raw[:, :0].copy(), bands=fitted.sample.bands[:, :0].copy())
    light = replace(fitted, scene=scene, sample=none, sample_labels=fitted.sample_labels[:0].copy())
    # The numbers of the model as well: another machine's fit may differ in its last digits.
    numbers = joblib.hash((fitted.space, fitted.model, fitted.number_of))
    key = f"{scene.digest} {fitted.recipe.to_json()} {numbers}"
    job = parts.make_job(scene, fitted.recipe.k, partial(label_window, light), window_shape_rc, key, labels_path)
    tally = _Tally(ClassMap(fitted.scene.grid, fitted.recipe.k, None, labels_path))
    for facts in parts.run(job, labels_path, executor, progress, cancel):
        tally.add_facts(facts)
    return tally.result(fitted)


def label_window(fitted: Fitted, reader: SceneReader, window: Window) -> np.ndarray:
    """Labels of one window, shape (rows, cols), uint8, as `assign` gives them; `reader` reads the fitted scene."""
    on_reflectance = find_algorithm(fitted.recipe.algorithm).on_reflectance
    return assign(fitted, window_features(reader, fitted.recipe, window, on_reflectance))


_Labelled = Generator[tuple[Window, np.ndarray], None, None]


def _runs(todo: list[Window], smooth: bool) -> list[list[Window]]:
    """Windows that one reader goes through in order: along the rows as they are stored, or down where smoothing."""
    if not smooth:
        return [list(row) for _, row in itertools.groupby(todo, key=lambda window: window.row)]
    down = sorted(todo, key=lambda window: (window.col, window.row))
    columns = [list(column) for _, column in itertools.groupby(down, key=lambda window: window.col)]
    return [column[i : i + _RUN_WINDOWS] for column in columns for i in range(0, len(column), _RUN_WINDOWS)]


def _labelled_run(fitted: Fitted, run: list[Window], cancel: CancelToken) -> _Labelled:
    """Labels of each window of one of `_runs`."""
    on_reflectance = find_algorithm(fitted.recipe.algorithm).on_reflectance
    with SceneReader(fitted.scene) as reader:
        features = run_features(reader, fitted.recipe, run, on_reflectance)
        for window in run:
            cancel.check()
            # Not by a name: a run that waits for its turn would hold on to the features of its last window.
            yield window, assign(fitted, next(features), cancel)


def _labelled_windows(fitted: Fitted, todo: list[Window], cancel: CancelToken) -> Iterator[tuple[Window, np.ndarray]]:
    """Labels of each window as they come, a few ahead of the writer and no more."""
    runs = (_labelled_run(fitted, run, cancel) for run in _runs(todo, bool(fitted.recipe.smooth)))
    pool = ThreadPoolExecutor(thread_count())
    going: dict[Future[tuple[Window, np.ndarray] | None], _Labelled] = {}

    def go_on(some: Iterable[_Labelled]) -> None:
        going.update((pool.submit(next, run, None), run) for run in some)

    try:
        go_on(itertools.islice(runs, 2 * thread_count()))
        while going:
            for future in wait(going, return_when=FIRST_COMPLETED).done:
                run, labelled = going.pop(future), future.result()
                go_on(itertools.islice(runs, 1) if labelled is None else (run,))
                if labelled is not None:
                    yield labelled
    finally:
        for future in going:
            future.cancel()
        wait(going)
        pool.shutdown()
        for run in going.values():
            run.close()


class _Tally:
    """Counts and areas of classes, added up window by window."""

    def __init__(self, classmap: ClassMap) -> None:
        self._classmap = classmap
        self._counts = np.zeros(classmap.class_count + 1, dtype=np.int64)
        self._area_ha: dict[tuple[int, int], np.ndarray] = {}

    def add(self, labels: np.ndarray, row: int, col: int = 0) -> None:
        self.add_facts(parts.window_facts(self._classmap.grid, self._classmap.class_count, labels, row, col))

    def add_facts(self, facts: parts.WindowFacts) -> None:
        self._counts += np.asarray(facts.counts, dtype=np.int64)
        if facts.area_ha is not None:
            self._area_ha[facts.row, facts.col] = np.asarray(facts.area_ha)

    @property
    def mapped_count(self) -> int:
        """Pixels that belong to a class."""
        return int(self._counts[1:].sum())

    def result(self, fitted: Fitted) -> Result:
        classmap = self._classmap
        # Windows come in any order; a fixed order of the sum gives the same last bits every time.
        area_ha = sum((self._area_ha[key] for key in sorted(self._area_ha)), np.zeros(classmap.class_count + 1))
        mapped = max(1, self.mapped_count)
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
        key = f"{fitted.scene.digest} {fitted.recipe.to_json()} {classmap.step} {fitted.fitted_on}".rstrip()
        digest = hashlib.sha256(key.encode()).hexdigest()
        return Result(fitted.scene, fitted.recipe, classmap, rows, fitted.engine, digest, fitted.warnings)


def _own_labels(
    model: Model,
    space: FeatureSpace,
    raw: np.ndarray,
    valid: np.ndarray,
    number_of: np.ndarray | None = None,
    cancel: CancelToken | None = None,
) -> np.ndarray:
    """The number of each pixel's class, 0 where masked; raw features of shape (features, pixels).

    Without `number_of`, shape (k,), uint8, it is 1 + the model's own class.
    """
    if isinstance(model, LinearModel):
        weights = model.weights / space.scale
        bias = model.bias + model.weights @ (space.shift / space.scale)
        return nearest.assign(raw, valid, space.low, space.high, weights, bias, number_of)
    labels = np.zeros(raw.shape[1], dtype=np.uint8)
    where = np.flatnonzero(valid)
    with single_threaded():
        for start in range(0, len(where), _PREDICT_PIXELS):
            if cancel is not None:
                cancel.check()
            some = where[start : start + _PREDICT_PIXELS]
            own = model.predict(space.transform(raw[:, some]))
            labels[some] = 1 + own if number_of is None else number_of[own]
    return labels


def _taken(rows: np.ndarray, positions: Sequence[int | None]) -> np.ndarray:
    """The rows at these positions; NaN for None."""
    if None not in positions:
        return rows[[p for p in positions if p is not None]]
    out = np.full((len(positions), *rows.shape[1:]), np.nan)
    for row, position in zip(out, positions, strict=True):
        if position is not None:
            row[...] = rows[position]
    return out


def _renumbered_sample(
    sample: Sample, change: Renumbering, source: Scene, target: Scene, known: Sequence[int | None]
) -> Sample:
    """The sample in the numbers of another scene; `known` are the positions of its bands in the first."""
    if change.is_nothing and known == tuple(range(len(source.bands))):
        return sample
    raw = sample.raw if change.is_nothing else change.apply(sample.raw)
    bands = _taken(sample.bands, known)
    shared = [i for i, position in enumerate(known) if position is not None]
    positions = [p for p in known if p is not None]
    band_change = renumbering(source, positions, target, shared)
    if not band_change.is_nothing:
        bands = bands.astype(np.float64)
        for row, position in zip(shared, positions, strict=True):
            bands[row, bands[row] == source.nodata[position]] = np.nan
        bands[shared] = band_change.apply(bands[shared])
    return replace(sample, raw=frozen(raw), bands=frozen(bands))


def _require_distinct(rows: np.ndarray, recipe: Recipe, scene: Scene, sample: Sample) -> None:
    distinct = len(np.unique(rows[:_DISTINCT_LOOK], axis=0))
    if distinct < recipe.k and len(rows) > _DISTINCT_LOOK:
        distinct = len(np.unique(rows, axis=0))
    if distinct < recipe.k:
        is_masked = round(sample.population) < scene.grid.width * scene.grid.height
        raise TooFewPixels(_few_pixels(distinct, recipe, len(scene.bands), is_masked))


def _few_pixels(distinct: int, recipe: Recipe, band_count: int, is_masked: bool) -> str:
    """What to say of fewer distinct pixels than classes: why they are few, and what can still be done."""
    ways = []
    if distinct >= 2:
        ways.append("choose 2 classes" if distinct == 2 else f"choose {distinct} classes or fewer")
    if len(recipe.bands) < band_count:
        ways.append("choose more bands")
    if is_masked:
        ways.append("mask less")
    if not ways or (distinct <= 2 and not is_masked):
        ways.append("open a picture with the satellite's own bands")
    advice = " or ".join([", ".join(ways[:-1]), ways[-1]] if len(ways) > 1 else ways)
    advice = f"{advice[0].upper()}{advice[1:]}."
    where = "the mask leaves" if is_masked else "the picture has only"
    if distinct == 1:
        same = "Every pixel that the mask leaves is the same" if is_masked else "Every pixel of the picture is the same"
        return f"{same}, so there is nothing to group. {advice}"
    seen = f"k = {recipe.k} but {where} {distinct} distinct pixels"
    if not is_masked and band_count == 1:
        seen += ": it looks like a finished class map or a mask"
    return f"{seen}. {advice}"


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
    own = own_labels.astype(np.intp) - 1
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


def _dark_to_bright(brightness: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The model's classes from dark to bright; empty ones last."""
    return np.lexsort((np.arange(len(counts)), brightness, counts == 0))


def _warnings(scene: Scene, recipe: Recipe, empty_classes: int) -> tuple[str, ...]:
    found = []
    if empty_classes:
        found.append(f"{recipe.k} classes were asked for; {recipe.k - empty_classes} were found.")
    if recipe.indices and recipe.scale == "none":
        found.append("Indices run from -1 to 1 and bands to thousands: without scaling, bands alone decide.")
    if recipe.atmosphere == "dos1" and scene.level in CORRECTED_LEVELS:
        level = scene.level[0].upper() + scene.level[1:]
        found.append(f"{level} is corrected for the atmosphere already; subtracting dark objects changes it once more.")
    return (*scene.notes, *found)
