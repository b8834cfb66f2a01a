"""Zip files of strangers: all that they declare is checked first, then members are unpacked one at a time.

Nothing here decides where a member is written: its name inside the zip never becomes a path on disk.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import re
import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from zipfile import ZipInfo

from s2dash.core.legend import clean_name
from s2dash.errors import UnreadableFile
from s2dash.ingest.blobs import MemberBlob
from s2dash.settings import ARCHIVE_LIMITS, ArchiveLimits

_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_PIECE_BYTES = 1 << 20
_LOCAL_HEADER_BYTES = 30
_MOST_FOLDERS_DEEP = 40
_MOST_PART_CHARACTERS = 255
_QUOTED_CHARACTERS = 50
_SLACK_BYTES = 1024
"""What deflating may add to data that do not compress, on top of a tenth."""

_ENCRYPTED = 0x1 | 0x40 | 0x2000
"""Flag bits: encrypted, strongly encrypted, table of contents encrypted (APPNOTE.TXT 4.4.4)."""
_PATCH = 0x20
_REPARSE_POINT = 0x400
"""Bit of Windows attributes that marks a link (FILE_ATTRIBUTE_REPARSE_POINT)."""

_DRIVE = re.compile(r"[A-Za-z]:")
_DAMAGE = (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, EOFError, struct.error, zlib.error)
"""What `zipfile` raises about bytes that are not what they should be."""

# Old zips name their members in this encoding; a confined process may be unable to load it later.
codecs.lookup("cp437")


@dataclass(frozen=True)
class Member:
    """One file inside a zip."""

    name: str
    """Its path inside the zip, with `/` between the parts."""
    size: int
    """Bytes that it declares to have once unpacked."""
    blob: MemberBlob | None = field(default=None, compare=False)
    """Its bytes, to be read in place."""


def is_zip(path: Path) -> bool:
    """Whether the first bytes are those of a zip file. Raises UnreadableFile where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(4) in _MAGIC
    except OSError as error:
        raise UnreadableFile(f"{path.name} cannot be read: {error.strerror}.") from error


def list_members(path: Path, limits: ArchiveLimits = ARCHIVE_LIMITS) -> tuple[Member, ...]:
    """The files inside a zip, in its own order, after every check that needs no unpacking.

    Raises UnreadableFile for a damaged zip, and for one with any entry that is refused: by name
    (absolute, leading outside, twice the same), type (links, devices, encrypted, packed in an unusual
    way), number, size, how strongly it is compressed, or overlap with another.
    """
    with _opened(path, limits) as archive:
        infos = archive.infolist()
        if len(infos) > limits.most_members:
            raise _refused(path, f"it has {len(infos):,} entries, and {limits.most_members:,} are allowed")
        for info in infos:
            fault = _fault(info, limits)
            if fault:
                raise _refused(path, f"its entry {quoted(info.orig_filename)} {fault}")
        _check_sum(path, infos, limits)
        check_names_differ([(info.filename, info.is_dir()) for info in infos], partial(_refused, path))
        _check_overlap(path, infos, archive.start_dir)
    members = tuple(Member(info.filename, info.file_size, _in_place(path, info)) for info in infos if not info.is_dir())
    if not members:
        raise UnreadableFile(f"{shown_title(path)} holds no files.")
    return members


def _in_place(path: Path, info: ZipInfo) -> MemberBlob:
    return MemberBlob(path, info.header_offset, info.compress_size, info.file_size, info.compress_type, info.CRC)


def extract(path: Path, member: Member, target: Path) -> None:
    """Unpack one member into the file `target`, whose folder exists; exactly the declared bytes, checksum compared.

    Written under a temporary name in the same folder first. Raises UnreadableFile where the member
    is damaged, is not what `list_members` saw, or cannot be written; `target` is absent then.
    """
    with writing(path):
        target.unlink(missing_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".unpacking-")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            for piece in pieces(path, member):
                with writing(path):
                    out.write(piece)
            with writing(path):
                out.flush()
        with writing(path):
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def pieces(path: Path, member: Member) -> Iterator[bytes]:
    """The bytes of a member, exactly as many as it declares; its own checksum is compared at the end.

    Raises UnreadableFile where it is damaged, or is not what `list_members` saw.
    """
    with _opened(path, ARCHIVE_LIMITS) as archive:
        info = _info_of(path, archive, member)
        left = member.size
        with archive.open(info) as packed:
            # One read more than the bytes need: the checksum is compared at the end.
            while piece := packed.read(_PIECE_BYTES):
                left -= len(piece)
                if left < 0:
                    break
                yield piece
        if left:
            raise _damaged(path)


def _info_of(path: Path, archive: zipfile.ZipFile, member: Member) -> ZipInfo:
    try:
        info = archive.getinfo(member.name)
    except KeyError as error:
        raise _refused(path, f"it has no entry {quoted(member.name)} any more") from error
    fault = _kind_fault(info)
    if fault or info.file_size != member.size:
        raise _refused(path, f"its entry {quoted(member.name)} {fault or 'has changed'}")
    return info


class _BoundedReader(io.BufferedReader):
    """A file that refuses to be read in large pieces: `zipfile` reads the table of contents whole, however long."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        super().__init__(io.FileIO(path))
        self._path = path
        self._most_bytes = most_bytes

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            size = max(0, os.fstat(self.fileno()).st_size - self.tell())
        if size > self._most_bytes:
            raise _refused(self._path, f"its table of contents has {size:,} bytes, {self._most_bytes:,} are allowed")
        return super().read(size)


@contextlib.contextmanager
def _opened(path: Path, limits: ArchiveLimits) -> Iterator[zipfile.ZipFile]:
    with _translated(path), _BoundedReader(path, max(limits.most_directory_bytes, _PIECE_BYTES)) as file:
        if not zipfile.is_zipfile(file):
            raise UnreadableFile(f"{shown_title(path)} is cut short: upload or download it again.")
        file.seek(0)
        with zipfile.ZipFile(file) as archive:
            yield archive


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Damage becomes an UnreadableFile that names the zip."""
    try:
        yield
    except _DAMAGE as error:
        raise _damaged(path) from error


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """What goes wrong with the disk becomes an UnreadableFile that names the archive."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or "it cannot be written"
        raise UnreadableFile(f"{shown_title(path)} could not be unpacked ({reason}). Is the disk full?") from error


def _fault(info: ZipInfo, limits: ArchiveLimits) -> str | None:
    """What is wrong with one entry by itself, as the end of a sentence; None where nothing is."""
    # Names are checked as stored and as `zipfile` understood them: they may differ.
    names = {info.orig_filename, info.filename}
    faults = (name_fault(name, limits) for name in sorted(names))
    return next(filter(None, faults), None) or _kind_fault(info) or _size_fault(info, limits)


def name_fault(name: str, limits: ArchiveLimits) -> str | None:
    """What is wrong with an entry's name, as the end of a sentence; None where nothing is."""
    parts = name.removesuffix("/").split("/")
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in name):
        return "has control characters in its name"
    if "\\" in name:
        return "has a backslash in its name"
    if name.startswith("/") or _DRIVE.match(name):
        return "has an absolute name"
    if ".." in parts:
        return "has a name that leads outside the folder"
    if "" in parts:
        return "has a name with an empty part"
    too_long = len(name) > limits.most_name_characters or max(map(len, parts)) > _MOST_PART_CHARACTERS
    if too_long or len(parts) > _MOST_FOLDERS_DEEP:
        return "has a name that is too long"
    return None


def _kind_fault(info: ZipInfo) -> str | None:
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFLNK or info.external_attr & _REPARSE_POINT:
        return "is a link to somewhere else"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or (kind == stat.S_IFDIR and not info.is_dir()):
        return "is neither a file nor a folder"
    if info.is_dir() and info.file_size:
        return "is a file with the name of a folder"
    if info.flag_bits & _ENCRYPTED:
        return "is protected by a password"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & _PATCH:
        return f"is packed by a method not read here ({info.compress_type})"
    return None


def _size_fault(info: ZipInfo, limits: ArchiveLimits) -> str | None:
    if info.file_size > limits.most_member_bytes:
        return f"unpacks to {info.file_size:,} bytes, and {limits.most_member_bytes:,} are allowed"
    if _is_bomb(info.file_size, info.compress_size, limits):
        return f"unpacks to {info.file_size:,} bytes from {info.compress_size:,}, more than real pictures do"
    is_stored = info.compress_type == zipfile.ZIP_STORED
    if info.compress_size > info.file_size * 1.1 + _SLACK_BYTES or (is_stored and info.compress_size != info.file_size):
        return "declares a size that cannot be true"
    return None


def _is_bomb(unpacked: int, stored: int, limits: ArchiveLimits) -> bool:
    return unpacked > limits.free_declared_bytes and unpacked > stored * limits.most_compression


def _check_sum(path: Path, infos: Iterable[ZipInfo], limits: ArchiveLimits) -> None:
    unpacked, stored = sum(i.file_size for i in infos), sum(i.compress_size for i in infos)
    if unpacked > limits.most_total_bytes:
        raise _refused(path, f"it unpacks to {unpacked:,} bytes, and {limits.most_total_bytes:,} are allowed")
    if _is_bomb(unpacked, stored, limits):
        raise _refused(path, f"it unpacks to {unpacked:,} bytes from {stored:,}, more than real pictures do")


def check_names_differ(entries: Iterable[tuple[str, bool]], refused: Callable[[str], UnreadableFile]) -> None:
    """No file twice, also by upper and lower case, and none that another entry takes for a folder.

    Parameters
    ----------
    entries : name of each, and whether it is a folder
    refused : makes the error that is raised
    """
    keys = [(_key(name), name, is_folder) for name, is_folder in entries]
    files: set[str] = set()
    for key, name, is_folder in keys:
        if key in files and not is_folder:
            raise refused(f"its entry {quoted(name)} is there twice")
        if not is_folder:
            files.add(key)
    for key, _, is_folder in keys:
        parent = key + "/" if is_folder else key
        while parent := parent.rpartition("/")[0]:
            if parent in files:
                raise refused(f"its entry {quoted(parent)} is a file and a folder at once")


def _key(name: str) -> str:
    """One text for all names that some file system takes for the same."""
    parts = unicodedata.normalize("NFC", name).casefold().split("/")
    return "/".join(part for part in parts if part not in ("", "."))


def _check_overlap(path: Path, infos: Iterable[ZipInfo], end: int) -> None:
    """Each entry has bytes of its own before the table of contents, so all together are no more than the file."""
    for info in sorted(infos, key=lambda i: i.header_offset, reverse=True):
        if info.header_offset < 0 or info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size > end:
            raise _refused(path, f"its entry {quoted(info.filename)} overlaps with another or is cut short")
        end = info.header_offset


def _refused(path: Path, reason: str) -> UnreadableFile:
    return UnreadableFile(
        f"{shown_title(path)} is refused: {reason}. Repack it with the standard method of your zip program, or unpack "
        "it and upload its files."
    )


def _damaged(path: Path) -> UnreadableFile:
    return UnreadableFile(f"{shown_title(path)} is damaged or cut short: upload or download it again.")


def shown_title(path: Path) -> str:
    """What messages call an archive."""
    return clean_name(path.name) or "The zip file"


def quoted(name: str) -> str:
    """The end of a member's name, which tells more than its start."""
    short = name if len(name) <= _QUOTED_CHARACTERS else f"…{name[-_QUOTED_CHARACTERS:]}"
    return f"“{clean_name(short)}”"
