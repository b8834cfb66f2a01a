"""What is said of two dates beside the map: classes, the largest changes, what stays out, files, and the way out.

The panel of two runs (`compare/panel.py`) with dates for runs.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from s2dash.classify.compare import Move
from s2dash.ui.compare.panel import draw_panel
from s2dash.ui.state import dates as held
from s2dash.ui.two_dates.downloads import change_downloads
from s2dash.ui.two_dates.scenes import stop_dates
from s2dash.ui.two_dates.values import TwoDates
from s2dash.ui.two_dates.words import figures_of, lead_words, missing_words, move_words

_MOST_MOVES = 8


def dates_panel(dates: TwoDates | None) -> None:
    """Draw what is said of both dates, or the way out while that is not there."""
    if dates is None:
        st.caption("Both dates are compared here once every pixel has its class.")
        st.button(
            "Stop comparing", icon=":material/close:", key="stop dates", on_click=stop_dates, help="Shows your own map."
        )
        return
    moves = [move.pair for move in dates.change.found.moves]
    draw_panel(held.DATES_PANEL, panel_data(dates), partial(_carry_out, moves))
    with st.container(key="datesfiles"):
        change_downloads(dates.change, "map ")


def panel_data(dates: TwoDates) -> dict[str, Any]:
    """Everything the panel shows, as plain values; texts are raw, the panel shows them as text only."""
    change, figures = dates.change, figures_of(dates.change)
    before, after = change.totals()
    rows = [
        {
            "number": entry.id,
            "name": entry.name,
            "colour": entry.colour,
            "before": figures.figure(before[entry.id]),
            "after": figures.figure(after[entry.id]),
            "change": figures.change(before[entry.id], after[entry.id]),
        }
        for entry in change.before.legend.listed
    ]
    return {
        "title": dates.title,
        "sides": ["Before", "After"],
        "lead": lead_words(change),
        "more": move_words(change),
        "table": {
            "rows": rows,
            "unit": figures.heading,
            "moved": f"{figures.full(change.found.moved)} changed",
            "one_sided": missing_words(change, figures),
            "preview": "",
        },
        "moves": [_move(dates, move) for move in change.found.moves[:_MOST_MOVES]],
        "movesTitle": "Largest changes",
        "scores": [],
        "ends": "The classes follow your settings. Another scene ends the comparison.",
    }


def _move(dates: TwoDates, move: Move) -> dict[str, Any]:
    entries = {entry.id: entry for entry in dates.change.entries}
    before, after = (entries[number] for number in move.pair)
    return {
        "pair": list(move.pair),
        "before": {"number": before.id, "colour": before.colour},
        "after": {"number": after.id, "colour": after.colour},
        "words": f"{before.name} to {after.name}",
        "amount": figures_of(dates.change).full(move),
        "chosen": dates.other.move == move.pair,
    }


def _carry_out(moves: list[tuple[int, int]], action: dict[str, Any]) -> None:
    """Do what a message from the browser asks for; what is no action is skipped."""
    match action:
        case {"kind": "stop"}:
            stop_dates()
        case {"kind": "move", "pair": [int(first), int(second)]} if (first, second) in moves:
            now = held.OTHER_DATE.get()
            is_chosen = now is not None and now.move == (first, second)
            held.change_dates(move=None if is_chosen else (first, second), view="Change")
