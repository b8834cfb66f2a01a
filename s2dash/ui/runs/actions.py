"""What people do in a list or table of runs: messages from the browser, carried out once each, in a callback."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from s2dash.ui import state
from s2dash.ui.compare.sides import begin_comparing
from s2dash.ui.runs import kept
from s2dash.ui.session import sent


def receiver(key: str) -> Callable[[], None]:
    """The callback of a component that sends `actions`, every one that is not yet acknowledged."""
    return partial(receive, key)


def receive(key: str) -> None:
    """Carry out what has come from the component of this key."""
    last = state.last_edit(key)
    actions = sent(key, "actions")
    for action in actions if isinstance(actions, list) else []:
        number = _whole(action.get("count")) if isinstance(action, dict) else None
        if number is not None and number > last.get():
            last.set(number)
            _carry_out(action)


def _carry_out(action: dict[str, Any]) -> None:
    """Do what a message from the browser asks for; what is no action is skipped."""
    number, value = _whole(action.get("number")), action.get("value")
    match action.get("kind"), number, value:
        case "bring back", _, _:
            kept.bring_back()
        case "compare", int(), _:
            begin_comparing(number)
            state.close_window()
        case "restore", int(), _:
            kept.restore(number)
            state.close_window()
        case "delete", int(), _:
            kept.delete(number)
        case "star", int(), bool():
            kept.star(number, value)
        case "title", int(), str():
            kept.title(number, value)
        case "note", int(), str():
            kept.note(number, value)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
