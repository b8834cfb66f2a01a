"""How a page looks at its map: windows that are open, sides, pictures, colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from s2dash.core import palette
from s2dash.core.map_position import MapPosition
from s2dash.server.state import server_state
from s2dash.server.tracked_maps import TrackedMap
from s2dash.ui.session import Control, Field, kept_control

Window = Literal["scene", "hand over", "many scenes", "runs", "another date", "find", "ground picture"]
WINDOW: Field[Window | None] = Field("window", None)
"""The window that is open over the page; it stays while the page is drawn again."""


def close_window() -> None:
    """Nothing stands over the page any more."""
    WINDOW.pop()


Side = Literal["Swipe", "Classes", "Picture", "How sure"]
SIDES: tuple[Side, ...] = get_args(Side)
SIDE: Control[Side] = kept_control("view", SIDES[0])
Panel = Literal["Classes", "Runs", "Check"]
PANELS: tuple[Panel, ...] = get_args(Panel)
PANEL: Control[Panel] = kept_control("panel", PANELS[0])
Pushed = Literal["how many", "class card"]
PUSHED: Field[Pushed | None] = Field("pushed panel", None)
"""What has been pushed over the panel beside the map, until its user goes back."""
HowManyView = Literal["Chart", "Nested"]
HOW_MANY_VIEWS: tuple[HowManyView, ...] = get_args(HowManyView)
HOW_MANY: Control[HowManyView] = kept_control("how many", HOW_MANY_VIEWS[0])
CURVES = "curves"
DRAW_AGAIN = Field("draw the page again", False)
"""Whether a part that draws itself alone has changed what the whole page shows."""
PICTURE: Control[str | None] = kept_control("layer", None)
"""As its menu calls it; None is the menu's first."""
USUAL_COLOURS = next(iter(palette.PALETTES))
PALETTE = kept_control("palette", USUAL_COLOURS)


def _of_embedding() -> str:
    found = PALETTE.get()
    return found if found in palette.PALETTES_OF_EMBEDDINGS else USUAL_COLOURS


PALETTE_OF_EMBEDDING = Control("palette-of-embedding", _of_embedding, PALETTE.set)
"""The same for a widget of its own: a browser answers with labels, and these have others."""
CHARTS, CHARTS_OF_WIDE, ACROSS, UP = "charts", "charts of a wide window", "across", "up"
IS_WIDE = Field("window is wide", False)
"""Whether the window has room for the spectra beside the map."""
SHOWN_BANDS: Field[tuple[str, ...]] = Field("shown bands", ())


def shown_bands(names: Sequence[str]) -> tuple[Control[str], ...]:
    """The bands shown as red, green and blue, where the user picks them among these names."""
    defaults = tuple(names[min(place, len(names) - 1)] for place in (2, 1, 0))

    def now() -> list[str]:
        chosen = SHOWN_BANDS.get() or defaults
        return [one if one in names else default for one, default in zip(chosen, defaults, strict=True)]

    def one(place: int, colour: str) -> Control[str]:
        def put(name: str) -> None:
            SHOWN_BANDS.set((*now()[:place], name, *now()[place + 1 :]))

        return Control(f"shown {colour}", lambda: now()[place], put)

    return tuple(one(place, colour) for place, colour in enumerate(("red", "green", "blue")))


MAP_START: Field[MapPosition | None] = Field("map start", None)
"""From where the scene that has just come is to be seen first."""


def tracked_map() -> TrackedMap:
    """Where the page's map looks, as its browser tells."""
    found = Field[TrackedMap | None]("tracked map", None).made(server_state().maps.new)
    assert found is not None
    return found


def words_with_map(name: str) -> dict[str, str]:
    """What was said of the last scenes in a place that changes with the map, by what the browser knows them by."""
    return Field[dict[str, str]](f"with map {name}", {}).made(dict)
