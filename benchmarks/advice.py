"""How long advice on k and a cut of the nested tree take on the sample scene.

Run: python benchmarks/advice.py. Prints each figure beside its target; the exit status is 1 where one is missed.
Time of the processor is of all threads together: on a busy machine it says more than time by the clock.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from common import ROOT, machine_words, verdict

sys.path.insert(0, str(ROOT))

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.classify.advice import sweep
from s2dash.classify.algorithms import load_libraries, nearest
from s2dash.classify.algorithms.nested_groups import NestedModel
from s2dash.classify.prepare import Memo
from s2dash.core.recipe import default_recipe

CUTS = (8, 9, 7, 12, 5, 15)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock and of the processor."""
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - cpu


def advice_times(algorithm: str) -> tuple[float, float]:
    """Seconds by the clock until every k has its scores, and until every k has its stability."""
    scene = ingest.sample_scene("coast")
    prepared = pipeline.prepare(scene, pipeline.apply_algorithm(default_recipe(scene).plain(), algorithm), Memo())
    sample = pipeline.sample_of(prepared)
    clock, cpu = time.perf_counter(), time.process_time()
    at = [
        (time.perf_counter() - clock, time.process_time() - cpu, column.stability is None)
        for column in sweep(prepared, sample)
    ]
    plain = [one for one in at if one[2]]
    print(f"{algorithm}: first k after {at[0][0]:.2f} s")
    print(f"  k = 2 to 15: {plain[-1][0]:.2f} s, {plain[-1][1]:.2f} s of the processor")
    print(f"  with stability: {at[-1][0]:.2f} s, {at[-1][1]:.2f} s of the processor")
    return plain[-1][0], at[-1][0]


def cut_times() -> tuple[float, float]:
    """Median seconds of one cut, and of all that a move of k takes to labels of the live picture."""
    scene, keep = ingest.sample_scene("coast"), Memo()
    recipe = replace(default_recipe(scene).plain(), algorithm="nested-groups")

    def move(k: int) -> pipeline.Fitted:
        fitted = pipeline.fit(pipeline.prepare(scene, replace(recipe, k=k), keep))
        pipeline.run_live(fitted)
        return fitted

    first, first_cpu = timed(partial(move, 8))
    print(f"nested groups: first map {first:.2f} s, {first_cpu:.2f} s of the processor")
    moves = [timed(partial(move, k)) for k in CUTS]
    model = move(10).model
    assert isinstance(model, NestedModel)
    cut = float(np.median([timed(partial(model.tree.cut, k))[0] for k in CUTS]))
    whole, cpu = (float(np.median(of)) for of in zip(*moves, strict=True))
    print(f"  another k: {whole * 1000:.0f} ms, {cpu * 1000:.0f} ms of the processor")
    return cut, whole


def per_pixel(centres: int) -> float:
    """Nanoseconds of the processor for each pixel of ten bands and so many centres."""
    rng = np.random.default_rng(0)
    values, valid = rng.integers(0, 4_000, (10, 1_000_000)).astype(np.uint16), np.ones(1_000_000, dtype=bool)
    weights, free = rng.random((centres, 10)) * 4_000, np.full(10, np.inf)
    bias = 0.5 * (weights**2).sum(axis=1)
    return timed(lambda: nearest.assign(values, valid, -free, free, weights, bias))[1] * 1000


def main() -> int:
    """Print the figures; returns the exit status."""
    print(machine_words())
    load_libraries()
    plain, whole = advice_times("kmeans")
    advice_times("nested-groups")
    cut, _ = cut_times()
    print("labels: " + ", ".join(f"{per_pixel(n):.0f} ns a pixel for {n} centres" for n in (8, 240)))
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    met = [
        verdict("advice without stability, seconds", plain, 3, ".2f"),
        verdict("advice with stability, seconds", whole, 15, ".2f"),
        verdict("cut of the tree, milliseconds", cut * 1000, 50, ".1f"),
    ]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
