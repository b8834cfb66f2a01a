"""Where things stand on a slide of 1920 by 1080."""

from __future__ import annotations

import math
from dataclasses import dataclass

WIDTH, HEIGHT = 1920, 1080
MARGIN = 64
TOP, BOTTOM = 204, 1004
"""Of what stands between the title and the footer."""
GAP = 24
_CAPTION = 36
"""Above each picture, its name."""
_SCALE = 66
"""Below the pictures, scale and north."""
_LEGEND_GAP = 48
_LEGEND_WIDTHS = (450, 640)
_USUAL_CHARACTERS = 19
_WIDER_BY_CHARACTER = 9
_LEGEND_HEAD = 38
_MOST_ROW, _LEAST_ROW = 58, 26
MOST_ROWS = 24
"""Classes that a slide names; more cannot be read from a chair."""
_LEAST_SIDE = 12
_LEAST_PICTURES = 340
"""Width that is kept for pictures, captions and scale, however narrow the pictures."""


@dataclass(frozen=True)
class Box:
    """A rectangle, from the upper left corner of the slide."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class SlideLayout:
    """Where pictures, legend and scale stand."""

    pictures: tuple[Box, ...]
    """The satellite's, where there is one, then the classes."""
    legend: Box
    row_height: int
    scale_top: int

    @property
    def font_size(self) -> int:
        """Of the legend."""
        return min(26, round(self.row_height * 0.6))

    @property
    def rows_top(self) -> int:
        """Where the first row of the legend begins."""
        return self.legend.top + _LEGEND_HEAD


def layout_of(aspect: float, picture_count: int, row_count: int, note_lines: int, longest_name: int) -> SlideLayout:
    """Pictures side by side or one above the other, whichever makes them larger; the legend right of them.

    `aspect` is the width of the map over its height; `note_lines` stand under the `row_count` rows of the legend.
    """
    least, most = _LEGEND_WIDTHS
    legend_width = min(most, least + max(0, longest_name - _USUAL_CHARACTERS) * _WIDER_BY_CHARACTER)
    room = Box(MARGIN, TOP, WIDTH - 2 * MARGIN - legend_width - _LEGEND_GAP, BOTTOM - _SCALE - TOP)
    beside = _placed(room, aspect, picture_count, True)
    above = _placed(room, aspect, picture_count, False)
    pictures = beside if beside[0].width >= above[0].width else above
    legend_left = max(box.left + box.width for box in pictures) + _LEGEND_GAP
    legend_left = max(legend_left, MARGIN + _LEAST_PICTURES)
    legend_width = min(most, WIDTH - MARGIN - legend_left)
    rows_height = BOTTOM - TOP - _LEGEND_HEAD - 26 * note_lines - 16
    row_height = max(_LEAST_ROW, min(_MOST_ROW, rows_height // max(1, row_count)))
    return SlideLayout(
        pictures,
        Box(legend_left, TOP, legend_width, BOTTOM - TOP),
        row_height,
        max(box.top + box.height for box in pictures) + 18,
    )


def _placed(room: Box, aspect: float, count: int, side_by_side: bool) -> tuple[Box, ...]:
    """Equal boxes of an aspect, as large as the room lets them be, from its upper left corner."""
    across, down = (count, 1) if side_by_side else (1, count)
    most_width = (room.width - GAP * (across - 1)) / across
    most_height = (room.height - GAP * (down - 1)) / down - _CAPTION
    width = min(most_width, most_height * aspect)
    width, height = max(_LEAST_SIDE, math.floor(width)), max(_LEAST_SIDE, round(width / aspect))
    step = (width + GAP if side_by_side else 0, 0 if side_by_side else height + _CAPTION + GAP)
    return tuple(Box(room.left + i * step[0], room.top + _CAPTION + i * step[1], width, height) for i in range(count))
