"""What is said of two maps that are compared: sentences, figures with their units, and what scores mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from s2dash.classify.compare import Amount, Comparison, Move
from s2dash.core.legend import LegendEntry
from s2dash.ui import text
from s2dash.ui.compare.values import Compared
from s2dash.ui.identity import is_named

MOST_MOVES = 3
_MOSTLY = 0.5
"""Share of all that moved from which on one move is said to be most of it."""


@dataclass(frozen=True)
class Figures:
    """Amounts as figures of one unit: of ground, or of pixels where there is no place."""

    unit: text.AreaUnit | None

    @staticmethod
    def of(amounts: Sequence[Amount]) -> Figures:
        """In the unit in which the largest is easiest to read."""
        areas = [amount.area_ha for amount in amounts]
        known = [area for area in areas if area is not None]
        return Figures(text.area_unit(max(known, default=0.0)) if len(known) == len(areas) else None)

    @property
    def symbol(self) -> str:
        return self.unit.symbol if self.unit else "pixels"

    @property
    def heading(self) -> str:
        if self.unit is None:
            return "in pixels"
        return "in hectares" if self.unit is text.HECTARES else f"in {self.unit.symbol}"

    def figure(self, amount: Amount) -> str:
        return self._of(amount.count, amount.area_ha)

    def change(self, before: Amount, after: Amount) -> str:
        """`+418` or `−344`."""
        count = after.count - before.count
        area = None if before.area_ha is None or after.area_ha is None else after.area_ha - before.area_ha
        size = self._of(abs(count), None if area is None else abs(area))
        return f"{'+' if count > 0 else '−' if count < 0 else ''}{size}"

    def full(self, amount: Amount) -> str:
        """The figure with its unit; a lone pixel has none of its own."""
        return f"{self.figure(amount)} {self.symbol}" if self.unit else text.pixels(amount.count)

    def _of(self, count: int, area_ha: float | None) -> str:
        return text.number(count) if self.unit is None or area_ha is None else self.unit.figure(area_ha)


def comparing_words(compared: Compared) -> str:
    """`Comparing run 2 with run 5`."""
    left, right = compared.names
    return f"Comparing {left.lower()} with {right.lower()}"


def lead_words(compared: Compared) -> str:
    """The one sentence on both sides."""
    return "A picture has no classes to count." if compared.found is None else same_words(compared.found)


def same_words(found: Comparison) -> str:
    """`91 of 100 pixels stay in the same class.`"""
    if found.compared_count == 0:
        return "No pixel has a class in both."
    if found.moved.count == 0:
        return "Every pixel stays in the same class."
    stay = round(100 * (1 - found.moved_share))
    if stay == 100:
        return "More than 99 of 100 pixels stay in the same class."
    if stay == 0:
        return "Fewer than 1 of 100 pixels stay in the same class."
    return f"{stay} of 100 pixels stay in the same class."


def move_words(compared: Compared) -> str:
    """Which move is the largest; empty where nothing moved."""
    found = compared.found
    if found is None or not found.moves:
        return ""
    largest = found.moves[0]
    before, after = names_of(compared, largest)
    if largest.count >= _MOSTLY * found.moved.count:
        return f"What moved is mostly {before} that became {after}."
    return f"The largest part of what moved is {before} that became {after}."


def names_of(compared: Compared, move: Move) -> tuple[str, str]:
    """What the classes of a move are called."""
    first, second = entries_of(compared, move)
    return first.name, second.name


def entries_of(compared: Compared, move: Move) -> tuple[LegendEntry, LegendEntry]:
    """Both classes of a move, the first as its partner on the right where it has one."""
    assert compared.found is not None
    first, second = move.pair
    on_right = compared.right.legend.entries
    partner = next((new for new, old in compared.found.same.items() if old == first), None)
    before = next(one for one in gone(compared) if one.id == first) if partner is None else on_right[partner - 1]
    return before, on_right[second - 1]


def gone(compared: Compared) -> list[LegendEntry]:
    """Classes that only the left side has. One without a name says whose it is: the right side has its number too."""
    left, found = compared.left, compared.found
    assert left is not None
    assert found is not None
    alone = [entry for entry in left.legend.entries if entry.id not in found.same.values()]
    return [one if is_named(one.name) else replace(one, name=f"{one.name} of {left.name.lower()}") for one in alone]


def one_sided_words(compared: Compared, figures: Figures) -> str:
    """What only one side has a class for; empty where both leave out the same."""
    assert compared.found is not None
    only_left, only_right = compared.found.one_sided
    parts = [
        f"{figures.full(amount)} left out in {name.lower()} only"
        for amount, name in ((only_right, compared.names[0]), (only_left, compared.names[1]))
        if amount.count
    ]
    return f"{' and '.join(parts)}: not counted as moved." if parts else ""


def map_key(compared: Compared) -> list[dict[str, Any]]:
    """What the colours of the map mean where both differ: the same words as in the panel."""
    found = compared.found
    assert found is not None
    figures, lines = Figures.of([found.moved]), []
    chosen = next((move for move in found.moves if move.pair == compared.comparing.move), None)
    if chosen is None:
        words = f"in another class · {figures.full(found.moved)}"
        lines.append({"kind": "moved", "lead": text.share(found.moved_share), "words": words})
    else:
        before, after = names_of(compared, chosen)
        lines.append({"kind": "moved", "lead": figures.full(chosen), "words": f"{before} to {after}"})
        lines.append(
            {"kind": "other-move", "lead": figures.full(_without(found.moved, chosen)), "words": "moved otherwise"}
        )
    only = _together(*found.one_sided)
    if only.count:
        lines.append({"kind": "one-sided", "lead": figures.full(only), "words": "left out in one of them only"})
    return lines


def _together(one: Amount, other: Amount) -> Amount:
    has_area = one.area_ha is not None and other.area_ha is not None
    return Amount(one.count + other.count, one.area_ha + other.area_ha if has_area else None)  # type: ignore[operator]


def _without(whole: Amount, part: Amount) -> Amount:
    return _together(whole, Amount(-part.count, None if part.area_ha is None else -part.area_ha))
