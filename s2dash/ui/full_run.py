"""The line above the map of a large scene: its preview, the run over all pixels, and the way back to that run."""

from __future__ import annotations

from typing import Any

import streamlit as st

from s2dash.classmap import Result
from s2dash.errors import Cancelled
from s2dash.jobs import FullJob, LiveAnswer
from s2dash.kept_runs import KeptRun
from s2dash.recipe import Recipe
from s2dash.ui import services, text
from s2dash.ui.messages import words_for
from s2dash.ui.recipe_state import put_recipe

_JOB_LOOK_SECONDS = 0.5
_FINISHED_KEPT = 3
_PARAMETER = "run"
_GONE = (
    ":material/link_off: The run that this address leads to is no longer here: runs are kept for a day, and as long "
    "as the server is not restarted."
)


def come_back() -> None:
    """At the start of a session, take up the run that the page's address names."""
    state = st.session_state
    token = st.query_params.get(_PARAMETER)
    if token is None or "loaded" in state:
        return
    run = services.kept_runs().get(token)
    if run is None:
        state["run is gone"] = True
        st.query_params.clear()
        return
    state["kept run"] = run
    state.job = run.job
    state.loaded = run.state["loaded"]
    state["legend edits"] = run.state["legend edits"]
    state.update(run.state["numbers"])
    put_recipe(run.state["recipe"])
    state.palette = run.state["palette"]


def full_result(answer: LiveAnswer) -> Result | None:
    """The full result of this very recipe and scene, where it has been made."""
    job = _finished().get(_key(answer.fitted)) or st.session_state.get("job")
    if job is None or _key(job.fitted) != _key(answer.fitted) or not job.is_done:
        return None
    try:
        return job.result()
    except Exception:  # noqa: BLE001 - `_end_words` says what stopped it
        return None


def full_run(answer: LiveAnswer, palette: str) -> None:
    """The line on the preview with its button, or the bar of the running job; both in one place, of one shape."""
    state = st.session_state
    if state.pop("run is gone", False):
        st.markdown(_GONE)
    job: FullJob | None = state.get("job")
    if job is not None and _key(job.fitted) != _key(answer.fitted):
        if not job.is_kept:
            job.cancel()
        job = state.job = None
    if job is not None and job.is_done:
        if full_result(answer) is not None:  # it has ended since the page looked for it
            st.rerun()
        words = _end_words(job)
        if words:
            st.markdown(words)
        _forget_kept()
        job = state.job = None
    st.fragment(_line, run_every=_JOB_LOOK_SECONDS if job else None)(answer, job, palette)


def put_by(answer: LiveAnswer) -> None:
    """Keep a finished run for when the session comes back to its choices."""
    job: FullJob | None = st.session_state.get("job")
    if job is not None and job.is_done and _key(job.fitted) == _key(answer.fitted):
        finished = _finished()
        finished[_key(job.fitted)] = job
        for old in list(finished)[:-_FINISHED_KEPT]:
            del finished[old]


def _key(fitted: Any) -> tuple[str, Recipe]:
    return fitted.scene.digest, fitted.recipe


def _finished() -> dict[tuple[str, Recipe], FullJob]:
    found: dict[tuple[str, Recipe], FullJob] = st.session_state.setdefault("finished runs", {})
    return found


def _end_words(job: FullJob) -> str | None:
    """Why a finished job has no result; None where it has one or was cancelled."""
    try:
        job.result()
    except Cancelled:
        return None
    except Exception as error:  # noqa: BLE001 - the preview must stay on the page, whatever broke
        return words_for(error)
    return None


def _line(answer: LiveAnswer, job: FullJob | None, palette: str) -> None:
    if job is not None and job.is_done:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="fullrun"):
        with st.container(width="stretch"):
            if job is None:
                st.markdown(_preview_words(answer))
            else:
                st.progress(job.share, text=f"Classifying the full scene …{text.time_left(job.seconds_left)}")
        # One key for both: a button of its own for each would show the old one until the page is drawn to its end.
        pressed = st.button(
            "Cancel" if job else "Classify full scene",
            key="full run",
            type="secondary" if job else "primary",
            width=170,
            help="Stops at once; the preview stays." if job else "Labels every pixel with the groups you see.",
        )
    if job is not None and not pressed:
        _offer_to_keep(answer, job, palette)
    if pressed and job:
        _forget_kept()
        job.cancel()
    elif pressed:
        st.session_state.job = FullJob(answer.fitted).start(services.page_is_open())
        st.rerun()


def _offer_to_keep(answer: LiveAnswer, job: FullJob, palette: str) -> None:
    state = st.session_state
    wanted = st.checkbox(
        "Go on when I close this page",
        value=job.is_kept,
        key="keep run",
        help="Otherwise the run stops a minute after the page is closed. The page's address then leads back to the "
        "finished map, for a day.",
    )
    if wanted and not job.is_kept:
        put = {
            "loaded": state.loaded,
            "legend edits": state.setdefault("legend edits", {}),
            "recipe": answer.fitted.recipe,
            "palette": palette,
            "numbers": {k: v for k, v in state.items() if str(k).startswith(("subtract ", "divide "))},
        }
        state["kept run"] = run = KeptRun(job, put)
        st.query_params[_PARAMETER] = services.kept_runs().put(run)
    elif not wanted and job.is_kept:
        _forget_kept()
    if job.is_kept:
        st.caption("Copy this page's address: it leads back to this run.")


def _forget_kept() -> None:
    run: KeptRun | None = st.session_state.pop("kept run", None)
    if run is not None:
        services.kept_runs().drop(run.token)
        st.query_params.clear()


def _preview_words(answer: LiveAnswer) -> str:
    size_m = answer.result.classmap.grid.pixel_size_m
    at = f" at {text.distance(size_m[0])}" if size_m else ""
    count = text.pixels(answer.result.scene.grid.pixel_count)
    return f":material/zoom_out_map: **Preview**{at}. The scene has {count}; the download needs all of them."
