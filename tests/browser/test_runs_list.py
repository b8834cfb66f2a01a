"""The list of runs and undo in the browser: by click and by key, with names, notes and the map that belongs to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from app_driver import AppPage
from playwright.sync_api import Locator, expect

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser


@pytest.fixture
def app(new_page: Callable[..., Visit], app_url: str) -> AppPage:
    return AppPage(new_page(), app_url)


def runs(app: AppPage) -> Locator:
    return app.page.locator(".runs li")


def open_runs(app: AppPage) -> None:
    app.page.get_by_role("radiogroup", name="Panel").get_by_text("Runs").click()
    expect(runs(app).first).to_be_visible()


def lower_k(app: AppPage, k: int) -> None:
    """From 8 down to k by the slider's keys, each of which may be a map of its own."""
    for _ in range(8 - k):
        app.k_slider.press("ArrowLeft")
    expect(app.k_slider).to_have_value(str(k))
    expect(app.rows).to_have_count(k)
    app.wait_until_drawn()


def test_a_run_is_restored_by_a_click_and_left_again_by_undo(app: AppPage) -> None:
    name = app.page.get_by_label("Name of class 1")
    name.fill("Open sea")
    name.press("Enter")
    expect(app.page.get_by_role("button", name="Undo")).to_be_enabled()
    lower_k(app, 5)
    open_runs(app)
    expect(runs(app).first).to_contain_text("5 classes")
    expect(runs(app).first).to_contain_text("→ 5")
    app.page.get_by_role("button", name="Restore run 1", exact=True).click()
    expect(app.k_slider).to_have_value("8")
    expect(runs(app).last).to_have_attribute("aria-current", "true")
    app.page.get_by_role("radiogroup", name="Panel").get_by_text("Classes").click()
    expect(app.page.get_by_label("Name of class 1")).to_have_value("Open sea")
    app.wait_until_drawn()
    app.page.keyboard.press("Control+z")
    expect(app.k_slider).to_have_value("5")
    expect(app.rows).to_have_count(5)


def test_notes_stars_and_deleted_runs(app: AppPage) -> None:
    lower_k(app, 7)
    open_runs(app)
    note = app.page.get_by_label("Note of run 1")
    note.fill("for the board")
    note.press("Enter")
    app.page.get_by_role("button", name="Star run 1", exact=True).click()
    expect(app.page.get_by_role("button", name="Take the star from run 1")).to_be_visible()
    app.page.get_by_role("button", name="Delete run 1", exact=True).click()
    expect(runs(app)).to_have_count(1)
    app.page.get_by_role("button", name="Bring it back").click()
    expect(runs(app)).to_have_count(2)
    expect(app.page.get_by_label("Note of run 1")).to_have_value("for the board")
    expect(app.page.get_by_role("button", name="Take the star from run 1")).to_be_visible()
