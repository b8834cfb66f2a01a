"""Steps of edits taken on labels that a full run has written: a pass for each that needs the whole scene."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Protocol

import numpy as np

from s2dash.classify.assign import asking
from s2dash.classify.clean_up import Sieving, sieved_strips
from s2dash.classify.edit import Ask, Stage
from s2dash.classify.features import window_features
from s2dash.classify.fitted import Fitted
from s2dash.classify.label_file import write_labels
from s2dash.core.classmap import Result
from s2dash.core.types import CancelToken, Progress, Window, no_progress, windows
from s2dash.raster.door import open_raster
from s2dash.raster.reading import SceneReader
from s2dash.settings import thread_count

_WINDOW_SHAPE_RC = (512, 2048)


class Labels(Protocol):
    """An open raster of labels."""

    def read(self, band: int, /, *, window: tuple[tuple[int, int], tuple[int, int]]) -> np.ndarray:
        """Labels of a window."""


def goes_on_from(fitted: Fitted, made: Result) -> bool:
    """Whether a full result is of the same fit, with fewer steps of edits, and its file of labels is there."""
    steps, path = made.edits.steps, made.classmap.path
    return (
        (made.scene.digest, made.recipe) == (fitted.scene.digest, fitted.recipe)
        and len(steps) < len(fitted.edits.steps)
        and steps == fitted.edits.steps[: len(steps)]
        and made.is_full
        and path is not None
        and path.exists()
    )


def run_further(
    fitted: Fitted,
    made: Result,
    labels_path: Path,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> Result:
    """The full result of a fit by its last steps alone, on the labels of one that `goes_on_from` allows.

    Labels are those of `run_full`, bit for bit. Pixels are read only for a split, and only in windows that have its
    class. Raises as `run_full`, and ValueError for another result.
    """
    if not goes_on_from(fitted, made):
        raise ValueError("these labels are of another fit, or no steps are left to take")
    rest = Stage(fitted.stage.steps[len(made.edits.steps) :])
    return take_rest(fitted, rest, labels_path, progress, cancel or CancelToken(), made.classmap.path)


def take_rest(
    fitted: Fitted,
    rest: Stage,
    labels_path: Path,
    progress: Progress,
    cancel: CancelToken,
    source: Path | None = None,
) -> Result:
    """Take the steps of `rest`, the last of the fit's, on the labels in a file, and write the new ones.

    They come out as from steps on the whole scene in memory. Memory grows with the patches that a sieve finds
    (`sieved_strips`).

    Parameters
    ----------
    labels_path : written whole or not at all; gone after an error or a cancellation
    source : the labels to begin with, which stay as they are; those at `labels_path` where None

    Raises as `write_labels`.
    """
    result, passes, source = None, list(_passes(rest)), source or labels_path
    try:
        for number, one in enumerate(passes):
            look = partial(_look, progress, cancel, one, number, len(passes))
            result = write_labels(fitted, labels_path, _relabelled(fitted, one, source, look, cancel), cancel)
            source = labels_path
    except BaseException:
        labels_path.unlink(missing_ok=True)
        raise
    if result is None:
        raise ValueError("there is no step to take")
    return result


def _look(progress: Progress, cancel: CancelToken, one: Sieving | Stage, number: int, count: int, share: float) -> None:
    cancel.check()
    progress((number + share) / count, "Cleaning up specks" if isinstance(one, Sieving) else "Editing classes")


def _passes(rest: Stage) -> Iterator[Sieving | Stage]:
    """Each sieve, and the steps between two of them together."""
    for is_sieve, steps in itertools.groupby(rest.steps, lambda step: isinstance(step, Sieving)):
        if is_sieve:
            yield from (step for step in steps if isinstance(step, Sieving))
        else:
            yield Stage(list(steps))


def _relabelled(
    fitted: Fitted, one: Sieving | Stage, source: Path, look: Callable[[float], None], cancel: CancelToken
) -> Iterator[tuple[Window, np.ndarray]]:
    """Windows of the labels in a raster after one pass."""
    if isinstance(one, Sieving):
        with open_raster(source) as dataset:
            read = partial(_read, dataset)
            yield from sieved_strips(read, fitted.scene.grid.shape_rc, one.least, one.step.neighbours, look)
    else:
        yield from _by_windows(fitted, one, source, look, cancel)


def _by_windows(
    fitted: Fitted, stage: Stage, source: Path, look: Callable[[float], None], cancel: CancelToken
) -> Iterator[tuple[Window, np.ndarray]]:
    """Windows of labels after steps that any window with its halo gets right, some at once on threads."""
    shape_rc = fitted.scene.grid.shape_rc
    todo, at_once = list(windows(shape_rc, _WINDOW_SHAPE_RC)), 2 * thread_count()

    def one(window: Window) -> np.ndarray:
        wide = window.grown(stage.halo, shape_rc)
        with open_raster(source) as dataset:
            labels = _read(dataset, wide)
        return stage.at(wide).inside(labels, wide, window, _asking_late(fitted, wide, cancel))

    with ThreadPoolExecutor(thread_count()) as pool:
        for start in range(0, len(todo), at_once):
            look(start / len(todo))
            some = todo[start : start + at_once]
            yield from zip(some, pool.map(one, some), strict=True)


def _read(dataset: Labels, window: Window) -> np.ndarray:
    return np.asarray(dataset.read(1, window=window.ranges_rc))


def _asking_late(fitted: Fitted, window: Window, cancel: CancelToken) -> Ask:
    """As `asking`; features of the window are read where a class to be split is there, else never."""

    @cache
    def asked() -> Ask:
        with SceneReader(fitted.scene) as reader:
            return asking(fitted, window_features(fitted.prepared, reader, window), cancel)

    return lambda model, number_of, where: asked()(model, number_of, where)
