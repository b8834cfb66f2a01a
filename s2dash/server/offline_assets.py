"""The map's scripts and style sheets on our own port, and the rule that a page asks no other host for anything else.

folium links its scripts to content networks; behind a firewall such a map stays empty without an
error. The package `folium-offline` carries every one of these files as text. They are read from
its source without running it, and served from here. Online backgrounds are the one exception: they
are listed here, and only pictures may come from them.
"""

from __future__ import annotations

import ast
import gzip
import hashlib
import importlib.util
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from s2dash.tiles.store import url_prefix

_PACKAGE = "offlinefolium"
_MEDIA_TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}
_KEPT_FOR_A_YEAR = "public, max-age=31536000, immutable"
_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


@dataclass(frozen=True)
class Basemap:
    """An online background that the user may switch on; nothing is asked of its host before."""

    name: str
    url: str
    """Leaflet's template, with {z}, {x} and {y}."""
    attribution_html: str
    """Trusted HTML: these are our own words."""
    max_native_zoom: int
    """The deepest zoom at which the host has pictures."""

    @property
    def origin(self) -> str:
        """Scheme and host, as a Content-Security-Policy names them."""
        return "/".join(self.url.split("/")[:3])


BASEMAPS = (
    Basemap(
        "OpenStreetMap",
        "https://tile.openstreetmap.org/{z}/{x}/{y}.png",
        '© <a href="https://www.openstreetmap.org/copyright" target="_blank" rel="noopener">OpenStreetMap</a>',
        19,
    ),
    Basemap(
        "Satellite mosaic",
        "https://server.arcgisonline.com/ArcGIS/rest/services/World_Imagery/MapServer/tile/{z}/{y}/{x}",
        "Background: Esri, Maxar, Earthstar Geographics",
        18,
    ),
)


@dataclass(frozen=True)
class Asset:
    """One script or style sheet."""

    name: str
    """`<hash of the text>.js` or `.css`: equal names mean equal texts, so browsers may keep it for ever."""
    text: str

    @property
    def media_type(self) -> str:
        return _MEDIA_TYPES[self.name.rpartition(".")[2]]


@cache
def asset_table() -> Mapping[str, Asset]:
    """From the address that folium links to, to our copy; read-only.

    Raises ModuleNotFoundError when `folium-offline` is not installed.
    """
    tree = ast.parse(_source_path().read_bytes())
    pairs = (_address_and_text(statement) for statement in tree.body)
    return MappingProxyType({url: _asset(url, text) for url, text in filter(None, pairs)})


def local_links(urls: Iterable[str], base_path: str = "") -> list[str]:
    """The links that folium wants, pointing to our own port; links without a host stay as they are.

    `base_path` is Streamlit's `server.baseUrlPath`. Raises LookupError for a foreign link of which
    there is no copy: the map would fail without a word wherever that host cannot be reached.
    """
    return [_local_link(url, url_prefix(base_path)) for url in urls]


def asset_routes(base_path: str = "") -> list[Route]:
    """Routes that serve `/assets/<hash>.js` and `.css`, compressed, for browsers to keep for a year.

    `base_path` is Streamlit's `server.baseUrlPath`, which Streamlit does not put before our routes.
    """
    return [Route(f"{url_prefix(base_path)}/assets/{{name}}", _serve_asset, methods=["GET"])]


class ContentSecurityPolicy:
    """ASGI middleware: browsers load scripts, styles, fonts and data from this server only.

    Pictures may also come from the hosts of `basemaps`. Streamlit itself needs inline styles, inline
    scripts and `eval`, so this guards against calls to other hosts, not against injected scripts.
    """

    def __init__(self, app: ASGIApp, basemaps: Iterable[Basemap] = BASEMAPS) -> None:
        self._app = app
        self._picture_hosts = " ".join(dict.fromkeys(basemap.origin for basemap in basemaps))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        policy = self._policy(Headers(scope=scope).get("host", ""))

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", policy)
                # The page's address is a secret: nobody whom the page asks for anything is told it.
                headers.setdefault("Referrer-Policy", "no-referrer")
            await send(message)

        await self._app(scope, receive, send_with_policy)

    def _policy(self, host: str) -> str:
        # Older Safari does not count web sockets to the same host as 'self'.
        sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
        return "; ".join(
            (
                "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:",
                f"img-src 'self' data: blob: {self._picture_hosts}".rstrip(),
                f"connect-src 'self' data: blob:{sockets}",
                "object-src 'none'",
                "base-uri 'self'",
            )
        )


def _source_path() -> Path:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(
            "The package folium-offline is missing, which carries the map's scripts. Install it with the version "
            "number of folium.",
            name=_PACKAGE,
        )
    return Path(next(iter(found.submodule_search_locations)), "elements.py")


def _address_and_text(statement: ast.stmt) -> tuple[str, str] | None:
    """Address and text where the statement reads `_res["address"] = "text"`."""
    match statement:
        case ast.Assign(
            targets=[ast.Subscript(value=ast.Name(id="_res"), slice=ast.Constant(value=str() as url))],
            value=ast.Constant(value=str() as text),
        ):
            return url, text
    return None


def _asset(url: str, text: str) -> Asset:
    kind = "css" if url.endswith(".css") else "js"
    return Asset(f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.{kind}", text)


@cache
def _assets_by_name() -> Mapping[str, Asset]:
    return MappingProxyType({asset.name: asset for asset in asset_table().values()})


@cache
def _compressed(name: str) -> bytes:
    return gzip.compress(_assets_by_name()[name].text.encode(), mtime=0)


def _serve_asset(request: Request) -> Response:
    asset = _assets_by_name().get(request.path_params["name"])
    if asset is None:
        return PlainTextResponse("There is no such file.", status_code=404)
    headers = {"Cache-Control": _KEPT_FOR_A_YEAR, "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(asset.text, media_type=asset.media_type, headers=headers)
    return Response(
        _compressed(asset.name), media_type=asset.media_type, headers=headers | {"Content-Encoding": "gzip"}
    )


def _local_link(url: str, prefix: str) -> str:
    asset = asset_table().get(url)
    if asset is not None:
        return f"{prefix}/assets/{asset.name}"
    if "//" in url:
        raise LookupError(f"There is no copy of {url} to serve; folium and folium-offline must be of one version.")
    return url
