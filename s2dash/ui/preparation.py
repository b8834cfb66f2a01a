"""The sidebar's choices of how pixels are prepared before they are grouped: one for all of it, and each by itself."""

from __future__ import annotations

import streamlit as st

from s2dash.ui import state

WAYS = {"edges": "Smooth, edges kept", "plain": "Plain"}
_OWN = "Your own"
_COMPONENTS: tuple[state.Components, ...] = (
    (None, None),
    (None, 3),
    (None, 6),
    *((share, None) for share in (0.9, 0.95, 0.99, 0.999, 2, 3, 4, 6)),
)
_SMOOTHS: dict[int | str, str] = {0: "Off", 3: "Mean of 3 × 3 pixels", "edge": "Edges kept"}
_DISTANCES = {"mahalanobis": "Learnt (Mahalanobis)", "euclidean": "Straight (Euclidean)"}
_TRANSFORMS = {"none": "As measured", "sqrt": "Square root", "log": "Logarithm"}


def choose_preparation(fixed: bool) -> None:
    """One choice that sets transform, scaling, components and smoothing together."""
    present = state.PREPARATION.get()
    ways = WAYS if present in WAYS else {**WAYS, present: _OWN}
    st.segmented_control(
        "Preparation",
        list(ways),
        key=state.PREPARATION.shown(),
        on_change=state.PREPARATION.take,
        required=True,
        disabled=fixed,
        format_func=ways.__getitem__,
        width="stretch",
        help="**Smooth, edges kept** is recommended: the square root of reflectance, six components in which faint "
        "differences count for more, and the mean of neighbours that are alike. Classes have fewer specks, their "
        "borders stay where they are, and they come closer to what people draw.\n\n"
        "**Plain** groups each pixel by its bands alone.\n\n"
        "Either sets what stands below, Favour rare classes and Distance too; change scaling, transform, components or "
        "smoothing, and it is your own.",
    )


def choose_favour() -> None:
    """Whether rare kinds of pixels count for more."""
    st.toggle(
        "Favour rare classes",
        key=state.FAVOUR_RARE.shown(),
        on_change=state.FAVOUR_RARE.take,
        help="Wide, frequent kinds of ground count for less when classes are learnt, so that small things, such as a "
        "lake in a forest, get a class of their own sooner. Every pixel still gets the class it is closest to.",
    )


def choose_distance(fixed: bool) -> None:
    """What makes a pixel near to a class."""
    st.selectbox(
        "Distance",
        list(_DISTANCES),
        key=state.DISTANCE.shown(),
        on_change=state.DISTANCE.take,
        disabled=fixed,
        format_func=_DISTANCES.__getitem__,
        help="What makes a pixel near to a class. **Learnt**: what varies inside every class, such as light and shade "
        "on slopes, counts for less than what tells classes apart, and a frequent class reaches a little further. "
        "**Straight**: all differences count alike. For k-means, with or without batches; other algorithms have a way "
        "of their own.",
    )


def choose_transform(fixed: bool) -> None:
    """What is taken of each band's reflectance."""
    st.selectbox(
        "Transform",
        list(_TRANSFORMS),
        key=state.TRANSFORM.shown(),
        on_change=state.TRANSFORM.take,
        disabled=fixed,
        format_func=_TRANSFORMS.__getitem__,
        help="Taken of each band's reflectance before all else. A root or logarithm tells dark things apart better "
        "and lets bright ones count for less. Indices stay as they are.",
    )


def choose_components(fixed: bool) -> None:
    """Principal components in place of the features, or not."""
    components = {_components_words(pair): pair for pair in (*_COMPONENTS, *state.COMPONENTS.on_offer())}
    control = state.COMPONENTS.among(components)
    st.selectbox(
        "Principal components (PCA)",
        list(components),
        key=control.shown(),
        on_change=control.take,
        disabled=fixed,
        help="Bands that rise and fall together say the same twice. PCA turns all that is looked at into components "
        "that do not, and keeps the first ones: less noise, and fewer numbers for each pixel. Partly whitened, faint "
        "components count for more; of others the notes say how much of the variance they hold.",
    )


def choose_smoothing() -> None:
    """Means of neighbours first, or not."""
    st.selectbox(
        "Smoothing",
        list(_SMOOTHS),
        key=state.SMOOTH.shown(),
        on_change=state.SMOOTH.take,
        format_func=_SMOOTHS.__getitem__,
        help="Takes the mean of each pixel and its neighbours first. Of 3 × 3 pixels: fewer specks, softer edges. "
        "Edges kept: only neighbours that are alike count, so borders stay sharp.",
    )


def _components_words(pair: state.Components) -> str:
    pca, components = pair
    if components is not None:
        return f"{_first(components)}, partly whitened"
    if pca is None:
        return "Off"
    return _first(pca) if isinstance(pca, int) else f"Those that hold {100 * pca:.10g} % of the variance"


def _first(count: int) -> str:
    return "First component" if count == 1 else f"First {count} components"
