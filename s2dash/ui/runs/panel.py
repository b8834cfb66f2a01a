"""The list of runs as a control: every map of the session with its picture, and what people do with it.

The list is a Streamlit component like the legend. What people do comes as trigger values that hold every
action not yet acknowledged; they are carried out in a callback, before anything is drawn, once each by number.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from s2dash.core.legend import MOST_NAME_CHARACTERS
from s2dash.core.run import Run
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import state
from s2dash.ui.runs import kept
from s2dash.ui.runs.values import KeptMap
from s2dash.ui.runs.words import separation_words
from s2dash.ui.session import sent

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "s2dash_runs",
    html=(_HERE / "runs.html").read_text("utf-8"),
    css=(_HERE / "runs.css").read_text("utf-8"),
    js=(_HERE / "runs.js").read_text("utf-8"),
)


def runs_panel(answer: LiveAnswer) -> None:
    """Draw the list of runs, newest first, full width of its container."""
    kept.measure(answer)
    _component(
        data=panel_data() | {"handled": state.last_edit(state.MAPS_LIST).get()},
        key=state.MAPS_LIST,
        on_actions_change=partial(_receive, state.MAPS_LIST),
    )


def panel_data() -> dict[str, Any]:
    """Everything the list shows, as plain values; texts are raw, the list shows them as text only."""
    shown, gone = kept.now(), kept.deleted()
    return {
        "now": shown.number if shown else None,
        "deleted": gone.number if gone else None,
        "longest_note": MOST_NAME_CHARACTERS,
        "rows": [_row_data(one) for one in reversed(kept.maps())],
    }


def _row_data(one: KeptMap) -> dict[str, Any]:
    return {
        "number": one.number,
        "title": _title(one.run),
        "words": one.words,
        "scene": one.run.scene_title,
        "picture": one.thumbnail,
        "star": one.star,
        "note": one.note,
        "separation": separation_words(one.separation),
        "can_restore": one.loaded is not None,
    }


def _title(run: Run) -> str:
    """How many classes came out, which may be fewer than k."""
    count = len(run.scores.shares) if run.scores and run.scores.shares else run.recipe.k
    return f"{count} class{'es' if count != 1 else ''}"


def _receive(key: str) -> None:
    last = state.last_edit(key)
    actions = sent(key, "actions")
    for action in actions if isinstance(actions, list) else []:
        number = _whole(action.get("count")) if isinstance(action, dict) else None
        if number is not None and number > last.get():
            last.set(number)
            _carry_out(action)


def _carry_out(action: dict[str, Any]) -> None:
    """Do what a message from the browser asks for; what is no action is skipped."""
    number, value = _whole(action.get("number")), action.get("value")
    match action.get("kind"), number, value:
        case "bring back", _, _:
            kept.bring_back()
        case "restore", int(), _:
            kept.restore(number)
        case "delete", int(), _:
            kept.delete(number)
        case "star", int(), bool():
            kept.star(number, value)
        case "note", int(), str():
            kept.note(number, value)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
