"""Bands that tell nothing of the ground by their values, and files of several kinds of numbers, are told apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from field_scenes import SHAPE_RC, TEN, covers, numbers, reflectance
from loose import taken_in
from rasterio.enums import ColorInterp
from scenes import write_raster
from sklearn.metrics import adjusted_rand_score

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.core import sentinel2
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene

FOUR = ("B02", "B03", "B04", "B08")
TWELVE = tuple(name for name in sentinel2.BANDS if name != "B10")


def classes() -> np.ndarray:
    """A classification beside bands, shape (1, rows, cols): not of the covers, so that using it shows."""
    found = np.full(SHAPE_RC, 4)
    found[:, ::3] = 11
    found[::5] = 5
    return found[None]


def agreement(scene: Scene) -> float:
    """With the four covers, of the classes that the default recipe finds: 1 where they are the same."""
    live = pipeline.run_live(pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), k=4))).classmap.labels
    assert live is not None
    return float(round(adjusted_rand_score(covers()[live > 0], live[live > 0]), 3))


class TestCodes:
    @pytest.mark.parametrize("dtype", ["uint8", "float32"])
    def test_a_class_map_beside_bands_is_left_out_and_said(self, tmp_path: Path, dtype: str) -> None:
        stack = write_raster(tmp_path / "stack.tif", numbers(FOUR).astype("uint16"), descriptions=FOUR)
        scene = taken_in([stack, write_raster(tmp_path / "landcover.tif", classes().astype(dtype))], tmp_path)
        assert default_recipe(scene).bands == FOUR
        assert any("landcover holds few whole numbers" in note for note in scene.notes)
        assert scene.positions(["landcover"])

    def test_an_unnamed_stack_with_a_classification(self, tmp_path: Path) -> None:
        values = np.concatenate([reflectance(TWELVE), classes()]).astype("float32")
        scene = taken_in(write_raster(tmp_path / "snap.tif", values), tmp_path)
        assert scene.band_names == (*TWELVE, "band 13")
        assert "band 13" not in default_recipe(scene).bands
        assert scene.reflectance.quantification == 1
        assert agreement(scene) == 1
        assert any("Without band 13, the others are taken as" in note for note in scene.notes)

    def test_more_of_it_than_has_an_order(self, tmp_path: Path) -> None:
        flat = np.full((3, *SHAPE_RC), 35.0)
        values = np.concatenate([reflectance(TWELVE), classes(), flat]).astype("float32")
        scene = taken_in(write_raster(tmp_path / "subset_of_S2A_MSIL2A_20200601.tif", values), tmp_path)
        assert agreement(scene) == 1
        assert scene.band_names == (*TWELVE, "band 13", "band 14", "band 15", "band 16")
        assert scene.reflectance.quantification == 1
        unknown = ingest.ingest(write_raster(tmp_path / "other.tif", values), tmp_path / "other")
        assert len(default_recipe(unknown).bands) == 12
        assert unknown.band_names[0] == "band 1"

    def test_dark_bands_of_few_numbers_are_bands(self, tmp_path: Path) -> None:
        values = np.clip(numbers(TEN) / 400, 1, 255).astype("uint8")
        scene = taken_in(write_raster(tmp_path / "dark.tif", values, descriptions=TEN), tmp_path)
        assert scene.set_aside == ()

    def test_a_class_map_alone_is_used(self, tmp_path: Path) -> None:
        assert taken_in(write_raster(tmp_path / "c.tif", classes().astype("uint8")), tmp_path).set_aside == ()


class TestEmptyBands:
    @pytest.mark.parametrize(("dtype", "fill", "tag"), [("float32", np.nan, None), ("uint16", 0, 0)])
    def test_an_empty_band_does_not_hide_the_others(
        self, tmp_path: Path, dtype: str, fill: float, tag: float | None
    ) -> None:
        values = (reflectance(FOUR) if dtype == "float32" else numbers(FOUR)).astype(dtype)
        values[1] = fill
        scene = taken_in(write_raster(tmp_path / "a.tif", values, descriptions=FOUR, nodata=tag), tmp_path)
        assert default_recipe(scene).bands == ("B02", "B04", "B08")
        assert any(note.startswith("B03 has no data anywhere") for note in scene.notes)
        assert agreement(scene) == 1


class TestKindsOfNumbers:
    def test_fractions_beside_whole_numbers_are_on_one_scale(self, tmp_path: Path) -> None:
        whole = [write_raster(tmp_path / f"{b}.tif", numbers([b]).astype("uint16")) for b in FOUR[:2]]
        rest = [write_raster(tmp_path / f"{b}.tif", reflectance([b]).astype("float32")) for b in FOUR[2:]]
        scene = taken_in([*whole, *rest], tmp_path)
        assert scene.reflectance.quantifications == (10_000, 10_000, 1, 1)
        assert "B04, B08 divided by 1" in scene.reflectance.sentence
        fitted = pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), scale="none"))
        spreads = fitted.space.transform(fitted.sample.raw).std(axis=0)
        plain = taken_in(write_raster(tmp_path / "s.tif", numbers(FOUR).astype("uint16"), descriptions=FOUR), tmp_path)
        wanted = pipeline.fitted_to(plain, default_recipe(plain).plain()).sample.raw.std(axis=1)
        assert np.allclose(spreads, wanted, rtol=0.05)

    def test_saturated_pixels_do_not_change_the_scale(self, tmp_path: Path) -> None:
        values = numbers(FOUR).astype("uint16")
        values[:, :40] = 65_535
        scene = taken_in(write_raster(tmp_path / "a.tif", values, descriptions=FOUR), tmp_path)
        assert scene.reflectance.quantification == 10_000

    def test_what_is_no_light_is_shown_as_it_is(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        files = [
            write_raster(tmp_path / "NDVI.tif", rng.uniform(-1, 1, (1, *SHAPE_RC)).astype("float32")),
            write_raster(tmp_path / "slope.tif", rng.uniform(0, 60, (1, *SHAPE_RC)).astype("float32")),
        ]
        assert taken_in(files, tmp_path).reflectance.quantification == 1


class TestOrders:
    def test_eurosat_has_the_narrow_infrared_last(self, tmp_path: Path) -> None:
        order = (*(name for name in sentinel2.BANDS if name != "B8A"), "B8A")
        scene = taken_in(write_raster(tmp_path / "a.tif", numbers(order).astype("uint16")), tmp_path)
        assert scene.band_names == order
        usual = taken_in(write_raster(tmp_path / "b.tif", numbers(tuple(sentinel2.BANDS)).astype("uint16")), tmp_path)
        assert usual.band_names == tuple(sentinel2.BANDS)

    def test_a_fourth_band_of_none_and_all_beside_colours_is_a_mask(self, tmp_path: Path) -> None:
        alpha = np.where(covers() == 1, 0, 255)[None]
        stored = np.concatenate([np.clip(numbers(("B04", "B03", "B02")) / 20, 1, 255), alpha]).astype("uint8")
        path = write_raster(tmp_path / "rgb.tif", stored, photometric="RGB")
        with rasterio.open(path, "r+") as dataset:
            dataset.colorinterp = [*dataset.colorinterp[:3], ColorInterp.undefined]
        scene = taken_in(path, tmp_path)
        assert len(scene.bands) == 3
        assert len(scene.masks) == 1


class TestOffset:
    @pytest.mark.parametrize("divisor", [1, 10_000])
    def test_the_doubt_is_said_of_fractional_numbers_too(self, tmp_path: Path, divisor: float) -> None:
        values = (numbers(TEN, added=1000) / divisor).astype("float32")
        scene = taken_in(write_raster(tmp_path / "a.tif", values, descriptions=TEN), tmp_path)
        assert ingest.doubts_offset(scene)
        assert any(f"whether {1000 / divisor:g} must" in note for note in scene.notes)
        assert not ingest.doubts_offset(ingest.with_numbers(scene, None, -1000 / divisor))
        without = (numbers(TEN) / divisor).astype("float32")
        assert not ingest.doubts_offset(taken_in(write_raster(tmp_path / "b.tif", without, descriptions=TEN), tmp_path))
