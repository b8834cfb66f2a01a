"""What a cluster costs: threads beside worker processes on a full tile, time per part, bytes through the scheduler.

The figures of docs/scaling.md. Everything runs on this machine, so the workers share its cores and its disk.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import full_tile
import numpy as np
import rasterio
from common import ROOT, machine_words

sys.path.insert(0, str(ROOT))

from s2dash import ingest
from s2dash.classify import parts, pipeline
from s2dash.classify.algorithms import load_libraries
from s2dash.classify.dask_cluster import ClusterExecutor, connected
from s2dash.core import palette
from s2dash.core.legend import default_legend
from s2dash.core.recipe import default_recipe
from s2dash.export.geotiff import write_geotiff_and_sidecar

if TYPE_CHECKING:
    from s2dash.classify.pipeline import Fitted
    from s2dash.core.classmap import Result

_START_SECONDS = 60
_COUNTER = """
from distributed.comm import tcp

def count():
    read, write, carried = tcp.read_bytes_rw, tcp.TCP.write, {"bytes": 0}

    async def counted_read(stream, count, *rest):
        carried["bytes"] += count
        return await read(stream, count, *rest)

    async def counted_write(self, *args, **kwargs):
        count = await write(self, *args, **kwargs)
        carried["bytes"] += count
        return count

    tcp.read_bytes_rw, tcp.TCP.write, tcp.carried = counted_read, counted_write, carried

if not hasattr(tcp, "carried"):  # A preload may be run twice.
    count()
"""
"""Run by the scheduler as it starts: counts what its connections carry, both ways."""


@dataclass(frozen=True)
class Run:
    """One run over all pixels."""

    name: str
    seconds: float
    cpu: float
    """Seconds of the processor, of this process or of the workers."""
    result: Result
    part_seconds: tuple[float, ...] = ()
    """On the workers, each part."""
    join_seconds: float = 0
    carried_bytes: int = 0
    """Through the scheduler, both ways."""


@dataclass(frozen=True)
class Costs:
    """What one tile takes, and a task of the scheduler: seconds of a processor, which load hardly changes."""

    fit: float
    """On the machine that starts the run: draw the sample and fit."""
    label: float
    """All parts."""
    join: float
    """Join the parts and make the cloud-optimised GeoTIFF."""
    task: float
    """Of the scheduler's one thread."""
    tasks: int
    """Of one tile."""
    read_bytes: int
    written_bytes: int


def main() -> int:
    """Measure, print, and say what many tiles would take."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "s2dash-full-tile")
    parser.add_argument("--side", type=int, default=full_tile.FULL_SIDE, help="rows and columns of the scene")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(machine_words())
    path = full_tile.stack(arguments.folder, arguments.side, "band")
    load_libraries()
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="cluster-") as scratch:
        measured(path, Path(scratch), arguments.rounds)
    return 0


def measured(path: Path, folder: Path, rounds: int) -> None:
    """All figures on one scene."""
    scene = ingest.open_in_place(path)
    assert scene is not None
    cpu, started = time.process_time(), time.perf_counter()
    fitted = pipeline.fitted_to(scene, default_recipe(scene).plain())
    fit_seconds, fit_cpu = time.perf_counter() - started, time.process_time() - cpu
    print(f"scene {scene.grid.shape_rc} x {len(scene.bands)}, {path.stat().st_size / 1e6:,.0f} MB")
    print(f"sample and fit: {fit_seconds:.2f} s, {fit_cpu:.2f} s of the processor\n")
    runs = [best(rounds, lambda: by_threads(fitted, folder))]
    for workers in (1, 2):
        with cluster(folder, workers) as address, connected(address) as executor:
            name = f"{workers} worker{'s' if workers > 1 else ''}"
            by_workers(fitted, folder, executor, name)
            runs.append(best(rounds, partial(by_workers, fitted, folder, executor, name)))
            if workers == 1:
                export, export_cpu = exported(executor, runs[-1], fitted, folder / "cog.tif")
                task, task_cpu = emptied(executor)
    threads, one, _ = runs
    print("| way | s | processor, s | median part, s | joining, s | through the scheduler, kB |")
    print("|---|--:|--:|--:|--:|--:|")
    for run in runs:
        assert np.array_equal(labels(run.result), labels(threads.result)), "labels differ"
        more = " | |"
        if run.part_seconds:
            part = statistics.median(run.part_seconds)
            more = f"{part:.3f} | {run.join_seconds:.2f} | {run.carried_bytes / 1e3:,.0f}"
        print(f"| {run.name} | {run.seconds:.2f} | {run.cpu:.2f} | {more} |")
    count, in_parts = len(one.part_seconds), sum(one.part_seconds)
    between = one.seconds - in_parts - one.join_seconds
    print(
        f"\none worker: {in_parts:.2f} s in {count} parts, {one.join_seconds:.2f} s joining, {between:.2f} s in between"
    )
    print(f"that is {1e3 * between / count:.1f} ms beside the work a part; {one.cpu:.2f} s of its processor in all")
    print(f"an empty task takes {1e3 * task:.2f} ms, {1e3 * task_cpu:.2f} ms of the scheduler's processor")
    percent = 100 * one.carried_bytes / (scene.grid.pixel_count * len(scene.bands) * np.dtype(scene.dtype).itemsize)
    print(
        f"the scheduler carried {one.carried_bytes / count / 1e3:.1f} kB a part, {percent:.4f} % of the pixels' bytes"
    )
    print(f"the cloud-optimised GeoTIFF, on a worker: {export:.2f} s, {export_cpu:.2f} s of its processor")
    # Parts, joined labels, the export's plain copy and the result: each about as large.
    written = 4 * (folder / "cog.tif").stat().st_size
    join_cpu = export_cpu + one.cpu * one.join_seconds / (in_parts + one.join_seconds)
    label_cpu = one.cpu + export_cpu - join_cpu
    print_model(Costs(fit_cpu, label_cpu, join_cpu, task_cpu, count + 3, path.stat().st_size, written))


def best(rounds: int, run: Callable[[], Run]) -> Run:
    """The fastest: what else the machine does only ever adds."""
    return min((run() for _ in range(rounds)), key=lambda one: one.seconds)


def by_threads(fitted: Fitted, folder: Path) -> Run:
    """In this process."""
    cpu, started = time.process_time(), time.perf_counter()
    result = pipeline.run_full(fitted, folder / "threads.tif")
    return Run("threads", time.perf_counter() - started, time.process_time() - cpu, result)


class Listening(ClusterExecutor):
    """Keeps what parts and their joining took."""

    def __init__(self, inner: ClusterExecutor) -> None:
        super().__init__(inner._client, inner._address)
        self.part_seconds: list[float] = []
        self.join_seconds = 0.0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        started = time.perf_counter()
        future = super().submit(fn, *args, **kwargs)

        def note(done: Future[Any]) -> None:
            if fn is parts.label_part:
                self.part_seconds.append(done.result().seconds)
            elif fn is parts.join_parts:
                self.join_seconds = time.perf_counter() - started

        future.add_done_callback(note)
        return future


def by_workers(fitted: Fitted, folder: Path, executor: ClusterExecutor, name: str) -> Run:
    """On the workers, with what each part took there and what the scheduler carried."""
    listening = Listening(executor)
    cpu, before = worker_cpu(executor), carried_bytes(executor)
    started = time.perf_counter()
    result = pipeline.run_full(fitted, folder / f"{name}.tif", executor=listening)
    seconds = time.perf_counter() - started
    carried = carried_bytes(executor) - before
    cpu = worker_cpu(executor) - cpu
    return Run(name, seconds, cpu, result, tuple(listening.part_seconds), listening.join_seconds, carried)


def _on_scheduler(executor: ClusterExecutor, asked: Callable[[], float]) -> float:
    run: Callable[[Callable[[], float]], float] = executor._client.run_on_scheduler
    return run(asked)


def carried_bytes(executor: ClusterExecutor) -> int:
    """Through the scheduler since it began, both ways."""
    return int(_on_scheduler(executor, _counted))


def _counted() -> int:
    from distributed.comm import tcp

    return int(getattr(tcp, "carried")["bytes"])  # noqa: B009 - put there by PRELOAD


def worker_cpu(executor: ClusterExecutor) -> float:
    """Seconds of the processor that the workers have taken since they began."""
    return sum(executor._client.run(time.process_time).values())


def exported(executor: ClusterExecutor, run: Run, fitted: Fitted, out: Path) -> tuple[float, float]:
    """Seconds of a worker, and of its processor, from the labels to the finished GeoTIFF."""
    legend = default_legend(palette.class_colours(fitted.mean_reflectance, [b.standard for b in fitted.scene.bands]))
    cpu, started = worker_cpu(executor), time.perf_counter()
    executor.submit(write_geotiff_and_sidecar, run.result, legend, out).result()
    seconds = time.perf_counter() - started
    return seconds, worker_cpu(executor) - cpu


def emptied(executor: ClusterExecutor, count: int = 2_000) -> tuple[float, float]:
    """Seconds of a task that does nothing, and of the scheduler's processor for it, with many under way."""
    cpu, started = _on_scheduler(executor, time.process_time), time.perf_counter()
    for future in [executor.submit(abs, number) for number in range(count)]:
        future.result()
    seconds = time.perf_counter() - started
    return seconds / count, (_on_scheduler(executor, time.process_time) - cpu) / count


def labels(result: Result) -> np.ndarray:
    """Shape (rows, cols), uint8."""
    with rasterio.open(result.classmap.path) as dataset:
        return np.asarray(dataset.read(1))


def print_model(costs: Costs) -> None:
    """What many tiles would take, and which part of the machine decides it."""
    print(f"\na tile reads {costs.read_bytes / 1e6:,.0f} MB and writes {costs.written_bytes / 1e6:,.0f} MB")
    most_threads = (costs.label + costs.join) / (costs.task * costs.tasks)
    print(f"one scheduler keeps {most_threads:,.0f} worker threads busy\n")
    print("| tiles | worker threads | hours | storage must give, MB/s | hours with 1 GB/s |")
    print("|--:|--:|--:|--:|--:|")
    for tiles in (100, 1_000, 20_000):
        for threads in (2, 16, 64, 256, 1_024):
            seconds, rate = predicted(costs, tiles, threads)
            limited = max(seconds, tiles * (costs.read_bytes + costs.written_bytes) / 1e9)
            print(f"| {tiles:,} | {threads:,} | {seconds / 3600:.2f} | {rate:,.0f} | {limited / 3600:.2f} |")


def predicted(costs: Costs, tiles: int, threads: int) -> tuple[float, float]:
    """Seconds for tiles that share one fit, and the bytes a second that storage must then give, in MB.

    Work is spread evenly, the scheduler's one thread hands out tasks, and the last part of a thread is
    waited for.
    """
    work = tiles * (costs.label + costs.join)
    hand_out = tiles * costs.tasks * costs.task
    last = costs.label / max(1, costs.tasks - 3) + costs.join
    seconds = costs.fit + max(work / threads, hand_out, last) + (last if threads > 1 else 0)
    return seconds, tiles * (costs.read_bytes + costs.written_bytes) / seconds / 1e6


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[str]:
    """A scheduler that counts what it carries, and workers of one thread; its address."""
    counter = folder / "counter.py"
    counter.write_text(_COUNTER)
    log = folder / f"scheduler-{workers}.log"
    processes = []
    own = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}

    def start(module: str, *words: str) -> None:
        command = [sys.executable, "-m", f"distributed.cli.{module}", *words, "--host", "127.0.0.1", "--no-dashboard"]
        with log.open("ab") as out:
            environment = os.environ | own
            processes.append(
                subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT)
            )

    try:
        start("dask_scheduler", "--port", "0", "--preload", str(counter))
        address = _said(log, r"Scheduler at:\s+(tcp://127\.0\.0\.1:\d+)")
        for _ in range(workers):
            start("dask_worker", address, "--nthreads", "1", "--no-nanny", "--local-directory", str(folder / "dask"))
        _said(log, "(?s)" + r".*".join(["(Starting established connection)"] * workers))
        yield address
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


def _said(log: Path, words: str) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        found = re.search(words, log.read_text(errors="replace")) if log.exists() else None
        if found:
            return found[1]
        time.sleep(0.1)
    raise SystemExit(f"The cluster did not start:\n{log.read_text(errors='replace')[-3000:]}")


if __name__ == "__main__":
    sys.exit(main())
