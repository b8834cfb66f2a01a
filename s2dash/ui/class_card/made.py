"""The edits of a map in a line, and the way to take all of them back."""

from __future__ import annotations

from functools import partial

import streamlit as st

from s2dash.core.recipe import Recipe
from s2dash.ui import state
from s2dash.ui.class_card import actions
from s2dash.ui.runs.words import step_name


def edits_made(of: Recipe) -> None:
    """Draw the line; nothing where a map has no steps of edits, nor the one before it had any that do not hold here."""
    steps, left = state.edits(of).steps, state.LEFT_BEHIND.get()
    if left is not None and left[0] == state.map_of(of) and left[1]:
        words = ", ".join(step_name(step) for step in left[1])
        st.caption(f"Not carried over, as not all its classes are found again: {words}.")
    if not steps:
        return
    with st.container(key="editsmade", gap=None):
        st.caption(f"Edits: {', then '.join(step_name(step) for step in steps)}.")
        st.button(
            "Remove all edits",
            key="remove all edits",
            type="tertiary",
            on_click=partial(actions.remove_all, of),
            help="Shows the classes as they were found; names and colours stay. Undo brings the edits back.",
        )
