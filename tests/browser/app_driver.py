"""Drives the app in a browser: the map, the controls by name, uploads, downloads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import FrameLocator, Locator, Page, Response, TimeoutError, expect
from waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from conftest import Visit

APP = Path(__file__).resolve().parents[2] / "app.py"
AREA_UPLOADER = "Area to keep"
"""Offered once an area is wanted."""
PATIENCE_MS = 1000 * PATIENCE_SECONDS


class AppPage:
    """The app, opened by somebody new."""

    def __init__(self, visit: Visit, url: str) -> None:
        self.visit = visit
        self.page: Page = visit.page
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.goto(url)
        self.wait_for_classes()

    # ---- the map

    @property
    def frame_element(self) -> Locator:
        return self.page.locator(".st-key-map iframe")

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator(".st-key-map iframe")

    @property
    def body(self) -> Locator:
        return self.frame.locator("body")

    def on_map(self, script: str) -> Any:
        return self.body.evaluate(f"() => {{ {script} }}")

    def wait_for_classes(self, other_than: str | None = None) -> str:
        """Wait until classes are on the map, other ones than those named; returns their token."""
        # For a moment a new scene has its frame beside the old one's.
        self.page.wait_for_function(
            """old => {
                const frames = [...document.querySelectorAll('.st-key-map iframe')];
                const token = frames[0]?.contentDocument?.body?.dataset.classesLoaded;
                return frames.length === 1 && token && token !== old;
            }""",
            arg=other_than,
        )
        return self.token

    @property
    def token(self) -> str:
        return str(self.body.get_attribute("data-classes-loaded"))

    @property
    def view(self) -> list[float]:
        """Latitude, longitude, zoom, and where the swipe stands in percent."""
        return list(
            self.on_map(
                "const m = s2dash.map, c = m.getCenter(), s = document.querySelector('.s2-grip');"
                "return [c.lat, c.lng, m.getZoom(), Number(s.getAttribute('aria-valuenow'))];"
            )
        )

    def look_nearer(self) -> list[float]:
        """Move the map and wait until the server knows; returns the view."""
        zoom = self.view[2] + 1

        def tells_the_new_view(response: Response) -> bool:
            words = response.request.post_data if "/maps/" in response.url else None
            view = json.loads(words) if words else None
            return view is not None and abs(view["zoom"] - zoom) < 1e-6

        with self.page.expect_response(tells_the_new_view) as told:
            self.on_map(
                "const m = s2dash.map, zoom = m.getZoom() + 1, at = m.project(m.getCenter(), zoom).add([40, 25]);"
                "m.setView(m.unproject(at, zoom), zoom, { animate: false });"
            )
        assert told.value.status == 204
        return self.view[:3]

    def script_runs(self) -> int:
        """How often the page has begun to be drawn since this was first asked of it."""
        return int(
            self.page.evaluate(
                """() => {
                    if (window.testRuns === undefined) {
                        window.testRuns = 0;
                        const app = document.querySelector('[data-testid=stApp]');
                        const name = 'data-test-script-state';
                        new MutationObserver(() => { if (app.getAttribute(name) === 'running') window.testRuns += 1; })
                            .observe(app, { attributes: true, attributeFilter: [name] });
                    }
                    return window.testRuns;
                }"""
            )
        )

    # ---- the controls

    def control(self, role: Any, name: str) -> Locator:
        return self.page.get_by_role(role, name=name, exact=True)

    @property
    def k_slider(self) -> Locator:
        return self.page.get_by_role("slider", name="Number of classes (k)")

    @property
    def rows(self) -> Locator:
        """The rows of the legend."""
        return self.page.locator(".legend tbody tr")

    def expect_up_to_date(self, classes: int = 8) -> None:
        expect(self.rows).to_have_count(classes, timeout=PATIENCE_MS)
        expect(self.page.get_by_text("Up to date")).to_be_visible(timeout=PATIENCE_MS)

    def pause(self, seconds: float) -> None:
        """As `time.sleep`, in which the browser goes on: for `wait_until`."""
        self.page.wait_for_timeout(1000 * seconds)

    def wait_until_drawn(self) -> None:
        """Wait until the page is not being drawn again."""
        expect(self.page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")

    def press_until(self, key: str, shown: Locator) -> None:
        """Press a key until something is shown: a page that is drawn again meanwhile may swallow it."""
        for _ in range(5):
            self.wait_until_drawn()
            self.page.keyboard.press(key)
            try:
                expect(shown).to_be_visible(timeout=15_000)
            except AssertionError:
                continue
            return
        expect(shown).to_be_visible(timeout=PATIENCE_MS)

    def choose_algorithm(self, label: str) -> None:
        option = self.page.get_by_role("option", name=label, exact=True)

        def open_and_choose() -> None:
            # A page that is drawn again meanwhile closes the list.
            if not option.is_visible():
                self.control("combobox", "Algorithm").click()
            option.click(timeout=15_000)

        for _ in range(5):
            try:
                open_and_choose()
            except TimeoutError:
                continue
            return
        open_and_choose()

    @property
    def window(self) -> Locator:
        """The window over the page."""
        return self.page.get_by_role("dialog")

    def open_settings(self) -> None:
        """Open the sidebar, where it is closed."""
        settings = self.control("button", "Settings")
        is_folded = self.page.get_by_test_id("stExpandSidebarButton").count() > 0
        if settings.is_visible() and (is_folded or not self.page.locator("html[data-settings]").count()):
            settings.click()
        expect(self.control("combobox", "Algorithm")).to_be_in_viewport(timeout=PATIENCE_MS)

    def close_settings(self) -> None:
        """Go back to the page from a sidebar that lies over it."""
        size = self.page.viewport_size
        assert size is not None
        self.page.mouse.click(size["width"] - 10, 3)
        expect(self.page.locator("html[data-settings]")).to_have_count(0)

    def open_scene_window(self) -> Locator:
        """Open the window in which a scene is chosen, where it is not open."""
        if not self.window.is_visible():
            self.open_settings()
            self.control("button", "Change").click()
        expect(self.window.get_by_text("How the numbers are read")).to_be_visible(timeout=PATIENCE_MS)
        return self.window

    def open_hand_over(self) -> Locator:
        """Open the window with the downloads, where it is not open."""
        if not self.window.is_visible():
            self.control("button", "Hand over").click()
        expect(self.control("button", "Download GeoTIFF")).to_be_visible(timeout=PATIENCE_MS)
        return self.window

    def close_window(self) -> None:
        if self.window.is_visible():
            self.window.get_by_role("button", name="Close").click()
        expect(self.window).to_have_count(0, timeout=PATIENCE_MS)

    def uploader(self, label: str = "Sentinel-2 files") -> Locator:
        return self.page.get_by_test_id("stFileUploader").filter(has_text=label).locator("input[type=file]")

    def upload(self, chosen: Path | Sequence[Path], label: str = "Sentinel-2 files") -> None:
        uploader = self.uploader(label)
        if label == "Sentinel-2 files":
            self.open_scene_window()
        if label == AREA_UPLOADER and not uploader.count():
            self.page.get_by_text("Keep only an area", exact=True).click()
        uploader.wait_for(state="attached", timeout=PATIENCE_MS)
        uploader.set_input_files(chosen)

    def upload_as_scene(self, path: Path) -> None:
        before = self.token
        self.upload(path)
        expect(self.page.get_by_role("heading", name=path.stem)).to_be_visible(timeout=PATIENCE_MS)
        # The frame of the new scene may not stand yet, and has no attribute to compare.
        self.wait_for_classes(other_than=before)
        self.expect_up_to_date()

    def download_to(self, folder: Path) -> Path:
        self.open_hand_over()
        with self.page.expect_download(timeout=PATIENCE_MS) as waiting:
            self.control("button", "Download GeoTIFF").click()
        self.close_window()
        path = folder / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path


def wait_for_zoom(app: AppPage, is_so: str, zoom: float) -> None:
    """Wait until the map rests at a zoom of which this is so, such as "> zoom + 1"."""
    app.page.wait_for_function(
        "zoom => { const m = document.querySelector('.st-key-map iframe').contentWindow.s2dash.map;"
        f" return !m._animatingZoom && m.getZoom() {is_so}; }}",
        arg=zoom,
    )
