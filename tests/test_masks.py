"""What is left out of grouping: no data, saturation, classes of Level-2A, what lies outside an area, and how much."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from loose import ORIGIN_XY, ground, placed, read_all, taken_in, write_band
from products import write_safe, zip_folder
from pyproj import Transformer
from scenes import TEN_METRE, open_scene, write_raster, write_scene
from test_area import gp_blob, write_geopackage

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.cli import main as cli
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import AREA, FILE_MASK, SCL, Masking, Scene, masked_shares, valid_pixels
from s2dash.core.sentinel2 import SCL_CLASSES, SCL_MASKED
from s2dash.errors import RecipeError, UnreadableFile
from s2dash.raster.reading import read_preview_stack
from s2dash.settings import GDAL_ENVIRONMENT

SHAPE = (24, 30)
CRS = "EPSG:32632"


def labels(scene: Scene, **choices: Any) -> np.ndarray:
    recipe = replace(default_recipe(scene).plain(), k=2, params=(("n_init", 1),), **choices)
    found = pipeline.run_live(pipeline.fitted_to(scene, recipe)).classmap.labels
    assert found is not None
    return found


def shares(scene: Scene, masking: Masking) -> dict[str, float]:
    return dict(masked_shares(scene, range(len(scene.bands)), read_preview_stack(scene), masking))


def stored(seed: int = 0, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    return np.rint(ground(shape, seed) * 10_000).astype("uint16")


def product_files(
    folder: Path, blue: np.ndarray, red_edge: np.ndarray, classes: np.ndarray | None, day: str = "20250601"
) -> list[Path]:
    """Bands of Level-2A as loose JP2 files: B02 at 10 m, B05 and the classification at 20 m."""
    files = [("B02_10m", blue, 10), ("B05_20m", red_edge, 20)]
    if classes is not None:
        files.append(("SCL_20m", classes.astype("uint8"), 20))
    return [
        write_band(folder / f"L2A_T32TQM_{day}T101031_{what}.jp2", values, placed(values.shape, size))
        for what, values, size in files
    ]


class TestNoData:
    def test_any_chosen_band_without_data_hides_a_pixel(self, tmp_path: Path) -> None:
        blue, red_edge = stored(), stored(1, (12, 15))
        blue[2, 3] = 0
        red_edge[5, 7] = 0
        scene = taken_in(product_files(tmp_path, blue, red_edge, None), tmp_path)
        hidden = np.zeros(SHAPE, dtype=bool)
        hidden[2, 3] = True
        assert np.array_equal(labels(scene, bands=("B02",)) == 0, hidden)
        hidden[10:12, 14:16] = True
        assert np.array_equal(labels(scene) == 0, hidden)
        assert shares(scene, Masking()) == {"no data": pytest.approx(5 / 720)}

    def test_zero_in_every_band_where_nothing_is_tagged(self, tmp_path: Path) -> None:
        values = np.stack([stored(0), stored(1)])
        values[:, :4] = 0
        values[0, 10] = 0
        scene = taken_in(write_raster(tmp_path / "a.tif", values, descriptions=("B02", "B03")), tmp_path)
        assert scene.zero_is_nodata
        expected = np.zeros(SHAPE, dtype=bool)
        expected[:4] = True
        assert np.array_equal(labels(scene) == 0, expected)
        # A chosen band alone: the others say whether its zeros are a measurement.
        assert np.array_equal(labels(scene, bands=("B02",)) == 0, expected)
        assert (labels(scene, mask="none") > 0).all()

    @pytest.mark.parametrize("nodata", [0, 65_535, 7])
    def test_the_tagged_value(self, tmp_path: Path, nodata: int) -> None:
        values = np.stack([stored(0), stored(1)])
        values[1, 3:5, 6:9] = nodata
        scene = taken_in(write_raster(tmp_path / "a.tif", values, descriptions=("B02", "B03"), nodata=nodata), tmp_path)
        assert shares(scene, Masking())["no data"] == pytest.approx(6 / 720)
        assert scene.valid_shares == (1, pytest.approx(714 / 720))

    def test_not_a_number_is_hidden_whatever_is_asked(self, tmp_path: Path) -> None:
        values = np.stack([ground(SHAPE, 0), ground(SHAPE, 1)]).astype("float32")
        values[0, 3], values[1, 4, 4] = np.nan, np.inf
        scene = taken_in(write_raster(tmp_path / "a.tif", values, descriptions=("B02", "B03")), tmp_path)
        for mask in ("auto", "none"):
            assert ((labels(scene, mask=mask) == 0).sum()) == 31
        assert shares(scene, Masking(nodata=False)) == {"not a number": pytest.approx(31 / 720)}

    def test_a_file_s_own_mask_speaks_of_its_bands_only(self, tmp_path: Path) -> None:
        """Two stacks of one grid; one has a mask. The other's bands alone are not hidden by it."""
        shown = np.ones(SHAPE, dtype=bool)
        shown[:, :9] = False
        one = write_scene(tmp_path / "a.tif", SHAPE, ("B02", "B03"), mask=shown)
        two = write_scene(tmp_path / "b.tif", SHAPE, ("B08", "B11"), seed=1)
        scene = taken_in([one, two], tmp_path)
        assert [(mask.kind, mask.positions) for mask in scene.masks] == [(FILE_MASK, (0, 1))]
        assert np.array_equal(labels(scene) > 0, shown)
        assert np.array_equal(labels(scene, bands=("B02",)) > 0, shown)
        assert (labels(scene, bands=("B08", "B11")) > 0).all()

    def test_what_a_coarse_file_s_mask_hides_reaches_no_neighbour(self, tmp_path: Path) -> None:
        shown = np.ones((12, 15), dtype=bool)
        shown[4:7, 5:9] = False
        red_edge = np.where(shown, 2_000, 60_000).astype("uint16")
        paths = [
            write_band(tmp_path / "B02.tif", stored(), placed(SHAPE, 10)),
            write_band(tmp_path / "B05.tif", red_edge, placed((12, 15), 20), mask=shown),
        ]
        scene = taken_in(paths, tmp_path)
        pixels = read_all(scene)
        assert np.array_equal(pixels.valid, np.kron(shown, np.ones((2, 2), bool)))
        assert (pixels.values[1][pixels.valid] == 2_000).all()
        assert np.array_equal(read_preview_stack(scene)[:2], pixels.values)


class TestSaturated:
    @pytest.fixture
    def scene(self, tmp_path: Path) -> Scene:
        blue, red_edge = stored(), stored(1, (12, 15))
        blue[2, 3] = red_edge[5, 7] = 65_535
        return taken_in(product_files(tmp_path, blue, red_edge, np.full((12, 15), 4)), tmp_path)

    def test_is_left_out_by_default_and_can_be_kept(self, scene: Scene) -> None:
        assert scene.saturated == 65_535
        assert default_recipe(scene).mask_saturated
        hidden = np.zeros(SHAPE, dtype=bool)
        hidden[2, 3] = hidden[10:12, 14:16] = True
        assert np.array_equal(labels(scene) == 0, hidden)
        assert (labels(scene, mask_saturated=False) > 0).all()
        assert (labels(scene, mask="none") > 0).all()
        assert shares(scene, Masking(saturated=True))["saturated"] == pytest.approx(5 / 720)

    def test_is_no_measurement_to_its_neighbours(self, scene: Scene) -> None:
        """A number that only means `too much` must not brighten the pixels around."""
        values = read_all(scene).values[1]
        assert values[values < 65_535].max() < 5_000

    def test_a_stack_says_nothing_of_it(self, tmp_path: Path) -> None:
        scene = taken_in(write_scene(tmp_path / "a.tif"), tmp_path)
        assert scene.saturated is None
        assert not default_recipe(scene).mask_saturated


class TestClasses:
    @pytest.fixture
    def classes(self) -> np.ndarray:
        """Each of the twelve in a column of its own, then vegetation."""
        found = np.full((12, 15), 4)
        found[:, :12] = np.arange(12)
        return found

    @pytest.fixture
    def scene(self, tmp_path: Path, classes: np.ndarray) -> Scene:
        return taken_in(product_files(tmp_path, stored(), stored(1, (12, 15)), classes), tmp_path)

    def test_the_default_is_what_is_not_the_ground(self, scene: Scene, classes: np.ndarray) -> None:
        assert scene.has_scl
        assert default_recipe(scene).mask_scl == SCL_MASKED == (0, 1, 3, 8, 9, 10)
        fine = np.kron(classes, np.ones((2, 2), int))
        assert np.array_equal(labels(scene) == 0, np.isin(fine, SCL_MASKED))

    @pytest.mark.parametrize("codes", [(), (6,), (4, 11), tuple(range(1, 12))])
    def test_any_choice(self, scene: Scene, classes: np.ndarray, codes: tuple[int, ...]) -> None:
        fine = np.kron(classes, np.ones((2, 2), int))
        assert np.array_equal(labels(scene, mask_scl=codes) == 0, np.isin(fine, codes))

    def test_on_a_coarser_grid_too(self, scene: Scene, classes: np.ndarray) -> None:
        assert np.array_equal(labels(scene, pixel_size=20.0) == 0, np.isin(classes, SCL_MASKED))

    def test_shares_have_names(self, scene: Scene) -> None:
        found = shares(scene, Masking(scl=tuple(SCL_CLASSES)))
        assert set(found) == {"no data", *SCL_CLASSES.values()}
        assert found["vegetation"] == pytest.approx(4 / 15)
        assert all(found[SCL_CLASSES[code]] == pytest.approx(1 / 15) for code in SCL_CLASSES if code != 4)

    def test_a_scene_without_has_none(self, tmp_path: Path) -> None:
        scene = open_scene(write_scene(tmp_path / "a.tif"))
        assert not scene.has_scl
        assert default_recipe(scene).mask_scl == ()
        assert (labels(scene, mask_scl=SCL_MASKED) > 0).all()

    def test_other_numbers_are_refused(self) -> None:
        with pytest.raises(RecipeError, match="mask_scl has 12"):
            Recipe(("B02",), mask_scl=(3, 12))

    def test_each_date_has_its_own(self, tmp_path: Path) -> None:
        """Clouds of one day hide nothing of another that is looked at alone; together both hide."""
        cloudy = np.full((12, 15), 4)
        cloudy[:, :5] = 9
        shadowed = np.full((12, 15), 4)
        shadowed[:4] = 9
        paths = []
        for day, classes in (("20250601", cloudy), ("20250611", shadowed)):
            paths += product_files(tmp_path, stored(int(day[-2:])), stored(1, (12, 15)), classes, day)
        scene = taken_in(paths, tmp_path)
        assert [mask.kind for mask in scene.masks] == [SCL, SCL]
        first, second = (np.kron(classes == 9, np.ones((2, 2), bool)) for classes in (cloudy, shadowed))
        assert np.array_equal(labels(scene) == 0, first | second)
        assert np.array_equal(labels(scene, bands=("B02_2025-06-01",)) == 0, first)
        assert np.array_equal(labels(scene, bands=("B02_2025-06-11", "B05_2025-06-11")) == 0, second)
        assert shares(scene, default_recipe(scene).masking)["cloud, high probability"] == (first | second).mean()


def to_degrees(shape: shapely.Geometry) -> shapely.Geometry:
    transformer = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    return shapely.transform(shape, lambda points: np.column_stack(transformer.transform(*points.T)))


def around(rows: tuple[float, float], cols: tuple[float, float], size: float = 10) -> shapely.Polygon:
    """A rectangle in the scene's coordinates, given in rows and columns."""
    x, y = ORIGIN_XY
    return shapely.box(x + cols[0] * size, y - rows[1] * size, x + cols[1] * size, y - rows[0] * size)


def write_polygons(path: Path, shape: shapely.Geometry) -> Path:
    """By the name's ending: GeoJSON in degrees, or a GeoPackage in the scene's coordinates."""
    if path.suffix == ".gpkg":
        write_geopackage(path, [gp_blob(shape, srs_id=32632)], srs_id=32632, system=("EPSG", 32632, ""))
    else:
        geometry = json.loads(shapely.to_geojson(to_degrees(shape)))
        document = {"type": "Feature", "properties": {}, "geometry": geometry}
        path.write_text(json.dumps({"type": "FeatureCollection", "features": [document]}))
    return path


class TestArea:
    @pytest.fixture
    def scene(self, tmp_path: Path) -> Scene:
        return taken_in(product_files(tmp_path, stored(), stored(1, (12, 15)), None), tmp_path)

    @pytest.fixture
    def inside(self) -> np.ndarray:
        """A rectangle with a hole, in rows and columns."""
        found = np.zeros(SHAPE, dtype=bool)
        found[3:20, 5:26] = True
        found[8:12, 10:15] = False
        return found

    @pytest.fixture
    def shape(self) -> shapely.Polygon:
        return around((2.8, 20.2), (4.8, 26.2)) - around((7.8, 12.2), (9.8, 15.2))

    @pytest.mark.parametrize("name", ["a.geojson", "a.json", "a.gpkg", "field (1).txt"])
    def test_polygons(
        self, scene: Scene, inside: np.ndarray, shape: shapely.Polygon, tmp_path: Path, name: str
    ) -> None:
        drawn = ingest.with_area(scene, write_polygons(tmp_path / name, shape), tmp_path / "area")
        assert np.array_equal(labels(drawn) > 0, inside)
        assert shares(drawn, Masking())["outside the area"] == pytest.approx(1 - inside.mean())
        assert drawn.digest != scene.digest
        assert np.array_equal(read_preview_stack(drawn), read_preview_stack(replace(drawn, previews=())))

    @pytest.mark.parametrize("dtype", ["uint8", "float32"])
    def test_a_raster_of_the_same_grid(self, scene: Scene, inside: np.ndarray, tmp_path: Path, dtype: str) -> None:
        """Not 0 is inside; nodata and what is not a number are not."""
        values = np.where(inside, 3, 0).astype(dtype)
        values[4, 6] = 255
        if dtype == "float32":
            values[5, 7] = np.nan
        mask = write_band(tmp_path / "mask.tif", values, placed(SHAPE, 10), nodata=255)
        drawn = ingest.with_area(scene, mask, tmp_path / "area")
        inside[4, 6] = False
        inside[5, 7] = dtype != "float32"
        assert np.array_equal(labels(drawn) > 0, inside)

    def test_a_raster_of_another_grid_and_system(self, scene: Scene, tmp_path: Path) -> None:
        """At each pixel's centre counts what the mask has there."""
        west, south, east, north = scene.grid.bounds_lonlat or (0, 0, 0, 0)
        rows, cols = 40, 60
        transform = Affine((east - west) / cols, 0, west, 0, (south - north) / rows, north)
        values = np.zeros((rows, cols), dtype="uint8")
        values[:, cols // 2 :] = 1
        grid = replace(placed((rows, cols), 1), transform=transform, crs_wkt="EPSG:4326")
        drawn = ingest.with_area(scene, write_band(tmp_path / "mask.tif", values, grid), tmp_path / "area")
        found = labels(drawn) > 0
        x, y = ORIGIN_XY[0] + 10 * (np.arange(30) + 0.5), ORIGIN_XY[1] - 10 * (np.arange(24) + 0.5)
        longitude, _ = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(*np.meshgrid(x, y))
        step = (east - west) / cols
        middle = west + step * (cols // 2)
        sure = np.abs(longitude - middle) > step / 2
        assert np.array_equal(found[sure], (longitude > middle)[sure])

    def test_a_raster_in_jp2_that_is_called_tif(self, scene: Scene, inside: np.ndarray, tmp_path: Path) -> None:
        mask = write_band(tmp_path / "mask.tif", inside.astype("uint8"), placed(SHAPE, 10), jp2=True)
        assert np.array_equal(labels(ingest.with_area(scene, mask, tmp_path / "area")) > 0, inside)

    def test_without_coordinates_shapes_must_agree(self, tmp_path: Path, inside: np.ndarray) -> None:
        bare = taken_in(write_scene(tmp_path / "a.tif", SHAPE, crs=None), tmp_path)
        fits = write_raster(tmp_path / "mask.tif", inside[None].astype("uint8"), crs=None)
        assert np.array_equal(labels(ingest.with_area(bare, fits, tmp_path / "area")) > 0, inside)
        other = write_raster(tmp_path / "other.tif", np.ones((1, 9, 9), "uint8"), crs=None)
        with pytest.raises(UnreadableFile, match="9 x 9 pixels but the scene 24 x 30"):
            ingest.with_area(bare, other, tmp_path / "b")

    def test_on_every_grid(self, scene: Scene, inside: np.ndarray, shape: shapely.Polygon, tmp_path: Path) -> None:
        drawn = ingest.with_area(scene, write_polygons(tmp_path / "a.gpkg", shape), tmp_path / "area")
        coarse = labels(drawn, pixel_size=20.0) > 0
        assert np.array_equal(coarse, inside[1::2, 1::2])

    def test_none_of_the_masks_but_the_area(
        self, scene: Scene, inside: np.ndarray, shape: shapely.Polygon, tmp_path: Path
    ) -> None:
        """`none` takes every finite pixel, but an area is a choice and stays one."""
        drawn = ingest.with_area(scene, write_polygons(tmp_path / "a.gpkg", shape), tmp_path / "area")
        assert np.array_equal(labels(drawn, mask="none") > 0, inside)

    def test_another_takes_its_place(self, scene: Scene, shape: shapely.Polygon, tmp_path: Path) -> None:
        first = ingest.with_area(scene, write_polygons(tmp_path / "a.gpkg", shape), tmp_path / "area")
        top = write_polygons(tmp_path / "b.geojson", around((0, 6), (0, 30)))
        second = ingest.with_area(first, top, tmp_path / "second")
        assert [mask.kind for mask in second.masks] == [AREA]
        assert np.array_equal(np.flatnonzero((labels(second) > 0).any(axis=1)), np.arange(6))
        assert np.array_equal(read_preview_stack(second), read_preview_stack(replace(second, previews=())))

    def test_can_be_taken_away(self, scene: Scene, shape: shapely.Polygon, tmp_path: Path) -> None:
        drawn = ingest.with_area(scene, write_polygons(tmp_path / "a.gpkg", shape), tmp_path / "area")
        whole = ingest.without_area(drawn)
        assert whole.masks == scene.masks
        assert np.array_equal(read_preview_stack(whole), read_preview_stack(scene))
        assert np.array_equal(labels(whole), labels(scene))
        assert ingest.without_area(scene) is scene

    def test_on_a_file_in_place(self, tmp_path: Path) -> None:
        """Without a gathered copy to add to."""
        scene = open_scene(write_scene(tmp_path / "a.tif", SHAPE))
        values = np.zeros((1, *SHAPE), dtype="uint8")
        values[:, 5:9] = 1
        drawn = ingest.with_area(scene, write_raster(tmp_path / "mask.tif", values), tmp_path / "area")
        assert np.array_equal(labels(drawn) > 0, values[0] > 0)

    @pytest.mark.parametrize("name", ["a.geojson", "a.gpkg", "a.tif"])
    def test_an_area_elsewhere_is_refused_and_leaves_nothing(self, scene: Scene, tmp_path: Path, name: str) -> None:
        path = tmp_path / name
        if path.suffix == ".tif":
            write_band(path, np.ones(SHAPE, "uint8"), placed(SHAPE, 10, (9_000, 9_000)))
        else:
            write_polygons(path, around((900, 950), (900, 950)))
        with pytest.raises(UnreadableFile):
            ingest.with_area(scene, path, tmp_path / "area")
        assert not (tmp_path / "area").exists()

    def test_larger_than_the_live_picture(self, tmp_path: Path) -> None:
        """The decimated copy is what the full mask has at these pixels."""
        values = np.random.default_rng(0).integers(1, 5_000, (1, 1_100, 1_000)).astype("uint16")
        path = write_band(tmp_path / "B08.tif", values, placed((1_100, 1_000), 10))
        scene = taken_in(path, tmp_path)
        assert scene.live_step == 2
        shape = shapely.Point(ORIGIN_XY[0] + 5_000, ORIGIN_XY[1] - 5_500).buffer(3_000)
        drawn = ingest.with_area(scene, write_polygons(tmp_path / "a.gpkg", shape), tmp_path / "area")
        again = read_preview_stack(replace(drawn, previews=()))
        assert np.array_equal(read_preview_stack(drawn), again)
        live = valid_pixels(drawn, (0,), again, Masking())
        assert live.mean() == pytest.approx(shape.area / (11_000 * 10_000), abs=0.002)
        assert np.array_equal(read_all(drawn).valid[1::2, 1::2], live)


class TestTogether:
    def test_shares_by_hand(self, tmp_path: Path) -> None:
        """Ten columns of each cause, two of them overlapping: shares count each cause by itself."""
        shape = (20, 100)
        blue, red_edge = stored(0, shape), stored(1, (10, 50))
        blue[:, :10] = 0
        blue[:, 10:20] = 65_535
        classes = np.full((10, 50), 4)
        classes[:, 10:15] = 9
        classes[:, 0:5] = 3
        scene = taken_in(product_files(tmp_path, blue, red_edge, classes), tmp_path)
        kept = write_polygons(tmp_path / "a.gpkg", around((0, 20), (0, 90)))
        scene = ingest.with_area(scene, kept, tmp_path / "area")
        found = shares(scene, default_recipe(scene).masking)
        assert found == {
            "no data": 0.1,
            "saturated": 0.1,
            "no data in the classification": 0,
            "saturated or defective": 0,
            "cloud shadow": 0.1,
            "cloud, medium probability": 0,
            "cloud, high probability": 0.1,
            "thin cirrus": 0,
            "outside the area": 0.1,
        }
        assert (labels(scene) == 0).mean() == pytest.approx(0.4)
        assert set(shares(scene, Recipe(("B02",), mask="none").masking)) == {"outside the area"}

    def test_the_fit_never_sees_what_is_masked(self, tmp_path: Path) -> None:
        blue = stored()
        blue[:, :10] = 60_000
        classes = np.full((12, 15), 4)
        classes[:, :5] = 9
        scene = taken_in(product_files(tmp_path, blue, stored(1, (12, 15)), classes), tmp_path)
        fitted = pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), k=2))
        assert fitted.sample.pixel_count == 24 * 20
        assert fitted.sample.bands[0].max() < 60_000

    def test_from_the_command_line(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name, value in GDAL_ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        safe = write_safe(tmp_path, bands=("B02", "B03", "B05"), empty_m=60)
        zipped = zip_folder(safe, tmp_path / "a.zip")
        kept = write_polygons(tmp_path / "a.geojson", around((0, 90), (0, 120)))
        out = tmp_path / "out.tif"

        def masked(*words: str) -> tuple[dict[str, float], int]:
            assert cli.main(["classify", str(zipped), "-o", str(out), "--k", "2", *words]) == 0
            causes = json.loads(capsys.readouterr().out)["masked"]
            with rasterio.open(out) as dataset:
                hidden = dataset.read(1) == 0
            assert causes.pop("together") == pytest.approx(hidden.mean(), abs=1e-6)
            return causes, int(hidden.sum())

        default, hidden = masked()
        assert set(default) == {"no data", "saturated", *(SCL_CLASSES[code] for code in SCL_MASKED)}
        assert default["no data"] == pytest.approx(0.05)
        assert default["cloud, high probability"] > 0.01
        assert hidden > 720
        plain, hidden = masked("--mask-scl", "none", "--mask-saturated", "no")
        assert (set(plain), hidden) == ({"no data"}, 720)
        assert set(masked("--mask-scl", "6,4")[0]) == {"no data", "saturated", "vegetation", "water"}
        assert masked("--mask", "none") == ({}, 0)
        area, hidden = masked("--mask", "none", "--area", str(kept))
        assert (area, hidden) == ({"outside the area": 0.25}, 30 * 120)

    @pytest.mark.parametrize(
        ("words", "error"),
        [
            (("--mask-scl", "cloud"), "--mask-scl takes a whole number; not 'cloud'"),
            (("--mask-scl", "12"), "classes of the scene classification are 0 to 11"),
            (("--mask-saturated", "maybe"), "--mask-saturated takes yes or no"),
            (("--area", "nowhere.geojson"), "There is no file nowhere.geojson"),
        ],
    )
    def test_wrong_words_on_the_command_line(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        words: tuple[str, ...],
        error: str,
    ) -> None:
        for name, value in GDAL_ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        path = write_scene(tmp_path / "a.tif", SHAPE, TEN_METRE)
        assert cli.main(["classify", str(path), "-o", str(tmp_path / "out.tif"), *words]) == 2
        assert error in capsys.readouterr().err
        assert not (tmp_path / "out.tif").exists()


@pytest.mark.shared
def test_a_cloudy_and_a_clear_day(shared_data: Path, tmp_path: Path) -> None:
    """Each day is hidden by its own clouds."""
    scene = taken_in(sorted((shared_data / "33TWL_jp2_named_tif").glob("*.tif")), tmp_path)
    stack = read_preview_stack(scene)
    masking = default_recipe(scene).masking
    clear, cloudy = (1 - valid_pixels(scene, positions, stack, masking).mean() for positions in ((0, 1), (4, 5)))
    assert clear < 0.05
    assert cloudy > 0.3
    together = 1 - valid_pixels(scene, range(8), stack, masking).mean()
    assert max(clear, cloudy) <= together <= clear + cloudy
