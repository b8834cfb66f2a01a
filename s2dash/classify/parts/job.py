"""A job in parts: what every worker is told, which parts there are, and what is known of those that are done."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from s2dash import __version__
from s2dash.classify.parts.versions import running_versions
from s2dash.core.grid import Grid, class_counts
from s2dash.core.scene import Layer, Scene
from s2dash.core.types import Window, windows
from s2dash.errors import ClusterError
from s2dash.raster.reading import SceneReader

LabelWindow = Callable[[SceneReader, Window], np.ndarray]
"""Labels of a window, shape (rows, cols), uint8. Picklable: a function of a module, or a `partial` of one."""

WINDOWS_IN_PART = 4
"""Windows below each other that make up a part: fewer files and tasks, and memory still of one window."""


@dataclass(frozen=True)
class WindowFacts:
    """What was counted in one window of labels."""

    row: int
    col: int
    counts: tuple[int, ...]
    """Pixels of no data and of each class."""
    area_ha: tuple[float, ...] | None
    """Their true ground area, hectares; None without a place."""


@dataclass(frozen=True)
class PartFacts:
    """A finished part."""

    part: Window
    windows: tuple[WindowFacts, ...]
    file_bytes: int
    seconds: float
    """That reading, labelling and writing took on the worker."""


@dataclass(frozen=True, eq=False, repr=False)
class Job:
    """What all parts of one run share; it goes to each worker once.

    Without a text of its own, as workers log what they were given, and an address may hold a password.
    """

    scene: Scene
    """With absolute paths."""
    class_count: int
    label: LabelWindow
    window_shape_rc: tuple[int, int]
    digest: str
    """Equal digests give equal labels: parts are taken over from an earlier run by it."""
    folder: Path
    """Where the parts are written; the workers and who started the run must all reach it."""
    sizes: tuple[tuple[Path, int], ...]
    """The scene's files and their bytes, as seen by who started the run; without those on web servers, whose paths
    say their version."""
    versions: tuple[tuple[str, str], ...]

    def parts(self) -> list[Window]:
        """The parts that tile the scene's grid, row by row."""
        rows, cols = self.window_shape_rc
        return list(windows(self.scene.grid.shape_rc, (WINDOWS_IN_PART * rows, cols)))


def folder_of(labels_path: Path) -> Path:
    """Where the parts of the labels raster at this path are kept until they are joined."""
    return labels_path.with_name(labels_path.name + ".parts")


def make_job(
    scene: Scene,
    class_count: int,
    label: LabelWindow,
    window_shape_rc: tuple[int, int],
    labels_key: str,
    labels_path: Path,
) -> Job:
    """The job that labels a scene in parts.

    Parameters
    ----------
    scene : as `travelling` gives it
    labels_key : of all that decides the labels, the scene's content included

    Raises ClusterError where a file of the scene is gone.
    """
    key = f"{labels_key} {__version__} {scene.grid.shape_rc} {tuple(window_shape_rc)} {WINDOWS_IN_PART}"
    try:
        sizes = tuple((path, path.stat().st_size) for path in scene.paths)
    except OSError as error:
        raise ClusterError(f"{error.filename} can no longer be read. Open the scene again.") from error
    return Job(
        scene,
        class_count,
        label,
        (int(window_shape_rc[0]), int(window_shape_rc[1])),
        hashlib.sha256(key.encode()).hexdigest(),
        folder_of(labels_path.absolute()),
        sizes,
        running_versions(),
    )


def travelling(scene: Scene) -> Scene:
    """The scene as another process finds it: absolute paths, and nothing that only the live picture needs."""

    def travels(layer: Layer) -> Layer:
        return replace(layer, location=layer.location.absolute())

    layers = tuple(map(travels, scene.layers))
    masks = tuple(replace(mask, layer=travels(mask.layer)) for mask in scene.masks)
    return replace(scene, layers=layers, masks=masks, previews=())


def window_facts(grid: Grid, class_count: int, labels: np.ndarray, row: int, col: int) -> WindowFacts:
    """Counts and areas of a window of labels, shape (rows, cols), whose first pixel stands at `row`, `col`."""
    counts = class_counts(labels, class_count)
    area_ha = grid.class_area_ha(labels, class_count, row, col, counts) if grid.has_place else None
    return WindowFacts(
        row, col, tuple(map(int, counts)), None if area_ha is None else tuple(float(area) for area in area_ha)
    )
