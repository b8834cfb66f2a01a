"""Favouring rare classes: a law of how often each kind is drawn, and what is few and apart counts for more."""

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
from s2dash.classify.algorithms import ALGORITHMS
from s2dash.classify.rarity import learnt_from
from s2dash.core.recipe import Recipe, default_recipe

PLAIN = Recipe(("B02", "B03"))
FAVOURED = replace(PLAIN, favour_rare=True)


@settings(max_examples=15)
@given(
    many=st.integers(400, 4_000),
    few=st.integers(20, 300),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 9),
)
def test_a_kind_is_drawn_by_the_root_of_its_number(many: int, few: int, dtype: type, seed: int) -> None:
    rows = np.repeat(np.array([[0.0, 0.0], [9.0, 3.0]], dtype=dtype), (many, few), axis=0)
    rows = np.random.default_rng(seed).permutation(rows)
    drawn = learnt_from(FAVOURED, rows)
    assert drawn.shape == rows.shape
    assert drawn.dtype == rows.dtype
    share = np.sqrt(few) / (np.sqrt(few) + np.sqrt(many))
    assert abs((drawn[:, 0] > 0).sum() - share * len(rows)) <= 1
    assert np.array_equal(drawn, learnt_from(FAVOURED, rows))
    assert learnt_from(PLAIN, rows) is rows


def test_drawn_rows_are_rows_in_their_order() -> None:
    rows = np.random.default_rng(0).gamma(2.0, size=(5_000, 3)).astype(np.float32)
    order = {row.tobytes(): place for place, row in enumerate(rows)}
    places = [order[row.tobytes()] for row in learnt_from(FAVOURED, rows)]
    assert places == sorted(places)
    assert len(set(places)) > len(rows) / 2


@settings(max_examples=10)
@given(seed=st.integers(0, 50), few=st.integers(3, 15))
def test_what_is_few_and_apart_counts_for_more(seed: int, few: int) -> None:
    rows = _wide_and_small(seed, few)
    assert _share_of_small(learnt_from(FAVOURED, rows)) > 1.5 * _share_of_small(rows)


@settings(max_examples=10)
@given(seed=st.integers(0, 50), times=st.integers(2, 4))
def test_every_pixel_several_times_changes_no_share(seed: int, times: int) -> None:
    rows = _wide_and_small(seed, 60)
    once, often = (learnt_from(FAVOURED, np.repeat(rows, count, axis=0)) for count in (1, times))
    assert abs(_share_of_small(once) - _share_of_small(often)) < 0.01


def _wide_and_small(seed: int, few: int) -> np.ndarray:
    """A wide field, and a few pixels of another kind beyond its edge."""
    rng = np.random.default_rng(seed)
    wide, small = rng.normal((0, 0), (4, 2), (4_500, 2)), rng.normal((25, 6), 0.2, (few, 2))
    return rng.permutation(np.concatenate([wide, small])).astype(np.float32)


def _share_of_small(rows: np.ndarray) -> float:
    return float((rows[:, 0] > 22).mean())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_can_favour(tmp_path: Path, algorithm: str) -> None:
    scene = make_scene(tmp_path, (40, 50))
    recipe = replace(pipeline.apply_algorithm(default_recipe(scene), algorithm), k=4, favour_rare=True)
    labels = pipeline.run_live(pipeline.fitted_to(scene, recipe)).classmap.labels
    assert labels is not None
    assert labels.min() >= 1


def test_advice_tries_the_same_fits(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, (40, 50))
    recipe = replace(default_recipe(scene).plain(), favour_rare=True, k=4)
    fitted = pipeline.fitted_to(scene, recipe)
    column = next(column for column in sweep(fitted.prepared, fitted.sample, [4]))
    assert column.scores == pipeline.sample_scores(fitted)
