"""Waiting for a state rather than for a time: a busy machine takes longer, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 240.0
"""Far more than anything takes on a busy machine: reached only where what is waited for never comes."""


def wait_until(look: Callable[[], T], pause: Callable[[float], object] = time.sleep) -> T:
    """Look until there is something to see; returns it. Fails where it does not come.

    `pause` takes seconds. A browser's page must be given its own: it does nothing while Python sleeps.
    """
    ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < ends, f"did not come within {PATIENCE_SECONDS:g} s"
        pause(0.02)
