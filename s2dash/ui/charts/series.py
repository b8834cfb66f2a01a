"""The chart of areas over dates: a line for each class, a point for each scene."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from s2dash.ui import text
from s2dash.ui.charts.spec import COLOUR, Spec, axis_inks, inks_of, layered, nominal, number_axis, numeric, over, tip

SERIES_HEIGHT_PX = 260
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class SeriesPoint:
    """One class in one scene."""

    date: str
    """`2016-01-12`, or any other words that tell scenes apart."""
    number: int
    name: str
    colour: str
    """`#rrggbb`"""
    amount: float
    """Hectares, or the share of the scene in percent where it has no place."""


def series_chart(points: Sequence[SeriesPoint], unit: str, dark: bool) -> Spec:
    """Amounts by date, in the order of the points where they are no days."""
    inks = inks_of(dark)
    rows = [_row(point, unit) for point in points]
    dates = list(dict.fromkeys(point.date for point in points))
    is_time = all(_DAY.fullmatch(date) for date in dates)
    axis = {**axis_inks(inks), "title": None, "ticks": False, "labelAngle": 0}
    x: dict[str, Any] = {"field": "date", "axis": {**axis, "grid": False}}
    if is_time:
        x |= {"type": "temporal", "axis": {**axis, "grid": False, "tickCount": 6, "format": "%d %b %Y"}}
    else:
        x |= {"type": "ordinal", "sort": dates}
    y = {**numeric("amount"), "axis": number_axis(unit, inks)}
    encoding = {"x": x, "y": y, "color": COLOUR, "detail": [nominal("number")]}
    tooltip = [tip("name", "Class"), tip("when", "Date"), tip("shown", unit)]
    pen: Spec = {"type": "line", "strokeWidth": 2.4, "strokeCap": "round"}
    return layered(
        [
            {**over(rows), "mark": pen, "encoding": encoding},
            {
                **over(rows),
                "mark": {"type": "circle", "size": 70, "opacity": 1, "stroke": inks.casing, "strokeOpacity": 0.4},
                "encoding": {**encoding, "tooltip": tooltip},
            },
        ],
        SERIES_HEIGHT_PX,
    )


def series_alt(points: Sequence[SeriesPoint], unit: str) -> str:
    """What the chart shows, in words."""
    by_class: dict[str, list[str]] = {}
    for point in points:
        by_class.setdefault(point.name, []).append(f"{text.number(point.amount, 1)} on {point.date}")
    return f"{unit} of each class by date. " + " ".join(
        f"{name}: {', '.join(said)}." for name, said in by_class.items()
    )


def _row(point: SeriesPoint, unit: str) -> dict[str, Any]:
    return {
        "date": point.date,
        "when": point.date,
        "number": point.number,
        "name": f"{point.number} {point.name}",
        "colour": point.colour,
        "amount": point.amount,
        "shown": text.number(point.amount, 1),
    }
