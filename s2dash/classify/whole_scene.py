"""Steps of edits that need the whole scene, taken on labels that a full run has written: one more pass for each."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from s2dash.classify.assign import asking
from s2dash.classify.clean_up import Sieving, sieved_strips
from s2dash.classify.edit import Regrouping, Stage
from s2dash.classify.features import window_features
from s2dash.classify.fitted import Fitted
from s2dash.classify.label_file import write_labels
from s2dash.core.classmap import Result
from s2dash.core.types import CancelToken, Progress, Window, windows
from s2dash.raster.door import open_raster
from s2dash.raster.reading import SceneReader

_WINDOW_SHAPE_RC = (512, 2048)


class Labels(Protocol):
    """An open raster of labels."""

    def read(self, band: int, /, *, window: tuple[tuple[int, int], tuple[int, int]]) -> np.ndarray:
        """Labels of a window."""


def take_rest(fitted: Fitted, rest: Stage, labels_path: Path, progress: Progress, cancel: CancelToken) -> Result:
    """Take the steps of `rest`, the last of the fit's, on the labels in a file, which then holds the new ones.

    They come out as from steps on the whole scene in memory. Memory grows with the patches that a sieve finds
    (`sieved_strips`). The file is gone after an error or a cancellation; raises as `write_labels`.
    """
    result, passes = None, list(_passes(rest))
    try:
        for number, one in enumerate(passes):
            look = partial(_look, progress, cancel, number, len(passes))
            with open_raster(labels_path) as dataset:
                result = write_labels(fitted, labels_path, _relabelled(fitted, one, dataset, look), cancel)
    except BaseException:
        labels_path.unlink(missing_ok=True)
        raise
    if result is None:
        raise ValueError("there is no step to take")
    return result


def _look(progress: Progress, cancel: CancelToken, number: int, count: int, share: float) -> None:
    cancel.check()
    progress((number + share) / count, "Cleaning up specks")


def _passes(rest: Stage) -> Iterator[Sieving | Stage]:
    """Each sieve, and the steps between two of them together."""
    for is_sieve, steps in itertools.groupby(rest.steps, lambda step: isinstance(step, Sieving)):
        if is_sieve:
            yield from (step for step in steps if isinstance(step, Sieving))
        else:
            yield Stage(list(steps))


def _relabelled(
    fitted: Fitted, one: Sieving | Stage, dataset: Labels, look: Callable[[float], None]
) -> Iterator[tuple[Window, np.ndarray]]:
    """Windows of the labels in a raster after one pass."""
    shape_rc = fitted.scene.grid.shape_rc

    def read(window: Window) -> np.ndarray:
        return np.asarray(dataset.read(1, window=window.ranges_rc))

    if isinstance(one, Sieving):
        yield from sieved_strips(read, shape_rc, one.least, one.step.neighbours, look)
        return
    todo = list(windows(shape_rc, _WINDOW_SHAPE_RC))
    with SceneReader(fitted.scene) as reader:
        for done, window in enumerate(todo):
            look(done / len(todo))
            wide = window.grown(one.halo, shape_rc)
            labels = read(wide)
            if any(isinstance(step, Regrouping) for step in one.steps):
                features = window_features(fitted.prepared, reader, wide)
                labels = one(labels, asking(fitted, features))
            else:
                labels = one(labels)
            yield window, labels[window.within(wide).slices_rc]
