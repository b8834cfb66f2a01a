"""The window `Compare with another date`: how the other picture comes in, from files or from the session's scenes."""

from __future__ import annotations

import streamlit as st

from s2dash.ui import state
from s2dash.ui.another_scene import Ways, another_scene
from s2dash.ui.known_scenes import known_scenes
from s2dash.ui.loaded import Loaded
from s2dash.ui.session import draw_again
from s2dash.ui.state import dates as held
from s2dash.ui.two_dates.scenes import begin_dates
from s2dash.ui.uploads import forget

_SAME_SCENE = "This is the scene that is open. Choose a picture of another day."
_WAYS = Ways(
    incoming=held.INCOMING_DATE,
    uploader=held.OTHER_DATE_UPLOADER,
    upload_label="Picture of another date",
    server_key="other date server files",
    menu_key=held.KNOWN_SCENE,
    button_label="Compare",
    button_key="compare known",
    button_help="Puts the classes you see on this scene as well.",
)


def _dismissed() -> None:
    state.close_window()
    forget(held.INCOMING_DATE)


@st.dialog("Compare with another date", on_dismiss=_dismissed)
def another_date() -> None:
    """The window."""
    st.caption(
        "Give a second picture of the same ground. It gets the classes of the map you see, and the map then shows what "
        "changed. Any size and pixels will do: what both pictures show is compared."
    )
    found = another_scene(_WAYS, known_scenes())
    if found is not None:
        _use(found)


def _use(found: Loaded) -> None:
    if found.whole.digest == state.loaded().whole.digest:
        held.INCOMING_DATE.words.set(_SAME_SCENE)
        draw_again()
        return
    begin_dates(found)
    held.INCOMING_DATE.words.pop()
    state.close_window()
    st.rerun()
