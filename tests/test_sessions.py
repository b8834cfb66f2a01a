"""What sessions leave: folders, memory and requests go when a page is closed, and after a server was killed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from event_loops import run_to_end
from scenes import make_scene, write_scene
from streamlit_client import Visitor

from s2dash.core.recipe import default_recipe
from s2dash.server.jobs import LiveEngine
from s2dash.settings import GRACE_VARIABLE, SESSION_LIMITS, SessionLimits, session_limits
from s2dash.tiles.render import Picture
from s2dash.tiles.store import TileStore
from s2dash.ui.sessions import Sessions, end_sessions

REPOSITORY = Path(__file__).parents[1]
PATIENCE_SECONDS = 90
GRACE_SECONDS = 2


# ---- which sessions are over ---------------------------------------------------------------------------------------


def test_a_session_is_over_once_nobody_has_been_connected_for_long_enough() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    connected = {"a", "b"}
    for session_id in ("a", "b"):
        sessions.note(session_id, lambda: None)

    def ended() -> tuple[str, ...]:
        return tuple(sessions.ended(connected.__contains__, 100))

    assert ended() == ()
    connected.remove("a")
    assert ended() == ()  # seen to be alone from here
    now[0] = 99
    assert ended() == ()
    now[0] = 100
    assert ended() == ("a",)
    assert (ended(), len(sessions)) == ((), 1)


def test_a_connection_that_comes_back_begins_anew() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    sessions.note("a", lambda: None)
    answers = []
    for at, is_connected in ((0, False), (90, True), (95, False), (190, False), (196, False)):
        now[0] = at
        answers.append(tuple(sessions.ended(lambda _, is_there=is_connected: is_there, 100)))
    assert answers == [(), (), (), (), ("a",)]


@pytest.mark.parametrize(("said", "grace"), [("", 100), ("30", 30), ("0", 1), ("-5", 1), ("900", 100), ("soon", 100)])
def test_the_grace_is_what_the_environment_says_within_reason(
    said: str, grace: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(GRACE_VARIABLE, said)
    limits = session_limits()
    assert limits.grace_seconds == grace
    assert 0 < limits.look_seconds <= SESSION_LIMITS.look_seconds
    assert limits.grace_seconds + 2 * limits.look_seconds < 180


# ---- what the process keeps of scenes ------------------------------------------------------------------------------


def test_answers_of_files_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    engine = LiveEngine()
    for name in ("stays", "goes"):
        (tmp_path / name).mkdir()
    scenes = [make_scene(tmp_path / name, shape_rc=(30, 40)) for name in ("stays", "goes")]
    requests = [engine.submit(scene, default_recipe(scene)) for scene in scenes]
    answers = [request.result(PATIENCE_SECONDS) for request in requests]
    for path in scenes[1].paths:
        path.unlink()
    engine.forget_gone()
    again = engine.submit(scenes[0], default_recipe(scenes[0])).result(PATIENCE_SECONDS)
    assert again is answers[0]
    assert [len(cache._kept) for cache in (engine._answers, engine._stacks)] == [1, 1]


def test_pictures_of_files_that_are_gone_are_dropped_and_counted(tmp_path: Path) -> None:
    scene, store = make_scene(tmp_path, shape_rc=(30, 40)), TileStore()

    def picture() -> Picture:
        return Picture(scene.grid, np.zeros((30, 40), np.uint8), np.zeros((256, 4), np.uint8))

    stays, goes = store.put("stays", picture(), scene.paths), store.put("goes", picture(), (tmp_path / "gone.tif",))
    whole = store.byte_count
    store.keep_finished(goes, (0, 0, 0), b"tile")
    store.forget_gone()
    assert store.get(stays) is not None
    assert store.get(goes) is None
    assert (store.byte_count, store.png_byte_count) == (whole // 2, 0)
    store.forget_gone(all_pictures=True)
    assert store.get(stays) is None
    assert store.byte_count == 0


# ---- a server with visitors ----------------------------------------------------------------------------------------


class Server:
    """The app as it is started for people, with its temporary files in one folder."""

    def __init__(self, temporary: Path) -> None:
        self.temporary = temporary
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> Server:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        command = [sys.executable, "-m", "streamlit", "run", str(REPOSITORY / "app.py"), "--server.port", str(port)]
        environment = {"TMPDIR": str(self.temporary), GRACE_VARIABLE: str(GRACE_SECONDS)}
        self.process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.url = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(port))
        return self

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE_SECONDS)

    @property
    def folders(self) -> set[Path]:
        return set(self.temporary.glob("s2dash-*"))


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[[], Server]]:
    """`new_server()`: one more server on the same folder of temporary files."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    servers = []

    def start() -> Server:
        servers.append(Server(temporary).start())
        return servers[-1]

    yield start
    for server in servers:
        server.end()


@pytest.fixture
def scene_bytes(tmp_path: Path) -> bytes:
    return write_scene(tmp_path / "to upload.tif", shape_rc=(60, 70)).read_bytes()


def visit(server: Server, content: bytes, then: Callable[[Visitor], Awaitable[None]] | None = None) -> None:
    """Come, bring a scene, wait for its map, do something, and go."""

    async def whole() -> None:
        async with Visitor(server.url) as visitor:
            await visitor.run()
            await visitor.upload("Sentinel-2 files", "mine.tif", content)
            while not any("mine" in words for words in (await visitor.run()).texts):
                await asyncio.sleep(0.2)
            assert [path for path in server.folders if path.name.startswith("s2dash-scene-")]
            assert visitor.exceptions == []
            if then is not None:
                await then(visitor)

    run_to_end(whole())


@pytest.mark.slow
def test_folders_go_after_the_page_is_closed_though_nobody_comes(
    new_server: Callable[[], Server], scene_bytes: bytes
) -> None:
    server = new_server()

    async def stay(visitor: Visitor) -> None:
        await asyncio.sleep(3 * GRACE_SECONDS)
        assert [path for path in server.folders if path.name.startswith("s2dash-scene-")]

    visit(server, scene_bytes, stay)
    wait_until(lambda: not server.folders)


@pytest.mark.slow
def test_a_server_removes_what_a_killed_one_left_and_nothing_of_a_living_one(
    new_server: Callable[[], Server], scene_bytes: bytes
) -> None:
    killed, living = new_server(), new_server()

    async def kill(_: Visitor) -> None:
        killed.end(signal.SIGKILL)

    async def another_comes(visitor: Visitor) -> None:
        of_living = living.folders - of_killed
        third = new_server()
        wait_until(lambda: not third.folders & of_killed)
        assert of_living <= third.folders
        await visitor.run({("slider", "Number of classes (k)"): 4})
        assert visitor.exceptions == []

    visit(killed, scene_bytes, kill)
    of_killed = killed.folders
    assert of_killed
    visit(living, scene_bytes, another_comes)


@pytest.mark.slow
def test_a_server_that_is_told_to_stop_leaves_nothing(new_server: Callable[[], Server], scene_bytes: bytes) -> None:
    server = new_server()

    async def stop(_: Visitor) -> None:
        server.end(signal.SIGTERM)

    visit(server, scene_bytes, stop)
    assert server.folders == set()


def test_the_watch_goes_on_after_a_session_that_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    tidied: list[bool] = []

    class Runtime:
        def is_active_session(self, session_id: str) -> bool:
            return False

        def close_session(self, session_id: str) -> None:
            closed.append(session_id)
            if session_id == "breaks":
                raise RuntimeError(session_id)

    monkeypatch.setattr("streamlit.runtime.exists", lambda: True)
    monkeypatch.setattr("streamlit.runtime.get_instance", Runtime)
    known = Sessions()

    async def watched() -> None:
        watch = asyncio.create_task(end_sessions(known, tidied.append, SessionLimits(0.0, 0.001)))
        for session_id in ("breaks", "other"):
            known.note(session_id, lambda: None)
            while session_id not in closed:
                await asyncio.sleep(0.001)
        while not tidied:
            await asyncio.sleep(0.001)
        watch.cancel()

    run_to_end(asyncio.wait_for(watched(), PATIENCE_SECONDS))
    assert closed == ["breaks", "other"]
    assert tidied == [True]
