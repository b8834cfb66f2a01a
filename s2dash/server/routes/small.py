"""What the routes share by which a browser says small things while the page goes on: a body, and a bare answer."""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response


async def small_body(request: Request, most_bytes: int) -> bytes | int:
    """The body of a request, or the status to answer with: 413 for too much, 400 where the browser has gone."""
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > most_bytes:
                return 413
    except ClientDisconnect:
        return 400
    return bytes(body)


def bare_answer(status: int) -> Response:
    """An answer without words, which nobody may keep."""
    return Response(status_code=status, headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
