"""The left of the window: place, ground, days and clouds; and the button that begins a search by them."""

from __future__ import annotations

import os

import streamlit as st

from s2dash.errors import BadSetting, S2DashError, UnknownName, UnreadableValue
from s2dash.find.catalogue import Catalogue, catalogue_from
from s2dash.find.places import Box, Town
from s2dash.find.towns import labels_of, towns_like
from s2dash.ui import state
from s2dash.ui.find.finding import Finding, Ground
from s2dash.ui.messages import words_for
from s2dash.ui.session import draw_again
from s2dash.ui.state import find as held

_KM = (10, 20, 40, 100)
_MOST_DEGREES = 3.0
"""Across the ground of a scene or drawing; more is several tiles wide."""


def catalogue() -> Catalogue | None:
    """What is asked; None where whoever runs the server has turned finding off."""
    try:
        return catalogue_from(os.environ)
    except BadSetting:
        return None


def search_form(catalogue: Catalogue) -> None:
    """Draw it; a press of `Search` puts another search in the place of the last."""
    where = _choose_where()
    towns = _choose_place() if where == "Place" else {}
    _choose_days()
    st.slider(
        "Clouds at most",
        0,
        100,
        step=5,
        format="%d %%",
        key=held.FIND_CLOUD.shown(),
        on_change=held.FIND_CLOUD.take,
        help="Of a whole tile of 110 km. A cloudy tile may be clear over your ground, so allow some.",
    )
    if st.button("Search", type="primary", key="search scenes", icon=":material/search:", width="stretch"):
        _begin(catalogue, where, towns)
        draw_again()
    if trouble := held.FIND_TROUBLE.get():
        st.markdown(trouble)


def _choose_where() -> held.Where:
    boxes = {"Place": True, "This scene": _scene_box(), "Drawn area": _drawn_box()}
    offered: list[held.Where] = [where for where in held.WHERES if boxes[where]]
    control = held.FIND_WHERE.within(offered, "Place")
    if len(offered) == 1:
        return control.get()
    st.segmented_control(
        "Where",
        offered,
        key=control.shown(),
        on_change=control.take,
        required=True,
        width="stretch",
        help="A town by its name, the ground of the scene on the page, or the area that was drawn on it.",
    )
    return control.get()


def _choose_place() -> dict[str, Town]:
    """The towns that fit what was typed, by their labels, the one that is meant first."""
    typed = st.text_input(
        "Place",
        key=held.FIND_PLACE.shown(),
        on_change=held.FIND_PLACE.take,
        placeholder="A town, such as Ulm",
        max_chars=80,
        help="A town of 15,000 people or more, in any of its languages. A country may follow: “Paris, France”. "
        "The names lie on this server: nobody else is asked for them.",
    )
    with st.spinner("Looking up the place …"):
        towns = labels_of(towns_like(typed))
    if len(towns) > 1:
        first = next(iter(towns))
        control = held.FIND_TOWN.among({label: None if label == first else label for label in towns})
        st.pills("Which one", [*towns], key=control.shown(*towns), on_change=control.take, required=True)
        towns = {control.get(): towns[control.get()], **towns}
    st.selectbox(
        "Ground around it",
        _KM,
        key=held.FIND_KM.shown(),
        on_change=held.FIND_KM.take,
        format_func=lambda km: f"{km} × {km} km",
        help="How much is loaded, with the place in the middle; never more than the tile has.",
    )
    return towns


def _choose_days() -> None:
    with st.container(horizontal=True, gap="small", key="finddays"):
        for label, control, words in (
            ("From", held.FIND_FIRST, "The first day; empty for as far back as the catalogue goes."),
            ("To", held.FIND_LAST, "The last day; empty for up to today."),
        ):
            st.date_input(
                label, value=None, key=control.shown(), on_change=control.take, format="YYYY-MM-DD", help=words
            )


def _begin(catalogue: Catalogue, where: held.Where, towns: dict[str, Town]) -> None:
    held.FOUND_CHOSEN.pop()
    held.FINDING.pop()
    held.FIND_TROUBLE.pop()
    try:
        first, last = held.FIND_FIRST.get(), held.FIND_LAST.get()
        if first is not None and last is not None and first > last:
            raise UnreadableValue("The first day is after the last. Change one of them.")
        held.FINDING.set(Finding(_ground(where, towns), (first, last), float(held.FIND_CLOUD.get()), catalogue))
    except S2DashError as error:
        held.FIND_TROUBLE.set(words_for(error))


def _ground(where: held.Where, towns: dict[str, Town]) -> Ground:
    """Raises UnknownName for a place that is not known, UnreadableValue for ground that is no box."""
    box = {"This scene": _scene_box, "Drawn area": _drawn_box}.get(where, lambda: None)()
    if box is not None:
        return Ground(box, state.loaded().scene.title)
    typed = held.FIND_PLACE.get().strip()
    if not typed:
        raise UnknownName("Type a place first: a town, such as Ulm.")
    if not towns:
        raise UnknownName(
            f"No town of 15,000 people or more is called {typed[:60]!r}. Try another spelling or a larger town near by."
        )
    town = next(iter(towns.values()))
    return Ground(town.around(held.FIND_KM.get() / 2), town.name)


def _scene_box() -> Box | None:
    bounds = state.loaded().whole.grid.bounds_lonlat
    return None if bounds is None else _box(*bounds)


def _drawn_box() -> Box | None:
    corners = [corner for ring in state.loaded().drawn for corner in ring]
    if not corners:
        return None
    x, y = zip(*corners, strict=True)
    return _box(min(x), min(y), max(x), max(y))


def _box(west: float, south: float, east: float, north: float) -> Box | None:
    """None for what no tile shows at once, or what no box is."""
    if max(east - west, north - south) > _MOST_DEGREES:
        return None
    try:
        return Box(west, south, east, north)
    except UnreadableValue:
        return None
