"""The folder that a batch writes to, for one run at a time."""

from __future__ import annotations

import contextlib
import errno
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from s2dash.batch.plan import Plan
from s2dash.errors import OutputConflict
from s2dash.raster.location import paths_of

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

_WORK_NAME = ".s2dash-batch"


def prepare_folder(plan: Plan) -> None:
    """Make the output folder; raises OutputConflict where it cannot be, or outputs would write over scenes."""
    out = plan.out
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputConflict(f"The folder {out} cannot be made: {error.strerror}. Give another one.") from error
    for given in paths_of(source.location for source in plan.sources):
        path = given.resolve()
        is_taken = path.name.endswith("-classes.tif") or path.name.startswith("mosaic")
        if path == out.resolve() or (path.parent == out.resolve() and is_taken):
            raise OutputConflict(f"{given} could be written over. Give another folder for the outputs.")


@contextlib.contextmanager
def locked(out: Path) -> Iterator[Path]:
    """An empty folder within the output folder to make files in, for one run at a time.

    Raises OutputConflict where another run works there, or nothing can be written.
    """
    work = out / _WORK_NAME
    try:
        work.mkdir(exist_ok=True)
        lock = (work / "lock").open("w")
    except OSError as error:
        raise OutputConflict(f"Nothing can be written to {out}: {error.strerror}. Give another folder.") from error
    with lock:
        _lock(lock.fileno(), out)
        for left_behind in set(work.iterdir()) - {work / "lock"}:
            shutil.rmtree(left_behind, ignore_errors=True)
        try:
            with tempfile.TemporaryDirectory(dir=work) as folder:
                yield Path(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _lock(handle: int, out: Path) -> None:
    """Hold a file until it is closed; raises OutputConflict where another process holds it."""
    if fcntl is None:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            return  # the file system has no locks
        raise OutputConflict(f"Another batch is writing to {out}. Wait for it, or give another folder.") from error
