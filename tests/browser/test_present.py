"""Presenting the map, and the hint of the first visit: how they come and go, and what stays as it was meanwhile."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from accessibility import violations
from app_driver import PATIENCE_MS, AppPage, wait_for_zoom
from layout_watch import COUNT_SHIFTS
from playwright.sync_api import Locator, expect

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser

LOOKS = [(1280, 800, False), (390, 844, True)]
NO_STORAGE = "Object.defineProperty(window, 'localStorage', { get() { throw new Error('switched off'); } });"
PLACES = """() => [...document.querySelectorAll(
    '[data-testid=stSidebar], .st-key-header, .st-key-title, .st-key-bar, .st-key-strip, .st-key-legend')]
    .map((e) => { const { x, y, width, height } = e.getBoundingClientRect(); return [x, y, width, height]; })"""


@pytest.fixture
def open_app(new_page: Callable[..., Visit], app_url: str) -> Callable[..., AppPage]:
    """`open_app(*scripts, width=1280, ...)`: scripts run before the page and in the map's frame."""

    def visit(*scripts: str, **look: Any) -> AppPage:
        fresh = new_page(**look)
        for script in scripts:
            fresh.page.add_init_script(script)
        app = AppPage(fresh, app_url)
        app.expect_up_to_date()
        return app

    return visit


def panel(app: AppPage) -> Locator:
    return app.frame.get_by_role("complementary", name="Title and legend")


def card(app: AppPage) -> Locator:
    return app.frame.get_by_role("region", name="Try this")


def focused(app: AppPage) -> str:
    """Key, name or tag of what has the page's focus."""
    script = """() => {
        let element = document.activeElement;
        while (element.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
        return element.ariaLabel || element.innerText?.trim() || element.tagName;
    }"""
    return str(app.page.evaluate(script))


def box(locator: Locator) -> tuple[float, float, float, float]:
    """Left, top, right, bottom."""
    found = locator.bounding_box()
    assert found is not None
    return found["x"], found["y"], found["x"] + found["width"], found["y"] + found["height"]


def overlap(a: Locator, b: Locator) -> bool:
    (left, top, right, bottom), (l2, t2, r2, b2) = box(a), box(b)
    return left < r2 and l2 < right and top < b2 and t2 < bottom


# ---- presenting ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height", "dark"), LOOKS)
def test_the_whole_scene_is_presented_with_title_and_legend(
    open_app: Callable[..., AppPage], width: int, height: int, dark: bool
) -> None:
    app = open_app(width=width, height=height, dark=dark)
    app.frame.get_by_role("button", name="Zoom in").click()
    wait_for_zoom(app, "> zoom + 1.5", app.on_map("return s2dash.map.getMinZoom();"))
    zoomed = app.view
    app.control("button", "Present").scroll_into_view_if_needed()
    places, inert = app.page.evaluate(PLACES), app.page.locator("[inert]").count()
    expect(panel(app)).to_be_hidden()
    app.control("button", "Present").click()
    expect(panel(app).get_by_role("heading", name="Virginia coast")).to_be_visible()
    expect(panel(app)).to_contain_text("12 Jan 2016 · 5,898 ha")
    rows = panel(app).get_by_role("listitem")
    expect(rows).to_have_count(8)
    expect(rows.nth(1)).to_contain_text(re.compile(r"2\s*Class 2\s*\d+\.\d %"))
    heights = rows.evaluate_all("rows => rows.map((row) => row.getBoundingClientRect().height)")
    assert min(heights) >= 30
    assert box(app.frame_element) == (0, 0, width, height)
    assert app.on_map(
        "const box = (q) => document.querySelector(q).getBoundingClientRect();"
        "const area = (q) => box(q).width * box(q).height;"
        "return Math.abs(area('.s2-maps') + area('.s2-present') - innerWidth * innerHeight) < 2;"
    )
    wait_for_zoom(app, "- zoom < 1.001", app.on_map("return s2dash.map.getMinZoom();"))
    expect(app.frame.get_by_text("Contains modified Copernicus Sentinel data 2016")).to_be_visible()
    expect(card(app)).to_be_hidden()
    assert violations(app.page) == []

    left, top, right, bottom = box(app.frame.locator(".s2-maps"))
    app.page.mouse.move(left + (right - left) * 0.3, top + (bottom - top) * 0.6)
    app.page.mouse.wheel(0, -200)
    wait_for_zoom(app, "> zoom + 1.3", app.on_map("return s2dash.map.getMinZoom();"))
    expect(app.frame.locator(".s2-gesture")).to_be_hidden()
    app.page.mouse.move(*((left + 60, height - 80) if width < 500 else (width - 80, height / 2)))
    app.page.mouse.wheel(0, 300)

    app.page.keyboard.press("Escape")
    expect(panel(app)).to_be_hidden()
    wait_for_zoom(app, "- zoom < .001", zoomed[2])
    assert app.view == pytest.approx(zoomed, abs=2e-4)  # a pixel or two
    assert focused(app) == "Present"
    assert app.page.evaluate(PLACES) == places
    assert app.page.locator("[inert]").count() == inert


@pytest.mark.parametrize(("width", "height", "dark"), LOOKS)
def test_by_key_and_back_to_where_one_was(
    open_app: Callable[..., AppPage], width: int, height: int, dark: bool
) -> None:
    app = open_app(width=width, height=height, dark=dark)
    name = app.page.get_by_label("Name of class 2", exact=True)
    name.press("p")
    expect(panel(app)).to_be_hidden()
    app.page.keyboard.press("Escape")
    app.control("button", "Show only class 2").focus()
    app.page.keyboard.press("p")
    expect(panel(app)).to_be_visible()
    for _ in range(12):  # Tab stays within
        app.page.keyboard.press("Tab")
        assert app.page.evaluate("document.activeElement.tagName") in ("IFRAME", "BODY")
    panel(app).get_by_role("button", name="Leave", exact=True).click()
    expect(panel(app)).to_be_hidden()
    assert focused(app) == "Show only class 2"
    app.frame.get_by_role("button", name="Zoom in").focus()
    app.page.keyboard.press("p")
    expect(panel(app)).to_be_visible()
    app.page.keyboard.press("p")
    expect(panel(app)).to_be_hidden()
    expect(app.frame.get_by_role("button", name="Zoom in")).to_be_focused()


def test_keys_change_number_view_and_class_alone(open_app: Callable[..., AppPage]) -> None:
    app = open_app()
    app.control("button", "Present").click()
    rows = panel(app).get_by_role("listitem")
    for _ in range(4):
        app.page.keyboard.press("ArrowRight")
    expect(panel(app).get_by_role("status")).to_have_text("12")
    expect(rows).to_have_count(10, timeout=PATIENCE_MS)
    expect(panel(app)).to_contain_text("and 2 more")
    panel(app).get_by_role("button", name="Fewer classes").click()
    expect(panel(app)).to_contain_text("and 1 more", timeout=PATIENCE_MS)

    for view in ("Classes", "Picture", "Swipe", "Classes"):
        app.page.keyboard.press(" ")
        expect(app.body).to_have_attribute("data-view", view)
        expect(panel(app).get_by_role("button", name=view, exact=True)).to_have_attribute("aria-pressed", "true")

    faded = rows.and_(app.frame.locator(".s2-faded"))
    token = app.token
    app.page.keyboard.press("n")
    expect(faded).to_have_count(9, timeout=PATIENCE_MS)
    expect(rows.nth(0)).not_to_have_class("s2-faded")
    app.wait_for_classes(other_than=token)

    app.page.keyboard.press("Escape")
    expect(panel(app)).to_be_hidden()
    app.expect_up_to_date(11)
    expect(app.k_slider).to_have_value("11")
    expect(
        app.page.get_by_role("radiogroup", name="View").get_by_role("radio", name="Classes", exact=True)
    ).to_be_checked()
    expect(app.control("button", "Show only class 1")).to_have_attribute("aria-pressed", "true")


def test_what_is_presented_follows_names_colours_and_the_class_alone(open_app: Callable[..., AppPage]) -> None:
    app = open_app()
    name = app.page.get_by_label("Name of class 2", exact=True)
    name.fill("Tidal marsh <b>& mud</b>")
    name.press("Enter")
    token = app.token
    app.page.get_by_label("Colour of class 2", exact=True).fill("#12ab34")
    token = app.wait_for_classes(other_than=token)
    app.control("button", "Show only class 3").click()
    app.wait_for_classes(other_than=token)
    for _ in range(4):
        app.k_slider.press("ArrowRight")
    app.expect_up_to_date(12)
    for _ in range(4):
        app.k_slider.press("ArrowLeft")
    app.expect_up_to_date(8)
    app.control("button", "Present").click()
    rows = panel(app).get_by_role("listitem")
    expect(rows).to_have_count(8)
    expect(rows.nth(1)).to_contain_text("Tidal marsh <b>& mud</b>")
    assert rows.nth(1).locator(".s2-swatch").evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(18, 171, 52)"
    expect(rows.and_(app.frame.locator(".s2-faded"))).to_have_count(7)


def test_full_screen_stays_possible(open_app: Callable[..., AppPage]) -> None:
    app = open_app()
    app.control("button", "Present").click()
    panel(app).get_by_role("button", name="Full screen").click()
    expect(panel(app).get_by_role("button", name="Leave full screen")).to_be_visible()
    assert app.page.evaluate("document.fullscreenElement !== null") is True
    panel(app).get_by_role("button", name="Leave", exact=True).click()
    expect(panel(app)).to_be_hidden()
    app.page.wait_for_function("document.fullscreenElement === null")


# ---- the hint of the first visit -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height", "dark"), [*LOOKS, (390, 844, False)])
def test_the_hint_comes_once_ticks_and_stays_away(
    open_app: Callable[..., AppPage], width: int, height: int, dark: bool
) -> None:
    app = open_app(COUNT_SHIFTS, width=width, height=height, dark=dark)
    app.frame_element.scroll_into_view_if_needed()
    expect(card(app)).to_be_visible()
    knob = app.frame.locator(".s2-knob")
    for other in (knob, app.frame.locator(".leaflet-control-scale"), app.frame.locator(".leaflet-control-attribution")):
        assert not overlap(card(app), other)
    (left, top, right, bottom), (l2, t2, r2, b2) = box(card(app)), box(app.frame.locator(".s2-maps"))
    assert (right - left) * (bottom - top) <= (r2 - l2) * (b2 - t2) / 4
    close = card(app).get_by_role("button", name=re.compile("Close"))
    left, top, right, bottom = box(close)
    least = 44 if app.on_map("return matchMedia('(pointer: coarse)').matches;") else 24
    assert min(right - left, bottom - top) >= least
    assert violations(app.page) == []

    x, y, *_ = box(knob)
    app.page.mouse.move(x + 20, y + 20)
    app.page.mouse.down()
    app.page.mouse.move(x - width * 0.15, y + 20, steps=5)
    expect(card(app).get_by_text("done")).to_have_count(0)
    app.page.mouse.up()
    expect(card(app).get_by_role("listitem").filter(has_text="done")).to_have_text(re.compile("Drag the handle"))
    assert not overlap(card(app), app.frame.locator(".s2-grip"))
    app.page.reload()
    app.wait_for_classes()
    app.expect_up_to_date()
    expect(card(app).get_by_role("listitem").filter(has_text="done")).to_have_count(1)
    x, y, *_ = box(app.frame.locator(".s2-maps"))
    app.page.mouse.click(x + width * 0.1, y + 160)
    answer = app.frame.get_by_role("dialog", name="What is here")
    answer.get_by_role("button", name="Close").click()
    expect(card(app).get_by_role("listitem").filter(has_text="done")).to_have_count(2)
    name = app.page.get_by_label("Name of class 2", exact=True)
    name.fill("Marsh")
    name.press("Enter")
    expect(card(app)).to_have_count(0)
    app.page.reload()
    app.wait_for_classes()
    app.expect_up_to_date()
    expect(card(app)).to_have_count(0)
    assert app.page.evaluate("window.layoutShift") < 0.1


def test_the_hint_can_be_closed_for_good_by_key(open_app: Callable[..., AppPage]) -> None:
    app = open_app()
    close = card(app).get_by_role("button", name=re.compile("Close"))
    close.focus()
    close.press("Enter")
    expect(card(app)).to_have_count(0)
    assert app.on_map("return document.activeElement.className").startswith("s2-map")
    assert json.loads(app.page.evaluate("localStorage['s2dash-first-steps']"))["isOver"] is True
    app.page.reload()
    app.wait_for_classes()
    app.expect_up_to_date()
    expect(card(app)).to_have_count(0)


def test_without_storage_the_hint_works_for_this_visit(open_app: Callable[..., AppPage]) -> None:
    app = open_app(f"if (window.top !== window) {{ {NO_STORAGE} }}")
    card(app).get_by_role("button", name=re.compile("Close")).click()
    expect(card(app)).to_have_count(0)
    token = app.token
    app.k_slider.press("ArrowRight")
    app.wait_for_classes(other_than=token)
    expect(card(app)).to_have_count(0)
