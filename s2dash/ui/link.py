"""The way in by a link: a map that the page's address holds, made the page's once its scene is there.

An example opens by itself. Any other scene is waited for; by its digest it is known to be the same, read as the
link says.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

import streamlit as st

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.classify.algorithms import find_algorithm
from s2dash.core.drawn_area import drawn_in
from s2dash.core.legend import clean_name
from s2dash.core.map_position import position_of
from s2dash.core.pack import Manifest
from s2dash.core.run import Run
from s2dash.core.scene_reading import SceneReading
from s2dash.core.shared_map import SharedMap, from_link
from s2dash.errors import InputError, RecipeError, S2DashError, UnreadableFile, UnreadableValue
from s2dash.ingest.examples import example
from s2dash.ui import services, state, text
from s2dash.ui.as_read import as_read
from s2dash.ui.drawn_area import read_drawn
from s2dash.ui.loaded import Loaded
from s2dash.ui.state import packs
from s2dash.ui.state.about import put_about
from s2dash.ui.strip import Strip
from s2dash.ui.uploads import follow, forget

PARAMETER = "map"
_MOST_NAMED = 3
"""Of the files that a link may name, so many are said."""
_BAD = ":material/link_off: **The link of this page leads to no map.** "
_OTHER_SCENE = "What it was made with does not fit the scene as this page has it."


def follow_link() -> None:
    """Before anything is drawn: take up the map that the page's address holds, or look whether its scene has come."""
    loaded = state.LOADED.get()
    if loaded is None:
        _begin(st.query_params.get(PARAMETER))
        return
    link = state.LINK.get()
    if link is None or loaded is state.LINK_TRIED.get():
        return
    state.LINK_TRIED.set(loaded)
    is_example = bool(link.example) and example_of(loaded) == link.example
    if _taken(link.run, loaded, is_known=is_example and loaded.drawn == drawn_in(link.run.reading)):
        _arrived()
    else:
        _begin_area(link.run, loaded)


def await_pack(manifest: Manifest, scenes: Iterable[Loaded]) -> bool:
    """Make the map of an opened pack the page's, on whichever of these scenes is its own; returns whether one is.

    Where none is, it is waited for as that of a link. To be called before anything is drawn that stays.
    """
    forget(state.INCOMING_LINKED)
    state.LINK_TROUBLE.pop()
    link = SharedMap(manifest.shown_run.run, manifest.scene.example)
    state.LINK.set(link)
    packs.PACK_WAITING.set(manifest)
    loaded = state.loaded()
    if link.example:
        loaded = Loaded(services.sample_scene(example(link.example).key))
        scenes = () if drawn_in(link.run.reading) else (loaded,)
    if any(_taken(link.run, one, is_known=bool(link.example)) for one in scenes):
        _arrived()
        return True
    state.LOADED.set(loaded)
    state.LINK_TRIED.set(loaded)
    _begin_area(link.run, loaded)
    return False


def _arrived() -> None:
    """The map that was waited for is there."""
    state.LINK.pop()
    pack = packs.PACK_WAITING.pop()
    if pack is not None:
        put_about(pack.about)


def follow_link_area() -> None:
    """Where the link's area was drawn on a map, look whether the scene in use, with it, is the link's."""
    place = st.empty()
    with place.container():
        found = follow(state.INCOMING_LINKED)
    if state.INCOMING_LINKED.words.get():  # it does not fit this scene, which is then not the link's
        forget(state.INCOMING_LINKED)
        place.empty()
    link = state.LINK.get()
    if found is None or link is None:
        return
    forget(state.INCOMING_LINKED)
    is_same_scene = found.scene.paths[0] == state.loaded().scene.paths[0]
    is_example = bool(link.example) and example_of(found) == link.example
    if is_same_scene and _taken(link.run, found, is_known=is_example):
        _arrived()
    st.rerun()


def _begin_area(run: Run, loaded: Loaded) -> None:
    """Begin to put a drawn area of the link on a scene, which may then be the link's."""
    rings = drawn_in(run.reading)
    forget(state.INCOMING_LINKED)
    if rings and rings != loaded.drawn:
        with suppress(UnreadableValue, UnreadableFile):  # then the link goes on waiting
            read_drawn(state.INCOMING_LINKED, loaded, rings)


def say_of_link(strip: Strip) -> None:
    """What the link waits for, or what is wrong with it."""
    link, trouble = state.LINK.get(), state.LINK_TROUBLE.get()
    pack = packs.PACK_WAITING.get()
    words = trouble if link is None else _words_of_waiting(link.run)
    if pack is not None and state.INCOMING_LINKED.job.get() is None:
        help_words = "The page no longer waits for the pack's picture. Its maps stay in the list of runs."
        strip.offer(_words_of_pack(pack), "Forget the pack", "forget link", _forget, help_words)
    elif words and state.INCOMING_LINKED.job.get() is None:
        help_words = "The page no longer waits for the link's scene, and its address is its own again."
        strip.offer(words, "Forget the link", "forget link", _forget, help_words)


def example_of(loaded: Loaded) -> str:
    """Key of the example that a scene is; empty where it is none."""
    return next((one.key for one in ingest.EXAMPLES if one.path in loaded.scene.paths), "")


def _begin(address: str | None) -> None:
    if address is None:
        return
    try:
        link = from_link(address)
        position_of(link.run.view)
        find_algorithm(link.run.recipe.algorithm).complete_params(link.run.recipe.params_dict)
        loaded = Loaded(services.sample_scene(example(link.example).key)) if link.example else None
    except S2DashError as error:
        state.LINK_TROUBLE.set(_BAD + text.plain(str(error)))
        return
    if loaded is None:
        state.LINK.set(link)
        state.LOADED.set(Loaded(services.sample_scene()))
        state.LINK_TRIED.set(state.loaded())
    elif drawn_in(link.run.reading) or link.run.reading.guesses_clouds:
        state.LINK.set(link)
        state.LOADED.set(loaded)
        state.LINK_TRIED.set(loaded)
        _begin_area(link.run, loaded)
    elif not _taken(link.run, loaded, is_known=True):
        state.LINK_TROUBLE.set(_BAD + _OTHER_SCENE)


def _taken(run: Run, loaded: Loaded, is_known: bool = False) -> bool:
    """Make the map the page's where the scene is the link's; whether it was.

    Parameters
    ----------
    is_known : the scene is the right one whatever its digest, which is of this machine's file
    """
    if run.reading.guesses_clouds != ingest.has_guessed_clouds(loaded.scene):
        return False
    before = state.LOADED.get()
    found = _read_as(run.reading, loaded)
    state.LOADED.set(found)  # by which `as_read` knows how it is to be read
    try:
        scene = as_read(found).scene
        if is_known or scene.digest == run.scene_digest:
            pipeline.resolve(scene, run.recipe)
            # Names and colours are the link's, not those of the map that was shown meanwhile.
            state.LAST_SHOWN.pop()
            state.load(replace(run, scene_digest=scene.digest), found)
            state.MAP_START.set(position_of(run.view))
            return True
    except (InputError, RecipeError):
        pass
    if before is None:
        state.LOADED.pop()
    else:
        state.LOADED.set(before)
    return False


def _read_as(reading: SceneReading, loaded: Loaded) -> Loaded:
    """The files with the link's band names, to be read as the link says; as they are where these do not fit."""
    scene = loaded.scene
    with suppress(InputError, RecipeError):
        if reading.band_names is not None and reading.band_names != loaded.reading.band_names:
            scene = ingest.read_as(scene, SceneReading(band_names=reading.band_names))
    return replace(loaded, scene=scene, reading=reading)


def _words_of_waiting(run: Run) -> str:
    area, also = run.reading.area[:_MOST_NAMED], run.reading.also[:_MOST_NAMED]
    made_with = [f"the area {clean_name(one.name)}" for one in area] + [f"{clean_name(one)} as a band" for one in also]
    made_with += ["“Guess clouds” on"] if run.reading.guesses_clouds else []
    name = text.plain(clean_name(run.scene_title)) or "its own scene"
    scene = f"**{name}**" + (f" with {text.plain(' and '.join(made_with))}" if made_with else "")
    if example_of(state.loaded()):
        return (
            f":material/link: **This link is of a scene that is not here.** Choose {scene} by “Change”: "
            "settings, names and colours of the link then come by themselves."
        )
    return (
        f":material/link_off: **The scene here is not that of the link**, {scene}, or is not read as there. "
        "Nothing of the link was taken over."
    )


def _words_of_pack(pack: Manifest) -> str:
    names = [clean_name(one) for one in pack.scene.files[:_MOST_NAMED]] or [
        clean_name(pack.scene.title) or "its picture"
    ]
    more = f" and {len(pack.scene.files) - _MOST_NAMED} more" if len(pack.scene.files) > _MOST_NAMED else ""
    more += ", with “Guess clouds” on," if pack.shown_run.run.reading.guesses_clouds else ""
    return (
        f":material/inventory_2: **The pack waits for its picture.** Open **{text.plain(', '.join(names))}**{more} by "
        "“Change”: it is known by its content. Then settings, names, colours and answers come back."
    )


def _forget() -> None:
    state.LINK.pop()
    packs.PACK_WAITING.pop()
    state.LINK_TROUBLE.pop()
    st.query_params.pop(PARAMETER, None)
