"""The window `Find a scene`: what is looked for at its left, and at its right what there is and how to load it."""

from __future__ import annotations

import streamlit as st

from s2dash.find.catalogue import Catalogue
from s2dash.find.towns import load_soon
from s2dash.ui import state
from s2dash.ui.find.finding import Finding
from s2dash.ui.find.found_list import found_list
from s2dash.ui.find.load import follow_files, forget_files, load_controls
from s2dash.ui.find.where import catalogue, search_form
from s2dash.ui.loaded import Loaded
from s2dash.ui.messages import words_for
from s2dash.ui.scene_window import take_what_came
from s2dash.ui.state import find as held

_LOOK_SECONDS = 0.5
_OFF = (
    ":material/cloud_off: Finding scenes is turned off on this server. Whoever runs it can turn it on "
    "(`S2DASH_FIND_CATALOGUE`). A picture that you have downloaded can be brought in as a file."
)
_BEFORE = (
    "Type a place, and search. You then see which days Sentinel-2 took a picture of it and how cloudy it was. Only the "
    "ground and bands that you choose are loaded, not the whole tile."
)


def _dismissed() -> None:
    state.close_window()
    state.INCOMING_SCENE.words.pop()
    forget_files()


@st.dialog("Find a scene", width="large", on_dismiss=_dismissed)
def find_window(shown: Loaded) -> None:
    """The window over a page that shows this."""
    asked = catalogue()
    if asked is None:
        st.markdown(_OFF)
        _way_to_files()
        return
    load_soon()
    with st.container(key="findwindow"):
        with st.container(key="findwhere", gap="small"):
            search_form(asked)
        with st.container(key="findfound", gap="small"):
            _found(asked)
            take_what_came()
            follow_files()
    if state.loaded() is not shown:
        st.rerun()


def _found(asked: Catalogue) -> None:
    finding = held.FINDING.get()
    if finding is None:
        st.caption(_BEFORE)
        st.caption(f"Asked is {_host(asked)}, by this server; your browser asks nobody.")
    elif finding.error is not None:
        st.markdown(words_for(finding.error))
        st.caption("Pictures that you have can be brought in as files.")
        _way_to_files()
    elif finding.scenes is None:
        st.fragment(_searching, run_every=_LOOK_SECONDS)(finding)
    else:
        _scenes(finding)


def _searching(finding: Finding) -> None:
    if finding.job.is_done or finding.scenes is not None:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.progress(finding.job.share, text=f"{finding.job.what or 'Waiting for a turn'} …")
        if st.button("Cancel", key="cancel search", width=84, help="Stops asking; nothing is kept."):
            held.FINDING.pop()
            st.rerun()


def _scenes(finding: Finding) -> None:
    if not finding.scenes:
        st.markdown("No scene fits. Allow more clouds, or give more days.")
        return
    is_seeing = not finding.job.is_done
    st.fragment(_list, run_every=_LOOK_SECONDS if is_seeing else None)(finding, is_seeing)


def _list(finding: Finding, was_seeing: bool) -> None:
    """Drawn by itself while small pictures arrive, with what hangs on which scenes are chosen."""
    if was_seeing and finding.job.is_done:
        st.rerun()
    scenes = finding.scenes or ()
    what = f" :gray[· {finding.job.what} …]" if was_seeing and finding.job.what else ""
    st.markdown(f"##### {len(scenes)} {'scene' if len(scenes) == 1 else 'scenes'}, newest first{what}", anchors=False)
    found_list(scenes, finding.thumbnails, was_seeing, finding.map)
    load_controls(finding)


def _way_to_files() -> None:
    if st.button("Choose a scene from files", key="find files", icon=":material/upload_file:"):
        state.WINDOW.set("scene")
        st.rerun()


def _host(asked: Catalogue) -> str:
    from urllib.parse import urlsplit

    return f"`{urlsplit(asked.address).hostname}`"
