"""The page's charts as Vega-Lite specifications: mean spectra of the classes, and a scatter of two features.

They are plain JSON values, which cost a page nothing but their writing; tests hold them against the schema of
Vega-Lite. Vega reads brackets and dots in field names as paths and takes some tooltip titles as commands, so
fields and titles are fixed words here, and every text from outside is a value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, TypeAlias

import numpy as np

from s2dash.core.classmap import ClassRow, Result
from s2dash.core.legend import Legend, LegendEntry
from s2dash.core.scene import Band
from s2dash.ui import text

Spec: TypeAlias = dict[str, Any]
"""A Vega-Lite specification or a part of one; not to be changed once it is made."""
Chart: TypeAlias = tuple[Spec, str]
"""A specification, and what it shows in words."""

MOST_SCATTER_POINTS = 2_000
SPECTRA_HEIGHT_PX = 360
SCATTER_HEIGHT_PX = 420
MOST_NUMBERED_LINES = 24
"""More class numbers than this do not fit beside the line ends."""

_PLOT_HEIGHT_PX = SPECTRA_HEIGHT_PX - 68.0
"""About what Streamlit leaves of the height for the lines, less the axis below."""
_LABEL_GAP_PX = 13.0
_LABEL_LINE_CHARACTERS = 16
_MOST_LABEL_CHARACTERS = 28
_FEW_LINES = 12
_HOVERED = "hovered"
_OPACITY: Spec = {"field": "opacity", "type": "quantitative", "scale": None, "legend": None}
_COLOUR: Spec = {"field": "colour", "type": "nominal", "scale": None, "legend": None}
_ZOOM = "wheel![event.ctrlKey || event.metaKey || event.shiftKey]"
_PAN = "[pointerdown[event.pointerType === 'mouse'], window:pointerup] > window:pointermove!"


@dataclass(frozen=True)
class _Inks:
    """Colours of everything that is not a class."""

    text: str
    quiet: str
    grid: str
    casing: str
    casing_opacity: float
    paper: str


_LIGHT = _Inks("#0b1512", "#4d5a55", "#d3dbd8", "#0b1512", 0.32, "#ffffff")
_DARK = _Inks("#e8eeeb", "#b4beba", "#33403c", "#e8eeeb", 0.5, "#101615")


@dataclass(frozen=True)
class _Place:
    """Where a band stands on the axis."""

    index: int
    """In the scene's bands."""
    band: Band
    x: float
    group: int
    """Bands of one group are joined by a line."""
    label: tuple[str, str]


@dataclass(frozen=True)
class _Axis:
    """How the bands of a scene are laid out from left to right."""

    places: tuple[_Place, ...]
    scale: Literal["log", "linear"]
    title: str
    headings: tuple[tuple[float, str], ...] = ()
    """Where each group begins, and what it is."""

    @property
    def span(self) -> tuple[float, float]:
        xs = [place.x for place in self.places]
        return min(xs), max(xs)

    def at(self, share: float) -> float:
        """The position at a share of the axis: 0 is its first band, 1 its last."""
        first, last = self.span
        return first * (last / first) ** share if self.scale == "log" else first + (last - first) * share


def spectra_chart(result: Result, legend: Legend, dark: bool, selected: int | None = None) -> Spec:
    """Mean reflectance of each class, in percent, against wavelength on a logarithmic axis.

    Shown are the bands made for the ground, and others that the recipe uses. Bands without a
    wavelength stand in the scene's order; bands of several dates stand side by side, date by date.
    One band gives bars. With `selected`, the other classes are pale.
    """
    inks = _DARK if dark else _LIGHT
    bands = _shown_bands(result)
    if len(bands) == 1:
        return _layered(_bars(result, legend, bands[0], selected, inks), SPECTRA_HEIGHT_PX)
    return _layered(_lines(result, legend, _axis(result, bands), selected, inks), SPECTRA_HEIGHT_PX)


def spectra_name(result: Result, legend: Legend) -> str:
    """A short name of the spectra chart: Streamlit puts it on each of the chart's buttons."""
    count = len(_shown_bands(result))
    return f"Mean reflectance of {len(legend.entries)} classes in {count} band{'s' if count != 1 else ''}"


def spectra_alt(result: Result, legend: Legend) -> str:
    """What the spectra chart shows, in words: each class with its lowest and highest mean reflectance."""
    bands = _shown_bands(result)
    sentences = [f"{spectra_name(result, legend)}."]
    for entry, row in zip(legend.entries, result.rows, strict=True):
        known = [(row.mean_reflectance[i], band.name) for i, band in bands if math.isfinite(row.mean_reflectance[i])]
        if not known:
            sentences.append(f"{_title(entry)}: not known.")
            continue
        (low, low_band), (high, high_band) = min(known), max(known)
        if len(bands) == 1:
            sentences.append(f"{_title(entry)}: {_percent(high)}.")
        else:
            sentences.append(f"{_title(entry)}: {_percent(low)} in {low_band} to {_percent(high)} in {high_band}.")
    return " ".join(sentences)


def scatter_chart(
    sample_x: np.ndarray,
    sample_y: np.ndarray,
    labels: np.ndarray,
    legend: Legend,
    x_title: str,
    y_title: str,
    dark: bool,
    selected: int | None = None,
) -> Spec:
    """Pixels of a sample by two of their features, in the colours of their classes, with class numbers.

    sample_x, sample_y : shape (n,), the features; labels : shape (n,), 0 is nodata. Of more than
    2,000 pixels, that many are drawn, each class by its share. Dragging moves the view, the wheel
    with Ctrl or Shift zooms, a double click resets.

    Raises ValueError where the three lengths differ.
    """
    x, y, labels = (np.asarray(values).ravel() for values in (sample_x, sample_y, labels))
    if not x.size == y.size == labels.size:
        raise ValueError(f"A scatter needs equal lengths, not {x.size}, {y.size} and {labels.size}.")
    inks = _DARK if dark else _LIGHT
    numbers_known = [entry.id for entry in legend.entries]
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y) & np.isin(labels, numbers_known))
    chosen = known[_by_class_share(labels[known], MOST_SCATTER_POINTS)]
    dots = [{"x": _rounded(x[i]), "y": _rounded(y[i]), "id": int(labels[i])} for i in chosen]
    classes = [
        {
            "id": entry.id,
            "colour": entry.colour,
            "opacity": 0.8 if selected in (None, entry.id) else 0.08,
            "class": _title(entry),
        }
        for entry in legend.entries
    ]
    centres = [
        {"x": _rounded(np.median(x[own])), "y": _rounded(np.median(y[own])), "number": str(entry.id)}
        for entry in legend.entries
        if selected in (None, entry.id) and (own := known[labels[known] == entry.id]).size
    ]
    place = {
        channel: {**_numeric(channel), "scale": {"zero": False}, "axis": _number_axis(title, inks)}
        for channel, title in (("x", x_title), ("y", y_title))
    }
    # What a dot has of its class is looked up in the browser: two thousand dots would carry it two thousand times.
    facts = {"data": {"values": classes}, "key": "id", "fields": ["colour", "opacity", "class"]}
    moved = {"type": "interval", "zoom": _ZOOM, "translate": _PAN}
    cloud = {
        **_over(dots),
        "transform": [
            {"lookup": "id", "from": facts},
            {"calculate": f"{json.dumps(f'{x_title}: ')} + datum.x", "as": "across"},
            {"calculate": f"{json.dumps(f'{y_title}: ')} + datum.y", "as": "up"},
        ],
        "params": [{"name": "view", "bind": "scales", "select": moved}],
        "mark": {
            "type": "circle",
            "size": 30,
            "stroke": inks.casing,
            "strokeWidth": 0.4,
            "strokeOpacity": inks.casing_opacity,
            "clip": True,
        },
        "encoding": {
            **place,
            "color": _COLOUR,
            "opacity": _OPACITY,
            "tooltip": [_tip("class", "Class"), _tip("across", "Across"), _tip("up", "Up")],
        },
    }
    number: Spec = {"type": "text", "fontSize": 13, "fontWeight": 700, "clip": True}
    numbers = {**_over(centres), "encoding": {**place, "text": _nominal("number")}}
    halo = {**number, "stroke": inks.paper, "strokeWidth": 4, "strokeJoin": "round"}
    return _layered(
        [cloud, {**numbers, "mark": halo}, {**numbers, "mark": {**number, "color": inks.text}}], SCATTER_HEIGHT_PX
    )


def scatter_alt(labels: np.ndarray, legend: Legend, x_title: str, y_title: str) -> str:
    """What the scatter chart shows, in words."""
    count = min(MOST_SCATTER_POINTS, int(np.count_nonzero(np.isin(labels, [entry.id for entry in legend.entries]))))
    return f"{text.pixels(count)} of the sample by {x_title} (across) and {y_title} (up), coloured by class."


def _shown_bands(result: Result) -> list[tuple[int, Band]]:
    """Bands made for the ground and bands of the recipe, with their positions, in the scene's order."""
    scene = result.scene
    shown = {*scene.optical_bands(), *scene.positions(result.recipe.bands)}
    return [(i, band) for i, band in enumerate(scene.bands) if i in shown]


def _axis(result: Result, bands: Sequence[tuple[int, Band]]) -> _Axis:
    wavelengths = [band.wavelength_nm for _, band in bands]
    if None in wavelengths:
        return _in_order([bands], "Band")
    if len(set(wavelengths)) == len(wavelengths):
        by_wavelength = sorted(bands, key=lambda one: one[1].wavelength_nm or 0)
        places = (
            _Place(i, band, float(band.wavelength_nm or 0), 0, (_standard(band), str(band.wavelength_nm)))
            for i, band in by_wavelength
        )
        return _Axis(tuple(places), "log", "Wavelength (nm)")
    suffixes = list(dict.fromkeys(band.suffix for _, band in bands))
    ordered = sorted(bands, key=lambda one: (suffixes.index(one[1].suffix), one[1].wavelength_nm or 0))
    groups = [list(group) for _, group in groupby(ordered, key=lambda one: one[1].suffix)]
    return _in_order(groups, "Band and date")


def _in_order(groups: Sequence[Sequence[tuple[int, Band]]], title: str) -> _Axis:
    """Bands side by side, with a free place between groups."""
    places: list[_Place] = []
    headings: list[tuple[float, str]] = []
    for number, group in enumerate(groups):
        headings.append((float(len(places) + number), _short(group[0][1].suffix.strip(" _-"))))
        for i, band in group:
            label = in_two_lines(_standard(band) if len(groups) > 1 else band.name)
            places.append(_Place(i, band, float(len(places) + number), number, label))
    return _Axis(tuple(places), "linear", title, tuple(headings) if len(groups) > 1 else ())


def _lines(result: Result, legend: Legend, axis: _Axis, selected: int | None, inks: _Inks) -> list[Spec]:
    points = _spectrum_points(result, legend, axis, selected, inks)
    domain = _reflectance_domain(points, headroom=0.14 if len(axis.headings) > 1 else 0.05)
    place = {
        "x": {
            **_numeric("x"),
            "scale": {"type": axis.scale, "domain": [axis.at(-0.015), axis.at(1.05)], "nice": False},
            "axis": _band_axis(axis, inks),
        },
        "y": {
            **_numeric("reflectance"),
            "scale": {"domain": list(domain), "nice": False},
            "axis": _number_axis("Reflectance (%)", inks),
        },
    }
    base: Spec = {**place, "detail": [_nominal("id"), _nominal("group")], "opacity": _OPACITY}
    pen: Spec = {"type": "line", "strokeCap": "round", "strokeJoin": "round"}
    casing = {
        **_over(points),
        "mark": {**pen, "color": inks.casing},
        "encoding": {**base, "opacity": {**_OPACITY, "field": "casing"}, "strokeWidth": _wider_where_hovered(4.2, 6.4)},
    }
    line = {
        **_over(points),
        "mark": pen,
        "encoding": {**base, "color": _COLOUR, "strokeWidth": _wider_where_hovered(2.6, 4.6)},
    }
    size = 38 if len(legend.entries) <= _FEW_LINES else 22
    dots = {
        **_over(points),
        "mark": {"type": "circle", "stroke": inks.casing, "strokeWidth": 0.8, "strokeOpacity": 0.75},
        "encoding": {**base, "color": _COLOUR, "size": _wider_where_hovered(size, 90)},
    }
    hovered = {"type": "point", "on": "pointerover", "clear": "pointerout", "fields": ["id"]}
    targets = {
        **_over([point for point in points if point["opacity"] == 1]),
        "params": [{"name": _HOVERED, "select": hovered}],
        "mark": {"type": "circle", "size": 330, "opacity": 0},
        "encoding": {**place, "tooltip": _SPECTRUM_TOOLTIP},
    }
    numbers = _end_numbers(points, axis, domain, inks, place)
    return [casing, line, dots, *numbers, *_group_headings(axis, domain, inks, place), targets]


def _spectrum_points(
    result: Result, legend: Legend, axis: _Axis, selected: int | None, inks: _Inks
) -> list[dict[str, Any]]:
    """One point for each class and band with a known mean; the selected class comes last, on top."""
    pairs = sorted(zip(legend.entries, result.rows, strict=True), key=lambda pair: pair[0].id == selected)
    return [
        {
            "id": entry.id,
            "group": place.group,
            "x": place.x,
            "reflectance": round(100 * row.mean_reflectance[place.index], 3),
            "colour": entry.colour,
            "opacity": 1.0 if selected in (None, entry.id) else 0.15,
            "casing": inks.casing_opacity if selected in (None, entry.id) else 0.04,
            **_spectrum_words(entry, row, place.index, place.band),
        }
        for entry, row in pairs
        for place in axis.places
        if math.isfinite(row.mean_reflectance[place.index])
    ]


def _bars(result: Result, legend: Legend, one: tuple[int, Band], selected: int | None, inks: _Inks) -> list[Spec]:
    """One bar for each class, for a scene of which a single band is shown."""
    index, band = one
    bars = [
        {
            "number": str(entry.id),
            "reflectance": round(100 * row.mean_reflectance[index], 3),
            "colour": entry.colour,
            "opacity": 1.0 if selected in (None, entry.id) else 0.15,
            **_spectrum_words(entry, row, index, band),
        }
        for entry, row in zip(legend.entries, result.rows, strict=True)
        if math.isfinite(row.mean_reflectance[index])
    ]
    across = {
        **_nominal("number"),
        "sort": None,
        "scale": {"paddingInner": 0.35, "paddingOuter": 0.3},
        "axis": {"title": "Class", "labelAngle": 0, "ticks": False, **_axis_inks(inks)},
    }
    up = {**_numeric("reflectance"), "axis": _number_axis(f"{_short(band.name, 40)}: reflectance (%)", inks)}
    mark = {
        "type": "bar",
        "stroke": inks.casing,
        "strokeWidth": 0.8,
        "strokeOpacity": 0.6,
        "cornerRadiusEnd": 3,
    }
    encoding = {"x": across, "y": up, "color": _COLOUR, "opacity": _OPACITY, "tooltip": _SPECTRUM_TOOLTIP}
    return [{**_over(bars), "mark": mark, "encoding": encoding}]


def _end_numbers(
    points: Sequence[dict[str, Any]], axis: _Axis, domain: tuple[float, float], inks: _Inks, place: Spec
) -> list[Spec]:
    """Class numbers right of the line ends, moved apart, each tied to its line; none where they cannot fit."""
    ends = [point for point in points if point["x"] == axis.span[1]]
    if len(ends) > MOST_NUMBERED_LINES:
        return []
    low, high = domain
    px_per_unit = _PLOT_HEIGHT_PX / (high - low)
    heights_px = [(point["reflectance"] - low) * px_per_unit for point in ends]
    spread_px = spread_apart(heights_px, _LABEL_GAP_PX, _PLOT_HEIGHT_PX)
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
        {**_over(ties), "mark": lines, "encoding": {**place, "detail": _nominal("id"), "opacity": _OPACITY}},
        {
            **_over(numbers),
            "mark": {**words, "color": inks.text},
            "encoding": {**place, "text": _nominal("number"), "opacity": _OPACITY},
        },
    ]


def _group_headings(axis: _Axis, domain: tuple[float, float], inks: _Inks, place: Spec) -> list[Spec]:
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
            **_over(headings),
            "mark": {**words, "fontSize": 12, "fontWeight": 600, "color": inks.quiet},
            "encoding": {**place, "text": _nominal("heading")},
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


def _band_axis(axis: _Axis, inks: _Inks) -> Spec:
    """Ticks at the bands, labelled in two lines; of labels that would overlap the later ones go."""
    labels = {f"{place.x:g}": [line for line in place.label if line] for place in axis.places}
    return {
        "title": axis.title,
        "values": [place.x for place in axis.places],
        "labelExpr": f"{json.dumps(labels)}[datum.value]",
        "labelAngle": 0,
        "labelOverlap": "greedy",
        "labelSeparation": 4,
        "labelFlush": False,
        "grid": True,
        **_axis_inks(inks),
    }


def _number_axis(title: str, inks: _Inks) -> Spec:
    return {"title": title, "tickCount": 5, "grid": True, "ticks": False, "labelFlush": False, **_axis_inks(inks)}


def _axis_inks(inks: _Inks) -> Spec:
    return {
        "domain": False,
        "gridColor": inks.grid,
        "gridOpacity": 0.6,
        "labelColor": inks.quiet,
        "labelFontSize": 12,
        "labelPadding": 6,
        "tickColor": inks.grid,
        "titleColor": inks.quiet,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 10,
    }


def _spectrum_words(entry: LegendEntry, row: ClassRow, index: int, band: Band) -> dict[str, str]:
    return {
        "class": _title(entry),
        "band": band.name,
        "light": band.common_name or "not known",
        "wavelength": f"{text.number(band.wavelength_nm)} nm" if band.wavelength_nm else "not known",
        "mean": _percent(row.mean_reflectance[index]),
    }


def _wider_where_hovered(value: float, hovered: float) -> Spec:
    return {"condition": {"param": _HOVERED, "empty": False, "value": hovered}, "value": value}


def _over(rows: Sequence[dict[str, Any]]) -> Spec:
    """The rows for a layer, written once: Streamlit writes and reads a specification anew in each run of the page."""
    return {"data": {"values": json.dumps(rows, separators=(",", ":")), "format": {"type": "json"}}}


def _layered(layers: Sequence[Spec], height_px: int) -> Spec:
    return {"height": height_px, "width": "container", "layer": list(layers)}


def _nominal(field: str) -> Spec:
    return {"field": field, "type": "nominal"}


def _numeric(field: str) -> Spec:
    return {"field": field, "type": "quantitative"}


def _tip(field: str, title: str) -> Spec:
    return {**_nominal(field), "title": title}


_SPECTRUM_TOOLTIP = [
    _tip("class", "Class"),
    _tip("band", "Band"),
    _tip("light", "Light"),
    _tip("wavelength", "Wavelength"),
    _tip("mean", "Mean reflectance"),
]


def _by_class_share(labels: np.ndarray, most: int) -> np.ndarray:
    """Positions of at most `most` labels, evenly from each class, in their own order."""
    if labels.size <= most:
        return np.arange(labels.size)
    by_class = np.argsort(labels, kind="stable")
    return np.sort(by_class[np.linspace(0, labels.size - 1, most).astype(np.intp)])


def _title(entry: LegendEntry) -> str:
    return entry.name if entry.name == f"Class {entry.id}" else f"{entry.name} (class {entry.id})"


def _percent(reflectance: float) -> str:
    return f"{text.number(100 * reflectance, 1)} %"


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _standard(band: Band) -> str:
    return band.root


def in_two_lines(label: str) -> tuple[str, str]:
    """A label of up to 28 characters as at most two lines, split at a gap if one is near; longer ones are cut."""
    label = _short(label)
    most = _LABEL_LINE_CHARACTERS
    if len(label) <= most:
        return label, ""
    gaps = (i for i in range(len(label) - most, most + 1) if not label[i - 1].isalnum() or not label[i].isalnum())
    cut = max(gaps, default=most)
    return label[:cut].rstrip(), label[cut:].lstrip()


def _short(label: str, most: int = _MOST_LABEL_CHARACTERS) -> str:
    return label if len(label) <= most else f"{label[: most - 1]}…"
