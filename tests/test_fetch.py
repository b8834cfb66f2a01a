"""Loading the ground and bands of a found scene: the same pixels, and classes, as of the whole files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio.transform import from_origin
from rasterio.warp import transform_bounds
from stac_server import StacApi, item
from web_server import FileServer, send_status, serving

from s2dash.cli.main import main
from s2dash.find.composite import median

PLACE = "S2A_T33UUU_20240730T101031_L2A"
LEFT, TOP, METRES = 300_000, 5_500_020, 18_000
SIZES = {"B02": 10, "B04": 10, "B08": 10, "B11": 20, "SCL": 20}
KEYS = {"blue": "B02", "red": "B04", "nir": "B08", "swir16": "B11", "scl": "SCL"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tile's bands as COGs, of which a cut needs a small part."""
    folder = tmp_path_factory.mktemp("tile")
    random = np.random.default_rng(1)
    for name, size in SIZES.items():
        side = METRES // size
        coarse = random.integers(1_200, 9_000, (30, 30)) if name != "SCL" else random.integers(4, 7, (30, 30))
        values = np.kron(coarse, np.ones((side // 30, side // 30), dtype=np.int64))
        values += 0 if name == "SCL" else random.integers(0, 200, values.shape)
        profile = {"driver": "COG", "crs": "EPSG:32633", "transform": from_origin(LEFT, TOP, size, size), "nodata": 0}
        profile |= {"blocksize": 256, "overview_resampling": "average"}
        kind = "uint8" if name == "SCL" else "uint16"
        with rasterio.open(
            folder / f"{name}.tif", "w", width=side, height=side, count=1, dtype=kind, compress="deflate", **profile
        ) as made:
            made.write(values.astype(kind), 1)
    return folder


@pytest.fixture
def server(files: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    with serving(files) as server:
        api = StacApi(server)
        api.items = [item(PLACE, "2024-07-30", 0.5, {key: server.address(f"{KEYS[key]}.tif") for key in KEYS})]
        server.misbehave = api
        monkeypatch.setenv("S2DASH_FIND_CATALOGUE", api.root)
        monkeypatch.setenv("S2DASH_FIND_OWN_HOSTS", api.root.split("/")[2])
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        yield server


def box(column: int, row: int, width: int, height: int) -> str:
    """Pixels of 10 m as a box of degrees that lies within them."""
    left, top = LEFT + column * 10 + 2, TOP - row * 10 - 2
    bounds = transform_bounds("EPSG:32633", "EPSG:4326", left, top - height * 10 + 4, left + width * 10 - 4, top)
    return ",".join(str(one) for one in bounds)


def fetch(out: Path, *further: str, where: str | None = None) -> int:
    return main(["fetch", PLACE, f"--bbox={where or box(600, 600, 200, 160)}", "--out", str(out), *further])


def read(path: Path) -> tuple[np.ndarray, rasterio.Affine]:
    with rasterio.open(path) as dataset:
        return dataset.read(), dataset.transform


BANDS = "B02,B04,B08,B11,SCL"


def own_window(files: Path, name: str, transform: rasterio.Affine, shape: tuple[int, ...]) -> np.ndarray:
    """What the whole file has in a cut of 10 m pixels, coarser pixels repeated."""
    size = SIZES[name]
    whole, place = read(files / f"{name}.tif")
    repeated = whole[0].repeat(size // 10, axis=0).repeat(size // 10, axis=1)
    row, column = round((place.f - transform.f) / 10), round((transform.c - place.c) / 10)
    return repeated[row : row + shape[0], column : column + shape[1]]


def test_pixels_are_those_of_the_whole_files(server: FileServer, files: Path, tmp_path: Path) -> None:
    assert fetch(tmp_path / "cut.tif", "--bands", BANDS) == 0
    found, transform = read(tmp_path / "cut.tif")
    for values, name in zip(found, BANDS.split(","), strict=True):
        np.testing.assert_array_equal(values, own_window(files, name, transform, found.shape[1:]))
    assert server.sent_bytes < sum(one.stat().st_size for one in files.iterdir()) / 3
    with rasterio.open(tmp_path / "cut.tif") as dataset:
        assert dataset.descriptions == tuple(BANDS.split(","))
        assert (dataset.scales, dataset.offsets) == ((0.0001,) * 4 + (1.0,), (-0.1,) * 4 + (0.0,))
        assert dataset.tags()["ACQUISITION_DATE"] == "2024-07-30"
        assert dataset.tags()["TIFFTAG_COPYRIGHT"] == "Contains modified Copernicus Sentinel data 2024"


def test_classes_are_those_of_the_whole_file(
    server: FileServer, files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetch(tmp_path / "cut.tif", "--bands", BANDS) == 0
    found, transform = read(tmp_path / "cut.tif")
    whole = [own_window(files, name, transform, found.shape[1:]) for name in BANDS.split(",")]
    with rasterio.open(tmp_path / "cut.tif") as cut:
        profile = cut.profile
    with rasterio.open(tmp_path / "whole.tif", "w", **profile) as made:
        made.write(np.array(whole))
        made.descriptions, made.scales = BANDS.split(","), (0.0001,) * 4 + (1.0,)
        made.offsets = (-0.1,) * 4 + (0.0,)
    for name in ("cut", "whole"):
        assert main(["classify", str(tmp_path / f"{name}.tif"), "-o", str(tmp_path / f"{name}-k.tif"), "--k", "4"]) == 0
    np.testing.assert_array_equal(read(tmp_path / "cut-k.tif")[0], read(tmp_path / "whole-k.tif")[0])
    capsys.readouterr()
    assert main(["info", str(tmp_path / "cut.tif")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["sensor"], told["date"], told["bands"]) == ("Sentinel-2", "2024-07-30", BANDS.split(",")[:4])
    assert (told["quantification"], told["offset"]) == (10_000, -1_000)


def test_coarser_pixels_are_averages_from_overviews(server: FileServer, files: Path, tmp_path: Path) -> None:
    assert fetch(tmp_path / "fine.tif", "--bands", "B02,SCL", where=box(0, 0, 1_800, 1_800)) == 0
    whole_bytes = server.sent_bytes
    server.forget()
    words = ("--bands", "B02,SCL", "--pixel", "60")
    assert fetch(tmp_path / "coarse.tif", *words, where=box(0, 0, 1_800, 1_800)) == 0
    fine, coarse = read(tmp_path / "fine.tif")[0], read(tmp_path / "coarse.tif")[0]
    assert coarse.shape == (2, 300, 300)
    means = fine[0].reshape(300, 6, 300, 6).mean(axis=(1, 3))
    assert np.abs(coarse[0] - means).mean() < 25  # an overview's pixel of 40 m may lie across an edge
    np.testing.assert_array_equal(coarse[1], fine[1, 3::6, 3::6])
    assert server.sent_bytes < whole_bytes / 2


@pytest.mark.parametrize(
    ("where", "further", "words"),
    [
        ("0,0,1,1", [], "outside of the tile"),
        ("13,48,12,49", [], "no box"),
        (None, ["--bands", "B02,B12"], "no band B12"),
        (None, ["--bands", "SCL"], "No band is chosen"),
    ],
)
def test_what_cannot_be_is_a_sentence(
    server: FileServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    where: str | None,
    further: list[str],
    words: str,
) -> None:
    assert fetch(tmp_path / "cut.tif", *(further or ["--bands", BANDS]), where=where) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def answer_with(status: int, content: bytes = b"", promised: int | None = None, **headers: str) -> Any:
    """A Misbehaviour towards all files: a status, with less content than promised perhaps."""

    def misbehave(handler: Any) -> bool:
        handler.send_response(status)
        for name, told in headers.items():
            handler.send_header(name.replace("_", "-"), told)
        handler.send_header("Content-Length", str(len(content) if promised is None else promised))
        handler.end_headers()
        handler.wfile.write(content)
        handler.close_connection = True
        return True

    return misbehave


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda handler: send_status(handler, 403), "may have run out"),
        (lambda handler: send_status(handler, 404), "no such file"),
        (lambda handler: send_status(handler, 302, Location="https://evil.example/a"), "evil.example is not asked"),
        (lambda handler: send_status(handler, 429, **{"Retry-After": "9999"}), "wait 9,999 s"),
        (answer_with(200, b"whole"), "files only whole"),
        (answer_with(206, b"abc", promised=65_536, Content_Range="bytes 0-65535/99999"), "broke off"),
        (answer_with(206, b"abc", Content_Range="bytes 0-65535/99999"), "another part"),
        (answer_with(206, bytes(9), Content_Range="bytes 0-8/9"), "no GeoTIFF"),
    ],
    ids=["403", "404", "redirection", "429", "no ranges", "cut", "wrong length", "no GeoTIFF"],
)
@pytest.mark.parametrize("after", [0, 1], ids=["at once", "later"])
def test_faults_of_the_server_are_sentences(
    server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: Any, words: str, after: int
) -> None:
    usual, asked = server.misbehave, []

    def misbehave(handler: Any) -> bool:
        if usual(handler):
            return True
        asked.append(handler.path)
        return len(asked) > after * 2 and bool(fault(handler))

    server.misbehave = misbehave
    assert fetch(tmp_path / "cut.tif", "--bands", "B02") == 2
    said = capsys.readouterr().err
    assert words in said or (after and ("another part" in said or "changed on the server" in said))
    assert list(tmp_path.iterdir()) == []


def test_several_scenes_go_into_a_folder(server: FileServer, tmp_path: Path) -> None:
    api = server.misbehave
    assert isinstance(api, StacApi)
    api.items.append(item("S2A_other_33UUU", "2024-08-09", 1.0, {"red": server.address("B04.tif")}))
    words = ["fetch", PLACE, "S2A_other_33UUU", f"--bbox={box(600, 600, 30, 24)}", "--bands", "B04", "--out"]
    assert main([*words, str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "S2A_T33UUU_20240730T101031_L2A.tif",
        "S2A_other_33UUU.tif",
    ]
    assert main([*words, str(tmp_path / "none")]) == 2


def add_date(server: FileServer, folder: Path, day: str, change: Any, offset: float = -0.1) -> str:
    """A further date of the tile, in a folder of the server's files: its bands and SCL after a change."""
    api = server.misbehave
    assert isinstance(api, StacApi)
    for name in ("B04", "SCL"):
        with rasterio.open(folder / f"{name}.tif") as dataset:
            values, profile = change(name, dataset.read()), dataset.profile
        with rasterio.open(folder / f"{name}-{day}.tif", "w", **profile) as made:
            made.write(values)
    one = item(f"S2A_33UUU_{day}", day, 1.0, {k: server.address(f"{KEYS[k]}-{day}.tif") for k in ("red", "scl")})
    one["assets"]["red"]["raster:bands"][0]["offset"] = offset
    api.items.append(one)
    return str(one["id"])


def test_a_median_takes_what_no_cloud_hides(server: FileServer, files: Path, tmp_path: Path) -> None:
    """Of a date whose stored numbers are 1,000 lower, and one that is all cloud, which counts nowhere."""

    def lower(name: str, values: np.ndarray) -> np.ndarray:
        return values if name == "SCL" else (values.astype(int) - 1_000 + 40).astype("uint16")

    def cloudy(name: str, values: np.ndarray) -> np.ndarray:
        return np.full_like(values, 9) if name == "SCL" else np.full_like(values, 15_000)

    def half(name: str, values: np.ndarray) -> np.ndarray:
        values = values.copy()
        if name == "SCL":
            values[:, : values.shape[1] // 2] = 3
            return values
        return values + np.uint16(100)

    ids = [PLACE, add_date(server, files, "2023-06-01", lower, 0.0), add_date(server, files, "2024-06-02", cloudy)]
    ids.append(add_date(server, files, "2024-06-03", half))
    words = [f"--bbox={box(0, 0, 1_800, 1_800)}", "--bands", "B04,SCL", "--composite", "median", "--out"]
    assert main(["fetch", *ids, *words, str(tmp_path / "median.tif")]) == 0
    found, original = read(tmp_path / "median.tif")[0], read(files / "B04.tif")[0]
    assert found.shape == original.shape
    np.testing.assert_array_equal(found[0, 900:], original[0, 900:] + 40)
    np.testing.assert_array_equal(found[0, :900], original[0, :900] + 20)
    with rasterio.open(tmp_path / "median.tif") as dataset:
        assert dataset.descriptions == ("B04",)
        assert dataset.tags()["TIFFTAG_COPYRIGHT"] == "Contains modified Copernicus Sentinel data 2023, 2024"
    assert main(["fetch", ids[2], *words, str(tmp_path / "none.tif")]) == 0
    assert not read(tmp_path / "none.tif")[0].any()


@given(arrays(np.float32, (5, 2, 3), elements=st.integers(0, 65_535).map(float)), arrays(np.bool_, (5, 2, 3)))
def test_the_median_is_that_of_what_is_seen(values: np.ndarray, hidden: np.ndarray) -> None:
    found = median(values, hidden)
    for row, column in np.ndindex(2, 3):
        seen = [v for v, is_out in zip(values[:, row, column], hidden[:, row, column], strict=True) if v and not is_out]
        assert found[row, column] == (np.rint(np.median(seen)) if seen else 0)


def test_a_composite_is_of_one_tile(server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    api = server.misbehave
    assert isinstance(api, StacApi)
    api.items.append(item("S2A_T32UQV_1", "2024-08-09", 1.0, {}, **{"grid:code": "MGRS-32UQV"}))
    words = ["--bbox=12.5,49.2,12.6,49.3", "--composite", "median", "--out", str(tmp_path / "a.tif")]
    assert main(["fetch", PLACE, "S2A_T32UQV_1", *words]) == 2
    assert "of the tiles 32UQV, 33UUU" in capsys.readouterr().err
