"""The contract that every registered algorithm keeps, the arithmetic of nearest centres, and one case by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import land_cover
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from s2dash.classify.algorithms import ALGORITHMS, Algorithm, LinearModel, Param, find_algorithm, nearest
from s2dash.core.recipe import ParamValue
from s2dash.errors import RecipeError, S2DashError, UnknownName

K = 5
EACH = pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS.keys())
NEVER_VALID: tuple[object, ...] = ("no such word", math.inf, -math.inf, math.nan, 10**400, -1e300)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As the pipeline fits: sums then run in one order, and small fits don't wait for threads."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    """Pixels as reflectance, shape (1200, 4), float32."""
    stored = land_cover((30, 40), ("B02", "B03", "B04", "B08")).reshape(4, -1).T
    return np.ascontiguousarray(stored / 10_000, dtype=np.float32)


def fitted_classes(algorithm: Algorithm, features: np.ndarray, k: int = K, seed: int = 0) -> np.ndarray:
    return algorithm.fit(features, k, algorithm.complete_params({}), seed).predict(features)


@EACH
class TestContract:
    def test_says_what_it_is_in_words(self, algorithm: Algorithm) -> None:
        assert ALGORITHMS[algorithm.name] is algorithm
        assert find_algorithm(algorithm.name) is algorithm
        for text in (algorithm.label, algorithm.help, *(p.label for p in algorithm.params)):
            assert text.strip() == text != ""
            assert "\n" not in text
        assert len({p.name for p in algorithm.params}) == len(algorithm.params)

    def test_same_seed_same_classes(self, algorithm: Algorithm, features: np.ndarray) -> None:
        once, again = fitted_classes(algorithm, features), fitted_classes(algorithm, features)
        assert np.array_equal(once, again)

    def test_does_not_change_its_input(self, algorithm: Algorithm, features: np.ndarray) -> None:
        before = features.copy()
        before.flags.writeable = False
        fitted_classes(algorithm, before)
        assert np.array_equal(before, features)

    @pytest.mark.parametrize("k", [2, 6])
    def test_finds_k_classes_counted_from_0(self, algorithm: Algorithm, features: np.ndarray, k: int) -> None:
        model = algorithm.fit(features, k, algorithm.complete_params({}), 0)
        classes = model.predict(features)
        if algorithm.k_is == "most":
            assert 2 <= model.class_count <= k
            assert f"{model.class_count} classes of at most {k}" in model.notes[0]
        else:
            assert model.class_count == k
        assert classes.shape == (len(features),)
        assert np.issubdtype(classes.dtype, np.integer)
        assert set(np.unique(classes)) == set(range(model.class_count))

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_a_pixels_class_depends_on_that_pixel_alone(
        self, algorithm: Algorithm, features: np.ndarray, dtype: type
    ) -> None:
        rows = features.astype(dtype)
        model = algorithm.fit(rows, K, algorithm.complete_params({}), 0)
        whole = model.predict(rows)
        order = np.random.default_rng(3).permutation(len(rows))
        assert np.array_equal(model.predict(rows[order]), whole[order])
        assert np.array_equal(np.concatenate([model.predict(rows[:7]), model.predict(rows[7:])]), whole)

    def test_tells_covers_apart(self, algorithm: Algorithm) -> None:
        rng = np.random.default_rng(0)
        truth = np.repeat([0, 1, 2], 200)
        spectra = np.array([[0.05, 0.1, 0.5], [0.5, 0.1, 0.05], [0.3, 0.32, 0.31]])
        rows = (spectra[truth] * rng.normal(1, 0.02, (600, 3))).astype(np.float32)
        assert adjusted_rand_score(truth, fitted_classes(algorithm, rows, 3)) > 0.99

    def test_fills_in_defaults_that_are_valid(self, algorithm: Algorithm) -> None:
        complete = algorithm.complete_params({})
        assert complete == {p.name: p.default for p in algorithm.params}
        assert algorithm.complete_params(complete) == complete

    def test_takes_the_ends_of_each_range_and_nothing_beyond(self, algorithm: Algorithm) -> None:
        for param in algorithm.params:
            for good in param.choices or (param.low, param.high):
                assert algorithm.complete_params({param.name: good})[param.name] == good
            for bad in ("no such word",) if param.choices else (param.low - 1, param.high + 1):
                with pytest.raises(RecipeError, match=param.name) as caught:
                    algorithm.complete_params({param.name: bad})
                expected = param.choices[0] if param.choices else f"{param.high:g}"
                assert expected in str(caught.value)

    def test_refuses_what_no_parameter_can_be(self, algorithm: Algorithm) -> None:
        for param in algorithm.params:
            for bad in NEVER_VALID:
                with pytest.raises(RecipeError):
                    algorithm.complete_params({param.name: bad})  # type: ignore[dict-item]

    def test_refuses_a_parameter_it_does_not_have(self, algorithm: Algorithm) -> None:
        with pytest.raises(UnknownName, match="n_inti") as caught:
            algorithm.complete_params({"n_inti": 3})
        assert all(p.name in str(caught.value) for p in algorithm.params)

    def test_keeps_whole_numbers_whole(self, algorithm: Algorithm) -> None:
        for param in algorithm.params:
            if isinstance(param.default, int):
                assert type(param.checked(float(param.default))) is int
                with pytest.raises(RecipeError, match="whole"):
                    param.checked(param.default + 0.5)


@given(value=st.one_of(st.integers(), st.floats(), st.text(max_size=9)))
def test_a_parameter_is_checked_or_refused_whatever_comes(value: ParamValue) -> None:
    params = [p for algorithm in ALGORITHMS.values() for p in algorithm.params]
    for param in params:
        try:
            checked = param.checked(value)
        except S2DashError:
            continue
        assert checked in param.choices if param.choices else param.low <= float(checked) <= param.high


def test_a_parameter_of_words_takes_no_number() -> None:
    with pytest.raises(RecipeError, match="can be a, b"):
        Param("shape", "Shape", "", "a", choices=("a", "b")).checked(1)


def test_unknown_algorithm_lists_what_there_is() -> None:
    with pytest.raises(UnknownName) as caught:
        find_algorithm("k-means")
    assert all(name in str(caught.value) for name in ALGORITHMS)


def test_spectral_angle_ignores_brightness(features: np.ndarray) -> None:
    algorithm = find_algorithm("spectral-angle-kmeans")
    model = algorithm.fit(features, K, algorithm.complete_params({}), 0)
    assert isinstance(model, LinearModel)
    assert np.allclose(np.linalg.norm(model.weights, axis=1), 1)
    assert not model.bias.any()
    brightness = np.random.default_rng(1).choice([0.25, 0.5, 2, 8], (len(features), 1)).astype(np.float32)
    assert np.array_equal(model.predict(features * brightness), model.predict(features))
    again = algorithm.fit(features * brightness, K, algorithm.complete_params({}), 0)
    assert np.array_equal(again.predict(features), model.predict(features))


def test_spectral_angle_class_is_the_smallest_angle(features: np.ndarray) -> None:
    algorithm = find_algorithm("spectral-angle-kmeans")
    model = algorithm.fit(features, K, algorithm.complete_params({}), 0)
    assert isinstance(model, LinearModel)
    unit = features.astype(np.float64) / np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    angles = np.arccos(np.clip(unit @ model.weights.T, -1, 1))
    assert np.array_equal(model.predict(features), angles.argmin(axis=1))


def test_four_points_by_hand() -> None:
    """Points 0, 1, 10 and 11 on a line fall into {0, 1} and {10, 11}, around 0.5 and 10.5; 5.5 is the border."""
    points = np.array([[0.0], [1.0], [10.0], [11.0]])
    algorithm = find_algorithm("kmeans")
    model = algorithm.fit(points, 2, algorithm.complete_params({"n_init": 5}), 0)
    assert isinstance(model, LinearModel)
    assert sorted(model.weights.ravel()) == [0.5, 10.5]
    assert sorted(model.bias) == [0.125, 55.125]
    low, high = model.predict(np.array([[5.4], [5.6]]))
    assert list(model.predict(points)) == [low, low, high, high]
    assert low != high


def test_four_points_straight_from_stored_numbers() -> None:
    """The same with the third of the four masked, a limit of 9 and a tie at 5.5, which the lower number wins."""
    values = np.array([[0, 1, 10, 11, 5.5]])
    valid = np.array([True, True, False, True, True])
    weights, bias = np.array([[0.5], [10.5]]), np.array([0.125, 55.125])
    labels = nearest.assign(values, valid, np.array([0.0]), np.array([9.0]), weights, bias)
    assert labels.dtype == np.uint8
    assert list(labels) == [1, 1, 0, 2, 1]


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "float64"])
def test_assign_is_assign_exactly_bit_for_bit(dtype: str) -> None:
    rng = np.random.default_rng(5)
    for features, k in ((1, 2), (3, 8), (13, 20), (2, 255)):
        values = (rng.random((features, 4_000)) * 250).astype(dtype)
        valid = rng.random(4_000) > 0.1
        if dtype.startswith("float"):
            values[:, ~valid] = np.nan
        low, high = np.full(features, 5.0), np.full(features, 240.0)
        centres = rng.random((k, features)) * 250
        model = LinearModel.nearest_centre(centres)
        ours = nearest.assign(values, valid, low, high, model.weights, model.bias)
        theirs = nearest.assign_exactly(values, valid, low, high, model.weights, model.bias)
        assert np.array_equal(ours, theirs)
        assert not ours[~valid].any()
        assert ours[valid].min() >= 1
        assert ours.max() <= k


@pytest.mark.parametrize("dtype", ["uint16", "float64"])
def test_at_ties_the_lowest_number_wins_whatever_the_order_of_sums(dtype: str) -> None:
    """Whole numbers with centres on the same lattice, one of them twice: very many exact ties."""
    rng = np.random.default_rng(9)
    for features in (1, 4, 13):
        values = rng.integers(0, 4, (features, 6_000)).astype(dtype)
        centres = rng.integers(0, 4, (7, features)).astype(np.float64)
        model = LinearModel.nearest_centre(np.concatenate([centres, centres[:1]]))
        free, valid = np.full(features, np.inf), np.ones(6_000, dtype=bool)
        labels = nearest.assign(values, valid, -free, free, model.weights, model.bias)
        squared = ((values.T[:, None].astype(np.float64) - centres) ** 2).sum(axis=2)
        assert ((squared == squared.min(axis=1, keepdims=True)).sum(axis=1) > 1).any()
        assert np.array_equal(labels, 1 + squared.argmin(axis=1))


@pytest.mark.parametrize("apart", [1e-3, 1e-6, 1e-9, 1e-13, 0.0])
def test_assign_is_assign_exactly_where_single_precision_cannot_tell(apart: float) -> None:
    """Centres so close together that most pixels are as near to one as to the other in the first few digits."""
    rng = np.random.default_rng(11)
    values = rng.integers(0, 60_000, (6, 30_000)).astype("uint16")
    values[:, :9_000] = 0
    centre = rng.random(6) * 60_000
    model = LinearModel.nearest_centre(np.stack([centre, centre * (1 + apart), centre * (1 - apart), centre / 2]))
    free, valid = np.full(6, np.inf), rng.random(30_000) > 0.1
    ours = nearest.assign(values, valid, -free, free, model.weights, model.bias)
    assert np.array_equal(ours, nearest.assign_exactly(values, valid, -free, free, model.weights, model.bias))


@pytest.mark.parametrize("dtype", ["uint16", "float64"])
def test_more_centres_than_labels_share_numbers(dtype: str) -> None:
    """Also where hundreds of centres are as near as each other."""
    rng = np.random.default_rng(13)
    values, valid = rng.integers(0, 9, (3, 5_000)).astype(dtype), rng.random(5_000) > 0.1
    centres = np.concatenate([rng.integers(0, 9, (300, 3)), np.full((300, 3), 4)])
    model, free = LinearModel.nearest_centre(centres), np.full(3, np.inf)
    numbers = rng.integers(1, 8, 600).astype(np.uint8)
    labels = nearest.assign(values, valid, -free, free, model.weights, model.bias, numbers)
    exactly = nearest.assign_exactly(values, valid, -free, free, model.weights, model.bias)
    assert exactly.max() > 255
    assert np.array_equal(labels, np.array([0, *numbers])[exactly])


def test_classes_can_be_given_other_numbers() -> None:
    rng = np.random.default_rng(12)
    values, valid = rng.integers(0, 4, (2, 6_000)).astype("uint16"), rng.random(6_000) > 0.1
    model = LinearModel.nearest_centre(rng.integers(0, 4, (5, 2)))
    free, numbers = np.full(2, np.inf), np.array([3, 1, 5, 200, 2], dtype=np.uint8)
    plain = nearest.assign(values, valid, -free, free, model.weights, model.bias)
    named = nearest.assign(values, valid, -free, free, model.weights, model.bias, numbers)
    assert np.array_equal(named, np.array([0, *numbers])[plain])


@pytest.mark.parametrize("huge", [1e150, 1e300])
def test_assign_is_assign_exactly_where_sums_overflow(huge: float) -> None:
    rng = np.random.default_rng(10)
    values, valid = rng.random((3, 2_000)) * huge, np.ones(2_000, dtype=bool)
    weights, bias, free = rng.normal(size=(4, 3)) * huge, rng.random(4), np.full(3, np.inf)
    ours = nearest.assign(values, valid, -free, free, weights, bias)
    with np.errstate(over="ignore", invalid="ignore"):
        theirs = nearest.assign_exactly(values, valid, -free, free, weights, bias)
    assert np.array_equal(ours, theirs)


def test_assign_is_kmeans_predict_away_from_near_ties() -> None:
    rng = np.random.default_rng(6)
    rows = rng.random((5_000, 6))
    estimator = KMeans(12, n_init=1, random_state=0).fit(rows)
    model = LinearModel.nearest_centre(estimator.cluster_centers_)
    free = np.full(6, np.inf)
    valid = np.ones(len(rows), dtype=bool)
    ours = nearest.assign(np.ascontiguousarray(rows.T), valid, -free, free, model.weights, model.bias)
    two = np.sort(((rows[:, None] - estimator.cluster_centers_) ** 2).sum(axis=2), axis=1)[:, :2]
    clear = two[:, 1] - two[:, 0] > 1e-9
    assert clear.mean() > 0.99
    assert np.array_equal(ours[clear] - 1, estimator.predict(rows)[clear])
    assert np.array_equal(model.predict(rows)[clear], estimator.predict(rows)[clear])


def test_kmeans_with_one_start_is_scikit_learns() -> None:
    rows = np.random.default_rng(7).random((12_000, 3))
    algorithm = find_algorithm("kmeans")
    model = algorithm.fit(rows, 4, algorithm.complete_params({"n_init": 1}), 9)
    assert isinstance(model, LinearModel)
    assert np.array_equal(model.weights, KMeans(4, n_init=1, random_state=9).fit(rows).cluster_centers_)


def test_restarts_never_do_worse_than_one_start() -> None:
    rng = np.random.default_rng(8)
    rows = (rng.integers(0, 9, (11_000, 1)) * 10 + rng.normal(size=(11_000, 2))).astype(np.float32)
    algorithm = find_algorithm("kmeans")

    def inertia(starts: int) -> float:
        model = algorithm.fit(rows, 9, algorithm.complete_params({"n_init": starts}), 1)
        assert isinstance(model, LinearModel)
        return float(((rows - model.weights[model.predict(rows)]) ** 2).sum())

    assert inertia(8) <= inertia(1) * 1.0001


def test_bisecting_groups_for_more_classes_refine_those_for_fewer(features: np.ndarray) -> None:
    algorithm = find_algorithm("bisecting-kmeans")
    coarse, fine = (fitted_classes(algorithm, features, k) for k in (4, 5))
    pairs = set(zip(fine.tolist(), coarse.tolist(), strict=True))
    assert len(pairs) == 5
