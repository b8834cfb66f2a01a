"""What files of the page's map tell of two dates that are compared meanwhile."""

from __future__ import annotations

from functools import partial

from s2dash.batch.change import add_transitions
from s2dash.export.handover import ToldChange
from s2dash.ui.two_dates.values import TwoDates
from s2dash.ui.two_dates.words import figures_of, lead_words, missing_words, move_words


def told_change(dates: TwoDates) -> ToldChange:
    """Sentences and sheets on both dates."""
    change, figures = dates.change, figures_of(dates.change)
    parts = [
        f"From {dates.names[0]} to {dates.names[1]} {figures.full(change.found.moved)} changed.",
        lead_words(change),
        move_words(change),
        missing_words(change, figures),
    ]
    return ToldChange(" ".join(filter(None, parts)), partial(add_transitions, change=change))
