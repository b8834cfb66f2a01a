"""Full runs of large scenes in a browser: progress, cancelling, closing the page, and coming back by its address."""

from __future__ import annotations

import re
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import rasterio
from accessibility import violations
from app_driver import APP, AppPage
from layout_watch import watch_layout
from playwright.sync_api import Locator, expect
from scenes import write_scene
from test_app import assert_is_result
from waiting import wait_until

from s2dash.core.recipe import default_recipe
from s2dash.ingest import ingest

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser

GRACE_SECONDS = 1.5
PACE_SECONDS = 0.15
FOREVER_SECONDS = 5
"""A pace at which no run ends while something is waited for."""
SLOWLY = """
    import time
    from pathlib import Path
    from s2dash.classify import pipeline, turns

    turns._WINDOW_SHAPE_RC = 64, 256
    at_full_speed, pace = pipeline.run_full, Path(__file__).with_name("pace")

    def run_full(fitted, labels_path, progress, *more):
        def slowly(share, what):
            progress(share, what)
            time.sleep(float(pace.read_text()))

        return at_full_speed(fitted, labels_path, slowly, *more)

    pipeline.run_full = run_full
"""
"""Goes before the app itself: full runs take as long as a test wants, in as many windows as a large scene's."""


@dataclass(frozen=True)
class Server:
    url: str
    folder: Path
    earlier: frozenset[Path] = frozenset()
    """What other tests have left, of pages that were closed a moment ago or of runs that are kept."""

    def set_pace(self, seconds: float) -> None:
        """How long each of the windows takes, about seventy in all."""
        written = self.folder / "pace.new"
        written.write_text(str(seconds))
        written.replace(self.folder / "pace")

    @property
    def runs(self) -> set[Path]:
        """The folders of full runs, finished ones and those under way."""
        return set((self.folder / "temporary").glob("s2dash-full-*")) - self.earlier


@pytest.fixture(scope="module")
def running(start_app: Callable[..., str], chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Server:
    folder = tmp_path_factory.mktemp("full_run")
    for name in (".streamlit", "s2dash"):
        (folder / name).symlink_to(APP.parent / name)
    (folder / "app.py").write_text(textwrap.dedent(SLOWLY) + APP.read_text())
    (folder / "temporary").mkdir()
    (folder / "pace").write_text("0")
    environment = {"TMPDIR": str(folder / "temporary"), "S2DASH_RUNS_GRACE_SECONDS": str(GRACE_SECONDS)}
    return Server(start_app(folder / "app.py", environment=environment), folder)


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    running.set_pace(PACE_SECONDS)
    yield replace(running, earlier=frozenset(running.runs))
    running.set_pace(0)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scene")
    return write_scene(folder / "large.tif", (1100, 1000), ("B04", "B08"), blockxsize=64, blockysize=64)


@pytest.fixture
def open_app(new_page: Callable[..., Visit], server: Server) -> Iterator[Callable[..., AppPage]]:
    """`open_app(address="", width=1280, ...)`; at the end nobody may have seen an error or asked elsewhere."""
    opened: list[AppPage] = []

    def visit(address: str = "", **look: Any) -> AppPage:
        opened.append(AppPage(new_page(**look), f"{server.url}{address}"))
        return opened[-1]

    yield visit
    for app in opened:
        assert app.visit.foreign == []


def started(app: AppPage) -> Locator:
    """Begin a full run of the scene; returns the line that says how far it is."""
    app.control("button", "Classify full scene").click()
    line = app.page.get_by_text("Classifying the full scene")
    expect(line).to_have_text(re.compile(r"\d s left"))
    return line


def test_a_run_says_how_far_it_is_and_cancels_and_leaves_nothing(
    open_app: Callable[..., AppPage], server: Server, large: Path
) -> None:
    app = open_app()
    app.upload_as_scene(large)
    layout = watch_layout(app)
    line = started(app)
    expect(app.page.get_by_text("Up to date")).to_have_count(0)
    bar = app.page.get_by_role("progressbar")
    first, words = float(bar.get_attribute("aria-valuenow") or 0), line.inner_text()
    expect(line).not_to_have_text(words)
    wait_until(lambda: first < float(bar.get_attribute("aria-valuenow") or 0) < 100, app.pause)
    token = app.token
    server.set_pace(2)  # so that it is not over before it has been looked at
    assert violations(app.page) == []
    server.set_pace(PACE_SECONDS)
    assert server.runs
    server.set_pace(FOREVER_SECONDS)
    app.control("button", "Cancel").click()
    wait_until(lambda: not server.runs)
    expect(app.control("button", "Classify full scene")).to_be_visible()
    expect(app.page.get_by_text("Preview", exact=True)).to_be_visible()
    expect(line).to_have_count(0)
    app.open_hand_over()
    expect(app.window.get_by_text("Makes the full map first").first).to_be_visible()
    assert app.token == token
    assert layout.has_stood_still
    assert not layout.saw_up_to_date_beside_a_run


def test_a_run_whose_page_is_closed_stops_after_a_while(
    open_app: Callable[..., AppPage], server: Server, large: Path
) -> None:
    app = open_app()
    app.upload_as_scene(large)
    started(app)
    server.set_pace(FOREVER_SECONDS)
    app.page.close()
    closed = time.monotonic()
    assert server.runs
    wait_until(lambda: not server.runs)
    assert time.monotonic() - closed > GRACE_SECONDS / 2


def test_a_run_that_is_to_go_on_is_found_again_by_its_address(
    open_app: Callable[..., AppPage], server: Server, large: Path, tmp_path: Path
) -> None:
    app = open_app()
    app.upload_as_scene(large)
    token = app.token
    app.k_slider.press("ArrowLeft")
    app.wait_for_classes(other_than=token)
    app.expect_up_to_date(7)
    started(app)
    server.set_pace(FOREVER_SECONDS)
    name = app.page.get_by_label("Name of class 2", exact=True)
    name.fill("Wet meadow")
    name.press("Enter")
    app.page.get_by_text("Go on when I close this page", exact=True).click()
    expect(app.page.get_by_text("Copy this page's address to come back.")).to_be_visible()
    expect(app.page).to_have_url(re.compile(r"[?&]run=[0-9a-f]{32}$"))
    address = app.page.url.removeprefix(server.url)
    app.page.close()
    closed = time.monotonic()

    looking_on = open_app(address)
    expect(looking_on.page.get_by_role("heading", name="large")).to_be_visible()
    expect(looking_on.page.get_by_text("Classifying the full scene")).to_be_visible()
    looking_on.page.close()
    wait_until(lambda: time.monotonic() - closed > GRACE_SECONDS + 1)
    (run,) = server.runs
    assert not (run / "labels.tif").exists()
    server.set_pace(0)
    wait_until((run / "labels.tif").exists)

    back = open_app(address)
    expect(back.page.get_by_text("Every pixel is classified.")).to_be_visible()
    expect(back.page.get_by_role("heading", name="large")).to_be_visible()
    back.expect_up_to_date(7)
    expect(back.page.get_by_label("Name of class 2", exact=True)).to_have_value("Wet meadow")
    scene = ingest(large, tmp_path / "ingested")
    recipe = replace(default_recipe(scene), k=7)
    downloaded = back.download_to(tmp_path)
    assert_is_result(downloaded, scene, recipe, tmp_path)
    with rasterio.open(downloaded) as dataset:
        assert dataset.tags()["CLASS_2"] == "Wet meadow"

    token = back.token
    back.k_slider.press("ArrowLeft")
    back.wait_for_classes(other_than=token)
    expect(back.control("button", "Classify full scene")).to_be_visible()
    back.k_slider.press("ArrowRight")
    expect(back.page.get_by_text("Every pixel is classified.")).to_be_visible()


def test_an_address_that_leads_nowhere_is_said_once_and_the_page_works(open_app: Callable[..., AppPage]) -> None:
    app = open_app(f"/?run={'0' * 32}")
    app.expect_up_to_date()
    sentence = app.page.get_by_text("The run that this address leads to is no longer here")
    expect(sentence).to_be_visible()
    expect(app.page.get_by_role("heading", name="Virginia coast")).to_be_visible()
    assert "run=" not in app.page.url
    token = app.token
    app.k_slider.press("ArrowLeft")
    app.wait_for_classes(other_than=token)
    app.expect_up_to_date(7)
    expect(sentence).to_have_count(0)
