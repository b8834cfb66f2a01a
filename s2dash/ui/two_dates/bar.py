"""What stands above the map while two dates are compared: how to look at them, and what of each."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from s2dash.core.scene import Scene
from s2dash.tiles.stretch import usual_pictures
from s2dash.ui.state import dates as held
from s2dash.ui.two_dates.scenes import date_names, scenes_in_order
from s2dash.ui.two_dates.values import CLASSES, DATES_ON_MAP, Look, OtherDate

_ONE_BAND = "brightness"


def dates_bar(scene: Scene, other: OtherDate) -> None:
    """Swipe or change, and what stands on either side or beneath."""
    st.segmented_control(
        "Two dates",
        DATES_ON_MAP,
        required=True,
        key=held.DATES_ON_MAP_VIEW.shown(),
        on_change=held.DATES_ON_MAP_VIEW.take,
        label_visibility="collapsed",
        help="Swipe: a line to drag between both dates. Change: grey where nothing changed, elsewhere the colour of "
        "what it became.",
    )
    names = date_names(scene, other)
    if other.view == "Change":
        _choice("Picture beneath", "beneath", _pictures(scene, other), beneath(scene, other), names)
        return
    every = [*(Look(later, CLASSES) for later in (False, True)), *_pictures(scene, other)]
    _choice("On the left", "left", every, other.left, names)
    _choice("On the right", "right", every, other.right, names)


def beneath(scene: Scene, other: OtherDate) -> Look:
    """The picture under the change map."""
    return other.beneath or next(look for look in _pictures(scene, other) if look.is_later)


def bands_of(scene: Scene, what: str) -> tuple[tuple[str, str, str], str]:
    """The bands of a picture that the menu offers, and what their colours mean."""
    one = scene.band_names[0]
    return usual_pictures(scene).get(what, ((one, one, one), f"{one}: brightness"))


def _pictures(scene: Scene, other: OtherDate) -> list[Look]:
    """The pictures of both dates."""
    return [
        Look(later, what)
        for later, one in enumerate(scenes_in_order(scene, other))
        for what in (usual_pictures(one) or (_ONE_BAND,))
        for later in (bool(later),)
    ]


def _choice(label: str, name: str, options: Sequence[Look], first: Look, names: tuple[str, str]) -> None:
    control = held.dates_look(name, first)
    st.selectbox(
        label,
        options,
        key=control.shown(*options),
        on_change=control.take,
        format_func=lambda look: f"{names[look.is_later]}: {look.what.lower()}",
        label_visibility="collapsed",
    )
