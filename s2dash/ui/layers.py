"""Which way to look at the map, and which bands its picture shows: the controls, and what is chosen by them."""

from __future__ import annotations

import streamlit as st

from s2dash.core.scene import Scene
from s2dash.export.lent import lent_label
from s2dash.tiles.stretch import usual_bands, usual_pictures
from s2dash.ui import state
from s2dash.ui.how_sure import HELP
from s2dash.ui.lent_picture import LENT_PICTURE, lender_now
from s2dash.ui.session import Control

Layer = tuple[state.Side, tuple[str, str, str], str]
"""How to look, the bands shown as red, green and blue, and what their colours mean."""

_OWN_LAYER = "Three bands …"


def layer_controls(scene: Scene) -> Layer:
    """Which way to look, and the three bands of the picture with what their colours mean.

    What is of no use for a choice keeps its place: nothing above the map may change its height.
    """
    st.segmented_control(
        "View",
        state.SIDES,
        required=True,
        key=state.SIDE.shown(),
        on_change=state.SIDE.take,
        label_visibility="collapsed",
        help=HELP,
    )
    options, picture = _options(scene), _choice(scene)
    layer = st.selectbox(
        "Picture",
        options,
        key=picture.shown(),
        on_change=picture.take,
        label_visibility="collapsed",
        width=185,
    )
    is_own = layer == _OWN_LAYER
    with st.popover(
        "Bands",
        icon=":material/palette:",
        disabled=not is_own,
        help=None if is_own else f"Choose “{_OWN_LAYER}” on the left to pick them.",
        key="own bands",
    ):
        if is_own:
            _own_bands(scene)
    return layer_now(scene)


def layer_now(scene: Scene) -> Layer:
    """What is chosen, whether its controls are drawn or not."""
    view, layer, layers = state.SIDE.get(), _choice(scene).get(), usual_pictures(scene)
    if layer in layers:
        bands, label = layers[layer]
        return view, bands, label
    lender = lender_now()
    if lender is not None and layer == LENT_PICTURE:
        bands, _ = next(iter(usual_pictures(lender).values()))
        return view, bands, lent_label(lender)
    if layer != _OWN_LAYER:
        name = scene.band_names[0]
        return view, (name, name, name), f"{name}: brightness"
    red, green, blue = (band.get() for band in state.shown_bands(scene.band_names))
    return view, (red, green, blue), f"{red} / {green} / {blue}"


def pictured(scene: Scene) -> Scene:
    """The scene whose bands the picture shows: itself, or the one that lends it."""
    lender = lender_now()
    return lender if lender is not None and _choice(scene).get() == LENT_PICTURE else scene


def true_colour(scene: Scene) -> tuple[str, str, str]:
    """The bands of the picture nearest to what the eye sees; else those that are chosen to be shown."""
    return usual_bands(scene) or layer_now(scene)[1]


def picture_names(scene: Scene) -> list[str]:
    """What the menu calls the usual pictures of this scene, the one that is lent to it first."""
    lender = lender_now()
    return [*([] if lender is None else [LENT_PICTURE]), *usual_pictures(scene)]


def _options(scene: Scene) -> list[str]:
    own = _OWN_LAYER if len(scene.bands) > 1 else "One band"
    return [*picture_names(scene), own] if own == _OWN_LAYER or lender_now() is not None else [own]


def _choice(scene: Scene) -> Control[str | None]:
    options = _options(scene)
    return state.PICTURE.within(options, options[0])


def _own_bands(scene: Scene) -> None:
    described = {band.name: band.description for band in scene.bands}
    names = scene.band_names
    for colour, band in zip(("red", "green", "blue"), state.shown_bands(names), strict=True):
        st.selectbox(
            f"Shown as {colour}",
            names,
            key=band.shown(),
            on_change=band.take,
            format_func=lambda name: described.get(name, name),
            help=f"The brighter the ground is in this band, the more {colour} the picture.",
        )
