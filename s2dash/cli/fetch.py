"""The command `fetch`: the ground and bands that are wanted of scenes of a catalogue, each as one GeoTIFF."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from s2dash.cli import progress_line
from s2dash.cli.arguments import file_path, listed, whole
from s2dash.cli.find import add_ground, ground_of
from s2dash.cli.outputs import require_writable
from s2dash.errors import OutputConflict


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What `fetch` takes."""
    command.add_argument("ids", nargs="+", metavar="ID", help="a scene that `find` names")
    add_ground(command, "--place")
    command.add_argument("--bands", type=listed, metavar="B02,B03", help="bands, and SCL to hide clouds (usual: all)")
    command.add_argument("--pixel", type=_metres, default=10, metavar="M", help="size of a pixel: 10, 20, 60, … metres")
    command.add_argument(
        "--out", required=True, type=file_path, metavar="OUT.tif", help="the GeoTIFF; for several scenes a folder"
    )


def run(arguments: argparse.Namespace, started: float) -> dict[str, Any]:
    """Write the files; returns what is printed."""
    from s2dash.export.contents import staged
    from s2dash.find.catalogue import catalogue_from
    from s2dash.find.cutting import USUAL_BANDS, write_cut
    from s2dash.find.door import door_to
    from s2dash.find.search import scenes_by_id

    catalogue = catalogue_from(os.environ)
    outs = _outs(arguments.ids, arguments.out)
    box = ground_of(arguments)
    with door_to(catalogue.hosts) as door:
        scenes = scenes_by_id(arguments.ids, catalogue, door)
        for scene, out in zip(scenes, outs, strict=True):
            with staged(out) as path:
                names = arguments.bands or USUAL_BANDS
                write_cut(scene, names, box, arguments.pixel, path, door, progress_line.show)
    written = [{"id": one.id, "date": one.date, "file": str(out)} for one, out in zip(scenes, outs, strict=True)]
    return {"written": written, "seconds": round(time.perf_counter() - started, 2)}


def _outs(ids: list[str], out: Path) -> list[Path]:
    """Where each scene goes; raises OutputConflict where that cannot be written."""
    if len(ids) > 1 and not out.is_dir():
        raise OutputConflict(f"{out} is no folder. For several scenes give one that is there (--out).")
    outs = [out / f"{name.replace('/', '_')}.tif" for name in ids] if len(ids) > 1 else [out]
    for path in outs:
        require_writable(path, "--out", [])
    return outs


def _metres(text: str) -> int:
    value = whole(text)
    if value % 10 or not 10 <= value <= 10_000:
        raise argparse.ArgumentTypeError(f"{text} is none of 10, 20, 30 … 10000")
    return value
