"""The command `batch`: its arguments, its progress with the time left, and what it prints."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2dash.cli import cluster, handing_over, scene_flags
from s2dash.cli.arguments import file_path, scene_location
from s2dash.cli.outputs import replace_text, require_writable
from s2dash.cli.recipe_flags import RECIPE_FLAGS, add_recipe_flags, recipe_of, saved_edits, saved_recipe
from s2dash.core.types import CancelToken
from s2dash.errors import Cancelled, UnreadableFile
from s2dash.raster.location import paths_of

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from s2dash.batch import Opener, Report, SceneReport
    from s2dash.core.scene import Scene
    from s2dash.core.types import Progress
    from s2dash.raster.location import Location

MOSAICS = ("vrt", "cog", "none")
_EPILOGUE = """\
A SCENE is whatever classify takes; a folder that is no product stands for all products, zips and GeoTIFFs in it.
Run again, it does only what is new or has changed. Exit status 2 says that a scene failed; the others are done.
"""
_AFTER_SHARE = 0.02
"""The time left is said once so much is done."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What `batch` takes."""
    command.epilog = _EPILOGUE
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_argument(
        "scenes", nargs="+", metavar="SCENE", type=scene_location, help="one scene each, or a folder of scenes"
    )
    command.add_argument("-o", "--output", required=True, type=file_path, metavar="DIR", help="the folder to write to")
    command.add_argument(
        "--fit-on",
        default="all",
        metavar="all|first|SCENE",
        help="learn the classes from a pooled sample of all scenes (default), the first, or a named one",
    )
    command.add_argument("--mosaic", choices=MOSAICS, default="vrt", help="put the class maps together (default: vrt)")
    command.add_argument("--again", action="store_true", help="do finished scenes again too")
    handing_over.add_arguments_of_many(command)
    scene_flags.add_scene_flags(command)
    cluster.add_arguments(command, "large scenes")
    add_recipe_flags(command)


def run(arguments: argparse.Namespace, started: float) -> dict[str, Any]:
    """Run the batch that the arguments describe; returns what is printed.

    Raises Cancelled on Ctrl-C, which lets finished scenes stay, and what `run_batch` raises.
    """
    if arguments.recipe:
        saved_recipe(arguments.recipe)
    saved_edits(arguments.edits)
    if arguments.save_recipe:
        require_writable(arguments.save_recipe, "--save-recipe", paths_of(arguments.scenes))
    opener = _opener(arguments)
    with cluster.executor_of(arguments) as executor:
        output = _batch(arguments, started, opener, executor)
    if arguments.save_recipe:
        replace_text(arguments.save_recipe, json.dumps(output["recipe"]) + "\n")
    return output


def _opener(arguments: argparse.Namespace) -> Opener:
    from s2dash import ingest
    from s2dash.batch import Opener

    def open_scene(location: Location, folder: Path, progress: Progress, cancel: CancelToken) -> Scene:
        if location.is_missing:
            raise UnreadableFile(f"There is no file {location.where}. Check the path.")
        return scene_flags.open_scene(arguments, [location], folder, progress, cancel)

    area = ingest.area_files(arguments.area) if arguments.area else ()
    return Opener(open_scene, scene_flags.reading_of(arguments, area).to_json())


def _batch(arguments: argparse.Namespace, started: float, opener: Opener, executor: Executor | None) -> dict[str, Any]:
    from s2dash.batch import FIT_ON_ALL, Plan, RecipeChoice, gather_sources, run_batch, source_named

    sources = gather_sources(arguments.scenes, arguments.output)
    fit_on = None
    if arguments.fit_on != FIT_ON_ALL:
        fit_on = sources[0] if arguments.fit_on == "first" else source_named(sources, arguments.fit_on)
    plan = Plan(
        sources,
        arguments.output,
        opener,
        RecipeChoice(lambda scene: recipe_of(arguments, scene), _recipe_key(arguments)),
        fit_on,
        mosaic=arguments.mosaic,
        again=arguments.again,
        edits=saved_edits(arguments.edits),
        beside=handing_over.asked_of_many(arguments),
    )
    line = _ProgressLine()
    with _stopping_gently() as cancel:
        try:
            report = run_batch(plan, line, cancel, line.note, executor)
        finally:
            line.end()
    if report.was_stopped:
        raise Cancelled(
            f"Stopped. {len(report.finished)} of {len(sources)} scenes are finished and stay in {plan.out}; "
            "the same command goes on from there."
        )
    return _output(report, plan.out, time.perf_counter() - started)


def complaint(output: dict[str, Any]) -> str | None:
    """The last words on standard error where scenes failed."""
    failed, all_of_them = output["failed"], len(output["scenes"])
    if not failed:
        return None
    rest = all_of_them - failed
    return f"{failed} of {all_of_them} scenes failed" + (f"; the other {rest} are done." if rest else ".")


def _output(report: Report, out: Path, seconds: float) -> dict[str, Any]:
    return {
        "scenes": [_scene(one, out) for one in report.scenes],
        "finished": len(report.finished),
        "failed": len(report.failed),
        "files": [str(out / name) for name in report.files],
        "recipe": report.recipe.to_dict() if report.recipe else None,
        "seconds": round(seconds, 3),
        "warnings": list(report.notes),
    }


def _scene(one: SceneReport, out: Path) -> dict[str, Any]:
    facts: dict[str, Any] = {"scene": one.source.name, "path": one.source.location.where, "state": one.state}
    if one.finished is None:
        return facts | {"error": one.error}
    classes = [
        {
            "id": row.id,
            "name": row.name,
            "count": row.pixels,
            "share": round(row.share, 6),
            "area_ha": None if row.area_ha is None else round(row.area_ha, 4),
        }
        for row in one.finished.rows
    ]
    return facts | {
        "output": str(out / one.finished.files[0][0]),
        "classes": classes,
        "attribution": one.finished.attribution or None,
        "warnings": list(one.finished.warnings),
    }


def _recipe_key(arguments: argparse.Namespace) -> str:
    """Of what the user asked for: flags, and the content of a saved recipe."""
    path: Path | None = arguments.recipe
    try:
        content = None if path is None else hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UnreadableFile(f"There is no file {path}, or it cannot be read. Check the path.") from error
    return json.dumps([*(getattr(arguments, flag) for flag in RECIPE_FLAGS), content])


@contextlib.contextmanager
def _stopping_gently() -> Iterator[CancelToken]:
    """A token that Ctrl-C or a request to end sets; a second Ctrl-C ends at once."""
    cancel = CancelToken()
    if threading.current_thread() is not threading.main_thread():
        yield cancel
        return

    def stop(number: int, frame: object) -> None:
        if cancel.is_cancelled:
            raise KeyboardInterrupt
        cancel.cancel()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield cancel
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _ProgressLine:
    """One line on standard error that says how far the batch is and how long it will take."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._width = 0

    def __call__(self, share: float, what: str) -> None:
        words = f"{share:4.0%} {what}{self._left(share)}"
        print(f"\r{words:<{self._width}}", end="", file=sys.stderr, flush=True)
        self._width = len(words)

    def note(self, report: SceneReport) -> None:
        """Say at once what went wrong with a scene."""
        if report.state == "failed":
            self.end()
            print(f"s2dash: {report.source.name} failed: {report.error}", file=sys.stderr)

    def end(self) -> None:
        """Go on to the next line, where anything stands on this one."""
        if self._width:
            print(file=sys.stderr)
        self._width = 0

    def _left(self, share: float) -> str:
        if not _AFTER_SHARE < share < 1:
            return ""
        minutes, seconds = divmod(round((time.perf_counter() - self._started) * (1 - share) / share), 60)
        hours, minutes = divmod(minutes, 60)
        shown = f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{seconds} s"
        return f" (about {shown} left)"
