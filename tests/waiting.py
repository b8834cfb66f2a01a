"""Waiting for a state rather than for a time: a busy machine takes longer, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 120.0
"""Far more than anything takes on a busy machine: reached only where what is waited for never comes."""


def wait_until(look: Callable[[], T], patience_seconds: float = PATIENCE_SECONDS) -> T:
    """Look until there is something to see; returns it. Fails where it does not come."""
    ends = time.monotonic() + patience_seconds
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < ends, f"did not come within {patience_seconds:g} s"
        time.sleep(0.02)
