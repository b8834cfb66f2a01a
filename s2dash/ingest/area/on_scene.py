"""A scene with an area outside of which nothing counts, and without it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from s2dash.core.scene import AREA, Layer, MaskLayer, Scene
from s2dash.core.scene_reading import AreaFile
from s2dash.core.types import CancelToken, Progress, no_progress
from s2dash.errors import UnreadableFile
from s2dash.ingest.area.sources import named_files, shapefile_parts
from s2dash.ingest.process import run_in_new_folder
from s2dash.ingest.scene_facts import PREVIEW_NAME, grid_facts
from s2dash.raster.location import FileLocation, Place


def with_area(
    scene: Scene,
    paths: Place | Sequence[Place],
    folder: Path,
    names: Sequence[str] | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> Scene:
    """The scene with an area outside of which nothing counts: polygons, or a raster mask.

    Parameters
    ----------
    paths : polygons, the files of a shapefile, or a raster in which 0 and nodata are outside
    folder : made if missing, for the mask; removed again after an error or a cancellation
    names : what the files were called where they came from; where None, they are the operator's own, and what lies
        beside a shapefile belongs to it

    Raises UnreadableFile that says what is wrong, Cancelled on request.
    """
    called, given = named_files(paths, names)
    request = {
        "kind": "area",
        "paths": [str(path.resolve()) for path in given],
        "names": called,
        "folder": str(folder.resolve()),
        "grid": grid_facts(scene.grids[0]),
    }
    facts = run_in_new_folder(request, folder, progress, cancel)
    bare = without_area(scene)
    layer = Layer(FileLocation(folder / Path(str(facts["raster"])).name), 1, scene.grids[0])
    notes = tuple(str(note) for note in facts["notes"])
    marked = hashlib.sha256(f"{bare.digest} {facts['digest']}".encode()).hexdigest()
    changed = replace(
        bare,
        masks=(*bare.masks, MaskLayer(AREA, layer, notes=notes)),
        digest=marked,
        previews=(),
        notes=(*bare.notes, *notes),
    )
    if bare.previews and bare.previews[0] is not None:
        before = np.load(bare.previews[0], allow_pickle=False)
        inside = np.load(folder / Path(str(facts["preview"])).name, allow_pickle=False)
        both = np.concatenate([before[: len(bare.bands) + len(bare.masks)], inside[None].astype(before.dtype)])
        np.save(folder / PREVIEW_NAME, both, allow_pickle=False)
        changed = replace(changed, previews=(folder / PREVIEW_NAME,))
    return changed


def without_area(scene: Scene) -> Scene:
    """The scene as it was before an area was drawn."""
    areas = [mask for mask in scene.masks if mask.kind == AREA]
    if not areas:
        return scene
    said = {note for area in areas for note in area.notes}
    kept = tuple(mask for mask in scene.masks if mask.kind != AREA)
    notes = tuple(note for note in scene.notes if note not in said)
    return replace(scene, masks=kept, notes=notes, digest=hashlib.sha256(f"{scene.digest} whole".encode()).hexdigest())


def area_files(paths: Path | Sequence[Path], names: Sequence[str] | None = None) -> tuple[AreaFile, ...]:
    """What a reading says of the files of an area.

    Parameters
    ----------
    names : what the files were called where they came from; where None, they are the operator's own, and what lies
        beside a shapefile belongs to it

    Raises UnreadableFile where there is no such file.
    """
    given = [paths] if isinstance(paths, Path) else list(paths)
    if names is None:
        given += [part for path in given for part in shapefile_parts(path) if part not in given]
        names = [path.name for path in given]
    try:
        return tuple(AreaFile(name, _digest(path)) for name, path in zip(names, given, strict=True))
    except OSError as error:
        raise UnreadableFile(f"There is no file {error.filename}, or it cannot be read. Check the path.") from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
