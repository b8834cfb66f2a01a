"""The chart of two features of the sample, each pixel in the colour of its class."""

from __future__ import annotations

import json

import numpy as np

from s2dash.core.legend import Legend
from s2dash.ui import text
from s2dash.ui.charts.spec import COLOUR, OPACITY, Spec, inks_of, layered, nominal, number_axis, numeric, over, tip
from s2dash.ui.charts.words import class_title

MOST_SCATTER_POINTS = 2_000
SCATTER_HEIGHT_PX = 420
_ZOOM = "wheel![event.ctrlKey || event.metaKey || event.shiftKey]"
_PAN = "[pointerdown[event.pointerType === 'mouse'], window:pointerup] > window:pointermove!"


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
    inks = inks_of(dark)
    numbers_known = [entry.id for entry in legend.entries]
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y) & np.isin(labels, numbers_known))
    chosen = known[_by_class_share(labels[known], MOST_SCATTER_POINTS)]
    dots = [{"x": _rounded(x[i]), "y": _rounded(y[i]), "id": int(labels[i])} for i in chosen]
    classes = [
        {
            "id": entry.id,
            "colour": entry.colour,
            "opacity": 0.8 if selected in (None, entry.id) else 0.08,
            "class": class_title(entry),
        }
        for entry in legend.entries
    ]
    centres = [
        {"x": _rounded(np.median(x[own])), "y": _rounded(np.median(y[own])), "number": str(entry.id)}
        for entry in legend.entries
        if selected in (None, entry.id) and (own := known[labels[known] == entry.id]).size
    ]
    place = {
        channel: {**numeric(channel), "scale": {"zero": False}, "axis": number_axis(title, inks)}
        for channel, title in (("x", x_title), ("y", y_title))
    }
    # What a dot has of its class is looked up in the browser: two thousand dots would carry it two thousand times.
    facts = {"data": {"values": classes}, "key": "id", "fields": ["colour", "opacity", "class"]}
    moved = {"type": "interval", "zoom": _ZOOM, "translate": _PAN}
    cloud = {
        **over(dots),
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
            "color": COLOUR,
            "opacity": OPACITY,
            "tooltip": [tip("class", "Class"), tip("across", "Across"), tip("up", "Up")],
        },
    }
    number: Spec = {"type": "text", "fontSize": 13, "fontWeight": 700, "clip": True}
    numbers = {**over(centres), "encoding": {**place, "text": nominal("number")}}
    halo = {**number, "stroke": inks.paper, "strokeWidth": 4, "strokeJoin": "round"}
    return layered(
        [cloud, {**numbers, "mark": halo}, {**numbers, "mark": {**number, "color": inks.text}}], SCATTER_HEIGHT_PX
    )


def scatter_alt(labels: np.ndarray, legend: Legend, x_title: str, y_title: str) -> str:
    """What the scatter chart shows, in words."""
    count = min(MOST_SCATTER_POINTS, int(np.count_nonzero(np.isin(labels, [entry.id for entry in legend.entries]))))
    return f"{text.pixels(count)} of the sample by {x_title} (across) and {y_title} (up), coloured by class."


def _by_class_share(labels: np.ndarray, most: int) -> np.ndarray:
    """Positions of at most `most` labels, evenly from each class, in their own order."""
    if labels.size <= most:
        return np.arange(labels.size)
    by_class = np.argsort(labels, kind="stable")
    return np.sort(by_class[np.linspace(0, labels.size - 1, most).astype(np.intp)])


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
