"""Clean-up of specks: majority and sieve of a million pixels, and the sieve of a full tile from a file of labels.

Run: python benchmarks/clean_up.py [--quick]. The labels are those of the default recipe on the sample scene, mirrored
over the tile, with every fiftieth pixel put to another class, so that no two parts are alike. Ends with 1 where a
target is missed.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from affine import Affine
from common import ROOT, machine_words, verdict
from full_tile import FULL_SIDE, QUICK_SIDE, mirrored

sys.path.insert(0, str(ROOT))

from s2dash.classify import parts, pipeline
from s2dash.classify.clean_up import majority, sieve, sieved_strips
from s2dash.core.grid import Grid
from s2dash.core.recipe import default_recipe
from s2dash.core.types import Window, windows
from s2dash.raster.door import open_raster

LIVE_SIDE, LEAST = 1_024, 50
"""Half a hectare in pixels of 10 m."""
MAJORITY_MS, SIEVE_MS, PEAK_MB = 100.0, 300.0, 1_000.0
_CLASSES = 8
_STRIP_ROWS = 512


def main() -> int:
    """Measure all; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a sixteenth of a tile")
    parser.add_argument("--sieve", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.sieve is not None:
        return _sieve_file(given.sieve)
    print(machine_words())
    labels = _sample_labels()
    live = _speckled(labels, Window(0, 0, LIVE_SIDE, LIVE_SIDE))
    met = True
    for name, work, target in (
        ("majority 3 x 3, 1 Mpx, ms", lambda: majority(live, 3), MAJORITY_MS),
        ("majority 5 x 5, 1 Mpx, ms", lambda: majority(live, 5), MAJORITY_MS),
        ("sieve of 50 pixels, 4 neighbours, 1 Mpx, ms", lambda: sieve(live, LEAST, 4), SIEVE_MS),
        ("sieve of 50 pixels, 8 neighbours, 1 Mpx, ms", lambda: sieve(live, LEAST, 8), SIEVE_MS),
    ):
        met &= verdict(name, 1000 * _median(work), target, ".0f")
    side = QUICK_SIDE if given.quick else FULL_SIDE
    grid = Grid((side, side), Affine(10, 0, 600_000, 0, -10, 5_000_000), "EPSG:32633")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.tif"
        with parts.make_labels(path, grid) as out:
            for strip in _strips(grid.shape_rc):
                out.write(_speckled(labels, strip), 1, window=strip.ranges_rc)
        command = [sys.executable, __file__, "--sieve", str(path)]
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        print(found, end="")
    return 0 if met & verdict("peak of that process, MB", float(found.split()[-2]), PEAK_MB, ".0f") else 1


def _sieve_file(path: Path) -> int:
    """Sieve a file of labels in this process, beside bare reading and writing of it."""
    with open_raster(path) as dataset:
        grid = Grid(dataset.shape, dataset.transform, "EPSG:32633")

        def read(window: Window) -> np.ndarray:
            return np.asarray(dataset.read(1, window=window.ranges_rc))

        def copied() -> Iterator[tuple[Window, np.ndarray]]:
            return ((strip, read(strip)) for strip in _strips(grid.shape_rc))

        def cleaned() -> Iterator[tuple[Window, np.ndarray]]:
            return sieved_strips(read, grid.shape_rc, LEAST, 8, lambda share: None)

        seconds = []
        for work in (copied, cleaned):
            started = time.perf_counter(), time.process_time()
            with parts.make_labels(path.with_name(f"{work.__name__}.tif"), grid) as out:
                for strip, labels in work():
                    out.write(labels, 1, window=strip.ranges_rc)
            seconds.append((time.perf_counter() - started[0], time.process_time() - started[1]))
    (copy, copy_cpu), (clean, clean_cpu) = seconds
    print(f"{grid.pixel_count / 1e6:.1f} million pixels: read and write {copy:.1f} s ({copy_cpu:.1f} of the processor)")
    print(
        f"sieve of 50 pixels, 8 neighbours: {clean:.1f} s ({clean_cpu:.1f}), {clean_cpu / copy_cpu:.1f} times as much"
    )
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    return 0


def _strips(shape_rc: tuple[int, int]) -> Iterator[Window]:
    return windows(shape_rc, (_STRIP_ROWS, shape_rc[1]))


def _sample_labels() -> np.ndarray:
    from dataclasses import replace

    from s2dash import ingest

    scene = ingest.sample_scene()
    labels = pipeline.run_live(pipeline.fitted_to(scene, replace(default_recipe(scene), k=_CLASSES))).classmap.labels
    assert labels is not None
    return labels


def _speckled(labels: np.ndarray, window: Window) -> np.ndarray:
    rows, cols = (
        np.arange(first, first + count) for first, count in ((window.row, window.height), (window.col, window.width))
    )
    out = mirrored(labels[None], rows, cols)[0].copy()
    rng = np.random.default_rng(window.row)
    specks = (rng.random(out.shape, dtype=np.float32) < 0.02) & (out > 0)
    out[specks] = rng.integers(1, _CLASSES + 1, int(specks.sum()), dtype=np.uint8)
    return out


def _median(work: Callable[[], np.ndarray]) -> float:
    found = []
    for _ in range(5):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return statistics.median(found)


if __name__ == "__main__":
    sys.exit(main())
