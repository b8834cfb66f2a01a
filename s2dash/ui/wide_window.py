"""Whether the window is wide enough for the spectra to stand beside the map, which only the browser knows.

It says so once, and again when that changes (look.css has the same limits, and keeps the place meanwhile).
"""

from __future__ import annotations

import streamlit as st

from s2dash.ui import state
from s2dash.ui.session import sent

_JS = """
const wide = matchMedia("(min-width: 1600px) and (min-height: 700px)");

export default ({ data, setStateValue }) => {
  const tell = () => { if (wide.matches !== data.wide) setStateValue("wide", wide.matches); };
  tell();
  wide.onchange = tell;
};
"""
_KEY = "widewindow"
_component = st.components.v2.component("s2dash_wide_window", html="<span></span>", js=_JS)


def is_wide_window() -> bool:
    """Whether it is, as far as the browser has said; to be asked where it may draw something without a size."""
    _component(data={"wide": state.IS_WIDE.get()}, key=_KEY, on_wide_change=_receive)
    return state.IS_WIDE.get()


def _receive() -> None:
    state.IS_WIDE.set(sent(_KEY, "wide") is True)
