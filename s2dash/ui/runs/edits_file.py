"""Edits that come as a file: they take the place of those of the map that is shown."""

from __future__ import annotations

import streamlit as st

from s2dash.core.edits import ClassEdits
from s2dash.errors import S2DashError, UnreadableValue
from s2dash.ui import services, state
from s2dash.ui.messages import words_for
from s2dash.ui.session import draw_again
from s2dash.ui.uploads import free

_MOST_BYTES = 1_000_000
"""Of 200 steps and 255 names a file has a twentieth."""


def bring_in_edits() -> None:
    """Draw the uploader, and what became of the last file."""
    with st.container(gap="small"):
        given = st.file_uploader(
            "Bring in edits",
            ["json"],
            key=state.EDITS_UPLOADER.key,
            max_upload_size=1,
            help="“Edits (JSON)” from “Hand over”, or edits.json from a zip or a batch. What it merges, splits, leaves "
            "out and names takes the place of the edits of the map that is shown; undo brings those back.",
        )
        if words := state.BROUGHT_EDITS.get():
            st.markdown(words)
    if given is None:
        return
    try:
        state.BROUGHT_EDITS.set(_taken(given.getvalue()))
    except S2DashError as error:
        state.BROUGHT_EDITS.set(words_for(error))
    finally:
        free([given])
    state.EDITS_UPLOADER.empty()
    draw_again()


def _taken(content: bytes) -> str:
    """Have the map that is shown go through the edits in a file; what it says of that."""
    answer, edits = state.ANSWER.get(), _read(content)
    if answer is None:
        raise UnreadableValue("There is no map yet that these edits could change.")
    services.live_engine().edited(answer, edits)
    state.put_edits(answer.result.recipe, edits)
    count = len(edits.steps)
    return f":material/check: **Done with this map:** {count} edit{'' if count == 1 else 's'}, names and colours."


def _read(content: bytes) -> ClassEdits:
    if len(content) > _MOST_BYTES:
        raise UnreadableValue("This file is too large to be a set of edits.")
    try:
        return ClassEdits.from_json(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise UnreadableValue("This is not a set of edits: it is no text (JSON, in UTF-8).") from None
