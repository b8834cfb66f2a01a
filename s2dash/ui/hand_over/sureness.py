"""How sure each pixel's class is, as the files of `Hand over` tell it: at once of a small scene, else by a job.

Of a large scene it takes a pass over all pixels, which costs about as much as the full map: so it is made when
somebody asks, from the labels of that map, and lives as long as these.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from s2dash.classify.sureness_file import write_sureness
from s2dash.core.classmap import Result
from s2dash.core.sureness import Sureness
from s2dash.core.types import Window
from s2dash.errors import Cancelled
from s2dash.server.jobs import FullJob, Job
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import state
from s2dash.ui.full_run import full_key, job_words, start
from s2dash.ui.messages import words_for
from s2dash.ui.session import page_is_open


def sureness_of(answer: LiveAnswer, result: Result) -> Sureness | None:
    """Of every pixel of a map; None where that has not been worked out yet."""
    if not result.is_full:
        return None
    if answer.result.scene.live_step == 1:
        return _of_live(answer, result)
    job = _job(answer)
    return job.result() if job is not None and job.is_done and job.error is None else None


def being_asked(answer: LiveAnswer) -> Job[Sureness] | None:
    """The job that works it out, as long as it goes on."""
    job = _job(answer)
    return job if job is not None and not job.is_done else None


def ask(answer: LiveAnswer) -> None:
    """Begin to work it out; where the full map is not there yet, that is made first."""
    state.SURENESS_WANTED.set(full_key(answer.fitted))
    if not go_on(answer):
        start(answer)


def go_on(answer: LiveAnswer) -> bool:
    """Begin what was asked for, once the full map is there; whether anything was begun."""
    full = _full(answer)
    if full is None or state.SURENESS_WANTED.get() != full_key(answer.fitted):
        return False
    state.SURENESS_WANTED.pop()
    full.ask_how_sure(answer.sureness.limits, page_is_open())
    return True


def asked_words(job: Job[Sureness]) -> str:
    """How far a job is."""
    return job_words(job, "Asking how sure each pixel is")


def trouble_once(answer: LiveAnswer) -> str | None:
    """Why it could not be worked out, once."""
    full, job = _full(answer), _job(answer)
    if full is None or job is None or not job.is_done or job.error is None:
        return None
    full.sureness = None
    return None if isinstance(job.error, Cancelled) else words_for(job.error)


def _full(answer: LiveAnswer) -> FullJob | None:
    """The job that has made the full map."""
    full = state.full_runs().get(full_key(answer.fitted))
    return full if full is not None and full.is_done and full.error is None else None


def _job(answer: LiveAnswer) -> Job[Sureness] | None:
    full = _full(answer)
    return None if full is None else full.sureness


def _of_live(answer: LiveAnswer, result: Result) -> Sureness:
    def read(window: Window) -> np.ndarray:
        return np.asarray(answer.sureness.percent[window.slices_rc])

    def write(out: Path) -> None:
        write_sureness(answer.fitted, result.classmap, answer.sureness.limits, out)

    return Sureness(read, write)
