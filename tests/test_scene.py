"""The Scene value: names of bands, the mask rules, and the decimated copy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from scenes import TEN_METRE, land_cover, make_scene, open_scene, write_raster

from s2dash.core import sentinel2
from s2dash.core.scene import NO_MASKING, Masking, Scene, valid_pixels
from s2dash.core.types import Window
from s2dash.errors import UnknownName
from s2dash.raster.reading import SceneReader, preview_places, read_preview_stack

DATES = ("B02_2018-04-19", "B03_2018-04-19", "B02_2018-06-08", "B03_2018-06-08")


def masks(scene: Scene, mask: str = "auto", positions: tuple[int, ...] | None = None) -> np.ndarray:
    """The scene's validity by both ways of asking, which must agree; shape (rows, cols), bool."""
    masking = Masking() if mask == "auto" else NO_MASKING
    positions = tuple(range(len(scene.bands))) if positions is None else positions
    whole = Window(0, 0, *scene.grid.shape_rc)
    with SceneReader(scene) as reader:
        read = reader.read(positions, whole, masking)
    of_stack = valid_pixels(scene, positions, read_preview_stack(scene), masking)
    assert np.array_equal(read.valid, of_stack)
    assert read.values.dtype == scene.dtype
    return read.valid


class TestNames:
    def test_positions_by_any_name(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path)
        assert scene.band_names == TEN_METRE
        assert scene.positions(("B08", "b2", "band 4", "green")) == (3, 0, 2, 1)
        assert scene.positions(()) == ()

    def test_unknown_name_lists_what_there_is(self, tmp_path: Path) -> None:
        with pytest.raises(UnknownName, match=r"B11.*B02, B03, B04, B08"):
            make_scene(tmp_path).positions(("B11",))

    def test_ambiguous_name_lists_the_candidates(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, names=DATES)
        assert scene.band_names == DATES
        with pytest.raises(UnknownName, match=r"B02 fits 2 bands.*B02_2018-04-19, B02_2018-06-08"):
            scene.positions(("B02",))
        assert scene.positions(("B02_2018-06-08",)) == (2,)
        assert [band.suffix for band in scene.bands] == ["_2018-04-19", "_2018-04-19", "_2018-06-08", "_2018-06-08"]

    def test_brightness_leaves_out_the_bands_made_for_the_air(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, names=tuple(sentinel2.BANDS))
        assert scene.optical_bands() == (1, 2, 3, 4, 5, 6, 7, 8, 11, 12)
        assert make_scene(tmp_path, names=("B10",)).optical_bands() == (0,)


class TestMask:
    def test_zero_in_every_band_is_nodata_without_a_tag(self, tmp_path: Path) -> None:
        values = land_cover((20, 30), TEN_METRE).astype("uint16")
        values[:, :2] = 0
        values[:3, 5, 5] = 0
        scene = open_scene(write_raster(tmp_path / "a.tif", values, descriptions=TEN_METRE))
        expected = np.ones((20, 30), dtype=bool)
        expected[:2] = False
        assert scene.zero_is_nodata
        assert np.array_equal(masks(scene), expected)
        assert np.array_equal(masks(scene, positions=(0,)), expected), "zero in the chosen band alone is a dark pixel"
        assert masks(scene, "none").all()

    @pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
    def test_tagged_nodata_in_any_chosen_band(self, tmp_path: Path, dtype: str) -> None:
        values = land_cover((20, 30), TEN_METRE).astype(dtype)
        values[2, 4, 4] = 7
        values[:, 9, 9] = 0
        scene = open_scene(write_raster(tmp_path / "a.tif", values, nodata=7, descriptions=TEN_METRE))
        assert not scene.zero_is_nodata
        assert list(np.argwhere(~masks(scene))[0]) == [4, 4]
        assert (~masks(scene)).sum() == 1, "zero is a number like others where the file tags another"
        assert masks(scene, positions=(0, 1)).all()
        assert masks(scene, "none").all()

    def test_nodata_may_be_nan_or_out_of_range(self, tmp_path: Path) -> None:
        values = land_cover((20, 30), TEN_METRE).astype("float32")
        values[1, 3, 3] = np.nan
        scene = open_scene(write_raster(tmp_path / "a.tif", values, nodata=np.nan, descriptions=TEN_METRE))
        assert (~masks(scene)).sum() == 1
        assert masks(scene, positions=(0, 2)).all()

    def test_numbers_that_are_not_finite_never_count(self, tmp_path: Path) -> None:
        values = land_cover((20, 30), TEN_METRE).astype("float32")
        values[0, 1, 1], values[0, 2, 2], values[0, 3, 3] = np.nan, np.inf, -np.inf
        scene = open_scene(write_raster(tmp_path / "a.tif", values, descriptions=TEN_METRE))
        for mask in ("auto", "none"):
            assert [tuple(rc) for rc in np.argwhere(~masks(scene, mask))] == [(1, 1), (2, 2), (3, 3)]

    def test_alpha_counts_and_is_no_band(self, tmp_path: Path) -> None:
        alpha = np.full((20, 30), 255)
        alpha[:, :4] = 0
        values = land_cover((20, 30), TEN_METRE).astype("uint16")
        scene = open_scene(write_raster(tmp_path / "a.tif", values, alpha=alpha, descriptions=TEN_METRE))
        assert scene.band_names == TEN_METRE
        assert np.array_equal(masks(scene), alpha > 0)
        assert np.array_equal(masks(scene, positions=(3, 1)), alpha > 0)
        assert masks(scene, "none").all()


class TestPixels:
    def test_window_is_that_part_of_the_file(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, (50, 70))
        with rasterio.open(scene.paths[0]) as dataset:
            whole = dataset.read()
        window = Window(13, 40, 20, 30)
        with SceneReader(scene) as reader:
            pixels = reader.read((3, 0), window)
        assert np.array_equal(pixels.values, whole[[3, 0], 13:33, 40:70])
        assert pixels.valid.shape == (20, 30)

    @pytest.mark.parametrize("step", [1, 2, 3, 7, 20])
    def test_decimation_is_slicing(self, tmp_path: Path, step: int) -> None:
        scene = make_scene(tmp_path, (531, 67))
        with rasterio.open(scene.paths[0]) as dataset, SceneReader(scene) as reader:
            taken = reader.stack(*preview_places(scene.grid, step))
            assert np.array_equal(taken, dataset.read()[:, step // 2 :: step, step // 2 :: step])

    def test_reflectance(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path)
        assert scene.to_reflectance(np.array([[0, 5_000, 10_000]]), [0]) == pytest.approx(np.array([[0, 0.5, 1]]))
        assert scene.to_reflectance(np.array([[1]]), [2]).dtype == np.float32
