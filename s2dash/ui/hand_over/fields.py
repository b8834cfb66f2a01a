"""What the user says of a map: five fields, once for everything that is handed over of it.

A file is built on the server from what has arrived there, so a click on a download waits until it has (`waits.js`).
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from s2dash.core.about import MOST_LINE_CHARACTERS, MOST_NOTES_CHARACTERS
from s2dash.ui import state
from s2dash.ui.runs import keeping

_HERE = Path(__file__).parent
_waits = st.components.v2.component("s2dash_waits", html="<i hidden></i>", js=(_HERE / "waits.js").read_text("utf-8"))
_FIELDS: tuple[tuple[state.AboutField, str, str, str], ...] = (
    ("title", "Title", "Stands over the picture and names the files.", ""),
    ("place", "Place", "Where it is, as your readers know it.", "Such as Accomack County, Virginia"),
    ("date", "Date of the picture", "When the satellite saw it, as you would write it.", "Such as 12 January 2016"),
    ("author", "By", "Your name, or that of those you work for.", ""),
)
_NOTES_HELP = "How classes were named, what to be careful about: for whoever gets a file without you beside it."
_WORDS = "Written once, used in every file. "
_CREDIT = "The credit to Copernicus is added by itself."


def about_fields(has_credit: bool) -> None:
    """Draw them; `has_credit` says whether the scene has a source to be named."""
    for field, label, help_words, such_as in _FIELDS:
        control = state.about_control(field)
        st.text_input(
            label,
            key=control.shown(),
            on_change=_take,
            args=(field,),
            help=help_words,
            placeholder=such_as,
            max_chars=MOST_LINE_CHARACTERS,
        )
    st.text_area(
        "Notes",
        key=state.about_control("notes").shown(),
        on_change=_take,
        args=("notes",),
        help=_NOTES_HELP,
        height=96,
        max_chars=MOST_NOTES_CHARACTERS,
    )
    st.caption(_WORDS + (_CREDIT if has_credit else ""))


def hold_downloads() -> None:
    """Let downloads wait for what is being typed; to be drawn after them, so that theirs is what has arrived."""
    about = state.about()
    _waits(data={"said": [about.title, about.place, about.date, about.author, about.notes]}, key="waits")


def _take(field: state.AboutField) -> None:
    state.about_control(field).take()
    keeping.save()
