"""Pixels finer than the preview, read when somebody looks at them: tiles of pictures and classes at native resolution.

Glossary: a level is a scene's grid or every n-th pixel of it (its step). Tiles are drawn from the preview while a
pixel of theirs covers at least one of the preview's, else from the coarsest level that is fine enough:
the native one, and for large scenes some between, of which copies are gathered on disk. A cell is the
square of a level that is read at once and kept for the tiles beside it.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from s2dash.classify import pipeline
from s2dash.classify.features import raw_features, smoothed_places, stack_features, window_features
from s2dash.classify.fitted import Fitted
from s2dash.core.byte_cache import ByteCache, Held, held_by_arrays, held_by_itself
from s2dash.core.classmap import Result
from s2dash.core.scene import Pixels, Scene, valid_pixels
from s2dash.errors import PixelsGone, UnreadableFile
from s2dash.raster.door import GDAL_ERRORS, open_raster
from s2dash.raster.reading import SceneReader
from s2dash.server import memory
from s2dash.settings import NATIVE_LIMITS, NativeLimits
from s2dash.tiles.kept_pixels import Handles, LevelCopy
from s2dash.tiles.levels import Cell, Level, levels_of
from s2dash.tiles.placing import covered_pixels, tile_places
from s2dash.tiles.stretch import PICTURE_MASKING, Stretch

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
    """Details of pictures for every session of this process: what they read, and what is kept of it for a while."""

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

    def picture(self, scene: Scene, stretch: Stretch) -> PictureDetail | None:
        """The detail of three bands of a scene; None where the live picture is all there is."""
        levels = levels_of(scene)
        return PictureDetail(self, levels, scene, stretch) if levels else None

    def classes(self, fitted: Fitted, digest: str) -> ClassDetail | None:
        """The detail of classes, labelled as they are looked at, just as a full run labels them.

        `digest` is that of the live result. None where the live picture is all there is.
        """
        levels = levels_of(fitted.scene)
        kind = NeighbourDetail if fitted.stage.halo else ClassDetail
        return kind(self, levels, fitted.light(), digest) if levels else None

    def finished(self, result: Result) -> FinishedDetail | None:
        """The detail of classes from the labels of a full result; None where it has them in memory."""
        path, levels = result.classmap.path, levels_of(result.scene)
        return FinishedDetail(self, levels, path, result.scene.live_step, result.digest) if path and levels else None

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


@dataclass(frozen=True, eq=False)
class _Detail(ABC):
    """What the three kinds of details share: a tile is picked from cells. As `render.Detail`."""

    native: NativeTiles
    levels: tuple[Level, ...]

    @property
    def nbytes(self) -> int:
        return 0

    def tile(self, z: int, x: int, y: int, size: int) -> np.ndarray | None:
        level = self._level_at(z, size)
        if level is None:
            return None
        self.native.tidy_later()
        with translated_to_pixels_gone():
            return self._drawn(level, z, x, y, size)

    def _level_at(self, z: int, size: int) -> Level | None:
        grid, step = self.levels[0].scene_grid, self._live_step
        covered = covered_pixels(grid, z, size)
        if covered >= step:
            return None
        return next((level for level in reversed(self.levels) if level.step <= covered), self.levels[0])

    @property
    @abstractmethod
    def _live_step(self) -> int: ...

    @abstractmethod
    def _drawn(self, level: Level, z: int, x: int, y: int, size: int) -> np.ndarray: ...

    @abstractmethod
    def _cell_key(self, level: Level) -> Hashable:
        """Of the content of cells, without their place."""

    @abstractmethod
    def _read(self, level: Level, cell: Cell) -> Any:
        """What is kept of a cell."""

    @abstractmethod
    def _picked(self, kept: Any, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """The values to be shown at rows and columns of a cell, shape (n,)."""

    def _gathered(self, level: Level, z: int, x: int, y: int, size: int, dtype: type) -> np.ndarray:
        """Values of a tile, shape (size, size); 0 where it shows nothing."""
        out: np.ndarray = np.zeros((size, size), dtype=dtype)
        places = tile_places(level.grid, level.step, z, x, y, size)
        if places is None:
            return out
        part: np.ndarray = np.zeros(places.inside.shape, dtype=dtype)
        by_cell = places.by_cell(level.side)
        content = self._cell_key(level)
        keys = [(content, level.step, cell) for cell in by_cell]
        for (_, _, cell), kept in self.native.cells.each(keys, lambda key: self._read(level, key[2])):
            where = by_cell[cell]
            rows, cols = (
                numbers[where] - first * level.side
                for numbers, first in zip((places.rows, places.cols), cell, strict=True)
            )
            part[where] = self._picked(kept, rows, cols)
        out[places.slices_rc] = part
        return out


@dataclass(frozen=True, eq=False)
class PictureDetail(_Detail):
    """Three bands as colours."""

    scene: Scene
    stretch: Stretch

    @property
    def _live_step(self) -> int:
        return self.scene.live_step

    def _cell_key(self, level: Level) -> Hashable:
        stretch = self.stretch
        return ("picture", self.scene.digest, self.scene.paths, stretch.positions, stretch.dark, stretch.extent)

    def _drawn(self, level: Level, z: int, x: int, y: int, size: int) -> np.ndarray:
        colours = self._gathered(level, z, x, y, size, np.uint32)
        return colours.view(np.uint8).reshape(size, size, 4)

    def _read(self, level: Level, cell: Cell) -> np.ndarray:
        positions = self.stretch.positions
        if level.step == 1:
            with self.native.reader(self.scene) as reader:
                pixels = reader.read(positions, level.window(cell), PICTURE_MASKING)
            rgba = self.stretch.rgba(pixels.values, pixels.valid)
        else:
            stack = self.native.read_between(self.scene, level, cell)
            valid = valid_pixels(self.scene, positions, stack, PICTURE_MASKING)
            rgba = self.stretch.rgba(stack[list(positions)], valid)
        # A colour is moved as one number.
        return rgba.view(np.uint32)[..., 0]

    def _picked(self, kept: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        return np.asarray(kept[rows, cols])


@dataclass(frozen=True, eq=False)
class _LabelDetail(_Detail):
    """Labels; those of a tile are kept, so that other colours need no reading."""

    def _drawn(self, level: Level, z: int, x: int, y: int, size: int) -> np.ndarray:
        key = (self._label_key, z, x, y, size)
        tiles = self.native.tiles.each([key], lambda _: self._gathered(level, z, x, y, size, np.uint8))
        return next(labels for _, labels in tiles)

    @property
    @abstractmethod
    def _label_key(self) -> Hashable: ...


@dataclass(frozen=True, eq=False)
class ClassDetail(_LabelDetail):
    """Classes that a fit gives, pixel by pixel, as they are looked at."""

    fitted: Fitted
    digest: str

    @property
    def nbytes(self) -> int:
        parts = [self.fitted.model, getattr(self.fitted.model, "estimator", None)]
        arrays = [value for part in parts for value in getattr(part, "__dict__", {}).values()]
        return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))

    @property
    def _live_step(self) -> int:
        return self.fitted.scene.live_step

    @property
    def _label_key(self) -> Hashable:
        return self.digest

    @cached_property
    def _features_key(self) -> Hashable:
        return ("features", *self.fitted.prepared.features_key)

    def _cell_key(self, level: Level) -> Hashable:
        return self._features_key

    def _read(self, level: Level, cell: Cell) -> Any:
        prepared = self.fitted.prepared
        if level.step > 1 and not prepared.recipe.smooth:
            return stack_features(prepared, self.native.read_between(prepared.scene, level, cell))
        with self.native.reader(prepared.scene) as reader:
            if level.step == 1:
                return window_features(prepared, reader, level.window(cell))
            pixels = smoothed_places(prepared, reader, level.window(cell), level.step)
        return raw_features(prepared, pixels)

    def _picked(self, kept: Any, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        return self.fitted.stage(self._assigned(kept, rows, cols))

    def _assigned(self, kept: Pixels, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        top, bottom, left, right = rows.min(), rows.max() + 1, cols.min(), cols.max() + 1
        if (bottom - top) * (right - left) <= len(rows):
            # Zoomed in, many pixels of a tile show the same one.
            part = Pixels(kept.values[:, top:bottom, left:right], kept.valid[top:bottom, left:right])
            return pipeline.assign(self.fitted, part)[rows - top, cols - left]
        at = rows * kept.valid.shape[1] + cols
        values = np.take(kept.values.reshape(len(kept.values), -1), at, axis=1)
        return pipeline.assign(self.fitted, Pixels(values[:, None], np.take(kept.valid, at)[None]))[0]


@dataclass(frozen=True, eq=False)
class NeighbourDetail(ClassDetail):
    """Classes of a fit whose edits look at neighbours: labels are kept in place of features, as a full run has them."""

    def _cell_key(self, level: Level) -> Hashable:
        return ("edited", self.digest)

    def _read(self, level: Level, cell: Cell) -> np.ndarray:
        with self.native.reader(self.fitted.scene) as reader:
            return level.picked(pipeline.label_window(self.fitted, reader, level.window(cell)), cell)

    def _picked(self, kept: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        return np.asarray(kept[rows, cols])


@dataclass(frozen=True, eq=False)
class FinishedDetail(_LabelDetail):
    """Classes of a full result, from its raster of labels."""

    path: Path
    live_step: int
    digest: str

    @property
    def _live_step(self) -> int:
        return self.live_step

    @property
    def _label_key(self) -> Hashable:
        return (self.digest, self.path)

    def _cell_key(self, level: Level) -> Hashable:
        return ("labels", self.digest, self.path)

    def _read(self, level: Level, cell: Cell) -> np.ndarray:
        with self.native.dataset(self.path) as dataset:
            return level.picked(np.asarray(dataset.read(1, window=level.window(cell).ranges_rc)), cell)

    def _picked(self, kept: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        return np.asarray(kept[rows, cols])


def _held_of_cell(kept: Any) -> Held:
    return held_by_arrays(kept.values, kept.valid) if isinstance(kept, Pixels) else held_by_itself(kept)


def _drop_all(copies: dict[int, LevelCopy]) -> None:
    for copy in copies.values():
        copy.drop()
