"""Names that are suggested for the classes of the map on the page: which rows of the legend show one."""

from __future__ import annotations

from collections.abc import Mapping

from s2dash.classify.naming import Suggestion, suggestions
from s2dash.core.legend import Legend
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import state
from s2dash.ui.identity import is_named


def shown_suggestions(answer: LiveAnswer, legend: Legend) -> dict[int, Suggestion]:
    """A suggestion by class number, for classes that nobody has named, nor taken over a name from another map."""
    found = _suggestions(answer)
    return {entry.id: found[entry.id] for entry in legend.entries if entry.id in found and not is_named(entry.name)}


def _suggestions(answer: LiveAnswer) -> Mapping[int, Suggestion]:
    key = (answer.result.digest, answer.fitted.labels_key)
    kept = state.SUGGESTED.get()
    if kept is None or kept[0] != key:
        kept = (key, suggestions(answer.fitted, answer.result))
        state.SUGGESTED.set(kept)
    return kept[1]
