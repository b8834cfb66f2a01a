"""The comparison of two dates as it stands: made on a thread for the classes of now, and what the strip says of it."""

from __future__ import annotations

import time
from dataclasses import replace

import streamlit as st

from s2dash.batch.change import FitOnTwoDates, fit_on_two_dates
from s2dash.core.classmap import Result
from s2dash.core.legend import Legend
from s2dash.errors import S2DashError
from s2dash.server.jobs import Job
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import text
from s2dash.ui.full_run import full_result
from s2dash.ui.messages import words_for
from s2dash.ui.session import page_is_open
from s2dash.ui.state import dates as held
from s2dash.ui.strip import Strip
from s2dash.ui.two_dates.scenes import date_names, other_scene, stop_dates
from s2dash.ui.two_dates.values import OtherDate, TwoDates

_AT_ONCE_SECONDS = 2.0
_LOOK_SECONDS = 0.1
_FOLLOW_SECONDS = 0.5


def two_dates_now(other: OtherDate, answer: LiveAnswer, legend: Legend, strip: Strip) -> TwoDates | None:
    """What is known of both dates by the page's classes, after a short wait; None until it is there, or cannot be."""
    try:
        job = _job(other, answer, legend)
        _wait(job, strip)
        found = job.result() if job.is_done else None
    except S2DashError as error:
        strip.fail(f"{words_for(error)} The dates are not compared.", False)
        return None
    except Exception as error:  # noqa: BLE001 - the map must stay on the page, whatever broke
        strip.fail(words_for(error), False)
        return None
    if found is None:
        return None
    change = found.change
    before, after = (replace(one, legend=legend) for one in (change.before, change.after))
    names = date_names(answer.result.scene, other)
    return TwoDates(other, found, replace(change, before=before, after=after), names)


def dates_line(dates: TwoDates | None, strip: Strip) -> None:
    """The line below the map: what is compared, or how far that is."""
    known = held.DATES_JOB.get()
    if dates is not None:
        strip.stand_beside(f"{text.plain(dates_words(dates))} · **every pixel is counted**")
        for note in dates.found.notes:
            strip.add(f":material/info: {text.plain(note)}")
    elif known is not None and strip.trouble is None:
        with strip.run:
            st.fragment(_line, run_every=_FOLLOW_SECONDS)(known[1])


def dates_words(dates: TwoDates) -> str:
    """`Comparing 12 Jan 2016 with 3 May 2020`"""
    return f"Comparing {dates.names[0]} with {dates.names[1]}"


def _job(other: OtherDate, answer: LiveAnswer, legend: Legend) -> Job[FitOnTwoDates]:
    """The comparison by the page's classes, begun where it was not; that by other classes ends."""
    there = other_scene(other)
    key = (answer.fitted.labels_key, there.digest)
    known = held.DATES_JOB.get()
    if known is not None and known[0] == key:
        return known[1]
    if known is not None:
        known[1].cancel()
    result: Result | None = full_result(answer) or (answer.result if answer.result.is_full else None)
    fitted = answer.fitted
    job = Job(
        lambda folder, progress, cancel: fit_on_two_dates(fitted, legend, there, folder, result, progress, cancel),
        "s2dash-dates-",
    )
    held.DATES_JOB.set((key, job.start(page_is_open())))
    return job


def _wait(job: Job[FitOnTwoDates], strip: Strip) -> None:
    """Wait for what is soon there; each look also lets Streamlit stop this run where a control has been moved."""
    ends = job.started + _AT_ONCE_SECONDS
    while not job.wait(_LOOK_SECONDS) and time.perf_counter() < ends:
        strip.busy(f":material/progress_activity: {_words(job)}")


def _words(job: Job[FitOnTwoDates]) -> str:
    return f"Comparing every pixel of both dates …{text.time_left(job.seconds_left)}"


def _line(job: Job[FitOnTwoDates]) -> None:
    if job.is_done:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="fullrun"):
        with st.container(width="stretch", key="fullrunwords"):
            st.progress(job.share, text=_words(job))
        if st.button("Cancel", key="dates cancel", width=84, help="Stops at once; your own map comes back."):
            stop_dates()
            st.rerun()
