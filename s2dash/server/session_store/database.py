"""The SQLite file of kept sessions: opened safely, brought to the newest form, one transaction at a time."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE session (
        id INTEGER PRIMARY KEY,
        address BLOB NOT NULL UNIQUE,
        used REAL NOT NULL,
        shown TEXT,
        made INTEGER NOT NULL
    );
    CREATE INDEX session_used ON session (used);
    CREATE TABLE run (
        session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
        key TEXT NOT NULL,
        scene TEXT NOT NULL,
        is_marked INTEGER NOT NULL,
        listed TEXT NOT NULL,
        PRIMARY KEY (session, key)
    ) WITHOUT ROWID;
    CREATE TABLE scene (
        session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
        key TEXT NOT NULL,
        facts TEXT NOT NULL,
        PRIMARY KEY (session, key)
    ) WITHOUT ROWID;
    CREATE INDEX scene_key ON scene (key);
    """,
    """
    ALTER TABLE session ADD COLUMN position TEXT
    """,
    """
    ALTER TABLE session ADD COLUMN said TEXT
    """,
    """
    CREATE TABLE reference (
        session INTEGER PRIMARY KEY REFERENCES session ON DELETE CASCADE,
        told TEXT NOT NULL,
        codes BLOB NOT NULL
    )
    """,
)
"""Each brings a file from the form of its place in the list to the next; what has been released is never changed."""

_BUSY_SECONDS = 5.0


class NewerForm(Exception):
    """A newer s2dash has written the file."""


class Database:
    """One connection to the file, for any thread, one at a time: closing it after each use would write it back anew."""

    def __init__(self, path: Path, migrations: Sequence[str] = MIGRATIONS) -> None:
        """Raises sqlite3.Error, OSError or NewerForm where the file cannot be used; it is left as it is then."""
        self._lock = threading.Lock()
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=50
        )
        try:
            self._prepare(migrations)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, migrations: Sequence[str]) -> None:
        run = self._connection.execute
        if self._form() > len(migrations):
            raise NewerForm(f"form {self._form()}, and this s2dash knows {len(migrations)}")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        run("PRAGMA foreign_keys = ON")
        # What is forgotten is overwritten in the file; `empty_log` takes it out of the log.
        run("PRAGMA secure_delete = ON")
        found = run("PRAGMA quick_check").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(str(found))
        while self._form() < len(migrations):
            with self.transaction() as connection:
                # Another server may have done it meanwhile.
                form = self._form()
                if form < len(migrations):
                    for statement in migrations[form].split(";"):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {form + 1:d}")

    def _form(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is written whole where nothing is raised in it, otherwise not at all."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def empty_log(self) -> bool:
        """Write the log back and empty it, as it holds what was deleted too; returns whether nobody else was at it."""
        with self._lock:
            return not self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]

    def close(self) -> None:
        """Write everything back into the one file."""
        with self._lock:
            self._connection.close()
