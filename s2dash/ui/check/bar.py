"""What stands around the map while places are asked about: which picture is shown, and how large its pixels are."""

from __future__ import annotations

import streamlit as st

from s2dash.core.scene import Scene
from s2dash.ui import state, text
from s2dash.ui.layers import Layer, layer_now, picture_names

_OF_LIGHT = "In false colours plants are bright red, which tells them from water and shadow."
_OF_EMBEDDING = "The true colour is that of the scene which lends it; the embedding shows three of its axes."


def check_bar(scene: Scene) -> Layer:
    """Which picture the places are shown on; never the classes."""
    options = picture_names(scene)
    if len(options) > 1:
        picture = state.PICTURE.within(options, options[0])
        st.segmented_control(
            "Picture of the places",
            options,
            required=True,
            key=picture.shown(*options),
            on_change=picture.take,
            label_visibility="collapsed",
            help=_OF_EMBEDDING if scene.is_embedding else _OF_LIGHT,
        )
    size_m = scene.grid.pixel_size_m
    st.caption("the square is one pixel" + (f", {text.distance(size_m[0])}" if size_m else ""), width="content")
    _, bands, label = layer_now(scene)
    return "Picture", bands, label
