"""The Beside value: what the map shows while two things are compared, be they runs or dates."""

from __future__ import annotations

from dataclasses import dataclass

from s2dash.core.classmap import Result
from s2dash.core.legend import Legend
from s2dash.ui.map_view import ComparedMaps, View


@dataclass(frozen=True, eq=False)
class Beside:
    """Two maps in the place of the page's own."""

    view: View
    right_url: str
    """Tiles of what stands on the right."""
    shown: Result
    legend: Legend
    """Of `shown`, to be presented."""
    maps: ComparedMaps
    words: str
    """`Comparing run 2 with run 5`"""
    said: str
    """The one sentence on both sides."""
    picture_url: str | None = None
    """Tiles of the picture behind; the page's own where None."""
    attribution: str = ""
    """Whose pictures both are; that of the page's scene where empty."""
