"""The first look in a browser: the exact map takes its place, nothing moves, and controls say what the page uses."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from app_driver import AppPage
from layout_watch import watch_layout
from playwright.sync_api import expect
from products import write_safe, zip_folder

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser

READING_ON = """
    from pathlib import Path
    import streamlit as st
    from s2dash import ingest
    from s2dash.server.assembly import server_parts
    from waiting import wait_until

    # Every scene has a look, and after it is read on only once somebody lets it.
    ingest.LOOK_FROM_PIXELS = 0
    read = ingest.ingest

    def held(*given, on_look=None, **more):
        def shown(look):
            on_look(look)
            wait_until(Path("go_on").exists)

        return read(*given, on_look=on_look and shown, **more)

    ingest.ingest = held
    app = st.App(**server_parts())
"""


@pytest.fixture
def app(start_app: Callable[..., str], new_page: Callable[..., Visit], tmp_path: Path) -> AppPage:
    (tmp_path / "app.py").write_text(textwrap.dedent(READING_ON))
    (tmp_path / "waiting.py").symlink_to(Path(__file__).resolve().parents[1] / "waiting.py")
    return AppPage(new_page(), start_app(tmp_path / "app.py"))


def test_the_exact_map_takes_its_place_and_controls_say_what_is_used(app: AppPage, tmp_path: Path) -> None:
    product = write_safe(tmp_path, size_m=12_000, bands=("B02", "B04", "B8A"), all_sizes=False, with_extras=False)
    app.upload(zip_folder(product, tmp_path / "product.zip"))
    expect(app.page.get_by_text("the whole scene is being read").first).to_be_visible()
    # Whatever the page before had in the sidebar is gone from the browser.
    expect(app.k_slider).to_have_count(0)
    app.wait_until_drawn()
    before, layout = app.wait_for_classes(), watch_layout(app)

    (tmp_path / "go_on").touch()
    expect(app.k_slider).to_have_value("8")
    app.wait_for_classes(other_than=before)
    app.expect_up_to_date(classes=8)
    expect(app.k_slider).to_have_value("8")
    assert layout.has_stood_still
