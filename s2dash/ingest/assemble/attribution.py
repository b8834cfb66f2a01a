"""Whose pictures the files are, by names, headers and metadata, and whether their values fit that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from s2dash.core import missions, sentinel2
from s2dash.core.scene import Band, Scene
from s2dash.ingest.assemble.headers import FileHeader
from s2dash.ingest.assemble.numbers import LEAST_REFLECTANCE, MOST_REFLECTANCE
from s2dash.ingest.assemble.values import Provenance, ScenePlan

_FINEST_SENTINEL_2_M = 5.0
"""Pixels below are of another sensor, unless names say otherwise."""
UNKNOWN_SENSOR = (
    "Nothing tells which satellite the picture is from, so no source is attributed in what is made from it. Name the "
    "source yourself."
)


def missions_of(
    headers: Sequence[FileHeader], bands: Sequence[Band], provenance: Provenance
) -> tuple[missions.Mission, ...]:
    """Whose pictures the files are, by all that names and headers say; empty where nothing fits."""
    found: list[missions.Mission] = []
    first = 0
    for header in (one for one in headers if not one.file.is_scl):
        own = bands[first : first + len(header.texts)]
        first += len(own)
        if header.mission is not None:
            found += [header.mission] if header.mission is not missions.FOREIGN else []
        elif _is_named_sentinel_2(header, provenance) or any(band.standard for band in own):
            found.append(missions.SENTINEL_2)
    return tuple(dict.fromkeys(found))


def _is_named_sentinel_2(header: FileHeader, provenance: Provenance) -> bool:
    """Whether a file's name or tags, or the product's metadata, speak of Sentinel-2."""
    if header.mission is not None:
        return False
    told = (header.file.name, provenance.title, *(value[:200] for value in header.tags.values()))
    return bool(provenance.baseline or header.file.tile) or any(missions.names_sentinel_2(text) for text in told)


def are_told_sentinel_2(headers: Sequence[FileHeader], provenance: Provenance) -> bool:
    """Whether names, tags or metadata speak of Sentinel-2, so that values need not."""
    return any(_is_named_sentinel_2(header, provenance) for header in headers)


def with_likely_missions(planned: ScenePlan, scene: Scene, found: Sequence[np.ndarray]) -> Scene:
    """The scene that is not called Sentinel-2's where only a guess says so and values or pixels do not fit it."""
    if scene.missions == (missions.SENTINEL_2,) and not planned.is_told_sentinel_2:
        is_counted = any(sentinel2.band_of_words(text) is None for text in planned.texts)
        size = scene.grid.pixel_size_m
        is_fine = size is not None and min(size) < _FINEST_SENTINEL_2_M
        is_usual_size = size is not None and any(abs(min(size) / usual - 1) < 0.05 for usual in (10, 20, 60))
        is_picture = np.dtype(scene.dtype).itemsize == 1 and not is_usual_size
        likely = not (scene.names_are_guessed and (is_picture or not _is_sensible(scene, found)))
        if (is_fine and (scene.names_are_guessed or not is_counted)) or not likely:
            scene = replace(scene, missions=())
    return scene if scene.missions else replace(scene, notes=(*scene.notes, UNKNOWN_SENSOR))


def _is_sensible(scene: Scene, found: Sequence[np.ndarray]) -> bool:
    """Whether values can be the reflectance of ground: hardly below zero, and not all of them far above one."""
    by_band = zip(scene.measured, found, strict=True)
    numbers = scene.reflectance
    made = [(v.astype(np.float64) + numbers.offsets[i]) / numbers.quantifications[i] for i, v in by_band if v.size]
    if not made:
        return True
    low, high = np.percentile(np.concatenate(made), (5, 75))
    return bool(low >= LEAST_REFLECTANCE and high <= MOST_REFLECTANCE)
