"""The last runs in the strip beneath the map: small pictures with what changed, of which a click restores one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from s2dash.ui import state
from s2dash.ui.runs import keeping, kept
from s2dash.ui.runs.actions import receiver
from s2dash.ui.strip import Strip

_HERE = Path(__file__).parent
_MOST = 4
_component = st.components.v2.component(
    "s2dash_last_runs",
    html='<ol class="last-runs" aria-label="Last runs"></ol>',
    css=(_HERE / "last_runs.css").read_text("utf-8"),
    js=(_HERE / "last_runs.js").read_text("utf-8"),
)


def last_runs(strip: Strip) -> None:
    """Draw them, the newest last; nothing while there is but one. Narrow windows have no room for them."""
    rows = last_rows()
    if len(rows) > 1:
        with strip.last_runs:
            _component(
                data={"last": rows, "handled": state.last_edit(state.LAST_RUNS).get()},
                key=state.LAST_RUNS,
                on_actions_change=receiver(state.LAST_RUNS),
            )


def last_rows() -> list[dict[str, Any]]:
    """What each shows, as plain values; texts are raw."""
    shown, reopenable = kept.now(), keeping.reopenable()
    return [
        {
            "number": one.number,
            "words": one.title or one.words,
            "about": " · ".join(filter(None, (f"Run {one.number}", one.title, one.words, one.run.scene_title))),
            "picture": one.thumbnail,
            "now": shown is not None and one.number == shown.number,
            "can_restore": one.loaded is not None or one.scene_key in reopenable,
        }
        for one in kept.maps()[-_MOST:]
    ]
