"""A file on a server as one that is read in parts: only the parts that somebody asks for are fetched, by the door."""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, cast

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling

from s2dash.errors import NotFetched, NotThere, UnreadableFile
from s2dash.find.door import Door, Reply, shown
from s2dash.raster.door import GDAL_ERRORS, open_raster
from s2dash.settings import FETCH_LIMITS, INGEST_LIMITS

_BLOCK_BYTES = 2**16
_MOST_BLOCKS = 64
"""Kept of one file: 4 MB; a composite has a hundred of them open."""
_PACKED_BY = ("none", "deflate", "lzw", "zstd", "packbits")
"""Files are decoded in this process: the few decoders that pictures of numbers need, of the many that GDAL has."""
Renew = Callable[[], str | None]
"""Asks the catalogue for the address that a file has now."""
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class RemoteFile:
    """A file that is read by range requests."""

    def __init__(self, address: str, door: Door, renew: Renew | None = None) -> None:
        self.address = address
        self._renew = renew
        self._door = door
        self._mark: str | None = None
        self._size: int | None = None
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self.failure: NotFetched | None = None
        """What went wrong first: a reader that cannot raise, as GDAL's, leaves it here."""

    @property
    def size(self) -> int:
        """Bytes of the whole file; raises NotFetched."""
        if self._size is None:
            self._fetch(0, 1)
        assert self._size is not None
        return self._size

    def between(self, start: int, end: int) -> bytes:
        """What lies there, up to the file's end; raises NotFetched."""
        end = min(end, self.size)
        return self._between(start, end) if end > start else b""

    def _between(self, start: int, end: int) -> bytes:
        first, beyond = start // _BLOCK_BYTES, -(-end // _BLOCK_BYTES)
        held = {number: self._blocks[number] for number in range(first, beyond) if number in self._blocks}
        for low, high in _runs([number for number in range(first, beyond) if number not in held]):
            held |= self._fetch(low, high)
        whole = b"".join(held[number] for number in range(first, beyond))
        return whole[start - first * _BLOCK_BYTES : end - first * _BLOCK_BYTES]

    def _fetch(self, first: int, beyond: int) -> dict[int, bytes]:
        """Blocks by number, from one request; kept too."""
        content = self._asked(first * _BLOCK_BYTES, beyond * _BLOCK_BYTES)
        pieces = (content[at : at + _BLOCK_BYTES] for at in range(0, len(content), _BLOCK_BYTES))
        found = dict(enumerate(pieces, first))
        self._blocks.update(found)
        while len(self._blocks) > _MOST_BLOCKS:
            self._blocks.popitem(last=False)
        return found

    def _asked(self, start: int, end: int) -> bytes:
        """What lies between, which must be just that, and of the same version of the file as all before."""
        end = end if self._size is None else min(end, self._size)
        if end - start > INGEST_LIMITS.most_block_bytes:
            raise NotFetched(_too_large(self.address))
        reply = self._answer(end - start, {"Range": f"bytes={start}-{end - 1}"})
        told = _CONTENT_RANGE.fullmatch(reply.headers.get("content-range", ""))
        if reply.status != 206 or told is None:
            raise NotFetched(f"{shown(self.address)} cannot be read in parts: its server gives files only whole.")
        size = int(told[3])
        mark = reply.headers.get("etag") or reply.headers.get("last-modified")
        if self._size is not None and (size, mark) != (self._size, self._mark):
            raise NotFetched(f"{shown(self.address)} was changed on the server meanwhile. Run it again.")
        if size > FETCH_LIMITS.most_bytes:
            raise NotFetched(f"{shown(self.address)} has {size:,} bytes, more than is read of one file.")
        if (int(told[1]), int(told[2])) != (start, min(end, size) - 1) or len(reply.body) != min(end, size) - start:
            raise NotFetched(f"{shown(self.address)} cannot be read: the server sends another part than asked for.")
        self._size, self._mark = size, mark
        return reply.body

    def _answer(self, most_bytes: int, headers: Mapping[str, str]) -> Reply:
        """Of an address that is not good any more, the one that the catalogue has now is asked, once."""
        try:
            return self._door.ask(self.address, most_bytes, headers)
        except NotThere:
            renew, self._renew = self._renew, None
            newer = None if renew is None else renew()
            if newer is None or newer == self.address:
                raise
        self.address = newer
        return self._door.ask(newer, most_bytes, headers)


class _Handle(io.RawIOBase):
    """One opening of a remote file for GDAL, which takes no error but the end of the file."""

    def __init__(self, file: RemoteFile) -> None:
        super().__init__()
        self._file = file
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position}.get(whence, self._file.size)
        self._position = max(0, start + offset)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        end = self._file.size if size is None or size < 0 else self._position + size
        if self._file.failure is not None:
            return b""
        try:
            found = self._file.between(self._position, end)
        except NotFetched as error:
            self._file.failure = error
            return b""
        self._position += len(found)
        return found


@dataclass(frozen=True)
class RemoteRaster:
    """A GeoTIFF on a server, open; a `RemoteBand`."""

    dataset: rasterio.DatasetReader
    file: RemoteFile

    @property
    def transform(self) -> Affine:
        return self.dataset.transform

    @property
    def crs(self) -> CRS | None:
        return self.dataset.crs

    @property
    def shape(self) -> tuple[int, int]:
        return self.dataset.shape

    @property
    def kind(self) -> str | None:
        return self.dataset.dtypes[0] if self.dataset.count == 1 else None

    @property
    def numbers(self) -> None:
        """The item knows better: files often say nothing, or what was right before they were made."""

    def read(
        self,
        window: tuple[tuple[int, int], tuple[int, int]],
        out_shape: tuple[int, int] | None = None,
        resampling: Resampling = Resampling.nearest,
    ) -> np.ndarray:
        """Pixels of the first band, as rasterio's `read`; raises NotFetched and UnreadableFile."""
        with contextlib.suppress(*GDAL_ERRORS):
            values: np.ndarray = self.dataset.read(1, window=window, out_shape=out_shape, resampling=resampling)
            if self.file.failure is None:
                return values
        raise self.file.failure or _damaged(self.file.address)


@contextlib.contextmanager
def opened(address: str, door: Door, renew: Renew | None = None) -> Iterator[RemoteRaster]:
    """A GeoTIFF on a server for the block; `renew` gives another address where this one is not good any more.

    Raises NotFetched where its server fails, UnreadableFile where it is damaged or beyond the limits.
    """
    file = RemoteFile(address, door, renew)
    name = f"{file.size}-{hashlib.sha256(address.encode()).hexdigest()[:16]}.tif"
    try:
        dataset = open_raster(name, opener=lambda *named, **options: cast(IO[bytes], _Handle(file)))
    except GDAL_ERRORS:
        dataset = None
    if dataset is None:
        raise file.failure or _damaged(address)
    with dataset:
        _require_within_limits(dataset, address)
        yield RemoteRaster(dataset, file)


def _damaged(address: str) -> UnreadableFile:
    return UnreadableFile(f"{shown(address)} is damaged, or no GeoTIFF. Choose another scene.")


def _require_within_limits(dataset: rasterio.DatasetReader, address: str) -> None:
    """A block is decoded whole, so its size bounds memory; all of the file may have to be, so its pixels bound time."""
    rows, columns = dataset.block_shapes[0]
    is_small = max(dataset.shape) <= INGEST_LIMITS.most_side and math.prod(dataset.shape) <= INGEST_LIMITS.most_pixels
    if not is_small or rows * columns * dataset.count * 8 > INGEST_LIMITS.most_block_bytes:
        raise UnreadableFile(_too_large(address))
    kind = dataset.tags(ns="IMAGE_STRUCTURE").get("COMPRESSION", "none").lower()
    if kind not in _PACKED_BY:
        raise UnreadableFile(f"{shown(address)} is packed by {kind}, which is not read here. Choose another scene.")


def _too_large(address: str) -> str:
    return f"{shown(address)} is stored in larger parts than are read here. Choose another scene."


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Runs of successive numbers, each as first and beyond."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number:
            runs[-1] = (runs[-1][0], number + 1)
        else:
            runs.append((number, number + 1))
    return runs
