"""Which two maps are compared: what begins and ends it, which runs can be, and their labels from the engine."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from s2dash.classify.colours import carried_colours
from s2dash.classify.compare import Comparison, compare
from s2dash.classify.prepare import recipe_grid
from s2dash.core.grid import Grid
from s2dash.core.legend import Legend, LegendEntry
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Scene
from s2dash.errors import S2DashError
from s2dash.server.live_engine import LiveAnswer, LiveRequest
from s2dash.ui import services, state
from s2dash.ui.compare.exact import counted
from s2dash.ui.compare.values import THE_PICTURE, Compared, ComparedRun, Comparing
from s2dash.ui.identity import fits, is_named, plain_legend
from s2dash.ui.live_wait import wait_for
from s2dash.ui.messages import words_for
from s2dash.ui.runs import kept
from s2dash.ui.runs.values import KeptMap
from s2dash.ui.session import Field, page_is_open
from s2dash.ui.strip import Strip

_OTHER_SCENE = "It is of another scene. Restore it first: then runs of that scene can be compared."
_OTHER_READING = "The files of its scene are read in another way now. Restore it first, then compare."
_OTHER_PIXELS = "Its pixels have another size. Maps are compared pixel by pixel."
_ONLY_RUN = "There is no other run of this scene yet."


def why_not(one: KeptMap) -> str | None:
    """Why a run cannot stand beside the map that the page shows; None where it can."""
    now = kept.now()
    if now is None or now.run.scene_digest != one.run.scene_digest:
        is_title = now is not None and now.run.scene_title == one.run.scene_title
        return _OTHER_READING if is_title else _OTHER_SCENE
    return None if _pixels(one.run.recipe) == _pixels(now.run.recipe) else _OTHER_PIXELS


def comparable() -> list[KeptMap]:
    """The runs that can be compared with the map that the page shows, which is one of them, oldest first."""
    return [one for one in kept.maps() if why_not(one) is None]


def begin_comparing(number: int) -> None:
    """Compare a run with the map that the page shows, or that map with the run before it; else with the picture.

    To be called before anything is drawn.
    """
    now, numbers = kept.now(), [one.number for one in comparable()]
    if now is None or number not in numbers:
        return
    others = [other for other in numbers if other != number]
    other = now.number if now.number != number else max(others, default=THE_PICTURE)
    state.put_alone(now.run.recipe, None)
    state.PUSHED.pop()
    beside = state.map_of(now.run.recipe)
    state.COMPARING.set(Comparing(min(number, other), max(number, other), beside))


def stop_comparing() -> None:
    """Show the page's own map again; to be called before anything is drawn."""
    state.COMPARING.pop()
    state.COMPARISON.pop()
    state.COUNTING.pop()
    for request in state.COMPARE_REQUESTS:
        request.pop()


def still_comparing(recipe: Recipe | None) -> Comparing | None:
    """What is compared beside the map of this recipe, unless something has ended it."""
    comparing = state.COMPARING.get()
    if comparing is None:
        return None
    numbers = {THE_PICTURE, *(one.number for one in comparable())}
    goes_on = recipe is not None and state.map_of(recipe) == comparing.beside
    if not goes_on or not {comparing.left, comparing.right} <= numbers:
        stop_comparing()
        return None
    return comparing


def compared(comparing: Comparing, scene: Scene, answer: LiveAnswer, strip: Strip) -> Compared | None:
    """Both sides with their labels and what differs, after a wait where one must be made again; None where one cannot.

    Parameters
    ----------
    scene : the one in use, as it is read
    answer : that of the map that the page is at
    """
    runs = {one.number: one for one in kept.maps()}
    chosen = [runs[number] for number in (comparing.left, comparing.right) if number != THE_PICTURE]
    try:
        requests = state.COMPARE_REQUESTS[-len(chosen) :]
        answers = [_answer(*one, scene, answer, strip) for one in zip(chosen, requests, strict=True)]
    except S2DashError as error:
        strip.fail(f"{words_for(error)} Nothing is compared.", False)
        stop_comparing()
        return None
    sides = [ComparedRun(one.number, of, of.result, _legend(one, of)) for one, of in zip(chosen, answers, strict=True)]
    right = sides.pop()
    if not sides:
        return Compared(comparing, None, right, None)
    left = sides[0]
    full = counted(left.answer, right.answer)
    if full is not None:
        left, right = replace(left, shown=full[0]), replace(right, shown=full[1])
    found = _comparison(left, right, full[2] if full else None)
    return Compared(comparing, *_in_one_look(left, right, found), found)


def _pixels(recipe: Recipe) -> Grid | float | None:
    """What tells the pixels of a recipe on the scene in use from others."""
    with suppress(S2DashError):
        return recipe_grid(state.loaded().scene, recipe).grid
    return recipe.pixel_size


def _answer(one: KeptMap, last: Field[LiveRequest | None], scene: Scene, now: LiveAnswer, strip: Strip) -> LiveAnswer:
    """A run's labels: equal recipes give equal labels, so the engine has them or makes them again."""
    if one.run.recipe == now.result.recipe:
        return now
    engine = services.live_engine()
    on = recipe_grid(scene, one.run.recipe)
    request = engine.submit(on, one.run.recipe, last.get(), page_is_open())
    last.set(request)
    return engine.edited(wait_for(request, on, strip), one.run.edits)


def _legend(one: KeptMap, answer: LiveAnswer) -> Legend:
    return one.legend if fits(one.legend, answer) else plain_legend(answer, state.palette_of(one.run))


def _comparison(left: ComparedRun, right: ComparedRun, made: Comparison | None) -> Comparison:
    key = (left.shown.digest, right.shown.digest)
    known = state.COMPARISON.get()
    if known is None or known[0] != key:
        known = key, made or compare(left.shown, right.shown)
        state.COMPARISON.set(known)
    return known[1]


def _in_one_look(left: ComparedRun, right: ComparedRun, found: Comparison) -> tuple[ComparedRun, ComparedRun]:
    """Both sides with legends in which one class has one name and one colour: the right one's, where it has a name."""
    of_left, of_right = ({entry.id: entry for entry in side.legend.entries} for side in (left, right))
    names = {
        second: of_left[first].name
        for second, first in found.same.items()
        if is_named(of_left[first].name) and not is_named(of_right[second].name)
    }
    right_legend = right.legend.edited(names, {})
    of_right = {entry.id: entry for entry in right_legend.entries}
    partner = {first: of_right[second] for second, first in found.same.items()}
    colours = _left_colours(left, right_legend, {first: entry.colour for first, entry in partner.items()})
    entries = tuple(
        LegendEntry(entry.id, partner[entry.id].name if entry.id in partner else entry.name, colours[entry.id])
        for entry in left.legend.entries
    )
    return replace(left, legend=Legend(entries, left.legend.order)), replace(right, legend=right_legend)


def _left_colours(left: ComparedRun, right_legend: Legend, kept_colours: dict[int, str]) -> dict[int, str]:
    """Classes without a partner keep their colour, unless it stands for another class on the right."""
    of_right = [entry.colour for entry in right_legend.entries]
    own = {e.id: e.colour for e in left.legend.entries if e.id not in kept_colours and e.colour not in of_right}
    # Numbers past all classes: their colours are in use as well.
    fitted = left.answer.fitted
    beyond = dict(enumerate(of_right, fitted.class_count + 1))
    colours = carried_colours(fitted, kept_colours | own | beyond, state.PALETTE.get())
    return dict(enumerate(colours, 1))
