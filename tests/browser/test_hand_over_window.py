"""The window `Hand over` in a browser: what is typed in it is in the file that is asked for at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import rasterio
from app_driver import PATIENCE_MS, AppPage
from playwright.sync_api import expect

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser


def test_what_is_typed_and_at_once_downloaded_is_in_the_file(
    new_page: Callable[..., Visit], app_url: str, tmp_path: Path
) -> None:
    app = AppPage(new_page(), app_url)
    app.expect_up_to_date()
    window = app.open_hand_over()
    expect(app.control("textbox", "Title")).to_have_value("Land cover at the Virginia coast")
    app.control("textbox", "Notes").fill("Named by eye.")
    app.control("textbox", "Title").fill("Shore =1+1 😀")
    with app.page.expect_download(timeout=PATIENCE_MS) as waiting:
        app.control("button", "Download GeoTIFF").click()
    assert waiting.value.suggested_filename == "Shore-1-1-classes.tif"
    waiting.value.save_as(tmp_path / "map.tif")
    with rasterio.open(tmp_path / "map.tif") as dataset:
        assert dataset.tags()["TITLE"] == "Shore =1+1 😀"
        assert dataset.tags()["NOTES"] == "Named by eye."
    expect(window.locator("[aria-busy=true]")).to_have_count(0, timeout=PATIENCE_MS)
