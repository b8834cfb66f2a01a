"""Chunks of strangers' Zarr arrays unpacked: never into more than their metadata declare, by named decoders only."""

from __future__ import annotations

import bz2
import struct
import zlib

import numpy as np
from numcodecs import blosc, lz4, zstd

from s2dash.errors import UnreadableFile
from s2dash.ingest.zarr.metadata import Packing

# A context of its own for each call, which threads may share.
blosc.use_threads = False

_BLOSC_HEADER = struct.Struct("<4B3I")
"""Versions, flags, size of a number; bytes unpacked, of a block, packed."""
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_GZIP = zlib.MAX_WBITS + 16
_TABLE: list[int] = []
"""Of CRC-32C (Castagnoli, reflected), by the byte."""


def unpacked(data: bytes, how: Packing, name: str) -> np.ndarray:
    """The numbers of a chunk, shape (rows, cols), read-only, in this machine's order of bytes.

    Raises UnreadableFile where the bytes are damaged or unpack to another size than the chunk's.
    """
    if how.checksum_bytes:
        data = data[: -how.checksum_bytes]
    raw = np.empty(how.nbytes, dtype=np.uint8)
    try:
        _unpack(data, how.by, raw)
    except (ValueError, RuntimeError, OSError, EOFError, zlib.error) as error:
        raise UnreadableFile(f"{name} is damaged: it cannot be unpacked. Download the product again.") from error
    rows, cols = how.chunk_rc
    flat = raw.view(how.dtype)
    numbers = flat.reshape(cols, rows).T if how.is_columns_first else flat.reshape(rows, cols)
    numbers = numbers.astype(how.dtype.newbyteorder("="), order="C", copy=False)
    numbers.flags.writeable = False
    return numbers


def _unpack(data: bytes, by: str | None, out: np.ndarray) -> None:
    """Fill `out`, uint8, wholly; raises ValueError where the size is another, and what decoders raise."""
    if by == "blosc":
        _require(len(data) >= _BLOSC_HEADER.size)
        *_, unpacked_bytes, _, packed_bytes = _BLOSC_HEADER.unpack_from(data)
        # The decoder believes both: one is how much it reads, the other how much it writes.
        _require(unpacked_bytes == out.nbytes and packed_bytes == len(data))
        blosc.decompress(data, out)
    elif by == "zstd":
        _require(zstd_size(data) in (None, out.nbytes))
        zstd.decompress(data, out)
    elif by == "lz4":
        _require(len(data) >= 4 and int.from_bytes(data[:4], "little") == out.nbytes)
        lz4.decompress(data, out)
    else:
        made = _by_standard_library(data, by, out.nbytes)
        _require(len(made) == out.nbytes)
        out[:] = np.frombuffer(made, dtype=np.uint8)


def _by_standard_library(data: bytes, by: str | None, most: int) -> bytes:
    """At most one byte more than `most`, so that too many are noticed and not made."""
    if by is None:
        return data
    unpacking = bz2.BZ2Decompressor() if by == "bz2" else zlib.decompressobj(_GZIP if by == "gzip" else zlib.MAX_WBITS)
    made = unpacking.decompress(data, most + 1)
    _require(unpacking.eof)
    return made


def zstd_size(data: bytes) -> int | None:
    """How many bytes the first frame says that it unpacks to (RFC 8878, 3.1.1.1); None where it does not.

    Raises ValueError for what is no frame.
    """
    _require(data[:4] == _ZSTD_MAGIC and len(data) > 5)
    descriptor = data[4]
    is_single = descriptor >> 5 & 1
    at = 5 + (not is_single) + (0, 1, 2, 4)[descriptor & 3]
    length = (1 if is_single else 0, 2, 4, 8)[descriptor >> 6]
    if not length:
        return None
    _require(len(data) >= at + length)
    return int.from_bytes(data[at : at + length], "little") + (256 if length == 2 else 0)


def crc32c(data: bytes) -> int:
    """The checksum of a short list of chunks (RFC 3720, B.4)."""
    if not _TABLE:
        for byte in range(256):
            value = byte
            for _ in range(8):
                value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
            _TABLE.append(value)
    found = 0xFFFFFFFF
    for byte in data:
        found = found >> 8 ^ _TABLE[(found ^ byte) & 255]
    return found ^ 0xFFFFFFFF


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError("another size than its metadata say")
