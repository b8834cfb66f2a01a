"""What becomes of a pack that was opened: its maps are listed, the one it shows is the page's, all said of it is back.

A map whose scene is not here waits for it, as that of a link does (`ui.link`).
"""

from __future__ import annotations

from dataclasses import replace

from s2dash.core.map_position import position_of
from s2dash.core.run_list import ListedRun
from s2dash.errors import S2DashError
from s2dash.ingest import OpenedPack
from s2dash.ingest.examples import example
from s2dash.ui import state, text
from s2dash.ui.link import await_pack
from s2dash.ui.loaded import Loaded
from s2dash.ui.messages import words_for
from s2dash.ui.runs import keeping, kept
from s2dash.ui.state import check as held

_MOST_NAMED = 3
"""Of the members that are not what was written, so many are said by name."""


def take_pack(found: Loaded, pack: OpenedPack) -> None:
    """Take up a pack; where this s2dash does not know what it asks for, say so and leave all as it is.

    Parameters
    ----------
    found : its picture where that was within, else what the page has
    """
    shown = pack.manifest.shown_run.run
    try:
        position_of(shown.view)
        if pack.manifest.scene.example:
            example(pack.manifest.scene.example)
        for one in pack.manifest.runs:
            kept.require_known(one)
        state.LOADED.set(found)
        kept.bring_in(pack.manifest.runs)
    except S2DashError as error:
        state.SAY_ONCE.set((words_for(error), ""))
        return
    for one in pack.manifest.runs:
        _put(one)
    scenes = [state.loaded(), *(one.loaded for one in reversed(kept.maps()) if one.loaded is not None)]
    is_here = await_pack(pack.manifest, scenes)
    opened = f":material/inventory_2: **{text.plain(pack.name)} is open.**" if is_here else ""
    if words := " ".join(filter(None, (opened, _not_as_written(pack)))):
        state.SAY_ONCE.set((words, ""))


def _put(listed: ListedRun) -> None:
    """Have a map that is listed be as it was packed: names, colours, edits, title, note and check."""
    for one in kept.maps():
        if (one.run.scene_digest, one.run.recipe) == (listed.run.scene_digest, listed.run.recipe):
            found = keeping.of_listed(listed, one.number, one.scene_key)
            held.put_map(replace(found, loaded=one.loaded, files=one.files or found.files, is_checking=False))


def _not_as_written(pack: OpenedPack) -> str:
    """Which members were changed, are missing or came from elsewhere; empty where none."""
    told = ((pack.altered, "not what was written"), (pack.missing, "missing"), (pack.added, "not of the pack"))
    parts = [f"{_named(names)} {'is' if len(names) == 1 else 'are'} {words}" for names, words in told if names]
    lead = ":red[:material/error:] Something has changed in the pack since it was made: "
    return f"{lead}{'; '.join(parts)}." if parts else ""


def _named(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return text.plain(", ".join(names[:_MOST_NAMED])) + more
