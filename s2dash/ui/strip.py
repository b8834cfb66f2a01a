"""The strip below the map: the one place for what is being done, what went wrong and what there is to know.

It has its height before it has words, and what grows in it grows downwards: nothing that changes
stands above the map.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from s2dash.ui import text

NO_PLACE = (
    ":material/location_off: **No place in this file.** You can look, group and compare. "
    "Hectares, basemaps and a GeoTIFF in the right place need a file with coordinates."
)
_HERE = Path(__file__).parent
_announcer = st.components.v2.component(
    "s2dash_announcer",
    html=(_HERE / "announcer.html").read_text("utf-8"),
    css=(_HERE / "announcer.css").read_text("utf-8"),
    js=(_HERE / "announcer.js").read_text("utf-8"),
)


class Strip:
    """The strip of one run of the page, drawn where it is made."""

    def __init__(self) -> None:
        self.is_settled = False
        """Whether what the map shows is what was asked for."""
        self.is_reading = False
        """Whether something else is on its way, so that nothing is up to date."""
        self.trouble: str | None = None
        """What went wrong, as Markdown."""
        with st.container(key="strip", gap=None):
            with st.container(horizontal=True, vertical_alignment="center", gap="small", key="striprow"):
                self._said = st.empty()
                self.run = st.container(key="run", width="stretch", gap=None)
                """Where the run over all pixels has its line."""
                self.last_runs = st.container(key="lastruns", width="content", gap=None)
                """Where the last runs stand."""
                self._notes = st.container(horizontal=True, width="content", gap="small", key="notes")
            self.reading = st.container(key="readingarea", gap=None)
            """Where a drawn area is read."""
            self._more = st.container(key="stripmore", gap=None)
        self._busy: DeltaGenerator | None = None
        self._times_busy = 0

    def busy(self, words: str) -> None:
        """Say what is being done; it takes the place of everything but the notes."""
        if self._busy is None:
            self._times_busy += 1
            self._busy = self._said.container(key=f"busy-{self._times_busy}").empty()
        self._busy.markdown(words)

    def settle(self, words: str | None) -> None:
        """Say that the map is up to date, followed by these words; None where the line of the run says so."""
        self.is_settled = True
        self._busy = None
        if words is None or self.is_reading:
            self._said.empty()
        else:
            self._said.container(key="settled").markdown(f"Up to date · {words}")

    def stand_beside(self, words: str) -> None:
        """Say what the map shows in place of the page's own."""
        self._busy = None
        self._said.container(key="beside").markdown(words)

    def fail(self, words: str, shows_last: bool) -> None:
        """Say why there is no new map, and whether the last one is still shown."""
        self.trouble = words + (" The map shows the last result." if shows_last else "")
        self._said.container(key="trouble").markdown(self.trouble)

    def add(self, words: str) -> None:
        """Say something more, on a line of its own."""
        self._more.markdown(words)

    def offer(self, words: str, label: str, key: str, act: Callable[[], None], help_words: str) -> None:
        """Say something more, with a button beside it."""
        with self._more.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{key} row"):
            st.markdown(words, width="stretch")
            st.button(label, key=key, type="tertiary", on_click=act, help=help_words)

    def notes(self, warnings: Sequence[str], has_place: bool) -> None:
        """Offer what there is to know of this result, as counts that open."""
        with self._notes:
            if not has_place:
                with st.popover("No place", icon=":material/location_off:", type="tertiary", key="no place"):
                    st.markdown(NO_PLACE)
            if warnings:
                label = f"{len(warnings)} note{'s' if len(warnings) > 1 else ''}"
                with st.popover(label, icon=":material/info:", type="tertiary", key="notes of the result"):
                    for warning in warnings:
                        st.markdown(text.plain(warning))


def announce(words: str, of: str) -> None:
    """Tell those who listen to the page; once for each `of`, which names what is told of."""
    _announcer(data={"words": words, "of": of}, key="announcer")
