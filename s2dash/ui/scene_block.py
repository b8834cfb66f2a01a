"""The sidebar's first part: which scene is in use, the examples, and the way to any other."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from s2dash import ingest
from s2dash.core.scene import Scene
from s2dash.errors import RecipeError
from s2dash.ui import look, services, state, text
from s2dash.ui.as_read import as_read, doubts
from s2dash.ui.find.window import find_window
from s2dash.ui.loaded import Loaded
from s2dash.ui.scene_window import scene_window, take_what_came, use
from s2dash.ui.uploads import forget


def choose_scene() -> Loaded:
    """The scene in use as its user says it is to be read."""
    loaded = state.loaded()
    with st.container(key="scene", gap=None):
        _block(loaded.scene)
        with st.container(gap=None):
            if state.WINDOW.get() not in ("scene", "find"):
                take_what_came()
            _doubts(loaded.scene)
    _examples()
    with suppress(RecipeError):  # the window says what is wrong with the numbers
        return as_read(loaded)
    return loaded


def coming_scene(scene: Scene) -> None:
    """In the place of the scene in use, one that is being read, with how far that is; draws the page anew after it."""
    with st.container(key="scene", gap=None):
        st.markdown(f"**{text.plain(scene.title)}**")
        st.caption(text.plain(source_words(scene)) or "From your files")
        with st.container(gap=None):
            take_what_came(look_is_shown=True)
    if state.INCOMING_SCENE.job.get() is None:
        st.rerun()


def begin_with_a_scene() -> None:
    """The sample at first; and the window where it is open, before anything is drawn of what it may replace."""
    if not state.LOADED.is_set:
        state.LOADED.set(Loaded(services.sample_scene()))
    if state.WINDOW.get() == "scene":
        scene_window(state.loaded())
    elif state.WINDOW.get() == "find":
        find_window(state.loaded())


def _block(scene: Scene) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="scenerow"):
        st.markdown(f"**{text.plain(scene.title)}**")
        _way_in("Change", "change scene", "Choose another scene, or say how this one is to be read.")
    st.caption(text.plain(source_words(scene)) or "From your files")


def source_words(scene: Scene) -> str:
    """Where a scene is from and when, as far as it is known."""
    sensor = " ".join(filter(None, (scene.sensor, scene.level)))
    return " · ".join(filter(None, (text.day(scene.date) if scene.date else "", sensor)))


def _doubts(scene: Scene) -> None:
    if found := doubts(scene):
        _way_in(
            f"Please check: {', '.join(found)}",
            "doubts",
            "The files do not say this, and the page has guessed. Look whether it is right.",
            ":material/help:",
        )


def _way_in(label: str, key: str, help_words: str, icon: str | None = None) -> None:
    st.button(label, icon=icon, key=key, type="tertiary", on_click=state.WINDOW.set, args=("scene",), help=help_words)


def _examples() -> None:
    look.show_pictures_of_examples()
    with st.container(horizontal=True, vertical_alignment="center", gap=None, key="examples"):
        st.caption("Or try", width="content")
        for number, example in enumerate(ingest.EXAMPLES):
            st.button(
                example.title if number else "Try the sample scene",
                key=f"example {example.key}",
                on_click=_use_example,
                args=(example,),
                help=example.description,
            )


def _use_example(example: ingest.Example) -> None:
    forget(state.INCOMING_SCENE)
    use(Loaded(services.sample_scene(example.key)))
