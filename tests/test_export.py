"""Contracts of every export, and what each file must still say when it is read back."""

from __future__ import annotations

import contextlib
import csv
import ctypes
import dataclasses
import io
import json
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from PIL import Image
from rasterio.crs import CRS
from rio_cogeo.cogeo import cog_validate

from s2dash.core.classmap import ClassMap, ClassRow, Result
from s2dash.core.grid import Grid
from s2dash.core.legend import Legend, LegendEntry
from s2dash.core.recipe import Recipe
from s2dash.core.scene import Band, Layer, Reflectance, Scene
from s2dash.errors import BrokenResult, OutputConflict, RecipeError, S2DashError, UnknownName
from s2dash.export import EXPORTS, Handover, export_bytes, geotiff, picture, table
from s2dash.export.contents import STRIP_ROWS, file_stem
from s2dash.export.ground import drawn, round_length_m
from s2dash.export.overviews import halved
from s2dash.raster.location import FileLocation

UTM = CRS.from_epsg(32618).to_wkt()
ROTATED = Affine.translation(4e5, 4e6) @ Affine.rotation(30) @ Affine.scale(10, -10)
GRIDS = {
    "north-up": Grid((40, 70), Affine(10, 0, 4e5, 0, -10, 4e6), UTM),
    "tall": Grid((90, 20), Affine(10, 0, 4e5, 0, -10, 4e6), UTM),
    "rotated": Grid((40, 70), ROTATED, UTM),
    "south-up": Grid((40, 70), Affine(10, 0, 4e5, 0, 10, 4e6), UTM),
    "right to left": Grid((40, 70), Affine(-10, 0, 4e5, 0, -10, 4e6), UTM),
    "degrees": Grid((40, 70), Affine(1e-4, 0, 10, 0, -1e-4, 60), "EPSG:4326"),
    "no CRS": Grid((40, 70), Affine(10, 0, 4e5, 0, -10, 4e6), None),
    "nothing": Grid((40, 70), Affine.identity(), None),
    "unreadable CRS": Grid((40, 70), Affine(10, 0, 4e5, 0, -10, 4e6), "no such system"),
    "local CRS": Grid((40, 70), Affine(1, 0, 0, 0, -1, 40), 'LOCAL_CS["site",UNIT["metre",1]]'),
    "one pixel": Grid((1, 1), Affine(10, 0, 4e5, 0, -10, 4e6), UTM),
    "larger than a tile": Grid((1100, 700), Affine(10, 0, 4e5, 0, -10, 4e6), UTM),
}
HOSTILE = (
    "=1+1",
    "+cmd|' /C calc'!A0",
    "@SUM(1)",
    "-2+3",
    "\t=1",
    '"quoted",comma',
    "a;=1+1",
    'b;"=1+1"',
    "two\r\nlines\x00\x1b",
    "\u202eRTL \ufffe",
    "\ud800",
    "</Category><script>alert('x') & more]]>",
    "$\\frac{1}{2}$ and $x",
    "世界 😀",
    "  \u200b ",
    "x" * 300,
    "\uff1d1",
)


DRAWN = {"picture": 3, "slide": 5, "powerpoint": 4, "report_pdf": 4}
"""Exports that take their time, by every how many of the others' cases they are made."""


def make_labels(shape_rc: tuple[int, int], k: int) -> np.ndarray:
    """Labels 0 to k in blocks of 3 x 3, every class present where there is room."""
    rows, cols = np.indices(shape_rc) // 3
    return ((rows * 31 + cols) % (k + 1)).astype(np.uint8)


def make_result(
    grid: Grid = GRIDS["north-up"], k: int = 5, title: str = "Scene", step: int = 1, path: Path | None = None
) -> Result:
    labels = make_labels(grid.shape_rc, k)
    counts, areas = np.bincount(labels.ravel(), minlength=k + 1), grid.class_area_ha(labels, k)
    mapped = max(1, counts[1:].sum())
    rows = tuple(
        ClassRow(
            i,
            int(counts[i]),
            float(counts[i] / mapped),
            float(areas[i]) if grid.has_place else None,
            (0.01 * i, 0.02 * i, float("nan")),
        )
        for i in range(1, k + 1)
    )
    scene = Scene(
        title=title,
        grid=grid,
        bands=tuple(Band(name, name) for name in ("B02", "B03", "B04")),
        layers=tuple(Layer(FileLocation(Path("does-not-exist.tif")), index, grid) for index in (1, 2, 3)),
        dtype="uint16",
        nodata=(None, None, None),
        reflectance=Reflectance(10_000, (0, 0, 0), ""),
        digest="scene",
        year=2018,
    )
    classmap = ClassMap(grid, k, None if path else labels, path, step)
    if path:
        write_labels(path, labels)
    return Result(scene, Recipe(bands=("B02", "B03"), k=max(2, k)), classmap, rows, "numpy", "digest")


def write_labels(path: Path, labels: np.ndarray) -> None:
    height, width = labels.shape
    with rasterio.open(path, "w", driver="GTiff", height=height, width=width, count=1, dtype="uint8") as dataset:
        dataset.write(labels, 1)


def blocks_of(labels: np.ndarray) -> np.ndarray:
    """The four pixels of each 2 x 2 block, shape (4, rows, cols); an odd last row or column stands for two."""
    rows, cols = (np.arange(-(-n // 2) * 2).clip(max=n - 1) for n in labels.shape)
    even = labels[np.ix_(rows, cols)]
    return np.stack([even[i::2, j::2] for i in (0, 1) for j in (0, 1)])


def make_legend(k: int = 5, names: tuple[str, ...] = ()) -> Legend:
    """Distinct colours, given names first."""
    named = (*names, *(f"Class {i}" for i in range(len(names) + 1, k + 1)))[:k]
    return Legend(
        tuple(LegendEntry(i, name, f"#{i:02x}{255 - i:02x}{i * 37 % 256:02x}") for i, name in enumerate(named, 1))
    )


OF_ANY_RESULT = [key for key in EXPORTS if key not in ("script", "notebook")]
"""The others need what was learnt too: see test_script.py."""
POLYGONS = ("geopackage", "flatgeobuf", "shapefile")
"""Of a hundred thousand patches they take seconds; `test_outlines.py` has what is larger than a strip."""


@pytest.mark.parametrize("key", OF_ANY_RESULT)
class TestEveryExport:
    def test_every_grid_gives_a_file(self, key: str, tmp_path: Path) -> None:
        grids = {name: grid for name, grid in GRIDS.items() if key not in POLYGONS or grid.pixel_count < 10_000}
        grids = dict(list(grids.items())[:: DRAWN.get(key, 1)])
        for name, grid in grids.items():
            out = tmp_path / f"{name}{EXPORTS[key].suffix}"
            EXPORTS[key].write(Handover(make_result(grid), make_legend()), out)
            assert out.stat().st_size > 100, name
        assert len(list(tmp_path.iterdir())) == len(grids)

    @pytest.mark.parametrize("k", [2, 255])
    def test_fewest_and_most_classes(self, key: str, k: int) -> None:
        grid = GRIDS["north-up" if key in POLYGONS else "larger than a tile"]
        assert export_bytes(key, Handover(make_result(grid, k), make_legend(k)))

    def test_hostile_words(self, key: str) -> None:
        k = len(HOSTILE)
        for title in HOSTILE[:: 2 * DRAWN.get(key, 0) or 1]:
            assert export_bytes(key, Handover(make_result(k=k, title=title), make_legend(k, HOSTILE)))

    def test_file_name_is_plain(self, key: str) -> None:
        for title in (*HOSTILE, "../../etc/passwd", "Málaga 2018", ""):
            name = EXPORTS[key].file_name(Handover(make_result(title=title), make_legend()))
            assert name.isascii()
            assert name.endswith(EXPORTS[key].suffix)
            assert not set(name) & set('/\\ :*?"<>|\r\n')
            assert not name.startswith((".", "-"))

    def test_missing_folder_is_a_clear_error(self, key: str, tmp_path: Path) -> None:
        with pytest.raises(OutputConflict, match="cannot be written"):
            EXPORTS[key].write(Handover(make_result(), make_legend()), tmp_path / "none" / "out")

    def test_directory_in_the_way_is_a_clear_error(self, key: str, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        with pytest.raises(OutputConflict):
            EXPORTS[key].write(Handover(make_result(), make_legend()), tmp_path / "out")
        assert [p.name for p in tmp_path.iterdir()] == ["out"]

    @pytest.mark.parametrize("kind", ["legend", "counts", "labels"])
    def test_parts_that_do_not_fit_leave_an_existing_file(self, key: str, kind: str, tmp_path: Path) -> None:
        out = tmp_path / "out"
        out.write_bytes(b"old")
        result, legend = make_result(), make_legend()
        if kind == "legend":
            legend = make_legend(4)
        elif kind == "counts":
            result = dataclasses.replace(result, rows=result.rows[:-1])
        else:
            fewer = dataclasses.replace(result.classmap, class_count=4)
            result = dataclasses.replace(result, classmap=fewer)
        reads_it = key not in ("recipe", "edits") and (kind != "labels" or key not in ("table", "workbook"))
        with pytest.raises((RecipeError, BrokenResult)) if reads_it else contextlib.nullcontext():
            EXPORTS[key].write(Handover(result, legend), out)
        assert (out.read_bytes() == b"old") == reads_it
        assert list(tmp_path.iterdir()) == [out]

    def test_preview(self, key: str) -> None:
        preview = make_result(step=11)
        if EXPORTS[key].needs_full:
            with pytest.raises(RecipeError, match="11th pixel"):
                export_bytes(key, Handover(preview, make_legend()))
        else:
            assert export_bytes(key, Handover(preview, make_legend()))


def test_unknown_export_lists_what_there_is() -> None:
    with pytest.raises(UnknownName, match="geotiff, bundle"):
        export_bytes("no such", Handover(make_result(), make_legend()))


def test_registry_keys_are_the_exports_own() -> None:
    assert all(key == export.key for key, export in EXPORTS.items())
    assert len({export.suffix for export in EXPORTS.values()}) == len(EXPORTS)


class TestGeoTiff:
    @pytest.mark.parametrize("name", GRIDS)
    def test_is_a_cog_on_the_scenes_grid(self, name: str, tmp_path: Path) -> None:
        result, out = make_result(GRIDS[name]), tmp_path / "out.tif"
        geotiff.write_geotiff(result, make_legend(), out)
        valid, errors, warnings = cog_validate(out, strict=True, quiet=True)
        assert valid
        assert not errors
        assert not warnings
        grid = result.classmap.grid
        with rasterio.open(out) as dataset:
            assert dataset.shape == grid.shape_rc
            assert dataset.count == 1
            assert dataset.dtypes == ("uint8",)
            assert dataset.nodata == 0
            assert dataset.transform.almost_equals(grid.transform, precision=1e-9)
            assert dataset.crs == (CRS.from_user_input(grid.crs_wkt) if grid.has_place or name == "local CRS" else None)
            assert np.array_equal(dataset.read(1), result.classmap.labels)

    def test_overviews_hold_only_classes_that_are_there(self, tmp_path: Path) -> None:
        out = tmp_path / "out.tif"
        result = make_result(GRIDS["larger than a tile"], 5)
        labels = np.where(result.classmap.labels > 2, 5, 1).astype(np.uint8)
        classmap = dataclasses.replace(result.classmap, labels=labels)
        geotiff.write_geotiff(dataclasses.replace(result, classmap=classmap), make_legend(), out)
        with rasterio.open(out) as dataset:
            assert dataset.overviews(1)
            small = dataset.read(1, out_shape=(275, 175))
        assert set(np.unique(small)) <= {1, 5}

    def test_an_overview_pixels_class_is_the_most_frequent_of_its_block(self, tmp_path: Path) -> None:
        out, grid = tmp_path / "out.tif", Grid((1301, 1999), Affine(10, 0, 4e5, 0, -10, 4e6), UTM)
        result = make_result(grid, 5)
        rng = np.random.default_rng(0)
        finer = make_labels(grid.shape_rc, 5)
        other = rng.random(grid.shape_rc) < 0.3
        finer[other] = rng.integers(0, 6, other.sum())
        finer[:, :300] = 0
        classmap = dataclasses.replace(result.classmap, labels=finer)
        geotiff.write_geotiff(dataclasses.replace(result, classmap=classmap), make_legend(), out)
        with rasterio.open(out) as dataset:
            assert dataset.overviews(1) == [2, 4]
        for level in range(2):
            with rasterio.open(out, OVERVIEW_LEVEL=level) as dataset:
                coarser = dataset.read(1)
            blocks = blocks_of(finer)
            assert coarser.shape == blocks.shape[1:]
            times = np.array([((blocks == number) & (blocks != 0)).sum(axis=0) for number in range(6)])
            assert np.array_equal(coarser == 0, times.sum(axis=0) == 0)
            assert np.array_equal(np.take_along_axis(times, coarser[None].astype(int), 0)[0], times.max(axis=0))
            finer = coarser

    def test_halved_by_hand(self) -> None:
        labels = [[1, 2, 3, 0, 0, 0, 4], [2, 1, 0, 5, 0, 0, 6], [7, 8, 1, 9, 9, 3, 2]]
        assert halved(np.array(labels, dtype=np.uint8)).tolist() == [[1, 3, 0, 4], [7, 1, 9, 2]]

    def test_labels_from_a_file_give_the_same_bytes(self, tmp_path: Path) -> None:
        grid = GRIDS["larger than a tile"]
        geotiff.write_geotiff(make_result(grid), make_legend(), tmp_path / "array.tif")
        from_file = make_result(grid, path=tmp_path / "labels.tif")
        geotiff.write_geotiff(from_file, make_legend(), tmp_path / "file.tif")
        assert (tmp_path / "array.tif").read_bytes() == (tmp_path / "file.tif").read_bytes()

    @pytest.mark.parametrize("k", [2, 255])
    def test_colours_and_tags_round_trip(self, k: int, tmp_path: Path) -> None:
        result, legend, out = make_result(k=k), make_legend(k, HOSTILE), tmp_path / "out.tif"
        geotiff.write_geotiff(result, legend, out)
        with rasterio.open(out) as dataset:
            colours, tags = dataset.colormap(1), dataset.tags()
        assert colours[0][3] == 0
        for entry in legend.entries:
            assert colours[entry.id] == (*bytes.fromhex(entry.colour[1:]), 255)
            assert tags[f"CLASS_{entry.id}"].isprintable()
            assert tags[f"CLASS_{entry.id}"]
        assert f"CLASS_{k + 1}" not in tags
        assert Recipe.from_json(tags["S2DASH_RECIPE"]) == result.recipe
        assert tags["ATTRIBUTION"] == tags["TIFFTAG_COPYRIGHT"] == "Contains modified Copernicus Sentinel data 2018"
        assert tags["ENGINE"] == "numpy"
        assert tags["S2DASH_VERSION"]

    def test_long_names_in_any_script_stay_in_the_file(self, tmp_path: Path) -> None:
        names = tuple("&世" * 30 for _ in range(255))
        geotiff.write_geotiff(make_result(k=255), make_legend(255, names), tmp_path / "out.tif")
        assert [p.name for p in tmp_path.iterdir()] == ["out.tif"]
        with rasterio.open(tmp_path / "out.tif") as dataset:
            assert dataset.tags()["CLASS_255"] == names[-1]

    @pytest.mark.parametrize("what", ["labels", "tags", "nothing", "garbage", "error"])
    def test_a_bad_write_leaves_the_old_file(self, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        out = tmp_path / "out.tif"
        out.write_bytes(b"old")
        copy = rasterio.shutil.copy

        def broken(source: Path, target: Path, **options: object) -> None:
            if what == "error":
                raise OSError(28, "No space left on device")
            if what == "nothing":
                return
            copy(source, target, **options)
            if what == "garbage":
                target.write_bytes(target.read_bytes()[:300])
            else:
                with rasterio.open(target, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
                    if what == "labels":
                        dataset.write(np.zeros(dataset.shape, np.uint8), 1)
                    else:
                        dataset.update_tags(CLASS_1="other")

        monkeypatch.setattr(geotiff.rasterio.shutil, "copy", broken)
        with pytest.raises((BrokenResult, OutputConflict)):
            geotiff.write_geotiff_and_sidecar(make_result(), make_legend(), out)
        assert out.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [out]

    def test_an_input_is_not_overwritten(self, tmp_path: Path) -> None:
        result = make_result(path=tmp_path / "labels.tif")
        before = (tmp_path / "labels.tif").read_bytes()
        with pytest.raises(OutputConflict, match="one of the inputs"):
            geotiff.write_geotiff(result, make_legend(), tmp_path / "labels.tif")
        assert (tmp_path / "labels.tif").read_bytes() == before

    def test_vanished_or_wrong_label_file_is_a_clear_error(self, tmp_path: Path) -> None:
        result = make_result(path=tmp_path / "labels.tif")
        write_labels(tmp_path / "labels.tif", make_labels((10, 10), 3))
        with pytest.raises(BrokenResult, match="grid"):
            geotiff.write_geotiff(result, make_legend(), tmp_path / "out.tif")
        (tmp_path / "labels.tif").unlink()
        with pytest.raises(BrokenResult, match="no longer be read"):
            geotiff.write_geotiff(result, make_legend(), tmp_path / "out.tif")
        assert not list(tmp_path.iterdir())


class TestSidecar:
    def test_names_and_table_parse_back(self) -> None:
        k = len(HOSTILE)
        result, legend = make_result(k=k), make_legend(k, HOSTILE)
        root = ET.fromstring(geotiff.sidecar_xml(result, legend))
        names = [node.text for node in root.iter("Category")]
        assert names[0] == "No data"
        assert len(names) == k + 1
        assert all(name and name.isprintable() for name in names)
        fields = [node.text for node in root.findall(".//FieldDefn/Name")]
        assert fields == ["Value", "Class_name", "Red", "Green", "Blue", "Count", "Area_ha", "Share_percent"]
        cells = [[f.text for f in row.findall("F")] for row in root.iter("Row")]
        assert [int(row[0]) for row in cells] == list(range(1, k + 1))
        assert [row[1] for row in cells] == names[1:]
        assert ["#" + bytes(map(int, row[2:5])).hex() for row in cells] == [e.colour for e in legend.entries]
        assert [int(row[5]) for row in cells] == [row.count for row in result.rows]
        assert sum(float(row[7]) for row in cells) == pytest.approx(100, abs=0.01)

    def test_without_a_place_there_is_no_area(self) -> None:
        assert "Area_ha" not in geotiff.sidecar_xml(make_result(GRIDS["no CRS"]), make_legend())

    def test_counts_beyond_32_bits(self) -> None:
        result = make_result()
        many = dataclasses.replace(result.rows[0], count=2**31)
        xml = geotiff.sidecar_xml(dataclasses.replace(result, rows=(many, *result.rows[1:])), make_legend())
        kind = ET.fromstring(xml).find(".//FieldDefn[@index='5']/Type")
        assert kind is not None
        assert kind.text == "1"

    def test_written_beside(self, tmp_path: Path) -> None:
        geotiff.write_geotiff_and_sidecar(make_result(), make_legend(), tmp_path / "out.tif")
        assert sorted(p.name for p in tmp_path.iterdir()) == ["out.tif", "out.tif.aux.xml"]

    def test_gdal_reads_names_and_table(self, tmp_path: Path) -> None:
        """Through GDAL's C interface, which rasterio carries but does not show."""
        gdal = load_gdal()
        k, out = 5, tmp_path / "out.tif"
        names = ("Wald & Wiese <1>", "世界", '"quoted"')
        result, legend = make_result(k=k), make_legend(k, names)
        geotiff.write_geotiff_and_sidecar(result, legend, out)
        with rasterio.Env(GDAL_PAM_ENABLED="YES", GDAL_DISABLE_READDIR_ON_OPEN="FALSE"):
            dataset = gdal.GDALOpen(str(out).encode(), 0)
            band = gdal.GDALGetRasterBand(dataset, 1)
            # The table first: GDAL 3.10 loads a GeoTIFF's side-car late, and not for category names alone.
            rat = gdal.GDALGetDefaultRAT(band)
            categories = gdal.GDALGetRasterCategoryNames(band)
            shown = [categories[i].decode() for i in range(k + 1)]
            size = (gdal.GDALRATGetRowCount(rat), gdal.GDALRATGetColumnCount(rat))
            usages = [gdal.GDALRATGetUsageOfCol(rat, i) for i in range(size[1])]
            cells = [[gdal.GDALRATGetValueAsString(rat, r, c).decode() for c in range(size[1])] for r in range(size[0])]
            gdal.GDALClose(dataset)
        assert shown == ["No data", *(entry.name for entry in legend.entries)]
        assert size == (k, 8)
        assert usages == [5, 2, 6, 7, 8, 1, 0, 0]
        for entry, row, cell in zip(legend.entries, result.rows, cells, strict=True):
            assert cell[:2] == [str(entry.id), entry.name]
            assert "#" + bytes(map(int, cell[2:5])).hex() == entry.colour
            assert int(cell[5]) == row.count
            assert float(cell[6]) == pytest.approx(row.area_ha, abs=1e-4)


def load_gdal() -> ctypes.CDLL:
    """The libgdal that the rasterio wheel carries; skips where rasterio was built otherwise."""
    found = sorted(Path(rasterio.__file__).parents[1].glob("rasterio.libs/libgdal*.so*"))
    if not found:
        pytest.skip("rasterio carries no libgdal here")
    gdal = ctypes.CDLL(str(found[0]))
    pointer, number = ctypes.c_void_p, ctypes.c_int
    signatures = {
        "GDALOpen": (pointer, ctypes.c_char_p, number),
        "GDALGetRasterBand": (pointer, pointer, number),
        "GDALGetRasterCategoryNames": (ctypes.POINTER(ctypes.c_char_p), pointer),
        "GDALGetDefaultRAT": (pointer, pointer),
        "GDALRATGetRowCount": (number, pointer),
        "GDALRATGetColumnCount": (number, pointer),
        "GDALRATGetUsageOfCol": (number, pointer, number),
        "GDALRATGetValueAsString": (ctypes.c_char_p, pointer, number, number),
        "GDALClose": (None, pointer),
    }
    for name, (result, *arguments) in signatures.items():
        function = getattr(gdal, name)
        function.restype, function.argtypes = result, arguments
    return gdal


class TestTable:
    def read(self, result: Result, legend: Legend) -> list[dict[str, str]]:
        content = export_bytes("table", Handover(result, legend))
        assert content.startswith(b"\xef\xbb\xbf")
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))

    def test_says_what_was_counted(self) -> None:
        result, legend = make_result(), make_legend()
        rows = self.read(result, legend)
        assert [int(row["id"]) for row in rows] == [1, 2, 3, 4, 5]
        assert [int(row["pixels"]) for row in rows] == [row.count for row in result.rows]
        for row, known in zip(rows, result.rows, strict=True):
            assert float(row["share_percent"]) == pytest.approx(100 * known.share, abs=0.005)
            assert float(row["area_ha"]) == pytest.approx(known.area_ha, abs=0.005)
        assert [row["colour"] for row in rows] == [entry.colour for entry in legend.entries]
        assert float(rows[2]["reflectance B03"]) == pytest.approx(0.06)
        assert rows[0]["reflectance B04"] == ""
        assert {row["attribution"] for row in rows} == {"Contains modified Copernicus Sentinel data 2018"}

    def test_no_area_without_a_place(self) -> None:
        assert {row["area_ha"] for row in self.read(make_result(GRIDS["no CRS"]), make_legend())} == {""}

    @pytest.mark.parametrize("separator", [",", ";"])
    def test_no_cell_is_a_formula_in_either_kind_of_spreadsheet(self, separator: str) -> None:
        k = len(HOSTILE)
        result = make_result(k=k)
        scene = dataclasses.replace(result.scene, bands=tuple(Band(name, None) for name in ("=1", "a;=1", "B04")))
        content = export_bytes("table", Handover(dataclasses.replace(result, scene=scene), make_legend(k, HOSTILE)))
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=separator))
        assert len(lines) == k + 1
        for cell in (cell for line in lines for cell in line):
            assert not cell.lstrip().startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d"))

    def test_harmless_names_stay_as_they_are(self) -> None:
        assert table.text_cell("Pine-oak forest, mixed = dense") == "Pine-oak forest, mixed = dense"


class TestBundle:
    def test_holds_what_belongs_together(self, tmp_path: Path) -> None:
        result, legend = make_result(title="Málaga: coast"), make_legend()
        out = tmp_path / "out.zip"
        EXPORTS["bundle"].write(Handover(result, legend), out)
        assert list(tmp_path.iterdir()) == [out]
        with zipfile.ZipFile(out) as archive:
            assert archive.testzip() is None
            names = archive.namelist()
            archive.extractall(tmp_path / "x")
        tif = "Malaga-coast-classes.tif"
        styles = [f"Malaga-coast-classes.{ending}" for ending in ("qml", "sld", "clr")]
        others = [f"{tif}.aux.xml", "Malaga-coast-classes.csv", "recipe.json", "README.txt"]
        assert sorted(names) == sorted([tif, *styles, *others])
        folder = tmp_path / "x"
        assert cog_validate(folder / tif, strict=True, quiet=True)[0]
        assert Recipe.from_json((folder / "recipe.json").read_text()) == result.recipe
        assert (folder / f"{tif}.aux.xml").read_text() == geotiff.sidecar_xml(result, legend)
        readme = (folder / "README.txt").read_text()
        assert result.scene.attribution in readme
        assert "QGIS" in readme

    def test_recipe_is_json(self) -> None:
        with zipfile.ZipFile(io.BytesIO(export_bytes("bundle", Handover(make_result(), make_legend())))) as archive:
            assert json.loads(archive.read("recipe.json"))["k"] == 5


class TestPicture:
    def map_pixels(self, result: Result, legend: Legend) -> np.ndarray:
        """The map's inside as drawn, shape (rows, cols, 3), uint8."""
        page = picture.draw(Handover(result, legend))
        page.canvas.draw()
        image = np.asarray(page.canvas.buffer_rgba())[..., :3]
        left, bottom, right, top = page.axes[1].get_window_extent().extents
        return image[
            round(image.shape[0] - top) + 3 : round(image.shape[0] - bottom) - 3, round(left) + 3 : round(right) - 3
        ]

    @pytest.mark.parametrize("name", ["north-up", "tall", "degrees", "no CRS"])
    def test_map_has_exactly_the_legends_colours(self, name: str) -> None:
        result, legend = make_result(GRIDS[name]), make_legend()
        labels = np.where(result.classmap.labels == 0, 1, result.classmap.labels).astype(np.uint8)
        result = dataclasses.replace(result, classmap=dataclasses.replace(result.classmap, labels=labels))
        red, green, blue = np.moveaxis(self.map_pixels(result, legend).astype(np.int64), -1, 0)
        found = {f"#{number:06x}" for number in np.unique(red << 16 | green << 8 | blue)}
        assert found == {entry.colour for entry in legend.entries}

    @pytest.mark.parametrize(
        ("name", "north", "west"),
        [("north-up", "top", "left"), ("south-up", "bottom", "left"), ("right to left", "top", "right")],
    )
    def test_north_is_up_and_west_is_left(self, name: str, north: str, west: str) -> None:
        result, legend = make_result(GRIDS[name], 4), make_legend(4)
        labels = np.full((40, 70), 1, np.uint8)
        stored_top, stored_left = north == "top", west == "left"
        labels[:20] = 2 if stored_top else 1
        labels[20:] = 1 if stored_top else 2
        labels[:, slice(0, 10) if stored_left else slice(60, 70)] = 3
        result = dataclasses.replace(result, classmap=dataclasses.replace(result.classmap, labels=labels))
        pixels = self.map_pixels(result, legend)
        middle = pixels.shape[1] // 2
        assert pixels[5, middle].tobytes().hex() == legend.entries[1].colour[1:]
        assert pixels[-5, middle].tobytes().hex() == legend.entries[0].colour[1:]
        assert pixels[5, 5].tobytes().hex() == legend.entries[2].colour[1:]
        assert drawn(GRIDS[name]).north_deg == pytest.approx(0)

    def test_large_labels_are_decimated_strip_by_strip(self, tmp_path: Path) -> None:
        grid = Grid((3 * STRIP_ROWS + 7, 5000), Affine(10, 0, 4e5, 0, -10, 4e6), UTM)
        in_memory, on_disk = make_result(grid), make_result(grid, path=tmp_path / "labels.tif")
        taken = picture.drawn_labels(in_memory.classmap)
        assert max(taken.shape) <= picture.MOST_LABEL_SIDE
        assert np.array_equal(taken, in_memory.classmap.labels[2::4, 2::4])
        assert np.array_equal(taken, picture.drawn_labels(on_disk.classmap))

    def test_words_are_shown_as_they_are(self) -> None:
        legend = make_legend(5, ("$x^2$", "50 % sand"))
        page = picture.draw(Handover(make_result(title="$\\alpha$ \\frac{"), legend))
        texts = [text for axes in page.axes for text in axes.texts]
        words = {text.get_text() for text in texts}
        assert {"$\\alpha$ \\frac{", "$x^2$", "50 % sand", "No data", "All classes"} <= words
        assert not any(text.get_parse_math() for text in texts)
        assert any("Contains modified Copernicus Sentinel data 2018" in word for word in words)

    def test_without_a_place_it_says_so(self) -> None:
        page = picture.draw(Handover(make_result(GRIDS["no CRS"]), make_legend()))
        words = " ".join(text.get_text() for axes in page.axes for text in axes.texts)
        assert "No place" in words
        assert "(ha)" not in words
        assert "2 km" not in words

    def test_preview_says_so(self) -> None:
        page = picture.draw(Handover(make_result(step=3), make_legend()))
        assert any("preview of every 3rd pixel" in text.get_text() for text in page.axes[0].texts)

    def test_metadata_carries_the_source(self) -> None:
        image = Image.open(io.BytesIO(export_bytes("picture", Handover(make_result(), make_legend()))))
        assert image.info["Copyright"] == "Contains modified Copernicus Sentinel data 2018"
        assert 800 <= image.width <= 1600


class TestGround:
    def test_length_of_a_utm_line_by_hand(self) -> None:
        """On the central meridian a UTM metre is 1 / 0.9996 of a metre on the ground."""
        grid = Grid((2, 1000), Affine(10, 0, 495_000, 0, -10, 4e6), UTM)
        assert drawn(grid).width_m == pytest.approx(10_000 / 0.9996, rel=1e-5)

    def test_web_mercator_is_measured_on_the_ground(self) -> None:
        grid = Grid((10, 10), Affine(100, 0, 0, 0, -100, 8_399_737.89), "EPSG:3857")
        assert drawn(grid).width_m == pytest.approx(1000 * 0.5, rel=0.01)
        assert drawn(grid).aspect == pytest.approx(1, rel=0.01)

    def test_degrees_are_narrower_in_the_north(self) -> None:
        grid = Grid((100, 100), Affine(1e-4, 0, 10, 0, -1e-4, 60.005), "EPSG:4326")
        assert drawn(grid).width_m == pytest.approx(0.01 * 111_320 * 0.5014, rel=2e-3)
        assert drawn(grid).aspect == pytest.approx(0.5, rel=0.01)

    def test_turned_grid_turns_north(self) -> None:
        assert drawn(Grid((40, 70), ROTATED, UTM)).north_deg == pytest.approx(30)

    def test_turned_mirror_grid_is_not_drawn_mirrored(self) -> None:
        mirrored = Affine.translation(4e5, 4e6) @ Affine.rotation(30) @ Affine.scale(10, 10)
        lies = drawn(Grid((40, 70), mirrored, UTM))
        assert lies.flip_rows
        assert lies.north_deg == pytest.approx(30)

    @pytest.mark.parametrize(
        ("most", "expected"), [(1, 1), (1.99, 1), (4.9, 2), (5, 5), (0.03, 0.02), (12_345, 10_000)]
    )
    def test_round_lengths(self, most: float, expected: float) -> None:
        assert round_length_m(most) == pytest.approx(expected)


def test_errors_are_of_one_root() -> None:
    with pytest.raises(S2DashError):
        export_bytes("geotiff", Handover(make_result(step=2), make_legend()))


def test_file_stem_of_nothing() -> None:
    assert file_stem("世界") == "scene"
