"""How a window brings in a scene beside the page's own: by upload, from the server, or one that the session has had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st

from s2dash import ingest
from s2dash.settings import data_folder
from s2dash.ui.known_scenes import Known
from s2dash.ui.loaded import Brought, Loaded
from s2dash.ui.server_files import server_files
from s2dash.ui.session import Uploader, draw_again
from s2dash.ui.state import Incoming
from s2dash.ui.uploads import bring, follow, read_scene


@dataclass(frozen=True)
class Ways:
    """What a window calls its ways in, and where the session holds what comes."""

    incoming: Incoming
    uploader: Uploader
    upload_label: str
    server_key: str
    menu_key: str
    button_label: str
    button_key: str
    button_help: str


def another_scene(ways: Ways, known: Sequence[Known]) -> Loaded | None:
    """Draw the ways in, and how far reading is; the scene once it is there.

    Parameters
    ----------
    known : scenes of the session that are offered
    """
    _upload(ways)
    _from_server(ways)
    return _chosen(ways, known) or follow(ways.incoming)


def _upload(ways: Ways) -> None:
    uploads = st.file_uploader(
        ways.upload_label,
        accept_multiple_files=True,
        key=ways.uploader.key,
        help="A product as it was downloaded (zip or tar), or the files of one scene chosen together. Up to 200 MB a "
        "file; bring a larger one in by Change, go back to this scene, and choose it below.",
    )
    if uploads:
        bring(ways.incoming, uploads, partial(read_scene, ways.incoming))
        ways.uploader.empty()
        draw_again()


def _from_server(ways: Ways) -> None:
    folder = data_folder()
    if folder is None:
        return
    with st.expander("Files on this server", type="compact"):
        chosen = server_files(folder, key=ways.server_key)
    if chosen:
        found = ingest.with_side_cars(chosen)
        read_scene(ways.incoming, Brought(found, tuple(path.name for path in found), can_stay=True))
        draw_again()


def _chosen(ways: Ways, known: Sequence[Known]) -> Loaded | None:
    """The scene of the menu whose button was pressed; one of many scenes is read first."""
    if not known:
        return None
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.selectbox(
            "Or a scene you had before",
            range(len(known)),
            key=ways.menu_key,
            format_func=lambda number: known[number].words if number < len(known) else "",
            help="Scenes of this session, and those of Many scenes.",
        )
        pressed = st.button(ways.button_label, key=ways.button_key, help=ways.button_help)
    if not pressed:
        return None
    one = known[chosen]
    if one.loaded is None and one.brought is not None:
        read_scene(ways.incoming, one.brought)
        draw_again()
    return one.loaded
