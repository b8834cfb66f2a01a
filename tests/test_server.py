"""The server as it is imported from app.py: its routes for tiles, scripts and styles, and its policy."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from PIL import Image
from rasterio.crs import CRS
from starlette.testclient import TestClient

from s2dash.core.grid import Grid
from s2dash.server.offline_assets import asset_table
from s2dash.server.page_head import page_styles
from s2dash.server.state import server_state
from s2dash.settings import GDAL_ENVIRONMENT
from s2dash.tiles.render import Picture
from s2dash.tiles.store import url_template

APP_PATH = Path(__file__).parents[1] / "app.py"
GREEN = (20, 160, 60, 255)
WORLD = Affine(156_543.03392804097, 0, -20_037_508.342789244, 0, -156_543.03392804097, 20_037_508.342789244)
"""256 x 256 pixels of Web Mercator: the one tile of zoom 0."""


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in GDAL_ENVIRONMENT.items():  # which app.py sets for good, and other tests must not see
            patch.setenv(name, value)
        spec = importlib.util.spec_from_file_location("app_of_the_server_tests", APP_PATH)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        # Without `with`: the lifespan would warm up the engine, which no route needs.
        yield TestClient(module.app)


@pytest.fixture
def token() -> str:
    grid = Grid((256, 256), WORLD, CRS.from_epsg(3857).to_wkt())
    pixels = np.full((256, 256, 4), GREEN, dtype=np.uint8)
    return server_state().tiles.put("a picture of tests/test_server.py", Picture(grid, pixels, None, 1))


def test_scripts_and_styles_are_served(client: TestClient) -> None:
    for asset in list(asset_table().values())[:6]:
        answer = client.get(f"/assets/{asset.name}")
        assert answer.status_code == 200
        assert answer.text == asset.text
        assert answer.headers["content-type"].startswith(asset.media_type)


def test_a_picture_of_the_page_is_served_as_tiles(client: TestClient, token: str) -> None:
    answer = client.get(url_template(token).format(z=0, x=0, y=0))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    tile = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))
    assert tile.shape == (256, 256, 4)
    assert tuple(tile[128, 128]) == GREEN


def test_what_nobody_was_told_of_is_not_found(client: TestClient) -> None:
    assert client.get(url_template("0" * 32).format(z=0, x=0, y=0)).status_code == 404
    assert client.get("/assets/leaflet.js").status_code == 404


@pytest.mark.parametrize("path", ["/", "/assets/missing.js", "/tiles/0/0/0/0.png", "/_stcore/health"])
def test_every_answer_forbids_scripts_from_elsewhere(client: TestClient, path: str) -> None:
    policy = client.get(path).headers["content-security-policy"]
    directives = {words[0]: words[1:] for words in map(str.split, policy.split(";"))}
    assert "'self'" in directives["default-src"]
    for name, sources in directives.items():
        if name != "img-src":
            assert not [source for source in sources if source.startswith(("http", "*"))]


@pytest.mark.parametrize("asked", [{"accept": "text/html", "accept-encoding": "gzip", "if-none-match": "*"}, {}])
def test_the_document_has_the_rules_of_size_from_its_start(client: TestClient, asked: dict[str, str]) -> None:
    answer = client.get("/", headers=asked)
    assert answer.status_code == 200
    head, _, body = answer.text.partition("</head>")
    assert head.endswith(f"<style>{page_styles()}</style>")
    assert '<div id="root">' in body
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert not {"etag", "last-modified"} & set(answer.headers)


def test_nothing_but_documents_is_rewritten(client: TestClient) -> None:
    answer = client.get("/_stcore/health", headers={"accept": "text/html"})
    assert "<style>" not in answer.text
    assert client.head("/").headers["content-type"].startswith("text/html")
    assert "</" not in page_styles()


def test_the_page_is_the_page_script(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert '<div id="root">' in answer.text


def test_warming_up_leaves_the_maps_component_to_the_page() -> None:
    """Loaded outside a run of a page, streamlit-folium registers nothing: every map would be missing."""
    check = (
        "import sys; from s2dash.server import lifespan; lifespan.load_page_libraries(); "
        "print('streamlit_folium' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
