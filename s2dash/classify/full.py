"""Labels of every pixel, window by window, on this machine's cores or on workers elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from s2dash.classify import parts
from s2dash.classify.assign import assign_edited
from s2dash.classify.features import run_features, window_features
from s2dash.classify.fitted import Fitted
from s2dash.classify.label_file import write_labels
from s2dash.classify.tally import Tally
from s2dash.classify.turns import Made, in_turns, runs_of, whole_blocks
from s2dash.classify.whole_scene import take_rest
from s2dash.core.classmap import ClassMap, Result
from s2dash.core.types import CancelToken, Progress, Window, no_progress, windows
from s2dash.raster.reading import SceneReader

_FIRST_PASS = 0.6
"""Share of a run's time before the steps that need all labels."""


def run_full(
    fitted: Fitted,
    labels_path: Path,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
    executor: Executor | None = None,
    window_shape_rc: tuple[int, int] | None = None,
) -> Result:
    """Label every pixel, window by window, into a one-band GeoTIFF; memory does not grow with the scene.

    Steps of edits that need the whole scene are taken on the finished file, whose patches they hold in memory.

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
    before, rest = fitted.stage.parted()
    if rest.steps:
        first = partial(_share_of, progress, 0.0, _FIRST_PASS)
        run_full(replace(fitted, stage=before), labels_path, first, cancel, executor, window_shape_rc)
        return take_rest(fitted, rest, labels_path, partial(_share_of, progress, _FIRST_PASS, 1.0), cancel)
    window_shape_rc = window_shape_rc or whole_blocks(scene)
    if executor is not None:
        return _run_parts(fitted, labels_path, progress, cancel, executor, window_shape_rc)
    todo = list(windows(scene.grid.shape_rc, window_shape_rc))

    def labelled() -> Made:
        for done, one in enumerate(_labelled_windows(fitted, todo, cancel), 1):
            yield one
            progress(done / len(todo), "Grouping pixels")

    with closing(labelled()) as windows_of_labels:
        return write_labels(fitted, labels_path, windows_of_labels, cancel)


def _share_of(progress: Progress, begin: float, end: float, share: float, what: str) -> None:
    progress(begin + (end - begin) * share, what)


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
    light = fitted.light(replace(fitted.prepared, scene=scene))
    # The numbers of the model as well: another machine's fit may differ in its last digits.
    numbers = joblib.hash((fitted.prepared.pointwise, fitted.space, fitted.model, fitted.number_of, fitted.stage))
    key = f"{fitted.labels_key} {numbers}"
    job = parts.make_job(scene, fitted.class_count, partial(label_window, light), window_shape_rc, key, labels_path)
    tally = Tally(ClassMap(fitted.scene.grid, fitted.class_count, None, labels_path))
    for facts in parts.run(job, labels_path, executor, progress, cancel):
        tally.add_facts(facts)
    return tally.result(fitted)


def label_window(fitted: Fitted, reader: SceneReader, window: Window, cancel: CancelToken | None = None) -> np.ndarray:
    """Labels of one window, shape (rows, cols), uint8, edited; `reader` reads the fitted scene."""
    stage = fitted.stage
    wide = window.grown(stage.halo, fitted.scene.grid.shape_rc)
    features = window_features(fitted.prepared, reader, wide)
    return assign_edited(fitted.at(wide), features, cancel)[window.within(wide).slices_rc]


def _labelled_run(fitted: Fitted, run: list[Window], cancel: CancelToken) -> Made:
    """Labels of each window of one of `_runs`."""
    stage = fitted.stage
    with SceneReader(fitted.scene) as reader:
        features = run_features(fitted.prepared, reader, run)
        for window in run:
            cancel.check()
            if stage.halo:
                yield window, label_window(fitted, reader, window, cancel)
            else:
                # Not by a name: a run that waits for its turn would hold on to the features of its last window.
                yield window, assign_edited(fitted.at(window), next(features), cancel)


def _labelled_windows(fitted: Fitted, todo: list[Window], cancel: CancelToken) -> Iterator[tuple[Window, np.ndarray]]:
    """Labels of each window as they come, a few ahead of the writer and no more."""
    return in_turns(_labelled_run(fitted, run, cancel) for run in runs_of(todo, fitted.prepared.halo > 0))
