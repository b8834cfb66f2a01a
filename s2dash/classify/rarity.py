"""Favouring rare classes: what is learnt from is drawn so that rare kinds of pixels count for more than their number.

Algorithms that look for small distances spend their classes on what is frequent: a wide forest is split before a lake
is found. Weighing pixels by the frequency of their kind to the power of -0.5 is half of the way to counting all kinds
alike (benchmarks/README.md has what it brought). Drawing by these weights, not handing them on, serves every algorithm.
"""

from __future__ import annotations

import numpy as np

from s2dash.classify.algorithms.base import LinearModel
from s2dash.classify.algorithms.kmeans import small_groups
from s2dash.classify.algorithms.threads import single_threaded
from s2dash.core.recipe import Recipe

_KINDS = 64
"""Small groups by k-means that count as one kind each: cells cut at means are too much of one size."""
_ROWS_AT_ONCE = 16_384


def learnt_from(recipe: Recipe, rows: np.ndarray) -> np.ndarray:
    """The rows that classes are learnt from, shape (pixels, features): as given, or drawn to favour rare kinds.

    As many rows as there are: of a kind with n of them in proportion to the root of n, evenly spaced among them, so
    some come several times and others not at all. Equal rows give equal ones.
    """
    if not recipe.favour_rare:
        return rows
    with single_threaded():
        kinds = _kinds(rows, recipe.seed)
    places, sizes = np.argsort(kinds, kind="stable"), np.bincount(kinds)
    ends = np.cumsum(np.repeat(np.maximum(sizes, 1) ** -0.5, sizes))
    wanted = (np.arange(len(rows)) + 0.5) * (ends[-1] / len(rows))
    chosen = np.sort(places[np.minimum(np.searchsorted(ends, wanted), len(rows) - 1)])
    return np.ascontiguousarray(rows[chosen])


def _kinds(rows: np.ndarray, seed: int) -> np.ndarray:
    """The kind of each row, whole numbers from 0."""
    nearest = LinearModel.nearest_centre(small_groups(rows, _KINDS, seed))
    parts = [rows[start : start + _ROWS_AT_ONCE] for start in range(0, len(rows), _ROWS_AT_ONCE)]
    return np.concatenate([nearest.predict(part) for part in parts])
