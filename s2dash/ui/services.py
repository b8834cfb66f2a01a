"""The objects that all sessions of one server share, by name."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from s2dash.core.byte_cache import ByteCache
from s2dash.core.scene import Scene
from s2dash.server.askable import Askable
from s2dash.server.kept_runs import KeptRuns
from s2dash.server.live_engine import LiveEngine
from s2dash.server.packs import MadePacks
from s2dash.server.session_store import SessionStore, Writer
from s2dash.server.sessions import Sessions
from s2dash.server.state import server_state
from s2dash.server.sweeps import Sweeps
from s2dash.server.tracked_maps import TrackedMaps
from s2dash.server.uploads import UploadStore
from s2dash.tiles.native import NativeTiles
from s2dash.tiles.store import TileStore
from s2dash.ui.loaded import Loaded


def live_engine() -> LiveEngine:
    """The engine of live results."""
    return server_state().live


def askable() -> Askable:
    """The live results that a map may ask about."""
    return server_state().askable


def sweeps() -> Sweeps:
    """Advice on the number of classes."""
    return server_state().sweeps


def native_tiles() -> NativeTiles:
    """What reads large scenes at native resolution where the map shows it."""
    return server_state().native


def tile_store() -> TileStore:
    """The pictures that the tile route serves."""
    return server_state().tiles


def upload_store() -> UploadStore:
    """Where files that are sent in pieces arrive."""
    return server_state().uploads


def kept_runs() -> KeptRuns[Loaded]:
    """Full runs that go on without a page."""
    return server_state().kept_runs


def made_packs() -> MadePacks:
    """Packs that are ready to be fetched."""
    return server_state().packs


def session_store() -> SessionStore:
    """What is kept of sessions beyond their pages."""
    return server_state().store


def writer() -> Writer:
    """What writes it."""
    return server_state().writer


def sessions() -> Sessions:
    """The sessions of this process."""
    return server_state().sessions


def tracked_maps() -> TrackedMaps:
    """Where the maps of open pages look."""
    return server_state().maps


def kept_charts() -> ByteCache[Hashable, tuple[dict[str, Any], str]]:
    """The last charts of all sessions, by all that they show."""
    return server_state().charts


def sample_scene(key: str = "coast") -> Scene:
    """A scene that comes with the package, by its key in `ingest.EXAMPLES`."""
    return server_state().sample_scene(key)
