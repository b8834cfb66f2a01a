"""Two dates on the page's map: what begins and ends it, what map, bar and panel say, what follows a change."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from page_driver import Downloads, InPage, Page, actor, downloads, start
from rasterio.io import MemoryFile
from scenes import open_scene, write_scene
from waiting import wait_until

from s2dash.batch.change.change_map import NO_CHANGE
from s2dash.core.scene import Scene
from s2dash.tiles.placing import map_bounds
from s2dash.ui import services, state
from s2dash.ui.compare import panel as compare_panel
from s2dash.ui.legend_event import LegendEvent
from s2dash.ui.loaded import Loaded
from s2dash.ui.state import dates as held
from s2dash.ui.two_dates import now
from s2dash.ui.two_dates import panel as dates_panel
from s2dash.ui.two_dates.on_map import change_table, map_key
from s2dash.ui.two_dates.scenes import begin_dates, stop_dates
from s2dash.ui.two_dates.values import Look, TwoDates

__all__ = ["downloads", "start"]  # fixtures
K = ("slider", "Number of classes (k)")
VIEW = ("button_group", "Two dates")
UPLOADER = "Picture of another date"
SIX = ("B02", "B03", "B04", "B08", "B11", "B12")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scene, Scene]:
    folder = tmp_path_factory.mktemp("dates")
    here = write_scene(folder / "here.tif", (60, 80), SIX)
    other = write_scene(folder / "other.tif", (60, 80), SIX, seed=5, nodata=0, masked=[(slice(0, 10), slice(0, 20))])
    return replace(open_scene(here), date="2016-01-12"), replace(open_scene(other), date="2020-05-03")


@pytest.fixture
def page(start: Callable[[Scene], Page], scenes: tuple[Scene, Scene]) -> Page:
    return start(scenes[0]).choose(*K, 4)


@pytest.fixture
def in_page(page: Page, monkeypatch: pytest.MonkeyPatch) -> InPage:
    return actor(page, monkeypatch)


def told(page: Page) -> dict[str, Any] | None:
    """What the panel is told; None while no dates are compared."""
    components = [json.loads(component.proto.json) for component in page.test.get("bidi_component")]
    return next((one for one in components if "sides" in one), None)


def compare(page: Page, in_page: InPage, other: Scene) -> dict[str, Any]:
    in_page(lambda: begin_dates(Loaded(other)))
    page.run()
    found = told(page)
    assert found is not None, page.words
    return found


def map_message(page: Page) -> str:
    return str(json.loads(page.test.get("component_instance")[0].proto.json_args)["feature_group"])


def shown_dates(page: Page) -> Any:
    """What the page's panel was drawn from."""
    return page.test.session_state["other date: comparison"][1].result()


def test_both_dates_stand_beside_each_other(page: Page, in_page: InPage, scenes: tuple[Scene, Scene]) -> None:
    before = page.tiles
    found = compare(page, in_page, scenes[1])
    change = shown_dates(page).change
    assert found["title"] == "12 Jan 2016 and 3 May 2020"
    assert [row["number"] for row in found["table"]["rows"]] == [1, 2, 3, 4]
    assert 1 <= len(found["moves"]) <= 8
    assert "2.0 ha missing or left out on the later date" in found["table"]["one_sided"]
    assert "Comparing 12 Jan 2016 with 3 May 2020 · **every pixel is counted**" in page.words
    assert change.found.table.counts.sum() == 60 * 80
    assert len(page.tiles) == 4  # picture, right, left, what changed
    assert before[1] in page.tiles  # the first date's classes are those of the page
    assert "12 Jan 2016: classes" in page.widget("selectbox", "On the left").options
    assert "3 May 2020: true colour" in page.widget("selectbox", "On the right").options


def test_a_file_is_compared_as_it_comes(page: Page, scenes: tuple[Scene, Scene]) -> None:
    page.press("Compare with another date")
    page.upload_together(("other.tif", Path(scenes[1].paths[0]).read_bytes()), label=UPLOADER)
    page.run()
    found = told(page)
    assert found is not None
    assert found["title"].startswith("12 Jan 2016 and other")
    assert "window" not in page.test.session_state


def test_a_file_that_is_no_picture_is_refused_in_place(page: Page) -> None:
    page.press("Compare with another date")
    page.upload_together(("other.tif", b"Dear all"), label=UPLOADER)
    assert "other.tif" in page.words
    assert told(page) is None


def test_a_date_of_other_bands_says_which_and_the_way_out_stays(
    page: Page, in_page: InPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poor = open_scene(write_scene(tmp_path / "poor.tif", (60, 80), ("B02", "B03")))
    in_page(lambda: begin_dates(Loaded(poor)))
    page.run()
    assert "The dates are not compared" in page.words
    assert "B04" in page.words
    page.press("Stop comparing")
    assert "The dates are not compared" not in page.run().words
    assert held.OTHER_DATE.key not in page.test.session_state


def test_the_change_view_has_its_key_and_a_picture_of_either_date(
    page: Page, in_page: InPage, scenes: tuple[Scene, Scene]
) -> None:
    compare(page, in_page, scenes[1])
    page.choose(*VIEW, "Change")
    assert r"\"view\": \"Differ\"" in map_message(page)
    picture = page.tiles[0]
    page.choose("selectbox", "Picture beneath", Look(False, "True colour"))
    assert page.tiles[0] != picture
    assert page.run().widget("selectbox", "Picture beneath").options[0] == "12 Jan 2016: true colour"


def test_a_change_is_pointed_out_and_let_go_again(
    page: Page, in_page: InPage, scenes: tuple[Scene, Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = compare(page, in_page, scenes[1])
    every, pair = page.tiles[3], found["moves"][0]["pair"]

    def act(count: int, **action: Any) -> None:
        monkeypatch.setattr(compare_panel, "sent", lambda key, name: [{"count": count, **action}])
        moves = [move.pair for move in shown_dates(page).change.found.moves]
        in_page(lambda: compare_panel._receive(held.DATES_PANEL, partial(dates_panel._carry_out, moves)))

    act(1, kind="move", pair=pair)
    assert [move["chosen"] for move in (told(page) or {})["moves"]][:2] == [True, False]
    assert page.widget(*VIEW).value == "Change"
    assert page.tiles[3] != every
    act(2, kind="move", pair=pair)
    assert page.tiles[3] == every
    act(3, kind="move", pair=[9, 9])
    assert page.tiles[3] == every
    act(4, kind="stop")
    assert told(page) is None


def test_another_number_of_classes_is_followed_and_a_name_needs_no_counting(
    page: Page, in_page: InPage, scenes: tuple[Scene, Scene]
) -> None:
    compare(page, in_page, scenes[1])
    job = page.test.session_state["other date: comparison"][1]
    page.edit_legend(LegendEvent({1: "Open sea"}))
    found = told(page)
    assert found is not None
    assert found["table"]["rows"][0]["name"] == "Open sea"
    assert page.test.session_state["other date: comparison"][1] is job
    page.choose(*K, 5)
    page.run()
    found = told(page)
    assert found is not None
    assert len(found["table"]["rows"]) == 5


def test_leaving_brings_everything_back(page: Page, in_page: InPage, scenes: tuple[Scene, Scene]) -> None:
    page.choose("button_group", "Panel", "Classes")
    before = page.tiles
    compare(page, in_page, scenes[1])
    in_page(stop_dates)
    page.run()
    assert told(page) is None
    assert page.tiles == before
    assert in_page(state.PANEL.get) == "Classes"
    assert page._found("selectbox", "Picture") is not None


def test_another_scene_ends_it(page: Page, in_page: InPage, scenes: tuple[Scene, Scene]) -> None:
    compare(page, in_page, scenes[1])
    in_page(lambda: state.LOADED.set(Loaded(scenes[1])))
    page.run()
    assert told(page) is None


def test_the_files_hold_what_is_shown(
    page: Page, in_page: InPage, scenes: tuple[Scene, Scene], downloads: Downloads
) -> None:
    compare(page, in_page, scenes[1])
    change = shown_dates(page).change
    with MemoryFile(downloads["Change map (GeoTIFF)"].content()) as file, file.open() as dataset:
        assert np.count_nonzero(dataset.read(1) > NO_CHANGE) == change.found.moved.count
    book = openpyxl.load_workbook(BytesIO(downloads["Transitions (Excel)"].content()))
    assert "Hectares" in book.sheetnames
    assert downloads["Flow picture (SVG)"].content().startswith(b"<svg")


def test_what_is_handed_over_tells_of_both_dates(page: Page, in_page: InPage, scenes: tuple[Scene, Scene]) -> None:
    assert "Change map (GeoTIFF)" not in page.downloads
    in_page(state.close_window)
    compare(page, in_page, scenes[1])
    change = shown_dates(page).change
    found = page.downloads
    book = openpyxl.load_workbook(BytesIO(found["Tables (Excel)"].content()))
    assert {"Areas", "Transitions, hectares", "Transitions, pixels", "Changes", "Two dates"} <= set(book.sheetnames)
    assert book["Transitions, pixels"].cell(book["Transitions, pixels"].max_row, 7).value == 60 * 80
    assert book["Changes"].max_row == 1 + np.count_nonzero(change.found.table.counts)
    report = found["Report (HTML)"].content().decode()
    assert "What changed" in report
    assert "From 12 Jan 2016 to 3 May 2020" in report
    made = found["Change map (GeoTIFF)"]
    assert made.file_name == "2016-01-12-to-2020-05-03-change.tif"
    assert not made.disabled


def test_the_key_counts_all_ground_once_and_each_pair_has_its_colour(
    page: Page, in_page: InPage, scenes: tuple[Scene, Scene]
) -> None:
    compare(page, in_page, scenes[1])
    found = shown_dates(page)
    dates = TwoDates(page.test.session_state["other date"], found, found.change, ("a", "b"))
    kinds, colours = change_table(dates)
    assert kinds[0, 0] == 0
    assert colours[0, 3] == 0
    assert len({int(kinds[n, n]) for n in range(1, 5)}) == 1
    for move in found.change.found.moves:
        entry = next(one for one in found.change.entries if one.id == move.pair[1])
        assert bytes(colours[kinds[move.pair], :3]).hex() == entry.colour[1:]
    figures = [float(line["lead"].split(" ")[0].replace(",", "")) for line in map_key(dates)]
    assert sum(figures) == pytest.approx(60 * 80 / 100, abs=0.05 * len(figures))
    chosen = replace(dates, other=replace(dates.other, move=found.change.found.moves[0].pair))
    kinds, colours = change_table(chosen)
    assert [line["kind"] for line in map_key(chosen)] == ["change", "others", "stayed", "one-sided"]
    assert np.count_nonzero(colours[kinds[kinds > 0], 3] == 255) > 0


@pytest.mark.slow
def test_large_scenes_are_waited_for_and_shown_in_every_pixel(
    start: Callable[[Scene], Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    three = ("B03", "B04", "B08")
    here, other = (
        open_scene(write_scene(tmp_path / f"{name}.tif", (1100, 1000), three, seed=seed))
        for name, seed in (("here", 1), ("other", 2))
    )
    assert here.live_step == 2
    page = start(here)
    in_page = actor(page, monkeypatch)
    monkeypatch.setattr(now, "_AT_ONCE_SECONDS", 0.0)
    monkeypatch.setattr(now, "_LOOK_SECONDS", 0.0)
    in_page(lambda: begin_dates(Loaded(other)))
    assert told(page) is None
    assert page._found("button", "Cancel") is not None
    found = wait_until(lambda: told(page.run()))
    assert found["title"] == "here and other"
    table = shown_dates(page).change.found.table
    assert table.counts.sum() == 1100 * 1000
    picture = services.tile_store().get(page.tiles[3])
    assert picture is not None
    assert picture.detail is not None
    (south, west), (north, east) = map_bounds(here.grid)
    x, y = web_tile(14, (west + east) / 2, (south + north) / 2)
    pixels = picture.detail.tile(16, 4 * x + 2, 4 * y + 2, 256)
    assert pixels is not None
    assert set(np.unique(pixels)) <= {0, *range(1, 9), 253}


def web_tile(z: int, longitude: float, latitude: float) -> tuple[int, int]:
    """The web tile of a place."""
    turn = math.asinh(math.tan(math.radians(latitude))) / math.pi
    return int((longitude + 180) / 360 * 2**z), int((1 - turn) / 2 * 2**z)
