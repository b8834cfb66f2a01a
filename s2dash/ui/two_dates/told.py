"""What files of the page's map tell of two dates that are compared meanwhile."""

from __future__ import annotations

from functools import partial

from s2dash.batch.change import add_transitions
from s2dash.export.handover import ToldChange
from s2dash.ui.two_dates.values import TwoDates
from s2dash.ui.two_dates.words import figures_of, lead_words, missing_words, move_words

_MOST_MOVES = 8


def told_change(dates: TwoDates) -> ToldChange:
    """Sentences and sheets on both dates."""
    change, figures = dates.change, figures_of(dates.change)
    parts = [
        f"From {dates.names[0]} to {dates.names[1]} {figures.full(change.found.moved)} changed.",
        lead_words(change),
        move_words(change),
        missing_words(change, figures),
    ]
    names = {entry.id: entry.name for entry in change.entries}
    largest = tuple(
        (f"{names[move.pair[0]]} to {names[move.pair[1]]}", figures.full(move))
        for move in change.found.moves[:_MOST_MOVES]
    )
    return ToldChange(tuple(filter(None, parts)), largest, partial(add_transitions, change=change))
