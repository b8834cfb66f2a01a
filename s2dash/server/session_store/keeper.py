"""A page's hand in the store: what the page is now is written beside its own work, the newest state alone."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import OrderedDict
from dataclasses import replace

from s2dash.core.map_position import MapPosition
from s2dash.server.session_store.store import SessionGone, SessionStore, new_address
from s2dash.server.session_store.values import Change, Snapshot, StoredRun, StoredScene

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
        self._scenes: set[str] = set()
        self._lock = threading.Lock()
        """Of what was said: the page says one part of it, its map another, and the writer takes it."""
        self._waiting: Snapshot | None = None
        self._last: Snapshot | None = None

    def came_back(self, runs: tuple[StoredRun, ...]) -> None:
        """These are kept already, as they are."""
        self._written = {run.key: run for run in runs}

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
            for key, stored in snapshot.scenes.items():
                self._keep_scene(store, key, stored)
        except SessionGone:
            self.close()
        except (OSError, sqlite3.Error):
            self._last = None  # the store has noted why; the next run of the page tries again

    def _keep_scene(self, store: SessionStore, key: str, stored: StoredScene) -> None:
        if key not in self._scenes:
            store.put_scene(self.address, key, stored.scene)
            self._scenes.add(key)

    def _change(self, snapshot: Snapshot) -> Change:
        present = {run.key: run for run in snapshot.runs}
        return Change(
            put=tuple(run for run in snapshot.runs if self._written.get(run.key) is not run),
            drop=tuple(key for key in self._written if key not in present),
            shown=snapshot.shown,
            made=snapshot.made,
            position=snapshot.position,
        )


def _are_same(one: Snapshot | None, other: Snapshot) -> bool:
    return (
        one is not None
        and (one.shown, one.made, one.position) == (other.shown, other.made, other.position)
        and set(one.scenes) == set(other.scenes)
        and len(one.runs) == len(other.runs)
        and all(a is b for a, b in zip(one.runs, other.runs, strict=True))
    )


class Writer:
    """The one thread of a process that writes what pages say, in their turn."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._change = threading.Condition()
        self._waiting: OrderedDict[Keeper, None] = OrderedDict()
        self._busy_with: Keeper | None = None
        self._thread: threading.Thread | None = None

    def put(self, keeper: Keeper) -> None:
        """Let a page's keeper write."""
        with self._change:
            self._waiting.setdefault(keeper)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="s2dash-keep", daemon=True)
                self._thread.start()
            self._change.notify_all()

    def settle(self, address: str | None = None, patience_seconds: float = 10) -> bool:
        """Wait until all is written that was said, under one address or any; returns whether it is."""

        def is_settled() -> bool:
            under_way = [*self._waiting, *([self._busy_with] if self._busy_with else [])]
            return not any(address in (None, keeper.address) for keeper in under_way)

        with self._change:
            return self._change.wait_for(is_settled, patience_seconds)

    def _work(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting)
                self._busy_with, _ = self._waiting.popitem(last=False)
            try:
                self._busy_with.write(self._store)
            except Exception:  # noqa: BLE001 - the others' sessions must still be written, whatever broke with one
                _log.exception("a session could not be kept")
            finally:
                with self._change:
                    self._busy_with = None
                    self._change.notify_all()
