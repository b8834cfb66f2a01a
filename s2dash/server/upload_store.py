"""Uploads of any size: pieces of files go straight to disk, can be resumed, and are gone when nobody wants them.

The page opens an upload for its session and hands the token to the browser. The browser announces
names and sizes, then sends each file in pieces, each where the one before ended:

    POST   /uploads/{token}            {"files": [{"name", "size", "modified"}, ...]}  ->  {"sizes": [bytes here, ...]}
    GET    /uploads/{token}            {"sizes": [...]}
    PUT    /uploads/{token}/{number}   a piece, with the header Upload-Offset  ->  {"size": bytes here}
    DELETE /uploads/{token}            removes all of it; another may be announced

Whatever is refused is answered with {"message": words for the user}. Memory holds some hundred
kilobytes of each request, whatever the size of the files.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import shutil
import sys
import tempfile
import threading
import time
import unicodedata
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from s2dash.errors import InputError
from s2dash.server.jobs import ScratchFolder
from s2dash.settings import UPLOAD_LIMITS, UploadLimits
from s2dash.tiles.store import url_prefix

OFFSET_HEADER = "Upload-Offset"
MOST_NAME_CHARACTERS = 1_000

_WRITE_BYTES = 512 * 1024
_ANNOUNCEMENT_BYTES = 8 * 2**20
_LARGEST_SIZE = 2**53
_LONGEST_WATCH_SECONDS = 60.0
_CONNECTION_LOST = 408
_READ_BEFORE_REFUSAL = 2 * UPLOAD_LIMITS.chunk_bytes
_NUMBER = re.compile(r"[0-9]{1,16}", re.ASCII)
_DEVICE_NAME = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)", re.IGNORECASE)
_ANSWER_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}

_Stream: TypeAlias = AsyncGenerator[bytes, None]


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
    writer: _Writer | None = field(default=None, repr=False)


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

    def writer(self, number: int, offset: int) -> _Writer:
        """What appends to one file, and takes over from any earlier writer of it.

        Raises UploadRefused where there is no such file or it does not end at `offset`.
        """
        with self._lock:
            if not self._incoming:
                raise _gone()
            if number >= len(self._incoming):
                raise UploadRefused(404, "There is no such file in this upload. Choose the files again.")
            incoming = self._incoming[number]
            if incoming.size != offset:
                raise _wrong_offset(incoming)
            incoming.writer = _Writer(self, incoming)
            return incoming.writer

    def append(self, writer: _Writer, incoming: _Incoming, data: bytes | bytearray) -> None:
        """Write bytes to the end of a file; for `_Writer`."""
        with self._lock:
            if incoming.writer is not writer:
                raise _wrong_offset(incoming) if incoming in self._incoming else _gone()
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


class _Writer:
    """Appends to one file of an upload for the length of one request."""

    def __init__(self, upload: Upload, incoming: _Incoming) -> None:
        self._upload = upload
        self._incoming = incoming
        try:
            self._file = incoming.path.open("r+b", buffering=0)
        except FileNotFoundError:  # removed as the server ends, or by an administrator
            raise _gone() from None
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
    ) -> None:
        self._clock = clock
        self._free_bytes = free_bytes
        self._lock = threading.Lock()  # of the table, held for moments: requests wait for it on the event loop
        self._announcing = threading.Lock()
        self._uploads: weakref.WeakValueDictionary[str, Upload] = weakref.WeakValueDictionary()
        self._is_watched = False

    def open(self, limits: UploadLimits = UPLOAD_LIMITS) -> Upload:
        """An empty upload for a session to hold; costs nothing until files are announced to it."""
        upload = Upload(limits, self._clock)
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


def process_upload_store() -> UploadStore:
    """The one store of this process, which the page opens uploads in and the routes fill."""
    # Not in this module, which Streamlit may forget and load again: see `tiles.process_tile_store`.
    store: UploadStore = vars(sys).setdefault("_s2dash_upload_store", UploadStore())
    return store


def upload_url(token: str, base_path: str = "") -> str:
    """Where the browser sends the files of an upload; `base_path` is Streamlit's `server.baseUrlPath`."""
    return f"{url_prefix(base_path)}/uploads/{token}"


def upload_routes(store_getter: Callable[[], UploadStore], base_path: str = "") -> list[Route]:
    """The routes at `upload_url`, as this module's first lines describe them.

    404 for an unknown token; 403 for a request that another site's page makes; 409 for a piece that
    does not begin where the file ends, with that size; 410 where nothing is announced, any more or
    yet; 413 for too much; 423 once the page has taken the files; 503 and 507 where the server is full.
    """
    routes = _Routes(store_getter)
    path = upload_url("{token}", base_path)
    return [
        Route(path, _answered(routes.announce), methods=["POST"]),
        Route(path, _answered(routes.sizes), methods=["GET"]),
        Route(path, _answered(routes.cancel), methods=["DELETE"]),
        Route(path + "/{number}", _answered(routes.append), methods=["PUT"]),
    ]


def safe_file_name(name: str) -> str:
    """The last part of a path as a file name that means nothing to any file system: plain characters, at most 100."""
    last = re.sub(r"[^A-Za-z0-9._-]+", "_", name.replace("\\", "/").rsplit("/", 1)[-1])[-100:].strip(".")
    return f"_{last}" if _DEVICE_NAME.match(last) else last or "upload"


def display_name(name: str) -> str:
    """A path from outside as it may be shown: parts joined by `/`, without `.`, `..` and control characters."""
    visible = "".join(c for c in name.replace("\\", "/") if unicodedata.category(c)[0] != "C")
    parts = [part for part in visible.split("/") if part.strip() not in ("", ".", "..")]
    return "/".join(parts)[-MOST_NAME_CHARACTERS:] or "upload"


def size_words(byte_count: int) -> str:
    """`12 kB`, `3.4 MB`, `1.2 GB`: decimal units, as file managers show them."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if byte_count >= scale:
            amount = byte_count / scale
            return f"{amount:,.0f} {unit}" if amount >= 100 or amount == int(amount) else f"{amount:.1f} {unit}"
    return f"{byte_count / 1e3:,.0f} kB"


def read_announcement(body: bytes) -> tuple[AnnouncedFile, ...]:
    """The files that a browser announces; raises UploadRefused for anything else than such a list."""
    try:
        entries = json.loads(body)["files"]
        files = tuple(
            AnnouncedFile(display_name(_typed(e["name"], str)), _byte_count(e["size"]), _byte_count(e["modified"]))
            for e in entries
        )
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise UploadRefused(400, "The list of files could not be read. Reload the page and try again.") from error
    return files


class _Routes:
    def __init__(self, store_getter: Callable[[], UploadStore]) -> None:
        self._store = store_getter

    async def announce(self, request: Request, stream: _Stream) -> Response:
        upload = self._upload(request)
        body = bytearray()
        async for piece in _pieces(stream, upload.limits.stall_seconds):
            body += piece
            if len(body) > _ANNOUNCEMENT_BYTES:
                raise UploadRefused(
                    413, f"These are too many files; at most {upload.limits.most_files:,} can be sent at once."
                )
        await run_in_threadpool(self._store().announce, upload, read_announcement(bytes(body)))
        return _json({"sizes": upload.sizes})

    async def sizes(self, request: Request, _: _Stream) -> Response:
        sizes = self._upload(request).sizes
        if not sizes:
            raise _gone()
        return _json({"sizes": sizes})

    async def cancel(self, request: Request, _: _Stream) -> Response:
        await run_in_threadpool(self._upload(request).cancel)
        return Response(status_code=204, headers=_ANSWER_HEADERS)

    async def append(self, request: Request, stream: _Stream) -> Response:
        upload = self._upload(request)
        number = _whole(request.path_params["number"])
        offset = _whole(request.headers.get(OFFSET_HEADER, ""))
        if number is None or offset is None:
            raise UploadRefused(400, "A piece of the file came without its place. Reload the page and try again.")
        if _announced_length(request) > upload.limits.chunk_bytes:
            raise _too_large(upload)
        await run_in_threadpool(self._store().check_disk, upload)
        writer = await run_in_threadpool(upload.writer, number, offset)
        try:
            await _copy(stream, writer, upload)
        finally:
            await run_in_threadpool(writer.close)
        return _json({"size": writer.size})

    def _upload(self, request: Request) -> Upload:
        upload = self._store().get(request.path_params["token"])
        if upload is None:
            raise UploadRefused(404, "The server does not know this upload any more. Choose the files again.")
        return upload


async def _copy(stream: _Stream, writer: _Writer, upload: Upload) -> None:
    """Append the body to the file; of a body that breaks off, all that came."""
    received, waiting = 0, bytearray()
    broken: Exception | None = None
    try:
        async for piece in _pieces(stream, upload.limits.stall_seconds):
            received += len(piece)
            if received > upload.limits.chunk_bytes:
                raise _too_large(upload)
            waiting += piece
            if len(waiting) >= _WRITE_BYTES:
                await run_in_threadpool(writer.append, waiting)
                waiting = bytearray()
    except (ClientDisconnect, TimeoutError) as error:
        broken = error
    if waiting:
        await run_in_threadpool(writer.append, waiting)
    if broken is not None:
        raise UploadRefused(_CONNECTION_LOST, "The connection was lost. Try again.", writer.size) from broken


async def _pieces(stream: _Stream, stall_seconds: float) -> _Stream:
    """What of the body is yet to come; raises TimeoutError where nothing comes for too long."""
    while True:
        async with asyncio.timeout(stall_seconds):
            piece = await anext(stream, None)
        if piece is None:
            return
        yield piece


def _answered(
    handler: Callable[[Request, _Stream], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        stream = request.stream()
        try:
            if _is_from_elsewhere(request.headers):
                raise UploadRefused(403, "Files can only be sent from this page itself.")
            return await handler(request, stream)
        except UploadRefused as refused:
            if refused.status != _CONNECTION_LOST and _announced_length(request) <= _READ_BEFORE_REFUSAL:
                await _read_to_end(stream)
            facts = {} if refused.size is None else {"size": refused.size}
            return _json({"message": str(refused)} | facts, refused.status)

    return answer


async def _read_to_end(stream: _Stream) -> None:
    """Read and forget the rest of a body, within a limit: browsers see no answer to a body they are still sending."""
    left = _READ_BEFORE_REFUSAL
    try:
        async for piece in _pieces(stream, UPLOAD_LIMITS.stall_seconds):
            left -= len(piece)
            if left < 0:
                return
    except (ClientDisconnect, TimeoutError):
        return


def _announced_length(request: Request) -> int:
    """The bytes of the body where the browser tells them, otherwise 0."""
    return _whole(request.headers.get("Content-Length", "")) or 0


def _is_from_elsewhere(headers: Headers) -> bool:
    """Whether a page of another site makes the request, as browsers tell and no page can forge."""
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("Origin")
    if origin is None:
        return False
    scheme, _, host = origin.lower().partition("://")
    ours = {headers.get("Host", "").lower(), headers.get("X-Forwarded-Host", "").lower()} - {""}
    return host.removesuffix(_DEFAULT_PORTS.get(scheme, "")) not in {
        name.removesuffix(_DEFAULT_PORTS.get(scheme, "")) for name in ours
    }


def _json(content: object, status: int = 200) -> Response:
    return JSONResponse(content, status, _ANSWER_HEADERS)


def _gone() -> UploadRefused:
    return UploadRefused(
        410, "The server has removed what was sent: nothing came for too long. Choose the files again."
    )


def _disk_refuses() -> UploadRefused:
    return UploadRefused(507, "The server's disk cannot take more at the moment. Try again later.")


def _wrong_offset(incoming: _Incoming) -> UploadRefused:
    return UploadRefused(409, f"The server has {incoming.size:,} bytes of this file.", incoming.size)


def _too_large(upload: Upload) -> UploadRefused:
    return UploadRefused(413, f"A piece may hold at most {upload.limits.chunk_bytes:,} bytes.")


def _whole(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


def _typed(value: object, kind: type[str]) -> str:
    if not isinstance(value, kind):
        raise TypeError(kind)
    return value


def _byte_count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST_SIZE:
        raise ValueError(value)
    return value
