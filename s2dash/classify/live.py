"""Labels of the live picture: the whole scene where it is small, else every n-th pixel of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from s2dash.classify.assign import asking, assign, centres_key, has_many_centres
from s2dash.classify.features import preview_features
from s2dash.classify.fitted import Fitted
from s2dash.classify.tally import Tally
from s2dash.core.classmap import ClassMap, Result
from s2dash.core.scene import Pixels
from s2dash.core.types import Window, cancel_token, frozen, windows
from s2dash.settings import thread_count


def run_live(fitted: Fitted) -> Result:
    """Label the live picture: the whole scene where it is small, else every n-th pixel of it.

    Steps of edits that look at neighbours see those of the live picture, which are n pixels away; the least patch
    of a sieve is as large on the ground, and has fewer pixels.

    Raises Cancelled where this thread's work is to stop (`types.cancel_token`).
    """
    return edit_live(fitted, _labels(fitted))


def edit_live(fitted: Fitted, labels: np.ndarray) -> Result:
    """The live picture from its labels before edits, shape (rows, cols), uint8: nothing is fitted or assigned anew."""
    scene = fitted.scene
    whole = Window(0, 0, *scene.grid.shape_rc)
    stage = fitted.stage.every(scene.live_step).at(whole, scene.live_step)
    if stage.regroups:
        labels = stage(labels, asking(fitted, preview_features(fitted.prepared), cancel_token()))
    else:
        labels = stage(labels)
    grid = scene.grid.decimated(scene.live_step)
    tally = Tally(ClassMap(grid, fitted.class_count, frozen(labels), step=scene.live_step))
    tally.add(labels, 0)
    return tally.result(fitted)


def _labels(fitted: Fitted) -> np.ndarray:
    """Labels before edits. Where a class has several centres, the nearest are kept for other ways to group them."""
    model, prepared = fitted.model, fitted.prepared
    if not has_many_centres(model):
        return _assigned(fitted)
    each = np.arange(1, len(model.bias) + 1, dtype=np.uint8)
    alone = replace(fitted, model=replace(model, class_of=None), number_of=each)
    nearest = prepared.keep("nearest", centres_key(prepared, model, fitted.space), lambda: _assigned(alone))
    return model.centre_table(fitted.number_of)[nearest]


def _assigned(fitted: Fitted) -> np.ndarray:
    features = preview_features(fitted.prepared)
    labels = np.empty(features.valid.shape, dtype=np.uint8)
    cancel = cancel_token()
    with ThreadPoolExecutor(thread_count()) as pool:
        rows, cols = features.valid.shape
        strips = list(windows((rows, cols), (max(64, -(-rows // (2 * thread_count()))), cols)))

        def one(strip: Window) -> None:
            part = strip.slices_rc[0]
            labels[part] = assign(fitted, Pixels(features.values[:, part], features.valid[part]), cancel)

        list(pool.map(one, strips))
    return labels
