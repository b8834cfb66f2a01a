"""The ingest process by a fork in place of a start: one process that has all libraries loaded serves a whole test run.

Starting Python and its libraries takes a second and a half of a processor, reading a small file a few hundredths. What
is forked confines itself and serves one request by the very `child.main`, in a process of its own, as the one-shot
process does. Run as a program this file is what forks; see `ForkedChild` for who asks it.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest

CHILD = ["-P", "-m", "s2dash.ingest.child"]
FORKS = hasattr(os, "pidfd_open")
"""Whether this system can; where it cannot, processes are started as outside of tests."""
_LONGEST_MESSAGE = 65_536


@dataclass(frozen=True)
class Ended:
    """How a forked process ended, and what it took."""

    status: int
    cpu_seconds: float
    peak_kb: int


ended: list[Ended] = []
"""All forked processes of this test run that somebody waited for, in order."""


class ForkedChild:
    """As much of `subprocess.Popen` as `ingest.process` asks of it; what it cannot fork it starts."""

    def __new__(cls, command: Sequence[str], **options: Any) -> Any:
        if list(command[1:]) != CHILD or not _server(tuple(sorted(options["env"].items()))):
            return subprocess.Popen(command, **options)
        return super().__new__(cls)

    def __init__(
        self, command: Sequence[str], *, stderr: IO[bytes], env: Mapping[str, str], cwd: Path, **_: Any
    ) -> None:
        server = _server(tuple(sorted(env.items())))
        assert server is not None
        self.returncode: int | None = None
        self._asking = threading.Lock()
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe()
        self._control, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        server.fork(cwd, [theirs_in, theirs_out, stderr.fileno(), control.fileno()])
        for number in (theirs_in, theirs_out):
            os.close(number)
        control.close()
        self.stdin = io.BufferedWriter(io.FileIO(ours_in, "w"))
        self.stdout = io.BufferedReader(io.FileIO(ours_out))

    def kill(self) -> None:
        if self.returncode is None:
            with contextlib.suppress(OSError):
                self._control.send(b"kill")

    def poll(self) -> int | None:
        return self._told_within(0)

    def wait(self, timeout: float | None = None) -> int:
        status = self._told_within(timeout)
        if status is None:
            raise subprocess.TimeoutExpired("a forked process", timeout or 0)
        return status

    def _told_within(self, seconds: float | None) -> int | None:
        with self._asking:
            if self.returncode is None:
                self._control.settimeout(seconds)
                try:
                    one = Ended(**json.loads(self._control.recv(_LONGEST_MESSAGE)))
                except (TimeoutError, BlockingIOError):
                    return None
                self._control.close()
                self.returncode = os.waitstatus_to_exitcode(one.status)
                ended.append(one)
        return self.returncode


class _Server:
    def __init__(self, env: Mapping[str, str]) -> None:
        self._asking = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                env=dict(env),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for the tests
            )
        atexit.register(self._end)

    def _end(self) -> None:
        self._socket.close()
        self._process.wait()

    def fork(self, cwd: Path, numbers: list[int]) -> None:
        with self._asking:
            socket.send_fds(self._socket, [os.fsencode(cwd)], numbers)


_in_use: list[tuple[tuple[tuple[str, str], ...], _Server]] = []


def _server(env: tuple[tuple[str, str], ...]) -> _Server | None:
    """What forks in this environment; None in others than the first one, whose settings it has read."""
    if not FORKS:
        return None
    if not _in_use:
        _in_use.append((env, _Server(dict(env))))
    first, server = _in_use[0]
    return server if first == env else None


def begin() -> None:
    """Start what forks, for this process and those that are forked from it."""
    from s2dash.ingest import process

    _server(tuple(sorted(process._environment().items())))


@contextlib.contextmanager
def forked() -> Iterator[None]:
    """In this block the one-shot process of `ingest.process` is forked."""
    from s2dash.ingest import process

    with pytest.MonkeyPatch.context() as patch:
        quick = SimpleNamespace(Popen=ForkedChild, PIPE=subprocess.PIPE, TimeoutExpired=subprocess.TimeoutExpired)
        patch.setattr(process, "subprocess", quick)
        yield


# ---- what forks ----------------------------------------------------------------------------------------------------


def _load() -> None:
    """Import what serving any request would."""
    import pyogrio  # noqa: F401

    from s2dash.ingest import check_points, child, label_raster, pack_members  # noqa: F401
    from s2dash.ingest.area import labelled, mask  # noqa: F401
    from s2dash.ingest.assemble import finish, numbers, plan  # noqa: F401
    from s2dash.ingest.canonical import rewrite  # noqa: F401
    from s2dash.ingest.cloud_masks import with_cloud_masks  # noqa: F401
    from s2dash.ingest.gather import gather  # noqa: F401


def _serve(asked: socket.socket) -> None:
    """Fork for each message and tell how each ended, until nobody can ask any more."""
    watched = selectors.DefaultSelector()
    watched.register(asked, selectors.EVENT_READ)
    while True:
        for key, _ in watched.select():
            if key.fileobj is not asked:
                key.data()
                continue
            message, numbers, _flags, _address = socket.recv_fds(asked, _LONGEST_MESSAGE, 4)
            if not message:
                return
            pid = os.fork()
            if pid == 0:
                _be_the_child(os.fsdecode(message), numbers)
            _watch(watched, pid, socket.socket(fileno=numbers.pop()))
            for number in numbers:
                os.close(number)


def _be_the_child(cwd: str, numbers: list[int]) -> None:
    from s2dash.ingest import child

    status = 1
    try:
        for place, number in enumerate(numbers[:3]):
            os.dup2(number, place)
        _close_all_but_files()
        os.chdir(cwd)
        status = child.main()
    except BaseException:  # noqa: BLE001 - it would end an interpreter with these words
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
        os._exit(status)


def _close_all_but_files() -> None:
    """Close what only the process that forks is to hold; PROJ's database stays open, as a library has it."""
    for number in range(3, 1024):
        with contextlib.suppress(OSError):
            if not str(Path(f"/proc/self/fd/{number}").readlink()).startswith("/"):
                os.close(number)


def _watch(watched: selectors.BaseSelector, pid: int, control: socket.socket) -> None:
    life = os.pidfd_open(pid)

    def tell() -> None:
        _, status, used = os.wait4(pid, 0)
        one = {"status": status, "cpu_seconds": used.ru_utime + used.ru_stime, "peak_kb": used.ru_maxrss}
        with contextlib.suppress(OSError):
            control.send(json.dumps(one).encode())
        watched.unregister(life)

    def hear() -> None:
        if control.recv(_LONGEST_MESSAGE):
            with contextlib.suppress(ProcessLookupError):  # it has ended, and that was told
                signal.pidfd_send_signal(life, signal.SIGKILL)
        else:  # nobody asks after it any more; closed before, what was told would be lost
            watched.unregister(control)
            control.close()
            os.close(life)

    watched.register(life, selectors.EVENT_READ, tell)
    watched.register(control, selectors.EVENT_READ, hear)


if __name__ == "__main__":
    _load()
    _serve(socket.socket(fileno=int(sys.argv[1])))
