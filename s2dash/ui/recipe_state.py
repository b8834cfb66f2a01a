"""A recipe put back into the sidebar's controls, so that the page shows what it was made with."""

from __future__ import annotations

import streamlit as st

from s2dash.classify.algorithms import ALGORITHMS
from s2dash.core import sentinel2
from s2dash.core.recipe import Recipe
from s2dash.ui.sidebar import CLIPS


def put_recipe(recipe: Recipe) -> None:
    """Set every control of the sidebar to the recipe's value; to be called before they are drawn."""
    state = st.session_state
    state.bands = list(recipe.bands)
    state.indices = list(recipe.indices)
    state.scale = recipe.scale
    state.clip = next((label for label, clip in CLIPS.items() if clip == recipe.clip), next(iter(CLIPS)))
    state.smooth = recipe.smooth
    state.mask = recipe.mask == "auto"
    state["mask saturated"] = recipe.mask_saturated
    for code in sentinel2.SCL_CLASSES:
        state[f"scl {code}"] = code in recipe.mask_scl
    state["pixel size"] = recipe.pixel_size
    state.haze = recipe.atmosphere == "dos1"
    state.algorithm = recipe.algorithm
    state.k = recipe.k
    state.seed = recipe.seed
    state.sample = recipe.sample
    for param in ALGORITHMS[recipe.algorithm].params:
        state[f"{recipe.algorithm} {param.name}"] = recipe.params_dict.get(param.name, param.default)
