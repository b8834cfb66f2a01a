"""What the server does as it starts and ends, and when its visitors have gone."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from s2dash.core.recipe import default_recipe
from s2dash.server import memory
from s2dash.server.folders import remove_left_folders, remove_scratch_folders
from s2dash.server.jobs import remove_shared_parts
from s2dash.server.state import ServerState
from s2dash.settings import session_limits
from s2dash.ui.sessions import end_sessions

_log = logging.getLogger(__name__)


@asynccontextmanager
async def warmed_up(state: ServerState, app: Any) -> AsyncIterator[dict[str, Any]]:
    """The server's lifespan: as it starts, a thread makes the first page's result before anyone asks for it.

    With it, libraries are loaded while the first visitor's browser still fetches scripts. What servers
    that were killed have left on the disk goes first, what closed pages leave goes soon, and as it ends all goes.
    """
    _log_to_console()
    threading.Thread(target=_remove_left, name="s2dash-left", daemon=True).start()
    threading.Thread(target=_make_first_result, args=(state,), name="s2dash-warm-up", daemon=True).start()
    watches = [
        asyncio.create_task(end_sessions(state.sessions, partial(_tidy, state), session_limits())),
        asyncio.create_task(_sweep(state)),
    ]
    try:
        yield {}
    finally:
        for watch in watches:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
        state.writer.settle()
        state.store.close()
        remove_scratch_folders()
        remove_shared_parts()


async def _sweep(state: ServerState) -> None:
    """Remove what is past its time from what is kept of sessions, at once and then now and then."""
    while True:
        await asyncio.to_thread(state.store.sweep)
        await asyncio.sleep(state.limits.store.sweep_seconds)


def _remove_left() -> None:
    left = remove_left_folders()
    if left:
        _log.info("removed %d folders that a server left when it was killed", len(left))


def _tidy(state: ServerState, nobody_is_left: bool) -> None:
    """Let go of all that belonged to sessions which have ended."""
    memory.settle()
    state.live.forget_gone()
    state.tiles.forget_gone(all_pictures=nobody_is_left)
    memory.hand_back()


def _log_to_console() -> None:
    """Let the log say what administrators want to know, such as what protects the machine from strangers' files."""
    log = logging.getLogger("s2dash")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s s2dash %(levelname)s: %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)


def load_page_libraries() -> None:
    """Load what the page imports and its first result does not; streamlit-folium itself only loads inside a page."""
    import folium  # noqa: F401

    from s2dash.ui import legend_and_charts  # noqa: F401


def _make_first_result(state: ServerState) -> None:
    scene = state.sample_scene()
    first = state.live.submit(scene, default_recipe(scene))
    load_page_libraries()
    first.result()
    memory.settle()
    memory.hand_back_soon()
