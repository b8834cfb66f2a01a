"""The one door for files: kinds of GeoTIFF that come in, what is refused, and that nothing is left of a refusal."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hostile_files import FILES, write_file
from scenes import TEN_METRE, as_dtype, land_cover, open_scene, write_raster, write_scene

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.core import sentinel2
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import FILE_MASK, Masking, Scene, valid_pixels
from s2dash.core.types import CancelToken
from s2dash.errors import Cancelled, UnknownName, UnreadableFile
from s2dash.ingest.checks import open_checked
from s2dash.raster.reading import read_preview_stack
from s2dash.settings import INGEST_LIMITS, IngestLimits

SHAPE = (48, 64)


def taken_in(path: Path) -> Scene:
    """The file through the door."""
    return ingest.ingest(path, path.parent / f"{path.stem}-scene")


def stored(scene: Scene) -> np.ndarray:
    assert len(scene.paths) == 1
    with rasterio.open(scene.paths[0]) as dataset:
        return dataset.read()


def labels(scene: Scene, k: int = 4) -> np.ndarray:
    recipe = dataclasses.replace(default_recipe(scene).plain(), k=k, params=(("n_init", 2),))
    found = pipeline.run_live(pipeline.fitted_to(scene, recipe)).classmap.labels
    assert found is not None
    return found


class TestWhatComesIn:
    @pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "uint32", "float32", "float64"])
    def test_every_dtype_keeps_its_numbers(self, tmp_path: Path, dtype: str) -> None:
        path = write_scene(tmp_path / "a.tif", SHAPE, dtype=dtype)
        scene = taken_in(path)
        assert scene.dtype == dtype
        assert np.array_equal(stored(scene), as_dtype(land_cover(SHAPE, TEN_METRE), dtype))
        assert np.array_equal(read_preview_stack(scene), stored(scene))

    @pytest.mark.parametrize("how", [{}, {"tiled": False}, {"interleave": "pixel"}, {"compress": "deflate"}])
    def test_layout_of_the_file_does_not_matter(self, tmp_path: Path, how: dict[str, object]) -> None:
        path = write_scene(tmp_path / "a.tif", SHAPE, **how)
        scene = taken_in(path)
        with rasterio.open(path) as dataset:
            assert np.array_equal(stored(scene), dataset.read())
            assert scene.grid.transform == dataset.transform
            assert scene.grid.crs_label == "EPSG:32633"
        assert (ingest.open_in_place(path) is None) == (how.get("tiled") is False)

    @pytest.mark.parametrize(("dtype", "nodata"), [("uint16", None), ("uint16", 65_535), ("float32", float("nan"))])
    def test_in_place_and_taken_in_give_the_same_labels(self, tmp_path: Path, dtype: str, nodata: float | None) -> None:
        hole = (slice(3, 12), slice(30, 50))
        path = write_scene(tmp_path / "a.tif", SHAPE, dtype=dtype, nodata=nodata, masked=(hole,))
        ours, theirs = labels(open_scene(path)), labels(taken_in(path))
        assert np.array_equal(ours, theirs)
        assert not ours[hole].any()
        assert (ours == 0).sum() == ours[hole].size

    def test_alpha_band_becomes_the_mask(self, tmp_path: Path) -> None:
        alpha = np.full(SHAPE, 255)
        alpha[:5] = 0
        path = write_scene(tmp_path / "a.tif", SHAPE, alpha=alpha)
        scene = taken_in(path)
        assert scene.band_names == TEN_METRE
        assert [(mask.kind, mask.layer.index) for mask in scene.masks] == [(FILE_MASK, 5)]
        assert np.array_equal(labels(scene) > 0, alpha > 0)
        assert np.array_equal(labels(scene), labels(open_scene(path)))

    @pytest.mark.parametrize("tiled", [True, False])
    def test_internal_mask_counts(self, tmp_path: Path, tiled: bool) -> None:
        mask = np.ones(SHAPE, dtype=bool)
        mask[:, :9] = False
        path = write_scene(tmp_path / "a.tif", SHAPE, mask=mask, tiled=tiled)
        assert ingest.open_in_place(path) is None
        assert np.array_equal(labels(taken_in(path)) > 0, mask)

    def test_names_come_from_descriptions(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", SHAPE, descriptions=("blue", "Band 3", "B4_10m", "elevation <b>"))
        scene = taken_in(path)
        assert scene.band_names == ("B02", "B03", "B04", "elevation <b>")
        assert [band.standard for band in scene.bands] == ["B02", "B03", "B04", None]
        assert not scene.names_are_guessed

    @pytest.mark.parametrize("count", [3, 4, 10, 12, 13])
    def test_names_are_guessed_from_the_usual_orders_and_said(self, tmp_path: Path, count: int) -> None:
        expected = sentinel2.guess_band_names(count) or ()
        scene = open_scene(write_scene(tmp_path / "a.tif", SHAPE, names=expected, descriptions=None))
        assert scene.band_names == expected
        assert scene.names_are_guessed
        assert any("does not name" in note for note in scene.notes)

    def test_no_usual_order_gives_numbers(self, tmp_path: Path) -> None:
        scene = open_scene(write_scene(tmp_path / "a.tif", SHAPE, descriptions=None, names=("x", "y")))
        assert scene.band_names == ("band 1", "band 2")
        assert not scene.names_are_guessed

    def test_a_single_band_is_named_by_its_file(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "T33TWL_20230815_B08_10m.tif", SHAPE, ("B08",), descriptions=None)
        scene = taken_in(path)
        assert (scene.band_names, scene.date, scene.year) == (("B08",), "2023-08-15", 2023)

    def test_dates_tell_equal_bands_apart(self, tmp_path: Path) -> None:
        texts = ("B02 2018-04-19", "B02 20180608", "B03", "B03")
        scene = open_scene(write_scene(tmp_path / "a.tif", SHAPE, descriptions=texts))
        assert scene.band_names == ("B02_2018-04-19", "B02_2018-06-08", "B03", "B03_2")

    def test_names_can_be_given_instead(self, tmp_path: Path) -> None:
        scene = open_scene(write_scene(tmp_path / "a.tif", SHAPE, descriptions=None))
        named = ingest.rename_bands(scene, ["B08", "B04", "B03", "B02"])
        assert named.band_names == ("B08", "B04", "B03", "B02")
        assert named.digest != scene.digest
        with pytest.raises(UnknownName, match="3 names are given for 4 bands"):
            ingest.rename_bands(scene, ["B02", "B03", "B04"])

    @pytest.mark.parametrize("transform", [Affine.identity(), Affine(10, 0, 5, 0, -10, 7)])
    def test_without_coordinates_it_is_shown_and_said(self, tmp_path: Path, transform: Affine) -> None:
        scene = taken_in(write_scene(tmp_path / "a.tif", SHAPE, crs=None, transform=transform))
        assert not scene.grid.has_place
        assert scene.grid.transform == transform
        assert any("No place" in note for note in scene.notes)

    @pytest.mark.parametrize(
        ("dtype", "factor", "quantification"),
        [("uint16", 1, 10_000), ("float32", 1, 1), ("uint8", 1, 255), ("uint16", 6.5, 65_535)],
    )
    def test_reflectance_is_guessed_alike_by_both_ways(
        self, tmp_path: Path, dtype: str, factor: float, quantification: float
    ) -> None:
        values = (as_dtype(land_cover(SHAPE, ("B08", "B11")), dtype) * factor).astype(dtype)
        path = write_raster(tmp_path / "a.tif", values, descriptions=("B08", "B11"))
        for scene in (open_scene(path), taken_in(path)):
            assert scene.reflectance.quantification == quantification

    def test_reflectance_is_not_guessed_from_nodata(self, tmp_path: Path) -> None:
        values = land_cover(SHAPE, TEN_METRE).astype("uint16")
        values[1:, 4:] = 65_535
        scene = taken_in(write_raster(tmp_path / "a.tif", values, nodata=65_535, descriptions=TEN_METRE))
        assert scene.reflectance.quantification == 10_000

    def test_a_picture_larger_than_the_live_one_has_a_decimated_copy(self, tmp_path: Path) -> None:
        values = np.random.default_rng(0).integers(1, 5_000, (1, 1_100, 1_000)).astype("uint16")
        path = write_raster(tmp_path / "a.tif", values, descriptions=("B08",), tiled=False)
        scene = taken_in(path)
        assert scene.live_step == 2
        assert np.array_equal(read_preview_stack(scene), values[:, 1::2, 1::2])
        assert valid_pixels(scene, (0,), read_preview_stack(scene), Masking()).all()

    def test_progress_rises_to_one(self, tmp_path: Path) -> None:
        told: list[float] = []
        path = write_scene(tmp_path / "a.tif", (1_200, 20))
        ingest.ingest(path, tmp_path / "scene", progress=lambda share, what: told.append(share))
        assert told == sorted(told)
        assert told[-1] == 1

    def test_equal_content_equal_digest(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", SHAPE)
        copy = Path(shutil.copy(path, tmp_path / "b.tif"))
        other = write_scene(tmp_path / "c.tif", SHAPE, seed=1)
        ours, same, different = (taken_in(p).digest for p in (path, copy, other))
        assert ours == same != different

    def test_the_file_itself_stays_as_it_was(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", SHAPE)
        path.chmod(0o444)
        before = path.read_bytes()
        taken_in(path)
        assert path.read_bytes() == before
        assert {p.name for p in tmp_path.iterdir()} == {"a.tif", "a-scene"}


def refused(path: Path) -> str:
    """The message with which a file is refused, after making sure that nothing is left of it."""
    before = sorted(path.parent.iterdir())
    with pytest.raises(UnreadableFile) as caught:
        ingest.ingest(path, path.parent / "scene")
    assert sorted(path.parent.iterdir()) == before
    assert path.name in str(caught.value)
    return str(caught.value)


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("start", "words"),
        [
            (b"", "empty"),
            (b"\xff\xd8\xff\xe0\x00\x10JFIF", "photo"),
            (b"\x89PNG\r\n\x1a\n", "PNG"),
            (b"%PDF-1.7", "PDF"),
            (b"PK\x03\x04", "cut short"),
            (b"\x89HDF\r\n\x1a\n", "HDF5"),
            (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "damaged"),
            (b"<VRTDataset rasterXSize='1'>", "XML"),
            (b"x y z\n1 2 3\n", "neither a GeoTIFF nor a JP2"),
        ],
    )
    def test_other_files_by_what_they_are(self, tmp_path: Path, start: bytes, words: str) -> None:
        path = tmp_path / "a.tif"
        path.write_bytes(start)
        assert words in refused(path)

    @pytest.mark.parametrize("far", [Affine(1, 0, 0, 0, -1, 500), Affine(1e300, 0, 0, 0, -1e300, 0)])
    def test_coordinates_off_the_earth(self, tmp_path: Path, far: Affine) -> None:
        path = write_scene(tmp_path / "a.tif", SHAPE, crs="EPSG:4326", transform=far)
        assert "nowhere on the Earth" in refused(path)

    def test_coordinates_that_are_no_map(self, tmp_path: Path) -> None:
        assert "no map's" in refused(write_scene(tmp_path / "a.tif", SHAPE, crs="EPSG:4978"))

    def test_a_header_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        path.write_bytes(b"II*\x00\x08\x00\x00\x00")
        assert "damaged" in refused(path)

    @pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
    def test_a_file_cut_short(self, tmp_path: Path, share: float) -> None:
        values = np.random.default_rng(0).integers(1, 9_000, (4, 200, 200)).astype("uint16")
        path = write_raster(tmp_path / "a.tif", values, compress="deflate", tiled=False)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
        assert "damaged" in refused(path)

    def test_damaged_pixels(self, tmp_path: Path) -> None:
        values = np.random.default_rng(0).integers(1, 9_000, (4, 200, 200)).astype("uint16")
        path = write_raster(tmp_path / "a.tif", values, compress="deflate", descriptions=TEN_METRE)
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 4_000] = os.urandom(4_000)
        path.write_bytes(content)
        assert "damaged" in refused(path)

    def test_complex_numbers(self, tmp_path: Path) -> None:
        path = write_raster(tmp_path / "a.tif", np.ones((2, 20, 20), dtype="complex64"))
        assert "complex" in refused(path)

    def test_more_bands_than_the_limit(self, tmp_path: Path) -> None:
        most = INGEST_LIMITS.most_bands
        path = write_raster(tmp_path / "a.tif", np.ones((most + 1, 2, 2), "uint8"), tiled=False, interleave="pixel")
        assert f"{most + 1} bands; at most {most}" in refused(path)

    def test_pixels_that_the_file_cannot_hold(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        huge = {"height": 20_000, "width": 20_000, "count": 1, "dtype": "uint16"}
        with rasterio.open(path, "w", driver="GTiff", tiled=True, SPARSE_OK=True, crs="EPSG:32633", **huge):
            pass
        assert "800,000,000 bytes" in refused(path)

    @pytest.mark.parametrize(
        ("limits", "words"),
        [
            (IngestLimits(most_pixels=3_071), "3,072 pixels; at most 3,071"),
            (IngestLimits(most_side=63), "64 rows or columns; at most 63"),
            (IngestLimits(most_bands=3), "4 bands; at most 3"),
            (IngestLimits(most_block_bytes=1_023), "1,024 bytes in one block; at most 1,023"),
            (IngestLimits(most_stored_bytes=24_575), "24,576 bytes when unpacked; at most 24,575"),
            (IngestLimits(free_stored_bytes=1, most_compression=0), "24,576 bytes of pixels"),
        ],
    )
    def test_each_limit_names_both_numbers(self, tmp_path: Path, limits: IngestLimits, words: str) -> None:
        path = write_scene(tmp_path / "a.tif", SHAPE, interleave="band")
        open_checked(path).close()
        with pytest.raises(UnreadableFile, match=words):
            open_checked(path, limits)

    @pytest.mark.parametrize("domain", ["OVERVIEWS", "GEOLOCATION"])
    def test_metadata_that_points_to_other_files(self, tmp_path: Path, domain: str) -> None:
        path = write_scene(tmp_path / "a.tif", SHAPE)
        with rasterio.open(path, "r+") as dataset:
            dataset.update_tags(ns=domain, OVERVIEW_FILE="/etc/passwd", X_DATASET="/etc/passwd")
        assert "other files" in refused(path)
        with pytest.raises(UnreadableFile):
            ingest.open_in_place(path)

    def test_side_cars_are_not_looked_at(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", SHAPE)
        write_raster(tmp_path / "a.tif.msk", np.zeros((1, *SHAPE), "uint8"))
        (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset><SRS>EPSG:4326</SRS></PAMDataset>")
        scene = taken_in(path)
        assert scene.masks == ()
        assert scene.grid.crs_label == "EPSG:32633"

    def test_a_missing_file(self, tmp_path: Path) -> None:
        assert "No such file" in refused(tmp_path / "a.tif")

    def test_cancelled_leaves_nothing(self, tmp_path: Path) -> None:
        values = np.random.default_rng(0).integers(1, 9_000, (4, 1_500, 1_500)).astype("uint16")
        path = write_raster(tmp_path / "a.tif", values, tiled=False)
        token = CancelToken()
        token.cancel()
        with pytest.raises(Cancelled):
            ingest.ingest(path, tmp_path / "scene", cancel=token)
        assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


def test_the_sample_scene_is_ready_to_use() -> None:
    scene = ingest.sample_scene()
    assert scene.grid.shape_rc == (768, 768)
    assert scene.band_names == tuple(sentinel2.BANDS)
    assert scene.live_step == 1
    assert scene.date == "2016-01-12"
    assert "1C" in (scene.level or "")
    assert scene.attribution == "Contains modified Copernicus Sentinel data 2016"


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("ctl_") and not name.endswith(".zip")])
def test_good_files_can_be_classified(tmp_path: Path, name: str) -> None:
    scene = ingest.ingest(write_file(tmp_path, name), tmp_path / "scene")
    assert set(np.unique(labels(scene))) - {0} == {1, 2, 3, 4}


def test_a_recipe_fits_a_scene_that_was_taken_in(tmp_path: Path) -> None:
    scene = taken_in(write_scene(tmp_path / "a.tif", SHAPE))
    assert pipeline.resolve(scene, Recipe(("b2", "red"))).algorithm.name == "kmeans"
