"""The map in the real app: what stays true of it while people zoom, change classes and load other scenes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from app_driver import PATIENCE_MS, AppPage, wait_for_zoom
from playwright.sync_api import Locator, expect
from scenes import write_scene

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser


@pytest.fixture
def open_app(new_page: Callable[..., Visit], app_url: str) -> Callable[..., AppPage]:
    return lambda **look: AppPage(new_page(**look), app_url)


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
    assert app.view == pytest.approx(home, abs=2e-4)  # a pixel of the screen
    assert_classes_lie_on_the_whole_scene(app)
    assert metres_on_scale_bar(app) == pytest.approx(metres_under_scale_bar(app), rel=0.05)
    expect(app.frame.get_by_role("slider", name=re.compile("Swipe"))).to_be_visible()


# ---- wheel and fingers ---------------------------------------------------------------------------------------------


def scrolled(app: AppPage) -> float:
    return float(app.page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollTop"))


def expect_scrolled(app: AppPage) -> None:
    app.page.wait_for_function("() => document.querySelector('[data-testid=stMain]').scrollTop > 0")


def middle_of_map(app: AppPage) -> tuple[float, float]:
    """A place on the map that is neither a control nor the swipe's handle."""
    box = app.frame_element.bounding_box()
    assert box is not None
    return box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5


def hint(app: AppPage) -> Locator:
    return app.frame.locator(".s2-gesture")


def test_the_wheel_moves_the_page_and_ctrl_with_it_zooms(open_app: Callable[..., AppPage]) -> None:
    app = open_app()
    app.expect_up_to_date()
    before = app.view
    app.page.mouse.move(*middle_of_map(app))
    for _ in range(3):
        app.page.mouse.wheel(0, 100)
    expect_scrolled(app)
    expect(hint(app)).to_have_text("Hold Ctrl to zoom")
    expect(hint(app)).to_be_visible()
    expect(hint(app)).to_be_hidden()
    assert app.view == pytest.approx(before)

    app.page.mouse.move(*middle_of_map(app))
    at = scrolled(app)
    app.page.keyboard.down("Control")
    app.page.mouse.wheel(0, -200)
    wait_for_zoom(app, "> zoom + .3", before[2])
    for _ in range(12):
        app.page.mouse.wheel(0, 400)
    wait_for_zoom(app, "<= zoom - .99", before[2])
    for _ in range(4):
        app.page.mouse.wheel(0, 400)
    app.page.keyboard.up("Control")
    app.page.wait_for_timeout(300)
    assert before[2] - 1.01 < app.view[2]
    assert scrolled(app) == at
    expect(app.frame.get_by_role("button", name="Zoom out")).to_have_attribute("aria-disabled", "true")


class Fingers:
    """Fingers on the page, by places in its window."""

    def __init__(self, app: AppPage) -> None:
        self.session = app.page.context.new_cdp_session(app.page)

    def send(self, kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def drag(self, *ways: tuple[tuple[float, float], tuple[float, float]]) -> None:
        """Put a finger at the start of each way, move all to the ends, and lift them."""
        self.send("touchStart", *(start for start, _ in ways))
        for step in range(1, 11):
            part = step / 10
            self.send("touchMove", *((a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])) for a, b in ways))
        self.send("touchEnd")


def test_one_finger_moves_the_page_and_two_the_map(open_app: Callable[..., AppPage]) -> None:
    app = open_app(width=390, height=844)
    app.expect_up_to_date()
    app.frame_element.scroll_into_view_if_needed()
    fingers = Fingers(app)
    before, at = app.view, scrolled(app)
    x, y = middle_of_map(app)
    fingers.drag(((x, y), (x, y - 160)))
    app.page.wait_for_function(f"() => document.querySelector('[data-testid=stMain]').scrollTop > {at + 50}")
    assert app.view == pytest.approx(before)
    expect(hint(app)).to_have_text("Use two fingers to move the map")
    expect(hint(app)).to_be_hidden()

    app.frame_element.evaluate("frame => frame.scrollIntoView({ block: 'center' })")
    app.frame_element.scroll_into_view_if_needed()  # waits until it has come to rest
    at = scrolled(app)
    x, y = middle_of_map(app)
    fingers.drag(((x - 20, y), (x - 80, y)), ((x + 20, y), (x + 80, y)))
    wait_for_zoom(app, "> zoom + .5", before[2])
    apart = app.view
    fingers.drag(((x - 40, y), (x - 20, y - 60)), ((x + 40, y), (x + 60, y - 60)))
    app.page.wait_for_function(
        "lat => Math.abs(document.querySelector('.st-key-map iframe').contentWindow.s2dash.map.getCenter().lat - lat)"
        " > 1e-4",
        arg=apart[0],
    )
    assert scrolled(app) == at


def test_the_handle_follows_one_finger(open_app: Callable[..., AppPage]) -> None:
    app = open_app(width=390, height=844)
    app.expect_up_to_date()
    app.frame_element.scroll_into_view_if_needed()
    grip = app.frame.get_by_role("slider", name=re.compile("Swipe"))
    knob = grip.locator(".s2-knob").bounding_box()
    assert knob is not None
    x, y = knob["x"] + 20, knob["y"] + 20
    at = scrolled(app)
    Fingers(app).drag(((x, y), (x - 90, y)))
    expect(grip).to_have_attribute("aria-valuenow", re.compile(r"^(2\d|1\d)$"))
    assert scrolled(app) == at
    expect(hint(app)).to_be_hidden()


# ---- another scene -------------------------------------------------------------------------------------------------

WATCH = """() => {
  window.seen = [];
  const shows = (q) => [...document.querySelectorAll(q)].filter((e) => e.checkVisibility())
    .map((e) => e.textContent || e.dataset.words);
  const look = () => {
    const page = document.querySelector('.st-key-map iframe').contentDocument;
    const shown = page.querySelector('.s2-map:not([inert])');
    const tiles = [...shown.querySelectorAll('.leaflet-picture-pane img.leaflet-tile-loaded')]
      .filter((tile) => tile.closest('.leaflet-layer').style.opacity !== '0');
    const now = JSON.stringify([shows('.st-key-header h3').join('|'), page.body.dataset.scene, tiles.length > 0]);
    if (window.seen.at(-1) !== now) window.seen.push(now);
    requestAnimationFrame(look);
  };
  look();
}"""


def test_title_and_map_change_together_and_the_map_is_never_blank(
    open_app: Callable[..., AppPage], tmp_path: Path
) -> None:
    app = open_app()
    app.expect_up_to_date()
    app.on_map("window.isSameFrame = true;")
    coast = app.body.get_attribute("data-scene")
    app.page.evaluate(WATCH)
    app.upload_as_scene(write_scene(tmp_path / "my valley.tif", (300, 400), ("B02", "B03", "B04", "B08")))
    valley = app.body.get_attribute("data-scene")
    app.control("button", "Try the sample scene").click()
    expect(app.page.get_by_role("heading", name="Virginia coast")).to_be_visible(timeout=PATIENCE_MS)
    expect(app.body).to_have_attribute("data-scene", str(coast), timeout=PATIENCE_MS)
    app.expect_up_to_date()
    seen = [json.loads(words) for words in app.page.evaluate("() => window.seen")]
    assert seen == [["Virginia coast", coast, True], ["my valley", valley, True], ["Virginia coast", coast, True]]
    assert app.on_map("return window.isSameFrame;") is True
    expect(app.frame_element).to_have_attribute("title", "Map of the scene")
    expect(app.frame.locator(".leaflet-container")).to_have_count(1)
