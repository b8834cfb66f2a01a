"""Favouring rare classes: what is learnt from is drawn so that rare kinds of pixels count for more than their number.

Algorithms that look for small distances spend their classes on what is frequent: a wide forest is split before a lake
is found. Weighing pixels by the frequency of their kind to the power of -0.5 is half of the way to counting all kinds
alike (benchmarks/README.md has what it brought). Drawing by these weights, not handing them on, serves every algorithm.
"""

from __future__ import annotations

import numpy as np

from s2dash.classify.algorithms.kmeans import rows_by_cell
from s2dash.core.recipe import Recipe

_KINDS = 256
"""Cells of near neighbours that count as one kind each."""


def learnt_from(recipe: Recipe, rows: np.ndarray) -> np.ndarray:
    """The rows that classes are learnt from, shape (pixels, features): as given, or drawn to favour rare kinds.

    As many rows as there are: of a kind with n of them in proportion to the root of n, evenly spaced among them, so
    some come several times and others not at all. Equal rows give equal ones.
    """
    if not recipe.favour_rare:
        return rows
    places, sizes = rows_by_cell(rows, _KINDS)
    ends = np.cumsum(np.repeat(sizes**-0.5, sizes))
    wanted = (np.arange(len(rows)) + 0.5) * (ends[-1] / len(rows))
    chosen = np.sort(places[np.minimum(np.searchsorted(ends, wanted), len(rows) - 1)])
    return np.ascontiguousarray(rows[chosen])
