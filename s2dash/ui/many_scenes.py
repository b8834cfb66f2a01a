"""The dialog `Many scenes`: files in, the same classes for all of them, progress for each, and a zip of the outputs."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from s2dash.batch import Given, Report
from s2dash.core.legend import Legend
from s2dash.errors import S2DashError
from s2dash.server.live_engine import LiveAnswer
from s2dash.settings import data_folder
from s2dash.ui import state, text
from s2dash.ui.messages import words_for
from s2dash.ui.scenes_batch import Batch
from s2dash.ui.scenes_list import scenes_list
from s2dash.ui.scenes_table import scenes_table
from s2dash.ui.server_files import server_files
from s2dash.ui.session import draw_again
from s2dash.ui.two_dates.section import two_dates
from s2dash.ui.uploads import spooled

_LOOK_SECONDS = 0.5
_TOGETHER, _AS_HERE = "All these scenes together", "The scene on the page, with its names and colours"
_FIND_HELP = "Looks for days of a place in a public catalogue of Sentinel-2; several can be chosen there."
_MOSAICS = {
    "vrt": "A small file that refers to them (VRT)",
    "cog": "One GeoTIFF of all",
    "none": "No, leave them apart",
}


def many_scenes_button() -> None:
    """The button that opens the window."""
    st.button(
        "Many scenes",
        icon=":material/stacks:",
        key="many scenes",
        type="tertiary",
        on_click=state.WINDOW.set,
        args=("many scenes",),
        help="Classify many scenes at once, so that a class means the same in all of them.",
    )


@st.dialog("Many scenes", width="large", on_dismiss=state.close_window)
def many_scenes(answer: LiveAnswer, legend: Legend) -> None:
    """The window."""
    batch = state.BATCH.get()
    current = "form" if batch is None else "end" if batch.job.is_done else "running"
    # A place for each: what is over goes at once, not only when the page has been drawn to its end.
    for part in ("form", "running", "end"):
        if part != current:
            st.empty()
            continue
        with st.container():
            if batch is None:
                _form(answer, legend)
            elif current == "end":
                _end(batch)
            else:
                st.fragment(_running, run_every=_LOOK_SECONDS)(batch)


def _form(answer: LiveAnswer, legend: Legend) -> None:
    recipe = answer.result.recipe
    st.caption(
        f"All scenes get the same {len(answer.fitted.numbers)} classes, by the bands and settings chosen on the page "
        f"({text.plain(', '.join((*recipe.bands, *recipe.indices)))})."
    )
    uploads = st.file_uploader(
        "Scenes, one file each",
        ["tif", "tiff", "zip", "tar", "tgz", "gz"],
        accept_multiple_files=True,
        key=state.BATCH_FILES,
        help="Products as they were downloaded (zip or tar), or GeoTIFF files with all bands. Up to 200 MB a file; "
        "larger ones can be put into the server's folder, or classified with the command line.",
    )
    found = _found()
    chosen = (*_from_server(), *found)
    source = st.radio(
        "Learn the classes from",
        [_TOGETHER, _AS_HERE],
        key=state.BATCH_FIT,
        help="Together: from pixels of all scenes. The scene on the page: its classes are looked for in the others.",
    )
    mosaic = st.selectbox(
        "Put the maps together",
        list(_MOSAICS),
        key=state.BATCH_MOSAIC,
        format_func=_MOSAICS.__getitem__,
        help="Scenes in the same coordinate system and pixel size become one map.",
    )
    if not st.button("Start", type="primary", key="many scenes start", disabled=not uploads and not chosen):
        return
    given = Given(answer.fitted, legend) if source == _AS_HERE else None
    brought = spooled(uploads)
    try:
        names = dict(zip(brought.paths, brought.names, strict=True))
        state.BATCH.set(
            Batch([*brought.paths, *chosen], answer, given, mosaic, (brought.held, state.BATCH_FOUND.get()), names)
        )
    except S2DashError as error:
        st.markdown(words_for(error))
        return
    state.BATCH_FROM_SERVER.pop()
    state.BATCH_FOUND.pop()
    draw_again()


def _found() -> tuple[Path, ...]:
    """Files that were loaded of scenes that somebody has found."""
    job = state.BATCH_FOUND.get()
    if job is None:
        if st.button("Find scenes", key="many scenes find", icon=":material/travel_explore:", help=_FIND_HELP):
            state.WINDOW.set("find")
            st.rerun()
        return ()
    paths = job.result()
    st.markdown(f"Found: {text.plain(', '.join(path.name for path in paths))}")
    if st.button("Take them out", key="many scenes not found"):
        state.BATCH_FOUND.pop()
        draw_again()
    return paths


def _from_server() -> tuple[Path, ...]:
    """Files of the server's folder that have been chosen so far."""
    folder = data_folder()
    if folder is None:
        return ()
    chosen = state.BATCH_FROM_SERVER.get()
    with st.expander("Files on this server", type="compact"):
        chosen += tuple(path for path in server_files(folder, key="many server files") if path not in chosen)
        state.BATCH_FROM_SERVER.set(chosen)
    if chosen:
        st.markdown(f"From this server: {text.plain(', '.join(path.name for path in chosen))}")
        if st.button("Take them out", key="many scenes none"):
            state.BATCH_FROM_SERVER.pop()
            draw_again()
    return chosen


def _running(batch: Batch) -> None:
    job = batch.job
    if job.is_done:
        st.rerun()
    bar = st.empty()
    st.html(scenes_table(list(batch.states.values()), batch.thumbnails))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            "You can close this window and go on with the page; the button opens it again. Closing the page stops it.",
            width="stretch",
        )
        if st.button(
            "Cancel",
            key="many scenes cancel",
            width=110,
            disabled=job.is_cancelled,
            help="Stops soon; finished scenes can be downloaded.",
        ):
            job.cancel()
    words = f"{text.plain(job.what or 'Opening the files')} …{text.time_left(job.seconds_left)}"
    bar.progress(job.share, text="Stopping …" if job.is_cancelled else words)


def _end(batch: Batch) -> None:
    try:
        report = batch.job.result()
    except Exception as error:  # noqa: BLE001 - the page must stay, whatever broke
        st.markdown(words_for(error))
    else:
        _say(report)
        scenes_list(batch, report)
        if report.finished:
            st.caption(
                "The numbered columns are the share of each class. The download has names and hectares too. "
                "Click a scene's pictures to see them larger."
            )
        for note in report.notes:
            st.markdown(f":material/info: {text.plain(note)}")
    with st.container(horizontal=True, gap="small", key="manyends"):
        if batch.job.error is None and batch.job.result().finished:
            st.download_button(
                "Download all (zip)",
                batch.zip_bytes,
                "s2dash-classes.zip",
                "application/zip",
                key="many scenes download",
                on_click="ignore",
                type="primary",
                icon=":material/download:",
                help="A GeoTIFF for each scene, one table of all classes, the recipe, and the maps put together.",
            )
        if st.button("Other scenes", key="many scenes new", help="Forgets these outputs and begins anew."):
            state.BATCH.pop()
            state.LOOKED_AT.pop()
            draw_again()
    if batch.job.error is None:
        two_dates(batch, batch.job.result())


def _say(report: Report) -> None:
    done, total = len(report.finished), len(report.scenes)
    if report.was_stopped:
        st.markdown(f":material/cancel: **Stopped.** {done} of {total} scenes are finished.")
    elif report.failed:
        st.markdown(f":red[:material/error:] **{len(report.failed)} of {total} scenes failed**; the others are done.")
    else:
        st.markdown(f":green[:material/check:] **All {total} scenes are classified.**" if total > 1 else "**Done.**")
