"""The command `fetch`: the ground and bands that are wanted of scenes of a catalogue, each as one GeoTIFF."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2dash.cli import progress_line
from s2dash.cli.arguments import file_path, listed, whole
from s2dash.cli.find import add_ground, ground_of
from s2dash.cli.outputs import require_writable
from s2dash.errors import OutputConflict

if TYPE_CHECKING:
    from s2dash.find.catalogue import Catalogue
    from s2dash.find.composite import Workers
    from s2dash.find.cutting import Cut


_ALL_PERCENT = 99
"""A box of degrees is no box of the scene's grid, and may reach over its edge by a corner."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What `fetch` takes."""
    command.add_argument("ids", nargs="+", metavar="ID", help="a scene that `find` names")
    add_ground(command, "--place")
    command.add_argument("--bands", type=listed, metavar="B02,B03", help="bands, and SCL to hide clouds (usual: all)")
    command.add_argument("--pixel", type=_metres, default=10, metavar="M", help="size of a pixel: 10, 20, 60, … metres")
    command.add_argument(
        "--composite",
        choices=["median"],
        help="one file without clouds of several dates of a tile: the median of what SCL does not hide",
    )
    command.add_argument(
        "--scheduler",
        metavar="tcp://HOST:8786",
        help="load and compute a composite on this Dask cluster, whose workers must reach the servers",
    )
    command.add_argument(
        "--out", required=True, type=file_path, metavar="OUT.tif", help="the GeoTIFF; for several scenes a folder"
    )


def run(arguments: argparse.Namespace, started: float) -> dict[str, Any]:
    """Write the files; returns what is printed."""
    from s2dash.export.contents import staged
    from s2dash.find.catalogue import catalogue_from
    from s2dash.find.composite import write_median
    from s2dash.find.cutting import USUAL_BANDS, write_cut
    from s2dash.find.door import door_to
    from s2dash.find.search import renewal, scenes_by_id

    catalogue = catalogue_from(os.environ)
    if arguments.scheduler is not None and arguments.composite is None:
        raise OutputConflict("A cluster (--scheduler) loads composites only. Give --composite median too.")
    is_one = len(arguments.ids) == 1 or arguments.composite is not None
    outs = _outs(arguments.ids, arguments.out, is_one)
    names, box = arguments.bands or USUAL_BANDS, ground_of(arguments)
    with door_to(catalogue.hosts) as door:
        scenes, renewed = scenes_by_id(arguments.ids, catalogue, door), renewal(catalogue, door)
        if arguments.composite is not None:
            with staged(arguments.out) as path, _workers(arguments.scheduler, catalogue) as workers:
                how = (door, progress_line.show, renewed, workers)
                cuts = [write_median(scenes, names, box, arguments.pixel, path, *how)]
        else:
            cuts = []
            for scene, out in zip(scenes, outs, strict=True):
                with staged(out) as path:
                    cuts += [write_cut(scene, names, box, arguments.pixel, path, door, progress_line.show, renewed)]
    said = [{"id": one.id, "date": one.date} for one in scenes]
    files = [str(out) for out in outs]
    notes = [note for out, cut in zip(outs, cuts, strict=True) if (note := _note(out, cut))]
    told = {"scenes": said, "written": files, "seconds": round(time.perf_counter() - started, 2)}
    return told | ({"notes": notes} if notes else {})


@contextlib.contextmanager
def _workers(scheduler: str | None, catalogue: Catalogue) -> Iterator[Workers | None]:
    """Those of the cluster that was asked for; None for this process alone."""
    if scheduler is None:
        yield None
        return
    from s2dash.classify.dask_cluster import connected
    from s2dash.find.composite import Workers

    with connected(scheduler) as executor:
        yield Workers(executor, catalogue, executor.check)


def _note(out: Path, cut: Cut) -> str | None:
    """What is said where a scene has not all of the ground."""
    percent = math.floor(cut.share * 100)
    if percent >= _ALL_PERCENT:
        return None
    return f"{out.name} has {percent} % of the ground: the rest lies outside of the tile. Fetch it of another tile too."


def _outs(ids: list[str], out: Path, is_one: bool) -> list[Path]:
    """Where each scene goes; raises OutputConflict where that cannot be written."""
    if not is_one and not out.is_dir():
        raise OutputConflict(
            f"{out} is no folder. Several scenes take one (--out), or --composite median for one file."
        )
    outs = [out / f"{name.replace('/', '_')}.tif" for name in ids] if not is_one else [out]
    for path in outs:
        require_writable(path, "--out", [])
    return outs


def _metres(text: str) -> int:
    value = whole(text)
    if value % 10 or not 10 <= value <= 10_000:
        raise argparse.ArgumentTypeError(f"{text} is none of 10, 20, 30 … 10000")
    return value
