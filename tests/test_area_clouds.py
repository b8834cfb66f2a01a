"""Clouds over the ground itself: shares of the scene classification, read coarsely and in parts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio.transform import from_origin
from rasterio.warp import transform_bounds
from stac_server import StacApi, item
from web_server import FileServer, serving

from s2dash.cli.main import main
from s2dash.errors import NotFetched
from s2dash.find.catalogue import Hosts
from s2dash.find.clouds import shares, with_area_clouds
from s2dash.find.door import Door, door_to
from s2dash.find.items import FoundScene, scene_from
from s2dash.find.places import Box

LEFT, TOP, SIDE = 300_000, 5_500_020, 2_048


def classes() -> np.ndarray:
    """Cloud in the west, no data in the south-east, bare ground elsewhere."""
    made = np.full((SIDE, SIDE), 5, dtype=np.uint8)
    made[:, : SIDE // 2] = np.random.default_rng(2).choice([8, 9, 10], (SIDE, SIDE // 2))
    made[SIDE // 2 :, SIDE // 2 :] = 0
    return made


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    (tmp_path / "files").mkdir()
    profile = {"driver": "COG", "crs": "EPSG:32633", "transform": from_origin(LEFT, TOP, 20, 20), "blocksize": 256}
    shape = {"height": SIDE, "width": SIDE, "count": 1, "dtype": "uint8", "overview_resampling": "nearest"}
    with rasterio.open(tmp_path / "files" / "SCL.tif", "w", **profile, **shape, compress="deflate") as made:
        made.write(classes(), 1)
    with serving(tmp_path / "files") as server:
        api = StacApi(server)
        names = {"good": "SCL.tif", "gone": "gone.tif"}
        api.items = [item(name, "2024-07-30", 90.0, {"scl": server.address(names[name])}) for name in names]
        api.items.append(item("none", "2024-07-30", 7.0, {"red": server.address("B04.tif")}))
        server.misbehave = api
        monkeypatch.setenv("S2DASH_FIND_CATALOGUE", api.root)
        monkeypatch.setenv("S2DASH_FIND_OWN_HOSTS", api.root.split("/")[2])
        yield server


@pytest.fixture
def door(server: FileServer) -> Iterator[Door]:
    with door_to(Hosts(frozenset(), frozenset({server.address().split("/")[2]}))) as door:
        yield door


def scenes(server: FileServer) -> dict[str, FoundScene]:
    assert isinstance(server.misbehave, StacApi)
    return {one["id"]: scene_from(one) for one in server.misbehave.items}


def ground(west: float, south: float, east: float, north: float) -> Box:
    """In shares of the raster from its lower left corner, within its pixels."""
    metres = SIDE * 20
    left, bottom = LEFT + west * metres + 30, TOP - metres + south * metres + 30
    right, top = LEFT + east * metres - 30, TOP - metres + north * metres - 30
    return Box(*transform_bounds("EPSG:32633", "EPSG:4326", left, bottom, right, top))


@pytest.mark.parametrize(
    ("box", "cloud", "missing"),
    [
        ((0.0, 0.0, 0.4, 1.0), 100.0, 0.0),
        ((0.6, 0.6, 0.9, 0.9), 0.0, 0.0),
        ((0.6, 0.1, 0.9, 0.4), None, 100.0),
        ((0.0, 0.0, 1.0, 1.0), 66.7, 25.0),
        ((0.49, 0.8, 0.51, 0.82), 50.0, 0.0),
    ],
)
def test_shares_are_those_of_the_ground(
    server: FileServer, door: Door, box: tuple[float, float, float, float], cloud: float | None, missing: float
) -> None:
    (found,) = with_area_clouds([scenes(server)["good"]], ground(*box), door)
    assert found.area_cloud == (None if cloud is None else pytest.approx(cloud, abs=2.5))
    assert found.area_missing == pytest.approx(missing, abs=2.5)
    assert server.sent_bytes < (server.folder / "SCL.tif").stat().st_size / 2


def test_what_cannot_be_looked_at_stays_unknown(server: FileServer, door: Door) -> None:
    known, box = scenes(server), ground(0.0, 0.0, 0.4, 1.0)
    found = with_area_clouds([known["gone"], known["good"], known["none"]], box, door)
    assert [one.id for one in found] == ["gone", "good", "none"]
    assert [one.area_cloud for one in found] == [None, 100.0, None]
    assert with_area_clouds([known["none"]], box, door) == (known["none"],)
    assert with_area_clouds([], box, door) == ()
    with pytest.raises(NotFetched, match="no such file"):
        with_area_clouds([known["gone"]], box, door)


def test_the_command_holds_the_bound_against_the_ground(server: FileServer, capsys: pytest.CaptureFixture[str]) -> None:
    box = ",".join(map(str, ground(0.6, 0.6, 0.9, 0.9).bounds))
    words = ["find", f"--bbox={box}", "--cloud", "20"]
    assert main(words) == 0
    assert [row.split()[-1] for row in capsys.readouterr().out.splitlines()[1:]] == ["none"]
    assert main([*words, "--clouds-over-area"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["date", "clouds", "over", "the", "area", "tile", "id"]
    assert [row.split()[1:] for row in rows] == [
        ["90", "%", "0", "%", "33UUU", "good"],
        ["7", "%", "unknown", "33UUU", "none"],
    ]
    assert main([*words, "--clouds-over-area", "--json"]) == 0
    told = {one["id"]: one["area_cloud"] for one in json.loads(capsys.readouterr().out)["scenes"]}
    assert told == {"good": 0.0, "none": None}


@given(arrays(np.uint8, (4, 5), elements=st.integers(0, 11)))
def test_shares_add_up(classes: np.ndarray) -> None:
    cloud, missing = shares(classes)
    assert missing == pytest.approx(100 * (classes == 0).sum() / classes.size)
    if cloud is None:
        assert not classes.any()
    else:
        assert cloud == pytest.approx(100 * ((classes >= 8) & (classes <= 10)).sum() / (classes != 0).sum())
