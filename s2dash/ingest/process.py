"""Running the one-shot ingest process from the outside: its request, its answers, its end."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from s2dash.core.environment import as_environment
from s2dash.core.types import CancelToken, Progress
from s2dash.errors import PackGiven, S2DashError, UnknownName, UnreadableFile
from s2dash.settings import AREA_INGEST_LIMITS, INGEST_LIMITS, LIMITS, Limits

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.1
_LONGEST_LINE = 16_000_000
_KEPT_VARIABLES = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LD_LIBRARY_PATH",
    "PROJ_DATA",
    "PROJ_LIB",
    "GDAL_DATA",
    "SYSTEMROOT",
    "PYTHONHOME",
    "TZ",
)
"""All that the process needs of the environment: what it does not get, no file can make it tell."""

_ERRORS: Mapping[str, type[S2DashError]] = {"name": UnknownName, "pack": PackGiven}
"""Kinds of refusal that are told apart, by what the process calls them."""
_said: set[str] = set()


def run_child(
    request: Mapping[str, Any],
    folder: Path,
    progress: Progress,
    cancel: CancelToken,
    on_look: Callable[[dict[str, Any]], None] = lambda look: None,
) -> dict[str, Any]:
    """Have a request served by a process of its own that may write to `folder` only; returns the outcome.

    `on_look` is given what can be looked at meanwhile, where there is something.

    Raises UnreadableFile with what is wrong with the files, Cancelled on request.
    """
    with tempfile.TemporaryFile() as complaints:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "s2dash.ingest.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=_environment(),
            cwd=folder,
        )
        limits = INGEST_LIMITS if request["kind"] in ("scene", "pack") else AREA_INGEST_LIMITS
        watch = threading.Thread(target=_watch, args=(child, cancel, limits.wall_seconds), daemon=True)
        watch.start()
        try:
            outcome = _converse(child, request, progress, on_look)
        finally:
            child.kill()
            child.wait()
            watch.join()
            _close_pipes(child)
        cancel.check()
        if outcome is None:
            complaints.seek(0)
            _log.warning("the ingest process ended early: %s", complaints.read()[-2000:].decode(errors="replace"))
            is_one = len(request["names"]) == 1 or request["kind"] != "scene"
            name = str(request["names"][0]) if is_one else "One of the files"
            raise UnreadableFile(
                f"{name} could not be read: it is damaged, or asks for more memory or time than a file may take."
            )
    return outcome


def run_in_new_folder(
    request: Mapping[str, Any],
    folder: Path,
    progress: Progress,
    cancel: CancelToken | None,
    on_look: Callable[[dict[str, Any]], None] = lambda look: None,
) -> dict[str, Any]:
    """`run_child` in a folder that is made if missing, and removed again after an error or a cancellation."""
    folder.mkdir(parents=True, exist_ok=True)
    with removed_on_error(folder):
        return run_child(request, folder, progress, cancel or CancelToken(), on_look)


@contextlib.contextmanager
def removed_on_error(folder: Path) -> Iterator[None]:
    """Remove a folder where what is done with it fails."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    packages = str(Path(__file__).parents[2])
    return (
        kept
        | as_environment(LIMITS, Limits())
        | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": packages}
    )


def _close_pipes(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdout, child.stdin):
        # Closing flushes what an ended child no longer reads.
        with contextlib.suppress(BrokenPipeError):
            if pipe is not None:
                pipe.close()


def _watch(child: subprocess.Popen[bytes], cancel: CancelToken, most_seconds: float) -> None:
    """End the child when it is cancelled or takes too long."""
    waited = 0.0
    while child.poll() is None:
        if cancel.is_cancelled or waited > most_seconds:
            child.kill()
        try:
            child.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            waited += _POLL_SECONDS


def _converse(
    child: subprocess.Popen[bytes],
    request: Mapping[str, Any],
    progress: Progress,
    on_look: Callable[[dict[str, Any]], None],
) -> dict[str, Any] | None:
    """Send the request and follow the answers; None where the child died without one."""
    assert child.stdin is not None
    try:
        child.stdin.write(json.dumps(dict(request)).encode() + b"\n")
        child.stdin.close()
    except BrokenPipeError:
        return None
    for message in _messages(child):
        if "progress" in message:
            progress(float(message["progress"]), str(message["what"]))
        elif "look" in message:
            on_look(dict(message["look"]))
        elif "protections" in message:
            _log_once(str(message["protections"]))
        elif "error" in message:
            raise _ERRORS.get(str(message.get("kind")), UnreadableFile)(str(message["error"]))
        elif "outcome" in message:
            return dict(message["outcome"])
    return None


def _messages(child: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    assert child.stdout is not None
    while line := child.stdout.readline(_LONGEST_LINE):
        try:
            message = json.loads(line)
        except ValueError:
            return
        if isinstance(message, dict):
            yield message


def _log_once(sentence: str) -> None:
    if sentence not in _said:
        _said.add(sentence)
        _log.info("%s", sentence)
