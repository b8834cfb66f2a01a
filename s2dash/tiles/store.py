"""The tile route: pictures kept for the map under unguessable tokens, and answered as XYZ tiles."""

from __future__ import annotations

import asyncio
import re
import secrets
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from s2dash.errors import PixelsGone
from s2dash.settings import thread_count
from s2dash.tiles.render import Detail, Picture, tile_png, transparent_tile_png

DEFAULT_BYTE_BUDGET = 96 * 2**20
"""About twenty pictures of the largest size; the page makes again what was dropped."""
PNG_BYTE_BUDGET = 16 * 2**20
"""Finished tiles, for browsers that ask again: some five views."""
_ZOOMS = range(-12, 31)
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,11}", re.ASCII)
_FOUND = {"Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
_CLIENT_GONE = 499
"""Nobody reads it; the log says what it was."""
_NOT_FOUND = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

Address = tuple[int, int, int]
"""Zoom, x and y of a tile."""


@dataclass(frozen=True, eq=False)
class _Kept:
    token: str
    picture: Picture
    files: tuple[Path, ...]
    pngs: OrderedDict[Address, bytes] = field(default_factory=OrderedDict)
    """Finished tiles, the least recently used first."""


class TileStore:
    """Pictures by token, the least recently used dropped when their arrays exceed a budget of bytes.

    Safe to use from any thread. An array or detail that several pictures share counts once. Finished tiles
    have a budget of their own.
    """

    def __init__(self, byte_budget: int = DEFAULT_BYTE_BUDGET, png_byte_budget: int = PNG_BYTE_BUDGET) -> None:
        self._byte_budget = byte_budget
        self._png_byte_budget = png_byte_budget
        self._png_byte_count = 0
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

    @property
    def png_byte_count(self) -> int:
        """Bytes of finished tiles."""
        with self._lock:
            return self._png_byte_count

    def put(self, key: str, picture: Picture, files: tuple[Path, ...] = ()) -> str:
        """Keep a picture and return its token, hexadecimal digits that nobody can guess.

        The key says which content this is: while its picture lives here, the same key gives the same
        token, and the picture kept stays. The newest picture is kept even where it exceeds the budget alone.
        `files` are those that the picture was made of: once they are gone, nobody can look at it.
        """
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                kept = self._kept[key] = _Kept(secrets.token_hex(16), picture, files)
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

    def finished(self, token: str, address: Address) -> bytes | None:
        """A tile that was kept; None where it must be drawn."""
        with self._lock:
            kept = self._of_token(token)
            png = kept.pngs.get(address) if kept is not None else None
            if kept is not None and png is not None:
                kept.pngs.move_to_end(address)
            return png

    def keep_finished(self, token: str, address: Address, png: bytes) -> None:
        """Keep a drawn tile for as long as its picture lives and there is room."""
        with self._lock:
            kept = self._of_token(token)
            if kept is None or address in kept.pngs:
                return
            kept.pngs[address] = png
            self._png_byte_count += len(png)
            for older in self._kept.values():
                while older.pngs and self._png_byte_count > self._png_byte_budget:
                    self._png_byte_count -= len(older.pngs.popitem(last=False)[1])

    def _of_token(self, token: str) -> _Kept | None:
        key = self._key_of.get(token)
        return None if key is None else self._kept[key]

    def forget_gone(self, all_pictures: bool = False) -> None:
        """Drop the pictures whose files are no longer there; `all_pictures`: all of them, as nobody looks."""
        with self._lock:
            for key, kept in list(self._kept.items()):
                if all_pictures or not all(path.exists() for path in kept.files):
                    self._drop(key)

    def _drop_oldest(self) -> None:
        self._drop(next(iter(self._kept)))

    def _drop(self, key: str) -> None:
        kept = self._kept.pop(key)
        del self._key_of[kept.token]
        self._png_byte_count -= sum(map(len, kept.pngs.values()))
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
    good, except where the files behind its details are gone and the preview must do; 404 for a token that
    is unknown or dropped, and for anything that is not a tile's address. As many tiles are drawn at
    once as there are cores; of those that wait, the ones that nobody waits for any more are left out.
    """
    slots = _Slots()

    async def tile(request: Request) -> Response:
        address = _parsed_zxy(*(request.path_params[name] for name in "zxy"))
        store, token = store_getter(), request.path_params["token"]
        picture = store.get(token)
        if address is None or picture is None:
            return Response(status_code=404, headers=_NOT_FOUND)
        known = store.finished(token, address)
        if known is not None:
            return Response(known, media_type="image/png", headers=_FOUND)
        async with slots.here():
            if await request.is_disconnected():
                return Response(status_code=_CLIENT_GONE, headers=_NOT_FOUND)
            # On a thread, so that drawing never holds up the page.
            png, is_final = await run_in_threadpool(_drawn, picture, address)
        if is_final:
            store.keep_finished(token, address, png)
        return Response(png, media_type="image/png", headers=_FOUND if is_final else _NOT_FOUND)

    return [Route(url_prefix(base_path) + "/tiles/{token}/{z}/{x}/{y}.png", tile, methods=["GET"])]


class _Slots:
    """One semaphore for each event loop: they may not be shared, and tests have many."""

    def __init__(self) -> None:
        self._of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    def here(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        return self._of_loop.setdefault(loop, asyncio.Semaphore(max(2, thread_count())))


def _drawn(picture: Picture, address: Address) -> tuple[bytes, bool]:
    """A tile, and whether it is what the picture stands for rather than a stopgap."""
    try:
        png, is_final = tile_png(picture, *address), True
    except PixelsGone:
        png, is_final = tile_png(replace(picture, detail=None), *address), False
    return png or transparent_tile_png(), is_final


def process_tile_store() -> TileStore:
    """The one store of this process, which the page fills and the routes read."""
    # Streamlit forgets the modules of this project whenever one of their files changes, while the routes go on
    # with the old ones: a store held in a module would split in two. `sys` itself is never forgotten, and
    # `setdefault` is one step, so that two threads cannot make two stores.
    store: TileStore = vars(sys).setdefault("_s2dash_tile_store", TileStore())
    return store


def _parsed_zxy(*parts: str) -> Address | None:
    if not all(_INTEGER.fullmatch(part) for part in parts):
        return None
    z, x, y = map(int, parts)
    return (z, x, y) if z in _ZOOMS else None


def _owners(picture: Picture) -> list[np.ndarray | Detail]:
    """What holds a picture's memory: its detail, and of a view the array it looks into."""
    arrays = [_owner(array) for array in (picture.pixels, picture.palette) if array is not None]
    return [*arrays, *([] if picture.detail is None else [picture.detail])]


def _owner(array: np.ndarray) -> np.ndarray:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
