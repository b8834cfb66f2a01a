"""Reading a scene's pixels: windows at full resolution, and the decimated copy for the live picture.

Pixels come out as they are stored, on the scene's grid, with a mask beside them (`Pixels`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from types import TracebackType
from typing import TypeAlias

import numpy as np
import rasterio

from s2dash.core.grid import Grid, decimation_step
from s2dash.core.scene import (
    AREA,
    FILE_MASK,
    LIVE_PIXELS,
    SCL,
    Layer,
    Masking,
    OtherBands,
    Pixels,
    Scene,
    hidden_by_cause,
)
from s2dash.core.types import Window, frozen, windows
from s2dash.raster import resample
from s2dash.raster.location import Location

_STRIP_ROWS = 512
_SCATTERED_SIDE = 5
"""Blocks along each side that stand for all: a twentieth of a full tile in blocks of 512."""
_LEAST_EDGE = 256
"""Rows or columns that are looked at in one place."""

_Read: TypeAlias = Callable[[list[int], tuple[tuple[int, int], tuple[int, int]]], np.ndarray]
"""Bands of a window of one open file; raises UnreadableFile for damage."""


class SceneReader:
    """Reads windows of a scene. One thread each: a GDAL dataset must not be shared."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._datasets: dict[Location, rasterio.DatasetReader] = {}

    def __enter__(self) -> SceneReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what has been opened."""
        for dataset in self._datasets.values():
            dataset.close()
        self._datasets.clear()

    def read(self, positions: Sequence[int], window: Window, masking: Masking | None = None) -> Pixels:
        """The bands at `positions` in a window, values as stored, with the mask that `masking` asks for."""
        rows, cols = _places(window)
        values = self.bands(positions, rows, cols)

        def other_bands(others: Sequence[int]) -> np.ndarray:
            return self.bands(others, rows, cols)

        return Pixels(values, self._valid(positions, window, values, other_bands, masking))

    def read_all(
        self, positions: Sequence[int], window: Window, masking: Masking | None = None
    ) -> tuple[Pixels, np.ndarray]:
        """What `read` gives, and every band of the scene in the same window, shape (bands, rows, cols), read once."""
        every = self.bands(range(len(self.scene.bands)), *_places(window))
        is_every = list(positions) == list(range(len(every)))
        values = every if is_every else every[list(positions)]

        def other_bands(others: Sequence[int]) -> np.ndarray:
            return np.asarray(every[list(others)])

        return Pixels(values, self._valid(positions, window, values, other_bands, masking)), every

    @property
    def block_shape_rc(self) -> tuple[int, int]:
        """Rows and columns that are decoded together, of the file of the first band on the scene's own grid."""
        scene = self.scene
        fitting = [layer.location for layer in scene.layers if layer.grid.shape_rc == scene.grid.shape_rc]
        rows, cols = self._dataset((fitting or scene.locations)[0]).block_shapes[0]
        return int(rows), int(cols)

    def _valid(
        self,
        positions: Sequence[int],
        window: Window,
        values: np.ndarray,
        other_bands: OtherBands,
        masking: Masking | None,
    ) -> np.ndarray:
        """The mask of bands whose values have been read, shape (rows, cols), bool."""
        masking = Masking() if masking is None else masking
        rows, cols = _places(window)
        masks = np.zeros((len(self.scene.masks), *values.shape[1:]), dtype=np.uint8)
        for out, mask in zip(masks, self.scene.masks, strict=True):
            wanted = {FILE_MASK: masking.nodata, SCL: bool(masking.scl), AREA: masking.area}
            if wanted[mask.kind]:
                out[:] = as_mask(mask.kind, self.codes(mask.layer, rows, cols))
        valid = np.ones(values.shape[1:], dtype=bool)
        for _, hidden in hidden_by_cause(self.scene, positions, values, masks, other_bands, masking):
            valid &= ~hidden
        return valid

    def bands(self, positions: Sequence[int], rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """Bands at the crossings of evenly spaced rows and columns of the scene's grid, in the scene's dtype.

        Returns an array of shape (bands, rows, cols).
        """
        scene = self.scene
        out = np.empty((len(positions), len(rows), len(cols)), dtype=scene.dtype)
        places: dict[tuple[Location, Grid], list[int]] = {}
        for place, position in enumerate(positions):
            layer = scene.layers[position]
            places.setdefault((layer.location, layer.grid), []).append(place)
        for (location, grid), together in places.items():
            indexes = [scene.layers[positions[place]].index for place in together]
            relation = _relation(scene.grid, grid)
            if relation.is_copy:
                taken = _copied(self._reader(location), indexes, relation, rows, cols)
                if len(together) == len(positions):
                    return taken.astype(scene.dtype, copy=False)
                out[together] = taken
                continue
            row_axis, col_axis = relation.axes(rows, cols)
            own = [m.layer for m in scene.masks if m.kind == FILE_MASK and m.layer.location == location]
            read = self._reader(location)
            source = _span(read, indexes, row_axis, col_axis)
            shown = _span(read, [own[0].index], row_axis, col_axis)[0] != 0 if own else None
            first_rc = (row_axis.span[0], col_axis.span[0])
            for place, band in zip(together, source, strict=True):
                missing = scene.missing_values(positions[place])
                out[place] = resample.resampled(band, row_axis, col_axis, first_rc, missing, scene.saturated, shown)
        return out

    def codes(self, layer: Layer, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """A mask layer's stored codes at the crossings of evenly spaced rows and columns, shape (rows, cols)."""
        relation = _relation(self.scene.grid, layer.grid)
        if relation.is_copy:
            return _copied(self._reader(layer.location), [layer.index], relation, rows, cols)[0]
        row_axis, col_axis = relation.axes(rows, cols)
        source = _span(self._reader(layer.location), [layer.index], row_axis, col_axis)[0]
        return resample.nearest(source, row_axis, col_axis, (row_axis.span[0], col_axis.span[0]))

    def stack(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """All bands, then all mask layers, shape (bands + masks, rows, cols), in the scene's dtype."""
        scene = self.scene
        bands = self.bands(range(len(scene.bands)), rows, cols)
        if not scene.masks:
            return bands
        masks = [as_mask(mask.kind, self.codes(mask.layer, rows, cols)) for mask in scene.masks]
        return np.concatenate([bands, np.stack(masks).astype(scene.dtype)])

    def _dataset(self, location: Location) -> rasterio.DatasetReader:
        if location not in self._datasets:
            self._datasets[location] = location.open()
        return self._datasets[location]

    def _reader(self, location: Location) -> _Read:
        return partial(location.read, self._dataset(location))


def _places(window: Window) -> tuple[np.ndarray, np.ndarray]:
    """The rows and columns of a window."""
    rows, cols = window.ranges_rc
    return np.arange(*rows), np.arange(*cols)


def as_mask(kind: str, stored: np.ndarray) -> np.ndarray:
    """A mask layer's values as any dtype holds them: 0 or 1 for what hides by 0, classes as they are."""
    return stored != 0 if kind in (FILE_MASK, AREA) else stored


def read_preview_stack(scene: Scene) -> np.ndarray:
    """Every band, then every mask layer, nearest-decimated to the live picture.

    Shape (bands + masks, rows, cols), in the scene's dtype, read-only. Taken from the copy that
    ingest gathered where there is one.
    """
    if scene.preview_path is not None:
        # The last layer is an area that may have been taken away since.
        return frozen(np.load(scene.preview_path, allow_pickle=False)[: len(scene.bands) + len(scene.masks)])
    step = scene.live_step
    rows, cols = preview_places(scene.grid, step)
    out = np.empty((len(scene.bands) + len(scene.masks), len(rows), len(cols)), dtype=scene.dtype)
    filled = 0
    with SceneReader(scene) as reader:
        strip = max(1, _STRIP_ROWS // step) * step
        for window in windows(scene.grid.shape_rc, (strip, scene.grid.width)):
            some = rows[(rows >= window.row) & (rows < window.row + window.height)]
            if len(some):
                out[:, filled : filled + len(some)] = reader.stack(some, cols)
                filled += len(some)
    return frozen(out)


def read_scattered_stack(scene: Scene) -> np.ndarray:
    """What `read_preview_stack` reads, of at most 25 blocks spread evenly over the scene: for shares, not for a look.

    Shape (bands + masks, 1, pixels), in the scene's dtype, read-only.
    """
    step = scene.live_step
    with SceneReader(scene) as reader:
        places = [
            [np.arange(start, min(start + size, whole), step) for start in _spread(whole, size)]
            for whole, size in zip(scene.grid.shape_rc, reader.block_shape_rc, strict=True)
        ]
        read = [reader.stack(rows, cols) for rows in places[0] for cols in places[1]]
    return frozen(np.concatenate([one.reshape(len(one), 1, -1) for one in read], axis=2))


def read_edge_stack(scene: Scene) -> np.ndarray:
    """What `read_preview_stack` reads, of nine places: the corners, the middles of the sides, the middle.

    Shape (bands + masks, rows, cols), in the scene's dtype, read-only, put together as if they were one picture
    whose edges lie on those of the scene, so that what `ingest.fill` looks for shows in it. Of a file on a web
    server, where each place costs, it is three corners and the middle.
    """
    is_near = scene.locations[0].is_near
    with SceneReader(scene) as reader:
        blocks = reader.block_shape_rc
        sizes = [size * -(-_LEAST_EDGE // size) if is_near else size for size in blocks]
        rows, cols = (_ends_and_middle(whole, size) for whole, size in zip(scene.grid.shape_rc, sizes, strict=True))
        if is_near or min(len(rows), len(cols)) < 3:
            places = [[(down, across) for across in cols] for down in rows]
        else:
            places = [[(rows[0], cols[0]), (rows[0], cols[2])], [(rows[1], cols[1]), (rows[2], cols[2])]]
        step = decimation_step((sum(map(len, rows)), sum(map(len, cols))), LIVE_PIXELS)
        lines = [
            np.concatenate([reader.stack(down[::step], across[::step]) for down, across in line], axis=2)
            for line in places
        ]
    return frozen(np.concatenate(lines, axis=1))


def _ends_and_middle(whole: int, size: int) -> list[np.ndarray]:
    """Places of equally long pieces of a side, of about `size`: its ends and its middle; all of a short side."""
    if whole <= 3 * size:
        return [np.arange(whole)]
    length = whole % size if whole % size > size // 2 else size
    middle = whole // 2 // size * size
    return [np.arange(start, start + length) for start in (0, middle, whole - length)]


def _spread(whole: int, size: int) -> list[int]:
    """First places of a few blocks, out of all along a side."""
    middles = (np.arange(_SCATTERED_SIDE) + 0.5) / _SCATTERED_SIDE
    return [int(number) * size for number in np.unique((middles * -(-whole // size)).astype(int))]


def preview_places(grid: Grid, step: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows and columns that the live picture takes: every `step`-th from `step // 2` on.

    Full-resolution pixels are taken by slicing: never GDAL's decimated read, which may average,
    and may follow overviews.
    """
    return np.arange(step // 2, grid.height, step), np.arange(step // 2, grid.width, step)


@lru_cache(maxsize=64)
def _relation(target: Grid, source: Grid) -> resample.Relation:
    return resample.relation(target, source)


def _copied(
    read: _Read,
    indexes: list[int],
    relation: resample.Relation,
    rows: np.ndarray,
    cols: np.ndarray,
) -> np.ndarray:
    down, right = (int(shift) for shift in relation.shift_rc)
    row_range = (int(rows[0]) + down, int(rows[-1]) + down + 1)
    col_range = (int(cols[0]) + right, int(cols[-1]) + right + 1)
    values = read(indexes, (row_range, col_range))
    row_step, col_step = (int(n[1] - n[0]) if len(n) > 1 else 1 for n in (rows, cols))
    return np.asarray(values[:, ::row_step, ::col_step])


def _span(read: _Read, indexes: list[int], rows: resample.Axis, cols: resample.Axis) -> np.ndarray:
    return read(indexes, (rows.span, cols.span))
