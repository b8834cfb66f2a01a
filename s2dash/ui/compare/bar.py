"""What stands above the map while two maps are compared: how to look at them, and which two."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from s2dash.ui import state
from s2dash.ui.compare.sides import comparable
from s2dash.ui.compare.values import COMPARE_VIEWS, THE_PICTURE, Comparing
from s2dash.ui.session import Control


def compare_bar(comparing: Comparing) -> None:
    """How to look at two maps, and which two they are."""
    st.segmented_control(
        "Comparison",
        COMPARE_VIEWS,
        required=True,
        key=state.COMPARE_VIEW.shown(),
        on_change=state.COMPARE_VIEW.take,
        disabled=comparing.left == THE_PICTURE,
        label_visibility="collapsed",
    )
    k_of = {one.number: one.run.recipe.k for one in comparable()}
    _choice("On the left", state.LEFT, [THE_PICTURE, *(number for number in k_of if number != comparing.right)], k_of)
    st.button(
        "Swap sides",
        key=state.SWAP,
        icon=":material/swap_horiz:",
        type="tertiary",
        disabled=comparing.left == THE_PICTURE,
        on_click=_swap,
        args=(comparing,),
        help="The picture stays on the left" if comparing.left == THE_PICTURE else "Swap both sides",
    )
    _choice("On the right", state.RIGHT, [number for number in k_of if number != comparing.left], k_of)


def _choice(label: str, side: Control[int], options: Sequence[int], k_of: dict[int, int]) -> None:
    st.selectbox(
        label,
        options,
        key=side.shown(*options),
        on_change=side.take,
        format_func=lambda number: f"Run {number} · k {k_of[number]}" if number in k_of else "Picture",
        label_visibility="collapsed",
    )


def _swap(comparing: Comparing) -> None:
    move = None if comparing.move is None else comparing.move[::-1]
    state.change_comparing(left=comparing.right, right=comparing.left, move=move)
