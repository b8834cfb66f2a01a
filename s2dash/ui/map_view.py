"""The map: one frame for as long as the page is open, told of scenes, pictures, classes and views by messages.

The folium map that Streamlit mounts is always the same, so its frame stays. All there is to show
travels as one small message to `map_view.js`, which changes the map in place, and for another scene
makes the next map beneath the one on screen.
"""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import folium
import streamlit as st
import streamlit_folium
from branca.element import MacroElement
from folium.template import Template

from s2dash.core.scene_reading import Ring
from s2dash.server.offline_assets import BASEMAPS, local_links
from s2dash.server.routes.tracked_maps import drawn_url, map_url
from s2dash.server.tracked_maps import TrackedMap
from s2dash.ui import state, text

View = Literal["Swipe", "Classes", "Picture", "Differ"]

_HEIGHT_WITHOUT_CSS_PX = 560
_START_ZOOM = 1
_SCENES_BEFORE = 2
"""Whose words stay on the page: others may be loaded faster than the map shows them."""
_SCRIPTS = (
    "map_scene.js",
    "map_controls.js",
    "map_gestures.js",
    "map_area_inside.js",
    "map_area.js",
    "map_hint.js",
    "map_spectrum.js",
    "map_point.js",
    "map_places.js",
    "map_check.js",
    "map_present.js",
    "map_view.js",
)
_STYLES = ("map_view.css", "map_point.css", "map_area.css", "map_check.css")
_STATE = "s2dashState"
"""Stands in the kept map's script for the message to it."""
_only_arguments: ContextVar[bool] = ContextVar("only arguments", default=False)
"""Whether the component is asked for what it would be given, and draws nothing."""
_UNSAFE_IN_SCRIPTS = {ord(c): f"\\u{ord(c):04x}" for c in "<>&'`${}_"}


@dataclass(frozen=True)
class LegendRow:
    """One class as it is presented."""

    id: int
    name: str
    """Any text."""
    colour: str
    """`#rrggbb`"""
    part: float
    """Its share of the mapped pixels, 0 to 1; where there are many classes, the largest are shown."""
    share: str
    """The same in words."""


@dataclass(frozen=True)
class ComparedMaps:
    """Two maps beside each other; the classes of the MapState are those on the right."""

    left_url: str | None
    """Template of tiles; None is the picture."""
    left_words: tuple[str, str]
    """What stands on the left, and more of it; any text."""
    right_words: tuple[str, str]
    differ_url: str | None
    """Tiles of where they differ, which are shown over a grey picture; None where only the swipe is of use."""
    differ_words: str
    key: tuple[dict[str, str], ...] = ()
    """What its colours mean: lines of `kind`, a figure (`lead`) and `words`, and of a `change` its `colour`."""


@dataclass(frozen=True)
class DrawnOnMap:
    """What is known of the area that is drawn on the map."""

    rings: tuple[Ring, ...] = ()
    """That count now."""
    is_of_file: bool = False
    """Whether an area counts that was given as a file, which a drawn one would replace."""
    is_reading: bool = False
    """Whether another one is being put on the scene."""
    asked: int = 0
    """Grows whenever the page asks for drawing."""
    refused: int = 0
    """Grows whenever a drawn area could not be used."""
    why: str = ""
    """Why the last one could not; any text."""
    is_off: bool = False
    """Whether nothing can be drawn now."""


@dataclass(frozen=True)
class Asking:
    """How the map asks what is at a place."""

    url: str
    """Of the route that answers; another for each result."""
    classes: tuple[LegendRow, ...]
    """What the classes are called, whatever the map shows."""


@dataclass(frozen=True)
class MapState:
    """All that the map shows at one moment."""

    bounds: tuple[tuple[float, float], tuple[float, float]]
    """South-west and north-east corner: latitude, longitude in degrees; without a place -row, column in pixels."""
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
    """Changes when, and only when, another scene is loaded, all of which is then shown."""
    title: str = ""
    """The scene's name, to be presented; any text."""
    facts: str = ""
    """What the picture is, in one line, to be presented; any text."""
    legend: tuple[LegendRow, ...] = ()
    """The classes, to be presented."""
    alone: int | None = None
    """The class that is shown alone."""
    named: bool = False
    """Whether the user has named a class."""
    k: tuple[int, int, int] | None = None
    """The number of classes that is asked for, the lowest and the highest; None where it cannot be changed."""
    asking: Asking | None = None
    """None where nothing can be asked."""
    tracked: TrackedMap | None = None
    """To which the browser tells where the map looks, and which says from where a scene is to be seen first."""
    is_checking: bool = False
    """Whether places are asked about: then the map tells nothing of its classes."""
    compared: ComparedMaps | None = None
    """What stands beside the classes in place of the picture; then `view` is Swipe or Differ."""
    area: DrawnOnMap = DrawnOnMap()


def show_map(state: MapState, key: str) -> None:
    """Show the map, or tell the mounted one what to show.

    Swipe, opacity and background stay as the user left them, and zoom and position as well while
    `scene_key` stays the same. Another scene takes the place of the one on screen at once and whole,
    when its tiles are loaded. The page needs `MAP_CSS` and a container with the key "map" around this,
    and the app the routes of `offline_assets.asset_routes`.
    """
    arguments = _written_map(key)
    message = arguments["feature_group"].replace(_STATE, script_expression(_told(state)))
    streamlit_folium._component_func(**{**arguments, "feature_group": message})


@cache
def _written_map(key: str) -> dict[str, Any]:
    """What st_folium gives its component, with `_STATE` where the message to the map goes.

    Kept, as writing it takes longer than anything else of a run of the page.
    """
    is_asked = _only_arguments.set(True)
    try:
        arguments = streamlit_folium.st_folium(
            _empty_map(key),
            key=key,
            height=_HEIGHT_WITHOUT_CSS_PX,
            use_container_width=True,
            returned_objects=[],
            feature_group_to_add=_message(_STATE),
        )
    finally:
        _only_arguments.reset(is_asked)
    return dict(arguments)


def scene_token(scene_key: str) -> str:
    """What the browser knows a scene by: letters and digits, and no path of this machine."""
    return hashlib.sha256(scene_key.encode()).hexdigest()[:12]


class WithMap:
    """A place for words on the scene, which change in the same moment as the scene on the map.

    The map's frame shows another scene when its tiles are there, a moment and perhaps a few runs after
    the page has said which. So the words of the scenes before are kept here as well, and the frame shows
    those of its scene by a rule of style (`map_view.js`). They stand in an attribute, from where that rule
    draws them: unseen text would still be found by whoever searches the page.
    """

    def __init__(self, name: str, scene_key: str, tag: Literal["h3", "p"]) -> None:
        """`name` tells places apart; `tag` is what the words are drawn as, a heading or a caption."""
        self._token, self._tag = scene_token(scene_key), tag
        self._said = state.words_with_map(name)
        before = [token for token in reversed(self._said) if token != self._token][:_SCENES_BEFORE]
        with st.container(gap=None):
            # Those of now come last, where the rule of style looks for them (`map_view.js`).
            for token in before:
                with st.container(key=f"before-{token}-{name}"):
                    st.html(f'<{tag} data-words="{html.escape(self._said[token])}"></{tag}>')
            self._place = st.container(key=f"now-{self._token}-{name}")
        for token in set(self._said) - {self._token, *before}:
            del self._said[token]

    def write(self, words: str) -> None:
        """Say this of the scene, any text, once in a run; until then what the last run said stands."""
        self._said.pop(self._token, None)  # the newest comes last
        self._said[self._token] = words
        if self._tag == "h3":
            self._place.markdown(f"### {text.plain(words)}", anchors=False)
        else:
            self._place.caption(text.plain(words))


class _Start(MacroElement):
    """The part of the map's script that is the same for every scene."""

    _template = Template(
        """
        {% macro header(this, kwargs) %}<style>{{ this.css }}</style>{% endmacro %}
        {% macro script(this, kwargs) %}
        {{ this.javascript }}
        window.s2dash = startS2dashMap({{ this._parent.get_name() }}, {{ this.settings_expression }});
        {% endmacro %}
        """
    )

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "Start"
        self.javascript = "\n".join(map(_text_beside, _SCRIPTS))
        self.css = "\n".join(map(_text_beside, _STYLES))
        self.settings_expression = script_expression(settings)


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


def _empty_map(key: str) -> folium.Map:
    empty_map = folium.Map(location=(0, 0), zoom_start=_START_ZOOM, tiles=None, zoom_control=False)
    # folium's other scripts serve markers and pop-ups, which this map has none of.
    empty_map.default_js = [link for link in empty_map.default_js if link[0] == "leaflet"]
    empty_map.default_css = [link for link in empty_map.default_css if link[0] == "leaflet_css"]
    basemaps = [
        {"name": b.name, "url": b.url, "attribution": b.attribution_html, "maxNativeZoom": b.max_native_zoom}
        for b in BASEMAPS
    ]
    _Start({"key": key, "basemaps": basemaps}).add_to(empty_map)
    return empty_map


def _message(state_expression: str) -> folium.FeatureGroup:
    group = folium.FeatureGroup(control=False)
    _Update(state_expression).add_to(group)
    return group


def _told(state: MapState) -> dict[str, Any]:
    """What a mounted map is told."""
    return {
        "scene": {"key": scene_token(state.scene_key), "bounds": state.bounds, "hasPlace": state.has_place},
        "picture": state.picture_url,
        "classes": state.classes_url,
        "view": state.view,
        "label": state.picture_label,
        "attribution": state.attribution,
        "dark": state.dark,
        "title": state.title,
        "facts": state.facts,
        "legend": [asdict(row) for row in state.legend],
        "alone": state.alone,
        "named": state.named,
        "k": state.k,
        "asking": None if state.asking is None else _told_asking(state.asking),
        "checking": state.is_checking,
        "compared": None if state.compared is None else _told_compared(state.compared),
        "area": _told_area(state.area),
        **({} if state.tracked is None else _told_position(state.tracked)),
    }


def _told_area(area: DrawnOnMap) -> dict[str, Any]:
    return {
        "rings": area.rings,
        "isOfFile": area.is_of_file,
        "isReading": area.is_reading,
        "asked": area.asked,
        "refused": area.refused,
        "why": area.why,
        "isOff": area.is_off,
    }


def _told_asking(asking: Asking) -> dict[str, Any]:
    return {
        "url": asking.url,
        "classes": [asdict(row) for row in asking.classes],
    }


def _told_position(tracked: TrackedMap) -> dict[str, Any]:
    base_path = str(st.get_option("server.baseUrlPath"))
    told: dict[str, Any] = {"tellTo": map_url(tracked.token, base_path), "drawnTo": drawn_url(tracked.token, base_path)}
    if tracked.start is not None:
        (x, y), zoom = tracked.start.position.centre, tracked.start.position.zoom
        told["start"] = {"id": tracked.start.id, "scene": tracked.start.scene, "centre": (y, x), "zoom": zoom}
    return told


def _told_compared(compared: ComparedMaps) -> dict[str, Any]:
    return {
        "left": compared.left_url,
        "leftWords": compared.left_words,
        "rightWords": compared.right_words,
        "differ": compared.differ_url,
        "differWords": compared.differ_words,
        "key": compared.key,
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
