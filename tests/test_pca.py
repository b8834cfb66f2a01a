"""Principal components as features: the axes are those of the textbook, pixels stand alone, and reflectance stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import make_scene
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from s2dash.classify import pipeline
from s2dash.classify.fitted import Fitted
from s2dash.classify.learn import learn_space
from s2dash.classify.space import FeatureSpace
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import Reflectance, Scene
from s2dash.errors import TooFewPixels


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("pca"), (60, 90))


def fitted(scene: Scene, **choices: Any) -> Fitted:
    return pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), k=5, params=(("n_init", 2),), **choices))


def labels(of: Fitted) -> np.ndarray:
    found = pipeline.run_live(of).classmap.labels
    assert found is not None
    return found


class TestAxes:
    @pytest.mark.parametrize("scale", ["none", "standard", "robust"])
    @pytest.mark.parametrize("pca", [1, 2, 4, 0.5, 0.9, 0.99, 0.999999])
    def test_are_scikit_learns(self, scene: Scene, scale: str, pca: int | float) -> None:
        of = fitted(scene, scale=scale, pca=pca, indices=("NDVI",))
        axes = of.space.axes
        assert axes is not None
        theirs = PCA(pca, svd_solver="full").fit(replace(of.space, axes=None).transform(of.sample.raw, np.float64))
        assert len(axes) == theirs.n_components_
        assert np.allclose(np.abs((axes * theirs.components_).sum(axis=1)), 1, atol=1e-6)
        assert of.space.kept_variance == pytest.approx(theirs.explained_variance_ratio_.sum())

    def test_point_to_their_largest_weight(self, scene: Scene) -> None:
        axes = fitted(scene, pca=4).space.axes
        assert axes is not None
        assert (axes[np.arange(4), np.abs(axes).argmax(axis=1)] > 0).all()
        assert np.allclose(axes @ axes.T, np.eye(4), atol=1e-12)

    def test_are_at_most_one_a_feature(self, scene: Scene) -> None:
        space = fitted(scene, pca=900).space
        assert space.axes is not None
        assert space.axes.shape == (4, 4)
        assert space.words == "PCA: 4 of 4 components hold 100 % of the variance."

    def test_of_a_constant_band_beside_others(self, tmp_path: Path) -> None:
        one = make_scene(tmp_path, (30, 40))
        prepared = pipeline.prepare(one, replace(default_recipe(one).plain(), pca=0.5))
        raw = pipeline.sample_of(prepared).raw.copy()
        raw[1] = 700
        space = learn_space(prepared, raw)
        assert space.axes is not None
        assert not space.axes[:, 1].any()


@given(cuts=st.lists(st.integers(0, 300), max_size=6), seed=st.integers(0, 99))
def test_a_pixels_components_depend_on_that_pixel_alone(cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    raw = rng.integers(0, 10_000, (7, 300)).astype(np.uint16)
    shift, axes = rng.random(7) * 1e4, np.linalg.qr(rng.normal(size=(7, 7)))[0][:4]
    space = FeatureSpace(np.full(7, 500.0), np.full(7, 9_000.0), shift, 1 + rng.random(7) * 1e3, axes)
    whole = space.transform(raw)
    parts = [space.transform(part) for part in np.split(raw, sorted(cuts), axis=1)]
    assert np.array_equal(np.concatenate(parts), whole)
    scaled = (np.clip(raw.T.astype(float), 500, 9_000) - shift) / space.scale
    assert np.allclose(whole, scaled @ axes.T, atol=1e-3)


def test_all_components_are_the_same_distances(scene: Scene) -> None:
    plain, turned = labels(fitted(scene)), labels(fitted(scene, pca=4))
    assert adjusted_rand_score(plain.ravel(), turned.ravel()) > 0.999


@pytest.mark.parametrize("algorithm", ["kmeans", "bisecting-kmeans"])
def test_labels_are_those_of_the_model_on_components(scene: Scene, algorithm: str) -> None:
    of = fitted(scene, pca=2, algorithm=algorithm)
    own = of.model.predict(of.space.transform(of.sample.raw, np.float64))
    assert (of.sample_labels == of.number_of[own]).mean() > 0.999


def test_means_stay_reflectance_and_the_notes_say_what_is_kept(scene: Scene) -> None:
    of = fitted(scene, pca=1)
    assert of.mean_reflectance.shape == (5, len(scene.bands))
    assert of.space.axes is not None
    assert of.space.axes.shape == (1, 4)
    assert of.space.words in of.warnings
    assert "1 of 4 component holds" in of.space.words
    result = pipeline.run_live(of)
    assert [row.id for row in result.rows] == [1, 2, 3, 4, 5]
    assert of.space.words in result.warnings


@pytest.mark.parametrize("scale", ["none", "standard", "robust"])
def test_components_are_the_same_in_other_numbers(scene: Scene, scale: str) -> None:
    of = fitted(scene, scale=scale, pca=2)
    there = of.on(scene.with_reflectance(Reflectance(500.0, (3.0, 1.0, 4.0, 1.0), "")))
    expected = of.space.transform(of.sample.raw)
    assert np.allclose(there.space.transform(there.sample.raw), expected, rtol=1e-5, atol=1e-3)


def test_too_few_distinct_components_say_so(tmp_path: Path) -> None:
    one = make_scene(tmp_path, (20, 30), ("B02", "B03"))
    prepared = pipeline.prepare(one, replace(default_recipe(one).plain(), k=3, pca=1, scale="none"))
    sample = pipeline.sample_of(prepared)
    raw = np.zeros_like(sample.raw)
    raw[:, ::2] = 1000
    with pytest.raises(TooFewPixels, match="keep more components"):
        pipeline.fit_sample(prepared, replace(sample, raw=raw))


def test_old_recipes_read_and_write_as_before() -> None:
    old = Recipe(("B02",))
    assert "pca" not in old.to_dict()
    assert Recipe.from_json(old.to_json()).pca is None
    assert Recipe.from_json('{"bands": ["B02"], "pca": null}') == old
