"""Advice on the number of classes, made in the background for every session of this process.

Whoever waits for a map goes first: between two fits of a sweep it lets live results pass, and all sweeps together
have a few fits at once, one after another in the order in which they asked.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from s2dash.classify.advice import Column, Turn, sweep, tried_ks
from s2dash.classify.fitted import Fitted
from s2dash.classify.prepare import Memo, Prepared
from s2dash.classify.sampling import Sample
from s2dash.core.types import CancelToken, Progress
from s2dash.server.jobs import Job
from s2dash.server.turns import Turns
from s2dash.settings import ADVICE_LIMITS, AdviceLimits

_SEEN_SECONDS = 2.0


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
