"""What every test shares: a quiet environment, the rules of the markers, the folder of real scenes, Chromium."""

from __future__ import annotations

import atexit
import compileall
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from door import door_is_here  # noqa: F401 - a fixture for whoever asks for it
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

os.environ.update(
    MPLBACKEND="Agg",
    PROJ_NETWORK="OFF",
    S2DASH_RUNS_AT_ONCE_SECONDS="0",  # in apps that tests start: full runs wait for their button
    STREAMLIT_BROWSER_GATHER_USAGE_STATS="false",
    STREAMLIT_SERVER_HEADLESS="true",
)

if "S2DASH_KEEP_FOLDER" not in os.environ:
    # Of this process alone: nobody's kept sessions are touched, and nothing stays.
    os.environ["S2DASH_KEEP_FOLDER"] = tempfile.mkdtemp(prefix="s2dash-test-keep-")
    atexit.register(shutil.rmtree, os.environ["S2DASH_KEEP_FOLDER"], ignore_errors=True)

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}

settings.register_profile("s2dash", deadline=None, derandomize=IN_CI, print_blob=True)
settings.load_profile("s2dash")


def pytest_configure(config: pytest.Config) -> None:
    """Compile the project once: the many processes that tests start would each do so again where none may write it."""
    if not hasattr(config, "workerinput"):
        compileall.compile_dir(ROOT / "s2dash", quiet=2)


def find_chromium() -> str | None:
    """Path of the browser that browser tests drive; None where there is none."""
    names = (os.environ.get("S2DASH_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if name and (path := shutil.which(name))), None)


class FilesStayWhole(LoadScopeScheduling):
    """Hands out tests file by file, and all of `tests/browser` to one process: two browsers would only be slow."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::", 1)[0]
        return "browser" if path.startswith("tests/browser/") else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesStayWhole:
    return FilesStayWhole(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A page on a busy machine gets a second try in CI, and the summary names each test that took it."""
    for item in items:
        if IN_CI and item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") and find_chromium() is None:
        pytest.skip("no Chromium here: install it, or name it by S2DASH_CHROMIUM")
    if item.get_closest_marker("shared") and not SHARED_DATA.is_dir():
        pytest.skip("the folder shared/data beside the project is absent")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped browser test is a failed one: nobody would notice that the page was never looked at."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("browser"):
        report.outcome = "failed"
        reason = call.excinfo.value if call.excinfo else report.longrepr
        report.longrepr = f"a browser test must not be skipped in CI: {reason}"
    return report


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser; for tests marked `browser`."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium here: install it, or name it by S2DASH_CHROMIUM")
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real scenes beside the project; for tests marked `shared`."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the folder shared/data beside the project is absent")
    return SHARED_DATA
