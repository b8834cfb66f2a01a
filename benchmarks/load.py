"""Many people at once, over the page's own web socket: how long they wait, and what a run of the page costs.

Run: python benchmarks/load.py [--visitors 1 8 16 32]. Each visitor uploads a scene of his own, looks at it for
a moment and changes k five times, while one more session beside them changes nothing and runs the page every second.
The same visitors then go to a plain Streamlit script with k-means (`plain_page.py`), as the measure of the machine.
At the end all of them have gone, and memory and folders are looked at again.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from common import machine_words, server, verdict
from streamlit_client import Run, VisitFailed, Visitor

ROOT = Path(__file__).resolve().parents[1]
K_LABEL = "Number of classes (k)"
CHANGES = (5, 9, 6, 11, 7)
SIDE_PIXELS = 384
LOOK_SECONDS = (1.0, 3.0)
"""How long a visitor looks at a map before the next change."""
BRINGING_SECONDS = 600.0
"""On a busy machine sixteen scenes take their time."""
IDLE_RUNS = 20
GRACE_SECONDS = 10
K_TARGET_SECONDS = 3.0
IDLE_TARGET_SECONDS = 0.5
RUN_TARGET_SECONDS = 0.05
MEMORY_TARGET_MB = 1000.0


@dataclass
class Measured:
    """What all visitors of one round met."""

    k_seconds: list[float] = field(default_factory=list)
    idle_seconds: list[float] = field(default_factory=list)
    upload_seconds: list[float] = field(default_factory=list)
    were_told_to_wait: int = 0
    failures: list[str] = field(default_factory=list)
    peak_mb: float = 0.0


def write_scenes(folder: Path, count: int) -> list[bytes]:
    """Small scenes of ten bands, each another cut of the sample with other noise: no two have equal answers."""
    import numpy as np
    import rasterio

    with rasterio.open(ROOT / "s2dash" / "data" / "coast.tif") as sample:
        whole, profile, names = sample.read(), sample.profile, sample.descriptions
    contents = []
    for number in range(count):
        rng = np.random.default_rng(number)
        row, col = rng.integers(0, whole.shape[1] - SIDE_PIXELS, 2)
        values = whole[:, row : row + SIDE_PIXELS, col : col + SIDE_PIXELS]
        values = (values + rng.integers(0, 20, values.shape)).astype(whole.dtype)
        path = folder / f"visitor{number}.tif"
        with rasterio.open(path, "w", **{**profile, "width": SIDE_PIXELS, "height": SIDE_PIXELS}) as out:
            out.write(values)
            out.descriptions = names
        contents.append(path.read_bytes())
        path.unlink()
    return contents


async def visit(
    url: str, number: int, content: bytes, uploader: str, found: Measured, all_are_in: asyncio.Barrier
) -> None:
    """One person: comes, brings a scene, and changes k five times."""
    try:
        async with Visitor(url) as visitor:
            await visitor.run()
            started = time.perf_counter()
            await bring(visitor, uploader, f"visitor{number}.tif", content)
            found.upload_seconds.append(time.perf_counter() - started)
            if await all_are_in.wait() == 0:
                found.idle_seconds.clear()
            looks = random.Random(number)
            for k in CHANGES:
                await asyncio.sleep(looks.uniform(*LOOK_SECONDS))
                started = time.perf_counter()
                run = await visitor.run({("slider", K_LABEL): k})
                found.k_seconds.append(time.perf_counter() - started)
                found.were_told_to_wait += any("Waiting:" in words for words in run.texts)
                note_failures(visitor, run, found)
    except (VisitFailed, TimeoutError, OSError, asyncio.BrokenBarrierError) as error:
        found.failures.append(f"visitor {number}: {error!r}")
        await all_are_in.abort()


async def bring(visitor: Visitor, uploader: str, name: str, content: bytes) -> None:
    """Upload a scene and wait until the page shows it."""
    run = await visitor.upload(uploader, name, content)
    stem = name.removesuffix(".tif")
    deadline = time.perf_counter() + BRINGING_SECONDS
    while not any(stem in words for words in run.texts):
        if time.perf_counter() > deadline:
            raise VisitFailed(f"{name} never came onto the page")
        await asyncio.sleep(0.5)
        run = await visitor.run()


def note_failures(visitor: Visitor, run: Run, found: Measured) -> None:
    """Keep what went wrong for a visitor."""
    found.failures += visitor.exceptions
    visitor.exceptions.clear()
    found.failures += [words for words in run.texts if "Something went wrong" in words]


async def idle(url: str, found: Measured, is_over: asyncio.Event) -> None:
    """A session that changes nothing: what it waits for is others'."""
    async with Visitor(url) as visitor:
        await visitor.run()
        while not is_over.is_set():
            await asyncio.sleep(1)
            started = time.perf_counter()
            await visitor.run()
            found.idle_seconds.append(time.perf_counter() - started)


async def watch_memory(pid: int, found: Measured, is_over: asyncio.Event) -> None:
    """Keep the most memory that the server has held."""
    while not is_over.is_set():
        found.peak_mb = max(found.peak_mb, resident_mb(pid))
        await asyncio.sleep(0.25)


async def crowd(url: str, pid: int, scenes: list[bytes], uploader: str) -> Measured:
    """All visitors of one round at the same time; the idle session's runs count once everybody's scene is in."""
    found, is_over = Measured(), asyncio.Event()
    all_are_in = asyncio.Barrier(len(scenes))
    beside = [asyncio.create_task(idle(url, found, is_over)), asyncio.create_task(watch_memory(pid, found, is_over))]

    async def one(number: int, content: bytes) -> None:
        await visit(url, number, content, uploader, found, all_are_in)

    await asyncio.gather(*(one(number, content) for number, content in enumerate(scenes)))
    is_over.set()
    await asyncio.gather(*beside)
    return found


async def idle_cost(url: str, pid: int) -> float:
    """Processor seconds of one run that changes nothing, of one session alone."""
    async with Visitor(url) as visitor:
        for _ in range(5):
            await visitor.run()
        await asyncio.sleep(10)  # what the first runs have set going ends, such as the answers for the next k
        before = processor_seconds(pid)
        for _ in range(IDLE_RUNS):
            await visitor.run()
        return (processor_seconds(pid) - before) / IDLE_RUNS


def processor_seconds(pid: int) -> float:
    """What a process has used of all cores so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Memory of a process in millions of bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def percentile(values: list[float], share: float) -> float:
    """The value below which this share of them lies; not a number where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))] if ordered else float("nan")


def print_row(name: str, count: int, found: Measured) -> None:
    """One line of the table."""
    median = statistics.median(found.k_seconds) if found.k_seconds else float("nan")
    print(
        f"| {name} | {count} | {median:.2f} / {percentile(found.k_seconds, 0.95):.2f} "
        f"| {percentile(found.idle_seconds, 0.5):.2f} / {percentile(found.idle_seconds, 0.95):.2f} "
        f"| {percentile(found.upload_seconds, 0.5):.1f} | {found.peak_mb:.0f} "
        f"| {found.were_told_to_wait} | {len(found.failures)} |",
        flush=True,
    )
    for words in sorted(set(found.failures))[:5]:
        print(f"    {words}", flush=True)


def look_at(
    name: str, app: Path, uploader: str, counts: list[int], scenes: list[bytes], folder: Path, rests: bool
) -> tuple[dict[int, Measured], float, tuple[float, float], int]:
    """Rounds of visitors at one page: what they met, the cost of an idle run, memory at start and end, folders left."""
    temporary = folder / f"temporary of {name}"
    temporary.mkdir()
    os.environ |= {"TMPDIR": str(temporary), "S2DASH_GRACE_SECONDS": str(GRACE_SECONDS)}
    found: dict[int, Measured] = {}
    with server(folder / f"{name}.log", app) as (url, _, pid):
        cost = asyncio.run(idle_cost(url, pid))
        time.sleep(5)
        at_start = resident_mb(pid)
        for count in counts:
            found[count] = asyncio.run(crowd(url, pid, scenes[:count], uploader))
            print_row(name, count, found[count])
        at_end = at_start
        if rests:
            deadline = time.monotonic() + 180
            while time.monotonic() < deadline and any(temporary.glob("s2dash-*")):
                time.sleep(1)
            time.sleep(10)
            at_end = resident_mb(pid)
        left = len(list(temporary.glob("s2dash-*")))
    with suppress(KeyError):
        del os.environ["TMPDIR"]
    return found, cost, (at_start, at_end), left


def main() -> int:
    """Let the visitors come; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--visitors", type=int, nargs="+", default=[1, 8, 16, 32], help="how many at once, by round")
    parser.add_argument("--no-plain", action="store_true", help="leave out the plain script")
    arguments = parser.parse_args()
    print(machine_words())
    print(
        "| page | visitors | k, p50 / p95 s | idle, p50 / p95 s | scene in, p50 s | peak MB | told to wait | failures |"
    )
    print("|:--|--:|--:|--:|--:|--:|--:|--:|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder, most = Path(name), max(arguments.visitors)
        scenes = write_scenes(folder, most)
        ours, cost, (at_start, at_end), left = look_at(
            "s2dash", ROOT / "app.py", "Sentinel-2 files", arguments.visitors, scenes, folder, True
        )
        if not arguments.no_plain:
            plain = Path(__file__).with_name("plain_page.py")
            _, plain_cost, _, _ = look_at("plain script", plain, "Scene", arguments.visitors, scenes, folder, False)
            print(f"one idle run of the plain script: {plain_cost:.3f} s of processor")
    results = [
        verdict("one idle run, processor s", cost, RUN_TARGET_SECONDS, ".3f"),
        verdict("memory after all have gone, of that at the start", at_end / at_start, 1.25, ".2f"),
        verdict("folders left", left, 0, ".0f"),
    ]
    print(f"memory: {at_start:.0f} MB at the start, {at_end:.0f} MB at the end")
    found = ours.get(16)
    if found is not None:
        results += [
            verdict("16 visitors: k, p50 s", percentile(found.k_seconds, 0.5), K_TARGET_SECONDS, ".2f"),
            verdict("16 visitors: idle, p95 s", percentile(found.idle_seconds, 0.95), IDLE_TARGET_SECONDS, ".2f"),
            verdict("16 visitors: memory, MB", found.peak_mb, MEMORY_TARGET_MB, ".0f"),
            verdict("16 visitors: failures", len(found.failures), 0, ".0f"),
        ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
