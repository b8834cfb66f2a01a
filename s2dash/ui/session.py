"""The one door to Streamlit's session: what a value of it is, a widget's hold on a value, and the session's end."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from s2dash.server.sessions import Sessions

T = TypeVar("T")
W = TypeVar("W")
_NOTHING = object()
_STALE_SECONDS = 1.0
"""So long a browser may still send what a widget showed before it was told another value."""


@dataclass(frozen=True)
class Field(Generic[T]):
    """One value of the session, also that of a widget which nothing but its user changes."""

    key: str
    default: T
    """What it is before any has been set."""

    @property
    def is_set(self) -> bool:
        return self.key in st.session_state

    def get(self) -> T:
        return cast(T, st.session_state.get(self.key, self.default))

    def set(self, value: T) -> None:
        st.session_state[self.key] = value

    def pop(self) -> T:
        """The value, which is then the default again."""
        return cast(T, st.session_state.pop(self.key, self.default))

    def made(self, make: Callable[[], T]) -> T:
        """The value, made and kept where none has been set."""
        if not self.is_set:
            self.set(make())
        return self.get()


@dataclass(frozen=True)
class Control(Generic[T]):
    """A widget's hold on a value that lives elsewhere in the state."""

    key: str
    """The widget's own; what Streamlit keeps under it is a copy."""
    get: Callable[[], T]
    set: Callable[[T], None]

    def shown(self, *bounds: object) -> str:
        """The key, after the widget's state has been made the value; to be asked for where the widget is drawn.

        `bounds` are what makes another widget of it when it changes, such as the ends of a slider.
        """
        value, drawn = self.get(), Field[tuple[object, ...]](f"{self.key} bounds", ())
        # Only where it differs: a value that is sent anew would undo what its user does meanwhile.
        before = st.session_state.get(self.key, _NOTHING)
        if before != value or drawn.get() != bounds:
            if before != value:
                self._replaced.set((*self._lately_replaced(), (before, time.monotonic())))
            st.session_state[self.key] = value
        if bounds:
            drawn.set(bounds)
        return self.key

    def take(self) -> None:
        """Make what the user has just chosen the value: the widget's callback.

        A change that was on its way when the widget was told another value carries one that it showed before, as if
        its user had chosen that again: it counts for nothing.
        """
        chosen = st.session_state[self.key]
        if not any(chosen == before for before, _ in self._lately_replaced()):
            self.set(chosen)

    def _lately_replaced(self) -> tuple[tuple[object, float], ...]:
        now = time.monotonic()
        return tuple((before, when) for before, when in self._replaced.get() if now - when <= _STALE_SECONDS)

    @property
    def _replaced(self) -> Field[tuple[tuple[object, float], ...]]:
        """What the widget showed each time before it was told another value, and when that was."""
        return Field(f"{self.key} before", ())

    def among(self, offered: Mapping[W, T]) -> Control[W]:
        """For a widget that shows the keys of `offered` and means their values; the first where none is meant."""

        def get() -> W:
            value = self.get()
            return next((shown for shown, meant in offered.items() if meant == value), next(iter(offered)))

        return Control(self.key, get, lambda shown: self.set(offered[shown]))

    def within(self, options: Sequence[T], default: T) -> Control[T]:
        """For a widget that shows `default` while the value is none of the options."""
        return Control(self.key, lambda: value if (value := self.get()) in options else default, self.set)


def kept_control(key: str, default: T) -> Control[T]:
    """A control of a value of its own."""
    value = Field(f"{key} chosen", default)
    return Control(key, value.get, value.set)


@dataclass(frozen=True)
class Uploader:
    """One of Streamlit's uploaders, which is emptied by drawing another."""

    name: str

    @property
    def _number(self) -> Field[int]:
        return Field(f"{self.name} number", 0)

    @property
    def key(self) -> str:
        return f"{self.name} {self._number.get()}"

    def empty(self) -> None:
        self._number.set(self._number.get() + 1)


def sent(component: str, name: str) -> object:
    """What a component's message `name` says; from outside."""
    return st.session_state.get(component, {}).get(name)


def draw_again() -> None:
    """Draw anew what is being drawn: a window by itself where only that is, or else the whole page."""
    context = get_script_run_ctx()
    alone = context is not None and context.fragment_ids_this_run
    st.rerun(scope="fragment" if alone else "app")


def page_is_open() -> Callable[[], bool]:
    """A function for any thread that says whether the browser of this session is still connected."""
    context = get_script_run_ctx()
    if context is None or not runtime.exists():
        return lambda: True
    session_id, server = context.session_id, runtime.get_instance()
    return lambda: server.is_active_session(session_id)


def note_session(sessions: Sessions) -> None:
    """Let the session of this run of the page be seen."""
    context = get_script_run_ctx()
    session = runtime.get_instance().get_app_session(context.session_id) if context and runtime.exists() else None
    if context is None or session is None:
        return
    # What fragments hold may go earlier; the state takes no weak references.
    state, fragments = session.session_state, weakref.ref(context.fragment_storage)

    def forget() -> None:
        # Not left to the end of Streamlit's own objects: its loop holds the last session until another one comes.
        state.clear()
        if (held := fragments()) is not None:
            held.clear()

    sessions.note(context.session_id, forget)
