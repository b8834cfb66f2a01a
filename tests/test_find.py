"""Finding scenes in a catalogue: what is asked and understood, and which servers are never asked."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stac_server import COLLECTION, CONFORMS, StacApi, item
from waiting import PATIENCE_SECONDS
from web_server import FileServer, send_status, serving

from s2dash.cli.main import main
from s2dash.errors import BadSetting, InputError, NotFetched, UnknownName, UnreadableValue
from s2dash.find import door as door_module
from s2dash.find.addresses import is_public
from s2dash.find.catalogue import Catalogue, Hosts, catalogue_from
from s2dash.find.door import Door
from s2dash.find.items import scene_from
from s2dash.find.places import Box, box_around_geojson, box_from_numbers, town_of
from s2dash.find.search import Query, scenes_by_id, search
from s2dash.settings import FETCH_LIMITS

BAVARIA = Box(12.5, 48.9, 12.7, 49.1)
FILES = {"red": "https://files.example/B04.tif", "scl": "https://files.example/SCL.tif", "thumbnail": "https://x/t.jpg"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    with serving(tmp_path) as server:
        yield server


@pytest.fixture
def api(server: FileServer) -> StacApi:
    days = [("2024-05-03", 80.0), ("2024-06-02", 5.0), ("2024-07-30", 0.5), ("2024-08-19", 40.0), ("2024-09-01", 1.0)]
    api = StacApi(server, [item(f"S2A_T33UUU_{day.replace('-', '')}_L2A", day, cloud, FILES) for day, cloud in days])
    server.misbehave = api
    return api


DOORS: list[Door] = []


@pytest.fixture(autouse=True)
def _closed_doors() -> Iterator[None]:
    yield
    while DOORS:
        DOORS.pop().close()


def door_of(hosts: Hosts, pause: Callable[[float], None] = time.sleep) -> Door:
    """A door that is closed at the end of the test."""
    DOORS.append(Door(hosts, pause))
    return DOORS[-1]


def own(server: FileServer) -> Hosts:
    return Hosts(frozenset(), frozenset({server.address().split("/")[2]}))


def catalogue(api: StacApi) -> Catalogue:
    return Catalogue(api.root, COLLECTION, own(api.server))


def found(api: StacApi, **wanted: Any) -> list[str]:
    return [one.date for one in search(Query(BAVARIA, **wanted), catalogue(api), door_of(own(api.server)))]


def test_finds_the_newest_first_over_all_pages(api: StacApi) -> None:
    assert found(api) == ["2024-09-01", "2024-08-19", "2024-07-30", "2024-06-02", "2024-05-03"]
    assert found(api, most_scenes=3) == ["2024-09-01", "2024-08-19", "2024-07-30"]


@pytest.mark.parametrize("conforms", [CONFORMS, CONFORMS[:3]], ids=["asks about clouds", "looks itself"])
def test_finds_what_has_few_clouds_in_time(api: StacApi, conforms: list[str]) -> None:
    api.conforms = conforms
    days = {"first": date(2024, 6, 2), "last": date(2024, 8, 19)}
    assert found(api, **days) == ["2024-08-19", "2024-07-30", "2024-06-02"]
    assert found(api, **days, most_cloud=10) == ["2024-07-30", "2024-06-02"]


def test_the_newest_are_found_where_nobody_sorts(api: StacApi) -> None:
    api.conforms = CONFORMS[:2]
    assert found(api, most_scenes=2) == ["2024-09-01", "2024-08-19"]


def test_finds_nothing_elsewhere(api: StacApi) -> None:
    assert search(Query(Box(0, 0, 1, 1)), catalogue(api), door_of(own(api.server))) == ()


def test_finds_by_name_in_the_order_asked(api: StacApi) -> None:
    names = [api.items[3]["id"], api.items[0]["id"]]
    assert [one.id for one in scenes_by_id(names, catalogue(api), door_of(own(api.server)))] == names
    with pytest.raises(NotFetched, match="no scene S2A_other"):
        scenes_by_id(["S2A_other"], catalogue(api), door_of(own(api.server)))


def test_the_command_prints_table_and_json(
    api: StacApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("S2DASH_FIND_CATALOGUE", api.root)
    monkeypatch.setenv("S2DASH_FIND_OWN_HOSTS", api.root.split("/")[2])
    words = ["find", "--bbox", "12.5,48.9,12.7,49.1", "--from", "2024-07-01", "--cloud", "10"]
    assert main(words) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["date", "clouds", "tile", "id"]
    assert [row.split()[0] for row in rows] == ["2024-09-01", "2024-07-30"]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["tile"] for one in told["scenes"]] == ["33UUU", "33UUU"]
    assert main([*words, "--to", "2024-07-02"]) == 0
    assert capsys.readouterr().out.startswith("No scene fits.")


def test_is_off_where_the_address_is_empty() -> None:
    assert catalogue_from({}).collection == COLLECTION
    with pytest.raises(BadSetting, match="turned off"):
        catalogue_from({"S2DASH_FIND_CATALOGUE": " "})
    with pytest.raises(BadSetting, match="no address"):
        catalogue_from({"S2DASH_FIND_CATALOGUE": "stac"})


def test_an_item_is_understood() -> None:
    scene = scene_from(item("S2A_T33UUU_20240730T101031_L2A", "2024-07-30", 0.5, FILES))
    assert [(one.name, one.scale, one.offset) for one in scene.bands] == [("B04", 0.0001, -0.1), ("SCL", 1.0, 0.0)]
    assert (scene.date, scene.tile, scene.cloud, scene.thumbnail) == ("2024-07-30", "33UUU", 0.5, FILES["thumbnail"])
    assert scene.footprint[0][0] == (12.0, 48.6)


@pytest.mark.parametrize(("baseline", "offset"), [("05.10", -0.1), ("04.00", -0.1), ("03.01", 0.0), ("02.14", 0.0)])
def test_without_stated_numbers_the_baseline_tells(baseline: str, offset: float) -> None:
    one = item("S2A_33UUU", "2024-07-30", 0.5, FILES, **{"s2:processing_baseline": baseline})
    del one["assets"]["red"]["raster:bands"]
    assert scene_from(one).bands[0].offset == offset


def test_the_older_collection_is_known_by_its_flag() -> None:
    old = item("S2A_33UUU", "2024-07-30", 0.5, FILES, **{"earthsearch:boa_offset_applied": True})
    assert not scene_from(old).has_doubtful_offset
    assert scene_from(old | {"collection": "sentinel-2-l2a"}).has_doubtful_offset


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["id", "properties", "assets", "geometry", "red", "said"]), json_values)
def test_whatever_an_item_holds_is_a_scene_or_a_sentence(key: str, value: Any) -> None:
    one = item("S2A_33UUU", "2024-07-30", 0.5, FILES)
    place = {"red": one["assets"], "said": one["properties"]}.get(key, one)
    for name in [*place] if key == "said" else [key]:
        place[name] = value
    try:
        scene = scene_from(one)
    except UnreadableValue:
        return
    assert scene.id.isprintable()
    assert all(band.address for band in scene.bands)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"),
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "nonsense", ""),
    ],
)
def test_private_addresses_are_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "52.218.1.1", "2600:1f14::1", "64:ff9b::808:808"])
def test_public_addresses_are_known(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("https://elsewhere.example/a", "none of the servers"),
        ("https://files.example:8443/a", "none of the servers"),
        ("https://files.example.evil.example/a", "none of the servers"),
        ("http://files.example/a", "of http"),
        ("https://me:secret@files.example/a", "none of a server"),
        ("ftp://files.example/a", "none of a server"),
        ("file:///etc/passwd", "none of a server"),
        ("https://files.example:port/a", "none of a server"),
        ("https://files.example/a b", "none of a server"),
        ("https://[::1/a", "none of a server"),
    ],
)
def test_only_listed_servers_are_asked(address: str, words: str) -> None:
    with pytest.raises(NotFetched, match=words) as caught:
        door_of(Hosts(frozenset({"files.example"}))).ask(address, 10)
    assert "secret" not in str(caught.value)


def test_a_listed_name_with_a_private_address_is_not_asked(server: FileServer) -> None:
    port = server.address().split("/")[2].partition(":")[2]
    door = door_of(Hosts(frozenset({f"localhost:{port}", f"127.0.0.1:{port}"})))
    for host in ("localhost", "127.0.0.1"):
        with pytest.raises(NotFetched, match="not of the public internet"):
            door.ask(f"https://{host}:{port}/data/a.tif", 10)
    assert server.asked == []


def test_a_name_is_resolved_once_for_a_connection(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: whoever looks first and connects by name afterwards gets another address the second time."""
    port = int(server.address().split("/")[2].partition(":")[2])
    asked: list[str] = []

    def rebinding(host: str, *rest: Any, **options: Any) -> list[Any]:
        if host != "rebind.example":
            return usual(host, *rest, **options)
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "10.255.255.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    usual = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    (server.folder / "a.tif").write_bytes(b"content")
    door = door_of(Hosts(frozenset(), frozenset({f"rebind.example:{port}"})))
    assert door.ask(f"http://rebind.example:{port}/data/a.tif", 100).body == b"content"
    assert asked == ["rebind.example"]


def test_redirections_lead_to_listed_servers_only(server: FileServer) -> None:
    (server.folder / "b.tif").write_bytes(b"content")
    places = {
        "here": "/data/b.tif",
        "away": "https://evil.example/b",
        "inside": "http://169.254.169.254/",
        "round": "round",
    }
    server.misbehave = lambda handler: (
        (name := handler.path.rpartition("/")[2]) in places and send_status(handler, 302, Location=places[name])
    )
    door = door_of(own(server))
    assert door.ask(server.address("here"), 100).body == b"content"
    for name, words in (("away", "evil.example is not"), ("inside", "169.254.169.254 is not"), ("round", "sends on")):
        with pytest.raises(NotFetched, match=words):
            door.ask(server.address(name), 100)


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "may have run out"), (404, "no such file"), (418, "status 418"), (500, "out of order")],
)
def test_each_refusal_is_a_sentence_without_the_query(server: FileServer, status: int, words: str) -> None:
    server.misbehave = lambda handler: send_status(handler, status)
    with pytest.raises(NotFetched, match=words) as caught:
        door_of(own(server), lambda seconds: None).ask(server.address("a.tif?signature=secret"), 100)
    assert "secret" not in str(caught.value)
    assert len(server.asked) == (3 if status == 500 else 1)


def test_waits_as_long_as_a_busy_server_asks(server: FileServer) -> None:
    (server.folder / "a.tif").write_bytes(b"content")
    waited: list[float] = []
    server.misbehave = lambda handler: not waited and send_status(handler, 429, **{"Retry-After": "7"})
    assert door_of(own(server), waited.append).ask(server.address("a.tif"), 100).body == b"content"
    assert waited == [7.0]


def test_does_not_wait_beyond_its_bounds(server: FileServer) -> None:
    waited: list[float] = []
    server.misbehave = lambda handler: send_status(handler, 429, **{"Retry-After": "86400"})
    with pytest.raises(NotFetched, match="wait 86,400 s"):
        door_of(own(server), waited.append).ask(server.address("a.tif"), 100)
    assert waited == []


def cut(handler: Any) -> bool:
    """Say 100 bytes, send 3, and close."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"abc")
    handler.close_connection = True
    return True


def test_a_cut_answer_is_a_sentence(server: FileServer) -> None:
    server.misbehave = cut
    with pytest.raises(NotFetched, match="broke off"):
        door_of(own(server), lambda seconds: None).ask(server.address("a.tif"), 1_000)


@pytest.mark.parametrize("is_begun", [False, True], ids=["says nothing", "stops within"])
def test_a_slow_server_is_given_up(server: FileServer, monkeypatch: pytest.MonkeyPatch, is_begun: bool) -> None:
    monkeypatch.setattr(door_module, "FETCH_LIMITS", replace(FETCH_LIMITS, timeout_seconds=1))
    over = threading.Event()

    def wait(handler: Any) -> bool:
        if is_begun:
            handler.send_response(200)
            handler.send_header("Content-Length", "100")
            handler.end_headers()
            handler.wfile.write(b"abc")
        over.wait(PATIENCE_SECONDS)
        handler.close_connection = True
        return True

    server.misbehave = wait
    try:
        with pytest.raises(NotFetched, match="too slow"):
            door_of(own(server), lambda seconds: None).ask(server.address("a.tif"), 1_000)
    finally:
        over.set()


def test_an_answer_that_drips_is_given_up(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "FETCH_LIMITS", replace(FETCH_LIMITS, most_seconds=0))
    (server.folder / "a.tif").write_bytes(b"content")
    with pytest.raises(NotFetched, match="too slow"):
        door_of(own(server), lambda seconds: None).ask(server.address("a.tif"), 1_000)


def test_a_large_answer_is_given_up(server: FileServer) -> None:
    (server.folder / "a.tif").write_bytes(bytes(1_000))
    with pytest.raises(NotFetched, match="larger than 999 bytes"):
        door_of(own(server)).ask(server.address("a.tif"), 999)


def test_a_catalogue_that_is_none_is_a_sentence(server: FileServer) -> None:
    (server.folder / "stac").write_bytes(b"<html>")
    with pytest.raises(NotFetched, match="not one of a STAC API"):
        search(Query(BAVARIA), Catalogue(server.address("stac"), COLLECTION, own(server)), door_of(own(server)))


def test_a_catalogue_cannot_name_a_file_of_this_machine(api: StacApi, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps({"type": "FeatureCollection", "features": [api.items[0]]}), encoding="utf-8")
    usual = api._search
    links = [{"rel": "next", "href": str(secret)}]
    api._search = lambda question: usual(question) | {"links": links}  # type: ignore[method-assign]
    with pytest.raises(InputError):
        found(api)


def test_boxes() -> None:
    assert box_from_numbers("9.9,48.3,10.1,48.5") == Box(9.9, 48.3, 10.1, 48.5)
    assert box_around_geojson('{"type":"Polygon","coordinates":[[[1,2],[3,2,9],[3,4],[1,2]]]}') == Box(1, 2, 3, 4)
    for text in ("1,2,3", "3,2,1,4", "1,2,3,nan", "a,b,c,d", "0,0,1,91", ""):
        with pytest.raises(UnreadableValue, match="no box"):
            box_from_numbers(text)
    for text in ("", "{}", "[" * 100_000, '{"type":"Point"}'):
        with pytest.raises(UnreadableValue, match="no GeoJSON"):
            box_around_geojson(text)


def test_towns_by_name_and_country() -> None:
    assert (town_of("Paris").country, town_of("paris, US").country, town_of("Paris, United States").country) == (
        *("FR", "US", "US"),
    )
    ulm = town_of("ULM")
    assert ulm.box.west < ulm.longitude < ulm.box.east
    assert ulm.country == "DE"
    assert town_of("München").name == town_of("Munchen").name == "Munich"
    with pytest.raises(UnknownName, match="No town"):
        town_of("Nowhere at all")
