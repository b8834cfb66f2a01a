"""What every test shares: a quiet environment, the rules of the markers, the folder of real scenes, Chromium."""

from __future__ import annotations

import atexit
import compileall
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from door import door_is_here  # noqa: F401 - a fixture for whoever asks for it
from forked_door import forked
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from s2dash.ingest import process

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
    """Hands out tests file by file; those in a browser first, which take longest and leave a processor half idle."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.split("::", 1)[0]

    def _assign_work_unit(self, node: WorkerController) -> None:
        waiting = next((scope for scope in self.workqueue if scope.startswith("tests/browser/")), None)
        if waiting is not None:
            self.workqueue.move_to_end(waiting, last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesStayWhole:
    return FilesStayWhole(config, log)


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of the browser's tests all but the main paths are slow.

    A page on a busy machine gets a second try in CI, and the summary names each test that took it.
    """
    for item in items:
        if item.get_closest_marker("browser"):
            if not item.get_closest_marker("main_path"):
                item.add_marker(pytest.mark.slow)
            if IN_CI:
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


@pytest.fixture(scope="session", autouse=True)
def ingest_is_forked() -> Iterator[None]:
    """The process that opens files is forked, not started, which takes a tenth of the time."""
    with forked():
        yield


@pytest.fixture
def ingest_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that opens files is started as outside of tests."""
    monkeypatch.setattr(process, "subprocess", subprocess)


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
