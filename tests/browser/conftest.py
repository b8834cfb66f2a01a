"""A browser, pages that reach nothing but this machine, and running apps, for all tests in this folder."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from app_driver import APP
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Route, expect, sync_playwright
from waiting import PATIENCE_SECONDS

PACKAGE = Path(__file__).resolve().parents[2] / "s2dash"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Playwright's own five seconds are too few for a busy machine.
expect.set_options(timeout=1000 * PATIENCE_SECONDS)


@dataclass(frozen=True, eq=False)
class Visit:
    """A page, and every address it asked for."""

    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """Errors on the browser's console with the address they are of, uncaught exceptions, and dialogs."""
    expected: list[str] = field(default_factory=list)

    def expect_complaint(self, pattern: str) -> None:
        """Let complaints in which this regular expression is found pass; all others fail the test at its end."""
        self.expected.append(pattern)

    @property
    def unexpected(self) -> list[str]:
        """The complaints that no test has declared to be meant."""
        return [words for words in self.complaints if not any(re.search(pattern, words) for pattern in self.expected)]

    @property
    def foreign(self) -> list[str]:
        """What was asked of other hosts than this machine; all of it was refused."""
        return [url for url in self.asked if is_foreign(url)]


def is_foreign(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in ("127.0.0.1", "localhost")


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Chromium's executable; without one the test is skipped, but fails where CI=true."""
    wanted = os.environ.get("S2DASH_CHROMIUM")
    found = wanted or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found and os.access(found, os.X_OK):
        return found
    how = "No Chromium: install it (Debian: apt-get install chromium), or set S2DASH_CHROMIUM to its path."
    if os.environ.get("CI") == "true":
        pytest.fail(how)
    pytest.skip(how)


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path, args=list(CHROMIUM_FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """`new_page(width=1280, height=800, dark=False)`: an empty page that reaches this machine only.

    A test fails at its end when any of its pages saw an error, an uncaught exception or a dialog that
    `Visit.expect_complaint` has not declared.
    """
    contexts, visits = [], []

    def open_page(width: int = 1280, height: int = 800, dark: bool = False) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            has_touch=width < 500,
        )
        context.set_default_timeout(1000 * PATIENCE_SECONDS)
        contexts.append(context)
        visit = Visit(context.new_page())
        visits.append(visit)

        def record(route: Route) -> None:
            visit.asked.append(route.request.url)
            if is_foreign(route.request.url):
                route.abort()
            else:
                route.continue_()

        def dismiss(dialog: Dialog) -> None:
            visit.complaints.append(f"a dialog: {dialog.message}")
            dialog.dismiss()

        def note_error(message: ConsoleMessage) -> None:
            if message.type == "error":
                visit.complaints.append(f"{message.text} [{message.location.get('url', '')}]")

        context.route("**/*", record)
        visit.page.on("websocket", lambda socket_: visit.asked.append(socket_.url))
        # Of the context, not the page: a window that the page opens is part of the visit.
        context.on("weberror", lambda error: visit.complaints.append(f"uncaught: {error.error}"))
        context.on("dialog", dismiss)
        context.on("console", note_error)
        return visit

    yield open_page
    complaints = [words for visit in visits for words in visit.unexpected]
    for context in contexts:
        context.close()
    if complaints:
        pytest.fail("The page complained:\n" + "\n".join(complaints))


@pytest.fixture(scope="session")
def running_apps() -> dict[str, subprocess.Popen[bytes]]:
    """The apps that `start_app` has started, by address."""
    return {}


@pytest.fixture(scope="session")
def start_app(
    tmp_path_factory: pytest.TempPathFactory, running_apps: dict[str, subprocess.Popen[bytes]]
) -> Iterator[Callable[..., str]]:
    """`start_app(app_path)`: run it on a free port and return its address; it ends with the session.

    `arguments` go to `streamlit run`; settings are read from `.streamlit` beside the app. `environment`
    is added to that of the tests.
    """

    def start(app_path: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        port = _free_port()
        log_path = tmp_path_factory.mktemp("server") / "log.txt"
        command = [sys.executable, "-m", "streamlit", "run", str(app_path), "--server.port", str(port)]
        command += ["--server.address", "127.0.0.1", "--server.headless", "true", "--server.fileWatcherType", "none"]
        command += ["--browser.gatherUsageStats", "false", *arguments]
        # As the README starts it: the app's folder is all that leads to s2dash. A test's own app gets it beside itself.
        if not (app_path.parent / PACKAGE.name).exists():
            (app_path.parent / PACKAGE.name).symlink_to(PACKAGE)
        others = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=app_path.parent,
                env=others | dict(environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        url = f"http://127.0.0.1:{port}"
        running_apps[url] = process
        _wait_until_healthy(url, process, log_path)
        return url

    yield start
    for process in running_apps.values():
        process.terminate()
    for process in running_apps.values():
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def app_url(start_app: Callable[..., str], chromium_path: str) -> str:
    """The one running app that all tests visit who need none of their own; each visit is somebody new."""
    return start_app(APP)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes], log_path: Path) -> None:
    base_path = os.environ.get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")
    health = "/".join(filter(None, [url, base_path, "_stcore/health"]))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(health, timeout=10):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"The app did not start:\n{log_path.read_text(errors='replace')[-4000:]}")
