"""The sidebar: widgets in, a scene and a recipe out. One function for each group of widgets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from s2dash.classify.algorithms import ALGORITHMS, Algorithm, Param
from s2dash.classify.indices import INDEX_HELP, available_indices
from s2dash.classify.prepare import apply_algorithm, recipe_grid
from s2dash.core import palette, sentinel2
from s2dash.core.missions import CORRECTED_LEVELS
from s2dash.core.recipe import ParamValue, Recipe, default_recipe
from s2dash.core.scene import Scene
from s2dash.ui import look, text
from s2dash.ui.masks import choose_masks
from s2dash.ui.scene_choice import choose_scene
from s2dash.ui.uploads import Loaded

K_LOW, K_HIGH = 2, 20
_SCALES = {"standard": "Equal weight", "robust": "Equal weight, outliers ignored", "none": "Off: numbers as stored"}
CLIPS = {"Off": None, "Cut the lowest and highest 1 %": (1.0, 99.0), "Cut the lowest and highest 2 %": (2.0, 98.0)}
_SMOOTHS = {0: "Off", 3: "Mean of 3 × 3 pixels"}
_FINEST = 0.0
_SAMPLES = {20_000: "20,000", 100_000: "100,000", 500_000: "500,000"}


@dataclass(frozen=True)
class Choices:
    """What the sidebar says."""

    loaded: Loaded
    scene: Scene
    """On the grid that the recipe works at."""
    recipe: Recipe | None
    """None while no band is chosen."""
    palette: str


def sidebar() -> Choices:
    """Draw the sidebar and read it."""
    with st.sidebar:
        st.caption(look.PURPOSE)
        st.markdown("##### 1 · Scene")
        with st.container():  # of its own: what comes and goes in it must not move the others, or they would close
            loaded = choose_scene()
        st.markdown("##### 2 · What to look at")
        with st.container():
            bands = _choose_bands(loaded.scene)
            size = _choose_pixel_size(loaded.scene, bands)
        features = st.expander("Indices, scaling, smoothing", type="compact")
        with st.expander("Leave out", type="compact"):
            masks = choose_masks(loaded)
        st.markdown("##### 3 · How to group it")
        k = st.slider(
            "Number of classes (k)",
            K_LOW,
            K_HIGH,
            8,
            key="k",
            help="How many groups to make. Start with 8. Raise it if different things share a colour, "
            "lower it if one thing has several.",
        )
        algorithm = _choose_algorithm()
        with features:
            recipe = _choose_features(loaded.scene, bands, algorithm)
        with st.expander("Advanced", type="compact"):
            advanced = _choose_advanced(algorithm)
            chosen_palette = _choose_palette()
    if recipe is None:
        return Choices(loaded, loaded.scene, None, chosen_palette)
    recipe = replace(recipe, k=int(k), pixel_size=size, **masks, **advanced)
    return Choices(loaded, recipe_grid(loaded.scene, recipe), recipe, chosen_palette)


def _choose_bands(scene: Scene) -> tuple[str, ...]:
    """The chosen bands: of a choice, a new scene takes away those it lacks; where none was made, it has its own."""
    state = st.session_state
    default = default_recipe(scene).bands
    if "bands" not in state:
        state.bands = list(default)
    elif state.get("bands of", scene.digest) != scene.digest:
        kept = [name for name in state.bands if name in scene.band_names]
        is_choice = set(state.bands) != set(state["default bands"])
        state.bands = kept if kept and is_choice else list(default)
    state["bands of"], state["default bands"] = scene.digest, default
    described = {band.name: band.description for band in scene.bands}
    look.keep_place_of_band_names(max(len(name) for name in default or scene.band_names))
    chosen = st.multiselect(
        "Bands",
        scene.band_names,
        key="bands",
        wrap=False,
        format_func=lambda name: described.get(name, name),
        placeholder="Choose at least one band",
        help="Colours of light the satellite measured, some invisible. More bands separate more kinds of ground.",
    )
    _offer_band_sets(scene)
    return tuple(name for name in scene.band_names if name in chosen)


def _offer_band_sets(scene: Scene) -> None:
    sets = {
        label: [b.name for b in scene.bands if b.standard in names]
        for label, names in sentinel2.BAND_SETS.items()
        if label != "All bands" and not (label == "10 m" and any(band.own for band in scene.bands))
    }
    sets = {label: names for label, names in sets.items() if names} | {
        "All": [scene.band_names[i] for i in scene.measured]
    }
    if len(scene.bands) < 2:
        return
    current = next((label for label, names in sets.items() if set(names) == set(st.session_state.bands)), None)
    st.session_state["band set"] = current

    def use_set() -> None:
        label = st.session_state["band set"]
        if label:
            st.session_state.bands = sets[label]

    st.pills("Band sets", list(sets), key="band set", on_change=use_set, label_visibility="collapsed")


def _choose_pixel_size(scene: Scene, bands: tuple[str, ...]) -> float | None:
    """The pixel size to work at, where the bands have several; None for the finest of the chosen ones."""
    if len(scene.grids) < 2:
        return None
    sizes = {grid.pixel_size[0]: text.distance((grid.pixel_size_m or grid.pixel_size)[0]) for grid in scene.grids}
    finest = min((scene.native_grid(i).pixel_size[0] for i in scene.positions(bands)), default=min(sizes))
    options = [_FINEST, *sizes]
    if st.session_state.get("pixel size") not in options:
        st.session_state["pixel size"] = _FINEST
    chosen = st.selectbox(
        "Pixel size",
        options,
        key="pixel size",
        format_func=lambda size: f"Finest of the chosen bands ({sizes[finest]})" if size == _FINEST else sizes[size],
        help="Bands are measured at different pixel sizes. Coarser ones are brought to finer pixels smoothly, finer "
        "ones averaged. A larger size is faster and shows less detail.",
    )
    return None if chosen == _FINEST else chosen


def _choose_algorithm() -> Algorithm:
    name = st.selectbox(
        "Algorithm",
        list(ALGORITHMS),
        key="algorithm",
        format_func=lambda name: ALGORITHMS[name].label,
        help="The way pixels are grouped. K-means is fast and a good start.\n\n"
        + "\n\n".join(f"**{a.label}**: {a.help}" for a in ALGORITHMS.values()),
    )
    return ALGORITHMS[name]


def _choose_features(scene: Scene, bands: tuple[str, ...], algorithm: Algorithm) -> Recipe | None:
    """The recipe up to the algorithm; None while no band is chosen."""
    fixed = algorithm.on_reflectance
    if fixed:
        st.caption(f"{algorithm.label} looks at bands as they are: no indices, scaling or outliers to choose.")
    offered = list(available_indices(scene))
    kept = [name for name in st.session_state.get("indices", []) if name in offered]
    st.session_state.indices = kept
    indices = st.multiselect(
        "Indices",
        offered,
        key="indices",
        disabled=fixed or not offered,
        format_func=lambda name: f"{name} · {INDEX_HELP.get(name.split('_')[0], '')}",
        placeholder="None" if offered else "None: the scene lacks the bands",
        help="Ratios of bands known to rise with one kind of ground, added as further measurements.",
    )
    scale = st.selectbox(
        "Scaling",
        list(_SCALES),
        key="scale",
        disabled=fixed,
        format_func=_SCALES.__getitem__,
        help="Lets every band count equally. Off: bright bands decide.",
    )
    clip = st.selectbox(
        "Outliers",
        list(CLIPS),
        key="clip",
        disabled=fixed,
        help="Cuts the extreme values of each band, so that a few very bright pixels do not take a class of their own.",
    )
    smooth = st.selectbox(
        "Smoothing",
        list(_SMOOTHS),
        key="smooth",
        format_func=_SMOOTHS.__getitem__,
        help="Takes the mean of each pixel and its neighbours first: fewer specks, softer edges.",
    )
    haze = False
    if scene.level not in CORRECTED_LEVELS:
        haze = st.toggle(
            "Subtract haze (dark objects)",
            key="haze",
            help="For Level-1C: takes the darkest value of each band as haze (DOS1). It changes indices, spectra and "
            "the spectral angle, not k-means on bands.",
        )
    if not bands:
        return None
    recipe = replace(default_recipe(scene), bands=bands, smooth=smooth, atmosphere="dos1" if haze else "none")
    if fixed:
        return apply_algorithm(recipe, algorithm.name)
    recipe = replace(recipe, indices=tuple(indices), scale=scale, clip=CLIPS[clip])
    return apply_algorithm(recipe, algorithm.name)


def _choose_advanced(algorithm: Algorithm) -> dict[str, Any]:
    """The algorithm's own settings, seed and sample, as fields of a recipe."""
    values = {param.name: _param_widget(algorithm, param) for param in algorithm.params}
    changed = {p.name: values[p.name] for p in algorithm.params if values[p.name] != p.default}
    sample = st.selectbox(
        "Pixels to learn from",
        list(_SAMPLES),
        index=1,
        key="sample",
        format_func=_SAMPLES.__getitem__,
        help="The groups are learnt from this many pixels spread over the scene; then every pixel is labelled.",
    )
    seed = st.number_input(
        "Seed", 0, 2**32 - 1, 0, key="seed", help="Another number starts the search elsewhere; the same repeats a run."
    )
    return {"params": tuple(sorted(changed.items())), "sample": sample, "seed": int(seed)}


def _param_widget(algorithm: Algorithm, param: Param) -> ParamValue:
    key = f"{algorithm.name} {param.name}"
    if param.choices:
        return st.selectbox(
            param.label, param.choices, param.choices.index(str(param.default)), key=key, help=param.help
        )
    if isinstance(param.default, int):
        low, high = int(param.low), int(param.high)
        return int(st.number_input(param.label, low, high, param.default, key=key, help=param.help))
    default = float(param.default)
    return float(
        st.number_input(
            param.label,
            float(param.low),
            float(param.high),
            default,
            step=default,
            format="%g",
            key=key,
            help=param.help,
        )
    )


def _choose_palette() -> str:
    return str(
        st.selectbox(
            "Colours",
            list(palette.PALETTES),
            key="palette",
            format_func=palette.PALETTES.__getitem__,
            help="By character: blues look like water, greens like plants, browns like bare ground. "
            "Your own colours in the legend always win.",
        )
    )
