"""The one flow from a scene and a recipe to a result, walked by the page, the command line and the tests alike.

prepare -> sample -> fit -> assign -> edit: the live picture, or every window -> table of classes
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

import numpy as np

from s2dash.classify import evaluate
from s2dash.classify.algorithms.threads import single_threaded
from s2dash.classify.assign import assign, assign_edited
from s2dash.classify.edited import edited
from s2dash.classify.fit import fit, fit_sample
from s2dash.classify.fitted import Fitted
from s2dash.classify.full import label_window, run_full
from s2dash.classify.live import edit_live, run_live
from s2dash.classify.prepare import Memo, Prepared, apply_algorithm, prepare, resolve
from s2dash.classify.sampling import sample_of
from s2dash.classify.whole_scene import goes_on_from, run_further
from s2dash.core.classmap import Result
from s2dash.core.edits import NO_EDITS, ClassEdits
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Scene
from s2dash.core.types import CancelToken, Progress, no_progress
from s2dash.raster.location import require_unchanged

__all__ = [
    "Fitted",
    "Prepared",
    "apply_algorithm",
    "assign",
    "assign_edited",
    "edit_live",
    "edited",
    "fit",
    "fit_sample",
    "fitted_to",
    "goes_on_from",
    "label_window",
    "prepare",
    "resolve",
    "run",
    "run_full",
    "run_further",
    "run_live",
    "sample_of",
    "sample_scores",
]


def fitted_to(scene: Scene, recipe: Recipe) -> Fitted:
    """The recipe resolved on the scene and fitted to it; raises what `prepare` and `fit` raise."""
    return fit(prepare(scene, recipe))


def run(
    scene: Scene,
    recipe: Recipe,
    labels_path: Path,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
    executor: Executor | None = None,
    edits: ClassEdits = NO_EDITS,
) -> tuple[Result, Fitted]:
    """The whole flow to a full result. `labels_path` is only written for scenes larger than the live picture.

    Raises what `prepare`, `fit` and `run_full` raise, and UnreadableFile where a file on a web server was
    changed meanwhile.
    """
    progress(0.0, "Learning the groups")
    prepared = prepare(scene, recipe, Memo())
    fitted = edited(fit(prepared), edits)
    alone = replace(fitted, prepared=prepared.alone())
    if prepared.scene.live_step == 1:
        result = run_live(fitted)
        progress(1.0, "Grouping pixels")
    else:
        del fitted, prepared
        result = run_full(alone, labels_path, progress, cancel, executor)
    require_unchanged(alone.scene.locations)
    return result, alone


def sample_scores(fitted: Fitted) -> evaluate.Scores:
    """Scores of the fit on its sample, in the space the algorithm worked in."""
    rows = fitted.space.transform(fitted.sample.raw)
    if fitted.prepared.algorithm.on_reflectance:
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    labels = fitted.sample_labels
    if not labels.all():
        rows, labels = rows[labels > 0], labels[labels > 0]
    with single_threaded():
        return evaluate.scores(rows, labels, fitted.recipe.seed)
