"""Links to maps in a browser: what the field holds, how it is copied, and what somebody else sees who opens it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from accessibility import violations
from app_driver import AppPage
from playwright.sync_api import expect

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser

NO_CLIPBOARD = """
    Object.defineProperty(Navigator.prototype, 'clipboard', { get: () => undefined });
    Document.prototype.execCommand = () => false;
"""


def labels_of(app: AppPage, folder: Path) -> np.ndarray:
    folder.mkdir()
    with rasterio.open(app.download_to(folder)) as dataset:
        return np.asarray(dataset.read(1))


@pytest.mark.main_path
def test_a_link_gives_somebody_else_the_same_labels_names_and_view(
    new_page: Callable[..., Visit], app_url: str, tmp_path: Path
) -> None:
    visit = new_page()
    visit.page.add_init_script(NO_CLIPBOARD)
    sender = AppPage(visit, f"{app_url}/?other=secret")
    token = sender.token
    sender.control("button", "Farmland in Sicily").click()
    expect(sender.page.get_by_role("heading", name="Farmland in Sicily")).to_be_visible()
    token = sender.wait_for_classes(other_than=token)
    sender.k_slider.press("ArrowLeft")
    sender.wait_for_classes(other_than=token)
    sender.expect_up_to_date(7)
    name = sender.page.get_by_label("Name of class 2", exact=True)
    name.fill("Ploughed")
    name.press("Enter")
    sender.page.get_by_role("radiogroup", name="View").get_by_role("radio", name="Classes").click()
    expect(sender.body).to_have_attribute("data-view", "Classes")
    sender.wait_until_drawn()
    before = sender.script_runs()
    seen = sender.look_nearer()
    sender.pause(0.5)
    assert sender.script_runs() == before  # moving the map runs no page
    sender.open_hand_over()
    field = sender.page.get_by_label("Share link")
    link = field.input_value()
    assert link.startswith(f"{app_url}/?map=")
    assert "secret" not in link
    sender.control("button", "Copy").click()
    expect(sender.control("button", "Press Ctrl+C")).to_be_visible()
    assert field.evaluate("e => e.value.slice(e.selectionStart, e.selectionEnd)") == link
    assert violations(sender.page) == []
    sender.close_window()

    other = AppPage(new_page(), link)
    other.expect_up_to_date(7)
    expect(other.page.get_by_role("heading", name="Farmland in Sicily")).to_be_visible()
    expect(other.page.get_by_label("Name of class 2", exact=True)).to_have_value("Ploughed")
    expect(other.page.get_by_role("radiogroup", name="View").get_by_role("radio", name="Classes")).to_be_checked()
    assert other.view[:3] == pytest.approx(seen, abs=1e-4)
    np.testing.assert_array_equal(labels_of(other, tmp_path / "other"), labels_of(sender, tmp_path / "sender"))
