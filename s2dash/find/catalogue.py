"""Which catalogue is asked and which servers may be: the administrator's settings as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from s2dash.errors import BadSetting
from s2dash.settings import FIND_DEFAULTS


@dataclass(frozen=True)
class Hosts:
    """Servers that may be asked, each as `host` or `host:port`, in lower case."""

    public: frozenset[str]
    """By https only, and only at addresses of the public internet."""
    own: frozenset[str] = frozenset()
    """Of the administrator's own network: http and private addresses are right there."""

    def knows(self, host: str, port: int, usual_port: int) -> bool:
        """Whether a server may be asked at all; one that is listed without a port is meant at the usual one."""
        return bool(_names(host, port, usual_port) & (self.public | self.own))

    def is_own(self, host: str, port: int, usual_port: int) -> bool:
        """Whether it is one of the administrator's own network."""
        return bool(_names(host, port, usual_port) & self.own)


@dataclass(frozen=True)
class Catalogue:
    """One collection of a STAC API."""

    address: str
    collection: str
    hosts: Hosts


def catalogue_from(environment: Mapping[str, str]) -> Catalogue:
    """The catalogue that an environment names; Earth Search's Sentinel-2 Level-2A (Collection 1) where it names none.

    Raises BadSetting where finding is turned off by an empty address, or the address is none.
    """
    words = {name: environment.get(name, default).strip() for name, default in FIND_DEFAULTS.items()}
    address = words["S2DASH_FIND_CATALOGUE"].rstrip("/")
    if not address:
        raise BadSetting(
            "Finding scenes is turned off here (S2DASH_FIND_CATALOGUE is empty). Download the scene and give its path."
        )
    own = _listed(words["S2DASH_FIND_OWN_HOSTS"])
    public = _listed(words["S2DASH_FIND_HOSTS"]) | {_host_of(address)}
    return Catalogue(address, words["S2DASH_FIND_COLLECTION"], Hosts(public - own, own))


def _listed(text: str) -> frozenset[str]:
    return frozenset(part.strip().lower() for part in text.split(",") if part.strip())


def _host_of(address: str) -> str:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in ("http", "https"):
        raise BadSetting("S2DASH_FIND_CATALOGUE is no address. It looks like https://host/v1.")
    return host if port is None else f"{host}:{port}"


def _names(host: str, port: int, usual_port: int) -> set[str]:
    return {f"{host}:{port}"} | ({host} if port == usual_port else set())
