"""The check in the browser: places are answered at once by keys and buttons, and kept; marks show what was wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from accessibility import violations
from app_driver import AppPage
from playwright.sync_api import expect
from waiting import wait_until

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser
IS_ABOUT_A_PIXEL = """
    const { at, corners } = window.parent.s2dashCheck.mark, map = s2dash.map;
    const [one, , opposite] = corners.map((corner) => map.latLngToContainerPoint(corner));
    const aside = map.latLngToContainerPoint(at).distanceTo(map.getSize().divideBy(2));
    return aside < 1 && Math.abs(one.distanceTo(opposite) - 14 * Math.SQRT2) < 2;
"""
"""Whether the very pixel lies in the middle, some 14 pixels of the screen wide."""


@pytest.fixture
def app(new_page: Callable[..., Visit], app_url: str) -> AppPage:
    return AppPage(new_page(), app_url)


def test_places_are_answered_kept_and_marked(app: AppPage) -> None:
    page = app.page
    app.control("button", "Accept all names").click()
    page.get_by_role("radio", name="Check").click()
    app.control("button", "Start").click()
    count = page.locator(".check .count")
    expect(count).to_have_text("1 of 50")
    wait_until(lambda: app.on_map(IS_ABOUT_A_PIXEL), app.pause)
    expect(app.frame.locator(".s2-mark")).to_have_count(1)
    assert (
        app.on_map("return document.querySelectorAll('.leaflet-s2-classes-pane img, .s2-point:not([hidden])').length")
        == 0
    )
    assert page.locator(".st-key-grouping > *").evaluate_all("all => all.filter((one) => one.inert).length") >= 2
    expect(page.get_by_text("Paused while you check")).to_be_visible()
    assert violations(page) == []

    runs = app.script_runs()
    first = place(app)
    page.keyboard.press("1")
    expect(count).to_have_text("2 of 50")
    assert place(app) != first
    app.frame.locator("#map_div").focus()
    with page.expect_response(lambda response: "/checks/" in response.url) as kept:
        page.keyboard.press("s")
    assert kept.value.status == 204
    expect(count).to_have_text("3 of 50")
    page.get_by_role("button", name="Back to the place before").click()
    page.keyboard.press("Backspace")
    expect(count).to_have_text("1 of 50")
    assert place(app) == first
    answers = page.locator(".check .answers button")
    expect(answers.first).to_have_attribute("aria-pressed", "true")
    with page.expect_response(lambda response: "/checks/" in response.url):
        answers.nth(1).click()
    expect(count).to_have_text("3 of 50")
    third = place(app)
    assert app.script_runs() == runs

    page.reload()
    expect(count).to_have_text("3 of 50")
    wait_until(lambda: page.evaluate("() => Boolean(window.s2dashCheck)") and place(app) == third, app.pause)
    page.set_viewport_size({"width": 390, "height": 844})
    boxes = [box for box in (answers.nth(number).bounding_box() for number in (0, 1)) if box]
    assert boxes[0]["y"] == boxes[1]["y"]
    page.set_viewport_size({"width": 1280, "height": 800})

    for number in range(3, 50):
        expect(count).to_have_text(f"{number} of 50")
        page.keyboard.press("1" if number % 2 else "2")
    page.keyboard.press("Escape")
    expect(page.locator(".checked .lead strong")).to_contain_text("%")
    expect(page.get_by_text("48 of 50 places checked")).to_be_visible()
    assert page.locator(".st-key-grouping > *").evaluate_all("all => all.every((one) => !one.inert)")
    expect(app.frame.locator(".s2-checked")).to_have_count(49)
    assert violations(page) == []
    whole = app.view
    page.get_by_title("Go to the next of these places").first.press("Enter")
    wait_until(lambda: app.view[2] > whole[2] + 2, app.pause)
    expect(app.frame.locator(".s2-tip")).to_contain_text("The map: ")
    expect(page.get_by_role("radio", name="Picture")).to_be_checked()


def place(app: AppPage) -> Any:
    """Which place is asked about."""
    return app.page.evaluate("() => window.s2dashCheck.mark.at")
