"""Bytes where they lie: a file of its own, or a member of a zip, read in part without unpacking it to the disk."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from s2dash.errors import UnreadableFile

STORED, DEFLATED = 0, 8
"""Methods of a zip (APPNOTE.TXT 4.4.5)."""
_LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Signature, and lengths of the name and of what follows it (APPNOTE.TXT 4.3.7)."""


class Blob(Protocol):
    """Bytes that can be read from anywhere."""

    @property
    def size(self) -> int:
        """How many there are, once unpacked; raises OSError where they are gone."""

    @property
    def is_packed(self) -> bool:
        """Whether a part costs as much as the whole."""

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        """`length` of them from `start` on, all by default; fewer where they end before.

        Raises UnreadableFile where they are damaged or cannot be read.
        """


@dataclass(frozen=True)
class FileBlob:
    """All of a file."""

    path: Path

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    @property
    def is_packed(self) -> bool:
        return False

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                return file.read(-1 if length is None else length)
        except OSError as error:
            raise UnreadableFile(f"{self.path.name} cannot be read: {error.strerror}.") from error


@dataclass(frozen=True)
class MemberBlob:
    """A member of a zip whose table of contents was checked (`zip_archive.list_members`)."""

    path: Path
    """Of the zip."""
    header_at: int
    """Where its local header begins."""
    packed_size: int
    size: int
    method: int
    """STORED or DEFLATED."""
    crc: int

    @property
    def is_packed(self) -> bool:
        return self.method != STORED

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        if self.is_packed:
            whole = self._inflated()
            return whole[start:] if length is None else whole[start : start + length]
        if start or length is not None:
            end = self.size if length is None else min(self.size, start + length)
            return self._bytes(start, max(0, end - start))
        return self._verified(self._bytes(0, self.size))

    def _inflated(self) -> bytes:
        unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            # One more than it should be, so that a longer one is noticed and not made.
            found = unpacking.decompress(self._bytes(0, self.packed_size), self.size + 1)
        except zlib.error as error:
            raise self._damaged() from error
        if not unpacking.eof:
            raise self._damaged()
        return self._verified(found)

    def _verified(self, found: bytes) -> bytes:
        if len(found) != self.size or zlib.crc32(found) != self.crc:
            raise self._damaged()
        return found

    def start(self) -> int:
        """Bytes of the zip before its own; raises UnreadableFile where it is damaged."""
        with self._opened() as file:
            return self._start_in(file)

    def _bytes(self, start: int, length: int) -> bytes:
        """Bytes as they are stored."""
        with self._opened() as file:
            file.seek(self._start_in(file) + start)
            found = file.read(length)
        if len(found) < length:
            raise self._damaged()
        return found

    @contextlib.contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        try:
            with self.path.open("rb") as file:
                yield file
        except OSError as error:
            raise UnreadableFile(f"{self.path.name} cannot be read: {error.strerror}.") from error

    def _start_in(self, file: BinaryIO) -> int:
        file.seek(self.header_at)
        head = file.read(_LOCAL_HEADER.size)
        if len(head) < _LOCAL_HEADER.size:
            raise self._damaged()
        signature, name_length, extra_length = _LOCAL_HEADER.unpack(head)
        if signature != b"PK\x03\x04":
            raise self._damaged()
        return int(self.header_at + _LOCAL_HEADER.size + name_length + extra_length)

    def _damaged(self) -> UnreadableFile:
        return UnreadableFile(f"{self.path.name} is damaged or cut short: upload or download it again.")
