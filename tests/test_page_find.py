"""The window `Find a scene`: what it asks and shows, what it loads, and what it says where that cannot be."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from found_page import DAYS, FindPage, catalogue_of, settings_of, write_tile
from scenes import make_scene
from stac_server import StacApi
from waiting import wait_until
from web_server import send_status

from s2dash.find.towns import labels_of, towns_like
from s2dash.ui import services

pytestmark = pytest.mark.filterwarnings("ignore:The PySTAC Label Extension")  # imported by a search, on its thread


@pytest.fixture(scope="module")
def tile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tile")
    write_tile(folder)
    return folder


@pytest.fixture
def api(tile: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StacApi]:
    with catalogue_of(tile) as api:
        for name, value in settings_of(api).items():
            monkeypatch.setenv(name, value)
        yield api


@pytest.fixture(autouse=True)
def _sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = make_scene(tmp_path)
    monkeypatch.setattr(services, "sample_scene", lambda key="coast": scene)


def load(page: FindPage) -> FindPage:
    """Press Load, and wait for the end."""
    return finish(page.press("Load"), "reading a scene")


def finish(page: FindPage, job: str) -> FindPage:
    """Wait for what is being loaded."""
    if job in page.test.session_state:
        wait_until(lambda: page.test.session_state[job].is_done)
        page.run()
    return page


def test_what_is_found_is_listed_newest_first(api: StacApi) -> None:
    page = FindPage().search()
    places = [page.rows.index(words) for words in ("30 Jul 2024", "2 Jun 2024", "3 May 2024")]
    assert places == sorted(places)
    assert page.rows.count('0 % <small aria-hidden="true">here</small>') == len(DAYS)  # though the tile has some
    assert "Tile 32UNU" in page.rows
    assert page.rows.count("data:image/png;base64,") == len(DAYS)
    assert api.asked[0]["bbox"] == pytest.approx([9.924, 48.353, 10.059, 48.443], abs=0.01)
    assert page.widget("button", "Search")
    assert "Choose a day to load." in page.words


def test_a_found_scene_is_loaded_as_a_file_is(api: StacApi) -> None:
    page = FindPage().search().choose("2024-07-30")
    assert "to fetch" in page.words
    load(page)
    scene = page.test.session_state["loaded"].scene
    assert (scene.title, scene.date, scene.band_names) == ("Ulm", "2024-07-30", ("B02", "B03", "B04", "B08", "B11"))
    assert (scene.reflectance.quantification, 9 in scene.mask_classes) == (10_000, True)
    assert scene.grid.pixel_size == (20, 20)
    assert abs(scene.grid.width - 500) < 15
    assert "window" not in page.test.session_state
    assert "Ulm" in page.words


def test_bands_and_pixels_are_as_chosen(api: StacApi) -> None:
    page = FindPage().search().choose("2024-06-02")
    page.test.session_state["find pixel chosen"] = 60
    load(page.set("multiselect", "Bands to load", ["B04", "B08"]))
    scene = page.test.session_state["loaded"].scene
    assert scene.band_names == ("B04", "B08")
    assert scene.grid.pixel_size == (60, 60)


def test_what_is_not_found_is_a_sentence(api: StacApi) -> None:
    page = FindPage("").search()
    assert "Type a place first" in page.words
    page.set("text_input", "Place", "Qqqqq")
    assert "No town of 15,000 people" in page.search().words
    assert api.asked == []
    page.test.session_state["find cloud chosen"] = 0
    assert "No scene fits." in page.set("text_input", "Place", "Ulm").search().words


def refuse(status: int, **headers: str) -> Any:
    return lambda handler: send_status(handler, status, **headers)


def test_a_catalogue_that_fails_is_a_sentence(api: StacApi) -> None:
    page = FindPage()
    for fault, words in (
        (refuse(403), "refuses access"),
        (refuse(429, **{"Retry-After": "9999"}), "asks to wait 9,999 s"),
        (refuse(302, Location="https://evil.example/"), "evil.example is not asked"),
    ):
        api.server.misbehave = fault
        assert words in page.search().words
        assert page.has("button", "Choose a scene from files")
    assert "Up to date" in page.words


def test_a_server_without_internet_says_so(api: StacApi, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_names(*asked: Any, **options: Any) -> Any:
        raise socket.gaierror

    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setenv("S2DASH_FIND_CATALOGUE", "https://catalogue.example/v1")
    monkeypatch.setattr("s2dash.find.addresses.socket.getaddrinfo", no_names)
    page = FindPage().search()
    assert "no server of this name is found. Check the network." in page.words


def test_where_it_is_turned_off_the_window_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2DASH_FIND_CATALOGUE", "")
    page = FindPage()
    assert "turned off on this server" in page.words
    assert not page.has("button", "Search")
    assert "Up to date" in page.words


def test_files_that_fail_leave_the_page_as_it_was(api: StacApi) -> None:
    page = FindPage().search().choose("2024-07-30")
    before = page.title
    fault = refuse(403)
    api.server.misbehave = lambda handler: api(handler) or fault(handler)
    load(page)
    assert "cannot be read" in page.words
    assert "The map still shows the last scene." in page.words
    assert page.title == before


def test_a_loading_that_is_cancelled_leaves_nothing(api: StacApi, monkeypatch: pytest.MonkeyPatch) -> None:
    page = FindPage().search().choose("2024-07-30")
    before = page.title
    monkeypatch.setattr("s2dash.ui.uploads._AT_ONCE_SECONDS", 0)
    monkeypatch.setattr("s2dash.ui.find.loading.LOAD_TURNS._most", 0)
    page.press("Load")
    job = page.test.session_state["reading a scene"]
    page.press("Cancel")
    wait_until(lambda: job.is_done)
    assert page.run().title == before
    assert not job.folder.path.exists()


def test_small_pictures_that_are_none_are_left_out(api: StacApi, tile: Path) -> None:
    for one in api.items:
        one["assets"]["thumbnail"]["href"] = api.server.address("B02.tif")
    page = FindPage().search()
    assert "<img" not in page.rows
    assert "30 Jul 2024" in page.rows


def test_towns_are_suggested_by_the_beginning_of_their_names() -> None:
    assert next(iter(labels_of(towns_like("münch")))) == "Munich, Germany"
    assert [*labels_of(towns_like("Ulm, Ger"))] == ["Ulm, Germany"]
    springfields = labels_of(towns_like("Springfield, US"))
    assert len(springfields) == 6
    assert "Springfield, United States (37.2° N, 93.3° W)" in springfields
    assert towns_like("u") == towns_like(" ,DE") == ()
    populations = [one.population for one in springfields.values()]
    assert populations == sorted(populations, reverse=True)


def test_a_town_of_another_country_can_be_meant(api: StacApi) -> None:
    page = FindPage("Springfield")
    pills = next(one for one in page.test.get("button_group") if one.label == "Which one")
    assert len(pills.options) == 6
    assert np.all(["Springfield" in one for one in pills.options])


def test_footprints_and_towns_are_on_a_small_map(api: StacApi) -> None:
    drawn = FindPage().search().finding.map
    assert [drawn.count(f'data-id="{one["id"]}"') for one in api.items] == [1, 1, 1]
    assert ">Ulm</text>" in drawn
    assert drawn.count('class="ground"') == 1


def test_several_days_become_one_picture_without_clouds(api: StacApi) -> None:
    page = FindPage().search().choose("2024-07-30", "2024-06-02")
    assert not page.has("button", "Load")
    page.press("Cloud-free picture of these")
    finish(page, "reading a scene")
    scene = page.test.session_state["loaded"].scene
    assert (scene.title, scene.date) == ("Ulm, 2 dates", None)
    assert scene.band_names == ("B02", "B03", "B04", "B08", "B11")


def test_several_days_become_many_scenes(api: StacApi) -> None:
    page = FindPage().search().choose("2024-07-30", "2024-06-02")
    page.press("Many scenes of these")
    finish(page, "loading found files")
    assert page.test.session_state["window"] == "many scenes"
    assert "Found: Ulm-2024-07-30-32UNU.tif, Ulm-2024-06-02-32UNU.tif" in page.words
    assert not page.widget("button", "Start").disabled
    paths = page.test.session_state["many scenes found"].result()
    assert [path.name for path in paths] == ["Ulm-2024-07-30-32UNU.tif", "Ulm-2024-06-02-32UNU.tif"]
    page.press("Take them out")
    assert page.widget("button", "Start").disabled


def test_a_picture_without_clouds_is_of_one_tile(api: StacApi) -> None:
    api.items[1]["properties"]["grid:code"] = "MGRS-32UMU"
    page = FindPage().search().choose("2024-07-30", "2024-06-02")
    assert page.widget("button", "Cloud-free picture of these").disabled
    assert "a cloud-free picture takes days of one tile" in page.words
