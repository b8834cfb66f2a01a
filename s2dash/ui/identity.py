"""What keeps its name and its colour from map to map: the legend of a new map takes over from the one shown before."""

from __future__ import annotations

import re

from s2dash.classify.carry import carried
from s2dash.classify.colours import carried_colours, colours_of
from s2dash.classify.match import matching_classes
from s2dash.core.edits import AnyStep, ClassEdits, RegroupInside, Sieve, StepInside
from s2dash.core.legend import Legend, LegendEntry, default_legend
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import state
from s2dash.ui.state import OwnLegend, ShownMap

_MOST_KEPT = 200
_UNNAMED = re.compile(r"Class \d+")


def own_legend(answer: LiveAnswer, chosen_palette: str) -> OwnLegend:
    """The legend of a map as it was found, before its user's edits; who comes back to a map finds what was there."""
    answer = answer.unedited
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
    pairs = matching_classes(before.result, answer.result)
    of_before = {entry.id: entry for entry in before.legend.entries}
    # Other colours that were asked for are meant for all classes.
    keeps_colours = before.palette == chosen_palette
    kept = {number: of_before[old].colour for number, old in pairs.items()} if keeps_colours else {}
    names = {number: of_before[old].name for number, old in pairs.items() if is_named(of_before[old].name)}
    codes = {number: of_before[pairs[number]].code for number in names}
    colours = carried_colours(answer.fitted, kept, chosen_palette)
    order = [{old: new for new, old in pairs.items()}.get(number, 0) for number in before.legend.order]
    legend = default_legend(colours).edited(names, {}, codes).ordered(order)
    return OwnLegend(legend, frozenset(kept) | frozenset(names))


def plain_legend(answer: LiveAnswer, chosen_palette: str) -> Legend:
    """The legend of a map that takes over from no other."""
    return default_legend(colours_of(answer.fitted, chosen_palette), answer.fitted.numbers)


def fits(legend: Legend, answer: LiveAnswer) -> bool:
    """Whether a legend has an entry for each class of a map: one from elsewhere may have any number of them."""
    return [entry.id for entry in legend.entries] == [row.id for row in answer.result.rows]


def is_named(name: str) -> bool:
    """Whether somebody has given the name: it is not that of a class's number."""
    return not _UNNAMED.fullmatch(name)


def after_steps(found: Legend, answer: LiveAnswer, chosen_palette: str) -> Legend:
    """The legend as it was found, for the classes that there are after the steps of edits.

    The parts of a split class have no name yet, and colours far from those in use.
    """
    if answer.before_steps is None:
        return found
    born = answer.fitted.stage.born
    kept = {entry.id: entry for entry in found.entries if entry.id not in born}
    colours = carried_colours(answer.fitted, {n: one.colour for n, one in kept.items()}, chosen_palette)
    entries = (kept.get(n, LegendEntry(n, f"Class {n}", colours[n - 1])) for n in answer.fitted.numbers)
    return Legend(tuple(entries)).ordered(found.order)


def carry_steps(answer: LiveAnswer) -> None:
    """Have a map that was never shown go through the steps of the one before it, as far as its classes are the same."""
    of, before = answer.result.recipe, state.LAST_SHOWN.get()
    if before is None or state.was_shown(of) or not before.result.edits.steps:
        return
    pairs = matching_classes(before.found, answer.unedited.result)
    numbers = {old: new for new, old in pairs.items()}
    was, now = ([row.id for row in result.rows] for result in (before.found, answer.unedited.result))
    impossible = [step for step in before.result.edits.steps if not _is_possible(step, answer)]
    steps, left = carried(before.result.edits.steps, was, now, numbers, impossible)
    state.put_edits(of, ClassEdits(steps=steps))
    state.LEFT_BEHIND.set((state.map_of(of), left))


def _is_possible(step: AnyStep, answer: LiveAnswer) -> bool:
    scene, positions = answer.result.scene, answer.fitted.prepared.positions
    if not scene.grid.has_place and isinstance(step, StepInside | Sieve):  # nobody knows where, or what a hectare is
        return isinstance(step, Sieve) and step.unit != "ha"
    return not isinstance(step, RegroupInside) or {scene.band_names[p] for p in positions} <= set(step.bands)


def found_legend(answer: LiveAnswer, chosen_palette: str) -> Legend:
    """The legend of all classes as they were found, with the user's names, colours and order."""
    edits = state.edits(answer.result.recipe)
    return own_legend(answer, chosen_palette).legend.taking(edits)


def effective_legend(answer: LiveAnswer, chosen_palette: str) -> Legend:
    """The legend with the user's edits; the next map takes over from it."""
    edits = state.edits(answer.result.recipe)
    own = after_steps(own_legend(answer, chosen_palette).legend, answer, chosen_palette)
    legend = own.taking(edits)
    state.LAST_SHOWN.set(ShownMap(answer.result, chosen_palette, legend, answer.unedited.result))
    return legend
