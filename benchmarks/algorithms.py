"""Every algorithm: what a fit costs the processor on the sample scene, and agreement with labels that people drew.

Run: python benchmarks/algorithms.py [NAME ...]. Prints two Markdown tables, for all algorithms or those named, where
`kmeans+0.99` is k-means on principal components; a scene of ../shared/data that is absent is skipped with a line.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio
from common import ROOT, SAMPLE_PATH, machine_words

sys.path.insert(0, str(ROOT))

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.classify.algorithms import ALGORITHMS, load_libraries
from s2dash.classify.evaluate import agreement
from s2dash.classify.prepare import Memo
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import Scene

SHARED = ROOT.parent / "shared" / "data"
LABELLED = {"forest": "forest_5b.tif", "crops": "crops_3dates_4b.tif"} | {
    name: f"labelled/{name}.tif" for name in ("ukis_s2", "wc39_1d", "wc85_20m", "leipzig")
}
TIMED_KS, SCORED_KS = (4, 8, 16), (4, 8, 12)
COMPONENTS = ("kmeans+0.9", "kmeans+0.95", "kmeans+0.99", "gaussian-mixture+0.99")
REPEATS = 3


def recipe_of(scene: Scene, algorithm: str, k: int) -> Recipe:
    """The scene's default recipe with another algorithm, after a plus sign with principal components."""
    name, _, pca = algorithm.partition("+")
    recipe = replace(pipeline.apply_algorithm(default_recipe(scene).plain(), name), k=k)
    return replace(recipe, pca=float(pca)) if pca else recipe


def times(names: Sequence[str]) -> None:
    """Print the processor's seconds for fit and labels of the sample scene, and how many classes came out."""
    scene = ingest.open_in_place(SAMPLE_PATH)
    assert scene is not None
    print("| algorithm | " + " | ".join(f"k = {k}: classes, fit, labels" for k in TIMED_KS) + " |")
    print("|---|" + "---|" * len(TIMED_KS))
    for name in names:
        print(f"| {name} | {' | '.join(timed(scene, name, k) for k in TIMED_KS)} |")


def timed(scene: Scene, name: str, k: int) -> str:
    """Classes that came out and the processor's seconds for fit and labels, the best of some times."""
    keep = Memo()
    prepared = pipeline.prepare(scene, recipe_of(scene, name, k), keep)
    sample = pipeline.sample_of(prepared)
    found = []
    for _ in range(REPEATS):
        started = time.process_time()
        fitted = pipeline.fit_sample(prepared, sample)
        fit_ended = time.process_time()
        pipeline.run_live(fitted)
        found.append((fit_ended - started, time.process_time() - fit_ended))
    fit, labels = (min(column) for column in zip(*found, strict=True))
    return f"{fitted.class_count}, {fit:.2f} s, {labels:.2f} s"


def scores(names: Sequence[str]) -> None:
    """Print the adjusted Rand index for each labelled scene, mean over several k."""
    scenes = dict(labelled())
    print("| algorithm | " + " | ".join(scenes) + " | mean ARI | mean accuracy |")
    print("|---|" + "--:|" * (len(scenes) + 2))
    for name in names:
        rand, accuracy = zip(*(scored(*one, name) for one in scenes.values()), strict=True)
        print(f"| {name} | {' | '.join(f'{v:.3f}' for v in rand)} | {np.mean(rand):.3f} | {np.mean(accuracy):.3f} |")


def labelled() -> Iterator[tuple[str, tuple[Scene, np.ndarray]]]:
    """Name, scene and reference labels (0 where nobody drew one) of what is there."""
    for name, place in LABELLED.items():
        path = SHARED / place
        stem = path.stem if path.parent.name == "labelled" else name
        reference_path = path.with_name(f"{stem}_labels.tif")
        if not (path.is_file() and reference_path.is_file()):
            print(f"{name}: skipped, as it is not in {SHARED}")
            continue
        with rasterio.open(reference_path) as source:
            reference = source.read(1)
        scratch = Path(tempfile.mkdtemp())
        yield name, (ingest.open_in_place(path) or ingest.ingest(path, scratch / "scene"), reference)


def scored(scene: Scene, reference: np.ndarray, name: str) -> tuple[float, float]:
    """Adjusted Rand index and mapped accuracy, mean over several k."""
    keep, found = Memo(), []
    for k in SCORED_KS:
        result = pipeline.run_live(pipeline.fit(pipeline.prepare(scene, recipe_of(scene, name, k), keep)))
        assert result.classmap.labels is not None
        found.append(agreement(result.classmap.labels, reference))
    return (
        float(np.mean([one.adjusted_rand for one in found])),
        float(np.mean([one.mapped_accuracy for one in found])),
    )


def main() -> int:
    """Print the tables; returns the exit status."""
    load_libraries()
    names = sys.argv[1:] or [*ALGORITHMS, *COMPONENTS]
    print(machine_words(), "\n")
    times(names)
    print()
    scores(names)
    return 0


if __name__ == "__main__":
    sys.exit(main())
