"""A place that exists but that the header denies: found in files beside, points, names; or said why it is not used."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from loose import UTM, ground, placed, taken_in, write_band
from pyproj import CRS
from rasterio.control import GroundControlPoint

from s2dash import ingest
from s2dash.cli import main as cli
from s2dash.core.grid import Grid
from s2dash.core.scene import Scene
from s2dash.errors import UnreadableFile
from s2dash.ingest.assemble.plan import plan_scene
from s2dash.ingest.gather import gather
from s2dash.ingest.pile import GivenFile
from s2dash.ingest.places import crs_of_text, in_zone_of_tile, side_cars, zone_of_tile
from s2dash.settings import GDAL_ENVIRONMENT

pytestmark = pytest.mark.usefixtures("door_is_here")

SHAPE = (24, 30)
GRID = placed(SHAPE, 10)
NO_PLACE = "No place in this file. You can look, group and compare; hectares and basemaps need coordinates."
NO_SYSTEM = "Coordinates are there, but not which system they are in. Save the file with it, or give its .prj file too."
WORLD = "10\n0\n0\n-10\n600005\n5099995\n"
PRJ = CRS.from_string(UTM).to_wkt("WKT1_ESRI")


def values_of(number: int = 0) -> np.ndarray:
    return np.rint(ground(SHAPE, number) * 10_000).astype("uint16")


def bare(path: Path, with_transform: bool = False, number: int = 0) -> Path:
    """A band without a coordinate system."""
    return write_band(path, values_of(number), GRID, with_crs=False, with_transform=with_transform, tiled=True)


def pam(path: Path, srs: str = "", transform: str = "", more: str = "") -> Path:
    srs = f"<SRS>{srs}</SRS>" if srs else ""
    transform = f"<GeoTransform>{transform}</GeoTransform>" if transform else ""
    path.write_text(f"<PAMDataset>{srs}{transform}{more}</PAMDataset>")
    return path


def laid_out(paths: Sequence[Path], tmp_path: Path) -> Scene:
    """The scene as headers and names have it, without its pixels."""
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    inputs = gather([GivenFile(path.name, path) for path in paths], scratch, "title", None, lambda share: None)
    # As in the process that opens strangers' files: GDAL looks for nothing beside them.
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", GDAL_PAM_ENABLED="NO"):
        return plan_scene(inputs.files, inputs.provenance, tmp_path).scene


def texts(folder: Path, **files: str) -> list[Path]:
    paths = []
    for name, text in files.items():
        paths.append(folder / name.replace("__", "."))
        paths[-1].write_text(text)
    return paths


class TestBeside:
    @pytest.mark.parametrize("ending", ["tfw", "tifw", "TFW", "wld"])
    def test_a_world_file_and_its_system(self, tmp_path: Path, ending: str) -> None:
        paths = [bare(tmp_path / "B02.tif"), *texts(tmp_path, **{f"B02__{ending}": WORLD, "B02__prj": PRJ})]
        scene = laid_out(paths, tmp_path)
        assert scene.grid == replace(GRID, crs_wkt=scene.grid.crs_wkt)
        assert scene.grid.crs_label == "EPSG:32632"
        assert scene.notes == (f"The place of B02.tif is from what lies beside it: B02.prj, B02.{ending}.",) or (
            scene.notes == (f"The place of B02.tif is from what lies beside it: B02.{ending}, B02.prj.",)
        )

    def test_a_world_file_alone_gives_coordinates_but_no_place(self, tmp_path: Path) -> None:
        scene = laid_out([bare(tmp_path / "B02.tif"), *texts(tmp_path, B02__tfw=WORLD)], tmp_path)
        assert scene.grid == Grid(SHAPE, GRID.transform, None)
        assert scene.notes[:2] == (NO_PLACE, NO_SYSTEM)

    def test_numbers_with_commas(self, tmp_path: Path) -> None:
        world = WORLD.replace("600005", "600005,0")
        scene = laid_out([bare(tmp_path / "B02.tif"), *texts(tmp_path, B02__tfw=world, B02__prj=PRJ)], tmp_path)
        assert scene.grid.transform == GRID.transform

    @pytest.mark.parametrize("name", ["B02.tif.aux.xml", "B02.aux.xml"])
    def test_a_side_car_of_gis_programs(self, tmp_path: Path, name: str) -> None:
        car = pam(tmp_path / name, PRJ.replace("<", ""), "600000, 10, 0, 5100000, 0, -10")
        scene = laid_out([bare(tmp_path / "B02.tif"), car], tmp_path)
        assert scene.grid.crs_label == "EPSG:32632"
        assert scene.grid.transform == GRID.transform

    def test_a_system_for_coordinates_that_lack_it(self, tmp_path: Path) -> None:
        scene = laid_out([bare(tmp_path / "B02.tif", True), pam(tmp_path / "B02.tif.aux.xml", PRJ)], tmp_path)
        assert scene.grid.crs_label == "EPSG:32632"

    def test_a_header_is_never_replaced(self, tmp_path: Path) -> None:
        path = write_band(tmp_path / "B02.tif", values_of(), GRID)
        world = WORLD.replace("600005", "400005")
        cars = texts(tmp_path, B02__tfw=world, B02__prj=CRS.from_epsg(32633).to_wkt("WKT1_ESRI"))
        scene = laid_out([path, *cars, pam(tmp_path / "B02.tif.aux.xml", PRJ, "1,1,0,1,0,-1")], tmp_path)
        assert scene.grid.transform == GRID.transform
        assert scene.grid.crs_label == "EPSG:32632"
        assert scene.notes == ()

    def test_of_another_file_they_are_left_out(self, tmp_path: Path) -> None:
        scene = laid_out([bare(tmp_path / "B02.tif"), *texts(tmp_path, B03__tfw=WORLD, area__prj=PRJ)], tmp_path)
        assert not scene.grid.has_place
        assert "Left out, as no band: B03.tfw, area.prj." in scene.notes

    @pytest.mark.parametrize("how", ["zip", "folder", "command line"])
    def test_in_archives_folders_and_beside_on_the_disk(
        self, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = tmp_path / "in"
        band = bare(folder / "B02.tif")
        paths = [band, *texts(folder, B02__tfw=WORLD, B02__prj=PRJ)]
        if how == "command line":
            for name, value in GDAL_ENVIRONMENT.items():
                monkeypatch.setenv(name, value)
            assert cli.main(["info", str(band)]) == 0
            assert json.loads(capsys.readouterr().out)["crs"] == "EPSG:32632"
            opened = ingest.open_in_place(band)
            assert opened is not None
            assert opened.grid.crs_label == "EPSG:32632"
            return
        given = folder
        if how == "zip":
            given = tmp_path / "a.zip"
            with zipfile.ZipFile(given, "w") as archive:
                for path in paths:
                    archive.write(path, path.name)
        assert taken_in(given, tmp_path).grid.crs_label == "EPSG:32632"

    def test_nothing_beside_an_upload_is_looked_for(self, tmp_path: Path) -> None:
        """What was not brought by the same person must not count: names say that it was uploaded."""
        band = bare(tmp_path / "B02.tif")
        texts(tmp_path, B02__tfw=WORLD, B02__prj=PRJ)
        assert not taken_in(band, tmp_path, names=["B02.tif"]).grid.has_place

    @pytest.mark.parametrize(
        "world",
        [
            "",
            "10\n0\n0\n",
            "a\nb\nc\nd\ne\nf",
            "nan\n0\n0\n-10\n1\n1",
            "inf\n0\n0\n-10\n1\n1",
            "0\n0\n0\n0\n1\n1",
            "1 " * 9_000,
        ],
    )
    def test_world_files_of_noise_say_nothing(self, tmp_path: Path, world: str) -> None:
        scene = laid_out([bare(tmp_path / "B02.tif"), *texts(tmp_path, B02__tfw=world)], tmp_path)
        assert scene.grid.transform.is_identity
        assert scene.notes == (NO_PLACE,)

    def test_coordinates_off_the_earth_are_refused(self, tmp_path: Path) -> None:
        world = WORLD.replace("5099995", "1e300")
        with pytest.raises(UnreadableFile, match="nowhere on the Earth"):
            laid_out([bare(tmp_path / "B02.tif"), *texts(tmp_path, B02__tfw=world, B02__prj=PRJ)], tmp_path)

    @pytest.mark.parametrize(
        ("xml", "words"),
        [
            (
                '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><PAMDataset><SRS>&a;</SRS></PAMDataset>',
                "DOCTYPE",
            ),
            ("<PAMDataset>", "not well-formed"),
        ],
    )
    def test_side_cars_that_must_not_hurt(self, tmp_path: Path, xml: str, words: str) -> None:
        (tmp_path / "B02.tif.aux.xml").write_text(xml)
        with pytest.raises(UnreadableFile, match=words):
            laid_out([bare(tmp_path / "B02.tif"), tmp_path / "B02.tif.aux.xml"], tmp_path)

    def test_one_that_is_not_needed_is_not_read(self, tmp_path: Path) -> None:
        (tmp_path / "B02.tif.aux.xml").write_text("<!DOCTYPE x><PAMDataset/>")
        path = write_band(tmp_path / "B02.tif", values_of(), GRID)
        assert laid_out([path, tmp_path / "B02.tif.aux.xml"], tmp_path).notes == ()

    def test_nothing_else_of_a_side_car_counts(self, tmp_path: Path) -> None:
        more = (
            '<Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">/etc/passwd</MDI></Metadata>'
            '<Metadata domain="GEOLOCATION"><MDI key="X_DATASET">/etc/passwd</MDI></Metadata>'
        )
        car = pam(tmp_path / "B02.tif.aux.xml", PRJ, "600000, 10, 0, 5100000, 0, -10", more)
        assert laid_out([bare(tmp_path / "B02.tif"), car], tmp_path).grid.crs_label == "EPSG:32632"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "no system",
            PRJ[:-1] + ',EXTENSION["PROJ4","+nadgrids=/etc/passwd"]]',
            "BOUNDCRS[SOURCECRS[]]",
            PRJ + " " * 30_000 + "x",
            "EPSG:32632",
            "+proj=utm +zone=32 +nadgrids=@/etc/passwd",
        ],
    )
    def test_texts_that_are_no_system_or_name_files(self, text: str) -> None:
        assert crs_of_text(text) is None

    def test_names(self) -> None:
        names = ["a/B02.tfw", "a/B02.TIFW", "b/B02.tfw", "a/B02.tif.aux.xml", "a/b02.prj", "a/B02_x.tfw", "a/B02.tif"]
        assert set(side_cars("a/B02.tif", names)) == {"a/B02.tfw", "a/B02.TIFW", "a/B02.tif.aux.xml", "a/b02.prj"}


class TestPoints:
    def with_points(
        self, path: Path, off_px: float = 0, turned: float = 0, crs: str | None = UTM, count: int = 5
    ) -> Path:
        height, width = SHAPE
        where = [(row, col) for row in (0, height / 2, height) for col in (0, width / 2, width)]
        transform = GRID.transform @ Affine.rotation(turned)
        points = []
        for number, (row, col) in enumerate(where[:count] if count < 5 else where):
            x, y = transform @ (col, row)
            points.append(GroundControlPoint(row, col, x + (10 * off_px if number == 4 else 0), y))
        with rasterio.open(path, "w", driver="GTiff", height=height, width=width, count=1, dtype="uint16") as dataset:
            dataset.write(values_of(), 1)
            dataset.gcps = (points, rasterio.crs.CRS.from_string(crs) if crs else rasterio.crs.CRS())
        return path

    @pytest.mark.parametrize("turned", [0, 25])
    def test_on_a_straight_grid_are_its_place(self, tmp_path: Path, turned: float) -> None:
        scene = laid_out([self.with_points(tmp_path / "B02.tif", turned=turned)], tmp_path)
        assert scene.grid.crs_label == "EPSG:32632"
        assert np.allclose(scene.grid.transform[:6], (GRID.transform @ Affine.rotation(turned))[:6], atol=1e-3)
        assert scene.notes == ("The place of B02.tif follows from its 9 ground control points.",)

    def test_beside_it_are_said_and_not_used(self, tmp_path: Path) -> None:
        scene = laid_out([self.with_points(tmp_path / "B02.tif", off_px=8)], tmp_path)
        assert not scene.grid.has_place
        (note,) = (note for note in scene.notes if "control points" in note)
        assert "do not lie on a straight grid (up to 7.1 pixels beside it)" in note
        assert "gdalwarp" in note

    @pytest.mark.parametrize(("crs", "count"), [(None, 5), (UTM, 2), (UTM, 3)])
    def test_too_few_or_without_a_system_say_nothing(self, tmp_path: Path, crs: str | None, count: int) -> None:
        """Three on one line are too few too."""
        scene = laid_out([self.with_points(tmp_path / "B02.tif", crs=crs, count=count)], tmp_path)
        assert not scene.grid.has_place

    def test_rational_polynomials_are_said(self, tmp_path: Path) -> None:
        path = bare(tmp_path / "B02.tif")
        coefficients = " ".join(["0"] * 20)
        rpc = {f"{axis}_{part}_COEFF": coefficients for axis in ("LINE", "SAMP") for part in ("NUM", "DEN")}
        rpc |= {
            f"{axis}_{what}": "1" for axis in ("LINE", "SAMP", "LAT", "LONG", "HEIGHT") for what in ("OFF", "SCALE")
        }
        with rasterio.open(path, "r+") as dataset:
            dataset.update_tags(ns="RPC", **rpc)
        scene = laid_out([path], tmp_path)
        assert any("rational polynomials (RPC)" in note for note in scene.notes)


class TestTiles:
    @pytest.mark.parametrize(("tile", "epsg"), [("50HMK", 32750), ("33TWM", 32633), ("01CCV", 32701), ("60NZF", 32660)])
    def test_tell_the_zone(self, tile: str, epsg: int) -> None:
        assert zone_of_tile(tile) == epsg

    def test_give_a_system_to_coordinates(self, tmp_path: Path) -> None:
        paths = [bare(tmp_path / f"T32TQM_20230605T101601_B0{n}_10m.tif", True, n) for n in (2, 3)]
        scene = laid_out(paths, tmp_path)
        assert scene.grid.crs_label == "EPSG:32632"
        assert "The files state no coordinate system: EPSG:32632 follows from tile 32TQM in their names." in scene.notes
        assert NO_SYSTEM not in scene.notes

    def test_a_system_beside_goes_before(self, tmp_path: Path) -> None:
        path = bare(tmp_path / "T32TQM_20230605T101601_B02_10m.tif", True)
        car = path.with_suffix(".prj")
        car.write_text(CRS.from_epsg(32631).to_wkt("WKT1_ESRI"))
        assert laid_out([path, car], tmp_path).grid.crs_label == "EPSG:32631"

    def test_do_not_place_what_has_no_coordinates(self, tmp_path: Path) -> None:
        assert not laid_out([bare(tmp_path / "T32TQM_20230605T101601_B02_10m.tif")], tmp_path).grid.has_place

    @pytest.mark.parametrize(
        "transform", [Affine(1e-4, 0, 12, 0, -1e-4, 48), Affine(10, 0, 5e6, 0, -10, 5e6), Affine(10, 0, 5e5, 0, -10, 5)]
    )
    def test_numbers_of_no_zone(self, transform: Affine) -> None:
        assert in_zone_of_tile(Grid(SHAPE, transform, None), "32TQM") is None


def test_a_local_system_is_said(tmp_path: Path) -> None:
    local = 'LOCAL_CS["site",UNIT["metre",1]]'
    path = write_band(tmp_path / "B02.tif", values_of(), replace(GRID, crs_wkt=local))
    scene = laid_out([path], tmp_path)
    assert not scene.grid.has_place
    assert any("is a local one, which says nothing of a place on the Earth" in note for note in scene.notes)


def test_a_band_without_a_system_lies_where_its_siblings_lie(tmp_path: Path) -> None:
    placed_band = write_band(tmp_path / "B02.tif", values_of(), GRID)
    scene = laid_out([placed_band, bare(tmp_path / "B03.tif", True, 1), bare(tmp_path / "B04.tif", False, 2)], tmp_path)
    assert {layer.grid for layer in scene.layers} == {scene.grid}
    assert scene.grid.crs_label == "EPSG:32632"
