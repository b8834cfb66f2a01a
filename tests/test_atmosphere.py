"""Dark-object subtraction: what it takes from each band, and what that changes and leaves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from loose import placed, taken_in, write_band
from products import write_safe, zip_folder
from scenes import TEN_METRE, land_cover, open_scene, prepared_on, write_raster, write_scene

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.classify.algorithms import ALGORITHMS
from s2dash.classify.atmosphere import without_haze
from s2dash.classify.features import preview_features
from s2dash.cli import main as cli
from s2dash.core.classmap import Result
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import Scene
from s2dash.errors import RecipeError
from s2dash.raster.reading import read_preview_stack
from s2dash.settings import GDAL_ENVIRONMENT

ODD = (73, 137)
"""10,001 pixels: the darkest 0.01 % ends exactly at the second darkest."""


def ramp(darkest: float, second: float, shape_rc: tuple[int, int] = ODD) -> np.ndarray:
    """Stored numbers whose two darkest are known, uint16; all others lie far above."""
    values = np.linspace(4_000, 9_000, shape_rc[0] * shape_rc[1])
    values[700], values[1_900] = darkest, second
    return values.reshape(shape_rc).astype("uint16")


def clear(scene: Scene) -> Scene:
    return without_haze(scene, read_preview_stack(scene))


def live(scene: Scene, **choices: Any) -> Result:
    recipe = replace(default_recipe(scene).plain(), **{"k": 4, "params": (("n_init", 2),), **choices})
    return pipeline.run_live(pipeline.fitted_to(scene, recipe))


def labels(result: Result) -> np.ndarray:
    found = result.classmap.labels
    assert found is not None
    return found


class TestByHand:
    def test_what_is_taken(self, tmp_path: Path) -> None:
        """The second darkest of 10,001 pixels is dark to 1 %; what is above that is haze."""
        bands = {"B02": (1_100, 1_400), "B03": (700, 900), "B04": (90, 100), "B08": (20, 60)}
        values = np.stack([ramp(*pair) for pair in bands.values()])
        scene = open_scene(write_raster(tmp_path / "a.tif", values, descriptions=tuple(bands)))
        found = clear(scene)
        # In stored numbers 1 % is 100: 1400 - 100, 900 - 100, nothing at 1 % itself, nothing below it.
        assert found.reflectance.offsets == pytest.approx((-1_300, -800, 0, 0))
        assert found.reflectance.quantification == scene.reflectance.quantification
        assert found.reflectance.sentence.endswith("Haze of each band subtracted (DOS1).")
        dark = found.to_reflectance(np.array([1_400, 900, 100, 60], dtype="uint16"))
        assert dark == pytest.approx([0.01, 0.01, 0.01, 0.006])

    def test_it_comes_after_the_offset(self, tmp_path: Path) -> None:
        scene = open_scene(write_raster(tmp_path / "a.tif", ramp(1_200, 1_500)[None], descriptions=("B02",)))
        scene = ingest.with_numbers(scene, offset=-1_000)
        assert clear(scene).reflectance.offsets == pytest.approx((-1_400,))

    def test_it_is_measured_in_the_scene_s_own_numbers(self, tmp_path: Path) -> None:
        values = (ramp(1_200, 1_500) / 10_000).astype("float32")
        scene = open_scene(write_raster(tmp_path / "a.tif", values[None], descriptions=("B02",)))
        assert clear(scene).reflectance.offsets == pytest.approx((-0.14,), abs=1e-6)

    @pytest.mark.parametrize("nodata", [0, 65_535])
    def test_pixels_without_data_are_no_dark_objects(self, tmp_path: Path, nodata: int) -> None:
        """Rows of no data on top leave the very same estimate."""
        values = np.full((83, 137), nodata, dtype="uint16")
        values[10:] = ramp(1_200, 1_500)
        path = write_raster(tmp_path / "a.tif", values[None], descriptions=("B02",), nodata=nodata)
        assert clear(open_scene(path)).reflectance.offsets == pytest.approx((-1_400,))

    def test_a_band_without_any_is_left(self, tmp_path: Path) -> None:
        values = np.stack([ramp(1_200, 1_500), ramp(1_200, 1_500)])
        scene = open_scene(write_raster(tmp_path / "a.tif", values, descriptions=("B02", "B03"), nodata=0))
        values[1] = 0
        assert without_haze(scene, values).reflectance.offsets == pytest.approx((-1_400, 0))

    def test_the_stored_numbers_stay(self, tmp_path: Path) -> None:
        scene = open_scene(write_raster(tmp_path / "a.tif", ramp(1_200, 1_500)[None], descriptions=("B02",)))
        assert np.array_equal(read_preview_stack(clear(scene)), read_preview_stack(scene))
        assert scene.reflectance.offsets == (0.0,)


@pytest.fixture(scope="module")
def hazy(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Land cover under haze that is stronger in blue."""
    folder = tmp_path_factory.mktemp("hazy")
    haze = np.array([1_500, 900, 500, 100])[:, None, None]
    values = (land_cover((60, 90), TEN_METRE) + haze).astype("uint16")
    return open_scene(write_raster(folder / "hazy.tif", values, descriptions=TEN_METRE))


class TestWhatItChanges:
    @pytest.mark.parametrize("scale", ["none", "standard", "robust"])
    @pytest.mark.parametrize("algorithm", sorted(n for n, a in ALGORITHMS.items() if not a.on_reflectance))
    def test_groups_of_bands_stay(self, hazy: Scene, algorithm: str, scale: str) -> None:
        """Subtracting one number from a band moves no pixel against another."""
        own = (("n_init", 2),) if "n_init" in {param.name for param in ALGORITHMS[algorithm].params} else ()
        found = [live(hazy, algorithm=algorithm, scale=scale, atmosphere=a, params=own) for a in ("none", "dos1")]
        assert np.array_equal(*(labels(result) for result in found))

    def test_indices_do_not(self, hazy: Scene) -> None:
        plain, cleared = (live(hazy, indices=("NDVI", "NDWI"), k=10, atmosphere=a) for a in ("none", "dos1"))
        assert not np.array_equal(labels(plain), labels(cleared))

    def test_ndvi_by_hand(self, hazy: Scene) -> None:
        """(NIR - red) / (NIR + red) of what is left of both."""
        recipe = Recipe(("B04",), indices=("NDVI",))
        cleared = clear(hazy)
        stack = read_preview_stack(hazy)
        red, infrared = (
            stack[i].astype(float) + cleared.reflectance.offsets[i] for i in hazy.positions(("B04", "B08"))
        )
        found = preview_features(prepared_on(cleared, recipe)).values[1]
        assert np.allclose(found, np.clip((infrared - red) / (infrared + red), -1, 1), atol=1e-5)
        assert not np.allclose(found, preview_features(prepared_on(hazy, recipe)).values[1], atol=0.01)

    def test_nor_angles_between_spectra(self, hazy: Scene) -> None:
        (name,) = (n for n, a in ALGORITHMS.items() if a.on_reflectance)
        recipe = pipeline.apply_algorithm(default_recipe(hazy).plain(), name)
        plain, cleared = (
            pipeline.run_live(pipeline.fitted_to(hazy, replace(recipe, k=4, atmosphere=a))) for a in ("none", "dos1")
        )
        assert not np.array_equal(labels(plain), labels(cleared))

    def test_spectra_are_those_without_haze(self, hazy: Scene) -> None:
        """Each class's mean falls by just what was subtracted."""
        plain, cleared = (live(hazy, atmosphere=a) for a in ("none", "dos1"))
        haze = -np.array(clear(hazy).reflectance.offsets) / 10_000
        assert haze[0] > haze[1] > haze[2]
        for before, after in zip(plain.rows, cleared.rows, strict=True):
            assert np.subtract(before.mean_reflectance, after.mean_reflectance) == pytest.approx(haze, abs=1e-5)

    def test_the_result_says_so(self, hazy: Scene) -> None:
        plain, cleared = (live(hazy, atmosphere=a) for a in ("none", "dos1"))
        assert plain.digest != cleared.digest
        assert "DOS1" in cleared.scene.reflectance.sentence
        assert "DOS1" not in plain.scene.reflectance.sentence

    def test_the_live_picture_and_the_full_one_agree(self, tmp_path: Path) -> None:
        """Haze is estimated once, from the decimated copy, whatever is labelled."""
        rng = np.random.default_rng(0)
        values = rng.integers(900, 5_000, (2, 1_100, 1_000)).astype("uint16")
        path = write_band(tmp_path / "a.tif", values, placed((1_100, 1_000), 10), tiled=True)
        scene = ingest.rename_bands(open_scene(path), ["B04", "B08"])
        assert scene.live_step == 2
        recipe = Recipe(("B04", "B08"), indices=("NDVI",), k=3, params=(("n_init", 1),), atmosphere="dos1")
        fitted = pipeline.fitted_to(scene, recipe)
        assert max(fitted.scene.reflectance.offsets) < -700
        picture = pipeline.run_live(fitted)
        pipeline.run_full(fitted, tmp_path / "labels.tif")
        with rasterio.open(tmp_path / "labels.tif") as dataset:
            assert np.array_equal(labels(picture), dataset.read(1)[1::2, 1::2])


class TestWhereItIsAskedFor:
    def test_level_2a_is_warned_of(self, tmp_path: Path) -> None:
        for level, words in (("L1C", 0), ("L2A", 1)):
            safe = write_safe(tmp_path / level, level=level, bands=("B02", "B03", "B04"), size_m=600)
            scene = taken_in(safe, tmp_path / level)
            found = [w for w in live(scene, atmosphere="dos1").warnings if "corrected for the atmosphere already" in w]
            assert len(found) == words

    def test_other_words_are_refused(self) -> None:
        with pytest.raises(RecipeError, match="atmosphere = haze, but it can be none, dos1"):
            Recipe(("B02",), atmosphere="haze")

    def test_a_recipe_keeps_it(self) -> None:
        recipe = Recipe(("B02",), atmosphere="dos1")
        assert Recipe.from_json(recipe.to_json()) == recipe

    def test_from_the_command_line(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name, value in GDAL_ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        safe = write_safe(tmp_path, level="L1C", bands=("B02", "B03", "B04", "B08"), size_m=600)
        zipped, out = zip_folder(safe, tmp_path / "a.zip"), tmp_path / "out.tif"
        means = {}
        for word in ("none", "dos1"):
            words = ["classify", str(zipped), "-o", str(out), "--k", "2", "--atmosphere", word]
            assert cli.main(words) == 0
            summary = json.loads(capsys.readouterr().out)
            assert summary["recipe"]["atmosphere"] == word
            means[word] = [one["mean_reflectance"]["B02"] for one in summary["classes"]]
        assert all(after < before for before, after in zip(means["none"], means["dos1"], strict=True))
        assert cli.main(["classify", str(zipped), "-o", str(out), "--atmosphere", "haze"]) == 2
        assert "atmosphere = haze" in capsys.readouterr().err

    def test_the_sample_scene(self) -> None:
        """Real haze over the coast: most in blue, hardly any in the infrared."""
        scene = ingest.sample_scene()
        haze = dict(zip(scene.band_names, clear(scene).reflectance.offsets, strict=True))
        assert haze["B02"] < haze["B03"] < haze["B04"] < 0
        assert haze["B12"] > -150


def test_written_scenes_are_not_changed(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif")
    before = path.read_bytes()
    live(open_scene(path), atmosphere="dos1")
    assert path.read_bytes() == before
