"""The sessions of this process, and since when nobody is connected to each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

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
