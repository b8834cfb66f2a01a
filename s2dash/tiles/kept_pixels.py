"""What is kept for a while of pixels that somebody looks at: values in memory, open files, copies of levels on disk."""

from __future__ import annotations

import math
import os
import shutil
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from s2dash.core.scene import Pixels, Scene
from s2dash.errors import PixelsGone
from s2dash.server import memory
from s2dash.server.jobs import ScratchFolder
from s2dash.settings import UPLOAD_LIMITS
from s2dash.tiles.levels import Cell, Level

_BACKGROUND_NICENESS = 10

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass(eq=False)
class _Entry(Generic[T]):
    future: Future[T] = field(default_factory=Future)
    byte_count: int = 0
    used: float = 0


class ByteCache(Generic[K, T]):
    """Values by key, the least recently used dropped beyond a budget of bytes; a value in the making is made once.

    Safe to use from any thread.
    """

    def __init__(self, byte_budget: int) -> None:
        self._byte_budget = byte_budget
        self._lock = threading.Lock()
        self._entries: OrderedDict[K, _Entry[T]] = OrderedDict()
        self._byte_count = 0

    @property
    def byte_count(self) -> int:
        """Bytes of all values here."""
        with self._lock:
            return self._byte_count

    def each(self, keys: Iterable[K], make: Callable[[K], T]) -> Iterator[tuple[K, T]]:
        """Each key with its value, made now where it is not kept; errors are raised and not kept.

        What another thread is making comes last, so that threads with neighbouring work share it.
        """
        waiting = []
        for key in keys:
            entry, is_mine = self._claimed(key)
            if is_mine:
                self._fulfil(key, entry, make)
            elif not entry.future.done():
                waiting.append((key, entry))
                continue
            yield key, entry.future.result()
        for key, entry in waiting:
            yield key, entry.future.result()

    def drop_idle(self, seconds: float) -> int:
        """Drop what has not been asked for so long; returns its bytes."""
        before = time.monotonic() - seconds
        with self._lock:
            idle = [key for key, entry in self._entries.items() if entry.used < before and entry.future.done()]
            return sum(self._drop(key) for key in idle)

    def _claimed(self, key: K) -> tuple[_Entry[T], bool]:
        with self._lock:
            entry = self._entries.get(key)
            is_mine = entry is None
            if entry is None:
                entry = self._entries[key] = _Entry()
            entry.used = time.monotonic()
            self._entries.move_to_end(key)
            return entry, is_mine

    def _fulfil(self, key: K, entry: _Entry[T], make: Callable[[K], T]) -> None:
        try:
            value = make(key)
        except BaseException as error:  # noqa: BLE001 - handed to everyone who waits
            with self._lock:
                self._entries.pop(key, None)
            entry.future.set_exception(error)
            return
        with self._lock:
            entry.byte_count = _byte_count(value)
            self._byte_count += entry.byte_count
            entry.future.set_result(value)
            for oldest in list(self._entries):
                if self._byte_count <= self._byte_budget or oldest == key:
                    break
                if self._entries[oldest].future.done():
                    self._drop(oldest)

    def _drop(self, key: K) -> int:
        dropped = self._entries.pop(key).byte_count
        self._byte_count -= dropped
        return dropped


def _byte_count(value: object) -> int:
    if isinstance(value, Pixels):
        return value.values.nbytes + value.valid.nbytes
    return int(getattr(value, "nbytes", 0))


class _Closable(Protocol):
    def close(self) -> None: ...


C = TypeVar("C", bound=_Closable)


class Handles:
    """Open files, each lent to one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[Hashable, list[tuple[float, Any]]] = {}
        self._lent = 0

    @property
    def count(self) -> int:
        """Files that are open."""
        with self._lock:
            return self._lent + sum(map(len, self._idle.values()))

    @contextmanager
    def borrow(self, key: Hashable, open_one: Callable[[], C]) -> Iterator[C]:
        """One that is open already, else a new one; it is kept unless something goes wrong with it."""
        with self._lock:
            idle = self._idle.get(key)
            handle: C | None = idle.pop()[1] if idle else None
            self._lent += 1
        try:
            if handle is None:
                handle = open_one()
            yield handle
        except BaseException:
            with self._lock:
                self._lent -= 1
            if handle is not None:
                handle.close()
            raise
        with self._lock:
            self._lent -= 1
            self._idle.setdefault(key, []).append((time.monotonic(), handle))

    def close_idle(self, seconds: float) -> None:
        """Close what nobody has used for so long."""
        before = time.monotonic() - seconds
        with self._lock:
            closing = [handle for idle in self._idle.values() for used, handle in idle if used < before]
            kept = {key: [one for one in idle if one[0] >= before] for key, idle in self._idle.items()}
            self._idle = {key: idle for key, idle in kept.items() if idle}
        for handle in closing:
            handle.close()


class LevelCopy:
    """The copy of a level between: all bands and masks, cell by cell, in a file of its own."""

    def __init__(self, scene: Scene, level: Level) -> None:
        self._scene_paths = scene.paths
        self._level = level
        self._dtype = np.dtype(scene.dtype)
        self._depth = len(scene.bands) + len(scene.masks)
        self._slot = {cell: number for number, cell in enumerate(level.cells)}
        self._slot_bytes = self._depth * level.side**2 * self._dtype.itemsize
        self._folder = ScratchFolder("s2dash-detail-")
        self._path = self._folder.path / "cells"
        self._path.touch()
        self._lock = threading.Lock()
        self._written: set[Cell] = set()
        self._is_gathering = False
        self._is_dropped = False

    @property
    def share(self) -> float:
        """How much of it is here, 0 to 1."""
        return len(self._written) / len(self._slot)

    @property
    def is_orphan(self) -> bool:
        """Whether the scene's files are gone."""
        return not all(path.exists() for path in self._scene_paths)

    def has(self, cell: Cell) -> bool:
        """Whether a cell is here."""
        with self._lock:
            return cell in self._written

    def get(self, cell: Cell, read: Callable[[], np.ndarray]) -> np.ndarray:
        """The stack of a cell, shape (bands + masks, rows, cols); read from the scene only where it is not here yet."""
        offset = self._slot[cell] * self._slot_bytes
        shape = (self._depth, *self._level.shape_rc(cell))
        with self._lock:
            is_here = cell in self._written and not self._is_dropped
        if is_here:
            return np.fromfile(self._path, self._dtype, math.prod(shape), offset=offset).reshape(shape)
        stack = np.ascontiguousarray(read(), dtype=self._dtype)
        with self._lock:
            if not self._is_dropped and self._has_room():
                self._write(cell, offset, stack)
        return stack

    def gather_once(self, read: Callable[[Cell], None]) -> None:
        """Go through all cells on a thread of low priority, once, until `read` raises PixelsGone."""
        with self._lock:
            if self._is_gathering:
                return
            self._is_gathering = True
        threading.Thread(target=self._gather, args=(read,), name="s2dash-detail", daemon=True).start()

    def drop(self) -> None:
        """Remove the file; what is asked for later is read from the scene."""
        with self._lock:
            self._is_dropped = True
        self._folder.remove()

    def _gather(self, read: Callable[[Cell], None]) -> None:
        if sys.platform == "linux":  # where it holds for one thread
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _BACKGROUND_NICENESS)
        for cell in self._level.cells:
            if self._is_dropped or not self._has_room():
                return
            try:
                read(cell)
            except PixelsGone:  # the scene has gone meanwhile
                return
        memory.hand_back_soon()

    def _has_room(self) -> bool:
        try:
            return shutil.disk_usage(self._folder.path).free > UPLOAD_LIMITS.free_disk_bytes
        except OSError:
            return False

    def _write(self, cell: Cell, offset: int, stack: np.ndarray) -> None:
        try:
            with self._path.open("r+b") as file:
                file.seek(offset)
                file.write(stack.data)
        except OSError:  # a copy is a convenience: a full disk must not stop a look at the map
            return
        self._written.add(cell)
