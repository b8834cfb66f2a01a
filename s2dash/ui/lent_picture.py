"""A scene of the same place lends an embedding its picture: the button, the window, and which scene it is now."""

from __future__ import annotations

import streamlit as st

from s2dash.core.scene import Scene
from s2dash.export.lent import covered_share, lent_label, why_not
from s2dash.ui import state, text
from s2dash.ui.another_scene import Ways, another_scene
from s2dash.ui.known_scenes import known_scenes
from s2dash.ui.loaded import Loaded
from s2dash.ui.session import draw_again
from s2dash.ui.state import lent as held
from s2dash.ui.uploads import forget

LENT_PICTURE = "True colour"
"""What the menu of pictures calls it: an embedding has none of its own."""
_WAYS = Ways(
    incoming=held.INCOMING_LENT,
    uploader=held.LENT_UPLOADER,
    upload_label="Picture of the same place",
    server_key="ground picture server files",
    menu_key=held.LENT_SCENE,
    button_label="Show its picture",
    button_key="lend known",
    button_help="Puts its true colour beneath the classes.",
)


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
    known = [one for one in known_scenes() if one.loaded is None or not one.loaded.scene.is_embedding]
    found = another_scene(_WAYS, known)
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
