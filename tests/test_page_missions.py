"""The page with pictures of other missions: what it calls them, their bands and their clouds, and whom it names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from field_scenes import SHAPE_RC, numbers, reflectance
from loose import placed, taken_in, write_band
from page_driver import Page, downloads, start
from products import write_safe
from scenes import write_raster

__all__ = ["downloads", "start"]  # fixtures

NAMES = ("SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6", "SR_B7", "QA_PIXEL")
LIKE = ("B02", "B03", "B04", "B08", "B11", "B12")


@pytest.fixture
def landsat(tmp_path: Path, start: Callable[..., Page]) -> Page:
    bits = np.full(SHAPE_RC, 64)
    bits[20:40, 20:40] = 8
    values = np.stack([*np.rint((reflectance(LIKE) + 0.2) / 2.75e-5), bits]).astype("uint16")
    path = write_raster(tmp_path / "LC08_044034_20200715.tif", values, descriptions=NAMES)
    return start(taken_in(path, tmp_path))


def test_a_picture_of_landsat_is_called_so(landsat: Page) -> None:
    assert landsat.title == "### Landsat 8, path 44, row 34"
    assert "Landsat 8 Level-2" in landsat.words
    assert "Sentinel-2 Level" not in landsat.words
    assert "Copernicus" not in landsat.words
    assert "Landsat 8 image courtesy of the U.S. Geological Survey." in landsat.words
    bands = next(widget for widget in landsat.test.multiselect if widget.label == "Bands")
    assert "SR_B5 · near infrared · 865 nm" in bands.options
    layers = landsat.widget("selectbox", "Picture").options
    assert {"True colour", "False colour", "Shortwave"} <= set(layers)


def test_its_quality_band_can_leave_out_clouds(landsat: Page) -> None:
    labels = {box.label.split(" · ")[0]: box.value for box in landsat.test.checkbox if str(box.key).startswith("scl")}
    assert labels["Cloud"]
    assert labels["Cloud shadow"]
    assert not labels["Snow or ice"]
    assert "Vegetation" not in labels
    assert (landsat.geotiff[25:35, 25:35] == 0).all()


def test_the_cloud_mask_of_level_1c_leaves_out_clouds(tmp_path: Path, start: Callable[..., Page]) -> None:
    safe = write_safe(tmp_path, level="L1C", size_m=600, bands=("B02", "B04", "B08", "B10"), with_extras=False)
    flags = np.zeros((3, 10, 10), dtype=np.uint8)
    flags[0, :, :2] = 1
    (granule,) = (safe / "GRANULE").iterdir()
    write_band(granule / "QI_DATA" / "MSK_CLASSI_B00.jp2", flags, placed((10, 10), 60))
    page = start(taken_in(safe, tmp_path))
    boxes = {box.label: box for box in page.test.checkbox if str(box.key).startswith("scl")}
    assert {label: box.value for label, box in boxes.items()} == {
        "Opaque cloud · 20.0 %": True,
        "Cirrus · 0 %": True,
        "Snow or ice · 0 %": False,
    }
    assert "The product's own cloud mask tells these apart" in page.words
    hidden = np.zeros((60, 60), dtype=bool)
    hidden[:, :12] = True
    np.testing.assert_array_equal(page.geotiff == 0, hidden)
    page.choose("checkbox", "Opaque cloud", False)
    assert (page.geotiff != 0).all()


def test_without_a_cloud_mask_the_page_says_which_file_would_help(tmp_path: Path, start: Callable[..., Page]) -> None:
    safe = write_safe(tmp_path, level="L1C", size_m=600, bands=("B02", "B04", "B08", "B10"), with_extras=False)
    page = start(taken_in(safe, tmp_path))
    assert "Nothing here says where clouds are" in page.words
    assert "MSK_CLASSI_B00.jp2" in page.words


def test_of_an_unknown_sensor_the_page_names_nobody(tmp_path: Path, start: Callable[..., Page]) -> None:
    values = numbers(LIKE).astype("float32") / 7 - 300
    names = [f"A{n:02}" for n in range(len(LIKE))]
    page = start(taken_in(write_raster(tmp_path / "embedding.tif", values, descriptions=names), tmp_path))
    assert "Unknown sensor" in page.words
    assert "Copernicus" not in page.words
    assert "no source is attributed" in page.words
