"""The class map as a picture to print or put on a slide: title, map, legend, scale bar, north, source."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
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
    about_facts,
    label_strips,
    listed_facts,
    one_line,
    ordinal,
    staged,
)
from s2dash.export.ground import Drawn, drawn, length_words, round_length_m
from s2dash.export.handover import Handover
from s2dash.export.sheet import (
    DPI,
    EMPTY,
    GREY,
    INK,
    LEGEND_GAP,
    LEGEND_HEAD,
    LINE,
    MARGIN,
    ROW_HEIGHT,
    Sheet,
    drawable,
    layout_of,
)

if TYPE_CHECKING:
    # As in `sheet.py`: loaded where a picture is drawn.
    from matplotlib.figure import Figure

MOST_LABEL_SIDE = 1500
"""Rows or columns of labels that are drawn at most; more would not show."""


def write_picture(handover: Handover, out: Path) -> None:
    """Write the map as a PNG, up to 1600 pixels wide, white ground, classes in exactly the legend's colours.

    North is up wherever rows follow a parallel; on turned grids the arrow is turned. The scale bar
    holds at the map's centre. Without a place there is neither, and a note says so. Takes previews
    too, and says that it is one.

    Raises OutputConflict where `out` cannot be written, RecipeError or BrokenResult where legend,
    counts and labels do not fit each other.
    """
    png = picture_bytes(handover)
    with staged(out) as path:
        path.write_bytes(png)


def picture_bytes(handover: Handover) -> bytes:
    """The PNG that `write_picture` writes."""
    figure = draw(handover)
    buffer = io.BytesIO()
    attribution, said = one_line(handover.result.scene.attribution), about_facts(handover.about)
    about = {
        "Title": one_line(handover.title),
        **({"Author": said["author"]} if "author" in said else {}),
        **({"Description": said["notes"]} if "notes" in said else {}),
        **({"Copyright": attribution} if attribution else {}),
        "Software": f"s2dash {__version__}",
    }
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white", metadata=about)
    return buffer.getvalue()


def draw(handover: Handover) -> Figure:
    """The sheet as a matplotlib figure with an Agg canvas; raises as `write_picture` does."""
    result, legend = handover.result, handover.legend
    classes = listed_facts(result, legend)
    lies = drawn(result.classmap.grid)
    sheet = Sheet(layout_of(lies.aspect, len(classes) + _extra_rows(result)))
    _draw_header(sheet, handover)
    _draw_map(sheet, result.classmap, legend, lies)
    _draw_legend(sheet, classes, result)
    _draw_scale(sheet, lies)
    _draw_footer(sheet, handover)
    return sheet.figure


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


def _draw_header(sheet: Sheet, handover: Handover) -> None:
    most_width = sheet.layout.width - 2 * MARGIN
    sheet.text(MARGIN, 0.52, one_line(handover.title) or "Class map", 21, bold=True, most_width=most_width)
    sheet.text(MARGIN, 0.96, _subtitle(handover), 12.5, colour=GREY, most_width=most_width)


def _subtitle(handover: Handover) -> str:
    result, about = handover.result, handover.about
    scene, grid = result.scene, result.classmap.grid
    size = f"{grid.width:,} × {grid.height:,} pixels{_pixel_words(grid)}"
    taken_by = " ".join(filter(None, (scene.sensor, scene.level)))
    of = [about.place, about.date or scene.date]
    parts = [*of, f"{len(result.rows)} classes of pixels that look alike", taken_by, size]
    if not result.is_full:
        parts.append(f"preview of every {ordinal(result.classmap.step)} pixel")
    return " · ".join(one_line(part) for part in parts if part)


def _pixel_words(grid: Grid) -> str:
    """` of 10 m`, or both sides where they differ; nothing without a place."""
    if grid.pixel_size_m is None:
        return ""
    width, height = (length_words(float(f"{side:.3g}")) for side in grid.pixel_size_m)
    return f" of {width}" if width == height else f" of {width} × {height}"


def _draw_map(sheet: Sheet, classmap: ClassMap, legend: Legend, lies: Drawn) -> None:
    at = sheet.layout
    axes = sheet.figure.add_axes(
        (
            MARGIN / at.width,
            1 - at.map_bottom / at.height,
            at.map_width / at.width,
            at.map_height / at.height,
        )
    )
    labels = lies.oriented(drawn_labels(classmap))
    axes.patch.set(facecolor=EMPTY, hatch="////", edgecolor=LINE, linewidth=0)
    axes.imshow(legend.rgba()[labels], interpolation="nearest", aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color=INK, linewidth=0.8)


def _extra_rows(result: Result) -> int:
    """Rows of the legend that are no class: the total, and no data where there is any."""
    return 1 + (result.masked_share > 0)


def _draw_legend(sheet: Sheet, classes: Sequence[ClassFacts], result: Result) -> None:
    at = sheet.layout
    row_count = len(classes) + _extra_rows(result)
    per_column = math.ceil(row_count / at.legend_columns)
    spots = [
        (
            at.legend_left + (i // per_column) * (at.legend_width + LEGEND_GAP),
            at.legend_top + LEGEND_HEAD + (i % per_column + 0.5) * at.row_height,
        )
        for i in range(row_count)
    ]
    for left in sorted({x for x, _ in spots}):
        _draw_legend_head(sheet, left, result.mapped_ha is not None)
    decimals = area_decimals(result.mapped_ha or 0)
    for c, (x, y) in zip(classes, spots, strict=False):
        swatch = {"facecolor": c.colour, "edgecolor": INK, "linewidth": 0.6}
        _draw_row(sheet, x, y, swatch, c.name, percent(c.row.share), hectares(c.row.area_ha, decimals))
    rest = spots[len(classes) :]
    if result.masked_share > 0:
        x, y = rest[0]
        hatch = {"facecolor": EMPTY, "edgecolor": LINE, "hatch": "//////", "linewidth": 0.6}
        _draw_row(sheet, x, y, hatch, "No data", "", "")
        share = f"{percent(result.masked_share)} of the picture"
        sheet.text(x + at.legend_width, y, share, 11, colour=GREY, align="right")
    x, y = rest[-1]
    sheet.paper.plot([x, x + at.legend_width], [y - at.row_height / 2] * 2, color=LINE, linewidth=0.8)
    total = percent(sum(c.row.share for c in classes))
    _draw_row(sheet, x, y, None, "All classes", total, hectares(result.mapped_ha, decimals))


def _columns_x(sheet: Sheet, x: float, has_area: bool) -> tuple[float, float]:
    """Right edges of the columns share and area."""
    right = x + sheet.layout.legend_width
    return (right - 1.15 if has_area else right), right


def _draw_legend_head(sheet: Sheet, x: float, has_area: bool) -> None:
    y = sheet.layout.legend_top + 0.16
    share_x, area_x = _columns_x(sheet, x, has_area)
    sheet.text(x, y, "Class", 11, colour=GREY)
    sheet.text(share_x, y, "Share", 11, colour=GREY, align="right")
    if has_area:
        sheet.text(area_x, y, "Area (ha)", 11, colour=GREY, align="right")
    sheet.paper.plot([x, x + sheet.layout.legend_width], [y + 0.2] * 2, color=LINE, linewidth=0.8)


def _draw_row(
    sheet: Sheet, x: float, y: float, swatch: dict[str, object] | None, name: str, share: str, area: str
) -> None:
    height = min(0.24, sheet.layout.row_height - 0.08)
    size = 12.5 if sheet.layout.row_height >= ROW_HEIGHT else 10.5
    if swatch is not None:
        sheet.box(x, y - height / 2, 0.36, height, **swatch)
    share_x, area_x = _columns_x(sheet, x, bool(area))
    sheet.name(x + 0.5, y, name, size, share_x - 0.75 - (x + 0.5))
    sheet.text(share_x, y, share, size, align="right")
    sheet.text(area_x, y, area, size, align="right")


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


def _draw_scale(sheet: Sheet, lies: Drawn) -> None:
    at = sheet.layout
    top = at.map_bottom + 0.22
    if lies.width_m is None:
        note = "No place in this file: no scale, no north."
        sheet.text(MARGIN, top + 0.1, note, 11, colour=GREY)
        return
    _draw_bar(sheet, top, lies.width_m)
    if lies.north_deg is not None:
        _draw_north(sheet, max(at.map_width + MARGIN - 0.25, MARGIN + 3.2), at.map_bottom + 0.46, lies.north_deg)


def _draw_bar(sheet: Sheet, top: float, width_m: float) -> None:
    """A bar of four pieces in turn dark and light, a round length, at most 3 inches and a third of a wide map."""
    metres_per_inch = width_m / sheet.layout.map_width
    length_m = round_length_m(metres_per_inch * min(3.0, max(2.0, sheet.layout.map_width / 3)))
    length = length_m / metres_per_inch
    for piece in range(4):
        colour = INK if piece % 2 == 0 else "white"
        sheet.box(MARGIN + piece * length / 4, top, length / 4, 0.09, facecolor=colour, edgecolor=INK, linewidth=0.8)
    y = top + 0.27
    sheet.text(MARGIN, y, "0", 11)
    half = length_m / 2000 if length_m >= 1000 else length_m / 2
    sheet.text(MARGIN + length / 2, y, f"{half:,.15g}", 11, align="center")
    sheet.text(MARGIN + length, y, length_words(length_m), 11, align="center")


def _draw_north(sheet: Sheet, x: float, y: float, north_deg: float) -> None:
    """An arrow with its N, centred on x, y, turned clockwise."""
    from matplotlib.patches import Polygon

    turn = math.radians(north_deg)

    def at(right: float, up: float) -> tuple[float, float]:
        cos, sin = math.cos(turn), math.sin(turn)
        return x + right * cos + up * sin, y + right * sin - up * cos

    tip, foot, notch = at(0, 0.14), -0.28, at(0, -0.19)
    sheet.paper.add_patch(
        Polygon([tip, at(-0.13, foot), notch], closed=True, facecolor=INK, edgecolor=INK, linewidth=0.8)
    )
    sheet.paper.add_patch(
        Polygon([tip, at(0.13, foot), notch], closed=True, facecolor="white", edgecolor=INK, linewidth=0.8)
    )
    sheet.text(*at(0, 0.27), "N", 12, align="center", bold=True)


def _draw_footer(sheet: Sheet, handover: Handover) -> None:
    result = handover.result
    at, recipe = sheet.layout, result.recipe
    y = at.height - 0.36
    sheet.paper.plot([MARGIN, at.width - MARGIN], [y - 0.24] * 2, color=LINE, linewidth=0.8)
    attribution = one_line(result.scene.attribution)
    if attribution:
        sheet.text(MARGIN, y, attribution, 10.5, colour=GREY, most_width=at.width - 2 * MARGIN)
    left = at.width - 2 * MARGIN - sheet.width_of(drawable(attribution), 10.5) - 0.4
    crs = result.classmap.grid.crs
    place = [] if crs is None else [crs.name]
    by = [handover.about.author] if handover.about.author else []
    facts = " · ".join([*by, *place, f"{recipe.algorithm}, k = {recipe.k}, {len(recipe.bands)} bands", "s2dash"])
    if left > 2:
        sheet.text(at.width - MARGIN, y, one_line(facts), 10.5, colour=GREY, align="right", most_width=left)


EXPORT = Export(
    key="picture",
    card="picture",
    label="Map picture (PNG)",
    short="PNG",
    suffix="-map.png",
    mime="image/png",
    help="The map with title, legend, scale bar and source, for a report or a slide.",
    needs_full=False,
    needs_place=False,
    write=write_picture,
)
