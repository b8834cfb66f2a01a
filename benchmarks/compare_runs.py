"""Two maps compared, and their classes matched alone.

The live pictures of the sample scene, and every pixel of a full tile from files of labels.

Run: python benchmarks/compare_runs.py. Ends with 1 where a median misses its target.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from affine import Affine
from common import ROOT, machine_words, verdict

sys.path.insert(0, str(ROOT))

from s2dash import ingest
from s2dash.classify import parts, pipeline
from s2dash.classify.compare import Comparison, compare
from s2dash.classify.match import matching_classes
from s2dash.classify.prepare import prepare
from s2dash.core.classmap import ClassMap, Result
from s2dash.core.grid import Grid
from s2dash.core.recipe import default_recipe

LIVE_MS, MATCH_MS, FULL_SECONDS = 50.0, 20.0, 3.0
ROUNDS = 5
FULL_TILE = Grid((10_980, 10_980), Affine(10, 0, 600_000, 0, -10, 5_000_000), "EPSG:32633")


def main() -> int:
    """Compare a few times; returns the exit status."""
    print(machine_words())
    scene = ingest.sample_scene()
    one, other = (pipeline.run_live(pipeline.fit(prepare(scene, replace(default_recipe(scene), k=k)))) for k in (8, 12))
    met = verdict("sample scene, ms", 1000 * _median(lambda: compare(one, other)), LIVE_MS, ".0f")
    met &= verdict("their classes matched, ms", 1000 * _median_seconds(lambda: _matched(one, other)), MATCH_MS, ".1f")
    with tempfile.TemporaryDirectory() as folder:
        first, second = (_full(one, seed, Path(folder) / f"{seed}.tif") for seed in (0, 1))
        met &= verdict(
            "full tile, seconds of the processor", _median(lambda: compare(first, second)), FULL_SECONDS, ".2f"
        )
    return 0 if met else 1


def _median(work: Callable[[], Comparison]) -> float:
    """Seconds of the processor, scores and moves included."""

    def whole() -> None:
        comparison = work()
        assert comparison.moves
        assert comparison.adjusted_rand < 1
        assert comparison.mutual_information < 1

    return _median_seconds(whole)


def _matched(one: Result, other: Result) -> None:
    assert matching_classes(one, other)


def _median_seconds(work: Callable[[], None]) -> float:
    found = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return statistics.median(found)


def _full(like: Result, seed: int, path: Path) -> Result:
    """Labels of a full tile in a file: fields of 10 x 10 pixels, of which a tenth differs by the seed."""
    fields = np.random.default_rng(9).integers(1, 9, (1098, 1098), dtype=np.uint8)
    rng = np.random.default_rng(seed)
    fields = np.where(rng.random(fields.shape) < 0.9, fields, rng.integers(1, 9, fields.shape)).astype(np.uint8)
    with parts.make_labels(path, FULL_TILE) as out:
        out.write(np.kron(fields, np.ones((10, 10), dtype=np.uint8)), 1)
    return replace(like, classmap=ClassMap(FULL_TILE, 8, None, path))


if __name__ == "__main__":
    sys.exit(main())
