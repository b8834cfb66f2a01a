"""Pixels finer than the preview, read when somebody looks at them: tiles of pictures and classes at native resolution.

Glossary: a level is a scene's grid or every n-th pixel of it (its step). Tiles are drawn from the preview while a
pixel of theirs covers at least one of the preview's, else from the coarsest level that is fine enough:
the native one, and for large scenes some between, of which copies are gathered on disk. A cell is the
square of a level that is read at once and kept for the tiles beside it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from s2dash.core.byte_cache import ByteCache, Held, held_by_arrays, held_by_itself
from s2dash.core.scene import Pixels, Scene
from s2dash.errors import PixelsGone, UnreadableFile
from s2dash.raster.door import GDAL_ERRORS, open_raster
from s2dash.raster.reading import SceneReader
from s2dash.server import memory
from s2dash.settings import NATIVE_LIMITS, NativeLimits
from s2dash.tiles.kept_pixels import Handles, LevelCopy
from s2dash.tiles.levels import Cell, Level, levels_of

CellKey = tuple[Hashable, int, Cell]
"""What is read, at which step, where."""


@contextmanager
def translated_to_pixels_gone() -> Iterator[None]:
    """Whatever reading raises becomes PixelsGone."""
    try:
        yield
    except (*GDAL_ERRORS, OSError, UnreadableFile) as error:
        raise PixelsGone("The files behind this picture are no longer there. Load the scene again.") from error


class NativeTiles:
    """What the details of pictures read, for every session of this process, and what is kept of it for a while."""

    def __init__(self, limits: NativeLimits = NATIVE_LIMITS) -> None:
        self._limits = limits
        self.cells: ByteCache[CellKey, Any] = ByteCache(limits.most_cell_bytes, _held_of_cell)
        self.tiles: ByteCache[Hashable, np.ndarray] = ByteCache(limits.most_label_bytes)
        self._handles = Handles()
        self._between: OrderedDict[Hashable, dict[int, LevelCopy]] = OrderedDict()
        """Copies of levels by their step, by scene."""
        self._lock = threading.Lock()
        self._tidying = False

    @property
    def open_files(self) -> int:
        """Files that are open, in use or kept for the next to look."""
        return self._handles.count

    def prepare(self, scene: Scene) -> None:
        """Gather the levels between in the background, at low priority, where the scene has some; returns at once."""
        between = levels_of(scene)[1:]
        if not between:
            return
        coarsest = between[-1]
        # Held here: one that is dropped meanwhile must not be begun anew.
        copies = {level: self.between(scene, level) for level in between}

        def read(cell: Cell) -> None:
            for level, copy in reversed(copies.items()):
                # What a cell of the coarsest covers is decoded once: the next level finds it in GDAL's cache.
                for inner in level.cells_under(coarsest, cell):
                    if not copy.has(inner):
                        with translated_to_pixels_gone():
                            copy.get(inner, lambda: self._stack(scene, level, inner))  # noqa: B023 - called at once

        copies[coarsest].gather_once(read)
        self.tidy_later()

    @contextmanager
    def reader(self, scene: Scene) -> Iterator[SceneReader]:
        """A reader of the scene for one thread, kept open for the next a few seconds."""
        key = (scene.digest, scene.paths, scene.reflectance.offsets)
        with self._handles.borrow(key, lambda: SceneReader(scene)) as reader:
            yield reader

    @contextmanager
    def dataset(self, path: Path) -> Iterator[rasterio.DatasetReader]:
        """An open raster for one thread, kept open for the next a few seconds."""
        with self._handles.borrow(path, lambda: open_raster(path)) as dataset:
            yield dataset

    def between(self, scene: Scene, level: Level) -> LevelCopy:
        """The copy of a level between, empty at first."""
        key = (scene.digest, scene.paths)
        with self._lock:
            copies = self._between.setdefault(key, {})
            if level.step not in copies:
                copies[level.step] = LevelCopy(scene, level)
            self._between.move_to_end(key)
            while len(self._between) > self._limits.most_between_scenes:
                _drop_all(self._between.popitem(last=False)[1])
            return copies[level.step]

    def read_between(self, scene: Scene, level: Level, cell: Cell) -> np.ndarray:
        """All bands, then all masks, of a cell of a level between, shape (bands + masks, rows, cols)."""
        return self.between(scene, level).get(cell, lambda: self._stack(scene, level, cell))

    def _stack(self, scene: Scene, level: Level, cell: Cell) -> np.ndarray:
        with self.reader(scene) as reader:
            return reader.stack(*level.places(cell))

    def tidy_later(self) -> None:
        """See to it that files are closed and memory is freed once nobody looks any more."""
        with self._lock:
            if self._tidying:
                return
            self._tidying = True
        self._start_timer()

    def _start_timer(self) -> None:
        timer = threading.Timer(self._limits.file_idle_seconds / 2, self._tidy)
        timer.daemon = True
        timer.start()

    def _tidy(self) -> None:
        try:
            self._handles.close_idle(self._limits.file_idle_seconds)
            freed = self.cells.drop_idle(self._limits.cell_idle_seconds)
            if freed:
                memory.hand_back_soon()
            with self._lock:
                for key in [key for key, copies in self._between.items() if any(c.is_orphan for c in copies.values())]:
                    _drop_all(self._between.pop(key))
        finally:
            with self._lock:
                self._tidying = bool(self._handles.count or self.cells.byte_count or self._between)
                goes_on = self._tidying
            if goes_on:
                self._start_timer()


def _held_of_cell(kept: Any) -> Held:
    return held_by_arrays(kept.values, kept.valid) if isinstance(kept, Pixels) else held_by_itself(kept)


def _drop_all(copies: dict[int, LevelCopy]) -> None:
    for copy in copies.values():
        copy.drop()
