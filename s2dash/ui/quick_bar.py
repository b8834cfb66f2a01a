"""The bar above the map where the sidebar is closed: the way to it, number of classes, algorithm.

Settings presses Streamlit's own button, which nobody finds: a sidebar opened by the script would close
again at the next change. Where the window is narrow the sidebar is Streamlit's to show only once
`data-settings` stands on the document (look.css).
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from s2dash.classify.algorithms import ALGORITHMS, find_algorithm
from s2dash.ui import state
from s2dash.ui.sidebar import K_LOW, highest_k

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "s2dash_settings_button",
    html=(_HERE / "settings_button.html").read_text("utf-8"),
    css=(_HERE / "settings_button.css").read_text("utf-8"),
    js=(_HERE / "settings_button.js").read_text("utf-8"),
)


def quick_bar(is_paused: bool = False) -> None:
    """Draw the bar, its first button alone where it is paused; look.css shows it only where it is needed."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="quick"):
        _component(data={}, key="opensidebar")
        if is_paused:
            return
        k = state.K.get()
        with st.container(horizontal=True, vertical_alignment="center", gap=None, key="quick-k"):
            _step("Fewer classes", -1, f"At least {K_LOW}.", state.QUICK_FEWER, disabled=k <= K_LOW)
            is_most = find_algorithm(state.ALGORITHM.get()).k_is == "most"
            st.markdown(f"at most **{k}**" if is_most else f"**{k}** classes", width="stretch")
            _step("More classes", 1, f"At most {highest_k()}.", state.QUICK_MORE, disabled=k >= highest_k())
        st.selectbox(
            "Way of grouping",
            list(ALGORITHMS),
            key=state.QUICK_ALGORITHM.shown(),
            on_change=state.QUICK_ALGORITHM.take,
            format_func=lambda name: ALGORITHMS[name].label,
            label_visibility="collapsed",
        )


def _step(label: str, by: int, end: str, key: str, disabled: bool) -> None:
    icon, said = (":material/remove:", "One class fewer.") if by < 0 else (":material/add:", "One class more.")
    change = lambda: state.K.set(state.K.get() + by)  # noqa: E731
    st.button(label, key=key, icon=icon, help=f"{said} {end}", disabled=disabled, on_click=change)
