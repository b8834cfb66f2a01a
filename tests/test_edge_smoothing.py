"""Smoothing that keeps edges: by a plain loop, and the same bits whichever way pixels are read, in every run."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import make_scene

from s2dash.classify import pipeline
from s2dash.classify.edge_smoothing import HALO, edge_smoothed, edge_smoothed_at
from s2dash.classify.features import preview_features, run_features, window_features
from s2dash.classify.fitted import Fitted
from s2dash.classify.learn import learn_space, learnt, learnt_with_sample
from s2dash.classify.prepare import Prepared, prepare
from s2dash.classify.sampling import draw_sample, sample_of
from s2dash.core.classmap import Result
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import Reflectance, Scene
from s2dash.core.types import Window
from s2dash.errors import RecipeError
from s2dash.raster.door import open_raster
from s2dash.raster.reading import SceneReader
from s2dash.settings import LIVE_LIMITS

BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")
MASKED = ((slice(8, 15), slice(20, 33)), (slice(0, 2), slice(0, 50)))


def labels_of(result: Result) -> np.ndarray:
    assert result.classmap.path is not None
    with open_raster(result.classmap.path) as dataset:
        return np.asarray(dataset.read(1))


def one_each(features: np.ndarray) -> np.ndarray:
    """Each pixel's features as one value, shape (pixels,)."""
    rows = np.ascontiguousarray(features.T)
    return rows.view(f"V{rows.itemsize * rows.shape[1]}").ravel()


def better(scene: Scene, **choices: object) -> Recipe:
    chosen = replace(default_recipe(scene), k=5, transform="sqrt", components=4, smooth="edge")
    return replace(chosen, **choices)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("edges"), (64, 90), BANDS, masked=MASKED)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Of which the live picture takes every second pixel."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 30_000)
        place = ((slice(30, 100), slice(9, 40)),)
        yield make_scene(tmp_path_factory.mktemp("large"), (300, 340), BANDS, masked=place)


@pytest.fixture(scope="module")
def on_large(large: Scene) -> Fitted:
    assert large.live_step == 2
    return pipeline.fitted_to(large, better(large, indices=("NDVI",), sample=500))


def plain(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """The filter by its text, in double precision."""
    found = np.where(valid, values, 0).astype(np.float64)
    rows, cols = valid.shape
    for step in (1, 2, 3):
        before, shown = np.pad(found, ((0, 0), (step, step), (step, step))), np.pad(valid, step)
        sums, total = found.copy(), np.ones(valid.shape)
        for down in (0, step, 2 * step):
            for right in (0, step, 2 * step):
                if down == right == step:
                    continue
                place = slice(down, down + rows), slice(right, right + cols)
                near = before[(slice(None), *place)]
                weight = 0.8825 if step in (down, right) else 0.7788
                weight = weight * shown[place] * np.exp(-((near - found) ** 2).mean(axis=0) / (2 * 0.4**2))
                sums, total = sums + weight * near, total + weight
        found = np.where(valid, sums / total, 0)
    return found


class TestFilter:
    @given(
        shape_rc=st.tuples(st.integers(1, 17), st.integers(1, 17)),
        features=st.integers(1, 11),
        seed=st.integers(0, 99),
        share=st.sampled_from([0.0, 0.2, 0.9]),
    )
    def test_is_its_text(self, shape_rc: tuple[int, int], features: int, seed: int, share: float) -> None:
        rng = np.random.default_rng(seed)
        values = rng.normal(0, 0.7, (features, *shape_rc)).astype(np.float32)
        valid = rng.random(shape_rc) >= share
        values[:, ~valid] = np.nan
        found = edge_smoothed(values, valid)
        assert found.dtype == np.float32
        assert np.allclose(found, plain(np.nan_to_num(values), valid), atol=2e-6)

    @given(seed=st.integers(0, 99), features=st.integers(1, 11))
    def test_places_get_the_same_bits(self, seed: int, features: int) -> None:
        rng = np.random.default_rng(seed)
        values = rng.normal(0, 0.7, (features, 23, 31)).astype(np.float32)
        valid = rng.random((23, 31)) > 0.2
        whole = edge_smoothed(values, valid)
        rows, cols = rng.integers(0, 23, 40), rng.integers(0, 31, 40)
        off = np.arange(2 * HALO + 1)
        down, right = rows + off[:, None, None], cols + off[:, None]
        wide = np.pad(values, ((0, 0), (HALO, HALO), (HALO, HALO))), np.pad(valid, HALO)
        for some in (slice(None), slice(1)):
            at = down[..., some], right[..., some]
            found = edge_smoothed_at(wide[0][:, *at], wide[1][at])
            assert np.array_equal(found, whole[:, rows[some], cols[some]])

    def test_wide_pictures_are_smoothed_in_strips(self) -> None:
        rng = np.random.default_rng(0)
        values, valid = rng.normal(0, 0.7, (3, 20, 2100)).astype(np.float32), rng.random((20, 2100)) > 0.1
        whole = edge_smoothed(values, valid)
        for left, right in ((0, 40), (1000, 1050), (2060, 2100)):
            wide = slice(max(0, left - HALO), right + HALO)
            part = edge_smoothed(values[:, :, wide], valid[:, wide])
            assert np.array_equal(part[:, :, left - wide.start :][:, :, : right - left], whole[:, :, left:right])

    def test_keeps_an_edge_and_takes_noise(self) -> None:
        rng = np.random.default_rng(0)
        clean = np.zeros((6, 40, 40), dtype=np.float32)
        clean[:, :, 20:] = 3
        noisy = clean + rng.normal(0, 0.2, clean.shape).astype(np.float32)
        found = edge_smoothed(noisy, np.ones((40, 40), dtype=bool))
        assert np.abs(found - clean).std() < 0.25 * np.abs(noisy - clean).std()
        beside = found[:, :, 19:21].mean(axis=(0, 1))
        assert np.allclose(beside, (0, 3), atol=0.1)


def ready(scene: Scene, recipe: Recipe) -> Prepared:
    return learnt(prepare(scene, recipe))


class TestFeatures:
    @pytest.mark.parametrize(
        "choices",
        [
            {},
            {"indices": ("NDVI",), "clip": (2.0, 98.0)},
            {"transform": "none", "components": None},
            {"transform": "log", "components": None, "pca": 0.99},
            {"scale": "none", "components": None},
        ],
    )
    def test_windows_and_runs_give_what_the_whole_gives(self, scene: Scene, choices: dict[str, object]) -> None:
        prepared = ready(scene, better(scene, **choices))
        whole = preview_features(prepared)
        assert np.isfinite(whole.values).all()
        run = [Window(top, 7, height, 60) for top, height in ((0, 3), (3, 1), (4, 30), (34, 2), (36, 28))]
        with SceneReader(scene) as reader:
            for window in (Window(0, 0, 64, 90), Window(5, 7, 1, 1), Window(60, 0, 4, 9), Window(0, 89, 64, 1)):
                part = window_features(prepared, reader, window)
                assert np.array_equal(part.values, whole.values[(slice(None), *window.slices_rc)])
                assert np.array_equal(part.valid, whole.valid[window.slices_rc])
            for some in (run, run[1:]):
                for window, part in zip(some, run_features(prepared, reader, some), strict=True):
                    assert np.array_equal(part.values, whole.values[(slice(None), *window.slices_rc)])
                    assert np.array_equal(part.valid, whole.valid[window.slices_rc])

    def test_are_pixels_as_they_are_until_the_space_is_learnt(self, scene: Scene) -> None:
        recipe = better(scene)
        before = preview_features(prepare(scene, recipe))
        assert np.array_equal(before.values, preview_features(prepare(scene, replace(recipe, smooth=0))).values)
        assert preview_features(ready(scene, recipe)).values.shape == (4, 64, 90)

    def test_neighbours_across_the_mask_count_for_nothing(self, scene: Scene) -> None:
        prepared = ready(scene, better(scene))
        found = preview_features(prepared)
        assert not found.valid[MASKED[0]].any()
        assert not found.values[:, ~found.valid].any()

    @pytest.mark.parametrize("transform", ["sqrt", "log"])
    def test_transform_takes_reflectance(self, scene: Scene, transform: str) -> None:
        of = scene.with_reflectance(Reflectance(10_000, (-1000.0,) * 6, ""))
        prepared = prepare(of, replace(better(of), transform=transform, smooth=0))
        found = preview_features(prepared)
        reflectance = np.maximum(of.to_reflectance(prepared.stack[:6]), 0)
        wanted = np.sqrt(reflectance) if transform == "sqrt" else np.log(reflectance + 0.02)
        assert np.allclose(found.values, wanted, atol=1e-6)


class TestSpace:
    def test_components_are_partly_whitened(self, scene: Scene) -> None:
        recipe = better(scene, smooth=0)
        of = pipeline.fitted_to(scene, recipe)
        plain_space = pipeline.fitted_to(scene, replace(recipe, components=None, pca=4)).space
        rows, turned = (space.transform(of.sample.raw, np.float64) for space in (of.space, plain_space))
        expected = (turned - turned.mean(axis=0)) * turned.var(axis=0) ** -0.325
        expected /= np.sqrt(expected.var(axis=0).mean())
        assert np.allclose(rows - rows.mean(axis=0), expected, atol=1e-6)

    @pytest.mark.parametrize("scale", ["none", "standard", "robust"])
    @pytest.mark.parametrize("components", [None, 3])
    def test_smoothing_acts_where_the_mean_variance_is_one(
        self, scene: Scene, scale: str, components: int | None
    ) -> None:
        prepared = prepare(scene, better(scene, scale=scale, components=components))
        space, raw = learnt(prepared).pointwise, sample_of(prepared).raw
        assert space is not None
        rows = space.transform(raw, np.float64)
        assert rows.var(axis=0).mean() == pytest.approx(1)
        assert np.allclose(space.planes(raw).T, rows, atol=1e-4)

    def test_bands_that_are_the_same_tell_nothing_twice(self, tmp_path: Path) -> None:
        one = make_scene(tmp_path, (30, 40), ("B02", "B03"))
        prepared = prepare(one, better(one, components=6))
        sample = sample_of(prepared)
        twice = replace(prepared, recipe=replace(prepared.recipe, smooth=0))
        raw = np.stack([sample.raw[0], sample.raw[0], np.full_like(sample.raw[0], 0.3)])
        space = learn_space(twice, raw)
        assert np.isfinite(space.transform(raw)).all()
        assert space.transform(raw).var(axis=0)[1:] == pytest.approx(0, abs=1e-6)

    def test_are_not_for_what_looks_at_bands_as_they_are(self, scene: Scene) -> None:
        with pytest.raises(RecipeError, match="smoothing"):
            prepare(scene, replace(Recipe(BANDS), scale="none", algorithm="spectral-angle-kmeans", smooth="edge"))
        turned = pipeline.apply_algorithm(better(scene), "spectral-angle-kmeans")
        prepare(scene, turned)


class TestRuns:
    def test_sample_is_the_features_of_its_places(self, large: Scene, on_large: Fitted) -> None:
        """Taken place by place, as in a scene of which few pixels are taken, or from smoothed strips."""
        prepared = on_large.prepared
        sample = draw_sample(prepared)
        alone = draw_sample(replace(prepared, pointwise=None))
        assert np.array_equal(sample.bands, alone.bands)
        with SceneReader(large) as reader:
            whole = window_features(prepared, reader, Window(0, 0, *large.grid.shape_rc))
        every = one_each(whole.values[:, whole.valid])
        assert np.isin(one_each(sample.raw), every).all()
        dense = draw_sample(replace(prepared, recipe=replace(prepared.recipe, sample=20_000)))
        assert np.isin(one_each(dense.raw), every).all()

    @pytest.mark.parametrize("sample", [100, 500, 20_000])
    @pytest.mark.parametrize("by_blocks", [False, True])
    def test_one_reading_gives_what_two_give(
        self, large: Scene, sample: int, by_blocks: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if by_blocks:
            for module in ("prepare", "sampling"):
                monkeypatch.setattr(f"s2dash.classify.{module}.WHOLE_UP_TO_PIXELS", 10_000)
        read: list[Window] = []
        read_all = SceneReader.read_all
        monkeypatch.setattr(SceneReader, "read_all", lambda *given: read.append(given[2]) or read_all(*given))
        prepared = prepare(large, better(large, indices=("NDVI",), sample=sample))
        found, once = learnt_with_sample(prepared)
        reads = len(read)
        twice = draw_sample(learnt(prepared))
        assert len(read) == 3 * reads
        assert found.pointwise is not None
        assert np.array_equal(once.raw, twice.raw)
        assert np.array_equal(once.bands, twice.bands)
        assert once.population == twice.population
        monkeypatch.setattr("s2dash.classify.surroundings.LIVE_LIMITS", replace(LIVE_LIMITS, most_around_bytes=0))
        assert np.array_equal(learnt_with_sample(prepared)[1].raw, twice.raw)
        assert len(read) == 5 * reads

    @pytest.mark.parametrize("window_shape_rc", [(97, 301), (512, 2048), (300, 40)])
    def test_windows_of_any_size_give_the_same_labels(
        self, on_large: Fitted, tmp_path: Path, window_shape_rc: tuple[int, int]
    ) -> None:
        full = pipeline.run_full(on_large, tmp_path / "labels.tif", window_shape_rc=window_shape_rc)
        with SceneReader(on_large.scene) as reader:
            whole = pipeline.label_window(on_large, reader, Window(0, 0, *on_large.scene.grid.shape_rc))
        labels = labels_of(full)
        assert np.array_equal(labels, whole)
        live = pipeline.run_live(on_large).classmap.labels
        assert np.array_equal(live, whole[1::2, 1::2])

    def test_workers_give_the_same_labels(self, on_large: Fitted, tmp_path: Path) -> None:
        alone = pipeline.run_full(on_large, tmp_path / "alone.tif")
        with ThreadPoolExecutor(2) as executor:
            shared = pipeline.run_full(on_large, tmp_path / "shared.tif", executor=executor, window_shape_rc=(64, 128))
        assert np.array_equal(labels_of(shared), labels_of(alone))
        assert [row.count for row in shared.rows] == [row.count for row in alone.rows]

    def test_a_full_run_gives_what_the_whole_live_picture_gives(self, scene: Scene, tmp_path: Path) -> None:
        fitted = pipeline.fitted_to(scene, better(scene))
        live = pipeline.run_live(fitted).classmap.labels
        full = pipeline.run_full(fitted, tmp_path / "labels.tif", window_shape_rc=(17, 23))
        assert np.array_equal(labels_of(full), live)

    @pytest.mark.parametrize("transform", ["none", "sqrt"])
    def test_another_scene_in_other_numbers_gets_the_same_labels(self, scene: Scene, transform: str) -> None:
        fitted = pipeline.fitted_to(scene, better(scene, transform=transform))
        # The same reflectance: halves are exact.
        there = fitted.on(scene.with_reflectance(scene.reflectance))
        assert np.array_equal(pipeline.run_live(there).classmap.labels, pipeline.run_live(fitted).classmap.labels)
        found = scene.reflectance
        brighter = Reflectance(found.quantification / 2, tuple(found.offsets), "")
        darker = fitted.on(scene.with_reflectance(brighter))
        assert darker.prepared.pointwise is not None
        raw = sample_of(prepare(scene, fitted.recipe)).raw
        doubled = sample_of(prepare(darker.scene, fitted.recipe)).raw
        here = fitted.prepared.pointwise
        assert here is not None
        shown = np.asarray(here.planes(doubled if transform == "sqrt" else raw * 2))
        assert np.allclose(darker.prepared.pointwise.planes(doubled), shown, atol=1e-4)


class TestRecipe:
    def test_from_before_read_and_hash_as_ever(self) -> None:
        old = Recipe(("B02",))
        assert not {"transform", "components"} & set(old.to_dict())
        assert Recipe.from_json(old.to_json()) == old
        new = replace(old, transform="log", components=3, smooth="edge")
        assert Recipe.from_json(new.to_json()) == new

    @pytest.mark.parametrize(
        "field",
        [
            '"transform": "cube"',
            '"components": 0',
            '"components": true',
            '"smooth": "mean"',
            '"transform": 3',
            '"components": 3, "pca": 3',
            '"components": 2.5',
            '"smooth": 2',
        ],
    )
    def test_refuses_what_it_does_not_know(self, field: str) -> None:
        with pytest.raises(RecipeError):
            Recipe.from_json(f'{{"bands": ["B02"], {field}}}')
