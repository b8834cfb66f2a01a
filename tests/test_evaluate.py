"""Scores without a reference against scikit-learn and by hand, and agreement with labels that people drew."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from sklearn import metrics

from s2dash.classify.evaluate import agreement, scores


def two_clouds(pixels: int, away: float = 10) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(1, 3, pixels)
    return (rng.normal(size=(pixels, 3)) + away * labels[:, None]).astype(np.float32), labels.astype(np.uint8)


def test_scores_are_scikit_learns() -> None:
    features, labels = two_clouds(1_500, away=2)
    ours = scores(features, labels)
    assert ours.silhouette == pytest.approx(metrics.silhouette_score(features, labels), rel=1e-6)
    assert ours.davies_bouldin == pytest.approx(metrics.davies_bouldin_score(features, labels), rel=1e-6)
    assert ours.calinski_harabasz == pytest.approx(metrics.calinski_harabasz_score(features, labels), rel=1e-6)


def test_explained_variance_by_hand() -> None:
    """0 and 2 around 1, 8 and 10 around 9: within 4, in all 68, so 64 of 68 lies between."""
    features = np.array([[0.0], [2.0], [8.0], [10.0]])
    assert scores(features, np.array([1, 1, 2, 2])).explained_variance == pytest.approx(64 / 68)


def test_more_pixels_than_are_looked_at_give_nearly_the_same() -> None:
    features, labels = two_clouds(50_000, away=2)
    ours = scores(features, labels, seed=4)
    assert ours == scores(features, labels, seed=4)
    assert ours.davies_bouldin == pytest.approx(metrics.davies_bouldin_score(features, labels), rel=0.02)


@pytest.mark.parametrize(
    ("features", "labels"),
    [
        (np.ones((10, 2)), np.ones(10, dtype=int)),
        (np.arange(3.0)[:, None], np.array([1, 2, 3])),
        (np.ones((1, 2)), np.array([1])),
        (np.ones((0, 2)), np.array([], dtype=int)),
    ],
    ids=["one class", "a class each", "one pixel", "none"],
)
def test_no_scores_where_there_is_nothing_to_compare(features: np.ndarray, labels: np.ndarray) -> None:
    assert set(vars(scores(features, labels)).values()) == {None}


def test_scores_are_plain_numbers() -> None:
    as_json = json.dumps(scores(*two_clouds(300)).to_dict(), allow_nan=False)
    assert all(math.isfinite(value) for value in json.loads(as_json).values())


def test_agreement_tolerates_any_renaming() -> None:
    reference = np.array([[1, 1, 2], [2, 3, 3]])
    renamed = np.array([0, 7, 5, 9])[reference]
    found = agreement(renamed, reference)
    assert found.adjusted_rand == 1
    assert found.normalised_mutual_information == pytest.approx(1)
    assert found.mapped_accuracy == 1
    assert found.pixel_count == 6


def test_agreement_leaves_out_what_has_no_label() -> None:
    reference = np.array([0, 0, 1, 1, 2, 2])
    labels = np.array([3, 0, 1, 1, 2, 0])
    found = agreement(labels, reference)
    assert found.pixel_count == 3
    assert found.mapped_accuracy == 1


def test_mapped_accuracy_by_hand() -> None:
    """Class 1 holds labels 1, 1, 2 and class 2 holds 2: 3 of 4 are right when each takes its most frequent label."""
    assert agreement(np.array([1, 1, 1, 2]), np.array([1, 1, 2, 2])).mapped_accuracy == 0.75
