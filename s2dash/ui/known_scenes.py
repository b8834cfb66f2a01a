"""Other scenes that a session has had, of which one may be taken beside the page's own."""

from __future__ import annotations

from dataclasses import dataclass

from s2dash.ui import state, text
from s2dash.ui.loaded import Brought, Loaded
from s2dash.ui.runs import kept
from s2dash.ui.scene_block import source_words


@dataclass(frozen=True, eq=False)
class Known:
    """A scene that the session has had."""

    words: str
    loaded: Loaded | None = None
    brought: Brought | None = None
    """The file of one of many scenes, which is to be read again."""


def known_scenes() -> list[Known]:
    """Other scenes whose files are still here: those of the session's runs, the last first, and those of a batch."""
    now = state.loaded().whole.digest
    loaded = {one.loaded.whole.digest: one.loaded for one in reversed(kept.maps()) if one.loaded is not None}
    runs = [Known(_words(one), one) for digest, one in loaded.items() if digest != now]
    batch = state.BATCH.get()
    if batch is None:
        return runs
    paths = {name: report.source.location.path for name, report in batch.states.items()}
    return runs + [
        Known(f"{name} (Many scenes)", brought=Brought((path,), (path.name,), (batch,)))
        for name, path in paths.items()
        if path is not None and path.exists()
    ]


def _words(one: Loaded) -> str:
    return text.plain(" · ".join(filter(None, (one.scene.title, source_words(one.scene)))))
