"""The page: sidebar, map, legend and charts, drawn from top to bottom at every change.

Run by Streamlit as a script. It turns widgets into a recipe, asks the live engine for the result,
and shows values; it computes nothing itself.
"""

from __future__ import annotations

import streamlit as st

from s2dash.classify.sureness import STEPS, LiveSureness
from s2dash.core.classmap import Result
from s2dash.core.legend import Legend
from s2dash.core.scene import Scene
from s2dash.errors import S2DashError
from s2dash.server.live_engine import LiveAnswer, LiveRequest
from s2dash.tiles.placing import map_bounds
from s2dash.ui import look, pictures, services, state, text
from s2dash.ui.check.bar import check_bar
from s2dash.ui.compare.bar import compare_bar
from s2dash.ui.compare.beside import Beside
from s2dash.ui.compare.exact import comparing_line
from s2dash.ui.compare.on_map import compared_beside
from s2dash.ui.compare.sides import compared, still_comparing, stop_comparing
from s2dash.ui.drawn_area import drawn_on_map, follow_drawn, scene_key
from s2dash.ui.first_look import first_look_page
from s2dash.ui.full_run import come_back, full_result, full_run
from s2dash.ui.hand_over.window import hand_over, hand_over_button
from s2dash.ui.how_sure import COLOURS, sure_key
from s2dash.ui.identity import carry_steps
from s2dash.ui.layers import Layer, layer_controls, layer_now, pictured
from s2dash.ui.legend_and_charts import charts, current_legend, spectra_beside, take_in, take_in_of_first_look
from s2dash.ui.legend_table import DENSE_ABOVE
from s2dash.ui.lent_picture import ground_picture
from s2dash.ui.link import follow_link, follow_link_area, say_of_link
from s2dash.ui.live_wait import (
    SMOOTHED_FIRST,
    ask,
    await_smoothing,
    is_as_asked,
    next_recipes,
    smoothing_window,
    wait_for,
)
from s2dash.ui.many_scenes import many_scenes
from s2dash.ui.map_view import Asking, LegendRow, MapState, View, WithMap, scene_token, show_map
from s2dash.ui.messages import words_for
from s2dash.ui.present import present_button
from s2dash.ui.quick_bar import quick_bar
from s2dash.ui.runs import history, keeping, kept
from s2dash.ui.runs.last_runs import last_runs
from s2dash.ui.runs.window import all_runs
from s2dash.ui.session import note_session, note_whole_run
from s2dash.ui.side_panel import side_panel
from s2dash.ui.sidebar import K_LOW, Choices, highest_k, read_choices, sidebar
from s2dash.ui.state import check as held
from s2dash.ui.strip import Strip, announce
from s2dash.ui.two_dates.bar import dates_bar
from s2dash.ui.two_dates.choose import another_date
from s2dash.ui.two_dates.now import dates_line, two_dates_now
from s2dash.ui.two_dates.on_map import dates_beside
from s2dash.ui.two_dates.scenes import still_dates
from s2dash.ui.wide_window import is_wide_window

_SOON_SECONDS = 2.0
"""A grouping that takes longer is not made before anybody asks for it."""
_DRAWN_SECONDS = 0.3
"""So long the rest of the page waits for the map at most: a browser that has all at once shows the map last."""


def main() -> None:
    """Draw the page."""
    st.set_page_config(look.NAME, "🛰️", layout="wide", initial_sidebar_state=288)
    dark = look.is_dark()
    look.apply_look(dark)
    note_session(services.sessions())
    come_back()
    keeping.begin()
    held.take_answers()
    if (coming := state.first_look()) is not None:
        first_look_page(coming, dark)
        return
    follow_link()
    choices = read_choices()
    asked = ask(choices)
    is_there = asked is not None and asked[0].is_answered
    if not is_there:
        sidebar(choices.loaded)  # while others work on the answer
    comparing = still_comparing(choices.recipe)
    is_checking = choices.recipe is not None and held.checked_map(choices.recipe) is not None
    other = still_dates(comparing is not None or is_checking)
    facts_place = _header(choices.scene)
    with st.container(key="work"):
        map_column = st.container(gap=None, key="mapcolumn")
        with st.container(key="side", gap="small"):
            side = st.container(key="classes", gap="small")
        spectra_place = st.container(key="spectra", gap=None)
    with map_column:
        quick_bar()
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="bar"):
            if is_checking:
                layer = check_bar(choices.scene)
            elif comparing is not None:
                compare_bar(comparing)
                layer = layer_now(choices.scene)
            elif other is not None:
                dates_bar(choices.scene, other)
                layer = layer_now(choices.scene)
            else:
                layer = layer_controls(choices.scene)
            steps_place = st.container(horizontal=True, gap="small", width="content", key="steps")
        map_place = st.container(key="map")
        strip = Strip()
    with strip.reading:
        strip.is_reading = follow_drawn()
        follow_link_area()
    answer = _live_answer(choices, asked, strip)
    if answer is None:
        facts_place.write(_facts(choices.scene))
        with map_place:
            _map(choices.scene, None, None, None, layer, dark)
        _announce(None, strip)
        return
    take_in_of_first_look(answer.result.recipe)
    carry_steps(answer)
    take_in(answer.result.recipe)
    answer = _with_edits(answer, strip)
    legend, isolated = current_legend(answer, choices.palette)
    if comparing is not None and isolated is not None:
        stop_comparing()  # a class alone is of the page's own map
        st.rerun()
    sides, dates, beside = None, None, None
    is_final = strip.trouble is not None or is_as_asked(answer, choices)
    if comparing is not None:
        if is_final:
            _keep(answer, legend)  # whose names are those of one side
        sides = compared(comparing, choices.loaded.scene, answer, strip)
        beside = None if sides is None else compared_beside(sides, layer[2])
    shown = full_result(answer) or answer.result
    if other is not None and is_final and strip.trouble is None:
        dates = two_dates_now(other, answer, legend, strip)
        beside = None if dates is None else dates_beside(dates, answer, shown, legend, isolated)
    facts_place.write(_facts(choices.scene, shown))
    with map_place:
        _map(choices.scene, (answer, shown), legend, isolated, layer, dark, beside, is_checking)
        if beside is None and layer[0] == "How sure":
            sure_key(answer.sureness)
    if is_there:
        sidebar(choices.loaded)
    if comparing is None and is_final:
        _keep(answer, legend)  # after the map, which somebody waits for
        if not is_checking:
            last_runs(strip)
            with steps_place:
                _steps()
    if is_checking:
        strip.stand_beside("Checking · answers are kept as you go · settings are paused")
    trouble = None
    request = state.REQUEST.get()
    if not is_final and request is not None:
        await_smoothing(request, choices.scene, strip)
    elif other is not None:
        dates_line(dates, strip)
    elif beside is None and not is_checking:
        trouble = full_run(answer, shown, strip)
    elif sides is not None and strip.trouble is None:
        comparing_line(sides, strip)
    say_of_link(strip)
    keeping.say(answer, strip)
    warnings = [warning for warning in answer.result.warnings if not warning.startswith("No place")]
    strip.notes(warnings, choices.scene.grid.has_place)
    look.keep_place_of_legend(len(legend.entries), len(legend.entries) > DENSE_ABOVE)
    with side:
        side_panel(answer, shown, legend, isolated, choices.palette, sides, is_checking, dates)
    if state.WINDOW.get() in SMOOTHED_FIRST and not is_final:
        smoothing_window()
    elif state.WINDOW.get() == "hand over":
        hand_over(answer, shown, legend, trouble, dates)
    elif state.WINDOW.get() == "many scenes":
        many_scenes(answer, legend)
    elif state.WINDOW.get() == "another date":
        another_date()
    elif state.WINDOW.get() == "ground picture":
        ground_picture()
    elif state.WINDOW.get() == "runs":
        all_runs()
    with spectra_place:
        is_wide = is_wide_window()
        if is_wide:
            spectra_beside(shown, legend, isolated, dark)
    charts(answer, shown, legend, isolated, dark, is_wide)
    _announce(shown, strip, beside)


def _keep(answer: LiveAnswer, legend: Legend) -> None:
    """Keep what the page shows now, as a run and as a step to undo."""
    kept.keep(answer, legend)
    keeping.save()
    history.remember(answer.result.recipe)


def _header(scene: Scene) -> WithMap:
    """The scene's name; returns the place of the facts, which are known with the result."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="header"):
        with st.container(key="title", width="content"):
            WithMap("title", scene_key(scene), "h3").write(scene.title)
        with st.container(key="facts", width="stretch"):
            place = WithMap("facts", scene_key(scene), "p")
        present_button(K_LOW, highest_k(), key="present")
        hand_over_button()
    return place


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


def _live_answer(
    choices: Choices, asked: tuple[LiveRequest, LiveRequest | None] | None, strip: Strip
) -> LiveAnswer | None:
    """The live result of the choices, or the last one with the reason why there is no new one."""
    last = state.ANSWER.get()
    if last is not None and last.result.scene is not choices.scene and last.result.scene.digest != choices.scene.digest:
        last = None
    if choices.recipe is None or asked is None:
        strip.fail(":material/arrow_back: **Choose at least one band** to look at.", last is not None)
        return last
    future, before = asked
    try:
        answer = wait_for(future, choices.scene, strip, or_first_look=True)
    except S2DashError as error:
        strip.fail(words_for(error), last is not None)
        return last
    except Exception as error:  # noqa: BLE001 - the last result must stay on the page, whatever broke
        strip.fail(words_for(error), False)
        return last
    state.ANSWER.set(answer)
    if not is_as_asked(answer, choices):
        strip.settle(None)
        return answer
    if future is not before and answer.seconds < _SOON_SECONDS:
        services.live_engine().foresee(future, choices.scene, next_recipes(choices.recipe, last))
    strip.settle(_learnt_words(answer) if choices.scene.live_step == 1 else None)
    return answer


def _with_edits(answer: LiveAnswer, strip: Strip) -> LiveAnswer:
    """The answer after what the user has merged, split and left out; as it was found where that cannot be done."""
    try:
        edited = services.live_engine().edited(answer, state.edits(answer.result.recipe))
    except S2DashError as error:
        strip.add(f"{words_for(error)} The classes are shown as they were found.")
        edited = answer.unedited
    state.ANSWER.set(edited)
    return edited


def _learnt_words(answer: LiveAnswer) -> str:
    result = answer.result
    most = f"{len(result.rows)} of at most {result.recipe.k} classes, " if answer.fitted.finds_its_number else ""
    return f"{most}learnt from {text.pixels(answer.fitted.sample.pixel_count)} in {text.duration(answer.seconds)}"


def _announce(shown: Result | None, strip: Strip, beside: Beside | None = None) -> None:
    """Tell those who listen what the map shows now, or why there is no new one."""
    if strip.trouble is not None:
        announce(text.heard(strip.trouble), strip.trouble)
    elif beside is not None:
        announce(f"{beside.words}. {beside.said}", beside.words)
    elif shown is not None:
        whole = ", every pixel classified" if shown.is_full and shown.scene.live_step > 1 else ""
        announce(f"Map updated: {len(shown.rows)} classes{whole}.", f"{shown.digest} {shown.is_full}")


def _map(
    scene: Scene,
    results: tuple[LiveAnswer, Result] | None,
    legend: Legend | None,
    alone: int | None,
    layer: Layer,
    dark: bool,
    beside: Beside | None = None,
    is_checking: bool = False,
) -> None:
    """The map; `results` are the live answer and what is known best, with their legend and the class shown alone.

    Of two maps that are compared, it shows these (`beside`); while places are asked about, the picture alone.
    """
    side, band_names, label = layer
    view: View = "Classes" if side == "How sure" else side
    step = scene.live_step
    grid = scene.grid.decimated(step)
    of = pictured(scene)
    picture_url = pictures.picture_url(of, band_names)
    classes_url, shown, asking = None, None, None
    rows: tuple[LegendRow, ...] = ()
    if beside is not None:
        view, shown = beside.view, beside.shown
        classes_url, picture_url = beside.right_url, beside.picture_url or picture_url
        rows = _legend_rows(beside.legend, shown)
    elif results is not None and legend is not None and not is_checking:
        answer, shown = results
        classes_url = pictures.classes_url(answer, shown, legend.rgba(alone))
        rows = _legend_rows(legend, shown)
        asking = Asking(pictures.asking_url(answer, shown), rows)
        if side == "How sure":
            classes_url, rows = pictures.sureness_url(answer), _sure_rows(answer.sureness)
    if results is not None:
        services.native_tiles().prepare(results[0].fitted.scene)
    tracked = state.tracked_map()
    tracked.show(scene_token(scene_key(scene)), state.MAP_START.pop())
    show_map(
        MapState(
            bounds=map_bounds(grid, step),
            has_place=scene.grid.has_place,
            picture_url=picture_url,
            picture_label=label,
            classes_url=classes_url,
            view=view,
            attribution=(beside and beside.attribution) or pictures.attribution_of(scene, of),
            dark=dark,
            scene_key=scene_key(scene),
            tracked=tracked,
            title=scene.title,
            facts=_day_and_area(scene, shown) if beside is None else beside.words,
            legend=rows,
            alone=alone,
            named=results is not None and bool(state.edits(results[0].result.recipe).names),
            k=(state.K.get(), K_LOW, highest_k()) if beside is None and not is_checking else None,
            asking=asking,
            is_checking=is_checking,
            compared=None if beside is None else beside.maps,
            area=drawn_on_map(state.loaded()),
        ),
        key="map",
    )
    if classes_url is not None and view != "Picture":
        tracked.await_drawn(classes_url, _DRAWN_SECONDS)


def _day_and_area(scene: Scene, result: Result | None) -> str:
    areas = [row.area_ha for row in result.rows if row.area_ha is not None] if result is not None else []
    return " · ".join(
        filter(None, (text.day(scene.date) if scene.date else "", text.area(sum(areas)) if areas else ""))
    )


def _sure_rows(sure: LiveSureness) -> tuple[LegendRow, ...]:
    """The steps in the place of the classes."""
    steps = enumerate(zip(STEPS, COLOURS, sure.shares, strict=True), 1)
    return tuple(LegendRow(n, words, colour, share, text.share(share)) for n, (words, colour, share) in steps)


def _legend_rows(legend: Legend, result: Result) -> tuple[LegendRow, ...]:
    pairs = legend.arranged([*zip(legend.entries, result.rows, strict=True)])
    return tuple(
        LegendRow(entry.id, entry.name, entry.colour, row.share, text.share(row.share)) for entry, row in pairs
    )


main()
note_whole_run()
