"""The area that is drawn on the map: taken from its frame, put on the scene like a file of polygons, and listed."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from s2dash.core.drawn_area import area_ha, area_said, as_geojson, drawn_rings
from s2dash.core.scene import AREA, Scene
from s2dash.core.scene_reading import Ring
from s2dash.errors import UnreadableFile, UnreadableValue
from s2dash.server.folders import ScratchFolder
from s2dash.ui import state, text
from s2dash.ui.loaded import Brought, Loaded
from s2dash.ui.map_view import DrawnOnMap, scene_token
from s2dash.ui.messages import words_for
from s2dash.ui.uploads import follow, forget, read_area

_CALLED = "The drawn area"
"""What messages call it in the place of a file's name."""


def take_drawn(given: object) -> None:
    """Take a message of the map's frame, from outside: the scene it was drawn on, and rings; none is the whole scene.

    To be called before anything is drawn. What was drawn on another scene than the present one counts for nothing.
    """
    now = state.LOADED.get()
    if now is None or not isinstance(given, dict) or given.get("scene") != scene_token(scene_key(now.scene)):
        return
    _put(now, lambda: drawn_rings(given.get("rings")))


def scene_key(scene: Scene) -> str:
    """Another for each scene that is loaded, whatever is chosen for it."""
    return f"{scene.paths[0]}"


def read_drawn(incoming: state.Incoming, now: Loaded, rings: tuple[Ring, ...]) -> None:
    """Begin to put rings on a scene; `follow(incoming)` gives the scene with them.

    Raises UnreadableValue for rings that are none, UnreadableFile where the disk has no room.
    """
    rings = drawn_rings(rings)
    read_area(incoming, now, _as_file(rings), (area_said(rings),))


def follow_drawn() -> bool:
    """Show how far the reading of a drawn area is, and whether it goes on; once it has ended, draw the page with it."""
    if state.DRAWN_ON.get() != scene_key(state.loaded().scene):
        forget(state.INCOMING_DRAWN)
    before = state.INCOMING_DRAWN.words.get()
    found = follow(state.INCOMING_DRAWN)
    if found is not None:
        forget(state.INCOMING_DRAWN)
        state.use_area(found)
        st.rerun()
    if state.INCOMING_DRAWN.words.get() not in (before, None):
        _count_refused()
    return state.INCOMING_DRAWN.job.get() is not None


def drawn_on_map(loaded: Loaded) -> DrawnOnMap:
    """What the map is told."""
    return DrawnOnMap(
        rings=loaded.drawn,
        is_of_file=not loaded.drawn and any(mask.kind == AREA for mask in loaded.scene.masks),
        is_reading=state.INCOMING_DRAWN.job.get() is not None,
        asked=state.DRAWING_ASKED.get(),
        refused=state.REFUSED_DRAWN.get(),
        why=state.INCOMING_DRAWN.words.get() or "",
    )


def ask_to_draw(label: str, help_words: str) -> None:
    """A button that begins to draw on the map."""
    st.button(
        label,
        icon=":material/pentagon:",
        width="stretch",
        on_click=lambda: state.DRAWING_ASKED.set(state.DRAWING_ASKED.get() + 1),
        help=help_words,
    )


def list_drawn(rings: tuple[Ring, ...]) -> None:
    """The drawn polygons with their size, each to be removed, all to be edited and to be taken along."""
    with st.container(gap=None):
        for number, ring in enumerate(rings):
            _row(number, ring, is_last=len(rings) == 1)
    ask_to_draw("Edit on the map", "Move corners, add areas or take some away.")
    st.download_button(
        "Download as GeoJSON",
        as_geojson(rings),
        "drawn_area.geojson",
        "application/geo+json",
        icon=":material/download:",
        width="stretch",
        on_click="ignore",
        help="The drawn polygons for a GIS, or to bring them back with another scene.",
    )


def _row(number: int, ring: Ring, is_last: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"Area {number + 1} · {text.area(area_ha(ring))}", width="stretch")
        st.button(
            "Remove",
            key=f"remove drawn {number}",
            type="tertiary",
            on_click=_remove,
            args=(ring,),
            help="The whole scene counts again." if is_last else f"Area {number + 1} no longer counts.",
        )


def _remove(ring: Ring) -> None:
    now = state.loaded()
    _put(now, lambda: tuple(other for other in now.drawn if other is not ring))


def _put(now: Loaded, rings: Callable[[], tuple[Ring, ...]]) -> None:
    """Begin to put rings on the scene, or say why they cannot be."""
    state.DRAWN_ON.set(scene_key(now.scene))
    forget(state.INCOMING_DRAWN)
    try:
        _begin(now, rings())
    except (UnreadableValue, UnreadableFile) as error:
        _say_refused(words_for(error))


def refuse(words: str) -> None:
    """Say, here and on the map, why what was drawn could not be used."""
    state.DRAWN_ON.set(scene_key(state.loaded().scene))
    forget(state.INCOMING_DRAWN)
    _say_refused(words)


def _say_refused(words: str) -> None:
    state.INCOMING_DRAWN.words.set(words)
    _count_refused()


def _count_refused() -> None:
    state.REFUSED_DRAWN.set(state.REFUSED_DRAWN.get() + 1)


def _begin(now: Loaded, rings: tuple[Ring, ...]) -> None:
    if not rings:
        if now.drawn:
            state.use_whole_scene()
    elif rings != now.drawn:
        read_drawn(state.INCOMING_DRAWN, now, rings)


def _as_file(rings: tuple[Ring, ...]) -> Brought:
    folder = ScratchFolder("s2dash-drawn-")
    path = folder.path / "area.geojson"
    try:
        path.write_text(as_geojson(rings), encoding="utf-8")
    except OSError as error:
        folder.remove()
        raise UnreadableFile("The server has no room for what was drawn. Tell whoever runs it.") from error
    return Brought((path,), (_CALLED,), (folder,), folder.remove)
