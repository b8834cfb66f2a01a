"""Values kept within a budget of bytes: the one cache of this package."""

from __future__ import annotations

import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

Held = Sequence[tuple[Hashable, int]]
"""What a value keeps in memory: names, which are equal where values share it, and bytes."""


def held_by_itself(value: object) -> Held:
    """A value that shares its memory with none: an array, bytes, or whatever Python can tell the size of."""
    size = getattr(value, "nbytes", None)
    return ((id(value), sys.getsizeof(value) if size is None else int(size)),)


def held_by_arrays(*arrays: object) -> Held:
    """The arrays that a value is made of, or whatever else has `nbytes`; they must live as long as the value does."""
    return [(id(array), int(getattr(array, "nbytes", 0))) for array in arrays if array is not None]


class _Entry(Generic[T]):
    """A value, or one in the making."""

    __slots__ = ("awaited", "held", "is_made", "used", "value")

    def __init__(self) -> None:
        self.is_made = False
        self.value: T
        self.held: Held = ()
        self.used = time.monotonic()
        self.awaited: Future[T] | None = None
        """Where others wait for it."""


class ByteCache(Generic[K, T]):
    """Values by key, the least recently used dropped beyond a budget of bytes; a value in the making is made once.

    The newest is kept even where it exceeds the budget alone, and then it is kept alone. What several values
    hold together counts once. Safe to use from any thread.

    Parameters
    ----------
    most_bytes : the budget
    held : what a value keeps in memory; called once for each that is kept
    """

    def __init__(self, most_bytes: int, held: Callable[[T], Held] = held_by_itself) -> None:
        self._most_bytes = most_bytes
        self._held = held
        self._lock = threading.Lock()
        self._entries: OrderedDict[K, _Entry[T]] = OrderedDict()
        self._users_of: dict[Hashable, int] = {}
        self._byte_count = 0

    def __len__(self) -> int:
        """Values that are kept or being made."""
        return len(self._entries)

    @property
    def byte_count(self) -> int:
        """Bytes of all values here."""
        with self._lock:
            return self._byte_count

    def known(self, key: K) -> T | None:
        """The value of the key where it is kept, now most recently used; None where it is not, or being made."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or not entry.is_made:
                return None
            entry.used = time.monotonic()
            self._entries.move_to_end(key)
            return entry.value

    def items(self) -> list[tuple[K, T]]:
        """Keys and values that are kept now; not a sign of use."""
        with self._lock:
            return [(key, entry.value) for key, entry in self._entries.items() if entry.is_made]

    def has(self, key: K) -> bool:
        """Whether a value is kept or being made; not a sign of use."""
        return key in self._entries

    def get(self, key: K, make: Callable[[], T]) -> T:
        """The value of the key, made now where it is not kept; an error is raised and not kept."""
        entry, is_mine = self._claimed(key)
        if is_mine:
            return self._made(key, entry, make)
        return entry.value if entry.is_made else _awaited(entry)

    def each(self, keys: Iterable[K], make: Callable[[K], T]) -> Iterator[tuple[K, T]]:
        """Each key with its value, made now where it is not kept; errors are raised and not kept.

        What another thread is making comes last, so that threads with neighbouring work share it.
        """
        waiting = []
        for key in keys:
            entry, is_mine = self._claimed(key)
            if is_mine:
                yield key, self._made(key, entry, lambda: make(key))  # noqa: B023 - called at once
            elif entry.is_made:
                yield key, entry.value
            else:
                waiting.append((key, entry))
        for key, entry in waiting:
            yield key, _awaited(entry)

    def put(self, key: K, value: T) -> dict[K, T]:
        """Keep a value, in place of any other of this key; returns what was dropped for it."""
        entry: _Entry[T] = _Entry()
        held = self._held(value)
        with self._lock:
            if key in self._entries:
                self._remove(key)
            self._entries[key] = entry
            return self._keep(entry, value, held)

    def drop(self, is_gone: Callable[[K], bool]) -> dict[K, T]:
        """Forget the values of all keys of which this is true, those in the making too; returns those kept so far."""
        with self._lock:
            gone = [key for key in self._entries if is_gone(key)]
            entries = {key: self._remove(key) for key in gone}
        return {key: entry.value for key, entry in entries.items() if entry is not None and entry.is_made}

    def drop_idle(self, seconds: float) -> int:
        """Drop what has not been asked for so long; returns its bytes."""
        before = time.monotonic() - seconds
        with self._lock:
            had = self._byte_count
            for key in [key for key, entry in self._entries.items() if entry.used < before and entry.is_made]:
                self._remove(key)
            return had - self._byte_count

    def _claimed(self, key: K) -> tuple[_Entry[T], bool]:
        """The entry of a key, and whether it is new and the caller's to make."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                entry = self._entries[key] = _Entry()
                return entry, True
            entry.used = time.monotonic()
            self._entries.move_to_end(key)
            if not entry.is_made and entry.awaited is None:
                entry.awaited = Future()
            return entry, False

    def _made(self, key: K, entry: _Entry[T], make: Callable[[], T]) -> T:
        try:
            value = make()
            held = self._held(value)
        except BaseException as error:
            with self._lock:
                if self._entries.get(key) is entry:
                    del self._entries[key]
                awaited = entry.awaited
            if awaited is not None:
                awaited.set_exception(error)
            raise
        with self._lock:
            if self._entries.get(key) is entry:
                self._keep(entry, value, held)
            awaited = entry.awaited
        if awaited is not None:
            awaited.set_result(value)
        return value

    def _keep(self, entry: _Entry[T], value: T, held: Held) -> dict[K, T]:
        entry.value, entry.held, entry.is_made = value, held, True
        for name, size in held:
            users = self._users_of.get(name, 0)
            self._users_of[name] = users + 1
            self._byte_count += 0 if users else size
        dropped: dict[K, T] = {}
        while self._byte_count > self._most_bytes:
            oldest = self._oldest(entry)
            if oldest is None:
                break
            dropped[oldest] = self._entries[oldest].value
            self._remove(oldest)
        return dropped

    def _oldest(self, but: _Entry[T]) -> K | None:
        for key, entry in self._entries.items():
            if entry.is_made and entry is not but:
                return key
        return None

    def _remove(self, key: K) -> _Entry[T] | None:
        entry = self._entries.pop(key, None)
        for name, size in entry.held if entry is not None else ():
            users = self._users_of[name] - 1
            if users:
                self._users_of[name] = users
            else:
                del self._users_of[name]
                self._byte_count -= size
        return entry


def _awaited(entry: _Entry[T]) -> T:
    assert entry.awaited is not None
    return entry.awaited.result()
