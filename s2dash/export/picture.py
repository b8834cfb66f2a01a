"""The class map as a picture to print or put on a slide: title, map, legend, scale bar, north, source."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from s2dash import __version__
from s2dash.core.classmap import ClassMap, Result
from s2dash.core.grid import Grid
from s2dash.core.legend import Legend
from s2dash.export.contents import (
    ClassFacts,
    Export,
    class_facts,
    label_strips,
    one_line,
    ordinal,
    staged,
)
from s2dash.export.ground import Drawn, drawn, length_words, round_length_m

if TYPE_CHECKING:
    # At run time matplotlib is loaded where a picture is drawn: the page needs its exports' names, and few users
    # a picture, for which a server would hold 17 MB from its start.
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.figure import Figure

DPI = 100
MOST_LABEL_SIDE = 1500
"""Rows or columns of labels that are drawn at most; more would not show."""

_MARGIN = 0.5
_PAGE_WIDTH = 16.0
_MOST_MAP_HEIGHT = 10.4
_LEAST_MAP_SIDE = 0.4
_LEAST_MAP_PLACE = 3.8
_LEGEND_WIDTH = 4.5
_LEAST_LEGEND_WIDTH = 3.4
_LEGEND_GAP = 0.45
_HEADER_HEIGHT = 1.35
_SCALE_HEIGHT = 0.85
_FOOTER_HEIGHT = 0.8
_LEGEND_HEAD = 0.45
_ROW = 0.4
_MOST_ROWS_BESIDE = 22
_WIDE_ASPECT = 1.7

_INK, _GREY, _LINE, _EMPTY = "#1a1f1d", "#5b6562", "#c9d1ce", "#f4f6f5"
_FONTS = ("Source Sans 3", "Source Sans Pro", "Liberation Sans", "Arial", "Helvetica", "DejaVu Sans")
_FALLBACK_FONTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans Arabic", "Noto Sans Devanagari", "Noto Emoji")


def write_picture(result: Result, legend: Legend, out: Path) -> None:
    """Write the map as a PNG, up to 1600 pixels wide, white ground, classes in exactly the legend's colours.

    North is up wherever rows follow a parallel; on turned grids the arrow is turned. The scale bar
    holds at the map's centre. Without a place there is neither, and a note says so. Takes previews
    too, and says that it is one.

    Raises OutputConflict where `out` cannot be written, RecipeError or BrokenResult where legend,
    counts and labels do not fit each other.
    """
    png = picture_bytes(result, legend)
    with staged(out) as path:
        path.write_bytes(png)


def picture_bytes(result: Result, legend: Legend) -> bytes:
    """The PNG that `write_picture` writes."""
    figure = draw(result, legend)
    buffer = io.BytesIO()
    attribution = one_line(result.scene.attribution)
    about = {
        "Title": one_line(result.scene.title),
        **({"Copyright": attribution} if attribution else {}),
        "Software": f"s2dash {__version__}",
    }
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white", metadata=about)
    return buffer.getvalue()


def draw(result: Result, legend: Legend) -> Figure:
    """The page as a matplotlib figure with an Agg canvas; raises as `write_picture` does."""
    classes = class_facts(result, legend)
    lies = drawn(result.classmap.grid)
    page = _Page(_layout(lies.aspect, len(classes) + _extra_rows(result)))
    _draw_header(page, result)
    _draw_map(page, result.classmap, legend, lies)
    _draw_legend(page, classes, result)
    _draw_scale(page, lies)
    _draw_footer(page, result)
    return page.figure


def drawn_labels(classmap: ClassMap) -> np.ndarray:
    """Every n-th label, shape (rows, cols) of at most MOST_LABEL_SIDE each, uint8, read strip by strip."""
    height, width = classmap.grid.shape_rc
    step = max(1, math.ceil(max(height, width) / MOST_LABEL_SIDE))
    rows, cols = (np.minimum(np.arange(0, n, step) + step // 2, n - 1) for n in (height, width))
    taken = []
    for first, strip in label_strips(classmap):
        inside = rows[(rows >= first) & (rows < first + strip.shape[0])]
        taken.append(strip[np.ix_(inside - first, cols)])
    return np.concatenate(taken)


@dataclass(frozen=True)
class _Layout:
    """Where things stand, in inches from the page's upper left corner."""

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


def _layout(aspect: float, row_count: int) -> _Layout:
    """Legend beside the map, or in columns below where the map is wide or the classes are many."""
    beside = row_count <= _MOST_ROWS_BESIDE and aspect <= _WIDE_ASPECT
    most_width = _PAGE_WIDTH - 2 * _MARGIN - (_LEGEND_WIDTH + _LEGEND_GAP if beside else 0)
    map_width = min(most_width, _MOST_MAP_HEIGHT * aspect)
    map_height = max(_LEAST_MAP_SIDE, map_width / aspect)
    map_width = max(_LEAST_MAP_SIDE, map_width)
    return (_layout_beside if beside else _layout_below)(map_width, map_height, row_count)


def _layout_beside(map_width: float, map_height: float, row_count: int) -> _Layout:
    left = _MARGIN + max(map_width, _LEAST_MAP_PLACE) + _LEGEND_GAP
    legend_bottom = _HEADER_HEIGHT + _LEGEND_HEAD + row_count * _ROW
    bottom = max(_HEADER_HEIGHT + map_height + _SCALE_HEIGHT, legend_bottom)
    return _Layout(
        width=left + _LEGEND_WIDTH + _MARGIN,
        height=bottom + _FOOTER_HEIGHT,
        map_width=map_width,
        map_height=map_height,
        legend_left=left,
        legend_top=_HEADER_HEIGHT,
        legend_columns=1,
        legend_width=_LEGEND_WIDTH,
        row_height=_ROW,
    )


def _layout_below(map_width: float, map_height: float, row_count: int) -> _Layout:
    many = row_count > 3 * _MOST_ROWS_BESIDE
    place = _PAGE_WIDTH - 2 * _MARGIN + _LEGEND_GAP
    columns = int(place / ((_LEAST_LEGEND_WIDTH if many else _LEGEND_WIDTH) + _LEGEND_GAP))
    row_height = 0.3 if many else _ROW
    top = _HEADER_HEIGHT + map_height + _SCALE_HEIGHT + 0.15
    return _Layout(
        width=_PAGE_WIDTH,
        height=top + _LEGEND_HEAD + math.ceil(row_count / columns) * row_height + _FOOTER_HEIGHT,
        map_width=map_width,
        map_height=map_height,
        legend_left=_MARGIN,
        legend_top=top,
        legend_columns=columns,
        legend_width=place / columns - _LEGEND_GAP,
        row_height=row_height,
    )


class _Page:
    """A figure with one set of axes in inches, y down, and text that fits its place."""

    def __init__(self, layout: _Layout) -> None:
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
        colour: str = _INK,
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


def _draw_header(page: _Page, result: Result) -> None:
    most_width = page.layout.width - 2 * _MARGIN
    page.text(_MARGIN, 0.52, one_line(result.scene.title) or "Class map", 21, bold=True, most_width=most_width)
    page.text(_MARGIN, 0.96, _subtitle(result), 12.5, colour=_GREY, most_width=most_width)


def _subtitle(result: Result) -> str:
    scene, grid = result.scene, result.classmap.grid
    size = f"{grid.width:,} × {grid.height:,} pixels{_pixel_words(grid)}"
    taken_by = " ".join(filter(None, (scene.sensor, scene.level)))
    parts = [f"{result.classmap.class_count} classes of pixels that look alike", taken_by, scene.date, size]
    if not result.is_full:
        parts.append(f"preview of every {ordinal(result.classmap.step)} pixel")
    return " · ".join(one_line(part) for part in parts if part)


def _pixel_words(grid: Grid) -> str:
    """` of 10 m`, or both sides where they differ; nothing without a place."""
    if grid.pixel_size_m is None:
        return ""
    width, height = (length_words(float(f"{side:.3g}")) for side in grid.pixel_size_m)
    return f" of {width}" if width == height else f" of {width} × {height}"


def _draw_map(page: _Page, classmap: ClassMap, legend: Legend, lies: Drawn) -> None:
    at = page.layout
    axes = page.figure.add_axes(
        (
            _MARGIN / at.width,
            1 - at.map_bottom / at.height,
            at.map_width / at.width,
            at.map_height / at.height,
        )
    )
    labels = lies.oriented(drawn_labels(classmap))
    axes.patch.set(facecolor=_EMPTY, hatch="////", edgecolor=_LINE, linewidth=0)
    axes.imshow(legend.rgba()[labels], interpolation="nearest", aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color=_INK, linewidth=0.8)


def _extra_rows(result: Result) -> int:
    """Rows of the legend that are no class: the total, and no data where there is any."""
    return 1 + (result.masked_share > 0)


def _draw_legend(page: _Page, classes: Sequence[ClassFacts], result: Result) -> None:
    at = page.layout
    row_count = len(classes) + _extra_rows(result)
    per_column = math.ceil(row_count / at.legend_columns)
    spots = [
        (
            at.legend_left + (i // per_column) * (at.legend_width + _LEGEND_GAP),
            at.legend_top + _LEGEND_HEAD + (i % per_column + 0.5) * at.row_height,
        )
        for i in range(row_count)
    ]
    for left in sorted({x for x, _ in spots}):
        _draw_legend_head(page, left, result.mapped_ha is not None)
    decimals = area_decimals(result.mapped_ha or 0)
    for c, (x, y) in zip(classes, spots, strict=False):
        swatch = {"facecolor": c.colour, "edgecolor": _INK, "linewidth": 0.6}
        _draw_row(page, x, y, swatch, c.name, percent(c.row.share), hectares(c.row.area_ha, decimals))
    rest = spots[len(classes) :]
    if result.masked_share > 0:
        x, y = rest[0]
        hatch = {"facecolor": _EMPTY, "edgecolor": _LINE, "hatch": "//////", "linewidth": 0.6}
        _draw_row(page, x, y, hatch, "No data", "", "")
        share = f"{percent(result.masked_share)} of the picture"
        page.text(x + at.legend_width, y, share, 11, colour=_GREY, align="right")
    x, y = rest[-1]
    page.paper.plot([x, x + at.legend_width], [y - at.row_height / 2] * 2, color=_LINE, linewidth=0.8)
    total = percent(sum(c.row.share for c in classes))
    _draw_row(page, x, y, None, "All classes", total, hectares(result.mapped_ha, decimals))


def _columns_x(page: _Page, x: float, has_area: bool) -> tuple[float, float]:
    """Right edges of the columns share and area."""
    right = x + page.layout.legend_width
    return (right - 1.15 if has_area else right), right


def _draw_legend_head(page: _Page, x: float, has_area: bool) -> None:
    y = page.layout.legend_top + 0.16
    share_x, area_x = _columns_x(page, x, has_area)
    page.text(x, y, "Class", 11, colour=_GREY)
    page.text(share_x, y, "Share", 11, colour=_GREY, align="right")
    if has_area:
        page.text(area_x, y, "Area (ha)", 11, colour=_GREY, align="right")
    page.paper.plot([x, x + page.layout.legend_width], [y + 0.2] * 2, color=_LINE, linewidth=0.8)


def _draw_row(
    page: _Page, x: float, y: float, swatch: dict[str, object] | None, name: str, share: str, area: str
) -> None:
    height = min(0.24, page.layout.row_height - 0.08)
    size = 12.5 if page.layout.row_height >= _ROW else 10.5
    if swatch is not None:
        page.box(x, y - height / 2, 0.36, height, **swatch)
    share_x, area_x = _columns_x(page, x, bool(area))
    page.name(x + 0.5, y, name, size, share_x - 0.75 - (x + 0.5))
    page.text(share_x, y, share, size, align="right")
    page.text(area_x, y, area, size, align="right")


def percent(share: float) -> str:
    """A share from 0 to 1 with one decimal; `<0.1 %` for what would vanish."""
    return "<0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


def area_decimals(total_ha: float) -> int:
    """Decimals that all areas of a legend are written with, by their sum."""
    return 0 if total_ha >= 1000 else 1 if total_ha >= 10 else 2 if total_ha >= 0.1 else 4


def hectares(area_ha: float | None, decimals: int) -> str:
    """`1,817`, `12.4`; `<1` for what would vanish; nothing without a place."""
    if area_ha is None:
        return ""
    least = 10.0**-decimals
    return f"<{least:.{decimals}f}" if 0 < area_ha < least / 2 else f"{area_ha:,.{decimals}f}"


def _draw_scale(page: _Page, lies: Drawn) -> None:
    at = page.layout
    top = at.map_bottom + 0.22
    if lies.width_m is None:
        note = "No place in this file: no scale, no north."
        page.text(_MARGIN, top + 0.1, note, 11, colour=_GREY)
        return
    _draw_bar(page, top, lies.width_m)
    if lies.north_deg is not None:
        _draw_north(page, max(at.map_width + _MARGIN - 0.25, _MARGIN + 3.2), at.map_bottom + 0.46, lies.north_deg)


def _draw_bar(page: _Page, top: float, width_m: float) -> None:
    """A bar of four pieces in turn dark and light, a round length, at most 3 inches and a third of a wide map."""
    metres_per_inch = width_m / page.layout.map_width
    length_m = round_length_m(metres_per_inch * min(3.0, max(2.0, page.layout.map_width / 3)))
    length = length_m / metres_per_inch
    for piece in range(4):
        colour = _INK if piece % 2 == 0 else "white"
        page.box(_MARGIN + piece * length / 4, top, length / 4, 0.09, facecolor=colour, edgecolor=_INK, linewidth=0.8)
    y = top + 0.27
    page.text(_MARGIN, y, "0", 11)
    half = length_m / 2000 if length_m >= 1000 else length_m / 2
    page.text(_MARGIN + length / 2, y, f"{half:,.15g}", 11, align="center")
    page.text(_MARGIN + length, y, length_words(length_m), 11, align="center")


def _draw_north(page: _Page, x: float, y: float, north_deg: float) -> None:
    """An arrow with its N, centred on x, y, turned clockwise."""
    from matplotlib.patches import Polygon

    turn = math.radians(north_deg)

    def at(right: float, up: float) -> tuple[float, float]:
        cos, sin = math.cos(turn), math.sin(turn)
        return x + right * cos + up * sin, y + right * sin - up * cos

    tip, foot, notch = at(0, 0.14), -0.28, at(0, -0.19)
    page.paper.add_patch(
        Polygon([tip, at(-0.13, foot), notch], closed=True, facecolor=_INK, edgecolor=_INK, linewidth=0.8)
    )
    page.paper.add_patch(
        Polygon([tip, at(0.13, foot), notch], closed=True, facecolor="white", edgecolor=_INK, linewidth=0.8)
    )
    page.text(*at(0, 0.27), "N", 12, align="center", bold=True)


def _draw_footer(page: _Page, result: Result) -> None:
    at, recipe = page.layout, result.recipe
    y = at.height - 0.36
    page.paper.plot([_MARGIN, at.width - _MARGIN], [y - 0.24] * 2, color=_LINE, linewidth=0.8)
    attribution = one_line(result.scene.attribution)
    if attribution:
        page.text(_MARGIN, y, attribution, 10.5, colour=_GREY, most_width=at.width - 2 * _MARGIN)
    left = at.width - 2 * _MARGIN - page.width_of(drawable(attribution), 10.5) - 0.4
    crs = result.classmap.grid.crs
    place = [] if crs is None else [crs.name]
    facts = " · ".join([*place, f"{recipe.algorithm}, k = {recipe.k}, {len(recipe.bands)} bands", "s2dash"])
    if left > 2:
        page.text(at.width - _MARGIN, y, one_line(facts), 10.5, colour=_GREY, align="right", most_width=left)


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


EXPORT = Export(
    key="picture",
    label="Map picture (PNG)",
    suffix="-map.png",
    mime="image/png",
    help="The map with title, legend, scale bar and source, for a report or a slide.",
    needs_full=False,
    write=write_picture,
)
