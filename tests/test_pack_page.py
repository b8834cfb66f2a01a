"""The page packs a map, and a pack that is opened there brings all of it back, at once or with its picture."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from page_driver import Page, downloads, start
from scenes import make_scene, write_scene
from starlette.applications import Starlette
from starlette.testclient import TestClient
from test_pack_opening import changed
from waiting import PATIENCE_SECONDS

from s2dash.core.pack import MANIFEST_NAME, Manifest
from s2dash.core.scene import Scene
from s2dash.server.packs import MadePack
from s2dash.server.routes.packs import pack_routes
from s2dash.ui import services
from s2dash.ui.legend_event import LegendEvent

__all__ = ["downloads", "start"]  # fixtures
K = ("slider", "Number of classes (k)")
NAMES = {1: "=1+1", 2: "\u0634\u0627\u0637\u0626 😀"}


def made_pack(page: Page) -> MadePack:
    """Press the button in `Hand over`, and wait until the pack is there."""
    page.open("hand over").press("Everything (zip)")
    assert page.test.session_state["pack in the making"][1].wait(PATIENCE_SECONDS)
    pack: MadePack = page.run().test.session_state["pack made"][1]
    return pack


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_scene(tmp_path_factory.mktemp("own") / "own.tif", (40, 50)).read_bytes()


@pytest.fixture
def begin(start: Callable[[Scene], Page], tmp_path: Path) -> Callable[[], Page]:
    scene = make_scene(tmp_path, names=("B02", "B03", "B04", "B08"))
    return lambda: start(scene)


Written = tuple[bytes, Manifest]
_written: list[Written] = []


@pytest.fixture
def written(begin: Callable[[], Page], picture: bytes) -> Written:
    """A pack of four named classes of an own picture, made once."""
    if not _written:
        page = begin().upload("own.tif", picture).choose(*K, 4).edit_legend(LegendEvent(names=NAMES))
        page.open("hand over").choose("text_input", "Title", "Salt marsh")
        content = made_pack(page).path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _written.append((content, Manifest.from_json(archive.read(MANIFEST_NAME).decode())))
    return _written[0]


def shown(page: Page) -> tuple[int, list[str], str]:
    """Number of classes, their names, and the title."""
    names = [row["name"] for row in page.rows]
    return page.recipe.k, names, page.open("hand over").widget("text_input", "Title").value


@pytest.mark.slow
def test_it_waits_for_its_picture_and_then_all_is_back(
    begin: Callable[[], Page], written: Written, picture: bytes
) -> None:
    page = begin().upload("mine.zip", written[0])
    assert "The pack waits for its picture" in page.words
    assert "own.tif" in page.words
    assert page.recipe.k != 4
    page.upload("renamed.tif", picture)
    k, names, title = shown(page)
    assert (k, title) == (4, "Salt marsh")
    assert set(NAMES.values()) < set(names)
    assert "waits for its picture" not in page.words


def test_with_its_picture_here_it_opens_at_once_and_says_what_was_altered(
    begin: Callable[[], Page], written: Written, picture: bytes
) -> None:
    page = begin().upload("own.tif", picture).choose(*K, 4).edit_legend(LegendEvent(names={1: "Other"}))
    odd = {"report/Salt-marsh-report.html": b"other", "tables/Salt-marsh-classes.csv": None, "more.txt": b""}
    page.choose(*K, 3).upload("mine.zip", changed(written[0], odd))
    words = page.words.replace("\\", "")
    assert "mine.zip is open" in words
    assert "report/Salt-marsh-report.html is not what was written" in words
    assert "tables/Salt-marsh-classes.csv is missing" in words
    assert "more.txt is not of the pack" in words
    k, names, _ = shown(page)
    assert k == 4
    assert set(NAMES.values()) < set(names)


def test_with_the_picture_within_nothing_else_is_needed(begin: Callable[[], Page], picture: bytes) -> None:
    page = begin().upload("own.tif", picture).choose(*K, 4).edit_legend(LegendEvent(names=NAMES)).open("hand over")
    label = next(one.label for one in page.test.checkbox if one.label.startswith("With the picture"))
    content = made_pack(page.choose("checkbox", label, True)).path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("scene/001-own.tif") == picture
    page = begin().upload("mine.zip", content)
    assert "mine.zip is open" in page.words.replace("\\", "")
    k, names, _ = shown(page)
    assert k == 4
    assert set(NAMES.values()) < set(names)


def test_one_that_asks_for_what_is_not_known_here_is_refused_and_the_map_stays(
    begin: Callable[[], Page], written: Written
) -> None:
    manifest = json.loads(written[1].to_json())
    manifest["runs"][-1]["run"]["recipe"]["algorithm"] = "magic"
    odd = {MANIFEST_NAME: json.dumps(manifest).encode()}
    page = begin().choose(*K, 3).upload("odd.zip", changed(written[0], odd, sums_too=True))
    assert "magic" in page.words
    assert page.recipe.k == 3


def test_a_pack_is_fetched_by_its_token_as_long_as_somebody_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"PK" * 9)
    pack = services.made_packs().offer(MadePack(path, "Mine-pack.zip"))
    client = TestClient(Starlette(routes=pack_routes(services.made_packs(), "base")))
    answer = client.get(f"/base/packs/{pack.token}")
    assert answer.content == b"PK" * 9
    assert 'filename="Mine-pack.zip"' in answer.headers["content-disposition"]
    assert client.get("/base/packs/" + "0" * 32).status_code == 404
    token = pack.token
    del pack
    assert client.get(f"/base/packs/{token}").status_code == 404
