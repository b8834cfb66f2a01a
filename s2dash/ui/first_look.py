"""The page while a large scene is read: its first look in the places of the page, and nothing that could be kept.

It is drawn in place of all else, so that no run, file, link or check can be made of it; what the exact scene takes
over stands where it will stand: the map's frame, its bounds and the scene that it knows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import streamlit as st

from s2dash.core.grid import decimation_step
from s2dash.core.legend import Legend
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import LIVE_PIXELS, Scene
from s2dash.errors import Cancelled, S2DashError
from s2dash.ingest import FirstLook
from s2dash.server.live_engine import LiveAnswer
from s2dash.tiles.placing import map_bounds
from s2dash.ui import look, pictures, services, state, text
from s2dash.ui.how_sure import sure_key
from s2dash.ui.identity import plain_legend
from s2dash.ui.layers import Layer, layer_controls
from s2dash.ui.live_wait import wait_for
from s2dash.ui.map_view import DrawnOnMap, LegendRow, MapState, WithMap, scene_token, show_map
from s2dash.ui.quick_bar import quick_bar
from s2dash.ui.scene_block import coming_scene
from s2dash.ui.session import page_is_open
from s2dash.ui.strip import Strip, announce

_LATER = "Comes with the exact map, as soon as the whole scene is read."


def first_look_page(coming: FirstLook, dark: bool) -> None:
    """Draw the page with what there is of a scene that is being read."""
    scene = coming.scene
    with st.sidebar, st.container():
        coming_scene(scene)
        st.caption(
            "Number of classes, bands and everything else can be chosen when the whole scene is read. "
            "The scene you had comes back if you cancel."
        )
    _header(coming)
    with st.container(key="work"):
        map_column = st.container(gap=None, key="mapcolumn")
        with st.container(key="side", gap="small"):
            side = st.container(key="classes", gap="small")
        st.container(key="spectra", gap=None)
    with map_column:
        quick_bar(is_paused=True)
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="bar"):
            layer = layer_controls(scene)
            with st.container(horizontal=True, gap="small", width="content", key="steps"):
                _later("Undo", "undo", "tertiary")
                _later("Redo", "redo", "tertiary")
        map_place = st.container(key="map")
        strip = Strip()
    with strip.run:
        # In words alone: the sidebar's line counts, and one clock that draws the page anew is enough.
        st.markdown(
            ":material/progress_activity: **First look**: classes may still move; the whole scene is being read. "
            "The exact map takes its place by itself."
        )
    answer = _answer(scene, strip)
    legend = None if answer is None else plain_legend(answer, state.PALETTE.get())
    with map_place:
        _map(coming, answer, legend, layer, dark)
        if answer is not None and layer[0] == "How sure":
            sure_key(answer.sureness)
    with side:
        st.markdown("##### First look", anchors=False)
        st.caption(
            f"{_pixels(scene)}, as the files hold them at a lower resolution; no clouds are left out. "
            "The exact map takes this one’s place by itself. With it come names and hectares of classes, what is at "
            "a place, areas, runs, links, Check, Many scenes and Hand over."
        )
    announce("First look at the scene that is being read. Classes may still move.", f"first look {scene.digest}")


def recipe_of_look(scene: Scene, k: int) -> Recipe:
    """What the look is grouped by: the scene's defaults, pixel by pixel."""
    return replace(default_recipe(scene), k=k, smooth=0)


def _header(coming: FirstLook) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="header"):
        with st.container(key="title", width="content"):
            WithMap("title", str(coming.first_path), "h3").write(coming.scene.title)
        with st.container(key="facts", width="stretch"):
            WithMap("facts", str(coming.first_path), "p").write(_facts(coming))
        _later("Present", "tv", "secondary")
        _later("Hand over", "ios_share", "primary")


def _later(label: str, icon: str, kind: Literal["primary", "secondary", "tertiary"]) -> None:
    """A button of the page where it will stand: what comes takes its place, and moves nothing."""
    st.button(label, type=kind, icon=f":material/{icon}:", key=f"{label.lower()} later", disabled=True, help=_LATER)


def _pixels(scene: Scene) -> str:
    size_m = scene.grid.pixel_size_m
    return f"Pixels of {text.distance(size_m[0])}" if size_m else "Few pixels"


def _facts(coming: FirstLook) -> str:
    scene = coming.scene
    facts = [
        " ".join(filter(None, (scene.sensor, scene.level))),
        text.day(scene.date) if scene.date else None,
        "first look",
    ]
    return " · ".join(filter(None, facts))


def _answer(scene: Scene, strip: Strip) -> LiveAnswer | None:
    """The classes of the look; None where they cannot be made, when the picture is shown alone."""
    recipe = recipe_of_look(scene, state.K.get())
    request = services.live_engine().submit(scene, recipe, state.REQUEST.get(), page_is_open())
    state.REQUEST.set(request)
    try:
        answer = wait_for(request, scene, strip)
    except (Cancelled, S2DashError):
        answer = None
    strip.settle(None)
    return answer


def _map(coming: FirstLook, answer: LiveAnswer | None, legend: Legend | None, layer: Layer, dark: bool) -> None:
    side, band_names, label = layer
    scene, whole, key = coming.scene, coming.whole, str(coming.first_path)
    step = decimation_step(whole.shape_rc, LIVE_PIXELS)
    classes_url, rows = None, tuple[LegendRow, ...]()
    if answer is not None and legend is not None:
        classes_url = pictures.classes_url(answer, answer.result, legend.rgba(None))
        rows = tuple(
            LegendRow(entry.id, entry.name, entry.colour, row.share, text.share(row.share))
            for entry, row in zip(legend.entries, answer.result.rows, strict=True)
        )
        if side == "How sure":
            classes_url = pictures.sureness_url(answer)
    tracked = state.tracked_map()
    tracked.show(scene_token(key), None)
    show_map(
        MapState(
            bounds=map_bounds(whole.decimated(step), step),
            has_place=whole.has_place,
            picture_url=pictures.picture_url(scene, band_names),
            picture_label=label,
            classes_url=classes_url,
            view="Classes" if side == "How sure" else side,
            attribution=scene.attribution,
            dark=dark,
            scene_key=key,
            tracked=tracked,
            title=scene.title,
            facts="First look",
            legend=rows,
            area=DrawnOnMap(is_off=True),
        ),
        key="map",
    )
    if rows:
        look.keep_place_of_legend(len(rows), dense=False)
