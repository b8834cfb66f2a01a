"""Keeping this process small: from where the C library takes memory, and giving back what bursts of work have freed."""

from __future__ import annotations

import ctypes
import gc
import threading
from functools import cache
from typing import Any

_MALLOPT = {-8: 1, -3: 4 * 2**20, -1: 4 * 2**20}
"""Settings by the numbers of glibc's malloc.h: M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD."""

_QUIET_SECONDS = 1.5
"""How long after the last burst: work that goes on would only ask for the same memory again."""

_lock = threading.Lock()
_next: threading.Timer | None = None


def share_pools() -> None:
    """Let all threads share few pools of memory that give back their free end; to be called early.

    The C library gives each thread a pool of its own otherwise, and, once arrays of many megabytes have been
    freed, keeps up to 64 MB at the end of each for ever, `malloc_trim` or not: after a few fits on ever new threads
    a server held more free memory than used. Arrays are made under Python's lock, so that sharing
    costs nothing that can be measured. Does nothing in other C libraries than glibc.
    """
    set_option = _libc_function("mallopt")
    if set_option is not None:
        for option, value in _MALLOPT.items():
            set_option(option, value)


def hand_back_soon() -> None:
    """Hand freed memory back once it has been quiet for a moment; returns at once, from any thread.

    The C library keeps what threads have freed, and arrays of a few megabytes are freed at every fit: without
    this a server holds on to its busiest moment.
    """
    global _next
    with _lock:
        if _next is not None:
            _next.cancel()
        _next = threading.Timer(_QUIET_SECONDS, hand_back)
        _next.daemon = True
        _next.start()


def settle() -> None:
    """Free what nobody holds any more, and leave what lives now out of every later search for such.

    To be called once all libraries are loaded: their hundred thousands of objects stay for as long as the process does,
    and looking through them takes a tenth of a second each time. And when sessions have ended, as they may
    be among what was left out.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def hand_back() -> None:
    """Free what nobody holds any more, and hand freed memory back now; takes some milliseconds.

    Nothing is handed back in other C libraries than glibc.
    """
    gc.collect()
    trim = _libc_function("malloc_trim")
    if trim is not None:
        trim(0)


@cache
def _libc_function(name: str) -> Any:
    """A function of the C library that this process runs on; None where it lacks it, as all but glibc lack these."""
    try:
        return getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return None
