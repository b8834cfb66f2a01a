"""The picture that a scene of light lends to an embedding of the same place, which has none that people know."""

from __future__ import annotations

import math

import numpy as np
from affine import Affine
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.warp import reproject

from s2dash.core.scene import Scene
from s2dash.raster.reading import read_preview_stack
from s2dash.tiles.stretch import picture_rgba, usual_pictures

_POINTS = 40
"""Along each side of the grid of places that are looked for in the other scene."""
_SEEN = 128
"""Pixels with this alpha or more have a colour."""


def covered_share(scene: Scene, lender: Scene) -> float:
    """The share of a scene's ground that lies within another, 0 to 1; both have a place."""
    rows, cols = ((np.arange(_POINTS) + 0.5) * length / _POINTS for length in scene.grid.shape_rc)
    x, y = _at(scene.grid.transform, *np.meshgrid(cols, rows))
    there = Transformer.from_crs(scene.grid.crs, lender.grid.crs, always_xy=True).transform(x, y)
    col, row = _at(~lender.grid.transform, *there)
    with np.errstate(invalid="ignore"):
        inside = (row >= 0) & (row < lender.grid.height) & (col >= 0) & (col < lender.grid.width)
    return float(inside.mean())


def _at(t: Affine, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f


def why_not(scene: Scene, lender: Scene) -> str | None:
    """Why a scene cannot lend its picture to an embedding, in a sentence; None where it can."""
    if lender.is_embedding or not usual_pictures(lender):
        return f"{lender.title} has no true colour: it lacks bands of red, green and blue. Give another scene."
    if not scene.grid.has_place or not lender.grid.has_place:
        nowhere = lender if scene.grid.has_place else scene
        return f"Nothing says where {nowhere.title} lies, so nobody knows whether it is the same ground."
    if covered_share(scene, lender) == 0:
        return f"{lender.title} shows other ground: it does not overlap {scene.title}. Give a scene of the same place."
    return None


def lent_label(lender: Scene) -> str:
    """What the colours of its picture mean, and whose they are."""
    _, label = next(iter(usual_pictures(lender).values()))
    return " · ".join(filter(None, (label, lender.title, lender.date)))


def lent_rgba(scene: Scene, lender: Scene) -> np.ndarray:
    """The lender's picture on the pixels of a scene's preview, shape (rows, cols, 4), uint8.

    Transparent where the lender shows nothing. Raises what reading its preview raises.
    """
    bands, _ = next(iter(usual_pictures(lender).values()))
    given = picture_rgba(lender, read_preview_stack(lender), bands)
    source, grid = lender.grid.decimated(lender.live_step), scene.grid.decimated(scene.live_step)
    made = np.zeros((4, *grid.shape_rc), dtype=np.uint8)
    reproject(
        np.moveaxis(given, 2, 0).copy(),
        made,
        src_transform=source.transform,
        src_crs=source.crs_wkt,
        dst_transform=grid.transform,
        dst_crs=grid.crs_wkt,
        resampling=_suiting(scene, lender),
    )
    rgba = np.moveaxis(made, 0, 2).copy()
    rgba[..., 3] = np.where(rgba[..., 3] >= _SEEN, 255, 0)
    return rgba


def _suiting(scene: Scene, lender: Scene) -> Resampling:
    """Means where several of its pixels make one, else what lies between."""
    sizes = [one.grid.pixel_size_m[0] * one.live_step if one.grid.pixel_size_m else math.nan for one in (scene, lender)]
    return Resampling.average if sizes[0] > 1.5 * sizes[1] else Resampling.bilinear
