"""Drawing an area on the map: with the mouse and with keys, changed, removed; map, legend and sidebar follow."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from accessibility import violations
from app_driver import AppPage
from playwright.sync_api import Locator, expect
from waiting import wait_until

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser

COAST = "5,898 ha"
"""All of the sample scene."""


class Drawer:
    """Draws on the map of an app."""

    def __init__(self, app: AppPage) -> None:
        self.app = app

    def button(self, name: str) -> Locator:
        return self.app.frame.get_by_role("button", name=name, exact=True)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """With the mouse, between two places of the map in shares of its width and height."""
        mouse = self.app.page.mouse
        mouse.move(*self._at(start))
        mouse.down()
        mouse.move(*self._at(((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)))
        mouse.move(*self._at(end))
        mouse.up()

    def click(self, *places: tuple[float, float]) -> None:
        for place in places:
            self.app.page.mouse.click(*self._at(place))

    def _at(self, place: tuple[float, float]) -> tuple[float, float]:
        box = self.app.frame_element.bounding_box()
        assert box is not None
        return box["x"] + place[0] * box["width"], box["y"] + place[1] * box["height"]

    def move_with(self, key: str) -> None:
        """Move the map by a key, and wait until it has moved."""
        where = "const c = s2dash.map.getCenter(); return [c.lat, c.lng];"
        before = self.app.on_map(where)
        self.app.page.keyboard.press(key)
        self.app.page.wait_for_function(
            "([lat, lng]) => { const m = document.querySelector('.st-key-map iframe').contentWindow.s2dash.map;"
            " return m.latLngToContainerPoint([lat, lng]).distanceTo(m.getSize().divideBy(2)) > 40; }",
            arg=before,
        )

    @property
    def list(self) -> Locator:
        return self.app.frame.locator(".s2-draw-list li")

    @property
    def total(self) -> Locator:
        """All hectares of the legend."""
        return self.app.page.locator(".legend tfoot")

    def only(self, name: str = "Only this area") -> None:
        """Have only what is drawn count, and wait for its map."""
        before = self.app.token
        self.button(name).click()
        self.app.wait_for_classes(other_than=before)
        self.app.expect_up_to_date()

    def expect_total(self, hectares: float) -> None:
        """Wait until the legend's classes have them all together."""
        wait_until(lambda: self.hectares(self.total) == pytest.approx(hectares, rel=0.02), self.app.pause)

    def hectares(self, words: Locator) -> float:
        found = re.search(r"([\d,.]+) ha", words.inner_text())
        assert found is not None
        return float(found[1].replace(",", ""))


def test_an_area_is_drawn_changed_and_removed(new_page: Callable[..., Visit], app_url: str) -> None:
    app = AppPage(new_page(), app_url)
    app.expect_up_to_date()
    drawer = Drawer(app)
    start = drawer.button("Draw an area")

    start.click()
    wait_until(lambda: app.on_map("return s2dash.isDrawing;"), app.pause)
    drawer.drag((0.5, 0.5), (0.75, 0.8))
    drawer.button("Polygon").click()
    drawer.click((0.15, 0.65), (0.35, 0.65), (0.35, 0.9), (0.15, 0.65))
    expect(drawer.list).to_have_count(2)
    # Of the drawing; test_accessibility looks at the rest of the page.
    assert [line for line in violations(app.page) if ".st-key-legend" not in line] == []
    drawer.button("Remove area 2").click()
    expect(drawer.list).to_have_count(1)
    drawn = drawer.hectares(drawer.list)
    drawer.only()
    expect(start).to_be_focused()
    drawer.expect_total(drawn)
    expect(app.frame.locator("path.s2-area-line")).to_have_count(1)

    start.click()
    corner = drawer.button("Corner 3")
    corner.focus()
    for _ in range(6):
        corner.press("ArrowRight")
    wait_until(lambda: drawer.hectares(drawer.list) > drawn, app.pause)
    wider = drawer.hectares(drawer.list)
    drawer.only()
    drawer.expect_total(wider)
    app.page.get_by_text("Leave out", exact=True).click()
    expect(app.page.get_by_text(f"Area 1 · {wider:,.0f} ha")).to_be_visible()
    app.wait_until_drawn()
    app.page.get_by_role("button", name="Edit on the map").click()
    expect(drawer.list).to_be_visible()
    app.page.keyboard.press("Escape")
    expect(drawer.list).to_be_hidden()
    before = app.token
    app.page.get_by_role("button", name="Remove", exact=True).click()
    app.wait_for_classes(other_than=before)
    expect(drawer.total).to_contain_text(COAST)

    start.focus()
    app.page.keyboard.press("Enter")
    for key in ("ArrowLeft", "ArrowUp"):
        drawer.move_with(key)
    app.page.keyboard.press("Space")
    for key in ("ArrowRight", "ArrowDown"):
        drawer.move_with(key)
    app.page.keyboard.press("Enter")
    expect(drawer.list).to_have_count(1)
    expect(drawer.button("Only this area")).to_be_focused()
    app.page.keyboard.press("Escape")
    expect(start).to_be_focused()
    assert app.visit.foreign == []


def test_an_area_is_given_a_class_and_all_is_undone(new_page: Callable[..., Visit], app_url: str) -> None:
    app = AppPage(new_page(), app_url)
    app.expect_up_to_date()
    drawer, found, sizes = Drawer(app), app.token, app.rows.all_inner_texts()
    drawer.button("Draw an area").click()
    drawer.drag((0.55, 0.5), (0.8, 0.8))
    inside = app.frame.locator(".s2-inside-list li")
    expect(inside.first).to_be_visible()
    shares = [float(part.rstrip(" %")) for part in inside.locator("b").all_inner_texts() if "<" not in part]
    assert sum(shares) == pytest.approx(100, abs=2)
    hectares = [float(part.removesuffix(" ha").replace(",", "")) for part in inside.locator("small").all_inner_texts()]
    assert sum(hectares) == pytest.approx(drawer.hectares(drawer.list), rel=0.02)
    drawer.button("Regroup inside into 3").click()
    found = app.wait_for_classes(other_than=found)
    expect(app.page.get_by_text("Edits: regroup an area in 3.")).to_be_visible()
    app.page.get_by_role("button", name="Undo").click()
    found = app.wait_for_classes(other_than=found)
    drawer.button("Draw an area").click()
    drawer.drag((0.55, 0.5), (0.8, 0.8))
    drawer.button("Set class …").click()
    drawer.button("Class 4").click()
    painted = app.wait_for_classes(other_than=found)
    expect(app.page.get_by_text("Edits: set an area to 4.")).to_be_visible()
    assert not app.on_map("return s2dash.isDrawing;")
    drawer.button("Draw an area").click()
    drawer.drag((0.6, 0.55), (0.7, 0.65))
    drawer.button("Leave out").click()
    app.wait_for_classes(other_than=painted)
    expect(app.page.get_by_text("Edits: set an area to 4, then leave out an area.")).to_be_visible()
    for words in ("Edits: set an area to 4.", ""):
        app.page.get_by_role("button", name="Undo").click()
        expect(app.page.get_by_text(words or "Edits:").first).to_be_visible(visible=bool(words))
    assert app.rows.all_inner_texts() == sizes
