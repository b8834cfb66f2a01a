"""Fill that no tag states: what is left out by itself, what is asked, and what must stay."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from field_scenes import SHAPE_RC, TEN, covers, numbers, outside, reflectance, write_clip
from loose import placed, read_all, taken_in, write_band
from page_driver import Page, downloads, start
from scenes import open_scene, write_raster
from sklearn.metrics import adjusted_rand_score

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.cli import main as cli
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import NO_MASKING, Masking, Scene, valid_pixels
from s2dash.core.types import Window
from s2dash.errors import RecipeError
from s2dash.ingest.fill import reached_from_edge
from s2dash.raster.reading import SceneReader, read_preview_stack

pytestmark = pytest.mark.usefixtures("door_is_here")

__all__ = ["downloads", "start"]  # fixtures

LEAST_INT64 = -(2.0**63)
FOUR = ("B02", "B03", "B04", "B08")


def labels(scene: Scene, **choices: Any) -> np.ndarray:
    recipe = replace(default_recipe(scene).plain(), k=4, **choices)
    found = pipeline.run_live(pipeline.fitted_to(scene, recipe)).classmap.labels
    assert found is not None
    return found


def valid(scene: Scene, masking: Masking | None = None) -> np.ndarray:
    everything = range(len(scene.bands))
    return valid_pixels(scene, everything, read_preview_stack(scene), masking or Masking())


def require_only_covers(scene: Scene, where: np.ndarray | None = None) -> None:
    """The four covers as classes, and nothing outside the clip."""
    where = outside() if where is None else where
    found = labels(scene)
    assert not found[where].any()
    assert (found[~where] > 0).all()
    assert adjusted_rand_score(covers()[~where], found[~where]) > 0.999


CLIPS = {
    "float zero": ("float32", 0),
    "double zero": ("float64", 0),
    "short -9999": ("int16", -9999),
    "short -10000, of Theia": ("int16", -10_000),
    "short -32768": ("int16", -32_768),
    "short -32767": ("int16", -32_767),
    "short -999": ("int16", -999),
    "short -1000, zero less the offset": ("int16", -1_000),
    "short -1": ("int16", -1),
    "short 32767": ("int16", 32_767),
    "largest of 16 bits": ("uint16", 65_535),
    "largest of 32 bits": ("uint32", 4_294_967_295),
    "least of 32 bits": ("int32", -(2**31)),
    "largest of signed 32 bits": ("int32", 2**31 - 1),
    "least of 64 bits": ("int64", LEAST_INT64),
    "float -9999": ("float32", -9999),
    "float -32768": ("float32", -32_768),
    "float -99999": ("float64", -99_999),
    "float -1": ("float32", -1),
    "float zero less the offset": ("float32", -0.1),
    "float zero of Landsat": ("float32", -0.2),
    "float 255": ("float32", 255),
    "float 65535": ("float32", 65_535),
    "float 1e20": ("float32", 1e20),
    "float -1e10": ("float32", -1e10),
}


class TestClips:
    @pytest.mark.parametrize(("dtype", "fill"), CLIPS.values(), ids=CLIPS)
    def test_what_is_outside_is_no_class(self, tmp_path: Path, dtype: str, fill: float) -> None:
        scene = open_scene(write_clip(tmp_path / "clip.tif", dtype, fill))
        require_only_covers(scene)
        (note,) = scene.notes
        zero = "Pixels that are zero in every band count as nodata, as the file tags none."
        assert note.startswith(zero[:16])
        assert note.endswith(zero[-39:])
        assert scene.doubtful_fills == ()
        assert valid(scene, NO_MASKING).all()

    @pytest.mark.parametrize(
        ("dtype", "fill"), [("float32", 0), ("int16", -9999), ("uint16", 65_535)], ids=["zero", "-9999", "65535"]
    )
    def test_ingested_as_in_place(self, tmp_path: Path, dtype: str, fill: float) -> None:
        path = write_clip(tmp_path / "clip.tif", dtype, fill)
        there = taken_in(path, tmp_path)
        assert np.array_equal(labels(there), labels(open_scene(path)))
        assert [(f.value, f.positions) for f in there.fills] == [(f.value, f.positions) for f in open_scene(path).fills]

    @pytest.mark.parametrize("tag", [-9999, 65_535, 1])
    def test_a_tag_that_says_something_else(self, tmp_path: Path, tag: int) -> None:
        dtype = "int32" if tag < 0 else "uint16"
        scene = open_scene(write_clip(tmp_path / "clip.tif", dtype, 0, nodata=tag))
        require_only_covers(scene)
        assert "though the file's tag says something else" in scene.notes[0]

    def test_fill_beside_a_tag_that_is_used_too(self, tmp_path: Path) -> None:
        values = numbers().astype("int16")
        values[:, outside()] = 0
        values[:, 40:44, 50:60] = -9999
        scene = open_scene(write_raster(tmp_path / "clip.tif", values, descriptions=TEN, nodata=-9999))
        hidden = outside()
        hidden[40:44, 50:60] = True
        require_only_covers(scene, hidden)

    def test_two_fills_in_one_file(self, tmp_path: Path) -> None:
        values = numbers().astype("int16")
        values[:, outside()] = -32_768
        values[:, 40:44, 50:60] = -9999
        hidden = outside()
        hidden[40:44, 50:60] = True
        require_only_covers(open_scene(write_raster(tmp_path / "clip.tif", values, descriptions=TEN)), hidden)

    @pytest.mark.parametrize("helper", [0, 1, "codes"])
    def test_helper_layers_that_are_not_filled(self, tmp_path: Path, helper: int | str) -> None:
        """QA60 and the like are 0 nearly everywhere, or hold codes outside too."""
        extra = np.full((1, *SHAPE_RC), helper) if isinstance(helper, int) else covers()[None] * 10
        for fill, dtype in ((-9999, "int16"), (0, "float32")):
            stack = np.concatenate([reflectance() if fill == 0 else numbers(), extra]).astype(dtype)
            stack[:10, outside()] = fill
            scene = open_scene(write_raster(tmp_path / f"{fill}.tif", stack, descriptions=(*TEN, "QA60")))
            assert np.array_equal(labels(scene, bands=TEN) == 0, outside())

    def test_the_mask_of_chosen_bands_does_not_depend_on_which(self, tmp_path: Path) -> None:
        scene = open_scene(write_clip(tmp_path / "clip.tif", "float32", 0))
        assert np.array_equal(labels(scene, bands=("B08",)) == 0, outside())

    def test_one_band_alone(self, tmp_path: Path) -> None:
        scene = open_scene(write_clip(tmp_path / "B08.tif", "float32", -9999, ("B08",)))
        assert np.array_equal(valid(scene), ~outside())
        scene = open_scene(write_clip(tmp_path / "b.tif", "float32", 0, ("B08",)))
        assert np.array_equal(valid(scene), ~outside())

    def test_in_one_band_only(self, tmp_path: Path) -> None:
        """What no reflectance can be hides where a band that has it is chosen."""
        values = numbers().astype("int16")
        values[3, :, :20] = -9999
        scene = open_scene(write_raster(tmp_path / "edge.tif", values, descriptions=TEN))
        hidden = np.zeros(SHAPE_RC, dtype=bool)
        hidden[:, :20] = True
        assert np.array_equal(labels(scene) == 0, hidden)
        assert (labels(scene, bands=("B02", "B03")) > 0).all()

    def test_most_of_the_picture(self, tmp_path: Path) -> None:
        inside = np.zeros(SHAPE_RC, dtype=bool)
        inside[30:60, 45:75] = True
        for dtype, fill in (("float32", 0.0), ("uint16", 65_535), ("int16", -9999)):
            scene = open_scene(write_clip(tmp_path / f"{dtype}.tif", dtype, fill, where=~inside))
            assert np.array_equal(valid(scene), inside)
            assert scene.reflectance.quantification == (1 if dtype == "float32" else 10_000)


class TestSeveralFiles:
    def test_each_stack_has_its_own(self, tmp_path: Path) -> None:
        left = np.zeros(SHAPE_RC, dtype=bool)
        left[:, :30] = True
        one = write_clip(tmp_path / "s2_2023-06-01.tif", "int16", -9999, FOUR, left)
        two = write_clip(tmp_path / "s2_2023-06-11.tif", "int16", 0, FOUR, left[:, ::-1])
        scene = taken_in([one, two], tmp_path)
        assert np.array_equal(labels(scene) == 0, left | left[:, ::-1])
        assert np.array_equal(labels(scene, bands=scene.band_names[:2]) == 0, left)

    def test_loose_bands_with_fill_of_their_own(self, tmp_path: Path) -> None:
        paths = []
        for band, fill in zip(FOUR, (0, 0, -9999, 0), strict=True):
            values = numbers([band])[0].astype("int16")
            values[outside()] = fill
            paths.append(write_band(tmp_path / f"{band}.tif", values, placed(SHAPE_RC, 10)))
        require_only_covers(taken_in(paths, tmp_path))

    @pytest.mark.parametrize("fill", [0, -9999])
    def test_bands_of_two_pixel_sizes(self, tmp_path: Path, fill: int) -> None:
        """Fill of the coarser band mixes with no neighbour, and the live picture is what the full one has."""
        blue = numbers(["B02"])[0].astype("float32") / 10_000
        coarse = (numbers(["B11"])[0].reshape(45, 2, 60, 2).mean((1, 3)) / 10_000).astype("float32")
        hidden = np.zeros(SHAPE_RC, dtype=bool)
        hidden[:, :24] = True
        blue[hidden], coarse[hidden[::2, ::2]] = fill, fill
        paths = [
            write_band(tmp_path / "B02.tif", blue, placed(SHAPE_RC, 10)),
            write_band(tmp_path / "B11.tif", coarse, placed((45, 60), 20)),
        ]
        scene = taken_in(paths, tmp_path)
        pixels = read_all(scene)
        assert np.array_equal(pixels.valid, ~hidden)
        assert pixels.values[1][pixels.valid].min() > 0.005
        assert np.array_equal(read_preview_stack(scene), pixels.values)


class TestNotFill:
    """Numbers that were measured, or may have been, are never left out by themselves."""

    def require_all(self, scene: Scene) -> None:
        assert (labels(scene, mask="auto") > 0).all()
        assert not any("count as nodata" in note for note in scene.notes)

    def test_zero_in_some_bands(self, tmp_path: Path) -> None:
        values = reflectance().astype("float32")
        values[4:, covers() == 1] = 0
        self.require_all(open_scene(write_raster(tmp_path / "a.tif", values, descriptions=TEN)))

    def test_shadows_that_are_clipped(self, tmp_path: Path) -> None:
        """Where a correction has clipped at 0, many pixels are zero in most bands and some in all."""
        values = reflectance()
        values[:, covers() == 1] -= 0.03
        values = np.clip(values + np.random.default_rng(1).normal(0, 0.008, values.shape) * (covers() == 1), 0, None)
        scene = open_scene(write_raster(tmp_path / "a.tif", values.astype("float32"), descriptions=TEN))
        self.require_all(scene)

    def test_a_black_lake_is_asked(self, tmp_path: Path) -> None:
        lake = np.zeros(SHAPE_RC, dtype=bool)
        lake[30:50, 40:80] = True
        scene = open_scene(write_clip(tmp_path / "a.tif", "float32", 0, where=lake))
        self.require_all(scene)
        (asked,) = scene.doubtful_fills
        assert (asked.value, asked.share) == (0, pytest.approx(lake.mean()))

    def test_black_pixels_that_a_mask_calls_valid(self, tmp_path: Path) -> None:
        values = np.clip(reflectance(("B04", "B03", "B02")) * 600, 1, 255).astype("uint8")
        values[:, covers() == 1] = 0
        shown = ~outside()
        masked = write_raster(tmp_path / "m.tif", values, descriptions=("B04", "B03", "B02"), mask=shown)
        alpha = write_raster(tmp_path / "a.tif", values, descriptions=("B04", "B03", "B02", ""), alpha=shown * 255)
        assert np.array_equal(valid(taken_in(masked, tmp_path / "1")), shown)
        assert np.array_equal(valid(open_scene(alpha)), shown)

    @pytest.mark.parametrize(
        ("dtype", "value"),
        [("uint8", 255), ("uint16", 1), ("float32", 1), ("uint16", 10_000), ("uint16", 255)],
        ids=str,
    )
    def test_white_and_other_usual_numbers_are_asked(self, tmp_path: Path, dtype: str, value: int) -> None:
        values = reflectance() if dtype == "float32" else reflectance() * 600 if dtype == "uint8" else numbers() + 300
        values[:, outside()] = value
        values = np.clip(values, 0, 255) if dtype == "uint8" else values
        scene = open_scene(write_raster(tmp_path / "a.tif", values.astype(dtype), descriptions=TEN))
        self.require_all(scene)
        (asked,) = scene.doubtful_fills
        assert asked.value == value
        chosen = ingest.with_nodata(scene, value)
        assert chosen.digest != scene.digest
        require_only_covers(chosen)
        assert (labels(chosen, mask="none") > 0).all()

    def test_saturated_clouds_are_asked(self, tmp_path: Path) -> None:
        values = numbers()
        rows, cols = np.mgrid[0 : SHAPE_RC[0], 0 : SHAPE_RC[1]]
        bright = np.exp(-((rows - 30) ** 2 + (cols - 110) ** 2) / 300)
        values = np.clip(values + 90_000 * bright, 1, 65_535).astype("uint16")
        scene = open_scene(write_raster(tmp_path / "a.tif", values, descriptions=TEN))
        self.require_all(scene)
        assert [fill.value for fill in scene.doubtful_fills] == [65_535]

    @pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
    def test_maps_of_classes_and_masks(self, tmp_path: Path, dtype: str) -> None:
        for number, values in enumerate((covers() * 10, outside() * 1 + 1, (covers() - 1) * 85 + 0)):
            path = write_raster(tmp_path / f"{number}.tif", values[None].astype(dtype))
            scene = open_scene(path)
            has_zero = dtype != "float32" and not values.all()
            assert any("count as nodata" in note for note in scene.notes) == has_zero
            assert scene.doubtful_fills == ()

    def test_a_constant_band_and_a_constant_scene(self, tmp_path: Path) -> None:
        values = reflectance().astype("float32")
        values[0] = 0
        self.require_all(open_scene(write_raster(tmp_path / "a.tif", values, descriptions=TEN)))
        flat = open_scene(write_raster(tmp_path / "b.tif", np.full((4, *SHAPE_RC), 0.15, "float32"), descriptions=FOUR))
        assert flat.fills == flat.doubtful_fills == ()

    def test_tiny_files(self, tmp_path: Path) -> None:
        values = np.array([[[0.0, 0.1, 0.2], [0.0, 0.3, 0.4]]] * 2, "float32")
        scene = open_scene(write_raster(tmp_path / "a.tif", values, descriptions=FOUR[:2]))
        assert scene.fills == scene.doubtful_fills == ()

    def test_a_few_scattered_pixels(self, tmp_path: Path) -> None:
        spots = np.random.default_rng(2).random(SHAPE_RC) < 0.005
        scene = open_scene(write_clip(tmp_path / "a.tif", "float32", 0, where=spots))
        self.require_all(scene)
        assert [fill.value for fill in scene.doubtful_fills] == [0]

    @pytest.mark.parametrize("least", [-0.01, -0.15])
    def test_negative_reflectance_is_legal(self, tmp_path: Path, least: float) -> None:
        values = reflectance() + least
        self.require_all(open_scene(write_raster(tmp_path / "a.tif", values.astype("float32"), descriptions=TEN)))

    def test_an_index_of_minus_one(self, tmp_path: Path) -> None:
        water = covers() == 1
        ndvi = np.where(water, -1, reflectance(["B08"])[0]).astype("float32")
        self.require_all(open_scene(write_raster(tmp_path / "ndvi.tif", ndvi[None], descriptions=["NDVI"])))


class TestLarge:
    """Scenes that are larger than their live picture."""

    @pytest.fixture(autouse=True)
    def small_is_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 4_000)

    @pytest.mark.parametrize(("dtype", "fill"), [("float32", 0), ("int16", -9999), ("uint16", 65_535)])
    @pytest.mark.parametrize("in_place", [True, False], ids=["in place", "ingested"])
    def test_live_and_full_leave_out_the_same(self, tmp_path: Path, dtype: str, fill: float, in_place: bool) -> None:
        shape = (400, 560)
        path = write_clip(tmp_path / "clip.tif", dtype, fill, shape_rc=shape)
        # The process that ingests has its own settings.
        scene = open_scene(path) if in_place else replace(taken_in(path, tmp_path), previews=())
        assert scene.live_step > 1
        recipe = replace(default_recipe(scene).plain(), k=4)
        with SceneReader(scene) as reader:
            pixels = reader.read(scene.positions(recipe.bands), Window(0, 0, *shape), recipe.masking)
            some = reader.read((3,), Window(0, 0, *shape), recipe.masking)
            everything = reader.read((3,), Window(0, 0, *shape), replace(recipe, mask="none").masking)
        assert np.array_equal(pixels.valid, ~outside(shape))
        assert np.array_equal(some.valid, ~outside(shape))
        assert everything.valid.all()
        result, _ = pipeline.run(scene, recipe, tmp_path / "labels.tif")
        assert result.masked_share == pytest.approx(outside(shape).mean())
        step = scene.live_step
        live = pipeline.run_live(pipeline.fitted_to(scene, recipe)).classmap.labels
        assert live is not None
        assert np.array_equal(live == 0, outside(shape)[step // 2 :: step, step // 2 :: step])


class TestCommandLine:
    def told(self, capsys: pytest.CaptureFixture[str], *argv: object) -> Any:
        assert cli.main([str(one) for one in argv]) == 0
        return json.loads(capsys.readouterr().out)

    def test_what_is_left_out_is_said_with_the_switch(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = write_clip(tmp_path / "clip.tif", "float32", 0)
        words = (
            "Pixels that are zero in every band count as nodata, as the file tags none; --mask none switches this off."
        )
        info = self.told(capsys, "info", path)
        assert info["warnings"] == [words]
        assert info["masked"]["no data"] == info["masked_share"] == pytest.approx(outside().mean(), abs=1e-6)
        done = self.told(capsys, "classify", path, "-o", tmp_path / "out.tif", "--k", 4)
        assert words in done["warnings"]
        assert sum(row["count"] for row in done["classes"]) == (~outside()).sum()
        every = self.told(capsys, "classify", path, "-o", tmp_path / "all.tif", "--k", 4, "--mask", "none")
        assert sum(row["count"] for row in every["classes"]) == outside().size

    def test_a_question_names_the_flag(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        values = np.clip(reflectance(FOUR) * 600, 1, 250).astype("uint8")
        values[:, outside()] = 255
        path = write_raster(tmp_path / "a.tif", values, descriptions=FOUR)
        share = f"{outside().mean():.1%}"
        (asked,) = self.told(capsys, "info", path)["warnings"]
        assert asked == (
            f"{share} of the pixels are 255 in every band. If nothing was measured there, leave them out: --nodata 255."
        )
        info = self.told(capsys, "info", path, "--nodata", 255)
        assert info["warnings"] == []
        assert info["masked_share"] == pytest.approx(outside().mean(), abs=1e-6)

    def test_any_number_can_be_given(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = write_clip(tmp_path / "a.tif", "uint16", 1_500)
        info = self.told(capsys, "info", path, "--nodata", 1500)
        assert info["masked_share"] == pytest.approx(outside().mean(), abs=1e-6)

    def test_what_is_no_number_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(RecipeError, match="cannot stand for no data"):
            ingest.with_nodata(open_scene(write_clip(tmp_path / "a.tif", "uint16", None)), float("nan"))


class TestPage:
    def test_what_is_asked_and_what_is_left_out_have_their_switches(
        self, start: Callable[[Scene], Page], tmp_path: Path
    ) -> None:
        values = np.clip(reflectance(FOUR) * 600, 1, 250).astype("uint8")
        values[:, outside()] = 255
        page = start(open_scene(write_raster(tmp_path / "a.tif", values, descriptions=FOUR)))
        page.open("scene")
        asked = next(one for one in page.test.toggle if one.label.startswith("Leave out pixels that are 255"))
        assert asked.label.endswith("?")
        assert not asked.value
        assert (page.geotiff > 0).all()
        page.choose("toggle", asked.label, True)
        assert np.array_equal(page.geotiff == 0, outside())
        page.choose("toggle", asked.label, False)
        assert (page.geotiff > 0).all()


def test_the_way_to_the_edge() -> None:
    picture = ("......", ".###..", ".#.#.#", "...#..", ".#.##.", "....#.")
    marked = np.array([[letter == "#" for letter in line] for line in picture])
    reached = marked.copy()
    reached[4, 1] = False
    assert np.array_equal(reached_from_edge(marked), reached)
    assert np.array_equal(reached_from_edge(marked.T), reached.T)
    assert not reached_from_edge(np.zeros((3, 4), dtype=bool)).any()
    assert reached_from_edge(np.ones((3, 4), dtype=bool)).all()


class TestPackedWithLoss:
    """Black around a picture of 8 bits, of which JPEG made 0 to 3."""

    def picture(self, path: Path, noise: np.ndarray, where: np.ndarray) -> Path:
        values = np.clip(reflectance(("B04", "B03", "B02")) * 600, 9, 255)
        values[:, where] = noise
        return write_raster(path, values.astype("uint8"), photometric="RGB")

    def noise(self, where: np.ndarray, zeros: float) -> np.ndarray:
        rng = np.random.default_rng(3)
        return np.where(rng.random((3, where.sum())) < zeros, 0, rng.integers(0, 4, (3, where.sum())))

    def test_black_that_leads_to_the_edge_is_left_out(self, tmp_path: Path) -> None:
        where = outside()
        scene = open_scene(self.picture(tmp_path / "a.tif", self.noise(where, 0.9), where))
        assert np.array_equal(valid(scene), ~where)
        assert valid(scene, NO_MASKING).all()
        assert [note for note in scene.notes if "nodata" in note] == [
            "Pixels that are 0 to 3 in every band count as nodata, as the file tags none."
        ]
        there = taken_in(self.picture(tmp_path / "b.tif", self.noise(where, 0.9), where), tmp_path)
        assert there.fills == scene.fills
        assert np.array_equal(labels(there) > 0, ~where)

    def test_black_of_few_zeros_is_asked_for(self, tmp_path: Path) -> None:
        where = outside()
        scene = open_scene(self.picture(tmp_path / "a.tif", self.noise(where, 0), where))
        assert [number for number, _, _ in ingest.doubtful_numbers(scene)] == [3]
        assert ingest.doubtful_numbers(scene)[0][1] == "0 to 3 in every band"
        assert np.array_equal(valid(ingest.with_nodata(scene, 3)), ~where)

    def test_a_black_lake_stays(self, tmp_path: Path) -> None:
        lake = np.zeros(SHAPE_RC, dtype=bool)
        lake[30:50, 40:80] = True
        scene = open_scene(self.picture(tmp_path / "a.tif", np.maximum(1, self.noise(lake, 0)), lake))
        assert valid(scene).all()

    def test_dark_sea_at_the_edge_is_never_left_out_unasked(self, tmp_path: Path) -> None:
        sea = np.zeros(SHAPE_RC, dtype=bool)
        sea[:, :50] = True
        dark = np.clip(np.random.default_rng(1).normal(2.5, 1.5, (3, sea.sum())), 1, 9)
        assert valid(open_scene(self.picture(tmp_path / "a.tif", dark, sea))).all()


class TestOneBandAlone:
    def test_a_band_that_ends_before_the_others_is_asked_for(self, tmp_path: Path) -> None:
        values = numbers(FOUR).astype("uint16")
        values[3, :, :15] = 0
        scene = open_scene(write_raster(tmp_path / "a.tif", values, descriptions=FOUR))
        assert valid(scene).all()
        ((value, words, share),) = ingest.doubtful_numbers(scene)
        assert (value, words) == (0, "zero in B08 alone")
        assert share == pytest.approx(15 / SHAPE_RC[1])
        (told,) = ingest.doubtful_words(scene)
        assert told.endswith("--nodata 0.")
        without = ingest.with_nodata(scene, 0)
        assert np.array_equal(valid(without), np.arange(SHAPE_RC[1]) * np.ones((SHAPE_RC[0], 1)) >= 15)
        assert ingest.doubtful_words(without) == ()

    def test_shadows_that_are_clipped_at_zero_are_measured(self, tmp_path: Path) -> None:
        values = numbers(FOUR)
        sea = covers() == 1
        values[3][sea] = np.maximum(0, np.random.default_rng(2).normal(3, 8, sea.sum()).round())
        scene = open_scene(write_raster(tmp_path / "a.tif", values.astype("uint16"), descriptions=FOUR))
        assert ingest.doubtful_numbers(scene) == ()
