"""A page's hand in the store: what the page is now is written beside its own work, the newest state alone."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from s2dash.core.accuracy import Check
from s2dash.core.map_position import MapPosition
from s2dash.server.session_store.store import SessionGone, SessionStore, new_address
from s2dash.server.session_store.values import MARKS, Change, Snapshot, StoredReference, StoredRun, StoredScene

_log = logging.getLogger(__name__)


class Keeper:
    """Keeps one page's session under one address. `keep` returns at once; what it says is written soon after."""

    def __init__(self, writer: Writer, address: str | None = None) -> None:
        """`address` is that of a session which is kept already; a new one is made where None."""
        self.address = new_address() if address is None else address
        self.is_gone = False
        """Whether what was kept has been forgotten elsewhere: nothing more is written then."""
        self._writer = writer
        self._is_new = address is None
        self._written: dict[str, StoredRun] = {}
        self._written_reference: StoredReference | None = None
        self._scenes: set[str] = set()
        self._lock = threading.Lock()
        """Of what was said: the page says one part of it, its map another, and the writer takes it."""
        self._waiting: Snapshot | None = None
        self._last: Snapshot | None = None

    def came_back(self, runs: tuple[StoredRun, ...], reference: StoredReference | None = None) -> None:
        """These are kept already, as they are."""
        self._written = {run.key: run for run in runs}
        self._written_reference = reference

    def keep(self, snapshot: Snapshot) -> None:
        """Write this soon, in the place of what was said before."""
        with self._lock:
            if self.is_gone or _are_same(self._last, snapshot):
                return
            self._last = self._waiting = snapshot
        self._writer.put(self)

    def moved(self, position: MapPosition | None) -> None:
        """Write soon that the map looks there, with all that was said before."""
        with self._lock:
            last = self._last
            if self.is_gone or last is None or last.position == position:
                return
            self._last = self._waiting = replace(last, position=position)
        self._writer.put(self)

    def answered(self, key: str, check: Check) -> None:
        """Write soon that the run of this key has this check, with all that was said before."""
        with self._lock:
            last = self._last
            if self.is_gone or last is None:
                return
            runs = tuple(
                replace(run, listed=replace(run.listed, check=check)) if run.key == key else run for run in last.runs
            )
            self._last = self._waiting = replace(last, runs=runs)
        self._writer.put(self)

    def close(self) -> None:
        """Write nothing more."""
        self.is_gone = True
        self._waiting = None

    def go_on(self) -> None:
        """Write again after `close`, as nothing was forgotten."""
        self.is_gone = False
        self._last = None

    @property
    def is_written(self) -> bool:
        """Whether anything is kept under the address."""
        return not self._is_new

    def write(self, store: SessionStore) -> None:
        """Write what was said last, for the writer alone."""
        with self._lock:
            snapshot, self._waiting = self._waiting, None
        if snapshot is None or self.is_gone:
            return
        try:
            store.write(self.address, self._change(snapshot), self._is_new)
            self._is_new = False
            self._written = {run.key: run for run in snapshot.runs}
            self._written_reference = snapshot.reference
        except SessionGone:
            self.close()
        except (OSError, sqlite3.Error):
            self._last = None  # the store has noted why; the next run of the page tries again
        else:
            new = {key: stored for key, stored in snapshot.scenes.items() if key not in self._scenes}
            self._writer.put_scenes(self, new)

    def keep_scene(self, store: SessionStore, key: str, stored: StoredScene) -> None:
        """Keep a scene of what was said, once; for the writer alone."""
        if self.is_gone or key in self._scenes:
            return  # an earlier writing asked for it, too
        try:
            store.put_scene(self.address, key, stored.scene)
            self._scenes.add(key)
        except SessionGone:
            self.close()
        except (OSError, sqlite3.Error):
            self._last = None  # as in `write`

    def _change(self, snapshot: Snapshot) -> Change:
        present = {run.key: run for run in snapshot.runs}
        put = tuple(run for run in snapshot.runs if self._written.get(run.key) is not run)
        before = [(self._written[run.key], run) for run in put if run.key in self._written]
        return Change(
            put=put,
            left={run.key: _left(known, run) for known, run in before},
            drop=tuple(key for key in self._written if key not in present),
            shown=snapshot.shown,
            made=snapshot.made,
            position=snapshot.position,
            said=snapshot.said,
            reference=snapshot.reference,
            is_other_reference=snapshot.reference != self._written_reference,
        )


def _are_same(one: Snapshot | None, other: Snapshot) -> bool:
    return (
        one is not None
        and (one.shown, one.made, one.position, one.said) == (other.shown, other.made, other.position, other.said)
        and one.reference == other.reference
        and set(one.scenes) == set(other.scenes)
        and len(one.runs) == len(other.runs)
        and all(a is b for a, b in zip(one.runs, other.runs, strict=True))
    )


def _left(before: StoredRun, now: StoredRun) -> frozenset[str]:
    """Which of the marks are as they were."""
    return frozenset(name for name in MARKS if getattr(before.listed, name) == getattr(now.listed, name))


class Writer:
    """Writes what pages say, in their turn: runs by one thread of the process, scenes, which take long, by another."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._change = threading.Condition()
        self._runs, self._scenes = _Line("s2dash-keep", self._change), _Line("s2dash-keep-scenes", self._change)

    def put(self, keeper: Keeper) -> None:
        """Let a page's keeper write."""
        self._runs.put(keeper, None, lambda: keeper.write(self._store))

    def put_scenes(self, keeper: Keeper, scenes: Mapping[str, StoredScene]) -> None:
        """Have the scenes of what a keeper has written kept as well, in their order."""
        for key, stored in scenes.items():
            self._scenes.put(keeper, key, partial(keeper.keep_scene, self._store, key, stored))

    def settle(self, address: str | None = None, patience_seconds: float = 10) -> bool:
        """Wait until all is written that was said, scenes as well, under one address or any; returns whether it is."""

        def is_settled() -> bool:
            under_way = [*self._runs.under_way(), *self._scenes.under_way()]
            return not any(address in (None, keeper.address) for keeper in under_way)

        with self._change:
            return self._change.wait_for(is_settled, patience_seconds)


class _Line:
    """A thread, begun when it is first needed, and the work that waits for it, in order."""

    def __init__(self, name: str, change: threading.Condition) -> None:
        self._name, self._change = name, change
        self._waiting: OrderedDict[tuple[Keeper, str | None], Callable[[], None]] = OrderedDict()
        self._busy_with: Keeper | None = None
        self._thread: threading.Thread | None = None

    def put(self, keeper: Keeper, what: str | None, work: Callable[[], None]) -> None:
        """Have this done, unless the same waits already."""
        with self._change:
            self._waiting.setdefault((keeper, what), work)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self._change.notify_all()

    def under_way(self) -> list[Keeper]:
        """Whose work waits or is being done; to be asked while holding the condition."""
        waiting = [keeper for keeper, _ in self._waiting]
        return [*waiting, self._busy_with] if self._busy_with else waiting

    def _work(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting)
                (self._busy_with, _), work = self._waiting.popitem(last=False)
            try:
                work()
            except Exception:  # noqa: BLE001 - the others' sessions must still be written, whatever broke with one
                _log.exception("a session could not be kept")
            finally:
                del work  # which holds a scene
                with self._change:
                    self._busy_with = None
                    self._change.notify_all()
