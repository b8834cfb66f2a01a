"""What is done to a drawn area beside having only it count: left out, given a class, regrouped, by a step of edits."""

from __future__ import annotations

from collections.abc import Mapping

from s2dash.classify.inside import burnt, on_grid
from s2dash.core.drawn_area import drawn_rings
from s2dash.core.edits import LeaveOutInside, SetInside
from s2dash.core.scene import Scene
from s2dash.core.scene_reading import Ring
from s2dash.errors import RecipeError, TooFewPixels, UnreadableValue
from s2dash.raster.reading import preview_places
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import state
from s2dash.ui.class_card.actions import change_area, regroup_area
from s2dash.ui.drawn_area import refuse, scene_key
from s2dash.ui.map_view import scene_token
from s2dash.ui.messages import words_for

REGROUPED = range(2, 5)
"""Into how many classes the pixels of an area can be grouped by themselves."""
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
        rings, k = drawn_rings(given.get("rings")), given.get("k")
        step = _step(answer, given, rings)
        if step is not None:
            change_area(answer.result.recipe, step)
        elif given.get("act") == "regroup" and type(k) is int and k in REGROUPED:
            _require_pixels(answer.result.scene, rings)
            regroup_area(answer, rings, k)
    except (UnreadableValue, RecipeError, TooFewPixels) as error:
        refuse(words_for(error))


def _step(
    answer: LiveAnswer, given: Mapping[str, object], rings: tuple[Ring, ...]
) -> LeaveOutInside | SetInside | None:
    """The step that the message asks for as it is; None for anything else. Raises UnreadableValue, RecipeError."""
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
