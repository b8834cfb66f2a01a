"""The tile route: pictures kept for the map under unguessable tokens, and answered as XYZ tiles."""

from __future__ import annotations

import asyncio
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from s2dash.core.byte_cache import ByteCache, Held, held_by_arrays
from s2dash.errors import PixelsGone
from s2dash.settings import TILE_LIMITS, TileLimits, thread_count
from s2dash.tiles.render import Picture, tile_png, transparent_tile_png

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
    key: str
    picture: Picture
    files: tuple[Path, ...]


class TileStore:
    """Pictures by token, the least recently used dropped when their arrays exceed a budget of bytes.

    Safe to use from any thread. An array or detail that several pictures share counts once. Finished tiles
    have a budget of their own.
    """

    def __init__(self, limits: TileLimits = TILE_LIMITS) -> None:
        self._pictures: ByteCache[str, _Kept] = ByteCache(limits.most_bytes, lambda kept: _held_of(kept.picture))
        self._pngs: ByteCache[tuple[str, Address], bytes] = ByteCache(limits.most_png_bytes, _held_of_png)
        self._token_of: dict[str, str] = {}
        self._lock = threading.Lock()
        """Of what changes together. Those who only look do without."""

    @property
    def byte_count(self) -> int:
        """Bytes held by the arrays of all pictures here."""
        return self._pictures.byte_count

    @property
    def png_byte_count(self) -> int:
        """Bytes of finished tiles."""
        return self._pngs.byte_count

    def put(self, key: str, picture: Picture, files: tuple[Path, ...] = ()) -> str:
        """Keep a picture and return its token, hexadecimal digits that nobody can guess.

        The key says which content this is: while its picture lives here, the same key gives the same
        token, and the picture kept stays. The newest picture is kept even where it exceeds the budget alone.
        `files` are those that the picture was made of: once they are gone, nobody can look at it.
        """
        with self._lock:
            token = self.token_of(key)
            if token is None:
                token = self._token_of[key] = secrets.token_hex(16)
                self._forget(self._pictures.put(token, _Kept(key, picture, files)))
            return token

    def token_of(self, key: str) -> str | None:
        """The token of a living key, now most recently used; None where its picture must be put (again)."""
        token = self._token_of.get(key)
        return None if token is None or self._pictures.known(token) is None else token

    def get(self, token: str) -> Picture | None:
        """The picture of a token; None where it was dropped or never was."""
        kept = self._pictures.known(token)
        return None if kept is None else kept.picture

    def finished(self, token: str, address: Address) -> bytes | None:
        """A tile that was kept; None where it must be drawn."""
        return self._pngs.known((token, address))

    def keep_finished(self, token: str, address: Address, png: bytes) -> None:
        """Keep a drawn tile for as long as its picture lives and there is room."""
        with self._lock:
            if self._pictures.has(token):
                self._pngs.put((token, address), png)

    def forget_gone(self, all_pictures: bool = False) -> None:
        """Drop the pictures whose files are no longer there; `all_pictures`: all of them, as nobody looks."""
        with self._lock:
            gone = {
                token
                for token, kept in self._pictures.items()
                if all_pictures or not all(path.exists() for path in kept.files)
            }
            self._forget(self._pictures.drop(gone.__contains__))

    def _forget(self, dropped: Mapping[str, _Kept]) -> None:
        """Drop what belongs to pictures that are no longer here."""
        for kept in dropped.values():
            del self._token_of[kept.key]
        if dropped:
            self._pngs.drop(lambda place: place[0] in dropped)


def url_template(token: str, base_path: str = "") -> str:
    """Where Leaflet finds the tiles of a token, on the server's own host and port.

    `base_path` is Streamlit's `server.baseUrlPath`, here and for `tile_routes`.
    """
    return f"{url_prefix(base_path)}/tiles/{token}/{{z}}/{{x}}/{{y}}.png"


def url_prefix(base_path: str) -> str:
    """What stands before the routes of this server: `/a/b` for the setting `a/b/`, nothing for an empty one."""
    trimmed = base_path.strip("/")
    return f"/{trimmed}" if trimmed else ""


def tile_routes(store: TileStore, base_path: str = "") -> list[Route]:
    """The routes that answer `url_template`.

    200 with a PNG, transparent off the picture (Leaflet takes 204 for an error), to be cached for
    good, except where the files behind its details are gone and the preview must do; 404 for a token that
    is unknown or dropped, and for anything that is not a tile's address. As many tiles are drawn at
    once as there are cores; of those that wait, the ones that nobody waits for any more are left out.
    """
    slots = _Slots()

    async def tile(request: Request) -> Response:
        address = _parsed_zxy(*(request.path_params[name] for name in "zxy"))
        token = request.path_params["token"]
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


def _parsed_zxy(*parts: str) -> Address | None:
    if not all(_INTEGER.fullmatch(part) for part in parts):
        return None
    z, x, y = map(int, parts)
    return (z, x, y) if z in _ZOOMS else None


def _held_of(picture: Picture) -> Held:
    """What holds a picture's memory: its detail, and of a view the array it looks into."""
    arrays = [_owner(array) for array in (picture.pixels, picture.palette) if array is not None]
    return held_by_arrays(*arrays, picture.detail)


def _held_of_png(png: bytes) -> Held:
    return ((id(png), len(png)),)


def _owner(array: np.ndarray) -> np.ndarray:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
