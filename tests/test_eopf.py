"""EOPF products in Zarr: each way to store one gives the scene and the labels of the SAFE with the same pixels."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import zarr
from affine import Affine
from answers import preview, wrong_scene
from eopf import L1C_NAME, L2A_NAME, SHORT_NAME, write_eopf
from numcodecs import BZ2, LZ4, Blosc, GZip, Zlib
from numcodecs import Zstd as Zstd2
from products import ORIGIN_XY, write_safe, zip_folder
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, ShardingCodec, TransposeCodec, ZstdCodec

from s2dash import ingest
from s2dash.batch.sources import gather_sources
from s2dash.classify import pipeline
from s2dash.cli import main as cli
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene
from s2dash.core.scene_reading import SceneReading
from s2dash.errors import UnknownName, UnreadableFile
from s2dash.ingest.pile import pile_of_folder
from s2dash.ingest.process import run_child as _real_run_child
from s2dash.ingest.zarr.names import products_in
from s2dash.ingest.zarr.unpacking import crc32c
from s2dash.server.server_folder import list_entries
from s2dash.settings import GDAL_ENVIRONMENT
from s2dash.ui.large_upload import ZARR_FILES

pytestmark = pytest.mark.usefixtures("door_is_here")


@pytest.fixture(autouse=True)
def _environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line sets GDAL's environment for its process, which here goes on."""
    for name, value in GDAL_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_safe(tmp_path_factory.mktemp("safe"), empty_m=240)


def opened(path: Path, folder: Path, **reading: Any) -> Scene:
    return ingest.ingest(path, folder, reading=SceneReading(**reading))


def same_pixels(one: Scene, other: Scene) -> bool:
    return (
        one.band_names == other.band_names
        and [mask.kind for mask in one.masks] == [mask.kind for mask in other.masks]
        and [grid.transform for grid in one.grids] == [grid.transform for grid in other.grids]
        and np.array_equal(preview(one), preview(other))
        and (one.nodata, one.saturated, one.reflectance.quantifications, one.reflectance.offsets)
        == (other.nodata, other.saturated, other.reflectance.quantifications, other.reflectance.offsets)
    )


WAYS: dict[str, dict[str, Any]] = {
    "version 2": {},
    "version 3": {"version": 3},
    "shards": {"version": 3, "sharded": True},
    "folders of chunks": {"separator": "/"},
    "columns first": {"order": "F"},
    "names by dots": {"version": 3, "separator": "."},
}
FEW = ("B02", "B05", "B09")
CONTAINERS = ("folder", "zip", "deflated zip", "tar", "zip without its folder", "zip in a zip")


def packed(product: Path, how: str) -> Path:
    """The product in a container of its own."""
    target = product.parent / f"{product.name}.{'tar' if how == 'tar' else 'zip'}"
    if how == "folder":
        return product
    if how == "tar":
        with tarfile.open(target, "w") as archive:
            archive.add(product, product.name)
    elif how == "zip without its folder":
        with zipfile.ZipFile(target, "w") as archive:
            for path in sorted(product.rglob("*")):
                archive.write(path, path.relative_to(product))
    else:
        zip_folder(product, target, method=zipfile.ZIP_DEFLATED if how == "deflated zip" else zipfile.ZIP_STORED)
    if how == "zip in a zip":
        outer = product.parent / "download.zip"
        with zipfile.ZipFile(outer, "w") as archive:
            archive.write(target, target.name)
        return outer
    return target


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_store_gives_the_scene_of_the_safe(tmp_path: Path, safe: Path, way: str) -> None:
    reference = opened(safe, tmp_path / "safe")
    scene = opened(write_eopf(tmp_path, empty_m=240, **WAYS[way]), tmp_path / "zarr")
    assert same_pixels(scene, reference)
    assert wrong_scene(scene, tmp_path / "zarr") is None
    told = (scene.title, scene.level, scene.baseline, scene.date, scene.year, scene.notes, scene.missions)
    assert told == (
        *(reference.title, reference.level, reference.baseline, reference.date, reference.year),
        *((), reference.missions),
    )
    assert scene.reflectance.sentence == "The file says: times 0.0001, minus 0.1."


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("way", ["version 2", "shards"])
def test_each_container_gives_the_same_scene(tmp_path: Path, container: str, way: str) -> None:
    product = write_eopf(tmp_path, bands=FEW, **WAYS[way])
    reference = opened(product, tmp_path / "folder")
    given = packed(product, container)
    if given != product:
        shutil.rmtree(product)
    scene = opened(given, tmp_path / "other")
    assert scene.digest == reference.digest
    assert same_pixels(scene, reference)
    assert scene.title == "Tile 32TQM"
    assert wrong_scene(scene, tmp_path / "other") is None


def labels(scene: Scene) -> np.ndarray:
    return pipeline.run_live(pipeline.fitted_to(scene, default_recipe(scene))).classmap.labels


def test_labels_are_those_of_the_safe_bit_for_bit(tmp_path: Path, safe: Path) -> None:
    product = write_eopf(tmp_path, empty_m=240, version=3, sharded=True)
    ours, theirs = labels(opened(product, tmp_path / "zarr")), labels(opened(safe, tmp_path / "safe"))
    assert np.array_equal(ours, theirs)
    assert 0.2 < (ours == 0).mean() < 0.5


@pytest.mark.parametrize("version", [2, 3])
def test_level_1c_keeps_its_grids(tmp_path: Path, version: int) -> None:
    reference = opened(write_safe(tmp_path, level="L1C", with_extras=False), tmp_path / "safe")
    scene = opened(write_eopf(tmp_path, level="L1C", version=version), tmp_path / "zarr")
    assert same_pixels(scene, reference)
    assert (scene.level, len(scene.bands), [grid.pixel_size_m for grid in scene.grids]) == (
        *("Level-1C", 13),
        [(10, 10), (20, 20), (60, 60)],
    )


def test_in_a_confined_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from s2dash.ingest import process

    product = packed(write_eopf(tmp_path, bands=FEW, version=3, sharded=True), "zip")
    with monkeypatch.context() as patch:
        patch.setattr(process, "run_child", _real_run_child)
        scene = opened(product, tmp_path / "confined")
    assert same_pixels(scene, opened(product, tmp_path / "here"))


UNSAID = {"other_metadata": {}}
PLACES: dict[str, dict[str, Any]] = {
    "coordinates": {"place": "coordinates"},
    "small letters": {"place": "coordinates", "attributes": {"other_metadata": {"horizontal_crs_code": "EPSG:32632"}}},
    "a code of STAC": {
        "place": "coordinates",
        "attributes": UNSAID,
        "stac": {"proj:code": "EPSG:32632"},
    },
    "a number of STAC": {"place": "coordinates", "attributes": UNSAID, "stac": {"proj:epsg": 32632}},
    "another shape": {"array_attributes": {"proj:shape": [7, 7], "proj:transform": [1, 0, 0, 0, -1, 0]}},
    "a text": {
        "place": "coordinates",
        "attributes": UNSAID,
        "array_attributes": {"proj:wkt2": rasterio.crs.CRS.from_epsg(32632).to_wkt()},
    },
}


@pytest.mark.parametrize("how", PLACES)
def test_each_way_to_say_the_place(tmp_path: Path, how: str) -> None:
    product = write_eopf(tmp_path, bands=("B02", "B05"), with_scl=False, **PLACES[how])
    grids = opened(product, tmp_path / "out").grids
    assert [(grid.transform.c, grid.transform.f, grid.crs_label) for grid in grids] == [(*ORIGIN_XY, "EPSG:32632")] * 2
    assert [grid.transform.a for grid in grids] == [10, 20]


@pytest.mark.parametrize(
    "told",
    [
        {"proj:transform": [600_000, 10, 0, 5_100_000, 0, -10]},
        {"proj:transform": [10, 0, 600_000, 0, -10, 5_100_000, 0, 0, 1]},
        {"proj:transform": None, "proj:bbox": [600_000, 5_098_800, 601_200, 5_100_000]},
    ],
)
def test_each_form_of_a_transform(tmp_path: Path, told: dict[str, Any]) -> None:
    product = write_eopf(tmp_path, bands=("B02",), with_scl=False, array_attributes=told)
    assert opened(product, tmp_path / "out").grid.transform == Affine(10, 0, 600_000, 0, -10, 5_100_000)


def test_a_product_without_a_place_says_so(tmp_path: Path) -> None:
    scene = opened(write_eopf(tmp_path, bands=("B02",), with_scl=False, place="none"), tmp_path / "out")
    assert not scene.grid.has_place
    assert any("No place in this file" in note for note in scene.notes)


def test_numbers_are_those_of_each_band(tmp_path: Path) -> None:
    product = write_eopf(tmp_path, bands=("B02", "B03"), with_scl=False)
    path = product / "measurements/reflectance/r10m/b03/.zattrs"
    told = json.loads(path.read_text())
    told["_eopf_attrs"] = {"scale_factor": told.pop("scale_factor") * 2, "add_offset": told.pop("add_offset") * 2}
    path.write_text(json.dumps(told))
    scene = opened(product, tmp_path / "out")
    assert scene.reflectance.quantifications == (10_000, 5_000)
    assert scene.reflectance.offsets == (-1_000, -1_000)


def test_without_a_scale_the_baseline_decides(tmp_path: Path) -> None:
    told = {"scale_factor": None, "add_offset": None}
    scene = opened(write_eopf(tmp_path, bands=("B02",), with_scl=False, array_attributes=told), tmp_path / "out")
    assert scene.reflectance.offsets == (-1_000,)
    assert any("it follows from baseline 05.11" in note for note in scene.notes)


def test_a_short_name_and_what_stac_says(tmp_path: Path) -> None:
    scene = opened(write_eopf(tmp_path, level="L1C", name=SHORT_NAME, bands=("B02",)), tmp_path / "out")
    assert (scene.title, scene.level, scene.date) == ("Sentinel-2B, 2025-06-01", "Level-1C", "2025-06-01")
    product = write_eopf(tmp_path / "other", name=SHORT_NAME, bands=("B02",), stac={"grid:code": "MGRS-32TQM"})
    scene = opened(product, tmp_path / "read")
    assert (scene.title, scene.level) == ("Tile 32TQM", "Level-2A")


PACKINGS: dict[str, tuple[int, Any]] = {
    "nothing": (2, None),
    "blosc lz4": (2, Blosc("lz4", 5, Blosc.SHUFFLE)),
    "blosc blosclz": (2, Blosc("blosclz", 5, Blosc.NOSHUFFLE)),
    "blosc zlib": (2, Blosc("zlib", 5)),
    "zstd": (2, Zstd2(3)),
    "lz4": (2, LZ4()),
    "zlib": (2, Zlib()),
    "gzip": (2, GZip()),
    "bz2": (2, BZ2()),
    "3 nothing": (3, None),
    "3 zstd": (3, ZstdCodec()),
    "3 zstd with a checksum": (3, [ZstdCodec(checksum=True), Crc32cCodec()]),
    "3 gzip": (3, GzipCodec()),
    "3 blosc": (3, BloscCodec(cname="lz4", shuffle="noshuffle")),
}


@pytest.mark.parametrize("how", PACKINGS)
def test_each_packing_that_is_read(tmp_path: Path, how: str) -> None:
    version, compressors = PACKINGS[how]
    product = write_eopf(tmp_path, bands=("B02",), with_scl=False, version=version, compressors=compressors)
    scene = opened(product, tmp_path / "out")
    assert np.array_equal(preview(scene)[0], zarr.open_group(product)["measurements/reflectance/r10m/b02"][:])


def test_a_list_of_chunks_may_come_first_and_numbers_be_turned_round(tmp_path: Path) -> None:
    product = write_eopf(tmp_path, bands=("B02", "B03"), with_scl=False, version=3)
    group = zarr.open_group(product)["measurements/reflectance/r10m"]
    for name, how in {
        "b02": ShardingCodec(
            chunk_shape=(27, 9), index_location="start", codecs=[BytesCodec(endian="big"), ZstdCodec()]
        ),
        "b03": [TransposeCodec(order=(1, 0)), BytesCodec(endian="big")],
    }.items():
        values, told = group[name][:], dict(group[name].attrs)
        codecs = {"serializer": how} if name == "b02" else {"filters": how[:1], "serializer": how[1]}
        array = group.create_array(
            name, shape=values.shape, chunks=(54, 54), dtype="uint16", overwrite=True, attributes=told,
            compressors=None, **codecs,
        )  # fmt: skip
        array[:] = values
    scene = opened(product, tmp_path / "out")
    assert all(np.array_equal(preview(scene)[i], group[name][:]) for i, name in enumerate(("b02", "b03")))


@pytest.mark.parametrize("way", ["version 2", "version 3", "shards"])
def test_what_is_not_stored_has_no_data_and_is_said_where_others_have_it(tmp_path: Path, way: str) -> None:
    product = write_eopf(tmp_path, bands=("B02", "B03", "B04"), with_scl=False, **WAYS[way])
    band = product / "measurements/reflectance/r10m/b03"
    (band / ("0.1" if way == "version 2" else "c/0/1")).unlink()
    scene = opened(product, tmp_path / "out")
    side = 108 if way == "shards" else 54
    empty = np.zeros((120, 120), bool)
    empty[:side, side : 2 * side] = True
    assert np.array_equal(preview(scene)[1] == 0, empty)
    assert (preview(scene)[[0, 2]] > 0).all()
    count = 4 if way == "shards" else 9
    assert [note for note in scene.notes if "lacks" in note] == [
        f"r10m/b03 lacks 1 of its {count} files, and has no data there. If that surprises you, download the product "
        "again."
    ]


@pytest.mark.parametrize("packing", ["folder", "zip"])
def test_the_command_line_reads_it(tmp_path: Path, capsys: pytest.CaptureFixture[str], packing: str) -> None:
    given = packed(write_eopf(tmp_path, bands=FEW), packing)
    assert cli.main(["classify", str(given), "-o", str(tmp_path / "classes.tif"), "--k", "3"]) == 0
    capsys.readouterr()
    assert cli.main(["info", str(given)]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Tile 32TQM"


def test_a_folder_of_products_is_a_batch_and_can_be_chosen_on_the_server(tmp_path: Path) -> None:
    write_eopf(tmp_path, bands=("B02",), with_scl=False)
    product = write_eopf(tmp_path, level="L1C", bands=("B02",))
    packed(product, "zip")
    shutil.rmtree(product)
    assert [source.name for source in gather_sources([tmp_path])] == [
        name.removesuffix(".zarr") for name in (L1C_NAME, L2A_NAME)
    ]
    (folder,) = gather_sources([tmp_path / L2A_NAME])
    assert folder.name == L2A_NAME.removesuffix(".zarr")
    assert [(entry.name, entry.kind) for entry in list_entries(tmp_path)] == [
        (L2A_NAME, "product"),
        (f"{L1C_NAME}.zip", "file"),
    ]


def test_the_browser_sends_of_a_folder_what_is_read(tmp_path: Path) -> None:
    product = write_eopf(tmp_path, bands=FEW)
    zarr.open_group(product).create_array("quality/mask/r10m/b02", data=np.ones((4, 4), "u1"))
    pile = pile_of_folder(product, product.name)
    (found,) = products_in(pile)
    sent = [name for name in pile.names if re.search(ZARR_FILES, name, re.IGNORECASE)]
    wanted = found.wanted(pile.names)
    assert set(wanted) <= set(sent)
    assert not any("quality/mask" in name for name in sent)
    assert any(name.endswith("r10m/b02/.zarray") for name in sent)


def test_what_is_no_product_is_refused_with_what_to_do(tmp_path: Path) -> None:
    write_eopf(tmp_path / "two", bands=("B02",), with_scl=False)
    write_eopf(tmp_path / "two", level="L1C", bands=("B02",))
    with pytest.raises(UnreadableFile, match=r"two holds 2 products, such as S2B_MSIL.*Give one of them, or use"):
        opened(tmp_path / "two", tmp_path / "out")
    zarr.create_group(tmp_path / "sst.zarr", zarr_format=3)
    with pytest.raises(UnreadableFile, match=r"sst\.zarr is a Zarr store, but no Sentinel-2 product of EOPF"):
        opened(tmp_path / "sst.zarr", tmp_path / "out")
    with pytest.raises(UnknownName, match=r"No file is of tile 33UUU. The tiles there are: 32TQM."):
        opened(tmp_path / "two" / L2A_NAME, tmp_path / "out", tile="33UUU")
    with pytest.raises(UnknownName, match="There is no picture x"):
        opened(tmp_path / "two" / L2A_NAME, tmp_path / "out", also=("x",))


def test_the_checksum_is_that_of_the_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283
