"""Temporary folders of this process: locked while it lives, and removed when nobody holds them or it has ended."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from pathlib import Path

_HELD = ".held"
"""Ends the names of folders on which their process holds a lock."""


class ScratchFolder:
    """A temporary folder that goes when nobody holds this any more, or earlier when it is removed.

    While it lives, this process holds a lock on it, which ends with the process however that ends: so another
    server can tell it from what a dead one has left.
    """

    def __init__(self, prefix: str) -> None:
        self.path, lock = _locked_folder(prefix)
        self._finalizer = weakref.finalize(self, _remove_locked, self.path, lock)
        _scratch_folders.add(self)

    def remove(self) -> None:
        """Remove the folder and all in it now."""
        self._finalizer()


_scratch_folders: weakref.WeakSet[ScratchFolder] = weakref.WeakSet()


def _locked_folder(prefix: str) -> tuple[Path, int | None]:
    """A new folder and the open lock on it; None where its file system knows no locks."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=prefix, suffix=_HELD))
        try:
            lock = _lock_of(path)
        except OSError:
            return path, None
        # Between its making and its locking, a server that begins may have taken it for a dead one's.
        if lock is not None and path.is_dir():
            return path, lock
        if lock is not None:
            os.close(lock)


def _lock_of(folder: Path) -> int | None:
    """The lock on a folder, open; None where another process holds it. Raises OSError where it cannot be locked."""
    handle = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0))
    try:
        import fcntl  # only where folders can be opened: not on Windows

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except BaseException:
        os.close(handle)
        raise
    return handle


def _remove_locked(folder: Path, lock: int | None) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if lock is not None:
        os.close(lock)


def remove_left_folders() -> tuple[Path, ...]:
    """Remove the scratch folders that processes left which have ended, and return them.

    Those of living ones stay, as do others' folders and all that this process may not lock.
    """
    removed = []
    for folder in Path(tempfile.gettempdir()).glob(f"s2dash-*{_HELD}"):
        try:
            lock = _lock_of(folder)
        except OSError:
            continue
        if lock is not None:
            _remove_locked(folder, lock)
            removed.append(folder)
    return tuple(removed)


def remove_scratch_folders() -> None:
    """Remove every scratch folder of this process: a server that is told to stop ends without finalizers."""
    for folder in list(_scratch_folders):
        folder.remove()
