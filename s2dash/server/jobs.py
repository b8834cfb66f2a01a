"""Long work on a thread, with progress, that can be cancelled: a job, and the one that labels a whole scene."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Generic, Self, TypeVar

from s2dash.classify import dask_cluster, parts, pipeline
from s2dash.classify.pipeline import Fitted
from s2dash.classify.sureness import SureSteps
from s2dash.classify.sureness_file import sureness_in, write_sureness
from s2dash.core.classmap import Result
from s2dash.core.sureness import Sureness
from s2dash.core.types import CancelToken, Progress
from s2dash.errors import Cancelled
from s2dash.server import memory
from s2dash.server.folders import ScratchFolder
from s2dash.server.turns import Turns
from s2dash.settings import RUN_LIMITS, scheduler_address

T = TypeVar("T")


class Job(Generic[T]):
    """One piece of long work on a thread, with progress; its files live in a folder of its own until dropped."""

    def __init__(
        self, work: Callable[[Path, Progress, CancelToken], T], prefix: str = "s2dash-job-", turns: Turns | None = None
    ) -> None:
        self.share = 0.0
        self.what = ""
        """What is being done, in plain words."""
        self.started = time.perf_counter()
        self.seconds: float | None = None
        """What it took, once it is done."""
        self.folder = ScratchFolder(prefix)
        self.is_kept = False
        """Whether it goes on though nobody is looking."""
        self.is_waiting = turns is not None
        """Whether it waits until few enough others of `turns` are at work."""
        self._work, self._turns = work, turns
        self._wanted_by: list[Callable[[], bool]] = []
        self._cancel = CancelToken()
        self._future: Future[T] = Future()

    def start(
        self, is_wanted: Callable[[], bool] | None = None, grace_seconds: float = RUN_LIMITS.grace_seconds
    ) -> Self:
        """Begin; returns the job. Where `is_wanted` has said no for so long, it is cancelled, unless it is kept."""
        self.started = time.perf_counter()
        threading.Thread(target=self._run, name="s2dash-job", daemon=True).start()
        if is_wanted is not None:
            self.go_on_while(is_wanted)
            threading.Thread(target=self._watch, args=(grace_seconds,), name="s2dash-watch", daemon=True).start()
        return self

    def go_on_while(self, is_wanted: Callable[[], bool]) -> None:
        """Somebody else wants it too: it goes on while any of them does."""
        self._wanted_by.append(is_wanted)

    def cancel(self) -> None:
        """Stop at the next look; nothing is left behind."""
        self._cancel.cancel()

    @property
    def is_cancelled(self) -> bool:
        """Whether it was asked to stop; it may still be on its way to do so."""
        return self._cancel.is_cancelled

    @property
    def is_done(self) -> bool:
        return self._future.done()

    def wait(self, seconds: float) -> bool:
        """Whether it is done within so many seconds."""
        return bool(wait([self._future], seconds).done)

    @property
    def seconds_left(self) -> float | None:
        """From the pace so far; None until there is one."""
        if self.share <= 0.01:
            return None
        return (time.perf_counter() - self.started) * (1 - self.share) / self.share

    @property
    def error(self) -> BaseException | None:
        """What stopped a finished job; None where it ended well."""
        return self._future.exception(timeout=0)

    def result(self) -> T:
        """What a finished job brought; raises what stopped it."""
        return self._future.result(timeout=0)

    def _run(self) -> None:
        try:
            with nullcontext() if self._turns is None else self._turns(self._cancel):
                self.started, self.is_waiting = time.perf_counter(), False
                result = self._work(self.folder.path, self._note, self._cancel)
            self.seconds = time.perf_counter() - self.started
            self._future.set_result(result)
        except BaseException as error:  # noqa: BLE001 - handed to who asks for the result
            self.folder.remove()
            # Where it was stopped holds all that it worked on; who asks for a cancelled job needs none of that.
            self._future.set_exception(Cancelled(*error.args) if isinstance(error, Cancelled) else error)
        finally:
            memory.hand_back_soon()

    def _watch(self, grace_seconds: float) -> None:
        alone_since: float | None = None
        while not self.wait(min(RUN_LIMITS.look_seconds, grace_seconds)):
            now = time.monotonic()
            if self.is_kept or any(is_wanted() for is_wanted in self._wanted_by):
                alone_since = None
            elif alone_since is None:
                alone_since = now
            elif now - alone_since >= grace_seconds:
                self.cancel()
                return

    def _note(self, share: float, what: str) -> None:
        self.share, self.what = share, what


FULL_TURNS = Turns(RUN_LIMITS.most_at_once)
"""Of whatever goes through all pixels of a scene, for all sessions of this process."""


class FullJob(Job[Result]):
    """One run over all pixels of a scene; on the labels of another one where `continues` has said so."""

    def __init__(self, fitted: Fitted, base: FullJob | None = None) -> None:
        # Steps on labels that are there are soon taken, and a cluster has its own line.
        is_light = base is not None or scheduler_address() is not None
        super().__init__(self._label, "s2dash-full-", None if is_light else FULL_TURNS)
        self.fitted = fitted
        self.is_further = base is not None
        """Whether it takes steps of edits on labels that were there."""
        self.sureness: Job[Sureness] | None = None
        """That works out how sure its labels are, and then holds it; None where nobody has asked."""
        self._base = base

    def continues(self, fitted: Fitted) -> bool:
        """Whether the labels of this job, which is done, are those of another fit before its last steps of edits."""
        return self.is_done and self.error is None and pipeline.goes_on_from(fitted, self.result())

    def ask_how_sure(self, limits: SureSteps, is_wanted: Callable[[], bool]) -> None:
        """Begin to work out how sure the labels of this job are, which is done; a job of its own does it."""
        fitted, classmap = self.fitted, self.result().classmap

        def work(folder: Path, progress: Progress, cancel: CancelToken) -> Sureness:
            path = folder / "how-sure.tif"
            write_sureness(fitted, classmap, limits, path, progress, cancel)
            return sureness_in(path)

        self.sureness = Job(work, "s2dash-sure-", FULL_TURNS).start(is_wanted)

    def _label(self, folder: Path, progress: Progress, cancel: CancelToken) -> Result:
        labels_path, base = folder / "labels.tif", self._base
        if base is not None:
            # Held until here only, as its files live as long as the job.
            self._base = None
            return pipeline.run_further(self.fitted, base.result(), labels_path, progress, cancel)
        address = scheduler_address()
        if address is None:
            return pipeline.run_full(self.fitted, labels_path, progress, cancel)
        # Beside this job's folder, which goes if the cluster is lost: the next job finds the finished parts there.
        key = self.fitted.labels_key
        shared = folder.with_name(f"s2dash-full-{hashlib.sha256(key.encode()).hexdigest()[:16]}.tif")
        _shared_labels.add(shared)
        with _alone(shared, cancel), dask_cluster.connected(address) as executor:
            try:
                result = pipeline.run_full(self.fitted, shared, progress, cancel, executor)
                os.replace(shared, labels_path)
            finally:
                shared.unlink(missing_ok=True)
        return replace(result, classmap=replace(result.classmap, path=labels_path))


_shared_labels: set[Path] = set()
"""Beside which parts of lost runs may lie until this process ends."""
_held: dict[Path, threading.Lock] = {}
_TURN_SECONDS = 0.2


@contextmanager
def _alone(path: Path, cancel: CancelToken) -> Iterator[None]:
    """Waits until no other job of this process works at the path, such as the same run in another session."""
    lock = _held.setdefault(path, threading.Lock())
    while not lock.acquire(timeout=_TURN_SECONDS):
        cancel.check()
    try:
        yield
    finally:
        lock.release()


def remove_shared_parts() -> None:
    """Remove the parts of lost runs: to be called as the process ends."""
    for labels_path in _shared_labels:
        parts.remove_parts(parts.folder_of(labels_path))
