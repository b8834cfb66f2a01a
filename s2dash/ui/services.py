"""The objects that all sessions of one server share, made once and kept by Streamlit."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from s2dash import ingest, memory
from s2dash.jobs import LiveEngine, remove_scratch_folders
from s2dash.kept_runs import KeptRuns, process_kept_runs
from s2dash.native import NativeTiles
from s2dash.recipe import default_recipe
from s2dash.scene import Scene
from s2dash.tiles import TileStore, process_tile_store
from s2dash.upload_store import UploadStore, process_upload_store


@st.cache_resource(show_spinner=False)
def live_engine() -> LiveEngine:
    """The engine of live results."""
    return LiveEngine()


@st.cache_resource(show_spinner=False)
def native_tiles() -> NativeTiles:
    """What reads large scenes at native resolution where the map shows it."""
    return NativeTiles()


def tile_store() -> TileStore:
    """The pictures that the tile route serves."""
    return process_tile_store()


def upload_store() -> UploadStore:
    """Where files that are sent in pieces arrive."""
    return process_upload_store()


def kept_runs() -> KeptRuns:
    """Full runs that go on without a page."""
    return process_kept_runs()


def page_is_open() -> Callable[[], bool]:
    """A function for any thread that says whether the browser of this session is still connected."""
    context = get_script_run_ctx()
    if context is None or not runtime.exists():
        return lambda: True
    session_id, server = context.session_id, runtime.get_instance()
    return lambda: server.is_active_session(session_id)


@st.cache_resource(show_spinner=False)
def sample_scene() -> Scene:
    """The scene that comes with the package."""
    return ingest.sample_scene()


@asynccontextmanager
async def warmed_up(app: Any) -> AsyncIterator[dict[str, Any]]:
    """The server's lifespan: as it starts, a thread makes the first page's result before anyone asks for it.

    With it, libraries are loaded while the first visitor's browser still fetches scripts.
    As it ends, the sessions' files go.
    """
    _log_to_console()
    threading.Thread(target=_make_first_result, name="s2dash-warm-up", daemon=True).start()
    try:
        yield {}
    finally:
        remove_scratch_folders()


def _log_to_console() -> None:
    """Let the log say what administrators want to know, such as what protects the machine from strangers' files."""
    log = logging.getLogger("s2dash")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s s2dash %(levelname)s: %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)


def _make_first_result() -> None:
    scene = sample_scene()
    first = live_engine().submit(scene, default_recipe(scene))
    # What the page imports and the result does not, meanwhile; streamlit-folium itself only loads inside a page.
    import folium  # noqa: F401

    from s2dash.ui import results  # noqa: F401

    first.result()
    memory.settle()
    memory.hand_back_soon()
