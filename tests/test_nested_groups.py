"""The tree of nested groups: one class splits at each step, whatever is labelled, and what the tree costs by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scenes import land_cover

from s2dash.classify import pipeline
from s2dash.classify.algorithms import find_algorithm
from s2dash.classify.algorithms.nested_groups import NestedModel, kept_trees
from s2dash.classify.algorithms.ward import ward_tree
from s2dash.classify.match import by_overlap
from s2dash.classify.prepare import Memo
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene
from s2dash.ingest import sample_scene

HIGHEST = 12
ALGORITHM = find_algorithm("nested-groups")


def parents(finer: np.ndarray, coarser: np.ndarray) -> dict[int, set[int]]:
    """For each class of `finer`, the classes of `coarser` that its pixels have."""
    return {int(one): set(coarser[finer == one].tolist()) for one in np.unique(finer)}


def assert_one_split(finer: np.ndarray, coarser: np.ndarray) -> None:
    """Each class lies within one of the coarser ones, which all stay whole but for one that has two."""
    found = parents(finer, coarser)
    assert all(len(of) == 1 for of in found.values())
    children = [of.pop() for of in found.values()]
    assert sorted(np.bincount(children)[np.unique(children)].tolist())[-2:] in ([1, 2], [2])


points = arrays(np.float64, st.tuples(st.integers(2, 14), st.integers(1, 3)), elements=st.integers(-9, 9).map(float))


@given(points=points, seed=st.integers(0, 99))
def test_each_cut_splits_one_group_of_the_cut_before(points: np.ndarray, seed: int) -> None:
    weights = np.random.default_rng(seed).integers(1, 50, len(points)).astype(np.float64)
    tree = ward_tree(points, weights)
    assert (np.diff(tree.heights) >= 0).all()
    for k in range(1, len(points)):
        coarser, finer = tree.cut(k), tree.cut(k + 1)
        assert set(coarser) == set(range(k))
        assert_one_split(finer, coarser)
        split = tree.splits_into(k)
        assert split is not None
        node, pair = split
        assert node in tree.nodes(k)
        assert set(pair) <= set(tree.nodes(k + 1))
    assert tree.splits_into(len(points)) is None


@given(points=points, seed=st.integers(0, 99))
def test_heights_add_up_to_the_whole_sum_of_squares(points: np.ndarray, seed: int) -> None:
    weights = np.random.default_rng(seed).integers(1, 50, len(points)).astype(np.float64)
    middle = (points * weights[:, None]).sum(axis=0) / weights.sum()
    whole = float((weights[:, None] * (points - middle) ** 2).sum())
    assert ward_tree(points, weights).heights.sum() == pytest.approx(whole, rel=1e-9, abs=1e-9)


def test_four_points_by_hand() -> None:
    """0, 1, 10 and 13 on a line: 0 and 1 add 1/2, 10 and 13 add 9/2, both pairs 11^2 = 121."""
    tree = ward_tree(np.array([[0.0], [1.0], [10.0], [13.0]]), np.ones(4))
    assert tree.heights.tolist() == [0.5, 4.5, 121.0]
    assert tree.merges.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert tree.cut(3).tolist() in ([2, 2, 0, 1], [0, 0, 1, 2])


def test_pixels_count_by_their_number() -> None:
    """Three groups at 0, 2 and 4.2: where the one at 4.2 has few pixels it is nearer to be closed."""
    at = np.array([[0.0], [2.0], [4.2]])
    assert ward_tree(at, np.array([10.0, 10.0, 10.0])).merges[0].tolist() == [0, 1]
    assert ward_tree(at, np.array([10.0, 10.0, 1.0])).merges[0].tolist() == [1, 2]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_classes_nest_at_every_k(dtype: type) -> None:
    rows = (land_cover((40, 50), ("B02", "B03", "B04", "B08")).reshape(4, -1).T / 10_000).astype(dtype)
    labels = {k: ALGORITHM.fit(rows, k, ALGORITHM.complete_params({}), 0).predict(rows) for k in range(2, HIGHEST)}
    for k in range(2, HIGHEST - 1):
        assert_one_split(labels[k + 1], labels[k])


def test_few_distinct_rows_are_leaves_of_their_own() -> None:
    rows = np.repeat(np.arange(6, dtype=np.float32) ** 2, 30)[:, None]
    model = ALGORITHM.fit(rows, 6, ALGORITHM.complete_params({}), 0)
    assert isinstance(model, NestedModel)
    assert model.tree.leaf_count == 6
    assert sorted(model.tree.weights.tolist()) == [30.0] * 6


@pytest.fixture(scope="module")
def coast() -> Scene:
    return sample_scene("coast")


def test_maps_of_a_scene_nest_and_cutting_looks_at_no_pixel_again(
    coast: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    memo = Memo()

    def keep(what: str, key: object, make):  # type: ignore[no-untyped-def]
        return memo(what, key, lambda: (made.append(what), make())[1])  # type: ignore[arg-type]

    recipe = replace(default_recipe(coast).plain(), algorithm="nested-groups", sample=20_000)
    maps = {}
    for k in (7, 8):
        result = pipeline.run_live(pipeline.fit(pipeline.prepare(coast, replace(recipe, k=k), keep)))
        assert result.classmap.labels is not None
        maps[k] = result.classmap.labels
    assert sorted(made) == ["nearest", "nearest", "sample", "stack"]
    assert_one_split(maps[8], maps[7])
    pairs = by_overlap(maps[7], maps[8], 7, 8)
    assert len(pairs) == 7
    assert sum(np.array_equal(maps[8] == new, maps[7] == old) for new, old in pairs.items()) == 6
    afresh = pipeline.run_live(pipeline.fit(pipeline.prepare(coast, replace(recipe, k=8))))
    assert np.array_equal(afresh.classmap.labels, maps[8])
    kept_trees.drop(lambda _: True)
    again = pipeline.run_live(pipeline.fit(pipeline.prepare(coast, replace(recipe, k=8))))
    assert np.array_equal(again.classmap.labels, maps[8])
