"""What scenes of a batch looked like: a small picture of each in its place, kept beside the class maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from s2dash.core.scene import Scene
from s2dash.export.contents import staged
from s2dash.raster.door import make_on_grid
from s2dash.raster.reading import read_preview_stack
from s2dash.tiles.stretch import picture_rgba, usual_bands

MOST_SIDE = 900
"""Rows or columns of a picture at most."""


def write_look(scene: Scene, out: Path) -> None:
    """Write a scene's usual picture as a GeoTIFF of red, green, blue and opacity, small.

    Raises what reading the scene raises, and OutputConflict where it cannot be written.
    """
    bands = usual_bands(scene) or (scene.band_names[0],) * 3
    rgba = picture_rgba(scene, read_preview_stack(scene), bands)
    grid = scene.grid.decimated(scene.live_step)
    step = max(1, -(-max(grid.shape_rc) // MOST_SIDE))
    small = np.moveaxis(rgba[step // 2 :: step, step // 2 :: step], 2, 0)
    with staged(out) as path, make_on_grid(path, grid.decimated(step), "uint8", count=4) as dataset:
        dataset.write(np.ascontiguousarray(small))
