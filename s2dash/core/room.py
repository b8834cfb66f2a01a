"""Memory that a thread uses again: else the system is asked for large arrays, and clears them, at every window."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import TypeVar

T = TypeVar("T")

_threads = threading.local()


def keep_rooms() -> None:
    """Let the calling thread keep what it asks of `room` until it ends; for pools that end with their work."""
    _threads.kept = {}


def room(what: str, key: Hashable, make: Callable[[], T]) -> T:
    """What `make` gives; in a thread that keeps rooms the same once more, for as long as the key stays.

    Nobody may hold on to it beyond the work it was asked for, as the next asks for the same.
    """
    kept: dict[str, tuple[Hashable, T]] | None = getattr(_threads, "kept", None)
    if kept is None:
        return make()
    if what not in kept or kept[what][0] != key:
        kept.pop(what, None)  # before the next is made, so that there are never two
        kept[what] = (key, make())
    return kept[what][1]
