"""Details of pictures: the pixels of a tile, picked from cells of the level that is fine enough for it.

Glossary: as in `native`, which reads the cells and keeps them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from s2dash.classify import pipeline
from s2dash.classify.features import places_features, stack_features, window_features
from s2dash.classify.fitted import Fitted
from s2dash.classify.sureness import SureSteps, window_sureness
from s2dash.core.classmap import Result
from s2dash.core.scene import Pixels, Scene, valid_pixels
from s2dash.tiles.levels import Cell, Level, levels_of
from s2dash.tiles.native import NativeTiles, translated_to_pixels_gone
from s2dash.tiles.placing import covered_pixels, tile_places
from s2dash.tiles.stretch import PICTURE_MASKING, Stretch


def of_picture(native: NativeTiles, scene: Scene, stretch: Stretch) -> PictureDetail | None:
    """The detail of three bands of a scene; None where the live picture is all there is."""
    levels = levels_of(scene)
    return PictureDetail(native, levels, scene, stretch) if levels else None


def of_classes(native: NativeTiles, fitted: Fitted, digest: str) -> ClassDetail | None:
    """The detail of classes, labelled as they are looked at, just as a full run labels them.

    `digest` is that of the live result. None where the live picture is all there is.
    """
    levels = levels_of(fitted.scene)
    kind = NeighbourDetail if fitted.stage.halo or fitted.stage.has_areas else ClassDetail
    return kind(native, levels, fitted.light(), digest) if levels else None


def of_sureness(native: NativeTiles, fitted: Fitted, digest: str, limits: SureSteps) -> SureDetail | None:
    """The detail of how sure these classes are, in the steps of `limits`; None as for `of_classes`."""
    levels = levels_of(fitted.scene)
    return SureDetail(native, levels, fitted.light(), digest, limits) if levels else None


def of_finished(native: NativeTiles, result: Result) -> FinishedDetail | None:
    """The detail of classes from the labels of a full result; None where it has them in memory."""
    path, levels = result.classmap.path, levels_of(result.scene)
    return FinishedDetail(native, levels, path, result.scene.live_step, result.digest) if path and levels else None


@dataclass(frozen=True, eq=False)
class _Detail(ABC):
    """What the kinds of details share: a tile is picked from cells. As `render.Detail`."""

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
        if level.step > 1 and not prepared.halo:
            return stack_features(prepared, self.native.read_between(prepared.scene, level, cell))
        with self.native.reader(prepared.scene) as reader:
            if level.step == 1:
                return window_features(prepared, reader, level.window(cell))
            return places_features(prepared, reader, level.window(cell), level.step)

    def _picked(self, kept: Any, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        top, bottom, left, right = rows.min(), rows.max() + 1, cols.min(), cols.max() + 1
        if (bottom - top) * (right - left) <= len(rows):
            # Zoomed in, many pixels of a tile show the same one.
            part = Pixels(kept.values[:, top:bottom, left:right], kept.valid[top:bottom, left:right])
            return pipeline.assign_edited(self.fitted, part)[rows - top, cols - left]
        at = rows * kept.valid.shape[1] + cols
        values = np.take(kept.values.reshape(len(kept.values), -1), at, axis=1)
        return pipeline.assign_edited(self.fitted, Pixels(values[:, None], np.take(kept.valid, at)[None]))[0]


@dataclass(frozen=True, eq=False)
class NeighbourDetail(ClassDetail):
    """Classes after edits that look at neighbours or name areas: labels are kept, as a full run has them."""

    def _cell_key(self, level: Level) -> Hashable:
        return ("edited", self.digest)

    def _read(self, level: Level, cell: Cell) -> np.ndarray:
        with self.native.reader(self.fitted.scene) as reader:
            return level.picked(pipeline.label_window(self.fitted, reader, level.window(cell)), cell)

    def _picked(self, kept: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        return np.asarray(kept[rows, cols])


@dataclass(frozen=True, eq=False)
class SureDetail(ClassDetail):
    """Steps of how sure classes are, as they are looked at: kept in place of features, as neighbours count."""

    limits: SureSteps

    @property
    def _label_key(self) -> Hashable:
        return ("sureness", self.digest)

    def _cell_key(self, level: Level) -> Hashable:
        return ("sureness", self.digest)

    def _read(self, level: Level, cell: Cell) -> np.ndarray:
        with self.native.reader(self.fitted.scene) as reader:
            return level.picked(self.limits(window_sureness(self.fitted, reader, level.window(cell))), cell)

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
