"""How steady classes are: groups that are there come out again, cuts through one cloud do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scenes import make_scene

from s2dash.classify import pipeline
from s2dash.classify.advice.steadiness import _best_overlaps, steadiness
from s2dash.classify.algorithms import ALGORITHMS
from s2dash.classify.fitted import Fitted
from s2dash.core.recipe import default_recipe
from s2dash.core.types import CancelToken, cancellable
from s2dash.errors import Cancelled


def fitted_on(folder: Path, k: int, **choices: object) -> Fitted:
    """On a scene of clouds of pixels: dark water, plants and bright ground."""
    scene = make_scene(folder, shape_rc=(90, 90))
    return pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), **{"k": k, "sample": 4_000, **choices}))


def test_groups_that_are_there_come_out_again_and_finer_cuts_less(tmp_path: Path) -> None:
    few, many = (steadiness(fitted_on(tmp_path, k)) for k in (2, 12))
    assert few.shape == (2,)
    assert many.shape == (12,)
    assert (few > 0.9).all()
    assert np.nanmean(many) < few.mean()
    assert ((many >= 0) & (many <= 1) | np.isnan(many)).all()


def test_equal_fits_are_equally_steady(tmp_path: Path) -> None:
    fitted = fitted_on(tmp_path, 5)
    assert np.array_equal(steadiness(fitted), steadiness(fitted), equal_nan=True)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_can_be_asked(tmp_path: Path, name: str) -> None:
    own = {"bands": ("B02", "B04", "B08")} | ({"scale": "none"} if ALGORITHMS[name].on_reflectance else {})
    fitted = fitted_on(tmp_path, 3, algorithm=name, **own)
    found = steadiness(fitted)
    assert found.shape == (fitted.class_count,)
    assert np.nanmax(found) > 0.5


def test_of_few_pixels_nothing_is_said(tmp_path: Path) -> None:
    assert np.isnan(steadiness(fitted_on(tmp_path, 2, sample=120))).all()


def test_it_can_be_stopped(tmp_path: Path) -> None:
    fitted, cancel = fitted_on(tmp_path, 3), CancelToken()
    cancel.cancel()
    with cancellable(cancel), pytest.raises(Cancelled):
        steadiness(fitted)


@given(arrays(np.uint8, 60, elements=st.integers(1, 5)), st.permutations(range(1, 6)))
def test_other_numbers_for_the_same_classes_change_nothing(labels: np.ndarray, order: list[int]) -> None:
    renamed = np.array([0, *order], dtype=np.uint8)[labels]
    best = _best_overlaps(labels, renamed, 5, 5)
    there = np.isin(np.arange(1, 6), labels)
    assert (best[there] == 1).all()
    assert np.isnan(best[~there]).all()
