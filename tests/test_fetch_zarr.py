"""Loading the ground and bands of an EOPF product on a server: only chunks under the ground, the same pixels."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import rasterio
import zarr
from answers import wrong_words
from eopf import L2A_NAME, changed_json, write_eopf
from products import EPSG, ORIGIN_XY
from rasterio.warp import transform_bounds
from stac_server import StacApi, item
from web_server import FileServer, send_file, send_status, serving

from s2dash.cli.main import main
from s2dash.find.items import scene_from
from s2dash.find.zarr_bands import means, nearest

ID = "S2B_T32TQM_20250601T101031_L2A"
KINDS: dict[str, dict[str, Any]] = {"v2": {}, "v3": {"version": 3}, "sharded": {"version": 3, "sharded": True}}


@pytest.fixture(scope="module", params=KINDS)
def product(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_eopf(tmp_path_factory.mktemp("eopf"), empty_m=600, **KINDS[request.param])


@pytest.fixture
def own_product(tmp_path: Path) -> Path:
    """One that a test may damage."""
    return write_eopf(tmp_path / "own", bands=("B04",), with_scl=False)


def serve(folder: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch, assets: dict[str, str]) -> StacApi:
    """Make a server give the store's files and an item whose assets are paths within it."""
    api = StacApi(server)
    root = server.address("").rpartition("/data/")[0] + f"/{L2A_NAME}"
    api.items = [item(ID, "2025-06-01", 0.5, {key: f"{root}{path}" for key, path in assets.items()})]
    for asset in api.items[0]["assets"].values():
        asset.pop("raster:bands", None)

    def misbehave(handler: BaseHTTPRequestHandler) -> bool:
        path = urlsplit(handler.path).path
        if path.startswith(f"/{L2A_NAME}/"):
            send_file(handler, folder / path.removeprefix(f"/{L2A_NAME}/"), server)
            return True
        return api(handler)

    server.misbehave = misbehave
    monkeypatch.setenv("S2DASH_FIND_CATALOGUE", api.root)
    monkeypatch.setenv("S2DASH_FIND_OWN_HOSTS", api.root.split("/")[2])
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return api


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    (tmp_path / "served").mkdir()
    with serving(tmp_path / "served") as server:
        yield server


def ground(left: int, top: int, width: int, height: int) -> str:
    """In metres from the product's corner, within its pixels."""
    west, north = ORIGIN_XY[0] + left + 2, ORIGIN_XY[1] - top - 2
    bounds = transform_bounds(f"EPSG:{EPSG}", "EPSG:4326", west, north - height + 4, west + width - 4, north)
    return ",".join(map(str, bounds))


def fetch(out: Path, where: str, *further: str) -> int:
    return main(["fetch", ID, f"--bbox={where}", "--out", str(out), *further])


def whole(product: Path, path: str) -> np.ndarray:
    return np.asarray(zarr.open_group(product, mode="r")[path][:])


def corner(dataset: rasterio.DatasetReader) -> tuple[int, int]:
    """Row and column of a cut's first pixel, of 10 m, in the product."""
    place = dataset.transform
    return round((ORIGIN_XY[1] - place.f) / 10), round((place.c - ORIGIN_XY[0]) / 10)


BAND = "measurements/reflectance/r{}m/{}"
SCL_PATH = "conditions/mask/l2a_classification/r20m/scl"


def test_pixels_are_those_of_the_product(
    product: Path, server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(product, server, monkeypatch, {"product": ""})
    out = tmp_path / "cut.tif"
    assert fetch(out, ground(300, 240, 720, 480), "--bands", "B02,B11,B09,SCL") == 0
    with rasterio.open(out) as dataset:
        found = dataset.read()
        assert dataset.descriptions == ("B02", "B11", "B09", "SCL")
        assert (dataset.scales, dataset.offsets) == ((0.0001,) * 3 + (1.0,), (-0.1,) * 3 + (0.0,))
        row, column = corner(dataset)
    for values, path, size in zip(
        found, (BAND.format(10, "b02"), BAND.format(20, "b11"), BAND.format(60, "b09"), SCL_PATH), (10, 20, 60, 20),
        strict=True,
    ):  # fmt: skip
        repeated = whole(product, path).repeat(size // 10, axis=0).repeat(size // 10, axis=1)
        assert (values == repeated[row : row + values.shape[0], column : column + values.shape[1]]).all()
    assert not found[0][:, : 60 - column].any()


def test_only_chunks_under_the_ground_are_asked_for(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = write_eopf(tmp_path / "own", bands=("B02", "B04"), with_scl=False)
    serve(product, server, monkeypatch, {"B04_10m": "/" + BAND.format(10, "b04")})
    assert fetch(tmp_path / "cut.tif", ground(20, 20, 200, 200), "--bands", "B04") == 0
    chunks = [one.path.rpartition("/")[2] for one in server.asked if one.path.rpartition("/")[2][0].isdigit()]
    assert set(chunks) == {"0.0"}
    assert not [one for one in server.asked if "/b02" in one.path]


def test_coarser_pixels_are_means_of_what_has_data(
    product: Path, server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(product, server, monkeypatch, {"product": ""})
    assert fetch(tmp_path / "cut.tif", ground(0, 0, 1_200, 1_200), "--bands", "B04,SCL", "--pixel", "60") == 0
    with rasterio.open(tmp_path / "cut.tif") as dataset:
        found = dataset.read()
    own = whole(product, BAND.format(10, "b04")).astype(float)
    own[own == 0] = np.nan
    blocks = np.nan_to_num(own).reshape(20, 6, 20, 6).sum(axis=(1, 3)) / 36
    assert np.abs(found[0] - blocks).max() <= 0.5
    assert (found[1] == whole(product, SCL_PATH)[1::3, 1::3]).all()


def test_a_median_of_dates_and_clouds_over_the_ground(
    product: Path,
    server: FileServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    api = serve(product, server, monkeypatch, {"product": ""})
    api.items[0]["bbox"] = [0.0, 0.0, 90.0, 80.0]
    where = ground(600, 0, 600, 600)
    assert fetch(tmp_path / "median.tif", where, "--bands", "B04", "--composite", "median") == 0
    with rasterio.open(tmp_path / "median.tif") as dataset:
        found, (row, column) = dataset.read(1), corner(dataset)
    under = (slice(row, row + found.shape[0]), slice(column, column + found.shape[1]))
    classes = whole(product, SCL_PATH).repeat(2, axis=0).repeat(2, axis=1)[under]
    is_hidden = np.isin(classes, (0, 1, 3, 8, 9, 10))
    assert (found == np.where(is_hidden, 0, whole(product, BAND.format(10, "b04"))[under])).all()
    capsys.readouterr()
    assert main(["find", f"--bbox={where}", "--clouds-over-area"]) == 0
    percent = 100 * np.isin(classes, (8, 9, 10)).sum() / (classes != 0).sum()
    assert capsys.readouterr().out.splitlines()[1].split()[3] == f"{percent:.0f}"


def test_signed_stores_keep_their_query(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    one = item(ID, "2025-06-01", 0.5, {"product": "https://files.example/a.zarr/?sig=1"})
    addresses = {band.name: band.address for band in scene_from(one).bands}
    assert addresses["B02"] == "https://files.example/a.zarr/measurements/reflectance/r10m/b02?sig=1"
    assert addresses["B01"].partition("/r")[2].startswith("eflectance/r20m/b01")
    assert "B10" not in addresses


B04 = BAND.format(10, "b04")


def _break_chunk(product: Path) -> None:
    (product / B04 / "0.0").write_bytes(b"\x02\x01\x33\x02" + b"\xff" * 400)


def _bomb(product: Path) -> None:
    (product / B04 / "0.0").write_bytes(bytes(900_000))


def _declare(**values: Any) -> Any:
    return lambda product: changed_json(product / B04 / ".zarray", **values)


def _say(**values: Any) -> Any:
    return lambda product: changed_json(product / B04 / ".zattrs", **values)


DAMAGES: dict[str, tuple[Any, str]] = {
    "a chunk that is none": (_break_chunk, "cannot be unpacked"),
    "a chunk far larger than its numbers": (_bomb, "larger than its numbers"),
    "metadata that are no JSON": (lambda product: (product / B04 / ".zarray").write_text("{"), "well-formed"),
    "metadata deep within themselves": (lambda p: (p / B04 / ".zarray").write_text("[" * 99_999), "well-formed"),
    "no such band": (lambda product: shutil.rmtree(product / B04), "not in the product"),
    "numbers made by code": (_declare(filters=[{"id": "pickle"}]), "packed by filters"),
    "far too many pixels": (_declare(shape=[10**9, 10**9]), "declares"),
    "chunks of one pixel": (_declare(chunks=[1, 1]), "smaller parts"),
    "a chunk of all memory": (_declare(shape=[20_000, 20_000], chunks=[20_000, 20_000], dtype="<u8"), "declares"),
    "fractions": (_declare(dtype="<f4", fill_value=0), "not stored as those of Sentinel-2"),
    "another value without data": (_say(_FillValue=7), "not stored as those of Sentinel-2"),
    "no place": (_say(**{"proj:epsg": None, "proj:transform": None}), "not stored as those of Sentinel-2"),
    "a place that is no number": (
        _say(**{"proj:transform": [float("nan"), 0, 6e5, 0, -10, 5e6]}),
        "not stored as those of Sentinel-2",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_damaged_or_lies_is_a_sentence(
    own_product: Path,
    server: FileServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    damage, words = DAMAGES[name]
    damage(own_product)
    serve(own_product, server, monkeypatch, {"B04_10m": "/" + B04})
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    assert fetch(tmp_path / "cut.tif", ground(20, 20, 1_100, 1_100), "--bands", "B04") == 2
    said = capsys.readouterr().err.strip().removeprefix("s2dash: ")
    assert words in said
    assert wrong_words(said) is None, f"{wrong_words(said)}: {said}"
    assert not (tmp_path / "cut.tif").exists()
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize(("status", "words"), [(403, "status 403"), (500, "out of order"), (302, "is not asked")])
def test_a_server_that_fails_is_no_missing_chunk(
    own_product: Path,
    server: FileServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    status: int,
    words: str,
) -> None:
    serve(own_product, server, monkeypatch, {"B04_10m": "/" + B04})
    usual = server.misbehave
    server.misbehave = lambda handler: (
        send_status(handler, status, Location="https://evil.example/")
        if handler.path.endswith("/1.1")
        else usual(handler)
    )
    assert fetch(tmp_path / "cut.tif", ground(20, 20, 1_100, 1_100), "--bands", "B04") == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "cut.tif").exists()


def test_decimation_by_hand() -> None:
    values = np.array([[0, 4, 1, 1], [2, 0, 1, 2]], dtype=np.uint16)
    assert means(values, (1, 2)).tolist() == [[3, 1]]
    assert nearest(np.arange(36).reshape(6, 6), (2, 2)).tolist() == [[7, 10], [25, 28]]
