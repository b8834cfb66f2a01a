"""The routes by which a browser sends files of any size to an upload that the page has opened.

It announces names and sizes, then sends each file in pieces, each where the one before ended:

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
import unicodedata
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeAlias

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from s2dash.server.uploads import AnnouncedFile, Upload, UploadRefused, UploadStore, Writer, gone
from s2dash.settings import UPLOAD_LIMITS
from s2dash.tiles.store import url_prefix

OFFSET_HEADER = "Upload-Offset"
MOST_NAME_CHARACTERS = 1_000

_WRITE_BYTES = 512 * 1024
_ANNOUNCEMENT_BYTES = 8 * 2**20
_LARGEST_SIZE = 2**53
_CONNECTION_LOST = 408
_READ_BEFORE_REFUSAL = 2 * UPLOAD_LIMITS.chunk_bytes
_NUMBER = re.compile(r"[0-9]{1,16}", re.ASCII)
_ANSWER_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}

_Stream: TypeAlias = AsyncGenerator[bytes, None]


def upload_url(token: str, base_path: str = "") -> str:
    """Where the browser sends the files of an upload; `base_path` is Streamlit's `server.baseUrlPath`."""
    return f"{url_prefix(base_path)}/uploads/{token}"


def upload_routes(store: UploadStore, base_path: str = "") -> list[Route]:
    """The routes at `upload_url`, as this module's first lines describe them.

    404 for an unknown token; 403 for a request that another site's page makes; 409 for a piece that
    does not begin where the file ends, with that size; 410 where nothing is announced, any more or
    yet; 413 for too much; 423 once the page has taken the files; 503 and 507 where the server is full.
    """
    routes = _Routes(store)
    path = upload_url("{token}", base_path)
    return [
        Route(path, _answered(routes.announce), methods=["POST"]),
        Route(path, _answered(routes.sizes), methods=["GET"]),
        Route(path, _answered(routes.cancel), methods=["DELETE"]),
        Route(path + "/{number}", _answered(routes.append), methods=["PUT"]),
    ]


def display_name(name: str) -> str:
    """A path from outside as it may be shown: parts joined by `/`, without `.`, `..` and control characters."""
    visible = "".join(c for c in name.replace("\\", "/") if unicodedata.category(c)[0] != "C")
    parts = [part for part in visible.split("/") if part.strip() not in ("", ".", "..")]
    return "/".join(parts)[-MOST_NAME_CHARACTERS:] or "upload"


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
    def __init__(self, store: UploadStore) -> None:
        self._store = store

    async def announce(self, request: Request, stream: _Stream) -> Response:
        upload = self._upload(request)
        body = bytearray()
        async for piece in _pieces(stream, upload.limits.stall_seconds):
            body += piece
            if len(body) > _ANNOUNCEMENT_BYTES:
                raise UploadRefused(
                    413, f"These are too many files; at most {upload.limits.most_files:,} can be sent at once."
                )
        await run_in_threadpool(self._store.announce, upload, read_announcement(bytes(body)))
        return _json({"sizes": upload.sizes})

    async def sizes(self, request: Request, _: _Stream) -> Response:
        sizes = self._upload(request).sizes
        if not sizes:
            raise gone()
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
        await run_in_threadpool(self._store.check_disk, upload)
        writer = await run_in_threadpool(upload.writer, number, offset)
        try:
            await _copy(stream, writer, upload)
        finally:
            await run_in_threadpool(writer.close)
        return _json({"size": writer.size})

    def _upload(self, request: Request) -> Upload:
        upload = self._store.get(request.path_params["token"])
        if upload is None:
            raise UploadRefused(404, "The server does not know this upload any more. Choose the files again.")
        return upload


async def _copy(stream: _Stream, writer: Writer, upload: Upload) -> None:
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
