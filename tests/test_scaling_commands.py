"""The commands of docs/scaling.md in fresh environments: a scheduler with Dask only, workers with s2dash installed."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from environments import FreshEnvironment
from scenes import write_scene
from waiting import wait_until

pytest.importorskip("distributed")

ROOT = Path(__file__).resolve().parents[1]
SHAPE = (1100, 1100)
"""More than is labelled on the spot."""
WRITTEN_ADDRESS, WRITTEN_FOLDER = "10.0.0.1", "/shared/"


def commands() -> dict[str, list[str]]:
    """The commands of "How to run it", by the role that starts with them; what is installed first stands first."""
    text = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    section = re.split(r"^## ", text, flags=re.MULTILINE)[1]
    assert section.startswith("How to run it")
    found: dict[str, list[str]] = {}
    before: list[str] = []
    for command in re.findall(r"^ {4}(\S.*)$", section, re.MULTILINE):
        before.append(command)
        if "pip install" not in command:
            found[role_of(command)] = before
            before = []
    return found


def role_of(command: str) -> str:
    starts = {"dask scheduler": "scheduler", "dask worker": "worker", "python -m s2dash": "client", "S2DASH_": "page"}
    return next(role for start, role in starts.items() if command.startswith(start))


def required(name: str) -> list[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout: installing leaves files in it."""
    unneeded = shutil.ignore_patterns(".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis", "tests", "build")
    return Path(shutil.copytree(ROOT, tmp_path_factory.mktemp("project") / "s2dash", ignore=unneeded))


@pytest.fixture(scope="module")
def dask_only(tmp_path_factory: pytest.TempPathFactory, project: Path) -> FreshEnvironment:
    """As the document sets up the scheduler's machine."""
    environment = FreshEnvironment(tmp_path_factory.mktemp("dask") / "env", required("requirements-cluster.txt"))
    set_up(environment, commands()["scheduler"][:-1], tmp_path_factory.mktemp("anywhere"))
    assert environment.run('python -c "import s2dash"', tmp_path_factory.mktemp("elsewhere")).returncode == 1
    return environment


@pytest.fixture(scope="module")
def with_s2dash(tmp_path_factory: pytest.TempPathFactory, project: Path) -> FreshEnvironment:
    """As the document sets up a worker's machine."""
    packages = [*required("requirements.txt"), *required("requirements-cluster.txt")]
    environment = FreshEnvironment(tmp_path_factory.mktemp("worker") / "env", packages)
    set_up(environment, commands()["worker"][:-1], project)
    return environment


def set_up(environment: FreshEnvironment, installs: list[str], folder: Path) -> None:
    assert installs, "the document says what to install"
    for command in installs:
        done = environment.run(command, folder)
        assert done.returncode == 0, done.stdout + done.stderr


class Machines:
    """A scheduler and workers, started by the document's commands in folders that hold nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # All of 127.0.0.0/8 is this machine: an address of its own leaves the document's port free.
        self._address = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(2, 254)}"
        self._running: list[subprocess.Popen[bytes]] = []

    def as_here(self, command: str) -> str:
        """The document's command with this machine's address and folder."""
        return command.replace(WRITTEN_ADDRESS, self._address).replace(WRITTEN_FOLDER, f"{self.folder}/")

    def start(self, environment: FreshEnvironment, role: str, said: str) -> None:
        place = self.folder / f"{role}-{len(self._running)}"
        place.mkdir()
        log = place.with_suffix(".log")
        process = environment.start(self.as_here(commands()[role][-1]), place, log)
        self._running.append(process)

        def has_said() -> bool:
            assert process.poll() is None, log.read_text(errors="replace")
            return said in log.read_text(errors="replace")

        wait_until(has_said)

    def close(self) -> None:
        for process in reversed(self._running):
            os.killpg(process.pid, signal.SIGTERM)
        for process in self._running:
            process.wait()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    started = Machines(tmp_path)
    yield started
    started.close()


@pytest.fixture
def classify(
    machines: Machines, with_s2dash: FreshEnvironment, tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the document's command on a scene under the document's name."""
    write_scene(tmp_path / "scene.tif", SHAPE)
    (tmp_path / "client").mkdir()

    def run(without: str = "") -> subprocess.CompletedProcess[str]:
        command = machines.as_here(commands()["client"][-1])
        return with_s2dash.run(re.sub(without, "", command) if without else command, tmp_path / "client")

    return run


def labels_of(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def test_what_is_installed_is_what_is_required() -> None:
    (distributed,) = required("requirements-cluster.txt")
    assert set(commands()) == {"scheduler", "worker", "client", "page"}
    assert commands()["scheduler"][:-1] == [f'python -m pip install "{distributed}"']


@pytest.mark.slow
def test_the_commands_label_a_scene(
    machines: Machines,
    dask_only: FreshEnvironment,
    with_s2dash: FreshEnvironment,
    classify: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    machines.start(dask_only, "scheduler", "Scheduler at:")
    machines.start(with_s2dash, "worker", "Starting established connection")
    done = classify()
    assert done.returncode == 0, done.stderr
    labels, table = labels_of(tmp_path / "classes.tif"), json.loads(done.stdout)["classes"]
    alone = classify(without=r" --scheduler \S+")
    assert alone.returncode == 0, alone.stderr
    assert json.loads(alone.stdout)["classes"] == table
    assert np.array_equal(labels_of(tmp_path / "classes.tif"), labels)


@pytest.mark.slow
def test_a_worker_without_s2dash_is_said(
    machines: Machines,
    dask_only: FreshEnvironment,
    classify: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    machines.start(dask_only, "scheduler", "Scheduler at:")
    machines.start(dask_only, "worker", "Starting established connection")
    done = classify()
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert re.search(r"s2dash: The worker tcp://\S+ cannot work: .*No module named 's2dash'.* It needs s2dash", last)
    assert commands()["worker"][0] in last
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "classes.tif").exists()
