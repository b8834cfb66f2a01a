"""Advice on the number of classes, made in the background for every session of this process.

Whoever waits for a map goes first: between two fits of a sweep it lets live results pass, and all sweeps together
have a few fits at once, one after another in the order in which they asked.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from s2dash.classify.advice import Column, Turn, sweep, tried_ks
from s2dash.classify.fitted import Fitted
from s2dash.classify.prepare import Memo, Prepared
from s2dash.classify.sampling import Sample
from s2dash.core.types import CancelToken, Progress
from s2dash.server.jobs import Job
from s2dash.settings import ADVICE_LIMITS, AdviceLimits

_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 2.0
"""So long a fit for advice lets others go first: where somebody always waits for a map it would never come."""
_SEEN_SECONDS = 2.0


class Turns:
    """Who may fit next for advice: so many at once, those first who asked first, and none while others are busy."""

    def __init__(self, most_at_once: int, is_busy: Callable[[], bool]) -> None:
        self._most, self._is_busy = most_at_once, is_busy
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()
        self._taken = 0

    @contextmanager
    def __call__(self, cancel: CancelToken) -> Iterator[None]:
        """Holds one turn for the block; raises Cancelled where `cancel` says so before it has come."""
        self._take(cancel)
        try:
            yield
        finally:
            with self._changed:
                self._taken -= 1
                self._changed.notify_all()

    def _take(self, cancel: CancelToken) -> None:
        ticket, patient_until = object(), time.monotonic() + _PATIENCE_SECONDS
        with self._changed:
            self._waiting.append(ticket)
            try:
                while not self._has_come(ticket, patient_until):
                    cancel.check()
                    self._changed.wait(_LOOK_SECONDS)
                cancel.check()
                self._taken += 1
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def _has_come(self, ticket: object, patient_until: float) -> bool:
        is_next = self._waiting[0] is ticket and self._taken < self._most
        return is_next and (time.monotonic() >= patient_until or not self._is_busy())


class SweepJob(Job[None]):
    """Numbers of classes being tried on one sample; it goes on while somebody looks at it."""

    def __init__(self, prepared: Prepared, sample: Sample, turn: Turn, limits: AdviceLimits) -> None:
        super().__init__(self._try, "s2dash-advice-")
        self.pixel_count = sample.pixel_count
        self._found: dict[int, Column] = {}
        self._seen = time.monotonic()
        self._turn, self._limits = turn, limits
        self._material: list[tuple[Prepared, Sample]] = [(prepared, sample)]

    def look(self) -> tuple[Column, ...]:
        """What has been found so far, by rising k; it goes on for those who look."""
        self._seen = time.monotonic()
        return tuple(self._found.values())

    def is_looked_at(self) -> bool:
        """Whether anybody has looked within the last two seconds."""
        return time.monotonic() - self._seen < _SEEN_SECONDS

    def _try(self, folder: Path, progress: Progress, cancel: CancelToken) -> None:
        prepared, sample = self._material.pop()
        steps = 2 * len(tried_ks(self._limits))
        for done, column in enumerate(sweep(prepared, sample, None, cancel, self._turn, self._limits), 1):
            self._found = {**self._found, column.k: column}
            progress(min(1.0, done / steps), "Trying numbers of classes")


class Sweeps:
    """The advice of all sessions: the same for the same scene and recipe, whatever its k, and made once."""

    def __init__(self, is_busy: Callable[[], bool], limits: AdviceLimits = ADVICE_LIMITS) -> None:
        self._limits = limits
        self._turns = Turns(limits.most_at_once, is_busy)
        self._kept: OrderedDict[tuple[object, ...], SweepJob] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, fitted: Fitted) -> SweepJob:
        """The sweep of the sample that was fitted to; begun now where there is none, or it was given up."""
        prepared = fitted.prepared
        key = (prepared.scene.digest, prepared.scene.locations, replace(prepared.recipe, k=2).to_json())
        with self._lock:
            job = self._kept.get(key)
            if job is None or job.is_cancelled:
                job = SweepJob(replace(prepared, keep=Memo()), fitted.sample, self._turns, self._limits)
                self._kept[key] = job
                job.start(job.is_looked_at, self._limits.unseen_seconds)
            self._kept.move_to_end(key)
            while len(self._kept) > self._limits.most_kept:
                self._kept.popitem(last=False)[1].cancel()
        job.look()
        return job
