"""A scene read as its user says: other names of bands, numbers, and numbers that stand for no data."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace

from s2dash.core.scene import Band, Fill, Reflectance, Scene
from s2dash.core.scene_reading import SceneReading
from s2dash.errors import RecipeError, UnknownName
from s2dash.ingest.describe import named_bands
from s2dash.ingest.doubts import OFFSET_DOUBTS


def read_as(scene: Scene, reading: SceneReading) -> Scene:
    """The scene with the names of bands, the numbers and the values without data that a reading has.

    Which files make it up, the reading's `tile` and `also`, is settled when they are opened, and its area is put on by
    `with_area`. Raises UnknownName for a wrong number of names, RecipeError for numbers that cannot be.
    """
    if reading.band_names is not None:
        scene = rename_bands(scene, reading.band_names)
    scene = with_numbers(scene, reading.quantification, reading.offset)
    for value in reading.nodata:
        scene = with_nodata(scene, value)
    return scene


def rename_bands(scene: Scene, names: Sequence[str]) -> Scene:
    """The scene with other band names, in the order of its bands; raises UnknownName for a wrong number of them."""
    if len(names) != len(scene.bands):
        raise UnknownName(f"{len(names)} names are given for {len(scene.bands)} bands. Give one name for each band.")
    bands = _renamed(scene, names)
    marked = hashlib.sha256("\n".join([scene.digest, *(b.name for b in bands)]).encode()).hexdigest()
    return replace(scene, bands=bands, digest=marked, names_are_guessed=False)


def _renamed(scene: Scene, names: Sequence[str]) -> tuple[Band, ...]:
    """Bands of these names; one that keeps its own stays what it is, whatever its number means elsewhere."""
    known = {band.name: band for band in scene.bands if band.own is not None}
    fresh = iter(named_bands([name for name in names if name not in known]))
    bands = [known[name] if name in known else next(fresh) for name in names]
    if len({band.name for band in bands}) < len(bands):
        return named_bands(names)
    return tuple(bands)


def with_numbers(scene: Scene, quantification: float | None = None, offset: float | None = None) -> Scene:
    """The scene whose reflectance is (stored + offset) / quantification, as the user says; None leaves a number.

    Raises RecipeError for numbers that cannot be.
    """
    if quantification is None and offset is None:
        return scene
    found = scene.reflectance
    by_band = found.by_band if quantification is None else ()
    quantification = found.quantification if quantification is None else float(quantification)
    if not 1e-6 <= quantification <= 1e9:
        raise RecipeError(f"The quantification is {quantification:g}, but it must be above 0, usually 10000.")
    if offset is not None and not abs(offset) <= 1e9:
        raise RecipeError(f"The offset is {offset:g}, but it must be a number in stored units, usually 0 or -1000.")
    offsets = found.offsets if offset is None else (float(offset),) * len(scene.bands)
    if (quantification, offsets, by_band) == (found.quantification, found.offsets, found.by_band):
        return scene
    shown = f"{offset:g}" if offset is not None else "as found"
    divided = "as found" if by_band else f"by {quantification:g}"
    sentence = f"Set by hand: divided {divided}, offset {shown}."
    # Who has set the offset need not be told to.
    notes = scene.notes if offset is None else tuple(note for note in scene.notes if note not in OFFSET_DOUBTS)
    changed = scene.with_reflectance(Reflectance(quantification, offsets, sentence, by_band))
    return replace(changed, notes=notes)


def with_nodata(scene: Scene, value: float) -> Scene:
    """The scene in which pixels that hold a stored number in every band of the ground have no data, as the user says.

    Raises RecipeError for what is not a number.
    """
    value = float(value)
    if not math.isfinite(value):
        raise RecipeError(f"{value:g} cannot stand for no data. Give a finite number, such as 0 or -9999.")
    asked = [fill for fill in scene.doubtful_fills if fill.value == value]
    fills = asked or [Fill(value, scene.optical_bands())]
    if any(fill in scene.fills for fill in fills):
        return scene
    marked = hashlib.sha256(f"{scene.digest} nodata {value!r}".encode()).hexdigest()
    # Where grids are brought together it must not mix with its neighbours: the decimated copy holds it mixed.
    previews = scene.previews if len({layer.grid for layer in scene.layers}) == 1 else ()
    return replace(scene, fills=(*scene.fills, *fills), digest=marked, previews=previews)
