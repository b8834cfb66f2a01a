"""The foot of the legend where specks are cleaned up: off, a majority of neighbours, or a least size of patches."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import streamlit as st

from s2dash.classify.clean_up import least_pixels, pixel_ha
from s2dash.core.edits import CleanUp, Majority, Sieve
from s2dash.core.grid import Grid
from s2dash.core.recipe import Recipe
from s2dash.errors import S2DashError
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import services, state, text

_OFF, _THREE, _FIVE, _PATCHES = "Off", "Majority 3 × 3", "Majority 5 × 5", "Patches under …"
_WAYS = (_OFF, _THREE, _FIVE, _PATCHES)
_USUAL_PIXELS, _MOST_PIXELS = 5, 100_000
_SMALLEST_HA = 0.0005
"""Smaller pixels are counted, as a number of hectares would be nothing but zeros."""
_NEIGHBOURS = {8: "sides and corners", 4: "sides only"}


def clean_up(answer: LiveAnswer) -> None:
    """Draw the choice, and what it changes."""
    of, grid = answer.result.recipe, answer.result.scene.grid
    step = state.edits(of).clean_up
    with st.container(key="cleanup", gap="small"):
        way = state.clean_up_control("way", _way_of(step), lambda chosen: _take(of, _step_of(chosen, grid)))
        st.selectbox(
            "Clean up specks",
            _WAYS,
            key=way.shown(),
            on_change=way.take,
            width=200,
            help="Single pixels and small patches among another class become part of it. Majority: each pixel takes "
            "the class that most of its neighbours have. Patches: those under a size go to the class beside which "
            "they lie longest, the smallest first. Pixels without data stay. Downloads hold it; undo takes it back.",
        )
        if isinstance(step, Sieve):
            _patch_choices(of, step, grid)
        if step is not None:
            st.caption(_words(answer, step))


def _way_of(step: CleanUp | None) -> str:
    if step is None:
        return _OFF
    if isinstance(step, Sieve):
        return _PATCHES
    return _THREE if step.size == 3 else _FIVE


def _step_of(way: str, grid: Grid) -> CleanUp | None:
    area_ha = pixel_ha(grid)
    if way == _PATCHES and (area_ha is None or area_ha < _SMALLEST_HA):
        return Sieve(_USUAL_PIXELS, "pixels")
    if way == _PATCHES and area_ha is not None:
        return Sieve(_rounded(_USUAL_PIXELS * area_ha))
    return {_THREE: Majority(3), _FIVE: Majority(5)}.get(way)


def _rounded(area_ha: float) -> float:
    """To three digits, so that it can be read."""
    return float(f"{area_ha:.3g}")


def _take(of: Recipe, step: CleanUp | None) -> None:
    state.put_edits(of, state.edits(of).cleaned_up(step))


def _patch_choices(of: Recipe, step: Sieve, grid: Grid) -> None:
    one = pixel_ha(grid) if step.unit == "ha" else 1.0
    pixel = 1.0 if one is None else one
    by = _rounded(pixel) if step.unit == "ha" else 1.0
    decimals = max(_decimals(by), _decimals(step.least))

    def least(value: float) -> None:
        _take(of, Sieve(value, step.unit, step.neighbours))

    def neighbours(value: int) -> None:
        _take(of, Sieve(step.least, step.unit, 4 if value == 4 else 8))

    size = state.clean_up_control("least", step.least, least)
    by_corners = state.clean_up_control("neighbours", step.neighbours, neighbours)
    with st.container(horizontal=True, gap="small", key="cleanuppatches"):
        st.number_input(
            "Least patch, hectares" if step.unit == "ha" else "Least patch, pixels",
            min_value=min(by, step.least),
            max_value=max(_MOST_PIXELS * by, step.least),
            step=by,
            format=f"%.{decimals}f",
            key=size.shown(step.unit, by),
            on_change=size.take,
            help="Smaller patches become part of what lies around them.",
        )
        st.selectbox(
            "Hold together by",
            list(_NEIGHBOURS),
            format_func=_NEIGHBOURS.__getitem__,
            key=by_corners.shown(),
            on_change=by_corners.take,
            help="Whether pixels that touch at a corner only are one patch. With sides only, thin slanting lines "
            "fall apart into specks.",
        )


def _decimals(value: float) -> int:
    """Digits after the point, of a value that was rounded or typed."""
    return max(0, -int(Decimal(repr(value)).normalize().as_tuple().exponent))


def _words(answer: LiveAnswer, step: CleanUp) -> str:
    """`Under 5 pixels · 1.2 % of pixels change`."""
    scene = answer.result.scene
    try:
        parts = [f"Under {text.pixels(least_pixels(step, scene.grid))}"] if isinstance(step, Sieve) else []
        parts.append(f"{text.share(_changed_share(answer, step))} of pixels change")
    except S2DashError:
        return ""  # the page says why the edits cannot be made
    if scene.live_step == 1:
        return " · ".join(parts)
    every = f"{scene.live_step} × {scene.live_step}"
    return f"{' · '.join(parts)} in the preview, which shows one of {every}. The full run cleans up every pixel."


def _changed_share(answer: LiveAnswer, step: CleanUp) -> float:
    """Of the pixels with a class before the clean-up, 0 to 1."""
    engine, before = services.live_engine(), state.edits(answer.result.recipe).before_clean_up()
    one, other = (engine.edited(answer, edits).result.classmap.labels for edits in (before, before.then(step)))
    if one is None or other is None:
        raise ValueError("the labels of a live picture are in memory")
    return int(np.count_nonzero(one != other)) / max(1, int(np.count_nonzero(one)))
