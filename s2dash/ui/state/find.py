"""What a page's session holds of the window `Find a scene`: what is looked for, and what is chosen of what there is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Literal, get_args

from s2dash.core.sentinel2 import BAND_SETS
from s2dash.server.jobs import Job
from s2dash.ui.find.finding import Finding
from s2dash.ui.session import Control, Field, kept_control

Where = Literal["Place", "This scene", "Drawn area"]
WHERES: tuple[Where, ...] = get_args(Where)
FIND_WHERE: Control[Where] = kept_control("find where", WHERES[0])
FIND_PLACE: Control[str] = kept_control("find place", "")
FIND_TOWN: Control[str | None] = kept_control("find town", None)
"""As `find.towns.labels_of` calls it, where several fit."""
FIND_KM: Control[int] = kept_control("find km", 20)
"""Across the ground of a place."""
_USUAL_DAYS = 120
_FIRST: Field[date | None] = Field("find from chosen", None)


def _first() -> date | None:
    """Some months back, seen from today, until somebody says otherwise."""
    return _FIRST.get() if _FIRST.is_set else date.today() - timedelta(days=_USUAL_DAYS)


FIND_FIRST: Control[date | None] = Control("find from", _first, _FIRST.set)
FIND_LAST: Control[date | None] = kept_control("find to", None)
FIND_CLOUD: Control[int] = kept_control("find cloud", 20)
"""Percent of a tile at most."""
FINDING: Field[Finding | None] = Field("finding", None)
FIND_TROUBLE: Field[str | None] = Field("find trouble", None)
"""Why no search was begun, in words."""
FOUND_LIST = "found scenes"
"""Key of the list of what was found."""
FOUND_CHOSEN: Field[tuple[str, ...]] = Field("found chosen", ())
"""Ids of the scenes that are chosen."""
FIND_PIXEL: Control[int] = kept_control("find pixel", 10)
"""Metres."""
_BANDS: Control[list[str]] = kept_control("find bands", list(BAND_SETS["All land"]))


def found_bands(offered: Sequence[str]) -> Control[list[str]]:
    """The bands to load, of those that there are."""
    return Control(_BANDS.key, lambda: [name for name in _BANDS.get() if name in offered], _BANDS.set)


FOUND_FILES_JOB: Field[Job[tuple[Path, ...]] | None] = Field("loading found files", None)
"""That loads several scenes for `Many scenes`."""
FOUND_FILES_WORDS: Field[str | None] = Field("found files words", None)
"""Why the last ones could not be loaded."""
