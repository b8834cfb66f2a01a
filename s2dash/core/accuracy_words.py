"""An accuracy in plain words, with figures that claim no more digits than they have."""

from __future__ import annotations

import math

from s2dash.core.accuracy import FAIR_ANSWERS, FEW_ANSWERS, Accuracy, ClassAccuracy, Estimate

TOO_FEW = f"Too few to say. {FEW_ANSWERS} give a rough idea, {FAIR_ANSWERS} a fair one."
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_LARGE_HA = 99_999.5


def sentences(accuracy: Accuracy) -> tuple[str, ...]:
    """All that is to be said of a map, one sentence or two each: the whole, its classes, what to know beside them."""
    if accuracy.is_too_few:
        return (overall_words(accuracy), *accuracy.notes)
    classes = (class_words(accuracy, one) for one in accuracy.classes)
    return (overall_words(accuracy), *(words for words in classes if words), *accuracy.notes)


def overall_words(accuracy: Accuracy) -> str:
    """`About 95 % of the map is right, between 93 and 96 %.`, or that there are too few answers."""
    if accuracy.is_too_few or accuracy.overall is None:
        return TOO_FEW if accuracy.unit == "places" else TOO_FEW.replace("give", f"{accuracy.unit} give", 1)
    ground = "the map" if accuracy.how == "own places" else "the reference's ground"
    words = f"About {percent_words(accuracy.overall)}".replace(" %,", f" % of {ground} is right,", 1)
    rough = "" if accuracy.answers >= FAIR_ANSWERS else f" {accuracy.answers} {accuracy.unit} give a rough idea."
    return words + "." + rough


def class_words(accuracy: Accuracy, one: ClassAccuracy) -> str:
    """`About 412 ha of Salt marsh, between 380 and 445. Of ten places mapped as Salt marsh, nine are.`

    By a reference `About 91 % of what is mapped as Salt marsh is, between 85 and 96 %.`, and the same of what is Salt
    marsh. Empty where nothing can be said of it.
    """
    if accuracy.how == "reference":
        return " ".join(words for words in (users_words(one), producers_words(one)) if words)
    return " ".join(words for words in (area_words(one), places_words(accuracy, one.name)) if words)


def area_words(one: ClassAccuracy) -> str:
    """How much there is of a class; empty where that cannot be estimated."""
    if one.area_ha is not None:
        unit, hectares = ("km²", 100.0) if one.area_ha.value >= _LARGE_HA else ("ha", 1.0)
        value, low, high = figures(one.area_ha.times(1 / hectares))
        return f"About {value} {unit} of {one.name}, between {low} and {high}."
    if one.area_share is not None:
        return f"About {percent_words(one.area_share)}".replace(" %,", f" % of the map is {one.name},", 1) + "."
    return ""


def users_words(one: ClassAccuracy) -> str:
    """Of what is mapped as a class, how much is; empty where nothing is known of it."""
    if one.users is None:
        return ""
    return f"About {percent_words(one.users)}".replace(" %,", f" % of what is mapped as {one.name} is,", 1) + "."


def producers_words(one: ClassAccuracy) -> str:
    """Of what is of a class, how much is mapped so; empty where nothing is known of it."""
    if one.producers is None:
        return ""
    return f"About {percent_words(one.producers)}".replace(" %,", f" % of what is {one.name} is mapped so,", 1) + "."


def places_words(accuracy: Accuracy, name: str) -> str:
    """Of the places mapped as a class, how many are of it; empty without any."""
    right, count = accuracy.mapped(name)
    if not count:
        return ""
    what = "place" if count == 1 else "places"
    return f"Of {counted(count)} {what} mapped as {name}, {_that_are(right, count)}."


def percent_words(estimate: Estimate) -> str:
    """`95 %, between 93 and 96 %`."""
    value, low, high = figures(estimate.times(100), finest=0.1)
    return f"{value} %, between {low} and {high} %"


def figures(estimate: Estimate, finest: float = 0.01) -> tuple[str, str, str]:
    """Value, low and high, rounded alike, to two digits of half of the interval; no finer than `finest`."""
    half = (estimate.high - estimate.low) / 2
    place = math.floor(math.log10(half)) - 1 if half > 0 else -12
    if finest == 0.1:
        place = max(place, 0 if half >= 1 else -1)
    place = max(place, round(math.log10(finest)))
    return tuple(_at_place(number, place) for number in (estimate.value, estimate.low, estimate.high))  # type: ignore[return-value]


def counted(count: int) -> str:
    """A count as a word up to twelve, else in digits."""
    return _NUMBERS[count] if count < len(_NUMBERS) else f"{count:,}"


def _at_place(number: float, place: int) -> str:
    return f"{round(number, -place):,.{max(0, -place)}f}"


def _that_are(right: int, count: int) -> str:
    if right == 0:
        return "none is" if count > 1 else "it is not"
    if right == count:
        return f"all {counted(count)} are" if count > 2 else ("both are" if count == 2 else "it is")
    return "one is" if right == 1 else f"{counted(right)} are"
