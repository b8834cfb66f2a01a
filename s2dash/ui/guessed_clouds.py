"""The switch by which clouds are guessed, where a Level-1C scene does not say where they are and that is installed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import streamlit as st

from s2dash import ingest
from s2dash.core.types import CancelToken, Progress
from s2dash.ingest.cloud_polygons import OPAQUE
from s2dash.ui import state
from s2dash.ui.loaded import Loaded
from s2dash.ui.uploads import begin, follow, forget


def may_be_guessed(loaded: Loaded) -> bool:
    """Whether there is anything to switch."""
    return ingest.can_guess_clouds() and ingest.may_guess_clouds(loaded.scene)


def choose_guess() -> None:
    """Draw the switch, and what is under way below it."""
    guess = state.guesses_clouds(_begin)
    st.toggle(
        "Guess clouds",
        key=guess.shown(),
        on_change=guess.take,
        help="Nothing in these files says where clouds are. Clouds are then guessed by s2cloudless, a model that has "
        "learnt from pixels which people had looked at: it misses thin cloud and every cloud's shadow, and may take "
        "bright ground, snow or surf for cloud. It takes up to a minute or two for a whole tile.",
    )
    found = follow(state.INCOMING_CLOUDS)
    if found is None:
        return
    forget(state.INCOMING_CLOUDS)
    if found.before_clouds is None or found.before_clouds[1].digest != state.loaded().scene.digest:
        _begin()  # meanwhile another area counts
    else:
        state.use_clouds(found)
        state.masks_class(OPAQUE).set(True)
    st.rerun()


def _begin() -> None:
    now = state.loaded()

    def work(folder: Path, progress: Progress, cancel: CancelToken) -> Loaded:
        scene = ingest.with_guessed_clouds(now.scene, folder / "clouds", progress, cancel)
        return replace(now, scene=scene, before_clouds=(scene.digest, now.scene))

    begin(state.INCOMING_CLOUDS, work, "s2dash-clouds-")
