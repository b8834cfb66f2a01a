"""The dialog `Many scenes` in a browser: uploads become class maps, bad ones are named, the page goes on beside it."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from app_driver import PATIENCE_MS, AppPage
from playwright.sync_api import Locator, expect
from rasterio.io import MemoryFile
from scenes import land_cover, write_raster, write_scene

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser

NAMES = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")


def begun(app: AppPage, *paths: Path) -> Locator:
    """Open the dialog, give it files and start; returns the dialog."""
    app.open_settings()
    app.control("button", "Many scenes").click()
    dialog = app.page.get_by_role("dialog")
    dialog.locator("input[type=file]").set_input_files(paths)
    expect(dialog.get_by_role("button", name="Start")).to_be_enabled(timeout=PATIENCE_MS)
    dialog.get_by_role("button", name="Start").click()
    return dialog


def test_uploads_become_maps(app_url: str, new_page: Callable[..., Visit], tmp_path: Path) -> None:
    values = land_cover((60, 90), NAMES, 4).astype(np.uint16)
    paths = [
        write_raster(tmp_path / f"{name}.tif", values[:, :, cols], descriptions=NAMES)
        for name, cols in (("west", slice(0, 60)), ("east", slice(30, 90)))
    ]
    broken = tmp_path / "broken & small.tif"
    broken.write_bytes(paths[0].read_bytes()[:3_000])
    app = AppPage(new_page(), app_url)
    page = app.page
    dialog = begun(app, *paths, broken)
    expect(dialog.get_by_text("1 of 3 scenes failed")).to_be_visible(timeout=PATIENCE_MS)
    rows = dialog.get_by_role("region", name=re.compile("^Scenes")).get_by_role("row")
    expect(rows).to_have_count(4)
    expect(rows.filter(has_text="west")).to_have_text(re.compile(r"west✓ done36\.0(\d+\.\d %|< 0\.1 %|0 %){8}"))
    expect(rows.filter(has_text="small")).to_contain_text("failed broken & small.tif is ")
    line = dialog.get_by_role("slider", name="Where the later date begins")
    line.press("End")
    expect(line).to_have_attribute("aria-valuetext", "100 % shows east")
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
    expect(page.get_by_role("dialog").get_by_text("1 of 3 scenes failed")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Other scenes").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Start")).to_be_disabled()
    assert app.visit.foreign == []


def test_cancelling_says_so_at_once_and_begins_anew(
    app_url: str, new_page: Callable[..., Visit], tmp_path: Path
) -> None:
    paths = [write_scene(tmp_path / f"{n}.tif", (400, 400), NAMES, seed=1) for n in range(6)]
    app = AppPage(new_page(width=390, height=844), app_url)
    dialog = begun(app, *paths)
    expect(dialog.get_by_text(re.compile("Scene 1 of 6, 0:"))).to_be_visible(timeout=PATIENCE_MS)
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog.get_by_text("Stopped. 0 of 6 scenes are finished.")).to_be_visible(timeout=PATIENCE_MS)
    expect(dialog.get_by_role("row").filter(has_text="waiting")).to_have_count(6)
    expect(dialog.get_by_role("button", name="Download all (zip)")).to_have_count(0)
    wider = app.page.get_by_role("dialog").evaluate("e => e.scrollWidth - e.clientWidth")
    assert wider <= 0
    dialog.get_by_role("button", name="Other scenes").click()
    expect(dialog.get_by_role("button", name="Start")).to_be_disabled(timeout=PATIENCE_MS)
