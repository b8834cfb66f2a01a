"""Labels of the live picture: the whole scene where it is small, else every n-th pixel of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from s2dash.classify.assign import assign
from s2dash.classify.features import preview_features
from s2dash.classify.fitted import Fitted
from s2dash.classify.tally import Tally
from s2dash.core.classmap import ClassMap, Result
from s2dash.core.scene import Pixels
from s2dash.core.types import Window, cancel_token, frozen, windows
from s2dash.settings import thread_count


def run_live(fitted: Fitted) -> Result:
    """Label the live picture: the whole scene where it is small, else every n-th pixel of it.

    Steps of edits that look at neighbours see those of the live picture, which are n pixels away.

    Raises Cancelled where this thread's work is to stop (`types.cancel_token`).
    """
    scene = fitted.scene
    features = preview_features(fitted.prepared)
    labels = np.empty(features.valid.shape, dtype=np.uint8)
    cancel = cancel_token()
    with ThreadPoolExecutor(thread_count()) as pool:
        rows, cols = scene.grid.decimated(scene.live_step).shape_rc
        strips = list(windows((rows, cols), (max(64, -(-rows // (2 * thread_count()))), cols)))

        def one(strip: Window) -> None:
            part = strip.slices_rc[0]
            labels[part] = assign(fitted, Pixels(features.values[:, part], features.valid[part]), cancel)

        list(pool.map(one, strips))
    labels = fitted.stage(labels)
    grid = scene.grid.decimated(scene.live_step)
    tally = Tally(ClassMap(grid, fitted.class_count, frozen(labels), step=scene.live_step))
    tally.add(labels, 0)
    return tally.result(fitted)
