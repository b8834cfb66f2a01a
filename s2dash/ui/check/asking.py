"""Asks about the places of a check: the component that shows one after another, and what it is told.

Answers run no page: the browser puts them into the page's `CheckBook` by a route (`server/routes/checks.py`). The page
is drawn again when it stops.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from s2dash.classify.accuracy.sampling import class_names
from s2dash.core.accuracy import Check
from s2dash.core.legend import Legend
from s2dash.core.scene import Scene
from s2dash.server.routes.checks import check_url
from s2dash.ui import state
from s2dash.ui.check import actions
from s2dash.ui.check.places import inset, on_map
from s2dash.ui.identity import is_named
from s2dash.ui.runs.values import KeptMap
from s2dash.ui.session import sent
from s2dash.ui.state import check as held

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "s2dash_check_asking",
    html=(_HERE / "asking.html").read_text("utf-8"),
    css=(_HERE / "asking.css").read_text("utf-8"),
    js=(_HERE / "asking.js").read_text("utf-8"),
)


def asking(one: KeptMap, check: Check, scene: Scene, legend: Legend, looks_like: dict[int, str]) -> None:
    """Ask about the places of a map's check, full width of the container.

    Parameters
    ----------
    looks_like : what a class without a name might be, by its number
    """
    names = offered(legend, looks_like)
    of = f"{one.key} {check.seed} {len(check.places)}"
    book = held.check_book()
    book.open(one.key, of, check, frozenset(name["name"] for name in names))
    _component(
        data={
            "of": of,
            "url": check_url(book.token, str(st.get_option("server.baseUrlPath"))),
            "places": on_map(check.places, scene.grid),
            "answers": {str(i): p.answer for i, p in enumerate(check.places) if p.unsure or p.answer is not None},
            "names": names,
            "inset": inset(scene),
            "handled": state.last_edit(held.CHECK_ASKING).get(),
        },
        key=held.CHECK_ASKING,
        on_actions_change=_receive,
    )


def offered(legend: Legend, looks_like: dict[int, str]) -> list[dict[str, Any]]:
    """The answers that can be given: each name once, as the first class of it looks."""
    first: dict[str, dict[str, Any]] = {}
    names = class_names(legend)
    for entry in legend.listed:
        name = names[entry.id]
        more = "" if is_named(name) else looks_like.get(entry.id, "")
        first.setdefault(name, {"name": name, "number": str(entry.id), "colour": entry.colour, "more": more})
    return list(first.values())


def _receive() -> None:
    last = state.last_edit(held.CHECK_ASKING)
    messages = sent(held.CHECK_ASKING, "actions")
    for message in messages if isinstance(messages, list) else []:
        count = message.get("count") if isinstance(message, dict) else None
        if isinstance(count, int) and not isinstance(count, bool) and count > last.get():
            last.set(count)
            if message.get("kind") == "stop":
                actions.stop()
