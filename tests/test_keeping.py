"""A session comes back by its page's address: scene, choices, names, view and runs; and goes when that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from page_driver import Downloads, Page, downloads, start
from scenes import make_scene, write_raster, write_scene
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from waiting import PATIENCE_SECONDS

from s2dash import ingest
from s2dash.core.legend import Legend
from s2dash.core.recipe import default_recipe
from s2dash.core.run import Run
from s2dash.core.run_list import from_file, to_file
from s2dash.core.scene import Fill
from s2dash.core.scene_reading import SceneReading
from s2dash.errors import S2DashError
from s2dash.server import live_engine
from s2dash.server.jobs import FullJob
from s2dash.server.live_engine import LiveAnswer
from s2dash.server.session_store import SessionStore, SessionUnread, Writer
from s2dash.server.session_store.scenes import scene_key
from s2dash.settings import StoreLimits
from s2dash.ui import drawn_area, full_run, services, state
from s2dash.ui.legend_event import LegendEvent
from s2dash.ui.loaded import Loaded
from s2dash.ui.map_view import scene_token
from s2dash.ui.runs import keeping, kept, panel, window
from s2dash.ui.runs.values import KeptMap

__all__ = ["downloads", "start"]  # fixtures
K = ("slider", "Number of classes (k)")


@pytest.fixture(autouse=True)
def _nothing_is_passed_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "STAYS", timedelta(0))
    monkeypatch.setattr(live_engine, "_STAYED_SECONDS", PATIENCE_SECONDS)  # measured later than any test ends


class Kept:
    """A server's store, which can be started again."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.limits = folder, StoreLimits(free_disk_bytes=0)
        self.now: dict[str, Any] = {}
        monkeypatch.setattr(services, "session_store", lambda: self.now["store"])
        monkeypatch.setattr(services, "writer", lambda: self.now["writer"])
        self.start_again()

    def start_again(self) -> None:
        if self.now:
            self.now["writer"].settle()
            self.now["store"].close()
        store = SessionStore(self.folder, self.limits)
        self.now = {"store": store, "writer": Writer(store)}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    server = Kept(tmp_path / "kept", monkeypatch)
    yield server
    server.now["store"].close()


@pytest.fixture
def visit(server: Kept, downloads: Downloads) -> Callable[..., Page]:
    """Opens a page, at an address or anew."""
    return lambda **address: Page(downloads, **address)


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> Callable[[Page, Callable[[], Any]], Any]:
    """Does something as a callback of a page would, runs it, and returns what came of it."""
    waiting: list[Callable[[], Any]] = []
    found: list[Any] = []
    monkeypatch.setattr(full_run, "come_back", lambda: found.append(waiting.pop()()) if waiting else None)

    def act(page: Page, what: Callable[[], Any]) -> Any:
        waiting.append(what)
        page.run()
        return found.pop()

    return act


def address_of(page: Page) -> str:
    return str(page.test.query_params.get("s", ""))


def refusal(content: bytes) -> str:
    try:
        kept.bring_in(window._read(content))
    except S2DashError as error:
        return str(error)
    return ""


def looks(page: Page) -> list[tuple[str, str, str]]:
    return [(row["name"], row["colour"], row.get("words", "")) for row in page.rows]


def test_a_plain_visit_leaves_nothing(visit: Callable[..., Page], server: Kept) -> None:
    page = visit()
    page.run()
    assert address_of(page) == ""
    assert not server.folder.exists()


def test_all_comes_back_after_the_server_was_started_again(
    visit: Callable[..., Page], server: Kept, tmp_path: Path, inside: Callable[..., Any]
) -> None:
    page = visit()
    page.upload("my place.tif", write_scene(tmp_path / "my place.tif", seed=5).read_bytes())
    page.choose(*K, 5).choose("selectbox", "Scaling", "none")
    page.edit_legend(LegendEvent({2: "Salt marsh"}, {2: "#123456"}, isolates=True, isolated=2))
    page.choose(*K, 6).choose("selectbox", "Picture", page.widget("selectbox", "Picture").options[1])
    inside(page, lambda: (kept.star(2, True), kept.note(3, "for the board"), kept.title(3, "Best")))
    page.run()
    before = looks(page), page.geotiff, page.recipe, page.tiles, page.title
    listed = inside(page, panel.panel_data)
    address = address_of(page)
    assert len(address) == 32
    server.start_again()
    again = visit(s=address)
    assert looks(again) == before[0]
    assert np.array_equal(again.geotiff, before[1])
    assert (again.recipe, again.title) == (before[2], before[4])
    assert inside(again, panel.panel_data) == listed | {"deleted": None}
    assert again.widget("selectbox", "Picture").value == page.widget("selectbox", "Picture").value
    again.choose(*K, 5)  # back to the map that was named
    assert [row["name"] for row in again.rows][1] == "Salt marsh"
    assert [row["colour"] for row in again.rows][1] == "#123456"
    assert inside(again, kept.now).number == 4


def test_the_map_that_names_classes_comes_back_until_it_is_taken_away(
    visit: Callable[..., Page], server: Kept, tmp_path: Path
) -> None:
    page = visit()
    page.upload("my place.tif", write_scene(tmp_path / "my place.tif", (48, 64)).read_bytes())
    path = write_raster(tmp_path / "m.tif", np.full((1, 48, 64), 80, np.uint8))
    page.upload_together(("sea.tif", path.read_bytes()), label="A map to name classes by")
    page.choose("toggle", "Take the map's colours too", True)
    suggested = [row["suggestion"] for row in page.rows]
    assert any(one and one["why"].endswith("in sea.tif.") for one in suggested)
    server.start_again()
    again = visit(s=address_of(page))
    assert [row["suggestion"] for row in again.rows] == suggested
    assert again.widget("toggle", "Take the map's colours too").value is True
    again.press("Take this map away")
    last = visit(s=address_of(page))
    assert not any(row["suggestion"] and "sea.tif" in row["suggestion"]["why"] for row in last.rows)
    assert any("suggested by sea.tif. Give it again" in one.value for one in last.test.caption)


def test_a_drawn_area_comes_back_and_can_be_changed(
    visit: Callable[..., Page], server: Kept, tmp_path: Path, inside: Callable[..., Any]
) -> None:
    page = visit()
    page.upload("my place.tif", write_scene(tmp_path / "my place.tif", seed=5).read_bytes())
    bounds = inside(page, lambda: state.loaded().scene.grid.bounds_lonlat)

    def draw(page: Page, share: float) -> None:
        west, south, east, north = bounds
        x, y = west + share * (east - west), south + share * (north - south)
        ring = [[west, south], [x, south], [x, y], [west, y], [west, south]]
        scene = inside(page, lambda: scene_token(drawn_area.scene_key(state.loaded().scene)))
        inside(page, lambda: drawn_area.take_drawn({"scene": scene, "rings": [ring]}))

    draw(page, 0.6)
    before, rings = page.geotiff, inside(page, lambda: state.loaded().drawn)
    assert 0 < (before > 0).mean() < 0.5
    assert len(rings) == 1
    address = address_of(page)
    server.start_again()
    again = visit(s=address)
    assert inside(again, lambda: state.loaded().drawn) == rings
    assert np.array_equal(again.geotiff, before)
    assert "Area 1 · " in again.words
    draw(again, 0.8)
    assert (again.geotiff > 0).sum() > (before > 0).sum()
    again.press("Use the whole scene again")
    assert (again.geotiff > 0).all()


def test_restoring_a_run_of_another_scene_after_that(
    visit: Callable[..., Page], server: Kept, tmp_path: Path, inside: Callable[..., Any]
) -> None:
    page = visit()
    page.upload("first.tif", write_scene(tmp_path / "first.tif", seed=1).read_bytes())
    labels = page.geotiff
    page.upload("second.tif", write_scene(tmp_path / "second.tif", seed=2).read_bytes())
    assert [one.run.scene_title for one in inside(page, kept.maps)] == ["Virginia coast", "first", "second"]
    server.start_again()
    again = visit(s=address_of(page))
    assert "second" in again.title
    assert all(row["can_restore"] for row in inside(again, panel.panel_data)["rows"])
    inside(again, lambda: kept.restore(2))
    assert "first" in again.title
    assert np.array_equal(again.geotiff, labels)


def test_a_scene_that_is_kept_no_longer_is_asked_for_and_brings_all_back(
    visit: Callable[..., Page], server: Kept, tmp_path: Path, inside: Callable[..., Any]
) -> None:
    server.limits = StoreLimits(most_bytes=1, free_disk_bytes=0)
    server.start_again()
    content = write_scene(tmp_path / "my place.tif", seed=5).read_bytes()
    page = visit()
    page.upload("my place.tif", content)
    page.choose(*K, 5).edit_legend(LegendEvent({1: "Lake"}))
    labels = page.geotiff
    server.start_again()
    again = visit(s=address_of(page))
    assert "Needs my place.tif" in again.words
    rows = {row["number"]: row for row in inside(again, panel.panel_data)["rows"]}
    assert [rows[n]["can_restore"] for n in (1, 2, 3)] == [True, False, False]
    assert rows[3]["needs"] == "Needs my place.tif"
    again.upload("another name.tif", content)
    assert all(row["can_restore"] for row in inside(again, panel.panel_data)["rows"])
    inside(again, lambda: kept.restore(3))
    assert again.rows[0]["name"] == "Lake"
    assert np.array_equal(again.geotiff, labels)


def test_an_address_that_leads_nowhere_is_said_and_not_taken(visit: Callable[..., Page], server: Kept) -> None:
    page = visit(s="x" * 32)
    assert "What this address kept is no longer here" in page.words
    assert "7 days" in page.words
    assert address_of(page) == ""
    page.choose(*K, 5)
    assert address_of(page) not in ("", "x" * 32)
    assert "no longer here" not in page.words


def test_an_address_that_cannot_be_read_just_now_stays(
    visit: Callable[..., Page], server: Kept, inside: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visit()
    page.choose(*K, 5)
    address = address_of(page)
    server.now["writer"].settle()

    def unread(address: str) -> None:
        raise SessionUnread

    with monkeypatch.context() as patch:
        patch.setattr(server.now["store"], "open", unread)
        again = visit(s=address)
        again.choose(*K, 6)
    assert "cannot be read just now" in again.words
    assert address_of(again) == address
    server.now["writer"].settle()
    assert [run.listed.run.recipe.k for run in server.now["store"].open(address).runs] == [8, 5]


def test_an_address_that_is_still_being_written_is_left_alone(
    visit: Callable[..., Page], server: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visit()
    page.choose(*K, 5)
    address = address_of(page)
    with monkeypatch.context() as patch:
        patch.setattr(server.now["writer"], "settle", lambda address: False)
        again = visit(s=address)
    assert "cannot be read just now" in again.words
    assert address_of(again) == address


def test_two_visitors_have_two_addresses_and_see_nothing_of_each_other(
    visit: Callable[..., Page], inside: Callable[..., Any]
) -> None:
    one, other = visit(), visit()
    one.choose(*K, 5)
    other.choose(*K, 6).choose(*K, 7)
    assert address_of(one) != address_of(other)
    assert [m.run.recipe.k for m in inside(visit(s=address_of(one)), kept.maps)] == [8, 5]
    assert [m.run.recipe.k for m in inside(visit(s=address_of(other)), kept.maps)] == [8, 6, 7]


def test_two_tabs_of_one_session_lose_none_of_their_runs(
    visit: Callable[..., Page], server: Kept, inside: Callable[..., Any]
) -> None:
    one = visit()
    one.choose(*K, 5)
    other = visit(s=address_of(one))
    one.choose(*K, 6)
    other.choose(*K, 7)
    found = inside(visit(s=address_of(one)), kept.maps)
    assert [m.run.recipe.k for m in found][:2] == [8, 5]
    assert sorted(m.run.recipe.k for m in found) == [5, 6, 7, 8]
    assert [m.number for m in found] == [1, 2, 3, 4]


def test_a_stale_tab_does_not_undo_what_another_said(
    visit: Callable[..., Page], server: Kept, inside: Callable[..., Any]
) -> None:
    one = visit()
    one.choose(*K, 5).choose(*K, 6)
    address = address_of(one)
    stale = visit(s=address)
    inside(one, lambda: (kept.title(1, "Best"), kept.delete(2)))
    server.now["writer"].settle()
    inside(stale, lambda: kept.restore(1))
    stale.run()
    server.now["writer"].settle()
    found = server.now["store"].open(address)
    assert [(run.listed.number, run.listed.title) for run in found.runs] == [(1, "Best"), (3, "")]
    assert found.shown == found.runs[0].key  # what it did itself is written


def test_forgetting_everything(
    visit: Callable[..., Page], server: Kept, tmp_path: Path, inside: Callable[..., Any]
) -> None:
    page = visit()
    page.upload("my place.tif", write_scene(tmp_path / "my place.tif", seed=5).read_bytes())
    page.edit_legend(LegendEvent({1: "Lake"}))
    old = address_of(page)
    server.now["writer"].settle()
    assert list(server.folder.rglob("*.tif"))
    inside(page, keeping.forget_everything)
    assert "Everything is forgotten" in page.words
    assert "Virginia coast" in page.title
    assert page.rows[0]["name"] == "Class 1"
    assert len(inside(page, kept.maps)) == 1
    assert not list(server.folder.rglob("*.tif"))
    assert "no longer here" in visit(s=old).words
    page.choose(*K, 5)
    assert address_of(page) not in ("", old)


def shown() -> LiveAnswer:
    """As much of the page's answer as a run is made of."""
    run, scene = kept.maps()[-1].run, state.loaded().scene
    result = SimpleNamespace(recipe=run.recipe, scene=scene, rows=())
    return cast(LiveAnswer, SimpleNamespace(result=result, scores=SimpleNamespace(), seconds=1.0))


@pytest.mark.parametrize("is_kept", [True, False])
def test_forgetting_takes_all_full_runs_that_go_on(
    visit: Callable[..., Page], server: Kept, inside: Callable[..., Any], is_kept: bool
) -> None:
    """From another page of the session too; where sessions are not kept, from the one that began them."""
    server.limits = replace(server.limits, kept_days=7 if is_kept else 0)
    server.start_again()
    page = visit()
    page.choose(*K, 5)
    tokens = []
    for _ in range(2):
        job = cast(FullJob, SimpleNamespace(is_kept=False))
        inside(page, lambda job=job: full_run._keep(shown(), job))
        tokens.append(page.test.query_params["run"])
    runs = services.kept_runs()
    assert all(runs.get(str(token)) for token in tokens)
    inside(visit(s=address_of(page)) if is_kept else page, keeping.forget_everything)
    assert not any(runs.get(str(token)) for token in tokens)


def test_what_could_not_be_forgotten_is_said_and_can_be_tried_again(
    visit: Callable[..., Page], server: Kept, inside: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visit()
    page.choose(*K, 5)
    address = address_of(page)
    with monkeypatch.context() as patch:
        patch.setattr(server.now["store"], "forget", lambda address: False)
        inside(page, keeping.forget_everything)
    assert "Not forgotten" in page.words
    assert "Everything is forgotten" not in page.words
    assert address_of(page) == address
    page.choose(*K, 6)
    server.now["writer"].settle()
    assert len(server.now["store"].open(address).runs) == 3  # it is kept as before
    inside(page, keeping.forget_everything)
    assert "Everything is forgotten" in page.words
    assert server.now["store"].open(address) is None


def test_a_tab_of_a_forgotten_session_keeps_nothing_and_says_so(
    visit: Callable[..., Page], server: Kept, inside: Callable[..., Any]
) -> None:
    one = visit()
    one.choose(*K, 5)
    other = visit(s=address_of(one))
    inside(other, keeping.forget_everything)
    one.choose(*K, 6)
    server.now["writer"].settle()
    one.run()
    assert "forgotten in another window" in one.words
    assert server.now["store"].open(address_of(one)) is None


@pytest.mark.parametrize("content", [b"no database" * 1000])
def test_the_page_works_without_keeping(visit: Callable[..., Page], server: Kept, content: bytes) -> None:
    server.folder.mkdir()
    (server.folder / "sessions.sqlite3").write_bytes(content)
    page = visit()
    page.choose(*K, 5).choose(*K, 6)
    server.now["writer"].settle()
    page.run()
    assert len(page.rows) == 6
    assert "nothing is kept beyond this page" in page.words
    assert (server.folder / "sessions.sqlite3").read_bytes() == content


def test_nothing_is_kept_where_the_server_is_told_so(visit: Callable[..., Page], server: Kept) -> None:
    server.limits = StoreLimits(kept_days=0)
    server.start_again()
    page = visit()
    page.choose(*K, 5).choose(*K, 6)
    assert address_of(page) == ""
    assert not server.folder.exists()


def test_a_run_that_this_s2dash_cannot_make_stays_in_the_list(
    visit: Callable[..., Page], server: Kept, inside: Callable[..., Any]
) -> None:
    page = visit()
    page.choose(*K, 5)
    server.now["writer"].settle()
    database, _ = server.now["store"]._parts()
    with database.transaction() as connection:
        connection.execute("UPDATE run SET listed = replace(listed, '\"kmeans\"', '\"of tomorrow\"')")
    again = visit(s=address_of(page))
    assert [m.run.recipe.algorithm for m in inside(again, kept.maps)][:2] == ["of tomorrow"] * 2
    assert len(again.rows) == 8


def test_runs_travel_as_a_file(
    visit: Callable[..., Page], server: Kept, tmp_path: Path, inside: Callable[..., Any]
) -> None:
    content = write_scene(tmp_path / "my place.tif", seed=5).read_bytes()
    page = visit()
    page.upload("my place.tif", content)
    page.choose(*K, 5).edit_legend(LegendEvent({1: "Lake"}, {1: "#123456"}))
    inside(page, lambda: (kept.star(3, True), kept.title(3, "Best")))
    rows, labels = page.rows, page.geotiff
    text = to_file(inside(page, lambda: [keeping.listed(one) for one in kept.maps()]))
    other = visit()
    assert inside(other, lambda: kept.bring_in(from_file(text))) == (2, 1, 0)  # the sample's map is there already
    assert inside(other, lambda: kept.bring_in(from_file(text))) == (0, 3, 0)
    listed = {row["number"]: row for row in inside(other, panel.panel_data)["rows"]}
    assert [listed[n]["needs"] for n in (1, 2, 3)] == ["", "Needs my place.tif", "Needs my place.tif"]
    assert (listed[3]["title"], listed[3]["star"]) == ("Best", True)
    inside(other, lambda: kept.restore(3))
    assert "Virginia coast" in other.title  # not before its scene is here, though the server has it of somebody else
    other.upload("my place.tif", content)
    inside(other, lambda: kept.restore(3))
    assert other.rows == rows
    assert np.array_equal(other.geotiff, labels)


def test_a_brought_run_whose_scene_is_shown_has_it_kept(
    visit: Callable[..., Page], tmp_path: Path, inside: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where its scene was not known as the one that had come."""
    content = write_scene(tmp_path / "my place.tif", seed=5).read_bytes()
    page = visit()
    page.upload("my place.tif", content)
    text = to_file(inside(page, lambda: [keeping.listed(one) for one in kept.maps()]))
    other = visit()
    inside(other, lambda: kept.bring_in(from_file(text)))
    monkeypatch.setattr(keeping, "match_arrived", lambda: None)
    other.upload("my place.tif", content)
    brought = inside(other, kept.now)
    assert brought.number == 2
    assert brought.loaded is not None
    assert brought.scene_key == scene_key(brought.loaded.scene)


def test_files_of_runs_that_cannot_be_used_are_refused_with_a_sentence(
    visit: Callable[..., Page], inside: Callable[..., Any]
) -> None:
    page = visit()
    good = to_file(inside(page, lambda: [keeping.listed(one) for one in kept.maps()]))
    wrong = [
        (b"\xff\xfe", "no text"),
        (b"[]", "should be a JSON object"),
        (b"{}", "runs"),
        (b'{"version": 9, "runs": []}', "form 9"),
        (b'{"runs": [{"number": 1}]}', "Run 1 of the file cannot be read"),
        (good.replace('"star": false', '"star": "yes"').encode(), "star"),
        (good.replace('"data:image/png;base64,', '"https://example.org/').encode(), "thumbnail"),
        (good.replace('"kmeans"', '"of tomorrow"').encode(), "cannot be made here"),
        (b" " * 20_000_001, "at most 20 MB"),
    ]
    for content, words in wrong:
        assert words in inside(page, partial(refusal, content))
    assert len(inside(page, kept.maps)) == 1


def test_as_many_runs_are_brought_in_as_there_is_room(
    visit: Callable[..., Page], inside: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "MOST_KEPT", 3)
    page = visit()
    (one,) = inside(page, lambda: [keeping.listed(one) for one in kept.maps()])
    others = [replace(one, number=n, run=replace(one.run, scene_digest=f"{n:x}")) for n in range(2, 7)]
    assert inside(page, lambda: kept.bring_in(others)) == (2, 0, 3)
    assert [m.run.scene_digest for m in inside(page, kept.maps)][1:] == ["5", "6"]
    assert "3 did not fit" in window._words(2, 0, 3)


def test_a_file_of_runs_does_not_stay_in_memory(
    visit: Callable[..., Page], inside: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    remove = MemoryUploadedFileManager.remove_file

    def recorded(self: MemoryUploadedFileManager, session_id: str, file_id: str) -> None:
        remove(self, session_id, file_id)
        held.append(len(self.file_storage[session_id]))

    monkeypatch.setattr(MemoryUploadedFileManager, "remove_file", recorded)
    page = visit()
    for content in (b"no runs", to_file(inside(page, lambda: [keeping.listed(one) for one in kept.maps()])).encode()):
        inside(page, lambda: state.WINDOW.set("runs"))
        page.upload_together(("runs.json", content), label="Bring in runs")
    assert held == [0, 0]


def test_numbers_without_data_may_have_been_chosen_in_any_order(tmp_path: Path) -> None:
    fills = tuple(Fill(value, (0, 1)) for value in (0.0, 65_535.0))
    scene = replace(make_scene(tmp_path), doubtful_fills=fills)
    shown = ingest.read_as(scene, SceneReading(nodata=(0.0, 65_535.0)))
    for chosen in ((0.0, 65_535.0), (65_535.0, 0.0)):
        run = Run(shown.digest, default_recipe(scene), reading=SceneReading(nodata=chosen))
        found = keeping._matched(KeptMap(1, run, "", "", None, Legend(())), Loaded(scene, (), None))
        assert found.loaded is not None


def test_no_more_is_promised_than_is_kept(visit: Callable[..., Page], inside: Callable[..., Any]) -> None:
    page = visit()
    inside(page, lambda: state.WINDOW.set("runs"))
    assert "a small picture of its map; not the scene" in page.run()._downloads["Export all runs"].help
    assert "the scene as long as the server has room" in inside(page, keeping.words)
