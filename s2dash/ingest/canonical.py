"""The canonical rasters: one for each file taken in, tiled, on its own grid, and with them the decimated copy.

Every block is read before the files are accepted, by several threads with a dataset each, and what
later steps need is gathered on the same pass.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from s2dash.core import missions
from s2dash.core.grid import Grid
from s2dash.core.scene import FILE_MASK, Scene
from s2dash.core.types import Window, windows
from s2dash.errors import BrokenResult, UnreadableFile
from s2dash.ingest.checks import block_bytes, open_checked
from s2dash.ingest.embeddings import Change
from s2dash.ingest.pixels import PixelSource
from s2dash.raster import resample
from s2dash.raster.door import GDAL_ERRORS, make_on_grid, open_raster
from s2dash.raster.location import Location, files_only
from s2dash.raster.reading import as_mask, preview_places
from s2dash.settings import INGEST_LIMITS, thread_count

BLOCK = 512
_LEAST_BLOCK = 64
_PIECE_BYTES = 64_000_000
"""Decoded pixels that a thread holds at once."""
_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Code:
    """Bands of a file whose bits say what lies in each pixel; they become one band of classes."""

    kind: str
    """Of `missions`: how the bits are read."""
    indexes: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class RasterSource:
    """A file to be rewritten."""

    location: Location
    name: str
    """What errors call it."""
    grid: Grid
    """Where its pixels lie, known or borrowed."""
    indexes: tuple[int, ...]
    """Its bands that are wanted, from 1."""
    dtype: str
    mask: str | int | None
    """The alpha band's place, `internal` for a mask of the file's own, None without."""
    slots: tuple[int, ...]
    """Where each wanted band, then each of `codes`, then the mask, stands in the scene's stack."""
    nodata: tuple[float | None, ...]
    """The tagged nodata value of each wanted band."""
    divisor: float = 1.0
    """What stored numbers are divided by where they are beyond any measurement; for floating-point bands only."""
    codes: tuple[Code, ...] = ()
    """Quality bands, written as classes behind the wanted bands."""
    pixels: PixelSource | None = None
    """What is read in place of a file at `location`."""
    change: Change | None = None
    """What makes whole numbers of the values of an embedding."""


@dataclass(eq=False)
class Gathered:
    """What the pass over all blocks brings."""

    preview: np.ndarray
    """As `read_preview_stack` has it on the scene's first grid."""
    valid_counts: list[int]
    """Pixels of each band of the scene that are not its nodata value, at its own resolution."""
    digest: str
    """Of all files' bytes."""


def raster_name(number: int) -> str:
    """The file name of a source's canonical raster."""
    return f"layer_{number}.tif"


def rewrite(sources: Sequence[RasterSource], scene: Scene, folder: Path, progress: Callable[[float], None]) -> Gathered:
    """Write the canonical raster of each source into a folder, and gather the decimated copy of the scene.

    Parameters
    ----------
    scene : what the sources make together; its layers lie where the rasters will be, its grid is
        the one that the decimated copy is for

    Raises UnreadableFile where a block cannot be read, BrokenResult where one cannot be written.
    """
    works = [_Work(number, source, scene, folder) for number, source in enumerate(sources)]
    pieces = [(work, piece) for work in works for piece in work.pieces()]
    count = max(1, min(thread_count(), INGEST_LIMITS.most_piece_bytes // max(work.memory_bytes for work in works)))
    total = sum(work.cost(piece) for work, piece in pieces) or 1
    done, lock, stop = [0.0], threading.Lock(), threading.Event()
    todo = iter(pieces)

    def run() -> None:
        opened = _OneDataset()
        with contextlib.closing(opened):
            while not stop.is_set():
                with lock:
                    work, piece = next(todo, (None, None))
                if work is None or piece is None:
                    return
                try:
                    work.do(piece, opened)
                except BaseException:
                    stop.set()
                    raise
                with lock:
                    done[0] += work.cost(piece)
                    progress(done[0] / total)

    with contextlib.ExitStack() as stack, ThreadPoolExecutor(count + 1) as pool:
        for work in works:
            stack.enter_context(work)
        files = [source.location for source in sources if source.pixels is None]
        digest = pool.submit(_digest, files_only(files))
        for future in [pool.submit(run) for _ in range(count)]:
            future.result()
        preview = _preview(works, scene)
        counts = np.zeros(len(scene.bands), dtype=np.int64)
        for work in works:
            for slot, valid in zip(work.source.slots, work.valid_counts, strict=False):
                if slot < len(counts):
                    counts[slot] = valid
        found = digest.result()
        for pixels in (source.pixels for source in sources if source.pixels is not None):
            found.update(pixels.digest())
        gathered = Gathered(preview, counts.tolist(), found.hexdigest())
    for work in works:
        work.require_written()
    return gathered


@dataclass(eq=False)
class _OneDataset:
    """The dataset that a thread is reading; pieces come file by file, so one is enough."""

    location: Location | None = None
    dataset: Any = None

    def of(self, source: RasterSource) -> rasterio.DatasetReader:
        if self.location != source.location:
            self.close()
            self.dataset, self.location = open_checked(source.location, name=source.name), source.location
        return self.dataset

    def close(self) -> None:
        if self.dataset is not None:
            self.dataset.close()
        self.dataset = self.location = None


@dataclass(eq=False)
class _Work:
    """One source on its way into its raster."""

    number: int
    source: RasterSource
    scene: Scene
    folder: Path
    valid_counts: np.ndarray = field(init=False)
    _out: Any = field(init=False, default=None)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        source, grid = self.source, self.scene.grid
        if source.pixels is not None:
            # It keeps what two pieces share.
            block_rc, self._block_bytes = (1, 1), source.pixels.block_bytes
        else:
            with open_checked(source.location, name=source.name) as dataset:
                block_rc, self._block_bytes = dataset.block_shapes[0], block_bytes(dataset)
        self._count = len(source.indexes) + len(source.codes) + (source.mask is not None)
        self._pixel_bytes = np.dtype(source.dtype).itemsize * self._count
        # What is changed is held as it was stored, too, in up to twice the bytes.
        self._copies = 1 if source.change is None else 3
        most_bytes = min(_PIECE_BYTES, INGEST_LIMITS.most_piece_bytes // thread_count()) // self._copies
        self._piece_rc = piece_shape(source.grid.shape_rc, block_rc, self._pixel_bytes, most_bytes)
        self.valid_counts = np.zeros(len(source.indexes), dtype=np.int64)
        rows, cols = preview_places(grid, self.scene.live_step)
        self._relation = resample.relation(grid, source.grid)
        if self._relation.is_copy:
            down, right = (int(shift) for shift in self._relation.shift_rc)
            self._axes = None
            self._rows, self._cols = rows + down, cols + right
        else:
            self._axes = self._relation.axes(rows, cols)
            self._rows, self._cols = (np.unique(axis.places) for axis in self._axes)
        self._gathered = np.zeros((self._count, len(self._rows), len(self._cols)), dtype=source.dtype)

    def __enter__(self) -> _Work:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._out is not None:
            self._out.close()

    @property
    def memory_bytes(self) -> int:
        """What a thread takes for it: the largest piece, and a block being decoded."""
        rows, cols = self._piece_rc
        return rows * cols * self._pixel_bytes * self._copies + self._block_bytes

    def pieces(self) -> Iterator[Window]:
        """Windows that together cover the source, of whole blocks of the raster."""
        return windows(self.source.grid.shape_rc, self._piece_rc)

    def cost(self, piece: Window) -> float:
        return float(piece.height) * piece.width * self._count

    def do(self, piece: Window, opened: _OneDataset) -> None:
        """Decode a piece, write it, count and gather."""
        source = self.source
        values = _decoded(source, piece, opened)
        counts = [_valid_count(band, nodata) for band, nodata in zip(values, source.nodata, strict=False)]
        with self._lock:
            self.valid_counts += np.array(counts, dtype=np.int64)
            self._gather(values, piece)
            self._write(values, piece)

    def _gather(self, values: np.ndarray, piece: Window) -> None:
        places = []
        for needed, first, length in ((self._rows, piece.row, piece.height), (self._cols, piece.col, piece.width)):
            start, end = np.searchsorted(needed, (first, first + length))
            places.append((slice(start, end), needed[start:end] - first))
        (row_slots, rows), (col_slots, cols) = places
        for gathered, band in zip(self._gathered, values, strict=True):
            gathered[row_slots, col_slots] = band[rows[:, None], cols]

    def _write(self, values: np.ndarray, piece: Window) -> None:
        try:
            if self._out is None:
                path = self.folder / raster_name(self.number)
                self._out = _begun(path, self.source, self._count)
            self._out.write(values, window=piece.ranges_rc)
        except GDAL_ERRORS as error:
            raise _broken(self.source) from error

    def require_written(self) -> None:
        """Raises BrokenResult where the raster, now closed, is not whole: closing tells nothing of a full disk."""
        try:
            open_raster(self.folder / raster_name(self.number)).close()
        except GDAL_ERRORS as error:
            raise _broken(self.source) from error

    def whole_preview(self) -> np.ndarray | None:
        """What was gathered, where it is the scene's stack as it stands."""
        scene = self.scene
        is_whole = len(self._gathered) == len(scene.bands) + len(scene.masks)
        masks = all(mask.kind == FILE_MASK for mask in scene.masks)
        same = self._axes is None and self._gathered.dtype == scene.dtype
        return self._gathered if is_whole and masks and same else None

    def put_preview(self, preview: np.ndarray) -> None:
        """Bring what was gathered to the scene's grid, into the places of its stack."""
        scene, source = self.scene, self.source
        shown = None if source.mask is None else self._gathered[-1] != 0
        for slot, band in zip(source.slots, self._gathered, strict=True):
            if self._axes is None:
                taken = band
            else:
                rows, cols = (
                    replace(axis, places=np.searchsorted(n, axis.places), nearest=np.searchsorted(n, axis.nearest))
                    for n, axis in zip((self._rows, self._cols), self._axes, strict=True)
                )
                if slot < len(scene.bands):
                    taken = resample.resampled(
                        band, rows, cols, (0, 0), scene.missing_values(slot), scene.saturated, shown
                    )
                else:
                    taken = resample.nearest(band, rows, cols, (0, 0))
            is_mask = slot >= len(scene.bands)
            preview[slot] = as_mask(scene.masks[slot - len(scene.bands)].kind, taken) if is_mask else taken


def _preview(works: Sequence[_Work], scene: Scene) -> np.ndarray:
    if len(works) == 1 and (whole := works[0].whole_preview()) is not None:
        return whole
    rows, cols = preview_places(scene.grid, scene.live_step)
    preview = np.zeros((len(scene.bands) + len(scene.masks), len(rows), len(cols)), dtype=scene.dtype)
    for work in works:
        work.put_preview(preview)
    return preview


def piece_shape(
    shape_rc: tuple[int, int], block_rc: tuple[int, int], pixel_bytes: int, most_bytes: int
) -> tuple[int, int]:
    """Rows and columns that are decoded at once: whole blocks of the raster, and of the source where they fit.

    Parameters
    ----------
    block_rc : of the source; a block that two pieces share is decoded twice
    pixel_bytes : of all its bands together
    most_bytes : what a piece should take; strips, which columns cannot divide, may take up to all memory
    """
    side = _block_side(pixel_bytes)
    _, width = shape_rc
    rows, cols = (min(math.lcm(block, side), length) for block, length in zip(block_rc, shape_rc, strict=True))
    if rows * width * pixel_bytes <= most_bytes:
        return rows, width
    if block_rc[1] >= width:
        rows = max(1, most_bytes // (width * pixel_bytes) // side) * side
        fitting = INGEST_LIMITS.most_piece_bytes // (rows * pixel_bytes)
        return rows, width if fitting >= width else max(1, fitting // side) * side
    several = most_bytes // (rows * cols * pixel_bytes)
    if several:
        return rows, cols * several
    square = max(1, math.isqrt(most_bytes // pixel_bytes) // side) * side
    return square, square


def _block_side(pixel_bytes: int) -> int:
    """Rows and columns of the raster's blocks: fewer where all bands of one would not fit into a piece."""
    side = BLOCK
    while side > _LEAST_BLOCK and side * side * pixel_bytes > _PIECE_BYTES:
        side //= 2
    return side


def _begun(path: Path, source: RasterSource, count: int) -> rasterio.io.DatasetWriter:
    dtype = np.dtype(source.dtype)
    floating = np.issubdtype(dtype, np.floating)
    return make_on_grid(
        path,
        source.grid,
        source.dtype,
        count=count,
        block=_block_side(dtype.itemsize * count),
        interleave="band",
        compress="zstd",
        zstd_level=1,
        predictor=3 if floating and dtype.itemsize > 2 else 1 if floating else 2,
        photometric="minisblack",
    )


def _decoded(source: RasterSource, piece: Window, opened: _OneDataset) -> np.ndarray:
    """All that is stored of a piece: the wanted bands, classes, and the mask."""
    if source.pixels is not None:
        return _divided(source.pixels.read(piece)[None], source)
    dataset = opened.of(source)
    try:
        values = _values_of(dataset, source, piece)
        if source.mask is None:
            return values
        mask = _mask_of(dataset, source.mask, piece).astype(source.dtype)
    except GDAL_ERRORS as error:
        raise UnreadableFile(
            f"{source.name} is damaged: the pixels from row {piece.row + 1:,} on cannot be read. "
            "Download or export it again."
        ) from error
    return np.concatenate([values, mask[None]])


def _values_of(dataset: rasterio.DatasetReader, source: RasterSource, piece: Window) -> np.ndarray:
    """The wanted bands as they will be stored, and behind them the classes of quality bands."""
    parts = []
    if source.indexes:
        values = dataset.read(list(source.indexes), window=piece.ranges_rc)
        changed = None if source.change is None else source.change(values, source.name)
        parts.append(_divided(values.astype(source.dtype, copy=False), source) if changed is None else changed)
    for code in source.codes:
        bits = dataset.read(list(code.indexes), window=piece.ranges_rc)
        parts.append(missions.classes_of_bits(code.kind, bits)[None].astype(source.dtype))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _divided(values: np.ndarray, source: RasterSource) -> np.ndarray:
    if source.divisor != 1:
        values /= values.dtype.type(source.divisor)
    return values


def _mask_of(dataset: rasterio.DatasetReader, mask: str | int, piece: Window) -> np.ndarray:
    """Where the alpha band, or else the file's own mask, says valid, shape (rows, cols), bool."""
    window = piece.ranges_rc
    stored = dataset.read(mask, window=window) if isinstance(mask, int) else dataset.dataset_mask(window=window)
    return np.asarray(stored != 0)


def _valid_count(band: np.ndarray, nodata: float | None) -> int:
    if nodata is None or math.isnan(nodata):
        return int(np.isfinite(band).sum()) if np.issubdtype(band.dtype, np.floating) else band.size
    if nodata == 0:
        return int(np.count_nonzero(band))
    return int(np.count_nonzero(band != band.dtype.type(nodata))) if _fits(band.dtype, nodata) else band.size


def _fits(dtype: np.dtype, value: float) -> bool:
    if np.issubdtype(dtype, np.floating):
        return True
    limits = np.iinfo(dtype)
    return limits.min <= value <= limits.max and value == int(value)


def _broken(source: RasterSource) -> BrokenResult:
    return BrokenResult(f"{source.name} could not be stored. The disk may be full: try again later.")


def _digest(paths: Sequence[Path]) -> hashlib._Hash:
    """Of the bytes of all files in their order."""
    found = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as file:
                while piece := file.read(_READ_BYTES):
                    found.update(piece)
        except OSError as error:
            raise UnreadableFile(f"{path.name} cannot be read: {error.strerror}.") from error
        found.update(b"\0")
    return found
