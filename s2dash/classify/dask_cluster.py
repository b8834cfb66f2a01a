"""A Dask cluster as an executor: connecting with plain errors, equal versions, and noticing that it is gone.

The one place for `distributed`, which is optional and imported only when a scheduler's address is given.

A scheduler unpickles every task that it hands on, so it would need whatever a task names. Here a task names only what
stands wherever `distributed` does, and holds the rest as bytes that a worker opens: the scheduler needs no s2dash.
"""

from __future__ import annotations

import importlib
import io
import itertools
import logging
import operator
import re
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from s2dash import __version__
from s2dash.classify.parts import running_versions, version_words
from s2dash.errors import ClusterError, ClusterLost, S2DashError
from s2dash.settings import CLUSTER_LIMITS

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")

Box = io.BytesIO
"""A value as bytes. Unlike bytes it has no text of its own: workers log what they were given."""

_CLOSE_SECONDS = 3.0
_COUNT_SECONDS = 5.0
"""How often the workers are counted."""
_LACKING = (
    f"{{}}. It needs s2dash {__version__} with all of its packages. "
    'Run there, in the folder of s2dash: python -m pip install ".[cluster]", and start it anew.'
)
_NOT_FOUND = re.compile(r"ModuleNotFoundError|ImportError|Can't get attribute")
"""What a worker cannot open comes back as an error of its own kind, or as the text of one."""
_ADDRESS = re.compile(r"(tcp|tls|ws|wss)://[^\s/]+:\d{1,5}/?")


@dataclass(frozen=True)
class _Place:
    """Stands in a sealed call for an argument that was shared, by its place among them."""

    number: int


class ClusterExecutor(Executor):
    """`Client.get_executor()` with errors in plain words, whose scheduler opens nothing of what passes through it."""

    def __init__(self, client: Client, address: str) -> None:
        self._client = client
        self._address = address
        self._executor: Executor = client.get_executor(pure=False)  # type: ignore[no-untyped-call]
        self._shared: list[Any] = []
        self._counted = self._last_joined = time.monotonic()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """As any executor; the future raises ClusterLost or ClusterError for what the cluster itself does wrong."""
        self.check()
        inner = self._submit(partial(fn, *args, **kwargs))
        outer: Future[T] = Future()

        def call_off(future: Future[T]) -> None:
            if future.cancelled():
                inner.cancel()

        def hand_over(future: Future[T]) -> None:
            if not outer.set_running_or_notify_cancel():
                return
            try:
                outer.set_result(future.result())
            except BaseException as error:  # noqa: BLE001 - handed to who asks for the result
                outer.set_exception(self._in_plain_words(error))

        outer.add_done_callback(call_off)
        inner.add_done_callback(hand_over)
        return outer

    def _submit(self, call: partial[T]) -> Future[T]:
        toolz: Any = importlib.import_module("toolz")
        distributed = _distributed()
        shared = [argument for argument in call.args if isinstance(argument, distributed.Future)]
        numbers = itertools.count()
        places = [_Place(next(numbers)) if isinstance(a, distributed.Future) else a for a in call.args]
        sealed = _sealed(partial(_with_shared, partial(call.func, *places, **call.keywords)))
        # A worker runs operator.call(deserialize_bytes(sealed.getvalue()), *shared).
        steps: list[Any] = [operator.methodcaller("getvalue"), distributed.protocol.deserialize_bytes]
        steps.append((operator.call, *shared))
        name = _task_name(call.func.__name__)
        return self._executor.submit(toolz.thread_first, sealed, *steps, key=name)

    def share(self, value: T) -> T:
        """What stands for the value in `submit`: each worker fetches it once, from the scheduler or another worker.

        It is the result of a task rather than scattered data, so that it can be made again when the workers
        that held it die.
        """
        identity = importlib.import_module("toolz").identity
        future = self._client.submit(identity, _sealed(value), key=_task_name("share"))
        self._shared.append(future)
        return cast(T, future)

    def check(self) -> None:
        """Raise ClusterLost where the scheduler is gone or came back without what was submitted, or has no worker."""
        if self._client.status != "running" or any(future.status == "cancelled" for future in self._shared):
            raise self._lost()
        now = time.monotonic()
        if now - self._counted < _COUNT_SECONDS:
            return
        self._counted = now
        try:
            if self._client.nthreads():  # type: ignore[no-untyped-call]
                self._last_joined = now
        except OSError as error:
            raise self._lost() from error
        if now - self._last_joined > CLUSTER_LIMITS.lonely_seconds:
            raise ClusterLost(
                f"The cluster {self._address} was lost: it has had no worker for {CLUSTER_LIMITS.lonely_seconds:g} s"
            )

    def _lost(self) -> ClusterLost:
        return ClusterLost(f"The cluster {self._address} was lost")

    def _in_plain_words(self, error: BaseException) -> BaseException:
        if isinstance(error, S2DashError):
            return error
        if isinstance(error, CancelledError):
            return self._lost()
        if type(error).__name__ == "KilledWorker":
            return ClusterError(
                "Several workers died one after another on the same part. They may be short of memory: "
                "give each 2 GB (--memory-limit) and fewer threads, then run it again."
            )
        if _is_of_another_version(error):
            return ClusterError(f"A worker cannot do its part: {_LACKING.format(error)}")
        return error


@contextmanager
def connected(address: str, timeout_seconds: float = CLUSTER_LIMITS.connect_seconds) -> Iterator[ClusterExecutor]:
    """An executor on the workers of a running scheduler, such as `tcp://10.0.0.1:8786`.

    Raises ClusterError where `distributed` is not installed, nobody answers, no worker has joined, or a
    worker has other versions than this process.
    """
    if not _ADDRESS.fullmatch(address):
        raise ClusterError(f"{address[:80]!r} is not the address of a scheduler. It looks like tcp://10.0.0.1:8786.")
    distributed = _distributed()
    try:
        client = distributed.Client(address, timeout=timeout_seconds, set_as_default=False, name="s2dash")
    except (OSError, ValueError, ImportError) as error:
        raise ClusterError(
            f"No scheduler answers at {address} within {timeout_seconds:g} s. Start one there with "
            "`dask scheduler`, or check the address."
        ) from error
    try:
        _require_same_scheduler(client, address)
        _require_workers(client, address, timeout_seconds)
        _require_same_versions(client)
        yield ClusterExecutor(client, address)
    finally:
        client.close(timeout=_CLOSE_SECONDS)


def _distributed() -> ModuleType:
    try:
        distributed = importlib.import_module("distributed")
    except ImportError as error:
        raise ClusterError(
            "A cluster needs the package distributed, which is not installed here. "
            "Run: python -m pip install -r requirements-cluster.txt"
        ) from error
    # What it has to say of a lost connection is said in plain words by the errors here.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", category=distributed.versions.VersionMismatchWarning)
    return distributed


def _require_same_scheduler(client: Client, address: str) -> None:
    """Raise ClusterError unless the scheduler has this process's version of `distributed`, all it needs."""
    here = _distributed().__version__
    there = client.run_on_scheduler(metadata.version, "distributed")  # type: ignore[no-untyped-call]
    if here != there:
        raise ClusterError(
            f"The scheduler {address} has another version: distributed {here} here, {there} there. "
            f"Run there: python -m pip install distributed=={here}"
        )


def _require_workers(client: Client, address: str, timeout_seconds: float) -> None:
    try:
        client.wait_for_workers(1, timeout=timeout_seconds)
    except TimeoutError as error:
        raise ClusterError(
            f"The scheduler {address} has no workers. Start some with `dask worker {address}`."
        ) from error


def _require_same_versions(client: Client) -> None:
    """Raise ClusterError unless every worker that has joined runs what this process runs; later ones check alone."""
    for worker, answer in client.run(running_versions, on_error="return").items():
        if isinstance(answer, BaseException) and _is_of_another_version(answer):
            raise ClusterError(f"The worker {worker} cannot work: {_LACKING.format(answer)}")
        if isinstance(answer, BaseException):
            raise ClusterError(f"The worker {worker} does not work: {answer}. Restart it, or take it away.")
        differ = version_words(running_versions(), answer)
        if differ:
            raise ClusterError(f"The worker {worker} has other versions: {differ}. Install the same there.")


def _is_of_another_version(error: BaseException) -> bool:
    """Whether a worker did not find what it was told to call: it lacks s2dash, a package of it, or has another one."""
    return isinstance(error, ImportError) or _NOT_FOUND.search(str(error)) is not None


def _task_name(what: str) -> str:
    return f"{what}-{uuid.uuid4()}"


def _sealed(value: object) -> Box:
    return Box(_distributed().protocol.serialize_bytes(value))


def _with_shared(call: partial[T], *shared: Box) -> T:
    """The call with what was shared in its places; runs on a worker."""
    protocol: Any = importlib.import_module("distributed.protocol")
    opened = [protocol.deserialize_bytes(box.getvalue()) for box in shared]
    arguments = [opened[a.number] if isinstance(a, _Place) else a for a in call.args]
    return call.func(*arguments, **call.keywords)
