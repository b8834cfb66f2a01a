"""The one state of a server process: made once, whoever asks, and there still when Streamlit has forgotten modules."""

from __future__ import annotations

import dataclasses
import importlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from rasterio.transform import from_origin
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.watcher.local_sources_watcher import get_module_paths
from waiting import PATIENCE_SECONDS

from s2dash.server import state as state_module
from s2dash.server.state import ServerState, server_state
from s2dash.settings import Limits, LiveLimits, TileLimits
from s2dash.tiles.store import tile_routes, url_template

ROOT = Path(__file__).parents[1]
THREADS = 12


@pytest.fixture
def no_state_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a process begins. What it was before comes back afterwards."""
    server_state()
    monkeypatch.delitem(sys.modules, state_module._HOLDER)


@pytest.mark.usefixtures("no_state_yet")
def test_threads_that_ask_at_once_get_one_state() -> None:
    at_once = Barrier(THREADS)

    def ask() -> ServerState:
        at_once.wait(PATIENCE_SECONDS)
        return server_state()

    with ThreadPoolExecutor(THREADS) as pool:
        found = [future.result(PATIENCE_SECONDS) for future in [pool.submit(ask) for _ in range(THREADS)]]
    assert len({id(state) for state in found}) == 1
    assert found[0] is server_state()


def test_streamlit_sees_no_file_of_what_holds_the_state() -> None:
    """It forgets modules by their files, and by the packages that they lie in."""
    server_state()
    assert get_module_paths(sys.modules[state_module._HOLDER]) == set()
    assert "." not in state_module._HOLDER


def test_one_state_per_process_though_modules_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    before = server_state()
    client = TestClient(Starlette(routes=tile_routes(before.tiles)))
    for name in [name for name in sys.modules if name == "s2dash" or name.startswith("s2dash.")]:
        monkeypatch.delitem(sys.modules, name)
    later = importlib.import_module("s2dash.server.state")
    assert later is not state_module
    assert later.server_state() is before
    render, grid = (importlib.import_module(f"s2dash.{name}") for name in ("tiles.render", "core.grid"))
    place = grid.Grid((64, 64), from_origin(500_000, 4_650_000, 10, 10), None)
    picture = render.Picture(place, np.full((64, 64), 3, np.uint8), np.full((256, 4), 7, np.uint8))
    token = later.server_state().tiles.put("of the page that came later", picture)
    assert client.get(url_template(token).format(z=0, x=0, y=0)).status_code == 200


def test_a_state_keeps_to_its_limits() -> None:
    limits = Limits(tiles=TileLimits(most_bytes=1), live=LiveLimits(most_chart_bytes=50))
    state = ServerState.of(limits)
    assert state.limits is limits
    for number in range(3):
        state.charts.put(number, ({"values": [0] * 10}, ""))
    assert state.charts.byte_count <= 50
    assert state.uploads.open().limits is limits.uploads


def test_all_of_a_state_is_its_own_but_what_an_algorithm_keeps() -> None:
    one, other = (ServerState.of(Limits()) for _ in range(2))
    shared = [f.name for f in dataclasses.fields(one) if getattr(one, f.name) is getattr(other, f.name)]
    assert shared == ["near_pixels", "trees"]


def test_the_sample_scene_is_opened_once() -> None:
    state = ServerState.of(Limits())
    assert state.sample_scene() is state.sample_scene()


NO_STREAMLIT = """
import sys
import s2dash.server.state
sys.exit("streamlit" in sys.modules)
"""


def test_the_state_needs_no_streamlit() -> None:
    assert subprocess.run([sys.executable, "-c", NO_STREAMLIT], cwd=ROOT, check=False).returncode == 0
