"""The one door to Streamlit's session: what a value of it is, a widget's hold on a value, and the session's end."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar, cast

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from s2dash.server.sessions import Sessions

T = TypeVar("T")
W = TypeVar("W")
_NOTHING = object()


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
class _Drawn:
    """A control's widget as it was last drawn."""

    number: int = 0
    """How many widgets it has been."""
    told: Any = _NOTHING
    """The value it showed."""
    bounds: tuple[object, ...] = ()
    whole_runs: int = 0
    """How many there had been of the page."""


_WHOLE_RUNS = Field("whole runs number", 0)


@dataclass(frozen=True)
class Control(Generic[T]):
    """A widget's hold on a value that lives elsewhere in the state."""

    key: str
    """Where the widgets' own keys begin; what Streamlit keeps under these is a copy."""
    get: Callable[[], T]
    set: Callable[[T], None]

    def shown(self, *bounds: object) -> str:
        """The widget's key now, after its state has been made the value; to be asked for where the widget is drawn.

        A value that did not come from the widget itself makes another widget of it, under another key: what a browser
        still sends of the one before, as it was before it heard of the value, then speaks of a widget that is gone.
        `bounds` are what also makes another of it when it changes, such as the ends of a slider. A widget that the
        page was once drawn without is another one too: the browser has forgotten its value, while what it sent last
        may have come after that and still be held here, as if it knew.
        """
        value, drawn, runs = self.get(), self._drawn.get(), _WHOLE_RUNS.get()
        was_gone = runs - drawn.whole_runs > 1
        # Only where it differs: a value that is sent anew would undo what its user does meanwhile.
        if was_gone or st.session_state.get(self._key(drawn), _NOTHING) != value or drawn.bounds != bounds:
            drawn = _Drawn(drawn.number + 1, value, bounds)
            st.session_state[self._key(drawn)] = value
        self._drawn.set(replace(drawn, told=value, whole_runs=runs))
        return self._key(drawn)

    def take(self) -> None:
        """Make what the user has just chosen the value: the widget's callback, also that of one that is gone."""
        drawn = self._drawn.get()
        chosen = st.session_state.get(self._key(drawn), drawn.told)
        if chosen != drawn.told:
            # Known from here on, not from when it is drawn: the next choice may come before that.
            self._drawn.set(replace(drawn, told=chosen))
            self.set(chosen)

    def _key(self, drawn: _Drawn) -> str:
        return f"{self.key}.{drawn.number}"

    @property
    def _drawn(self) -> Field[_Drawn]:
        return Field(f"{self.key} drawn", _Drawn())

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


def note_whole_run() -> None:
    """Count that the page has been drawn to its end: what was not drawn is gone from the browser."""
    _WHOLE_RUNS.set(_WHOLE_RUNS.get() + 1)


def forget_values() -> None:
    """Forget every value of the session.

    How far widgets and messages are counted stays: by that, what a browser still sends is known to be of before.
    """
    for key in list(st.session_state):
        if not str(key).endswith((" drawn", " number", " taken")):
            del st.session_state[key]


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
