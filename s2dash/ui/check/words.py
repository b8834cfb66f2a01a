"""What is said of a check and of what it comes to, in words and in what the result's component shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from s2dash.classify.accuracy.sampling import class_names, labels_at
from s2dash.core.accuracy import Accuracy, Check, CheckPlace, ClassAccuracy, Estimate
from s2dash.core.accuracy_words import area_words, figures, overall_words, percent_words, places_words
from s2dash.core.classmap import Result
from s2dash.core.legend import Legend, LegendEntry
from s2dash.ui import text
from s2dash.ui.check.places import on_map

_MOST_MIXED = 20


def result_data(check: Check, result: Result, legend: Legend, accuracy: Accuracy | None) -> dict[str, Any]:
    """Everything the result shows, as plain values; texts are raw, the component shows them as text only.

    Where answers are too few, no figure is among them.
    """
    looked = [place for place in check.places if place.unsure or place.answer is not None]
    names = class_names(legend)
    mapped = [names.get(int(number)) for number in labels_at(result.classmap, looked)]
    says = accuracy is not None and not accuracy.is_too_few and accuracy.overall is not None
    return {
        **_lead(accuracy if says else None),
        **_areas(accuracy if says else None, legend),
        "mixed": _mixed(looked, mapped, legend) if says else [],
        "marks": [
            at | {"kind": kind_of(place, on_it), "words": mark_words(place, on_it)}
            for at, place, on_it in zip(on_map(looked, result.scene.grid), looked, mapped, strict=True)
        ],
    }


def kind_of(place: CheckPlace, mapped: str | None) -> str:
    """`right`, `wrong`, or `open` where nobody could tell or the map has no class."""
    if not place.is_answered or mapped is None:
        return "open"
    return "right" if place.answer == mapped else "wrong"


def mark_words(place: CheckPlace, mapped: str | None) -> str:
    """What somebody saw at a place, and what the map has there."""
    seen = "You could not tell" if not place.is_answered else f"You: {place.answer}"
    if mapped is None:
        return f"{seen}. The map has no class here."
    return f"{seen}. The map, too." if place.answer == mapped else f"{seen}. The map: {mapped}."


def _lead(accuracy: Accuracy | None) -> dict[str, str]:
    if accuracy is None or accuracy.overall is None:
        return {"lead": "", "range": "", "said": ""}
    value, low, high = figures(accuracy.overall.times(100), finest=0.1)
    return {"lead": f"{value} %", "range": f"{low} to {high} %", "said": overall_words(accuracy)}


def _areas(accuracy: Accuracy | None, legend: Legend) -> dict[str, Any]:
    if accuracy is None:
        return {"unit": "", "rows": []}
    largest_ha = max((one.area_ha.value for one in accuracy.classes if one.area_ha is not None), default=None)
    unit = None if largest_ha is None else text.area_unit(largest_ha)
    ends = [one.area_share.high for one in accuracy.classes if one.area_share is not None]
    end = max([*ends, *(one.mapped_share for one in accuracy.classes)], default=1.0) or 1.0
    looks = _looks(legend)
    rows = [_area_row(accuracy, one, looks.get(one.name), unit, end) for one in accuracy.classes]
    return {"unit": "share" if unit is None else f"yours, {unit.symbol}", "rows": rows}


def _area_row(
    accuracy: Accuracy, one: ClassAccuracy, look: LegendEntry | None, unit: text.AreaUnit | None, end: float
) -> dict[str, Any]:
    share = one.area_share
    amount, more = _amount(one, unit)
    return {
        "number": "" if look is None else str(look.id),
        "colour": "#d3dbd8" if look is None else look.colour,
        "name": one.name,
        "words": " ".join(filter(None, (area_words(one), places_words(accuracy, one.name)))),
        "value": None if share is None else share.value / end,
        "low": None if share is None else share.low / end,
        "high": None if share is None else share.high / end,
        "map": one.mapped_share / end,
        "amount": amount,
        "more": more,
    }


def _amount(one: ClassAccuracy, unit: text.AreaUnit | None) -> tuple[str, str]:
    """Area of a class and how far it may be off, in the unit of all, or in percent."""
    found = one.area_ha if unit is not None else one.area_share
    if found is None:
        return "–", ""
    scaled = found.times(100 if unit is None else 1 / unit.hectares)
    half = (scaled.high - scaled.low) / 2
    value, _, _ = figures(scaled)
    off, _, _ = figures(Estimate(half, 0.0, 2 * half))
    return (f"{value} %" if unit is None else value), f"±{off}"


def _looks(legend: Legend) -> dict[str, LegendEntry]:
    """The first class of each name."""
    names = class_names(legend)
    return {names[entry.id]: entry for entry in reversed(legend.entries)}


def _mixed(places: Sequence[CheckPlace], mapped: Sequence[str | None], legend: Legend) -> list[dict[str, Any]]:
    """Pairs of what the map has and what is there, the most frequent first, with their places by number."""
    pairs: dict[tuple[str, str], list[int]] = {}
    of_class: dict[str, int] = {}
    for number, (place, on_map_name) in enumerate(zip(places, mapped, strict=True)):
        if place.is_answered and place.answer is not None and on_map_name is not None:
            of_class[on_map_name] = of_class.get(on_map_name, 0) + 1
            if place.answer != on_map_name:
                pairs.setdefault((on_map_name, place.answer), []).append(number)
    looks = _looks(legend)
    most = sorted(pairs.items(), key=lambda one: -len(one[1]))[:_MOST_MIXED]
    return [
        {
            "number": str(looks[was].id),
            "colour": looks[was].colour,
            "words": f"shown as {was}, is {found}",
            "count": f"{len(numbers)} of {of_class[was]}",
            "places": numbers,
        }
        for (was, found), numbers in most
    ]


def class_table(accuracy: Accuracy) -> str:
    """User's and producer's accuracy of each class, a Markdown table."""
    lines = [
        "| Class | Right where mapped (user’s) | Found where it is (producer’s) |",
        "|:--|:--|:--|",
    ]
    for one in accuracy.classes:
        right, found = accuracy.mapped(one.name), accuracy.found(one.name)
        cells = (_cell(one.users, right), _cell(one.producers, found))
        lines.append(f"| {text.plain(one.name)} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def _cell(estimate: Estimate | None, counts: tuple[int, int]) -> str:
    return "–" if estimate is None else f"{percent_words(estimate)} ({counts[0]} of {counts[1]})"


def minutes_words(count: int) -> str:
    """How long so many places take at six seconds each."""
    minutes = -(-count // 10)
    return f"{count} places, about {minutes} minute{'' if minutes == 1 else 's'}"


def unnamed_words(unnamed: Sequence[str]) -> str:
    """Which classes should be named first; empty where all are."""
    if not unnamed:
        return ""
    some = ", ".join(unnamed[:3]) + (f" and {len(unnamed) - 3} more" if len(unnamed) > 3 else "")
    return f"No name yet: {some}. You answer by name, and nobody can see “Class 3” in a picture."


def kept_words(check: Check) -> str:
    """How far a check has come."""
    marks = " Click a mark to see it again." if check.answered_count or check.unsure_count else ""
    return f"{check.answered_count} of {len(check.places)} places checked.{marks}"
