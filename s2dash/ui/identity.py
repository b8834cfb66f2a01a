"""What keeps its name and its colour from map to map: the legend of a new map takes over from the one shown before."""

from __future__ import annotations

import re

import numpy as np

from s2dash.classify.match import matching_classes
from s2dash.core import palette
from s2dash.core.legend import Legend, default_legend
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import state
from s2dash.ui.state import OwnLegend, ShownMap

_MOST_KEPT = 200
_UNNAMED = re.compile(r"Class \d+")


def own_legend(answer: LiveAnswer, chosen_palette: str) -> OwnLegend:
    """The legend of a map before its user's edits; who comes back to a map finds what was there."""
    kept, key = state.own_legends(), state.legend_key(answer.result.recipe, chosen_palette)
    if key not in kept or not fits(kept[key].legend, answer):
        kept[key] = _taken_over(state.LAST_SHOWN.get(), answer, chosen_palette)
    kept.move_to_end(key)
    while len(kept) > _MOST_KEPT:
        kept.popitem(last=False)
    return kept[key]


def _taken_over(before: ShownMap | None, answer: LiveAnswer, chosen_palette: str) -> OwnLegend:
    if before is None:
        return OwnLegend(plain_legend(answer, chosen_palette))
    means, standards = _means(answer)
    pairs = matching_classes(before.result, answer.result)
    of_before = {entry.id: entry for entry in before.legend.entries}
    # Other colours that were asked for are meant for all classes.
    keeps_colours = before.palette == chosen_palette
    kept = {number: of_before[old].colour for number, old in pairs.items()} if keeps_colours else {}
    names = {number: of_before[old].name for number, old in pairs.items() if is_named(of_before[old].name)}
    codes = {number: of_before[pairs[number]].code for number in names}
    colours = palette.carried_colours(kept, means, standards, chosen_palette)
    return OwnLegend(default_legend(colours).edited(names, {}, codes), frozenset(kept) | frozenset(names))


def plain_legend(answer: LiveAnswer, chosen_palette: str) -> Legend:
    """The legend of a map that takes over from no other."""
    return default_legend(palette.class_colours(*_means(answer), chosen_palette))


def fits(legend: Legend, answer: LiveAnswer) -> bool:
    """Whether a legend has an entry for each class of a map: one from elsewhere may have any number of them."""
    return len(legend.entries) == len(answer.result.rows)


def _means(answer: LiveAnswer) -> tuple[np.ndarray, list[str | None]]:
    return answer.fitted.mean_reflectance, [band.standard for band in answer.result.scene.bands]


def is_named(name: str) -> bool:
    """Whether somebody has given the name: it is not that of a class's number."""
    return not _UNNAMED.fullmatch(name)


def effective_legend(answer: LiveAnswer, chosen_palette: str) -> Legend:
    """The legend with the user's edits; the next map takes over from it."""
    edits = state.edits(answer.result.recipe)
    legend = own_legend(answer, chosen_palette).legend.edited(edits.names, edits.colours, edits.codes)
    state.LAST_SHOWN.set(ShownMap(answer.result, chosen_palette, legend))
    return legend
