"""The class legend as a control: what its rows say, and what people change in it.

The table is a Streamlit component; its markup, look and behaviour stand beside this file. Edits
come as trigger values that hold every edit not yet acknowledged. They are taken in a callback,
once each by number, and wait there as one LegendEvent for whoever asks first: `take_event` at the
top of the page, before anything is drawn with the old legend, or else `legend_table` itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import streamlit as st

from s2dash.classify.naming import Suggestion
from s2dash.core.classmap import ClassRow, Result
from s2dash.core.legend import MOST_NAME_CHARACTERS, Legend, LegendEntry, clean_name
from s2dash.ui import state, text
from s2dash.ui.legend_event import LegendEvent
from s2dash.ui.session import sent

DENSE_ABOVE = 12
"""Up to this many classes have roomy rows."""

_HERE = Path(__file__).parent
_LOOKS = ("legend_table", "legend_suggestions")
_SCRIPTS = ("legend_table", "legend_order", "legend_suggestions", "legend_asked")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_component = st.components.v2.component(
    "s2dash_legend_table",
    html=(_HERE / "legend_table.html").read_text("utf-8"),
    css="".join((_HERE / f"{part}.css").read_text("utf-8") for part in _LOOKS),
    js="".join((_HERE / f"{part}.js").read_text("utf-8") for part in _SCRIPTS),
)


def legend_table(
    result: Result,
    legend: Legend,
    *,
    family_words: Sequence[str],
    second_lines: Mapping[int, str],
    isolated: int | None,
    key: str,
    same_names: Mapping[int, int] = MappingProxyType({}),
    suggestions: Mapping[int, Suggestion] = MappingProxyType({}),
    choices: Sequence[str] = (),
) -> LegendEvent | None:
    """Draw the legend, full width of its container, and return what people changed, once.

    `family_words` are one phrase for each class in the order of the legend, such as `Looks like
    water`; `second_lines` stand beneath names, by class number, in whose place
    come names that are suggested; `choices` are a list of names to choose from;
    `isolated` is the class shown alone; `same_names` are earlier
    classes of the same name. A returned event is already visible in the table,
    but nowhere else: store it at once, before any other call that a rerun could interrupt, and
    rerun where something above was drawn with the old legend.

    Raises ValueError where legend, rows and words are not of the same classes.
    """
    event = take_event(key)
    if event is not None:
        legend, isolated = event.legend(legend), event.isolation(isolated)
    data = table_data(result, legend, family_words, isolated, second_lines, same_names, suggestions)
    data["choices"] = list(choices)
    data["handled"] = state.last_edit(key).get()
    _component(data=data, key=key, on_edits_change=partial(_receive, key))
    return event


def take_event(key: str) -> LegendEvent | None:
    """What people changed in the legend with this key, if nobody has taken it yet in this session."""
    return state.waiting_edits(key).pop()


def table_data(
    result: Result,
    legend: Legend,
    family_words: Sequence[str],
    isolated: int | None,
    second_lines: Mapping[int, str] = MappingProxyType({}),
    same_names: Mapping[int, int] = MappingProxyType({}),
    suggestions: Mapping[int, Suggestion] = MappingProxyType({}),
) -> dict[str, Any]:
    """Everything the table shows, as plain values, rows as they are listed; texts are raw, the table shows text only.

    Raises ValueError where legend, rows and words are not of the same classes.
    """
    largest = max((row.share for row in result.rows), default=0.0) or 1.0
    sizes = _Sizes(result)
    return {
        "unit": sizes.heading,
        "symbol": sizes.symbol,
        "total": sizes.total,
        "unmapped": f"unmapped {text.share(max(0.0, result.masked_share))}",
        "isolated": isolated,
        "dense_above": DENSE_ABOVE,
        "longest_name": MOST_NAME_CHARACTERS,
        "ordered": bool(legend.order),
        "rows": [
            _row_data(entry, row, words, sizes, row.share / largest, second_lines.get(entry.id, ""))
            | {"same": same_names.get(entry.id)}
            | _suggested(suggestions.get(entry.id))
            for entry, row, words in legend.arranged([*zip(legend.entries, result.rows, family_words, strict=True)])
        ],
    }


def read_edits(payload: object, handled: int) -> tuple[LegendEvent | None, int]:
    """The edits of a message from the browser with a number above `handled`, and the highest number.

    What is not an edit is skipped: the message comes from outside.
    """
    event, highest = None, handled
    for edit in payload if isinstance(payload, list) else []:
        number = _whole(edit.get("number")) if isinstance(edit, dict) else None
        if number is None or number <= highest:
            continue
        highest = number
        one = _read_edit(edit)
        if one is not None:
            event = event.then(one) if event else one
    return event, highest


class _Sizes:
    """The column of sizes: areas in one unit for all classes, or pixels where there is no place."""

    def __init__(self, result: Result) -> None:
        mapped_ha = result.mapped_ha
        self.unit = None if mapped_ha is None else text.area_unit(mapped_ha)
        self.heading = self.unit.heading if self.unit else "Pixels"
        self.symbol = self.unit.symbol if self.unit else ""
        counted = sum(row.count for row in result.rows)
        self.total = text.number(counted) if self.unit is None or mapped_ha is None else self.unit.figure(mapped_ha)
        self.of_what = "" if result.is_full else " of the preview"

    def figure(self, row: ClassRow) -> str:
        if self.unit is None or row.area_ha is None:
            return text.number(row.count)
        return self.unit.figure(row.area_ha)


def _row_data(entry: LegendEntry, row: ClassRow, words: str, sizes: _Sizes, part: float, second: str) -> dict[str, Any]:
    character = " · ".join(filter(None, (words, second)))
    return {
        "id": entry.id,
        "name": entry.name,
        "colour": entry.colour.lower(),
        "second": second,
        "share": text.share(row.share),
        "part": round(part, 4),
        "amount": sizes.figure(row),
        "about": f"{character} · {text.pixels(row.count)}{sizes.of_what}. Click to show only this class, "
        "drag or press Alt with ↑ or ↓ to move it.",
    }


def _suggested(one: Suggestion | None) -> dict[str, Any]:
    """What a row shows of a suggestion, in the place of its second line."""
    if one is None:
        return {"suggestion": None}
    return {"suggestion": {"name": one.name, "sureness": one.sureness, "why": one.reason}, "second": ""}


def _receive(key: str) -> None:
    last, waiting = state.last_edit(key), state.waiting_edits(key)
    event, handled = read_edits(sent(key, "edits"), last.get())
    last.set(handled)
    if event is not None:
        before = waiting.get()
        waiting.set(before.then(event) if before else event)


def _read_edit(edit: Mapping[str, object]) -> LegendEvent | None:
    kind, class_id, value = edit.get("kind"), _class_number(edit.get("id")), edit.get("value")
    if kind == "isolate":
        return LegendEvent(isolates=True, isolated=class_id)
    if kind == "names" and isinstance(value, dict):
        return _read_names(value)
    if kind == "open" and class_id is not None:
        return LegendEvent(opened=class_id)
    if kind == "merge" and class_id is not None and (into := _class_number(value)) is not None:
        return LegendEvent(merges=((class_id, into),))
    if kind == "keep both" and isinstance(value, str):
        return LegendEvent(kept_both=frozenset([clean_name(value)]))
    if kind == "order" and isinstance(value, list):
        return _read_order(value)
    if class_id is None or not isinstance(value, str):
        return None
    if kind == "colour" and _COLOUR.fullmatch(value):
        return LegendEvent(colours={class_id: value.lower()})
    name = clean_name(value)
    return LegendEvent(names={class_id: name}) if kind == "name" and name else None


def _read_names(value: Mapping[object, object]) -> LegendEvent | None:
    """Several names at once; their class numbers are words, as names of fields are in messages."""
    numbered = ((_class_number(int(n)), name) for n, name in value.items() if isinstance(n, str) and _is_short(n))
    cleaned = {number: clean_name(name) for number, name in numbered if number and isinstance(name, str)}
    names = {number: name for number, name in cleaned.items() if name}
    return LegendEvent(names=names) if names else None


def _read_order(value: Sequence[object]) -> LegendEvent | None:
    """Class numbers from top to bottom, each once."""
    order = tuple(number for number in map(_class_number, value[:256]) if number is not None)
    return LegendEvent(order=order) if order and len({*order}) == len(order) == len(value) else None


def _is_short(number: str) -> bool:
    return number.isascii() and number.isdecimal() and len(number) <= 3


def _class_number(value: object) -> int | None:
    number = _whole(value)
    return number if number is not None and 1 <= number <= 255 else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
