"""The labels of a batch: one scene after another by the same classes, those that are finished left as they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from s2dash import __version__
from s2dash.batch.ledger import OPENING, Ledger, digest
from s2dash.batch.manifest import Finished, TableRow, are_there
from s2dash.batch.sources import Source
from s2dash.classify import pipeline
from s2dash.classify.algorithms import load_libraries
from s2dash.classify.pipeline import Fitted
from s2dash.classify.point import class_spreads
from s2dash.core.classmap import Result
from s2dash.core.legend import Legend, LegendEntry
from s2dash.core.recipe import Recipe
from s2dash.export import EXPORTS, Handover
from s2dash.export.contents import class_facts, one_line
from s2dash.export.geotiff import sidecar_path, write_geotiff_and_sidecar
from s2dash.raster.location import require_unchanged


def label_all(ledger: Ledger, model: Callable[[], tuple[Fitted, Legend]], recipe: Recipe, model_digest: str) -> Legend:
    """Label every scene that is left and not finished yet; returns the legend.

    Parameters
    ----------
    model : asked only where something is to be labelled
    model_digest : of what the classes were learnt from
    """
    wanted = {
        source.name: digest(
            ledger.digests[source.name], recipe.to_json(), model_digest, __version__, *ledger.plan.beside
        )
        for source in ledger.left()
    }
    current = _finished_already(ledger, wanted)
    todo = [source for source in ledger.left() if source.name not in current]
    ledger.steps = ledger.steps_done + len(todo)
    for source in ledger.left():
        if source.name in current:
            ledger.report(source, "unchanged", finished=current[source.name])
    if not todo:
        rows = next(iter(current.values())).rows if current else ()
        return Legend(tuple(LegendEntry(row.id, row.name, row.colour) for row in rows))
    ledger.say(todo[0], 0.0, "Learning the groups")
    load_libraries()
    fitted, legend = model()
    _remove_outdated(ledger, recipe)
    for source in todo:
        ledger.cancel.check()
        with ledger.failing_alone(source):
            ledger.report(source, "labelling")
            finished = _label(ledger, source, fitted, legend, wanted[source.name])
            ledger.manifest = ledger.manifest.with_finished(finished)
            ledger.save()
            ledger.report(source, "done", finished=finished)
            ledger.steps_done += 1
    return legend


def _finished_already(ledger: Ledger, wanted: Mapping[str, str]) -> dict[str, Finished]:
    """Scenes whose digest is the wanted one and whose files are there; the manifest forgets the others."""
    current = {
        name: done
        for name, done in ledger.manifest.finished.items()
        if done.digest == wanted.get(name) and are_there(done.files, ledger.plan.out)
    }
    ledger.manifest = replace(ledger.manifest, finished=current)
    return current


def _remove_outdated(ledger: Ledger, recipe: Recipe) -> None:
    """Remove what an earlier run made of these scenes by another fit: its numbers would mean something else."""
    names = {source.name for source in ledger.plan.sources} - set(ledger.manifest.finished)
    outdated = [finished.files for name, finished in ledger.before.items() if name in names]
    if not outdated:
        return
    out, mosaic_files = ledger.plan.out, ledger.manifest.mosaic.files if ledger.manifest.mosaic else ()
    ledger.manifest = replace(ledger.manifest, mosaic=None)
    ledger.save()
    for name, _ in (*(file for files in outdated for file in files), *mosaic_files):
        (out / name).unlink(missing_ok=True)
    ledger.write_recipe(recipe)


def _labels_of(ledger: Ledger, source: Source) -> Path:
    """Where a scene's labels are put together; parts that a lost cluster leaves there are found by the next run."""
    if ledger.executor is None:
        return ledger.scratch / "labels.tif"
    return ledger.plan.out / f".s2dash-{source.name}.labels"


def _label(ledger: Ledger, source: Source, fitted: Fitted, legend: Legend, wanted: str) -> Finished:
    labels_path = _labels_of(ledger, source)
    try:
        return _labelled(ledger, source, fitted, legend, wanted, labels_path)
    finally:
        labels_path.unlink(missing_ok=True)


def _labelled(
    ledger: Ledger, source: Source, fitted: Fitted, legend: Legend, wanted: str, labels_path: Path
) -> Finished:
    is_open = ledger.shelf.has(source)
    scene = ledger.shelf.get(source, ledger.progress_of(source, 0.0, OPENING))
    own = fitted.on(scene)
    progress = ledger.progress_of(source, 0.0 if is_open else OPENING, 1.0)
    progress(0.0, "Grouping pixels")
    result = (
        pipeline.run_live(own)
        if own.scene.live_step == 1
        else pipeline.run_full(own, labels_path, progress, ledger.cancel, ledger.executor)
    )
    require_unchanged(own.scene.locations)
    ledger.cancel.check()
    made = ledger.work / f"{source.name}-classes.tif"
    write_geotiff_and_sidecar(result, legend, made)
    beside = _write_beside(ledger, source, own, Handover(result, legend))
    ledger.cancel.check()
    files = []
    for path in (made, sidecar_path(made), *beside):
        files.append((path.name, path.stat().st_size))
        os.replace(path, ledger.plan.out / path.name)
    ledger.shelf.drop(source)
    rows = _rows(source, result, legend)
    return Finished(source.name, wanted, tuple(files), result.scene.attribution, rows, result.warnings, *_said(result))


def _write_beside(ledger: Ledger, source: Source, fitted: Fitted, handover: Handover) -> list[Path]:
    """What the plan wants of each scene for people to read, in the folder of work."""
    exports = [EXPORTS[key] for key in ledger.plan.beside]
    paths = [ledger.work / f"{source.name}{export.suffix}" for export in exports]
    if exports:
        handover = replace(handover, spreads=class_spreads(fitted))
    for export, path in zip(exports, paths, strict=True):
        ledger.cancel.check()
        export.write(handover, path)
    return paths


def _said(result: Result) -> tuple[str, str]:
    return one_line(result.scene.date or ""), one_line(result.scene.title)


def _rows(source: Source, result: Result, legend: Legend) -> tuple[TableRow, ...]:
    return tuple(
        TableRow(source.name, c.id, c.name, c.colour, c.row.count, c.row.share, c.row.area_ha)
        for c in class_facts(result, legend)
    )
