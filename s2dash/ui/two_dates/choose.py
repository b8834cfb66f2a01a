"""The window `Compare with another date`: how the other picture comes in, from files or from the session's scenes."""

from __future__ import annotations

from functools import partial

import streamlit as st

from s2dash import ingest
from s2dash.settings import data_folder
from s2dash.ui import state
from s2dash.ui.known_scenes import known_scenes
from s2dash.ui.loaded import Brought, Loaded
from s2dash.ui.server_files import server_files
from s2dash.ui.session import draw_again
from s2dash.ui.state import dates as held
from s2dash.ui.two_dates.scenes import begin_dates
from s2dash.ui.uploads import bring, follow, forget, read_scene

_SAME_SCENE = "This is the scene that is open. Choose a picture of another day."


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
    _uploader()
    _from_server()
    _known_scenes()
    found = follow(held.INCOMING_DATE)
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


def _uploader() -> None:
    uploads = st.file_uploader(
        "Picture of another date",
        accept_multiple_files=True,
        key=held.OTHER_DATE_UPLOADER.key,
        help="A product as it was downloaded (zip or tar), or the files of one scene chosen together. Up to 200 MB a "
        "file; bring a larger one in by Change, go back to this scene, and choose it below.",
    )
    if uploads:
        bring(held.INCOMING_DATE, uploads, partial(read_scene, held.INCOMING_DATE))
        held.OTHER_DATE_UPLOADER.empty()
        draw_again()


def _from_server() -> None:
    folder = data_folder()
    if folder is None:
        return
    with st.expander("Files on this server", type="compact"):
        chosen = server_files(folder, key="other date server files")
    if chosen:
        found = ingest.with_side_cars(chosen)
        read_scene(held.INCOMING_DATE, Brought(found, tuple(path.name for path in found), can_stay=True))
        draw_again()


def _known_scenes() -> None:
    known = known_scenes()
    if not known:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.selectbox(
            "Or a scene you had before",
            range(len(known)),
            key=held.KNOWN_SCENE,
            format_func=lambda number: known[number].words if number < len(known) else "",
            help="Scenes of this session, and those of Many scenes.",
        )
        pressed = st.button("Compare", key="compare known", help="Puts the classes you see on this scene as well.")
    if not pressed:
        return
    one = known[chosen]
    if one.loaded is not None:
        _use(one.loaded)
    elif one.brought is not None:
        read_scene(held.INCOMING_DATE, one.brought)
        draw_again()
