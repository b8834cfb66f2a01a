"""The panel "How many classes?", pushed over the panel beside the map: curves with advice, or the nested tree.

Numbers of classes are tried in the background (`server.sweeps`) while the panel is looked at. What people click in
the curves comes as numbered trigger values, as from the list of runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from s2dash.classify.advice import LEAST_STABILITY, Advice, Column, advise, tried_ks
from s2dash.classify.algorithms import nested_groups
from s2dash.core.legend import Legend
from s2dash.server.live_engine import LiveAnswer
from s2dash.server.sweeps import SweepJob
from s2dash.ui import services, state, text
from s2dash.ui.how_many.tree import split_words, tree_data
from s2dash.ui.how_many.words import MEASURES, MORE_MEASURES, Measure, advice_words, column_words
from s2dash.ui.messages import words_for
from s2dash.ui.session import sent
from s2dash.ui.sidebar import K_LOW, highest_k

_LOOK_SECONDS = 0.5
_MOST_OTHERS = 2
"""Further numbers that have a button of their own."""
_HERE = Path(__file__).parent


def _component(name: str) -> Any:
    html, css, js = ((_HERE / f"{name}.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
    return st.components.v2.component(f"s2dash_how_many_{name}", html=html, css=css, js=js)


_curves, _tree = _component("curves"), _component("tree")


def how_many_panel(answer: LiveAnswer, legend: Legend) -> None:
    """Draw the panel, full width of its container; numbers are tried while its curves are shown."""
    state.DRAW_AGAIN.pop()
    _head()
    if state.HOW_MANY.get() == "Nested":
        _nested(answer, legend)
    elif state.ADVICE_STOPPED.get() == _what_is_tried(answer):
        with st.container(key="advice"):
            st.markdown("Stopped.")
            st.button("Try again", key="try numbers again", on_click=lambda: state.ADVICE_STOPPED.set(None))
    else:
        job = services.sweeps().of(answer.fitted)
        st.fragment(_chart, run_every=None if job.is_done else _LOOK_SECONDS)(answer, legend, job, not job.is_done)


def _head() -> None:
    st.button(
        "Classes",
        icon=":material/chevron_left:",
        type="tertiary",
        key="leave panel",
        on_click=lambda: state.PUSHED.set(None),
        shortcut="Esc",
        help="Back to the panel before.",
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="howmanyhead"):
        st.markdown("#### How many classes?", anchors=False)
        st.segmented_control(
            "Way of looking at numbers",
            state.HOW_MANY_VIEWS,
            required=True,
            key=state.HOW_MANY.shown(),
            on_change=state.HOW_MANY.take,
            label_visibility="collapsed",
        )


def _what_is_tried(answer: LiveAnswer) -> state.MapKey:
    """The same for every number of classes."""
    return state.map_of(replace(answer.result.recipe, k=K_LOW))


def _chart(answer: LiveAnswer, legend: Legend, job: SweepJob, was_under_way: bool) -> None:
    """Curves and advice, drawn again by themselves while numbers are being tried."""
    if state.DRAW_AGAIN.pop() or (was_under_way and job.is_done):
        st.rerun()
    columns, now = job.look(), answer.result.recipe.k
    advice = advise(columns)
    with st.container(key="advice", gap="small"):
        if not job.is_done:
            _progress(answer, job)
        elif job.error is not None:
            st.markdown(words_for(job.error))
        else:
            st.markdown(advice_words(advice, columns, _next_split(columns, now, legend)))
            _offers(advice, now)
    _curves(
        data=curves_data(columns, advice if job.is_done else Advice(None), now)
        | {"handled": state.last_edit(state.CURVES).get()},
        key=state.CURVES,
        on_actions_change=partial(_receive, state.CURVES),
    )
    st.caption(_foot(job))


def _progress(answer: LiveAnswer, job: SweepJob) -> None:
    ks = tried_ks()
    st.progress(job.share, text=f"Trying {ks[0]} to {ks[-1]} classes …{text.time_left(job.seconds_left)}")
    st.button(
        "Stop",
        key="stop trying",
        help="What has been tried goes; your map stays as it is.",
        on_click=lambda: _ask_for(lambda: state.ADVICE_STOPPED.set(_what_is_tried(answer))),
    )


def _offers(advice: Advice, now: int) -> None:
    if advice.use is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="offers"):
        _offer(f"Use {advice.use} classes", advice.use, now, "primary")
        for k in reversed(advice.also[-_MOST_OTHERS:]):
            _offer(f"Use {k}", k, now, "secondary")
        st.caption(f"now {now}")


def _offer(label: str, k: int, now: int, kind: Any) -> None:
    st.button(
        label,
        key=f"use {k}",
        type=kind,
        disabled=k == now,
        help="The map has so many now." if k == now else f"Makes the map with {k} classes. Undo brings {now} back.",
        on_click=lambda: _adopt(k),
    )


def _next_split(columns: Sequence[Column], now: int, legend: Legend) -> str | None:
    """Name of the class that one more class would split, where that was tried."""
    split = next((column.splits for column in columns if column.k == now + 1), None)
    return next((entry.name for entry in legend.entries if entry.id == split), None)


def _foot(job: SweepJob) -> str:
    parts = ["Click a column to see it on the map; undo goes back. No measure knows what you need to tell apart."]
    if job.seconds is not None and job.error is None:
        parts.append(f"Tried on {text.pixels(job.pixel_count)} in {text.duration(job.seconds)}.")
    return " ".join(parts)


def curves_data(columns: Sequence[Column], advice: Advice, now: int) -> dict[str, Any]:
    """Everything the curves show, as plain values."""
    found = {column.k: column for column in columns}
    ks = list(tried_ks()) if not columns else sorted({*tried_ks(), *found})
    return {
        "now": now,
        "use": advice.use,
        "advised": [*advice.also, *([] if advice.use is None else [advice.use])],
        "ks": ks,
        "about": [column_words(found[k]) if k in found else "" for k in ks],
        "measures": [_curve(one, ks, found) for one in MEASURES],
        "more": [_curve(one, ks, found) for one in MORE_MEASURES if any(map(one.of, columns))],
    }


def _curve(measure: Measure, ks: Sequence[int], found: dict[int, Column]) -> dict[str, Any]:
    values = [measure.of(found[k]) if k in found else None for k in ks]
    return {
        "name": measure.name,
        "what": measure.what,
        "help": measure.help,
        "values": values,
        "shown": ["" if value is None else measure.form(value) for value in values],
        "line": LEAST_STABILITY if measure.name == "Stability" else None,
    }


def _nested(answer: LiveAnswer, legend: Legend) -> None:
    st.markdown(nested_groups.ALGORITHM.help)
    if answer.result.recipe.algorithm != nested_groups.ALGORITHM.name:
        st.button(
            "Use nested groups",
            key="use nested groups",
            type="primary",
            help="Makes the map by the algorithm “Nested groups”. Undo brings back what you have now.",
            on_click=lambda: state.ALGORITHM.set(nested_groups.ALGORITHM.name),
        )
        return
    st.slider(
        "Cut the tree at",
        K_LOW,
        highest_k(),
        key=state.CUT.shown(highest_k()),
        on_change=state.CUT.take,
        format="%d classes",
        help="The same number as k on the left. Further to the right, one class after another splits in two.",
    )
    _tree(data=tree_data(answer.fitted, legend), key="tree")
    with st.container(key="advice"):
        st.markdown(split_words(answer.fitted, legend))


def _receive(key: str) -> None:
    last = state.last_edit(key)
    actions = sent(key, "actions")
    for action in actions if isinstance(actions, list) else []:
        count, k = (_whole(action.get(name)) for name in ("count", "k")) if isinstance(action, dict) else (None, None)
        if count is not None and count > last.get():
            last.set(count)
            if k is not None and K_LOW <= k <= max(highest_k(), tried_ks()[-1]):
                _adopt(k)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _adopt(k: int) -> None:
    _ask_for(lambda: state.K.set(k))


def _ask_for(change: Any) -> None:
    """Make a change that the whole page must be drawn with, whatever part of it is about to be."""
    change()
    state.DRAW_AGAIN.set(True)
