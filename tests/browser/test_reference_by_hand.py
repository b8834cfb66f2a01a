"""The check by a reference file in a browser: which class is which is said by hand, and all of the reference scores."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from accessibility import violations
from app_driver import AppPage
from playwright.sync_api import expect
from scenes import write_scene
from test_known_ground import box, vectors

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("door_is_here")]
REFERENCE = "Polygons, points or a map whose classes are known"
TEN = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")


@pytest.fixture
def fields(tmp_path: Path) -> Path:
    """Squares all over the scene, each wet or dry."""
    corners = [(row, col) for row in range(0, 60, 6) for col in range(0, 78, 6)]
    kinds = ["wet" if col < 40 else "dry" for _, col in corners]
    return vectors(tmp_path / "fields.gpkg", [box(row, col, 6, 6) for row, col in corners], {"class": kinds})


def test_classes_are_paired_by_hand_and_the_score_follows(
    new_page: Callable[..., Visit], app_url: str, fields: Path, tmp_path: Path
) -> None:
    app = AppPage(new_page(), app_url)
    page = app.page
    app.upload_as_scene(write_scene(tmp_path / "ground.tif", (60, 80), TEN))
    page.get_by_role("radio", name="Check").click()
    page.get_by_text("Use a reference file").click()
    app.uploader(REFERENCE).set_input_files(fields)
    ways = page.get_by_role("radiogroup", name="Which class is which")
    expect(ways).to_be_visible()
    ways.get_by_text("By hand").click()
    expect(page.get_by_text("All 130 polygons score")).to_be_visible()
    said = page.get_by_text(re.compile("of the reference.s ground is right")).first
    expect(said).to_be_visible()
    before = said.inner_text()
    pairs = [page.get_by_role("combobox", name=f"“Class {number}” is") for number in range(1, 9)]
    for pair in pairs[:3]:
        expect(pair).to_be_visible()
        other = "dry" if pair.input_value() == "wet" else "wet"
        # A list closes when what it stands in is scrolled, and the browser tells of that in its next picture.
        pair.evaluate("one => one.scrollIntoView({ block: 'center' })")
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        pair.click()
        page.get_by_role("option", name=other, exact=True).click()
        expect(pair).to_have_value(other)
        app.wait_until_drawn()
    expect(said).not_to_have_text(before)
    assert violations(page) == []
    app.control("button", "Take this reference away").click()
    expect(page.get_by_text(REFERENCE)).to_be_visible()
