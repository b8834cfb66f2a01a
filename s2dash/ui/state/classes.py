"""What a page's session holds of its result: what was made of the classes, and what they took over from others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from s2dash.classify.naming import Suggestion
from s2dash.core.classmap import Result
from s2dash.core.edits import NO_EDITS, AnyStep, ClassEdits
from s2dash.core.legend import Legend
from s2dash.core.recipe import Recipe
from s2dash.server.live_engine import LiveAnswer, LiveRequest
from s2dash.ui.legend_event import LegendEvent
from s2dash.ui.session import Control, Field
from s2dash.ui.state.recipe import scene_digest
from s2dash.ui.state.view import PALETTE, PUSHED

W = TypeVar("W")
ANSWER: Field[LiveAnswer | None] = Field("answer", None)
REQUEST: Field[LiveRequest | None] = Field("future", None)

LEGEND = "legend"
"""The legend's table."""

CARD_CLASS: Field[int | None] = Field("class card", None)
"""The class whose card is pushed over the legend."""
CARD_SHOWS_ALL = Field("class card shows all", False)
"""Whether the map shows all classes while a card is open, in place of its class alone."""
CARD_TROUBLE: Field[str | None] = Field("class card trouble", None)
"""Why what was last asked for on a card could not be done."""


def card_name(number: int, now: str, take: Callable[[str], None]) -> Control[str]:
    """The name of a class on its card."""
    return Control(f"class card name {number}", lambda: now, take)


def card_merge(number: int, take: Callable[[int | None], None]) -> Control[int | None]:
    """What a class is to be merged into, on its card; nothing until it is chosen."""
    return Control(f"class card merge {number}", lambda: None, take)


def clean_up_control(part: str, now: W, take: Callable[[W], None]) -> Control[W]:
    """One of the choices of how specks are cleaned up."""
    return Control(f"clean up {part}", lambda: now, take)


KEPT_BOTH: Field[frozenset[str]] = Field("names kept for several classes", frozenset())
"""Names that are meant for more than one class."""

STEADY_OF = Field("steadiness asked of", "")
"""Digest of the result of which it was last asked how steady its classes are."""

SUGGESTED: Field[tuple[Hashable, Mapping[int, Suggestion]] | None] = Field("suggested names", None)
"""Names suggested for the classes of the last map that had any asked for, with all that they depend on."""

MapKey = tuple[str, Recipe]
"""Digest of a scene as it is read, and a recipe."""

_EDITS: Field[Mapping[MapKey, ClassEdits]] = Field("legend edits", {})
_ALONE: Field[tuple[MapKey, int | None] | None] = Field("isolated", None)


def map_of(recipe: Recipe) -> MapKey:
    """By which the map of this recipe on the scene in use is known."""
    return scene_digest(), recipe


ADVICE_STOPPED: Field[MapKey | None] = Field("advice stopped", None)
"""Of which scene and recipe, whatever its k, the user wants no numbers of classes tried."""


def edits(of: Recipe) -> ClassEdits:
    """What was made of the classes of this recipe on the scene in use."""
    return _EDITS.get().get(map_of(of), NO_EDITS)


def edits_of(of: MapKey) -> ClassEdits:
    """What was made of the classes of a map of any scene."""
    return _EDITS.get().get(of, NO_EDITS)


def was_shown(of: Recipe) -> bool:
    """Whether this recipe's map has a legend or edits already: who comes back to it finds what was there."""
    return map_of(of) in _EDITS.get() or any(key == map_of(of) for key, _ in own_legends())


LEFT_BEHIND: Field[tuple[MapKey, Sequence[AnyStep]] | None] = Field("steps left behind", None)
"""A map, and the steps of the one before that do not hold for it."""


def put_edits_of(of: MapKey, edits: ClassEdits) -> None:
    """Put these in the place of the edits of a map of any scene."""
    _EDITS.set({**_EDITS.get(), of: edits})


def put_edits(of: Recipe, edits: ClassEdits) -> None:
    """Put these in the place of the edits of this recipe on the scene in use."""
    put_edits_of(map_of(of), edits)


@dataclass(frozen=True)
class OwnLegend:
    """The legend of a map before its user's edits."""

    legend: Legend
    carried: frozenset[int] = frozenset()
    """Classes that have taken over name or colour from the map that was shown before."""


@dataclass(frozen=True, eq=False)
class ShownMap:
    """A map that was shown, with its legend as it then was."""

    result: Result
    palette: str
    legend: Legend
    found: Result
    """The map before the steps of its edits."""


LAST_SHOWN: Field[ShownMap | None] = Field("last shown", None)


def own_legends() -> OrderedDict[tuple[MapKey, str], OwnLegend]:
    """Legends before edits by map and palette, those looked at last at the end."""
    return Field[OrderedDict[tuple[MapKey, str], OwnLegend]]("own legends", OrderedDict()).made(OrderedDict)


def put_own_legend(of: MapKey, palette: str, legend: Legend, carried: Iterable[int]) -> None:
    """Have a map of any scene look so before its user's edits."""
    own_legends()[(of, palette)] = OwnLegend(legend, frozenset(carried))


def legend_key(of: Recipe, palette: str) -> tuple[MapKey, str]:
    """By which `own_legends` keeps the legend of this recipe on the scene in use."""
    return map_of(of), palette


def all_edits(of: Recipe) -> ClassEdits:
    """The edits of a map together with what its legend took over from others: all that makes it look as it does."""
    own = own_legends().get(legend_key(of, PALETTE.get()))
    if own is None:
        return edits(of)
    taken = {entry.id: entry for entry in own.legend.entries if entry.id in own.carried}
    names = {number: entry.name for number, entry in taken.items() if entry.name != f"Class {number}"}
    colours = {entry.id: entry.colour for entry in own.legend.entries} if taken else {}
    codes = {number: entry.code for number, entry in taken.items()}
    mine = edits(of)
    order = mine.order or own.legend.order
    whole = ClassEdits(steps=mine.steps, order=order).named(names, colours, codes)
    return whole.named(mine.names, mine.colours, mine.codes)


def alone(of: Recipe) -> int | None:
    """The class shown alone, where that was asked of this very map."""
    found = _ALONE.get()
    return found[1] if found is not None and found[0] == map_of(of) else None


def shown_alone(of: Recipe) -> int | None:
    """The class that the map shows alone: that of the card that is open, else the one that was asked for."""
    if PUSHED.get() == "class card":
        return None if CARD_SHOWS_ALL.get() else CARD_CLASS.get()
    return alone(of)


def put_alone(of: Recipe, number: int | None) -> None:
    """Show a class of this map alone; None for all."""
    _ALONE.set((map_of(of), number))


def waiting_edits(table: str) -> Field[LegendEvent | None]:
    """Edits that have arrived from a legend's table, and that nobody has taken yet."""
    return Field(f"{table}: edits to take", None)


def last_edit(table: str) -> Field[int]:
    """Number of the last edit that has arrived from a legend's table."""
    return Field(f"{table}: last edit taken", 0)


def last_wish(button: str) -> Field[int]:
    """Number of the last wish that has arrived from a map that is presented."""
    return Field(f"{button}: last wish taken", 0)


def put_look(of: MapKey, edits: ClassEdits, alone: int | None) -> None:
    """Put edits and the class shown alone in the place of those of a map, which need not be shown yet."""
    put_edits_of(of, edits)
    _ALONE.set((of, alone))
