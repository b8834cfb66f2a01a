"""Two runs beside each other in the browser: swiped, where they differ, one move of them, and out again by a key."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from accessibility import violations
from app_driver import AppPage
from playwright.sync_api import expect

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser

COLOURS = """(body, name) => {
  // Every colour of the tiles that a pane shows, drawn as they are.
  const tiles = [...document.querySelectorAll(`.leaflet-${name}-pane img.leaflet-tile-loaded`)];
  const found = new Set();
  for (const tile of tiles) {
    const canvas = Object.assign(document.createElement("canvas"), { width: 256, height: 256 });
    const context = canvas.getContext("2d");
    context.drawImage(tile, 0, 0, 256, 256);
    const { data } = context.getImageData(0, 0, 256, 256);
    for (let at = 0; at < data.length; at += 4) {
      const numbers = [...data.slice(at, at + 4)].map((number) => number.toString(16).padStart(2, "0"));
      if (numbers.pop() === "ff") found.add("#" + numbers.join(""));
    }
  }
  return [...found];
}"""


SWATCHES = """all => all.map((one) => {
  const numbers = one.style.background.match(/[0-9]+/g);
  return "#" + numbers.map((number) => Number(number).toString(16).padStart(2, "0")).join("");
})"""
TOKEN = re.compile("[0-9a-f]{32}")


def shown_panes(app: AppPage) -> list[str]:
    return list(
        app.on_map(
            "return ['picture', 'left', 'classes', 'differ'].filter("
            "(name) => getComputedStyle(document.querySelector(`.leaflet-${name}-pane`)).display !== 'none');"
        )
    )


def test_two_runs_are_swiped_and_show_where_they_differ(new_page: Callable[..., Visit], app_url: str) -> None:
    app = AppPage(new_page(), app_url)
    app.expect_up_to_date()
    before = app.view
    app.k_slider.press("ArrowLeft")
    app.expect_up_to_date(7)
    token = app.token
    app.page.get_by_role("radiogroup", name="Panel").get_by_text("Runs").click()
    app.control("button", "Compare run 1").click()
    expect(app.page.get_by_role("heading", name="Run 1 and run 2")).to_be_visible()
    swipe = app.frame.get_by_role("slider", name="Swipe between Run 1 and Run 2")
    expect(swipe).to_be_visible()
    expect(app.frame.get_by_text("Run 1 8 classes")).to_be_visible()
    expect(app.frame.get_by_text("Run 2 7 classes")).to_be_visible()
    for loaded in ("data-left-loaded", "data-differ-loaded"):
        expect(app.body).to_have_attribute(loaded, TOKEN)
    assert shown_panes(app) == ["left", "classes"]
    left, right = (set(app.body.evaluate(COLOURS, name)) for name in ("left", "classes"))
    assert (len(left), len(right)) == (8, 7)
    swatches = set(app.page.locator(".compare tbody .swatch").evaluate_all(SWATCHES))
    assert left | right == swatches
    assert left & right, "classes that are the same have one colour"

    app.page.get_by_text("Where they differ", exact=True).click()
    expect(app.body).to_have_attribute("data-view", "Differ")
    expect(app.frame.get_by_text("Where run 1 and run 2 differ")).to_be_visible()
    expect(app.frame.locator(".s2-key")).to_contain_text("in another class")
    assert shown_panes(app) == ["picture", "differ"]
    assert app.body.evaluate(COLOURS, "differ") == ["#d42670"]
    assert violations(app.page) == []

    all_that_differs = app.body.get_attribute("data-differ-loaded")
    move = app.page.locator(".compare .moves button").first
    move.click()
    expect(move).to_have_attribute("aria-pressed", "true")
    expect(app.body).not_to_have_attribute("data-differ-loaded", str(all_that_differs))
    expect(app.frame.locator(".s2-key")).to_contain_text("moved otherwise")
    assert app.view == pytest.approx(before, abs=2e-4)

    app.frame.get_by_role("region", name="Map of the scene").press("Escape")
    expect(app.control("button", "Compare run 1")).to_be_visible()
    expect(app.body).to_have_attribute("data-view", "Swipe")
    assert app.wait_for_classes() == token
    expect(app.page.get_by_role("button", name="Undo")).to_be_enabled()
