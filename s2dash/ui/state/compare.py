"""What a page's session holds of two maps that are compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from s2dash.classify.compare import Comparison
from s2dash.server.jobs import Job
from s2dash.server.live_engine import LiveRequest
from s2dash.ui.compare.values import COMPARE_VIEWS, THE_PICTURE, CompareView, Comparing
from s2dash.ui.session import Control, Field

COMPARING: Field[Comparing | None] = Field("comparing", None)
COMPARE_REQUESTS: tuple[Field[LiveRequest | None], ...] = (
    Field("comparing: last request on the left", None),
    Field("comparing: last request on the right", None),
)
COMPARISON: Field[tuple[tuple[str, str], Comparison] | None] = Field("comparing: last comparison", None)
"""With what tells both maps from others."""
COUNTING: Field[tuple[tuple[str, str], Job[Comparison]] | None] = Field("comparing: every pixel", None)
"""The same of full results, on its way or done."""
COMPARE_PANEL = "compare"
"""Key of what is said of them."""
SWAP = "swap sides"


def change_comparing(**fields: Any) -> None:
    """Compare other runs, or look at them in another way."""
    now = COMPARING.get()
    if now is not None:
        COMPARING.set(replace(now, **fields))


def _side(key: str, side: str) -> Control[int]:
    def get() -> int:
        now = COMPARING.get()
        return THE_PICTURE if now is None else int(getattr(now, side))

    return Control(key, get, lambda number: change_comparing(**{side: number}, move=None))


def _view() -> CompareView:
    now = COMPARING.get()
    return COMPARE_VIEWS[0] if now is None or now.left == THE_PICTURE else now.view


COMPARE_VIEW: Control[CompareView] = Control("compare-view", _view, lambda view: change_comparing(view=view))
LEFT, RIGHT = _side("compare-left", "left"), _side("compare-right", "right")
