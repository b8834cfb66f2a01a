"""The sidebar: widgets in, a scene and a recipe out. One function for each group of widgets."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import streamlit as st

from s2dash.classify.algorithms import ALGORITHMS, Algorithm, Param, find_algorithm
from s2dash.classify.indices import INDEX_HELP, available_indices
from s2dash.classify.prepare import recipe_grid
from s2dash.core import palette, sentinel2
from s2dash.core.missions import CORRECTED_LEVELS
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import Scene
from s2dash.errors import RecipeError
from s2dash.ui import explain, look, state, text
from s2dash.ui.lent_picture import lent_picture_button
from s2dash.ui.loaded import Loaded
from s2dash.ui.many_scenes import many_scenes_button
from s2dash.ui.masks import choose_masks
from s2dash.ui.preparation import (
    choose_components,
    choose_distance,
    choose_favour,
    choose_preparation,
    choose_smoothing,
    choose_transform,
)
from s2dash.ui.runs.forget import what_is_kept
from s2dash.ui.scene_block import begin_with_a_scene, choose_scene
from s2dash.ui.session import Control
from s2dash.ui.state import check as held
from s2dash.ui.two_dates.button import another_date_button

K_LOW, K_HIGH = 2, 20
_SCALES = {"standard": "Equal weight", "robust": "Equal weight, outliers ignored", "none": "Off: numbers as stored"}
_CLIPS: dict[tuple[float, float] | None, str] = {
    None: "Off",
    (1.0, 99.0): "Cut the lowest and highest 1 %",
    (2.0, 98.0): "Cut the lowest and highest 2 %",
}
_FINEST = 0.0
_SAMPLES = (20_000, 100_000, 500_000)
_ALL = 0
"""Stands for all pixels in the widget, which takes None for no choice."""


@dataclass(frozen=True)
class Choices:
    """What the sidebar says."""

    loaded: Loaded
    scene: Scene
    """On the grid that the recipe works at."""
    recipe: Recipe | None
    """None while no band is chosen."""
    palette: str


def read_choices() -> Choices:
    """Draw the sidebar's scene, and its window where that is open, and read what is chosen in all of the sidebar."""
    begin_with_a_scene()
    # A container of its own: what comes and goes in it must not move the others, or they would close.
    with st.sidebar, st.container():
        loaded = choose_scene()
    return _choices(loaded, state.recipe(loaded.scene))


def sidebar(loaded: Loaded) -> None:
    """Draw the sidebar's other controls, beneath the scene."""
    with st.sidebar:
        with st.container(key="grouping"):
            _choose_k()
            algorithm = _choose_algorithm()
        with st.container(key="looking"):
            st.markdown("##### What to look at", anchors=False)
            _choose_bands(loaded.scene)
            _choose_pixel_size(loaded.scene)
        with st.container(key="folds", gap=None):
            with st.expander("Indices, scaling, smoothing", type="compact"):
                _choose_features(loaded.scene, algorithm)
            with st.expander("Leave out", type="compact"):
                choose_masks(loaded)
            with st.expander("Advanced", type="compact"):
                _choose_advanced(algorithm)
                _choose_palette(loaded.scene)
        with st.container(key="foot", gap=None):
            lent_picture_button(loaded.scene)
            another_date_button()
            many_scenes_button()
            explain.how_this_works()
            what_is_kept()


def _choices(loaded: Loaded, recipe: Recipe | None) -> Choices:
    scene, colours = loaded.scene, state.PALETTE.get()
    if recipe is None:
        return Choices(loaded, scene, None, colours)
    with suppress(RecipeError):  # who makes the result says what does not fit the scene
        scene = recipe_grid(scene, recipe)
    return Choices(loaded, scene, recipe, colours)


def highest_k() -> int:
    """The end of the slider, which reaches to every k that came from elsewhere."""
    return max(K_HIGH, *state.K.on_offer())


def _choose_k() -> None:
    st.slider(
        "Number of classes (k)",
        K_LOW,
        highest_k(),
        key=state.K.shown(highest_k()),
        on_change=state.K.take,
        help="How many groups to make. Start with 8. Raise it if different things share a colour, "
        "lower it if one thing has several.",
    )
    if held.is_checking():
        with st.container(key="paused"):
            st.markdown("Paused while you check")
    else:
        _help_me_choose()
    algorithm = find_algorithm(state.ALGORITHM.get())
    if algorithm.k_is == "most":
        st.caption(f"The most there can be: {algorithm.label} drops and merges classes.")


def _help_me_choose() -> None:
    st.button(
        "Help me choose",
        key="help me choose",
        icon=":material/chevron_right:",
        icon_position="right",
        type="tertiary",
        on_click=lambda: state.PUSHED.set("how many"),
        help="Tries other numbers on this picture and says which come out the same again.",
    )


def _choose_bands(scene: Scene) -> None:
    described = {band.name: band.description for band in scene.bands}
    look.keep_place_of_band_names(max(len(name) for name in default_recipe(scene).bands or scene.band_names))
    offered = list(dict.fromkeys([*scene.band_names, *state.bands(()).get()]))
    bands = state.bands(offered)
    st.multiselect(
        "Bands",
        offered,
        key=bands.shown(),
        on_change=bands.take,
        wrap=False,
        format_func=lambda name: described.get(name, name),
        placeholder="Choose at least one band",
        help="Axes of the embedding: together they say what the ground was like all year. Fewer tell less."
        if scene.is_embedding
        else "Colours of light the satellite measured, some invisible. More bands separate more kinds of ground.",
    )
    _offer_band_sets(scene, bands)


def _offer_band_sets(scene: Scene, bands: Control[list[str]]) -> None:
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
    one = state.band_set(sets, bands)
    st.pills("Band sets", list(sets), key=one.shown(), on_change=one.take, label_visibility="collapsed")


def _choose_pixel_size(scene: Scene) -> None:
    """The pixel size to work at, where the bands have several."""
    present = state.PIXEL_SIZE.get()
    if len(scene.grids) < 2 and present is None:
        return
    sizes = {grid.pixel_size[0]: text.distance((grid.pixel_size_m or grid.pixel_size)[0]) for grid in scene.grids}
    chosen = [scene.band_names.index(name) for name in state.bands(()).get() if name in scene.band_names]
    finest = min((scene.native_grid(i).pixel_size[0] for i in chosen), default=min(sizes))
    words = {_FINEST: f"Finest of the chosen bands ({sizes[finest]})"}
    words |= sizes if present is None else {**sizes, present: sizes.get(present, text.distance(present))}
    control = state.PIXEL_SIZE.among({size: size or None for size in words})
    st.selectbox(
        "Pixel size",
        list(words),
        key=control.shown(),
        on_change=control.take,
        format_func=words.__getitem__,
        help="Bands are measured at different pixel sizes. Coarser ones are brought to finer pixels smoothly, finer "
        "ones averaged. A larger size is faster and shows less detail.",
    )


def _choose_algorithm() -> Algorithm:
    name = st.selectbox(
        "Algorithm",
        list(ALGORITHMS),
        key=state.ALGORITHM.shown(),
        on_change=state.ALGORITHM.take,
        format_func=lambda name: ALGORITHMS[name].label,
        help="The way pixels are grouped. K-means is fast and a good start.\n\n"
        + "\n\n".join(f"**{a.label}**: {a.help}" for a in ALGORITHMS.values()),
    )
    return ALGORITHMS[name]


def _choose_for_embedding(fixed: bool) -> None:
    """What there is to choose for vectors whose direction counts: roots, indices and haze are for light."""
    if fixed:
        st.caption("Pixels are grouped by the angle between their vectors, as they are: nothing is scaled or left out.")
    _choose_scaling(fixed)
    choose_components(fixed)
    choose_favour()
    choose_smoothing()


def _choose_scaling(fixed: bool) -> None:
    st.selectbox(
        "Scaling",
        list(_SCALES),
        key=state.SCALE.shown(),
        on_change=state.SCALE.take,
        disabled=fixed,
        format_func=_SCALES.__getitem__,
        help="Lets every band count equally. Off: bright bands decide.",
    )


def _choose_features(scene: Scene, algorithm: Algorithm) -> None:
    fixed = algorithm.on_reflectance
    if scene.is_embedding:
        _choose_for_embedding(fixed)
        return
    if fixed:
        st.caption(
            f"{algorithm.label} looks at bands as they are: no transform, indices, scaling, outliers or components to "
            "choose, and no smoothing that keeps edges."
        )
    choose_preparation(fixed)
    choose_favour()
    choose_distance(not algorithm.has_centres)
    offered = list(dict.fromkeys([*available_indices(scene), *state.INDICES.get()]))
    st.multiselect(
        "Indices",
        offered,
        key=state.INDICES.shown(),
        on_change=state.INDICES.take,
        disabled=fixed or not offered,
        format_func=lambda name: f"{name} · {INDEX_HELP.get(name.split('_')[0], '')}",
        placeholder="None" if offered else "None: the scene lacks the bands",
        help="Ratios of bands known to rise with one kind of ground, added as further measurements.",
    )
    _choose_scaling(fixed)
    clips = {_CLIPS.get(clip) or _clip_words(clip): clip for clip in (*_CLIPS, *state.CLIP.on_offer())}
    clip = state.CLIP.among(clips)
    st.selectbox(
        "Outliers",
        list(clips),
        key=clip.shown(),
        on_change=clip.take,
        disabled=fixed,
        help="Cuts the extreme values of each band, so that a few very bright pixels do not take a class of their own.",
    )
    choose_transform(fixed)
    choose_components(fixed)
    choose_smoothing()
    if scene.level not in CORRECTED_LEVELS or "dos1" in state.ATMOSPHERE.on_offer():
        haze = state.ATMOSPHERE.among({False: "none", True: "dos1"})
        st.toggle(
            "Subtract haze (dark objects)",
            key=haze.shown(),
            on_change=haze.take,
            help="For Level-1C: takes the darkest value of each band as haze (DOS1). It changes indices, spectra and "
            "the spectral angle, not k-means on bands.",
        )


def _clip_words(clip: tuple[float, float] | None) -> str:
    return "Off" if clip is None else f"{clip[0]:g} to {clip[1]:g} %"


def _choose_advanced(algorithm: Algorithm) -> None:
    """The algorithm's own settings, seed and sample."""
    for param in algorithm.params:
        _param_widget(algorithm, param)
    samples = {count or _ALL: count for count in (*_SAMPLES, *state.SAMPLE.on_offer())}
    sample = state.SAMPLE.among(samples)
    st.selectbox(
        "Pixels to learn from",
        list(samples),
        key=sample.shown(),
        on_change=sample.take,
        format_func=lambda count: "All" if count == _ALL else text.number(count),
        help="The groups are learnt from this many pixels spread over the scene; then every pixel is labelled.",
    )
    st.number_input(
        "Seed",
        0,
        2**32 - 1,
        key=state.SEED.shown(),
        on_change=state.SEED.take,
        help="Another number starts the search elsewhere; the same repeats a run.",
    )


def _param_widget(algorithm: Algorithm, param: Param) -> None:
    control = state.param(algorithm.name, param)
    if param.choices:
        st.selectbox(param.label, param.choices, key=control.shown(), on_change=control.take, help=param.help)
    elif isinstance(param.default, int):
        low, high = int(param.low), int(param.high)
        st.number_input(param.label, low, high, key=control.shown(), on_change=control.take, help=param.help)
    else:
        st.number_input(
            param.label,
            float(param.low),
            float(param.high),
            step=float(param.default),
            format="%g",
            key=control.shown(),
            on_change=control.take,
            help=param.help,
        )


def _choose_palette(scene: Scene) -> None:
    offered = palette.PALETTES_OF_EMBEDDINGS if scene.is_embedding else palette.PALETTES
    control = state.PALETTE_OF_EMBEDDING if scene.is_embedding else state.PALETTE
    meaning = (
        "Colours only tell classes apart: they say nothing of what is there. "
        if scene.is_embedding
        else "By character: blues look like water, greens like plants, browns like bare ground. "
    )
    st.selectbox(
        "Colours",
        list(offered),
        key=control.shown(),
        on_change=control.take,
        format_func=offered.__getitem__,
        help=f"{meaning}Your own colours in the legend always win.",
    )
