"""The run over many scenes: learn the classes once, label one scene after another, then table and mosaic.

Each scene's outputs are made elsewhere and moved into place, and the manifest is written after each, so
that whatever stops a run, what is finished stays and the next run goes on from there.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

from s2dash.batch.concluding import conclude
from s2dash.batch.folder import locked, prepare_folder
from s2dash.batch.labelling import label_all
from s2dash.batch.learning import learn
from s2dash.batch.ledger import Ledger, digest
from s2dash.batch.plan import Given, Plan, Report, Watch
from s2dash.batch.pool import Pool
from s2dash.batch.table import write_tables
from s2dash.classify import pipeline
from s2dash.classify.colours import colours_of
from s2dash.classify.pipeline import Fitted
from s2dash.core.edits import NO_EDITS, ClassEdits
from s2dash.core.legend import Legend, default_legend
from s2dash.core.recipe import Recipe
from s2dash.core.types import CancelToken, Progress, no_progress
from s2dash.errors import Cancelled


def run_batch(
    plan: Plan,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
    watch: Watch | None = None,
    executor: Executor | None = None,
) -> Report:
    """Label every scene of the plan with the same classes, and write all outputs to its folder.

    A scene that cannot be used is reported and does not stop the others. Where `cancel` asks to stop,
    finished scenes stay, nothing half-made is left, and the report says so.

    Parameters
    ----------
    executor : runs the windows of large scenes, as for `pipeline.run_full`

    Raises OutputConflict where the folder cannot be used, RecipeError or InputError where no scene is left
    to learn the classes from.
    """
    prepare_folder(plan)
    with locked(plan.out) as work:
        # Workers of a cluster reach the outputs' folder, but not this machine's folder of temporary files.
        place = None if executor is None else work
        with tempfile.TemporaryDirectory(prefix="s2dash-", dir=place) as scratch:
            return _run(Ledger(plan, work, Path(scratch), progress, cancel or CancelToken(), watch, executor))


def _run(ledger: Ledger) -> Report:
    try:
        ledger.look()
        recipe, legend = _labelled(ledger)
        files, notes = conclude(ledger, recipe, legend)
    except Cancelled:
        return _stopped(ledger)
    return Report(tuple(ledger.reports.values()), recipe, files, notes)


def _labelled(ledger: Ledger) -> tuple[Recipe, Legend]:
    """Every scene, by the classes that are given or learnt from the scenes."""
    given = ledger.plan.given
    if given is not None:
        recipe = given.fitted.recipe
        ledger.manifest = replace(ledger.manifest, recipe=recipe, recipe_key="", fit=None)
        ledger.steps = len(ledger.left())
        return recipe, label_all(ledger, lambda: (given.fitted, given.legend), recipe, _digest_of(given))
    recipe, pool = learn(ledger)
    edits = ledger.plan.edits
    learnt = pool.scene.digest if edits == NO_EDITS else digest(pool.scene.digest, edits.to_json())
    return recipe, label_all(ledger, lambda: _fitted(recipe, pool, edits), recipe, learnt)


def _digest_of(given: Given) -> str:
    names = " ".join(f"{entry.name} {entry.colour}" for entry in given.legend.listed)
    steps = ClassEdits(steps=given.fitted.edits.steps).to_json() if given.fitted.edits.steps else None
    return digest(given.fitted.scene.digest, given.fitted.fitted_on, names, *filter(None, [steps]))


def _stopped(ledger: Ledger) -> Report:
    """What is finished stays, with its table; all others wait for the next run."""
    done = ledger.done()
    written = write_tables(done, ledger.plan.out) if done else ()
    reports = tuple(
        report if report.finished or report.state == "failed" else replace(report, state="waiting")
        for report in ledger.reports.values()
    )
    return Report(reports, ledger.manifest.recipe, written, (), was_stopped=True)


def _fitted(recipe: Recipe, pool: Pool, edits: ClassEdits) -> tuple[Fitted, Legend]:
    fitted = pipeline.edited(pipeline.fit_sample(pool.prepared(recipe), pool.sample), edits)
    return fitted, default_legend(colours_of(fitted), fitted.numbers).taking(edits)
