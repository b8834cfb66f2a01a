"""The pictures that the map shows, each under an address of its own for as long as it is the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from s2dash.core.classmap import Result
from s2dash.core.scene import Scene
from s2dash.server.live_engine import LiveAnswer
from s2dash.server.routes.points import point_url
from s2dash.tiles import details
from s2dash.tiles.render import Detail, Picture
from s2dash.tiles.store import url_template
from s2dash.tiles.stretch import picture_rgba, stretch_of
from s2dash.ui import services
from s2dash.ui.how_sure import sure_colours


def picture_url(scene: Scene, band_names: Sequence[str]) -> str:
    """Tiles of the bands shown as red, green and blue."""
    return url_of(f"{scene.digest} {scene.paths} {' '.join(band_names)}", lambda: _picture(scene, band_names), scene)


def attribution_of(scene: Scene, pictured: Scene) -> str:
    """The sources of a map and of the picture beneath it."""
    return ". ".join(dict.fromkeys(filter(None, (scene.attribution, pictured.attribution))))


def classes_url(answer: LiveAnswer, shown: Result, colours: np.ndarray) -> str:
    """Tiles of the classes; `shown` is what is known best of them, `colours` RGBA by label, shape (256, 4), uint8."""
    key = f"{classes_key(shown)} {colours.tobytes().hex()}"
    return url_of(key, lambda: classes_picture(answer, shown, colours), shown.scene)


def sureness_url(answer: LiveAnswer) -> str:
    """Tiles of how sure the classes are, in the colours of its steps."""
    sure, live = answer.sureness, answer.result.classmap

    def make() -> Picture:
        detail = details.of_sureness(services.native_tiles(), answer.fitted, answer.result.digest, sure.limits)
        return Picture(live.grid, sure.steps, sure_colours(), live.step, detail)

    return url_of(f"sureness {classes_key(answer.result)}", make, answer.result.scene)


def asking_url(answer: LiveAnswer, shown: Result) -> str:
    """Where the map asks about pixels of a result; `shown` is what is known best of it."""
    if shown.classmap.path is not None:
        services.askable().put_full(answer, shown.classmap.path)
    return point_url(services.askable().token_of(answer), str(st.get_option("server.baseUrlPath")))


def classes_key(shown: Result) -> str:
    """Another for other labels, and for the same in other files."""
    return f"{shown.digest} {shown.classmap.path or shown.scene.paths}"


def classes_picture(answer: LiveAnswer, shown: Result, colours: np.ndarray) -> Picture:
    """The live picture's labels, with those of every pixel behind them: made as one looks, or of the full result."""
    native, live = services.native_tiles(), answer.result.classmap
    assert live.labels is not None
    if shown.classmap.path:
        detail: Detail | None = details.of_finished(native, shown)
    else:
        detail = details.of_classes(native, answer.fitted, answer.result.digest)
    return Picture(live.grid, live.labels, colours, live.step, detail)


def url_of(key: str, make: Callable[[], Picture], scene: Scene) -> str:
    """Tiles of a picture of this scene, which is made where it is not there any more."""
    store = services.tile_store()
    token = store.token_of(key) or store.put(key, make(), scene.paths)
    return url_template(token, str(st.get_option("server.baseUrlPath")))


def _picture(scene: Scene, band_names: Sequence[str]) -> Picture:
    stack = services.live_engine().stack(scene)
    stretch = stretch_of(scene, stack, band_names)
    pixels = picture_rgba(scene, stack, band_names, stretch)
    step = scene.live_step
    return Picture(
        scene.grid.decimated(step), pixels, None, step, details.of_picture(services.native_tiles(), scene, stretch)
    )
