"""The tile store and its route: tokens, budget, addresses, headers, and one store per process."""

from __future__ import annotations

import importlib
import io
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from event_loops import run_to_end
from httpx import Response
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from s2dash.core.grid import Grid
from s2dash.errors import PixelsGone
from s2dash.settings import thread_count
from s2dash.tiles import store as tiles
from s2dash.tiles.render import Picture
from s2dash.tiles.store import TileStore, tile_routes, url_template


def grey_picture(side: int = 300, pixels: np.ndarray | None = None, palette: np.ndarray | None = None) -> Picture:
    if palette is None:
        palette = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1)
        palette[1:, 3] = 255
    if pixels is None:
        pixels = np.full((side, side), 7, dtype=np.uint8)
    return Picture(Grid(pixels.shape, Affine.identity(), None), pixels, palette)


@pytest.fixture
def store() -> TileStore:
    return TileStore()


@pytest.fixture
def client(store: TileStore) -> TestClient:
    return TestClient(Starlette(routes=tile_routes(lambda: store)))


def address(token: str, z: object, x: object, y: object) -> str:
    return url_template(token).format(z=z, x=x, y=y)


def test_same_key_same_token_while_it_lives(store):
    token = store.put("a", grey_picture())
    assert store.put("a", grey_picture()) == token
    assert store.put("b", grey_picture()) != token


def test_tokens_are_long_hexadecimal_without_underscores(store):
    token = store.put("a", grey_picture())
    assert int(token, 16) >= 0
    assert len(token) >= 32
    assert "_" not in url_template(token)


def test_a_key_keeps_its_first_picture(store):
    first = grey_picture()
    token = store.put("a", first)
    store.put("a", grey_picture())
    assert store.get(token) is first


def test_least_recently_used_goes_first():
    side = 100
    each = side * side + 1024
    store = TileStore(byte_budget=2 * each)
    first, second = (store.put(key, grey_picture(side)) for key in "ab")
    store.get(first)
    third = store.put("c", grey_picture(side))
    assert store.get(second) is None
    assert store.get(first) is not None
    assert store.get(third) is not None
    assert store.byte_count == 2 * each
    assert store.put("b", grey_picture(side)) != second


def test_newest_picture_is_kept_however_large():
    store = TileStore(byte_budget=10)
    token = store.put("a", grey_picture())
    assert store.get(token) is not None
    newer = store.put("b", grey_picture())
    assert store.get(token) is None
    assert store.get(newer) is not None


def test_shared_arrays_count_once_until_their_last_picture_goes():
    pixels = np.zeros((100, 100), dtype=np.uint8)
    palettes = [np.zeros((256, 4), dtype=np.uint8) for _ in range(3)]
    store = TileStore(byte_budget=10_000 + 2 * 1024)
    tokens = [store.put(str(i), grey_picture(pixels=pixels, palette=p)) for i, p in enumerate(palettes[:2])]
    assert store.byte_count == 10_000 + 2 * 1024
    tokens.append(store.put("2", grey_picture(pixels=pixels, palette=palettes[2])))
    assert [store.get(token) is None for token in tokens] == [True, False, False]
    assert store.byte_count == 10_000 + 2 * 1024


def test_threads_agree_on_tokens_and_bytes():
    side, keys = 50, 20
    store = TileStore(byte_budget=5 * (side * side + 1024))
    given: list[list[str]] = []

    def work() -> None:
        given.append([store.put(str(i % keys), grey_picture(side)) for i in range(100)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alive = {token for tokens in given for token in tokens if store.get(token) is not None}
    assert len(alive) == 5
    assert store.byte_count == 5 * (side * side + 1024)


def test_route_answers_a_tile_to_be_cached_for_good(store, client):
    answer = client.get(address(store.put("a", grey_picture()), 0, 0, 0))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    for word in ("private", "immutable", "max-age=31536000"):
        assert word in answer.headers["cache-control"]
    picture = Image.open(io.BytesIO(answer.content)).convert("RGBA")
    assert picture.size == (256, 256)
    assert picture.getpixel((0, 0)) == (7, 7, 7, 255)


@pytest.mark.parametrize(("z", "x", "y"), [(0, 5, 5), (0, -1, 0), (3, 100, 0), (-12, 3, 3), (30, 10**11, 0)])
def test_tiles_off_the_picture_are_transparent(store, client, z, x, y):
    answer = client.get(address(store.put("a", grey_picture()), z, x, y))
    assert answer.status_code == 200
    assert np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))[..., 3].max() == 0


@pytest.mark.parametrize(
    ("z", "x", "y"),
    [
        *[(31, 0, 0), (-13, 0, 0), ("a", 0, 0), ("1.0", 0, 0), ("+1", 0, 0), ("01", 0, 0), ("-0", 0, 0), ("", 0, 0)],
        *[(0, "1e3", 0), (0, "1_0", 0), (0, " 1", 0), (0, "١", 0), (0, 10**12, 0), (0, 0, "-"), (0, 0, "0.png")],
        *[(0, 0, "9" * 5000), ("0%0A", 0, 0), ("0%00", 0, 0)],
    ],
)
def test_anything_but_a_tile_address_is_404(store, client, z, x, y):
    answer = client.get(address(store.put("a", grey_picture()), z, x, y))
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("cache-control", "")


@pytest.mark.parametrize("token", ["0" * 32, "nothing", "..", "%2e%2e%2fetc"])
def test_unknown_token_is_404(client, token):
    assert client.get(f"/tiles/{token}/0/0/0.png").status_code == 404


def test_dropped_token_is_404():
    store = TileStore(byte_budget=1)
    client = TestClient(Starlette(routes=tile_routes(lambda: store)))
    token = store.put("a", grey_picture())
    store.put("b", grey_picture())
    answer = client.get(address(token, 0, 0, 0))
    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"


def test_only_reading_is_allowed(store, client):
    where = address(store.put("a", grey_picture()), 0, 0, 0)
    assert client.post(where).status_code == 405
    assert client.head(where).status_code == 200


class Counting:
    """A detail of one colour that counts its tiles, and may have lost its files."""

    def __init__(self, nbytes: int = 0, *, is_gone: bool = False) -> None:
        self.nbytes = nbytes
        self.is_gone = is_gone
        self.drawn: list[tuple[int, ...]] = []

    def tile(self, *address: int) -> np.ndarray | None:
        self.drawn.append(address)
        if self.is_gone:
            raise PixelsGone("gone")
        return None if address[0] < 2 else np.full((256, 256), 9, dtype=np.uint8)


def colour_at(answer: Response) -> tuple[int, ...]:
    return Image.open(io.BytesIO(answer.content)).convert("RGBA").getpixel((0, 0))


def test_tiles_that_show_more_than_the_picture_come_from_its_detail(store, client):
    token = store.put("a", replace(grey_picture(), detail=Counting()))
    assert colour_at(client.get(address(token, 1, 0, 0))) == (7, 7, 7, 255)
    fine = client.get(address(token, 2, 0, 0))
    assert colour_at(fine) == (9, 9, 9, 255)
    assert "immutable" in fine.headers["cache-control"]


def test_a_finished_tile_is_drawn_once(store, client):
    detail = Counting()
    token = store.put("a", replace(grey_picture(), detail=detail))
    answers = [client.get(address(token, 3, 1, 0)) for _ in range(3)]
    assert len({answer.content for answer in answers}) == 1
    assert detail.drawn == [(3, 1, 0, 256)]
    assert store.png_byte_count == len(answers[0].content)


def test_where_the_files_are_gone_the_preview_does_for_now(store, client):
    detail = Counting(is_gone=True)
    token = store.put("a", replace(grey_picture(), detail=detail))
    for _ in range(2):
        answer = client.get(address(token, 2, 0, 0))
        assert answer.status_code == 200
        assert colour_at(answer) == (7, 7, 7, 255)
        assert answer.headers["cache-control"] == "no-store"
    assert len(detail.drawn) == 2
    assert store.png_byte_count == 0


def test_finished_tiles_have_a_budget_and_go_with_their_picture():
    store = TileStore(byte_budget=2 * (10_000 + 1024), png_byte_budget=100)
    tokens = [store.put(key, grey_picture(100)) for key in "ab"]
    for number in range(5):
        store.keep_finished(tokens[number % 2], (0, number, 0), bytes(30))
    assert store.png_byte_count <= 100
    assert store.finished(tokens[0], (0, 4, 0)) == bytes(30)
    assert store.finished(tokens[0], (0, 0, 0)) is None
    kept = sum(store.finished(token, (0, number, 0)) is not None for token in tokens for number in range(5))
    assert store.png_byte_count == 30 * kept
    for key in "cd":
        store.put(key, grey_picture(100))
    assert store.png_byte_count == 0
    store.keep_finished(tokens[0], (0, 0, 0), bytes(30))
    assert store.png_byte_count == 0


def test_a_detail_that_pictures_share_counts_once():
    detail = Counting(5_000)
    store = TileStore(byte_budget=10_000 + 2 * 1024 + 5_000)
    pixels = np.zeros((100, 100), dtype=np.uint8)
    for key in "ab":
        store.put(key, replace(grey_picture(pixels=pixels), detail=detail))
    assert store.byte_count == 10_000 + 2 * 1024 + 5_000
    store.put("c", grey_picture(pixels=pixels))
    store.put("d", grey_picture(pixels=pixels))
    assert store.byte_count == 10_000 + 2 * 1024


def test_many_tiles_at_once_are_drawn_a_few_at_a_time():
    at_once, most = 0, 0
    lock = threading.Lock()

    class Slow(Counting):
        def tile(self, *address: int) -> np.ndarray | None:
            nonlocal at_once, most
            with lock:
                at_once += 1
                most = max(most, at_once)
            time.sleep(0.01)
            with lock:
                at_once -= 1
            return super().tile(*address)

    store, detail = TileStore(), Slow()
    token = store.put("a", replace(grey_picture(), detail=detail))
    with (
        TestClient(Starlette(routes=tile_routes(lambda: store))) as client,
        ThreadPoolExecutor(12) as pool,
    ):
        answers = list(pool.map(lambda x: client.get(address(token, 5, x, 0)).status_code, range(24)))
    assert answers == [200] * 24
    assert len(detail.drawn) == 24
    assert most <= max(2, thread_count())


def test_a_tile_that_nobody_waits_for_any_more_is_not_drawn(store):
    detail = Counting()
    token = store.put("a", replace(grey_picture(), detail=detail))
    (route,) = tile_routes(lambda: store)
    sent = []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    path = address(token, 4, 0, 0)
    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": [], "query_string": b""}
    run_to_end(Starlette(routes=[route])(scope, receive, send))
    assert detail.drawn == []
    assert sent[0]["status"] >= 400


def test_one_store_per_process_though_modules_are_forgotten(monkeypatch):
    monkeypatch.setitem(vars(sys), "_s2dash_tile_store", TileStore())
    before = tiles.process_tile_store()
    client = TestClient(Starlette(routes=tile_routes(tiles.process_tile_store)))
    for name in [name for name in sys.modules if name == "s2dash" or name.startswith("s2dash.")]:
        monkeypatch.delitem(sys.modules, name)
    later = importlib.import_module("s2dash.tiles.store")
    assert later is not tiles
    assert later.process_tile_store() is before
    render, grid = (importlib.import_module(f"s2dash.{name}") for name in ("tiles.render", "core.grid"))
    old = grey_picture()
    picture = render.Picture(grid.Grid(old.grid.shape_rc, old.grid.transform, None), old.pixels, old.palette)
    token = later.process_tile_store().put("a", picture)
    assert client.get(address(token, 0, 0, 0)).status_code == 200
