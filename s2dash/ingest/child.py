"""The one-shot process that opens strangers' files and rewrites them as rasters of our own.

Started by `ingest.ingest` as `python -P -m s2dash.ingest.child`, with one JSON request on standard
input: what protects the machine, progress, a first look, then either the outcome or one error, goes back as JSON
lines on standard output. It is the only place that meets a stranger's bytes; it confines itself first.
"""

from __future__ import annotations

import json
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

from s2dash.errors import PackGiven, S2DashError, UnknownName
from s2dash.ingest.sandbox import confine
from s2dash.raster.location import files_only, parse
from s2dash.settings import AREA_INGEST_LIMITS, INGEST_LIMITS

_UNPACKING_SHARE = 0.1
_STEP = 0.002


def main() -> int:
    """Serve one request; returns the exit status: 0 for a scene, 2 for a refusal."""
    request = json.loads(sys.stdin.readline())
    folder = Path(request["folder"])
    limits = INGEST_LIMITS if request["kind"] in ("scene", "pack") else AREA_INGEST_LIMITS
    protections = confine([Path(path) for path in request["paths"]], folder, limits)
    _say(protections=protections.sentence())
    return serve(request, folder)


def serve(request: dict[str, Any], folder: Path) -> int:
    """Do what is asked in a process that is confined, and tell how it ended; returns the exit status."""
    try:
        files_only([parse(path) for path in request["paths"]])
        outcome = _KINDS[request["kind"]](request, folder)
    except S2DashError as error:
        kinds = {UnknownName: "name", PackGiven: "pack"}
        _say(error=str(error), kind=kinds.get(type(error), "file"))
        return 2
    except MemoryError:
        _say(error="The files need more memory than they may take.", kind="file")
        return 2
    _say(outcome=outcome)
    return 0


_speaking = threading.Lock()


def _say(**message: Any) -> None:
    with _speaking:
        print(json.dumps(message), flush=True)


class _Progress:
    """Tells the share done, but not more often than anyone could see."""

    def __init__(self, start: float, end: float, what: str) -> None:
        self._start, self._end, self._what = start, end, what
        self._told = -1.0

    def __call__(self, share: float) -> None:
        now = self._start + share * (self._end - self._start)
        if now - self._told >= _STEP or share >= 1:
            self._told = now
            _say(progress=now, what=self._what)


def _scene(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Sort out, check, rewrite and describe the files of one scene."""
    import numpy as np

    from s2dash.ingest.assemble.finish import finished
    from s2dash.ingest.assemble.numbers import rescaled
    from s2dash.ingest.assemble.plan import plan_scene
    from s2dash.ingest.canonical import rewrite
    from s2dash.ingest.cloud_masks import with_cloud_masks
    from s2dash.ingest.gather import gather
    from s2dash.ingest.look import told, told_before_unpacking
    from s2dash.ingest.pile import GivenFile
    from s2dash.ingest.scene_facts import facts_of
    from s2dash.raster.reading import read_preview_stack

    given = [GivenFile(name, Path(path)) for name, path in zip(request["names"], request["paths"], strict=True)]
    scratch = folder / "unpacked"
    scratch.mkdir()
    least_pixels, are_numbers_given = request["look_from"], request["are_numbers_given"]
    named = (request["title"], request["tile"])
    look = None
    if least_pixels is not None:
        look = told_before_unpacking(given, folder, *named, request["also"], are_numbers_given, least_pixels)
    if look is not None:
        _say(look=look)
    unpacking = _Progress(0, _UNPACKING_SHARE, "Unpacking")
    inputs = gather(given, scratch, *named, unpacking, request["also"])
    inputs = with_cloud_masks(inputs, scratch)
    planned = plan_scene(inputs.files, inputs.provenance, folder, are_numbers_given)
    if least_pixels is not None and look is None and (look := told(planned, folder, least_pixels)) is not None:
        _say(look=look)
    is_unpacked = any(scratch.iterdir())
    reading = _Progress(_UNPACKING_SHARE if is_unpacked else 0, 1, "Reading the files")
    gathered = rewrite(planned.sources, planned.scene, folder, reading)
    divided = rescaled(planned, gathered.preview)
    if divided is not None:
        planned = divided
        gathered = rewrite(planned.sources, planned.scene, folder, reading)
    shutil.rmtree(scratch)
    scene = finished(planned, gathered.preview, gathered.valid_counts, gathered.digest)
    preview = gathered.preview
    if len(scene.fills) > len(planned.scene.fills) and len({layer.grid for layer in scene.layers}) > 1:
        # Fill must not mix with its neighbours where grids are brought together, and was not known before.
        preview = read_preview_stack(scene)
    np.save(folder / request["preview"], preview, allow_pickle=False)
    return facts_of(scene, gathered.valid_counts)


def _area(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Burn a drawn area, or a raster that says where, onto the grid of a scene."""
    from s2dash.ingest.area.mask import write_area
    from s2dash.ingest.pile import GivenFile

    given = [GivenFile(name, Path(path)) for name, path in zip(request["names"], request["paths"], strict=True)]
    return write_area(given, request["grid"], folder, _Progress(0, 1, "Reading the area"))


def _reference(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Bring a raster of classes to the live pictures of a scene."""
    from s2dash.ingest.label_raster import write_codes
    from s2dash.ingest.pile import GivenFile

    given = [GivenFile(name, Path(path)) for name, path in zip(request["names"], request["paths"], strict=True)]
    return write_codes(given[0], request["grids"], folder, _Progress(0, 1, "Reading the map"), *given[1:])


def _known(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Bring polygons, points or a raster whose classes are known to the grid of a scene."""
    from s2dash.ingest.area.labelled import write_known
    from s2dash.ingest.area.mask import raster_of
    from s2dash.ingest.pile import GivenFile
    from s2dash.ingest.scene_facts import grid_of

    given = [GivenFile(name, Path(path)) for name, path in zip(request["names"], request["paths"], strict=True)]
    if raster_of(given) is not None:
        return _reference(request, folder)
    return write_known(given, grid_of(request["grids"][0]), folder, _Progress(0, 1, "Reading the reference"))


def _check_points(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Read the rows of check points."""
    from s2dash.ingest.check_points import rows_in
    from s2dash.ingest.pile import GivenFile

    return rows_in([GivenFile(request["names"][0], Path(request["paths"][0]))], folder)


def _pack(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Hold a pack's members against their checksums, and bring what it holds."""
    from s2dash.ingest.pack_members import members_of, read_members
    from s2dash.ingest.pile import GivenFile

    pack = members_of(GivenFile(request["names"][0], Path(request["paths"][0])))
    return read_members(pack, folder, _Progress(0, 1, "Opening the pack"))


_KINDS = {
    "area": _area,
    "check points": _check_points,
    "known": _known,
    "pack": _pack,
    "reference": _reference,
    "scene": _scene,
}

if __name__ == "__main__":
    sys.exit(main())
