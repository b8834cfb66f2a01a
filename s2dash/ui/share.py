"""The link of the map that is shown, in a field with a button that copies it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import streamlit as st

from s2dash.core.shared_map import shared
from s2dash.errors import UnreadableValue
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import state, text
from s2dash.ui.link import PARAMETER, example_of

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "s2dash_share",
    html=(_HERE / "share.html").read_text("utf-8"),
    css=(_HERE / "share.css").read_text("utf-8"),
    js=(_HERE / "share.js").read_text("utf-8"),
)
_OF_EXAMPLE = "Opens this map with its settings, names, colours and view."
_OF_OWN = "Opens this map once the same file is there: files of your own do not travel with it."


def share_link(answer: LiveAnswer) -> None:
    """Draw it, as wide as its container; where the map holds too much for a link, say so."""
    run, example = state.run(answer, with_scores=False), example_of(state.loaded())
    # An example with an area of somebody's own file is no example any more.
    example = example if all(area.drawn for area in run.reading.area) else ""
    position = state.tracked_map().position
    if position is not None:
        run = replace(run, view=position.in_view(run.view))
    try:
        link = shared(run, example).to_link()
    except UnreadableValue as error:
        st.caption(text.plain(str(error)))
        return
    words = _OF_EXAMPLE if example else _OF_OWN
    _component(data={"link": link, "parameter": PARAMETER, "words": words}, key="share")
