"""K-means by Lloyd's algorithm from k-means++ starts (Arthur and Vassilvitskii, 2007), with a search for the best.

Starts alone miss the best optimum too often, and on all rows each costs as much as a whole fit. So the rows are
first brought together in a few thousand cells of near neighbours, whose weighted means have almost the same optima
(as in BIRCH, Zhang, Ramakrishnan and Livny 1996). There the search goes on: from the best of a few starts, single
centres are moved elsewhere and Lloyd's algorithm goes on from there, as in the random swaps of Fränti (2018,
"Efficiency of random swap clustering"). The best optima found are then polished on all rows, because which of two
near ones is better shows only there (benchmarks/README.md has the figures).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from s2dash.classify.algorithms.base import Algorithm, LinearModel, Param
from s2dash.classify.algorithms.threads import side_by_side
from s2dash.core.byte_cache import ByteCache, held_by_arrays
from s2dash.core.recipe import ParamValue
from s2dash.core.types import cancel_token
from s2dash.settings import LIVE_LIMITS

if TYPE_CHECKING:
    from sklearn.cluster import KMeans

_LEAST_CELLS, _CELLS_A_CLASS = 2_048, 32
_MOST_ROWS = 200_000
"""That are brought together: of more, evenly spaced ones."""
_SEARCH_TOLERANCE = 1e-3
_SWAP_ROUNDS = 4
_SWAPS = 6
"""Moves of one centre tried in each round; the next round begins from the best so far."""
_MOST_SCORES = 2_000_000
"""Distances from cells to centres that are held at once."""
_WORTH_POLISHING = 1.005
"""Optima up to this multiple of the best inertia of the search are polished."""
_DISTINCT = 1.0015
"""Two optima count as one when their inertia differs by less than this factor."""
_MOST_POLISHED = 2
_TOLD_APART_DECIMALS = 5
"""Of the largest value."""
_SMALL_GROUP_ROUNDS = 100


@dataclass(frozen=True, eq=False)
class _Cells:
    """Rows brought together where they lie close to each other."""

    middle: np.ndarray
    """Of all rows, shape (features,)."""
    means: np.ndarray
    """Seen from the middle, as small numbers keep their digits; shape (cells, features), in the dtype of the rows."""
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
    cells = _cells_for(features, k)
    centres, inertias = _search(cells, k, starts, rounds, np.random.default_rng(seed))
    order = np.argsort(inertias, kind="stable")
    kept = order[:1].tolist()
    for one in order[1:].tolist():
        if inertias[one] > inertias[kept[0]] * _WORTH_POLISHING or len(kept) == _MOST_POLISHED:
            break
        if inertias[one] > inertias[kept[-1]] * _DISTINCT:
            kept.append(one)
    return [centres[one] + cells.middle for one in kept]


def _cells_for(features: np.ndarray, k: int) -> _Cells:
    """Cells enough for k classes; each row is its own where rows are few, or too much alike to be told apart."""
    rows = np.ascontiguousarray(features[:: -(-len(features) // _MOST_ROWS)])
    wanted = enough_cells(k)
    cells = _kept_cells(rows, wanted) if len(rows) > 2 * wanted else None
    if cells is None or len(cells.means) < 2 * k:
        middle = rows.mean(axis=0, dtype=np.float64).astype(rows.dtype)
        return _Cells(middle, rows - middle, np.ones(len(rows)))
    return cells


def enough_cells(k: int) -> int:
    """How many cells stand for rows that k classes are learnt from."""
    return max(_LEAST_CELLS, _CELLS_A_CLASS * k)


kept_cells: ByteCache[tuple[bytes, tuple[int, ...], int], _Cells] = ByteCache(
    LIVE_LIMITS.most_near_bytes, lambda cells: held_by_arrays(cells.means, cells.counts)
)
"""Of this process: another k, as it is tried again and again, changes no cells."""


def _kept_cells(rows: np.ndarray, wanted: int) -> _Cells:
    """The same as `_cells`, made once for equal rows."""
    key = (blake2b(rows.data, digest_size=16).digest(), rows.shape, wanted)
    return kept_cells.get(key, lambda: _cells(rows, wanted))


def near_cells(rows: np.ndarray, wanted: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """About so many cells of near neighbours: the middle of all rows, means seen from there, and rows in each.

    Made once for equal rows. Where rows are few each is its own cell.
    """
    few = rows[:: -(-len(rows) // _MOST_ROWS)]
    if len(few) <= 2 * wanted:
        middle = few.mean(axis=0, dtype=np.float64).astype(few.dtype)
        return middle, few - middle, np.ones(len(few))
    cells = _kept_cells(np.ascontiguousarray(few), wanted)
    return cells.middle, cells.means, cells.counts


def _cells(rows: np.ndarray, wanted: int) -> _Cells:
    """About so many cells of near neighbours, for rows of shape (n, features)."""
    middle, ordered, starts = _cut(rows, wanted)
    counts = np.diff(starts, append=len(ordered)).astype(np.float64)
    means = np.add.reduceat(ordered, starts, axis=0, dtype=np.float64) / counts[:, None]
    return _Cells(middle, means.astype(rows.dtype), counts)


def small_groups(rows: np.ndarray, wanted: int, seed: int) -> np.ndarray:
    """Centres of about so many small groups by k-means on cells of near neighbours, in an order of their own.

    Shape (groups, features), float64, by the sum of their features.
    """
    from sklearn.cluster import KMeans

    middle, means, counts = near_cells(rows, _LEAST_CELLS)
    centres = np.unique(means, axis=0)
    if len(centres) > wanted:
        centres = _told_apart(means)
    if len(centres) > wanted:
        centres = (
            KMeans(wanted, n_init=1, max_iter=_SMALL_GROUP_ROUNDS, random_state=seed)
            .fit(means, sample_weight=counts)
            .cluster_centers_
        )
    centres = centres.astype(np.float64) + middle
    return centres[np.lexsort((*centres.T, centres.sum(axis=1)))]


def _told_apart(means: np.ndarray) -> np.ndarray:
    """One of each that differ by more than rounding, of which k-means could make no more groups."""
    rounded = np.round(means / max(float(np.abs(means).max()), 1e-30), _TOLD_APART_DECIMALS)
    return means[np.unique(rounded, axis=0, return_index=True)[1]]


def _cut(rows: np.ndarray, wanted: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The middle of all rows; rows seen from there, cell by cell; and where each cell begins.

    All begin as one cell, and each cell is cut at its mean in the feature that varies most within it, until there
    are enough: by means and not by medians, so that what is rare and far off gets cells of its own.
    """
    middle = rows.mean(axis=0, dtype=np.float64).astype(rows.dtype)
    ordered = rows - middle
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
    return middle, ordered, starts


def _search(cells: _Cells, k: int, starts: int, rounds: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Centres of all tries, shape (tries, k, features), and their inertia on the cells, shape (tries,)."""
    from sklearn.cluster import kmeans_plusplus

    seeds = rng.integers(2**31, size=starts).tolist()
    begun = [kmeans_plusplus(cells.means, k, sample_weight=cells.counts, random_state=one)[0] for one in seeds]
    centres, inertias = _climbed(cells, np.stack(begun), rounds)
    for _ in range(_SWAP_ROUNDS):
        moved, found = _climbed(cells, _swapped(cells, centres[inertias.argmin()], rng), rounds)
        centres, inertias = np.concatenate([centres, moved]), np.concatenate([inertias, found])
    return centres, inertias


def _climbed(cells: _Cells, centres: np.ndarray, rounds: int) -> tuple[np.ndarray, np.ndarray]:
    """Where Lloyd's algorithm leads from each of several sets of centres, and the inertia there.

    All are led side by side, as on so few rows most of the time would go into calls. A centre without rows stays.
    `centres` has shape (tries, k, features).
    """
    cancel = cancel_token()
    at_once = max(1, _MOST_SCORES // (len(cells.means) * centres.shape[1]))
    least = _SEARCH_TOLERANCE * float(cells.means.var(axis=0).mean())
    centres = centres.copy()
    inertias = np.empty(len(centres))
    for start in range(0, len(centres), at_once):
        moving = np.arange(start, min(start + at_once, len(centres)))
        for _ in range(rounds):
            cancel.check()
            moved, inertias[moving] = _step(cells, centres[moving])
            shift = ((moved - centres[moving]) ** 2).sum(axis=(1, 2))
            centres[moving] = moved
            moving = moving[shift > least]
            if not len(moving):
                break
    return centres, inertias


def _step(cells: _Cells, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One round of Lloyd's algorithm for each set of centres, and the inertia before it."""
    tries, k, features = centres.shape
    flat = centres.reshape(-1, features)
    # Half the squared distance, but for half of the cell's own squared length.
    scores = (0.5 * (flat**2).sum(axis=1) - cells.means @ flat.T).reshape(-1, tries, k)
    own = scores.argmin(axis=2)
    nearest = np.take_along_axis(scores, own[:, :, None], axis=2)[:, :, 0]
    inertias = 2 * (cells.counts @ nearest) + cells.counts @ (cells.means.astype(np.float64) ** 2).sum(axis=1)
    belongs = np.zeros((len(own), tries * k), dtype=centres.dtype)
    belongs[np.arange(len(own))[:, None], own + np.arange(tries) * k] = cells.counts[:, None]
    sizes = belongs.sum(axis=0)[:, None]
    sums = belongs.T @ cells.means
    return np.where(sizes > 0, sums / np.maximum(sizes, 1), flat).reshape(centres.shape), inertias


def _swapped(cells: _Cells, centres: np.ndarray, rng: np.random.Generator) -> np.ndarray:
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
    moved = np.repeat(centres[None], _SWAPS, axis=0)
    for one in moved:
        one[rng.choice(len(centres), p=ease / ease.sum())] = cells.means[rng.choice(len(cells.means), p=far)]
    return moved


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
    has_centres=True,
)
