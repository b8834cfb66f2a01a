"""The map in the real app: what stays true of it while people zoom, change classes and load other scenes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from app_driver import APP, AppPage
from playwright.sync_api import expect

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def url(start_app: Callable[..., str], chromium_path: str) -> str:
    return start_app(APP)


@pytest.fixture
def open_app(new_page: Callable[..., Visit], url: str) -> Callable[..., AppPage]:
    return lambda **look: AppPage(new_page(**look), url)


def metres_on_scale_bar(app: AppPage) -> float:
    number, unit = app.frame.locator(".leaflet-control-scale-line").inner_text().split()
    return float(number) * {"m": 1, "km": 1000}[unit]


def metres_under_scale_bar(app: AppPage) -> float:
    """What the map's own projection says of the ground as wide as the bar, at the map's middle."""
    return float(
        app.on_map(
            "const m = s2dash.map, y = m.getSize().y / 2;"
            "const wide = document.querySelector('.leaflet-control-scale-line').offsetWidth;"
            "const at = (x) => m.containerPointToLatLng([x, y]);"
            "return m.distance(at(0), at(100)) / 100 * wide;"
        )
    )


def assert_classes_lie_on_the_whole_scene(app: AppPage) -> None:
    """Nine places of the scene are each under a loaded tile of the classes, in the right place."""
    assert app.on_map(
        "const m = s2dash.map, box = m.getContainer().getBoundingClientRect();"
        "const tiles = [...document.querySelectorAll('.leaflet-classes-pane img.leaflet-tile-loaded')];"
        "const boxes = tiles.map((t) => t.getBoundingClientRect());"
        "const parts = [.25, .5, .75];"
        "return parts.every((fx) => parts.every((fy) => {"
        "  const x = box.left + fx * box.width, y = box.top + fy * box.height;"
        "  return boxes.some((b) => b.left <= x && x <= b.right && b.top <= y && y <= b.bottom);"
        "}));"
    )
    assert app.on_map("return document.querySelectorAll('.leaflet-classes-pane > .leaflet-layer').length;") == 1


def test_home_after_other_classes_shows_them_all_under_a_true_scale_bar(open_app: Callable[..., AppPage]) -> None:
    app = open_app()
    app.expect_up_to_date()
    home = app.view
    token = app.token
    for _ in range(4):
        app.frame.get_by_role("button", name="Zoom in").click()
        app.page.wait_for_function("() => !document.querySelector('iframe').contentWindow.s2dash.map._animatingZoom")
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft"):
        app.k_slider.press(key)
        token = app.wait_for_classes(other_than=token)
    app.expect_up_to_date(8)
    app.frame.get_by_role("button", name="Show the whole scene").click()
    expect(app.frame.locator(".leaflet-classes-pane img:not(.leaflet-tile-loaded)")).to_have_count(0)
    app.page.wait_for_function(
        "zoom => Math.abs(document.querySelector('iframe').contentWindow.s2dash.map.getZoom() - zoom) < 1e-6",
        arg=home[2],
    )
    assert app.view == pytest.approx(home)
    assert_classes_lie_on_the_whole_scene(app)
    assert metres_on_scale_bar(app) == pytest.approx(metres_under_scale_bar(app), rel=0.05)
    expect(app.frame.get_by_role("slider", name=re.compile("Swipe"))).to_be_visible()
