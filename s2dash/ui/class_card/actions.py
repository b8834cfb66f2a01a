"""What people make of classes: each is one step of the map's edits, which undo takes back; nothing is fitted again."""

from __future__ import annotations

from collections.abc import Collection

from s2dash.classify.regroup import regrouped_inside
from s2dash.core.edits import (
    MOST_CORNERS,
    MOST_STEPS,
    AnyStep,
    ClassEdits,
    LeaveOut,
    LeaveOutInside,
    Merge,
    RegroupInside,
    SetInside,
    Split,
)
from s2dash.core.legend import Legend
from s2dash.core.recipe import Recipe
from s2dash.core.scene_reading import Ring
from s2dash.errors import RecipeError, S2DashError
from s2dash.server.live_engine import LiveAnswer
from s2dash.ui import services, state
from s2dash.ui.messages import words_for
from s2dash.ui.suggested_names import of_names

_FULL = f"{MOST_STEPS} edits are the most that a map can have. Remove some by undo first."


def open_card(number: int) -> None:
    """Push the card of a class over the legend; the map shows it alone for as long."""
    state.CARD_CLASS.set(number)
    state.CARD_SHOWS_ALL.pop()
    state.CARD_TROUBLE.pop()
    state.PUSHED.set("class card")


def leave_card() -> None:
    """Go back to the legend, and to what the map showed before."""
    state.CARD_TROUBLE.pop()
    state.PUSHED.pop()


def show_alone(of: Recipe, number: int | None) -> None:
    """Show a class alone, or all; the card of another class gives way."""
    if state.PUSHED.get() == "class card":
        state.CARD_SHOWS_ALL.set(number is None)
        if number == state.CARD_CLASS.get():
            return
        if number is not None:
            leave_card()
    state.put_alone(of, number)


def merge(of: Recipe, number: int, into: int) -> None:
    """Have a class be part of another one; a card of the first becomes that of the second."""
    _take(of, Merge((number,), into))
    if state.alone(of) == number:
        state.put_alone(of, into)
    if state.CARD_CLASS.get() == number:
        state.CARD_CLASS.set(into)


def leave_out(of: Recipe, number: int) -> None:
    """Have a class be no data, and go back to the legend."""
    _take(of, LeaveOut(number))
    leave_card()


def split(answer: LiveAnswer, number: int, k: int) -> None:
    """Group a class anew into k; where that cannot be, `CARD_TROUBLE` says why."""
    of = answer.result.recipe
    step = Split(number, k, of.seed)
    if state.edits(of).is_full:
        state.CARD_TROUBLE.set(_FULL)
        return
    try:
        made = services.live_engine().edited(answer, state.edits(of).then(step))
    except S2DashError as error:
        state.CARD_TROUBLE.set(words_for(error))
        return
    before = answer.fitted.numbers
    _take(of, step, [one for one in made.fitted.numbers if one not in before])


def remove_all(of: Recipe) -> None:
    """Show the classes as they were found; names and colours stay."""
    state.CARD_TROUBLE.pop()
    state.put_edits(of, state.edits(of).without_steps())


def change_area(of: Recipe, step: LeaveOutInside | SetInside) -> None:
    """Leave out a drawn area, or give it a class; raises RecipeError where there is no room for another one."""
    _then(state.edits(of), step)
    _take(of, step)


def regroup_area(answer: LiveAnswer, rings: tuple[Ring, ...], k: int) -> None:
    """Group the pixels inside of a drawn area by themselves; another k right after that takes the first one's place.

    Raises TooFewPixels and RecipeError where that cannot be.
    """
    of, labels = answer.result.recipe, answer.result.classmap.labels
    if labels is None:
        raise ValueError("the labels of a live picture are in memory, but this result has none there")
    edits = state.edits(of)
    if isinstance(last := next(reversed(edits.steps), None), RegroupInside) and last.rings == rings:
        edits = edits.without_last_step()
    step = regrouped_inside(answer.fitted, labels, rings, k, of.seed)
    made, before = (services.live_engine().edited(answer, one) for one in (_then(edits, step), edits))
    state.put_edits(of, edits)
    _take(of, step, set(made.fitted.numbers) - set(before.fitted.numbers))


def _then(edits: ClassEdits, step: LeaveOutInside | SetInside | RegroupInside) -> ClassEdits:
    """The edits with one more area; raises RecipeError where there is no room for it."""
    if edits.is_full:
        raise RecipeError(_FULL)
    try:
        return edits.then(step)
    except ValueError:
        raise RecipeError(
            f"The drawn areas have more than {MOST_CORNERS:,} corners together. Draw this one with fewer, or remove "
            "some by undo first."
        ) from None


def move(of: Recipe, legend: Legend, number: int, by: int) -> None:
    """List a class one place higher (-1) or lower (1); at either end it stays."""
    order = [entry.id for entry in legend.listed]
    here = order.index(number)
    there = min(max(here + by, 0), len(order) - 1)
    order[here], order[there] = order[there], order[here]
    state.put_edits(of, state.edits(of).ordered(order))


def rename(of: Recipe, number: int, name: str) -> None:
    """Call a class so, with the code that such a name brings along."""
    codes, colours = of_names({number: name})
    state.put_edits(of, state.edits(of).named({number: name}, colours, codes))


def same_names(legend: Legend, kept: Collection[str]) -> dict[int, int]:
    """For each class that is called as an earlier one is, the first that is, by class number; kept names left out."""
    first: dict[str, int] = {}
    found = {}
    for entry in legend.entries:
        name = entry.name.casefold()
        if name in first and entry.name not in kept:
            found[entry.id] = first[name]
        first.setdefault(name, entry.id)
    return found


def _take(of: Recipe, step: AnyStep, fresh: Collection[int] = ()) -> None:
    """One more step; `fresh` are the numbers of new classes, which have neither name nor colour yet.

    A button that was pressed twice before the page was drawn has asked for the same: a class goes only once.
    """
    state.CARD_TROUBLE.pop()
    edits = state.edits(of)
    if edits.is_full:
        state.CARD_TROUBLE.set(_FULL)
    elif isinstance(step, Split) or step not in edits.steps[-1:]:
        state.put_edits(of, edits.without_looks(fresh).then(step))
