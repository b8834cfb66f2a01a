"""The places of a class card in the browser: pictures and pins are there, a click flies there, leaving restores all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from app_driver import AppPage
from playwright.sync_api import expect
from waiting import wait_until

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser
IS_BESIDE_SWIPE = """
    const box = (name, at) => document.querySelectorAll(name)[at].getBoundingClientRect();
    const pin = box(".s2-place", 1);
    return box(".s2-grip", 0).right <= pin.left && pin.right <= innerWidth;
"""
"""Whether the handle leaves the second place free, which is on the map."""


@pytest.fixture
def app(new_page: Callable[..., Visit], app_url: str) -> AppPage:
    return AppPage(new_page(), app_url)


def test_a_place_of_the_gallery_is_flown_to_and_leaving_the_card_restores_the_map(app: AppPage) -> None:
    page, every, whole = app.page, app.token, app.view
    app.control("button", "More about class 3").click()
    places = page.get_by_role("button", name="Go to")
    expect(places).to_have_count(9)
    pictures = page.locator(".gallery img").evaluate_all(
        "all => all.map((one) => [one.naturalWidth, one.naturalHeight])"
    )
    assert pictures == [[48, 32]] * 9
    expect(app.frame.locator(".s2-place")).to_have_text([str(number) for number in range(1, 10)])
    alone = app.wait_for_classes(other_than=every)
    page.get_by_role("button", name="Go to typical place 2").press("Enter")
    wait_until(lambda: app.view[2] > whole[2] + 1 and app.on_map(IS_BESIDE_SWIPE), app.pause)
    app.frame.get_by_role("button", name="Show the whole scene").click()
    wait_until(lambda: app.view[:3] == pytest.approx(whole[:3], abs=1e-3), app.pause)
    page.keyboard.press("Escape")
    assert app.wait_for_classes(other_than=alone) == every
    expect(app.frame.locator(".s2-place")).to_have_count(0)
