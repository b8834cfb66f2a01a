"""What the pixels settle once they are read: fill, reflectance, band names by values, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from s2dash.core import missions, sentinel2
from s2dash.core.scene import Masking, Reflectance, Scene, valid_pixels
from s2dash.errors import UnreadableFile
from s2dash.ingest.assemble.attribution import with_likely_missions
from s2dash.ingest.assemble.numbers import (
    MOST_LOOKED_AT,
    guessed_numbers,
    numbers_by_values,
    present_values,
    subsample,
    usual_if_fitting,
)
from s2dash.ingest.assemble.values import ScenePlan
from s2dash.ingest.describe import (
    CIRRUS_AMONG,
    CIRRUS_BEFORE_LAST,
    CLASS_MAP,
    is_cirrus,
    looks_like_classes,
    named_bands,
)
from s2dash.ingest.doubts import fill_words
from s2dash.ingest.fill import FoundFill, found_fill, held_in_all
from s2dash.ingest.product.radiometry import UNKNOWN_OFFSET, UNKNOWN_OFFSET_OF_FRACTIONS
from s2dash.ingest.reflectance import contradicted, doubts_about_numbers, doubts_about_offset, may_hold_offset
from s2dash.ingest.set_aside import uninformative_bands, with_set_aside, without_codes_in_order

_LEAST_VALID = 2
_LOOKED_AT_TOGETHER = 4_000_000


def finished(planned: ScenePlan, preview: np.ndarray, valid_counts: Sequence[int], digest: str) -> Scene:
    """The scene once its pixels are known: their scale, whether they contradict the metadata, whether any is valid.

    Raises UnreadableFile where fewer than two pixels hold data.
    """
    scene = with_found_fill(planned.scene, preview)
    if max(valid_counts) < _LEAST_VALID:
        raise _no_data(scene)
    most = min(MOST_LOOKED_AT, _LOOKED_AT_TOGETHER // len(scene.bands))
    together = [(fill, held_in_all(fill, preview)) for fill in scene.fills if not fill.is_alone]
    bare = replace(scene, fills=tuple(fill for fill in scene.fills if fill.is_alone))
    found = []
    in_all = np.ones(preview.shape[1:], dtype=bool)
    strange = []
    for i in scene.measured:
        # Band by band: for all together, arrays as large as the picture would be made.
        valid = valid_pixels(bare, [i], preview, Masking())
        for fill, held in together:
            if i in fill.positions:
                valid &= ~held
        if valid.any():
            in_all &= valid
        found.append(subsample(preview[i][valid], most))
        strange.append(doubts_about_numbers(present_values(preview[i], scene.missing_values(i))))
    if scene.live_step == 1 and (in_all.sum() < _LEAST_VALID or not any(values.size for values in found)):
        raise _no_data(scene)
    left_out = {} if scene.is_embedding else uninformative_bands(scene, found)
    if missions.SENTINEL_2 in scene.missions:
        scene = without_codes_in_order(scene, left_out)
    by_band = [one for one in zip(scene.measured, found, strict=True) if one[0] not in left_out]
    light = {i: _light(scene, values) for i, values in by_band}
    measured = np.concatenate([*light.values(), *(() if light else found)])
    otherwise = planned.stated and contradicted(planned.stated, scene.dtype, measured)
    usual = (
        None
        if planned.stated
        else usual_if_fitting(planned.usual, scene, found) or numbers_by_values(planned, scene, measured)
    )
    reflectance = otherwise or planned.stated or usual or guessed_numbers(planned, scene, light, measured)
    scene = _with_likely_names(scene, found, reflectance)
    scene = with_set_aside(scene, left_out)
    lowest = [float(np.percentile(values, 1)) for _, values in by_band if values.size]
    darkest = [float(np.percentile(values, 1)) for i, values in by_band if _can_be_dark(scene, i, values)]
    notes = [*scene.notes, *doubts_about_offset(reflectance, lowest), *(note for one in strange for note in one)]
    notes += planned.usual_notes if usual else ()
    is_sentinel_2 = missions.SENTINEL_2 in scene.missions and planned.usual is None
    if (
        not planned.is_told
        and is_sentinel_2
        and may_hold_offset(reflectance, darkest, planned.latest, planned.is_mission)
    ):
        notes.append(UNKNOWN_OFFSET if reflectance.quantification > 1 else UNKNOWN_OFFSET_OF_FRACTIONS)
    if otherwise:
        notes.append(otherwise.sentence)
    if looks_like_classes(scene.dtype, found, planned.is_palette):
        notes.append(CLASS_MAP)
    scene = replace(scene, reflectance=reflectance, digest=digest, notes=tuple(dict.fromkeys(notes)))
    return with_likely_missions(planned, scene, found)


def _light(scene: Scene, values: np.ndarray) -> np.ndarray:
    """Of a band's valid values those that a picture of ground is told by: not zero, nor what may stand for no data."""
    extremes = [scene.saturated, *(fill.value for fill in scene.doubtful_fills)]
    if np.issubdtype(values.dtype, np.integer) and values.dtype.itemsize > 1:
        extremes.append(float(np.iinfo(values.dtype).max))
    for value in (0.0, *extremes):
        if value is not None:
            values = values[values != value]
    return values


def _can_be_dark(scene: Scene, position: int, values: np.ndarray) -> bool:
    """Whether a band can tell by its lowest values what was added to it: it changes and is of the ground."""
    standard = scene.bands[position].standard
    is_ground = standard is not None and standard not in sentinel2.ATMOSPHERE_BANDS
    return is_ground and bool(values.size and (values != values[0]).any())


def _with_likely_names(scene: Scene, found: Sequence[np.ndarray], reflectance: Reflectance) -> Scene:
    """The scene whose unnamed bands are in another order than the usual one, if the tenth of them is cirrus."""
    other = {len(order): order for order in (CIRRUS_AMONG, CIRRUS_BEFORE_LAST)}.get(len(scene.layers))
    if not scene.names_are_guessed or other is None or scene.band_names != sentinel2.guess_band_names(len(other)):
        return scene
    guessed, listed = ", ".join(scene.band_names), ", ".join(other)
    remark = " (top of the atmosphere, without B8A)" if "B8A" not in other else ""
    if not is_cirrus(found[9], found[8], reflectance.quantification):
        note = f"12 bands can also be {listed}{remark}. Change the names if yours are."
        return replace(scene, notes=(*scene.notes, note)) if remark else scene
    note = (
        f"The file does not name its {len(other)} bands. The tenth is almost empty, as B10 is: they are taken as "
        f"{listed}{remark}, not as {guessed}. Change the names if that is wrong."
    )
    kept = [one for one in scene.notes if guessed not in one]
    return replace(scene, bands=named_bands(other), notes=(*kept, note))


def with_found_fill(scene: Scene, stack: np.ndarray) -> Scene:
    """The scene with the fill that its pixels show, and the notes that say so; `stack` is as for `found_fill`."""
    found = FoundFill((), ()) if scene.is_embedding else found_fill(scene, stack)
    known = tuple(replace(fill, share=float(held_in_all(fill, stack).mean())) for fill in scene.fills)
    ranges = {fill.positions for fill in found.certain if fill.least is not None}
    held = [fill for fill in known if fill.share and fill.positions not in ranges] + list(found.certain)
    notes = dict.fromkeys([*scene.notes, *(fill_words(fill, scene) for fill in held)])
    return replace(scene, fills=(*known, *found.certain), doubtful_fills=found.doubtful, notes=tuple(notes))


def _no_data(scene: Scene) -> UnreadableFile:
    return UnreadableFile(
        f"{scene.title} has fewer than {_LEAST_VALID} pixels with data in all of its bands, so there is nothing to "
        "group. Choose another file, or leave out the empty band."
    )
