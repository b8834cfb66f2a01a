"""The picker for the server's own folder: which of its files or products to open."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import streamlit as st

from s2dash.errors import UnreadableFile
from s2dash.server.server_folder import FolderEntry, list_entries, resolve
from s2dash.server.uploads import size_words
from s2dash.settings import FOLDER_LIMITS
from s2dash.ui import state
from s2dash.ui.messages import words_for


def server_files(root: Path, *, key: str) -> tuple[Path, ...]:
    """Draw the picker; the chosen paths on the one run in which `Open` was pressed, otherwise none.

    `root` is the administrator's folder (`settings.data_folder()`). Whatever cannot be read is said in place.
    """
    in_view = state.folder_in_view(key)
    place = in_view.get()
    try:
        entries = list_entries(root, place)
    except UnreadableFile as error:
        in_view.pop()
        st.markdown(words_for(error))
        return ()
    _choose_folder(place, entries, key)
    names = _choose_files(place, entries, key)
    is_pressed = st.button("Open", key=f"{key} open", disabled=not names, icon=":material/folder_open:")
    if not is_pressed or not names:
        return ()
    try:
        return resolve(root, [_joined(place, name) for name in names])
    except UnreadableFile as error:
        st.markdown(words_for(error))
        return ()


def _choose_folder(place: str, entries: tuple[FolderEntry, ...], key: str) -> None:
    above = [str(parent) for parent in reversed(PurePosixPath(place).parents)] if place else []
    above = ["" if parent == "." else parent for parent in above]
    below = [_joined(place, entry.name) for entry in entries if entry.kind == "folder"]
    if not above and not below:
        return
    options = [*above, place, *below]
    chosen = state.next_folder(key, place)

    def go() -> None:
        state.folder_in_view(key).set(chosen.get())

    st.selectbox(
        "Folder on the server",
        options,
        len(above),
        key=chosen.key,
        on_change=go,
        format_func=lambda path: "Top folder" if path == "" else path.replace("/", " / "),
        help="Choose a folder to see what is in it.",
    )


def _choose_files(place: str, entries: tuple[FolderEntry, ...], key: str) -> list[str]:
    shown = {entry.name: _label(entry) for entry in entries if entry.kind != "folder"}
    chosen = st.multiselect(
        "Files on the server",
        list(shown),
        key=state.chosen_files(key, place),
        format_func=lambda name: shown.get(name, name),
        disabled=not shown,
        placeholder="Choose one or more" if shown else "No scene in this folder",
        help="GeoTIFF, JPEG 2000, ENVI, zipped products, .SAFE or .zarr folders. Several bands of one scene can be "
        "opened together.",
    )
    if len(entries) == FOLDER_LIMITS.most_entries:
        st.caption(f"Only the first {FOLDER_LIMITS.most_entries:,} names are shown.")
    return chosen


def _label(entry: FolderEntry) -> str:
    return f"{entry.name} · {'product' if entry.kind == 'product' else size_words(entry.size or 0)}"


def _joined(place: str, name: str) -> str:
    return f"{place}/{name}" if place else name
