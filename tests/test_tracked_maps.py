"""Where maps look: the route by which browsers tell it, who may, and what it comes to in links."""

from __future__ import annotations

import gc
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient
from waiting import PATIENCE_SECONDS

from s2dash.core.map_position import MapPosition, from_json, position_of, to_json
from s2dash.core.run import View
from s2dash.errors import UnreadableValue
from s2dash.server.routes.tracked_maps import drawn_url, map_routes, map_url
from s2dash.server.tracked_maps import TrackedMaps

HERE = MapPosition((16.0, 45.9), 11.5)
POSITIONS = st.builds(MapPosition, st.tuples(*[st.floats(-1e7, 1e7)] * 2), st.floats(-30, 30))


@given(st.none() | POSITIONS)
def test_a_position_comes_back(position: MapPosition | None) -> None:
    assert from_json(to_json(position)) == position


@given(POSITIONS)
def test_a_view_says_where_it_looks(position: MapPosition) -> None:
    found = position_of(position.in_view(View(side="Classes")))
    assert found is not None
    assert found.centre == pytest.approx(position.centre, abs=1e-6)
    assert found.zoom == pytest.approx(position.zoom, abs=1e-4)
    assert position_of(View()) is None


class TestTheRoute:
    @pytest.fixture
    def maps(self) -> TrackedMaps:
        return TrackedMaps()

    @pytest.fixture
    def client(self, maps: TrackedMaps) -> TestClient:
        return TestClient(Starlette(routes=map_routes(maps, "base")))

    def test_a_browser_tells_of_its_own_map_and_of_the_scene_that_is_shown(
        self, maps: TrackedMaps, client: TestClient
    ) -> None:
        one, other = maps.new(), maps.new()
        told: list[MapPosition | None] = []
        one.on_move(told.append)
        for tracked in (one, other):
            tracked.show("scene")
        url = map_url(one.token, "base")
        assert client.post(f"{url}/scene", content=to_json(HERE)).status_code == 204
        assert (one.position, other.position, told) == (HERE, None, [HERE])
        one.show("scene")
        assert one.position == HERE
        one.show("next")
        client.post(f"{url}/scene", content=to_json(HERE))
        assert one.position is None
        client.post(f"{url}/next", content=to_json(HERE))
        client.post(f"{url}/next", content="null")
        assert (one.position, told) == (None, [HERE, HERE, None])

    @pytest.mark.parametrize(
        "body",
        [
            "",
            "{}",
            "[]",
            "\xff",
            '{"centre": [1], "zoom": 1}',
            '{"centre": [1, 2], "zoom": 1e9}',
            '{"centre": [1, NaN], "zoom": 1}',
            '{"centre": [1, 2], "zoom": 1, "run": "ls"}',
            "[" * 200,
            " " * 9_000,
        ],
    )
    def test_what_is_no_position_changes_nothing(self, maps: TrackedMaps, client: TestClient, body: str) -> None:
        tracked = maps.new()
        tracked.show("scene", HERE)
        answer = client.post(f"{map_url(tracked.token, 'base')}/scene", content=body.encode("latin-1"))
        assert answer.status_code in (400, 413)
        assert answer.content == b""
        assert tracked.position == HERE

    def test_a_page_that_is_gone_is_not_told_from_one_that_never_was(
        self, maps: TrackedMaps, client: TestClient
    ) -> None:
        token = maps.new().token
        gc.collect()
        assert maps.get(token) is None
        for unknown in (token, "0" * 32):
            assert client.post(f"{map_url(unknown, 'base')}/scene", content="null").status_code == 204


def test_a_page_waits_for_its_map_where_a_browser_has_told_of_one() -> None:
    maps = TrackedMaps()
    client = TestClient(Starlette(routes=map_routes(maps)))
    tracked = maps.new()
    url = "http://here/base/tiles/{}/{{z}}/{{x}}/{{y}}.png"
    tracked.await_drawn(url.format("first"), 600)  # a page without a browser would wait for ever

    def tell(tiles: str) -> None:
        assert client.post(f"{drawn_url(tracked.token)}/{tiles}").status_code == 204

    tell("first")
    tracked.await_drawn(url.format("first"), 600)
    waits = threading.Thread(target=tracked.await_drawn, args=(url.format("next"), 600))
    waits.start()
    tell("other")
    assert waits.is_alive()
    tell("next")
    waits.join(PATIENCE_SECONDS)
    assert not waits.is_alive()
    tracked.await_drawn(url.format("never"), 0.01)
    assert client.post(f"{drawn_url('0' * 32)}/next").status_code == 204


def test_a_scene_begins_where_it_was_said_and_each_beginning_counts_once() -> None:
    tracked = TrackedMaps().new()
    tracked.show("scene", HERE)
    first = tracked.start
    assert first is not None
    assert (first.scene, first.position, tracked.position) == ("scene", HERE, HERE)
    tracked.show("scene")
    assert tracked.start is first
    tracked.show("scene", HERE)
    assert tracked.start is not None
    assert tracked.start.id != first.id


@pytest.mark.parametrize(
    "view", [View(zoom=3.0), View(centre_lonlat=(1.0, 2.0)), View(zoom=31.0, centre_lonlat=(1.0, 2.0))]
)
def test_what_no_map_can_show_is_said(view: View) -> None:
    with pytest.raises(UnreadableValue, match="map"):
        position_of(view)
