"""The flow from scene and recipe to result: properties that hold for every picture, place and way of running."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from scenes import (
    DEGREES,
    ROTATED,
    SOUTH_UP,
    TEN_METRE,
    UTM_10M,
    as_dtype,
    land_cover,
    make_scene,
    open_scene,
    prepared_on,
    write_raster,
)
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from s2dash import ingest
from s2dash.classify import assign, full, pipeline, turns
from s2dash.classify.algorithms import ALGORITHMS, Algorithm, LinearModel
from s2dash.core.classmap import Result
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import Scene
from s2dash.core.types import CancelToken
from s2dash.errors import Cancelled, OutputConflict, RecipeError, TooFewPixels, UnknownName, UnreadableFile
from s2dash.raster.reading import read_preview_stack

QUICK = (("n_init", 2),)
STRIP = (slice(0, 6), slice(0, 90))
HOLE = (slice(20, 31), slice(33, 47))


def quick(scene: Scene, **choices: Any) -> Recipe:
    """The default recipe with k = 5 and fewer restarts."""
    algorithm = choices.pop("algorithm", "kmeans")
    recipe = replace(pipeline.apply_algorithm(default_recipe(scene).plain(), algorithm), k=5)
    if any(param.name == "n_init" for param in ALGORITHMS[algorithm].params):
        recipe = replace(recipe, params=QUICK)
    return replace(recipe, **choices)


def live(scene: Scene, **choices: Any) -> Result:
    return pipeline.run_live(pipeline.fitted_to(scene, quick(scene, **choices)))


def labels_of(result: Result) -> np.ndarray:
    """Labels of a result, shape (rows, cols)."""
    if result.classmap.labels is not None:
        return result.classmap.labels
    assert result.classmap.path is not None
    with rasterio.open(result.classmap.path) as dataset:
        return dataset.read(1)


@pytest.fixture
def small_live_picture(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Call it with the most pixels that a live picture may have from now on."""
    return lambda most: monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", most)


class TestLabels:
    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_every_algorithm_labels_every_valid_pixel_and_no_other(self, tmp_path: Path, algorithm: str) -> None:
        scene = make_scene(tmp_path, (60, 90), masked=(STRIP, HOLE))
        result = live(scene, algorithm=algorithm)
        labels = labels_of(result)
        masked = np.zeros((60, 90), dtype=bool)
        masked[STRIP] = masked[HOLE] = True
        assert labels.dtype == np.uint8
        assert labels.shape == (60, 90)
        assert np.array_equal(labels == 0, masked)
        assert set(np.unique(labels[~masked])) == {1, 2, 3, 4, 5}
        assert not labels.flags.writeable
        assert result.is_full

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_classes_run_from_dark_to_bright(self, tmp_path: Path, algorithm: str) -> None:
        scene = make_scene(tmp_path, (60, 90))
        result = live(scene, algorithm=algorithm)
        stack, labels = read_preview_stack(scene), labels_of(result)
        brightness = [stack[:, labels == n].mean() for n in range(1, 6)]
        assert brightness == sorted(brightness)
        assert [row.id for row in result.rows] == [1, 2, 3, 4, 5]
        for row in result.rows:
            assert row.mean_reflectance == pytest.approx(stack[:, labels == row.id].mean(axis=1) / 10_000, rel=1e-5)

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_same_scene_and_recipe_same_labels(self, tmp_path: Path, algorithm: str) -> None:
        scene = make_scene(tmp_path, (60, 90))
        once, again = live(scene, algorithm=algorithm), live(scene, algorithm=algorithm)
        assert np.array_equal(labels_of(once), labels_of(again))
        assert once.digest == again.digest
        assert once.rows == again.rows

    def test_another_recipe_another_digest(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path)
        digests = {live(scene, **choice).digest for choice in ({}, {"k": 4}, {"seed": 1}, {"scale": "none"})}
        assert len(digests) == 4

    def test_permuted_pixels_permute_labels(self, tmp_path: Path) -> None:
        values = land_cover((40, 50), TEN_METRE).astype("uint16")
        scene = open_scene(write_raster(tmp_path / "a.tif", values, descriptions=TEN_METRE))
        fitted = pipeline.fitted_to(scene, quick(scene))
        order = np.random.default_rng(0).permutation(40 * 50)
        shuffled = values.reshape(4, -1)[:, order].reshape(4, 40, 50)
        whole = labels_of(pipeline.run_live(fitted)).ravel()
        assert np.array_equal(
            labels_of(pipeline.run_live(replace(fitted, prepared=prepared_on(scene, fitted.recipe, shuffled)))).ravel(),
            whole[order],
        )

    @pytest.mark.parametrize("scale", ["standard", "robust"])
    def test_scaling_makes_units_of_bands_irrelevant(self, tmp_path: Path, scale: str) -> None:
        values = land_cover((40, 50), TEN_METRE).astype("float32")
        once = open_scene(write_raster(tmp_path / "a.tif", values, descriptions=TEN_METRE))
        other = open_scene(
            write_raster(tmp_path / "b.tif", values * [[[4]], [[0.5]], [[1]], [[16]]], descriptions=TEN_METRE)
        )
        ours, theirs = (live(scene, scale=scale) for scene in (once, other))
        assert adjusted_rand_score(labels_of(ours).ravel(), labels_of(theirs).ravel()) > 0.9999

    def test_spectral_angle_ignores_shade(self, tmp_path: Path) -> None:
        values = land_cover((40, 50), TEN_METRE)
        shaded = values * np.where(np.arange(50) < 25, 1, 0.5)
        scenes = [
            open_scene(write_raster(tmp_path / name, v.astype("float64"), descriptions=TEN_METRE))
            for name, v in (("a.tif", values), ("b.tif", shaded))
        ]
        ours, theirs = (labels_of(live(scene, algorithm="spectral-angle-kmeans")).ravel() for scene in scenes)
        assert adjusted_rand_score(ours, theirs) == 1

    def test_the_order_of_bands_does_not_matter_much(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, (60, 90))
        ours, theirs = (labels_of(live(scene, bands=names)) for names in (TEN_METRE, TEN_METRE[::-1]))
        assert adjusted_rand_score(ours.ravel(), theirs.ravel()) > 0.9


class TestTable:
    def test_counts_shares_and_areas_add_up(self, tmp_path: Path) -> None:
        result = live(make_scene(tmp_path, (60, 90), masked=(STRIP, HOLE)))
        labels = labels_of(result)
        assert [row.count for row in result.rows] == [int((labels == n).sum()) for n in range(1, 6)]
        assert sum(row.share for row in result.rows) == pytest.approx(1)
        assert result.mapped_ha == pytest.approx(0.01 * (labels > 0).sum())
        assert result.masked_share == pytest.approx((labels == 0).mean())
        assert all(row.area_ha == pytest.approx(0.01 * row.count) for row in result.rows)

    def test_a_class_that_stays_empty_is_last_and_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        far_first = LinearModel.nearest_centre(np.array([[1e6], [0.0], [3_000.0]]))
        monkeypatch.setitem(ALGORITHMS, "fixed", Algorithm("fixed", "Fixed", "", (), lambda *given: far_first))
        scene = make_scene(tmp_path, names=("B08",))
        result = live(scene, k=3, algorithm="fixed", params=(), scale="none")
        dark, bright, empty = result.rows
        assert dark.count + bright.count == scene.grid.pixel_count
        assert dark.mean_reflectance < bright.mean_reflectance
        assert (empty.count, empty.share, empty.area_ha) == (0, 0, 0)
        assert "3 classes were asked for; 2 were found." in result.warnings


PLACES: dict[str, tuple[str | None, Affine]] = {
    "UTM": ("EPSG:32633", UTM_10M),
    "rotated": ("EPSG:32633", ROTATED),
    "south-up": ("EPSG:32633", SOUTH_UP),
    "degrees": ("EPSG:4326", DEGREES),
    "no CRS": (None, UTM_10M),
}


class TestEveryKindOfPicture:
    @pytest.mark.parametrize("place", PLACES)
    @pytest.mark.parametrize("shape_rc", [(30, 80), (80, 30)], ids=["wide", "tall"])
    def test_labels_do_not_depend_on_the_place(self, tmp_path: Path, place: str, shape_rc: tuple[int, int]) -> None:
        crs, transform = PLACES[place]
        result = live(make_scene(tmp_path, shape_rc, crs=crs, transform=transform))
        plain = live(make_scene(tmp_path, shape_rc))
        grid = result.classmap.grid
        assert np.array_equal(labels_of(result), labels_of(plain))
        assert grid.has_place == (crs is not None)
        if crs is None:
            assert result.mapped_ha is None
            assert any("No place" in words for words in result.warnings)
            return
        assert grid.transform == transform
        assert result.mapped_ha == pytest.approx(np.broadcast_to(grid.pixel_area_m2(), shape_rc).sum() / 1e4)

    @pytest.mark.parametrize("shape_rc", [(1, 400), (400, 1)], ids=["one row", "one column"])
    @pytest.mark.parametrize("smooth", [0, 3])
    def test_lines_of_pixels(self, tmp_path: Path, shape_rc: tuple[int, int], smooth: int) -> None:
        labels = labels_of(live(make_scene(tmp_path, shape_rc), smooth=smooth))
        assert labels.shape == shape_rc
        assert labels.min() == 1

    @pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
    def test_every_dtype(self, tmp_path: Path, dtype: str) -> None:
        labels = labels_of(live(make_scene(tmp_path, (40, 50), dtype=dtype)))
        assert set(np.unique(labels)) == {1, 2, 3, 4, 5}

    def test_one_band(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, (40, 50), ("B08",))
        labels = labels_of(live(scene))
        values = read_preview_stack(scene)[0]
        for lower, upper in itertools.pairwise(range(1, 6)):
            assert values[labels == lower].max() < values[labels == upper].min()

    def test_one_band_is_too_few_to_compare_directions(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, (40, 50), ("B08",))
        with pytest.raises(RecipeError, match=r"at least 2 bands, not 1"):
            pipeline.fitted_to(scene, quick(scene, algorithm="spectral-angle-kmeans"))

    @pytest.mark.parametrize("scale", ["none", "standard", "robust"])
    def test_a_constant_band_changes_nothing(self, tmp_path: Path, scale: str) -> None:
        values = land_cover((40, 50), TEN_METRE).astype("uint16")
        values[1] = 777
        scene = open_scene(write_raster(tmp_path / "a.tif", values, descriptions=TEN_METRE))
        without = labels_of(live(scene, bands=("B02", "B04", "B08"), scale=scale))
        assert adjusted_rand_score(labels_of(live(scene, scale=scale)).ravel(), without.ravel()) > 0.99

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_more_classes_than_distinct_pixels(self, tmp_path: Path, algorithm: str) -> None:
        values = as_dtype(land_cover((20, 30), TEN_METRE)[:, :1, :3].repeat(20, 1).repeat(10, 2), "uint16")
        scene = open_scene(write_raster(tmp_path / "a.tif", values, descriptions=TEN_METRE))
        with pytest.raises(TooFewPixels, match=r"k = 4 but the picture has only 3 distinct pixels\. Choose 3"):
            pipeline.fitted_to(scene, quick(scene, algorithm=algorithm, k=4))
        assert labels_of(live(scene, algorithm=algorithm, k=3)).max() == 3

    def test_a_picture_of_one_value(self, tmp_path: Path) -> None:
        scene = open_scene(write_raster(tmp_path / "a.tif", np.full((4, 20, 30), 500, "uint16")))
        with pytest.raises(TooFewPixels, match=r"^Every pixel of the picture is the same, .* Open"):
            live(scene)

    @pytest.mark.parametrize(
        ("distinct", "k", "bands", "masked", "begin", "end"),
        [
            (
                1,
                2,
                1,
                False,
                "Every pixel of the picture is the same",
                "Open a picture with the satellite's own bands.",
            ),
            (1, 2, 1, True, "Every pixel that the mask leaves is the same", "Mask less."),
            (
                2,
                3,
                1,
                False,
                "k = 3 but the picture has only 2 distinct pixels: it looks like a finished",
                "own bands.",
            ),
            (2, 8, 1, True, "k = 8 but the mask leaves 2 distinct pixels", "Choose 2 classes or mask less."),
            (3, 8, 2, False, "k = 8 but the picture has only 3 distinct pixels.", "Choose 3 classes or fewer."),
            (3, 8, 2, True, "k = 8 but the mask leaves 3 distinct pixels", "Choose 3 classes or fewer or mask less."),
        ],
    )
    def test_words_for_few_values(
        self, tmp_path: Path, distinct: int, k: int, bands: int, masked: bool, begin: str, end: str
    ) -> None:
        values = np.resize(np.arange(500, 500 + 100 * distinct, 100, dtype="uint16"), (bands, 20, 30))
        if masked:
            values[:, :2] = 7
        path = write_raster(tmp_path / "a.tif", values, nodata=7 if masked else None)
        scene = open_scene(path)
        with pytest.raises(TooFewPixels) as raised:
            pipeline.fitted_to(scene, quick(scene, k=k))
        words = str(raised.value)
        assert words.startswith(begin)
        assert words.endswith(end)
        assert "fewer" not in words or distinct > 2

    @pytest.mark.parametrize("nodata", [None, 0, 65_535])
    def test_all_nodata(self, tmp_path: Path, nodata: float | None) -> None:
        path = write_raster(tmp_path / "a.tif", np.full((4, 20, 30), nodata or 0, "uint16"), nodata=nodata)
        with pytest.raises(UnreadableFile, match="fewer than 2 pixels with data"):
            open_scene(path)

    def test_mask_off_takes_zeros_for_numbers(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, (60, 90), masked=(STRIP,))
        assert (labels_of(live(scene, mask="none")) > 0).all()
        assert (labels_of(live(scene))[STRIP] == 0).all()

    def test_masked_pixels_are_never_seen_by_the_fit(self, tmp_path: Path) -> None:
        values = land_cover((60, 90), TEN_METRE).astype("uint16")
        labels = []
        for filling in (1, 65_535):
            values[(0, *STRIP)], values[(1, *STRIP)] = 7, filling
            scene = open_scene(write_raster(tmp_path / f"{filling}.tif", values, nodata=7, descriptions=TEN_METRE))
            labels.append(labels_of(live(scene, smooth=3)))
        assert np.array_equal(*labels)


class TestChoicesThatDoNotFit:
    @pytest.mark.parametrize(
        ("choices", "error", "words"),
        [
            ({"bands": ("B02", "B11")}, UnknownName, "B11"),
            ({"bands": ("B02", "b2")}, RecipeError, "twice"),
            ({"indices": ("NBR",)}, UnknownName, "NBR"),
            ({"algorithm": "watershed"}, UnknownName, "watershed"),
            ({"params": (("n_int", 1),)}, UnknownName, "n_int"),
            ({"params": (("n_init", 0),)}, RecipeError, "1 to 100"),
            ({"params": (("n_init", "many"),)}, RecipeError, "number"),
        ],
    )
    def test_is_refused(self, tmp_path: Path, choices: dict[str, Any], error: type, words: str) -> None:
        scene = make_scene(tmp_path)
        recipe = replace(default_recipe(scene).plain(), **choices)
        for refuse in (pipeline.resolve, pipeline.prepare, pipeline.fitted_to):
            with pytest.raises(error, match=words):
                refuse(scene, recipe)

    @pytest.mark.parametrize("choice", [{"indices": ("NDVI",)}, {"scale": "standard"}, {"clip": (1, 99)}, {"pca": 2}])
    def test_spectral_angle_takes_bands_as_they_are(self, tmp_path: Path, choice: dict[str, Any]) -> None:
        scene = make_scene(tmp_path)
        with pytest.raises(RecipeError, match="Spectral angle"):
            pipeline.resolve(scene, quick(scene, algorithm="spectral-angle-kmeans", **choice))

    def test_another_algorithm_drops_what_it_does_not_take(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path)
        recipe = quick(scene, indices=("NDVI",), clip=(1, 99), pca=2)
        for algorithm in ALGORITHMS:
            changed = pipeline.apply_algorithm(recipe, algorithm)
            assert pipeline.resolve(scene, changed).algorithm.name == algorithm
            assert (changed.bands, changed.k) == (recipe.bands, recipe.k)


LARGE = (230, 310)
LARGE_CHOICES: dict[str, dict[str, Any]] = {
    "plain": {},
    "smooth": {"smooth": 3},
    "everything": {"smooth": 3, "indices": ("NDVI", "NDWI"), "clip": (1, 99), "scale": "robust"},
    "components": {"pca": 2, "indices": ("NDVI",)},
    "mixture of components": {"algorithm": "gaussian-mixture", "pca": 0.99, "smooth": 3},
    "mixture": {"algorithm": "gaussian-mixture"},
    "bisecting": {"algorithm": "bisecting-kmeans", "smooth": 3},
    "angle": {"algorithm": "spectral-angle-kmeans", "smooth": 3},
    "small sample": {"sample": 3_000},
    "all pixels": {"sample": None},
}


class TestLargeScene:
    """With a live picture of at most 6,000 pixels, a small scene takes the way of a large one."""

    @pytest.fixture(autouse=True)
    def _live_picture_is_small(self, small_live_picture: Callable[[int], None]) -> None:
        small_live_picture(6_000)

    @pytest.fixture
    def scene(self, tmp_path: Path) -> Scene:
        scene = make_scene(tmp_path, LARGE, masked=(STRIP, HOLE))
        assert scene.live_step == 4
        return scene

    @pytest.mark.parametrize("choices", LARGE_CHOICES.values(), ids=LARGE_CHOICES.keys())
    def test_live_labels_are_the_full_ones_at_their_pixels(
        self, scene: Scene, tmp_path: Path, choices: dict[str, Any]
    ) -> None:
        fitted = pipeline.fitted_to(scene, quick(scene, **choices))
        picture = pipeline.run_live(fitted)
        full = pipeline.run_full(fitted, tmp_path / "labels.tif")
        assert not picture.is_full
        assert full.is_full
        step = scene.live_step
        labels = labels_of(full)
        assert labels.shape == LARGE
        assert np.array_equal(labels_of(picture), labels[step // 2 :: step, step // 2 :: step])
        assert np.array_equal(labels == 0, read_mask(scene))
        assert picture.classmap.grid.shape_rc == labels_of(picture).shape
        assert picture.digest != full.digest

    @pytest.mark.parametrize(
        "choices", [{}, *map(LARGE_CHOICES.get, ("everything", "bisecting", "mixture of components"))]
    )
    def test_windows_and_threads_change_nothing(self, scene: Scene, tmp_path: Path, choices: dict[str, Any]) -> None:
        fitted = pipeline.fitted_to(scene, quick(scene, **choices))
        expected = pipeline.run_full(fitted, tmp_path / "expected.tif")
        for number, (shape_rc, threads) in enumerate((((64, 64), 1), ((17, 310), 4), ((230, 33), 3), (LARGE, 2))):
            with ThreadPoolExecutor(threads) as pool:
                result = pipeline.run_full(fitted, tmp_path / f"{number}.tif", executor=pool, window_shape_rc=shape_rc)
            assert np.array_equal(labels_of(result), labels_of(expected))
            assert [row.count for row in result.rows] == [row.count for row in expected.rows]
            assert result.mapped_ha == pytest.approx(expected.mapped_ha, rel=1e-12)

    @pytest.mark.parametrize("choices", [{}, LARGE_CHOICES["everything"], LARGE_CHOICES["bisecting"]])
    def test_our_own_threads_change_nothing(
        self, scene: Scene, tmp_path: Path, choices: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fitted = pipeline.fitted_to(scene, quick(scene, **choices))
        expected = pipeline.run_full(fitted, tmp_path / "expected.tif", window_shape_rc=LARGE)
        for shape_rc, threads in ((None, 2), ((64, 64), 1), ((17, 310), 4), ((230, 33), 3), ((7, 100), 2)):
            monkeypatch.setattr(turns, "thread_count", lambda threads=threads: threads)
            result = pipeline.run_full(fitted, tmp_path / "labels.tif", window_shape_rc=shape_rc)
            assert np.array_equal(labels_of(result), labels_of(expected))
            assert result.mapped_ha == pytest.approx(expected.mapped_ha, rel=1e-12)

    @pytest.mark.parametrize("smooth", [0, 3])
    def test_an_error_in_one_window_ends_the_run(
        self, scene: Scene, tmp_path: Path, smooth: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fitted = pipeline.fitted_to(scene, quick(scene, smooth=smooth))
        assign, calls = full.assign_edited, itertools.count()

        def breaks(*given: Any) -> np.ndarray:
            if next(calls) == 7:
                raise ZeroDivisionError
            return assign(*given)

        monkeypatch.setattr(full, "assign_edited", breaks)
        with pytest.raises(ZeroDivisionError):
            pipeline.run_full(fitted, tmp_path / "labels.tif", window_shape_rc=(20, 60))
        assert [path.name for path in tmp_path.iterdir()] == ["scene.tif"]
        assert next(calls) < 40

    def test_full_result_lies_where_the_scene_lies(self, scene: Scene, tmp_path: Path) -> None:
        result, _ = pipeline.run(scene, quick(scene), tmp_path / "labels.tif")
        with rasterio.open(result.classmap.path) as dataset:
            assert dataset.transform == scene.grid.transform
            assert dataset.crs.to_epsg() == 32633
            assert dataset.nodata == 0
        assert result.mapped_ha == pytest.approx(0.01 * (labels_of(result) > 0).sum())

    def test_progress_rises_to_one(self, scene: Scene, tmp_path: Path) -> None:
        told: list[float] = []
        pipeline.run(scene, quick(scene), tmp_path / "labels.tif", lambda share, what: told.append(share))
        assert told == sorted(told)
        assert told[-1] == 1

    def test_cancel_stops_a_slow_algorithm_within_its_window(
        self, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fitted = pipeline.fitted_to(scene, quick(scene, algorithm="gaussian-mixture"))
        token, calls = CancelToken(), itertools.count()
        predict = type(fitted.model).predict

        def slowly(model: Any, features: np.ndarray) -> np.ndarray:
            if next(calls) == 3:
                token.cancel()
            return predict(model, features)

        monkeypatch.setattr(assign, "_PREDICT_PIXELS", 100)
        monkeypatch.setattr(type(fitted.model), "predict", slowly)
        with pytest.raises(Cancelled):
            pipeline.run_full(fitted, tmp_path / "labels.tif", cancel=token, window_shape_rc=LARGE)
        assert next(calls) < 20
        assert [path.name for path in tmp_path.iterdir()] == ["scene.tif"]

    def test_cancel_leaves_nothing_behind(self, scene: Scene, tmp_path: Path) -> None:
        fitted = pipeline.fitted_to(scene, quick(scene))
        before = sorted(path.name for path in tmp_path.iterdir())
        token = CancelToken()
        with pytest.raises(Cancelled):
            pipeline.run_full(fitted, tmp_path / "o.tif", lambda *told: token.cancel(), token, window_shape_rc=(16, 64))
        assert sorted(path.name for path in tmp_path.iterdir()) == before

    def test_cancel_keeps_an_older_result(self, scene: Scene, tmp_path: Path) -> None:
        out = tmp_path / "o.tif"
        out.write_bytes(b"older")
        token = CancelToken()
        token.cancel()
        with pytest.raises(Cancelled):
            pipeline.run_full(pipeline.fitted_to(scene, quick(scene)), out, cancel=token)
        assert out.read_bytes() == b"older"

    def test_all_nodata(self, tmp_path: Path) -> None:
        scene = open_scene(write_raster(tmp_path / "a.tif", np.zeros((4, *LARGE), "uint16"), descriptions=TEN_METRE))
        with pytest.raises(TooFewPixels, match="none of the"):
            pipeline.fitted_to(scene, quick(scene))


@pytest.mark.parametrize(
    ("block_rc", "expected"),
    [
        ((512, 512), (512, 2048)),
        ((16, 16), (512, 2048)),
        ((240, 240), (480, 2160)),
        ((1024, 1024), (1024, 1024)),
        ((2048, 2048), (2048, 2048)),
        ((4096, 4096), (512, 2048)),
    ],
)
def test_windows_are_whole_blocks(
    tmp_path: Path, block_rc: tuple[int, int], expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns.SceneReader, "block_shape_rc", block_rc)
    assert turns.whole_blocks(make_scene(tmp_path)) == expected


def test_labels_that_cannot_be_written_are_said(tmp_path: Path, small_live_picture: Callable[[int], None]) -> None:
    small_live_picture(1_000)
    scene = make_scene(tmp_path, (60, 90))
    fitted = pipeline.fitted_to(scene, quick(scene))
    with pytest.raises(OutputConflict, match="Make room"):
        pipeline.run_full(fitted, tmp_path / "missing" / "labels.tif")


def test_labels_that_a_full_disk_cut_short_are_noticed(
    tmp_path: Path, small_live_picture: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    small_live_picture(1_000)
    scene = make_scene(tmp_path, (60, 90))
    fitted = pipeline.fitted_to(scene, quick(scene))
    write = rasterio.io.DatasetWriter.write
    lost = []

    def lose_the_first(self: Any, labels: np.ndarray, *args: Any, **how: Any) -> None:
        if lost:
            write(self, labels, *args, **how)
        lost.append(labels)

    monkeypatch.setattr(rasterio.io.DatasetWriter, "write", lose_the_first)
    before = set(tmp_path.rglob("*"))
    with pytest.raises(OutputConflict, match="Make room"):
        pipeline.run_full(fitted, tmp_path / "labels.tif", window_shape_rc=(20, 30))
    assert set(tmp_path.rglob("*")) == before


def read_mask(scene: Scene) -> np.ndarray:
    """Where every band of the file is 0, shape (rows, cols), bool."""
    with rasterio.open(scene.paths[0]) as dataset:
        return ~dataset.read().any(axis=0)


def test_a_scene_of_1_048_577_pixels_has_a_decimated_live_picture(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(1, 5_000, (1, 1_027, 1_031)).astype("uint16")
    scene = open_scene(write_raster(tmp_path / "a.tif", values, descriptions=("B08",), blockxsize=256, blockysize=256))
    assert scene.live_step == 2
    fitted = pipeline.fitted_to(scene, quick(scene, smooth=3))
    assert fitted.sample.pixel_count == 100_000
    picture, full = pipeline.run_live(fitted), pipeline.run_full(fitted, tmp_path / "labels.tif")
    assert np.array_equal(labels_of(picture), labels_of(full)[1::2, 1::2])


@pytest.mark.slow
@pytest.mark.parametrize("bands", ["all", "B02"])
def test_fidelity_to_the_tutorial(bands: str) -> None:
    """Raw numbers, all pixels, one start: the partition of scikit-learn's KMeans on the reshaped array."""
    scene = ingest.sample_scene()
    recipe = Recipe(
        scene.band_names if bands == "all" else (bands,),
        scale="none",
        mask="none",
        k=8,
        params=(("n_init", 1),),
        sample=None,
    )
    stack = read_preview_stack(scene)
    ours = labels_of(pipeline.run_live(pipeline.fitted_to(scene, recipe)))
    rows = stack[list(scene.positions(recipe.bands))].reshape(len(recipe.bands), -1).T.astype(np.float64)
    with threadpool_limits(1):
        theirs = KMeans(8, random_state=0, n_init=1).fit_predict(rows)
    assert adjusted_rand_score(theirs, ours.ravel()) >= 0.9999


def test_scores_are_of_the_sample(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, (60, 90))
    for algorithm in ALGORITHMS:
        scores = pipeline.sample_scores(pipeline.fitted_to(scene, quick(scene, algorithm=algorithm)))
        assert scores.silhouette is not None
        assert 0.1 < scores.silhouette <= 1
        assert scores.explained_variance is not None
        assert 0.5 < scores.explained_variance <= 1


def test_what_a_run_hands_on_gives_its_labels_again(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    result, fitted = pipeline.run(scene, replace(default_recipe(scene), k=3), tmp_path / "labels.tif")
    assert result.classmap.labels is not None
    assert np.array_equal(pipeline.run_live(fitted).classmap.labels, result.classmap.labels)
