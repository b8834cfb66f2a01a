"""Asking web servers what they say of a file: its size, a mark of its content, its first bytes.

Errors are raised after what caused them is dealt with, and so do not carry it along: its words may hold the whole
address, and open connections do not travel between processes.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

import httpx

from s2dash import __version__
from s2dash.errors import UnreadableFile
from s2dash.settings import WEB_LIMITS

_START_BYTES = 4_096
"""How much of a file is asked for to know it: a GeoTIFF's header, and where its blocks lie in many."""
_MOST_REDIRECTIONS = 5
_CONTENT_RANGE = re.compile(r"bytes 0-\d+/(\d+)")
_CERTIFICATES = "GDAL_CURL_CA_BUNDLE"
"""GDAL's variable for a file of certificates to trust; where it is unset, rasterio names its usual ones there."""
_BUSY = (429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Request:
    """Which file is asked for, and by whom."""

    address: str
    """Without name and password."""
    user: tuple[str, str] | None = field(repr=False)
    """Name and password; None where none are given."""
    shown: str
    """What errors call the file: without anything secret."""


@dataclass(frozen=True)
class Answer:
    """What a server says of a file."""

    size_bytes: int
    mark: str
    """Digest of the ETag, else of the time of change, else of the file's start: another content, another mark."""
    start: bytes
    """The first bytes of the file."""


@contextmanager
def _open(request: Request, method: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
    """Ask the server for a file, which then may be read in part; raises what httpx raises, also for an error's status.

    Name and password are not for another server that a redirection leads to: httpx leaves them out there.
    """
    asked_by = {"User-Agent": f"s2dash/{__version__}", **headers}
    with (
        httpx.Client(
            auth=request.user,
            follow_redirects=True,
            max_redirects=_MOST_REDIRECTIONS,
            timeout=WEB_LIMITS.timeout_seconds,
            verify=_trust(os.environ.get(_CERTIFICATES)),
        ) as client,
        client.stream(method, request.address, headers=asked_by) as answer,
    ):
        answer.raise_for_status()
        yield answer


@lru_cache(maxsize=2)
def _trust(certificates: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificates or None)


def has_head(request: Request, expected_bytes: int) -> bool:
    """Whether the server tells a file's size without sending it; addresses signed for reading often do not."""
    try:
        with _open(request, "HEAD", {}) as answer:
            return answer.status_code == 200 and answer.headers.get("Content-Length") == str(expected_bytes)
    except (OSError, httpx.HTTPError):
        return False


def asked(request: Request, attempts: int) -> Answer:
    """What the server says of a file, asked up to so many times; raises UnreadableFile."""
    attempt = 0
    while True:
        attempt += 1
        try:
            return _asked_once(request)
        except (OSError, httpx.HTTPError) as error:
            why, may_pass = _in_plain_words(error), _may_pass(error)
        if attempt == attempts or not may_pass:
            raise UnreadableFile(f"{request.shown} cannot be read: {why}")
        time.sleep(WEB_LIMITS.retry_seconds * attempt)


def _asked_once(request: Request) -> Answer:
    with _open(request, "GET", {"Range": f"bytes=0-{_START_BYTES - 1}", "Accept-Encoding": "identity"}) as answer:
        total = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if answer.status_code != 206 or total is None:
            raise UnreadableFile(
                f"{request.shown} cannot be read in parts: its server gives files only whole (it takes no range "
                "requests). Download the file and give its path."
            )
        size = int(total[1])
        start = next(answer.iter_raw(_START_BYTES), b"")
        if len(start) != min(size, _START_BYTES):
            raise ConnectionResetError("the answer is cut short")
        told = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
    return Answer(size, hashlib.sha256(told.encode() if told else start).hexdigest()[:16], start)


def _may_pass(error: OSError | httpx.HTTPError) -> bool:
    """Whether trying again in a moment may help."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in _BUSY
    lasting = (ssl.SSLCertVerificationError, socket.gaierror, ConnectionRefusedError, FileNotFoundError)
    return not isinstance(_reason(error), (*lasting, httpx.TooManyRedirects, httpx.UnsupportedProtocol))


def _reason(error: BaseException) -> BaseException:
    """What the system said, where httpx has put it into words of its own."""
    told: BaseException | None = error
    while told is not None:
        if isinstance(told, OSError):
            return told
        told = told.__cause__ or told.__context__
    return error


def _in_plain_words(error: OSError | httpx.HTTPError) -> str:
    """Why, and what to do, without the address."""
    if isinstance(error, httpx.HTTPStatusError):
        return _status_in_plain_words(error.response.status_code)
    reason = _reason(error)
    if isinstance(reason, (httpx.TooManyRedirects, httpx.UnsupportedProtocol)):
        return _status_in_plain_words(302)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            "the server's certificate cannot be trusted. Check the address. Where an organisation has certificates of "
            f"its own, name their file in the variable {_CERTIFICATES}."
        )
    if isinstance(reason, FileNotFoundError):
        return f"the file of certificates that {_CERTIFICATES} names is not there. Correct or unset the variable."
    if isinstance(reason, socket.gaierror):
        return "no server of this name is found. Check the address and the network."
    if isinstance(reason, TimeoutError) or isinstance(error, httpx.TimeoutException):
        return f"the server did not answer within {WEB_LIMITS.timeout_seconds} s. Try again later."
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
