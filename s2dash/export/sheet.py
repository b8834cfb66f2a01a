"""The sheet that the map picture is drawn on: where things stand on it, and text that fits its place."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # At run time matplotlib is loaded where a picture is drawn: the page needs its exports' names, and few users
    # a picture, for which a server would hold 17 MB from its start.
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import RendererAgg

DPI = 100

MARGIN = 0.5
_SHEET_WIDTH = 16.0
_MOST_MAP_HEIGHT = 10.4
_LEAST_MAP_SIDE = 0.4
_LEAST_MAP_PLACE = 3.8
_LEGEND_WIDTH = 4.5
_LEAST_LEGEND_WIDTH = 3.4
LEGEND_GAP = 0.45
_HEADER_HEIGHT = 1.35
_SCALE_HEIGHT = 0.85
_FOOTER_HEIGHT = 0.8
LEGEND_HEAD = 0.45
ROW_HEIGHT = 0.4
_MOST_ROWS_BESIDE = 22
_WIDE_ASPECT = 1.7

INK, GREY, LINE, EMPTY = "#1a1f1d", "#5b6562", "#c9d1ce", "#f4f6f5"
_FONTS = ("Source Sans 3", "Source Sans Pro", "Liberation Sans", "Arial", "Helvetica", "DejaVu Sans")
_FALLBACK_FONTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans Arabic", "Noto Sans Devanagari", "Noto Emoji")


@dataclass(frozen=True)
class SheetLayout:
    """Where things stand, in inches from the sheet's upper left corner."""

    width: float
    height: float
    map_width: float
    map_height: float
    legend_left: float
    legend_top: float
    legend_columns: int
    legend_width: float
    """Of one column."""
    row_height: float

    @property
    def map_bottom(self) -> float:
        return _HEADER_HEIGHT + self.map_height


def layout_of(aspect: float, row_count: int) -> SheetLayout:
    """Legend beside the map, or in columns below where the map is wide or the classes are many."""
    beside = row_count <= _MOST_ROWS_BESIDE and aspect <= _WIDE_ASPECT
    most_width = _SHEET_WIDTH - 2 * MARGIN - (_LEGEND_WIDTH + LEGEND_GAP if beside else 0)
    map_width = min(most_width, _MOST_MAP_HEIGHT * aspect)
    map_height = max(_LEAST_MAP_SIDE, map_width / aspect)
    map_width = max(_LEAST_MAP_SIDE, map_width)
    return (_layout_beside if beside else _layout_below)(map_width, map_height, row_count)


def _layout_beside(map_width: float, map_height: float, row_count: int) -> SheetLayout:
    left = MARGIN + max(map_width, _LEAST_MAP_PLACE) + LEGEND_GAP
    legend_bottom = _HEADER_HEIGHT + LEGEND_HEAD + row_count * ROW_HEIGHT
    bottom = max(_HEADER_HEIGHT + map_height + _SCALE_HEIGHT, legend_bottom)
    return SheetLayout(
        width=left + _LEGEND_WIDTH + MARGIN,
        height=bottom + _FOOTER_HEIGHT,
        map_width=map_width,
        map_height=map_height,
        legend_left=left,
        legend_top=_HEADER_HEIGHT,
        legend_columns=1,
        legend_width=_LEGEND_WIDTH,
        row_height=ROW_HEIGHT,
    )


def _layout_below(map_width: float, map_height: float, row_count: int) -> SheetLayout:
    many = row_count > 3 * _MOST_ROWS_BESIDE
    place = _SHEET_WIDTH - 2 * MARGIN + LEGEND_GAP
    columns = int(place / ((_LEAST_LEGEND_WIDTH if many else _LEGEND_WIDTH) + LEGEND_GAP))
    row_height = 0.3 if many else ROW_HEIGHT
    top = _HEADER_HEIGHT + map_height + _SCALE_HEIGHT + 0.15
    return SheetLayout(
        width=_SHEET_WIDTH,
        height=top + LEGEND_HEAD + math.ceil(row_count / columns) * row_height + _FOOTER_HEIGHT,
        map_width=map_width,
        map_height=map_height,
        legend_left=MARGIN,
        legend_top=top,
        legend_columns=columns,
        legend_width=place / columns - LEGEND_GAP,
        row_height=row_height,
    )


class Sheet:
    """A figure with one set of axes in inches, y down, and text that fits its place."""

    def __init__(self, layout: SheetLayout) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.layout = layout
        self.figure = Figure(figsize=(layout.width, layout.height), dpi=DPI)
        self.canvas = FigureCanvasAgg(self.figure)
        self.paper: Axes = self.figure.add_axes((0, 0, 1, 1))
        self.paper.set_xlim(0, layout.width)
        self.paper.set_ylim(layout.height, 0)
        self.paper.set_axis_off()

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        *,
        colour: str = INK,
        align: str = "left",
        bold: bool = False,
        most_width: float | None = None,
    ) -> None:
        """One line, centred on y, cut with an ellipsis where it is wider than `most_width`; never mathtext."""
        text = drawable(text)
        if most_width is not None:
            text = self._cut(text, size, bold, most_width)
        self.paper.text(
            x,
            y,
            text,
            fontsize=size,
            color=colour,
            ha=align,
            va="center_baseline",
            parse_math=False,
            family=list(fonts()),
            weight="bold" if bold else "normal",
        )

    def name(self, x: float, y: float, text: str, size: float, most_width: float) -> None:
        """A name on one line, or, where it is too long, on a smaller one or on two of those."""
        text, small = drawable(text), size * 0.78
        for one_line_size in (size, small):
            if self.width_of(text, one_line_size) <= most_width:
                self.text(x, y, text, one_line_size)
                return
        lines = self._two_lines(text, small, most_width)
        shift = small * 0.6 / 72
        for line, down in zip(lines, (-shift, shift), strict=True):
            self.text(x, y + down, line, small, most_width=most_width)

    def _two_lines(self, text: str, size: float, most_width: float) -> tuple[str, str]:
        """Split at the last space that fits, else at the last character that does."""
        fits = max((n for n in range(1, len(text)) if self.width_of(text[:n], size) <= most_width), default=1)
        space = text.rfind(" ", 0, fits + 1)
        cut = space if space > fits // 2 else fits
        return text[:cut].strip(), text[cut:].strip()

    def _cut(self, text: str, size: float, bold: bool, most_width: float) -> str:
        if self.width_of(text, size, bold) <= most_width:
            return text
        while text and self.width_of(text + "…", size, bold) > most_width:
            text = text[:-1]
        return text.rstrip() + "…"

    def width_of(self, text: str, size: float, bold: bool = False) -> float:
        """Inches that a line takes."""
        from matplotlib.font_manager import FontProperties

        font = FontProperties(family=list(fonts()), size=size, weight="bold" if bold else "normal")
        measure: Callable[..., tuple[float, float, float]] = self._renderer.get_text_width_height_descent
        width, _, _ = measure(text, font, ismath=False)
        return width / DPI

    @cached_property
    def _renderer(self) -> RendererAgg:
        return self.canvas.get_renderer()  # type: ignore[no-untyped-call]

    def box(self, x: float, y: float, width: float, height: float, **look: object) -> None:
        """A rectangle with its upper left corner at x, y."""
        from matplotlib.patches import Rectangle

        self.paper.add_patch(Rectangle((x, y), width, height, **look))  # type: ignore[arg-type]


@cache
def fonts() -> tuple[str, ...]:
    """Font families to draw with, of those that this machine has; the last ones fill in for other scripts."""
    from matplotlib import font_manager

    have = set(font_manager.get_font_names())
    first = next(name for name in _FONTS if name in have)
    return tuple(dict.fromkeys([first, "DejaVu Sans", *(name for name in _FALLBACK_FONTS if name in have)]))


@cache
def _drawable_codes() -> frozenset[int]:
    from matplotlib import font_manager

    paths = [font_manager.findfont(name) for name in fonts()]
    return frozenset(code for path in paths for code in font_manager.get_font(path).get_charmap())


def drawable(text: str) -> str:
    """The text with `□` for characters that no font here has."""
    return "".join(c if ord(c) in _drawable_codes() else "□" for c in text)
