"""The evidence for the advice on k: what following each rule loses against labels that people drew.

Run: python benchmarks/k_advice.py [seeds, 3 unless said]. For each scene with labels in ../shared/data and each seed,
k-means by the default recipe makes a map for k = 2 to 14. A rule's regret is the adjusted Rand index of the best of
them less that of the k the rule chooses. A scene that is absent is skipped with a line.
"""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio
from common import ROOT, machine_words

sys.path.insert(0, str(ROOT))

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.classify.advice import Column, advise, sweep
from s2dash.classify.evaluate import agreement
from s2dash.classify.prepare import Memo
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene

SHARED = ROOT.parent / "shared" / "data"
SCENES = (
    ("labelled/wc39_1d.tif", "labelled/wc39_1d_labels.tif"),
    ("labelled/wc85_20m.tif", "labelled/wc85_20m_labels.tif"),
    ("crops_3dates_4b.tif", "crops_labels.tif"),
    ("forest_5b.tif", "forest_labels.tif"),
    ("labelled/leipzig.tif", "labelled/leipzig_labels.tif"),
    ("labelled/ukis_s2.tif", "labelled/ukis_s2_labels.tif"),
)
KS = range(2, 15)
SEEDS = 3


def choices(columns: Sequence[Column]) -> dict[str, int | None]:
    """The k that each rule chooses; None where it chooses none."""
    advice = advise(columns)
    known = {column.k: column for column in columns}
    favourites = dict(advice.favourites)
    return {
        "always 4": 4,
        "always 5": 5,
        "always 8, where the page begins": 8,
        "elbow": advice.elbow,
        "separation, from 4 up": favourites.get("separation"),
        "Calinski-Harabasz, from 4 up": favourites.get("Calinski-Harabasz"),
        "Davies-Bouldin, from 4 up": favourites.get("Davies-Bouldin"),
        "stability, from 3 up": max((k for k in known if k >= 3), key=lambda k: known[k].stability or -1),
        "the advice's button": advice.use,
        "the advice's smallest number": min([*advice.also, advice.use]) if advice.use else None,
        "the advice, else 8": advice.use or 8,
    }


def tried(scene: Scene, seed: int, reference: np.ndarray) -> tuple[list[Column], dict[int, float]]:
    """The columns of one scene and seed, and the adjusted Rand index of each map with the labels."""
    recipe, keep = replace(default_recipe(scene), seed=seed), Memo()
    agreements = {}
    for k in KS:
        result = pipeline.run_live(pipeline.fit(pipeline.prepare(scene, replace(recipe, k=k), keep)))
        assert result.classmap.labels is not None
        agreements[k] = agreement(result.classmap.labels, reference).adjusted_rand
    prepared = pipeline.prepare(scene, recipe, keep)
    columns = {column.k: column for column in sweep(prepared, pipeline.sample_of(prepared), KS)}
    return list(columns.values()), agreements


def print_scene(name: str, columns: Sequence[Column], agreements: Mapping[int, float]) -> None:
    """One line for the first seed of a scene."""
    advice = advise(columns)
    best = max(agreements, key=lambda k: agreements[k])
    offered = " or ".join(map(str, [*advice.also, advice.use])) if advice.use else "none stands out"
    print(
        f"| {name} | {best} ({agreements[best]:.2f}) | {', '.join(map(str, advice.stable)) or 'none'} | {offered} "
        f"| {advice.elbow} | {'yes' if advice.disagree else 'no'} |",
        flush=True,
    )


def main() -> int:
    """Print the tables; returns the exit status."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS
    print(machine_words())
    print(
        "\n| scene, first seed | best k (ARI) | stable | advice | elbow | measures differ |\n|---|--:|---|---|--:|---|"
    )
    regrets: dict[str, list[float]] = defaultdict(list)
    for scene_name, labels_name in SCENES:
        paths = SHARED / scene_name, SHARED / labels_name
        if not all(path.is_file() for path in paths):
            print(f"{scene_name}: skipped, as it or {labels_name} is not in {SHARED}")
            continue
        with rasterio.open(paths[1]) as source:
            reference = source.read(1)
        with tempfile.TemporaryDirectory() as scratch:
            scene = ingest.open_in_place(paths[0]) or ingest.ingest(paths[0], Path(scratch) / "scene")
            for seed in range(seeds):
                columns, agreements = tried(scene, seed, reference)
                if not seed:
                    print_scene(paths[0].stem, columns, agreements)
                for rule, k in choices(columns).items():
                    regrets[rule].append(np.nan if k is None else max(agreements.values()) - agreements[k])
    print("\n| rule | mean regret | worst | chooses |\n|---|--:|--:|--:|")
    for rule, values in regrets.items():
        known = [value for value in values if not np.isnan(value)]
        figures = f"{np.mean(known):.3f} | {max(known):.3f}" if known else "– | –"
        print(f"| {rule} | {figures} | {len(known)} of {len(values)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
