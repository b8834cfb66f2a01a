"""The list of runs as a control: every map of the session with its picture, and what people do with it.

The list is a Streamlit component like the legend. What people do comes as trigger values that hold every
action not yet acknowledged; they are carried out in a callback, before anything is drawn, once each by number.
"""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from typing import Any

import streamlit as st

from s2dash.core.legend import MOST_NAME_CHARACTERS
from s2dash.core.run import Run
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import state
from s2dash.ui.compare.sides import why_not
from s2dash.ui.runs import keeping, kept
from s2dash.ui.runs.actions import receiver
from s2dash.ui.runs.forget import forget_button
from s2dash.ui.runs.values import KeptMap
from s2dash.ui.runs.words import separation_words

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
        on_actions_change=receiver(state.MAPS_LIST),
    )
    with st.container(horizontal=True, gap="small", key="runsfoot"):
        st.button(
            "All runs",
            icon=":material/table_rows:",
            key="all runs",
            type="tertiary",
            on_click=state.WINDOW.set,
            args=("runs",),
            help="Every run in a table to sort; export all as a file, or bring some in.",
        )
        forget_button()


def panel_data() -> dict[str, Any]:
    """Everything the list shows, as plain values; texts are raw, the list shows them as text only."""
    shown, gone, reopenable = kept.now(), kept.deleted(), keeping.reopenable()
    return {
        "now": shown.number if shown else None,
        "deleted": gone.number if gone else None,
        "foot": keeping.words(),
        "longest_note": MOST_NAME_CHARACTERS,
        "rows": [_row_data(one, reopenable) for one in reversed(kept.maps())],
    }


def _row_data(one: KeptMap, reopenable: Set[str]) -> dict[str, Any]:
    can_restore = one.loaded is not None or one.scene_key in reopenable
    return {
        "number": one.number,
        "classes": f"Run {one.number} · {_classes(one.run)}",
        "title": one.title,
        "words": one.words,
        "scene": one.run.scene_title,
        "picture": one.thumbnail,
        "star": one.star,
        "note": one.note,
        "separation": separation_words(one.separation),
        "k": one.run.recipe.k,
        "silhouette": one.separation,
        "made": one.run.made.timestamp() if one.run.made else None,
        "can_restore": can_restore,
        "why_not_compare": why_not(one),
        "needs": "" if can_restore else keeping.needs_words(one),
    }


def _classes(run: Run) -> str:
    """How many classes came out, which may be fewer than k."""
    count = len(run.scores.shares) if run.scores and run.scores.shares else run.recipe.k
    return f"{count} class{'es' if count != 1 else ''}"
