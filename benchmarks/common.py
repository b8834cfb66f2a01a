"""What the benchmarks share: the sample scene, the line that names machine and load, a running app and a browser."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Frame, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
SAMPLE_PATH = ROOT / "s2dash" / "data" / "coast.tif"
_POLL_MS = 100
"""Coarse, so that polling takes no time from the page; the moment itself comes from the browser's clock."""
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
CHROMIUM_FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


def machine_words() -> str:
    """The machine, its versions and how busy it is: figures mean little without."""
    import numpy
    import sklearn

    model = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return (
        f"{os.cpu_count()} cores ({model}), load {load} at start, Python {platform.python_version()}, "
        f"numpy {numpy.__version__}, scikit-learn {sklearn.__version__}"
    )


def verdict(what: str, value: float, target: float, form: str) -> bool:
    """Print a figure beside its target; returns whether it is met."""
    met = value <= target
    print(f"{what}: {value:{form}} (target at most {target:{form}}): {'met' if met else 'MISSED'}")
    return met


@contextmanager
def server(log_path: Path) -> Iterator[tuple[str, float]]:
    """`streamlit run app.py` on a free port: its address, and `time.perf_counter()` when its process was started."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.port", str(port)]
    command += ["--server.address", "127.0.0.1", "--server.headless", "true"]
    with log_path.open("wb") as log:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_for_port(port, process, log_path)
            yield f"http://127.0.0.1:{port}", started
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for_port(port: int, process: subprocess.Popen[bytes], log_path: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise SystemExit(f"The app did not start:\n{log_path.read_text(errors='replace')[-4000:]}")


@contextmanager
def browser_page() -> Iterator[Page]:
    """A page of 1280 x 800 in the system's Chromium, or in the one that S2DASH_CHROMIUM names."""
    names = filter(None, (os.environ.get("S2DASH_CHROMIUM"), *CHROMIUM_NAMES))
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        raise SystemExit("No Chromium: install it (Debian: apt-get install chromium), or set S2DASH_CHROMIUM to it.")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        try:
            yield chromium.new_context(viewport={"width": 1280, "height": 800}).new_page()
        finally:
            chromium.close()


def loaded_classes(page: Page) -> tuple[str, float] | None:
    """The token of the class tiles on the map and when the last of them was drawn; None before the first.

    The time is in milliseconds since 1970, by the browser's clock.
    """
    frame = _map_frame(page)
    if frame is None:
        return None
    token, at = frame.evaluate("[document.body?.dataset.classesLoaded, document.body?.dataset.classesLoadedAt]")
    return (str(token), float(at)) if token else None


def wait_for_classes(page: Page, is_new: Callable[[str], bool], timeout_seconds: float = 60) -> tuple[str, float]:
    """`loaded_classes` as soon as its token is a new one."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        found = loaded_classes(page)
        if found is not None and is_new(found[0]):
            return found
        page.wait_for_timeout(_POLL_MS)
    raise SystemExit("The classes never came onto the map.")


def _map_frame(page: Page) -> Frame | None:
    handle = page.query_selector(".st-key-map iframe")
    return handle.content_frame() if handle else None
