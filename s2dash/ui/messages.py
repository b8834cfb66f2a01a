"""What the page shows for each kind of error: one table, and a note for the log where it is a bug."""

from __future__ import annotations

import logging

from s2dash.errors import BrokenResult, Cancelled, ClusterError, InputError, RecipeError, S2DashError
from s2dash.ui.text import plain

_log = logging.getLogger(__name__)

LEADS: dict[type[S2DashError], str] = {
    InputError: ":red[:material/error:] ",
    RecipeError: ":red[:material/tune:] ",
    ClusterError: ":red[:material/dns:] ",
    Cancelled: ":material/cancel: ",
    BrokenResult: ":red[:material/error:] ",
}
"""The sign before the words of each kind of error; the words are the error's own."""

UNEXPECTED = (
    ":red[:material/error:] Something went wrong on our side. The map still shows the last result; the log says more."
)


def words_for(error: BaseException) -> str:
    """The page's words for an error, as Markdown; anything unexpected is logged and said in one plain sentence."""
    for kind, lead in LEADS.items():
        if isinstance(error, kind):
            return lead + plain(str(error))
    _log.error("unexpected error", exc_info=error)
    return UNEXPECTED
