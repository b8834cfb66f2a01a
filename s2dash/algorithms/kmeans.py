"""K-means by Lloyd's algorithm from k-means++ starts (Arthur and Vassilvitskii, 2007), with a search for the best.

Starts alone miss the best optimum too often, and on all rows each costs as much as a whole fit. So the rows are
first brought together in a few thousand cells of near neighbours, whose weighted means have almost the same optima
(as in BIRCH, Zhang, Ramakrishnan and Livny 1996). There the search goes on: from the best of a few starts, single
centres are moved elsewhere and Lloyd's algorithm goes on from there, as in the random swaps of Fränti (2018,
"Efficiency of random swap clustering"). The best optima found are then polished on all rows, because which of two
near ones is better shows only there (benchmarks/README.md has the figures).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from s2dash.algorithms.base import Algorithm, LinearModel, Param
from s2dash.algorithms.threads import side_by_side
from s2dash.recipe import ParamValue
from s2dash.types import cancel_token

if TYPE_CHECKING:
    from sklearn.cluster import KMeans

_LEAST_CELLS, _CELLS_A_CLASS = 2_048, 64
_MOST_ROWS = 200_000
"""That are brought together: of more, evenly spaced ones."""
_CELLS_KEPT = 64
"""Of about 100 kB for ten features."""
_SEARCH_TOLERANCE = 1e-3
_SWAP_ROUNDS = 4
_SWAPS = 6
"""Moves of one centre tried in each round; the next round begins from the best so far."""
_WORTH_POLISHING = 1.005
"""Optima up to this multiple of the best inertia of the search are polished."""
_DISTINCT = 1.0015
"""Two optima count as one when their inertia differs by less than this factor."""
_MOST_POLISHED = 2


@dataclass(frozen=True, eq=False)
class _Cells:
    """Rows brought together where they lie close to each other."""

    means: np.ndarray
    """Shape (cells, features), in the dtype of the rows."""
    counts: np.ndarray
    """Rows in each, shape (cells,), float64."""


def fit(features: np.ndarray, k: int, params: Mapping[str, ParamValue], seed: int) -> LinearModel:
    """The best centres found from `n_init` starts; with one start it is exactly scikit-learn's KMeans."""
    from sklearn.cluster import KMeans

    starts, rounds, tolerance = int(params["n_init"]), int(params["max_iter"]), float(params["tol"])
    if starts == 1:
        whole = KMeans(k, n_init=1, max_iter=rounds, tol=tolerance, random_state=seed).fit(features)
        return LinearModel.nearest_centre(whole.cluster_centers_)

    def polish(centres: np.ndarray) -> KMeans:
        return KMeans(k, init=centres, n_init=1, max_iter=rounds, tol=tolerance).fit(features)

    polished = side_by_side(polish, _distinct_optima(features, k, starts, rounds, seed))
    return LinearModel.nearest_centre(min(polished, key=lambda one: one.inertia_).cluster_centers_)


def _distinct_optima(features: np.ndarray, k: int, starts: int, rounds: int, seed: int) -> list[np.ndarray]:
    """Centres of the different good optima found on cells, best first."""
    rng = np.random.default_rng(seed)
    tries = _search(_cells_for(features, k), k, starts, rounds, rng)
    kept = [tries[0]]
    for one in tries[1:]:
        if one.inertia_ > tries[0].inertia_ * _WORTH_POLISHING or len(kept) == _MOST_POLISHED:
            break
        if one.inertia_ > kept[-1].inertia_ * _DISTINCT:
            kept.append(one)
    return [one.cluster_centers_ for one in kept]


def _cells_for(features: np.ndarray, k: int) -> _Cells:
    """Cells enough for k classes; each row is its own where rows are few, or too much alike to be told apart."""
    rows = np.ascontiguousarray(features[:: -(-len(features) // _MOST_ROWS)])
    wanted = max(_LEAST_CELLS, _CELLS_A_CLASS * k)
    cells = _kept_cells(rows, wanted) if len(rows) > 2 * wanted else None
    if cells is None or len(cells.means) < 2 * k:
        return _Cells(rows, np.ones(len(rows)))
    return cells


_kept: OrderedDict[tuple[bytes, tuple[int, ...], int], _Cells] = OrderedDict()
_kept_lock = Lock()


def _kept_cells(rows: np.ndarray, wanted: int) -> _Cells:
    """The same as `_cells`, made once for equal rows: another k, as it is tried again and again, changes none."""
    key = (blake2b(rows.data, digest_size=16).digest(), rows.shape, wanted)
    with _kept_lock:
        cells = _kept.pop(key, None)
    cells = cells or _cells(rows, wanted)
    with _kept_lock:
        _kept[key] = cells
        while len(_kept) > _CELLS_KEPT:
            _kept.popitem(last=False)
    return cells


def _cells(rows: np.ndarray, wanted: int) -> _Cells:
    """About so many cells of near neighbours, for rows of shape (n, features).

    All begin as one cell, and each cell is cut at its mean in the feature that varies most within it, until there
    are enough: by means and not by medians, so that what is rare and far off gets cells of its own.
    """
    shift = rows.mean(axis=0, dtype=np.float64).astype(rows.dtype)
    ordered = rows - shift
    starts = np.zeros(1, dtype=np.intp)
    for _ in range(int(np.ceil(np.log2(wanted)))):
        sizes = np.diff(starts, append=len(ordered))
        means = np.add.reduceat(ordered, starts, axis=0) / sizes[:, None].astype(rows.dtype)
        spread = np.add.reduceat(ordered**2, starts, axis=0) / sizes[:, None].astype(rows.dtype) - means**2
        widest = spread.argmax(axis=1)
        cell = np.repeat(np.arange(len(starts)), sizes)
        is_above = ordered[np.arange(len(ordered)), widest[cell]] > means[np.arange(len(starts)), widest][cell]
        side = cell * 2 + is_above
        order = np.argsort(side, kind="stable")
        ordered, side = ordered[order], side[order]
        starts = np.flatnonzero(np.diff(side, prepend=-1))
    counts = np.diff(starts, append=len(ordered)).astype(np.float64)
    means = np.add.reduceat(ordered, starts, axis=0, dtype=np.float64) / counts[:, None]
    return _Cells((means + shift).astype(rows.dtype), counts)


def _search(cells: _Cells, k: int, starts: int, rounds: int, rng: np.random.Generator) -> list[KMeans]:
    """All fits of the search, best first; equal ones in the order they were begun."""
    from sklearn.cluster import KMeans

    cancel = cancel_token()

    def climbed(**choices: object) -> KMeans:
        cancel.check()
        estimator = KMeans(k, n_init=1, max_iter=rounds, tol=_SEARCH_TOLERANCE, **choices)
        return estimator.fit(cells.means, sample_weight=cells.counts)

    # One after the other: each is so short that threads would mostly wait for each other.
    tries = [climbed(random_state=start) for start in rng.integers(2**31, size=starts).tolist()]
    for _ in range(_SWAP_ROUNDS):
        best = min(tries, key=lambda one: one.inertia_)
        tries += [climbed(init=centres) for centres in _swapped(cells, best.cluster_centers_, rng)]
    return sorted(tries, key=lambda one: one.inertia_)


def _swapped(cells: _Cells, centres: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Copies of the centres with one moved each: likely one that is missed least, to a cell far from all.

    A centre is missed by what its rows' squared distance grows when each goes to its second nearest.
    """
    near = np.full((2, len(cells.means)), np.inf)
    own = np.zeros(len(cells.means), dtype=np.intp)
    for number, centre in enumerate(centres):
        squared = ((cells.means - centre) ** 2).sum(axis=1, dtype=np.float64)
        closer = squared < near[0]
        own[closer] = number
        near[1] = np.where(closer, near[0], np.minimum(near[1], squared))
        near[0] = np.minimum(near[0], squared)
    missed = np.bincount(own, cells.counts * (near[1] - near[0]), minlength=len(centres))
    ease = 1 / np.maximum(missed, max(missed.max(), 1e-300) * 1e-9)
    weighted = cells.counts * near[0]
    total = weighted.sum()
    far = weighted / total if total > 0 else None
    out = []
    for _ in range(_SWAPS):
        moved = centres.copy()
        moved[rng.choice(len(centres), p=ease / ease.sum())] = cells.means[rng.choice(len(cells.means), p=far)]
        out.append(moved)
    return out


ALGORITHM = Algorithm(
    name="kmeans",
    label="K-means",
    help="Each pixel joins the group whose average it is closest to. Fast, and a good start.",
    params=(
        Param(
            "n_init", "Restarts", "How many random starts are compared. More finds better groups, slower.", 6, 1, 100
        ),
        Param("max_iter", "Most rounds", "When a start stops at the latest.", 300, 1, 1000),
        Param(
            "tol", "Stop when still", "How little the centres may still move; smaller is more exact.", 1e-4, 0.0, 0.1
        ),
    ),
    fit=fit,
)
