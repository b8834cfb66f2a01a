"""A real Dask cluster for tests: a scheduler and workers as processes of their own, on loopback."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_SECONDS = 60.0


class LocalCluster:
    """A scheduler with workers; each can be killed as if its machine had lost power."""

    def __init__(self, folder: Path, workers: int, worker_folder: Path) -> None:
        self._folder = folder
        self._worker_folder = worker_folder
        self._processes: list[subprocess.Popen[bytes]] = []
        # Port 0 takes a free one; the address is read from what the scheduler says.
        words = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.scheduler = self._start(folder, "dask_scheduler", *words)
        self.address = self._wait_for(r"Scheduler at:\s+(tcp://127\.0\.0\.1:\d+)", 0)
        self.workers = [self._start_worker() for _ in range(workers)]
        for number in range(1, workers + 1):
            self._wait_for("Starting established connection", number)

    def _start_worker(self) -> subprocess.Popen[bytes]:
        # Without a nanny, so that a killed worker stays away.
        limits = ("--nthreads", "1", "--memory-limit", "1GB", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
        scratch = ("--local-directory", str(self._folder))
        return self._start(self._worker_folder, "dask_worker", self.address, *limits, *scratch)

    def _start(self, folder: Path, module: str, *words: str) -> subprocess.Popen[bytes]:
        # With -m the folder is on the path, and nothing else of ours.
        others = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        own = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        with self._log(len(self._processes)).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{module}", *words],
                cwd=folder,
                env=others | own,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._processes.append(process)
        return process

    def _log(self, number: int) -> Path:
        return self._folder / f"process-{number}.log"

    def _wait_for(self, words: str, number: int) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and self._processes[number].poll() is None:
            found = re.search(words, self._log(number).read_text(errors="replace"))
            if found:
                return found[found.re.groups]
            time.sleep(0.05)
        raise RuntimeError(f"the cluster did not start:\n{self._log(number).read_text(errors='replace')[-3000:]}")

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a process without letting it say good-bye."""
        process.kill()
        process.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        for process in reversed(self._processes):
            process.kill()
        for process in self._processes:
            process.wait(PATIENCE_SECONDS)


@contextmanager
def local_cluster(folder: Path, workers: int = 2, worker_folder: Path = ROOT) -> Iterator[LocalCluster]:
    """A cluster whose logs and scratch files lie in `folder`.

    Its workers start in `worker_folder` and take s2dash from there; its scheduler has none.
    """
    folder.mkdir()
    cluster = LocalCluster(folder, workers, worker_folder)
    try:
        yield cluster
    finally:
        cluster.close()
