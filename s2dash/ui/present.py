"""The button that presents the map, and what the map's frame wishes for: number of classes, view, class alone, area.

While it is presented it lies over the page (`map_present.js`), whose controls are out of reach; so wishes come from
there, as numbered messages, and are taken before anything is drawn (`present.js`). What is drawn on it comes so too.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import streamlit as st

from s2dash.ui import state
from s2dash.ui.class_card.actions import open_card, show_alone
from s2dash.ui.drawn_area import take_drawn
from s2dash.ui.drawn_steps import take_step
from s2dash.ui.session import sent

_HTML = """
<button type="button" title="The map over the whole window, with title and legend (P)" aria-keyshortcuts="P">
  <svg viewBox="0 0 18 18" width="18" height="18" fill="none" stroke="currentColor" stroke-width="1.6"
    stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
    <path d="M2 3h14v9H2zM9 12v3M5.5 15.5h7"/>
  </svg>
  Present
</button>
"""
_CSS = """
button {
  align-items: center; background: var(--st-secondary-background-color); border: 1px solid var(--st-border-color);
  border-radius: var(--st-button-radius, 8px); color: var(--st-text-color); cursor: pointer; display: flex;
  font: inherit; font-family: var(--st-font); font-size: 0.92rem; gap: 0.5rem; justify-content: center;
  min-height: 38px; padding-inline: 0.9rem; white-space: nowrap; width: 100%;
}
button:hover { border-color: var(--st-primary-color); color: var(--st-primary-color); }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
@media (pointer: coarse) { button { min-height: 44px; } }
"""
_component = st.components.v2.component(
    "s2dash_present", html=_HTML, css=_CSS, js=Path(__file__).with_name("present.js").read_text("utf-8")
)


def present_button(lowest_k: int, highest_k: int, *, key: str) -> None:
    """Draw the button, as wide as its container; numbers of classes outside the range are not taken."""
    receive = partial(_receive, key, lowest_k, highest_k)
    _component(data={"handled": state.last_wish(key).get()}, key=key, on_wish_change=receive)


def _receive(key: str, lowest_k: int, highest_k: int) -> None:
    wish = sent(key, "wish")
    number = _whole(wish.get("number")) if isinstance(wish, dict) else None
    last = state.last_wish(key)
    if not isinstance(wish, dict) or number is None or number <= last.get():
        return
    last.set(number)
    if "area" in wish:
        take_drawn(wish["area"])
    if "areaStep" in wish:
        take_step(wish["areaStep"])
    if "alone" in wish:
        _show_alone(wish["alone"])
    if wish.get("view") in state.SIDES:
        state.SIDE.set(wish["view"])
    if wish.get("panel") in state.PANELS:
        state.PANEL.set(wish["panel"])
        state.PUSHED.pop()
    if _is_class(wish.get("open")):
        state.PANEL.set("Classes")
        open_card(wish["open"])
    k = _whole(wish.get("k"))
    if k is not None and lowest_k <= k <= highest_k:
        state.K.set(k)


def _show_alone(number: object) -> None:
    answer = state.ANSWER.get()
    if answer is not None and (number is None or _is_class(number)):
        show_alone(answer.result.recipe, _whole(number))


def _is_class(number: object) -> bool:
    answer = state.ANSWER.get()
    return answer is not None and _whole(number) in [row.id for row in answer.result.rows]


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
