"""Asking for a live result, and waiting for it while the strip says what is being done."""

from __future__ import annotations

import time
from concurrent.futures import TimeoutError as NotYet
from dataclasses import replace

import streamlit as st

from s2dash.core.recipe import Recipe
from s2dash.core.scene import Scene
from s2dash.server.live_engine import LiveAnswer, LiveRequest
from s2dash.ui import services, state, text
from s2dash.ui.session import page_is_open
from s2dash.ui.sidebar import K_LOW, Choices, highest_k
from s2dash.ui.strip import Strip

_POLL_SECONDS = 0.05
_QUICK_POLLS = 10
_LATER_POLL_SECONDS = 0.2
"""An answer ends the wait at once; each look costs the server something, and many may be waiting."""
_COUNT_AFTER_SECONDS = 2.0
LOOK_SECONDS = 0.5
SMOOTHED_FIRST: tuple[state.Window, ...] = ("hand over", "many scenes")
"""Windows of what leaves the page: nothing made on a first look does."""


def ask(choices: Choices) -> tuple[LiveRequest, LiveRequest | None] | None:
    """Ask for the live result of the choices: the request, and the one before it; None while no band is chosen."""
    if choices.recipe is None:
        return None
    before = state.REQUEST.get()
    request = services.live_engine().submit(choices.scene, choices.recipe, before, page_is_open())
    state.REQUEST.set(request)
    return request, before


def wait_for(request: LiveRequest, scene: Scene, strip: Strip, or_first_look: bool = False) -> LiveAnswer:
    """The answer of a request, or what can be shown until it comes; raises what kept it from coming."""
    started, polls = time.perf_counter(), 0
    while True:
        try:
            return request.result(timeout=_POLL_SECONDS if polls < _QUICK_POLLS else _LATER_POLL_SECONDS)
        except NotYet:
            if or_first_look and (look := request.first_look) is not None:
                return look
            # Each call also lets Streamlit stop this run where a control has been moved meanwhile.
            strip.busy(_busy_words(scene, time.perf_counter() - started, request.others_before))
            polls += 1


def is_as_asked(answer: LiveAnswer, choices: Choices) -> bool:
    """Whether an answer is what was asked for, and not a first look at a large scene without its smoothing."""
    return choices.recipe is None or not answer.result.recipe.is_first_look_of(choices.recipe)


def next_recipes(recipe: Recipe, last: LiveAnswer | None) -> list[Recipe]:
    """What the next step of the slider would ask for, the way it went first."""
    downwards = last is not None and last.result.recipe.k > recipe.k
    steps = (-1, 1) if downwards else (1, -1)
    return [replace(recipe, k=recipe.k + step) for step in steps if K_LOW <= recipe.k + step <= highest_k()]


def await_smoothing(request: LiveRequest, scene: Scene, strip: Strip) -> None:
    """Say below the map that it is a first look, and draw the page anew once the answer is there."""
    with strip.run:
        st.fragment(_smoothing_line, run_every=LOOK_SECONDS)(request, text.number(scene.grid.pixel_count))


@st.dialog("A first look", on_dismiss=state.close_window)
def smoothing_window() -> None:
    """In the place of a window of `SMOOTHED_FIRST`, until the map is what was asked for."""
    st.markdown(
        "**The map you see is a first look**, pixel by pixel. What you hand over or take to other scenes is the "
        "smoothed map: this window goes on by itself when that is done."
    )


def _smoothing_line(request: LiveRequest, count: str) -> None:
    if request.done():
        st.rerun()
    st.markdown(
        f":material/progress_activity: **A first look**, pixel by pixel. Smoothing {count} pixels; the map changes by "
        "itself when that is done."
    )


def _busy_words(scene: Scene, waited_seconds: float, others_before: int) -> str:
    if others_before:
        return f":material/hourglass_empty: Waiting: {others_before} before you"
    count = scene.grid.decimated(scene.live_step).pixel_count
    waited = f" {waited_seconds:.0f} s" if waited_seconds > _COUNT_AFTER_SECONDS else ""
    return f":material/progress_activity: Grouping {text.number(count)} pixels …{waited}"
