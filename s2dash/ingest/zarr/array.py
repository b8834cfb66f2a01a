"""Arrays of a Zarr store as pixels: read by windows, each chunk unpacked once, memory bounded by a shared cache."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from s2dash.core.byte_cache import ByteCache
from s2dash.core.grid import Grid
from s2dash.core.scene import Reflectance
from s2dash.core.types import Window
from s2dash.errors import UnreadableFile
from s2dash.ingest.blobs import Blob
from s2dash.ingest.checks import require_limits
from s2dash.ingest.zarr.metadata import ArrayMetadata
from s2dash.ingest.zarr.unpacking import crc32c, unpacked
from s2dash.settings import INGEST_LIMITS

_NOTHING = 2**64 - 1
"""Place and length of a chunk that a shard does not hold."""
_MOST_CHUNKS = 500_000
_SLACK_SHARE, _SLACK_BYTES = 1.1, 65_536
"""What packing may add to numbers that cannot be packed."""
_ROWS_AT_ONCE = 2
"""Rows of chunks that windows from the top down need at once, where two threads work side by side."""

Key = tuple[str, str, int, int]
"""Name of the array, what is kept, and its place."""
Cache = ByteCache[Key, np.ndarray]


def shared_cache(arrays: Iterable[ArrayMetadata]) -> Cache:
    """A cache for arrays that are read one after the other, from the top down: none of their chunks is unpacked twice.

    Where a row of chunks would take more than ingest may hold, chunks are unpacked again for further windows.
    """
    chunks = ((one.packing.nbytes, -(-one.shape_rc[1] // one.packing.chunk_rc[1])) for one in arrays)
    # Of shards the lists of their chunks are kept too; they take less than a chunk.
    wanted = (nbytes * (_ROWS_AT_ONCE * across + 1) for nbytes, across in chunks)
    return ByteCache(min(max(wanted, default=0), INGEST_LIMITS.most_piece_bytes))


@dataclass(frozen=True, eq=False)
class ZarrArray:
    """A picture of one band whose chunks lie in files; a `PixelSource`."""

    name: str
    """What errors call it, and no other array of the cache."""
    metadata: ArrayMetadata
    text: bytes
    """Its metadata as they were read, which the digest is of too."""
    files: Mapping[str, Blob]
    """Chunks or shards by their names within the array."""
    cache: Cache
    grid: Grid
    nodata: float | None = None
    stated: Reflectance | None = None
    notes: tuple[str, ...] = ()
    _digests: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """Of the bytes of each chunk that was read."""

    @property
    def dtype(self) -> str:
        return str(self.metadata.dtype)

    @property
    def block_bytes(self) -> int:
        return 2 * self.metadata.packing.nbytes

    def read(self, window: Window) -> np.ndarray:
        fill = self.metadata.fill if self.nodata is None else self.nodata
        values = np.full((window.height, window.width), fill, dtype=self.metadata.dtype)
        rows, cols = self.metadata.packing.chunk_rc
        for (_, _, row, col), chunk in self.cache.each(self._chunks_under(window), self._chunk):
            if not chunk.size:
                continue
            down, right = row * rows - window.row, col * cols - window.col
            target = values[max(0, down) : max(0, down + rows), max(0, right) : max(0, right + cols)]
            top, left = max(0, -down), max(0, -right)
            target[:] = chunk[top : top + target.shape[0], left : left + target.shape[1]]
        return values

    def read_all(self) -> np.ndarray:
        """All of its numbers, for an array that is small."""
        return self.read(Window(0, 0, *self.metadata.shape_rc))

    def stored_files(self) -> frozenset[str]:
        """Names of the files with its numbers, of those that there can be."""
        return frozenset(key for key in _keys(self.metadata) if key in self.files)

    def digest(self) -> bytes:
        found = hashlib.sha256(self.text)
        for place, one in sorted(self._digests.items()):
            found.update(repr(place).encode() + one)
        return found.digest()

    def _chunks_under(self, window: Window) -> Iterator[Key]:
        """Those of which there is a file."""
        rows, cols = self.metadata.packing.chunk_rc
        for row in range(window.row // rows, -(-(window.row + window.height) // rows)):
            for col in range(window.col // cols, -(-(window.col + window.width) // cols)):
                if self._file_of(row, col)[0] in self.files:
                    yield (self.name, "chunk", row, col)

    def _file_of(self, row: int, col: int) -> tuple[str, tuple[int, int]]:
        """The name of the file that a chunk lies in, and its place among the chunks there."""
        down, across = (f // c for f, c in zip(self.metadata.file_rc, self.metadata.packing.chunk_rc, strict=True))
        return self.metadata.key_of(row // down, col // across), (row % down, col % across)

    def _chunk(self, key: Key) -> np.ndarray:
        """The numbers of a chunk; of no size where its shard does not hold it."""
        _, _, row, col = key
        data = self._packed(row, col)
        if data is None:
            return np.empty((0, 0), dtype=self.metadata.dtype)
        self._digests[row, col] = hashlib.sha256(data).digest()
        return unpacked(data, self.metadata.packing, self.name)

    def _packed(self, row: int, col: int) -> bytes | None:
        name, inner = self._file_of(row, col)
        blob = self.files[name]
        if self.metadata.shards is None:
            self._require_size(blob.size)
            return blob.read()
        index = self.cache.get((self.name, f"index {name}", 0, 0), lambda: self._index(blob))
        start, length = (int(value) for value in index[inner])
        if start == length == _NOTHING:
            return None
        self._require_size(length)
        if start + length > blob.size:
            raise self._damaged()
        return self._part(name, blob, start, length)

    def _index(self, blob: Blob) -> np.ndarray:
        """Where the chunks of a shard lie, shape (rows, cols, 2), uint64: first byte and length."""
        shards = self.metadata.shards
        assert shards is not None
        down, across = (f // c for f, c in zip(shards.shape_rc, self.metadata.packing.chunk_rc, strict=True))
        length = 16 * down * across + 4 * shards.has_checksum
        if blob.size < length:
            raise self._damaged()
        data = blob.read(0 if shards.is_index_first else blob.size - length, length)
        if shards.has_checksum and crc32c(data[:-4]) != int.from_bytes(data[-4:], "little"):
            raise self._damaged()
        return np.frombuffer(data, dtype="<u8", count=2 * down * across).reshape(down, across, 2)

    def _part(self, name: str, blob: Blob, start: int, length: int) -> bytes:
        if not blob.is_packed:
            found = blob.read(start, length)
        else:
            if blob.size > INGEST_LIMITS.most_block_bytes:
                raise UnreadableFile(
                    f"{self.name} has a file of {blob.size:,} bytes that is packed once more; at most "
                    f"{INGEST_LIMITS.most_block_bytes:,} are accepted. Unpack the zip, and give the folder."
                )
            whole = self.cache.get(
                (self.name, f"file {name}", 0, 0), lambda: np.frombuffer(blob.read(), dtype=np.uint8)
            )
            found = whole[start : start + length].tobytes()
        if len(found) != length:
            raise self._damaged()
        return found

    def _require_size(self, packed: int) -> None:
        """Raises UnreadableFile for a chunk that is larger packed than its numbers can be."""
        declared = self.metadata.packing.nbytes
        if packed > declared * _SLACK_SHARE + _SLACK_BYTES:
            raise UnreadableFile(
                f"{self.name} has {packed:,} bytes in a chunk that declares {declared:,}. It is damaged or not genuine."
            )

    def _damaged(self) -> UnreadableFile:
        return UnreadableFile(f"{self.name} is damaged: not all of it is there. Download the product again.")


def _keys(metadata: ArrayMetadata) -> Iterator[str]:
    """Names of all files that there can be."""
    down, across = (-(-n // size) for n, size in zip(metadata.shape_rc, metadata.file_rc, strict=True))
    return (metadata.key_of(row, col) for row in range(down) for col in range(across))


def require_within(metadata: ArrayMetadata, files: Mapping[str, Blob], name: str) -> None:
    """Raise UnreadableFile where an array asks for more than a file may, or declares far more than it holds."""
    rows, cols = metadata.shape_rc
    chunk_rc, file_rc = metadata.packing.chunk_rc, metadata.file_rc
    chunks = -(-rows // chunk_rc[0]) * -(-cols // chunk_rc[1])
    if chunks > _MOST_CHUNKS:
        raise UnreadableFile(f"{name} declares {chunks:,} chunks; at most {_MOST_CHUNKS:,} are accepted.")
    held = [files[key].size for key in _keys(metadata) if key in files]
    file_bytes = metadata.dtype.itemsize * file_rc[0] * file_rc[1]
    require_limits(
        name,
        (rows, cols),
        count=1,
        stored=metadata.dtype.itemsize * rows * cols,
        block=max(metadata.packing.nbytes, 16 * (file_rc[0] // chunk_rc[0]) * (file_rc[1] // chunk_rc[1])),
        declared=min(file_bytes * len(held), INGEST_LIMITS.most_stored_bytes),
        held=sum(held),
        limits=INGEST_LIMITS,
    )
