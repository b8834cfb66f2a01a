"""Open scenes of a batch: those that had to be rewritten are kept until they are dropped, or space runs short."""

from __future__ import annotations

import shutil
from pathlib import Path

from s2dash.batch.plan import Opener
from s2dash.batch.sources import Source
from s2dash.core.scene import Scene
from s2dash.core.types import CancelToken, Progress
from s2dash.settings import BATCH_LIMITS


class Shelf:
    """Scenes that are open."""

    def __init__(self, opener: Opener, scratch: Path, cancel: CancelToken) -> None:
        self._opener, self._scratch, self._cancel = opener, scratch, cancel
        self._open: dict[str, Scene] = {}

    def has(self, source: Source) -> bool:
        """Whether the scene is open."""
        return source.name in self._open

    def get(self, source: Source, progress: Progress) -> Scene:
        """The scene, opened now where it is not open; raises what opening it raises."""
        if source.name not in self._open:
            self._open[source.name] = self._opener.open(source.location, self._folder(source), progress, self._cancel)
        return self._open[source.name]

    def put_back(self, source: Source) -> None:
        """Keep the scene for later where that takes no space, or there is enough."""
        if self._folder(source).exists() and shutil.disk_usage(self._scratch).free < BATCH_LIMITS.free_disk_bytes:
            self.drop(source)

    def drop(self, source: Source) -> None:
        """Forget the scene and remove what was rewritten for it."""
        self._open.pop(source.name, None)
        shutil.rmtree(self._folder(source), ignore_errors=True)

    def _folder(self, source: Source) -> Path:
        return self._scratch / f"scene {source.name}"
