"""Smoothing against a plain loop, indices against formulas written out here, clipping and scaling."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scenes import TEN_METRE, make_scene, prepared_on

from s2dash.classify.features import preview_features, raw_features, run_features, window_features
from s2dash.classify.indices import INDEX_HELP, available_indices, chosen_indices, index_values
from s2dash.classify.learn import learn_space
from s2dash.classify.smoothing import smoothed, smoothed_at
from s2dash.core import sentinel2
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Pixels, Reflectance, Scene
from s2dash.core.types import Window
from s2dash.errors import UnknownName
from s2dash.raster.reading import SceneReader, read_preview_stack

B = {name: number for number, name in enumerate(sentinel2.BANDS)}
FORMULAS = {
    "NDVI": lambda r: (r["B08"] - r["B04"]) / (r["B08"] + r["B04"]),
    "NDWI": lambda r: (r["B03"] - r["B08"]) / (r["B03"] + r["B08"]),
    "MNDWI": lambda r: (r["B03"] - r["B11"]) / (r["B03"] + r["B11"]),
    "NDBI": lambda r: (r["B11"] - r["B08"]) / (r["B11"] + r["B08"]),
    "NDMI": lambda r: (r["B08"] - r["B11"]) / (r["B08"] + r["B11"]),
    "BSI": lambda r: ((r["B11"] + r["B04"]) - (r["B08"] + r["B02"])) / ((r["B11"] + r["B04"]) + (r["B08"] + r["B02"])),
    "NBR": lambda r: (r["B08"] - r["B12"]) / (r["B08"] + r["B12"]),
    "NDSI": lambda r: (r["B03"] - r["B11"]) / (r["B03"] + r["B11"]),
    "NDREI": lambda r: (r["B08"] - r["B05"]) / (r["B08"] + r["B05"]),
}


@pytest.fixture(scope="module")
def full_scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("full"), (24, 30), tuple(sentinel2.BANDS))


def plain_mean(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Mean of valid 3 x 3 neighbours by a plain loop; 0 where there is none."""
    out = np.zeros(values.shape)
    for row in range(valid.shape[0]):
        for col in range(valid.shape[1]):
            near = (slice(max(0, row - 1), row + 2), slice(max(0, col - 1), col + 2))
            if valid[near].any():
                out[:, row, col] = values[:, near[0], near[1]][:, valid[near]].mean(axis=1)
    return out


class TestSmoothing:
    @given(
        valid=arrays.arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 7))),
        seed=st.integers(0, 99),
        step=st.integers(1, 4),
    )
    def test_is_the_mean_of_valid_neighbours(self, valid: np.ndarray, seed: int, step: int) -> None:
        values = np.random.default_rng(seed).integers(0, 10_000, (2, *valid.shape)).astype("uint16")
        expected = plain_mean(values, valid)
        whole = smoothed(values, valid)
        assert whole.dtype == np.float32
        assert np.allclose(whole, expected, rtol=1e-6)
        first_rc = (seed % step, seed % step)
        some = smoothed(values, valid, step, first_rc)
        assert np.array_equal(some, whole[:, first_rc[0] :: step, first_rc[1] :: step])

    @pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32"])
    def test_single_places_get_the_same_bits(self, dtype: str) -> None:
        rng = np.random.default_rng(3)
        values = (rng.random((3, 20, 30)) * 120).astype(dtype)
        valid = rng.random((20, 30)) > 0.4
        rows, cols = (places.ravel() for places in np.indices(valid.shape))
        whole = smoothed(values, valid)
        assert np.array_equal(smoothed_at(Pixels(values, valid), rows, cols), whole[:, rows, cols])
        exact = smoothed(values.astype(np.float64), valid)
        assert np.array_equal(whole, exact)

    @pytest.mark.parametrize("smooth", [0, 3])
    @pytest.mark.parametrize("heights", [(24,), (10, 10, 4), (1,) * 24, (23, 1), (1, 1, 22)])
    @pytest.mark.parametrize("cols", [(0, 30), (0, 7), (7, 23), (29, 30)])
    def test_runs_give_what_windows_give(
        self, tmp_path: Path, smooth: int, heights: tuple[int, ...], cols: tuple[int, int]
    ) -> None:
        scene = make_scene(tmp_path, (24, 30), masked=((slice(3, 9), slice(5, 12)),))
        recipe = Recipe(("B02", "B08"), ("NDVI",), smooth=smooth)
        prepared = prepared_on(scene, recipe)
        tops = np.cumsum((0, *heights[:-1])).tolist()
        every = [Window(top, cols[0], height, cols[1] - cols[0]) for top, height in zip(tops, heights, strict=True)]
        with SceneReader(scene) as reader:
            for run in (every, every[1:]):
                for window, found in zip(run, run_features(prepared, reader, run) if run else (), strict=True):
                    expected = window_features(prepared, reader, window)
                    assert np.array_equal(found.values, expected.values, equal_nan=True)
                    assert np.array_equal(found.valid, expected.valid)

    def test_masked_numbers_leave_no_trace(self) -> None:
        values = np.full((1, 3, 3), 5.0, dtype=np.float32)
        values[0, 1, 1], values[0, 0, 0] = np.nan, 1e30
        valid = np.ones((3, 3), dtype=bool)
        valid[1, 1] = valid[0, 0] = False
        assert (smoothed(values, valid) == 5).all()

    def test_windows_give_what_the_whole_gives(self, full_scene: Scene) -> None:
        recipe = Recipe(("B02", "B08"), ("NDVI",), smooth=3)
        prepared = prepared_on(full_scene, recipe)
        whole = preview_features(prepared)
        with SceneReader(full_scene) as reader:
            for window in (Window(0, 0, 24, 30), Window(5, 7, 1, 1), Window(20, 0, 4, 9), Window(0, 29, 24, 1)):
                part = window_features(prepared, reader, window)
                assert np.array_equal(part.values, whole.values[(slice(None), *window.slices_rc)])
                assert np.array_equal(part.valid, whole.valid[window.slices_rc])


class TestIndices:
    def test_every_index_is_tested_and_explained(self, full_scene: Scene) -> None:
        assert set(available_indices(full_scene)) == set(FORMULAS) == set(INDEX_HELP)

    @pytest.mark.parametrize("name", FORMULAS)
    def test_is_its_formula(self, full_scene: Scene, name: str) -> None:
        stack = read_preview_stack(full_scene)
        (index,) = chosen_indices(full_scene, (name,))
        reflectance = {band: stack[i] / 10_000 for band, i in B.items()}
        values = index_values(full_scene, index, stack[[p for _, p in index.positions]])
        assert values.dtype == np.float32
        assert values == pytest.approx(np.clip(FORMULAS[name](reflectance), -1, 1), abs=2e-6)

    def test_is_on_reflectance_where_there_is_an_offset(self, full_scene: Scene) -> None:
        scene = dataclasses.replace(full_scene, reflectance=Reflectance(10_000, (-1_000,) * len(full_scene.bands), ""))
        (index,) = chosen_indices(scene, ("NDVI",))
        near, red = 4_000, 2_000
        stored = np.array([{"N": near, "R": red}[letter] for letter, _ in index.positions])
        assert index_values(scene, index, stored) == pytest.approx(0.5)

    def test_stays_within_one(self, full_scene: Scene) -> None:
        scene = dataclasses.replace(full_scene, reflectance=Reflectance(10_000, (-1_000,) * len(full_scene.bands), ""))
        (index,) = chosen_indices(scene, ("NDVI",))
        order = [letter for letter, _ in index.positions]
        for near, red, expected in ((3_000, 500, 1), (500, 3_000, -1), (2_000, 0, 1)):
            stored = np.array([{"N": near, "R": red}[letter] for letter in order])
            assert index_values(scene, index, stored) == expected

    def test_zero_by_zero_is_masked_and_nothing_else(self, full_scene: Scene) -> None:
        recipe = Recipe(("B02",), ("NDVI",), mask="none")
        stack = read_preview_stack(full_scene).copy()
        stack[[B["B04"], B["B08"]], 3, 4] = 0
        stack[B["B08"], 6, 6] = 0
        features = preview_features(prepared_on(full_scene, recipe, stack))
        assert [tuple(rc) for rc in np.argwhere(~features.valid)] == [(3, 4)]
        assert features.values[1, 6, 6] == -1

    def test_b8a_stands_in_for_a_missing_b08(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, names=("B04", "B8A"))
        (index,) = chosen_indices(scene, ("ndvi",))
        assert dict(index.positions) == {"N": 1, "R": 0}

    def test_each_date_has_its_own(self, tmp_path: Path) -> None:
        dates = ("2018-04-19", "2018-06-08")
        scene = make_scene(tmp_path, names=[f"{band}_{date}" for date in dates for band in ("B04", "B08")])
        assert list(available_indices(scene)) == [f"NDVI_{date}" for date in dates]

    def test_impossible_index_lists_what_there_is(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, names=TEN_METRE)
        with pytest.raises(UnknownName, match=r"NBR.*NDVI, NDWI"):
            chosen_indices(scene, ("NBR",))


class TestRawFeatures:
    def test_bands_keep_order_and_dtype(self, full_scene: Scene) -> None:
        stack = read_preview_stack(full_scene)
        features = preview_features(prepared_on(full_scene, Recipe(("B08", "B02"))))
        assert features.values.dtype == np.uint16
        assert np.array_equal(features.values, stack[[B["B08"], B["B02"]]])

    def test_indices_come_last_and_need_their_bands(self, full_scene: Scene) -> None:
        recipe = Recipe(("B02", "B04"), ("NDVI",))
        prepared = prepared_on(full_scene, recipe)
        assert prepared.positions == (B["B02"], B["B04"], B["B08"])
        assert preview_features(prepared).values.shape == (3, 24, 30)

    def test_zero_vectors_are_masked_for_algorithms_on_reflectance(self, full_scene: Scene) -> None:
        scene = dataclasses.replace(full_scene, reflectance=Reflectance(10_000, (-1_000,) * len(full_scene.bands), ""))
        recipe = Recipe(("B02", "B03"), scale="none", algorithm="spectral-angle-kmeans")
        bands = np.full((2, 1, 3), 1_500, dtype=np.uint16)
        bands[:, 0, 0] = 1_000
        bands[0, 0, 1] = 1_000
        features = raw_features(prepared_on(scene, recipe), Pixels(bands, np.ones((1, 3), dtype=bool)))
        assert features.valid.tolist() == [[False, True, True]]


class TestSpace:
    raw = np.random.default_rng(2).integers(1, 9_000, (3, 4_000)).astype("uint16")

    def learn(self, scene: Scene, **choices: object) -> np.ndarray:
        recipe = Recipe(("B02", "B03", "B04"), **choices)  # type: ignore[arg-type]
        return learn_space(prepared_on(scene, recipe), self.raw).transform(self.raw, np.float64)

    def test_none_keeps_stored_numbers(self, full_scene: Scene) -> None:
        assert np.array_equal(self.learn(full_scene, scale="none"), self.raw.T)

    def test_standard_has_mean_0_and_deviation_1(self, full_scene: Scene) -> None:
        rows = self.learn(full_scene, scale="standard")
        assert rows.mean(axis=0) == pytest.approx(0, abs=1e-9)
        assert rows.std(axis=0) == pytest.approx(1)

    def test_robust_has_median_0_and_interquartile_range_1(self, full_scene: Scene) -> None:
        rows = self.learn(full_scene, scale="robust")
        low, middle, high = np.percentile(rows, (25, 50, 75), axis=0)
        assert middle == pytest.approx(0, abs=1e-9)
        assert high - low == pytest.approx(1)

    def test_clip_cuts_at_percentiles_before_scaling(self, full_scene: Scene) -> None:
        rows = self.learn(full_scene, scale="none", clip=(10, 90))
        low, high = np.percentile(self.raw, (10, 90), axis=1)
        assert np.array_equal(rows, np.clip(self.raw.T, low, high))
        assert self.learn(full_scene, scale="standard", clip=(10, 90)).std(axis=0) == pytest.approx(1)

    @pytest.mark.parametrize("scale", ["none", "standard", "robust"])
    def test_a_constant_band_stays_finite(self, full_scene: Scene, scale: str) -> None:
        raw = self.raw.copy()
        raw[1] = 77
        rows = learn_space(prepared_on(full_scene, Recipe(("B02", "B03", "B04"), scale=scale)), raw).transform(raw)
        assert rows.dtype == np.float32
        assert np.isfinite(rows).all()
        assert np.ptp(rows[:, 1]) == 0

    def test_robust_where_most_pixels_are_equal_takes_the_deviation(self, full_scene: Scene) -> None:
        raw = np.full((1, 1_000), 50.0)
        raw[0, :20] = 90
        rows = learn_space(prepared_on(full_scene, Recipe(("B02",), scale="robust")), raw).transform(raw, np.float64)
        assert rows.std() == pytest.approx(1)

    def test_algorithms_on_reflectance_get_reflectance(self, full_scene: Scene) -> None:
        scene = dataclasses.replace(full_scene, reflectance=Reflectance(10_000, (-1_000,) * len(full_scene.bands), ""))
        raw = np.array([[1_000, 3_000], [2_000, 11_000]])
        recipe = Recipe(("B02", "B03"), scale="none", algorithm="spectral-angle-kmeans")
        rows = learn_space(prepared_on(scene, recipe), raw).transform(raw)
        assert rows == pytest.approx(np.array([[0, 0.1], [0.2, 1]]))
