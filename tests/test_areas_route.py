"""The route that answers what classes lie within a drawn area: as many pixels and hectares as the map has there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from drawn_rings import ring_of
from scenes import DEGREES, UTM, UTM_10M, make_scene
from starlette.applications import Starlette
from starlette.testclient import TestClient

from s2dash.classify import pipeline
from s2dash.classify.inside import burnt, on_grid
from s2dash.core.edits import ClassEdits, LeaveOut
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene
from s2dash.server.askable import Askable
from s2dash.server.live_engine import LiveAnswer
from s2dash.server.routes.areas import area_routes
from s2dash.server.routes.points import point_url

CORNERS = ((5.2, 3.1), (55.7, 9.4), (30.1, 44.8))


def answer_on(scene: Scene) -> LiveAnswer:
    fitted = pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), k=4))
    edited = pipeline.edited(fitted, ClassEdits(steps=(LeaveOut(2),)))
    return LiveAnswer(pipeline.run_live(edited), edited, 0.1)


@pytest.fixture
def askable() -> Askable:
    return Askable()


@pytest.fixture
def client(askable: Askable) -> TestClient:
    return TestClient(Starlette(routes=area_routes(askable, "base")))


def url_of(askable: Askable, answer: LiveAnswer) -> str:
    return f"{point_url(askable.token_of(answer), 'base')}/inside"


@pytest.mark.parametrize(("transform", "crs"), [(UTM_10M, UTM), (DEGREES, "EPSG:4326")])
def test_it_counts_what_the_map_has_inside(
    client: TestClient, askable: Askable, tmp_path: Path, transform: Affine, crs: str
) -> None:
    answer = answer_on(make_scene(tmp_path, (48, 64), transform=transform, crs=crs))
    scene, labels = answer.fitted.scene, answer.result.classmap.labels
    assert labels is not None
    rings = [ring_of(CORNERS, transform, crs), ring_of(((60, 40), (80, 40), (80, 60)), transform, crs)]
    response = client.post(url_of(askable, answer), content=json.dumps(rings))
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    found = response.json()
    inside = burnt(on_grid(rings, scene.grid), np.arange(48), np.arange(64))
    numbers, counts = np.unique(labels[inside], return_counts=True)
    assert {one["id"]: one["share"] for one in found["classes"]} == pytest.approx(
        {int(n): count / inside.sum() for n, count in zip(numbers, counts, strict=True)}
    )
    areas = np.broadcast_to(scene.grid.pixel_area_m2(), (48, 64)) / 10_000
    for one in found["classes"]:
        assert one["area_ha"] == pytest.approx(areas[inside & (labels == one["id"])].sum())
    order = [one["id"] for one in found["classes"]]
    assert 2 not in order
    assert order[-1] == 0, "what has no data comes last"
    assert [one["share"] for one in found["classes"][:-1]] == sorted(
        (one["share"] for one in found["classes"][:-1]), reverse=True
    )
    assert found["step"] == 1


def test_beside_the_scene_nothing_lies_inside(client: TestClient, askable: Askable, tmp_path: Path) -> None:
    answer = answer_on(make_scene(tmp_path))
    url = url_of(askable, answer)
    for rings in ([], [ring_of(((70, 50), (90, 50), (90, 70)))]):
        assert client.post(url, content=json.dumps(rings)).json() == {"classes": [], "step": 1}


def test_what_is_no_area_or_no_map_is_refused(client: TestClient, askable: Askable, tmp_path: Path) -> None:
    answer = answer_on(make_scene(tmp_path))
    url, right = url_of(askable, answer), json.dumps([ring_of(CORNERS)])
    for content in ("", "[", "{}", "[[[0, 0], [1, 1]]]", '["a"]', "[" * 50_000, right.replace("[[[", "[[[NaN, 1], [")):
        assert client.post(url, content=content).status_code == 400
    assert client.post(url, content=" " * 200_000).status_code == 413
    assert client.post(f"{point_url('0' * 32, 'base')}/inside", content=right).status_code == 404
    (tmp_path / "nowhere").mkdir()
    nowhere = answer_on(make_scene(tmp_path / "nowhere", crs=None, transform=Affine.identity()))
    assert client.post(url_of(askable, nowhere), content=right).status_code == 400
