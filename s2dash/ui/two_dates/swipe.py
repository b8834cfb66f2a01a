"""Two pictures upon each other with a line to drag between them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from s2dash.batch.change.on_grid import preview_grid
from s2dash.core.grid import Grid

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "s2dash_two_dates",
    html=(_HERE / "swipe.html").read_text("utf-8"),
    css=(_HERE / "swipe.css").read_text("utf-8"),
    js=(_HERE / "swipe.js").read_text("utf-8"),
)


@dataclass(frozen=True)
class Side:
    """One of the pictures."""

    src: str
    """Its address."""
    words: str
    """What it shows; any text."""


def swipe(left: Side, right: Side, grid: Grid, label: str, key: str) -> None:
    """Draw both; they have the pixels of `preview_grid(grid)`. `label` says what is moved, for those who listen."""
    height, width = preview_grid(grid).shape_rc
    sides = {name: {"src": side.src, "words": side.words} for name, side in (("left", left), ("right", right))}
    _component(data={"width": width, "height": height, "label": label, **sides}, key=key)
