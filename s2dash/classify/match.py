"""Which class of one map is which of another: what keeps its name and its colour when something else has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from s2dash.core.classmap import Result
from s2dash.core.scene import Scene

LEAST_OVERLAP = 0.5
"""Share of the pixels of one of two classes, whichever is smaller, that must be shared for them to be the same."""
MOST_DISTANCE = 0.04
"""Reflectance: root mean square, over the bands that both scenes have, by which class means may differ."""


def matching_classes(before: Result, after: Result) -> dict[int, int]:
    """For each class of `after` that is one of `before`, its number there; a class without a partner is new.

    By overlap of labels where both show the same ground in the same pixels, else by distance of class means.
    """
    one, other = before.classmap, after.classmap
    same_ground = before.scene.locations == after.scene.locations and one.grid.shape_rc == other.grid.shape_rc
    if same_ground and one.labels is not None and other.labels is not None:
        return by_overlap(one.labels, other.labels, one.class_count, other.class_count)
    return by_means(_means(before), before.scene, _means(after), after.scene)


def by_overlap(before: np.ndarray, after: np.ndarray, before_count: int, after_count: int) -> dict[int, int]:
    """The pairs whose overlap, summed over all of them, is largest; of those the ones that share enough.

    Parameters
    ----------
    before, after : ndarray of the same shape, uint8, labels of the same pixels; 0 is no data

    The overlap of two classes is the share of the pixels of either that both have (Jaccard, 1912), so that small
    classes count as much as large ones. A pair shares enough where it has `LEAST_OVERLAP` of the smaller class.
    """
    return by_counts(pair_counts(before, after, before_count, after_count))


def pair_counts(one: np.ndarray, other: np.ndarray, one_count: int, other_count: int) -> np.ndarray:
    """How many pixels have each pair of labels, shape (one_count + 1, other_count + 1), int64.

    Parameters
    ----------
    one, other : ndarray of the same shape, uint8, labels of the same pixels; 0 is no data
    """
    pairs = one.ravel().astype(np.intp) * (other_count + 1) + other.ravel()
    counts = np.bincount(pairs, minlength=(one_count + 1) * (other_count + 1))
    return counts.reshape(one_count + 1, other_count + 1)


def by_counts(counts: np.ndarray) -> dict[int, int]:
    """As `by_overlap`, from the counts of pairs of labels."""
    shared = counts[1:, 1:].astype(np.float64)
    sizes, other_sizes = shared.sum(axis=1)[:, None], shared.sum(axis=0)[None, :]
    union = sizes + other_sizes - shared
    overlap = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    enough = (shared > 0) & (shared >= LEAST_OVERLAP * np.minimum(sizes, other_sizes))
    rows, cols = linear_sum_assignment(np.where(enough, overlap, 0.0), maximize=True)
    return {int(col) + 1: int(row) + 1 for row, col in zip(rows, cols, strict=True) if enough[row, col]}


def by_means(
    before: Mapping[int, np.ndarray], before_scene: Scene, after: Mapping[int, np.ndarray], after_scene: Scene
) -> dict[int, int]:
    """The pairs whose class means lie nearest to each other, summed over all of them, of those that lie near enough.

    Parameters
    ----------
    before, after : mean reflectance by class number, each of shape (bands of the scene,)
    """
    places = _shared_bands(before_scene, after_scene)
    numbers, other_numbers = list(before), list(after)
    if not places or not numbers or not other_numbers:
        return {}
    mine, theirs = zip(*places, strict=True)
    one = np.array([before[number][list(mine)] for number in numbers])
    other = np.array([after[number][list(theirs)] for number in other_numbers])
    distance = np.sqrt(((one[:, None] - other[None]) ** 2).mean(axis=2))
    # Pairs that lie too far apart all cost the same, so that none of them pushes a near pair aside.
    rows, cols = linear_sum_assignment(np.minimum(np.nan_to_num(distance, nan=np.inf), MOST_DISTANCE))
    return {
        other_numbers[col]: numbers[row]
        for row, col in zip(rows, cols, strict=True)
        if distance[row, col] < MOST_DISTANCE
    }


def _means(result: Result) -> dict[int, np.ndarray]:
    """Mean reflectance of the classes that have pixels, by their number."""
    return {row.id: np.asarray(row.mean_reflectance) for row in result.rows if row.count}


def _shared_bands(one: Scene, other: Scene) -> Sequence[tuple[int, int]]:
    """Positions in both scenes of the bands of the same light."""
    known = {band.standard: position for position, band in enumerate(other.bands) if band.standard}
    return [(i, known[band.standard]) for i, band in enumerate(one.bands) if band.standard in known]
