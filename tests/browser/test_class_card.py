"""The card of a class in the browser: two classes become one, the GeoTIFF holds one class fewer, undo parts them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from app_driver import AppPage
from playwright.sync_api import expect

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser


@pytest.fixture
def app(new_page: Callable[..., Visit], app_url: str) -> AppPage:
    return AppPage(new_page(), app_url)


@pytest.mark.main_path
def test_two_classes_are_merged_saved_and_parted(app: AppPage, tmp_path: Path) -> None:
    page = app.page
    before = app.token
    app.control("button", "More about class 3").click()
    page.get_by_text("Splits next into").wait_for()  # what is drawn last, so that nothing moves any more
    card = page.get_by_role("combobox", name="Merge class 3 into")
    card.scroll_into_view_if_needed()
    # A list closes when what it stands in is scrolled, and the browser tells of that in its next picture.
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    card.click()
    page.get_by_role("option", name="5 · Class 5").click()
    app.wait_for_classes(other_than=before)
    expect(page.get_by_role("textbox", name="Name on the card of class 5")).to_be_visible()
    expect(page.get_by_text("Edits: merge 3 and 5.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(app.rows).to_have_count(7)
    with rasterio.open(app.download_to(tmp_path)) as dataset:
        assert set(np.unique(dataset.read(1)).tolist()) - {0} == {1, 2, 4, 5, 6, 7, 8}
        assert "CLASS_3" not in dataset.tags()
    app.close_window()
    page.get_by_role("button", name="Undo").click()
    expect(app.rows).to_have_count(8)
    # One name for two classes: offered in the row, merged in one click.
    app.control("textbox", "Name of class 2").fill("Sea")
    app.control("textbox", "Name of class 1").fill("Sea")
    app.control("textbox", "Name of class 1").press("Enter")
    row = app.rows.nth(1)
    expect(row.get_by_text("same as 1")).to_be_visible()
    row.get_by_role("button", name="Merge").click()
    expect(app.rows).to_have_count(7)
    page.get_by_role("button", name="Undo").click()
    expect(app.rows).to_have_count(8)


def test_specks_go_and_all_edits_are_taken_back(app: AppPage) -> None:
    page = app.page
    found, sizes = app.token, app.rows.all_inner_texts()
    way = page.get_by_role("combobox", name="Clean up specks")
    way.click()
    page.get_by_role("option", name="Patches under …").click()
    app.wait_for_classes(other_than=found)
    expect(page.get_by_text("of pixels change")).to_be_visible()
    cleaned = app.token
    app.control("button", "More about class 3").click()
    page.get_by_role("button", name="Leave out").click()
    app.wait_for_classes(other_than=cleaned)
    expect(app.rows).to_have_count(7)
    page.get_by_role("button", name="Remove all edits").click()
    expect(app.rows).to_have_count(8)
    expect(page.get_by_text("of pixels change")).to_have_count(0)
    assert app.rows.all_inner_texts() == sizes
    page.get_by_role("button", name="Undo").click()
    expect(app.rows).to_have_count(7)
    expect(page.get_by_text("of pixels change")).to_be_visible()


def test_classes_are_moved_by_keys_by_dragging_and_on_the_card(app: AppPage) -> None:
    page = app.page

    def expect_order(*numbers: int) -> None:
        for place, number in enumerate(numbers):
            expect(app.rows.nth(place)).to_have_attribute("data-id", str(number))

    token, name = app.token, app.control("textbox", "Name of class 2")
    name.press("Alt+ArrowUp")
    expect_order(2, 1, 3, 4, 5, 6, 7, 8)
    expect(name).to_be_focused()
    expect(page.get_by_text("Class 2: place 1 of 8")).to_have_count(1)
    held, onto = (page.locator(f".legend tr[data-id='{n}'] .swatch").bounding_box() for n in (6, 3))
    assert held is not None
    assert onto is not None
    page.mouse.move(held["x"] + 9, held["y"] + 20)
    page.mouse.down()
    page.mouse.move(onto["x"] + 9, onto["y"] + 20, steps=6)
    page.mouse.up()
    expect_order(2, 1, 6, 3, 4, 5, 7, 8)
    expect(page.get_by_label("Order of the classes")).to_have_value("own")
    app.control("button", "More about class 6").click()
    page.get_by_role("button", name="Move up").click()
    page.keyboard.press("Escape")
    expect_order(2, 6, 1, 3, 4, 5, 7, 8)
    for _ in range(3):
        page.get_by_role("button", name="Undo").click()
    expect_order(1, 2, 3, 4, 5, 6, 7, 8)
    assert app.token == token  # the same map, with no class alone
