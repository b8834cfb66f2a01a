"""The dialog `Many scenes`: files in, the same classes for all of them, progress for each, and a zip of the outputs."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from s2dash import ingest
from s2dash.batch import (
    Given,
    Opener,
    Plan,
    RecipeChoice,
    Report,
    SceneReport,
    gather_sources,
    run_batch,
    write_zip,
)
from s2dash.errors import S2DashError
from s2dash.jobs import Job, LiveAnswer
from s2dash.legend import Legend
from s2dash.scene import Scene
from s2dash.settings import data_folder
from s2dash.types import CancelToken, Progress
from s2dash.ui import text
from s2dash.ui.messages import words_for
from s2dash.ui.server_files import server_files
from s2dash.ui.uploads import spooled

_LOOK_SECONDS = 0.5
_BATCH, _CHOSEN, _REOPEN = "many scenes batch", "many scenes on the server", "many scenes again"
_TOGETHER, _AS_HERE = "All these scenes together", "The scene on the page, with its names and colours"
_MOSAICS = {
    "vrt": "A small file that refers to them (VRT)",
    "cog": "One GeoTIFF of all",
    "none": "No, leave them apart",
}
_SIGNS = {
    "waiting": ":material/schedule: waiting",
    "learning": ":material/progress_activity: learning from it",
    "labelling": ":material/progress_activity: classifying",
    "done": ":green[:material/check:] done",
    "unchanged": ":green[:material/check:] done",
    "failed": ":red[:material/error:]",
}


class Batch:
    """One run over many scenes, on a thread; it is cancelled when nobody holds this any more."""

    def __init__(
        self, paths: Sequence[Path], answer: LiveAnswer, given: Given | None, mosaic: str, held: object
    ) -> None:
        sources = gather_sources(paths)
        recipe = answer.result.recipe
        states = {source.name: SceneReport(source, "waiting") for source in sources}
        self.states = states
        """How far each scene is, by name."""

        def note(report: SceneReport) -> None:
            states[report.source.name] = report

        def work(folder: Path, progress: Progress, cancel: CancelToken) -> Report:
            choice = RecipeChoice(lambda scene: recipe, recipe.to_json())
            plan = Plan(sources, folder / "out", Opener(_opened), choice, given=given, mosaic=mosaic)
            return run_batch(plan, progress, cancel, note)

        self.job: Job[Report] = Job(work, "s2dash-batch-").start()
        self._held = held
        weakref.finalize(self, self.job.cancel)

    def zip_bytes(self) -> bytes:
        """All outputs of a finished run."""
        path = self.job.folder.path / "classes.zip"
        write_zip(self.job.result(), self.job.folder.path / "out", path)
        return path.read_bytes()


def many_scenes(answer: LiveAnswer, legend: Legend) -> None:
    """The button that opens the dialog."""
    pressed = st.button(
        "Many scenes",
        icon=":material/stacks:",
        key="many scenes",
        width="stretch",
        help="Classify many scenes at once, so that a class means the same in all of them.",
    )
    if pressed or st.session_state.pop(_REOPEN, False):
        _dialog(answer, legend)


@st.dialog("Many scenes", width="large")
def _dialog(answer: LiveAnswer, legend: Legend) -> None:
    batch: Batch | None = st.session_state.get(_BATCH)
    if batch is None:
        _form(answer, legend)
    elif batch.job.is_done:
        _end(batch)
    else:
        st.fragment(_running, run_every=_LOOK_SECONDS)(batch)


def _form(answer: LiveAnswer, legend: Legend) -> None:
    recipe = answer.result.recipe
    st.caption(
        f"All scenes get the same {recipe.k} classes, by the bands and settings chosen on the page "
        f"({text.plain(', '.join((*recipe.bands, *recipe.indices)))})."
    )
    uploads = st.file_uploader(
        "Scenes, one file each",
        ["tif", "tiff", "zip"],
        accept_multiple_files=True,
        key="many scenes files",
        help="Products as they were downloaded (zip), or GeoTIFF files with all bands. Up to 200 MB a file.",
    )
    chosen = _from_server()
    source = st.radio(
        "Learn the classes from",
        [_TOGETHER, _AS_HERE],
        key="many scenes fit",
        help="Together: from pixels of all scenes. The scene on the page: its classes are looked for in the others.",
    )
    mosaic = st.selectbox(
        "Put the maps together",
        list(_MOSAICS),
        key="many scenes mosaic",
        format_func=_MOSAICS.__getitem__,
        help="Scenes in the same coordinate system and pixel size become one map.",
    )
    if not st.button("Start", type="primary", key="many scenes start", disabled=not uploads and not chosen):
        return
    given = Given(answer.fitted, legend) if source == _AS_HERE else None
    brought = spooled(uploads)
    try:
        st.session_state[_BATCH] = Batch([*brought.paths, *chosen], answer, given, mosaic, brought.held)
    except S2DashError as error:
        st.markdown(words_for(error))
        return
    st.session_state.pop(_CHOSEN, None)
    _draw_again()


def _from_server() -> list[Path]:
    """Files of the server's folder that have been chosen so far."""
    folder = data_folder()
    if folder is None:
        return []
    chosen: list[Path] = st.session_state.setdefault(_CHOSEN, [])
    with st.expander("Files on this server", type="compact"):
        chosen += [path for path in server_files(folder, key="many server files") if path not in chosen]
    if chosen:
        st.markdown(f"From this server: {text.plain(', '.join(path.name for path in chosen))}")
        if st.button("Take them out", key="many scenes none"):
            chosen.clear()
            _draw_again()
    return chosen


def _running(batch: Batch) -> None:
    if batch.job.is_done:
        _draw_again()
    left = f" {text.duration(batch.job.seconds_left)} left" if batch.job.seconds_left is not None else ""
    st.progress(batch.job.share, text=f"{text.plain(batch.job.what or 'Opening the files')} …{left}")
    _list_scenes(batch)
    st.caption("You can close this and go on with the page; the button opens it again.")
    if st.button("Cancel", key="many scenes cancel", help="Stops soon; finished scenes can be downloaded."):
        batch.job.cancel()


def _end(batch: Batch) -> None:
    try:
        report = batch.job.result()
    except Exception as error:  # noqa: BLE001 - the page must stay, whatever broke
        st.markdown(words_for(error))
    else:
        _say(report)
        _list_scenes(batch)
        for note in report.notes:
            st.markdown(f":material/info: {text.plain(note)}")
        if report.finished:
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
        st.session_state.pop(_BATCH, None)
        _draw_again()


def _say(report: Report) -> None:
    done, total = len(report.finished), len(report.scenes)
    if report.was_stopped:
        st.markdown(f":material/cancel: **Stopped.** {done} of {total} scenes are finished.")
    elif report.failed:
        st.markdown(f":red[:material/error:] **{len(report.failed)} of {total} scenes failed**; the others are done.")
    else:
        st.markdown(f":green[:material/check:] **All {total} scenes are classified.**" if total > 1 else "**Done.**")


def _draw_again() -> None:
    """Draw the dialog from its start, whichever part of it runs now."""
    st.session_state[_REOPEN] = True
    st.rerun()


def _list_scenes(batch: Batch) -> None:
    lines = [
        f"{text.plain(name)}: {_SIGNS[one.state]} {text.plain(one.error)}".rstrip()
        for name, one in batch.states.items()
    ]
    with st.container(height=min(320, 60 + 28 * len(lines)), border=False):
        st.markdown("\n".join(f"- {line}" for line in lines))


def _opened(path: Path, folder: Path, progress: Progress, cancel: CancelToken) -> Scene:
    """A stranger's file, rewritten like any upload."""
    return ingest.ingest(path, folder, progress=progress, cancel=cancel)
