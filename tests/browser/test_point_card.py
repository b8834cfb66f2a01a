"""Asking the map: a click says what is there, as the file has it; so by key, on a phone, and after another recipe."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import rasterio
from accessibility import violations
from app_driver import AppPage
from playwright.sync_api import Locator, expect
from pyproj import Transformer

from s2dash import ingest

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser

ROW, COL = 540, 150


@pytest.fixture
def open_app(new_page: Callable[..., Visit], app_url: str) -> Callable[..., AppPage]:
    def visit(**look: Any) -> AppPage:
        app = AppPage(new_page(**look), app_url)
        app.expect_up_to_date()
        return app

    return visit


def card(app: AppPage) -> Locator:
    return app.frame.get_by_role("dialog", name="What is here")


def percents_in_file() -> dict[str, float]:
    """What rasterio reads at the pixel, as reflectance in percent; the sample stores reflectance times 10,000."""
    scene = ingest.sample_scene()
    with rasterio.open(scene.paths[0]) as file:
        stored = file.read(window=((ROW, ROW + 1), (COL, COL + 1)))[:, 0, 0]
    return {name: value / 100 for name, value in zip(scene.band_names, stored.tolist(), strict=True)}


def point_of_pixel(app: AppPage, zooms: int = 0) -> tuple[float, float]:
    """Where the pixel's centre is in the window, after so many zooms nearer, beside the swipe's handle."""
    with rasterio.open(ingest.sample_scene().paths[0]) as file:
        to_degrees = Transformer.from_crs(file.crs, "EPSG:4326", always_xy=True)
        longitude, latitude = to_degrees.transform(*file.xy(ROW, COL))
    x, y = app.on_map(
        f"const m = s2dash.map, place = [{latitude}, {longitude}];"
        f"if ({zooms}) m.setView(place, m.getZoom() + {zooms}, {{animate: false}});"
        f"if ({zooms}) m.panBy([100, 60], {{animate: false}});"
        "const at = m.latLngToContainerPoint(place); return [at.x, at.y];"
    )
    box = app.frame_element.bounding_box()
    assert box is not None
    return box["x"] + x, box["y"] + y


def shown_values(app: AppPage) -> dict[str, str]:
    words = card(app).locator(".s2-value").all_inner_texts()
    return dict(one.split(" ", 1) for one in words)


def test_a_click_says_what_the_file_says(open_app: Callable[..., AppPage]) -> None:
    app = open_app()
    # So near that the place under the mouse is one pixel of the scene.
    app.page.mouse.click(*point_of_pixel(app, zooms=2))
    expect(card(app).get_by_text("next:")).to_be_visible()
    in_file, shown = percents_in_file(), shown_values(app)
    assert len(shown) == 11
    assert float(shown["NDVI"]) == pytest.approx(
        (in_file["B08"] - in_file["B04"]) / (in_file["B08"] + in_file["B04"]), abs=0.006
    )
    for name in shown.keys() - {"NDVI"}:
        assert float(shown[name].removesuffix(" %")) == pytest.approx(in_file[name], abs=0.051)
    expect(card(app).get_by_text("EPSG:32618")).to_be_visible()
    assert violations(app.page) == []
    number = card(app).locator(".s2-swatch").inner_text()
    asked = app.page.locator(".legend tr.asked")
    expect(asked).to_have_attribute("data-id", number)

    card(app).get_by_role("button", name="Name").click()
    name = app.page.get_by_label(f"Name of class {number}", exact=True)
    expect(name).to_be_focused()
    name.fill("Fields")
    name.press("Enter")
    expect(card(app).get_by_role("heading", name="Fields")).to_be_visible()
    alone = card(app).get_by_role("button", name="Show alone")
    alone.click()
    expect(alone).to_have_attribute("aria-pressed", "true")
    alone.click()
    expect(alone).to_have_attribute("aria-pressed", "false")

    card(app).get_by_role("button", name="More about this class").click()
    expect(asked).to_have_count(0)
    card(app).get_by_role("button", name="Name").click()
    expect(name).to_be_focused()
    expect(asked).to_have_attribute("data-id", number)

    # Another recipe: the card says what that makes of the place.
    before = app.token
    with app.page.expect_response(re.compile(r"/points/")):
        app.k_slider.press("ArrowRight")
    app.wait_for_classes(other_than=before)
    expect(card(app).get_by_text("next:")).to_be_visible()
    assert shown_values(app) == shown

    card(app).get_by_role("button", name="More like this").click()
    expect(app.frame.get_by_text("nearest 1 %")).to_be_visible()
    expect(app.body).to_have_attribute("data-view", "Alike")
    expect(app.body).to_have_attribute("data-alike-loaded", re.compile(r"^[0-9a-f]{32}$"))
    card(app).press("Escape")
    expect(card(app)).to_be_hidden()
    expect(app.body).to_have_attribute("data-view", "Swipe")
    expect(asked).to_have_count(0)


def test_the_middle_of_the_map_is_asked_by_key(open_app: Callable[..., AppPage]) -> None:
    app = open_app(dark=True)
    region = app.frame.get_by_role("region", name=re.compile("^Map of the scene"))
    region.focus()
    expect(app.frame.locator(".s2-cross-hair")).to_be_visible()
    region.press("Enter")
    expect(card(app)).to_be_focused()
    expect(card(app).get_by_text("next:")).to_be_visible()
    assert violations(app.page) == []
    app.page.keyboard.press("Escape")
    expect(card(app)).to_be_hidden()
    expect(region).to_be_focused()


def test_on_a_phone_it_stands_below_the_map(open_app: Callable[..., AppPage]) -> None:
    app = open_app(width=390, height=844)
    maps = app.frame.locator(".s2-maps")
    before = maps.bounding_box()
    app.page.touchscreen.tap(*point_of_pixel(app))
    expect(card(app).get_by_text("next:")).to_be_visible()
    below, after = card(app).bounding_box(), maps.bounding_box()
    assert before is not None
    assert below is not None
    assert after is not None
    assert (after["width"], after["height"]) == (before["width"], before["height"])
    assert below["y"] == pytest.approx(after["y"] + after["height"], abs=1)
    assert below["y"] + below["height"] <= 844 + 1
    assert violations(app.page) == []
    card(app).get_by_role("button", name="Close").click()
    expect(card(app)).to_be_hidden()
    expect(app.frame_element).to_have_js_property("offsetHeight", 390)
