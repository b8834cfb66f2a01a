"""The card of one class: its name, how large it is, and what can be made of it, each taken back by undo."""

from __future__ import annotations

from functools import partial

import streamlit as st

from s2dash.core.classmap import Result
from s2dash.core.legend import MOST_NAME_CHARACTERS, Legend, LegendEntry, clean_name
from s2dash.core.recipe import Recipe
from s2dash.core.sight import ink_on
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import state
from s2dash.ui.class_card import actions
from s2dash.ui.class_card.made import edits_made
from s2dash.ui.class_card.sections import sections, splits_next

_PARTS = {2: "Split in two", 3: "in three", 4: "in four"}


def class_card(answer: LiveAnswer, shown: Result, legend: Legend, isolated: int | None) -> None:
    """Draw the card of `state.CARD_CLASS`, full width of its container."""
    st.button(
        "All classes",
        icon=":material/chevron_left:",
        type="tertiary",
        key="leave panel",
        on_click=actions.leave_card,
        shortcut="Esc",
        help="Back to the legend.",
    )
    of, entry = answer.result.recipe, next((one for one in legend.entries if one.id == state.CARD_CLASS.get()), None)
    if entry is None:
        st.caption("This class is no longer on the map: it was merged or left out.")
    else:
        _head(of, entry)
        sections(answer, shown, legend, entry.id)
        trouble = state.CARD_TROUBLE.get()
        if trouble is not None:
            st.markdown(trouble)
        _actions(answer, legend, entry, isolated == entry.id)
    edits_made(of)


def _head(of: Recipe, entry: LegendEntry) -> None:
    def take(given: str) -> None:
        if name := clean_name(given):
            actions.rename(of, entry.id, name)

    name = state.card_name(entry.id, entry.name, take)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="classhead"):
        look = f"background:{entry.colour};color:{ink_on(entry.colour)}"
        st.html(f'<b class="cardswatch" style="{look}">{entry.id}</b>', width="content")
        st.text_input(
            f"Name on the card of class {entry.id}",
            max_chars=MOST_NAME_CHARACTERS,
            key=name.shown(),
            on_change=name.take,
            label_visibility="collapsed",
            help="What you call this class on the map, in the legend and in files.",
        )


def _actions(answer: LiveAnswer, legend: Legend, entry: LegendEntry, is_alone: bool) -> None:
    of = answer.result.recipe
    with st.container(key="classactions", gap="small"):
        with st.container(horizontal=True, gap="small", key="classactionsrow"):
            st.button(
                "Show all" if is_alone else "Show alone",
                key="show class alone",
                icon=":material/visibility:",
                on_click=partial(state.CARD_SHOWS_ALL.set, is_alone),
                help="Shows the other classes while this card is open."
                if is_alone
                else "The other classes turn pale on the map.",
            )
            st.button(
                "Leave out",
                key="leave class out",
                icon=":material/do_not_disturb_on:",
                on_click=partial(actions.leave_out, of, entry.id),
                help="Its pixels become no data: no class, no hectares, nothing in files. Undo brings them back.",
            )
        _moving(of, legend, entry)
        _merging(of, legend, entry)
        _splitting(answer, entry)


def _moving(of: Recipe, legend: Legend, entry: LegendEntry) -> None:
    listed = [one.id for one in legend.listed]
    with st.container(horizontal=True, gap="small", key="classmove"):
        for label, by, end, icon in (("Move up", -1, 0, "upward"), ("Move down", 1, -1, "downward")):
            st.button(
                label,
                key=f"move class {by}",
                icon=f":material/arrow_{icon}:",
                disabled=listed[end] == entry.id,
                on_click=partial(actions.move, of, legend, entry.id, by),
                help=f"In place {listed.index(entry.id) + 1} of {len(listed)} in the legend, the table and pictures. "
                "In the legend: drag a row, or press Alt with ↑ or ↓.",
            )


def _merging(of: Recipe, legend: Legend, entry: LegendEntry) -> None:
    names = {one.id: f"{one.id} · {one.name}" for one in legend.listed if one.id != entry.id}
    if not names:
        return

    def merge(into: int | None) -> None:
        if into is not None:
            actions.merge(of, entry.id, into)

    into = state.card_merge(entry.id, merge)
    st.selectbox(
        f"Merge class {entry.id} into",
        list(names),
        format_func=names.__getitem__,
        key=into.shown(tuple(names)),
        on_change=into.take,
        index=None,
        placeholder="Merge into …",
        label_visibility="collapsed",
        help="Both become the class that you choose: one name, one colour, their hectares together. Undo parts them.",
    )


def _splitting(answer: LiveAnswer, entry: LegendEntry) -> None:
    words = st.container(key="splitsnext")
    first = "One of the parts" if answer.result.scene.is_embedding else "The darkest part"
    with st.container(horizontal=True, gap="small", key="classsplit"):
        for k, label in _PARTS.items():
            st.button(
                label,
                key=f"split class {k}",
                icon=":material/call_split:" if k == min(_PARTS) else None,
                on_click=partial(actions.split, answer, entry.id, k),
                help="Groups the pixels of this class anew among themselves; all other classes keep theirs. "
                f"{first} keeps number, name and colour.",
            )
    with words:
        splits_next(answer, entry.id)
