"""Birch: subclusters between k and the most that are allowed, a threshold for any numbers, joining as Ward has it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

from s2dash.classify.algorithms import LinearModel, find_algorithm
from s2dash.classify.algorithms.birch import _joined
from s2dash.classify.assign import own_labels
from s2dash.classify.space import FeatureSpace
from s2dash.core.recipe import ParamValue

BIRCH = find_algorithm("birch")


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """Pixels of three features, spread evenly, shape (4000, 3)."""
    return np.random.default_rng(0).random((4_000, 3)).astype(np.float32)


def fitted(rows: np.ndarray, k: int, **params: ParamValue) -> LinearModel:
    model = BIRCH.fit(rows, k, BIRCH.complete_params(params), 0)
    assert isinstance(model, LinearModel)
    return model


def test_the_threshold_grows_until_there_are_few_enough(rows: np.ndarray) -> None:
    model = fitted(rows, 7, threshold=0.01, max_subclusters=300)
    assert 7 <= len(model.weights) <= 300
    assert model.class_count == 7
    assert "in place of 0.01" in model.notes[0]
    assert fitted(rows, 7).notes == ()


def test_the_threshold_shrinks_until_there_are_enough(rows: np.ndarray) -> None:
    model = fitted(rows, 200, threshold=1.0)
    assert len(model.weights) >= model.class_count == 200
    assert "in place of 1," in model.notes[0]


@pytest.mark.parametrize("factor", [2.0**-12, 2.0**12])
def test_the_threshold_means_the_same_in_any_numbers(rows: np.ndarray, factor: float) -> None:
    plain = fitted(rows, 6).predict(rows)
    scaled = rows * np.float32(factor)
    assert np.array_equal(fitted(scaled, 6).predict(scaled), plain)


def test_what_is_rare_is_still_learnt_from() -> None:
    """Three kinds of pixels, of which a few rows chosen by the seed may miss two."""
    rows = np.zeros((50_000, 2), dtype=np.float32)
    rows[7], rows[11] = (1, 0), (0, 1)
    assert len(np.unique(fitted(rows, 3, fit_pixels=1_000).predict(rows[:12]))) == 3


def test_subclusters_of_one_size_join_as_scikit_learn_joins_them() -> None:
    centroids = np.random.default_rng(1).normal(size=(120, 4))
    for k in (2, 7, 30, 120):
        ours = _joined(centroids, np.ones(120), k)
        assert adjusted_rand_score(ours, AgglomerativeClustering(k).fit_predict(centroids)) == 1


def test_subclusters_count_with_their_pixels() -> None:
    """Of 0, 2 and 5 on a line the first two are nearer, but joining two that hold many costs more."""
    centroids = np.array([[0.0], [2.0], [5.0]])
    assert _joined(centroids, np.array([1.0, 1.0, 1.0]), 2).tolist() == [0, 0, 1]
    assert _joined(centroids, np.array([1000.0, 1000.0, 1.0]), 2).tolist() == [0, 1, 1]


def test_one_class_more_splits_one(rows: np.ndarray) -> None:
    coarse, fine = (fitted(rows, k).predict(rows) for k in (6, 7))
    assert len(set(zip(fine.tolist(), coarse.tolist(), strict=True))) == 7


def test_labels_from_stored_numbers_are_those_of_the_nearest_subcluster(rows: np.ndarray) -> None:
    model = fitted(rows, 5, threshold=0.05)
    assert len(model.weights) > 255
    free, ones = np.full(3, np.inf), np.ones(3)
    space = FeatureSpace(-free, free, np.zeros(3), ones)
    labels = own_labels(model, space, np.ascontiguousarray(rows.T), np.ones(len(rows), dtype=bool))
    assert np.array_equal(labels, 1 + model.predict(rows))
    numbers = np.array([3, 1, 5, 2, 4], dtype=np.uint8)
    named = own_labels(model, space, np.ascontiguousarray(rows.T), np.ones(len(rows), dtype=bool), numbers)
    assert np.array_equal(named, numbers[model.predict(rows)])
