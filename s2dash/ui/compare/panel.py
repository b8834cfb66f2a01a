"""What is said of two maps that are compared, pushed over the list of runs: classes, moves, agreement, and the way out.

A Streamlit component like the list of runs: what people do comes as trigger values that hold every action not yet
acknowledged, and is carried out in a callback, once each by number.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from s2dash.classify.compare import Amount, Comparison, Move
from s2dash.export.contents import ordinal
from s2dash.ui import state
from s2dash.ui.compare import sides, words
from s2dash.ui.compare.values import Compared
from s2dash.ui.session import sent

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "s2dash_compare",
    html=(_HERE / "compare.html").read_text("utf-8"),
    css=(_HERE / "compare.css").read_text("utf-8"),
    js=(_HERE / "compare.js").read_text("utf-8"),
)
_RAND = "Adjusted Rand index"
_RAND_WORDS = "Do pairs of pixels belong together in both? 1 is always, 0 no more than by chance."
_INFORMATION = "Mutual information (NMI)"
_INFORMATION_WORDS = "How much does a pixel’s class in one tell of its class in the other? 1 is all, 0 nothing."


def compare_panel(compared: Compared) -> None:
    """Draw what is said of both sides, full width of its container."""
    draw_panel(state.COMPARE_PANEL, panel_data(compared), _carry_out)


def draw_panel(key: str, data: dict[str, Any], carry_out: Callable[[dict[str, Any]], None]) -> None:
    """Draw the component with what `panel_data` gives; what people do there is carried out, once each."""
    _component(
        data=data | {"handled": state.last_edit(key).get()},
        key=key,
        on_actions_change=partial(_receive, key, carry_out),
    )


def panel_data(compared: Compared) -> dict[str, Any]:
    """Everything the panel shows, as plain values; texts are raw, the panel shows them as text only."""
    left, right = compared.names
    shown: dict[str, Any] = {"title": f"{left} and {right.lower()}", "sides": [left, right]}
    shown["lead"], found = words.lead_words(compared), compared.found
    shown["ends"] = "A change on the left, such as another k, ends the comparison."
    if found is None:
        return shown | {"more": f"Swipe to see how the classes of {right.lower()} follow it.", "table": None}
    return shown | {
        "more": words.move_words(compared),
        "table": _table(compared, found),
        "moves": [_move(compared, move) for move in found.moves[: words.MOST_MOVES]],
        "movesTitle": "Largest moves",
        "scores": [
            {"name": _RAND, "value": f"{found.adjusted_rand:.2f}", "words": _RAND_WORDS},
            {"name": _INFORMATION, "value": f"{found.mutual_information:.2f}", "words": _INFORMATION_WORDS},
        ],
    }


def _table(compared: Compared, found: Comparison) -> dict[str, Any]:
    """Classes of the right side in order with their partners, then those that only the left side has."""
    of_left, of_right = found.totals()
    figures = words.Figures.of([*of_left.values(), *of_right.values()])
    nothing = Amount(0, None if found.moved.area_ha is None else 0.0)

    def row(number: int, name: str, colour: str, before: Amount | None, after: Amount | None) -> dict[str, Any]:
        return {
            "number": number,
            "name": name,
            "colour": colour,
            "before": None if before is None else figures.figure(before),
            "after": None if after is None else figures.figure(after),
            "change": figures.change(before or nothing, after or nothing),
        }

    rows = [
        row(e.id, e.name, e.colour, of_left[found.same[e.id]] if e.id in found.same else None, of_right[e.id])
        for e in compared.right.legend.listed
    ]
    rows += [row(e.id, e.name, e.colour, of_left[e.id], None) for e in words.gone(compared)]
    step = compared.right.shown.classmap.step
    return {
        "rows": rows,
        "unit": figures.heading,
        "moved": f"{words.Figures.of([found.moved]).full(found.moved)} in another class",
        "one_sided": words.one_sided_words(compared, figures),
        "preview": "" if step == 1 else f"Of the preview, which has every {ordinal(step)} row and column.",
    }


def _move(compared: Compared, move: Move) -> dict[str, Any]:
    before, after = words.entries_of(compared, move)
    names = words.names_of(compared, move)
    return {
        "pair": list(move.pair),
        "before": {"number": before.id, "colour": before.colour},
        "after": {"number": after.id, "colour": after.colour},
        "words": f"{names[0]} to {names[1]}",
        "amount": words.Figures.of([move]).full(move),
        "chosen": compared.comparing.move == move.pair,
    }


def _receive(key: str, carry_out: Callable[[dict[str, Any]], None]) -> None:
    last = state.last_edit(key)
    actions = sent(key, "actions")
    for action in actions if isinstance(actions, list) else []:
        number = action.get("count") if isinstance(action, dict) else None
        if isinstance(number, int) and not isinstance(number, bool) and number > last.get():
            last.set(number)
            carry_out(action)


def _carry_out(action: dict[str, Any]) -> None:
    """Do what a message from the browser asks for; what is no action is skipped."""
    match action:
        case {"kind": "stop"}:
            sides.stop_comparing()
        case {"kind": "move", "pair": [int(first), int(second)]} if _is_a_move((first, second)):
            now = state.COMPARING.get()
            is_chosen = now is not None and now.move == (first, second)
            state.change_comparing(move=None if is_chosen else (first, second), view="Where they differ")


def _is_a_move(pair: tuple[int, int]) -> bool:
    known = state.COMPARISON.get()
    return known is not None and pair in [move.pair for move in known[1].moves]
