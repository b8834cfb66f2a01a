"""What makes the map again: the recipe, and beside it what its user made of the classes, each as JSON."""

from __future__ import annotations

from pathlib import Path

from s2dash.core.edits import ClassEdits
from s2dash.export.contents import Export, edits_with_looks, staged, with_looks
from s2dash.export.handover import Handover


def write_recipe(handover: Handover, out: Path) -> None:
    """Write the recipe; raises OutputConflict where `out` cannot be written."""
    _write(out, handover.result.recipe.to_json())


def write_edits(handover: Handover, out: Path) -> None:
    """Write the steps of edits, with the names and colours of all classes; raises as `write_recipe`."""
    steps = handover.result.edits.steps
    _write(out, with_looks(ClassEdits(steps=steps), handover.legend).to_json())


def _write(out: Path, text: str) -> None:
    with staged(out) as path:
        path.write_text(text + "\n", encoding="utf-8")


EXPORT = Export(
    key="recipe",
    card="recipe",
    label="Recipe (JSON)",
    short="Recipe",
    suffix="-recipe.json",
    mime="application/json",
    help="Every choice of this run, to repeat it with the command line.",
    needs_full=False,
    needs_place=False,
    write=write_recipe,
)
EDITS = Export(
    key="edits",
    card="recipe",
    label="Edits (JSON)",
    short="Edits",
    suffix="-edits.json",
    mime="application/json",
    help="What you merged, split, left out and moved. Command line: `--edits FILE` beside the recipe.",
    needs_full=False,
    needs_place=False,
    write=write_edits,
    is_of=lambda handover: edits_with_looks(handover.result, handover.legend) is not None,
)
