"""The button that opens the window `Compare with another date`."""

from __future__ import annotations

import streamlit as st

from s2dash.ui import state


def another_date_button() -> None:
    """Draw it."""
    st.button(
        "Compare with another date",
        icon=":material/compare:",
        key="another date",
        type="tertiary",
        on_click=state.WINDOW.set,
        args=("another date",),
        help="Give a second picture of the same ground: it gets the same classes, and the map shows what changed.",
    )
