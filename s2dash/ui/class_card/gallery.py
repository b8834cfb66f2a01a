"""The gallery of a class card: typical and doubtful places as small pictures, of which a click flies the map there.

The component itself tells the map's frame of its places (`gallery.js`, `map_places.js`), so the map waits for
nothing of this, and its pins go as the card goes.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from s2dash.classify.class_facts import ClassPlace
from s2dash.classify.pipeline import label_window
from s2dash.core.legend import Legend
from s2dash.core.scene import Scene
from s2dash.core.types import Window
from s2dash.errors import PixelsGone
from s2dash.server.live_engine import LiveAnswer
from s2dash.tiles.crop import Cropper
from s2dash.tiles.native import translated_to_pixels_gone
from s2dash.tiles.placing import place_of_pixel
from s2dash.tiles.stretch import stretch_of
from s2dash.ui import services, text
from s2dash.ui.class_card.outline import outline
from s2dash.ui.layers import true_colour

_SHAPE_RC = (32, 48)
"""Pixels of the scene in each picture."""
_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "s2dash_class_gallery",
    html='<div class="gallery"></div>',
    css=(_HERE / "gallery.css").read_text("utf-8"),
    js=(_HERE / "gallery.js").read_text("utf-8"),
)


def gallery(answer: LiveAnswer, legend: Legend, number: int) -> None:
    """Draw it, full width of its container; nothing where no pixel of the live picture has the class."""
    key = ("gallery", answer.result.digest, answer.result.scene.paths, number)
    kept, _ = services.kept_charts().get(key, lambda: (_pictured(answer, number), ""))
    if not kept["places"]:
        return
    names = {entry.id: entry.name for entry in legend.entries}
    places = [{**place, "next": names.get(place["next"])} for place in kept["places"]]
    size_m = answer.result.scene.grid.pixel_size_m
    width = places[0]["width"]
    across = text.distance(width * size_m[0]) if size_m else text.pixels(width)
    _component(data={"places": places, "across": f"{across} across"}, key="gallery")


def _pictured(answer: LiveAnswer, number: int) -> dict[str, Any]:
    """All that the gallery shows of a class but for names, as plain values."""
    scene = answer.result.scene
    found = answer.class_facts(number).places
    stack = services.live_engine().stack(scene)
    cropper = Cropper(scene, stretch_of(scene, stack, true_colour(scene)), stack, services.native_tiles())
    both = [(place, kind) for kind in ("typical", "doubtful") for place in getattr(found, kind)]

    def inside(window: Window) -> np.ndarray:
        return _labels(answer, window) == number

    return {"places": [_pictured_place(cropper, place, inside) | {"kind": kind} for place, kind in both]}


def _labels(answer: LiveAnswer, window: Window) -> np.ndarray:
    """Classes of a window of the scene; of a large one whose files are gone those of the live picture, repeated."""
    scene, live = answer.result.scene, answer.result.classmap.labels
    if scene.live_step > 1:
        try:
            with translated_to_pixels_gone(), services.native_tiles().reader(scene) as reader:
                return label_window(answer.fitted, reader, window)
        except PixelsGone:
            pass
    assert live is not None, "the labels of a live picture are in memory"
    rows = np.minimum(np.arange(window.row, window.row + window.height) // scene.live_step, live.shape[0] - 1)
    cols = np.minimum(np.arange(window.col, window.col + window.width) // scene.live_step, live.shape[1] - 1)
    return live[rows[:, None], cols]


def _pictured_place(cropper: Cropper, place: ClassPlace, inside: Callable[[Window], np.ndarray]) -> dict[str, Any]:
    scene = cropper.scene
    row, col = place.row * scene.live_step, place.col * scene.live_step
    window = cropper.window(row, col, _SHAPE_RC)
    return {
        "next": place.next_label,
        "at": place_of_pixel(scene.grid, row, col),
        "bounds": list(_corners(scene, window)),
        "width": window.width,
        "left": (col - window.col + 0.5) / window.width,
        "top": (row - window.row + 0.5) / window.height,
        "height": window.height,
        "picture": _address(cropper, window),
        "outline": outline(inside(window)),
    }


def _corners(scene: Scene, window: Window) -> Iterator[tuple[float, float]]:
    """Two corners of a window as the map has places."""
    yield place_of_pixel(scene.grid, window.row, window.col)
    yield place_of_pixel(scene.grid, window.row + window.height - 1, window.col + window.width - 1)


def _address(cropper: Cropper, window: Window) -> str:
    """The picture of a window, as an address that images take."""
    out = io.BytesIO()
    Image.fromarray(cropper.rgba(window)).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
