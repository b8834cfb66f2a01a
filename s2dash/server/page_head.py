"""The page's own style rules in the document that the server sends first, before anything is drawn.

Streamlit loads what it draws piece by piece, a style element among them: rules that came with the
page would move what stands there already.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import s2dash

_HEAD_ENDS = b"</head>"
_STYLES = Path(s2dash.__file__).parent / "ui" / "look.css"
_NOT_ASKED = (b"accept-encoding", b"if-modified-since", b"if-none-match", b"range")
"""Headers that would have a document answered compressed, in pieces, or not at all."""


@cache
def page_styles() -> str:
    """The rules that give every part of the page its place and size."""
    return _STYLES.read_text(encoding="utf-8")


class PageHead:
    """ASGI middleware: puts the page's rules at the end of the head of every HTML document.

    A document is then asked for anew each time, as its version says nothing of the rules.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._element = f"<style>{page_styles()}</style>".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        if "text/html" in Headers(scope=scope).get("accept", ""):
            scope = dict(scope) | {"headers": [pair for pair in scope["headers"] if pair[0] not in _NOT_ASKED]}
        start: Message | None = None
        parts: list[bytes] = []

        async def send_with_head(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_document(message):
                start = message
            elif start is None:
                await send(message)
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))
                if not message.get("more_body", False):
                    await self._send_document(send, start, b"".join(parts))

        await self._app(scope, receive, send_with_head)

    async def _send_document(self, send: Send, start: Message, document: bytes) -> None:
        body = document.replace(_HEAD_ENDS, self._element + _HEAD_ENDS, 1)
        headers = MutableHeaders(scope=start)
        headers["content-length"] = str(len(body))
        for version in ("etag", "last-modified"):
            del headers[version]
        await send(start)
        await send({"type": "http.response.body", "body": body})


def _is_document(start: Message) -> bool:
    headers = MutableHeaders(scope=start)
    return headers.get("content-type", "").startswith("text/html") and "content-encoding" not in headers
