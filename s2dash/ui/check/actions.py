"""What people do with the check of a map, before anything is drawn: begin, stop and go on, add places, begin anew."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace

from s2dash.classify.accuracy.sampling import FEWEST_PLACES, MOST_DRAWN_PLACES, draw
from s2dash.core.accuracy import Accuracy, Check
from s2dash.core.check_answers import joined
from s2dash.core.classmap import Result
from s2dash.core.legend import Legend
from s2dash.errors import S2DashError
from s2dash.ui import state
from s2dash.ui.messages import words_for
from s2dash.ui.runs.values import KeptMap
from s2dash.ui.state import check as held

_OTHER_MAP = "The map has changed since these places were drawn, so no others can join them. Start over for new ones."
MORE = FEWEST_PLACES
"""Places that are added at once."""
FEWEST, MOST = FEWEST_PLACES, MOST_DRAWN_PLACES


def begin(one: KeptMap, result: Result, legend: Legend) -> None:
    """Draw places for a map and ask about them."""
    try:
        check = draw(result, legend, held.CHECK_COUNT.get(), seed=secrets.randbits(32))
    except S2DashError as error:
        held.CHECK_TROUBLE.set(words_for(error))
        return
    held.CHECK_TROUBLE.pop()
    _ask(one, check)


def go_on(one: KeptMap) -> None:
    """Ask about those of its places that nobody has answered."""
    if one.check is not None:
        _ask(one, one.check)


def add_places(one: KeptMap, result: Result, legend: Legend, accuracy: Accuracy | None) -> None:
    """Draw further places from the same map, more where the answers so far say that it is often wrong, and ask."""
    check = one.check
    if check is None or not can_grow(check):
        return
    users = {} if accuracy is None else {c.name: c.users.value for c in accuracy.classes if c.users is not None}
    try:
        further = joined(check, draw(result, legend, MORE, seed=secrets.randbits(32), users=users))
    except S2DashError as error:
        held.CHECK_TROUBLE.set(words_for(error))
        return
    except ValueError:
        held.CHECK_TROUBLE.set(_OTHER_MAP)
        return
    held.CHECK_TROUBLE.pop()
    _ask(one, further)


def can_grow(check: Check) -> bool:
    """Whether there is room for further places."""
    return len(check.places) + MORE <= MOST


def stop() -> None:
    """Ask no more, and show what the answers say of the map that is asked about."""
    held.take_answers()
    held.check_book().close()
    for one in state.MAPS.get():
        if one.is_checking:
            held.put_map(replace(one, is_checking=False))


def begin_anew(one: KeptMap) -> None:
    """Set the check of a map aside, for `bring_back`."""
    held.CHECK_BROUGHT.pop()
    replace_check(one, None)


def replace_check(one: KeptMap, check: Check | None) -> None:
    """Put another check, or none, in the place of that of a map, which is set aside for `bring_back`."""
    if one.check is not None:
        held.CHECK_DROPPED.set((one.key, one.check))
    held.put_map(replace(one, check=check, is_checking=False))


def set_aside(one: KeptMap) -> Check | None:
    """The check of a map that `bring_back` would bring."""
    dropped = held.CHECK_DROPPED.get()
    return dropped[1] if dropped is not None and dropped[0] == one.key else None


def bring_back(one: KeptMap) -> None:
    """Give a map the check again that was set aside last; what it has now is set aside instead."""
    dropped = set_aside(one)
    if dropped is not None:
        held.CHECK_DROPPED.pop()
        replace_check(one, dropped)


def pair(one: KeptMap, check: Check, names: Mapping[str, str]) -> None:
    """Have answers mean these classes of a map; the check, which may be another map's, is its own from then on.

    Parameters
    ----------
    names : by what answers say; empty where no class is meant
    """
    key = (one.run.scene_digest, one.run.recipe)
    unpaired = {(key, name) for name, meant in names.items() if not meant}
    held.CHECK_UNPAIRED.set(held.CHECK_UNPAIRED.get() | unpaired)
    held.put_map(replace(one, check=check.renamed({name: meant for name, meant in names.items() if meant})))


def _ask(one: KeptMap, check: Check) -> None:
    held.put_map(replace(one, check=check, is_checking=True))
    state.put_alone(one.run.recipe, None)
    state.SIDE.set("Classes")
