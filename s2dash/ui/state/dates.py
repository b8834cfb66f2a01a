"""What a page's session holds of another date that is compared with its scene on the map."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from s2dash.batch.change import FitOnTwoDates
from s2dash.server.jobs import Job
from s2dash.ui.session import Control, Field, Uploader
from s2dash.ui.state.scene import Incoming
from s2dash.ui.two_dates.values import DATES_ON_MAP, DatesView, Look, OtherDate

OTHER_DATE: Field[OtherDate | None] = Field("other date", None)
DATES_JOB: Field[tuple[tuple[str, ...], Job[FitOnTwoDates]] | None] = Field("other date: comparison", None)
"""With what tells it from that of other classes or another date."""
DATES_PANEL = "dates panel"
"""Key of what is said of them."""
OTHER_DATE_UPLOADER = Uploader("other date upload")
INCOMING_DATE = Incoming("reading another date")
KNOWN_SCENE = "scene of another date"
"""Key of the menu of scenes that the session has had."""


def change_dates(**fields: Any) -> None:
    """Look at both dates in another way."""
    now = OTHER_DATE.get()
    if now is not None:
        OTHER_DATE.set(replace(now, **fields))


def _view() -> DatesView:
    now = OTHER_DATE.get()
    return DATES_ON_MAP[0] if now is None else now.view


DATES_ON_MAP_VIEW: Control[DatesView] = Control("dates-view", _view, lambda view: change_dates(view=view))


def dates_look(name: str, first: Look) -> Control[Look]:
    """What is looked at on a side (`left`, `right`) or under the change map (`beneath`); `first` where nobody chose."""

    def get() -> Look:
        now = OTHER_DATE.get()
        found = None if now is None else getattr(now, name)
        return found or first

    return Control(f"dates-{name}", get, lambda look: change_dates(**{name: look}))
