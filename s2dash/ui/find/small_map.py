"""The small map of what was found, as SVG: footprints, the ground that is looked for, and towns to know it by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from s2dash.find.items import FoundScene
from s2dash.find.places import Box, Town

MOST_TOWNS = 5
_SIDE, _MARGIN = 240.0, 8.0
_MOST_CORNERS = 500
"""Of a footprint that is drawn; those of Sentinel-2 have some ten."""
_LETTER = 5.6
"""Width of one, about, in the units of the picture."""

Position = tuple[float, float]


def extent_of(scenes: Iterable[FoundScene], ground: Box) -> Box:
    """The ground that the map shows."""
    corners = [corner for scene in scenes for ring in scene.footprint for corner in ring]
    x, y = zip(*corners, (ground.west, ground.south), (ground.east, ground.north), strict=True)
    return Box(max(-180.0, min(x)), max(-90.0, min(y)), min(180.0, max(x)), min(90.0, max(y)))


def small_map(scenes: Sequence[FoundScene], ground: Box, towns: Sequence[Town]) -> str:
    """The map; each footprint is known by the id of its scene. All text from outside is escaped."""
    frame = _Frame.of(extent_of(scenes, ground))
    footprints = "".join(
        f'<path class="footprint" data-id="{escape(scene.id)}" d="{frame.path(ring)}"/>'
        for scene in scenes
        for ring in scene.footprint
        if len(ring) <= _MOST_CORNERS
    )
    w, s, e, n = ground.bounds
    label = f"{len(scenes)} footprints, and the ground that is looked for"
    return (
        f'<svg viewBox="0 0 {_SIDE:.0f} {_SIDE:.0f}" role="img" aria-label="{label}">{footprints}'
        f'<path class="ground" d="{frame.path(((w, s), (e, s), (e, n), (w, n)))}"/>{_towns(towns, frame)}</svg>'
    )


@dataclass(frozen=True)
class _Frame:
    """Degrees to units of the picture, as true to scale as the middle of the ground is."""

    west: float
    north: float
    across: float
    """Units for a degree of longitude."""
    down: float
    left: float
    top: float

    @classmethod
    def of(cls, box: Box) -> _Frame:
        squeeze = max(0.05, math.cos(math.radians((box.south + box.north) / 2)))
        width, height = (box.east - box.west) * squeeze, box.north - box.south
        down = (_SIDE - 2 * _MARGIN) / max(width, height)
        left, top = (_SIDE - width * down) / 2, (_SIDE - height * down) / 2
        return cls(box.west, box.north, down * squeeze, down, left, top)

    def at(self, position: Position) -> Position:
        longitude, latitude = position
        return self.left + (longitude - self.west) * self.across, self.top + (self.north - latitude) * self.down

    def path(self, ring: Sequence[Position]) -> str:
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in map(self.at, ring)) + "Z"


def _towns(towns: Sequence[Town], frame: _Frame) -> str:
    """Those whose names have room, the largest first."""
    taken: list[tuple[float, float, float, float]] = []
    drawn = []
    for town in towns:
        x, y = frame.at((town.longitude, town.latitude))
        length = len(town.name) * _LETTER
        is_left = x + 5 + length > _SIDE
        start = x - 5 - length if is_left else x + 5
        room = (start, y - 7, start + length, y + 7)
        if start < 0 or any(_meet(room, other) for other in taken):
            continue
        taken.append(room)
        at, anchor = (x - 5, "end") if is_left else (x + 5, "start")
        drawn.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2"/><text x="{at:.1f}" y="{y + 3.5:.1f}" text-anchor="{anchor}">'
            f"{escape(town.name)}</text>"
        )
    return "".join(drawn)


def _meet(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
