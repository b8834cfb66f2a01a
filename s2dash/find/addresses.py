"""Which addresses of the internet a server's name may lead to, and connections to just those, within a time."""

from __future__ import annotations

import contextlib
import ipaddress
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpcore

from s2dash.errors import NotFetched

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""https://www.rfc-editor.org/rfc/rfc6052: the last 32 bits are an address of IPv4."""


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet, also by the IPv4 address that an IPv6 one stands for."""
    try:
        found: IPAddress = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast and not one.is_reserved for one in _meant(found))


def _meant(address: IPAddress) -> list[IPAddress]:
    """What a connection may reach: the address, or the one of IPv4 that is wrapped in it."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    return [address, *([address.sixtofour] if address.sixtofour is not None else [])]


def not_public(host: str) -> NotFetched:
    """The error for a name that leads elsewhere."""
    return NotFetched(
        f"{host} is not asked: its name leads to an address that is not of the public internet. Whoever runs this "
        "server may list it in S2DASH_FIND_OWN_HOSTS."
    )


_time = threading.local()


@contextlib.contextmanager
def ending_at(until: float) -> Iterator[None]:
    """What this thread sends and receives in the block ends by then (`time.monotonic`).

    Bounds for each reading do not bound how long an answer takes whose bytes come one by one.
    """
    _time.until = until
    try:
        yield
    finally:
        _time.until = math.inf


def _left(timeout: float | None, late: type[Exception]) -> float | None:
    until = getattr(_time, "until", math.inf)
    left = until - time.monotonic()
    if left <= 0:
        raise late
    return timeout if left == math.inf else left if timeout is None else min(timeout, left)


class _TimedStream(httpcore.NetworkStream):
    """A connection that keeps to `ending_at`."""

    def __init__(self, plain: httpcore.NetworkStream) -> None:
        self._plain = plain

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._plain.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._plain.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._plain.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _TimedStream(self._plain.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._plain.get_extra_info(info)


class TimedBackend(httpcore.NetworkBackend):
    """Connects to any address."""

    def __init__(self) -> None:
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """As httpcore's own."""
        left = _left(timeout, httpcore.ConnectTimeout)
        return _TimedStream(self._plain.connect_tcp(host, port, left, local_address, socket_options))


class ProxyBackend(TimedBackend):
    """Connects to the administrator's proxy, whatever its address."""

    def connect_tcp(self, host: str, port: int, *rest: Any, **options: Any) -> httpcore.NetworkStream:
        """Raises httpcore.ProxyError where it cannot be reached."""
        try:
            return super().connect_tcp(host, port, *rest, **options)
        except (OSError, httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            raise httpcore.ProxyError("not reached") from error


class CheckedBackend(TimedBackend):
    """Connects to the addresses that a name had when it was looked at: it is resolved once, and not again after.

    So a name that tells another address a moment later (DNS rebinding) leads nowhere else.
    """

    def __init__(self, is_own: Callable[[str, int], bool]) -> None:
        super().__init__()
        self._is_own = is_own

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Raises NotFetched for a name that leads to an address which is not public, socket.gaierror without any."""
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        if not self._is_own(host, port) and not all(is_public(one) for one in found):
            raise not_public(host)
        failed: Exception = socket.gaierror()
        for address in dict.fromkeys(found):
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed
