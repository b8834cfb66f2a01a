"""Whether "how sure" tells right pixels from wrong ones, on scenes with labels that people drew.

Run: python benchmarks/sureness.py. A pixel is right where its class's most frequent label is its own. Prints for each
scene in ../shared/data the area under the ROC curve (0.5 is chance) of clearness alone and of sureness, and the share
of wrong pixels in each step; a scene that is absent is skipped with a line. Ends with 1 where sureness is no better
than chance on a scene, or clearness alone is better on average.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio
from common import ROOT, machine_words
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(ROOT))

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.classify.features import preview_features
from s2dash.classify.sureness import STEPS, SureSteps, clearness, sureness
from s2dash.core.recipe import default_recipe

SHARED = ROOT.parent / "shared" / "data"
SCENES = {
    "forest": ("forest_5b.tif", "forest_labels.tif"),
    "crops": ("crops_3dates_4b.tif", "crops_labels.tif"),
    **{name: (f"labelled/{name}.tif", f"labelled/{name}_labels.tif") for name in ("ukis_s2", "wc39_1d", "wc85_20m")},
    "leipzig": ("labelled/leipzig.tif", "labelled/leipzig_labels.tif"),
}
KS = (6, 8, 12)
SEEDS = (0, 1)


def measured(path: Path, reference: np.ndarray, scratch: Path, algorithm: str) -> np.ndarray:
    """AUC of clearness, AUC of sureness, and the share of wrong pixels in each step; means over k and seeds."""
    scene = ingest.open_in_place(path) or ingest.ingest(path, scratch)
    rows = []
    for k in KS:
        for seed in SEEDS:
            recipe = replace(pipeline.apply_algorithm(default_recipe(scene), algorithm), k=k, seed=seed)
            fitted = pipeline.fit(pipeline.prepare(scene, recipe))
            labels = pipeline.run_live(fitted).classmap.labels
            assert labels is not None
            features = preview_features(fitted.prepared)
            percent = sureness(fitted, features, labels)
            steps = SureSteps.of(percent)(percent)
            known = (labels != 0) & (reference != 0)
            right = _right(labels[known], reference[known])
            clear = clearness(fitted, features, labels != 0)[known]
            wrong = [1 - right[steps[known] == step].mean() for step in range(1, len(STEPS) + 1)]
            rows.append([roc_auc_score(right, clear), roc_auc_score(right, percent[known]), *wrong])
    return np.nanmean(rows, axis=0)


def _right(labels: np.ndarray, reference: np.ndarray) -> np.ndarray:
    table = np.zeros((256, int(reference.max()) + 1))
    np.add.at(table, (labels, reference), 1)
    return np.asarray(table.argmax(axis=1)[labels] == reference)


def main() -> int:
    """Print the tables; returns the exit status."""
    print(machine_words())
    means = []
    for algorithm in ("kmeans", "gaussian-mixture"):
        print(f"\n| {algorithm} | clearness alone, AUC | sureness, AUC | " + " | ".join(f"wrong: {s}" for s in STEPS))
        print("|---|--:|--:|" + "--:|" * len(STEPS))
        for name, (scene_name, labels_name) in SCENES.items():
            paths = SHARED / scene_name, SHARED / labels_name
            if not all(path.is_file() for path in paths):
                print(f"{name}: skipped, as {scene_name} or {labels_name} is not in {SHARED}")
                continue
            with rasterio.open(paths[1]) as source:
                reference = source.read(1)
            with tempfile.TemporaryDirectory() as scratch:
                found = measured(paths[0], reference, Path(scratch) / "scene", algorithm)
            means.append(found)
            print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in found) + " |", flush=True)
    mean = np.mean(means, axis=0)
    print(
        f"\nmean: clearness alone {mean[0]:.3f}, sureness {mean[1]:.3f}; wrong "
        + ", ".join(f"{w:.3f}" for w in mean[2:])
    )
    return int(min(found[1] for found in means) < 0.5 or mean[1] < mean[0])


if __name__ == "__main__":
    sys.exit(main())
