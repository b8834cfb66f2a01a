"""Names that are suggested for the classes of the map on the page: which rows of the legend show one."""

from __future__ import annotations

from collections.abc import Mapping

from s2dash.classify.naming import Suggestion, suggestions
from s2dash.core.legend import Legend
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import state
from s2dash.ui.identity import is_named
from s2dash.ui.name_sources import scheme_in_use


def shown_suggestions(answer: LiveAnswer, legend: Legend) -> dict[int, Suggestion]:
    """A suggestion by class number, for classes that nobody has named, nor taken over a name from another map."""
    found = _suggestions(answer)
    return {entry.id: found[entry.id] for entry in legend.entries if entry.id in found and not is_named(entry.name)}


def _suggestions(answer: LiveAnswer) -> Mapping[int, Suggestion]:
    reference, legend = state.reference_of(answer.result.scene), state.REFERENCE_LEGEND.get()
    key = (answer.result.digest, answer.fitted.labels_key, reference and reference.digest, legend)
    kept = state.SUGGESTED.get()
    if kept is None or kept[0] != key:
        kept = (key, suggestions(answer.fitted, answer.result, reference, legend or None))
        state.SUGGESTED.set(kept)
    return kept[1]


def of_names(names: Mapping[int, str]) -> tuple[dict[int, str], dict[int, str]]:
    """Codes that names bring along, and colours where those are wanted, by class number.

    A name is one of the list in use, or the one that was last suggested for its class.
    """
    scheme, shown = scheme_in_use(), state.SUGGESTED.get()
    found = shown[1] if shown is not None else {}
    codes, colours = {}, {}
    for number, name in names.items():
        entry = scheme.entry_named(name) if scheme else None
        suggested = found.get(number)
        if entry is not None:
            codes[number] = entry.code
            if entry.colour and state.SCHEME_COLOURS.get():
                colours[number] = entry.colour
        elif suggested is not None and suggested.name == name:
            codes[number] = suggested.code
    return codes, colours
