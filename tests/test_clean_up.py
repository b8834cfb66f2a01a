"""Clean-up of specks: what majority and sieve promise, against slow ones written by their words, and by windows."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from s2dash.classify.clean_up import StripSieve, majority, sieve

SIDES = ((0, 1), (1, 0), (0, -1), (-1, 0))
CORNERS = ((1, 1), (1, -1), (-1, 1), (-1, -1))

shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))


def some_labels(most: int = 3, lowest: int = 0) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.uint8, shapes, elements=st.integers(lowest, most))


labels_strategy = st.one_of(some_labels(), some_labels(1), some_labels(9), some_labels(2, 1))
neighbours_strategy = st.sampled_from((4, 8))


def patches_of(labels: np.ndarray, neighbours: int) -> list[list[tuple[int, int]]]:
    """Pixels of each patch with data, in the order of first pixels."""
    seen = np.zeros(labels.shape, dtype=bool)
    found = []
    for start in np.ndindex(labels.shape):
        if seen[start] or not labels[start]:
            continue
        seen[start] = True
        pixels, waiting = [], deque([start])
        while waiting:
            pixel = waiting.popleft()
            pixels.append(pixel)
            for near in neighbours_of(labels, pixel, SIDES + CORNERS[: neighbours - 4]):
                if not seen[near] and labels[near] == labels[start]:
                    seen[near] = True
                    waiting.append(near)
        found.append(pixels)
    return found


def neighbours_of(
    labels: np.ndarray, pixel: tuple[int, int], steps: tuple[tuple[int, int], ...]
) -> Iterator[tuple[int, int]]:
    for down, right in steps:
        row, col = pixel[0] + down, pixel[1] + right
        if 0 <= row < labels.shape[0] and 0 <= col < labels.shape[1]:
            yield row, col


def slow_sieve(labels: np.ndarray, least: int, neighbours: int) -> np.ndarray:
    """The sieve by its words, one round after another on pixels."""
    labels = labels.copy()
    while True:
        patches = patches_of(labels, neighbours)
        patch_of = {pixel: number for number, pixels in enumerate(patches) for pixel in pixels}
        borders = [Counter(_met(labels, patch_of, number, pixels)) for number, pixels in enumerate(patches)]
        small = [n for n, pixels in enumerate(patches) if len(pixels) < least and borders[n]]
        if not small:
            return labels
        smallest = min(len(patches[n]) for n in small)
        goes = {
            n: max(borders[n], key=lambda other: (borders[n][other], len(patches[other]), -other))
            for n in small
            if len(patches[n]) == smallest
        }
        for n in sorted(goes):
            if goes.get(goes.get(n, -1)) == n and n < goes[n]:
                del goes[n]
        before = labels.copy()
        for n, end in goes.items():
            while end in goes:
                end = goes[end]
            for pixel in patches[n]:
                labels[pixel] = before[patches[end][0]]


def _met(
    labels: np.ndarray, patch_of: dict[tuple[int, int], int], number: int, pixels: list[tuple[int, int]]
) -> Iterator[int]:
    for pixel in pixels:
        for near in neighbours_of(labels, pixel, SIDES):
            if labels[near] and patch_of[near] != number:
                yield patch_of[near]


class TestMajority:
    @given(labels_strategy, st.sampled_from((3, 5)))
    def test_does_what_it_says(self, labels: np.ndarray, size: int) -> None:
        reach = size // 2
        expected = np.zeros_like(labels)
        for row, col in np.argwhere(labels):
            near = labels[max(0, row - reach) : row + reach + 1, max(0, col - reach) : col + reach + 1]
            counts = np.bincount(near[near > 0])
            most = np.flatnonzero(counts == counts.max())
            own = labels[row, col]
            expected[row, col] = own if own in most else most[0]
        assert np.array_equal(majority(labels, size), expected)

    @given(labels_strategy, st.sampled_from((3, 5)), st.data())
    def test_any_window_with_its_halo_gives_the_same(self, labels: np.ndarray, size: int, data: st.DataObject) -> None:
        row, col = (data.draw(st.integers(0, length - 1)) for length in labels.shape)
        bottom, right = data.draw(st.integers(row + 1, len(labels))), data.draw(st.integers(col + 1, labels.shape[1]))
        top, left = max(0, row - size // 2), max(0, col - size // 2)
        part = majority(labels[top : bottom + size // 2, left : right + size // 2], size)
        inside = part[row - top : bottom - top, col - left : right - left]
        assert np.array_equal(inside, majority(labels, size)[row:bottom, col:right])

    def test_strips_of_a_large_picture_meet(self) -> None:
        labels = np.random.default_rng(1).integers(0, 256, (300, 1_500), dtype=np.uint8)
        part = majority(labels[100:200, 200:900], 5)
        assert np.array_equal(part[2:-2, 2:-2], majority(labels, 5)[102:198, 202:898])


class TestSieve:
    @given(labels_strategy, st.integers(1, 20), neighbours_strategy)
    def test_does_what_it_says(self, labels: np.ndarray, least: int, neighbours: int) -> None:
        assert np.array_equal(sieve(labels, least, neighbours), slow_sieve(labels, least, neighbours))

    @given(labels_strategy, st.integers(2, 20), neighbours_strategy)
    def test_leaves_nothing_small_but_what_no_data_encloses(
        self, labels: np.ndarray, least: int, neighbours: int
    ) -> None:
        sieved = sieve(labels, least, neighbours)
        for pixels in patches_of(sieved, neighbours):
            around = {near for pixel in pixels for near in neighbours_of(sieved, pixel, SIDES)} - set(pixels)
            assert len(pixels) >= least or not any(sieved[near] for near in around)

    @given(labels_strategy, st.integers(1, 20), neighbours_strategy)
    def test_twice_is_once_and_no_data_stays(self, labels: np.ndarray, least: int, neighbours: int) -> None:
        sieved = sieve(labels, least, neighbours)
        assert np.array_equal(sieve(sieved, least, neighbours), sieved)
        assert np.array_equal(sieved == 0, labels == 0)
        assert set(np.unique(sieved)) <= set(np.unique(labels))

    @given(labels_strategy, st.integers(1, 20), neighbours_strategy, st.data())
    def test_strips_of_any_heights_give_the_same(
        self, labels: np.ndarray, least: int, neighbours: int, data: st.DataObject
    ) -> None:
        cuts = data.draw(st.sets(st.integers(1, max(1, len(labels) - 1)))) if len(labels) > 1 else set()
        strips = np.split(labels, sorted(cuts))
        both = StripSieve(least, neighbours)
        kept = [both.look(strip) for strip in strips]
        keeps = data.draw(st.booleans())
        parts = [both.sieved(strip, numbers if keeps else None) for strip, numbers in zip(strips, kept, strict=True)]
        assert np.array_equal(np.concatenate(parts), sieve(labels, least, neighbours))

    @pytest.mark.parametrize("neighbours", [4, 8])
    def test_strips_of_a_large_speckled_picture(self, neighbours: int) -> None:
        rng = np.random.default_rng(2)
        labels = np.kron(rng.integers(0, 6, (30, 40), dtype=np.uint8), np.ones((9, 7), dtype=np.uint8))
        specks = rng.random(labels.shape) < 0.3
        labels[specks] = rng.integers(0, 6, int(specks.sum()))
        both = StripSieve(40, neighbours)
        strips = np.array_split(labels, 17)
        for strip in strips:
            both.look(strip)
        assert np.array_equal(np.concatenate([both.sieved(strip) for strip in strips]), sieve(labels, 40, neighbours))

    def test_a_speck_fills_its_field_before_the_field_is_judged(self) -> None:
        labels = np.ones((7, 7), dtype=np.uint8)
        labels[1:5, 1:5] = 2
        labels[2, 2] = labels[3, 3] = 3
        sieved = sieve(labels, 16, 4)
        assert (sieved[1:5, 1:5] == 2).all()
        assert (sieve(labels, 17, 4) == 1).all()
