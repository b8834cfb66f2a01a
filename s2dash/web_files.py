"""What web servers say of files, and the door through which GDAL reads one of them.

GDAL is kept off the network (`settings.GDAL_ENVIRONMENT`); `open_dataset` lets it open one path, for that moment.
Errors are raised after what caused them is dealt with, and so do not carry it along: its words may hold the whole
address, and open connections do not travel between processes.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException, HTTPResponse
from pathlib import Path

import rasterio

from s2dash import __version__, web
from s2dash.errors import UnreadableFile
from s2dash.raster.door import GDAL_ERRORS, open_raster
from s2dash.web import ATTEMPTS, RETRY_SECONDS, TIMEOUT_SECONDS, shown

_START_BYTES = 4_096
"""How much of a file is asked for to know it: a GeoTIFF's header, and where its blocks lie in many."""
_MOST_REDIRECTIONS = 5
_DOOR = "CPL_VSIL_CURL_ALLOWED_FILENAME"
_CONTENT_RANGE = re.compile(r"bytes 0-\d+/(\d+)")
_CERTIFICATES = "GDAL_CURL_CA_BUNDLE"
"""GDAL's variable for a file of certificates to trust; where it is unset, rasterio names its usual ones there."""
_BUSY = (429, 500, 502, 503, 504)


@dataclass(frozen=True)
class _Answer:
    """What a server says of a file."""

    size_bytes: int
    mark: str
    """Digest of the ETag, else of the time of change, else of the file's start: another content, another mark."""
    start: bytes
    """The first bytes of the file."""

    @property
    def version(self) -> str:
        return web.version_text(self.size_bytes, self.mark)


def found(path: Path) -> Path:
    """The path of the version of a web file that its server has now; asks the server.

    Raises UnreadableFile that says why the file cannot be read there: it is not there, access is refused,
    nobody answers, or the server does not give parts of files.
    """
    answer = _asked(path)
    if answer.start.lstrip()[:1] == b"<":
        raise UnreadableFile(
            f"{shown(path)} is a web page, not a file. Check the address; some servers want you to sign in first."
        )
    return web.with_version(path, answer.size_bytes, answer.mark, _has_head(path, answer.size_bytes))


def first_bytes(path: Path) -> bytes:
    """The first bytes of a web file, up to 16; raises UnreadableFile as `found` does."""
    return _start_of(path)[:16]


def require_unchanged(paths: Iterable[Path]) -> None:
    """Ask the servers whether they still have the versions of these paths; paths of other files are left out.

    Raises UnreadableFile for a file that is gone or was changed.
    """
    for path in filter(web.is_web, paths):
        answer = _asked(path)
        if answer.version != web.version(path):
            sizes = f" ({web.size_bytes(path):,} bytes then, {answer.size_bytes:,} now)"
            raise UnreadableFile(
                f"{shown(path)} was changed on the server since it was opened"
                f"{sizes if answer.size_bytes != web.size_bytes(path) else ''}. Run it again."
            )


def open_dataset(path: Path) -> rasterio.DatasetReader:
    """Open a GeoTIFF on a web server, which GDAL may reach for this one file only.

    Raises UnreadableFile where it cannot be opened.
    """
    name = path.as_posix()
    with contextlib.suppress(*GDAL_ERRORS), rasterio.Env(**{_DOOR: name}):
        return open_raster(name)
    raise UnreadableFile(
        f"{shown(path)} cannot be opened: the server broke off, or the file is damaged. "
        "Try again later, or download it."
    )


@lru_cache(maxsize=64)
def _start_of(path: Path) -> bytes:
    """The file's start; kept, as a path is one version's."""
    return _asked(path).start


class _Redirections(urllib.request.HTTPRedirectHandler):
    """Follows a few redirections, to web addresses only."""

    max_redirections = _MOST_REDIRECTIONS
    max_repeats = 2

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        if not web.is_web_address(newurl):
            raise urllib.error.HTTPError(req.full_url, code, msg, headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(path: Path, method: str, headers: dict[str, str]) -> HTTPResponse:
    """Ask the server for a file; raises what urllib raises."""
    address, user = web.request_of(path)
    request = urllib.request.Request(address, method=method, headers={"User-Agent": f"s2dash/{__version__}", **headers})
    if user is not None:
        # Not for the server that a redirection leads to.
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(user.encode()).decode()}")
    secured = urllib.request.HTTPSHandler(context=_trust(os.environ.get(_CERTIFICATES)))
    answer: HTTPResponse = urllib.request.build_opener(_Redirections, secured).open(request, timeout=TIMEOUT_SECONDS)
    return answer


@lru_cache(maxsize=2)
def _trust(certificates: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificates or None)


def _has_head(path: Path, expected_bytes: int) -> bool:
    """Whether the server tells a file's size without sending it; addresses signed for reading often do not."""
    try:
        with _open(path, "HEAD", {}) as answer:
            return answer.status == 200 and answer.headers.get("Content-Length") == str(expected_bytes)
    except (OSError, HTTPException):
        return False


def _asked(path: Path) -> _Answer:
    """What the server says of a file; raises UnreadableFile."""
    attempt = 0
    while True:
        attempt += 1
        try:
            return _asked_once(path)
        except (OSError, HTTPException) as error:
            why, may_pass = _in_plain_words(error), _may_pass(error)
        if attempt == ATTEMPTS or not may_pass:
            raise UnreadableFile(f"{shown(path)} cannot be read: {why}")
        time.sleep(RETRY_SECONDS * attempt)


def _asked_once(path: Path) -> _Answer:
    with _open(path, "GET", {"Range": f"bytes=0-{_START_BYTES - 1}", "Accept-Encoding": "identity"}) as answer:
        total = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if answer.status != 206 or total is None:
            raise UnreadableFile(
                f"{shown(path)} cannot be read in parts: its server gives files only whole (it takes no range "
                "requests). Download the file and give its path."
            )
        size = int(total[1])
        start = answer.read(_START_BYTES)
        if len(start) != min(size, _START_BYTES):
            raise ConnectionResetError("the answer is cut short")
        told = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
    return _Answer(size, hashlib.sha256(told.encode() if told else start).hexdigest()[:16], start)


def _may_pass(error: OSError | HTTPException) -> bool:
    """Whether trying again in a moment may help."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code in _BUSY
    reason = getattr(error, "reason", error)
    lasting = (ssl.SSLCertVerificationError, socket.gaierror, ConnectionRefusedError, FileNotFoundError)
    return not isinstance(reason, lasting)


def _in_plain_words(error: OSError | HTTPException) -> str:
    """Why, and what to do, without the address."""
    if isinstance(error, urllib.error.HTTPError):
        return _status_in_plain_words(error.code)
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            "the server's certificate cannot be trusted. Check the address. Where an organisation has certificates of "
            f"its own, name their file in the variable {_CERTIFICATES}."
        )
    if isinstance(reason, FileNotFoundError):
        return f"the file of certificates that {_CERTIFICATES} names is not there. Correct or unset the variable."
    if isinstance(reason, socket.gaierror):
        return "no server of this name is found. Check the address and the network."
    if isinstance(reason, TimeoutError):
        return f"the server did not answer within {TIMEOUT_SECONDS} s. Try again later."
    if isinstance(reason, ConnectionRefusedError):
        return "nobody answers at this address. Check it, or try again later."
    return "the connection broke off. Check the network, and try again."


def _status_in_plain_words(status: int) -> str:
    if status in (401, 403, 407):
        return (
            f"the server refuses access (status {status}). Check the name and password or the token in the address; "
            "it may have run out."
        )
    if status in (404, 410):
        return f"the server has no such file (status {status}). Check the address."
    if status == 416:
        return "it is empty. Choose another file."
    if status in _BUSY:
        return f"the server is busy or out of order (status {status}). Try again later."
    if 300 <= status < 400:
        return "the server sends from one address to the next without end. Give the address of the file itself."
    return f"the server answers with status {status}. Check the address, or download the file."
