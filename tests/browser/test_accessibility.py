"""The page for those who do not see it well, or not at all: axe-core over its states, contrast, what is announced."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from accessibility import violations
from app_driver import PATIENCE_MS, AppPage
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser

LOOKS = [(1280, 800, False), (1280, 800, True), (768, 1024, True), (390, 844, False)]
CONTRAST = """element => {
    const paint = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const over = colours => {
        for (const colour of colours) { paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1); }
        return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const luminance = rgb => rgb.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const below = [];
    let opacity = 1;
    for (let e = element; e; e = e.parentElement ?? e.getRootNode().host) {
        below.unshift(getComputedStyle(e).backgroundColor);
        opacity *= Number(getComputedStyle(e).opacity);
    }
    const ground = over(below), ink = over([...below, getComputedStyle(element).color]);
    const seen = ink.map((v, i) => v * opacity + ground[i] * (1 - opacity));
    const [low, high] = [luminance(ground), luminance(seen)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
}"""
"""The contrast of an element's own colour to what lies under it (WCAG 2.2)."""


@pytest.fixture
def open_app(new_page: Callable[..., Visit], app_url: str) -> Iterator[Callable[..., AppPage]]:
    opened: list[AppPage] = []

    def visit(**look: Any) -> AppPage:
        opened.append(AppPage(new_page(**look), app_url))
        return opened[-1]

    yield visit
    for app in opened:
        assert app.visit.complaints == []


_LOOKS = 10


def assert_accessible(page: Page) -> None:
    expect(page.get_by_test_id("stSkeleton").locator("visible=true")).to_have_count(0, timeout=PATIENCE_MS)
    found = violations(page)
    for _ in range(_LOOKS):
        if not found:
            return
        # What Streamlit fades in by script is on its way to its colours.
        page.evaluate("() => new Promise(done => setTimeout(done, 300))")
        found = violations(page)
    assert found == []


def in_popover(app: AppPage, button: str) -> None:
    """Check the page with a popover open."""
    app.control("button", button).click()
    expect(app.page.get_by_test_id("stPopoverBody")).to_be_visible()
    assert_accessible(app.page)
    app.page.keyboard.press("Escape")
    expect(app.page.get_by_test_id("stPopoverBody")).to_have_count(0)


@pytest.mark.parametrize(("width", "height", "dark"), LOOKS)
def test_no_state_of_the_page_breaks_a_rule(
    open_app: Callable[..., AppPage], width: int, height: int, dark: bool
) -> None:
    app = open_app(width=width, height=height, dark=dark)
    app.expect_up_to_date()
    page = app.page
    assert_accessible(page)
    page.get_by_label("Name of class 2", exact=True).focus()
    app.control("button", "Show only class 3").click()
    expect(app.control("button", "Show all classes")).to_be_visible()
    assert_accessible(page)
    for open_window in (app.open_hand_over, app.open_scene_window):
        open_window()
        assert_accessible(page)
        app.close_window()
    if width < 1200:
        app.close_settings()
    for tab in ("Scatter", "How good", "This run in words"):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_role("tabpanel", name=tab)).to_be_visible()
        assert_accessible(page)
    app.open_settings()
    in_popover(app, "How this works")
    app.control("button", "Many scenes").click()
    expect(app.window).to_be_visible()
    assert_accessible(page)
    app.close_window()
    for fold in ("Indices, scaling, smoothing", "Leave out", "Advanced"):
        page.get_by_text(fold, exact=True).click()
    assert_accessible(page)
    page.get_by_test_id("stMultiSelect").first.get_by_role("button", name="Clear all").click()
    expect(page.locator(".st-key-trouble")).to_contain_text("Choose at least one band")
    assert_accessible(page)


@pytest.mark.parametrize("dark", [False, True])
def test_the_legend_is_seen(open_app: Callable[..., AppPage], dark: bool) -> None:
    app = open_app(dark=dark)
    app.expect_up_to_date()
    app.page.mouse.move(400, 400)
    icon = app.control("button", "Show only class 5")
    assert icon.evaluate(CONTRAST) >= 3
    app.control("button", "Show only class 3").click()
    expect(app.control("button", "Show only class 3")).to_have_attribute("aria-pressed", "true")
    app.page.mouse.move(400, 400)
    for words in (app.rows.nth(4).locator(".amount"), app.rows.nth(4).locator(".name input"), app.rows.nth(4)):
        assert words.evaluate(CONTRAST) >= 4.5
    assert icon.evaluate(CONTRAST) >= 3


def test_a_new_map_is_announced_in_a_line_that_stays(open_app: Callable[..., AppPage]) -> None:
    app = open_app()
    app.expect_up_to_date()
    line = app.page.locator(".heard")
    expect(line).to_have_text("Map updated: 8 classes.")
    expect(line).to_have_attribute("aria-live", "polite")
    node = line.element_handle()
    app.k_slider.press("ArrowRight")
    expect(line).to_have_text("Map updated: 9 classes.", timeout=PATIENCE_MS)
    app.page.get_by_test_id("stMultiSelect").first.get_by_role("button", name="Clear all").click()
    expect(line).to_have_text(re.compile("^Choose at least one band to look at"), timeout=PATIENCE_MS)
    assert line.evaluate("(now, before) => now === before", node)
    box = line.bounding_box()
    assert box is not None
    assert box["width"] <= 1


def test_the_chart_has_a_short_name_and_its_words_elsewhere(open_app: Callable[..., AppPage]) -> None:
    app = open_app()
    app.expect_up_to_date()
    chart = app.page.get_by_test_id("stFullScreenFrame").first
    expect(chart).to_be_visible()
    names = chart.get_by_role("button").evaluate_all("all => all.map(e => e.getAttribute('aria-label') || '')")
    assert all(len(name) < 100 for name in names)
    app.page.get_by_role("tab", name="This run in words").click()
    expect(app.page.get_by_text(re.compile(r"Class 1: [\d.]+ % in B\w+ to [\d.]+ % in B"))).to_be_visible()
