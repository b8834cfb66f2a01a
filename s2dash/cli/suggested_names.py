"""Names for classes on the command line: those that are suggested and at least likely, where nobody gave another."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2dash.cli import progress_line
from s2dash.cli.arguments import file_path
from s2dash.errors import UnreadableFile

if TYPE_CHECKING:
    from s2dash.classify.naming import Suggestion
    from s2dash.classify.pipeline import Fitted
    from s2dash.core.legend import Legend
    from s2dash.core.reference import Reference
    from s2dash.core.scene import Scene

_TAKEN = ("very likely", "likely")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Whether classes are named, and by which map."""
    command.add_argument(
        "--suggest-names",
        nargs="?",
        const=True,
        type=file_path,
        metavar="REFERENCE.tif",
        help="name classes by a map of classes (WorldCover, CORINE, an older one), the product's own classification "
        "or their mean reflectance, where the name is at least likely; names of --edits stay",
    )


def reference_of(arguments: argparse.Namespace, scene: Scene, folder: Path) -> Reference | None:
    """The map that classes are named by, with its `.aux.xml` where one lies beside it; None where none is given."""
    from s2dash import ingest

    path = reference_path(arguments)
    if path is None:
        return None
    if not path.is_file():
        raise UnreadableFile(f"There is no file {path}. Check the path.")
    beside = path.with_name(f"{path.name}.aux.xml")
    sidecar = beside if beside.is_file() else None
    return ingest.read_reference(scene, path, folder / "reference", None, sidecar, progress_line.show)


def reference_path(arguments: argparse.Namespace) -> Path | None:
    """Where that map lies."""
    return arguments.suggest_names if isinstance(arguments.suggest_names, Path) else None


def suggested(fitted: Fitted, reference: Reference | None) -> dict[int, Suggestion]:
    """What each class might be called, by class number."""
    from s2dash.classify import pipeline
    from s2dash.classify.naming import suggestions

    return suggestions(fitted, pipeline.run_live(fitted), reference)


def named(legend: Legend, found: dict[int, Suggestion], own: set[int]) -> Legend:
    """The legend with the names that are at least likely, but for classes that have one of their own."""
    taken = {n: one for n, one in found.items() if one.sureness in _TAKEN and n not in own}
    names = {number: one.name for number, one in taken.items()}
    return legend.edited(names, {}, {number: one.code for number, one in taken.items()})


def summary(legend: Legend, found: dict[int, Suggestion], own: set[int]) -> list[dict[str, Any]]:
    """What is printed of suggestions: also of those that are too unsure to be taken."""
    return [
        {
            "id": entry.id,
            "name": one.name,
            "code": one.code or None,
            "sureness": one.sureness,
            "source": one.source,
            "reason": one.reason,
            "taken": one.sureness in _TAKEN and entry.id not in own,
        }
        for entry in legend.entries
        if (one := found.get(entry.id)) is not None
    ]
