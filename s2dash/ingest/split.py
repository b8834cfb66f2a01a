"""One picture that a service wrote as several files, put together again: the tiles of Earth Engine and GeoTESSERA.

Files of the first are called `NAME-0000000000-0000000000.tif`, by the row and column in which they begin; those of
the second `grid_LON_LAT_YEAR.tiff`, by the middle of a tile.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp

from s2dash.core.grid import Grid
from s2dash.core.types import Window, windows
from s2dash.errors import BrokenResult, InputError, UnreadableFile
from s2dash.ingest.align import MANY_SCENES, same_crs
from s2dash.ingest.checks import open_checked, read_grid, translated_header_errors
from s2dash.ingest.describe import has_internal_mask
from s2dash.ingest.embeddings import require_one_version
from s2dash.raster.door import GDAL_ERRORS, make_on_grid
from s2dash.raster.resample import relation
from s2dash.settings import INGEST_LIMITS

_NAME = re.compile(r"(?P<stem>.+?)-\d{10}-\d{10}(?: ?\(\d{1,3}\))?(?P<ending>\.tiff?)", re.IGNORECASE | re.ASCII)
_TESSERA_NAME = re.compile(r"grid_-?\d{1,3}\.\d\d_-?\d{1,2}\.\d\d_(?P<year>20\d\d)\.tiff?", re.IGNORECASE | re.ASCII)
_BLOCK = 512
_PIECE_BYTES = 64_000_000
_MOST_EMPTY = 20
"""How many times the tiles' own pixels the picture around them may have: they may miss some, not lie anywhere."""


@dataclass(frozen=True)
class Tile:
    """One of the files."""

    name: str
    """What errors call it."""
    path: Path


def split_names(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The names of files that are tiles of one picture, by a name for that picture: `S2.tif`; sorted."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        folder, slash, last = name.rpartition("/")
        if found := _NAME.fullmatch(last):
            groups.setdefault(f"{folder}{slash}{found['stem']}{found['ending'].lower()}", []).append(name)
        elif found := _TESSERA_NAME.fullmatch(last):
            groups.setdefault(f"tessera_{found['year']}.tif", []).append(name)
    return {whole: tuple(parts) for whole, parts in groups.items() if len(parts) > 1}


def put_together(tiles: Sequence[Tile], name: str, out: Path, progress: Callable[[float], None]) -> tuple[str, ...]:
    """Write the picture that tiles make up to a GeoTIFF, a window at a time; returns what is to be noted of it.

    Ground that no tile covers has no data. Where tiles overlap, the first that has data counts, in the
    order that is given.

    Raises UnreadableFile where a tile is damaged, or they are not tiles of one picture: other coordinate
    system, pixel size, lattice, bands or kind of numbers, or farther apart than such tiles are.
    """
    with contextlib.ExitStack() as stack:
        opened = [_opened(tile, stack) for tile in tiles]
        for other in opened[1:]:
            _require_alike(opened[0], other, name)
        require_one_version([one.dataset.tags() for one in opened])
        places, grid = _places(opened, name)
        _require_within(grid, opened[0].dataset, name)
        covered = _coverage(places, opened, grid)
        work = _Mosaic(tuple(opened), tuple(places), grid, has_gaps=covered < 1)
        try:
            with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), work.begun(out) as whole:
                _describe(opened[0].dataset, whole)
                pieces = list(windows(grid.shape_rc, work.piece_rc()))
                for number, piece in enumerate(pieces, 1):
                    values, seen = work.composed(piece)
                    whole.write(values, window=piece.ranges_rc)
                    if work.needs_mask:
                        whole.write_mask(seen.astype(np.uint8) * 255, window=piece.ranges_rc)
                    progress(number / len(pieces))
        except GDAL_ERRORS as error:
            raise BrokenResult(f"{name} could not be stored. The disk may be full: try again later.") from error
    gaps = f" No tile covers {1 - covered:.0%} of the ground, which has no data." if covered < 1 else ""
    return (f"{len(tiles)} tiles were put together as {name}.{gaps}",)


@dataclass(frozen=True, eq=False)
class _Opened:
    tile: Tile
    dataset: rasterio.DatasetReader
    grid: Grid
    has_mask: bool


def _opened(tile: Tile, stack: contextlib.ExitStack) -> _Opened:
    with translated_header_errors(tile.name):
        dataset = stack.enter_context(open_checked(tile.path, name=tile.name))
        return _Opened(tile, dataset, read_grid(dataset, tile.name), has_internal_mask(dataset))


def _require_alike(first: _Opened, other: _Opened, name: str) -> None:
    """Raise UnreadableFile, with both facts, where two files cannot be tiles of one picture."""
    ours, theirs = first.dataset, other.dataset
    crs = first.grid.crs is None and other.grid.crs is None
    if not crs and (first.grid.crs is None or other.grid.crs is None or not same_crs(first.grid, other.grid)):
        raise _unlike(first, other, name, "coordinate systems")
    if ours.count != theirs.count or ours.descriptions != theirs.descriptions:
        raise _unlike(first, other, name, f"bands ({ours.count} and {theirs.count})")
    if (ours.scales, ours.offsets, set(ours.dtypes)) != (theirs.scales, theirs.offsets, set(theirs.dtypes)):
        raise _unlike(first, other, name, f"kinds of numbers ({ours.dtypes[0]} and {theirs.dtypes[0]})")


def _unlike(first: _Opened, other: _Opened, name: str, what: str) -> UnreadableFile:
    return UnreadableFile(
        f"{first.tile.name} and {other.tile.name} have other {what}, so they are not tiles of one picture, {name}. "
        f"Give files of one export, or {MANY_SCENES}."
    )


def _places(opened: Sequence[_Opened], name: str) -> tuple[list[tuple[int, int]], Grid]:
    """Row and column of each tile in the picture around all of them, and its grid."""
    first = opened[0]
    places = []
    for other in opened:
        try:
            found = relation(other.grid, first.grid)
        except InputError as error:
            raise _unlike(first, other, name, "grids") from error
        if not found.is_copy:
            raise _unlike(first, other, name, "grids of pixels")
        places.append((int(found.shift_rc[0]), int(found.shift_rc[1])))
    top, left = (min(place[axis] for place in places) for axis in (0, 1))
    bottom, right = (
        max(place[axis] + one.grid.shape_rc[axis] for place, one in zip(places, opened, strict=True)) for axis in (0, 1)
    )
    transform = first.grid.transform @ Affine.translation(left, top)
    grid = Grid((bottom - top, right - left), transform, first.grid.crs_wkt)
    if sum(one.grid.pixel_count for one in opened) * _MOST_EMPTY < grid.pixel_count:
        raise UnreadableFile(
            f"The tiles of {name} lie too far apart: together they have less than one in {_MOST_EMPTY} of the "
            f"{grid.pixel_count:,} pixels around them. Give files of one export, or {MANY_SCENES}."
        )
    return [(row - top, col - left) for row, col in places], grid


def _coverage(places: Sequence[tuple[int, int]], opened: Sequence[_Opened], grid: Grid) -> float:
    """The share of the picture's pixels that some tile covers."""
    spans = [
        [(place[axis], place[axis] + one.grid.shape_rc[axis]) for place, one in zip(places, opened, strict=True)]
        for axis in (0, 1)
    ]
    edges = [np.unique(axis) for axis in spans]
    covered = np.zeros([len(axis) - 1 for axis in edges], dtype=bool)
    for rows, cols in zip(*spans, strict=True):
        (top, bottom), (left, right) = (np.searchsorted(e, s) for e, s in zip(edges, (rows, cols), strict=True))
        covered[top:bottom, left:right] = True
    sizes = np.diff(edges[0])[:, None] * np.diff(edges[1])[None, :]
    return float(sizes[covered].sum() / grid.pixel_count)


def _require_within(grid: Grid, dataset: rasterio.DatasetReader, name: str) -> None:
    stored = grid.pixel_count * dataset.count * max(np.dtype(t).itemsize for t in dataset.dtypes)
    checks = (
        ("rows or columns", max(grid.shape_rc), INGEST_LIMITS.most_side),
        ("pixels", grid.pixel_count, INGEST_LIMITS.most_pixels),
        ("bytes when unpacked", stored, INGEST_LIMITS.most_stored_bytes),
    )
    for what, found, most in checks:
        if found > most:
            raise UnreadableFile(f"The tiles of {name} have {found:,} {what} together; at most {most:,} are accepted.")


def _describe(dataset: rasterio.DatasetReader, whole: Any) -> None:
    """Give the picture the names, numbers and tags of a tile."""
    whole.descriptions = dataset.descriptions
    whole.scales, whole.offsets = dataset.scales, dataset.offsets
    whole.colorinterp = dataset.colorinterp
    whole.update_tags(**dataset.tags())
    for index in dataset.indexes:
        whole.update_tags(index, **dataset.tags(index))


@dataclass(frozen=True, eq=False)
class _Mosaic:
    """Tiles at their places in the picture around them."""

    opened: tuple[_Opened, ...]
    places: tuple[tuple[int, int], ...]
    grid: Grid
    has_gaps: bool

    @property
    def dtype(self) -> np.dtype:
        return np.result_type(*(np.dtype(t) for t in self.opened[0].dataset.dtypes))

    @property
    def nodata(self) -> float | None:
        """What tiles tag; whole numbers of 64 bits, which a tag cannot hold exactly, get a mask."""
        tagged = self.opened[0].dataset.nodata
        if self.dtype.kind in "iu" and self.dtype.itemsize == 8:
            return None
        return float("nan") if tagged is None and self.dtype.kind == "f" and self.has_gaps else tagged

    @property
    def needs_mask(self) -> bool:
        """Whether only a mask can say which pixels hold data."""
        tagged = any(one.dataset.nodata is not None for one in self.opened)
        alike = len({repr(one.dataset.nodata) for one in self.opened}) == 1
        untold = self.nodata is None and (self.has_gaps or tagged) and not self._has_alpha
        return any(one.has_mask for one in self.opened) or untold or not alike

    @property
    def _has_alpha(self) -> bool:
        return ColorInterp.alpha in self.opened[0].dataset.colorinterp

    def begun(self, path: Path) -> rasterio.io.DatasetWriter:
        """The raster of the whole, empty."""
        count = self.opened[0].dataset.count
        return make_on_grid(
            path,
            self.grid,
            self.dtype.name,
            count=count,
            block=_BLOCK,
            nodata=self.nodata,
            interleave="band",
            compress="zstd",
            zstd_level=1,
            photometric="minisblack",
        )

    def piece_rc(self) -> tuple[int, int]:
        """Rows and columns that are composed at once: whole blocks of the picture."""
        block_bytes = _BLOCK * _BLOCK * self.dtype.itemsize * self.opened[0].dataset.count
        return _BLOCK, _BLOCK * max(1, min(_PIECE_BYTES // block_bytes, -(-self.grid.width // _BLOCK)))

    def composed(self, piece: Window) -> tuple[np.ndarray, np.ndarray]:
        """Values of a window, shape (bands, rows, cols), and where they hold data, shape (rows, cols), bool."""
        shape = (self.opened[0].dataset.count, piece.height, piece.width)
        values = np.full(shape, 0 if self.nodata is None else self.nodata, dtype=self.dtype)
        seen = np.zeros(shape[1:], dtype=bool)
        for one, place in zip(self.opened, self.places, strict=True):
            shared = _shared(piece, Window(*place, *one.grid.shape_rc))
            if shared is None:
                continue
            inner = Window(shared.row - piece.row, shared.col - piece.col, shared.height, shared.width).slices_rc
            own = Window(shared.row - place[0], shared.col - place[1], shared.height, shared.width).ranges_rc
            try:
                read, valid = one.dataset.read(window=own), one.dataset.dataset_mask(window=own) != 0
            except GDAL_ERRORS as error:
                raise UnreadableFile(
                    f"{one.tile.name} is damaged: the pixels from row {own[0][0] + 1:,} on cannot be read. "
                    "Download or export it again."
                ) from error
            # Of pixels without data the tile's own numbers stay too, unless another tile has some.
            fresh = ~seen[inner] & (valid | self._as_it_is(one))
            values[(slice(None), *inner)] = np.where(fresh, read, values[(slice(None), *inner)])
            seen[inner] |= valid
        return values, seen

    def _as_it_is(self, one: _Opened) -> bool:
        """Whether pixels without data may be copied: they say the same in the picture as in the tile."""
        return not one.has_mask and repr(one.dataset.nodata) == repr(self.nodata)


def _shared(one: Window, other: Window) -> Window | None:
    top, left = max(one.row, other.row), max(one.col, other.col)
    bottom = min(one.row + one.height, other.row + other.height)
    right = min(one.col + one.width, other.col + other.width)
    return Window(top, left, bottom - top, right - left) if top < bottom and left < right else None
