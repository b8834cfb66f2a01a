"""The page with pictures of other missions: what it calls them, their bands and their clouds, and whom it names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from field_scenes import SHAPE_RC, numbers, reflectance
from loose import taken_in
from page_driver import Page, downloads, start
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


def test_of_an_unknown_sensor_the_page_names_nobody(tmp_path: Path, start: Callable[..., Page]) -> None:
    values = numbers(LIKE).astype("float32") / 7 - 300
    names = [f"A{n:02}" for n in range(len(LIKE))]
    page = start(taken_in(write_raster(tmp_path / "embedding.tif", values, descriptions=names), tmp_path))
    assert "Unknown sensor" in page.words
    assert "Copernicus" not in page.words
    assert "no source is attributed" in page.words
