"""Sieve: patches smaller than a least size go to the neighbour with the longest border, until none is left.

Exactly: in each round all patches of the smallest size that is below the least, and that have a neighbour, act at
once. Each goes to the neighbouring patch with which it shares most sides of pixels (of equal ones the larger, then
the one that begins first, row by row), and takes the label which that one has after the round. Two that choose
each other take the label of the one that begins first. Patches of one label that now touch are one. Pixels without
data (0) are kept and are nobody's neighbour, so a small patch that has them on all its sides stays.
"""

from __future__ import annotations

import numpy as np

from s2dash.classify.clean_up.patches import (
    Borders,
    Patches,
    PatchFinder,
    all_borders,
    begins_of,
    merge,
    patch_numbers,
    united,
)


class StripSieve:
    """The sieve in two passes over the strips of a scene, from the top down, with the graph of patches in between.

    The strips may have any heights, the same in both passes; labels come out as they do from the whole scene.
    """

    def __init__(self, least: int, neighbours: int = 8) -> None:
        self._least = least
        self._neighbours = neighbours
        self._finder = PatchFinder(least, neighbours)
        self._table: np.ndarray | None = None
        self._done = 0

    def look(self, labels: np.ndarray) -> np.ndarray:
        """First pass: take in a strip, shape (rows, cols), uint8; returns the numbers of its patches, from 0."""
        return self._finder.add(labels)

    def sieved(self, labels: np.ndarray, numbers: np.ndarray | None = None) -> np.ndarray:
        """Second pass: new labels of a strip; `numbers`, as `look` gave them, are found again where not kept."""
        if self._table is None:
            self._table = settled(self._finder.found(), self._least)
        if numbers is None:
            numbers = patch_numbers(labels, self._neighbours)
        count = int(numbers.max()) + 1
        new = self._table[self._done : self._done + count][numbers]
        self._done += count
        return np.asarray(new)


def sieve(labels: np.ndarray, least: int, neighbours: int = 8) -> np.ndarray:
    """Labels without patches smaller than `least` pixels, shape (rows, cols), uint8, as the module says.

    Parameters
    ----------
    neighbours : 4 where pixels hold together by their sides, 8 where by their corners too
    """
    if least <= 1 or not labels.size:
        return labels.copy()
    whole = StripSieve(least, neighbours)
    return whole.sieved(labels, whole.look(labels))


def settled(patches: Patches, least: int) -> np.ndarray:
    """The label of each number of `patches` once none smaller than `least` has a neighbour, uint8."""
    size, label, borders = patches.size, patches.label.copy(), patches.borders
    now, goes = (np.arange(len(size), dtype=np.int32) for _ in range(2))
    most = 1
    while len(borders.one):
        now = _followed(now)
        # Borders of larger patches are of no concern before all smaller ones have acted.
        near, borders = _divided(_as_now(borders, now), size, most, least)
        while len(near.one):
            _round(near, size, label, now, goes)
            near, further = _divided(_as_now(near, now), size, most, least)
            borders = all_borders([borders, further])
        most *= 2
    return np.asarray(label[_followed(now)[patches.stands_for]])


def _followed(now: np.ndarray) -> np.ndarray:
    """The number that each has in the end, where the one that stands for it has another one that stands for that."""
    while not np.array_equal(further := now[now], now):
        now = further
    return now


def _round(borders: Borders, size: np.ndarray, label: np.ndarray, now: np.ndarray, goes: np.ndarray) -> None:
    """Let all patches of the smallest size act; changes the arrays by number, but `goes`, which is each itself."""
    sizes = size[borders.one], size[borders.other]
    smallest = min(sizes[0].min(), sizes[1].min())
    acts = sizes[0] == smallest, sizes[1] == smallest
    who, target = _choices(borders, acts, size)
    label[who] = label[_ends(who, target, goes)]
    touched = np.flatnonzero(acts[0] | acts[1])
    one, other = borders.one[touched], borders.other[touched]
    is_one = label[one] == label[other]
    merge(*united(one[is_one], other[is_one]), size, now)


def _choices(borders: Borders, acts: tuple[np.ndarray, np.ndarray], size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each patch that acts, ascending, and the neighbour that it goes to."""
    one, other = (borders.at(np.flatnonzero(of)) for of in acts)
    keys = np.concatenate((one.one, other.other)).astype(np.int64) << 32
    keys |= np.concatenate((one.other, other.one))
    order = np.argsort(keys)
    keys = keys[order]
    pairs = begins_of(keys)
    length = np.add.reduceat(np.concatenate((one.length, other.length))[order], pairs)
    keys = keys[pairs]
    who, target = (keys >> 32).astype(np.int32), keys.astype(np.int32)
    who, target = _highest(length, who, target)
    who, target = _highest(size[target], who, target)
    first = begins_of(who)
    return who[first], target[first]


def _highest(rank: np.ndarray, who: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pairs that rank highest among those of the same patch; `who` ascends."""
    own = begins_of(who)
    best = rank == np.repeat(np.maximum.reduceat(rank, own), np.diff(own, append=len(who)))
    return who[best], target[best]


def _ends(who: np.ndarray, target: np.ndarray, goes: np.ndarray) -> np.ndarray:
    """Where each patch that acts ends, as targets that act too go on to theirs."""
    goes[who] = target
    first_of_two = who[(goes[target] == who) & (who < target)]
    goes[first_of_two] = first_of_two
    ends = goes[who]
    while not np.array_equal(further := goes[ends], ends):
        goes[who] = ends = further
    goes[who] = who
    return ends


def _as_now(borders: Borders, now: np.ndarray) -> Borders:
    return Borders(now[borders.one], now[borders.other], borders.length)


def _divided(borders: Borders, size: np.ndarray, most: int, least: int) -> tuple[Borders, Borders]:
    """Borders of patches of at most `most` pixels, and of others that are small; the rest is of no concern any more."""
    smaller = np.minimum(size[borders.one], size[borders.other])
    stays = (smaller < least) & (borders.one != borders.other)
    is_near = smaller <= most
    return borders.at(np.flatnonzero(stays & is_near)), borders.at(np.flatnonzero(stays & ~is_near))
