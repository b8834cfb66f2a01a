"""What a scene's own metadata propose to say of its map: title, place and date, for the user to change."""

from __future__ import annotations

from s2dash.core.about import About
from s2dash.core.scene import Scene
from s2dash.ingest.examples import EXAMPLES

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def proposed_about(scene: Scene) -> About:
    """Title, place and date as far as they are known; the title is the scene's own where nothing says its place."""
    example = next((one for one in EXAMPLES if one.path in scene.paths), None)
    if example is not None:
        return About(title=example.map_title, place=example.place, date=_long_day(scene.date))
    tile = scene.title.removeprefix("Tile ")
    title = f"Land cover in tile {tile}" if tile != scene.title else scene.title
    return About(title=title[:120], date=_long_day(scene.date))


def _long_day(iso_date: str | None) -> str:
    """`12 January 2016` for 2016-01-12."""
    if not iso_date:
        return ""
    year, month, day = iso_date.split("-")
    return f"{int(day)} {_MONTHS[int(month) - 1]} {year}"
