"""What ends a batch: the table of all scenes, the recipe and the mosaic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from s2dash import __version__
from s2dash.batch import mosaic
from s2dash.batch.ledger import EDITS_NAME, RECIPE_NAME, Ledger, digest
from s2dash.batch.manifest import Finished, MosaicEntry, are_there
from s2dash.batch.table import write_tables
from s2dash.core.edits import ClassEdits
from s2dash.core.legend import Legend
from s2dash.core.recipe import Recipe
from s2dash.export.contents import one_line, with_looks


def conclude(ledger: Ledger, recipe: Recipe, legend: Legend) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write table, recipe and mosaic; returns the names of all that lies beside the class maps, and notes."""
    out = ledger.plan.out
    done = ledger.done()
    if not done:
        ledger.save()
        return (), ()
    files = write_tables(done, out)
    ledger.write_recipe(recipe)
    has_edits = ledger.write_edits(with_looks(ClassEdits(steps=ledger.plan.steps), legend))
    made = _mosaic(ledger, done, recipe, legend)
    before = ledger.manifest.mosaic.files if ledger.manifest.mosaic else ()
    ledger.manifest = replace(ledger.manifest, mosaic=made)
    ledger.save()
    for name, _ in before:
        if name not in dict(made.files):
            (out / name).unlink(missing_ok=True)
    ledger.tell(1.0, "Done")
    return (*files, RECIPE_NAME, *([EDITS_NAME] if has_edits else []), *(name for name, _ in made.files)), made.notes


def _mosaic(ledger: Ledger, done: Sequence[Finished], recipe: Recipe, legend: Legend) -> MosaicEntry:
    kind, out = ledger.plan.mosaic, ledger.plan.out
    # By name, so that the order in which scenes are given does not decide where they overlap.
    pieces = sorted(done, key=lambda finished: finished.name)
    key = digest(kind, *(f"{finished.name} {finished.digest} {finished.files[0][1]}" for finished in pieces))
    last = ledger.manifest.mosaic
    if last is not None and last.digest == key and are_there(last.files, out):
        return last
    if kind == "none":
        return MosaicEntry(key, (), ())
    ledger.tell(0.99, "Making the mosaic")
    mosaics, notes = mosaic.plan_mosaics([out / finished.files[0][0] for finished in pieces])
    sources = sorted({finished.attribution for finished in done if finished.attribution})
    steps = ledger.plan.steps
    tags = {
        **({"ATTRIBUTION": one_line("; ".join(sources))} if sources else {}),
        "S2DASH_VERSION": __version__,
        "S2DASH_RECIPE": recipe.to_json(),
        **({"S2DASH_EDITS": ClassEdits(steps=steps).to_json()} if steps else {}),
        **{f"CLASS_{entry.id}": entry.name for entry in legend.entries},
    }
    written: list[Path] = []
    ending = ".vrt" if kind == "vrt" else ".tif"
    for one, name in zip(mosaics, mosaic.mosaic_names(mosaics, ending), strict=True):
        written += mosaic.write_mosaic(
            one, legend, tags, out / name, lambda share, what: ledger.tell(0.99, what), ledger.cancel
        )
    return MosaicEntry(key, tuple((path.name, path.stat().st_size) for path in written), notes)
