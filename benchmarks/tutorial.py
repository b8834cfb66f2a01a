"""The tutorial's own way beside `python -m s2dash classify`: seconds, peak memory and inertia of the same run.

Run: python benchmarks/tutorial.py [--only sample|full]. The tutorial's way reads all bands, fits scikit-learn's
KMeans(8) on every pixel in float64 and writes a GeoTIFF. Ours runs with its defaults, and on raw bands as the
tutorial does. Each runs in a process of its own; imports are reported apart. The larger scene, 2745 x 2745 x 10,
is made here from a seed. Ends with 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from common import ROOT, SAMPLE_PATH, machine_words, verdict
from rasterio.transform import from_origin

INERTIA_TARGET = 0.1
"""Percent above the best of ten full fits."""
FULL_FITS = 10
K = 8
SIDE, BANDS = 2745, ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")

TUTORIAL = f"""
import json, resource, sys, time
started = time.perf_counter()
import numpy as np
import rasterio
from sklearn.cluster import KMeans
imported = time.perf_counter()
with rasterio.open(sys.argv[1]) as source:
    image, profile = source.read(), source.profile
bands, rows, cols = image.shape
pixels = image.transpose(1, 2, 0).reshape(-1, bands).astype(np.float64)
labels = KMeans(n_clusters={K}).fit(pixels).labels_.reshape(rows, cols)
profile.update(count=1, dtype="uint8", nodata=None)
with rasterio.open(sys.argv[2], "w", **profile) as out:
    out.write(labels.astype(np.uint8) + 1, 1)
ended = time.perf_counter()
print(json.dumps({{"seconds": {{"work": ended - imported, "total": ended - started}}}}))
"""


@dataclass(frozen=True)
class Run:
    """One process from start to end."""

    name: str
    work_seconds: float
    total_seconds: float
    """With imports and the start of Python."""
    peak_mib: float
    labels_path: Path


def measured(name: str, command: list[str], labels_path: Path) -> Run:
    """Run a command that prints JSON with `seconds.work`."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    words = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    total = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{name} ended with {process.returncode}.")
    return Run(name, json.loads(words)["seconds"]["work"], total, usage.ru_maxrss / 1024, labels_path)


def inertia_of_labels(rows: np.ndarray, labels: np.ndarray) -> float:
    """Summed squared distance of rows, shape (pixels, features), to the mean of their class; 0 is no class."""
    total = 0.0
    for number in np.unique(labels[labels > 0]):
        of_class = rows[labels == number]
        total += float(((of_class - of_class.mean(axis=0)) ** 2).sum())
    return total


def best_of_full_fits(rows: np.ndarray) -> float:
    """The smallest inertia of ten fits of scikit-learn on all rows, one k-means++ start each."""
    from sklearn.cluster import KMeans

    return min(float(KMeans(K, n_init=1, random_state=seed).fit(rows).inertia_) for seed in range(FULL_FITS))


def make_scene(path: Path, seed: int = 0) -> None:
    """Write a scene of correlated land-cover patches, uint16, tiled by 512, deflate, with band names.

    Patches of three sizes choose among twelve kinds of ground with spectra of their own; brightness
    varies smoothly within, and each pixel has noise.
    """
    rng = np.random.default_rng(seed)
    kinds = 12
    spectra = np.cumsum(rng.uniform(-350, 500, (kinds, len(BANDS))), axis=1) + rng.uniform(500, 2500, (kinds, 1))
    spectra = np.clip(spectra, 150, 9000).astype(np.float32)
    fields = [np.kron(rng.random((-(-SIDE // n),) * 2), np.ones((n, n)))[:SIDE, :SIDE] for n in (240, 60, 15)]
    kind = np.minimum((fields[0] * 0.5 + fields[1] * 0.3 + fields[2] * 0.2) * kinds, kinds - 1).astype(np.uint8)
    light = (0.85 + 0.3 * np.kron(rng.random((-(-SIDE // 30),) * 2), np.ones((30, 30)))[:SIDE, :SIDE]).astype(
        np.float32
    )
    profile = {
        "driver": "GTiff", "width": SIDE, "height": SIDE, "count": len(BANDS), "dtype": "uint16", "tiled": True,
        "blockxsize": 512, "blockysize": 512, "compress": "deflate", "predictor": 2, "zlevel": 1, "interleave": "pixel",
        "crs": "EPSG:32633", "transform": from_origin(500_000, 5_000_000, 10, 10), "num_threads": 2,
    }  # fmt: skip
    scene = np.empty((len(BANDS), SIDE, SIDE), dtype=np.uint16)
    common = rng.standard_normal((SIDE, SIDE), dtype=np.float32) * 60
    for number in range(len(BANDS)):
        noise = rng.standard_normal((SIDE, SIDE), dtype=np.float32) * 30
        scene[number] = np.clip(spectra[kind, number] * light + common + noise, 1, 12_000)
    with rasterio.open(path, "w", **profile) as out:
        out.write(scene)
        out.descriptions = BANDS


def compare(path: Path, scratch: Path, least_speed_up: float) -> bool:
    """Run and print the three ways on one scene; returns whether all targets are met."""
    python = sys.executable
    classify = [python, "-m", "s2dash", "classify", str(path), "-o"]
    tutorial, default, raw = (scratch / f"{name}.tif" for name in ("tutorial", "default", "raw"))
    everything = ["--bands", "all", "--preparation", "plain", "--scale", "none"]
    runs = [
        measured("tutorial", [python, "-c", TUTORIAL, str(path), str(tutorial)], tutorial),
        measured("s2dash, defaults", [*classify, str(default)], default),
        measured("s2dash, raw bands", [*classify, str(raw), *everything], raw),
    ]
    with rasterio.open(path) as source:
        stored, names = source.read(), [d or "" for d in source.descriptions]
    raw_rows = stored.reshape(len(stored), -1).T.astype(np.float64)
    ground = [i for i, name in enumerate(names) if name not in ("B01", "B09", "B10")]
    standard_rows = raw_rows[:, ground]
    standard_rows = (standard_rows - standard_rows.mean(axis=0)) / standard_rows.std(axis=0)
    spaces = {"raw bands": raw_rows, "standardised": standard_rows}
    best = {name: best_of_full_fits(rows) for name, rows in spaces.items()}
    print("| way | work s | total s | peak MiB | raw inertia, % above best | standardised, % above best |")
    print("|---|--:|--:|--:|--:|--:|")
    above: dict[tuple[str, str], float] = {}
    for run in runs:
        with rasterio.open(run.labels_path) as source:
            labels = source.read(1).ravel()
        for space, rows in spaces.items():
            above[run.name, space] = 100 * (inertia_of_labels(rows, labels) / best[space] - 1)
        figures = " | ".join(f"{above[run.name, space]:.3f}" for space in spaces)
        print(f"| {run.name} | {run.work_seconds:.2f} | {run.total_seconds:.2f} | {run.peak_mib:.0f} | {figures} |")
    met = [
        verdict(
            f"{run.name}: work against the tutorial's",
            run.work_seconds / runs[0].work_seconds,
            1 / least_speed_up,
            ".3f",
        )
        for run in runs[1:]
    ]
    met += [
        verdict("defaults, standardised inertia, %", above[runs[1].name, "standardised"], INERTIA_TARGET, ".3f"),
        verdict("raw bands, raw inertia, %", above[runs[2].name, "raw bands"], INERTIA_TARGET, ".3f"),
    ]
    return all(met)


def main() -> int:
    """Measure both scenes; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", choices=("sample", "full"))
    arguments = parser.parse_args()
    print(machine_words())
    met = True
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        if arguments.only != "full":
            print("\nSample scene, 768 x 768 x 13\n")
            met &= compare(SAMPLE_PATH, scratch, least_speed_up=1)
        if arguments.only != "sample":
            started = time.perf_counter()
            make_scene(scratch / "scene.tif")
            size_mb = (scratch / "scene.tif").stat().st_size / 1e6
            print(
                f"\n{SIDE} x {SIDE} x {len(BANDS)}, made in {time.perf_counter() - started:.1f} s, {size_mb:.0f} MB\n"
            )
            met &= compare(scratch / "scene.tif", scratch, least_speed_up=5)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
