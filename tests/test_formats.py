"""What people have: products zipped and unpacked, loose bands under any name, stacks; each opens and is understood.

Everything goes through the one door, and one of each kind through the command line.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from loose import ORIGIN_XY, ground, placed, read_all, taken_in, write_band
from products import (
    EPSG,
    pixel_centres,
    product_metadata,
    reflectance,
    scl_classes,
    tile_metadata,
    write_safe,
    zip_folder,
)
from scenes import TEN_METRE, land_cover, write_raster, write_scene

from s2dash import ingest
from s2dash import settings as server_settings
from s2dash.classify import pipeline
from s2dash.cli import main as cli
from s2dash.core.missions import CLOUDS
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import SCL, Reflectance, Scene
from s2dash.core.scene_reading import SceneReading
from s2dash.core.sentinel2 import BANDS
from s2dash.errors import RecipeError, UnknownName, UnreadableFile
from s2dash.ingest.reflectance import doubts_about_offset, guessed_reflectance
from s2dash.raster.reading import SceneReader, read_preview_stack
from s2dash.settings import ARCHIVE_LIMITS, GDAL_ENVIRONMENT, INGEST_LIMITS

pytestmark = pytest.mark.usefixtures("door_is_here")

L1C, L2A = tuple(BANDS), tuple(band for band in BANDS if band != "B10")
SIZE_M = 600
UNKNOWN_BASELINE = (
    "The processing baseline is unknown: for data made since 25 January 2022, "
    "check whether 1000 must be subtracted, and set the offset yourself."
)
FROM_NAME = "No metadata state the offset: it follows from baseline 05.11 in the product's name. Check it."


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Runs a command that must succeed; returns the JSON it prints."""
    for name, value in GDAL_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)

    def call(*argv: object) -> dict[str, Any]:
        status = cli.main([str(word) for word in argv])
        printed = capsys.readouterr()
        assert status == 0, printed.err
        return json.loads(printed.out)

    return call


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that must be refused; returns the last line of standard error."""
    for name, value in GDAL_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)

    def call(*argv: object) -> str:
        assert cli.main([str(word) for word in argv]) == 2
        return capsys.readouterr().err.strip().splitlines()[-1]

    return call


def both(folder: Path, level: str, naming: str, **how: Any) -> tuple[Path, Path]:
    """A small product and its zip."""
    safe = write_safe(folder, level=level, naming=naming, **{"size_m": SIZE_M, **how})
    return safe, zip_folder(safe, folder / f"{safe.stem}.zip")


def loose_files(safe: Path) -> tuple[list[Path], list[str]]:
    """What a folder upload hands over: files, with their names from the chosen folder on."""
    paths = sorted(path for path in safe.rglob("*") if path.is_file())
    return paths, [path.relative_to(safe.parent).as_posix() for path in paths]


def assert_holds_the_pattern(scene: Scene, expected: tuple[str, ...]) -> None:
    """Band names, and of each band the reflectance that was written, on its own grid."""
    assert scene.band_names == expected
    for grid in scene.grids:
        values = scene.to_reflectance(read_all(scene.on_grid(grid)).values)
        x, y = pixel_centres(ORIGIN_XY, SIZE_M, int(grid.pixel_size[0]))
        for position, name in enumerate(expected):
            if scene.native_grid(position) == grid:
                assert np.allclose(values[position], reflectance(name, x, y), atol=2e-4), name


class TestProducts:
    @pytest.mark.parametrize("naming", ["new", "old"])
    @pytest.mark.parametrize("level", ["L1C", "L2A"])
    def test_zipped_unpacked_and_as_a_folder_upload(self, tmp_path: Path, level: str, naming: str) -> None:
        safe, zipped = both(tmp_path, level, naming)
        scene = taken_in(zipped, tmp_path / "zip")
        assert_holds_the_pattern(scene, L1C if level == "L1C" else L2A)
        assert [grid.pixel_size for grid in scene.grids] == [(10, 10), (20, 20), (60, 60)]
        assert [grid.shape_rc for grid in scene.grids] == [(60, 60), (30, 30), (10, 10)]
        assert scene.grid.crs_label == f"EPSG:{EPSG}"
        assert scene.grid.transform == Affine(10, 0, ORIGIN_XY[0], 0, -10, ORIGIN_XY[1])
        assert (scene.title, scene.date, scene.year) == ("Tile 32TQM", "2025-06-01", 2025)
        assert (scene.level, scene.baseline) == (f"Level-{level[1:]}", "05.11")
        assert scene.reflectance == Reflectance(
            10_000, (-1_000.0,) * len(scene.bands), f"Level-{level[1:]}, baseline 05.11: 1000 subtracted."
        )
        assert (set(scene.nodata), scene.saturated) == ({0.0}, 65_535)
        assert [(mask.kind, mask.quality) for mask in scene.masks] == [(SCL, None if level == "L2A" else CLOUDS)]
        assert scene.notes == ()
        paths, names = loose_files(safe)
        for other in (
            taken_in(safe, tmp_path / "folder"),
            taken_in(paths, tmp_path / "files", names=names),
        ):
            assert np.array_equal(read_preview_stack(other), read_preview_stack(scene))
            assert replace(other, notes=()).reflectance == scene.reflectance
            assert (other.level, other.baseline, other.date) == (scene.level, scene.baseline, scene.date)
            assert (other.band_names, other.grids, other.title) == (scene.band_names, scene.grids, scene.title)

    def test_the_classification_of_level_2a_lies_under_its_bands(self, tmp_path: Path) -> None:
        scene = taken_in(both(tmp_path, "L2A", "new")[1], tmp_path)
        for grid in scene.grids[1:]:
            with SceneReader(scene.on_grid(grid)) as reader:
                found = reader.stack(*(np.arange(n) for n in grid.shape_rc))[-1]
            x, y = pixel_centres(ORIGIN_XY, SIZE_M, 20)
            written = scl_classes(x, y)
            times = int(grid.pixel_size[0] // 20)
            assert np.array_equal(found, written[times // 2 :: times, times // 2 :: times])

    @pytest.mark.parametrize("level", ["L1C", "L2A"])
    def test_a_partial_zip(self, tmp_path: Path, level: str) -> None:
        wanted = ("B03", "B08", "B11")
        _, zipped = both(tmp_path, level, "new", bands=wanted, with_scl=False, with_extras=False)
        scene = taken_in(zipped, tmp_path)
        assert_holds_the_pattern(scene, wanted)
        assert [grid.pixel_size[0] for grid in scene.grids] == [10, 20]
        assert scene.reflectance.offset == -1_000

    def test_a_zip_of_bands_alone(self, tmp_path: Path) -> None:
        """Without metadata the offset follows from the name, and the page says to check it."""
        safe, _ = both(tmp_path, "L2A", "new", bands=("B02", "B8A"), with_metadata=False, with_tile_metadata=False)
        scene = taken_in(zip_folder(safe, tmp_path / "a.zip"), tmp_path)
        assert_holds_the_pattern(scene, ("B02", "B8A"))
        assert scene.reflectance.sentence == "Level-2A, baseline 05.11: 1000 subtracted."
        assert scene.notes == (FROM_NAME,)

    def test_a_flat_zip_of_band_files(self, tmp_path: Path) -> None:
        """Nothing but files in it, and a name of its own that says nothing."""
        safe, _ = both(tmp_path, "L2A", "new", bands=("B02", "B05"), with_extras=False)
        zipped = tmp_path / "my bands.zip"
        with zipfile.ZipFile(zipped, "w") as archive:
            for path in safe.rglob("*_B0?_?0m.jp2"):
                archive.write(path, path.name)
        scene = taken_in(zipped, tmp_path)
        assert scene.band_names == ("B02", "B05")
        assert [scene.native_grid(i).pixel_size[0] for i in range(2)] == [10, 20]
        assert scene.notes == (UNKNOWN_BASELINE,)

    def test_a_renamed_folder_in_a_zip_with_its_name(self, tmp_path: Path) -> None:
        safe, _ = both(tmp_path, "L2A", "new", bands=("B02", "B05"), with_metadata=False, with_tile_metadata=False)
        name = safe.name
        moved = safe.rename(tmp_path / "x")
        scene = taken_in(zip_folder(moved, tmp_path / f"{name}.zip"), tmp_path)
        assert scene.baseline == "05.11"

    def test_bands_of_a_product_as_geotiff(self, tmp_path: Path) -> None:
        safe, _ = both(tmp_path, "L2A", "new", jp2=False)
        assert_holds_the_pattern(taken_in(safe, tmp_path), L2A)

    def test_nothing_of_a_product_is_taken_for_a_band(self, tmp_path: Path) -> None:
        """Quality masks, previews and pictures for looking at stay outside."""
        _, zipped = both(tmp_path, "L1C", "new", with_extras=True)
        scene = taken_in(zipped, tmp_path)
        assert scene.band_names == L1C
        assert len(scene.paths) == 14, "thirteen bands and the cloud mask"

    @pytest.mark.parametrize("jp2", [True, False])
    def test_pictures_without_coordinates_lie_where_the_metadata_put_them(self, tmp_path: Path, jp2: bool) -> None:
        _, zipped = both(tmp_path, "L2A", "new", with_crs=False, jp2=jp2)
        scene = taken_in(zipped, tmp_path)
        assert scene.grid.crs_label == f"EPSG:{EPSG}"
        assert [tuple(g.transform)[:6] for g in scene.grids] == [
            (size, 0, ORIGIN_XY[0], 0, -size, ORIGIN_XY[1]) for size in (10, 20, 60)
        ]
        assert_holds_the_pattern(scene, L2A)

    def test_a_cut_of_a_tile_is_not_put_at_its_corner(self, tmp_path: Path) -> None:
        """The metadata tell where the whole tile lies; a piece of another shape could be anywhere in it."""
        safe, _ = both(tmp_path, "L2A", "new", with_crs=False, with_tile_metadata=False)
        (granule,) = (safe / "GRANULE").iterdir()
        (granule / "MTD_TL.xml").write_text(tile_metadata(size_m=109_800))
        scene = taken_in(safe, tmp_path)
        assert not scene.grid.has_place
        assert any("No place in this file" in note for note in scene.notes)

    def test_one_of_several_tiles(self, tmp_path: Path) -> None:
        _, zipped = both(tmp_path, "L1C", "old", tiles=2, bands=("B02", "B03"))
        first = taken_in(zipped, tmp_path / "a")
        assert first.title == "Tile 32TQM"
        assert first.notes == ("There is more than one tile: 32TQM is used, 2 files were left out (32TQN).",)
        second = taken_in(zipped, tmp_path / "b", reading=SceneReading(tile="T32TQN"))
        assert second.title == "Tile 32TQN"
        assert second.grid.transform.c == first.grid.transform.c + SIZE_M
        with pytest.raises(UnknownName, match=r"No file is of tile 33UUU\. The tiles there are: 32TQM, 32TQN"):
            taken_in(zipped, tmp_path / "c", reading=SceneReading(tile="33UUU"))
        assert not (tmp_path / "c" / "taken-in").exists()

    @pytest.mark.parametrize("how", ["zip", "folder", "files"])
    def test_from_the_command_line(self, tmp_path: Path, how: str, run: Callable[..., dict[str, Any]]) -> None:
        safe, zipped = both(tmp_path, "L2A", "new")
        given = {"zip": [zipped], "folder": [safe], "files": sorted(safe.rglob("*_20m.jp2"))}[how]
        info = run("info", *given)
        size = 20 if how == "files" else 10
        assert (info["width"], info["height"]) == (SIZE_M // size, SIZE_M // size)
        assert info["pixel_size"] == [size, size]
        assert info["level"] == "Level-2A"
        assert (info["baseline"], info["offset"]) == ((None, 0) if how == "files" else ("05.11", -1_000))
        out = tmp_path / "out.tif"
        summary = run("classify", *given, "-o", out, "--k", 3)
        assert [one["id"] for one in summary["classes"]] == [1, 2, 3]
        assert {"cloud, high probability", "cloud shadow", "saturated", "no data"} <= set(summary["masked"])
        with rasterio.open(out) as dataset:
            assert dataset.shape == (SIZE_M // size, SIZE_M // size)
            assert dataset.crs.to_epsg() == EPSG
            assert dataset.transform == Affine(size, 0, ORIGIN_XY[0], 0, -size, ORIGIN_XY[1])

    def test_a_tile_from_the_command_line(self, tmp_path: Path, run: Callable[..., dict[str, Any]]) -> None:
        _, zipped = both(tmp_path, "L1C", "old", tiles=2, bands=("B02", "B03"))
        assert run("info", zipped, "--tile", "32TQN")["title"] == "Tile 32TQN"


NAMES = {
    "old product": "S2A_OPER_MSI_L1C_TL_SGS__20150812T124456_A002192_T32TQM_{}.jp2",
    "new product": "T33UUU_20170216T102101_{}.jp2",
    "new product with size": "T33UUU_20170216T102101_{}_{}m.jp2",
    "level 2A of old": "L2A_T33UUU_20170216T102101_{}_{}m.jp2",
    "band alone": "{}.tif",
    "band alone, small letters": "b{:.2}.TIF",
    "web export": "2019-04-16-00_00_2019-04-16-23_59_Sentinel-2_L2A_{}_(Raw).tiff",
    "cloud archive": "S2A_33TWL_20230815_0_L2A_{}.tif",
    "downloaded twice": "T33UUU_20170216T102101_{} (1).jp2",
}


class TestLooseBands:
    @pytest.mark.parametrize("kind", NAMES)
    def test_by_any_of_their_names(self, tmp_path: Path, kind: str) -> None:
        pattern = NAMES[kind]
        paths = []
        for band, size in (("B02", 10), ("B05", 20), ("B09", 60)):
            shape = (360 // size, 480 // size)
            name = f"b{band[1:]}.TIF" if "small" in kind else pattern.format(band, size)
            values = np.rint(ground(shape, size) * 10_000).astype("uint16")
            paths.append(write_band(tmp_path / name, values, placed(shape, size)))
        scene = taken_in(paths[::-1], tmp_path)
        assert scene.band_names == ("B02", "B05", "B09")
        assert [band.standard for band in scene.bands] == ["B02", "B05", "B09"]
        assert [scene.native_grid(i).pixel_size[0] for i in range(3)] == [10, 20, 60]
        date = {"2015": "2015-08-12", "2017": "2017-02-16", "2019": "2019-04-16", "2023": "2023-08-15"}
        assert scene.date == next((day for year, day in date.items() if year in pattern), None)

    @pytest.mark.parametrize("jp2", [True, False])
    def test_the_bytes_decide_not_the_ending(self, tmp_path: Path, jp2: bool) -> None:
        values = np.rint(ground((40, 50)) * 10_000).astype("uint16")
        path = tmp_path / ("T33UUU_20170216T102101_B02" + (".tif" if jp2 else ".jp2"))
        write_band(path, values, placed((40, 50), 10), jp2=jp2)
        scene = taken_in(path, tmp_path)
        assert scene.band_names == ("B02",)
        assert np.array_equal(read_all(scene).values[0], values)

    def test_some_without_coordinates(self, tmp_path: Path) -> None:
        paths = []
        for number, (band, size) in enumerate((("B02", 10), ("B03", 10), ("B05", 20))):
            shape = (240 // size, 480 // size)
            values = np.rint(ground(shape, number) * 10_000).astype("uint16")
            home = number == 1
            paths.append(
                write_band(tmp_path / f"{band}.jp2", values, placed(shape, size), with_crs=home, with_transform=home)
            )
        scene = taken_in(paths, tmp_path)
        assert scene.grids == (
            replace(placed((24, 48), 10), crs_wkt=scene.grid.crs_wkt),
            replace(placed((12, 24), 20), crs_wkt=scene.grid.crs_wkt),
        )
        assert scene.grid.crs_label == f"EPSG:{EPSG}"
        assert scene.notes[0] == "B02.jp2, B05.jp2 have no coordinates; those of B03.jp2 are taken."

    def test_none_with_coordinates(self, tmp_path: Path) -> None:
        paths = []
        for band, size in (("B02", 10), ("B05", 20)):
            shape = (240 // size, 480 // size)
            values = np.rint(ground(shape) * 10_000).astype("uint16")
            bare = {"with_crs": False, "with_transform": False}
            paths.append(write_band(tmp_path / f"{band}.jp2", values, placed(shape, size), **bare))
        scene = taken_in(paths, tmp_path)
        assert [grid.shape_rc for grid in scene.grids] == [(24, 48), (12, 24)]
        assert scene.notes[:2] == (
            "No place in this file. You can look, group and compare; hectares and basemaps need coordinates.",
            "No file has coordinates; all are taken to cover the same ground.",
        )

    def test_metadata_beside_them_is_read(self, tmp_path: Path) -> None:
        values = np.rint(ground((60, 60)) * 10_000 + 1_000).astype("uint16")
        bare = {"with_crs": False, "with_transform": False}
        band = write_band(tmp_path / "T32TQM_20250601T101031_B02_10m.jp2", values, placed((60, 60), 10), **bare)
        product, tile = tmp_path / "MTD_MSIL2A.xml", tmp_path / "MTD_TL.xml"
        product.write_text(product_metadata())
        tile.write_text(tile_metadata(size_m=600))
        scene = taken_in([band, product, tile], tmp_path)
        assert scene.reflectance.sentence == "Level-2A, baseline 05.11: 1000 subtracted."
        assert scene.grid.transform == placed((60, 60), 10).transform
        assert scene.date == "2025-06-01"

    def test_two_dates_keep_their_names_apart(self, tmp_path: Path) -> None:
        paths = []
        for day in ("20230815", "20230818"):
            for band in ("B02", "B08"):
                values = np.rint(ground((30, 40), int(day[-1])) * 10_000).astype("uint16")
                paths.append(write_band(tmp_path / f"S2A_33TWL_{day}_0_L2A_{band}.tif", values, placed((30, 40), 10)))
        scene = taken_in(paths, tmp_path)
        assert scene.band_names == ("B02_2023-08-15", "B08_2023-08-15", "B02_2023-08-18", "B08_2023-08-18")
        assert (scene.date, scene.year) == (None, 2023)
        with pytest.raises(UnknownName, match="B02 fits 2 bands"):
            scene.positions(["B02"])

    def test_the_finest_of_a_band_is_taken(self, tmp_path: Path) -> None:
        paths = [
            write_band(
                tmp_path / f"T33UUU_20170216T102101_B02_{size}m.jp2",
                np.full((240 // size, 240 // size), 2_000, "uint16"),
                placed((240 // size, 240 // size), size),
            )
            for size in (60, 20, 10)
        ]
        scene = taken_in(paths, tmp_path)
        assert scene.band_names == ("B02",)
        assert scene.grid.pixel_size == (10, 10)

    def test_what_is_no_band_is_left_out_and_named(self, tmp_path: Path) -> None:
        values = np.full((24, 24), 2_000, "uint16")
        paths = [write_band(tmp_path / f"{name}.tif", values, placed((24, 24), 10)) for name in ("B02", "B03", "AOT")]
        scene = taken_in(paths, tmp_path)
        assert scene.band_names == ("B02", "B03")
        assert scene.notes == ("Left out, as no band: AOT.tif.",)

    def test_a_file_of_another_kind_among_them_is_refused(self, tmp_path: Path) -> None:
        """Where it claims to be a picture with bands: nobody should miss one without a word."""
        band = write_band(tmp_path / "B02.tif", np.full((24, 24), 2_000, "uint16"), placed((24, 24), 10))
        photo = tmp_path / "holiday.tif"
        photo.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF")
        with pytest.raises(UnreadableFile, match=r"holiday\.tif is a photo"):
            taken_in([band, photo], tmp_path)

    def test_a_classification_alone_is_refused(self, tmp_path: Path) -> None:
        alone = write_band(tmp_path / "SCL.tif", np.full((24, 24), 4, "uint8"), placed((24, 24), 20), tiled=True)
        for open_it in (lambda: taken_in(alone, tmp_path), lambda: ingest.open_in_place(alone)):
            with pytest.raises(UnreadableFile, match=r"SCL\.tif is a scene classification, not satellite bands"):
                open_it()

    def test_a_zip_beside_files_is_refused(self, tmp_path: Path) -> None:
        band = write_band(tmp_path / "B02.tif", np.full((24, 24), 2_000, "uint16"), placed((24, 24), 10))
        zipped = tmp_path / "a.zip"
        with zipfile.ZipFile(zipped, "w") as archive:
            archive.write(band, band.name)
        with pytest.raises(UnreadableFile, match=r"a\.zip is a zip beside other files"):
            taken_in([band, zipped], tmp_path)

    def test_a_folder_beside_files_is_refused(self, tmp_path: Path, fail: Callable[..., str]) -> None:
        one, _ = both(tmp_path / "a", "L1C", "new", bands=("B02", "B03"))
        two, _ = both(tmp_path / "b", "L1C", "old", bands=("B02", "B03"))
        assert "is a folder beside other files. Give one folder, files alone, or use `Many scenes`" in fail(
            "info", one, two
        )

    def test_from_the_command_line(self, tmp_path: Path, run: Callable[..., dict[str, Any]]) -> None:
        """JP2 bytes in a .tif, one without coordinates, another grid: as one scene."""
        shape = (36, 48)
        values = [np.rint(ground(shape, n) * 10_000).astype("uint16") for n in range(3)]
        paths = [
            write_band(tmp_path / "S2A_33TWL_20230815_0_L2A_B02.tif", values[0], placed(shape, 10), jp2=True),
            write_band(tmp_path / "S2A_33TWL_20230815_0_L2A_B03.tif", values[1], placed(shape, 10), with_crs=False),
            write_band(tmp_path / "S2A_33TWL_20230815_0_L2A_B11.tif", values[2][::2, ::2], placed((18, 24), 20)),
        ]
        info = run("info", *paths)
        assert info["bands"] == ["B02", "B03", "B11"]
        assert (info["crs"], info["date"]) == (f"EPSG:{EPSG}", "2023-08-15")
        assert info["pixel_sizes"] == [[10, 10], [20, 20]]
        summary = run("classify", *paths, "-o", tmp_path / "out.tif", "--k", 3)
        assert sum(one["count"] for one in summary["classes"]) == 36 * 48

    def test_one_file_means_the_same_in_place_and_through_the_door(self, tmp_path: Path) -> None:
        """The baseline in a name counts either way."""
        name = "S2B_MSIL2A_20250601T101031_N0511_R022_T32TQM_20250601T133000_B02.tif"
        values = np.rint(ground((48, 64)) * 10_000 + 1_000).astype("uint16")
        path = write_raster(tmp_path / name, values[None])
        ours, theirs = ingest.open_in_place(path), taken_in(path, tmp_path)
        assert ours is not None
        assert ours.reflectance.offset == -1_000
        fields = ("band_names", "reflectance", "level", "baseline", "date", "nodata", "saturated", "notes", "title")
        for field in fields:
            assert getattr(ours, field) == getattr(theirs, field), field


class TestStacks:
    def test_several_of_one_grid(self, tmp_path: Path) -> None:
        one = write_scene(tmp_path / "visible.tif", names=("B02", "B03", "B04"))
        two = write_scene(tmp_path / "infrared.tif", names=("B08", "B11"))
        scene = taken_in([one, two], tmp_path)
        assert scene.band_names == ("B08", "B11", "B02", "B03", "B04")
        assert len(scene.grids) == 1
        expected = np.concatenate([land_cover((48, 64), names) for names in (("B08", "B11"), ("B02", "B03", "B04"))])
        assert np.array_equal(read_all(scene).values, expected)

    def test_several_dates(self, tmp_path: Path) -> None:
        paths = [write_scene(tmp_path / f"field_{day}.tif", names=TEN_METRE) for day in ("20180419", "20180623")]
        scene = taken_in(paths, tmp_path)
        assert scene.band_names[:2] == ("B02_2018-04-19", "B03_2018-04-19")
        assert scene.band_names[-1] == "B08_2018-06-23"
        assert scene.title == "field"

    def test_dates_within_a_stack(self, tmp_path: Path) -> None:
        texts = ("B02 2018-04-19", "B08 2018-04-19", "B02 2018-06-23", "B08 2018-06-23")
        scene = taken_in(write_scene(tmp_path / "a.tif", descriptions=texts), tmp_path)
        assert scene.band_names == tuple(text.replace(" ", "_") for text in texts)

    def test_a_stack_beside_loose_bands(self, tmp_path: Path) -> None:
        stack = write_scene(tmp_path / "visible.tif", names=("B02", "B03", "B04"))
        alone = write_scene(tmp_path / "B08.tif", names=("B08",), descriptions=None)
        scene = taken_in([stack, alone], tmp_path)
        assert sorted(scene.band_names) == ["B02", "B03", "B04", "B08"]

    def test_stacks_of_two_grids(self, tmp_path: Path) -> None:
        one = write_scene(tmp_path / "fine.tif", (48, 64), ("B02", "B03"))
        coarse = Affine(20, 0, 500_000, 0, -20, 5_200_000)
        two = write_scene(tmp_path / "coarse.tif", (24, 32), ("B11", "B12"), transform=coarse)
        scene = taken_in([one, two], tmp_path)
        assert [grid.shape_rc for grid in scene.grids] == [(48, 64), (24, 32)]

    def test_from_the_command_line(self, tmp_path: Path, run: Callable[..., dict[str, Any]]) -> None:
        paths = [write_scene(tmp_path / f"field_{day}.tif") for day in ("20180419", "20180623")]
        summary = run(
            "classify", *paths, "-o", tmp_path / "out.tif", "--k", 4, "--bands", "B08_2018-04-19,B04_2018-06-23"
        )
        assert summary["recipe"]["bands"] == ["B08_2018-04-19", "B04_2018-06-23"]


EXPORT = "2019-04-16-00_00_2019-04-16-23_59_Sentinel-2_L2A_{}_(Raw).tiff"
USUAL, WEB, EIGHT, UNIT = (
    "Taken as reflectance x 10,000, the mission's usual numbers.",
    "Taken as reflectance x 65,535, as web exports have it.",
    "Taken as pictures scaled to 8 bits: reflectance is not exact.",
    "Taken as reflectance from 0 to 1.",
)


class TestNumbers:
    @pytest.mark.parametrize(
        ("dtype", "factor", "sentence"),
        [
            ("uint16", 10_000, USUAL),
            ("int16", 10_000, USUAL),
            ("float32", 10_000, USUAL),
            ("float32", 1, UNIT),
            ("float64", 1, UNIT),
            ("uint16", 65_535, WEB),
            ("uint8", 255, EIGHT),
        ],
    )
    def test_are_recognised_and_stated(self, tmp_path: Path, dtype: str, factor: float, sentence: str) -> None:
        true = np.stack([ground((48, 64), n, brightness) for n, brightness in enumerate((0.05, 0.08, 0.3))])
        values = true * factor if dtype.startswith("float") else np.rint(true * factor)
        path = write_raster(tmp_path / "a.tif", values.astype(dtype), descriptions=("B02", "B04", "B08"))
        scene = taken_in(path, tmp_path)
        assert scene.reflectance.sentence == sentence
        assert np.allclose(scene.to_reflectance(read_all(scene).values), true, atol=0.003)

    @pytest.mark.parametrize("brightness", [0.02, 0.05, 0.3])
    @pytest.mark.parametrize("cut", [False, True])
    def test_dark_web_exports_are_known_by_the_numbers_they_lack(self, brightness: float, cut: bool) -> None:
        """Whole numbers times 6.5535, rounded or cut, leave gaps that no measurement has."""
        stored = np.rint(ground((200, 200), 0, brightness) * 10_000) * 6.5535
        stored = (np.floor(stored) if cut else np.rint(stored)).astype("uint16")
        assert guessed_reflectance("uint16", stored, 1).sentence == WEB

    @pytest.mark.parametrize("brightness", [0.02, 0.1, 0.5, 0.8])
    def test_the_mission_s_own_are_not_taken_for_them(self, brightness: float) -> None:
        """From water to snow."""
        stored = np.rint(ground((200, 200), 1, brightness) * 10_000 + 1_000).astype("uint16")
        assert guessed_reflectance("uint16", stored, 1).sentence == USUAL

    def test_no_values_are_taken_as_usual(self) -> None:
        assert guessed_reflectance("uint16", np.array([], "uint16"), 2) == Reflectance(10_000, (0.0, 0.0), USUAL)

    def test_names_of_web_exports_tell_too(self, tmp_path: Path) -> None:
        """In degrees, one file a band, so dark that the values alone would not tell."""
        degrees = replace(placed((40, 60), 10), transform=Affine(1e-4, 0, 12, 0, -1e-4, 48), crs_wkt="EPSG:4326")
        true = {band: ground((40, 60), n, 0.04) for n, band in enumerate(("B02", "B03", "B04"))}
        paths = [
            write_band(tmp_path / EXPORT.format(band), np.rint(values * 65_535).astype("uint16"), degrees)
            for band, values in true.items()
        ]
        scene = taken_in(paths, tmp_path)
        assert scene.reflectance.sentence == WEB
        assert (scene.grid.crs_label, scene.date) == ("EPSG:4326", "2019-04-16")
        assert np.allclose(scene.to_reflectance(read_all(scene).values), list(true.values()), atol=1e-4)

    @pytest.mark.parametrize(("dtype", "factor", "sentence"), [("uint8", 255, EIGHT), ("float32", 1, UNIT)])
    def test_names_do_not_overrule_other_kinds_of_numbers(
        self, tmp_path: Path, dtype: str, factor: float, sentence: str
    ) -> None:
        values = (ground((40, 60)) * factor).astype(dtype)
        scene = taken_in(write_band(tmp_path / EXPORT.format("B02"), values, placed((40, 60), 10)), tmp_path)
        assert scene.reflectance.sentence == sentence

    def test_scale_and_offset_of_the_file_count(self, tmp_path: Path) -> None:
        true = ground((40, 60))
        stored = np.rint(true * 10_000 + 1_000).astype("uint16")
        grid = placed((40, 60), 10)
        path = write_band(tmp_path / "B02.tif", stored, grid, scale_offset=(1e-4, -0.1), tiled=True)
        for scene in (taken_in(path, tmp_path), ingest.open_in_place(path)):
            assert scene is not None
            assert scene.reflectance.sentence == "The file says: times 0.0001, minus 0.1."
            assert scene.reflectance.offset == pytest.approx(-1_000)
            assert np.allclose(scene.to_reflectance(read_all(scene).values)[0], true, atol=1e-4)

    def test_tags_of_the_file_count(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", tags={"QUANTIFICATION_VALUE": "10000", "ADD_OFFSET": "-1000"})
        scene = taken_in(path, tmp_path)
        assert scene.reflectance.sentence == "The file says: divided by 10000, offset -1000."
        assert scene.reflectance.offset == -1_000

    def test_can_be_set_by_hand(self, tmp_path: Path) -> None:
        scene = taken_in(write_scene(tmp_path / "a.tif"), tmp_path)
        changed = ingest.with_numbers(scene, 5_000, -100)
        assert changed.reflectance == Reflectance(5_000, (-100.0,) * 4, "Set by hand: divided by 5000, offset -100.")
        assert changed.digest != scene.digest
        stored = read_all(scene).values
        assert np.allclose(changed.to_reflectance(stored), (stored.astype(float) - 100) / 5_000, atol=1e-6)
        assert ingest.with_numbers(scene) is scene
        assert ingest.with_numbers(scene, 10_000, 0) is scene
        assert "offset as found" in ingest.with_numbers(scene, 255).reflectance.sentence

    @pytest.mark.parametrize(
        ("quantification", "offset", "words"),
        [
            (0, None, "quantification is 0"),
            (-1, None, "quantification"),
            (float("nan"), None, "quantification"),
            (None, float("inf"), "offset is inf"),
            (None, float("nan"), "offset is nan"),
        ],
    )
    def test_numbers_that_cannot_be_are_refused(
        self, tmp_path: Path, quantification: float | None, offset: float | None, words: str
    ) -> None:
        scene = ingest.open_in_place(write_scene(tmp_path / "a.tif"))
        assert scene is not None
        with pytest.raises(RecipeError, match=words):
            ingest.with_numbers(scene, quantification, offset)

    def test_from_the_command_line(self, tmp_path: Path, run: Callable[..., dict[str, Any]]) -> None:
        path = write_scene(tmp_path / "a.tif")
        info = run("info", path)
        assert (info["offset"], info["quantification"], info["reflectance"]) == (0, 10_000, USUAL)
        info = run("info", path, "--offset", "-1000", "--quantification", "5000")
        assert (info["offset"], info["quantification"]) == (-1_000, 5_000)
        assert info["reflectance"] == "Set by hand: divided by 5000, offset -1000."
        plain, shifted = (
            run("classify", path, "-o", tmp_path / "out.tif", "--k", 3, "--preparation", "plain", *more)["classes"]
            for more in ((), ("--offset", "-500"))
        )
        for ours, theirs in zip(plain, shifted, strict=True):
            assert ours["count"] == theirs["count"]
            for band, value in ours["mean_reflectance"].items():
                assert value - theirs["mean_reflectance"][band] == pytest.approx(0.05, abs=1e-5)


class TestOffset:
    @pytest.mark.parametrize(
        ("baseline", "offset", "sentence", "note"),
        [
            ("05.11", -1_000, "1000 subtracted.", None),
            ("02.09", None, "no offset.", None),
            ("05.11", None, "no offset.", "usually have an offset of -1000, but the metadata have none"),
            ("02.09", -1_000, "1000 subtracted.", "usually have no offset, but the metadata have one"),
        ],
    )
    def test_metadata_decide(
        self, tmp_path: Path, baseline: str, offset: float | None, sentence: str, note: str | None
    ) -> None:
        _, zipped = both(tmp_path, "L2A", "new", baseline=baseline, offset=offset, bands=("B02", "B8A"), with_scl=False)
        scene = taken_in(zipped, tmp_path)
        assert scene.reflectance.sentence == f"Level-2A, baseline {baseline}: {sentence}"
        assert scene.reflectance.offset == (offset or 0)
        assert_holds_the_pattern(scene, ("B02", "B8A"))
        assert len(scene.notes) == (note is not None)
        assert note is None or note in scene.notes[0]

    def test_each_band_has_its_own(self, tmp_path: Path) -> None:
        safe, _ = both(tmp_path, "L2A", "new", bands=("B02", "B8A", "B12"), with_scl=False)
        metadata = safe / "MTD_MSIL2A.xml"
        text = metadata.read_text()
        for slot, value in ((1, -900), (8, -800), (12, -700)):
            text = text.replace(f'band_id="{slot}">-1000<', f'band_id="{slot}">{value}<')
        metadata.write_text(text)
        scene = taken_in(safe, tmp_path)
        assert dict(zip(scene.band_names, scene.reflectance.offsets, strict=True)) == {
            "B02": -900,
            "B8A": -800,
            "B12": -700,
        }
        assert scene.reflectance.offset is None
        assert scene.reflectance.sentence == "Level-2A, baseline 05.11: an offset from -1000 to -700, by band."

    def test_numbers_of_2015(self, tmp_path: Path) -> None:
        """Other quantification, nodata and saturation: all three from the metadata."""
        how = {"quantification": 1_000, "nodata": 1, "saturated": 0, "offset": None, "baseline": "01.01", "empty_m": 60}
        _, zipped = both(tmp_path, "L1C", "old", bands=("B02", "B03"), **how)
        scene = taken_in(zipped, tmp_path)
        assert (scene.nodata, scene.saturated) == ((1.0, 1.0), 0.0)
        assert scene.reflectance.sentence == "Level-1C, baseline 01.01: no offset, divided by 1000."
        assert not read_all(scene).valid[:, :6].any()
        assert read_all(scene).valid[:, 6:].all()

    def test_outside_the_series_the_user_is_asked(self, tmp_path: Path) -> None:
        safe, _ = both(tmp_path, "L2A", "new", baseline="99.99", bands=("B02", "B03"), with_metadata=False)
        scene = taken_in(safe, tmp_path)
        assert scene.reflectance.offset == 0
        assert UNKNOWN_BASELINE in scene.notes

    def test_values_that_say_it_was_applied_already(self, tmp_path: Path) -> None:
        """Metadata of a product with an offset above numbers without."""
        safe, _ = both(tmp_path, "L2A", "new", offset=None, bands=("B02", "B08", "B11"), with_scl=False)
        (safe / "MTD_MSIL2A.xml").write_text(product_metadata(offset=-1_000))
        scene = taken_in(safe, tmp_path)
        assert scene.notes == (
            "The values look as if 1,000 had been subtracted already: some are far below it. "
            "If the spectra look too dark, set the offset to 0.",
        )
        assert_holds_the_pattern(ingest.with_numbers(scene, offset=0), ("B02", "B08", "B11"))

    @pytest.mark.parametrize(
        ("offset", "lowest", "doubts"),
        [(-1_000, (1_010, 2_000), 0), (-1_000, (499, 3_000), 1), (-1_000, (501, 3_000), 0), (0, (20,), 0), (0, (), 0)],
    )
    def test_doubts_by_hand(self, offset: float, lowest: tuple[float, ...], doubts: int) -> None:
        assert len(doubts_about_offset(Reflectance(10_000, (offset,), ""), lowest)) == doubts

    def test_a_header_that_states_it_silences_the_doubt(self, tmp_path: Path) -> None:
        name = "S2A_32TQM_20230815_0_L2A_B02.tif"
        values = np.rint(ground((40, 60)) * 10_000).astype("uint16")
        plain = taken_in(write_band(tmp_path / "a" / name, values, placed((40, 60), 10)), tmp_path / "a")
        told = taken_in(
            write_band(tmp_path / "b" / name, values, placed((40, 60), 10), scale_offset=(1e-4, 0)), tmp_path / "b"
        )
        assert plain.notes == (UNKNOWN_BASELINE,)
        assert told.notes == ()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A Level-2A product with all its bands."""
    folder = tmp_path_factory.mktemp("sizes")
    return taken_in(both(folder, "L2A", "new")[1], folder)


class TestPixelSize:
    @pytest.mark.parametrize(
        ("bands", "indices", "size"),
        [
            (("B02", "B05", "B09"), (), 10),
            (("B05", "B11"), (), 20),
            (("B01",), (), 20),
            (("B09",), (), 60),
            (("B11",), ("NDVI",), 10),
        ],
    )
    def test_the_finest_of_what_is_used(
        self, scene: Scene, bands: tuple[str, ...], indices: tuple[str, ...], size: float
    ) -> None:
        assert pipeline.resolve(scene, Recipe(bands, indices)).scene.grid.pixel_size == (size, size)

    @pytest.mark.parametrize("size", [10, 20, 60])
    def test_any_that_is_there(self, scene: Scene, size: float) -> None:
        recipe = replace(default_recipe(scene).plain(), pixel_size=size, k=3)
        result = pipeline.run_live(pipeline.fitted_to(scene, recipe))
        assert result.classmap.grid.shape_rc == (SIZE_M // size, SIZE_M // size)
        assert result.classmap.grid.transform == Affine(size, 0, ORIGIN_XY[0], 0, -size, ORIGIN_XY[1])
        whole = sum(row.area_ha or 0 for row in result.rows)
        mapped = sum(row.count for row in result.rows)
        assert whole == pytest.approx(mapped * size * size / 10_000)

    def test_no_other(self, scene: Scene) -> None:
        with pytest.raises(RecipeError, match="pixel_size = 30, but the bands of this scene have 10, 20, 60"):
            pipeline.resolve(scene, replace(default_recipe(scene), pixel_size=30))

    def test_upward_bilinear_downward_average(self, scene: Scene) -> None:
        """Against plain means and plain interpolation, computed here."""
        fine, coarse = (read_all(scene.on_grid(grid)).values.astype(np.float64) for grid in scene.grids[:2])
        blue, red_edge = scene.positions(["B02", "B05"])
        means = fine[blue].reshape(30, 2, 30, 2).mean(axis=(1, 3))
        assert np.abs(coarse[blue] - means).max() <= 0.5
        own = np.pad(coarse[red_edge], 1, mode="edge")
        rows = np.empty((60, 32))
        rows[0::2], rows[1::2] = 0.25 * own[:-2] + 0.75 * own[1:-1], 0.75 * own[1:-1] + 0.25 * own[2:]
        both_ways = np.empty((60, 60))
        both_ways[:, 0::2] = 0.25 * rows[:, :-2] + 0.75 * rows[:, 1:-1]
        both_ways[:, 1::2] = 0.75 * rows[:, 1:-1] + 0.25 * rows[:, 2:]
        assert np.abs(fine[red_edge] - both_ways).max() <= 0.51

    def test_from_the_command_line(
        self, tmp_path: Path, run: Callable[..., dict[str, Any]], fail: Callable[..., str]
    ) -> None:
        _, zipped = both(tmp_path, "L2A", "new", bands=("B02", "B03", "B05", "B09"))
        out = tmp_path / "out.tif"
        sizes = {("--pixel-size", "20"): 20, ("--pixel-size", "finest"): 10, ("--bands", "B05"): 20, (): 10}
        for words, size in sizes.items():
            summary = run("classify", zipped, "-o", out, "--k", 2, *words)
            with rasterio.open(out) as dataset:
                assert dataset.res == (size, size)
            assert summary["recipe"]["pixel_size"] == (20 if "20" in words else None)
        assert "pixel_size = 30" in fail("classify", zipped, "-o", out, "--pixel-size", "30")


@pytest.mark.shared
class TestRealFiles:
    def test_bands_of_three_grids(self, shared_data: Path, tmp_path: Path, run: Callable[..., dict[str, Any]]) -> None:
        folder = shared_data / "29RKH_l2a_cogs"
        scene = taken_in(folder, tmp_path)
        assert scene.band_names == L2A
        assert [grid.shape_rc for grid in scene.grids] == [(1_098, 1_098), (549, 549), (183, 183)]
        assert [grid.pixel_size[0] for grid in scene.grids] == [100, 200, 600]
        assert scene.has_scl
        assert (scene.level, set(scene.nodata)) == ("Level-2A", {0.0})
        with rasterio.open(folder / "B02.tif") as dataset:
            assert scene.grid.transform == dataset.transform
            stored = dataset.read(1)
        with SceneReader(scene) as reader:
            assert np.array_equal(reader.bands([1], np.arange(1_098), np.arange(1_098))[0], stored)
        info = run("info", *sorted(folder.glob("*.tif")))
        assert info["bands"] == list(L2A)
        assert set(info["masked"]) >= {"no data", "cloud shadow", "thin cirrus"}

    def test_jp2_of_which_most_lack_coordinates(self, shared_data: Path, tmp_path: Path) -> None:
        paths = sorted((shared_data / "19UDP_l1c_jp2").glob("*.jp2"))
        scene = taken_in(paths, tmp_path)
        assert scene.band_names == L1C
        assert scene.grid.shape_rc == (687, 687)
        assert scene.grid.crs_label == "EPSG:32619"
        assert any("and 7 more have no coordinates; those of" in note for note in scene.notes)
        stack = read_preview_stack(scene)
        assert (stack == 0).any(axis=0).mean() == pytest.approx(0.37, abs=0.02)
        labels = pipeline.run_live(pipeline.fitted_to(scene, default_recipe(scene).plain())).classmap.labels
        assert labels is not None
        used = list(scene.positions(default_recipe(scene).bands))
        assert np.array_equal(labels == 0, (stack[used] == 0).any(axis=0))

    def test_two_dates_in_jp2_that_are_called_tif(self, shared_data: Path, tmp_path: Path) -> None:
        paths = sorted((shared_data / "33TWL_jp2_named_tif").glob("*.tif"))
        scene = taken_in(paths, tmp_path)
        assert scene.band_names == tuple(f"{band}_{day}" for day in ("2023-08-15", "2023-08-18") for band in TEN_METRE)
        assert [mask.positions for mask in scene.masks] == [(0, 1, 2, 3), (4, 5, 6, 7)]
        assert (scene.title, scene.level, scene.year) == ("Tile 33TWL", "Level-2A", 2023)
        assert not scene.grid.has_place

    def test_a_cropped_product(self, shared_data: Path, tmp_path: Path, run: Callable[..., dict[str, Any]]) -> None:
        """Its grid at 10 m begins and ends one pixel east of those at 20 and 60 m, and keeps all its columns."""
        (zipped,) = shared_data.glob("*cropped.SAFE.zip")
        scene = taken_in(zipped, tmp_path)
        assert scene.band_names == L2A
        assert [grid.shape_rc for grid in scene.grids] == [(246, 192), (123, 96), (41, 32)]
        assert scene.grid.transform == Affine(10, 0, 419_170, 0, -10, 4_161_300)
        assert (scene.date, scene.level, scene.baseline) == ("2018-12-29", "Level-2A", "02.11")
        assert scene.reflectance.sentence == "Level-2A, baseline 02.11: no offset."
        member = next(n for n in zipfile.ZipFile(zipped).namelist() if n.endswith("B03_10m.jp2"))
        band = tmp_path / "b.jp2"
        with zipfile.ZipFile(zipped) as archive, archive.open(member) as source, band.open("wb") as target:
            shutil.copyfileobj(source, target)
        with rasterio.open(band) as dataset:
            assert np.array_equal(read_all(scene).values[2], dataset.read(1))
        info = run("info", zipped)
        assert (info["width"], info["height"], info["offset"]) == (192, 246, 0)

    def test_a_stack(self, shared_data: Path, tmp_path: Path) -> None:
        scene = taken_in(shared_data / "coast_l1c_13b_768.tif", tmp_path)
        assert scene.band_names == L1C
        assert scene.reflectance.sentence == USUAL

    @pytest.mark.parametrize("name", ["forest_5b.tif", "crops_3dates_4b.tif"])
    def test_other_stacks(self, shared_data: Path, tmp_path: Path, name: str) -> None:
        scene = taken_in(shared_data / name, tmp_path)
        assert scene.grid.has_place
        assert all(band.standard for band in scene.bands)
        assert scene.reflectance.sentence == USUAL


def said_in(folder: Path) -> list[str]:
    """Every text in the code, with `…` where a value goes in."""
    texts = []
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                texts.append("".join(p.value if isinstance(p, ast.Constant) else "…" for p in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return texts


class TestDocument:
    """docs/formats.md says what the code says."""

    ROOT = Path(__file__).resolve().parents[1]
    TEXT = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")

    def test_quotes_are_real(self) -> None:
        """Word for word in the code but for what changes, or in a test above."""
        said = [text for folder in ("s2dash", "tests") for text in said_in(self.ROOT / folder)]
        plain = [text for text in said if len(re.sub("[^a-z]", "", text)) > 12]
        quotes = re.findall("“(.*?)”", self.TEXT.replace("\n  ", " ").replace("\n", " "))
        assert len(quotes) > 40
        unsaid = []
        for quote in quotes:
            pieces = [re.escape(piece) for piece in quote.split("…")]
            pattern = re.compile(".*".join(pieces), re.DOTALL)
            if not any(pattern.search(text.replace("…", "")) or pattern.search(text) for text in plain):
                unsaid.append(quote)
        assert unsaid == []

    def test_limits_are_those_in_force(self) -> None:
        rows = re.findall(r"^\| `(\w+)\.(\w+)` \| ([\d,]+) \|", self.TEXT, re.MULTILINE)
        assert len(rows) > 15
        for kind, field, most in rows:
            assert getattr(vars(server_settings)[kind](), field) == int(most.replace(",", "")), field
        assert f"{INGEST_LIMITS.free_stored_bytes:,}" in self.TEXT
        assert INGEST_LIMITS.free_stored_bytes == ARCHIVE_LIMITS.free_declared_bytes
