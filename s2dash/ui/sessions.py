"""The end of sessions: what a closed page leaves in memory and on disk goes soon, without anybody coming."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from streamlit import runtime

from s2dash.settings import SessionLimits

_log = logging.getLogger(__name__)

Forget = Callable[[], None]
"""Lets go of all that a session holds."""


@dataclass
class _Seen:
    forget: Forget
    alone_since: float | None = None


class Sessions:
    """The sessions that have been seen, and since when nobody is connected to each. Safe to use from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, _Seen] = {}

    def __len__(self) -> int:
        with self._lock:
            return len(self._seen)

    def note(self, session_id: str, forget: Forget) -> None:
        """A session is there."""
        with self._lock:
            self._seen[session_id] = _Seen(forget)

    def ended(self, is_connected: Callable[[str], bool], grace_seconds: float) -> dict[str, Forget]:
        """Sessions to which nobody has been connected for so long; they are forgotten here."""
        now = self._clock()
        over: dict[str, Forget] = {}
        with self._lock:
            for session_id, seen in self._seen.items():
                if is_connected(session_id):
                    seen.alone_since = None
                elif seen.alone_since is None:
                    seen.alone_since = now
                elif now - seen.alone_since >= grace_seconds:
                    over[session_id] = seen.forget
            for session_id in over:
                del self._seen[session_id]
        return over


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
