"""What is compared of two dates on the page's map, and what was found out about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from s2dash.batch.change import Change, FitOnTwoDates
from s2dash.classify.compare import Pair
from s2dash.ui.loaded import Loaded

DatesView = Literal["Swipe", "Change"]
DATES_ON_MAP: tuple[DatesView, ...] = get_args(DatesView)
CLASSES = "classes"
"""Stands for the classes among the names of pictures."""


@dataclass(frozen=True)
class Look:
    """What is looked at of one date."""

    is_later: bool
    what: str
    """CLASSES, or what the menu calls a picture."""


@dataclass(frozen=True, eq=False)
class OtherDate:
    """The scene that is compared with the page's own, and how both are looked at."""

    loaded: Loaded
    ground: str
    """Digest of the page's scene without an area; another scene ends the comparison."""
    panel_before: str
    view: DatesView = "Swipe"
    left: Look = Look(is_later=False, what=CLASSES)
    right: Look = Look(is_later=True, what=CLASSES)
    beneath: Look | None = None
    """The picture under the change map; the later date's first where None."""
    move: Pair | None = None
    """The change that is pointed out: its class on the first date and on the later."""


@dataclass(frozen=True, eq=False)
class TwoDates:
    """All that the page shows of two dates."""

    other: OtherDate
    found: FitOnTwoDates
    change: Change
    """That of `found` with the names and colours of now."""
    names: tuple[str, str]
    """What the first date and the later are called."""

    @property
    def title(self) -> str:
        return f"{self.names[0]} and {self.names[1]}"
