"""A reference map for a scene: read in a process of its own, taken in as a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from s2dash.core.grid import Grid, decimated_shape, decimation_step
from s2dash.core.legend import clean_name
from s2dash.core.reference import Reference
from s2dash.core.scene import LIVE_PIXELS, Scene
from s2dash.core.types import CancelToken, Progress, frozen, no_progress
from s2dash.ingest.process import run_in_new_folder
from s2dash.ingest.scene_facts import grid_facts


def read_reference(
    scene: Scene,
    path: Path,
    folder: Path,
    name: str | None = None,
    sidecar: Path | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> Reference:
    """A raster of classes, of any coordinate system and pixel size, under the pixels of a scene's live pictures.

    Parameters
    ----------
    folder : made if missing, for what the process writes; nothing of it is needed afterwards
    name : what the file was called where it came from
    sidecar : GDAL's `.aux.xml` that was given with it, of which names and colours of codes are taken

    Raises UnreadableFile that says what is wrong, Cancelled on request.
    """
    called = clean_name(name or path.name) or "reference"
    given = {called: path} | ({f"{called}.aux.xml": sidecar} if sidecar else {})
    request = {
        "kind": "reference",
        "paths": [str(one.resolve()) for one in given.values()],
        "names": list(given),
        "folder": str(folder.resolve()),
        "grids": [grid_facts(grid) for grid in scene.grids],
    }
    return reference_of(run_in_new_folder(request, folder, progress, cancel), scene.grids, folder, called)


def reference_of(facts: Mapping[str, Any], grids: Sequence[Grid], folder: Path, called: str) -> Reference:
    """The reference that the process wrote to a folder, for these grids."""
    codes = {}
    for grid, file in zip(grids, facts["codes"], strict=True):
        taken = np.load(folder / Path(str(file)).name, allow_pickle=False)
        expected = decimated_shape(grid.shape_rc, decimation_step(grid.shape_rc, LIVE_PIXELS))
        if taken.shape != expected or taken.dtype != np.int32:
            raise ValueError(f"codes of shape {taken.shape} and kind {taken.dtype}, expected {expected}, int32")
        codes[grid] = frozen(taken)
    names = {int(code): clean_name(str(words)) for code, words in facts["names"].items()}
    colours = {int(code): str(colour) for code, colour in facts["colours"].items()}
    return Reference(called, str(facts["digest"]), codes, names, colours)
