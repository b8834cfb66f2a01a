"""Advice on the number of classes: what is measured, the rule by hand, and that it is the same again."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import make_scene
from waiting import PATIENCE_SECONDS, wait_until

from s2dash.classify import pipeline
from s2dash.classify.advice import Column, advise, elbow, sweep
from s2dash.classify.evaluate import Scores
from s2dash.core.recipe import default_recipe
from s2dash.core.types import CancelToken
from s2dash.errors import Cancelled
from s2dash.server.sweeps import Sweeps
from s2dash.server.turns import Turns
from s2dash.settings import AdviceLimits

FEW = AdviceLimits(highest_k=6, refits=3, refit_pixels=500)


def column(k: int, separation: float | None = 0.5, stability: float | None = 1.0, fit: float | None = None) -> Column:
    explained = 1 - 1 / k if fit is None else fit
    return Column(k, Scores(separation, 1.0, 100.0, explained), stability=stability)


class TestRule:
    def test_by_hand(self) -> None:
        """Of 4 to 8, 5 is not stable; 7 lies best apart, 6 within 0.01 of it, and 8 does not."""
        apart = {2: 0.9, 3: 0.8, 4: 0.40, 5: 0.60, 6: 0.545, 7: 0.55, 8: 0.5}
        found = advise([column(k, s, 0.85 if k == 5 else 0.95) for k, s in apart.items()])
        assert (found.use, found.also) == (7, (6,))
        assert found.stable == (2, 3, 4, 6, 7, 8)

    def test_none_stands_out_where_none_from_4_up_is_stable(self) -> None:
        found = advise([column(k, stability=0.99 if k < 4 else 0.89) for k in range(2, 10)])
        assert (found.use, found.also, found.stable) == (None, (), (2, 3))

    def test_nothing_is_said_of_what_is_not_known(self) -> None:
        assert advise([]).use is None
        assert advise([column(k, stability=None) for k in range(2, 9)]).use is None
        assert advise([column(k, separation=None) for k in range(2, 9)]).use is None

    def test_says_where_measures_disagree(self) -> None:
        columns = [replace(column(k, 0.5 - 0.01 * k), bic=-float(k)) for k in range(2, 10)]
        found = advise(columns)
        assert dict(found.favourites)["separation"] == 4
        assert dict(found.favourites)["BIC"] == 9
        assert found.disagree

    @given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-0.5, 1)), min_size=1, max_size=14))
    def test_what_is_offered_is_stable_and_near_the_best(self, measured: Sequence[tuple[float, float]]) -> None:
        columns = [column(k, *values) for k, values in enumerate(measured, 2)]
        found = advise(columns)
        offered = [*found.also, *([found.use] if found.use else [])]
        assert offered == sorted(offered)
        stable = {c.k: c.separation for c in columns if c.k >= 4 and c.stability is not None and c.stability >= 0.9}
        assert bool(stable) == bool(offered)
        assert set(offered) == {k for k, apart in stable.items() if apart >= max(stable.values()) - 0.01}  # type: ignore[operator, type-var]


class TestElbow:
    def test_by_hand(self) -> None:
        """Two straight pieces that meet at 5."""
        curve = {2: 0.0, 3: 0.3, 4: 0.6, 5: 0.9, 6: 0.92, 7: 0.94, 8: 0.96}
        assert elbow(curve) == 5

    def test_a_straight_line_has_none(self) -> None:
        assert elbow({2: 0.0, 3: 0.5, 4: 1.0}) is None
        assert elbow({2: 0.5, 3: 0.5, 4: 0.5}) is None
        assert elbow({2: 0.5, 3: 0.6}) is None

    @given(st.lists(st.floats(0.001, 0.2), min_size=3, max_size=14), st.floats(0.1, 5), st.floats(-1, 1))
    def test_is_that_of_the_inertia_whatever_its_unit(self, steps: list[float], unit: float, start: float) -> None:
        curve = dict(enumerate(np.cumsum(steps).tolist(), 2))
        found, moved = elbow(curve), elbow({k: unit * value + start for k, value in curve.items()})
        assert found is None or moved is None or found == moved or _chord(curve, found, moved) < 1e-9


def _chord(curve: dict[int, float], one: int, other: int) -> float:
    """How much the heights of two points above the chord differ."""
    ks = sorted(curve)
    rise = (curve[ks[-1]] - curve[ks[0]]) / (ks[-1] - ks[0])
    return abs((curve[one] - rise * one) - (curve[other] - rise * other))


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> pipeline.Fitted:
    scene = make_scene(tmp_path_factory.mktemp("advice"), (60, 90))
    return pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), k=5))


class TestSweep:
    @pytest.mark.parametrize("algorithm", ["kmeans", "nested-groups", "gaussian-mixture", "spectral-angle-kmeans"])
    def test_columns_are_of_the_maps_and_the_same_again(self, fitted: pipeline.Fitted, algorithm: str) -> None:
        recipe = pipeline.apply_algorithm(fitted.recipe, algorithm)
        prepared = pipeline.prepare(fitted.scene, recipe)
        sample = pipeline.sample_of(prepared)
        once = list(sweep(prepared, sample, range(2, 6), limits=FEW))
        assert once == list(sweep(prepared, sample, range(2, 6), limits=FEW))
        assert [c.k for c in once] == [2, 3, 4, 5] * 2
        assert all(c.stability is None for c in once[:4])
        own = pipeline.sample_scores(pipeline.fit(pipeline.prepare(fitted.scene, recipe)))
        assert once[3].scores == own
        for first, last in zip(once[:4], once[4:], strict=True):
            assert replace(last, stability=None) == first
            assert last.stability is not None
            assert -0.5 <= last.stability <= 1
            assert (first.bic is not None) == (algorithm == "gaussian-mixture")
        if algorithm == "nested-groups":
            assert [c.splits is not None for c in once[:4]] == [False, True, True, True]

    def test_another_seed_draws_other_pixels(self, fitted: pipeline.Fitted) -> None:
        def tried(seed: int) -> list[Column]:
            prepared = pipeline.prepare(fitted.scene, replace(fitted.recipe, seed=seed))
            return list(sweep(prepared, fitted.sample, [9, 11], limits=FEW))

        assert [c.stability for c in tried(0)] != [c.stability for c in tried(1)]

    def test_stops_between_two_fits(self, fitted: pipeline.Fitted) -> None:
        cancel = CancelToken()
        found = sweep(fitted.prepared, fitted.sample, None, cancel, limits=FEW)
        assert next(found).k == 2
        cancel.cancel()
        with pytest.raises(Cancelled):
            list(found)

    def test_few_pixels_have_no_stability_and_no_more_classes_than_they_are(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, (2, 4))
        prepared = pipeline.prepare(scene, replace(default_recipe(scene).plain(), k=2))
        found = list(sweep(prepared, pipeline.sample_of(prepared)))
        assert [c.k for c in found] == list(range(2, 9))
        assert all(c.stability is None for c in found)


class TestInTheBackground:
    def test_made_once_for_every_k_and_given_again(self, fitted: pipeline.Fitted) -> None:
        sweeps = Sweeps(lambda: False, FEW)
        job = sweeps.of(fitted)
        other = pipeline.fitted_to(fitted.scene, replace(fitted.recipe, k=3))
        assert sweeps.of(other) is job
        wait_until(lambda: job.look() and job.is_done)
        assert job.error is None
        assert [c.k for c in job.look()] == [2, 3, 4, 5, 6]
        assert all(c.stability is not None for c in job.look())
        assert sweeps.of(pipeline.fitted_to(fitted.scene, replace(fitted.recipe, scale="none"))) is not job

    def test_given_up_where_nobody_looks_and_begun_again(self, fitted: pipeline.Fitted) -> None:
        free = threading.Event()
        sweeps = Sweeps(lambda: not free.is_set(), replace(FEW, unseen_seconds=1))
        job = sweeps.of(fitted)
        assert job.wait(PATIENCE_SECONDS)
        assert job.is_cancelled
        free.set()
        assert sweeps.of(fitted) is not job

    def test_those_who_asked_first_go_first_and_nobody_while_others_are_busy(self) -> None:
        busy = threading.Event()
        busy.set()
        turns, order = Turns(1, busy.is_set), list[int]()

        def take(number: int) -> None:
            with turns(CancelToken()):
                order.append(number)

        with _threads() as begin:
            for number in range(3):
                begin(take, number)
                wait_until(lambda number=number: len(turns._waiting) == number + 1)
            assert order == []
            busy.clear()
        assert order == [0, 1, 2]

    def test_where_somebody_is_always_busy_a_turn_comes_all_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("s2dash.server.turns._PATIENCE_SECONDS", 0.2)
        with Turns(1, lambda: True)(CancelToken()):
            pass

    def test_who_waits_can_stop(self) -> None:
        cancel = CancelToken()
        cancel.cancel()
        turns = Turns(1, lambda: True)
        with pytest.raises(Cancelled), turns(cancel):
            raise AssertionError("stopped before its turn")
        assert not turns._waiting


@contextmanager
def _threads() -> Iterator[object]:
    """`begin(work, *given)` on a thread of its own; all have ended after the block."""
    begun: list[threading.Thread] = []

    def begin(work: object, *given: object) -> None:
        begun.append(threading.Thread(target=work, args=given))  # type: ignore[arg-type]
        begun[-1].start()

    yield begin
    for thread in begun:
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()
