"""Bands of an EOPF product that lies on a server: the chunks under a window are fetched by the door, and no others.

What metadata and chunks may be is decided where products are read (`ingest/zarr`).
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling

from s2dash.core.types import Window
from s2dash.errors import NotThere, UnreadableFile
from s2dash.find.door import Door, shown
from s2dash.find.ranges import RemoteFile, Renew
from s2dash.ingest.blobs import Blob, FileBlob
from s2dash.ingest.zarr.array import ZarrArray
from s2dash.ingest.zarr.eopf import array_elsewhere, scale_and_offset
from s2dash.ingest.zarr.metadata import ArrayMetadata
from s2dash.ingest.zarr.store import Store
from s2dash.raster.door import GDAL_ERRORS

_MOST_CHUNKS = 4_000
"""Under one window; all of a tile's band has 36."""
_SLACK_SHARE, _SLACK_BYTES = 1.1, 65_536
"""What packing may add to numbers that cannot be packed."""


def root_and_path(address: str) -> tuple[str, str] | None:
    """The address of a store and what follows within it, of a band's address; None where it is of no store."""
    parts = urlsplit(address)
    before, marker, path = parts.path.partition(".zarr/")
    if not marker or not path.strip("/"):
        return None
    return urlunsplit(parts._replace(path=f"{before}.zarr")), path.strip("/")


def within(root: str, name: str) -> str:
    """The address of a file of a store; what signs the store's address signs it too."""
    parts = urlsplit(root)
    return urlunsplit(parts._replace(path=f"{parts.path}/{name}"))


@dataclass(frozen=True)
class RemoteBlob:
    """Bytes of a file on a server."""

    file: RemoteFile
    is_packed: bool = False

    @property
    def size(self) -> int:
        return self.file.size

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        """As `Blob.read`; raises NotFetched where the server fails."""
        return self.file.between(start, self.size if length is None else start + length)


class RemoteFolder(Mapping[str, Blob]):
    """Files of a store, each asked for when it is wanted; one that the server does not have is not there."""

    def __init__(self, address_of: Callable[[str], str], door: Door, renewed: Callable[[str], Renew | None]) -> None:
        self._address_of, self._door, self._renewed = address_of, door, renewed
        self._known: dict[str, Blob | None] = {}

    def __getitem__(self, name: str) -> Blob:
        if name not in self._known:
            self._known[name] = self._asked(name)
        found = self._known[name]
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        """Of those that are known: nobody lists a server's files."""
        return (name for name, one in self._known.items() if one is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _asked(self, name: str) -> Blob | None:
        file = RemoteFile(self._address_of(name), self._door, self._renewed(name))
        try:
            size = file.size
        except NotThere as error:
            if error.status == 404:
                return None
            raise
        return self._kept(name, file, size)

    def _kept(self, name: str, file: RemoteFile, size: int) -> Blob:
        return RemoteBlob(file)


class ChunkFolder(RemoteFolder):
    """Chunks of an array: each is fetched once, and lies in a folder of ours from then on."""

    def __init__(
        self,
        address_of: Callable[[str], str],
        door: Door,
        renewed: Callable[[str], Renew | None],
        folder: Path,
        most_bytes: int,
    ) -> None:
        super().__init__(address_of, door, renewed)
        self._folder, self._most_bytes = folder, most_bytes

    def _kept(self, name: str, file: RemoteFile, size: int) -> Blob:
        if size > self._most_bytes:
            raise UnreadableFile(f"{shown(file.address)} is larger than its numbers. Choose another scene.")
        path = self._folder / name.replace("/", "_")
        path.write_bytes(file.between(0, size))
        return FileBlob(path)


@dataclass(frozen=True)
class ZarrBand:
    """An array of a store on a server; a `RemoteBand`."""

    array: ZarrArray
    address: str

    @property
    def transform(self) -> Affine:
        return self.array.grid.transform

    @property
    def crs(self) -> CRS | None:
        """None where none is stated that is known."""
        with contextlib.suppress(*GDAL_ERRORS):
            return CRS.from_wkt(self.array.grid.crs_wkt) if self.array.grid.crs_wkt else None
        return None

    @property
    def shape(self) -> tuple[int, int]:
        return self.array.grid.shape_rc

    @property
    def kind(self) -> str | None:
        """Of its numbers; None where no data is anything but 0."""
        return self.array.dtype if self.array.nodata in (None, 0) else None

    @property
    def numbers(self) -> tuple[float, float] | None:
        """Scale and offset that it states."""
        return scale_and_offset(self.array.metadata.attributes)

    def read(
        self,
        window: tuple[tuple[int, int], tuple[int, int]],
        out_shape: tuple[int, int] | None = None,
        resampling: Resampling = Resampling.nearest,
    ) -> np.ndarray:
        """Pixels, as rasterio's `read`; raises NotFetched and UnreadableFile."""
        (top, bottom), (left, right) = window
        rows, cols = self.array.metadata.packing.chunk_rc
        if ((bottom - top) // rows + 1) * ((right - left) // cols + 1) > _MOST_CHUNKS:
            raise UnreadableFile(f"{shown(self.address)} is stored in smaller parts than are read here.")
        try:
            found = self.array.read(Window(top, left, bottom - top, right - left))
        except UnreadableFile as error:
            raise elsewhere(error, self.address) from error
        if out_shape is None or out_shape == found.shape:
            return found
        return means(found, out_shape) if resampling == Resampling.average else nearest(found, out_shape)


def elsewhere(error: UnreadableFile, address: str) -> UnreadableFile:
    """What is wrong with a product, with the advice that fits one on a server."""
    return UnreadableFile(f"{shown(address)}: {str(error).partition('. ')[0].rstrip('.')}. Choose another scene.")


def nearest(values: np.ndarray, shape_rc: tuple[int, int]) -> np.ndarray:
    """The pixels in the middle of each of fewer, larger ones."""
    at_row, at_column = (
        (2 * np.arange(out) + 1) * own // (2 * out) for out, own in zip(shape_rc, values.shape, strict=True)
    )
    return np.asarray(values[np.ix_(at_row, at_column)])


def means(values: np.ndarray, shape_rc: tuple[int, int]) -> np.ndarray:
    """Means over whole numbers of pixels with data, rounded; 0 where none has any."""
    down, across = (own // out for out, own in zip(shape_rc, values.shape, strict=True))
    blocks = values.reshape(shape_rc[0], down, shape_rc[1], across)
    count = (blocks != 0).sum(axis=(1, 3))
    total = blocks.sum(axis=(1, 3), dtype=np.float64)
    return np.asarray(np.rint(total / np.maximum(count, 1)), dtype=values.dtype)


def opened_array(address: str, door: Door, renew: Renew | None, stores: dict[str, Store], folder: Path) -> ZarrBand:
    """A band by its address; `stores` holds what is known of stores, `folder` is where chunks are kept.

    Raises NotFetched where its server fails, UnreadableFile for what is damaged, refused, or not there.
    """
    place = root_and_path(address)
    if place is None:
        raise UnreadableFile(f"{shown(address)} is no band of a product. Choose another scene.")
    root, path = place

    def renewed(name: str) -> Renew | None:
        if renew is None:
            return None

        def newer() -> str | None:
            at = root_and_path(renew() or "")
            return None if at is None else within(at[0], name)

        return newer

    def chunks(metadata: ArrayMetadata) -> Mapping[str, Blob]:
        where = (lambda name: within(root, f"{path}/{name}"), door, lambda name: renewed(f"{path}/{name}"))
        if metadata.shards:
            return RemoteFolder(*where)
        most_bytes = int(metadata.packing.nbytes * _SLACK_SHARE) + _SLACK_BYTES
        return ChunkFolder(*where, Path(tempfile.mkdtemp(dir=folder)), most_bytes)

    if root not in stores:
        stores[root] = Store(RemoteFolder(lambda name: within(root, name), door, renewed))
    try:
        array = array_elsewhere(stores[root], path, chunks)
    except UnreadableFile as error:
        raise elsewhere(error, address) from error
    if array is None:
        raise UnreadableFile(f"{shown(address)} is not in the product. Choose other bands, or another scene.")
    return ZarrBand(array, address)
