"""A composite on workers: the same medians as in this process, errors in words, and nothing left."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import rasterio
from clusters import local_cluster
from hostile_catalogue import LEFT, SIDE, TOP, good_cog
from rasterio.warp import transform_bounds
from stac_server import COLLECTION, StacApi, item
from web_server import FileServer, serving

from s2dash.cli.main import main
from s2dash.errors import Cancelled, NotFetched, NotThere
from s2dash.export.contents import staged
from s2dash.find import composite
from s2dash.find.catalogue import Catalogue, Hosts
from s2dash.find.composite import Workers, write_median
from s2dash.find.door import door_to
from s2dash.find.items import scene_from
from s2dash.find.places import Box

GROUND = Box(*transform_bounds("EPSG:32633", "EPSG:4326", LEFT + 5, TOP - SIDE * 10 + 5, LEFT + SIDE * 10 - 5, TOP - 5))
DAYS = ("2024-06-01", "2024-06-11", "2024-06-21")
IDS = tuple(f"S2A_33UUU_{day}" for day in DAYS)


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StacApi]:
    """Three dates, each with its own bands and classes."""
    folder = tmp_path / "files"
    folder.mkdir()
    random = np.random.default_rng(5)
    with serving(folder) as server:
        api = StacApi(server)
        for number, day in enumerate(DAYS):
            files = {}
            for key, name in (("red", "B04"), ("nir", "B08"), ("scl", "SCL")):
                path = folder / f"{name}-{day}.tif"
                good_cog(path, dtype="uint8" if name == "SCL" else "uint16")
                with rasterio.open(path, "r+") as made:
                    top = 12 if name == "SCL" else 9_000
                    made.write(random.integers(1 if name == "SCL" else 1_200, top, (1, SIDE, SIDE)))
                files[key] = server.address(path.name)
            one = item(IDS[number], day, 1.0, files)
            one["assets"]["red"]["raster:bands"][0]["offset"] = -0.1 * (number != 1)
            api.items.append(one)
        server.misbehave = api
        monkeypatch.setenv("S2DASH_FIND_CATALOGUE", api.root)
        monkeypatch.setenv("S2DASH_FIND_OWN_HOSTS", api.root.split("/")[2])
        monkeypatch.setattr(composite, "_ROWS_AT_ONCE", 40)
        yield api


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        yield pool


def own(server: FileServer) -> Hosts:
    return Hosts(frozenset(), frozenset({server.address().split("/")[2]}))


def write(api: StacApi, out: Path, workers: Workers | None, progress: composite.Progress) -> None:
    scenes = [scene_from(one) for one in api.items]
    with door_to(own(api.server)) as door, staged(out) as path:
        write_median(scenes, ["B04", "B08"], GROUND, 10, path, door, progress, None, workers)


def pixels(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read()


def test_workers_make_the_same(api: StacApi, tmp_path: Path, pool: ProcessPoolExecutor) -> None:
    shares: list[float] = []
    write(api, tmp_path / "here.tif", None, lambda share, what: None)
    workers = Workers(pool, Catalogue(api.root, COLLECTION, own(api.server)))
    write(api, tmp_path / "there.tif", workers, lambda share, what: shares.append(share))
    found = pixels(tmp_path / "there.tif")
    np.testing.assert_array_equal(found, pixels(tmp_path / "here.tif"))
    assert found.shape == (2, SIDE, SIDE)
    assert (found > 0).mean() > 0.5
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_workers_ask_listed_servers_only(api: StacApi, tmp_path: Path, pool: ProcessPoolExecutor) -> None:
    workers = Workers(pool, Catalogue(api.root, COLLECTION, Hosts(frozenset({"files.example"}))))
    with pytest.raises(NotFetched, match="none of the servers"):
        write(api, tmp_path / "there.tif", workers, lambda share, what: None)
    assert not (tmp_path / "there.tif").exists()


def test_what_stops_it_leaves_nothing(api: StacApi, tmp_path: Path, pool: ProcessPoolExecutor) -> None:
    def stop(share: float, what: str) -> None:
        raise Cancelled("Stopped.")

    workers = Workers(pool, Catalogue(api.root, COLLECTION, own(api.server)))
    with pytest.raises(Cancelled):
        write(api, tmp_path / "there.tif", workers, stop)
    assert [one.name for one in tmp_path.iterdir()] == ["files"]


def test_an_error_comes_back_whole() -> None:
    """Copying takes the same way as sending."""
    found = copy.copy(NotThere("host/…/a.tif cannot be read.", 404))
    assert (type(found), str(found), found.status) == (NotThere, "host/…/a.tif cannot be read.", 404)


def test_a_cluster_is_for_composites(api: StacApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fetch", IDS[0], "--bbox=1,2,3,4", "--scheduler", "tcp://127.0.0.1:1", "--out", str(tmp_path / "a.tif")]
    assert main(words) == 2
    assert "--composite median" in capsys.readouterr().err


@pytest.mark.slow
def test_on_a_dask_cluster(api: StacApi, tmp_path: Path) -> None:
    words = ["fetch", *IDS, f"--bbox={','.join(map(str, GROUND.bounds))}", "--bands", "B04,B08"]
    words += ["--composite", "median", "--out"]
    assert main([*words, str(tmp_path / "here.tif")]) == 0
    with local_cluster(tmp_path / "dask") as cluster:
        assert main([*words, str(tmp_path / "there.tif"), "--scheduler", cluster.address]) == 0
    np.testing.assert_array_equal(pixels(tmp_path / "there.tif"), pixels(tmp_path / "here.tif"))
