"""What a page's session holds of the check of its map: what is being answered, and what was set aside."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from s2dash.core.accuracy import Accuracy, Check
from s2dash.core.recipe import Recipe
from s2dash.server.checks import CheckBook
from s2dash.server.state import server_state
from s2dash.ui.runs.values import KeptMap
from s2dash.ui.session import Control, Field, Uploader, kept_control
from s2dash.ui.state.classes import MapKey, map_of
from s2dash.ui.state.runs import MAP_NOW, MAPS
from s2dash.ui.state.view import PANEL

CHECK_ASKING, CHECK_RESULT = "check asking", "check result"
"""Keys of what asks about places, and of what their answers come to."""
CHECK_COUNT: Control[int] = kept_control("check places", 50)
CHECK_DROPPED: Field[tuple[str, Check] | None] = Field("check dropped last", None)
"""Key of a map, and its check that was begun anew."""
CHECK_UPLOADER = Uploader("check points upload")
CHECK_BROUGHT: Field[str | None] = Field("check points brought in", None)
"""What came of the last file of check points, in words."""
CHECK_TROUBLE: Field[str | None] = Field("check trouble", None)
"""Why places could not be drawn."""
CHECK_ACCURACY: Field[tuple[Hashable, Accuracy] | None] = Field("check accuracy", None)
"""What the answers say of the last map that was asked about, with all that it depends on."""
CHECK_UNPAIRED: Field[frozenset[tuple[MapKey, str]]] = Field("answers without a class", frozenset())
"""Names that answers have and that no class of a map is meant by, as its user says."""


def check_book() -> CheckBook:
    """Where the page's browser puts answers."""
    found = Field[CheckBook | None]("check book", None).made(server_state().checks.new)
    assert found is not None
    return found


def check_pair(name: str) -> Control[str]:
    """Which class of the map answers of this name mean."""
    return kept_control(f"check pair {name}", "")


def take_answers() -> None:
    """Let the maps of the session have what was answered meanwhile."""
    book, maps = check_book(), MAPS.get()
    now = tuple(_with(one, book.check_of(one.key)) for one in maps)
    if any(one is not other for one, other in zip(now, maps, strict=True)):
        MAPS.set(now)


def _with(one: KeptMap, check: Check | None) -> KeptMap:
    return one if check is None or one.check is None or one.check is check else replace(one, check=check)


def checked_map(of: Recipe) -> KeptMap | None:
    """The map of this recipe on the scene in use, while its user looks at the places of its check."""
    if PANEL.get() != "Check":
        return None
    key = map_of(of)
    found = (one for one in MAPS.get() if (one.run.scene_digest, one.run.recipe) == key)
    return next((one for one in found if one.is_checking and one.check is not None), None)


def is_checking() -> bool:
    """Whether the user of the page looks at the places of a check, as far as is known before the map is made."""
    return PANEL.get() == "Check" and any(one.is_checking and one.number == MAP_NOW.get() for one in MAPS.get())


def put_map(changed: KeptMap) -> None:
    """Put a map in the place of the one with its number."""
    MAPS.set(tuple(changed if one.number == changed.number else one for one in MAPS.get()))
