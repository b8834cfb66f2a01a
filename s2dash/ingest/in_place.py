"""The operator's own GeoTIFF, read where it lies; and the sample scene, which is read so."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from s2dash.core.scene import Layer, Scene
from s2dash.core.scene_reading import AS_FOUND, SceneReading
from s2dash.errors import UnreadableFile
from s2dash.ingest.apply_reading import read_as
from s2dash.ingest.assemble.finish import finished
from s2dash.ingest.assemble.numbers import rescaled
from s2dash.ingest.assemble.plan import plan_scene
from s2dash.ingest.assemble.values import ScenePlan
from s2dash.ingest.checks import driver_of, open_checked
from s2dash.ingest.composed import beside
from s2dash.ingest.describe import has_internal_mask, title_from
from s2dash.ingest.examples import example
from s2dash.ingest.gather import gather, gather_one
from s2dash.ingest.inputs import Inputs
from s2dash.ingest.pile import GivenFile
from s2dash.raster import web, web_files
from s2dash.raster.door import GDAL_ERRORS
from s2dash.raster.reading import read_edge_stack, read_preview_stack

SAMPLE_PATH = example("coast").path


def sample_scene(key: str = "coast") -> Scene:
    """A scene that comes with the package, by its key in `EXAMPLES`. Raises UnknownName where there is none of it."""
    one = example(key)
    scene = open_in_place(one.path)
    assert scene is not None
    return replace(scene, title=one.title)


def open_in_place(path: Path, reading: SceneReading = AS_FOUND) -> Scene | None:
    """A scene that reads the operator's own GeoTIFF where it lies; None where it must be rewritten to read well.

    For the command line only: a stranger's file goes through `ingest`. The file may lie on a web server
    (`web.path_of`); its layers then have the path of its version. Further pictures that `reading` asks for need
    rewriting. Raises UnreadableFile as the checks do, and for a web file as `web.found` does; and as `read_as` does.
    """
    if reading.also:
        return None
    if web.is_web(path):
        path = web_files.found(path)
    elif path.is_dir():
        return None
    if driver_of(path) != "GTiff":
        return None
    try:
        scene = _opened_in_place(path)
    except GDAL_ERRORS as error:
        raise UnreadableFile(
            f"{web.shown(path)} is damaged: not all of it can be read. Download or export it again."
        ) from (None if web.is_web(path) else error)
    return None if scene is None else read_as(scene, reading)


def _opened_in_place(path: Path) -> Scene | None:
    with open_checked(path) as dataset:
        blocks = set(dataset.block_shapes)
        tiled = len(blocks) == 1 and dataset.profile.get("tiled", False)
        if not tiled or has_internal_mask(dataset) or len(set(dataset.dtypes)) > 1:
            return None
        inputs = _gathered(path)
        planned = plan_scene(inputs.files, inputs.provenance, path.parent)
        if any(source.codes for source in planned.sources):
            return None
        planned = _in_place(planned, path)
        identity = _identity(path)
        look = read_preview_stack if planned.scene.live_step == 1 else read_edge_stack
        stack = look(planned.scene)
        if rescaled(planned, stack) is not None:
            return None
        return finished(planned, stack, [stack[0].size] * len(planned.scene.bands), identity)


def _gathered(path: Path) -> Inputs:
    name = web.file_name(path)
    given, title = GivenFile(name, path), title_from(Path(name))
    if web.is_web(path):
        return gather_one(given, title)
    files = [given, *(GivenFile(one.name, one) for one in beside(path))]
    return gather(files, path.parent, title, None, _ignore_share)


def _ignore_share(share: float) -> None:
    """Progress of what is done at once."""


def _in_place(planned: ScenePlan, path: Path) -> ScenePlan:
    """The plan with its layers where the file's bands are."""
    (source,) = planned.sources
    scene = planned.scene
    # In the raster that would be written, the mask follows the bands.
    places = [*source.indexes, int(source.mask or 0)]
    layers = tuple(Layer(path, places[layer.index - 1], source.grid) for layer in scene.layers)
    masks = tuple(replace(mask, layer=Layer(path, places[mask.layer.index - 1], source.grid)) for mask in scene.masks)
    return replace(planned, scene=replace(scene, layers=layers, masks=masks))


def _identity(path: Path) -> str:
    """A digest of which file this is and when it changed: reading a large one whole would take longer than its use."""
    if web.is_web(path):
        return hashlib.sha256(web.identity(path).encode()).hexdigest()
    found = path.resolve()
    state = found.stat()
    return hashlib.sha256(f"{found}\n{state.st_size}\n{state.st_mtime_ns}".encode()).hexdigest()
