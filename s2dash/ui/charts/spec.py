"""A chart as a value, and the pieces that all charts are written with.

Charts are Vega-Lite specifications: plain JSON values, which cost a page nothing but their writing; tests hold
them against the schema of Vega-Lite. Vega reads brackets and dots in field names as paths and takes some tooltip
titles as commands, so fields and titles are fixed words here, and every text from outside is a value.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Spec: TypeAlias = dict[str, Any]
"""A Vega-Lite specification or a part of one; not to be changed once it is made."""
Chart: TypeAlias = tuple[Spec, str]
"""A specification, and what it shows in words."""
OPACITY: Spec = {"field": "opacity", "type": "quantitative", "scale": None, "legend": None}
COLOUR: Spec = {"field": "colour", "type": "nominal", "scale": None, "legend": None}


@dataclass(frozen=True)
class Inks:
    """Colours of everything that is not a class."""

    text: str
    quiet: str
    grid: str
    casing: str
    casing_opacity: float
    paper: str


_LIGHT = Inks("#0b1512", "#4d5a55", "#d3dbd8", "#0b1512", 0.32, "#ffffff")
_DARK = Inks("#e8eeeb", "#b4beba", "#33403c", "#e8eeeb", 0.5, "#101615")


def inks_of(dark: bool) -> Inks:
    """Those of the dark or the light page."""
    return _DARK if dark else _LIGHT


def number_axis(title: str, inks: Inks) -> Spec:
    """An axis of numbers."""
    return {"title": title, "tickCount": 5, "grid": True, "ticks": False, "labelFlush": False, **axis_inks(inks)}


def axis_inks(inks: Inks) -> Spec:
    """The look of an axis."""
    return {
        "domain": False,
        "gridColor": inks.grid,
        "gridOpacity": 0.6,
        "labelColor": inks.quiet,
        "labelFontSize": 12,
        "labelPadding": 6,
        "tickColor": inks.grid,
        "titleColor": inks.quiet,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 10,
    }


def over(rows: Sequence[dict[str, Any]]) -> Spec:
    """The rows for a layer, written once: Streamlit writes and reads a specification anew in each run of the page."""
    return {"data": {"values": json.dumps(rows, separators=(",", ":")), "format": {"type": "json"}}}


def layered(layers: Sequence[Spec], height_px: int) -> Spec:
    """Layers upon each other, the first lowest, as wide as their place."""
    return {"height": height_px, "width": "container", "layer": list(layers)}


def nominal(field: str) -> Spec:
    """A field that names things."""
    return {"field": field, "type": "nominal"}


def numeric(field: str) -> Spec:
    """A field of numbers."""
    return {"field": field, "type": "quantitative"}


def tip(field: str, title: str) -> Spec:
    """A line of a tooltip."""
    return {**nominal(field), "title": title}
