"""Suggested names in the browser: why, one taken by key, all taken at once but for the user's own, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from app_driver import AppPage
from playwright.sync_api import expect

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser


@pytest.fixture
def app(new_page: Callable[..., Visit], app_url: str) -> AppPage:
    return AppPage(new_page(), app_url)


def test_suggested_names_are_taken_one_by_one_or_all_and_taken_back(app: AppPage) -> None:
    app.expect_up_to_date()
    undo, why = app.page.get_by_role("button", name="Undo"), app.page.get_by_role("tooltip")
    names = [app.page.get_by_label(f"Name of class {number}", exact=True) for number in range(1, 9)]
    sixth = app.page.get_by_role("button", name="Dense plants? very likely, suggested for class 6. Take this name")

    sixth.focus()
    expect(why).to_contain_text("NDVI 0.")
    app.page.keyboard.press("Escape")
    expect(why).to_be_hidden()
    app.page.keyboard.press("Enter")
    expect(names[5]).to_have_value("Dense plants")
    expect(names[5]).to_be_focused()
    expect(sixth).to_be_hidden()
    expect(undo).to_be_enabled()
    app.wait_until_drawn()

    names[1].fill("Bay")
    app.control("button", "Accept all names").click()
    expect(names[1]).to_have_value("Bay")
    expect(names[0]).to_have_value("Water")
    expect(app.page.locator(".legend .suggestion:visible")).to_have_count(0)
    expect(app.control("button", "Accept all names")).to_be_hidden()
    app.wait_until_drawn()
    assert not [name for name in names if name.input_value().startswith("Class ")]

    undo.click()
    expect(names[0]).to_have_value("Class 1")
    app.wait_until_drawn()
    if names[1].input_value() == "Bay":  # it came by itself
        undo.click()
    expect(names[1]).to_have_value("Class 2")
    app.wait_until_drawn()
    expect(names[5]).to_have_value("Dense plants")
    undo.click()
    expect(names[5]).to_have_value("Class 6")
    expect(sixth).to_be_visible()
