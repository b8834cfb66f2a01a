"""Where the maps of open pages look and what they have drawn, as their browsers tell beside the pages' work."""

from __future__ import annotations

import secrets
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from s2dash.core.map_position import MapPosition


@dataclass(frozen=True)
class Start:
    """From where a scene is to be seen first."""

    id: str
    """Another for each: the browser takes each once."""
    scene: str
    position: MapPosition


class TrackedMap:
    """The map of one page. Safe to use from any thread."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(16)
        """By which the page's browser, and nobody else, tells of it."""
        self.start: Start | None = None
        self._lock = threading.Lock()
        self._scene = ""
        self._position: MapPosition | None = None
        self._moved: Callable[[MapPosition | None], None] | None = None
        self._drawn: str | None = None
        self._was_drawn = threading.Condition()

    @property
    def position(self) -> MapPosition | None:
        """Where it looks now; None is the whole scene."""
        return self._position

    def show(self, scene: str, position: MapPosition | None = None) -> None:
        """From now on it shows this scene, where it is another one from `position`; what is told of others is void."""
        with self._lock:
            if position is not None:
                self.start = Start(secrets.token_hex(4), scene, position)
            if scene != self._scene or position is not None:
                self._scene, self._position = scene, position

    def tell(self, scene: str, position: MapPosition | None) -> None:
        """The browser has moved it."""
        with self._lock:
            if scene != self._scene:
                return
            self._position, moved = position, self._moved
        if moved is not None:
            moved(position)

    def on_move(self, moved: Callable[[MapPosition | None], None]) -> None:
        """Have this called, in a thread of the server, whenever it was moved; it has to return at once."""
        self._moved = moved

    def tell_drawn(self, tiles: str) -> None:
        """The browser has drawn class tiles of this token."""
        with self._was_drawn:
            self._drawn = tiles
            self._was_drawn.notify_all()

    def await_drawn(self, url: str, at_most_seconds: float) -> None:
        """Wait until class tiles are on the screen, by the template of their addresses.

        Where no browser has ever told of any, there is nothing to wait for.
        """
        tiles = url.partition("/{z}/")[0].rpartition("/")[2]
        with self._was_drawn:
            if self._drawn is not None:
                self._was_drawn.wait_for(lambda: self._drawn == tiles, at_most_seconds)


class TrackedMaps:
    """The maps of all open pages, by token; a page's is gone with it."""

    def __init__(self) -> None:
        self._maps: weakref.WeakValueDictionary[str, TrackedMap] = weakref.WeakValueDictionary()

    def new(self) -> TrackedMap:
        """One for a page, which has to hold it."""
        made = TrackedMap()
        self._maps[made.token] = made
        return made

    def get(self, token: str) -> TrackedMap | None:
        """That of a page; None where there is no such page."""
        return self._maps.get(token)
