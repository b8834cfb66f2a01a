"""The tile route: pictures kept for the map under unguessable tokens, and answered as XYZ tiles."""

from __future__ import annotations

import re
import secrets
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from s2dash.render import Picture, tile_png, transparent_tile_png

DEFAULT_BYTE_BUDGET = 96 * 2**20
"""About twenty pictures of the largest size; the page makes again what was dropped."""
_ZOOMS = range(-12, 31)
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,11}", re.ASCII)
_FOUND = {"Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
_NOT_FOUND = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, eq=False)
class _Kept:
    token: str
    picture: Picture


class TileStore:
    """Pictures by token, the least recently used dropped when their arrays exceed a budget of bytes.

    Safe to use from any thread. An array that several pictures share counts once.
    """

    def __init__(self, byte_budget: int = DEFAULT_BYTE_BUDGET) -> None:
        self._byte_budget = byte_budget
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._key_of: dict[str, str] = {}
        self._users_of: dict[int, int] = {}
        self._byte_count = 0

    @property
    def byte_count(self) -> int:
        """Bytes held by the arrays of all pictures here."""
        with self._lock:
            return self._byte_count

    def put(self, key: str, picture: Picture) -> str:
        """Keep a picture and return its token, hexadecimal digits that nobody can guess.

        The key says which content this is: while its picture lives here, the same key gives the same
        token, and the picture kept stays. The newest picture is kept even where it exceeds the budget alone.
        """
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                kept = self._kept[key] = _Kept(secrets.token_hex(16), picture)
                self._key_of[kept.token] = key
                self._count(picture)
            self._kept.move_to_end(key)
            while self._byte_count > self._byte_budget and len(self._kept) > 1:
                self._drop_oldest()
            return kept.token

    def token_of(self, key: str) -> str | None:
        """The token of a living key, now most recently used; None where its picture must be put (again)."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key].token

    def get(self, token: str) -> Picture | None:
        """The picture of a token; None where it was dropped or never was."""
        with self._lock:
            key = self._key_of.get(token)
            if key is None:
                return None
            self._kept.move_to_end(key)
            return self._kept[key].picture

    def _drop_oldest(self) -> None:
        _, kept = self._kept.popitem(last=False)
        del self._key_of[kept.token]
        for owner in _owners(kept.picture):
            self._users_of[id(owner)] -= 1
            if not self._users_of[id(owner)]:
                del self._users_of[id(owner)]
                self._byte_count -= owner.nbytes

    def _count(self, picture: Picture) -> None:
        for owner in _owners(picture):
            if id(owner) not in self._users_of:
                self._byte_count += owner.nbytes
            self._users_of[id(owner)] = self._users_of.get(id(owner), 0) + 1


def url_template(token: str, base_path: str = "") -> str:
    """Where Leaflet finds the tiles of a token, on the server's own host and port.

    `base_path` is Streamlit's `server.baseUrlPath`, here and for `tile_routes`.
    """
    return f"{url_prefix(base_path)}/tiles/{token}/{{z}}/{{x}}/{{y}}.png"


def url_prefix(base_path: str) -> str:
    """What stands before the routes of this server: `/a/b` for the setting `a/b/`, nothing for an empty one."""
    trimmed = base_path.strip("/")
    return f"/{trimmed}" if trimmed else ""


def tile_routes(store_getter: Callable[[], TileStore], base_path: str = "") -> list[Route]:
    """The routes that answer `url_template`; each request asks `store_getter` for the store.

    200 with a PNG, transparent off the picture (Leaflet takes 204 for an error), to be cached for
    good; 404 for a token that is unknown or dropped, and for anything that is not a tile's address.
    """

    # Not async: Starlette runs it in its thread pool, so that drawing never holds up the page.
    def tile(request: Request) -> Response:
        zxy = _parsed_zxy(*(request.path_params[name] for name in "zxy"))
        picture = store_getter().get(request.path_params["token"])
        if zxy is None or picture is None:
            return Response(status_code=404, headers=_NOT_FOUND)
        content = tile_png(picture, *zxy)
        return Response(content or transparent_tile_png(), media_type="image/png", headers=_FOUND)

    return [Route(url_prefix(base_path) + "/tiles/{token}/{z}/{x}/{y}.png", tile, methods=["GET"])]


def process_tile_store() -> TileStore:
    """The one store of this process, which the page fills and the routes read."""
    # Streamlit forgets the modules of this project whenever one of their files changes, while the routes go on
    # with the old ones: a store held in a module would split in two. `sys` itself is never forgotten, and
    # `setdefault` is one step, so that two threads cannot make two stores.
    store: TileStore = vars(sys).setdefault("_s2dash_tile_store", TileStore())
    return store


def _parsed_zxy(*parts: str) -> tuple[int, int, int] | None:
    if not all(_INTEGER.fullmatch(part) for part in parts):
        return None
    z, x, y = map(int, parts)
    return (z, x, y) if z in _ZOOMS else None


def _owners(picture: Picture) -> list[np.ndarray]:
    """The arrays whose memory a picture holds: of a view, the array it looks into."""
    return [_owner(array) for array in (picture.pixels, picture.palette) if array is not None]


def _owner(array: np.ndarray) -> np.ndarray:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
