"""How much of the ground itself is cloud on each found scene: its scene classification, read coarsely, in parts."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec
import numpy as np
from rasterio.enums import Resampling

from s2dash.errors import InputError
from s2dash.find.bands import Opening
from s2dash.find.cutting import Renewed, cut_of, newer
from s2dash.find.door import Door
from s2dash.find.items import SCL, FoundScene
from s2dash.find.places import Box
from s2dash.settings import FETCH_LIMITS

_CLOUDS = (8, 9, 10)
"""Of medium and high probability, and thin cirrus: what `eo:cloud_cover` counts too."""
_PIXEL_M = 20
_MOST_SIDE = 500
_AT_ONCE = 8


def with_area_clouds(
    scenes: Sequence[FoundScene], box: Box, door: Door, renewed: Renewed | None = None
) -> tuple[FoundScene, ...]:
    """The scenes, with the shares of cloud and of no data over the ground where they have a classification.

    One whose classification cannot be read stays as it is; where that is so of every one, the first error is raised
    (NotFetched, UnreadableFile).
    """
    door = door.within(FETCH_LIMITS.most_search_seconds)
    with ThreadPoolExecutor(_AT_ONCE, "s2dash-area-clouds") as threads:
        answers = list(threads.map(partial(_looked_at, box=box, door=door, renewed=renewed), scenes))
    errors = [one for one in answers if isinstance(one, InputError)]
    if errors and len(errors) == len(scenes):
        raise errors[0]
    return tuple(scene if isinstance(one, InputError) else one for scene, one in zip(scenes, answers, strict=True))


def _looked_at(scene: FoundScene, box: Box, door: Door, renewed: Renewed | None) -> FoundScene | InputError:
    try:
        classes = _classes(scene, box, door, renewed)
    except InputError as error:
        return error
    if classes is None:
        return scene
    cloud, missing = shares(classes)
    return msgspec.structs.replace(scene, area_cloud=cloud, area_missing=missing)


def shares(classes: np.ndarray) -> tuple[float | None, float]:
    """Percent of cloud among pixels with data (None without any), and percent of pixels without data."""
    is_seen = classes != 0
    missing = 100.0 * float(np.mean(~is_seen))
    return (100.0 * float(np.isin(classes[is_seen], _CLOUDS).mean()) if is_seen.any() else None), missing


def _classes(scene: FoundScene, box: Box, door: Door, renewed: Renewed | None) -> np.ndarray | None:
    """Of at most 500 by 500 places, evenly over the ground; None for a scene without a classification."""
    file = next((one for one in scene.bands if one.name == SCL), None)
    if file is None:
        return None
    with contextlib.ExitStack() as stack:
        raster = Opening(door, stack).band(file, newer(scene, file, renewed))
        cut = cut_of(scene, [raster], box, _PIXEL_M)
        place = raster.transform
        size = round(place.a)
        top, left = round((place.f - cut.transform.f) / size), round((cut.transform.c - place.c) / size)
        height, width = (count * _PIXEL_M // size for count in cut.shape_rc)
        step = 2 ** math.ceil(math.log2(max(1.0, max(height, width) / _MOST_SIDE)))
        coarse = -(-height // step), -(-width // step)
        window = ((top, top + height), (left, left + width))
        return raster.read(window=window, out_shape=coarse, resampling=Resampling.nearest)
