"""Full runs that go on without a page: what brings one back, under a token that can't be guessed, for a day."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from s2dash.core.run import Run
from s2dash.server.jobs import FullJob
from s2dash.settings import RUN_LIMITS, RunLimits

Loaded = TypeVar("Loaded")


@dataclass(eq=False)
class KeptRun(Generic[Loaded]):
    """A run that its user asked to keep, with all that the page needs to show it again."""

    job: FullJob
    loaded: Loaded
    """The page's scene, with what keeps its files alive."""
    run: Run
    """As the page last showed it."""
    session: str = ""
    """Address of the session that it is of; empty where none is kept."""
    token: str = field(default_factory=lambda: secrets.token_hex(16))


class KeptRuns(Generic[Loaded]):
    """The kept runs of this process. Safe to use from any thread."""

    def __init__(self, limits: RunLimits = RUN_LIMITS, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, KeptRun[Loaded]]] = OrderedDict()

    def put(self, run: KeptRun[Loaded]) -> str:
        """Keep a run and let its job go on without a page; returns its token. The oldest goes for too many."""
        run.job.is_kept = True
        with self._lock:
            self._kept[run.token] = (self._clock(), run)
            self._forget_old()
        return run.token

    def get(self, token: str) -> KeptRun[Loaded] | None:
        """The run of a token; None where there is none, or no longer."""
        with self._lock:
            self._forget_old()
            entry = self._kept.get(token)
        return entry[1] if entry else None

    def drop(self, token: str) -> None:
        """Forget a run: its job counts as any other again."""
        with self._lock:
            entry = self._kept.pop(token, None)
        if entry is not None:
            entry[1].job.is_kept = False

    def drop_session(self, address: str) -> None:
        """Forget all runs of a session."""
        with self._lock:
            tokens = [token for token, (_, run) in self._kept.items() if address and run.session == address]
        for token in tokens:
            self.drop(token)

    def _forget_old(self) -> None:
        now = self._clock()
        while self._kept:
            token, (since, run) = next(iter(self._kept.items()))
            if len(self._kept) <= self._limits.most_kept and now - since <= self._limits.kept_seconds:
                return
            del self._kept[token]
            run.job.is_kept = False
