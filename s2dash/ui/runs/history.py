"""Undo and redo over every change of the recipe, of the classes and their looks, and of the area that counts."""

from __future__ import annotations

from collections.abc import Sequence

from s2dash.core.recipe import Recipe
from s2dash.ui import state
from s2dash.ui.runs.values import Moment
from s2dash.ui.runs.words import area_words, step_words

MOST_STEPS = 100
MOST_AREAS = 5
"""Of one scene that can be gone back to: each has files."""


def remember(recipe: Recipe) -> None:
    """Take in what the page shows now: a new moment where anything has changed, which ends what could be redone."""
    moment = Moment(state.scene_digest(), recipe, state.edits(recipe), state.loaded())
    moments, place = state.MOMENTS.get(), state.MOMENT_NOW.get()
    if not moments or moments[place].ground != moment.ground:
        state.MOMENTS.set((moment,))
        state.MOMENT_NOW.set(0)
    elif moments[place] != moment:
        changed = _within_limits((*moments[: place + 1], moment))
        state.MOMENTS.set(changed)
        state.MOMENT_NOW.set(len(changed) - 1)


def _within_limits(moments: Sequence[Moment]) -> tuple[Moment, ...]:
    """The last ones: `MOST_STEPS` of them, of `MOST_AREAS` areas."""
    kept: list[Moment] = []
    for moment in reversed(moments[-MOST_STEPS:]):
        if len({moment.scene, *(one.scene for one in kept)}) > MOST_AREAS:
            break
        kept.append(moment)
    return tuple(reversed(kept))


def undo_words() -> str | None:
    """What undo would take back, such as `k 8 → 9`; None where there is nothing."""
    moments, place = state.MOMENTS.get(), state.MOMENT_NOW.get()
    return _words(moments[place - 1], moments[place]) if 0 < place < len(moments) else None


def redo_words() -> str | None:
    """What redo would do again; None where there is nothing."""
    moments, place = state.MOMENTS.get(), state.MOMENT_NOW.get()
    return _words(moments[place], moments[place + 1]) if place + 1 < len(moments) else None


def undo() -> None:
    """Go back by one step; to be called before anything is drawn."""
    _go(-1)


def redo() -> None:
    """Go forward again by one step; to be called before anything is drawn."""
    _go(1)


def _go(by: int) -> None:
    moments, place = state.MOMENTS.get(), state.MOMENT_NOW.get() + by
    if 0 <= place < len(moments):
        state.go_back_to(moments[place].loaded)
        state.put_edits(moments[place].recipe, moments[place].edits)
        state.put_recipe(moments[place].recipe, stays_on_offer=False)
        state.MOMENT_NOW.set(place)


def _words(before: Moment, after: Moment) -> str:
    if before.scene != after.scene:
        return area_words(before.loaded.reading, after.loaded.reading)
    return step_words(before.recipe, after.recipe, before.edits, after.edits)
