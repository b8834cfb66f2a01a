"""The routes that answer what is at a place: the pixel that the map shows there, for whoever has the token."""

from __future__ import annotations

import gc
import json
from dataclasses import replace
from pathlib import Path

import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from scenes import DEGREES, ROTATED, SOUTH_UP, UTM, UTM_10M, make_scene
from starlette.applications import Starlette
from starlette.testclient import TestClient

from s2dash.classify import pipeline
from s2dash.core.edits import ClassEdits, Sieve
from s2dash.core.grid import Grid
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene
from s2dash.core.types import Window
from s2dash.raster.reading import SceneReader
from s2dash.server.askable import Askable
from s2dash.server.live_engine import LiveAnswer
from s2dash.server.routes.points import point_routes, point_url
from s2dash.tiles.native import NativeTiles
from s2dash.tiles.placing import pixel_at, place_of_pixel, tile_places
from s2dash.tiles.store import TileStore, tile_routes

ACROSS_THE_DATE_LINE = Affine(1e-3, 0, 179.97, 0, -1e-3, -17)
GRIDS = [
    Grid((48, 64), transform, crs)
    for transform, crs in [
        (UTM_10M, UTM),
        (ROTATED, UTM),
        (SOUTH_UP, UTM),
        (DEGREES, "EPSG:4326"),
        (ACROSS_THE_DATE_LINE, "EPSG:4326"),
        (UTM_10M, None),
    ]
]


@given(st.sampled_from(GRIDS), st.integers(0, 47), st.integers(0, 63))
def test_a_pixel_is_found_at_its_own_place(grid: Grid, row: int, col: int) -> None:
    assert pixel_at(grid, *place_of_pixel(grid, row, col)) == (row, col)


@pytest.mark.parametrize("grid", GRIDS, ids=range(len(GRIDS)))
def test_beside_the_scene_is_no_pixel(grid: Grid) -> None:
    for row, col in [(-2, 5), (50, 5), (5, -2), (5, 66)]:
        assert pixel_at(grid, *place_of_pixel(grid, row, col)) is None
    assert pixel_at(grid, 89.9, 12.0) is None


def test_it_is_the_pixel_that_tiles_show() -> None:
    grid = Grid((48, 64), Affine.identity(), None)
    places = tile_places(grid, 1, 2, 0, 0)
    assert places is not None
    for down, across in [(0, 0), (17, 90), (150, 201)]:
        shown = (places.rows[down, across], places.cols[down, across])
        assert pixel_at(grid, -(down + 0.5) / 4, (across + 0.5) / 4) == shown


PLACES = [(row, col) for row in range(5, 150, 13) for col in range(4, 130, 13)]


def answer_on(scene: Scene, k: int = 4) -> LiveAnswer:
    fitted = pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), k=k))
    return LiveAnswer(pipeline.run_live(fitted), fitted, 0.1)


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> LiveAnswer:
    masked = [(slice(10, 14), slice(30, 40))]
    return answer_on(make_scene(tmp_path_factory.mktemp("scene"), nodata=0, masked=masked))


@pytest.fixture
def askable() -> Askable:
    return Askable()


@pytest.fixture
def client(askable: Askable) -> TestClient:
    tiles = TileStore()
    routes = [*point_routes(askable, NativeTiles(), tiles, "base"), *tile_routes(tiles, "base")]
    return TestClient(Starlette(routes=routes))


def asked_at(client: TestClient, url: str, latitude: object, longitude: object, what: str = "") -> tuple[int, dict]:
    response = client.get(f"{url}{what}", params={"latitude": latitude, "longitude": longitude})
    assert response.headers["cache-control"] == "no-store"
    return response.status_code, json.loads(response.text)


def test_it_is_of_the_class_that_the_map_shows_after_a_sieve_of_the_whole(
    client: TestClient, askable: Askable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s2dash.classify.clean_up.steps.MOST_HALO", 4)
    found = answer_on(make_scene(tmp_path, (150, 130)), k=12)
    fitted = pipeline.edited(found.fitted, ClassEdits(steps=(Sieve(300, "pixels", 4),)))
    whole = pipeline.run_live(fitted)
    labels = whole.classmap.labels
    assert labels is not None
    with SceneReader(fitted.scene) as reader:
        wrong = [at for at in PLACES if pipeline.label_window(fitted, reader, Window(*at, 1, 1))[0, 0] != labels[at]]
    assert wrong
    every_other = replace(whole, classmap=replace(whole.classmap, step=2))
    for result, path in ((whole, None), (every_other, tmp_path / "labels.tif")):
        answer = LiveAnswer(result, fitted, 0.1)
        if path is not None:
            pipeline.run_full(fitted, path)
            askable.put_full(answer, path)
        url = point_url(askable.token_of(answer), "base")
        for at in wrong:
            assert asked_at(client, url, *place_of_pixel(fitted.scene.grid, *at))[1]["label"] == labels[at]


def test_it_answers_with_the_pixel_of_the_file(client: TestClient, askable: Askable, answer: LiveAnswer) -> None:
    scene = answer.fitted.scene
    url = point_url(askable.token_of(answer), "base")
    status, point = asked_at(client, url, *place_of_pixel(scene.grid, 20, 31))
    labels = answer.result.classmap.labels
    assert labels is not None
    assert (status, point["row"], point["col"], point["label"]) == (200, 20, 31, labels[20, 31])
    with rasterio.open(scene.paths[0]) as file:
        stored = file.read(window=((20, 21), (31, 32)))[:, 0, 0]
    assert [band["value"] for band in point["bands"]] == pytest.approx(stored / 10_000, abs=1e-6)
    assert point["at"] == pytest.approx(place_of_pixel(scene.grid, 20, 31))


def test_a_masked_place_says_so_and_has_nothing_like_it(
    client: TestClient, askable: Askable, answer: LiveAnswer
) -> None:
    url = point_url(askable.token_of(answer), "base")
    at = place_of_pixel(answer.fitted.scene.grid, 12, 35)
    assert asked_at(client, url, *at)[1]["left_out"] == ["no data"]
    status, said = asked_at(client, url, *at, "/like")
    assert status == 200
    assert "left out" in said["message"]


def test_what_is_like_it_comes_as_tiles(client: TestClient, askable: Askable, answer: LiveAnswer) -> None:
    url = point_url(askable.token_of(answer), "base")
    at = place_of_pixel(answer.fitted.scene.grid, 20, 31)
    status, like = asked_at(client, url, *at, "/like")
    assert (status, [step["share"] for step in like["steps"]]) == (200, [0.01, 0.05, 0.1])
    assert asked_at(client, url, *at, "/like")[1]["url"] == like["url"]
    assert client.get(like["url"].format(z=0, x=0, y=0)).status_code == 200


@pytest.mark.parametrize(
    ("latitude", "longitude", "status"),
    [("", "1", 400), ("nan", "1", 400), ("1e999", "1", 400), ("a", "b", 400), (0, 0, 200), (1e300, 1e300, 200)],
)
def test_what_is_no_place_of_the_scene_is_refused(
    client: TestClient, askable: Askable, answer: LiveAnswer, latitude: object, longitude: object, status: int
) -> None:
    url = point_url(askable.token_of(answer), "base")
    for what in ("", "/like"):
        answered, said = asked_at(client, url, latitude, longitude, what)
        assert answered == status
        assert list(said) == ["message"]


def test_nobody_answers_without_the_token(client: TestClient, askable: Askable, answer: LiveAnswer) -> None:
    token = askable.token_of(answer)
    assert askable.token_of(answer) == token
    assert len(token) == 32
    assert asked_at(client, point_url("0" * 32, "base"), 1, 1)[0] == 404


def test_a_result_that_nobody_holds_cannot_be_asked(client: TestClient, askable: Askable, tmp_path: Path) -> None:
    mine = answer_on(make_scene(tmp_path))
    url = point_url(askable.token_of(mine), "base")
    at = place_of_pixel(mine.fitted.scene.grid, 5, 5)
    assert asked_at(client, url, *at)[0] == 200
    del mine
    gc.collect()
    assert asked_at(client, url, *at)[0] == 404


def test_files_that_are_gone_are_said(client: TestClient, askable: Askable, tmp_path: Path) -> None:
    mine = answer_on(make_scene(tmp_path))
    url, at = point_url(askable.token_of(mine), "base"), place_of_pixel(mine.fitted.scene.grid, 5, 5)
    mine.fitted.scene.paths[0].unlink()
    status, said = asked_at(client, url, *at)
    assert status == 410
    assert "no longer there" in said["message"]
