"""The map: one folium map per scene, told of new pictures, classes and views without being built again.

Everything that depends on the scene alone goes into the map's script, so that Streamlit keeps the
same frame; everything else travels as one small message to `map_view.js`, which changes the mounted
map in place.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

import folium
import streamlit as st
import streamlit_folium
from branca.element import MacroElement
from folium.template import Template

from s2dash.offline_assets import BASEMAPS, local_links

View = Literal["Swipe", "Classes", "Picture"]
Bounds = tuple[tuple[float, float], tuple[float, float]]
"""South-west and north-east corner: latitude, longitude in degrees; without a place -row, column in pixels."""

MAP_CSS = """
iframe[title^="streamlit_folium"] {
  height: clamp(360px, min(100dvh - 240px, 75vw), 880px) !important;
  border-radius: 8px; display: block;
}
"""
"""Rules for the page, to be put within `<style>`: the frame's height, which follows the window."""

_HEIGHT_WITHOUT_CSS_PX = 560
_START_ZOOM = 1
_MAPS_KEPT = 32
"""Of some fifty kilobytes."""
_STATE = "s2dashState"
"""Stands in a kept map's script for the message to it."""
_only_arguments: ContextVar[bool] = ContextVar("only arguments", default=False)
"""Whether the component is asked for what it would be given, and draws nothing."""
_UNSAFE_IN_SCRIPTS = {ord(c): f"\\u{ord(c):04x}" for c in "<>&'`${}_"}


@dataclass(frozen=True)
class MapState:
    """All that the map shows at one moment."""

    bounds: Bounds
    has_place: bool
    """Whether the scene has a place on the Earth; without one there are no scale bar and no backgrounds."""
    picture_url: str
    """Template of the picture's tiles, with {z}, {x} and {y}."""
    picture_label: str
    """What the picture's colours mean; any text."""
    classes_url: str | None
    """Template of the classes' tiles; None while there are none, when the picture is shown alone."""
    view: View
    attribution: str
    """Whose picture it is; any text."""
    dark: bool
    """Whether the page is in its dark theme."""
    scene_key: str
    """Changes when, and only when, another scene is loaded: the map is then built anew and shows all of it."""


def show_map(state: MapState, key: str) -> None:
    """Show the map, or change the mounted one in place.

    Zoom, position, swipe, opacity and background stay as the user left them as long as `scene_key`
    (with its `bounds`) and `key` stay the same. The page needs `MAP_CSS`, and the app the routes
    of `offline_assets.asset_routes`.
    """
    arguments = _written_map(state.bounds, state.has_place, state.scene_key, key)
    message = arguments["feature_group"].replace(_STATE, script_expression(_told(state)))
    streamlit_folium._component_func(**{**arguments, "feature_group": message})


@lru_cache(maxsize=_MAPS_KEPT)
def _written_map(bounds: Bounds, has_place: bool, scene_key: str, key: str) -> dict[str, Any]:
    """What st_folium gives its component for a scene, with `_STATE` where the message to the map goes.

    Kept, as writing it takes longer than anything else of a run of the page.
    """
    is_asked = _only_arguments.set(True)
    try:
        arguments = streamlit_folium.st_folium(
            _base_map(bounds, has_place, scene_key, key),
            key=key,
            height=_HEIGHT_WITHOUT_CSS_PX,
            use_container_width=True,
            returned_objects=[],
            feature_group_to_add=_message(_STATE),
        )
    finally:
        _only_arguments.reset(is_asked)
    return dict(arguments)


class _Start(MacroElement):
    """The part of the map's script that holds for one scene."""

    _template = Template(
        """
        {% macro header(this, kwargs) %}<style>{{ this.css }}</style>{% endmacro %}
        {% macro script(this, kwargs) %}
        {{ this.javascript }}
        window.s2dash = startS2dashMap({{ this._parent.get_name() }}, {{ this.base_expression }});
        {% endmacro %}
        """
    )

    def __init__(self, base: dict[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "Start"
        self.javascript = _text_beside("map_view.js")
        self.css = _text_beside("map_view.css")
        self.base_expression = script_expression(base)


class _Update(MacroElement):
    """The message that changes a mounted map."""

    _template = Template(
        "{% macro script(this, kwargs) %}window.s2dash.update({{ this.state_expression }});{% endmacro %}"
    )

    def __init__(self, state_expression: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "Update"
        self.state_expression = state_expression


def script_expression(value: object) -> str:
    """A JavaScript expression for a JSON value, safe in any script, template literal or HTML.

    Names of files are hostile text. The whole value stands in one string literal, so every character
    of meaning anywhere can be escaped. Underscores are among them: streamlit-folium takes an
    underscore and what follows for one of folium's names, which it may replace, and which it ignores
    when it asks whether a map has changed.
    """
    literal = json.dumps(json.dumps(value, allow_nan=False))
    return f"JSON.parse({literal.translate(_UNSAFE_IN_SCRIPTS)})"


def _base_map(bounds: Bounds, has_place: bool, scene_key: str, key: str) -> folium.Map:
    (south, west), (north, east) = bounds
    base_map = folium.Map(
        location=((south + north) / 2, (west + east) / 2),
        zoom_start=_START_ZOOM,
        crs="EPSG3857" if has_place else "Simple",
        tiles=None,
        zoom_control=False,
        zoom_snap=0,
        fade_animation=False,
    )
    # folium's other scripts serve markers and pop-ups, which this map has none of.
    base_map.default_js = [link for link in base_map.default_js if link[0] == "leaflet"]
    base_map.default_css = [link for link in base_map.default_css if link[0] == "leaflet_css"]
    basemaps = [
        {"name": b.name, "url": b.url, "attribution": b.attribution_html, "maxNativeZoom": b.max_native_zoom}
        for b in BASEMAPS
    ]
    _Start(
        {
            "scene": scene_key,
            "key": key,
            "bounds": bounds,
            "hasPlace": has_place,
            "basemaps": basemaps if has_place else [],
        }
    ).add_to(base_map)
    return base_map


def _message(state_expression: str) -> folium.FeatureGroup:
    group = folium.FeatureGroup(control=False)
    _Update(state_expression).add_to(group)
    return group


def _told(state: MapState) -> dict[str, Any]:
    """What a mounted map is told."""
    return {
        "picture": state.picture_url,
        "classes": state.classes_url,
        "view": state.view,
        "label": state.picture_label,
        "attribution": state.attribution,
        "dark": state.dark,
    }


@cache
def _text_beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _served_here(component: Callable[..., Any]) -> Callable[..., Any]:
    """streamlit-folium's component with links to our own port, whoever put the links in."""

    def component_served_here(**arguments: Any) -> Any:
        base_path = str(st.get_option("server.baseUrlPath"))
        for links in ("js_links", "css_links"):
            arguments[links] = local_links(arguments[links], base_path)
        return arguments if _only_arguments.get() else component(**arguments)

    component_served_here.component = component  # type: ignore[attr-defined]
    return component_served_here


# Streamlit imports this module again when a file was edited: never wrap twice.
_original = getattr(streamlit_folium._component_func, "component", streamlit_folium._component_func)
streamlit_folium._component_func = _served_here(_original)
