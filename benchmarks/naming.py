"""Whether names by rules on class means are right, against labels that people drew, and as sure as they say.

Run: python benchmarks/naming.py. A pixel is right where the name that is suggested for its class may stand for its
label. Prints for each scene in ../shared/data, by name and by how sure it says it is; a scene that is absent is skipped
with a line. Ends with 1 where fewer than 0.80 are right on average over the scenes, or `very likely` is right in fewer
than 0.90.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio
from common import ROOT, machine_words

sys.path.insert(0, str(ROOT))

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.classify.naming import SURENESS, suggestions
from s2dash.classify.naming.rules import BARE, BRIGHT, DARK, MIXED, PLANTS, WATER
from s2dash.core.recipe import default_recipe

SHARED = ROOT.parent / "shared" / "data"
_CROP = {PLANTS, MIXED, BARE}
"""A field is green or bare, by its season."""
_BUILT = {BARE, MIXED, BRIGHT}
SCENES: Mapping[str, tuple[str, str, Mapping[int, tuple[str, set[str]]]]] = {
    "forest": ("forest_5b.tif", "forest_labels.tif", {2: ("forest", {PLANTS})}),
    "crops": (
        "crops_3dates_4b.tif",
        "crops_labels.tif",
        dict.fromkeys((1200, 2130, 5100, 7900, 9120), ("crop", _CROP)),
    ),
    "wc39_1d": (
        "labelled/wc39_1d.tif",
        "labelled/wc39_1d_labels.tif",
        dict.fromkeys((82, 160, 176, 220, 236), ("crop", _CROP)),
    ),
    "ukis_s2": (
        "labelled/ukis_s2.tif",
        "labelled/ukis_s2_labels.tif",
        {1: ("shadow", {DARK}), 2: ("water", {WATER}), 3: ("land", {PLANTS, MIXED, BARE}), 4: ("cloud", {BRIGHT})},
    ),
    "leipzig": (
        "labelled/leipzig.tif",
        "labelled/leipzig_labels.tif",
        {1: ("forest", {PLANTS}), 2: ("urban", _BUILT), 3: ("water", {WATER}), 4: ("pasture", {PLANTS, MIXED})},
    ),
}
KS = (6, 8, 12)
SEEDS = (0, 1, 2)
LEAST_RIGHT, LEAST_VERY_LIKELY = 0.80, 0.90


class Tally:
    """How many pixels were judged, and how many of them are right, by anything."""

    def __init__(self) -> None:
        self.all: Counter[str] = Counter()
        self.right: Counter[str] = Counter()

    def add(self, key: str, count: int, right: int) -> None:
        self.all[key] += count
        self.right[key] += right

    def share(self, key: str) -> float:
        return self.right[key] / self.all[key] if self.all[key] else float("nan")


def judged(path: Path, reference: np.ndarray, meant: Mapping[int, tuple[str, set[str]]], scratch: Path) -> list[Tally]:
    """Right pixels by label, by suggested name, and by how sure; summed over k and seeds."""
    scene = ingest.open_in_place(path) or ingest.ingest(path, scratch)
    by_label, by_name, by_sureness = Tally(), Tally(), Tally()
    for k in KS:
        for seed in SEEDS:
            fitted = pipeline.fit(pipeline.prepare(scene, replace(default_recipe(scene), k=k, seed=seed)))
            live = pipeline.run_live(fitted)
            assert live.classmap.labels is not None
            for number, one in suggestions(fitted, live).items():
                mine = live.classmap.labels == number
                for code, (label, fitting) in meant.items():
                    count = int(np.count_nonzero(mine & (reference == code)))
                    right = count if one.name in fitting else 0
                    for tally, key in ((by_label, label), (by_name, one.name), (by_sureness, one.sureness)):
                        tally.add(key, count, right)
                    by_label.add("all", count, right)
    return [by_label, by_name, by_sureness]


def main() -> int:
    """Print the tables; returns the exit status."""
    print(machine_words())
    print("\n| scene | right | by label |\n|---|--:|---|")
    shares, names, sureness = [], Tally(), Tally()
    for scene, (pixels, labels, meant) in SCENES.items():
        paths = SHARED / pixels, SHARED / labels
        if not all(path.is_file() for path in paths):
            print(f"{scene}: skipped, as {pixels} or {labels} is not in {SHARED}")
            continue
        with rasterio.open(paths[1]) as source:
            reference = source.read(1)
        with tempfile.TemporaryDirectory() as scratch:
            by_label, by_name, by_sure = judged(paths[0], reference, meant, Path(scratch) / "scene")
        shares.append(by_label.share("all"))
        each = ", ".join(f"{key} {by_label.share(key):.2f}" for key in by_label.all if key != "all")
        print(f"| {scene} | {shares[-1]:.3f} | {each} |")
        for total, one in ((names, by_name), (sureness, by_sure)):
            whole = sum(one.all.values()) or 1
            for key in one.all:  # scenes count alike, whatever their size
                total.add(key, round(1e6 * one.all[key] / whole), round(1e6 * one.right[key] / whole))
    if not shares:
        return 0
    print(f"| mean | {np.mean(shares):.3f} | |")
    print("\n| says | share of pixels | right |\n|---|--:|--:|")
    for key in (*SURENESS, *sorted(names.all)):
        total = sureness if key in SURENESS else names
        print(f"| {key} | {total.all[key] / 1e6 / len(shares):.2f} | {total.share(key):.2f} |")
    fine = np.mean(shares) >= LEAST_RIGHT and sureness.share("very likely") >= LEAST_VERY_LIKELY
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
