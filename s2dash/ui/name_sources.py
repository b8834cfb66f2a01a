"""The fold in which people say where names come from: a list to choose from, and a map to name classes by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from s2dash import ingest
from s2dash.classify.naming.legends import fitting_legends, likely_legend
from s2dash.core.reference import Reference
from s2dash.core.scene import Scene
from s2dash.core.scheme_file import scheme_from_csv
from s2dash.core.schemes import SCHEMES, Scheme
from s2dash.errors import S2DashError
from s2dash.server.folders import ScratchFolder
from s2dash.ui import state, text
from s2dash.ui.messages import words_for
from s2dash.ui.uploads import free, spooled

_NO_LIST = "No list"


def name_sources(scene: Scene) -> None:
    """Draw the fold beneath the legend."""
    with st.expander("Lists and maps of names", type="compact"):
        _choose_scheme()
        _choose_reference(scene)


def scheme_in_use() -> Scheme | None:
    """The list that names are chosen from, where one is."""
    own = state.OWN_SCHEME.get()
    return next((one for one in (*SCHEMES, *([own] if own else [])) if one.title == state.SCHEME.get()), None)


def _choose_scheme() -> None:
    own = state.OWN_SCHEME.get()
    titles = [_NO_LIST, *(scheme.title for scheme in SCHEMES), *([own.title] if own else [])]
    scheme = state.SCHEME.within(titles, _NO_LIST)
    st.selectbox(
        "Names to choose from",
        titles,
        key=scheme.shown(tuple(titles)),
        on_change=scheme.take,
        help="The list opens where a class is named in the legend. Its codes go into the table and the map for a GIS.",
    )
    if scheme_in_use() is not None:
        st.toggle(
            "Take the list's colours too",
            key=state.SCHEME_COLOURS.shown(),
            on_change=state.SCHEME_COLOURS.take,
            help="A class that gets a name of the list gets its colour as well.",
        )
    upload = st.file_uploader(
        "Your own list",
        type=["csv"],
        key=state.SCHEME_UPLOADER.key,
        help="A CSV file whose first line is: name,colour,code. Colours are written #3479c7; colour and code may be "
        "left out.",
    )
    if upload is not None:
        _take_scheme(upload)
        st.rerun()
    if words := state.SCHEME_WORDS.get():
        st.markdown(words)


def _take_scheme(upload: Any) -> None:
    state.SCHEME_WORDS.pop()
    try:
        found = scheme_from_csv(upload.getvalue(), Path(upload.name).stem)
    except S2DashError as error:
        state.SCHEME_WORDS.set(words_for(error))
    else:
        taken = {scheme.title for scheme in SCHEMES} | {_NO_LIST}
        own = Scheme(f"{found.title} (yours)", found.entries) if found.title in taken else found
        state.OWN_SCHEME.set(own)
        state.SCHEME.set(own.title)
    free([upload])
    state.SCHEME_UPLOADER.empty()


def _choose_reference(scene: Scene) -> None:
    reference = state.reference_of(scene)
    if reference is None:
        upload = st.file_uploader(
            "A map to name classes by",
            type=["tif", "tiff", "jp2"],
            key=state.REFERENCE_UPLOADER.key,
            help="A raster of classes for the same ground, such as ESA WorldCover, CORINE or an older map of yours, "
            "with any coordinates and pixel size. Names are suggested by what most of each class is there.",
        )
        if upload is not None:
            _take_reference(scene, upload)
            st.rerun()
        if words := state.REFERENCE_WORDS.get():
            st.markdown(words)
        return
    st.caption(f"Names are suggested by {text.plain(reference.name)}.")
    legend = state.REFERENCE_LEGEND.within(fitting_legends(reference), likely_legend(reference))
    st.selectbox(
        "What its numbers mean",
        fitting_legends(reference),
        key=legend.shown(reference.digest),
        on_change=legend.take,
        help="Chosen by the numbers and names in the file; choose another if names make no sense.",
    )
    if st.button("Take this map away", icon=":material/close:", width="stretch"):
        state.REFERENCE.pop()
        st.rerun()


def _take_reference(scene: Scene, upload: Any) -> None:
    state.REFERENCE_WORDS.pop()
    folder = None
    try:
        brought = spooled([upload])
        try:
            folder = ScratchFolder("s2dash-reference-")
            with st.spinner("Reading the map …"):
                found = ingest.read_reference(scene, brought.paths[0], folder.path / "read", brought.names[0])
        finally:
            brought.drop()
    except S2DashError as error:
        state.REFERENCE_WORDS.set(words_for(error))
    else:
        _use(found)
    finally:
        if folder is not None:
            folder.remove()
    state.REFERENCE_UPLOADER.empty()


def _use(reference: Reference) -> None:
    state.REFERENCE.set(reference)
    state.REFERENCE_LEGEND.set(likely_legend(reference))
