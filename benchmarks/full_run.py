"""A full tile from the open scene to the finished GeoTIFF, beside the bare decoding of its pixels in the same run.

Run: python benchmarks/full_run.py [--quick] [--interleave pixel|band] [--repeats 3] [--folder DIR]. Makes its files
once (2 GB). Measures a sixteenth, a quarter and the whole of a tile of ten bands, each in a process of its own;
then, for the largest, smoothing, the default recipe, the command line and how good the classes are; all plain but
where it says otherwise. Ends with 1 where a target is missed. Figures are the median of the repeats; ratios are made
run by run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from common import ROOT, machine_words, verdict
from full_tile import FULL_SIDE, QUICK_SIDE, stack

sys.path.insert(0, str(ROOT))

from s2dash.classify.algorithms import LinearModel
from s2dash.core.recipe import Recipe
from s2dash.core.types import windows
from s2dash.settings import GDAL_ENVIRONMENT, thread_count

QUARTER_SIDE = 5_490
ASSIGN_TARGET, COG_TARGET, COMMAND_TARGET, SMOOTH_TIMES = 2.2, 3.0, 4.5, 2.0
"""Times the bare decoding; smoothing may take as often as much again."""
DEFAULT_TIMES = 3.0
"""How often the plain run's processor time the default recipe may take."""
PEAK_MB_TARGET = 1_000
INERTIA_TARGET = 0.1
"""Percent above the best of ten fits on two million pixels."""
FITS, FITTED_PIXELS = 10, 2_000_000
WAYS: Mapping[str, Callable[[Recipe], Recipe]] = {
    "plain": Recipe.plain,
    "3 x 3": lambda recipe: replace(recipe.plain(), smooth=3),
    "default": lambda recipe: recipe,
}
_WINDOW_RC = (512, 2048)
_AT_ONCE = 65_536


def decode(path: Path) -> None:
    """Decode every pixel with all cores, in windows of whole blocks, and do nothing with them."""
    import rasterio

    def read(number: int) -> None:
        with rasterio.open(path, driver="GTiff") as dataset:
            for window in list(windows(dataset.shape, _WINDOW_RC))[number :: thread_count()]:
                dataset.read(window=window.ranges_rc)

    with ThreadPoolExecutor(thread_count()) as pool:
        list(pool.map(read, range(thread_count())))


def measure(path: Path, repeats: int, way: str) -> list[dict[str, float]]:
    """Wall and CPU seconds of each stage, run by run, in this process."""
    from s2dash import ingest
    from s2dash.classify import pipeline
    from s2dash.classify.algorithms import load_libraries
    from s2dash.core import palette
    from s2dash.core.legend import default_legend
    from s2dash.core.recipe import default_recipe
    from s2dash.export.geotiff import write_geotiff_and_sidecar
    from s2dash.server import memory

    memory.share_pools()
    load_libraries()
    scene = ingest.open_in_place(path)
    assert scene is not None
    recipe = WAYS[way](default_recipe(scene))
    runs = []
    for _ in range(repeats):
        seconds: dict[str, float] = {}
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            with timed(seconds, "decode"):
                decode(path)
            with timed(seconds, "fit"):
                fitted = pipeline.fitted_to(scene, recipe)
            with timed(seconds, "assign"):
                result = pipeline.run_full(fitted, Path(folder) / "labels.tif")
            with timed(seconds, "cog"):
                standards = [band.standard for band in scene.bands]
                legend = default_legend(palette.class_colours(fitted.mean_reflectance, standards))
                write_geotiff_and_sidecar(result, legend, Path(folder) / "classes.tif")
        runs.append(seconds)
    return runs


@contextmanager
def timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    """Adds the block's wall and CPU seconds under `what` and `what cpu`."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    seconds[what], seconds[f"{what} cpu"] = time.perf_counter() - wall, time.process_time() - cpu


def in_own_process(path: Path, repeats: int, way: str = "plain") -> tuple[list[dict[str, float]], float]:
    """`measure` in a fresh process, and the most memory that it held, MB."""
    command = [sys.executable, __file__, "--measure", str(path), "--repeats", str(repeats), "--way", way]
    output, _, _, peak_mb = spent(command)
    return json.loads(output), peak_mb


def spent(command: list[str]) -> tuple[str, float, float, float]:
    """Standard output, wall and CPU seconds, and peak MB of a command; ends this script where it fails."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - started
        output.seek(0)
        text = output.read().decode()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}.")
    return text, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def ratios(runs: list[dict[str, float]], stages: tuple[str, ...], unit: str) -> float:
    """The stages together as a multiple of the decoding of the same run, the median over the runs."""
    return float(np.median([sum(run[stage + unit] for stage in stages) / run["decode" + unit] for run in runs]))


def spent_cpu(runs: list[dict[str, float]]) -> float:
    """CPU seconds of a whole run, the median over the runs."""
    return float(np.median([sum(run[f"{stage} cpu"] for stage in ("fit", "assign", "cog")) for run in runs]))


def report(name: str, runs: list[dict[str, float]], pixels: int, peak_mb: float) -> None:
    """Print one size's table row by row."""
    print(f"\n{name}: {pixels / 1e6:.1f} million pixels, {len(runs)} runs, peak {peak_mb:.0f} MB")
    print(f"  {'':8}{'wall s':>9}{'CPU s':>9}{'wall ns/pixel':>15}{'CPU ns/pixel':>15}")
    for stage in ("decode", "fit", "assign", "cog"):
        wall, cpu = (float(np.median([run[stage + unit] for run in runs])) for unit in ("", " cpu"))
        print(f"  {stage:8}{wall:9.2f}{cpu:9.2f}{1e9 * wall / pixels:15.1f}{1e9 * cpu / pixels:15.1f}")
    for stages in (("fit", "assign"), ("fit", "assign", "cog")):
        times = [ratios(runs, stages, unit) for unit in ("", " cpu")]
        print(f"  {' + '.join(stages)}: {times[0]:.2f} times the decoding in wall time, {times[1]:.2f} in CPU time")


def command_line(path: Path, repeats: int) -> tuple[float, float, float]:
    """`classify`, imports and all, over the decoding in the same run: wall, CPU; and its peak memory, MB."""
    import rasterio  # noqa: F401  the decoding is timed without it

    walls, cpus, peaks = [], [], []
    for _ in range(repeats):
        seconds: dict[str, float] = {}
        with timed(seconds, "decode"):
            decode(path)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            command = [sys.executable, "-m", "s2dash", "classify", str(path), "-o", str(Path(folder) / "classes.tif")]
            command += ["--preparation", "plain"]
            _, wall, cpu, peak_mb = spent(command)
        walls.append(wall / seconds["decode"])
        cpus.append(cpu / seconds["decode cpu"])
        peaks.append(peak_mb)
    return float(np.median(walls)), float(np.median(cpus)), max(peaks)


def above_the_best(path: Path) -> float:
    """Percent by which the default fit's inertia over all pixels exceeds the best of ten fits on two million."""
    from sklearn.cluster import KMeans

    from s2dash import ingest
    from s2dash.classify import pipeline
    from s2dash.classify.algorithms.threads import single_threaded
    from s2dash.core.recipe import default_recipe

    scene = ingest.open_in_place(path)
    assert scene is not None
    fitted = pipeline.fitted_to(scene, default_recipe(scene).plain())
    share = min(1.0, FITTED_PIXELS / scene.grid.pixel_count)

    def some(raw: np.ndarray, window: Any) -> np.ndarray:
        drawn = np.random.default_rng([1, window.row, window.col]).random(raw.shape[1]) < share
        return fitted.space.transform(raw[:, drawn])

    rows = np.concatenate(every_window(fitted, some))
    with single_threaded(), ThreadPoolExecutor(thread_count()) as pool:

        def fit(seed: int) -> Any:
            with single_threaded():
                return KMeans(fitted.recipe.k, n_init=1, random_state=seed).fit(rows)

        best = min(pool.map(fit, range(FITS)), key=lambda one: one.inertia_)
    assert isinstance(fitted.model, LinearModel)
    both = (fitted.model.weights, best.cluster_centers_.astype(np.float64))

    def inertias(raw: np.ndarray, window: Any) -> np.ndarray:
        total = np.zeros(2)
        for start in range(0, raw.shape[1], _AT_ONCE):
            part = fitted.space.transform(raw[:, start : start + _AT_ONCE], np.float64)
            square = (part**2).sum(axis=1)
            total += [(square + ((c**2).sum(axis=1) - 2 * part @ c.T).min(axis=1)).sum() for c in both]
        return total

    ours, theirs = np.sum(every_window(fitted, inertias), axis=0)
    return float(100 * (ours / theirs - 1))


def every_window(fitted: Any, work: Callable[[np.ndarray, Any], np.ndarray]) -> list[np.ndarray]:
    """What `work` makes of the raw features of each window's valid pixels, shape (features, pixels)."""
    from s2dash.classify.features import window_features
    from s2dash.raster.reading import SceneReader

    todo = list(windows(fitted.scene.grid.shape_rc, _WINDOW_RC))

    def stretch(number: int) -> list[np.ndarray]:
        with SceneReader(fitted.scene) as reader:
            out = []
            for window in todo[number :: thread_count()]:
                pixels = window_features(fitted.prepared, reader, window)
                out.append(work(pixels.values[:, pixels.valid], window))
            return out

    with ThreadPoolExecutor(thread_count()) as pool:
        return [one for some in pool.map(stretch, range(thread_count())) for one in some]


def main() -> int:
    """Measure all; returns the exit status."""
    os.environ.update(GDAL_ENVIRONMENT)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "s2dash-bench")
    parser.add_argument("--interleave", choices=("pixel", "band"), default="pixel")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a sixteenth of a tile only")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--way", choices=tuple(WAYS), default="plain", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.repeats, arguments.way)))
        return 0

    sides = (QUICK_SIDE,) if arguments.quick else (QUICK_SIDE, QUARTER_SIDE, FULL_SIDE)
    paths = [stack(arguments.folder, side, arguments.interleave) for side in sides]
    print(machine_words())
    for side, path in zip(sides, paths, strict=True):
        runs, peak_mb = in_own_process(path, arguments.repeats)
        report(f"{side} x {side} x 10, {arguments.interleave}", runs, side**2, peak_mb)
    smooth_runs, smooth_peak_mb = in_own_process(paths[-1], 1, "3 x 3")
    report("with 3 x 3 smoothing", smooth_runs, sides[-1] ** 2, smooth_peak_mb)
    default_runs, default_peak_mb = in_own_process(paths[-1], 1, "default")
    report("the default recipe", default_runs, sides[-1] ** 2, default_peak_mb)
    wall, cpu, command_peak_mb = command_line(paths[-1], arguments.repeats)
    print(f"\ncommand line: {wall:.2f} times the decoding in wall time, {cpu:.2f} in CPU time")
    fit_assign, whole = ("fit", "assign"), ("fit", "assign", "cog")
    met = [
        verdict("sample + fit + assign over decoding, wall", ratios(runs, fit_assign, ""), ASSIGN_TARGET, ".2f"),
        verdict("the same with the COG", ratios(runs, whole, ""), COG_TARGET, ".2f"),
        verdict("the same with 3 x 3 smoothing", ratios(smooth_runs, whole, ""), SMOOTH_TIMES * COG_TARGET, ".2f"),
        verdict("command line over decoding, wall", wall, COMMAND_TARGET, ".2f"),
        verdict("the default recipe over plain, CPU", spent_cpu(default_runs) / spent_cpu(runs), DEFAULT_TIMES, ".2f"),
        verdict(
            "peak memory, MB", max(peak_mb, smooth_peak_mb, default_peak_mb, command_peak_mb), PEAK_MB_TARGET, ".0f"
        ),
        verdict("inertia, percent above the best", above_the_best(paths[-1]), INERTIA_TARGET, ".3f"),
    ]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
