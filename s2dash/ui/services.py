"""The objects that all sessions of one server share, made once and kept by Streamlit."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import streamlit as st

from s2dash import ingest
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene
from s2dash.server import memory
from s2dash.server.jobs import LiveEngine, remove_left_folders, remove_scratch_folders
from s2dash.server.kept_runs import KeptRuns, process_kept_runs
from s2dash.server.upload_store import UploadStore, process_upload_store
from s2dash.settings import session_limits
from s2dash.tiles.native import NativeTiles
from s2dash.tiles.store import TileStore, process_tile_store
from s2dash.ui.loaded import Loaded
from s2dash.ui.sessions import Sessions, end_sessions

_log = logging.getLogger(__name__)


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


def kept_runs() -> KeptRuns[Loaded]:
    """Full runs that go on without a page."""
    return process_kept_runs()


def sessions() -> Sessions:
    """The sessions of this process."""
    # Not in this module, which Streamlit may forget and load again: see `tiles.process_tile_store`.
    found: Sessions = vars(sys).setdefault("_s2dash_sessions", Sessions())
    return found


@st.cache_resource(show_spinner=False)
def sample_scene() -> Scene:
    """The scene that comes with the package."""
    return ingest.sample_scene()


@asynccontextmanager
async def warmed_up(app: Any) -> AsyncIterator[dict[str, Any]]:
    """The server's lifespan: as it starts, a thread makes the first page's result before anyone asks for it.

    With it, libraries are loaded while the first visitor's browser still fetches scripts. What servers
    that were killed have left on the disk goes first, what closed pages leave goes soon, and as it ends all goes.
    """
    _log_to_console()
    threading.Thread(target=_remove_left, name="s2dash-left", daemon=True).start()
    threading.Thread(target=_make_first_result, name="s2dash-warm-up", daemon=True).start()
    watch = asyncio.create_task(end_sessions(sessions(), _tidy, session_limits()))
    try:
        yield {}
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
        remove_scratch_folders()


def _remove_left() -> None:
    left = remove_left_folders()
    if left:
        _log.info("removed %d folders that a server left when it was killed", len(left))


def _tidy(nobody_is_left: bool) -> None:
    """Let go of all that belonged to sessions which have ended."""
    memory.settle()
    live_engine().forget_gone()
    tile_store().forget_gone(all_pictures=nobody_is_left)
    memory.hand_back()


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
