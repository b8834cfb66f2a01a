"""The scene in use as its user says its numbers are to be read."""

from __future__ import annotations

from dataclasses import replace

from s2dash import ingest
from s2dash.core.scene import Scene
from s2dash.core.scene_reading import SceneReading
from s2dash.ui import state
from s2dash.ui.loaded import Loaded
from s2dash.ui.session import Control


def subtracted(scene: Scene) -> Control[float | None]:
    """What is taken from the stored numbers of the scene as its files are."""
    offset = scene.reflectance.offset
    return state.subtracted(None if offset is None else -offset + 0.0)


def divided(scene: Scene) -> Control[float | None]:
    """What they are divided by."""
    found = scene.reflectance
    return state.divided(None if found.by_band else float(found.quantification))


def as_read(loaded: Loaded) -> Loaded:
    """With numbers as the user says, and without the numbers that stand for no data.

    Raises RecipeError for numbers that cannot be.
    """
    offset, quantification = subtracted(loaded.scene).get(), divided(loaded.scene).get()
    numbers = SceneReading(quantification=quantification, offset=None if offset is None else 0.0 - offset)
    scene = ingest.read_as(loaded.scene, numbers)
    left_out = tuple(v for v, _, _ in ingest.doubtful_numbers(scene) if state.stands_for_no_data(v).get())
    return replace(loaded, scene=ingest.read_as(scene, SceneReading(nodata=left_out)))


def names_are_doubted(scene: Scene) -> bool:
    """Whether the files leave open which band is which."""
    return scene.names_are_guessed or any(band.standard is None and band.own is None for band in scene.bands)


def doubts(scene: Scene) -> tuple[str, ...]:
    """What of the scene as its files are is uncertain, a few words for each."""
    found = {
        "band names": names_are_doubted(scene),
        "numbers": ingest.doubts_offset(scene),
        "no data": bool(ingest.doubtful_numbers(scene)),
    }
    return tuple(words for words, is_so in found.items() if is_so)
