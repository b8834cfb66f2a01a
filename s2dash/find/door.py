"""The one door to a catalogue and its files: which server may be asked, how long, how much, and what errors mean.

Errors never hold a query, in which signed addresses carry their secret.
"""

from __future__ import annotations

import contextlib
import copy
import math
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import PurePosixPath
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import httpcore

from s2dash import __version__
from s2dash.errors import NotFetched, NotThere
from s2dash.find.addresses import CheckedBackend, ProxyBackend, ending_at
from s2dash.find.catalogue import Hosts
from s2dash.find.proxies import Proxy, proxy_towards
from s2dash.settings import FETCH_LIMITS

_PORTS = {"http": 80, "https": 443}
_MOST_REDIRECTIONS = 3
_ATTEMPTS = 3
_BUSY = (429, 500, 502, 503, 504)
_GONE = (401, 403, 404, 410)
"""What servers answer for signed addresses that have run out, and for what is not there any more."""
_ERRORS = (OSError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError)


_TOO_LONG = "all together takes too long. Try again later, or take less ground or fewer bands."


@dataclass(frozen=True)
class Reply:
    """What a server answered, read whole."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Door:
    """Asks the servers of a list, and no other; may be used by several threads."""

    def __init__(self, hosts: Hosts, pause: Callable[[float], None] = time.sleep) -> None:
        self._hosts = hosts
        self._pause = pause
        self._until = math.inf
        self._trusted = ssl.create_default_context()
        self._pool = httpcore.ConnectionPool(ssl_context=self._trusted, network_backend=CheckedBackend(self._is_own))
        self._proxied: dict[Proxy, httpcore.ConnectionPool] = {}

    def close(self) -> None:
        """Let go of all connections."""
        for pool in (self._pool, *self._proxied.values()):
            pool.close()

    def within(self, seconds: float) -> Door:
        """The same door, with the same connections, that gives up after so long in all."""
        found = copy.copy(self)
        found._until = min(self._until, time.monotonic() + seconds)
        return found

    def ask(
        self, address: str, most_bytes: int, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Reply:
        """What a server answers, asked again where it is busy; by POST where there is a body.

        Raises NotFetched with a sentence for everything else than an answer of status 200 or 206: NotThere where the
        address is refused, or nothing is there.
        """
        waited = 0.0
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                reply = self._followed(address, most_bytes, headers or {}, body)
                why = None
            except _ERRORS as error:
                reply, why = None, _in_plain_words(error)
            if reply is not None and reply.status in (200, 206):
                return reply
            wait = _wanted_wait(reply, attempt)
            may_pass = reply is None or reply.status in _BUSY
            if attempt == _ATTEMPTS or not may_pass or waited + wait > FETCH_LIMITS.most_wait_seconds:
                break
            if time.monotonic() + wait > self._until:
                raise NotFetched(f"{shown(address)} cannot be read: {_TOO_LONG}")
            self._pause(wait)
            waited += wait
        said = f"{shown(address)} cannot be read: {why or _status_in_plain_words(reply, wait)}"
        raise NotThere(said, reply.status) if reply is not None and reply.status in _GONE else NotFetched(said)

    def _followed(self, address: str, most_bytes: int, headers: Mapping[str, str], body: bytes | None) -> Reply:
        """The answer where redirections end; they may lead to servers of the list only."""
        for _ in range(_MOST_REDIRECTIONS + 1):
            reply = self._once(address, most_bytes, headers, body)
            if not 300 <= reply.status < 400 or body is not None or "location" not in reply.headers:
                return reply
            address = urljoin(address, reply.headers["location"])
        return reply

    def _once(self, address: str, most_bytes: int, headers: Mapping[str, str], body: bytes | None) -> Reply:
        pool = self._pool_for(address)
        own = {"User-Agent": f"s2dash/{__version__}", "Accept-Encoding": "identity"}
        kind = {} if body is None else {"Content-Type": "application/json"}
        patience = dict.fromkeys(("connect", "read", "write", "pool"), float(FETCH_LIMITS.timeout_seconds))
        method = "GET" if body is None else "POST"
        sent = [(name.encode(), value.encode()) for name, value in {**own, **kind, **headers}.items()]
        extensions = {"timeout": patience}
        until = min(self._until, time.monotonic() + FETCH_LIMITS.most_seconds)
        stream = pool.stream(method, address, headers=sent, content=body, extensions=extensions)
        with ending_at(until), stream as answer:
            told = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
            is_wanted = answer.status in (200, 206)
            return Reply(answer.status, told, _read(answer, most_bytes, address) if is_wanted else b"")

    def _pool_for(self, address: str) -> httpcore.ConnectionPool:
        """The way to a server, once it is clear that it may be asked; raises NotFetched."""
        parts = _parts(address)
        if parts is None or parts.hostname is None or parts.scheme not in _PORTS or parts.username is not None:
            raise NotFetched("The catalogue names an address that is none of a server by https, and it is not asked.")
        host, port, usual = parts.hostname, parts.port or _PORTS[parts.scheme], _PORTS[parts.scheme]
        if not self._hosts.knows(host, port, usual):
            raise NotFetched(
                f"{host} is not asked: it is none of the servers that this s2dash may ask. Whoever runs it may list it "
                "in S2DASH_FIND_HOSTS."
            )
        if parts.scheme == "http" and not self._hosts.is_own(host, port, usual):
            raise NotFetched(f"{host} is not asked: its address is of http, which anybody on the way can change.")
        proxy = None if self._hosts.is_own(host, port, usual) else proxy_towards(host, port)
        return self._pool if proxy is None else self._pool_through(proxy)

    def _pool_through(self, proxy: Proxy) -> httpcore.ConnectionPool:
        if proxy not in self._proxied:
            made = httpcore.HTTPProxy(
                proxy.address, proxy.login, ssl_context=self._trusted, network_backend=ProxyBackend()
            )
            self._proxied.setdefault(proxy, made)
        return self._proxied[proxy]

    def _is_own(self, host: str, port: int) -> bool:
        return any(self._hosts.is_own(host, port, usual) for usual in _PORTS.values())


@contextlib.contextmanager
def door_to(hosts: Hosts) -> Iterator[Door]:
    """A door for the block."""
    door = Door(hosts)
    try:
        yield door
    finally:
        door.close()


def shown(address: str) -> str:
    """What errors call a file: its server and name, nothing that might be secret."""
    parts = _parts(address)
    if parts is None or parts.hostname is None:
        return "The file"
    name = PurePosixPath(unquote(parts.path)).name
    return f"{parts.hostname}/…/{name}" if name else parts.hostname


def _parts(address: str) -> SplitResult | None:
    """None where the address is none at all."""
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 - which is checked when it is looked at
    except ValueError:
        return None
    is_plain = address.isascii() and address.isprintable() and " " not in address
    return parts if is_plain else None


def _read(answer: httpcore.Response, most_bytes: int, address: str) -> bytes:
    """The body, within a size, whatever the server says its length is."""
    found = bytearray()
    for piece in answer.iter_stream():
        found += piece
        if len(found) > most_bytes:
            raise NotFetched(f"{shown(address)} cannot be read: the answer is larger than {most_bytes:,} bytes.")
    return bytes(found)


def _wanted_wait(reply: Reply | None, attempt: int) -> float:
    """Seconds that a busy server asks for, by `Retry-After` as number or date; else a second more each time."""
    told = "" if reply is None else reply.headers.get("retry-after", "").strip()
    if told.isascii() and told.isdigit():
        return float(told[:9])
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
    return float(attempt)


def _in_plain_words(error: Exception) -> str:
    """Why, and what to do, without the address."""
    if isinstance(error, httpcore.ProxyError):
        status = str(error)[:3]
        why = f"does not let it through (status {status})" if status.isdigit() else "cannot be reached"
        return f"the proxy that HTTPS_PROXY names {why}. Ask whoever runs it."
    reason: BaseException = error
    while not isinstance(reason, OSError) and (reason.__cause__ or reason.__context__) is not None:
        reason = reason.__cause__ or reason.__context__ or reason
    if isinstance(reason, ssl.SSLCertVerificationError):
        return "the server's certificate cannot be trusted."
    if isinstance(reason, socket.gaierror):
        return "no server of this name is found. Check the network."
    if isinstance(reason, TimeoutError) or isinstance(error, httpcore.TimeoutException):
        return "the server is too slow. Try again later."
    if isinstance(reason, ConnectionRefusedError):
        return "nobody answers there. Try again later."
    return "the connection broke off. Check the network, and try again."


def _status_in_plain_words(reply: Reply | None, wait: float) -> str:
    status = 0 if reply is None else reply.status
    if status == 429:
        return f"the server asks to wait {wait:,.0f} s (status 429). Try again later."
    if status in (401, 403):
        return f"the server refuses access (status {status}); the address may have run out. Search again."
    if status in (404, 410):
        return f"the server has no such file any more (status {status}). Search again."
    if status in _BUSY:
        return f"the server is busy or out of order (status {status}). Try again later."
    if 300 <= status < 400:
        return f"the server sends on to another address (status {status})."
    return f"the server answers with status {status}."
