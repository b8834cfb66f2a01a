"""The store of sessions: what was kept under an address comes back by it, and by nothing else."""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from s2dash.core import about
from s2dash.core.about import About
from s2dash.core.map_position import MapPosition, from_json, to_json
from s2dash.core.run_list import ListedRun
from s2dash.core.scene import Scene
from s2dash.errors import UnreadableValue
from s2dash.server.session_store import references
from s2dash.server.session_store.database import MIGRATIONS, Database, NewerForm
from s2dash.server.session_store.scenes import NoRoom, SceneFolders, scene_facts
from s2dash.server.session_store.values import Change, StoredRun, StoredScene, StoredSession
from s2dash.settings import LIMITS, StoreLimits

_log = logging.getLogger(__name__)

_DAY_SECONDS = 86_400.0
_LEFT_SECONDS = 86_400.0
_LONGEST_ADDRESS = 100
_BROKEN = (
    "What this server has kept of sessions cannot be read, so nothing is kept beyond this page. "
    "Tell whoever runs it; the log says more."
)
_NEWER = (
    "What this server has kept of sessions was written by a newer s2dash, so nothing is kept beyond this page. "
    "Tell whoever runs it."
)
_NO_FOLDER = "This server has no folder to keep sessions in, so nothing is kept beyond this page. Tell whoever runs it."
_FULL = "The server's disk is full: what you do now is not kept beyond this page. Tell whoever runs it."


class SessionGone(Exception):
    """Nothing is kept under the address any more: it was forgotten, or is past its time."""


class SessionUnread(Exception):
    """What is kept under the address could not be read this time; it may be the next."""


def new_address() -> str:
    """An address that nobody can guess: 192 random bits, in letters that addresses of the web may hold."""
    return secrets.token_urlsafe(24)


class SessionStore:
    """Sessions by address. Safe to use from any thread, and beside other servers that use the same folder.

    Where it cannot be used, nothing is kept or found, and `trouble` says so; nothing is raised for that.
    """

    def __init__(
        self,
        folder: Path,
        limits: StoreLimits = LIMITS.store,
        clock: Callable[[], float] = time.time,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
        migrations: Sequence[str] = MIGRATIONS,
    ) -> None:
        self.limits = limits
        self._folder, self._clock, self._migrations = folder, clock, migrations
        self._free_bytes = free_bytes
        self._opening = threading.Lock()
        self._opened: tuple[Database, SceneFolders] | None = None
        self._broken: str | None = None
        self._is_full = False

    @property
    def is_on(self) -> bool:
        """Whether whoever runs the server wants sessions to be kept."""
        return self.limits.kept_days > 0

    @property
    def trouble(self) -> str | None:
        """Why nothing is kept now, in words for anybody; None where all is well."""
        return self._broken or (_FULL if self._is_full else None)

    def open(self, address: str) -> StoredSession | None:
        """What is kept under an address, which is then used; None where there is nothing, or no longer.

        Raises SessionUnread where there may be something that could not be read just now.
        """
        parts = self._parts()
        if parts is None or not self._may_be(address):
            return None
        try:
            with parts[0].transaction() as connection:
                found = connection.execute(
                    "SELECT id, shown, made, position, said FROM session WHERE address = ? AND used >= ?",
                    (_hash(address), self._oldest()),
                ).fetchone()
                if found is None:
                    return None
                connection.execute("UPDATE session SET used = ? WHERE id = ?", (self._clock(), found[0]))
                rows = connection.execute("SELECT key, scene, listed FROM run WHERE session = ?", found[:1]).fetchall()
                reference = references.read(connection, found[0])
        except sqlite3.Error as error:
            self._note(error)
            if self._broken is None:
                raise SessionUnread from error
            return None
        runs = [run for row in rows if (run := _stored(*row)) is not None]
        in_order = tuple(sorted(runs, key=lambda one: (one.listed.number, one.key)))
        kept_reference = None if reference is None else references.unpacked(*reference)
        return StoredSession(in_order, found[1], found[2], _position(found[3]), _said(found[4]), kept_reference)

    def write(self, address: str, change: Change, is_new: bool) -> None:
        """Write what has changed of a session, all of it or nothing. `trouble` says where it could not be written.

        Raises
        ------
        SessionGone where the session is not new, and not there; OSError or sqlite3.Error where it was not written
        """
        parts = self._parts()
        if parts is None:
            return
        reference = references.packed(change.reference) if change.is_other_reference else None
        try:
            with parts[0].transaction() as connection:
                if is_new:
                    connection.execute(
                        "INSERT INTO session (address, used, made) VALUES (?, ?, 0) ON CONFLICT DO NOTHING",
                        (_hash(address), self._clock()),
                    )
                session = _session(connection, address)
                connection.execute(
                    "UPDATE session SET used = ?, shown = ?, made = max(made, ?), position = ?, said = ? WHERE id = ?",
                    (
                        *(self._clock(), change.shown, change.made),
                        *(to_json(change.position), about.to_json(change.said), session),
                    ),
                )
                runs = [_with_marks(connection, session, run, change.left.get(run.key)) for run in change.put]
                connection.executemany(
                    "INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?, ?)", [(session, *_row(run)) for run in runs]
                )
                connection.executemany(
                    "DELETE FROM run WHERE session = ? AND key = ?", [(session, key) for key in change.drop]
                )
                if change.is_other_reference:
                    references.write(connection, session, reference, self.limits.most_reference_bytes)
        except sqlite3.Error as error:
            self._note(error)
            raise
        self._is_full = False

    def put_scene(self, address: str, key: str, scene: Scene) -> None:
        """Keep a scene for a session, within the budget. Raises as `write`; where there is no room it is not kept."""
        parts = self._parts()
        if parts is None:
            return
        database, folders = parts
        try:
            with database.transaction() as connection:  # first, so that nobody takes it for one that nobody wants
                connection.execute(
                    "INSERT OR REPLACE INTO scene VALUES (?, ?, ?)",
                    (_session(connection, address), key, json.dumps(scene_facts(scene))),
                )
            folders.put(key, scene)
            with database.transaction() as connection:
                if key not in _wanted(connection):  # all was forgotten while its files were copied
                    folders.remove(key, also_used=True)
                    raise SessionGone
            self._make_room(database, folders, key)
        except NoRoom as error:
            _log.warning("a scene is not kept: %s", error)
        except (OSError, sqlite3.Error) as error:
            self._note(error)
            raise

    def scene(self, address: str, key: str) -> StoredScene | None:
        """A scene of this very session, to be held as long as it is used; None where it is not kept."""
        parts = self._parts()
        if parts is None:
            return None
        try:
            with parts[0].transaction() as connection:
                found = connection.execute(
                    "SELECT facts FROM scene JOIN session ON id = session WHERE address = ? AND key = ?",
                    (_hash(address), key),
                ).fetchone()
            return None if found is None else parts[1].open(key, json.loads(found[0]))
        except (sqlite3.Error, OSError, ValueError, KeyError) as error:
            self._note(error)
            return None

    def scene_keys(self, address: str) -> frozenset[str]:
        """Keys of the scenes that `scene` would give to this session."""
        parts = self._parts()
        if parts is None:
            return frozenset()
        try:
            with parts[0].transaction() as connection:
                found = connection.execute(_SCENES_OF, (_hash(address),)).fetchall()
        except sqlite3.Error as error:
            self._note(error)
            return frozenset()
        return frozenset(key for (key,) in found if parts[1].has(key))

    def forget(self, address: str) -> bool:
        """Remove all that is kept under an address, and the scenes that nobody else has; returns whether it is gone."""
        parts = self._parts()
        if parts is None:
            return False
        try:
            with parts[0].transaction() as connection:
                own = connection.execute(_SCENES_OF, (_hash(address),)).fetchall()
                connection.execute("DELETE FROM session WHERE address = ?", (_hash(address),))
                wanted = _wanted(connection)
                for key in {key for (key,) in own} - wanted:
                    parts[1].remove(key, also_used=True)  # by a page of this very session
        except (sqlite3.Error, OSError) as error:
            self._note(error)
            return False
        self._empty_log(parts[0])
        return True

    @staticmethod
    def _empty_log(database: Database) -> None:
        with suppress(sqlite3.Error):
            if database.empty_log():
                return
        _log.warning("the log of the sessions' file could not be emptied; the next sweep tries again")

    def sweep(self) -> None:
        """Remove what is past its time or beyond the limits, and what nobody has."""
        parts = self._parts()
        if parts is None:
            return
        database, folders = parts
        try:
            with database.transaction() as connection:
                connection.execute("DELETE FROM session WHERE used < ?", (self._oldest(),))
                connection.execute(
                    "DELETE FROM session WHERE id IN (SELECT id FROM session ORDER BY used DESC LIMIT -1 OFFSET ?)",
                    (self.limits.most_sessions,),
                )
            folders.remove_left(self._clock() - _LEFT_SECONDS)
            self._remove_unwanted(database, folders)
            self._empty_log(database)
            self._make_room(database, folders, None)
        except NoRoom:
            pass  # all that is left is in use
        except (sqlite3.Error, OSError) as error:
            self._note(error)

    def close(self) -> None:
        """Close the file, so that all stands in it alone; whoever asks later has it opened again."""
        with self._opening:
            opened, self._opened = self._opened, None
        if opened is not None:
            opened[0].close()

    def _parts(self) -> tuple[Database, SceneFolders] | None:
        """The file and the folders, opened where they are first asked for; None where there is nothing to be used."""
        if not self.is_on or self._broken is not None:
            return None
        with self._opening:
            if self._opened is None and self._broken is None:
                try:
                    self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                    folders = SceneFolders(self._folder / "scenes", self._copied_bytes_left)
                    self._opened = Database(self._folder / "sessions.sqlite3", self._migrations), folders
                except NewerForm as error:
                    self._refuse(_NEWER, error)
                except sqlite3.Error as error:
                    self._refuse(_BROKEN, error)
                except OSError as error:
                    self._refuse(_NO_FOLDER, error)
            return self._opened

    def _refuse(self, words: str, error: Exception) -> None:
        self._broken = words
        _log.error("sessions are not kept, as %s cannot be used: %s", self._folder, error)

    def _note(self, error: Exception) -> None:
        """Remember what went wrong: a full disk may have room again, a damaged file does not mend itself."""
        if type(error) is sqlite3.DatabaseError:  # its kinds are other matters: a busy file, a full disk
            self._refuse(_BROKEN, error)
        else:
            self._is_full = self._is_full or _says_full(error)
            _log.error("something of a session was not kept: %s", error)

    def _copied_bytes_left(self) -> int:
        return self._free_bytes(self._folder) - self.limits.free_disk_bytes

    def _oldest(self) -> float:
        return self._clock() - self.limits.kept_days * _DAY_SECONDS

    @staticmethod
    def _may_be(address: str) -> bool:
        return 0 < len(address) <= _LONGEST_ADDRESS

    def _remove_unwanted(self, database: Database, folders: SceneFolders) -> None:
        with database.transaction() as connection:
            # Within the transaction: nobody can begin to want one meanwhile.
            for key in folders.keys() - _wanted(connection):
                folders.remove(key)

    def _make_room(self, database: Database, folders: SceneFolders, newest: str | None) -> None:
        """Remove scenes until all fit; raises NoRoom where the newest does not even then, which goes as well."""
        if folders.used_bytes() <= self.limits.most_bytes:
            return
        with database.transaction() as connection:
            order = [key for (key,) in connection.execute(_LEAST_WANTED_LAST)]
        spare = [*(folders.keys() - set(order) - {newest}), *(key for key in reversed(order) if key != newest)]
        for key in (key for key in spare if folders.has(key)):
            folders.remove(key)
            if folders.used_bytes() <= self.limits.most_bytes:
                return
        if newest is not None:
            folders.remove(newest)
        raise NoRoom(f"more than {self.limits.most_bytes} bytes")


_SCENES_OF = "SELECT key FROM scene JOIN session ON id = session WHERE address = ?"
_LEAST_WANTED_LAST = """
    SELECT scene.key FROM scene JOIN session ON id = scene.session
    LEFT JOIN run ON run.session = scene.session AND run.scene = scene.key
    GROUP BY scene.key ORDER BY max(coalesce(run.is_marked, 0)) DESC, max(session.used) DESC
"""


def _wanted(connection: sqlite3.Connection) -> set[str]:
    """Keys of the scenes that any session has."""
    return {key for (key,) in connection.execute("SELECT DISTINCT key FROM scene")}


def _hash(address: str) -> bytes:
    return hashlib.sha256(address.encode("utf-8", "surrogatepass")).digest()


def _session(connection: sqlite3.Connection, address: str) -> int:
    found = connection.execute("SELECT id FROM session WHERE address = ?", (_hash(address),)).fetchone()
    if found is None:
        raise SessionGone
    return int(found[0])


def _with_marks(connection: sqlite3.Connection, session: int, run: StoredRun, left: frozenset[str] | None) -> StoredRun:
    """The run with those of its marks that are to be left as they are kept."""
    if not left:
        return run
    row = connection.execute("SELECT listed FROM run WHERE session = ? AND key = ?", (session, run.key)).fetchone()
    kept = None if row is None else _stored(run.key, run.scene_key, row[0])
    if kept is None:
        return run
    return replace(run, listed=replace(run.listed, **{name: getattr(kept.listed, name) for name in left}))


def _row(run: StoredRun) -> tuple[str, str, bool, str]:
    return run.key, run.scene_key, bool(run.listed.star or run.listed.note or run.listed.check), run.listed.to_json()


def _stored(key: str, scene_key: str, listed: str) -> StoredRun | None:
    """None for a run that this s2dash cannot read: the others are still of use."""
    with suppress(UnreadableValue):
        return StoredRun(key, ListedRun.from_json(listed), scene_key)
    _log.warning("a kept run cannot be read")
    return None


def _position(text: str | None) -> MapPosition | None:
    """The whole scene where it was never said, or this s2dash cannot read it."""
    with suppress(UnreadableValue):
        return None if text is None else from_json(text)
    return None


def _said(text: str | None) -> dict[str, About]:
    """Nothing where nothing was said, or this s2dash cannot read it."""
    with suppress(UnreadableValue):
        return {} if text is None else about.from_json(text)
    return {}


def _says_full(error: Exception) -> bool:
    return getattr(error, "errno", None) in (28, 122) or "full" in str(error)
