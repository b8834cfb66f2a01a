"""A session in the browser: names and runs survive a reload, a second tab and a server that was killed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from accessibility import violations
from app_driver import APP, AppPage
from playwright.sync_api import expect
from scenes import write_scene

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser


def expect_the_session(app: AppPage, runs: int) -> None:
    expect(app.page.get_by_role("heading", name="my place")).to_be_visible()
    expect(app.k_slider).to_have_value("7")
    expect(app.page.get_by_label("Name of class 1")).to_have_value("Lake")
    expect(app.page.get_by_role("radiogroup", name="Panel").get_by_text(f"Runs {runs}")).to_be_visible()


def expect_the_view(app: AppPage, seen: list[float]) -> None:
    """The map looks where it did; a layout that settles late shifts it by halves of a pixel."""
    latitude, longitude, zoom, _ = app.view
    assert zoom == seen[2]
    pixel_degrees = 360 / (256 * 2**zoom)
    assert [latitude, longitude] == pytest.approx(seen[:2], abs=2 * pixel_degrees)


def open_panel(app: AppPage, name: str) -> None:
    app.page.get_by_role("radiogroup", name="Panel").get_by_text(name).click()


@pytest.mark.main_path
def test_a_session_survives_reload_second_tab_and_a_killed_server_and_is_forgotten(
    new_page: Callable[..., Visit],
    start_app: Callable[..., str],
    running_apps: dict[str, subprocess.Popen[bytes]],
    tmp_path: Path,
) -> None:
    environment = {"S2DASH_KEEP_FOLDER": str(tmp_path / "kept")}
    url = start_app(APP, environment=environment)
    app = AppPage(new_page(), url)
    app.upload_as_scene(write_scene(tmp_path / "my place.tif", (80, 90), seed=5))
    app.k_slider.press("ArrowLeft")
    expect(app.rows).to_have_count(7)
    name = app.page.get_by_label("Name of class 1")
    name.fill("Lake")
    name.press("Enter")
    expect(app.page.get_by_role("button", name="Undo")).to_be_enabled()
    app.wait_until_drawn()
    address = app.page.url.removeprefix(url)
    assert "s=" in address
    seen = app.look_nearer()

    app.page.reload()
    expect_the_session(app, 3)
    app.wait_for_classes()
    expect_the_view(app, seen)
    second = AppPage(new_page(), url + address)
    expect_the_session(second, 3)
    expect_the_view(second, seen)
    seen = second.look_nearer()
    for one in (app, second):
        one.page.context.close()
    running_apps[url].kill()
    running_apps[url].wait()

    again = AppPage(new_page(), start_app(APP, environment=environment) + address)
    expect_the_session(again, 3)
    expect_the_view(again, seen)
    open_panel(again, "Runs")
    title = again.page.get_by_label("Title of run 3")
    title.fill("For the board")
    title.press("Enter")
    again.control("button", "All runs").click()
    table = again.window.get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(4)
    expect(table.get_by_label("Title of run 3")).to_have_value("For the board")
    assert violations(again.page) == []
    table.get_by_role("button", name="k", exact=True).click()
    expect(table.get_by_role("columnheader", name="k", exact=True)).to_have_attribute("aria-sort", "descending")
    again.window.get_by_role("button", name="Restore run 1").click()
    expect(again.page.get_by_role("heading", name="Virginia coast")).to_be_visible()
    expect(again.window).to_have_count(0)

    again.control("button", "Forget everything").click()
    again.control("button", "Forget everything now").click()
    expect(again.page.get_by_text("Everything is forgotten")).to_be_visible()
    assert "s=" not in again.page.url
    assert not list((tmp_path / "kept").rglob("*.tif"))
