"""The window `Hand over`: everything that the map can be saved as, a card for each, and what each is good for."""

from __future__ import annotations

import numpy as np
import streamlit as st

from s2dash.core.classmap import Result
from s2dash.core.legend import Legend
from s2dash.export import EXPORTS, export_bytes
from s2dash.export.contents import file_stem
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import state

_NOT_FULL = "First press “Classify full scene”: the map shows a preview with fewer pixels."
_NO_PLACE = "This file has no place, which a GIS needs. Bring one with coordinates."
_NEEDS_PLACE = ("geotiff", "bundle")
_CARDS = {
    "picture": ("Picture", "Map picture (PNG)"),
    "geotiff": ("Map for a GIS", "Download GeoTIFF"),
    "bundle": ("Map, table and recipe", "GIS bundle (zip)"),
    "table": ("Table", "Class table (CSV)"),
}
"""Title of each card, and what its button says."""
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
def hand_over(answer: LiveAnswer, result: Result, legend: Legend) -> None:
    """The window."""
    with st.container(key="cards"):
        for key in _CARDS:
            with st.container(key=f"card {key}", gap=None):
                if key == "picture":
                    _preview(answer, legend)
                _card(key, result, legend)
        with st.container(key="card recipe", gap=None):
            _recipe(result)


def _preview(answer: LiveAnswer, legend: Legend) -> None:
    """The classes as the picture shows them, coarse."""
    labels = answer.result.classmap.labels
    assert labels is not None
    step = max(1, -(-max(labels.shape) // _PREVIEW_PIXELS))
    colours = np.asarray(legend.rgba(None))
    st.image(colours[labels[::step, ::step]], width="stretch", alt="The map of classes")


def _card(key: str, result: Result, legend: Legend) -> None:
    export, (title, label) = EXPORTS[key], _CARDS[key]
    reason = _why_not(key, result)

    def make() -> bytes:
        return export_bytes(key, result, legend)

    _words(title, export.help, reason)
    st.download_button(
        label,
        b"" if reason else make,
        export.file_name(result),
        export.mime,
        key=f"download {key}",
        on_click="ignore",
        type="primary" if key == "picture" else "secondary",
        icon=":material/download:",
        width="stretch",
        disabled=reason is not None,
        help=reason or export.help,
    )


def _why_not(key: str, result: Result) -> str | None:
    """Why this cannot be had of the result as it stands."""
    if key in _NEEDS_PLACE and not result.scene.grid.has_place:
        return _NO_PLACE
    return _NOT_FULL if EXPORTS[key].needs_full and not result.is_full else None


def _recipe(result: Result) -> None:
    help_words = "Every choice of this run, to repeat it with the command line."
    _words("Recipe", help_words, None)
    st.download_button(
        "Recipe (JSON)",
        result.recipe.to_json() + "\n",
        f"{file_stem(result)}-recipe.json",
        "application/json",
        key="download recipe",
        on_click="ignore",
        icon=":material/download:",
        width="stretch",
        help=help_words,
    )


def _words(title: str, help_words: str, reason: str | None) -> None:
    st.markdown(f"##### {title}", anchors=False)
    st.caption(help_words)
    if reason:
        st.markdown(f":material/info: {reason}")
