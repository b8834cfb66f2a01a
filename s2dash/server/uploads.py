"""Uploads of any size: pieces of files go straight to disk, can be resumed, and are gone when nobody wants them.

The page opens an upload for its session and hands the token to the browser, which sends the pieces
(`routes.uploads`). The page asks for the files once all are here.
"""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from s2dash.errors import InputError
from s2dash.server.folders import ScratchFolder
from s2dash.settings import UPLOAD_LIMITS, UploadLimits

_LONGEST_WATCH_SECONDS = 60.0
_DEVICE_NAME = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)", re.IGNORECASE)


class UploadRefused(InputError):
    """Something about an upload is refused; `status` is its HTTP status."""

    def __init__(self, status: int, words: str, size: int | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.size = size
        """Where it helps to go on: the bytes of the file that are here."""


@dataclass(frozen=True)
class AnnouncedFile:
    """A file that the browser is going to send."""

    name: str
    """As the user knows it, with the folders it was chosen with, `/` between them; for display only."""
    size: int
    """Bytes."""
    modified: int = 0
    """When it last changed, in the browser's milliseconds: the same name and size may be another content."""


@dataclass(frozen=True)
class UploadedFile:
    """A file that has arrived."""

    name: str
    """As the user knows it, with the folders it was chosen with, `/` between them; for display only."""
    path: Path
    """Where it lies: a plain file name in a numbered folder of its own."""


@dataclass(eq=False)
class _Incoming:
    announced: AnnouncedFile
    path: Path
    size: int = 0
    writer: Writer | None = field(default=None, repr=False)


class Upload:
    """One session's upload, a ticket: whoever holds it keeps the files, and they go with it.

    Safe to use from any thread.
    """

    def __init__(self, limits: UploadLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self.token = secrets.token_hex(32)
        self.limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._folder: ScratchFolder | None = None
        self._incoming: tuple[_Incoming, ...] = ()
        self._touched = clock()
        self._is_taken = False

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes here of each announced file, in their order; empty where nothing is announced."""
        return tuple(incoming.size for incoming in self._incoming)

    @property
    def missing_bytes(self) -> int:
        """Bytes announced that are not here yet."""
        return sum(incoming.announced.size - incoming.size for incoming in self._incoming)

    @property
    def is_under_way(self) -> bool:
        """Whether files are announced which nobody has taken yet."""
        return bool(self._incoming) and not self._is_taken

    def finished(self) -> tuple[UploadedFile, ...]:
        """All files once every byte of them is here, otherwise none.

        From then on they do not expire, and the browser can no longer change them: they stay until
        this object is dropped or closed.
        """
        with self._lock:
            if not self._incoming or self.missing_bytes:
                return ()
            self._is_taken = True
            return tuple(UploadedFile(one.announced.name, one.path) for one in self._incoming)

    def close(self) -> None:
        """Remove every file now, finished or not."""
        with self._lock:
            self._clear()

    def announce(self, files: Sequence[AnnouncedFile]) -> None:
        """Expect these files; what was announced before goes, but for the same list, which goes on where it was.

        Raises UploadRefused while the page reads the files of a finished upload.
        """
        with self._lock:
            self._refuse_if_taken()
            self._touched = self._clock()
            if tuple(files) == tuple(one.announced for one in self._incoming):
                return
            self._clear()
            try:
                self._folder = ScratchFolder("s2dash-upload-")
                paths = [self._folder.path / f"{i:04d}" / safe_file_name(f.name) for i, f in enumerate(files)]
                for path in paths:
                    path.parent.mkdir()
                    path.touch()
            except OSError as error:
                self._clear()
                raise _disk_refuses() from error
            self._incoming = tuple(_Incoming(*pair) for pair in zip(files, paths, strict=True))

    def cancel(self) -> None:
        """Remove what has arrived, on the browser's wish; refused (UploadRefused) once the page has taken it."""
        with self._lock:
            self._refuse_if_taken()
            self._clear()

    def expire(self, now: float) -> None:
        """Remove what has arrived if nothing has come for too long; `now` is a time of this object's clock."""
        with self._lock:
            if self.is_under_way and now - self._touched > self.limits.idle_seconds:
                self._clear()

    def writer(self, number: int, offset: int) -> Writer:
        """What appends to one file, and takes over from any earlier writer of it.

        Raises UploadRefused where there is no such file or it does not end at `offset`.
        """
        with self._lock:
            if not self._incoming:
                raise gone()
            if number >= len(self._incoming):
                raise UploadRefused(404, "There is no such file in this upload. Choose the files again.")
            incoming = self._incoming[number]
            if incoming.size != offset:
                raise _wrong_offset(incoming)
            incoming.writer = Writer(self, incoming)
            return incoming.writer

    def append(self, writer: Writer, incoming: _Incoming, data: bytes | bytearray) -> None:
        """Write bytes to the end of a file; for `Writer`."""
        with self._lock:
            if incoming.writer is not writer:
                raise _wrong_offset(incoming) if incoming in self._incoming else gone()
            if incoming.size + len(data) > incoming.announced.size:
                raise UploadRefused(413, f"{incoming.announced.name} has grown while it was sent. Choose it again.")
            writer.write(data)
            incoming.size += len(data)
            self._touched = self._clock()

    def _refuse_if_taken(self) -> None:
        if self._is_taken:
            raise UploadRefused(423, "The page is still reading the files sent before. Try again in a moment.")

    def _clear(self) -> None:
        for incoming in self._incoming:
            incoming.writer = None
        self._incoming = ()
        self._is_taken = False
        if self._folder is not None:
            self._folder.remove()
        self._folder = None


class Writer:
    """Appends to one file of an upload for the length of one request."""

    def __init__(self, upload: Upload, incoming: _Incoming) -> None:
        self._upload = upload
        self._incoming = incoming
        try:
            self._file = incoming.path.open("r+b", buffering=0)
        except FileNotFoundError:  # removed as the server ends, or by an administrator
            raise gone() from None
        self._file.seek(incoming.size)

    @property
    def size(self) -> int:
        """Bytes of the file that are here."""
        return self._incoming.size

    def append(self, data: bytes | bytearray) -> None:
        """Write to the file's end; raises UploadRefused where that is no longer wanted or there is no space."""
        self._upload.append(self, self._incoming, data)

    def write(self, data: bytes | bytearray) -> None:
        """Write where the file stands."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise _disk_refuses() from error

    def close(self) -> None:
        self._file.close()
        if self._incoming.writer is self:
            self._incoming.writer = None


class UploadStore:
    """The uploads of all sessions by token; it keeps none alive itself. Safe to use from any thread."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        free_bytes: Callable[[], int] = lambda: shutil.disk_usage(tempfile.gettempdir()).free,
        limits: UploadLimits = UPLOAD_LIMITS,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._free_bytes = free_bytes
        self._lock = threading.Lock()  # of the table, held for moments: requests wait for it on the event loop
        self._announcing = threading.Lock()
        self._uploads: weakref.WeakValueDictionary[str, Upload] = weakref.WeakValueDictionary()
        self._is_watched = False

    def open(self, limits: UploadLimits | None = None) -> Upload:
        """An empty upload for a session to hold, within the store's limits or others.

        It costs nothing until files are announced to it.
        """
        upload = Upload(limits or self._limits, self._clock)
        with self._lock:
            self._uploads[upload.token] = upload
        return upload

    def get(self, token: str) -> Upload | None:
        """The upload of a token; None where nobody holds it any more or there never was one."""
        with self._lock:
            return self._uploads.get(token)

    def finished(self, token: str) -> tuple[UploadedFile, ...]:
        """All files of an upload once every byte of them is here; none before, and none for an unknown token."""
        upload = self.get(token)
        return upload.finished() if upload else ()

    def announce(self, upload: Upload, files: Sequence[AnnouncedFile]) -> None:
        """Let an upload expect these files.

        Raises UploadRefused where they are too many or too large, the disk is too full, or too many
        others are under way.
        """
        limits = upload.limits
        wanted = sum(file.size for file in files)
        if not files:
            raise UploadRefused(400, "No files were chosen.")
        if len(files) > limits.most_files:
            raise UploadRefused(
                413, f"These are {len(files):,} files; at most {limits.most_files:,} can be sent at once. Choose fewer."
            )
        if wanted > limits.most_bytes:
            raise UploadRefused(
                413,
                f"These files hold {size_words(wanted)}; at most {size_words(limits.most_bytes)} can be sent at once. "
                "Choose fewer, or only the bands you need.",
            )
        self.reap()
        with self._announcing:
            others = [other for other in self._living() if other is not upload and other.is_under_way]
            if len(others) >= limits.most_uploads:
                raise UploadRefused(503, "Many people are sending files at the moment. Try again in a few minutes.")
            self._refuse_if_full(limits, wanted - sum(upload.sizes) + sum(other.missing_bytes for other in others))
            upload.announce(files)
            if not self._is_watched:
                every_seconds = min(_LONGEST_WATCH_SECONDS, limits.idle_seconds / 4)
                threading.Thread(
                    target=self._keep_watch, args=(every_seconds,), name="s2dash-uploads", daemon=True
                ).start()
                self._is_watched = True

    def check_disk(self, upload: Upload) -> None:
        """Raises UploadRefused where one more piece would leave too little space on the disk."""
        self._refuse_if_full(upload.limits, upload.limits.chunk_bytes)

    def reap(self) -> None:
        """Remove every upload of which nothing has come for too long."""
        for upload in self._living():
            upload.expire(self._clock())

    def _living(self) -> list[Upload]:
        with self._lock:
            return list(self._uploads.values())

    def _refuse_if_full(self, limits: UploadLimits, wanted: int) -> None:
        free = self._free_bytes() - limits.free_disk_bytes
        if free < wanted:
            raise UploadRefused(
                507,
                f"The server has room for {size_words(max(0, free))} at the moment, and this needs "
                f"{size_words(wanted)}. Try again later, or send less.",
            )

    def _keep_watch(self, every_seconds: float) -> None:
        """Reap now and then while anything is under way."""
        while True:
            time.sleep(every_seconds)
            self.reap()
            with self._announcing:
                self._is_watched = any(upload.is_under_way for upload in self._living())
                if not self._is_watched:
                    return


def safe_file_name(name: str) -> str:
    """The last part of a path as a file name that means nothing to any file system: plain characters, at most 100."""
    last = re.sub(r"[^A-Za-z0-9._-]+", "_", name.replace("\\", "/").rsplit("/", 1)[-1])[-100:].strip(".")
    return f"_{last}" if _DEVICE_NAME.match(last) else last or "upload"


def size_words(byte_count: int) -> str:
    """`12 kB`, `3.4 MB`, `1.2 GB`: decimal units, as file managers show them."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if byte_count >= scale:
            amount = byte_count / scale
            return f"{amount:,.0f} {unit}" if amount >= 100 or amount == int(amount) else f"{amount:.1f} {unit}"
    return f"{byte_count / 1e3:,.0f} kB"


def gone() -> UploadRefused:
    """Where nothing is announced, any more or yet."""
    return UploadRefused(
        410, "The server has removed what was sent: nothing came for too long. Choose the files again."
    )


def _disk_refuses() -> UploadRefused:
    return UploadRefused(507, "The server's disk cannot take more at the moment. Try again later.")


def _wrong_offset(incoming: _Incoming) -> UploadRefused:
    return UploadRefused(409, f"The server has {incoming.size:,} bytes of this file.", incoming.size)
