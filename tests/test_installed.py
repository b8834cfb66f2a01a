"""A wheel in an empty environment, away from the checkout: the command `s2dash`, and the page that it starts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import rasterio
from environments import FreshEnvironment
from event_loops import run_to_end
from streamlit_client import Visitor
from waiting import PATIENCE_SECONDS, wait_until

ROOT = Path(__file__).resolve().parents[1]


def test_settings_beside_the_installed_server_are_those_of_the_project() -> None:
    theirs = ROOT / "s2dash" / "server" / ".streamlit" / "config.toml"
    assert theirs.read_bytes() == (ROOT / ".streamlit" / "config.toml").read_bytes()


def required() -> list[str]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    unneeded = shutil.ignore_patterns(".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis", "tests", "build")
    project = shutil.copytree(ROOT, tmp_path_factory.mktemp("project") / "s2dash", ignore=unneeded)
    folder = tmp_path_factory.mktemp("wheel")
    builder = FreshEnvironment(tmp_path_factory.mktemp("builder") / "env", [])
    done = builder.run(f"python -m pip wheel --no-deps --wheel-dir {folder} {project}", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> FreshEnvironment:
    made = FreshEnvironment(tmp_path_factory.mktemp("reader") / "env", required())
    done = made.run(f"python -m pip install {wheel}", tmp_path_factory.mktemp("anywhere"))
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def test_the_wheel_holds_all_files_of_the_package(wheel: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("s2dash/")}
    ours = {path.relative_to(ROOT).as_posix() for path in (ROOT / "s2dash").rglob("*") if path.is_file()}
    assert {name for name in ours if "__pycache__" not in name} == held


@pytest.mark.slow
def test_the_command_reads_and_classifies_the_sample_scene(environment: FreshEnvironment, tmp_path: Path) -> None:
    found = environment.run("python -c 'from s2dash import ingest; print(ingest.SAMPLE_PATH)'", tmp_path)
    sample = found.stdout.strip()
    assert sample.startswith(str(environment.folder)), found.stderr
    told = environment.run(f"s2dash info {sample}", tmp_path)
    assert told.returncode == 0, told.stderr
    assert len(json.loads(told.stdout)["bands"]) == 13
    done = environment.run(f"s2dash classify {sample} --k 4 -o map.tif", tmp_path)
    assert done.returncode == 0, done.stderr
    with rasterio.open(tmp_path / "map.tif") as labels:
        assert set(labels.read(1).ravel().tolist()) == {1, 2, 3, 4}
    assert "usage: s2dash" in environment.run("s2dash --help", tmp_path).stdout


@pytest.fixture
def page_url(environment: FreshEnvironment, tmp_path: Path) -> Iterator[str]:
    """The page, started in a folder that holds nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    place, log = tmp_path / "empty", tmp_path / "app.log"
    place.mkdir()
    process = environment.start(f"exec s2dash app --port {port}", place, log)

    def answers() -> bool:
        assert process.poll() is None, log.read_text(errors="replace")
        with socket.socket() as caller:
            return caller.connect_ex(("127.0.0.1", port)) == 0

    wait_until(answers)
    yield f"http://127.0.0.1:{port}"
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


async def visit(url: str) -> tuple[list[str], list[str]]:
    async with Visitor(url) as visitor:
        run = await visitor.run()
        return list(run.texts), list(visitor.exceptions)


@pytest.mark.slow
def test_the_command_starts_the_page_with_the_sample_scene(page_url: str) -> None:
    texts, exceptions = run_to_end(visit(page_url))
    assert exceptions == []
    assert any("Virginia coast" in words for words in texts)
    assert any("Up to date" in words for words in texts)
