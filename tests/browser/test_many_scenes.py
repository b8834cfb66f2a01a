"""The dialog `Many scenes` in a browser: two uploads become two class maps, and the page goes on beside it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import expect
from rasterio.io import MemoryFile
from scenes import land_cover, write_raster

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser

APP = Path(__file__).resolve().parents[2] / "app.py"
PATIENCE_MS = 60_000
NAMES = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")


def test_uploads_become_maps(start_app: Callable[..., str], new_page: Callable[..., Visit], tmp_path: Path) -> None:
    values = land_cover((60, 90), NAMES, 4).astype(np.uint16)
    paths = [
        write_raster(tmp_path / f"{name}.tif", values[:, :, cols], descriptions=NAMES)
        for name, cols in (("west", slice(0, 60)), ("east", slice(30, 90)))
    ]
    visit = new_page()
    page = visit.page
    page.set_default_timeout(PATIENCE_MS)
    page.goto(start_app(APP))
    page.get_by_role("button", name="Many scenes").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("input[type=file]").set_input_files([str(path) for path in paths])
    expect(dialog.get_by_role("button", name="Start")).to_be_enabled(timeout=PATIENCE_MS)
    dialog.get_by_role("button", name="Start").click()
    expect(dialog.get_by_text("All 2 scenes are classified.")).to_be_visible(timeout=PATIENCE_MS)
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download all (zip)").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        maps = {}
        for name in ("west", "east"):
            with MemoryFile(archive.read(f"{name}-classes.tif")) as file, file.open() as dataset:
                maps[name] = dataset.read(1)
        assert "mosaic.vrt" in archive.namelist()
    assert np.array_equal(maps["west"][:, 30:], maps["east"][:, :30])

    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("Up to date")).to_be_visible()
    page.get_by_role("button", name="Many scenes").click()
    expect(page.get_by_role("dialog").get_by_text("All 2 scenes are classified.")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Other scenes").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Start")).to_be_disabled()
    assert visit.foreign == []
