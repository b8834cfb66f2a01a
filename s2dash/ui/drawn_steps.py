"""What is done to a drawn area beside having only it count: it is left out or given a class, by a step of edits."""

from __future__ import annotations

from collections.abc import Mapping

from s2dash.classify.inside import burnt, on_grid
from s2dash.core.drawn_area import drawn_rings
from s2dash.core.edits import LeaveOutInside, SetInside
from s2dash.core.scene import Scene
from s2dash.core.scene_reading import Ring
from s2dash.errors import RecipeError, UnreadableValue
from s2dash.raster.reading import preview_places
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import state
from s2dash.ui.class_card.actions import change_area
from s2dash.ui.drawn_area import refuse, scene_key
from s2dash.ui.map_view import scene_token
from s2dash.ui.messages import words_for

_NOTHING_THERE = "No pixel of the map lies in this area. Draw it larger, or on the map."


def take_step(given: object) -> None:
    """Take a message of the map's frame, from outside: the scene it was drawn on, what to do, and the area's rings.

    To be called before anything is drawn. What was drawn on another scene, or speaks of another map's class, counts
    for nothing.
    """
    now, answer = state.LOADED.get(), state.ANSWER.get()
    if now is None or answer is None or not isinstance(given, dict):
        return
    if given.get("scene") != scene_token(scene_key(now.scene)):
        return
    try:
        step = _step(answer, given, drawn_rings(given.get("rings")))
        if step is not None:
            change_area(answer.result.recipe, step)
    except (UnreadableValue, RecipeError) as error:
        refuse(words_for(error))


def _step(
    answer: LiveAnswer, given: Mapping[str, object], rings: tuple[Ring, ...]
) -> LeaveOutInside | SetInside | None:
    """What the message asks for; None where that is nothing that is known. Raises UnreadableValue, RecipeError."""
    number = given.get("number")
    if given.get("act") == "leave out":
        _require_pixels(answer.result.scene, rings)
        return LeaveOutInside(rings)
    if given.get("act") == "set class" and type(number) is int and number in answer.fitted.numbers:
        _require_pixels(answer.result.scene, rings)
        return SetInside(rings, number)
    return None


def _require_pixels(scene: Scene, rings: tuple[Ring, ...]) -> None:
    if not rings or not burnt(on_grid(rings, scene.grid), *preview_places(scene.grid, scene.live_step)).any():
        raise UnreadableValue(_NOTHING_THERE)
