"""The evidence for the default recipe: agreement with labels that people drew, over scaling, clipping, smoothing and k.

Run: python benchmarks/defaults.py. Prints a Markdown table for each scene with labels in ../shared/data; a scene
that is absent is skipped with a line.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio
from common import ROOT, machine_words

sys.path.insert(0, str(ROOT))

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.classify.evaluate import Agreement, agreement
from s2dash.classify.prepare import Memo
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import Scene

SHARED = ROOT.parent / "shared" / "data"
SCENES = {"forest": ("forest_5b.tif", "forest_labels.tif"), "crops": ("crops_3dates_4b.tif", "crops_labels.tif")}
SCALES = ("none", "standard", "robust")
CLIPS = (None, (1.0, 99.0), (2.0, 98.0))
SMOOTHS = (0, 3)
KS = (2, 4, 5, 8)


def scored(scene: Scene, recipe: Recipe, keep: Memo, reference: np.ndarray) -> Agreement:
    """Agreement of a recipe's labels with reference labels, shape (rows, cols), 0 where nobody drew one."""
    result = pipeline.run_live(pipeline.fit(pipeline.prepare(scene, recipe, keep)))
    assert result.classmap.labels is not None
    return agreement(result.classmap.labels, reference)


def table(scene: Scene, reference: np.ndarray) -> None:
    """Print one line for each choice, with ARI / NMI / mapped accuracy for each k."""
    keep = Memo()
    base = default_recipe(scene).plain()
    print("| scale | clip | smooth | " + " | ".join(f"k = {k}" for k in KS) + " | mean ARI |")
    print("|---|---|---|" + "---|" * len(KS) + "--:|")
    for scale, clip, smooth in itertools.product(SCALES, CLIPS, SMOOTHS):
        found = [scored(scene, replace(base, scale=scale, clip=clip, smooth=smooth, k=k), keep, reference) for k in KS]
        cells = [
            f"{a.adjusted_rand:.3f} / {a.normalised_mutual_information:.3f} / {a.mapped_accuracy:.3f}" for a in found
        ]
        clipped = f"{clip[0]:g}, {clip[1]:g}" if clip else "none"
        mean = np.mean([a.adjusted_rand for a in found])
        print(f"| {scale} | {clipped} | {smooth or 'none'} | {' | '.join(cells)} | {mean:.3f} |")


def main() -> int:
    """Print the tables; returns the exit status."""
    print(machine_words())
    for name, (scene_name, labels_name) in SCENES.items():
        paths = SHARED / scene_name, SHARED / labels_name
        if not all(path.is_file() for path in paths):
            print(f"\n{name}: skipped, as {scene_name} or {labels_name} is not in {SHARED}")
            continue
        with rasterio.open(paths[1]) as source:
            reference = source.read(1)
        with tempfile.TemporaryDirectory() as scratch:
            scene = ingest.open_in_place(paths[0]) or ingest.ingest(paths[0], Path(scratch) / "scene")
            print(f"\n{name}: ARI / NMI / mapped accuracy, {int((reference > 0).sum())} labelled pixels\n")
            table(scene, reference)
    return 0


if __name__ == "__main__":
    sys.exit(main())
