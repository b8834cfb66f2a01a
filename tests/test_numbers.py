"""How stored numbers are understood where files contradict themselves, say nothing, or say it band by band."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from field_scenes import SHAPE_RC, TEN, covers, numbers, reflectance
from loose import placed, read_all, taken_in, write_band
from products import write_safe
from scenes import UTM, UTM_10M, open_scene, write_raster

from s2dash import ingest
from s2dash.batch import pool
from s2dash.classify import pipeline
from s2dash.classify.stored_numbers import renumbering
from s2dash.cli import main as cli
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene
from s2dash.errors import UnreadableFile
from s2dash.ingest.product.radiometry import UNKNOWN_OFFSET
from s2dash.ingest.reflectance import guessed_reflectance

FOUR = ("B02", "B03", "B04", "B08")
TOP = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B09", "B10", "B11", "B12")
CLASSES = "This looks like a finished class map, not a picture"


def scaled(path: Path, values: np.ndarray, scales: list[float], offsets: list[float], names: Any = TEN) -> Path:
    write_raster(path, values, descriptions=names)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = scales, offsets
    return path


def water_blue(scene: Scene) -> float:
    """Mean reflectance of B02 over water; 0.042 in truth."""
    blue = scene.to_reflectance(read_all(scene).values)[scene.positions(["B02"])[0]]
    return float(blue[covers() == 1].mean())


class TestUnsaidOffset:
    """1000 may be in the numbers and nothing says so."""

    @pytest.mark.parametrize(
        ("name", "doubted"),
        [
            ("T33TWM_20250605T100601_{}_10m.jp2.tif", True),
            ("T33TWM_20250605T100601_{}_10m_clip.tif", True),
            ("clip_{}_2023-06-01.tif", True),
            ("{}.tif", True),
            ("T33TWM_20190605T100601_{}_10m_clip.tif", False),
            ("2021-12-31_{}.tif", False),
        ],
    )
    def test_loose_bands(self, tmp_path: Path, name: str, doubted: bool) -> None:
        paths = [
            write_band(tmp_path / name.format(band), numbers([band], 1_000)[0].astype("uint16"), placed(SHAPE_RC, 10))
            for band in FOUR
        ]
        assert (UNKNOWN_OFFSET in taken_in(paths, tmp_path).notes) == doubted

    @pytest.mark.parametrize(
        ("name", "added", "doubted"),
        [
            ("stack", 1_000, True),
            ("stack_20230601", 1_000, True),
            ("stack_20180601", 1_000, False),
            ("stack", 0, False),
            ("stack_20230601", 0, False),
            ("T33TWM_stack", 1_000, True),
            ("T33TWM_stack", 0, False),
        ],
    )
    def test_stacks(self, tmp_path: Path, name: str, added: float, doubted: bool) -> None:
        path = write_raster(tmp_path / f"{name}.tif", numbers(added=added).astype("uint16"), descriptions=TEN, nodata=0)
        assert (UNKNOWN_OFFSET in open_scene(path).notes) == doubted

    def test_the_date_of_a_tag(self, tmp_path: Path) -> None:
        for day, doubted in (("2023-06-01", True), ("2017-06-01", False)):
            values = numbers(added=1_000).astype("uint16")
            path = write_raster(tmp_path / f"{day[:4]}a.tif", values, descriptions=TEN, tags={"ACQUISITION_DATE": day})
            assert (UNKNOWN_OFFSET in open_scene(path).notes) == doubted

    def test_several_dates_by_the_latest(self, tmp_path: Path) -> None:
        paths = [
            write_raster(tmp_path / f"s2_{day}.tif", numbers(FOUR, 1_000).astype("uint16"), descriptions=FOUR)
            for day in ("2019-06-01", "2023-06-11")
        ]
        assert UNKNOWN_OFFSET in taken_in(paths, tmp_path).notes

    @pytest.mark.parametrize("kind", ["float", "8 bits", "tag", "web"])
    def test_other_kinds_of_numbers_hold_none(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "a.tif"
        if kind == "tag":
            scaled(path, numbers(added=1_000).astype("uint16"), [1e-4] * 10, [-0.1] * 10)
        elif kind == "float":
            write_raster(path, (reflectance() + 0.1).astype("float32"), descriptions=TEN)
        elif kind == "8 bits":
            write_raster(path, (reflectance() * 500 + 30).astype("uint8"), descriptions=TEN)
        else:
            write_raster(path, np.rint((reflectance() + 0.3) * 65_535).astype("uint16"), descriptions=TEN)
        assert UNKNOWN_OFFSET not in open_scene(path).notes

    def test_what_nobody_measured_and_what_never_changes_tells_nothing(self, tmp_path: Path) -> None:
        values = numbers(added=1_000).astype("uint16")
        values[:, :20] = 0
        values[4] = 7
        assert UNKNOWN_OFFSET in open_scene(write_raster(tmp_path / "a.tif", values, descriptions=TEN)).notes

    def test_setting_it_by_hand_settles_it(self, tmp_path: Path) -> None:
        path = write_raster(tmp_path / "a.tif", numbers(added=1_000).astype("uint16"), descriptions=TEN)
        scene = open_scene(path)
        assert ingest.doubts_offset(scene)
        told = ingest.with_numbers(scene, offset=-1_000)
        assert not ingest.doubts_offset(told)
        assert water_blue(told) == pytest.approx(0.042, abs=0.001)


class TestScales:
    @pytest.mark.parametrize(("scale", "offset"), [(1e-4, 0.0), (1e-4, -0.1), (2.75e-5, -0.2), (1 / 65_535, 0.0)])
    def test_a_scale_on_fractions_was_applied(self, tmp_path: Path, scale: float, offset: float) -> None:
        values = reflectance().astype("float32")
        scene = open_scene(scaled(tmp_path / "a.tif", values, [scale] * 10, [offset] * 10))
        assert water_blue(scene) == pytest.approx(0.042, abs=0.001)
        words = "but its numbers are reflectance from 0 to 1 already."
        assert scene.reflectance.sentence.endswith(words)
        assert any(note.endswith(words) for note in scene.notes)

    def test_a_scale_on_whole_numbers_kept_as_floats_counts(self, tmp_path: Path) -> None:
        scene = open_scene(scaled(tmp_path / "a.tif", numbers().astype("float32"), [1e-4] * 10, [0.0] * 10))
        assert scene.reflectance.sentence == "The file says: times 0.0001, plus 0."
        assert water_blue(scene) == pytest.approx(0.042, abs=0.001)

    @pytest.mark.parametrize("in_place", [True, False])
    def test_scales_that_differ_by_band(self, tmp_path: Path, in_place: bool) -> None:
        true = reflectance()
        scales = [1e-4] * 8 + [1e-3, 2e-4]
        offsets = [0.0] * 8 + [-0.1, 0.0]
        stored = np.stack([(b - o) / s for b, s, o in zip(true, scales, offsets, strict=True)])
        path = scaled(tmp_path / "a.tif", np.rint(stored).clip(1).astype("uint16"), scales, offsets)
        scene = open_scene(path) if in_place else taken_in(path, tmp_path)
        assert np.allclose(scene.to_reflectance(read_all(scene).values), true, atol=2e-3)
        assert scene.reflectance.sentence == "The file says: times 0.0001 to 0.001, plus -0.1 to 0, by band."
        assert scene.reflectance.quantification == pytest.approx(10_000)

    def test_loose_bands_with_scales_of_their_own(self, tmp_path: Path) -> None:
        true = reflectance(("B02", "B11"))
        paths = [
            write_band(
                tmp_path / f"{band}.tif",
                np.rint(values / scale).clip(1).astype("uint16"),
                placed(SHAPE_RC, 10),
                scale_offset=(scale, 0.0),
            )
            for band, values, scale in zip(("B02", "B11"), true, (1e-4, 1e-3), strict=True)
        ]
        scene = taken_in(paths, tmp_path)
        assert np.allclose(scene.to_reflectance(read_all(scene).values), true, atol=2e-3)

    def test_every_consumer_takes_each_band_s_own(self, tmp_path: Path) -> None:
        """Indices, spectral angles, haze, other scenes and pools: as if all bands had the usual numbers."""
        usual = open_scene(write_raster(tmp_path / "a.tif", numbers(FOUR).astype("float32"), descriptions=FOUR))
        mixed = np.stack([numbers(FOUR)[n] / (10 if n == 3 else 1) for n in range(4)]).astype("float32")
        path = scaled(tmp_path / "b.tif", mixed, [1e-4] * 3 + [1e-3], [0.0] * 4, FOUR)
        other = open_scene(path)
        for choices in (
            {"indices": ("NDVI",)},
            {"algorithm": "spectral-angle-kmeans", "scale": "none"},
            {"atmosphere": "dos1", "indices": ("NDWI",)},
        ):
            found = []
            for scene in (usual, other):
                recipe = replace(default_recipe(scene).plain(), k=4, **choices)
                found.append(pipeline.run_live(pipeline.fitted_to(scene, recipe)).classmap.labels)
            assert (found[0] == found[1]).mean() > 0.999
        change = renumbering(other, range(4), usual, range(4))
        assert np.allclose(change.factor, [1, 1, 1, 10])
        assert usual.with_reflectance(other.reflectance).digest != usual.digest
        kept = replace(other, layers=())
        made = pool.Pool(kept, pool.Sample(np.ones((4, 2)), np.ones((4, 2)), 2.0))
        assert made.facts()["quantifications"] == list(other.reflectance.by_band)

    def test_set_by_hand_for_all(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = scaled(tmp_path / "b.tif", numbers(FOUR).astype("uint16"), [1e-4] * 3 + [1e-3], [0.0] * 4, FOUR)
        assert cli.main(["info", str(path)]) == 0
        assert json.loads(capsys.readouterr().out)["quantification"] is None
        assert cli.main(["info", str(path), "--quantification", "10000"]) == 0
        assert json.loads(capsys.readouterr().out)["quantification"] == 10_000
        shifted = ingest.with_numbers(open_scene(path), offset=-5)
        assert shifted.reflectance.by_band == open_scene(path).reflectance.by_band
        assert shifted.reflectance.sentence == "Set by hand: divided as found, offset -5."

    def test_percent(self, tmp_path: Path) -> None:
        scene = open_scene(write_raster(tmp_path / "a.tif", (reflectance() * 100).astype("float32"), descriptions=TEN))
        assert scene.reflectance.sentence == "Taken as percent: all light reflected is 100."
        assert water_blue(scene) == pytest.approx(0.042, abs=0.001)

    def test_what_is_no_percent(self) -> None:
        rng = np.random.default_rng(0)
        for values in (rng.normal(0, 3, 5_000), rng.random(5_000), rng.random(5_000) * 9_000, np.arange(100.0)):
            assert guessed_reflectance("float32", values, 1).quantification != 100
        assert guessed_reflectance("float32", rng.random(5_000) * 60, 1, are_bands=False).quantification != 100


class TestLooks:
    @pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32"])
    def test_class_maps_are_said(self, tmp_path: Path, dtype: str) -> None:
        scene = open_scene(write_raster(tmp_path / "a.tif", covers()[None].astype(dtype) * 10))
        assert any(note.startswith(CLASSES) for note in scene.notes)
        assert labels_of(scene).any()

    def test_a_palette_says_so(self, tmp_path: Path) -> None:
        path = tmp_path / "map.tif"
        values = (np.arange(SHAPE_RC[0] * SHAPE_RC[1]).reshape(SHAPE_RC) % 200 + 1).astype("uint8")
        how = {"driver": "GTiff", "height": SHAPE_RC[0], "width": SHAPE_RC[1], "count": 1, "dtype": "uint8"}
        place = {"crs": UTM, "transform": UTM_10M, "tiled": True, "blockxsize": 32, "blockysize": 32}
        with rasterio.open(path, "w", **how, **place, photometric="palette") as dataset:
            dataset.write_colormap(1, {i: (i, 255 - i, 90, 255) for i in range(256)})
            dataset.write(values, 1)
        assert any(note.startswith(CLASSES) for note in open_scene(path).notes)

    def test_pictures_are_none(self, tmp_path: Path) -> None:
        for number, values in enumerate(
            (numbers(["B08"]).astype("uint16"), covers()[None].repeat(3, 0).astype("uint8"))
        ):
            scene = open_scene(write_raster(tmp_path / f"{number}.tif", values))
            assert not any(note.startswith(CLASSES) for note in scene.notes)

    def test_twelve_bands_of_the_top_of_the_atmosphere(self, tmp_path: Path) -> None:
        scene = open_scene(write_raster(tmp_path / "TOA.tif", numbers(TOP).astype("uint16")))
        assert scene.band_names == TOP
        (note,) = scene.notes
        assert "they are taken as B01, B02, B03, B04, B05, B06, B07, B08, B09, B10, B11, B12" in note
        assert "not as B01, B02, B03, B04, B05, B06, B07, B08, B8A, B09, B11, B12" in note
        assert scene.names_are_guessed

    def test_twelve_bands_of_the_ground(self, tmp_path: Path) -> None:
        ground = ("B01", *TEN[:8], "B09", "B11", "B12")
        scene = open_scene(write_raster(tmp_path / "BOA.tif", numbers(ground).astype("uint16")))
        assert "B8A" in scene.band_names
        assert any("without B8A" in note for note in scene.notes)

    def test_a_constant_band_is_said_and_left_out(self, tmp_path: Path) -> None:
        values = numbers().astype("uint16")
        values[5] = 1_234
        scene = open_scene(write_raster(tmp_path / "a.tif", values, descriptions=TEN))
        assert "B07 is the same number everywhere, and left out unless you choose it." in scene.notes
        assert default_recipe(scene).bands == tuple(name for name in TEN if name != "B07")
        assert labels_of(scene, bands=TEN).any()
        flat = open_scene(write_raster(tmp_path / "b.tif", np.full((4, 20, 30), 1_500, "uint16"), descriptions=FOUR))
        assert default_recipe(flat).bands == FOUR

    def test_a_band_that_a_product_lacks_is_named(self, tmp_path: Path) -> None:
        names = [band for band in (*TEN, "B01", "B09") if band != "B05"]
        safe = write_safe(tmp_path, level="L2A", naming="new", size_m=480, bands=names, with_scl=False)
        assert "The product has no B05: it may be incomplete." in taken_in(safe, tmp_path).notes


class TestBrokenMetadata:
    @pytest.mark.parametrize("damage", ["0", "many", None])
    def test_the_flags_rescue_it(self, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str | None) -> None:
        safe = write_safe(tmp_path, level="L2A", naming="new", size_m=480, bands=("B02", "B03"), with_scl=False)
        metadata = safe / "MTD_MSIL2A.xml"
        text = metadata.read_text()
        metadata.write_text(text[:300] if damage is None else text.replace(">10000<", f">{damage}<"))
        with pytest.raises(UnreadableFile):
            taken_in(safe, tmp_path)
        argv = ["info", str(safe), "--offset", "-1000", "--quantification", "10000"]
        assert cli.main(argv) == 0
        info = json.loads(capsys.readouterr().out)
        assert (info["offset"], info["quantification"]) == (-1_000, 10_000)
        assert any(warning.startswith("Not used: MTD_MSIL2A.xml") for warning in info["warnings"])


def labels_of(scene: Scene, **choices: Any) -> np.ndarray:
    found = pipeline.run_live(
        pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), k=3, **choices))
    ).classmap.labels
    assert found is not None
    return found
