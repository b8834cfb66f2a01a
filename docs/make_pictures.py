"""Takes the pictures of README.md and docs/guide.md from the running app: `python docs/make_pictures.py`.

Needs requirements-dev.txt and Chromium (or Chrome, or the one named by S2DASH_CHROMIUM). Starts the
app on a free port, drives it as a user would, and writes docs/images/*.png with at most 256 colours
each, which keeps them small. Pages reach nothing but this machine.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image
from playwright.sync_api import Browser, FloatRect, FrameLocator, Locator, Page, Route, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
SAMPLE = ROOT / "s2dash" / "data" / "coast.tif"
SECONDS_TO_START = 90
MILLISECONDS_TO_SETTLE = 30_000
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
CHROMIUM_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars")
DESK, PHONE = (1280, 800), (390, 844)
TALL_DESK = (1280, 1240)
"""High enough that everything of the page is drawn at once."""

NAMES = {1: "Marsh", 2: "Sea", 3: "Forest", 6: "Bare fields", 7: "Green fields", 8: "Sand"}
"""What a user might call classes of the sample."""


def main() -> None:
    """Take every picture."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=MILLISECONDS_TO_SETTLE)
    with tempfile.TemporaryDirectory() as folder, running_app() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(CHROMIUM_FLAGS))
        take_whole_pages(browser, url)
        take_parts(browser, url)
        take_charts(browser, url)
        take_uploads(browser, url, Path(folder))
        browser.close()
    files = sorted(IMAGES.glob("*.png"))
    print(f"{len(files)} pictures, {sum(file.stat().st_size for file in files) / 1000:,.0f} kB")


def take_whole_pages(browser: Browser, url: str) -> None:
    """The first screen, light and dark, on a desk and on a phone."""
    for device, size in (("app", DESK), ("phone", PHONE)):
        for theme in ("light", "dark"):
            with opened(browser, url, size, dark=theme == "dark") as page:
                save(page.screenshot(), f"{device}-{theme}")


def take_parts(browser: Browser, url: str) -> None:
    """The sidebar, the views of the map, and what legend and menus do."""
    with opened(browser, url, TALL_DESK) as page:
        page.get_by_text("Indices, scaling, smoothing").click()
        expect(page.get_by_text("Smoothing", exact=True)).to_be_visible()
        settle(page)
        save_part(page, page.get_by_test_id("stSidebar"), "sidebar", most_height=1_050)
    with opened(browser, url, DESK) as page:
        page.get_by_role("button", name="How this works").click()
        expect(page.get_by_text("You name the groups.")).to_be_visible()
        save_part(page, page.get_by_test_id("stPopoverBody"), "how-this-works", margin=10)
    with opened(browser, url, DESK) as page:
        rename_classes(page)
        legend = page.locator(".legend").first
        save_part(page, legend, "legend", margin=10)
        page.get_by_role("radiogroup", name="View").get_by_text("Classes", exact=True).click()
        legend.locator("[data-control=only]").nth(2).click()
        expect(legend.get_by_role("button", name="Show all classes")).to_be_visible()
        settle(page)
        save(page.screenshot(clip=around(page, (DESK[0], 680))), "one-class")
        page.get_by_role("button", name="Hand over").click()
        expect(page.get_by_role("button", name="Recipe (JSON)")).to_be_visible()
        settle(page)
        save_part(page, page.get_by_role("dialog"), "downloads", margin=10)


def take_charts(browser: Browser, url: str) -> None:
    """The tabs beneath the map."""
    with opened(browser, url, TALL_DESK) as page:
        rename_classes(page)
        tabs = page.get_by_test_id("stTabs")
        for name, file in (("Spectra", "spectra"), ("Scatter", "scatter"), ("How good", "scores")):
            page.get_by_role("tab", name=name).click()
            tabs.scroll_into_view_if_needed()
            settle(page)
            save_part(page, tabs, file, margin=8)


def take_uploads(browser: Browser, url: str, folder: Path) -> None:
    """A file without band names, a photo, and a scene too large to be shown in full while choosing."""
    unnamed, photo, large = folder / "export.tif", folder / "holiday.jpg", folder / "large.tif"
    repeat_sample(unnamed, times=1, described=False)
    repeat_sample(large, times=3, described=True)
    Image.new("RGB", (8, 8)).save(photo)
    with opened(browser, url, DESK) as page:
        upload(page, photo)
        expect(page.get_by_text("holiday.jpg is a photo")).to_be_visible()
        settle(page)
        save_part(page, page.get_by_role("dialog"), "not-a-scene", margin=10)
    with opened(browser, url, DESK) as page:
        upload(page, unnamed)
        page.get_by_role("button", name="Please check: band names").click()
        page.get_by_role("button", name="Check the band names").click()
        expect(page.get_by_text("The file does not say which band is which")).to_be_visible()
        settle(page)
        save_part(page, page.get_by_test_id("stPopoverBody"), "band-names", margin=10, most_height=420)
    with opened(browser, url, DESK) as page:
        upload(page, large)
        expect(page.get_by_role("button", name="Classify full scene")).to_be_visible()
        settle(page)
        save(page.locator(".st-key-strip").screenshot(), "preview")


def repeat_sample(path: Path, times: int, described: bool) -> None:
    """Write the sample's land bands, side by side and mirrored `times` by `times`, as a GeoTIFF."""
    with rasterio.open(SAMPLE) as source:
        kept = [i for i, name in enumerate(source.descriptions, 1) if name not in ("B01", "B09", "B10")]
        bands, profile = source.read(kept), source.profile
        names = [source.descriptions[i - 1] for i in kept]
    side = times * bands.shape[1]
    bands = np.pad(bands, ((0, 0), (0, side - bands.shape[1]), (0, side - bands.shape[2])), mode="symmetric")
    profile |= {"count": len(bands), "height": side, "width": side}
    with rasterio.open(path, "w", **profile) as out:
        out.write(bands)
        if described:
            out.descriptions = names


def rename_classes(page: Page) -> None:
    """Give names in the legend, as a user does."""
    for number, name in NAMES.items():
        field = page.locator(".legend [data-control=name]").nth(number - 1)
        field.fill(name)
        field.press("Enter")
        settle(page)


def upload(page: Page, path: Path) -> None:
    """Give a file to the uploader."""
    page.get_by_role("button", name="Change", exact=True).click()
    page.get_by_role("dialog").locator("input[type=file]").first.set_input_files(path)


@contextlib.contextmanager
def opened(browser: Browser, url: str, size: tuple[int, int], dark: bool = False) -> Iterator[Page]:
    """The page of the sample scene, settled."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        has_touch=size == PHONE,
        device_scale_factor=1,
        locale="en-GB",
    )
    context.route("**/*", stay_here)
    page = context.new_page()
    page.goto(url)
    settle(page)
    yield page
    context.close()


def stay_here(route: Route) -> None:
    """Let a request to this machine through, and no other."""
    if route.request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
        route.continue_()
    else:
        route.abort()


def settle(page: Page) -> None:
    """Wait until the result is there and the map and the first chart are drawn."""
    expect(page.get_by_text("Up to date")).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    body = the_map(page).locator("body")
    for what in ("picture", "classes"):
        expect(body).to_have_attribute(f"data-{what}-loaded", re.compile("."))
    page.wait_for_timeout(1_200)


def the_map(page: Page) -> FrameLocator:
    """The frame that the map lives in."""
    return page.frame_locator(".st-key-map iframe")


def around(page: Page, size: tuple[int, int]) -> FloatRect:
    """Everything right of the sidebar."""
    sidebar = page.get_by_test_id("stSidebar").bounding_box()
    left = sidebar["width"] if sidebar else 0
    return {"x": left, "y": 0, "width": size[0] - left, "height": size[1]}


def save_part(page: Page, part: Locator, name: str, margin: int = 0, most_height: int = 10_000) -> None:
    """Save what a part of the page covers, with a margin, as it looks on the page."""
    box = part.bounding_box()
    if box is None:
        raise SystemExit(f"{name}: this part of the page is not to be seen")
    left, top = max(0, box["x"] - margin), max(0, box["y"] - margin)
    width = box["x"] + box["width"] + margin - left
    height = min(most_height, box["y"] + box["height"] + margin - top)
    save(page.screenshot(clip={"x": left, "y": top, "width": width, "height": height}), name)


def save(png: bytes, name: str) -> None:
    """Write a picture with at most 256 colours."""
    full = Image.open(io.BytesIO(png)).convert("RGB")
    few = full.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(IMAGES / f"{name}.png", optimize=True)
    print(f"{name}.png", flush=True)


def find_chromium() -> str:
    """Chromium's executable; ends the run where there is none."""
    names = (os.environ.get("S2DASH_CHROMIUM", ""), *CHROMIUM_NAMES)
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None:
        raise SystemExit("No Chromium: install it (Debian: apt-get install chromium), or set S2DASH_CHROMIUM.")
    return found


@contextlib.contextmanager
def running_app() -> Iterator[str]:
    """The app on a free port of this machine; its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    # The scene that shows what a large one looks like is small enough to be classified in full by itself.
    environment = os.environ | {"S2DASH_RUNS_AT_ONCE_SECONDS": "0"}
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_healthy(url, server)
        yield url
    finally:
        server.terminate()
        server.wait(10)


def wait_until_healthy(url: str, server: subprocess.Popen[bytes]) -> None:
    """Return once the server answers; ends the run where it does not."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=2).close()
            return
        time.sleep(0.2)
    raise SystemExit("The app did not start.")


if __name__ == "__main__":
    main()
