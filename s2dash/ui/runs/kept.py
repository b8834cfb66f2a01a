"""The maps of a session: which are kept, which one is looked at, and what people do with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from s2dash.classify.algorithms import find_algorithm
from s2dash.core.legend import Legend, clean_name
from s2dash.core.run import Run
from s2dash.core.run_list import ListedRun
from s2dash.errors import RecipeError, UnreadableValue
from s2dash.server.live_engine import LiveAnswer
from s2dash.server.session_store.scenes import scene_key
from s2dash.server.state import server_state
from s2dash.ui import state
from s2dash.ui.runs import keeping
from s2dash.ui.runs.thumbnail import thumbnail
from s2dash.ui.runs.values import KeptMap
from s2dash.ui.runs.words import change_words
from s2dash.ui.state import check as held

MOST_KEPT = 50
"""Past so many, the oldest without star or note goes."""
MOST_SCENES = 3
"""Maps of so many scenes, the last ones, can be gone back to; files of others are not kept for that."""
STAYS = timedelta(seconds=0.7)
"""A map that another replaced within so long was only passed through."""


def maps() -> tuple[KeptMap, ...]:
    """All that are kept, oldest first."""
    return state.MAPS.get()


def now() -> KeptMap | None:
    """The one that the page shows."""
    return _by_number(state.MAP_NOW.get())


def deleted() -> KeptMap | None:
    """The one that was deleted last, as long as it can be brought back."""
    return state.MAP_DELETED.get()


def keep(answer: LiveAnswer, legend: Legend) -> None:
    """Keep the map that the page shows now, or, where it is kept already, what has been made of its classes since."""
    keeping.match_arrived()
    run = state.run(answer, datetime.now(UTC), with_scores=False)
    known = next((one for one in maps() if _is_same_map(one.run, run)), None)
    if known is None:
        _add(run, answer, legend)
        _measure_soon(answer)
        return
    if known.number != state.MAP_NOW.get():
        state.MAP_NOW.set(known.number)
        loaded = state.loaded()
        held.put_map(replace(known, loaded=loaded, scene_key=scene_key(loaded.scene)))
        state.MAPS.set(_within_limits(maps()))
        known = now() or known
    run = replace(run, reference=run.reference or known.run.reference)  # by which names may have been taken
    before = (known.run.edits, known.run.view, known.run.reference, known.legend)
    if before != (run.edits, run.view, run.reference, legend):
        picture = known.thumbnail if known.legend == legend else thumbnail(answer.result, legend)
        check = known.check and known.check.renamed(_new_names(known.legend, legend))
        run = replace(run, made=known.run.made)
        held.put_map(replace(known, run=run, legend=legend, thumbnail=picture, check=check))
    _measure_soon(answer)


def _new_names(before: Legend, now: Legend) -> dict[str, str]:
    """What classes are called now, by the names that they had and no class has any more."""
    stay, names = {entry.name for entry in now.entries}, {entry.id: entry.name for entry in now.entries}
    return {one.name: names[one.id] for one in before.entries if one.id in names and one.name not in stay}


def _measure_soon(answer: LiveAnswer) -> None:
    """Have the map that is shown measured beside the page's work; what was so measured before it is taken in."""
    shown, waiting, request = now(), state.TO_MEASURE.get(), state.REQUEST.get()
    if waiting is not None and waiting[1].is_scored:
        found = next((one for one in maps() if one.key == waiting[0]), None)
        if found is not None and found.separation is None:
            held.put_map(replace(found, separation=waiting[1].scores.silhouette))
        state.TO_MEASURE.pop()
    if shown is None or request is None or shown.separation is not None:
        return
    if answer.is_scored:
        measure(answer)
        return
    if waiting is None or waiting[0] != shown.key:
        state.TO_MEASURE.set((shown.key, answer))
        server_state().live.score_soon(request, answer)


def measure(answer: LiveAnswer) -> None:
    """Say of the map that the page shows how well its classes lie apart; takes a tenth of a second, once."""
    shown = now()
    if shown is not None and shown.separation is None:
        held.put_map(replace(shown, separation=answer.scores.silhouette))


def restore(number: int) -> None:
    """Make a kept map the page's, with its names, colours and view; to be called before anything is drawn."""
    found = _by_number(number)
    loaded = None if found is None else found.loaded or keeping.reopened(found)
    if found is not None and loaded is not None:
        keeping.load(found, loaded)


def star(number: int, is_starred: bool) -> None:
    """Mark a map, or take its mark away."""
    _change(number, star=is_starred)


def title(number: int, words: str) -> None:
    """Call a map so; by its number of classes where it is empty."""
    _change(number, title=clean_name(words))


def note(number: int, words: str) -> None:
    """Put a line of one's own beside a map; none where it is empty."""
    _change(number, note=clean_name(words))


def delete(number: int) -> None:
    """Keep a map no longer; `bring_back` undoes it. The one that is shown stays."""
    found = _by_number(number)
    if found is not None and number != state.MAP_NOW.get():
        state.MAP_DELETED.set(found)
        state.MAPS.set(tuple(one for one in maps() if one.number != number))


def bring_back() -> None:
    """Keep the map again that was deleted last."""
    found = state.MAP_DELETED.pop()
    if found is not None:
        state.MAPS.set(tuple(sorted((*maps(), found), key=lambda one: one.number)))


def bring_in(runs: Sequence[ListedRun]) -> tuple[int, int, int]:
    """List runs from elsewhere; returns how many, how many were listed already, and for how many there was no room.

    Raises UnreadableValue, and lists none, where this s2dash does not know what one of them asks for.
    """
    known = {(one.run.scene_digest, one.run.recipe) for one in maps()}
    new = {(one.run.scene_digest, one.run.recipe): one for one in runs}
    fresh = [one for key, one in new.items() if key not in known]
    for one in fresh:
        require_known(one)
    fitting = fresh[-room:] if (room := max(0, MOST_KEPT - len(maps()))) else []
    for one in fitting:
        number = state.MAPS_MADE.get() + 1
        found = keeping.of_listed(one, number)
        scene = next((other for other in maps() if other.run.scene_digest == one.run.scene_digest), None)
        if scene is not None:
            found = replace(found, loaded=scene.loaded, scene_key=scene.scene_key, files=scene.files)
        state.MAPS_MADE.set(number)
        state.MAPS.set((*maps(), found))
    keeping.match_arrived()
    return len(fitting), len(runs) - len(fresh), len(fresh) - len(fitting)


def require_known(one: ListedRun) -> None:
    """Raise UnreadableValue where this s2dash does not know what a run from elsewhere asks for."""
    try:
        find_algorithm(one.run.recipe.algorithm).complete_params(one.run.recipe.params_dict)
    except RecipeError as error:
        raise UnreadableValue(f"Run {one.number} of the file cannot be made here. {error}") from error


def _is_same_map(one: Run, other: Run) -> bool:
    return (one.scene_digest, one.recipe) == (other.scene_digest, other.recipe)


def _by_number(number: int | None) -> KeptMap | None:
    return next((one for one in maps() if one.number == number), None)


def _add(run: Run, answer: LiveAnswer, legend: Legend) -> None:
    before = [one for one in maps() if not _was_passed_through(one, run)]
    number = state.MAPS_MADE.get() + 1
    last = now() if now() in before else (before[-1] if before else None)
    words = change_words(last.run if last else None, run)
    loaded = state.loaded()
    made = KeptMap(
        number,
        run,
        words,
        thumbnail(answer.result, legend),
        loaded,
        legend,
        files=loaded.files,
        scene_key=scene_key(loaded.scene),
    )
    state.MAPS_MADE.set(number)
    state.MAP_NOW.set(number)
    state.MAPS.set(_within_limits((*before, made)))


def _was_passed_through(one: KeptMap, later: Run) -> bool:
    if one.is_marked or one.number != state.MAPS_MADE.get() or one.number == 1:
        return False
    return one.run.made is not None and later.made is not None and later.made - one.run.made < STAYS


def _within_limits(kept: Sequence[KeptMap]) -> tuple[KeptMap, ...]:
    spare = [one.number for one in kept[:-1] if not one.is_marked] + [one.number for one in kept[:-1] if one.is_marked]
    gone = set(spare[: max(0, len(kept) - MOST_KEPT)])
    stay = [one for one in kept if one.number not in gone]
    scenes = _held_scenes(stay)
    return tuple(one if one.run.scene_digest in scenes else replace(one, loaded=None) for one in stay)


def _held_scenes(stay: Sequence[KeptMap]) -> set[str]:
    """Digests of the scenes whose files are kept: the present one's, and those before it as far as there is room."""
    held: set[str] = set()
    room = server_state().limits.runs.most_scene_bytes
    shown = [one for one in stay if one.number == state.MAP_NOW.get()]
    for one in (*shown, *reversed(stay)):
        if one.run.scene_digest in held or one.loaded is None:
            continue
        if held:
            room -= sum(path.stat().st_size for path in one.loaded.scene.paths if path.exists())
        if len(held) == MOST_SCENES or room < 0:
            break
        held.add(one.run.scene_digest)
    return held


def _change(number: int, **fields: object) -> None:
    found = _by_number(number)
    if found is not None:
        held.put_map(replace(found, **fields))  # type: ignore[arg-type]
