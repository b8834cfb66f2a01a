"""What goes wrong between here and a catalogue: addresses that ran out, slowness, proxies, the antimeridian."""

from __future__ import annotations

import json
import shutil
import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import rasterio
from hostile_catalogue import ID, LEFT, SECRET, SIDE, TOP, good_cog
from rasterio.transform import from_origin
from rasterio.warp import transform_bounds
from stac_server import COLLECTION, StacApi, item
from web_server import FileServer, send_status, serving

from s2dash.cli.main import main
from s2dash.errors import NotFetched, NotThere, UnreadableValue
from s2dash.find import door as door_module
from s2dash.find import search as search_module
from s2dash.find.catalogue import Catalogue, Hosts
from s2dash.find.door import Door, door_to
from s2dash.find.places import Box, box_around_geojson, box_from_numbers
from s2dash.find.search import Query, search
from s2dash.settings import FETCH_LIMITS

GROUND = ",".join(
    str(one)
    for one in transform_bounds("EPSG:32633", "EPSG:4326", LEFT + 5, TOP - SIDE * 10 + 5, LEFT + SIDE * 10 - 5, TOP - 5)
)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "files").mkdir()
    with serving(tmp_path / "files") as server:
        yield server


@pytest.fixture
def api(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> StacApi:
    api = StacApi(server)
    server.misbehave = api
    monkeypatch.setenv("S2DASH_FIND_CATALOGUE", api.root)
    monkeypatch.setenv("S2DASH_FIND_OWN_HOSTS", api.root.split("/")[2])
    return api


def own(server: FileServer) -> Hosts:
    return Hosts(frozenset(), frozenset({server.address().split("/")[2]}))


@pytest.fixture
def door(server: FileServer) -> Iterator[Door]:
    with door_to(own(server)) as door:
        door._pause = lambda seconds: None
        yield door


class Signed:
    """Gives a file by addresses whose signatures are good for so many askings; the catalogue signs anew each time."""

    def __init__(self, api: StacApi, status: int, good_for: list[int], is_renewed: bool = True) -> None:
        self.api, self.status, self.good_for, self.is_renewed = api, status, good_for, is_renewed
        self.signatures = 0
        self.left = 0
        good_cog(api.server.folder / "B04.tif", blockxsize=16, blockysize=16)

    def __call__(self, handler: BaseHTTPRequestHandler) -> bool:
        if handler.path.startswith("/stac/search"):
            if self.is_renewed or not self.signatures:
                self.left = self.good_for[self.signatures]
                self.signatures += 1
            address = self.api.server.address(f"B04.tif?sig={SECRET}{self.signatures}")
            self.api.items = [item(ID, "2024-07-30", 0.5, {"red": address})]
        if self.api(handler):
            return True
        self.left -= 1
        is_good = handler.path.endswith(f"sig={SECRET}{self.signatures}") and self.left >= 0
        return not is_good and send_status(handler, self.status)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
@pytest.mark.parametrize("second", [999, 1], ids=["good again", "out again"])
def test_an_address_that_has_run_out_is_asked_for_once_more(
    api: StacApi,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    second: int,
) -> None:
    signed = Signed(api, status, [1, second])
    api.server.misbehave = signed
    monkeypatch.setattr("s2dash.find.ranges._BLOCK_BYTES", 8_192)
    monkeypatch.setattr("s2dash.find.ranges._MOST_BLOCKS", 1)
    out = tmp_path / "cut.tif"
    ended = main(["fetch", ID, f"--bbox={GROUND}", "--bands", "B04", "--out", str(out)])
    assert signed.signatures == 2
    if second == 1:
        assert ended == 2
        said = capsys.readouterr().err
        assert f"(status {status})" in said
        assert SECRET not in said
        assert not out.exists()
        return
    with rasterio.open(out) as found, rasterio.open(api.server.folder / "B04.tif") as whole:
        assert (found.read() == whole.read()).all()


def test_the_same_address_is_not_asked_twice(api: StacApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signed = Signed(api, 403, [0], is_renewed=False)
    api.server.misbehave = signed
    assert main(["fetch", ID, f"--bbox={GROUND}", "--bands", "B04", "--out", str(tmp_path / "cut.tif")]) == 2
    assert "may have run out" in capsys.readouterr().err
    assert len([one for one in api.server.asked if "B04" in one.path]) == 1


@pytest.mark.parametrize("form", [str, lambda seconds: later(seconds)], ids=["seconds", "a date"])
def test_waits_as_long_as_asked_in_either_form(server: FileServer, form: Callable[[int], str]) -> None:
    (server.folder / "a.tif").write_bytes(b"content")
    waited: list[float] = []
    server.misbehave = lambda handler: not waited and send_status(handler, 503, **{"Retry-After": form(30)})
    with door_to(own(server)) as door:
        door._pause = waited.append
        assert door.ask(server.address("a.tif"), 100).body == b"content"
    assert 20 < waited[0] <= 30


def later(seconds: int) -> str:
    """An HTTP date (RFC 9110, 10.2.3)."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("told", ["-5", "soon", "Wed, 99 Foo 2026", "٣", "1e3", "", later(-9_999), "9" * 400])
def test_what_is_no_time_is_waited_for_as_usual_or_not_at_all(server: FileServer, told: str) -> None:
    (server.folder / "a.tif").write_bytes(b"content")
    waited: list[float] = []
    text = told.encode().decode("latin-1")
    server.misbehave = lambda handler: not waited and send_status(handler, 429, **{"Retry-After": text})
    with door_to(own(server)) as door:
        door._pause = waited.append
        if told.startswith("999"):
            with pytest.raises(NotFetched, match="asks to wait"):
                door.ask(server.address("a.tif"), 100)
        else:
            assert door.ask(server.address("a.tif"), 100).body == b"content"
            assert waited[0] in (0.0, 1.0)


def test_each_kind_of_gone_is_told_apart_from_trouble(server: FileServer, door: Door) -> None:
    for status, kind in ((401, NotThere), (403, NotThere), (404, NotThere), (410, NotThere), (500, NotFetched)):
        server.misbehave = lambda handler, status=status: send_status(handler, status)  # type: ignore[misc]
        with pytest.raises(NotFetched) as caught:
            door.ask(server.address("a.tif"), 100)
        assert type(caught.value) is kind


def drip(handler: BaseHTTPRequestHandler, over: threading.Event, is_head: bool) -> bool:
    """An answer byte by byte without end, in its head or in its body."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: " if is_head else b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n")
    while not over.wait(0.05):
        try:
            handler.wfile.write(b"a")
        except OSError:
            break
    handler.close_connection = True
    return True


@pytest.mark.parametrize("is_head", [True, False], ids=["head", "body"])
def test_what_drips_is_given_up(server: FileServer, monkeypatch: pytest.MonkeyPatch, is_head: bool) -> None:
    """No single reading is slow, but all together never end."""
    monkeypatch.setattr(door_module, "FETCH_LIMITS", replace(FETCH_LIMITS, most_seconds=1))
    over = threading.Event()
    server.misbehave = lambda handler: drip(handler, over, is_head)
    try:
        with door_to(own(server)) as door, pytest.raises(NotFetched, match=r"too slow|takes too long"):
            door.within(1.5).ask(server.address("a.tif"), 10_000_000)
    finally:
        over.set()


def test_all_askings_together_have_a_time(server: FileServer, door: Door) -> None:
    server.misbehave = lambda handler: send_status(handler, 503, **{"Retry-After": "9"})
    with pytest.raises(NotFetched, match="takes too long"):
        door.within(5).ask(server.address("a.tif"), 100)
    assert len(server.asked) == 1


def test_a_search_has_a_time(api: StacApi, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_module, "FETCH_LIMITS", replace(FETCH_LIMITS, most_search_seconds=0))
    with pytest.raises(NotFetched, match="takes too long"):
        search(Query(Box(12.5, 48.9, 12.7, 49.1)), Catalogue(api.root, COLLECTION, own(api.server)), door)


# ---------------------------------------------------------------------------------------------------- proxies


class Tunnels(socketserver.ThreadingTCPServer):
    """A proxy that leads every name to one port of this machine (CONNECT; RFC 9110, 9.3.6)."""

    daemon_threads = True

    def __init__(self, to: int, status: int = 200) -> None:
        self.to, self.status = to, status
        self.heads: list[str] = []
        super().__init__(("127.0.0.1", 0), _Tunnel)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Tunnel(socketserver.BaseRequestHandler):
    server: Tunnels

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.request.recv(1)
        self.server.heads.append(head.decode())
        self.request.sendall(f"HTTP/1.1 {self.server.status} Told\r\nContent-Length: 0\r\n\r\n".encode())
        if self.server.status == 200:
            with socket.create_connection(("127.0.0.1", self.server.to)) as far:
                threading.Thread(target=_pass, args=(far, self.request), daemon=True).start()
                _pass(self.request, far)


def _pass(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(65_536):
            target.sendall(piece)
    except OSError:
        pass


@pytest.fixture
def secure(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    """The server as `files.example`, with a certificate that is trusted here."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    how = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=files.example"
    made = ["openssl", *how.split(), "-addext", "subjectAltName=DNS:files.example"]
    subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    server.encrypt(certificate, key)
    (server.folder / "a.tif").write_bytes(b"content")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return server


@pytest.fixture
def tunnels(server: FileServer) -> Iterator[Tunnels]:
    with Tunnels(int(server.address().split(":")[2].partition("/")[0])) as tunnels:
        threading.Thread(target=tunnels.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield tunnels
        tunnels.shutdown()


def through(address: str, *hosts: str) -> bytes:
    with door_to(Hosts(frozenset(hosts or ("files.example",)))) as door:
        door._pause = lambda seconds: None
        return door.ask(address, 100).body


def test_a_proxy_of_the_environment_is_used(
    secure: FileServer, tunnels: Tunnels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{SECRET}@{tunnels.address}")
    assert through("https://files.example/data/a.tif") == b"content"
    assert tunnels.heads[0].startswith("CONNECT files.example:443 HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic" in tunnels.heads[0]


def test_a_certificate_is_looked_at_behind_the_proxy(
    secure: FileServer, tunnels: Tunnels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the proxy leads: what cannot show the certificate of the name is not believed."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://{tunnels.address}")
    with pytest.raises(NotFetched, match="certificate cannot be trusted"):
        through("https://other.example/data/a.tif", "other.example")


def test_only_what_may_be_asked_goes_through_it(
    server: FileServer, tunnels: Tunnels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{tunnels.address}")
    for address, hosts, words in (
        ("https://evil.example/a", ("files.example",), "none of the servers"),
        ("http://files.example/a", ("files.example",), "of http"),
        ("https://169.254.169.254/a", ("169.254.169.254",), "not of the public internet"),
        ("https://[::1]/a", ("::1",), "not of the public internet"),
    ):
        with pytest.raises(NotFetched, match=words):
            through(address, *hosts)
    (server.folder / "a.tif").write_bytes(b"own")
    with door_to(own(server)) as door:
        assert door.ask(server.address("a.tif"), 10).body == b"own"
    assert tunnels.heads == []


def test_some_names_go_without_it(server: FileServer, tunnels: Tunnels, monkeypatch: pytest.MonkeyPatch) -> None:
    port = server.address().split(":")[2].partition("/")[0]
    monkeypatch.setenv("HTTPS_PROXY", f"http://{tunnels.address}")
    monkeypatch.setenv("NO_PROXY", "localhost,.example")
    with pytest.raises(NotFetched, match="not of the public internet"):
        through(f"https://localhost:{port}/a", f"localhost:{port}")
    assert tunnels.heads == []


def test_a_proxy_that_fails_is_a_sentence(
    server: FileServer, tunnels: Tunnels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{SECRET}@{tunnels.address}")
    tunnels.status = 407
    with pytest.raises(NotFetched, match=r"does not let it through \(status 407\)") as caught:
        through("https://files.example/a")
    assert SECRET not in str(caught.value)
    with socket.create_server(("127.0.0.1", 0)) as gone:
        nowhere = f"http://127.0.0.1:{gone.getsockname()[1]}"
    for address, words in ((nowhere, "cannot be reached"), ("socks5://a:1", "no proxy"), ("http://a:b", "no proxy")):
        monkeypatch.setenv("HTTPS_PROXY", address)
        with pytest.raises(NotFetched, match=words):
            through("https://files.example/a")


# -------------------------------------------------------------------------------------------- the antimeridian


def drawn(*rings: list[list[float]]) -> str:
    return json.dumps({"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]})


def square(west: float, east: float) -> list[list[float]]:
    return [[west, -17], [east, -17], [east, -16], [west, -16], [west, -17]]


def test_boxes_across_the_antimeridian() -> None:
    fiji = Box(179.0, -17.0, -179.0, -16.0)
    assert box_from_numbers("179,-17,-179,-16") == fiji
    assert fiji.parts == (Box(179, -17, 180, -16), Box(-180, -17, -179, -16))
    assert Box(1, 2, 3, 4).parts == (Box(1, 2, 3, 4),)
    assert box_around_geojson(drawn(square(179, 180), square(-180, -179))) == fiji
    assert box_around_geojson(drawn(square(179, 181))) == fiji
    assert box_around_geojson(drawn(square(-181, -179))) == fiji
    assert box_around_geojson(drawn(square(541, 542))) == Box(-179, -17, -178, -16)
    assert box_around_geojson(drawn(square(-180, 180))) == Box(-180, -17, 180, -16)
    assert box_around_geojson(drawn(square(-100, 100))) == Box(-100, -17, 100, -16)
    for text in ("10,1,-10,2", "3,2,1,4", "181,1,-179,2"):
        with pytest.raises(UnreadableValue, match="no box"):
            box_from_numbers(text)


def across(name: str, day: str, west: float, east: float) -> dict[str, Any]:
    one = item(name, day, 1.0, {"red": "https://files.example/B04.tif"})
    return one | {"bbox": [west, -17.5, east, -16]}


def test_both_sides_are_searched_and_each_scene_found_once(api: StacApi, door: Door) -> None:
    api.items = [
        across("west", "2024-01-01", 178.5, 179.9),
        across("both", "2024-02-01", -180.0, 180.0),
        across("east", "2024-03-01", -180.0, -179.0),
        across("elsewhere", "2024-04-01", 0.0, 10.0),
    ]
    catalogue = Catalogue(api.root, COLLECTION, own(api.server))
    found = search(Query(Box(179, -17, -179, -16)), catalogue, door)
    assert [one.id for one in found] == ["east", "both", "west"]
    assert len(search(Query(Box(179, -17, -179, -16), most_scenes=2), catalogue, door)) == 2


def test_a_scene_of_one_side_has_its_part_and_says_so(
    api: StacApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tiles end beyond the antimeridian, in their own zone."""
    place = from_origin(815_000, 8_145_000, 60, 60)
    good_cog(api.server.folder / "B04.tif", crs="EPSG:32760", transform=place)
    api.items = [across(ID, "2024-02-01", -180.0, 180.0)]
    api.items[0]["assets"]["red"]["href"] = api.server.address("B04.tif")
    west, south, east, north = transform_bounds("EPSG:32760", "EPSG:4326", 816_000, 8_140_000, 825_000, 8_144_000)
    assert west > east
    out = tmp_path / "cut.tif"
    words = ["fetch", ID, "--bands", "B04", "--pixel", "60", "--out", str(out)]
    assert main([*words, f"--bbox={west},{south},{east},{north}"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "of the ground: the rest lies outside of the tile" in told["notes"][0]
    with rasterio.open(out) as found, rasterio.open(api.server.folder / "B04.tif") as whole:
        assert found.transform.c >= 815_000
        assert found.bounds.right == whole.bounds.right
