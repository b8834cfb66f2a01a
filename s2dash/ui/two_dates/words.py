"""What is said of two dates: what they are called, how much changed, and what could not be counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from s2dash.batch.change import Change
from s2dash.batch.manifest import Finished
from s2dash.ui.compare.words import Figures, same_words

_MOSTLY = 0.5
"""Share of all that changed from which on one change is said to be most of it."""


def figures_of(change: Change) -> Figures:
    """The unit in which the largest class of either date is easiest to read."""
    return Figures.of([amount for side in change.totals() for amount in side.values()])


def named(finished: Sequence[Finished]) -> dict[str, str]:
    """What each scene is called: its date where that tells it from the others, else with its name, else its name."""
    dates = Counter(one.date for one in finished)
    return {
        one.name: one.name if not one.date else one.date if dates[one.date] == 1 else f"{one.date} {one.name}"
        for one in finished
    }


def lead_words(change: Change) -> str:
    """The one sentence on both dates."""
    return same_words(change.found).replace("in the same class", "what they were")


def move_words(change: Change) -> str:
    """Which change is the largest; empty where nothing changed."""
    if not change.found.moves:
        return ""
    largest = change.found.moves[0]
    names = {entry.id: entry.name for entry in change.entries}
    first, second = (names[number] for number in largest.pair)
    if largest.count >= _MOSTLY * change.found.moved.count:
        return f"What changed is mostly {first} that became {second}."
    return f"The largest part of what changed is {first} that became {second}."


def missing_words(change: Change, figures: Figures) -> str:
    """What has no class on one date or both, so that it is no change; and that pixels were matched, where they were."""
    only_before, only_after = change.found.one_sided
    parts = [
        f"{figures.full(amount)} {words}"
        for amount, words in (
            (only_before, "missing or left out on the later date"),
            (only_after, "missing or left out on the earlier date"),
            (change.neither, "on both"),
        )
        if amount.count
    ]
    counted = f"Not counted: {'; '.join(parts)}." if parts else "Every pixel has a class on both dates."
    resampled = " The dates have different pixels: each is compared with the nearest one of the other date."
    return counted + (resampled if change.is_resampled else "")
