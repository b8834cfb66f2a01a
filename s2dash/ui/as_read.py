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
    chosen = SceneReading(
        quantification=quantification,
        offset=None if offset is None else 0.0 - offset,
        nodata=state.loaded().reading.nodata,
    )
    return replace(loaded, scene=with_numbers_of(loaded.scene, chosen))


def with_numbers_of(scene: Scene, reading: SceneReading) -> Scene:
    """A scene with the numbers of a reading; the order in which those without data were chosen counts for nothing.

    Raises RecipeError for numbers that cannot be.
    """
    scene = ingest.read_as(scene, SceneReading(quantification=reading.quantification, offset=reading.offset))
    left_out = tuple(value for value, _, _ in ingest.doubtful_numbers(scene) if value in reading.nodata)
    return ingest.read_as(scene, SceneReading(nodata=left_out))


def names_are_doubted(scene: Scene) -> bool:
    """Whether the files leave open which band is which."""
    if scene.is_embedding:
        return False
    return scene.names_are_guessed or any(band.standard is None and band.own is None for band in scene.bands)


def doubts(scene: Scene) -> tuple[str, ...]:
    """What of the scene as its files are is uncertain, a few words for each."""
    found = {
        "band names": names_are_doubted(scene),
        "numbers": ingest.doubts_offset(scene),
        "no data": bool(ingest.doubtful_numbers(scene)),
    }
    return tuple(words for words, is_so in found.items() if is_so)
