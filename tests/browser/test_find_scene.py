"""The window `Find a scene` in a browser: a place is searched, a day chosen and loaded, and its map stands there."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from app_driver import APP, PATIENCE_MS, AppPage
from found_page import catalogue_of, settings_of, write_tile
from playwright.sync_api import expect

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser


def test_a_place_becomes_a_map(start_app: Callable[..., str], new_page: Callable[..., Visit], tmp_path: Path) -> None:
    write_tile(tmp_path)
    days = {str(date.today() - timedelta(days=ago)): cloud for ago, cloud in ((3, 12.0), (10, 0.5), (20, 80.0))}
    with catalogue_of(tmp_path, days) as api:
        app = AppPage(new_page(), start_app(APP, environment=settings_of(api)))
        before = app.token
        app.open_scene_window().get_by_role("button", name="Find a scene").click()
        app.window.get_by_role("textbox", name="Place").fill("Ulm")
        app.window.get_by_role("button", name="Search").click()
        scenes = app.window.get_by_role("list", name="Scenes that were found").get_by_role("checkbox")
        expect(scenes).to_have_count(2, timeout=PATIENCE_MS)
        expect(app.window.locator(".found img")).to_have_count(2, timeout=PATIENCE_MS)
        app.window.get_by_role(
            "checkbox", name=re.compile("Tile 32UNU · Sentinel-2A 0 % clouds over your ground")
        ).last.check()
        expect(app.window.get_by_text("to fetch")).to_be_visible(timeout=PATIENCE_MS)
        app.window.get_by_role("radio", name="20 m").click()
        app.window.get_by_role("button", name="Load", exact=True).click()
        expect(app.page.get_by_role("heading", name="Ulm", exact=True)).to_be_visible(timeout=PATIENCE_MS)
        expect(app.window).to_have_count(0, timeout=PATIENCE_MS)
        app.wait_for_classes(other_than=before)
        app.expect_up_to_date()
        assert app.visit.foreign == []
