"""K-means' search among cells: what cells hold, what is found on them, and rows that cannot be brought together."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits
from waiting import PATIENCE_SECONDS

from s2dash.classify.algorithms import LinearModel, find_algorithm, kmeans
from s2dash.core.types import CancelToken, cancellable
from s2dash.errors import Cancelled


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


def fitted(rows: np.ndarray, k: int, seed: int = 0, **params: int) -> LinearModel:
    algorithm = find_algorithm("kmeans")
    model = algorithm.fit(rows, k, algorithm.complete_params(params), seed)
    assert isinstance(model, LinearModel)
    return model


def inertia(rows: np.ndarray, model: LinearModel) -> float:
    return float(((rows.astype(np.float64) - model.weights[model.predict(rows)]) ** 2).sum())


def blobs(count: int, groups: int, dtype: type = np.float32, offset: float = 0.0) -> np.ndarray:
    """Groups of unequal size and width, the last of them rare and far off."""
    rng = np.random.default_rng(3)
    own = np.minimum((groups * rng.random(count) ** 1.5).astype(int), groups - 2)
    own[: count // 2_000] = groups - 1
    centres = rng.normal(size=(groups, 4)) * 10
    centres[-1] = 200
    return (offset + centres[own] + rng.normal(size=(count, 4)) * (1 + own[:, None] % 3)).astype(dtype)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 400), st.integers(1, 5), st.sampled_from([2, 16, 64]), st.booleans())
def test_cells_hold_every_row_once(count: int, features: int, wanted: int, are_few: bool) -> None:
    rng = np.random.default_rng(count)
    rows = rng.integers(0, 3 if are_few else 10_000, (count, features)).astype(np.float64)
    cells = kmeans._cells(rows, wanted)
    assert cells.counts.sum() == count
    assert (cells.counts > 0).all()
    assert len(cells.means) <= min(wanted, len(np.unique(rows, axis=0)))
    total = cells.counts @ (cells.means + cells.middle)
    assert total == pytest.approx(rows.sum(axis=0), rel=1e-9, abs=1e-6)


def test_cells_are_near_neighbours_and_what_is_rare_has_its_own() -> None:
    rows = blobs(60_000, 6)
    cells = kmeans._cells(rows, 2_048)
    within = ((rows - rows.mean(axis=0)) ** 2).sum() - float(cells.counts @ (cells.means**2).sum(axis=1))
    assert within < 0.02 * ((rows - rows.mean(axis=0)) ** 2).sum()
    is_far = (cells.means + cells.middle).min(axis=1) > 150
    assert cells.counts[is_far].sum() == 30


@pytest.mark.parametrize("offset", [0.0, 30_000.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_search_is_as_good_as_the_best_of_many_whole_fits(dtype: type, offset: float) -> None:
    rows = blobs(30_000, 7, dtype, offset)
    exact = rows.astype(np.float64)
    best = min(KMeans(7, n_init=1, random_state=seed).fit(exact).inertia_ for seed in range(12))
    assert inertia(rows, fitted(rows, 7)) <= best * 1.001


def test_equal_rows_give_equal_centres_whatever_was_fitted_before() -> None:
    rows = blobs(20_000, 6)
    first = fitted(rows, 6).weights
    fitted(rows[::-1].copy(), 6)
    fitted(rows, 9)
    assert np.array_equal(fitted(rows.copy(), 6).weights, first)
    kmeans._kept.clear()
    assert np.array_equal(fitted(rows, 6).weights, first)


def test_rows_that_cells_cannot_tell_apart_are_searched_themselves() -> None:
    # Each cut at the mean takes off one value only: eleven cuts do not tell twenty apart.
    values = 50.0 ** np.arange(20)
    rows = np.repeat(values, 500)[:, None]
    assert len(kmeans._cells(rows, 2_048).means) < 14
    assert len(np.unique(fitted(rows, 7).predict(rows))) == 7


@pytest.mark.parametrize("k", [40, 120])
def test_many_classes_are_found(k: int) -> None:
    rng = np.random.default_rng(1)
    rows = (np.repeat(rng.normal(size=(k, 3)) * 50, 60, axis=0) + rng.normal(size=(60 * k, 3)) * 0.1).astype(np.float32)
    assert len(np.unique(fitted(rows, k).predict(rows))) >= 0.9 * k


def test_the_search_stops_when_its_thread_is_told_to() -> None:
    rows, token, caught = blobs(60_000, 8), CancelToken(), []

    def work() -> None:
        with cancellable(token):
            try:
                while True:
                    fitted(rows, 12)
            except Cancelled as error:
                caught.append(error)

    thread = Thread(target=work)
    thread.start()
    time.sleep(0.05)
    token.cancel()
    thread.join(PATIENCE_SECONDS)
    assert caught
