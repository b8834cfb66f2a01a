"""How far a command is, on one line of standard error."""

from __future__ import annotations

import sys


class _Line:
    def __init__(self) -> None:
        self._is_open = False

    def show(self, share: float, what: str) -> None:
        self._is_open = share < 1
        print(f"\r{what}: {share:4.0%}", end="" if self._is_open else "\n", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._is_open:
            print(file=sys.stderr, flush=True)
        self._is_open = False


_line = _Line()


def show(share: float, what: str) -> None:
    """Say how far the work is, a `core.types.Progress`."""
    _line.show(share, what)


def end() -> None:
    """Go on to the next line, where anything stands on this one."""
    _line.end()
