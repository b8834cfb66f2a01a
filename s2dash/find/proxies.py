"""The proxy that the environment names (`HTTPS_PROXY`, `NO_PROXY`), and what may go through it.

A proxy looks names up itself, so the address that a name leads to cannot be checked here. What stands for that check:
only listed names go through it, by https, and the certificate is looked at here, at the far end of the tunnel, which
a server of a private network has none of. Servers of the own network are asked without it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from s2dash.errors import NotFetched
from s2dash.find.addresses import is_public, not_public

_NO_PROXY_HERE = "HTTPS_PROXY names no proxy that is used here. It looks like http://proxy.example:3128."


@dataclass(frozen=True)
class Proxy:
    """Where it is, without its name and password, and these."""

    address: str
    login: tuple[str, str] | None


def proxy_towards(host: str, port: int) -> Proxy | None:
    """What leads to a server of the public internet; None where nothing stands between.

    Raises NotFetched for a proxy of another kind, and for a number that is no address of the public internet.
    """
    named = getproxies_environment()
    address = named.get("https") or named.get("all")
    if not address or proxy_bypass(f"{host}:{port}"):
        return None
    if _is_number(host) and not is_public(host):
        raise not_public(host)
    return _proxy(address)


def _proxy(address: str) -> Proxy:
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise NotFetched(_NO_PROXY_HERE) from None
    if parts.scheme not in ("http", "https") or not host:
        raise NotFetched(_NO_PROXY_HERE)
    shown = f"[{host}]" if ":" in host else host
    login = None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
    return Proxy(f"{parts.scheme}://{shown}:{port or (443 if parts.scheme == 'https' else 80)}", login)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
