"""The flag `--pack`: everything of a map in one zip."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from s2dash.cli import progress_line
from s2dash.cli.arguments import file_path
from s2dash.cli.scene_flags import reading_of
from s2dash.raster.location import paths_of

if TYPE_CHECKING:
    from s2dash.classify.pipeline import Fitted
    from s2dash.core.classmap import Result
    from s2dash.core.edits import ClassEdits
    from s2dash.core.legend import Legend
    from s2dash.core.run_list import ListedRun
    from s2dash.export import Handover


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Whether a pack is written."""
    command.add_argument(
        "--pack",
        type=file_path,
        metavar="FILE.zip",
        help="write all that can be handed over of the map as one zip with checksums, which the page opens again",
    )


def write(arguments: argparse.Namespace, handover: Handover, fitted: Fitted, edits: ClassEdits) -> tuple[str, ...]:
    """Write the pack; returns a sentence for each file that could not be made of this map."""
    from s2dash import __version__
    from s2dash.classify import pipeline
    from s2dash.classify.packing import packed_scene, write_whole_pack
    from s2dash.classify.sureness import live_sureness
    from s2dash.core.pack import Manifest
    from s2dash.export.pack import Pack

    limits = live_sureness(fitted, pipeline.run_live(fitted)).limits
    manifest = Manifest(
        runs=(_listed(arguments, handover.result, fitted, handover.legend, edits),),
        shown=1,
        about=handover.about,
        scene=packed_scene(fitted.scene, _names(arguments)),
        made_with=f"s2dash {__version__}",
    )
    return write_whole_pack(Pack(handover, manifest), fitted, limits, arguments.pack, progress_line.show)


def _listed(
    arguments: argparse.Namespace, result: Result, fitted: Fitted, legend: Legend, edits: ClassEdits
) -> ListedRun:
    from s2dash import ingest
    from s2dash.core.run import Run
    from s2dash.core.run_list import ListedRun
    from s2dash.export.contents import with_looks

    area = ingest.area_files(arguments.area) if arguments.area else ()
    run = Run(
        scene_digest=fitted.scene.digest,
        recipe=result.recipe,
        reading=reading_of(arguments, area),
        edits=with_looks(edits, legend),
        scene_title=result.scene.title,
    )
    return ListedRun(run, 1, legend, files=_names(arguments))


def _names(arguments: argparse.Namespace) -> tuple[str, ...]:
    return tuple(Path(path).name for path in paths_of(arguments.paths))
