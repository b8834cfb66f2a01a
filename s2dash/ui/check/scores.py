"""How right the page's map is: its accuracy by the answers of its check, or of another map's of its scene."""

from __future__ import annotations

from collections.abc import Collection

from s2dash.classify.accuracy.sampling import class_names
from s2dash.classify.accuracy.score import check_accuracy
from s2dash.core.accuracy import Accuracy, Check
from s2dash.core.classmap import Result
from s2dash.core.legend import Legend
from s2dash.ui import state
from s2dash.ui.runs.values import KeptMap
from s2dash.ui.state import check as held


def accuracy_of(result: Result, legend: Legend) -> Accuracy | None:
    """The accuracy of a map of the scene in use, by the answers that there are; None where nobody has answered.

    It says itself where answers are too few (`Accuracy.is_too_few`). Raises BrokenResult where labels cannot be read.
    """
    check = check_for(map_of_result(result))
    if check is None or not check.answered_count:
        return None
    key = (check, result.digest, result.is_full, tuple(class_names(legend).items()))
    known = held.CHECK_ACCURACY.get()
    if known is not None and known[0] == key:
        return known[1]
    found = check_accuracy(check, result, legend)
    held.CHECK_ACCURACY.set((key, found))
    return found


def map_of_result(result: Result) -> KeptMap | None:
    """The map among those of the session."""
    key = state.map_of(result.recipe)
    return next((one for one in state.MAPS.get() if (one.run.scene_digest, one.run.recipe) == key), None)


def check_for(one: KeptMap | None) -> Check | None:
    """The check that says something of a map: its own, or else the newest of another map of its scene."""
    if one is None or one.check is not None:
        return None if one is None else one.check
    others = (other for other in reversed(state.MAPS.get()) if other.run.scene_digest == one.run.scene_digest)
    return next((other.check for other in others if other.check is not None and other.check.answered_count), None)


def answered_count(one: KeptMap | None) -> int:
    """How many places of a map's own check have an answer that counts."""
    return 0 if one is None or one.check is None else one.check.answered_count


def strange_names(check: Check, names: Collection[str]) -> list[str]:
    """What answers say that no class of a map is called, in the order of the answers."""
    said = dict.fromkeys(place.answer for place in check.places if place.is_answered and place.answer is not None)
    return [name for name in said if name not in names]
