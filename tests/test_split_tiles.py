"""A picture that Earth Engine wrote as several tiles is one scene again, whatever the order; other tiles are not."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from loose import ground, placed, read_all, taken_in, write_band
from rasterio.enums import ColorInterp

from s2dash.errors import UnreadableFile
from s2dash.ingest.split import Tile, put_together, split_names

pytestmark = pytest.mark.usefixtures("door_is_here")

SHAPE = (60, 90)
NAMES = ("B2", "B3", "B4", "B8")
CUTS = ((0, 40, 60), (0, 50, 90))


def picture(dtype: str = "uint16", bands: int = 4) -> np.ndarray:
    values = np.stack([ground(SHAPE, n, 0.1 + 0.05 * n) for n in range(bands)])
    return (values if dtype.startswith("float") else np.rint(values * (10_000 if dtype != "uint8" else 250))).astype(
        dtype
    )


def tiles_of(
    folder: Path,
    values: np.ndarray,
    stem: str = "S2_median",
    overlap: int = 0,
    leave: Sequence[int] = (),
    **how: object,
) -> list[Path]:
    """The four tiles of a picture, but for those of `leave`."""
    paths = []
    for top, bottom in zip(CUTS[0], CUTS[0][1:], strict=False):
        for left, right in zip(CUTS[1], CUTS[1][1:], strict=False):
            part = values[:, top : bottom + overlap, left : right + overlap]
            grid = placed(part.shape[1:], 10, (10 * left, 10 * top))
            path = write_band(folder / f"{stem}-{top:010}-{left:010}.tif", part, grid, **how)
            with rasterio.open(path, "r+") as dataset:
                dataset.descriptions = NAMES[: len(values)]
            paths.append(path)
    return [path for number, path in enumerate(paths) if number not in leave]


def together(paths: Sequence[Path], out: Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Values and mask of the picture put together, and its notes."""
    notes = put_together([Tile(path.name, path) for path in paths], "S2.tif", out, lambda share: None)
    with rasterio.open(out) as dataset:
        return dataset.read(), dataset.dataset_mask() != 0, notes


def test_names_that_belong_together() -> None:
    names = [
        "a/S2-0000000000-0000000000.tif",
        "a/S2-0000000000-0000007680.tif",
        "b/S2-0000000000-0000000000.tif",
        "S2-0000000000.tif",
        "alone-0000000000-0000000000.tif",
        "B02-0000000000-0000000000.TIF",
        "B02-0000007680-0000000000 (1).TIF",
    ]
    assert split_names(names) == {
        "a/S2.tif": ("a/S2-0000000000-0000000000.tif", "a/S2-0000000000-0000007680.tif"),
        "B02.tif": ("B02-0000000000-0000000000.TIF", "B02-0000007680-0000000000 (1).TIF"),
    }


@pytest.mark.parametrize("how", ["loose", "folder", "zip"])
def test_are_one_scene(tmp_path: Path, how: str) -> None:
    values = picture()
    paths = tiles_of(tmp_path / "export", values)
    given: Path | list[Path] = paths
    if how == "folder":
        given = tmp_path / "export"
    elif how == "zip":
        given = tmp_path / "export.zip"
        with zipfile.ZipFile(given, "w") as archive:
            for path in paths:
                archive.write(path, path.name)
    scene = taken_in(given, tmp_path)
    assert scene.band_names == ("B02", "B03", "B04", "B08")
    assert scene.grid == placed(SHAPE, 10) or scene.grid.transform == placed(SHAPE, 10).transform
    assert np.array_equal(read_all(scene).values, values)
    assert "4 tiles were put together as S2_median.tif." in scene.notes
    if how == "loose":
        assert scene.title == "S2_median"
        shuffled = random.Random(1).sample(paths, len(paths))
        assert taken_in(shuffled, tmp_path / "again").digest == scene.digest


def test_each_band_may_be_split(tmp_path: Path) -> None:
    values = picture(bands=2)
    paths = [
        *tiles_of(tmp_path, values[:1], "S2_B02"),
        *tiles_of(tmp_path, values[1:], "S2_B03"),
    ]
    scene = taken_in(paths, tmp_path)
    assert scene.band_names == ("B02", "B03")
    assert np.array_equal(read_all(scene).values, values)


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [("uint16", None), ("uint16", 0), ("int16", -9999), ("float32", None), ("float32", -1.0), ("int64", None)],
)
def test_ground_of_a_missing_tile_has_no_data(tmp_path: Path, dtype: str, nodata: float | None) -> None:
    values = picture(dtype)
    paths = tiles_of(tmp_path, values, leave=[1], nodata=nodata)
    found, valid, notes = together(paths, tmp_path / "out.tif")
    expected = np.ones(SHAPE, dtype=bool)
    expected[:40, 50:] = False
    assert np.array_equal(valid, expected)
    assert np.array_equal(found[:, expected], values[:, expected])
    assert notes == ("3 tiles were put together as S2.tif. No tile covers 30% of the ground, which has no data.",)


def test_own_masks_are_kept(tmp_path: Path) -> None:
    values = picture()
    inside = np.ones((40, 50), dtype=bool)
    inside[:7] = False
    paths = tiles_of(tmp_path, values, leave=[0])
    first = write_band(tmp_path / "S2-0.tif", values[:, :40, :50], placed((40, 50), 10), mask=inside)
    with rasterio.open(first, "r+") as dataset:
        dataset.descriptions = NAMES
    _, valid, _ = together([first, *paths], tmp_path / "out.tif")
    assert np.array_equal(valid[:40, :50], inside)
    assert valid[40:].all()


def test_where_tiles_overlap_the_first_with_data_counts(tmp_path: Path) -> None:
    values = picture()
    paths = tiles_of(tmp_path, values, overlap=6, nodata=0)
    with rasterio.open(paths[0], "r+") as dataset:
        changed = dataset.read()
        changed[:, :, 50:53] = 0
        changed[:, :, 53:] += 5
        dataset.write(changed)
    found, valid, _ = together(paths, tmp_path / "out.tif")
    assert valid.all()
    expected = values.copy()
    expected[:, :46, 53:56] += 5
    assert np.array_equal(found, expected)


def test_names_scales_colours_and_tags_are_kept(tmp_path: Path) -> None:
    paths = tiles_of(tmp_path, picture("uint8"), scale_offset=(0.004, 0.1), photometric="RGB")
    for path in paths:
        with rasterio.open(path, "r+") as dataset:
            dataset.update_tags(ACQUISITION_DATE="2023-06-05")
    together(paths, tmp_path / "out.tif")
    with rasterio.open(tmp_path / "out.tif") as dataset:
        assert dataset.descriptions == NAMES
        assert dataset.scales == (0.004,) * 4
        assert dataset.colorinterp[0] == ColorInterp.red
        assert dataset.tags()["ACQUISITION_DATE"] == "2023-06-05"


@pytest.mark.parametrize("fault", ["crs", "bands", "names", "dtype", "size", "lattice", "turned", "far"])
def test_what_is_not_of_one_picture_is_refused(tmp_path: Path, fault: str) -> None:
    values = picture()
    first = tiles_of(tmp_path, values)[0]
    part, grid = values[:, :40, 50:], placed((40, 40), 10, (500, 0))
    names = NAMES
    if fault == "crs":
        grid = replace(grid, crs_wkt="EPSG:32633")
    elif fault == "bands":
        part, names = part[:3], NAMES[:3]
    elif fault == "names":
        names = ("B2", "B3", "B4", "B11")
    elif fault == "dtype":
        part = part.astype("float32")
    elif fault == "size":
        grid = placed((40, 40), 20, (500, 0))
    elif fault == "lattice":
        grid = placed((40, 40), 10, (503, 0))
    elif fault == "turned":
        grid = replace(grid, transform=grid.transform @ Affine.rotation(10))
    elif fault == "far":
        grid = placed((40, 40), 10, (500_000, 500_000))
    second = write_band(tmp_path / "S2_median-0000000000-0000000050.tif", part, grid)
    with rasterio.open(second, "r+") as dataset:
        dataset.descriptions = names
    with pytest.raises(UnreadableFile, match="Give files of one export") as caught:
        together([first, second], tmp_path / "out.tif")
    assert ("too far apart" in str(caught.value)) == (fault == "far")
    assert "Many scenes" in str(caught.value)
    assert not (tmp_path / "out.tif").exists()


def test_a_damaged_tile_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    paths = tiles_of(tmp_path, picture(), compress="deflate")
    data = paths[2].read_bytes()
    paths[2].write_bytes(data[: len(data) // 2])
    with pytest.raises(UnreadableFile, match=r"S2_median-0000000040-0000000000\.tif is damaged"):
        taken_in(paths, tmp_path)
    assert not (tmp_path / "taken-in").exists()


def test_tiles_of_other_names_are_shown_the_way_to_many_scenes(tmp_path: Path) -> None:
    values = picture()
    one = write_band(tmp_path / "north.tif", values[:, :, :50], placed((60, 50), 10))
    two = write_band(tmp_path / "south.tif", values[:, :, 50:], placed((60, 40), 10, (500, 0)))
    with pytest.raises(UnreadableFile, match=r"do not overlap.*`Many scenes` on the page \(`batch` on"):
        taken_in([one, two], tmp_path)


def test_other_coordinate_systems_too(tmp_path: Path) -> None:
    values = picture()
    one = write_band(tmp_path / "t32.tif", values, placed(SHAPE, 10))
    two = write_band(tmp_path / "t33.tif", values, replace(placed(SHAPE, 10), crs_wkt="EPSG:32633"))
    with pytest.raises(UnreadableFile, match=r"t33\.tif is in EPSG:32633 but t32\.tif in EPSG:32632.*`Many scenes`"):
        taken_in([one, two], tmp_path)
