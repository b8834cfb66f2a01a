"""Pixels finer than the preview, read when somebody looks at them: tiles of pictures and classes at native resolution.

Glossary: a level is a scene's grid or every n-th pixel of it (its step). Tiles are drawn from the preview while a
pixel of theirs covers at least one of the preview's, else from the coarsest level that is fine enough:
the native one, and for large scenes some between, of which copies are gathered on disk. A cell is the
square of a level that is read at once and kept for the tiles beside it.
"""

from __future__ import annotations

import itertools
import math
import os
import shutil
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import rasterio
from rasterio.errors import RasterioError

from s2dash import memory, pipeline
from s2dash.algorithms import find_algorithm
from s2dash.classmap import Result
from s2dash.errors import PixelsGone, UnreadableFile
from s2dash.features import preview_features, raw_features, smoothed_places, window_features
from s2dash.grid import Grid
from s2dash.jobs import ScratchFolder
from s2dash.pipeline import Fitted
from s2dash.reading import SceneReader
from s2dash.render import PICTURE_MASKING, Stretch, TilePlaces, covered_pixels, tile_places
from s2dash.scene import Pixels, Scene, valid_pixels
from s2dash.settings import UPLOAD_LIMITS
from s2dash.types import Window

CELL_BYTE_BUDGET = 128 * 2**20
"""Of cells, while somebody looks: the largest view of ten bands takes about as much."""
TILE_BYTE_BUDGET = 16 * 2**20
"""Of labels of tiles: some ten views, which another colour draws again without reading."""
_NATIVE_CELL_SIDE = 512
"""As the blocks of our own rasters."""
_BETWEEN_CELL_SIDE = 256
_STEP_WITH_A_LEVEL_BETWEEN = 5
"""Of the live picture. Below it all of a scene is read in half a second."""
_MOST_BETWEEN_BYTES = 10**9
"""Of one level; ten bands of a full tile have 600 MB at every second pixel."""
_SCENES_WITH_LEVELS_BETWEEN = 4
_HANDLE_IDLE_SECONDS = 5.0
"""Open files keep the disk space of scenes that were removed."""
_CELL_IDLE_SECONDS = 60.0
_BACKGROUND_NICENESS = 10

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
Cell = tuple[int, int]
CellKey = tuple[Hashable, int, Cell]
"""What is read, at which step, where."""


@dataclass(frozen=True)
class Level:
    """A scene's grid, or every n-th pixel of it, cut into cells."""

    scene_grid: Grid
    step: int
    side: int
    """Of a cell, in pixels of the level."""

    @cached_property
    def grid(self) -> Grid:
        return self.scene_grid.decimated(self.step)

    @property
    def cells(self) -> list[Cell]:
        """All of them, row by row."""
        rows, cols = (-(-length // self.side) for length in self.grid.shape_rc)
        return [(row, col) for row in range(rows) for col in range(cols)]

    def cells_under(self, coarser: Level, cell: Cell) -> list[Cell]:
        """The cells of this level on the ground of a cell of a coarser one, or of its own."""
        times = coarser.side * coarser.step // (self.side * self.step)
        rows, cols = (-(-length // self.side) for length in self.grid.shape_rc)
        row, col = (number * times for number in cell)
        return list(itertools.product(range(row, min(row + times, rows)), range(col, min(col + times, cols))))

    def shape_rc(self, cell: Cell) -> tuple[int, int]:
        """Rows and columns of a cell, in pixels of the level."""
        rows, cols = (
            min(self.side, length - number * self.side) for number, length in zip(cell, self.grid.shape_rc, strict=True)
        )
        return rows, cols

    def window(self, cell: Cell) -> Window:
        """The scene's pixels that a cell stands for."""
        side = self.side * self.step
        row, col = (number * side for number in cell)
        height, width = (
            min(side, length - start) for start, length in zip((row, col), self.scene_grid.shape_rc, strict=True)
        )
        return Window(row, col, height, width)

    def places(self, cell: Cell) -> tuple[np.ndarray, np.ndarray]:
        """The scene's rows and columns that a cell takes, as `reading.preview_places` takes them."""
        row, col = (number * self.side * self.step + self.step // 2 for number in cell)
        height, width = self.shape_rc(cell)
        return row + self.step * np.arange(height), col + self.step * np.arange(width)


def levels_of(scene: Scene) -> tuple[Level, ...]:
    """The levels finer than a scene's live picture, finest first; none where that is the whole scene."""
    if scene.live_step == 1:
        return ()
    native = Level(scene.grid, 1, _NATIVE_CELL_SIDE)
    if scene.live_step < _STEP_WITH_A_LEVEL_BETWEEN:
        return (native,)
    pixel_bytes = (len(scene.bands) + len(scene.masks)) * np.dtype(scene.dtype).itemsize
    # Each zoom halves what a tile's pixel covers; so a level pays as far as a zoom lies between it and the next.
    steps = [2**n for n in range(1, scene.live_step.bit_length()) if 2 * 2**n <= scene.live_step]
    kept = [step for step in steps if scene.grid.pixel_count // step**2 * pixel_bytes <= _MOST_BETWEEN_BYTES]
    return native, *(Level(scene.grid, step, _BETWEEN_CELL_SIDE) for step in kept)


class NativeTiles:
    """Details of pictures for every session of this process: what they read, and what is kept of it for a while."""

    def __init__(self, cell_byte_budget: int = CELL_BYTE_BUDGET, tile_byte_budget: int = TILE_BYTE_BUDGET) -> None:
        self.cells: ByteCache[CellKey, Any] = ByteCache(cell_byte_budget)
        self.tiles: ByteCache[Hashable, np.ndarray] = ByteCache(tile_byte_budget)
        self._handles = _Handles()
        self._between: OrderedDict[Hashable, dict[int, _Between]] = OrderedDict()
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
        return ClassDetail(self, levels, _without_sample(fitted), digest) if levels else None

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

        def read(cell: Cell) -> None:
            for level in reversed(between):
                # What a cell of the coarsest covers is decoded once: the next level finds it in GDAL's cache.
                for inner in level.cells_under(coarsest, cell):
                    if not self.between(scene, level).has(inner):
                        self.read_between(scene, level, inner)

        self.between(scene, coarsest).gather_once(read)
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
        with self._handles.borrow(path, lambda: rasterio.open(path, driver="GTiff")) as dataset:
            yield dataset

    def between(self, scene: Scene, level: Level) -> _Between:
        """The copy of a level between, empty at first."""
        key = (scene.digest, scene.paths)
        with self._lock:
            copies = self._between.setdefault(key, {})
            if level.step not in copies:
                copies[level.step] = _Between(scene, level)
            self._between.move_to_end(key)
            while len(self._between) > _SCENES_WITH_LEVELS_BETWEEN:
                _drop_all(self._between.popitem(last=False)[1])
            return copies[level.step]

    def read_between(self, scene: Scene, level: Level, cell: Cell) -> np.ndarray:
        """All bands, then all masks, of a cell of a level between, shape (bands + masks, rows, cols)."""

        def read() -> np.ndarray:
            with self.reader(scene) as reader:
                return reader.stack(*level.places(cell))

        return self.between(scene, level).get(cell, read)

    def tidy_later(self) -> None:
        """See to it that files are closed and memory is freed once nobody looks any more."""
        with self._lock:
            if self._tidying:
                return
            self._tidying = True
        self._start_timer()

    def _start_timer(self) -> None:
        timer = threading.Timer(_HANDLE_IDLE_SECONDS / 2, self._tidy)
        timer.daemon = True
        timer.start()

    def _tidy(self) -> None:
        self._handles.close_idle(_HANDLE_IDLE_SECONDS)
        freed = self.cells.drop_idle(_CELL_IDLE_SECONDS)
        if freed:
            memory.hand_back_soon()
        with self._lock:
            for key in [key for key, copies in self._between.items() if any(c.is_orphan for c in copies.values())]:
                _drop_all(self._between.pop(key))
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
        try:
            return self._drawn(level, z, x, y, size)
        except (RasterioError, OSError, UnreadableFile) as error:
            raise PixelsGone("The files behind this picture are no longer there. Load the scene again.") from error

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
        by_cell = _by_cell(places, level.side)
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
        return ("features", *pipeline.features_key(self.fitted.scene, self.fitted.recipe))

    def _cell_key(self, level: Level) -> Hashable:
        return self._features_key

    def _read(self, level: Level, cell: Cell) -> Pixels:
        scene, recipe = self.fitted.scene, self.fitted.recipe
        on_reflectance = find_algorithm(recipe.algorithm).on_reflectance
        if level.step > 1 and not recipe.smooth:
            stack = self.native.read_between(scene, level, cell)
            return preview_features(scene, recipe, stack, on_reflectance)
        with self.native.reader(scene) as reader:
            if level.step == 1:
                return window_features(reader, recipe, level.window(cell), on_reflectance)
            pixels = smoothed_places(reader, recipe, level.window(cell), level.step)
        return raw_features(scene, recipe, pixels, on_reflectance)

    def _picked(self, kept: Pixels, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        top, bottom, left, right = rows.min(), rows.max() + 1, cols.min(), cols.max() + 1
        if (bottom - top) * (right - left) <= len(rows):
            # Zoomed in, many pixels of a tile show the same one.
            part = Pixels(kept.values[:, top:bottom, left:right], kept.valid[top:bottom, left:right])
            return pipeline.assign(self.fitted, part)[rows - top, cols - left]
        at = rows * kept.valid.shape[1] + cols
        values = np.take(kept.values.reshape(len(kept.values), -1), at, axis=1)
        return pipeline.assign(self.fitted, Pixels(values[:, None], np.take(kept.valid, at)[None]))[0]


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
            labels = np.asarray(dataset.read(1, window=level.window(cell).ranges_rc))
        if level.step == 1:
            return labels
        rows, cols = level.shape_rc(cell)
        first = level.step // 2
        return np.ascontiguousarray(labels[first :: level.step, first :: level.step][:rows, :cols])

    def _picked(self, kept: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        return np.asarray(kept[rows, cols])


def _drop_all(copies: dict[int, _Between]) -> None:
    for copy in copies.values():
        copy.drop()


def _without_sample(fitted: Fitted) -> Fitted:
    """The fit with what labels pixels alone: pictures live longer than the answers they came with."""
    none = np.zeros((0, 0))
    return replace(fitted, sample=replace(fitted.sample, raw=none, bands=none), sample_labels=none)


def _by_cell(places: TilePlaces, side: int) -> dict[Cell, tuple[np.ndarray, np.ndarray]]:
    """The tile's pixels, as indexes of its part, that fall in each cell."""
    down, across = np.nonzero(places.inside)
    cell_rows, cell_cols = places.rows[down, across] // side, places.cols[down, across] // side
    width = int(cell_cols.max()) + 1
    number = cell_rows * width + cell_cols
    order = np.argsort(number, kind="stable")
    cells, starts = np.unique(number[order], return_index=True)
    return {
        (int(cell) // width, int(cell) % width): (down[some], across[some])
        for cell, some in zip(cells, np.split(order, starts[1:]), strict=True)
    }


@dataclass(eq=False)
class _Entry(Generic[T]):
    future: Future[T] = field(default_factory=Future)
    byte_count: int = 0
    used: float = 0


class ByteCache(Generic[K, T]):
    """Values by key, the least recently used dropped beyond a budget of bytes; a value in the making is made once.

    Safe to use from any thread.
    """

    def __init__(self, byte_budget: int) -> None:
        self._byte_budget = byte_budget
        self._lock = threading.Lock()
        self._entries: OrderedDict[K, _Entry[T]] = OrderedDict()
        self._byte_count = 0

    @property
    def byte_count(self) -> int:
        """Bytes of all values here."""
        with self._lock:
            return self._byte_count

    def each(self, keys: Iterable[K], make: Callable[[K], T]) -> Iterator[tuple[K, T]]:
        """Each key with its value, made now where it is not kept; errors are raised and not kept.

        What another thread is making comes last, so that threads with neighbouring work share it.
        """
        waiting = []
        for key in keys:
            entry, is_mine = self._claimed(key)
            if is_mine:
                self._fulfil(key, entry, make)
            elif not entry.future.done():
                waiting.append((key, entry))
                continue
            yield key, entry.future.result()
        for key, entry in waiting:
            yield key, entry.future.result()

    def drop_idle(self, seconds: float) -> int:
        """Drop what has not been asked for so long; returns its bytes."""
        before = time.monotonic() - seconds
        with self._lock:
            idle = [key for key, entry in self._entries.items() if entry.used < before and entry.future.done()]
            return sum(self._drop(key) for key in idle)

    def _claimed(self, key: K) -> tuple[_Entry[T], bool]:
        with self._lock:
            entry = self._entries.get(key)
            is_mine = entry is None
            if entry is None:
                entry = self._entries[key] = _Entry()
            entry.used = time.monotonic()
            self._entries.move_to_end(key)
            return entry, is_mine

    def _fulfil(self, key: K, entry: _Entry[T], make: Callable[[K], T]) -> None:
        try:
            value = make(key)
        except BaseException as error:  # noqa: BLE001 - handed to everyone who waits
            with self._lock:
                self._entries.pop(key, None)
            entry.future.set_exception(error)
            return
        with self._lock:
            entry.byte_count = _byte_count(value)
            self._byte_count += entry.byte_count
            entry.future.set_result(value)
            for oldest in list(self._entries):
                if self._byte_count <= self._byte_budget or oldest == key:
                    break
                if self._entries[oldest].future.done():
                    self._drop(oldest)

    def _drop(self, key: K) -> int:
        dropped = self._entries.pop(key).byte_count
        self._byte_count -= dropped
        return dropped


def _byte_count(value: object) -> int:
    if isinstance(value, Pixels):
        return value.values.nbytes + value.valid.nbytes
    return int(getattr(value, "nbytes", 0))


class _Closable(Protocol):
    def close(self) -> None: ...


C = TypeVar("C", bound=_Closable)


class _Handles:
    """Open files, each lent to one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[Hashable, list[tuple[float, Any]]] = {}
        self._lent = 0

    @property
    def count(self) -> int:
        """Files that are open."""
        with self._lock:
            return self._lent + sum(map(len, self._idle.values()))

    @contextmanager
    def borrow(self, key: Hashable, open_one: Callable[[], C]) -> Iterator[C]:
        """One that is open already, else a new one; it is kept unless something goes wrong with it."""
        with self._lock:
            idle = self._idle.get(key)
            handle: C | None = idle.pop()[1] if idle else None
            self._lent += 1
        try:
            if handle is None:
                handle = open_one()
            yield handle
        except BaseException:
            with self._lock:
                self._lent -= 1
            if handle is not None:
                handle.close()
            raise
        with self._lock:
            self._lent -= 1
            self._idle.setdefault(key, []).append((time.monotonic(), handle))

    def close_idle(self, seconds: float) -> None:
        """Close what nobody has used for so long."""
        before = time.monotonic() - seconds
        with self._lock:
            closing = [handle for idle in self._idle.values() for used, handle in idle if used < before]
            kept = {key: [one for one in idle if one[0] >= before] for key, idle in self._idle.items()}
            self._idle = {key: idle for key, idle in kept.items() if idle}
        for handle in closing:
            handle.close()


class _Between:
    """The copy of a level between: all bands and masks, cell by cell, in a file of its own."""

    def __init__(self, scene: Scene, level: Level) -> None:
        self._scene_paths = scene.paths
        self._level = level
        self._dtype = np.dtype(scene.dtype)
        self._depth = len(scene.bands) + len(scene.masks)
        self._slot = {cell: number for number, cell in enumerate(level.cells)}
        self._slot_bytes = self._depth * level.side**2 * self._dtype.itemsize
        self._folder = ScratchFolder("s2dash-detail-")
        self._path = self._folder.path / "cells"
        self._path.touch()
        self._lock = threading.Lock()
        self._written: set[Cell] = set()
        self._is_gathering = False
        self._is_dropped = False

    @property
    def share(self) -> float:
        """How much of it is here, 0 to 1."""
        return len(self._written) / len(self._slot)

    @property
    def is_orphan(self) -> bool:
        """Whether the scene's files are gone."""
        return not all(path.exists() for path in self._scene_paths)

    def has(self, cell: Cell) -> bool:
        """Whether a cell is here."""
        with self._lock:
            return cell in self._written

    def get(self, cell: Cell, read: Callable[[], np.ndarray]) -> np.ndarray:
        """The stack of a cell, shape (bands + masks, rows, cols); read from the scene only where it is not here yet."""
        offset = self._slot[cell] * self._slot_bytes
        shape = (self._depth, *self._level.shape_rc(cell))
        with self._lock:
            is_here = cell in self._written and not self._is_dropped
        if is_here:
            return np.fromfile(self._path, self._dtype, math.prod(shape), offset=offset).reshape(shape)
        stack = np.ascontiguousarray(read(), dtype=self._dtype)
        with self._lock:
            if not self._is_dropped and self._has_room():
                self._write(cell, offset, stack)
        return stack

    def gather_once(self, read: Callable[[Cell], None]) -> None:
        """Go through all cells on a thread of low priority, once."""
        with self._lock:
            if self._is_gathering:
                return
            self._is_gathering = True
        threading.Thread(target=self._gather, args=(read,), name="s2dash-detail", daemon=True).start()

    def drop(self) -> None:
        """Remove the file; what is asked for later is read from the scene."""
        with self._lock:
            self._is_dropped = True
        self._folder.remove()

    def _gather(self, read: Callable[[Cell], None]) -> None:
        if sys.platform == "linux":  # where it holds for one thread
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _BACKGROUND_NICENESS)
        for cell in self._level.cells:
            if self._is_dropped or not self._has_room():
                return
            try:
                read(cell)
            except (RasterioError, OSError):  # the scene has gone meanwhile
                return
        memory.hand_back_soon()

    def _has_room(self) -> bool:
        try:
            return shutil.disk_usage(self._folder.path).free > UPLOAD_LIMITS.free_disk_bytes
        except OSError:
            return False

    def _write(self, cell: Cell, offset: int, stack: np.ndarray) -> None:
        try:
            with self._path.open("r+b") as file:
                file.seek(offset)
                file.write(stack.data)
        except OSError:  # a copy is a convenience: a full disk must not stop a look at the map
            return
        self._written.add(cell)
