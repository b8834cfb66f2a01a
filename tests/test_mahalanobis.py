"""Mahalanobis distance to classes: what it finds, that it is the distance it says, and that no class is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import make_scene

from s2dash.classify import pipeline
from s2dash.classify.advice import sweep
from s2dash.classify.algorithms import ALGORITHMS, LinearModel, find_algorithm
from s2dash.classify.algorithms.base import margin
from s2dash.classify.algorithms.mahalanobis import with_shared_covariance
from s2dash.classify.evaluate import adjusted_rand
from s2dash.core.edits import ClassEdits, Split
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.types import windows
from s2dash.errors import RecipeError
from s2dash.raster.reading import SceneReader

KMEANS = find_algorithm("kmeans")


def by_kmeans(rows: np.ndarray, k: int) -> LinearModel:
    model = KMEANS.fit(rows, k, KMEANS.complete_params({}), 0)
    assert isinstance(model, LinearModel)
    return model


def slanted(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Three kinds side by side, each of which varies most aslant, as light on slopes does; and the kind of each row."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(3, size=count)
    aslant = rng.normal(0, 1.3, count)
    rows = np.stack([aslant + 3.5 * kinds, aslant + rng.normal(0, 0.3, count), rng.normal(0, 0.3, count)], axis=1)
    return rows.astype(np.float32), kinds


@settings(max_examples=10)
@given(seed=st.integers(0, 99), count=st.sampled_from([600, 9_000]))
def test_kinds_that_vary_alike_are_told_apart(seed: int, count: int) -> None:
    rows, kinds = slanted(seed, count)
    plain = by_kmeans(rows, 3)
    assert adjusted_rand(plain.predict(rows), kinds) < 0.75
    assert adjusted_rand(with_shared_covariance(plain, rows).predict(rows), kinds) > 0.99


def test_cells_stand_for_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _ = slanted(0, 9_000)
    start = by_kmeans(rows, 5)
    by_cells = with_shared_covariance(start, rows)
    monkeypatch.setattr("s2dash.classify.algorithms.mahalanobis.enough_cells", lambda k: len(rows))
    of_all = with_shared_covariance(start, rows)
    assert adjusted_rand(by_cells.predict(rows), of_all.predict(rows)) > 0.9


@settings(max_examples=20)
@given(seed=st.integers(0, 99), k=st.integers(2, 6), scales=st.tuples(*[st.floats(1e-3, 1e3)] * 3))
def test_no_unit_counts_for_more(seed: int, k: int, scales: tuple[float, ...]) -> None:
    rows = slanted(seed, 500)[0].astype(np.float64)
    start, factors = by_kmeans(rows, k), np.array(scales)
    own = with_shared_covariance(start, rows).predict(rows)
    begun_alike = replace(start, weights=start.weights / factors)
    other = with_shared_covariance(begun_alike, rows * factors)
    # Rows begin in the same classes, as the weights are those of the scaled features.
    assert adjusted_rand(own, other.predict(rows * factors)) > 0.999


@settings(max_examples=20)
@given(seed=st.integers(0, 99), k=st.integers(2, 7), offset=st.sampled_from([0.0, 1e3]))
def test_it_is_the_distance_it_says(seed: int, k: int, offset: float) -> None:
    rows = slanted(seed, 800)[0].astype(np.float64) + offset
    model = with_shared_covariance(by_kmeans(rows, k), rows)
    assert model.whitening is not None
    centres = np.linalg.solve(model.whitening @ model.whitening.T, model.weights.T).T
    reach = 2 * model.bias - (model.weights * centres).sum(axis=1)
    assert (reach > -1e-6 * (1 + offset**2)).all()
    off = rows[:, None] - centres
    squares = ((off @ model.whitening) ** 2).sum(axis=2) + reach
    own = model.predict(rows)
    nearest = np.take_along_axis(squares, own[:, None], axis=1)[:, 0]
    assert (nearest <= squares.min(axis=1) + 1e-6 * (1 + offset**2)).all()
    expected = margin(np.sqrt(np.maximum(squares, 0)), own, np.arange(k))
    assert np.allclose(model.clearness(rows, np.arange(k)), expected, atol=1e-6 * (1 + offset))


@settings(max_examples=40)
@given(
    distinct=st.lists(st.tuples(*[st.integers(-3, 3)] * 3), min_size=4, max_size=12, unique=True),
    times=st.integers(1, 40),
    k=st.integers(2, 4),
    flat=st.booleans(),
)
def test_no_class_is_lost(distinct: list[tuple[int, ...]], times: int, k: int, flat: bool) -> None:
    rows = np.repeat(np.array(distinct, dtype=np.float32), times, axis=0)
    if flat:
        rows[:, 0] = 7
    plain = by_kmeans(rows, k)
    model = with_shared_covariance(plain, rows)
    assert np.isfinite(model.weights).all()
    assert np.isfinite(model.bias).all()
    assert len(np.unique(model.predict(rows))) >= len(np.unique(plain.predict(rows)))


def learnt(scene_path: Path, **changes: object) -> pipeline.Fitted:
    scene = make_scene(scene_path, (60, 70))
    return pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), distance="mahalanobis", k=4, **changes))


def test_every_window_has_the_labels_of_the_whole(tmp_path: Path) -> None:
    fitted = learnt(tmp_path)
    whole = pipeline.run_live(fitted).classmap.labels
    assert whole is not None
    assert len(np.unique(whole)) == 4
    with SceneReader(fitted.scene) as reader:
        for window in windows(whole.shape, (17, 23)):
            assert np.array_equal(pipeline.label_window(fitted, reader, window), whole[window.slices_rc])


def test_advice_tries_the_same_fits(tmp_path: Path) -> None:
    fitted = learnt(tmp_path)
    column = next(column for column in sweep(fitted.prepared, fitted.sample, [4]))
    assert column.scores == pipeline.sample_scores(fitted)


def test_a_split_leaves_all_else(tmp_path: Path) -> None:
    fitted = learnt(tmp_path)
    before = pipeline.run_live(fitted).classmap.labels
    after = pipeline.run_live(pipeline.edited(fitted, ClassEdits(steps=(Split(2, 2, 0),)))).classmap.labels
    assert before is not None
    assert after is not None
    assert np.array_equal(before[before != 2], after[before != 2])
    assert len(np.unique(after[before == 2])) == 2


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_goes_with_centres_or_is_refused(tmp_path: Path, algorithm: str) -> None:
    scene = make_scene(tmp_path)
    recipe = Recipe(("B02", "B03"), distance="mahalanobis")
    fitting = pipeline.apply_algorithm(recipe, algorithm)
    pipeline.resolve(scene, fitting)
    assert fitting.distance == ("mahalanobis" if ALGORITHMS[algorithm].has_centres else "euclidean")
    if not ALGORITHMS[algorithm].has_centres:
        with pytest.raises(RecipeError, match="distance"):
            pipeline.resolve(scene, replace(fitting, distance="mahalanobis"))
