"""Our copies of the map's scripts: complete, served well, and the only ones a page may load."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import folium
import folium.plugins
import pytest
from folium.elements import JSCSSMixin
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from s2dash.server.offline_assets import BASEMAPS, ContentSecurityPolicy, asset_routes, asset_table, local_links


def all_subclasses(kind: type[JSCSSMixin]) -> Iterator[type[JSCSSMixin]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from all_subclasses(subclass)


FOLIUM_LINKS = sorted(
    {
        url
        for kind in all_subclasses(JSCSSMixin)
        if kind.__module__.startswith("folium.")
        for _, url in (*kind.default_js, *kind.default_css)
    }
)
LEAFLET_JS = dict(folium.Map.default_js)["leaflet"]
LEAFLET_CSS = dict(folium.Map.default_css)["leaflet_css"]


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=asset_routes()))


def test_every_link_of_folium_has_a_copy() -> None:
    assert len(FOLIUM_LINKS) > 40
    assert [url for url in FOLIUM_LINKS if url not in asset_table()] == []


def test_links_that_streamlit_folium_adds_for_colour_maps_have_a_copy() -> None:
    links = ["https://cdnjs.cloudflare.com/ajax/libs/d3/3.5.5/d3.min.js", "https://d3js.org/d3.v4.min.js"]
    assert all(link.startswith("/assets/") for link in local_links(links))


def test_the_package_that_carries_the_texts_is_never_run() -> None:
    script = (
        "import sys, s2dash.server.offline_assets as a; a.asset_table();"
        "print([m for m in ('offlinefolium', 'folium', 'streamlit', 'streamlit_folium') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_follow_the_text_and_do_not_look_like_leaflets_own() -> None:
    names = {asset.name for asset in asset_table().values()}
    assert all(re.fullmatch(r"[0-9a-f]{32}\.(js|css)", name) for name in names)
    assert len(names) == len({asset.text for asset in asset_table().values()})


def test_leaflets_pictures_are_inside_its_style_sheet() -> None:
    addresses = re.findall(r"url\(([^)]{1,40})", asset_table()[LEAFLET_CSS].text)
    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses)


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
@pytest.mark.parametrize(("url", "kind"), [(LEAFLET_JS, "text/javascript"), (LEAFLET_CSS, "text/css")])
def test_an_asset_is_served_whole_to_be_kept(client: TestClient, url: str, kind: str, encoding: str) -> None:
    (link,) = local_links([url])
    answer = client.get(link, headers={"Accept-Encoding": encoding})
    assert answer.status_code == 200
    assert answer.text == asset_table()[url].text
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers.get("content-encoding", "identity") == encoding
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("name", ["leaflet.js", "0" * 32 + ".js", "..%2felements.py", "%2e%2e/app.py"])
def test_other_names_are_not_found(client: TestClient, name: str) -> None:
    assert client.get(f"/assets/{name}").status_code == 404


@pytest.mark.parametrize("base_path", ["maps", "/maps/", "maps/"])
def test_links_and_routes_agree_under_a_base_path(base_path: str) -> None:
    (link,) = local_links([LEAFLET_JS], base_path)
    assert link.startswith("/maps/assets/")
    assert TestClient(Starlette(routes=asset_routes(base_path))).get(link).status_code == 200


def test_links_without_a_host_stay_and_unknown_hosts_are_refused() -> None:
    once = local_links([LEAFLET_JS])
    assert local_links(once) == once
    with pytest.raises(LookupError, match=re.escape("https://example.org/new.js")):
        local_links(["https://example.org/new.js"])


def answer_plainly(request: Request) -> PlainTextResponse:
    own = {"Content-Security-Policy": "default-src 'none'"} if request.url.path == "/own" else {}
    return PlainTextResponse("ok", headers=own)


async def answer_socket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("ok")
    await socket.close()


@pytest.fixture
def guarded() -> TestClient:
    routes = [Route("/", answer_plainly), Route("/own", answer_plainly), WebSocketRoute("/socket", answer_socket)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(ContentSecurityPolicy)]))


def test_nobody_is_told_the_address_of_the_page(guarded: TestClient) -> None:
    assert guarded.get("/").headers["referrer-policy"] == "no-referrer"


def directives(policy: str) -> dict[str, list[str]]:
    return {words[0]: words[1:] for words in (part.split() for part in policy.split(";"))}


def test_only_pictures_of_basemaps_may_come_from_other_hosts(guarded: TestClient) -> None:
    policy = directives(guarded.get("/").headers["content-security-policy"])
    hosts = {basemap.origin for basemap in BASEMAPS}
    assert hosts == {"https://tile.openstreetmap.org", "https://server.arcgisonline.com"}
    assert hosts <= set(policy["img-src"])
    others = [source for name, sources in policy.items() if name != "img-src" for source in sources]
    assert [source for source in others if source.startswith("http")] == []
    assert "'self'" in policy["default-src"]
    assert {"ws://testserver", "wss://testserver"} <= set(policy["connect-src"])


@pytest.mark.parametrize("host", ["a.org; script-src *", "a.org *", "", "*"])
def test_a_strange_host_adds_nothing_to_the_policy(guarded: TestClient, host: str) -> None:
    policy = directives(guarded.get("/", headers={"Host": host}).headers["content-security-policy"])
    assert policy["connect-src"] == ["'self'", "data:", "blob:"]
    assert "script-src" not in policy


def test_a_stricter_policy_of_a_route_stays_and_sockets_pass(guarded: TestClient) -> None:
    assert guarded.get("/own").headers["content-security-policy"] == "default-src 'none'"
    with guarded.websocket_connect("/socket") as socket:
        assert socket.receive_text() == "ok"


def test_without_basemaps_no_host_is_named() -> None:
    application = Starlette(routes=[Route("/", answer_plainly)])
    client = TestClient(ContentSecurityPolicy(application, basemaps=()))
    assert "http" not in client.get("/").headers["content-security-policy"]
