"""The state of a server process: every store, cache and limit that its sessions share, made once."""

from __future__ import annotations

import json
import sys
from collections.abc import Hashable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Self

from s2dash import ingest
from s2dash.classify.algorithms import kmeans, nested_groups
from s2dash.core.byte_cache import ByteCache, Held
from s2dash.core.scene import Scene
from s2dash.server.askable import Askable
from s2dash.server.checks import CheckBooks
from s2dash.server.kept_runs import KeptRuns
from s2dash.server.live_engine import LiveEngine
from s2dash.server.packs import MadePacks
from s2dash.server.session_store import SessionStore, Writer
from s2dash.server.sessions import Sessions
from s2dash.server.sweeps import Sweeps
from s2dash.server.tracked_maps import TrackedMaps
from s2dash.server.uploads import UploadStore
from s2dash.settings import LIMITS, Limits, keep_folder
from s2dash.tiles.native import NativeTiles
from s2dash.tiles.store import TileStore

_HOLDER = "_s2dash_process"
"""Name of the module that holds the state. Streamlit would forget it were it in the package s2dash."""


@dataclass(frozen=True, eq=False)
class ServerState:
    """What one server process has, for its routes and for the pages of all its sessions."""

    limits: Limits
    uploads: UploadStore
    """Where files that are sent in pieces arrive."""
    kept_runs: KeptRuns[Any]
    """Full runs that go on without a page."""
    tiles: TileStore
    """The pictures that the tile route serves, and finished tiles."""
    sessions: Sessions
    maps: TrackedMaps
    """Where the maps of open pages look."""
    checks: CheckBooks
    """Checks that are being answered."""
    packs: MadePacks
    """Packs that are ready to be fetched."""
    store: SessionStore
    """What is kept of sessions beyond their pages."""
    writer: Writer
    """Writes it beside the pages' own work."""
    live: LiveEngine
    """What makes live results, and keeps them for a while."""
    askable: Askable
    """The live results that a map may ask about."""
    sweeps: Sweeps
    """Advice on the number of classes, made while nobody waits for a map."""
    native: NativeTiles
    """What reads large scenes at native resolution where the map shows it, and keeps that for a while."""
    charts: ByteCache[Hashable, tuple[dict[str, Any], str]]
    """Charts and their names, by all that they show."""
    near_pixels: ByteCache[Any, Any]
    """What k-means has brought together of samples. The algorithm makes and fills it; here it is to be counted."""
    trees: ByteCache[Any, Any]
    """Trees of nested groups, in the same way."""
    scenes: ByteCache[str, Scene]
    """Scenes that come with the package."""

    @classmethod
    def of(cls, limits: Limits) -> Self:
        """A new state that keeps to these limits."""
        live = LiveEngine(limits.live)
        store = SessionStore(keep_folder(), limits.store)
        return cls(
            limits=limits,
            uploads=UploadStore(limits=limits.uploads),
            kept_runs=KeptRuns(limits.runs),
            tiles=TileStore(limits.tiles),
            sessions=Sessions(),
            maps=TrackedMaps(),
            checks=CheckBooks(),
            packs=MadePacks(),
            store=store,
            writer=Writer(store),
            live=live,
            askable=Askable(),
            sweeps=Sweeps(lambda: live.is_busy, limits.advice),
            native=NativeTiles(limits.native),
            charts=ByteCache(limits.live.most_chart_bytes, _held_of_chart),
            near_pixels=kmeans.kept_cells,
            trees=nested_groups.kept_trees,
            scenes=ByteCache(limits.live.most_stack_bytes),
        )

    def sample_scene(self, key: str = "coast") -> Scene:
        """A scene that comes with the package, by its key in `ingest.EXAMPLES`, opened once."""
        return self.scenes.get(key, lambda: ingest.sample_scene(key))


def server_state() -> ServerState:
    """The one state of this process, which the server makes as it starts; made now where there is no server yet."""
    # Streamlit forgets the modules of this project whenever one of their files changes, while routes and threads go
    # on with the old ones: a state held in one of them would split in two. It finds modules by their files and by
    # the names of the packages they lie in; this one has neither. `setdefault` is one step, so that two threads
    # cannot make two.
    held = vars(sys.modules.setdefault(_HOLDER, ModuleType(_HOLDER, "Holds the state of s2dash's server.")))
    if "state" not in held:
        held.setdefault("state", ServerState.of(LIMITS))
    state: ServerState = held["state"]
    return state


def _held_of_chart(chart: tuple[dict[str, Any], str]) -> Held:
    return ((id(chart), len(json.dumps(chart[0]))),)
