"""A zip that is written member by member, gives the same bytes for the same members, and knows their checksums."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from s2dash.core.types import CancelToken

_FIRST_DATE = (1980, 1, 1, 0, 0, 0)
"""That a zip can tell."""
_UNIX, _PLAIN_FILE = 3, 0o100644 << 16
_PACKED_ENDINGS = (".png", ".jpg", ".pptx", ".xlsx", ".pdf", ".tif", ".zip", ".npy")
"""Of files that would not become smaller."""
_PIECE_BYTES = 1 << 20


class PackArchive:
    """A pack that is being written; memory stays at a piece, however large its members."""

    def __init__(self, archive: zipfile.ZipFile, cancel: CancelToken) -> None:
        self._archive = archive
        self._cancel = cancel
        self.sums: dict[str, str] = {}
        """SHA-256 in hex by the name of each member."""

    def add(self, name: str, path: Path) -> None:
        """Add a file. Raises Cancelled on request, OSError where it cannot be read or written."""
        with path.open("rb") as file:
            self._copy(name, file, path.stat().st_size)

    def add_text(self, name: str, text: str) -> None:
        """Add a text as UTF-8; halves of characters, which no file can hold, become question marks."""
        content = text.encode("utf-8", "replace")
        self._copy(name, io.BytesIO(content), len(content))

    def add_members(self, folder: str, path: Path) -> None:
        """Add what a zip of our own holds, into a folder."""
        with zipfile.ZipFile(path) as within:
            for info in within.infolist():
                with within.open(info) as file:
                    self._copy(f"{folder}/{info.filename}", file, info.file_size)

    def _copy(self, name: str, file: IO[bytes], size: int) -> None:
        info = zipfile.ZipInfo(name, _FIRST_DATE)
        is_packed = name.lower().endswith(_PACKED_ENDINGS)
        info.compress_type = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
        info.create_system, info.external_attr, info.file_size = _UNIX, _PLAIN_FILE, size
        found = hashlib.sha256()
        with self._archive.open(info, "w") as member:
            while piece := file.read(_PIECE_BYTES):
                self._cancel.check()
                found.update(piece)
                member.write(piece)
        self.sums[name] = found.hexdigest()


@contextmanager
def new_archive(path: Path, cancel: CancelToken) -> Iterator[PackArchive]:
    """A pack at this path, whole once the block has ended well."""
    with zipfile.ZipFile(path, "w") as archive:
        yield PackArchive(archive, cancel)
