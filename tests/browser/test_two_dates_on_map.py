"""Two dates on the map in a browser: a second picture is given, swiped, its change pointed out, and left by a key."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from accessibility import violations
from app_driver import PATIENCE_MS, AppPage
from playwright.sync_api import expect

from s2dash.ingest import EXAMPLES

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser
TOKEN = re.compile("[0-9a-f]{32}")


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """The sample scene four years later: its left third is what lay in the middle, and a corner is missing."""
    with rasterio.open(EXAMPLES[0].path) as dataset:
        values, profile, names = dataset.read(), dataset.profile, dataset.descriptions
    values[:, :, :256] = values[:, :, 256:512]
    values[:, -80:, -80:] = 0
    path = tmp_path / "T18SVG_20200503T155911.tif"
    with rasterio.open(path, "w", **profile | {"nodata": 0}) as dataset:
        dataset.write(np.ascontiguousarray(values))
        for number, name in enumerate(names, 1):
            dataset.set_band_description(number, name)
    return path


def test_a_second_picture_is_compared_on_the_map(new_page: Callable[..., Visit], app_url: str, later: Path) -> None:
    app = AppPage(new_page(), app_url)
    app.expect_up_to_date()
    page, before, token = app.page, app.view, app.token
    app.control("button", "Compare with another date").click()
    app.upload(later, "Picture of another date")
    expect(page.get_by_role("heading", name="12 Jan 2016 and 3 May 2020")).to_be_visible()
    expect(app.window).to_have_count(0)
    expect(page.get_by_text("every pixel is counted")).to_be_visible()
    expect(app.frame.get_by_role("slider", name="Swipe between 12 Jan 2016 and 3 May 2020")).to_be_visible()
    for loaded in ("data-left-loaded", "data-differ-loaded"):
        expect(app.body).to_have_attribute(loaded, TOKEN)
    assert app.body.get_attribute("data-left-loaded") == token
    page.get_by_role("combobox", name="On the right").click()
    page.get_by_role("option", name="3 May 2020: true colour", exact=True).click()
    expect(app.frame.get_by_text("3 May 2020 true colour")).to_be_visible()

    page.get_by_role("radiogroup", name="Two dates").get_by_text("Change").click()
    expect(app.body).to_have_attribute("data-view", "Differ")
    key = app.frame.locator(".s2-key")
    expect(key).to_contain_text("missing on one date")
    expect(key).to_contain_text("no change")
    whole = app.body.get_attribute("data-differ-loaded")
    assert violations(page) == []
    move = page.locator(".compare .moves button").first
    move.click()
    expect(move).to_have_attribute("aria-pressed", "true")
    expect(app.body).not_to_have_attribute("data-differ-loaded", str(whole), timeout=PATIENCE_MS)
    expect(key).to_contain_text(re.compile(r"ha.*Class \d to Class \d"))
    assert app.view == pytest.approx(before, abs=2e-4)

    app.frame.get_by_role("region", name="Map of the scene").press("Escape")
    expect(page.get_by_role("heading", name="12 Jan 2016 and 3 May 2020")).to_have_count(0)
    expect(app.body).to_have_attribute("data-view", "Swipe")
    assert app.wait_for_classes() == token
    app.expect_up_to_date()
