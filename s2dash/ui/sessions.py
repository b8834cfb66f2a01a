"""The end of sessions: what a closed page leaves in memory and on disk goes soon, without anybody coming."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from streamlit import runtime

from s2dash.server.sessions import Sessions
from s2dash.settings import SessionLimits

_log = logging.getLogger(__name__)


async def end_sessions(sessions: Sessions, tidy: Callable[[bool], None], limits: SessionLimits) -> None:
    """Close sessions whose browsers have gone, for as long as the server lives; to be run on its event loop.

    Streamlit keeps a session for two minutes, and then until somebody else comes or goes. `tidy` is called
    on a thread after some have been closed, with whether there is none left.
    """
    while True:
        await asyncio.sleep(limits.look_seconds)
        try:
            if runtime.exists() and _close_ended(sessions, limits):
                await asyncio.to_thread(tidy, not len(sessions))
        except Exception:  # noqa: BLE001 - the watch must go on, whatever one session broke
            _log.exception("a session that has ended could not be put away")


def _close_ended(sessions: Sessions, limits: SessionLimits) -> bool:
    """Close the sessions that are over; returns whether there were any. Nothing of them is held here afterwards."""
    server = runtime.get_instance()
    over = sessions.ended(server.is_active_session, limits.grace_seconds)
    for forget in over.values():
        forget()
    for session_id in over:
        server.close_session(session_id)
    return bool(over)
