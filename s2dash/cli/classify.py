"""The command `classify`: the class map of one scene."""

from __future__ import annotations

import argparse
import contextlib
import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2dash.cli import cluster, handing_over, packing, progress_line, suggested_names
from s2dash.cli.about_flags import about_of, add_about_flags
from s2dash.cli.arguments import file_path
from s2dash.cli.outputs import replace_text, require_writable
from s2dash.cli.recipe_flags import add_recipe_flags, recipe_of, saved_edits
from s2dash.cli.scene_flags import add_paths, add_scene_flags, opened, scene_words
from s2dash.errors import ClusterLost
from s2dash.raster.location import paths_of

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from s2dash.classify.evaluate import Scores
    from s2dash.classify.pipeline import Fitted
    from s2dash.core.about import About
    from s2dash.core.classmap import Result
    from s2dash.core.legend import Legend


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What `classify` takes."""
    add_paths(command)
    add_scene_flags(command)
    command.add_argument(
        "-o", "--output", required=True, type=file_path, metavar="OUT.tif", help="the GeoTIFF to write"
    )
    command.add_argument(
        "--how-sure",
        type=file_path,
        metavar="SURE.tif",
        help="write how sure each pixel's class is, 0 to 100 percent, as a second GeoTIFF",
    )
    handing_over.add_arguments(command)
    packing.add_arguments(command)
    suggested_names.add_arguments(command)
    cluster.add_arguments(command, "a large scene")
    add_about_flags(command)
    add_recipe_flags(command)


def run(arguments: argparse.Namespace, started: float) -> dict[str, Any]:
    """Write the class map; returns what is printed."""
    from s2dash.classify import pipeline
    from s2dash.classify.algorithms import load_libraries
    from s2dash.classify.colours import colours_of
    from s2dash.core.legend import default_legend
    from s2dash.export.geotiff import write_geotiff_and_sidecar

    out: Path = arguments.output
    asked = (arguments.recipe, arguments.edits, arguments.area, suggested_names.reference_path(arguments))
    given = [*paths_of(arguments.paths), *(path for path in asked if path)]
    edits, about = saved_edits(arguments.edits), about_of(arguments)
    _require_writable(arguments, given)

    with (
        cluster.executor_of(arguments) as executor,
        opened(arguments) as scene,
        _labels_place(arguments) as labels_path,
        tempfile.TemporaryDirectory(prefix="s2dash-") as scratch,
    ):
        recipe = recipe_of(arguments, scene)
        pipeline.resolve(scene, recipe)
        reference = suggested_names.reference_of(arguments, scene, Path(scratch))
        load_libraries()
        imported = time.perf_counter()
        result, fitted = pipeline.run(scene, recipe, labels_path, progress_line.show, executor=executor, edits=edits)
        scores = pipeline.sample_scores(fitted)
        legend = default_legend(colours_of(fitted), fitted.numbers).taking(edits)
        found = suggested_names.suggested(fitted, reference) if arguments.suggest_names else {}
        legend = suggested_names.named(legend, found, set(edits.names))
        if executor is None or result.classmap.path is None:
            write_geotiff_and_sidecar(result, legend, out, about)
        else:
            _write_by_a_worker(executor, result, legend, out, about)
        if arguments.how_sure:
            _write_how_sure(arguments.how_sure, fitted, result)
        if arguments.save_recipe:
            replace_text(arguments.save_recipe, recipe.to_json() + "\n")
        left_out: tuple[str, ...] = ()
        if arguments.report or arguments.slide or arguments.pack:
            handover = handing_over.handover_of(result, fitted, legend, about)
            handing_over.write(arguments, handover)
            left_out = packing.write(arguments, handover, fitted, edits) if arguments.pack else ()
        ended = time.perf_counter()
        seconds = {"work": ended - imported, "total": ended - started}
        printed = _summary(result, legend, scores, _masked(fitted, result), seconds)
        if left_out:
            printed["left_out_of_pack"] = list(left_out)
        if arguments.suggest_names:
            printed["suggested_names"] = suggested_names.summary(legend, found, set(edits.names))
        return printed


def _require_writable(arguments: argparse.Namespace, given: list[Path]) -> None:
    """Raise OutputConflict where a file that is wanted would take the place of a given one or of another."""
    from s2dash.export.geotiff import sidecar_path

    out: Path = arguments.output
    own = [out, sidecar_path(out)]
    for path in own:
        require_writable(path, "-o", given)
    if arguments.save_recipe:  # which may take the place of the recipe that was read
        require_writable(arguments.save_recipe, "--save-recipe", [*paths_of(arguments.paths), *own])
        own.append(arguments.save_recipe)
    wanted = [("--how-sure", arguments.how_sure), ("--pack", arguments.pack)]
    for flag, path in (*wanted, *((flag, path) for flag, path, _ in handing_over.asked(arguments))):
        if path:
            require_writable(path, flag, [*given, *own])
            own.append(path)


@contextlib.contextmanager
def _labels_place(arguments: argparse.Namespace) -> Iterator[Path]:
    """Where the labels are gathered before they become the result: where workers reach them, if there are any."""
    with tempfile.TemporaryDirectory(prefix="s2dash-") as scratch:
        if arguments.scheduler is None:
            yield Path(scratch) / "labels.tif"
            return
        # The same name each time: it is by this that a second run finds the parts of the first.
        out = arguments.output.absolute()
        labels_path = out.with_name(f".s2dash-{out.name}.labels")
        try:
            yield labels_path
        finally:
            labels_path.unlink(missing_ok=True)


def _write_how_sure(out: Path, fitted: Fitted, result: Result) -> None:
    from s2dash.classify import pipeline
    from s2dash.classify.sureness import live_sureness
    from s2dash.classify.sureness_file import write_sureness

    limits = live_sureness(fitted, pipeline.run_live(fitted)).limits
    write_sureness(fitted, result.classmap, limits, out, progress_line.show)


def _write_by_a_worker(executor: Executor, result: Result, legend: Legend, out: Path, about: About) -> None:
    """Write the GeoTIFF where the labels are near; here if the cluster is lost at this last step."""
    from s2dash.classify.parts import result_of
    from s2dash.export.geotiff import write_geotiff_and_sidecar

    try:
        result_of(executor.submit(write_geotiff_and_sidecar, result, legend, out.absolute(), about), executor)
    except ClusterLost:
        write_geotiff_and_sidecar(result, legend, out, about)


def _masked(fitted: Fitted, result: Result) -> dict[str, float]:
    """The share of the pixels that is masked, and of each cause where the decimated copy is there to count in."""
    from s2dash.core.scene import masked_shares
    from s2dash.raster.reading import read_preview_stack

    scene, recipe = fitted.scene, fitted.recipe
    together = {"together": round(result.masked_share, 6)}
    if scene.live_step > 1 and scene.preview_path is None:
        return together
    shares = masked_shares(scene, scene.positions(recipe.bands), read_preview_stack(scene), recipe.masking)
    return together | {cause: round(share, 6) for cause, share in shares}


def _summary(
    result: Result, legend: Legend, scores: Scores, masked: dict[str, float], seconds: dict[str, float]
) -> dict[str, Any]:
    from s2dash.core.edits import NO_EDITS

    names = [entry.name for entry in legend.entries]
    return {
        "classes": [
            {
                "id": row.id,
                "name": name,
                "count": row.count,
                "share": round(row.share, 6),
                "area_ha": None if row.area_ha is None else round(row.area_ha, 4),
                "mean_embedding" if result.scene.is_embedding else "mean_reflectance": {
                    band: round(value, 6) if math.isfinite(value) else None
                    for band, value in zip(result.scene.band_names, row.mean_reflectance, strict=True)
                },
            }
            for row, name in legend.arranged([*zip(result.rows, names, strict=True)])
        ],
        "scores": scores.to_dict(),
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "masked": masked,
        "engine": result.engine,
        "recipe": result.recipe.to_dict(),
        **({"edits": result.edits.to_dict()} if result.edits != NO_EDITS else {}),
        "attribution": result.scene.attribution or None,
        "warnings": [
            *scene_words(result.scene),
            *(words for words in result.warnings if words not in result.scene.notes),
        ],
    }
