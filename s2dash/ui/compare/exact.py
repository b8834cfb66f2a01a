"""Two large maps compared in every pixel: full runs of both, one after the other, then their files strip by strip."""

from __future__ import annotations

import streamlit as st

from s2dash.classify.compare import Comparison, compare
from s2dash.core.classmap import Result
from s2dash.errors import Cancelled
from s2dash.server.jobs import FullJob, Job
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import state, text
from s2dash.ui.compare.values import Compared, ComparedRun
from s2dash.ui.compare.words import comparing_words
from s2dash.ui.full_run import full_key, full_result, start
from s2dash.ui.messages import words_for
from s2dash.ui.session import page_is_open
from s2dash.ui.strip import Strip

_LOOK_SECONDS = 0.5


def counted(left: LiveAnswer, right: LiveAnswer) -> tuple[Result, Result, Comparison] | None:
    """Both maps in every pixel and what differs, once all that has been made."""
    full = full_result(left), full_result(right)
    if full[0] is None or full[1] is None:
        return None
    job = _comparison(full[0], full[1])
    return (full[0], full[1], job.result()) if job.is_done and job.error is None else None


def comparing_line(compared: Compared, strip: Strip) -> None:
    """The line below the map: what is compared, and of a large scene whether every pixel is counted."""
    words = comparing_words(compared)
    if compared.left is None or compared.right.answer.result.scene.live_step == 1:
        strip.stand_beside(f"{words} · your classes stay as they are")
    elif compared.right.shown.is_full:
        strip.stand_beside(f"{words} · **every pixel is counted**")
    else:
        job = _job(compared.left, compared.right)
        if job is not None and job.is_done:
            error, job = job.error, None
            if error is None:  # it has ended since the page looked for it
                st.rerun()
            elif not isinstance(error, Cancelled):
                strip.add(words_for(error))
            state.change_comparing(counts_all=False)
        with strip.run:
            st.fragment(_line, run_every=_LOOK_SECONDS if job else None)(compared, job)


def _line(compared: Compared, job: Job[Result] | Job[Comparison] | None) -> None:
    if job is not None and job.is_done:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="fullrun"):
        words = st.container(width="stretch", key="fullrunwords")
        pressed = st.button(
            "Cancel" if job else "Count every pixel",
            key="count all",
            width=84 if job else 150,
            help="Stops at once; the figures of the preview stay."
            if job
            else "The figures are of the preview. This classifies all pixels of both runs, and compares them.",
        )
    if job is not None:
        words.progress(job.share, text=_job_words(compared, job))
    else:
        words.markdown(f"{comparing_words(compared)} · preview{_pixel_words(compared.right)}")
    if pressed and job is not None:
        job.cancel()
    elif pressed:
        state.COUNTING.pop()
        state.change_comparing(counts_all=True)
        st.rerun()


def _job(left: ComparedRun, right: ComparedRun) -> Job[Result] | Job[Comparison] | None:
    """What is being made of all pixels, begun where its turn has come; None where nobody has asked for it."""
    sides = (left, right)
    full = [full_result(side.answer) for side in sides]
    if full[0] is not None and full[1] is not None:
        return _comparison(full[0], full[1])
    now = state.COMPARING.get()
    if now is None or not now.counts_all:
        return None
    side = next(side for side, result in zip(sides, full, strict=True) if result is None)
    runs, key = state.full_runs(), full_key(side.answer.fitted)
    if key not in runs:
        start(side.answer)
    job = runs[key]
    if job.is_done and job.error is not None:
        del runs[key]
    return job


def _comparison(left: Result, right: Result) -> Job[Comparison]:
    """The comparison of two full results, begun where it was not."""
    key = (left.digest, right.digest)
    known = state.COUNTING.get()
    if known is None or known[0] != key:  # one that failed or was stopped is made again where that is asked for
        job = Job(lambda _, progress, cancel: compare(left, right, progress, cancel)).start(page_is_open())
        known = key, job
        state.COUNTING.set(known)
    return known[1]


def _job_words(compared: Compared, job: Job[Result] | Job[Comparison]) -> str:
    if job.is_cancelled:
        return "Stopping …"
    if not isinstance(job, FullJob):
        return f"Comparing every pixel …{text.time_left(job.seconds_left)}"
    left = compared.left
    assert left is not None
    name = left.name if job.fitted is left.answer.fitted else compared.right.name
    return f"Classifying all of {name.lower()} …{text.time_left(job.seconds_left)}"


def _pixel_words(side: ComparedRun) -> str:
    size_m = side.answer.result.classmap.grid.pixel_size_m
    return f" at {text.distance(size_m[0])}" if size_m else ""
