"""The line below the map of a large scene: its preview, the run over all pixels, and the way back to that run."""

from __future__ import annotations

from typing import Any

import streamlit as st

from s2dash.classify.pipeline import Fitted
from s2dash.core.classmap import Result
from s2dash.core.edits import RegroupInside, Split
from s2dash.errors import Cancelled
from s2dash.server.jobs import FULL_TURNS, FullJob, Job
from s2dash.server.kept_runs import KeptRun
from s2dash.server.live_engine import LiveAnswer
from s2dash.settings import RUN_LIMITS, thread_count
from s2dash.ui import services, state, text
from s2dash.ui.loaded import Loaded
from s2dash.ui.messages import words_for
from s2dash.ui.session import page_is_open
from s2dash.ui.strip import Strip

LOOK_SECONDS = 0.5
_FINISHED_KEPT = 3
_NS_A_VALUE = {0: 9, 3: 16, "edge": 50}
"""Of one processor for each pixel and feature, by the recipe's smoothing: a full run of ten bands by k-means, k = 8
(`benchmarks/README.md`)."""
_FIT_SECONDS = 0.7
_AS_QUICK_AS_K_MEANS = ("kmeans", "minibatch-kmeans", "spectral-angle-kmeans", "isodata")
"""Whose labels take no longer; the others take up to fifty times as long."""
_PARAMETER = "run"
_GONE_WORDS = (
    ":material/link_off: **The run that this address leads to is no longer here.** Runs are kept for a day, and only "
    "until the server is started again. Open your scene and press “Classify full scene”."
)
_DONE_WORDS = "**Every pixel is classified.** The figures and downloads are of the full scene."
_LEADS_BACK_WORDS = ":material/link: This page's address leads back to this map for a day."
_COPY_WORDS = ":material/link: Copy this page's address to come back."
_WAITING = "Waiting for the full scenes of others …"
_LINE_KEY, _WORDS_KEY = "fullrun", "fullrunwords"


def come_back() -> None:
    """At the start of a session, take up the run that the page's address names."""
    token = st.query_params.get(_PARAMETER)
    if token is None or state.LOADED.is_set:
        return
    kept = services.kept_runs().get(token)
    if kept is None:
        state.GONE_RUN.set("")
        st.query_params.pop(_PARAMETER, None)
        return
    kept.job.go_on_while(page_is_open())
    _lead_to(kept)
    state.full_runs()[full_key(kept.job.fitted)] = kept.job
    state.load(kept.run, kept.loaded)


def full_result(answer: LiveAnswer) -> Result | None:
    """The full result of this very recipe and scene, where it has been made."""
    job = state.full_runs().get(full_key(answer.fitted))
    return job.result() if job is not None and job.is_done and job.error is None else None


def running(answer: LiveAnswer) -> FullJob | None:
    """The job that makes the full result of this very recipe and scene, as long as it goes on."""
    job = state.full_runs().get(full_key(answer.fitted))
    return job if job is not None and not job.is_done else None


def start(answer: LiveAnswer) -> None:
    """Begin to make the full result, where nobody has yet."""
    if running(answer) is None:
        base = _base(answer)
        state.full_runs()[full_key(answer.fitted)] = FullJob(answer.fitted, base).start(page_is_open())


def _base(answer: LiveAnswer) -> FullJob | None:
    """The finished job of this map with most of the steps of its edits, but not all; None where there is none."""
    jobs = [job for job in state.full_runs().values() if job.continues(answer.fitted)]
    return max(jobs, key=lambda job: len(job.fitted.edits.steps), default=None)


def _goes_on_by_itself(answer: LiveAnswer) -> bool:
    """Whether nobody need ask for the full result, as it takes some seconds.

    What was cancelled or has failed waits for the button.
    """
    if state.FULL_RUN_CANCELLED.get() == full_key(answer.fitted):
        return False
    return _is_only_edited(answer) or _is_soon_done(answer)


def _is_only_edited(answer: LiveAnswer) -> bool:
    """Whether all that is new are steps on labels that are there; a split reads pixels again."""
    base = _base(answer)
    return base is not None and not _splits(answer, len(base.fitted.edits.steps))


def _is_soon_done(answer: LiveAnswer) -> bool:
    """Whether the run over all pixels is estimated under `RUN_LIMITS.at_once_seconds`, and need not wait for others."""
    if _splits(answer):
        return False
    took = usual_seconds(answer)
    seconds = estimated_seconds(answer) if took is None else took
    return seconds is not None and seconds < RUN_LIMITS.at_once_seconds and FULL_TURNS.is_one_free


def _splits(answer: LiveAnswer, after: int = 0) -> bool:
    """Whether there is a split among the steps of the edits after the first so many."""
    return any(isinstance(step, Split | RegroupInside) for step in answer.fitted.edits.steps[after:])


def estimated_seconds(answer: LiveAnswer) -> float | None:
    """What a full run takes by measured rates; None for algorithms whose rate depends on much else."""
    recipe, pixels = answer.fitted.recipe, answer.fitted.scene.grid.pixel_count
    if recipe.algorithm not in _AS_QUICK_AS_K_MEANS:
        return None
    values = pixels * (len(recipe.bands) + len(recipe.indices))
    # Measured on two cores: more of them need not bring more.
    return _FIT_SECONDS + values * _NS_A_VALUE[recipe.smooth] * 1e-9 / min(2, thread_count())


def usual_seconds(answer: LiveAnswer) -> float | None:
    """What the last full run of this scene with this algorithm took in this session; None where there was none."""
    scene, recipe, _ = full_key(answer.fitted)
    took = [
        job.seconds
        for (digest, other, _), job in state.full_runs().items()
        if digest == scene and other.algorithm == recipe.algorithm and other.smooth == recipe.smooth
        if not job.is_further
    ]
    return next((seconds for seconds in reversed(took) if seconds is not None), None)


def cancel(job: FullJob) -> None:
    """Stop a job that was begun; nothing of it is kept."""
    _forget_kept(job)
    state.FULL_RUN_CANCELLED.set(full_key(job.fitted))
    job.cancel()


def full_run(answer: LiveAnswer, shown: Result, strip: Strip) -> str | None:
    """What there is to say of all pixels, in one place: the preview with its button, the running job, or its end.

    Returns why the last job failed, once.
    """
    _say_once_what_is_gone(answer, strip)
    _stop_others(answer)
    if answer.result.scene.live_step == 1:
        return None
    runs, key = state.full_runs(), full_key(answer.fitted)
    if shown.is_full:
        runs.move_to_end(key)
        with strip.run:
            st.markdown(_lead(strip) + _DONE_WORDS)
        if _keeps_up(answer, runs[key]):
            strip.add(_LEADS_BACK_WORDS)
        return None
    job, trouble = runs.get(key), None
    if job is not None and job.is_done:
        if job.error is None:  # it has ended since the page looked for it
            st.rerun()
        if not isinstance(job.error, Cancelled):
            trouble = words_for(job.error)
            strip.add(trouble)
            state.FULL_RUN_CANCELLED.set(key)  # it would fail again and again by itself
        _forget_kept(job)
        job = None
        del runs[key]
    elif job is None and strip.is_settled and _goes_on_by_itself(answer):
        start(answer)
        job = runs[key]
    if job is not None:
        _keeps_up(answer, job)
    with strip.run:
        st.fragment(_line, run_every=LOOK_SECONDS if job else None)(answer, job, _lead(strip))
    return trouble


def _lead(strip: Strip) -> str:
    """What comes before the words of a line that no job is at work on."""
    return "Up to date · " if strip.is_settled else ""


def full_key(fitted: Fitted) -> state.FullKey:
    """By which `state.full_runs` knows the run of a fit over all pixels."""
    return fitted.scene.digest, fitted.recipe, fitted.edits.steps


def _stop_others(answer: LiveAnswer) -> None:
    """Other choices end the run that was made for the last ones, unless it is to go on by itself."""
    runs = state.full_runs()
    for key, job in list(runs.items()):
        if key != full_key(answer.fitted) and not job.is_done and not job.is_kept:
            job.cancel()
            del runs[key]
        elif key != full_key(answer.fitted) and job.sureness is not None:
            job.sureness.cancel()
    finished = [key for key, job in runs.items() if job.is_done]
    # What others were made from stays: by its labels any other edits of this map are soon made.
    found = full_key(answer.unedited.fitted)
    for key in finished[:-_FINISHED_KEPT]:
        if key != found:
            del runs[key]


def _say_once_what_is_gone(answer: LiveAnswer, strip: Strip) -> None:
    """The sentence on an address that leads nowhere, until another map is asked for."""
    beside = state.GONE_RUN.get()
    if beside is None:
        return
    state.GONE_RUN.set(beside or answer.result.digest)
    if state.GONE_RUN.get() == answer.result.digest:
        strip.add(_GONE_WORDS)
    else:
        state.GONE_RUN.pop()


def _line(answer: LiveAnswer, job: FullJob | None, lead: str) -> None:
    if job is not None and job.is_done:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=_LINE_KEY):
        words = st.container(width="stretch", key=_WORDS_KEY)
        between = st.empty()
        # One key for both: a button of its own for each would show the old one until the page is drawn to its end.
        pressed = st.button(
            "Cancel" if job else "Classify full scene",
            key="full run",
            type="secondary" if job else "primary",
            width=84 if job else 150,
            help="Stops at once; the preview stays."
            if job
            else "Labels every pixel with the groups you see. Downloads need all of them.",
        )
    if pressed and job:
        cancel(job)
    elif job:
        with between:
            _offer_to_keep(answer, job)
    if job:
        words.progress(job.share, text=running_words(job))
        if _kept_run_of(job) is not None:
            st.caption(_COPY_WORDS)
        return
    words.markdown(lead + _preview_words(answer))
    if pressed:
        state.FULL_RUN_CANCELLED.pop()
        start(answer)
        st.rerun()


def _offer_to_keep(answer: LiveAnswer, job: FullJob) -> None:
    wanted = st.checkbox(
        "Go on when I close this page",
        value=job.is_kept,
        key=state.KEEP,
        help="Otherwise the run stops a minute after the page is closed. The page's address then leads back to the "
        "finished map, for a day.",
    )
    # Only this page's own click changes it: another page of the same run may have chosen otherwise.
    before = state.KEEP_BEFORE.get() or (job, job.is_kept)
    state.KEEP_BEFORE.set((job, wanted))
    if before[0] is not job or before[1] != wanted:
        if not wanted:
            _forget_kept(job)
        elif not job.is_kept:
            _keep(answer, job)


def _keep(answer: LiveAnswer, job: FullJob) -> None:
    keeper = state.KEEPER.get()
    kept = KeptRun(job, state.loaded(), state.run(answer), "" if keeper is None else keeper.address)
    _lead_to(kept)
    st.query_params[_PARAMETER] = services.kept_runs().put(kept)


def _lead_to(kept: KeptRun[Loaded]) -> None:
    state.KEPT_RUN.set(kept)
    state.KEPT_TOKENS.set(state.KEPT_TOKENS.get() | {kept.token})


def _keeps_up(answer: LiveAnswer, job: FullJob) -> bool:
    """Whether the page's address leads to this job; then it leads to what the page shows now."""
    kept = _kept_run_of(job)
    if kept is not None:
        kept.run = state.run(answer)
    return kept is not None


def _kept_run_of(job: FullJob) -> KeptRun[Loaded] | None:
    """The run that this page's address leads to, where it is of this job."""
    kept = state.KEPT_RUN.get()
    return kept if kept is not None and kept.job is job and job.is_kept else None


def _forget_kept(job: FullJob) -> None:
    kept = _kept_run_of(job)
    if kept is not None:
        state.KEPT_RUN.pop()
        services.kept_runs().drop(kept.token)
        st.query_params.pop(_PARAMETER, None)


def running_words(job: FullJob) -> str:
    """How far a job is."""
    doing = "Editing" if job.is_further else "Classifying"
    return job_words(job, f"{doing} the full scene")


def job_words(job: Job[Any], doing: str) -> str:
    """How far a job is that does this, waits for its turn, or is on its way to stop."""
    if job.is_cancelled:
        return "Stopping …"
    return _WAITING if job.is_waiting else f"{doing} …{text.time_left(job.seconds_left)}"


def _preview_words(answer: LiveAnswer) -> str:
    size_m = answer.result.classmap.grid.pixel_size_m
    at = f" at {text.distance(size_m[0])}" if size_m else ""
    return f"**Preview**{at} of {text.pixels(answer.result.scene.grid.pixel_count)}"
