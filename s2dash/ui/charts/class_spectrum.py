"""The chart of one class's spectrum: its mean by band, and where most of its pixels lie around it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from s2dash.core.classmap import ClassRow, Result
from s2dash.core.legend import LegendEntry
from s2dash.ui.charts.band_axis import BandAxis, BandPlace, axis_of, shown_bands, ticks_at_bands
from s2dash.ui.charts.spec import Inks, Spec, axis_inks, inks_of, layered, nominal, number_axis, numeric, over, tip
from s2dash.ui.charts.words import Quantity, class_title, quantity_of

CLASS_SPECTRUM_HEIGHT_PX = 150

_LIGHTS = (
    ("blue", 400, 520),
    ("red", 600, 700),
    ("near infrared", 760, 1000),
    ("shortwave infrared", 1300, 3000),
)
"""Words along an axis of wavelengths, with their light in nanometres."""


def class_spectrum_chart(
    result: Result, entry: LegendEntry, row: ClassRow, spread: np.ndarray, dark: bool
) -> Spec | None:
    """Mean reflectance of a class by band with the span between `spread`; None unless two bands are known.

    Parameters
    ----------
    spread : ndarray of shape (2, bands), the lower and upper end of most of the class, reflectance
    """
    axis = axis_of(result, shown_bands(result))
    quantity = quantity_of(result.scene)
    points = [point for place in axis.places for point in _point(place, row, spread, quantity)]
    if len(points) < 2:
        return None
    inks = inks_of(dark)
    domain = [min(0.0, *(p["low"] for p in points)), 1.05 * max(0.0, *(p["high"] for p in points)) or 1.0]
    x = {
        **numeric("x"),
        "scale": {"type": axis.scale, "domain": [axis.at(-0.02), axis.at(1.02)], "nice": False},
        "axis": _ticks(axis, inks),
    }
    y = {
        "scale": {"domain": domain, "nice": False},
        "axis": {
            **number_axis("", inks),
            "title": None,
            "tickCount": 3,
            "labelExpr": f"datum.label + '{quantity.unit}'",
        },
    }
    detail = [nominal("group")]
    span = {"x": x, "y": {**numeric("low"), **y}, "y2": {"field": "high"}, "detail": detail}
    mean = {"x": x, "y": {**numeric("reflectance"), **y}, "detail": detail}
    pen: Spec = {"type": "line", "strokeCap": "round", "strokeJoin": "round"}
    return layered(
        [
            {**over(points), "mark": {"type": "area", "color": entry.colour, "opacity": 0.38}, "encoding": span},
            {
                **over(points),
                "mark": {**pen, "color": inks.casing, "opacity": inks.casing_opacity, "strokeWidth": 4.2},
                "encoding": mean,
            },
            {**over(points), "mark": {**pen, "color": entry.colour, "strokeWidth": 2.6}, "encoding": mean},
            {
                **over(points),
                "mark": {"type": "circle", "size": 330, "opacity": 0},
                "encoding": {**mean, "tooltip": _tooltip(quantity)},
            },
        ],
        CLASS_SPECTRUM_HEIGHT_PX,
    )


def class_spectrum_alt(result: Result, entry: LegendEntry, row: ClassRow, spread: np.ndarray) -> str:
    """What the chart shows, in words."""
    places = axis_of(result, shown_bands(result)).places
    quantity = quantity_of(result.scene)
    known = [point for place in places for point in _point(place, row, spread, quantity)]
    bands = "; ".join(f"{point['band']} {point['mean']}, mostly {point['most']}" for point in known)
    return f"Mean {quantity.name} of {class_title(entry)}, and its middle 80 %: {bands}."


def _tooltip(quantity: Quantity) -> list[Spec]:
    return [tip("band", "Band"), tip("mean", f"Mean {quantity.name}"), tip("most", "Middle 80 %")]


def _point(place: BandPlace, row: ClassRow, spread: np.ndarray, quantity: Quantity) -> Sequence[dict[str, Any]]:
    """The one point of a band; none where its mean is not known."""
    mean = row.mean_reflectance[place.index]
    low, high = (float(value) for value in spread[:, place.index])
    if not all(map(math.isfinite, (mean, low, high))):
        return ()
    return (
        {
            "x": place.x,
            "group": place.group,
            "reflectance": round(quantity.factor * mean, 3),
            "low": round(quantity.factor * low, 3),
            "high": round(quantity.factor * high, 3),
            "band": place.band.description,
            "mean": quantity.words(mean),
            "most": f"{quantity.words(low).removesuffix(quantity.unit)} to {quantity.words(high)}",
        },
    )


def _ticks(axis: BandAxis, inks: Inks) -> Spec:
    """Ticks at the bands, with a word for each kind of light where they stand by wavelength."""
    if axis.scale != "log":
        return {**ticks_at_bands(axis, inks), "title": None}
    labels = {}
    for words, low, high in _LIGHTS:
        some = [place.x for place in axis.places if low <= place.x < high]
        if some:
            labels[f"{some[len(some) // 2]:g}"] = words
    return {
        "title": None,
        "values": [place.x for place in axis.places],
        "labelExpr": f"{json.dumps(labels)}[datum.value] || ''",
        "labelAngle": 0,
        "labelOverlap": False,
        "labelFlush": 40,
        "grid": False,
        **axis_inks(inks),
        "ticks": True,
        "tickSize": 4,
    }
