"""Two maps compared: what stays, what moved, in pixels and hectares, and how far the groupings agree."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from scenes import make_scene
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from s2dash.classify import pipeline
from s2dash.classify.compare import MOVED, ONE_SIDED, OTHER_MOVE, SAME, Comparison, compare, contingency
from s2dash.classify.match import by_counts
from s2dash.core.classmap import Result
from s2dash.core.grid import Grid
from s2dash.core.recipe import default_recipe
from s2dash.tiles.differ import DifferDetail, differ_picture
from s2dash.tiles.render import Picture

UTM = Grid((20, 30), Affine(10, 0, 500_000, 0, -10, 4_000_000), "EPSG:32633")
DEGREES = Grid((20, 30), Affine(0.1, 0, 10, 0, -0.1, 60), "EPSG:4326")
NOWHERE = Grid((20, 30), Affine(1, 0, 0, 0, 1, 0), None)
GRIDS = (UTM, DEGREES, NOWHERE)
ONE_COUNT, OTHER_COUNT = 5, 7


def two_maps(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels that agree in about two of three pixels, with some of each left out."""
    rng = np.random.default_rng(seed)
    one = rng.integers(0, ONE_COUNT + 1, UTM.shape_rc, dtype=np.uint8)
    other = np.where(rng.random(one.shape) < 0.67, one, rng.integers(0, OTHER_COUNT + 1, one.shape))
    return one, other.astype(np.uint8)


def compared(
    one: np.ndarray, other: np.ndarray, grid: Grid = UTM, counts: tuple[int, int] = (ONE_COUNT, OTHER_COUNT)
) -> Comparison:
    table = contingency(one, other, *counts, grid)
    return Comparison(table, by_counts(table.counts))


SEEDS = st.integers(0, 2**31)


def test_by_hand() -> None:
    grid = replace(UTM, shape_rc=(1, 10))
    one = np.array([[1, 1, 1, 1, 2, 2, 2, 2, 0, 1]], dtype=np.uint8)
    other = np.array([[2, 2, 2, 2, 1, 1, 1, 3, 1, 0]], dtype=np.uint8)
    found = compared(one, other, grid, (2, 3))
    assert found.same == {2: 1, 1: 2}
    assert (found.compared_count, found.moved.count, found.moved_share) == (8, 1, 0.125)
    assert [(move.pair, move.count) for move in found.moves] == [((2, 3), 1)]
    assert found.moved.area_ha == pytest.approx(0.01)
    assert [amount.count for amount in found.one_sided] == [1, 1]
    first, second = found.totals()
    assert [first[n].count for n in (1, 2)] == [5, 4]
    assert [second[n].count for n in (1, 2, 3)] == [4, 4, 1]


@given(SEEDS, st.sampled_from(GRIDS))
def test_a_map_and_itself(seed: int, grid: Grid) -> None:
    one, _ = two_maps(seed)
    found = compared(one, one, grid, (ONE_COUNT, ONE_COUNT))
    assert (found.moved.count, found.moves, found.moved_share) == (0, (), 0)
    assert (found.adjusted_rand, found.mutual_information) == (1, pytest.approx(1, abs=1e-12))
    assert not found.kinds()[one, one].any()


@given(SEEDS, st.permutations(range(1, ONE_COUNT + 1)), st.permutations(range(1, OTHER_COUNT + 1)))
def test_numbers_of_classes_do_not_matter(seed: int, one_order: list[int], other_order: list[int]) -> None:
    one, other = two_maps(seed)
    first, second = np.array([0, *one_order], dtype=np.uint8), np.array([0, *other_order], dtype=np.uint8)
    found, turned = compared(one, other), compared(first[one], second[other])
    assert turned.same == {int(second[new]): int(first[old]) for new, old in found.same.items()}
    assert turned.moved.count == found.moved.count
    assert {(move.pair, move.count) for move in turned.moves} == {
        ((int(first[move.pair[0]]), int(second[move.pair[1]])), move.count) for move in found.moves
    }
    assert turned.adjusted_rand == found.adjusted_rand
    assert turned.mutual_information == pytest.approx(found.mutual_information, abs=1e-12)


@given(SEEDS)
def test_the_other_way_round_the_same_pixels_move(seed: int) -> None:
    one, other = two_maps(seed)
    found, back = compared(one, other), compared(other, one, counts=(OTHER_COUNT, ONE_COUNT))
    assert back.moved.count == found.moved.count
    assert [one.count for one in back.one_sided] == [one.count for one in found.one_sided[::-1]]
    assert back.adjusted_rand == found.adjusted_rand


@given(SEEDS, st.sampled_from(GRIDS))
def test_all_sums_are_the_pixels_of_the_maps(seed: int, grid: Grid) -> None:
    one, other = two_maps(seed)
    found = compared(one, other, grid)
    both = (one > 0) & (other > 0)
    partner = np.zeros(OTHER_COUNT + 1, dtype=np.uint8)
    partner[list(found.same)] = list(found.same.values())
    moved = both & (one != partner[other])
    assert found.moved.count == sum(move.count for move in found.moves) == np.count_nonzero(moved)
    assert found.compared_count == np.count_nonzero(both)
    assert [amount.count for amount in found.one_sided] == [
        np.count_nonzero((one > 0) & (other == 0)),
        np.count_nonzero((one == 0) & (other > 0)),
    ]
    assert np.array_equal(found.kinds()[one, other] == MOVED, moved)
    if grid.has_place:
        area_ha = np.broadcast_to(grid.pixel_area_m2(), one.shape) / 10_000
        assert found.moved.area_ha == pytest.approx(float(area_ha[moved].sum()))
        first, _ = found.totals()
        assert [first[n].area_ha for n in first] == pytest.approx(list(grid.class_area_ha(one, ONE_COUNT)[1:]))
    else:
        assert found.moved.area_ha is None


@given(SEEDS, st.sampled_from(GRIDS), st.lists(st.integers(1, 19), unique=True).map(sorted))
def test_tables_of_parts_add_up_to_that_of_the_whole(seed: int, grid: Grid, cuts: list[int]) -> None:
    one, other = two_maps(seed)
    whole = contingency(one, other, ONE_COUNT, OTHER_COUNT, grid)
    ends = [0, *cuts, len(one)]
    parts = [contingency(one[a:b], other[a:b], ONE_COUNT, OTHER_COUNT, grid, a) for a, b in itertools.pairwise(ends)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    assert np.array_equal(total.counts, whole.counts)
    assert (total.area_ha is None) == (whole.area_ha is None)
    if total.area_ha is not None and whole.area_ha is not None:
        np.testing.assert_allclose(total.area_ha, whole.area_ha, rtol=1e-12)


@given(SEEDS, st.integers(1, 40), st.integers(1, 6), st.integers(1, 6))
def test_scores_are_those_of_scikit_learn(seed: int, count: int, one_count: int, other_count: int) -> None:
    rng = np.random.default_rng(seed)
    one = rng.integers(1, one_count + 1, (1, count), dtype=np.uint8)
    other = rng.integers(1, other_count + 1, (1, count), dtype=np.uint8)
    found = compared(one, other, replace(NOWHERE, shape_rc=one.shape), (6, 6))
    assert found.adjusted_rand == pytest.approx(adjusted_rand_score(one[0], other[0]), abs=1e-12)
    expected = normalized_mutual_info_score(one[0], other[0], average_method="geometric")
    assert found.mutual_information == pytest.approx(expected, abs=1e-7)


def test_counts_of_a_full_tile_do_not_overflow() -> None:
    grid = replace(NOWHERE, shape_rc=(1, 4))
    small = contingency(*(np.array([row], dtype=np.uint8) for row in ([1, 1, 2, 2], [1, 2, 2, 2])), 2, 2, grid)
    large = replace(small, counts=small.counts * 30_140_100)
    assert Comparison(large, {1: 1, 2: 2}).adjusted_rand == pytest.approx(0.25, abs=1e-6)  # of infinitely many pixels
    assert 0 < Comparison(large, {1: 1, 2: 2}).mutual_information < 1


def test_nothing_in_common() -> None:
    one = np.array([[1, 0]], dtype=np.uint8)
    found = compared(one, one[:, ::-1].copy(), replace(UTM, shape_rc=(1, 2)), (1, 1))
    assert (found.compared_count, found.moved_share, found.moves) == (0, 0, ())
    assert [amount.count for amount in found.one_sided] == [1, 1]
    assert (found.adjusted_rand, found.mutual_information) == (1, 1)


def test_kinds_of_one_move() -> None:
    found = compared(*two_maps(3))
    first, second = found.moves[:2]
    kinds = found.kinds(first.pair)
    assert (kinds[first.pair], kinds[second.pair], kinds[0, 0]) == (MOVED, OTHER_MOVE, SAME)
    assert (kinds[0, 1:] == ONE_SIDED).all()
    assert (kinds[1:, 0] == ONE_SIDED).all()


class Labels:
    """A detail that says the same everywhere."""

    nbytes = 3

    def __init__(self, label: int | None) -> None:
        self.label = label

    def tile(self, z: int, x: int, y: int, size: int) -> np.ndarray | None:
        return None if self.label is None else np.full((size, size), self.label, dtype=np.uint8)


def test_the_picture_of_what_differs() -> None:
    one, other = two_maps(4)
    found = compared(one, other)
    colours = np.zeros((256, 4), dtype=np.uint8)
    pictures = [Picture(UTM, labels, colours, 3, Labels(1)) for labels in (one, other)]
    picture = differ_picture(*pictures, found.kinds(), colours)
    assert np.array_equal(picture.pixels == MOVED, found.kinds()[one, other] == MOVED)
    assert picture.step == 3
    detail = picture.detail
    assert isinstance(detail, DifferDetail)
    tile = detail.tile(3, 1, 1, 4)
    assert tile is not None
    assert (tile == found.kinds()[1, 1]).all()
    assert detail.nbytes == 6
    assert DifferDetail(Labels(1), Labels(None), found.kinds()).tile(3, 1, 1, 4) is None
    assert differ_picture(pictures[0], replace(pictures[1], detail=None), found.kinds(), colours).detail is None


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Result, Result, Result]:
    """Two live results of one scene, and the same from files of labels."""
    folder: Path = tmp_path_factory.mktemp("compare")
    scene = make_scene(folder, (1100, 60))
    fits = [pipeline.fit(pipeline.prepare(scene, replace(default_recipe(scene).plain(), k=k))) for k in (4, 6)]
    live = [pipeline.run_live(fitted) for fitted in fits]
    full = [pipeline.run_full(fitted, folder / f"{number}.tif") for number, fitted in enumerate(fits)]
    return live[0], live[1], full[0], full[1]


def test_results_from_files_give_what_those_in_memory_give(results: tuple[Result, Result, Result, Result]) -> None:
    shares: list[float] = []
    in_memory = compare(*results[:2])
    from_files = compare(*results[2:], progress=lambda share, _: shares.append(share))
    assert np.array_equal(in_memory.table.counts, from_files.table.counts)
    assert in_memory.same == from_files.same
    assert shares == sorted(shares)
    assert (len(shares), shares[-1]) == (3, 1)
    first, second = in_memory.totals()
    for rows, total in zip((results[0].rows, results[1].rows), (first, second), strict=True):
        assert [row.count for row in rows] == [total[row.id].count for row in rows]


def test_maps_of_other_pixels_are_refused(results: tuple[Result, Result, Result, Result]) -> None:
    other = replace(results[1], classmap=replace(results[1].classmap, step=2))
    with pytest.raises(ValueError, match="not of the same pixels"):
        compare(results[0], other)
