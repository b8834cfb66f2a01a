"""The Turns value: heavy work of all sessions waits in one line, so that nobody starves and memory is bounded."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from s2dash.core.types import CancelToken

_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 2.0
"""So long others who are busy go first: where somebody always is, its turn would never come."""


class Turns:
    """Who may work next: so many at once, those first who asked first, and none while others are busy."""

    def __init__(self, most_at_once: int, is_busy: Callable[[], bool] = lambda: False) -> None:
        self._most, self._is_busy = most_at_once, is_busy
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()
        self._taken = 0

    @contextmanager
    def __call__(self, cancel: CancelToken) -> Iterator[None]:
        """Holds one turn for the block; raises Cancelled where `cancel` says so before it has come."""
        self._take(cancel)
        try:
            yield
        finally:
            with self._changed:
                self._taken -= 1
                self._changed.notify_all()

    @property
    def is_one_free(self) -> bool:
        """Whether nobody would have to wait."""
        with self._changed:
            return self._taken + len(self._waiting) < self._most

    def _take(self, cancel: CancelToken) -> None:
        ticket, patient_until = object(), time.monotonic() + _PATIENCE_SECONDS
        with self._changed:
            self._waiting.append(ticket)
            try:
                while not self._has_come(ticket, patient_until):
                    cancel.check()
                    self._changed.wait(_LOOK_SECONDS)
                cancel.check()
                self._taken += 1
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def _has_come(self, ticket: object, patient_until: float) -> bool:
        is_next = self._waiting[0] is ticket and self._taken < self._most
        return is_next and (time.monotonic() >= patient_until or not self._is_busy())
