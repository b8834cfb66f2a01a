"""The page: sidebar, map, legend and charts, drawn from top to bottom at every change.

Run by Streamlit as a script. It turns widgets into a recipe, asks the live engine for the result,
and shows values; it computes nothing itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as NotYet
from dataclasses import replace

import numpy as np
import streamlit as st

from s2dash.core import sentinel2
from s2dash.core.classmap import Result
from s2dash.core.legend import Legend
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Scene
from s2dash.errors import S2DashError
from s2dash.server.live_engine import LiveAnswer
from s2dash.tiles.placing import map_bounds
from s2dash.tiles.render import Picture
from s2dash.tiles.store import url_template
from s2dash.tiles.stretch import picture_rgba, stretch_of
from s2dash.ui import look, services, state, text
from s2dash.ui.full_run import come_back, full_result, full_run
from s2dash.ui.hand_over import hand_over, hand_over_button
from s2dash.ui.legend_table import DENSE_ABOVE
from s2dash.ui.many_scenes import many_scenes
from s2dash.ui.map_view import LegendRow, MapState, View, WithMap, show_map
from s2dash.ui.messages import words_for
from s2dash.ui.present import present_button
from s2dash.ui.quick_bar import quick_bar
from s2dash.ui.results import charts, current_legend, legend_panel
from s2dash.ui.runs import history, kept
from s2dash.ui.runs.panel import runs_panel
from s2dash.ui.session import note_session, page_is_open
from s2dash.ui.sidebar import K_LOW, Choices, highest_k, sidebar
from s2dash.ui.strip import Strip, announce

_POLL_SECONDS = 0.05
_QUICK_POLLS = 10
_LATER_POLL_SECONDS = 0.2
"""An answer ends the wait at once; each look costs the server something, and many may be waiting."""
_COUNT_AFTER_SECONDS = 2.0
_SOON_SECONDS = 2.0
"""A grouping that takes longer is not made before anybody asks for it."""
_OWN_LAYER = "Three bands …"


Layer = tuple[View, tuple[str, str, str], str]
"""How to look, the bands shown as red, green and blue, and what their colours mean."""


def main() -> None:
    """Draw the page."""
    st.set_page_config(look.NAME, "🛰️", layout="wide", initial_sidebar_state=288)
    dark = look.is_dark()
    look.apply_look(dark)
    note_session(services.sessions())
    come_back()
    choices = sidebar()
    facts_place = _header(choices.scene)
    with st.container(key="work"):
        map_column = st.container(gap=None, key="mapcolumn")
        with st.container(key="side", gap="small"):
            side = st.container(key="classes", gap="small")
    with map_column:
        quick_bar()
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="bar"):
            layer = _layer_controls(choices.scene)
            steps_place = st.container(horizontal=True, gap="small", width="content", key="steps")
        map_place = st.container(key="map")
        strip = Strip()
    answer = _live_answer(choices, strip)
    if answer is None:
        facts_place.write(_facts(choices.scene))
        with map_place:
            _map(choices.scene, None, None, None, layer, dark)
        _announce(None, strip)
        return
    legend, isolated = current_legend(answer, choices.palette)
    kept.keep(answer, legend)
    history.remember(answer.result.recipe)
    with steps_place:
        _steps()
    shown = full_result(answer) or answer.result
    facts_place.write(_facts(choices.scene, shown))
    with map_place:
        _map(choices.scene, (answer, shown), legend, isolated, layer, dark)
    full_run(answer, shown, strip)
    warnings = [warning for warning in answer.result.warnings if not warning.startswith("No place")]
    strip.notes(warnings, choices.scene.grid.has_place)
    look.keep_place_of_legend(len(legend.entries), len(legend.entries) > DENSE_ABOVE)
    with side:
        if _panel() == "Runs":
            runs_panel(answer)
        else:
            legend_panel(answer, shown, legend, isolated, choices.palette)
    if state.WINDOW.get() == "hand over":
        hand_over(answer, shown, legend)
    elif state.WINDOW.get() == "many scenes":
        many_scenes(answer, legend)
    charts(answer, shown, legend, isolated, dark)
    _announce(shown, strip)


def _header(scene: Scene) -> WithMap:
    """The scene's name; returns the place of the facts, which are known with the result."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="header"):
        with st.container(key="title", width="content"):
            WithMap("title", _scene_key(scene), "h3").write(scene.title)
        with st.container(key="facts", width="stretch"):
            place = WithMap("facts", _scene_key(scene), "p")
        present_button(K_LOW, highest_k(), key="present")
        hand_over_button()
    return place


def _panel() -> state.Panel:
    """Which of the panels stands beside the map."""
    count = len(kept.maps())
    panel = st.segmented_control(
        "Panel",
        state.PANELS,
        format_func=lambda name: f"{name} {count}" if name == "Runs" else name,
        required=True,
        key=state.PANEL.shown(),
        on_change=state.PANEL.take,
        label_visibility="collapsed",
        width="stretch",
    )
    return panel or "Classes"


def _steps() -> None:
    """Undo and redo, with what they would change."""
    for label, key, words, act, shortcut in (
        ("Undo", state.UNDO, history.undo_words(), history.undo, "Ctrl+Z"),
        ("Redo", state.REDO, history.redo_words(), history.redo, "Ctrl+Shift+Z"),
    ):
        st.button(
            label,
            key=key,
            icon=f":material/{label.lower()}:",
            type="tertiary",
            disabled=words is None,
            on_click=act,
            shortcut=shortcut,
            help=f"{label}: {words}" if words else f"Nothing to {label.lower()}",
        )


def _scene_key(scene: Scene) -> str:
    """Another for each scene that is loaded, whatever is chosen for it."""
    return f"{scene.paths[0]}"


def _facts(scene: Scene, result: Result | None = None) -> str:
    """What the picture is, in one line; holds text from outside."""
    size_m = scene.grid.pixel_size_m
    pixels = f"{text.number(scene.grid.width)} × {text.number(scene.grid.height)}"
    facts = [
        " ".join(filter(None, (scene.sensor, scene.level))),
        text.day(scene.date) if scene.date else None,
        f"{pixels} at {text.distance(size_m[0])}" if size_m else pixels,
        f"{len(scene.bands)} band{'s' if len(scene.bands) != 1 else ''}",
    ]
    if result is not None:
        masked = result.masked_share
        facts.append(f"{text.share(masked)} masked" if masked > 0 else "nothing masked")
    return " · ".join(filter(None, facts))


def _layer_controls(scene: Scene) -> Layer:
    """Which way to look, and the three bands of the picture with what their colours mean.

    What is of no use for a choice keeps its place: nothing above the map may change its height.
    """
    st.segmented_control(
        "View",
        state.SIDES,
        required=True,
        key=state.SIDE.shown(),
        on_change=state.SIDE.take,
        label_visibility="collapsed",
    )
    view = state.SIDE.get()
    by_standard = {band.standard: band.name for band in reversed(scene.bands) if band.standard}
    if "B08" in by_standard and any(band.own for band in scene.bands):
        # Other missions have one near infrared, which stands for both.
        by_standard.setdefault("B8A", by_standard["B08"])
    layers = {
        name: ((by_standard[bands[0]], by_standard[bands[1]], by_standard[bands[2]]), label)
        for name, (bands, label) in sentinel2.LAYERS.items()
        if all(b in by_standard for b in bands)
    }
    options = [*layers, _OWN_LAYER] if len(scene.bands) > 1 else ["One band"]
    picture = state.PICTURE.within(options, options[0])
    layer = st.selectbox(
        "Picture",
        options,
        key=picture.shown(),
        on_change=picture.take,
        label_visibility="collapsed",
        width=185,
    )
    is_own = layer == _OWN_LAYER
    bands_place = st.popover(
        "Bands",
        icon=":material/palette:",
        disabled=not is_own,
        help=None if is_own else f"Choose “{_OWN_LAYER}” on the left to pick them.",
        key="own bands",
    )
    if layer in layers:
        bands, label = layers[layer]
        return view, bands, label
    if not is_own:
        name = scene.band_names[0]
        return view, (name, name, name), f"{name}: brightness"
    described = {band.name: band.description for band in scene.bands}
    with bands_place:
        names = scene.band_names
        picked = [
            st.selectbox(
                f"Shown as {colour}",
                names,
                key=band.shown(),
                on_change=band.take,
                format_func=lambda name: described.get(name, name),
                help=f"The brighter the ground is in this band, the more {colour} the picture.",
            )
            for colour, band in zip(("red", "green", "blue"), state.shown_bands(names), strict=True)
        ]
    return view, (picked[0], picked[1], picked[2]), " / ".join(picked)


def _live_answer(choices: Choices, strip: Strip) -> LiveAnswer | None:
    """The live result of the choices, or the last one with the reason why there is no new one."""
    last = state.ANSWER.get()
    if last is not None and last.result.scene is not choices.scene and last.result.scene.digest != choices.scene.digest:
        last = None
    if choices.recipe is None:
        strip.fail(":material/arrow_back: **Choose at least one band** to look at.", last is not None)
        return last
    engine = services.live_engine()
    before = state.REQUEST.get()
    future = engine.submit(choices.scene, choices.recipe, before, page_is_open())
    state.REQUEST.set(future)
    started, polls = time.perf_counter(), 0
    while True:
        try:
            answer = future.result(timeout=_POLL_SECONDS if polls < _QUICK_POLLS else _LATER_POLL_SECONDS)
            break
        except NotYet:
            # Each call also lets Streamlit stop this run where a control has been moved meanwhile.
            strip.busy(_busy_words(choices.scene, time.perf_counter() - started, future.others_before))
            polls += 1
        except S2DashError as error:
            strip.fail(words_for(error), last is not None)
            return last
        except Exception as error:  # noqa: BLE001 - the last result must stay on the page, whatever broke
            strip.fail(words_for(error), False)
            return last
    state.ANSWER.set(answer)
    if future is not before and answer.seconds < _SOON_SECONDS:
        engine.foresee(future, choices.scene, _next_recipes(choices.recipe, last))
    strip.settle(_learnt_words(answer) if choices.scene.live_step == 1 else None)
    return answer


def _next_recipes(recipe: Recipe, last: LiveAnswer | None) -> list[Recipe]:
    """What the next step of the slider would ask for, the way it went first."""
    downwards = last is not None and last.result.recipe.k > recipe.k
    steps = (-1, 1) if downwards else (1, -1)
    return [replace(recipe, k=recipe.k + step) for step in steps if K_LOW <= recipe.k + step <= highest_k()]


def _learnt_words(answer: LiveAnswer) -> str:
    result = answer.result
    most = f"{len(result.rows)} of at most {result.recipe.k} classes, " if answer.fitted.finds_its_number else ""
    return f"{most}learnt from {text.pixels(answer.fitted.sample.pixel_count)} in {text.duration(answer.seconds)}"


def _announce(shown: Result | None, strip: Strip) -> None:
    """Tell those who listen what the map shows now, or why there is no new one."""
    if strip.trouble is not None:
        announce(text.heard(strip.trouble), strip.trouble)
    elif shown is not None:
        whole = ", every pixel classified" if shown.is_full and shown.scene.live_step > 1 else ""
        announce(f"Map updated: {len(shown.rows)} classes{whole}.", f"{shown.digest} {shown.is_full}")


def _busy_words(scene: Scene, waited_seconds: float, others_before: int) -> str:
    if others_before:
        return f":material/hourglass_empty: Waiting: {others_before} before you"
    count = scene.grid.decimated(scene.live_step).pixel_count
    waited = f" {waited_seconds:.0f} s" if waited_seconds > _COUNT_AFTER_SECONDS else ""
    return f":material/progress_activity: Grouping {text.number(count)} pixels …{waited}"


def _map(
    scene: Scene,
    results: tuple[LiveAnswer, Result] | None,
    legend: Legend | None,
    alone: int | None,
    layer: Layer,
    dark: bool,
) -> None:
    """The map; `results` are the live answer and what is known best, with their legend and the class shown alone."""
    view, band_names, label = layer
    step = scene.live_step
    grid = scene.grid.decimated(step)
    picture_key = f"{scene.digest} {scene.paths} {' '.join(band_names)}"
    picture_url = _url(picture_key, lambda: _picture(scene, band_names), scene)
    classes_url, shown = None, None
    rows: tuple[LegendRow, ...] = ()
    if results is not None and legend is not None:
        answer, shown = results
        colours = legend.rgba(alone)
        classes_url = _url(
            f"{shown.digest} {shown.classmap.path or shown.scene.paths} {colours.tobytes().hex()}",
            lambda: _classes(answer, shown, colours),
            scene,
        )
        rows = _legend_rows(legend, shown)
        services.native_tiles().prepare(answer.fitted.scene)
    show_map(
        MapState(
            bounds=map_bounds(grid, step),
            has_place=scene.grid.has_place,
            picture_url=picture_url,
            picture_label=label,
            classes_url=classes_url,
            view=view,
            attribution=scene.attribution,
            dark=dark,
            scene_key=_scene_key(scene),
            title=scene.title,
            facts=_day_and_area(scene, shown),
            legend=rows,
            alone=alone,
            named=results is not None and bool(state.edits(results[0].result.recipe).names),
            k=(state.K.get(), K_LOW, highest_k()),
        ),
        key="map",
    )


def _day_and_area(scene: Scene, result: Result | None) -> str:
    areas = [row.area_ha for row in result.rows if row.area_ha is not None] if result is not None else []
    return " · ".join(
        filter(None, (text.day(scene.date) if scene.date else "", text.area(sum(areas)) if areas else ""))
    )


def _legend_rows(legend: Legend, result: Result) -> tuple[LegendRow, ...]:
    pairs = zip(legend.entries, result.rows, strict=True)
    return tuple(
        LegendRow(entry.id, entry.name, entry.colour, row.share, text.share(row.share)) for entry, row in pairs
    )


def _picture(scene: Scene, band_names: Sequence[str]) -> Picture:
    stack = services.live_engine().stack(scene)
    stretch = stretch_of(scene, stack, band_names)
    pixels = picture_rgba(scene, stack, band_names, stretch)
    step = scene.live_step
    return Picture(scene.grid.decimated(step), pixels, None, step, services.native_tiles().picture(scene, stretch))


def _classes(answer: LiveAnswer, shown: Result, colours: np.ndarray) -> Picture:
    """The live picture's labels, with those of every pixel behind them: made as one looks, or of the full result."""
    native, live = services.native_tiles(), answer.result.classmap
    assert live.labels is not None
    detail = native.finished(shown) if shown.classmap.path else native.classes(answer.fitted, answer.result.digest)
    return Picture(live.grid, live.labels, colours, live.step, detail)


def _url(key: str, make: Callable[[], Picture], scene: Scene) -> str:
    store = services.tile_store()
    token = store.token_of(key) or store.put(key, make(), scene.paths)
    return url_template(token, str(st.get_option("server.baseUrlPath")))


main()
