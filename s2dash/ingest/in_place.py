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
from s2dash.raster.door import GDAL_ERRORS
from s2dash.raster.location import Location, Place, location_of
from s2dash.raster.reading import read_edge_stack, read_preview_stack

SAMPLE_PATH = example("coast").path


def sample_scene(key: str = "coast") -> Scene:
    """A scene that comes with the package, by its key in `EXAMPLES`. Raises UnknownName where there is none of it."""
    one = example(key)
    scene = open_in_place(one.path)
    assert scene is not None
    # Of its content, so that runs and links of it mean the same scene wherever the package lies.
    return replace(scene, title=one.title, digest=hashlib.sha256(one.path.read_bytes()).hexdigest())


def open_in_place(place: Place, reading: SceneReading = AS_FOUND) -> Scene | None:
    """A scene that reads the operator's own GeoTIFF where it lies; None where it must be rewritten to read well.

    For the command line only: a stranger's file goes through `ingest`. The file may lie on a web server
    (`location.parse`); its layers then lie at the version found there. Further pictures that `reading` asks for need
    rewriting. Raises UnreadableFile as the checks and `Location.found` do; and as `read_as` does.
    """
    if reading.also:
        return None
    location = location_of(place).found()
    if location.path is not None and location.path.is_dir():
        return None
    if driver_of(location) != "GTiff":
        return None
    try:
        scene = _opened_in_place(location)
    except GDAL_ERRORS as error:
        raise UnreadableFile(
            f"{location.shown} is damaged: not all of it can be read. Download or export it again."
        ) from location.cause(error)
    return None if scene is None else read_as(scene, reading)


def _opened_in_place(location: Location) -> Scene | None:
    with open_checked(location) as dataset:
        blocks = set(dataset.block_shapes)
        tiled = len(blocks) == 1 and dataset.profile.get("tiled", False)
        if not tiled or has_internal_mask(dataset) or len(set(dataset.dtypes)) > 1:
            return None
        inputs = _gathered(location)
        planned = plan_scene(inputs.files, inputs.provenance, Path())
        if any(source.codes or source.change for source in planned.sources):
            return None
        planned = _in_place(planned, location)
        identity = hashlib.sha256(location.identity().encode()).hexdigest()
        look = read_preview_stack if planned.scene.live_step == 1 else read_edge_stack
        stack = look(planned.scene)
        if rescaled(planned, stack) is not None:
            return None
        return finished(planned, stack, [stack[0].size] * len(planned.scene.bands), identity)


def _gathered(location: Location) -> Inputs:
    given, title = GivenFile(location.file_name, location), title_from(Path(location.file_name))
    if location.path is None:
        return gather_one(given, title)
    files = [given, *(GivenFile(one.name, one) for one in beside(location.path))]
    return gather(files, location.path.parent, title, None, _ignore_share)


def _ignore_share(share: float) -> None:
    """Progress of what is done at once."""


def _in_place(planned: ScenePlan, location: Location) -> ScenePlan:
    """The plan with its layers where the file's bands are."""
    (source,) = planned.sources
    scene = planned.scene
    # In the raster that would be written, the mask follows the bands.
    places = [*source.indexes, int(source.mask or 0)]

    def lies(layer: Layer) -> Layer:
        return Layer(location, places[layer.index - 1], source.grid)

    layers = tuple(map(lies, scene.layers))
    masks = tuple(replace(mask, layer=lies(mask.layer)) for mask in scene.masks)
    return replace(planned, scene=replace(scene, layers=layers, masks=masks))
