"""A web server on loopback for tests: gives the files of a folder in parts, and misbehaves on request."""

from __future__ import annotations

import contextlib
import hashlib
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    range: str | None
    authorization: str | None


Misbehaviour = Callable[[BaseHTTPRequestHandler], bool]
"""Answers a request in its own way, and says whether it has."""


class FileServer:
    """Serves one folder; counts the bytes it sends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[Asked] = []
        self.sent_bytes = 0
        self.misbehave: Misbehaviour = lambda handler: False
        self.has_etag = True
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.handle_error = lambda request, address: None  # type: ignore[method-assign]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def address(self, name: str = "scene.tif", user: str = "") -> str:
        """Of a file in the folder; `user` is `name:password@` or empty."""
        return f"http://{user}127.0.0.1:{self._server.server_port}/data/{name}"

    def encrypt(self, certificate: Path, key: Path) -> None:
        """Speak TLS from now on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def close(self) -> None:
        """Answer nobody from now on."""
        self._server.shutdown()
        self._server.server_close()

    def forget(self) -> None:
        """Count from zero again."""
        self.asked.clear()
        self.sent_bytes = 0

    def note(self, asked: Asked) -> None:
        with self._lock:
            self.asked.append(asked)

    def count(self, sent: int) -> None:
        with self._lock:
            self.sent_bytes += sent

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                headers = self.headers
                server.note(Asked(self.command, self.path, headers["Range"], headers["Authorization"]))
                if not server.misbehave(self):
                    send_file(self, server.folder / Path(unquote(urlsplit(self.path).path)).name, server)

            do_HEAD = do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


def send_status(handler: BaseHTTPRequestHandler, status: int, **headers: str) -> bool:
    """Answer with a status and nothing else; a Misbehaviour once the status is given."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", "0")
    handler.end_headers()
    return True


def send_file(handler: BaseHTTPRequestHandler, path: Path, server: FileServer) -> None:
    """Answer with a file, or with the part that is asked for."""
    if not path.is_file():
        send_status(handler, 404)
        return
    content = path.read_bytes()
    part = re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers["Range"] or "")
    start, end = (int(part[1]), min(int(part[2]) + 1, len(content))) if part else (0, len(content))
    if start >= len(content):
        send_status(handler, 416)
        return
    handler.send_response(206 if part else 200)
    if part:
        handler.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
    if server.has_etag:
        handler.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()[:16]}"')
    handler.send_header("Accept-Ranges", "bytes")
    handler.send_header("Content-Length", str(end - start))
    handler.end_headers()
    if handler.command == "GET":
        handler.wfile.write(content[start:end])
        server.count(end - start)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[FileServer]:
    """A server of the folder's files for the block."""
    server = FileServer(folder)
    try:
        yield server
    finally:
        server.close()
