"""A scene of the same place lends an embedding its picture: the button, the window, and which scene it is now."""

from __future__ import annotations

from functools import partial

import streamlit as st

from s2dash import ingest
from s2dash.core.scene import Scene
from s2dash.export.lent import covered_share, lent_label, why_not
from s2dash.settings import data_folder
from s2dash.ui import state, text
from s2dash.ui.known_scenes import known_scenes
from s2dash.ui.loaded import Brought, Loaded
from s2dash.ui.server_files import server_files
from s2dash.ui.session import draw_again
from s2dash.ui.state import lent as held
from s2dash.ui.uploads import bring, follow, forget, read_scene

LENT_PICTURE = "True colour"
"""What the menu of pictures calls it: an embedding has none of its own."""


def lender_now() -> Scene | None:
    """The scene whose picture the page's scene has; None where it has its own."""
    now = held.LENT.get()
    return now[1].whole if now is not None and now[0] == state.loaded().whole.digest else None


def lent_picture_button(scene: Scene) -> None:
    """The button that opens the window, for an embedding whose place is known."""
    if scene.is_embedding and scene.grid.has_place:
        st.button(
            "Picture of the ground",
            icon=":material/photo_library:",
            key="ground picture",
            type="tertiary",
            on_click=state.WINDOW.set,
            args=("ground picture",),
            help="An embedding has no colours that people know. A scene of the same place lends it its own: the map "
            "shows it beneath the classes, and so do slide and report.",
        )


def _dismissed() -> None:
    state.close_window()
    forget(held.INCOMING_LENT)


@st.dialog("Picture of the ground", on_dismiss=_dismissed)
def ground_picture() -> None:
    """The window."""
    st.caption(
        "Give a picture of the same place. Its true colour is shown beneath the classes, on the map, the slide and in "
        "the report. The classes stay as they are."
    )
    _lent_now()
    uploads = st.file_uploader(
        "Picture of the same place",
        accept_multiple_files=True,
        key=held.LENT_UPLOADER.key,
        help="A product as it was downloaded (zip or tar), or the files of one scene chosen together. Up to 200 MB a "
        "file; bring a larger one in by Change, go back to this scene, and choose it below.",
    )
    if uploads:
        bring(held.INCOMING_LENT, uploads, partial(read_scene, held.INCOMING_LENT))
        held.LENT_UPLOADER.empty()
        draw_again()
    _from_server()
    _known_scenes()
    found = follow(held.INCOMING_LENT)
    if found is not None:
        _use(found)


def _lent_now() -> None:
    lender = lender_now()
    if lender is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        share = covered_share(state.loaded().whole, lender)
        beyond = "" if share > 0.99 else f", which shows {text.share(share)} of this ground"
        st.markdown(f"Shown now: **{text.plain(lent_label(lender))}**{beyond}.", width="stretch")
        st.button("Take it away", key="no ground picture", on_click=_take_away, help="Shows the embedding's own axes.")


def _take_away() -> None:
    held.LENT.pop()
    state.PICTURE.set(None)


def _from_server() -> None:
    folder = data_folder()
    if folder is None:
        return
    with st.expander("Files on this server", type="compact"):
        chosen = server_files(folder, key="ground picture server files")
    if chosen:
        found = ingest.with_side_cars(chosen)
        read_scene(held.INCOMING_LENT, Brought(found, tuple(path.name for path in found), can_stay=True))
        draw_again()


def _known_scenes() -> None:
    known = [one for one in known_scenes() if one.loaded is None or not one.loaded.scene.is_embedding]
    if not known:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.selectbox(
            "Or a scene you had before",
            range(len(known)),
            key=held.LENT_SCENE,
            format_func=lambda number: known[number].words if number < len(known) else "",
            help="Scenes of this session, and those of Many scenes.",
        )
        pressed = st.button("Show its picture", key="lend known", help="Puts its true colour beneath the classes.")
    if not pressed:
        return
    one = known[chosen]
    if one.loaded is not None:
        _use(one.loaded)
    elif one.brought is not None:
        read_scene(held.INCOMING_LENT, one.brought)
        draw_again()


def _use(found: Loaded) -> None:
    scene = state.loaded().whole
    refusal = why_not(scene, found.whole)
    if refusal is not None:
        held.INCOMING_LENT.words.set(text.plain(refusal))
        draw_again()
        return
    held.LENT.set((scene.digest, found))
    state.PICTURE.set(LENT_PICTURE)
    held.INCOMING_LENT.words.pop()
    state.close_window()
    st.rerun()
