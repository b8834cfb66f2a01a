"""Small shared types: progress, cancellation, windows and read-only arrays."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import numpy as np

from s2dash.errors import Cancelled

Progress = Callable[[float, str], None]
"""Called with the share done (0 to 1) and what is being done, in plain words."""


def no_progress(share: float, what: str) -> None:
    """A Progress that tells nobody."""


@dataclass(frozen=True)
class CancelToken:
    """A flag that long work looks at between its steps."""

    _event: threading.Event = field(default_factory=threading.Event, compare=False, repr=False)

    def cancel(self) -> None:
        self._event.set()

    @property
    def is_cancelled(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raise Cancelled when somebody asked to stop."""
        if self._event.is_set():
            raise Cancelled("Stopped. Nothing was changed.")


_token: ContextVar[CancelToken | None] = ContextVar("cancel token", default=None)


@contextmanager
def cancellable(token: CancelToken) -> Iterator[None]:
    """Within the block, `cancel_token` gives this token to whatever this thread calls."""
    before = _token.set(token)
    try:
        yield
    finally:
        _token.reset(before)


def cancel_token() -> CancelToken:
    """What says that this thread's work is to stop, as `cancellable` has it; one that never does so elsewhere.

    For work that can be called in many ways and is handed no token by all of them.
    """
    return _token.get() or CancelToken()


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: rows [row, row + height), columns [col, col + width)."""

    row: int
    col: int
    height: int
    width: int

    @property
    def slices_rc(self) -> tuple[slice, slice]:
        return slice(self.row, self.row + self.height), slice(self.col, self.col + self.width)

    @property
    def ranges_rc(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The form that `rasterio` takes as a window."""
        return (self.row, self.row + self.height), (self.col, self.col + self.width)

    def grown(self, margin: int, shape_rc: tuple[int, int]) -> Window:
        """This window with `margin` pixels more on every side, cut at the edges of the grid."""
        row, col = max(0, self.row - margin), max(0, self.col - margin)
        bottom = min(shape_rc[0], self.row + self.height + margin)
        right = min(shape_rc[1], self.col + self.width + margin)
        return Window(row, col, bottom - row, right - col)


def windows(shape_rc: tuple[int, int], window_shape_rc: tuple[int, int]) -> Iterator[Window]:
    """Tile a grid of shape (rows, cols), row by row; the last ones are cut at the edges."""
    height, width = shape_rc
    for row in range(0, height, window_shape_rc[0]):
        for col in range(0, width, window_shape_rc[1]):
            yield Window(row, col, min(window_shape_rc[0], height - row), min(window_shape_rc[1], width - col))


def frozen(array: np.ndarray) -> np.ndarray:
    """The same array, made read-only, so that caches can share it."""
    array.flags.writeable = False
    return array
