"""Scenes of a batch as pictures of one size, pixel upon pixel: classes, the ground as it looked, and what changed."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from s2dash.batch.change import Change, read_dated_map
from s2dash.batch.change.change_map import value_table, values
from s2dash.batch.change.on_grid import preview_grid, read_on_grid
from s2dash.core.grid import Grid
from s2dash.core.legend import Legend

_QUALITY, _SMALL_QUALITY = 88, 70
_SMALL_SIDE = 96
"""Rows or columns of a thumbnail at most, twice of what it is shown at."""
Thumbnails = tuple[str, ...]
"""Addresses of a scene's picture, where it has one, and of its classes."""


def classes_picture(path: Path, legend: Legend, grid: Grid) -> str:
    """A class map in its colours at the pixels of `preview_grid`, as an address that images take.

    Raises BrokenResult where it can no longer be read.
    """
    return _png(read_on_grid(path, preview_grid(grid))[0], legend.rgba())


def ground_picture(path: Path, grid: Grid) -> str:
    """What `looks.write_look` has kept of a scene, at the pixels of `preview_grid`; raises as `classes_picture`."""
    rgba = np.moveaxis(read_on_grid(path, preview_grid(grid)), 0, 2)
    return _address(Image.fromarray(np.ascontiguousarray(rgba), "RGBA"), "WEBP", quality=_QUALITY)


def thumbnails(look: Path, classes: Path) -> Thumbnails:
    """What `looks.write_look` has kept of a scene and its class map, small; raises what reading them raises."""
    dated = read_dated_map(classes)
    grid = dated.grid.decimated(max(1, -(-max(dated.grid.shape_rc) // _SMALL_SIDE)))
    coloured = dated.legend.rgba()[read_on_grid(classes, grid)[0]]
    pixels = [np.moveaxis(read_on_grid(look, grid), 0, 2)] if look.exists() else []
    return tuple(
        _address(Image.fromarray(np.ascontiguousarray(one), "RGBA"), "WEBP", quality=_SMALL_QUALITY)
        for one in (*pixels, coloured)
    )


def change_picture(change: Change) -> str:
    """No change in grey, what moved in the colour of its new class; raises as `classes_picture`."""
    grid = preview_grid(change.before.grid)
    one, other = (read_on_grid(dated.path, grid)[0] for dated in (change.before, change.after))
    colours = np.zeros((256, 4), dtype=np.uint8)
    for value in values(change):
        colours[value.number] = (*value.rgb, 255)
    return _png(value_table(change)[one, other], colours)


def _png(pixels: np.ndarray, colours: np.ndarray) -> str:
    picture = Image.fromarray(np.ascontiguousarray(pixels), mode="P")
    picture.putpalette(colours.tobytes(), "RGBA")
    return _address(picture, "PNG")


def _address(picture: Image.Image, kind: str, **options: int) -> str:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(out.getvalue()).decode()}"
