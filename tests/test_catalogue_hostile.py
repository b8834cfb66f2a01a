"""Items and files that a catalogue must not hurt by: each gives a sentence or a scene, and leaves nothing."""

from __future__ import annotations

import json
import re
import resource
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import rasterio
from answers import wrong_words
from hostile_catalogue import ADDRESSES, COGS, ID, ITEMS, LEFT, SECRET, SIDE, TOP, good_cog, good_item, page_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.warp import transform_bounds
from stac_server import COLLECTION, StacApi, item
from test_file_fuzz import Damage, damages
from web_server import FileServer, send_status, serving

from s2dash.errors import S2DashError
from s2dash.export.contents import staged
from s2dash.find.catalogue import Catalogue, Hosts
from s2dash.find.cutting import write_cut
from s2dash.find.door import Door, door_to
from s2dash.find.items import scene_from
from s2dash.find.places import Box
from s2dash.find.search import Query, scenes_by_id, search

GROUND = Box(*transform_bounds("EPSG:32633", "EPSG:4326", LEFT + 5, TOP - SIDE * 10 + 5, LEFT + SIDE * 10 - 5, TOP - 5))
MOST_MB = 300
"""That the reading of one hostile file may add."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    (tmp_path / "files").mkdir()
    with serving(tmp_path / "files") as server:
        yield server


@pytest.fixture
def door(server: FileServer) -> Iterator[Door]:
    with door_to(Hosts(frozenset({"files.example"}), frozenset({server.address().split("/")[2]}))) as door:
        door._pause = lambda seconds: None
        yield door


def cut(one: dict[str, Any], out: Path, door: Door) -> None:
    with staged(out) as path:
        write_cut(scene_from(one), ["B04"], GROUND, 10, path, door, lambda share, what: None)


def require_sentence(said: str, words: str) -> None:
    assert re.search(words, said), said
    assert wrong_words(said) is None, f"{wrong_words(said)}: {said}"
    assert SECRET not in said


@pytest.mark.parametrize("name", ITEMS)
def test_an_item_that_lies(server: FileServer, door: Door, tmp_path: Path, name: str) -> None:
    change, words = ITEMS[name]
    good_cog(server.folder / "B04.tif")
    api = StacApi(server)
    page = page_of(change(good_item(server.address("B04.tif"))))

    def misbehave(handler: BaseHTTPRequestHandler) -> bool:
        if not handler.path.startswith("/stac/search"):
            return api(handler)
        handler.rfile.read(int(handler.headers["Content-Length"]))
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(page)))
        handler.end_headers()
        handler.wfile.write(page)
        return True

    server.misbehave = misbehave
    catalogue = Catalogue(api.root, COLLECTION, door._hosts)
    said = ""
    try:
        scenes = search(Query(GROUND), catalogue, door)
        json.dumps([one.footprint for one in scenes] + [one.cloud for one in scenes], allow_nan=False)
        with staged(tmp_path / "cut.tif") as path:
            found = scenes_by_id([ID], catalogue, door)[0]
            write_cut(found, ["B04"], GROUND, 10, path, door, lambda share, what: None)
    except S2DashError as error:
        said = str(error)
        require_sentence(said, words)
    assert bool(said) == bool(words)
    assert {one.name for one in tmp_path.iterdir()} == {"files", *([] if said else ["cut.tif"])}


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_is_not_asked(server: FileServer, door: Door, tmp_path: Path, address: str) -> None:
    with pytest.raises(S2DashError) as caught:
        cut(good_item(address), tmp_path / "cut.tif", door)
    require_sentence(str(caught.value), ADDRESSES[address])
    assert server.asked == []
    assert not (tmp_path / "cut.tif").exists()


@pytest.mark.parametrize("address", [one for one in ADDRESSES if one[0] != "/"])
def test_a_file_that_sends_on_to_one(server: FileServer, door: Door, tmp_path: Path, address: str) -> None:
    where = address.encode("utf-8").decode("latin-1")
    server.misbehave = lambda handler: send_status(handler, 302, Location=where)
    with pytest.raises(S2DashError) as caught:
        cut(good_item(server.address("B04.tif")), tmp_path / "cut.tif", door)
    require_sentence(str(caught.value), f"{ADDRESSES[address]}|cannot be read")
    assert len(server.asked) == 1


@pytest.mark.parametrize("name", COGS)
def test_a_file_that_is_no_good_band(server: FileServer, door: Door, tmp_path: Path, name: str) -> None:
    make, words = COGS[name]
    (tmp_path / "made").mkdir()
    (server.folder / "B04.tif").write_bytes(make(tmp_path / "made"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        cut(good_item(server.address("B04.tif")), tmp_path / "cut.tif", door)
    except S2DashError as error:
        require_sentence(str(error), words)
        assert not (tmp_path / "cut.tif").exists()
    else:
        assert not words
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1_000 < MOST_MB


class Genuine:
    """A good band on a server. No dataclass: Hypothesis prints the fields of those that tests are called with."""

    def __init__(self, server: FileServer, door: Door, content: bytes) -> None:
        self.server, self.door, self.content = server, door, content


@pytest.fixture(scope="module")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Genuine]:
    folder = tmp_path_factory.mktemp("genuine")
    with serving(folder) as server, door_to(Hosts(frozenset(), frozenset({server.address().split("/")[2]}))) as door:
        yield Genuine(server, door, good_cog(folder / "B04.tif"))


@given(damage=damages)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_a_damaged_band_is_a_picture_or_a_sentence(genuine: Genuine, damage: Damage) -> None:
    (genuine.server.folder / "B04.tif").write_bytes(damage.done_to_one(genuine.content))
    out = genuine.server.folder / "cut.tif"
    out.unlink(missing_ok=True)
    try:
        cut(good_item(genuine.server.address("B04.tif")), out, genuine.door)
    except S2DashError as error:
        require_sentence(str(error), "")
        assert not out.exists()
    else:
        with rasterio.open(out) as dataset:
            assert dataset.dtypes == ("uint16",)
    assert {one.name for one in genuine.server.folder.iterdir()} <= {"B04.tif", "cut.tif"}


@given(text=st.text(max_size=40))
@settings(max_examples=100)
def test_no_text_is_an_address_that_is_asked(genuine: Genuine, text: str) -> None:
    for address in (text, f"https://{text}", f"https://evil.example{text}"):
        with pytest.raises(S2DashError) as caught:
            genuine.door.ask(address, 10)
        assert "is not asked" in str(caught.value)
        assert str(caught.value).isprintable()


def test_the_good_one_is_taken(server: FileServer, door: Door, tmp_path: Path) -> None:
    good_cog(server.folder / "B04.tif")
    cut(item(ID, "2024-07-30", 0.5, {"red": server.address("B04.tif")}), tmp_path / "cut.tif", door)
    with rasterio.open(tmp_path / "cut.tif") as found, rasterio.open(server.folder / "B04.tif") as whole:
        assert (found.read() == whole.read()).all()
