"""Which addresses of the internet a server's name may lead to, and connections to just the address that was checked."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable

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


class CheckedBackend(httpcore.NetworkBackend):
    """Connects to the addresses that a name had when it was looked at: it is resolved once, and not again after.

    So a name that tells another address a moment later (DNS rebinding) leads nowhere else.
    """

    def __init__(self, is_own: Callable[[str, int], bool]) -> None:
        self._is_own = is_own
        self._plain = httpcore.SyncBackend()

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
            raise NotFetched(
                f"{host} is not asked: its name leads to an address that is not of the public internet. Whoever runs "
                "this server may list it in S2DASH_FIND_OWN_HOSTS."
            )
        failed: Exception = socket.gaierror()
        for address in dict.fromkeys(found):
            try:
                return self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed
