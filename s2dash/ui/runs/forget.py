"""What of a session is kept, in plain words, and the way to have all of it forgotten."""

from __future__ import annotations

import streamlit as st

from s2dash.ui.runs import keeping

_WHAT_GOES = (
    "**This goes, from the server too:** your scene, every run with its picture, note, star and title, all names and "
    "colours, the map you name classes by, and full maps that are still being made.\n\n"
    "The page’s address then leads nowhere, in every window, and you begin anew. It cannot be undone. "
    "What you have downloaded stays with you."
)
_WIDTH = 330


def forget_button() -> None:
    """The button that says what goes, and then lets it go."""
    with (
        st.popover("Forget everything", icon=":material/delete_forever:", type="tertiary", key="forget"),
        st.container(width=_WIDTH),
    ):
        _forget("here")


def _forget(where: str) -> None:
    st.markdown(_WHAT_GOES)
    st.button(
        "Forget everything now",
        key=f"forget now {where}",
        type="primary",
        on_click=keeping.forget_everything,
        help="Removes it at once, without asking again.",
    )


def what_is_kept() -> None:
    """The words in the sidebar, with the button."""
    with (
        st.popover("What is kept", icon=":material/lock:", type="tertiary", key="what is kept"),
        st.container(width=_WIDTH),
    ):
        st.markdown(keeping.words())
        st.markdown("Nobody sees another’s. Nothing leaves this server.")
        _forget("sidebar")
