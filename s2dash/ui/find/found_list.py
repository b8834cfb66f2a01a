"""The list of what was found: day, clouds and small picture of each scene, of which some can be chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path

import streamlit as st

from s2dash.find.items import FoundScene
from s2dash.ui import text
from s2dash.ui.session import sent
from s2dash.ui.state import find as held

_MUCH_MISSING = 1.0
"""Percent; less is an edge."""
_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "s2dash_found",
    html='<div class="both"><ul class="found" role="list" aria-label="Scenes that were found" tabindex="0"></ul>'
    '<figure class="where"></figure></div>',
    css=(_HERE / "found_list.css").read_text("utf-8"),
    js=(_HERE / "found_list.js").read_text("utf-8"),
)


def found_list(scenes: Sequence[FoundScene], thumbnails: Mapping[str, str], is_seeing: bool, small_map: str) -> None:
    """Draw it, with a map of where the scenes lie.

    Parameters
    ----------
    thumbnails : addresses of small pictures by the id of their scene
    is_seeing : whether further ones are still coming
    """
    chosen = held.FOUND_CHOSEN.get()
    _component(
        data={
            "rows": "".join(_row(one, thumbnails.get(one.id), is_seeing) for one in scenes),
            "chosen": list(chosen),
            "map": small_map,
        },
        key=held.FOUND_LIST,
        on_chosen_change=partial(_receive, tuple(one.id for one in scenes)),
    )


def _receive(ids: tuple[str, ...]) -> None:
    """What the browser says is chosen; what is no scene of the list is skipped."""
    said = sent(held.FOUND_LIST, "chosen")
    if isinstance(said, list):
        held.FOUND_CHOSEN.set(tuple(one for one in ids if one in said))


def _row(scene: FoundScene, thumbnail: str | None, is_seeing: bool) -> str:
    """One line; all text from outside is escaped."""
    picture = f'<img src="{escape(thumbnail)}" alt="">' if thumbnail else ""
    share = scene.cloud if scene.area_cloud is None else scene.area_cloud
    cloud = "unknown" if share is None else text.share(share / 100)
    of, short = ("of the tile", "tile") if scene.area_cloud is None else ("over your ground", "here")
    waiting = " waiting" if is_seeing and not thumbnail and scene.thumbnail else ""
    return (
        f'<li><label><input type="checkbox" value="{escape(scene.id)}"><span class="look{waiting}">{picture}</span>'
        f'<span class="words"><b>{text.day(scene.date)}</b><i title="{escape(scene.id)}">{escape(_source(scene))}</i>'
        f'</span><span class="cloud"><span>{cloud} <small aria-hidden="true">{short}</small>'
        f'<span class="unseen"> clouds {of}</span></span>'
        f'<span class="bar" aria-hidden="true"><span style="width:{share or 0:.0f}%"></span></span></span></label></li>'
    )


def _source(scene: FoundScene) -> str:
    satellite = {"S2A": "Sentinel-2A", "S2B": "Sentinel-2B", "S2C": "Sentinel-2C"}.get(scene.id[:3])
    missing = scene.area_missing or 0
    shown = f"shows {text.share(1 - missing / 100)} of your ground" if missing > _MUCH_MISSING else ""
    return " · ".join(filter(None, (f"Tile {scene.tile}" if scene.tile else "", satellite, shown)))
