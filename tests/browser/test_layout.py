"""Where things stand in the page: nothing moves while it loads, and no control ever moves the map."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from app_driver import PATIENCE_MS, AppPage
from layout_watch import COUNT_SHIFTS, watch_layout
from playwright.sync_api import expect
from scenes import write_raster

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser

WIDTHS = [(1920, 1080), (1280, 800), (1024, 768), (768, 1024), (390, 844)]
GOOD_SHIFT = 0.1
"""What web.dev calls a good cumulative layout shift."""
SEE_BUTTON = """
    window.sawButton = false;
    const look = () => {
        if (document.querySelector('.st-key-opensidebar')?.getBoundingClientRect().width) window.sawButton = true;
        requestAnimationFrame(look);
    };
    look();
"""


@pytest.fixture
def open_app(new_page: Callable[..., Visit], app_url: str) -> Iterator[Callable[..., AppPage]]:
    """`open_app(*scripts, width=1280, ...)`: scripts run before the page; at the end nobody may have seen an error."""
    opened: list[AppPage] = []

    def visit(*scripts: str, **look: Any) -> AppPage:
        fresh = new_page(**look)
        for script in scripts:
            fresh.page.add_init_script(f"if (window.top === window) {{ {script} }}")
        opened.append(AppPage(fresh, app_url))
        return opened[-1]

    yield visit
    for app in opened:
        assert app.visit.foreign == []
        assert app.visit.complaints == []


@pytest.mark.parametrize(("width", "height"), WIDTHS)
def test_what_is_drawn_while_the_page_loads_stays_where_it_is(
    open_app: Callable[..., AppPage], width: int, height: int
) -> None:
    """On one of three visits at least: a server that has just started, on a busy machine, may draw in another order."""
    for _ in range(3):
        app = open_app(COUNT_SHIFTS, SEE_BUTTON, width=width, height=height)
        app.expect_up_to_date()
        expect(app.page.get_by_test_id("stSkeleton").locator("visible=true")).to_have_count(0, timeout=PATIENCE_MS)
        shift = app.page.evaluate("window.layoutShift")
        if shift < GOOD_SHIFT:
            break
    assert shift < GOOD_SHIFT
    assert app.page.evaluate("window.sawButton") is (width < 1200)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1024, 768), (390, 844)])
def test_no_choice_of_the_picture_moves_the_map(open_app: Callable[..., AppPage], width: int, height: int) -> None:
    app = open_app(width=width, height=height)
    app.expect_up_to_date()
    layout = watch_layout(app)
    option = app.page.get_by_role("option", name="Three bands …", exact=True)
    for _ in range(3):
        app.control("combobox", "Picture").click()
        if option.is_visible():
            break
    option.click()
    expect(app.frame.get_by_text("B03 / B02 / B01")).to_be_visible(timeout=PATIENCE_MS)
    app.control("button", "Bands").click()
    expect(app.control("combobox", "Shown as red")).to_be_visible()
    app.page.keyboard.press("Escape")
    for view in ("Classes", "Picture", "Swipe"):
        app.page.get_by_role("radiogroup", name="View").get_by_role("radio", name=view, exact=True).click()
        expect(app.body).to_have_attribute("data-view", view)
    assert layout.has_stood_still, layout.places


def test_no_control_moves_the_map(open_app: Callable[..., AppPage]) -> None:
    app = open_app()
    app.expect_up_to_date()
    layout = watch_layout(app)
    token = app.token
    app.k_slider.press("ArrowRight")
    token = app.wait_for_classes(other_than=token)
    app.expect_up_to_date(9)
    # The last runs, which have come into the strip.
    app.page.get_by_role("button", name="Back to run 1").click()
    app.expect_up_to_date(8)
    token = app.wait_for_classes(other_than=token)
    app.page.get_by_role("button", name="Back to run 2").click()
    app.expect_up_to_date(9)
    app.page.set_viewport_size({"width": 1100, "height": 800})
    expect(app.page.get_by_role("button", name="Back to run 2")).to_be_hidden()
    app.page.set_viewport_size({"width": 1280, "height": 800})
    app.page.get_by_test_id("stMultiSelect").first.get_by_role("button", name="Clear all").click()
    expect(app.page.locator(".st-key-strip").get_by_text("Choose at least one band", exact=True)).to_be_visible()
    expect(app.page.get_by_text("Up to date")).to_have_count(0)
    app.page.get_by_role("radio", name="10 m", exact=True).click()
    app.wait_for_classes(other_than=token)
    app.expect_up_to_date(9)
    assert layout.has_stood_still, layout.places


def test_neither_errors_nor_notes_nor_masks_move_the_map(open_app: Callable[..., AppPage], tmp_path: Path) -> None:
    kinds = np.repeat(np.array([0, 100, 200, 300, 400, 500], np.uint16), 10)
    values = np.ones((2, 40, 60), np.uint16) * kinds
    path = write_raster(tmp_path / "flat.tif", values, descriptions=("B02", "B03"), nodata=0)
    app = open_app()
    app.expect_up_to_date()
    for classes in (7, 6, 5):
        app.k_slider.press("ArrowLeft")
        app.expect_up_to_date(classes)
    before = app.token
    app.upload(path)
    expect(app.page.get_by_role("heading", name="flat")).to_be_visible(timeout=PATIENCE_MS)
    token = app.wait_for_classes(other_than=before)
    app.expect_up_to_date(5)
    expect(app.page.get_by_text("% masked")).to_be_visible()
    layout = watch_layout(app)

    app.k_slider.press("ArrowRight")
    strip = app.page.locator(".st-key-strip")
    expect(strip.get_by_text("5 distinct pixels")).to_be_visible(timeout=PATIENCE_MS)
    expect(strip).not_to_contain_text("Up to date")
    app.k_slider.press("ArrowLeft")
    app.expect_up_to_date(5)
    app.page.get_by_text("Leave out", exact=True).click()
    app.page.get_by_text("Leave out pixels without data").click()
    app.wait_for_classes(other_than=token)
    expect(app.page.get_by_text("nothing masked")).to_be_visible()
    assert layout.has_stood_still, layout.places


def test_the_panel_is_as_high_as_map_and_strip_and_scrolls_inside(open_app: Callable[..., AppPage]) -> None:
    app = open_app()
    app.expect_up_to_date()
    panel, strip = app.page.locator(".st-key-side"), app.page.locator(".st-key-striprow")
    before = panel.bounding_box()
    for _ in range(6):
        app.k_slider.press("ArrowRight")
    app.expect_up_to_date(14)
    app.page.get_by_label("Name of class 14", exact=True).focus()
    expect(app.page.get_by_label("Name of class 14", exact=True)).to_be_in_viewport()
    end = strip.bounding_box()
    assert before is not None
    assert end is not None
    assert panel.bounding_box() == before
    assert before["y"] + before["height"] == pytest.approx(end["y"] + end["height"], abs=2)


@pytest.mark.parametrize("width", [700, 768, 1024])
def test_where_the_sidebar_is_closed_a_button_opens_it(open_app: Callable[..., AppPage], width: int) -> None:
    app = open_app(width=width, height=900)
    app.expect_up_to_date()
    expect(app.control("combobox", "Algorithm")).not_to_be_in_viewport()
    app.control("button", "Settings").click()
    expect(app.control("combobox", "Algorithm")).to_be_in_viewport(timeout=PATIENCE_MS)
    app.close_settings()
    expect(app.control("combobox", "Algorithm")).not_to_be_in_viewport()


def test_who_closes_the_sidebar_finds_the_button(open_app: Callable[..., AppPage]) -> None:
    app = open_app(height=1000)
    app.expect_up_to_date()
    button = app.control("button", "Settings")
    expect(button).to_be_hidden()
    app.page.get_by_test_id("stSidebar").hover()
    app.control("button", "Collapse sidebar").click()
    expect(button).to_be_visible()
    button.click()
    expect(app.control("combobox", "Algorithm")).to_be_in_viewport(timeout=PATIENCE_MS)
    expect(button).to_be_hidden()
