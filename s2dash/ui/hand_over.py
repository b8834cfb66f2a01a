"""The window `Hand over`: everything that the map can be saved as, a card for each, and what each is good for.

What needs all pixels of a large scene offers to make them first, and then itself.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import streamlit as st

from s2dash.classify.sureness_file import write_sureness
from s2dash.core.classmap import Result
from s2dash.core.legend import Legend
from s2dash.export import EXPORTS, Handover, export_bytes
from s2dash.export.contents import edits_with_looks, file_stem
from s2dash.server.jobs import FullJob
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import state, text
from s2dash.ui.full_run import LOOK_SECONDS, cancel, running, running_words, start, usual_seconds
from s2dash.ui.share import share_link

_SURE_BY_COMMAND = "Of a large scene the command line writes it: `s2dash classify … --how-sure FILE.tif`."
_BEING_MADE = "The full map is being made. The button works as soon as it is there."
_NO_PLACE = "This file has no place, which a GIS needs. Bring one with coordinates."
_PREVIEW_PIXELS = 480


def hand_over_button() -> None:
    """The button that opens the window."""
    st.button(
        "Hand over",
        type="primary",
        icon=":material/ios_share:",
        key="handover",
        on_click=state.WINDOW.set,
        args=("hand over",),
        help="Save the map as a picture, for a GIS, as a table, or to make it again.",
    )


@st.dialog("Hand over", width="large", on_dismiss=state.close_window)
def hand_over(answer: LiveAnswer, result: Result, legend: Legend, trouble: str | None) -> None:
    """The window; `trouble` says why the full map that was asked for could not be made."""
    job = running(answer)
    if job is not None:
        with st.container(key="makingfull"):
            st.fragment(_being_made, run_every=LOOK_SECONDS)(job)
    elif trouble:
        st.markdown(trouble)
    with st.container(key="cards"):
        for key in EXPORTS:
            with st.container(key=f"card {key}", gap=None):
                if key == "picture":
                    _preview(answer, legend)
                if EXPORTS[key].needs_full and not result.is_full and _why_not(key, result) is None:
                    _card_of_full(key, answer, job)
                else:
                    _card(key, result, legend)
        with st.container(key="card sureness", gap=None):
            _sureness(answer)
        with st.container(key="card recipe", gap=None):
            _recipe(result, legend)
    share_link(answer)


def _preview(answer: LiveAnswer, legend: Legend) -> None:
    """The classes as the picture shows them, coarse."""
    labels = answer.result.classmap.labels
    assert labels is not None
    step = max(1, -(-max(labels.shape) // _PREVIEW_PIXELS))
    colours = np.asarray(legend.rgba(None))
    st.image(colours[labels[::step, ::step]], width="stretch", alt="The map of classes")


def _card(key: str, result: Result, legend: Legend) -> None:
    export, handover = EXPORTS[key], Handover(result, legend)
    reason = _why_not(key, result)

    def make() -> bytes:
        return export_bytes(key, handover)

    _words(export.title, export.help, reason)
    st.download_button(
        export.label,
        b"" if reason else make,
        export.file_name(handover),
        export.mime,
        key=f"download {key}",
        on_click="ignore",
        type="primary" if key == "picture" else "secondary",
        icon=":material/download:",
        width="stretch",
        disabled=reason is not None,
        help=reason or export.help,
    )


def _card_of_full(key: str, answer: LiveAnswer, job: FullJob | None) -> None:
    """A card of what needs the full map: its button makes that, and is then the download."""
    export = EXPORTS[key]
    first = _BEING_MADE if job else f"Makes the full map first, {_effort(answer)}; then press again."
    _words(export.title, export.help, None if job else first)
    pressed = st.button(
        export.label,
        key=f"make full for {key}",
        icon=":material/download:",
        width="stretch",
        disabled=job is not None,
        help=first,
    )
    if pressed:
        start(answer)
        st.rerun()


def _effort(answer: LiveAnswer) -> str:
    """How much it is to make the full map: in time where one was made before, else in pixels."""
    seconds = usual_seconds(answer)
    if seconds is None:
        return f"of {text.pixels(answer.result.scene.grid.pixel_count)}"
    return f"about {max(1, round(seconds))} s" if seconds < 59 else text.duration(seconds)


def _being_made(job: FullJob) -> None:
    """How far the full map is; the page is drawn anew once it is there."""
    if job.is_done:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.progress(job.share, text=running_words(job))
        if st.button("Cancel", key="cancel full map", width=84, help="Stops at once; the preview stays."):
            cancel(job)


def _why_not(key: str, result: Result) -> str | None:
    """Why this cannot be had of the scene."""
    return _NO_PLACE if EXPORTS[key].needs_place and not result.scene.grid.has_place else None


def _sureness(answer: LiveAnswer) -> None:
    help_words = "How clearly each pixel belongs to its class, 0 to 100, for a GIS: a second file beside the map."
    reason = None if answer.result.is_full else _SURE_BY_COMMAND

    def make() -> bytes:
        with tempfile.TemporaryDirectory(prefix="s2dash-") as folder:
            path = Path(folder) / "sureness.tif"
            write_sureness(answer.fitted, answer.sureness.limits, path)
            return path.read_bytes()

    _words("How sure", help_words, reason)
    st.download_button(
        "How sure (GeoTIFF)",
        b"" if reason else make,
        f"{file_stem(answer.result.scene.title)}-how-sure.tif",
        "image/tiff",
        key="download sureness",
        on_click="ignore",
        icon=":material/download:",
        width="stretch",
        disabled=reason is not None,
        help=reason or help_words,
    )


def _recipe(result: Result, legend: Legend) -> None:
    help_words = "Every choice of this run, to repeat it with the command line."
    _words("Recipe", help_words, None)
    st.download_button(
        "Recipe (JSON)",
        result.recipe.to_json() + "\n",
        f"{file_stem(result.scene.title)}-recipe.json",
        "application/json",
        key="download recipe",
        on_click="ignore",
        icon=":material/download:",
        width="stretch",
        help=help_words,
    )
    edits = edits_with_looks(result, legend)
    if edits is not None:
        edits_words = "What you merged, split, left out and moved. Command line: `--edits FILE` beside the recipe."
        st.download_button(
            "Edits (JSON)",
            edits.to_json() + "\n",
            f"{file_stem(result.scene.title)}-edits.json",
            "application/json",
            key="download edits",
            on_click="ignore",
            icon=":material/download:",
            width="stretch",
            help=edits_words,
        )


def _words(title: str, help_words: str, reason: str | None) -> None:
    st.markdown(f"##### {title}", anchors=False)
    st.caption(help_words)
    if reason:
        st.markdown(f":material/info: {reason}")
