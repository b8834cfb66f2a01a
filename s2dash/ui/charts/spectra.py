"""The chart of mean spectra: the reflectance of each class by band."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from s2dash.core.classmap import ClassRow, Result
from s2dash.core.legend import Legend, LegendEntry
from s2dash.core.scene import Band
from s2dash.ui import text
from s2dash.ui.charts.band_axis import BandAxis, axis_of, shown_bands, ticks_at_bands
from s2dash.ui.charts.spec import (
    COLOUR,
    OPACITY,
    Inks,
    Spec,
    axis_inks,
    inks_of,
    layered,
    nominal,
    number_axis,
    numeric,
    over,
    tip,
)
from s2dash.ui.charts.words import Quantity, class_title, quantity_of, shortened

SPECTRA_HEIGHT_PX = 360
SPECTRA_BESIDE_HEIGHT_PX = 260
"""Under the panel beside the map; look.css keeps its place."""
MOST_NUMBERED_LINES = 24
"""More class numbers than this do not fit beside the line ends."""

_AXIS_HEIGHT_PX = 68.0
"""About what Streamlit and the axis below take of the height."""
_LABEL_GAP_PX = 13.0
_FEW_LINES = 12
_HOVERED = "hovered"


def spectra_chart(
    result: Result, legend: Legend, dark: bool, selected: int | None = None, height_px: int = SPECTRA_HEIGHT_PX
) -> Spec:
    """Mean reflectance of each class, in percent, against wavelength on a logarithmic axis; or embedding values.

    Shown are the bands made for the ground, and others that the recipe uses. Bands without a
    wavelength stand in the scene's order; bands of several dates stand side by side, date by date.
    One band gives bars. With `selected`, the other classes are pale.
    """
    inks = inks_of(dark)
    bands = shown_bands(result)
    if len(bands) == 1:
        return layered(_bars(result, legend, bands[0], selected, inks), height_px)
    return layered(_lines(result, legend, axis_of(result, bands), selected, inks, height_px), height_px)


def spectra_name(result: Result, legend: Legend) -> str:
    """A short name of the spectra chart: Streamlit puts it on each of the chart's buttons."""
    count = len(shown_bands(result))
    name = quantity_of(result.scene).name
    return f"Mean {name} of {len(legend.entries)} classes in {count} band{'s' if count != 1 else ''}"


def spectra_alt(result: Result, legend: Legend) -> str:
    """What the spectra chart shows, in words: each class with its lowest and highest mean reflectance."""
    bands, words = shown_bands(result), quantity_of(result.scene).words
    sentences = [f"{spectra_name(result, legend)}."]
    for entry, row in legend.arranged([*zip(legend.entries, result.rows, strict=True)]):
        known = [(row.mean_reflectance[i], band.name) for i, band in bands if math.isfinite(row.mean_reflectance[i])]
        if not known:
            sentences.append(f"{class_title(entry)}: not known.")
            continue
        (low, low_band), (high, high_band) = min(known), max(known)
        if len(bands) == 1:
            sentences.append(f"{class_title(entry)}: {words(high)}.")
        else:
            sentences.append(f"{class_title(entry)}: {words(low)} in {low_band} to {words(high)} in {high_band}.")
    return " ".join(sentences)


def _lines(
    result: Result, legend: Legend, axis: BandAxis, selected: int | None, inks: Inks, height_px: int
) -> list[Spec]:
    points = _spectrum_points(result, legend, axis, selected, inks)
    quantity = quantity_of(result.scene)
    domain = _reflectance_domain(points, headroom=0.14 if len(axis.headings) > 1 else 0.05)
    place = {
        "x": {
            **numeric("x"),
            "scale": {"type": axis.scale, "domain": [axis.at(-0.015), axis.at(1.05)], "nice": False},
            "axis": ticks_at_bands(axis, inks),
        },
        "y": {
            **numeric("reflectance"),
            "scale": {"domain": list(domain), "nice": False},
            "axis": number_axis(_capital(quantity.axis), inks),
        },
    }
    base: Spec = {**place, "detail": [nominal("id"), nominal("group")], "opacity": OPACITY}
    pen: Spec = {"type": "line", "strokeCap": "round", "strokeJoin": "round"}
    casing = {
        **over(points),
        "mark": {**pen, "color": inks.casing},
        "encoding": {**base, "opacity": {**OPACITY, "field": "casing"}, "strokeWidth": _wider_where_hovered(4.2, 6.4)},
    }
    line = {
        **over(points),
        "mark": pen,
        "encoding": {**base, "color": COLOUR, "strokeWidth": _wider_where_hovered(2.6, 4.6)},
    }
    size = 38 if len(legend.entries) <= _FEW_LINES else 22
    dots = {
        **over(points),
        "mark": {"type": "circle", "stroke": inks.casing, "strokeWidth": 0.8, "strokeOpacity": 0.75},
        "encoding": {**base, "color": COLOUR, "size": _wider_where_hovered(size, 90)},
    }
    hovered = {"type": "point", "on": "pointerover", "clear": "pointerout", "fields": ["id"]}
    targets = {
        **over([point for point in points if point["opacity"] == 1]),
        "params": [{"name": _HOVERED, "select": hovered}],
        "mark": {"type": "circle", "size": 330, "opacity": 0},
        "encoding": {**place, "tooltip": _tooltip(quantity)},
    }
    numbers = _end_numbers(points, axis, domain, inks, place, height_px - _AXIS_HEIGHT_PX)
    return [casing, line, dots, *numbers, *_group_headings(axis, domain, inks, place), targets]


def _spectrum_points(
    result: Result, legend: Legend, axis: BandAxis, selected: int | None, inks: Inks
) -> list[dict[str, Any]]:
    """One point for each class and band with a known mean; the selected class comes last, on top."""
    quantity = quantity_of(result.scene)
    pairs = sorted(zip(legend.entries, result.rows, strict=True), key=lambda pair: pair[0].id == selected)
    return [
        {
            "id": entry.id,
            "group": place.group,
            "x": place.x,
            "reflectance": round(quantity.factor * row.mean_reflectance[place.index], 3),
            "colour": entry.colour,
            "opacity": 1.0 if selected in (None, entry.id) else 0.15,
            "casing": inks.casing_opacity if selected in (None, entry.id) else 0.04,
            **_spectrum_words(entry, row, place.index, place.band, quantity),
        }
        for entry, row in pairs
        for place in axis.places
        if math.isfinite(row.mean_reflectance[place.index])
    ]


def _bars(result: Result, legend: Legend, one: tuple[int, Band], selected: int | None, inks: Inks) -> list[Spec]:
    """One bar for each class, for a scene of which a single band is shown."""
    index, band = one
    quantity = quantity_of(result.scene)
    bars = [
        {
            "number": str(entry.id),
            "reflectance": round(quantity.factor * row.mean_reflectance[index], 3),
            "colour": entry.colour,
            "opacity": 1.0 if selected in (None, entry.id) else 0.15,
            **_spectrum_words(entry, row, index, band, quantity),
        }
        for entry, row in legend.arranged([*zip(legend.entries, result.rows, strict=True)])
        if math.isfinite(row.mean_reflectance[index])
    ]
    across = {
        **nominal("number"),
        "sort": None,
        "scale": {"paddingInner": 0.35, "paddingOuter": 0.3},
        "axis": {"title": "Class", "labelAngle": 0, "ticks": False, **axis_inks(inks)},
    }
    up = {**numeric("reflectance"), "axis": number_axis(f"{shortened(band.name, 40)}: {quantity.axis}", inks)}
    mark = {
        "type": "bar",
        "stroke": inks.casing,
        "strokeWidth": 0.8,
        "strokeOpacity": 0.6,
        "cornerRadiusEnd": 3,
    }
    encoding = {"x": across, "y": up, "color": COLOUR, "opacity": OPACITY, "tooltip": _tooltip(quantity)}
    return [{**over(bars), "mark": mark, "encoding": encoding}]


def _end_numbers(
    points: Sequence[dict[str, Any]],
    axis: BandAxis,
    domain: tuple[float, float],
    inks: Inks,
    place: Spec,
    plot_height_px: float,
) -> list[Spec]:
    """Class numbers right of the line ends, moved apart, each tied to its line; none where they cannot fit."""
    ends = [point for point in points if point["x"] == axis.span[1]]
    if len(ends) > MOST_NUMBERED_LINES:
        return []
    low, high = domain
    px_per_unit = plot_height_px / (high - low)
    heights_px = [(point["reflectance"] - low) * px_per_unit for point in ends]
    spread_px = spread_apart(heights_px, _LABEL_GAP_PX, plot_height_px)
    near, far = axis.at(1.008), axis.at(1.03)
    numbers, ties = [], []
    for point, height_px in zip(ends, spread_px, strict=True):
        end = {"reflectance": low + height_px / px_per_unit, "opacity": 1.0 if point["opacity"] == 1 else 0.45}
        numbers.append({**end, "x": far, "number": str(point["id"])})
        ties.append({"id": point["id"], "x": near, "reflectance": point["reflectance"], "opacity": end["opacity"]})
        ties.append({**end, "id": point["id"], "x": far})
    lines = {"type": "line", "color": inks.quiet, "strokeWidth": 0.8}
    words: Spec = {"type": "text", "align": "left", "baseline": "middle", "dx": 4, "fontSize": 12, "fontWeight": 600}
    return [
        {**over(ties), "mark": lines, "encoding": {**place, "detail": nominal("id"), "opacity": OPACITY}},
        {
            **over(numbers),
            "mark": {**words, "color": inks.text},
            "encoding": {**place, "text": nominal("number"), "opacity": OPACITY},
        },
    ]


def _group_headings(axis: BandAxis, domain: tuple[float, float], inks: Inks, place: Spec) -> list[Spec]:
    """The date over the first band of each group of bands."""
    if not axis.headings:
        return []
    headings = [{"x": at, "reflectance": domain[1], "heading": words} for at, words in axis.headings]
    words: Spec = {
        "type": "text",
        "align": "left",
        "baseline": "top",
        "dx": -4,
        "dy": 4,
        "fontSize": 12,
        "fontWeight": 600,
    }
    return [
        {
            **over(headings),
            "mark": {**words, "fontSize": 12, "fontWeight": 600, "color": inks.quiet},
            "encoding": {**place, "text": nominal("heading")},
        }
    ]


def spread_apart(heights: Sequence[float], gap: float, top: float) -> list[float]:
    """Heights at least `gap` apart in their order, within 0 to `top`, each cluster centred on its members.

    The least squares answer, by pooling neighbours that collide (bounded isotonic regression on
    the heights less their place in a gapless stack). The gap shrinks where there is no room for it.
    """
    gap = min(gap, top / max(1, len(heights) - 1))
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    pools: list[tuple[float, int]] = []
    for place, i in enumerate(order):
        mean, size = heights[i] - place * gap, 1
        while pools and pools[-1][0] > mean:
            other, count = pools.pop()
            mean, size = (other * count + mean * size) / (count + size), count + size
        pools.append((mean, size))
    highest = top - (len(heights) - 1) * gap
    stacked = [min(max(mean, 0.0), highest) for mean, size in pools for _ in range(size)]
    spread = [0.0] * len(heights)
    for place, i in enumerate(order):
        spread[i] = stacked[place] + place * gap
    return spread


def _reflectance_domain(points: Sequence[dict[str, Any]], headroom: float) -> tuple[float, float]:
    values = [point["reflectance"] for point in points]
    low, high = min([0.0, *values]), max([0.0, *values])
    return low, high + headroom * (high - low) if high > low else low + 1.0


def _spectrum_words(entry: LegendEntry, row: ClassRow, index: int, band: Band, quantity: Quantity) -> dict[str, str]:
    return {
        "class": class_title(entry),
        "band": band.name,
        "light": band.common_name or "not known",
        "wavelength": f"{text.number(band.wavelength_nm)} nm" if band.wavelength_nm else "not known",
        "mean": quantity.words(row.mean_reflectance[index]),
    }


def _wider_where_hovered(value: float, hovered: float) -> Spec:
    return {"condition": {"param": _HOVERED, "empty": False, "value": hovered}, "value": value}


def _tooltip(quantity: Quantity) -> list[Spec]:
    light = [] if quantity.name != "reflectance" else [tip("light", "Light"), tip("wavelength", "Wavelength")]
    return [tip("class", "Class"), tip("band", "Band"), *light, tip("mean", f"Mean {quantity.name}")]


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
