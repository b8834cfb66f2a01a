"""An advised number of classes adopted in the browser: the columns fill in, a click makes the map, Esc goes back."""

from __future__ import annotations

import re
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


def test_an_advised_number_is_adopted(app: AppPage) -> None:
    # Away from the first number, which is the advised one: there is nothing to adopt in it.
    app.k_slider.press("ArrowRight")
    expect(app.k_slider).to_have_value("9")
    app.wait_until_drawn()
    app.page.get_by_role("button", name="Help me choose").click()
    numbers = app.page.get_by_role("group", name="Numbers of classes").get_by_role("button")
    expect(numbers).to_have_count(14)
    offer = app.page.get_by_role("button", name=re.compile(r"^Use \d+ classes$"))
    expect(offer).to_be_enabled()
    k = str(re.findall(r"\d+", offer.inner_text())[0])
    expect(numbers.nth(int(k) - 2)).to_have_attribute("aria-label", re.compile(r"stability \d+ %"))
    before, view = app.token, app.view
    offer.click()
    expect(app.k_slider).to_have_value(k)
    app.wait_for_classes(other_than=before)
    assert app.view == view
    expect(numbers.nth(int(k) - 2)).to_have_attribute("aria-current", "true")
    numbers.nth(3).click()
    expect(app.k_slider).to_have_value("5")
    app.wait_until_drawn()
    app.page.keyboard.press("Escape")
    expect(app.rows).to_have_count(5)
    app.page.get_by_role("button", name="Undo").click()
    expect(app.k_slider).to_have_value(k)
