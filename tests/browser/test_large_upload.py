"""The uploader for large files in a browser: files and folders arrive whole, also over a line that breaks."""

from __future__ import annotations

import hashlib
import json
import random
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import CDPSession, Locator, Page, Route, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError
from waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser

CHUNK = 1_000_000
SLOW = 500_000
MOST_BYTES = 40_000_000
MOST_FILES = 30
PATIENCE_MS = 1000 * PATIENCE_SECONDS
NOT_SENT = r"Failed to load resource: .*/uploads\b"
"""What the console says of a piece that was cut off or refused."""
UPLOADS = "**/uploads/**"
UNDER_WAY = re.compile(r"[1-9]\d %")

APP = """
    import streamlit as st
    from starlette.middleware import Middleware
    from s2dash.server.offline_assets import ContentSecurityPolicy
    from s2dash.server.state import server_state
    from s2dash.server.routes.uploads import upload_routes

    routes = upload_routes(server_state().uploads, str(st.get_option("server.baseUrlPath")))
    app = st.App("page.py", routes=routes, middleware=[Middleware(ContentSecurityPolicy)])
"""

PAGE = """
    import hashlib
    import json
    from dataclasses import replace
    import streamlit as st
    from s2dash.settings import UPLOAD_LIMITS
    from s2dash.ui.large_upload import large_upload
    from s2dash.server.state import server_state

    st.set_page_config(initial_sidebar_state="expanded")
    LIMITS = replace(UPLOAD_LIMITS, chunk_bytes=CHUNK, most_bytes=MOST_BYTES, most_files=MOST_FILES)
    state = st.session_state
    if "upload" not in state or st.sidebar.button("Another session"):
        state.upload = server_state().uploads.open(LIMITS)
    with st.sidebar:
        if st.checkbox("A line above"):
            st.write("This line was not here before.")
        with st.container(border=st.checkbox("Elsewhere")):
            files = large_upload(state.upload, key="large")
    if files:
        taken, state.upload = state.upload, server_state().uploads.open(LIMITS)
        arrived = {f.name: hashlib.sha256(f.path.read_bytes()).hexdigest() for f in files}
        taken.close()
        state.arrived = [*state.get("arrived", []), arrived]
        st.rerun()
    st.code(json.dumps(state.get("arrived", [])), language=None)
"""


@dataclass(frozen=True)
class Server:
    url: str
    temporary: Path
    """Where the server puts uploads."""

    @property
    def is_clean(self) -> bool:
        return list(self.temporary.glob("s2dash-upload-*")) == []


@pytest.fixture(scope="module")
def server(start_app: Callable[..., str], chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Server:
    return served(start_app, tmp_path_factory.mktemp("large_upload"))


def served(start_app: Callable[..., str], folder: Path, base_path: str = "") -> Server:
    page = textwrap.dedent(PAGE)
    for name, value in {"CHUNK": CHUNK, "MOST_BYTES": MOST_BYTES, "MOST_FILES": MOST_FILES}.items():
        page = page.replace(f"={name}", f"={value}")
    (folder / "page.py").write_text(page)
    (folder / "app.py").write_text(textwrap.dedent(APP))
    (folder / "temporary").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder / "temporary"))
        if base_path:
            patch.setenv("STREAMLIT_SERVER_BASE_URL_PATH", base_path)
        url = start_app(folder / "app.py")
    return Server(f"{url}/{base_path}".rstrip("/"), folder / "temporary")


class UploadPage:
    """The test page, opened by somebody new."""

    def __init__(self, visit: Visit, url: str) -> None:
        self.visit = visit
        self.page: Page = visit.page
        self.devtools: CDPSession | None = None
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.goto(url)
        expect(self.button("Choose files")).to_be_visible(timeout=PATIENCE_MS)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    @property
    def words(self) -> Locator:
        return self.page.locator(".large-upload .words")

    @property
    def pace(self) -> Locator:
        return self.page.locator(".large-upload .pace")

    def choose(self, button: str, chosen: Path | list[Path]) -> None:
        with self.page.expect_file_chooser() as chooser:
            self.button(button).click()
        chooser.value.set_files(chosen)

    def arrived(self, count: int = 1) -> dict[str, str]:
        """Digests by name of the last of so many uploads."""
        self.page.wait_for_function(
            """count => {
                const shown = document.querySelector('[data-testid=stCode] code')?.textContent ?? '[]';
                return JSON.parse(shown).length === count;
            }""",
            arg=count,
        )
        return dict(json.loads(self.page.get_by_test_id("stCode").inner_text())[-1])

    def set_network(self, upload_bytes_per_second: int = -1, offline: bool = False) -> None:
        if self.devtools is None:
            self.devtools = self.page.context.new_cdp_session(self.page)
            self.devtools.send("Network.enable")
        conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": upload_bytes_per_second}
        self.devtools.send("Network.emulateNetworkConditions", conditions | {"offline": offline})


@pytest.fixture
def open_page(new_page: Callable[..., Visit], server: Server) -> Iterator[Callable[..., UploadPage]]:
    """`open_page(url=..., width=..., dark=...)`; at the end nothing was asked of other hosts, no script failed."""
    opened: list[UploadPage] = []

    def visit(url: str = server.url, **look: Any) -> UploadPage:
        opened.append(UploadPage(new_page(**look), url))
        return opened[-1]

    yield visit
    for page in opened:
        assert page.visit.foreign == []


def written(folder: Path, **sizes: int) -> dict[str, Path]:
    """Files of random bytes by name; `__` in a name stands for a dot, `_in_` for a folder."""
    folder.mkdir(exist_ok=True)
    paths = {}
    for seed, (name, size) in enumerate(sizes.items()):
        path = folder / name.replace("__", ".").replace("_in_", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.Random(seed).randbytes(size))
        paths[path.relative_to(folder).as_posix()] = path
    return paths


def digests(paths: dict[str, Path]) -> dict[str, str]:
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items()}


def wait_until_clean(page: UploadPage, server: Server) -> None:
    wait_until(lambda: server.is_clean, lambda seconds: page.page.wait_for_timeout(1000 * seconds))


# ---- what arrives --------------------------------------------------------------------------------------------------


@pytest.mark.main_path
def test_files_arrive_whole_one_upload_after_the_other(
    open_page: Callable[..., UploadPage], server: Server, tmp_path: Path
) -> None:
    page = open_page()
    first = written(tmp_path / "first", B02__tif=3_400_000, B03__tif=1_000_000, empty__tif=0, photo__jpg=10)
    page.choose("Choose files", list(first.values()))
    assert page.arrived(1) == digests(first)
    expect(page.words).to_have_text("Sent 4 files, 4.4 MB.")
    wait_until_clean(page, server)
    second = written(tmp_path / "second", B02__tif=1_234_567)
    page.choose("Choose files", list(second.values()))
    assert page.arrived(2) == digests(second)
    wait_until_clean(page, server)


PRODUCT = {
    "MTD_MSIL2A__xml": 1_000,
    "GRANULE_in_L2A_in_IMG_DATA_in_R10m_in_T32_B02_10m__jp2": 1_500_000,
    "GRANULE_in_L2A_in_IMG_DATA_in_R20m_in_T32_B02_20m__jp2": 400_000,
    "GRANULE_in_L2A_in_IMG_DATA_in_R20m_in_T32_SCL_20m__JP2": 4_000,
}
NOT_NEEDED = {
    "GRANULE_in_L2A_in_IMG_DATA_in_R10m_in_T32_TCI_10m__jp2": 900,
    "GRANULE_in_L2A_in_IMG_DATA_in_R10m_in_T32_AOT_10m__jp2": 900,
    "GRANULE_in_L2A_in_QI_DATA_in_MSK_CLDPRB_20m__jp2": 900,
    "GRANULE_in_L2A_in_AUX_DATA_in_AUX_ECMWFT__xml": 900,
    "HTML_in_UserProduct_index__xml": 900,
    "__hidden__tif": 900,
    "preview-ql__jpg": 900,
}


def test_of_a_folder_what_is_needed_arrives(
    open_page: Callable[..., UploadPage], server: Server, tmp_path: Path
) -> None:
    page = open_page()
    folder = tmp_path / "S2B.SAFE"
    wanted = written(folder, **PRODUCT)
    written(folder, **NOT_NEEDED)
    page.set_network(SLOW)
    page.choose("Choose a folder", folder)
    expect(page.page.get_by_text("Sending 4 files, 1.9 MB. 7 others are not needed.")).to_be_visible()
    page.set_network()
    assert page.arrived() == {f"S2B.SAFE/{name}": digest for name, digest in digests(wanted).items()}
    wait_until_clean(page, server)


def test_a_folder_without_pictures_is_said(
    open_page: Callable[..., UploadPage], server: Server, tmp_path: Path
) -> None:
    page = open_page()
    folder = tmp_path / "letters"
    written(folder, **NOT_NEEDED)
    page.choose("Choose a folder", folder)
    expect(page.words).to_contain_text("There is no satellite picture in this folder")
    expect(page.words).to_have_class(re.compile("error"))
    assert not [url for url in page.visit.asked if "/uploads/" in url]


DROP = """target => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(["0123456789"], "dropped.tif"));
    for (const type of ["dragover", "drop"]) {
        target.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }
}"""


def test_files_may_be_dropped(open_page: Callable[..., UploadPage]) -> None:
    page = open_page()
    page.page.locator(".large-upload .choose").evaluate(DROP)
    assert page.arrived() == {"dropped.tif": hashlib.sha256(b"0123456789").hexdigest()}


def test_below_a_base_path(open_page: Callable[..., UploadPage], start_app: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    server = served(start_app, tmp_path / "app", "maps/here")
    page = open_page(url=server.url)
    files = written(tmp_path / "files", B02__tif=1_500_000)
    page.choose("Choose files", list(files.values()))
    assert page.arrived() == digests(files)
    assert all("/maps/here/uploads/" in url for url in page.visit.asked if "/uploads/" in url)


# ---- lines that break ----------------------------------------------------------------------------------------------


def test_goes_on_where_the_server_is_after_lost_requests(
    open_page: Callable[..., UploadPage], server: Server, tmp_path: Path
) -> None:
    page = open_page()
    page.visit.expect_complaint(NOT_SENT)
    seen: list[tuple[str, str | None]] = []

    def break_some(route: Route) -> None:
        seen.append((route.request.method, route.request.headers.get("upload-offset")))
        if len(seen) in (1, 4, 6):  # an announcement, a piece, a question
            route.abort("connectionreset")
        elif len(seen) == 8:  # the piece arrives, its answer does not
            route.fetch()
            route.abort("connectionreset")
        elif len(seen) == 11:
            route.fulfill(status=502, body="Bad gateway")
        else:
            route.continue_()

    page.page.route(UPLOADS, break_some)
    files = written(tmp_path / "files", B02__tif=4_300_000, B03__tif=10)
    page.choose("Choose files", list(files.values()))
    expect(page.words).to_contain_text("trying again", timeout=PATIENCE_MS)
    assert page.arrived() == digests(files)
    assert [method for method, _ in seen].count("GET") >= 3
    offsets = [int(offset) for _, offset in seen if offset is not None]
    assert offsets.count(0) == 2  # of either file; none began anew


def test_goes_on_after_the_network_was_away(
    open_page: Callable[..., UploadPage], server: Server, tmp_path: Path
) -> None:
    page = open_page()
    page.visit.expect_complaint(NOT_SENT)
    files = written(tmp_path / "files", B02__tif=6_000_000)
    page.set_network(SLOW)
    page.choose("Choose files", list(files.values()))
    expect(page.pace).to_have_text(re.compile(r"[1-9]\d % · .*/s · \d+ s left"), timeout=PATIENCE_MS)
    page.set_network(offline=True)
    expect(page.words).to_contain_text("Connection lost, trying again …", timeout=PATIENCE_MS)
    expect(page.words).to_contain_text("have arrived and stay")
    page.set_network()
    assert page.arrived() == digests(files)


def test_goes_on_though_the_page_is_built_anew(open_page: Callable[..., UploadPage], tmp_path: Path) -> None:
    page = open_page()
    files = written(tmp_path / "files", B02__tif=5_000_000)
    page.set_network(SLOW)
    page.choose("Choose files", list(files.values()))
    for control in ("A line above", "Elsewhere"):
        page.page.get_by_text(control, exact=True).click()
        page.page.wait_for_timeout(300)
        expect(page.button("Cancel")).to_be_visible()
    page.set_network()
    assert page.arrived() == digests(files)
    assert len([url for url in page.visit.asked if "/uploads/" in url]) == 6  # none was sent twice


def test_begins_anew_where_the_server_has_forgotten(open_page: Callable[..., UploadPage], tmp_path: Path) -> None:
    page = open_page()
    files = written(tmp_path / "files", B02__tif=3_000_000)
    page.set_network(SLOW)
    page.choose("Choose files", list(files.values()))
    expect(page.pace).to_have_text(UNDER_WAY, timeout=PATIENCE_MS)
    page.button("Another session").click()
    page.set_network()
    assert page.arrived() == digests(files)


def test_smaller_pieces_where_a_server_in_between_wants_them(
    open_page: Callable[..., UploadPage], tmp_path: Path
) -> None:
    page = open_page()
    page.visit.expect_complaint(NOT_SENT)

    def refuse_large(route: Route) -> None:
        if len(route.request.post_data_buffer or b"") > 600_000:
            route.fulfill(status=413, body="<html>Request Entity Too Large</html>")
        else:
            route.continue_()

    page.page.route(UPLOADS, refuse_large)
    files = written(tmp_path / "files", B02__tif=1_200_000)
    page.choose("Choose files", list(files.values()))
    assert page.arrived() == digests(files)


# ---- what does not arrive ------------------------------------------------------------------------------------------


def test_cancelling_leaves_nothing_and_another_may_follow(
    open_page: Callable[..., UploadPage], server: Server, tmp_path: Path
) -> None:
    page = open_page()
    files = written(tmp_path / "files", B02__tif=4_000_000)
    page.set_network(SLOW)
    page.choose("Choose files", list(files.values()))
    expect(page.pace).to_have_text(UNDER_WAY, timeout=PATIENCE_MS)
    assert not server.is_clean
    page.button("Cancel").press("Enter")
    expect(page.words).to_have_text("Cancelled. Nothing was kept.")
    wait_until_clean(page, server)
    page.set_network()
    page.choose("Choose files", list(files.values()))
    assert page.arrived() == digests(files)


def test_a_refusal_is_said_and_may_be_tried_again(
    open_page: Callable[..., UploadPage], server: Server, tmp_path: Path
) -> None:
    page = open_page()
    page.visit.expect_complaint(NOT_SENT)
    large = written(tmp_path / "large", B02__tif=MOST_BYTES + 1)
    page.choose("Choose files", list(large.values()))
    expect(page.words).to_contain_text("at most 40 MB can be sent at once")
    expect(page.words).to_have_class(re.compile("error"))
    expect(page.button("Try again")).to_be_visible()
    many = written(tmp_path / "many", **{f"f{i}__tif": 1 for i in range(MOST_FILES + 1)})
    page.choose("Choose files", list(many.values()))
    expect(page.words).to_contain_text("at most 30 can be sent at once")
    assert server.is_clean

    page.page.route(UPLOADS, lambda route: route.fulfill(status=507, json={"message": "No room."}), times=1)
    small = written(tmp_path / "small", B02__tif=10)
    page.choose("Choose files", list(small.values()))
    expect(page.words).to_have_text("No room.")
    page.button("Try again").click()
    assert page.arrived() == digests(small)


def test_a_file_that_changes_meanwhile_is_said(open_page: Callable[..., UploadPage], tmp_path: Path) -> None:
    page = open_page()
    page.visit.expect_complaint(NOT_SENT)
    files = written(tmp_path / "files", B02__tif=4_000_000)
    page.set_network(SLOW)
    page.choose("Choose files", list(files.values()))
    expect(page.pace).to_have_text(UNDER_WAY, timeout=PATIENCE_MS)
    files["B02.tif"].write_bytes(b"other")
    expect(page.words).to_contain_text("B02.tif can no longer be read from your disk", timeout=PATIENCE_MS)


# ---- looks and keyboard --------------------------------------------------------------------------------------------


def test_works_by_keyboard_and_speaks(open_page: Callable[..., UploadPage], tmp_path: Path) -> None:
    page = open_page()
    files = written(tmp_path / "files", B02__tif=2_000_000)
    page.set_network(SLOW)
    page.button("Choose files").focus()
    page.page.keyboard.press("Tab")
    expect(page.button("Choose a folder")).to_be_focused()
    page.page.keyboard.press("Shift+Tab")
    expect(page.button("Choose files")).to_be_focused()
    choose_by_key(page, list(files.values()))
    expect(page.button("Cancel")).to_be_focused()
    bar = page.page.get_by_role("progressbar", name="Sent")
    expect(bar).to_have_attribute("aria-valuetext", re.compile(r"\d+ %, .*/s, \d+ s left"))
    page.page.keyboard.press("Enter")
    expect(page.page.get_by_role("status").filter(has_text="Cancelled")).to_be_visible()
    expect(page.button("Choose files")).to_be_focused()


def choose_by_key(page: UploadPage, files: list[Path]) -> None:
    """Press Enter on the button that has the focus; once more where a busy browser opened no window for it."""
    for patience_ms in (5_000, 10_000, PATIENCE_MS):
        expect(page.button("Choose files")).to_be_focused()
        try:
            with page.page.expect_file_chooser(timeout=patience_ms) as chooser:
                page.page.keyboard.press("Enter")
        except PlaywrightTimeoutError:
            continue
        chooser.value.set_files(files)
        return
    raise AssertionError("The window for files did not open.")


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_fits_sidebar_and_phone(open_page: Callable[..., UploadPage], tmp_path: Path, width: int, dark: bool) -> None:
    page = open_page(width=width, dark=dark)
    root = page.page.locator(".large-upload")
    files = written(tmp_path / "files", **{"a_very_long_name_of_a_file_" * 4 + "__tif": 3_000_000})
    page.set_network(SLOW)
    page.choose("Choose files", list(files.values()))
    expect(page.pace).to_contain_text("left")
    for part in (root, root.locator(".running")):
        assert part.evaluate("e => e.scrollWidth <= e.clientWidth")
    contrast = root.locator(".pace").evaluate(CONTRAST)
    assert contrast >= 4.5


CONTRAST = """element => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const over = (colour, below) => {
        canvas.globalCompositeOperation = "source-over";
        canvas.fillStyle = below;
        canvas.fillRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const light = (rgb) => rgb.map((v) => v / 255)
        .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const sidebar = getComputedStyle(document.querySelector("[data-testid=stSidebar]")).backgroundColor;
    const [low, high] = [light(over(sidebar, "white")), light(over(getComputedStyle(element).color, sidebar))].sort();
    return (high + 0.05) / (low + 0.05);
}"""
