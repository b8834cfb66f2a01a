"""Tar files of strangers, plain or packed by gzip: all entries are checked first, then files are unpacked in one pass.

The format is read here by ourselves (POSIX.1-2001 pax, ustar, GNU's long names), a block at a time, so that
nothing that an entry declares is taken into memory. Its name never becomes a path on disk.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from s2dash.errors import UnreadableFile
from s2dash.ingest.zip_archive import Member, check_names_differ, name_fault, quoted, shown_title, writing
from s2dash.settings import ARCHIVE_LIMITS, ArchiveLimits

_BLOCK = 512
_PIECE_BYTES = 1 << 20
_GZIP = b"\x1f\x8b\x08"
_MOST_EXTENDED_BYTES = 1 << 20
"""Of one extended header: names and times of a file, which are short."""
_FILES, _FOLDER = b"0\x007", b"5"
_LINKS, _DEVICES = b"12", b"346"
_EXTENDED, _FOR_ALL, _LONG_NAME, _LONG_LINK = b"x", b"g", b"L", b"K"
_RECORD = re.compile(rb"(\d{1,7}) ([^=]{1,200})=", re.ASCII)


@dataclass(frozen=True)
class _Entry:
    name: str
    size: int
    kind: bytes


def is_tar(path: Path) -> bool:
    """Whether a file begins as a tar does, unpacked from gzip where it is packed by it."""
    try:
        with path.open("rb") as file:
            start = file.read(_PIECE_BYTES if file.read(3) == _GZIP and file.seek(0) == 0 else _BLOCK)
            if not start.startswith(_GZIP):
                file.seek(0)
                start = file.read(_BLOCK)
    except OSError as error:
        raise UnreadableFile(f"{path.name} cannot be read: {error.strerror}.") from error
    if start.startswith(_GZIP):
        with contextlib.suppress(zlib.error):
            return _is_header(zlib.decompressobj(31).decompress(start, _BLOCK))
        return False
    return _is_header(start)


def list_members(path: Path, limits: ArchiveLimits = ARCHIVE_LIMITS) -> tuple[Member, ...]:
    """The files inside a tar, in its own order, after every check.

    The whole stream is unpacked, and forgotten, for it. Raises UnreadableFile for a damaged tar, and for one
    with any entry that is refused: by name (absolute, leading outside, twice the same), type (links, devices,
    sparse files), number, size, or how strongly all is compressed.
    """
    entries = []
    with _Stream(path, limits) as stream:
        for entry in _entries(stream, limits):
            entries.append(entry)
            if len(entries) > limits.most_members:
                raise stream.refused(f"it has more than {limits.most_members:,} entries")
    check_names_differ([(entry.name, entry.kind == _FOLDER) for entry in entries], stream.refused)
    members = tuple(Member(entry.name, entry.size) for entry in entries if entry.kind != _FOLDER)
    if not members:
        raise UnreadableFile(f"{shown_title(path)} holds no files.")
    return members


def extract(
    path: Path,
    targets: Mapping[Member, Path],
    progress: Callable[[int], None],
    limits: ArchiveLimits = ARCHIVE_LIMITS,
) -> None:
    """Unpack members into files whose folders exist, on one pass; `progress` gets the bytes of each.

    Each is written under a temporary name first. Raises UnreadableFile where the tar is damaged, is not what
    `list_members` saw, or a file cannot be written.
    """
    wanted = {member.name: (member, target) for member, target in targets.items()}
    with _Stream(path, limits) as stream:
        for entry in _entries(stream, limits):
            found = wanted.pop(entry.name, None)
            if found is None or entry.kind == _FOLDER:
                continue
            member, target = found
            if entry.size != member.size:
                raise stream.refused(f"its entry {quoted(entry.name)} has changed")
            _write(path, stream, entry.size, target)
            progress(member.size)
    if wanted:
        raise stream.refused(f"it has no entry {quoted(next(iter(wanted)))} any more")


def _write(path: Path, stream: _Stream, size: int, target: Path) -> None:
    with writing(path):
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".unpacking-")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            for piece in stream.pieces(size):
                with writing(path):
                    out.write(piece)
        with writing(path):
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)


class _Stream:
    """The unpacked bytes of a tar, in order, of which no more than the limits allow is ever taken."""

    def __init__(self, path: Path, limits: ArchiveLimits) -> None:
        self._path, self._limits = path, limits
        self._file: BinaryIO | None = None
        self._unpacker: zlib._Decompress | None = None
        self._waiting = b""
        self._skipped = 0
        self.position = 0

    def __enter__(self) -> _Stream:
        try:
            self._file = self._path.open("rb")
            is_packed = self._file.read(3) == _GZIP
            self._file.seek(0)
            self._stored = os.fstat(self._file.fileno()).st_size
        except OSError as error:
            raise UnreadableFile(f"{self._path.name} cannot be read: {error.strerror}.") from error
        self._unpacker = zlib.decompressobj(31) if is_packed else None
        self._packed = b""
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None:
            self._file.close()

    def refused(self, reason: str) -> UnreadableFile:
        return UnreadableFile(
            f"{shown_title(self._path)} is refused: {reason}. Unpack it and give its files, or pack them as zip."
        )

    def damaged(self) -> UnreadableFile:
        return UnreadableFile(f"{shown_title(self._path)} is damaged or cut short: upload or download it again.")

    def take(self, size: int) -> bytes:
        """The next bytes, fewer only at the end; `size` is small."""
        while len(self._waiting) < size:
            piece = self._next()
            if not piece:
                break
            self._waiting += piece
        taken, self._waiting = self._waiting[:size], self._waiting[size:]
        self.position += len(taken)
        return taken

    def pieces(self, size: int) -> Iterator[bytes]:
        """The next bytes in pieces; raises UnreadableFile where there are not so many."""
        while size:
            piece = self.take(min(size, _PIECE_BYTES))
            if not piece:
                raise self.damaged()
            size -= len(piece)
            yield piece

    def skip_to(self, position: int) -> None:
        """Pass over bytes; raises UnreadableFile where there are not so many."""
        for _ in self.pieces(position - self.position):
            pass

    def _next(self) -> bytes:
        assert self._file is not None
        try:
            if self._unpacker is None:
                return self._file.read(_PIECE_BYTES)
            return self._unpacked()
        except (OSError, zlib.error) as error:
            raise self.damaged() from error

    def _unpacked(self) -> bytes:
        """The next unpacked bytes of one gzip member after another; empty at the end of the last."""
        assert self._file is not None
        while True:
            assert self._unpacker is not None
            if self._unpacker.eof:
                rest = self._unpacker.unused_data or self._file.read(_PIECE_BYTES)
                if not rest.startswith(_GZIP[:2]):
                    return b""
                self._unpacker, self._packed = zlib.decompressobj(31), rest
            packed = self._packed or self._file.read(_PIECE_BYTES)
            if not packed:
                raise self.damaged()
            piece = self._unpacker.decompress(packed, _PIECE_BYTES)
            self._packed = self._unpacker.unconsumed_tail
            self._skipped += len(piece)
            limits = self._limits
            if self._skipped > limits.free_declared_bytes and self._skipped > self._stored * limits.most_compression:
                raise self.refused(
                    f"it unpacks to more than {self._skipped:,} bytes from {self._stored:,}, more than real pictures do"
                )
            if piece:
                return piece


def _entries(stream: _Stream, limits: ArchiveLimits) -> Iterator[_Entry]:
    """Entries after their checks; the stream stands at the first byte of each, which may be taken or left."""
    name, size, total = None, None, 0
    while True:
        header = stream.take(_BLOCK)
        if not header.strip(b"\0"):
            # The end is two empty blocks; what was cut off before them must not pass for the whole.
            if not header:
                raise stream.damaged()
            return
        if len(header) < _BLOCK or not _is_header(header):
            raise stream.damaged()
        kind = header[156:157]
        stated = _number(header[124:136])
        if stated is None:
            raise stream.damaged()
        if kind in (_EXTENDED, _FOR_ALL, _LONG_NAME, _LONG_LINK):
            more = _extended(stream, kind, stated)
            name, size = more.get("name", name), more.get("size", size)
            continue
        entry = _Entry(
            str(name) if name is not None else _short_name(header), stated if size is None else int(size), kind
        )
        name, size = None, None
        fault = _fault(entry, limits)
        if fault:
            raise stream.refused(f"its entry {quoted(entry.name)} {fault}")
        total += entry.size
        if total > limits.most_total_bytes:
            raise stream.refused(f"it unpacks to {total:,} bytes, and {limits.most_total_bytes:,} are allowed")
        end = stream.position + -(-entry.size // _BLOCK) * _BLOCK
        if kind == _FOLDER and entry.name in (".", "./"):
            continue
        yield entry
        stream.skip_to(end)


def _extended(stream: _Stream, kind: bytes, size: int) -> dict[str, str | int]:
    """What an extended header says of the next entry: its name and size."""
    if size > _MOST_EXTENDED_BYTES:
        raise stream.refused(f"an entry has a header of {size:,} bytes, and {_MOST_EXTENDED_BYTES:,} are allowed")
    data = b"".join(stream.pieces(size))
    stream.skip_to(stream.position + -size % _BLOCK)
    if kind == _LONG_NAME:
        return {"name": _text(data.split(b"\0")[0])}
    found: dict[str, str | int] = {}
    while kind == _EXTENDED and data.strip(b"\0"):
        record = _RECORD.match(data)
        if record is None or not record.end() < int(record[1]) <= len(data):
            raise stream.damaged()
        key, value = record[2], data[record.end() : int(record[1]) - 1]
        data = data[int(record[1]) :]
        if key.startswith(b"GNU.sparse"):
            raise stream.refused("it holds a sparse file")
        if key == b"path":
            found["name"] = _text(value)
        elif key == b"size":
            if not value.isdigit() or len(value) > 15:
                raise stream.damaged()
            found["size"] = int(value)
    return found


def _fault(entry: _Entry, limits: ArchiveLimits) -> str | None:
    """What is wrong with one entry, as the end of a sentence; None where nothing is."""
    name = entry.name.removeprefix("./")
    if entry.kind in _LINKS:
        return "is a link to somewhere else"
    if entry.kind in _DEVICES or entry.kind not in (_FILES + _FOLDER):
        return "is neither a file nor a folder"
    if entry.kind == _FOLDER and entry.size:
        return "is a folder with bytes of its own"
    if name and (fault := name_fault(name, limits)):
        return fault
    if entry.kind != _FOLDER and (not name or name.endswith("/")):
        return "is a file with the name of a folder"
    if entry.size > limits.most_member_bytes:
        return f"unpacks to {entry.size:,} bytes, and {limits.most_member_bytes:,} are allowed"
    return None


def _is_header(block: bytes) -> bool:
    """Whether the sum of a header's bytes is the one that stands in it."""
    if len(block) < _BLOCK or not block[0]:
        return False
    stated = _number(block[148:156])
    return stated is not None and stated == sum(block[:148]) + 8 * ord(" ") + sum(block[156:])


def _number(field: bytes) -> int | None:
    """Octal digits, or GNU's binary for large numbers; None for what is neither, or negative."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    return int(digits or b"0", 8) if re.fullmatch(rb"[0-7]*", digits) else None


def _short_name(header: bytes) -> str:
    name = header[:100].split(b"\0")[0]
    prefix = header[345:500].split(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    return _text(prefix + b"/" + name if prefix else name)


def _text(name: bytes) -> str:
    """A name; bytes that are no UTF-8 become marks, as names only need to be told apart."""
    return name.decode("utf-8", "replace")
