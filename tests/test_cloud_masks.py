"""The cloud masks that Level-1C brings itself: where they are found, what they hide, what is said of broken ones."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from eopf import write_eopf
from hypothesis import given, settings
from hypothesis import strategies as st
from loose import placed, taken_in, write_band
from products import ORIGIN_XY, cloud_gml, write_safe, zip_folder

from s2dash.classify import pipeline
from s2dash.classify.naming.product import classification_of, names_of
from s2dash.cli import main as cli
from s2dash.core.grid import Grid
from s2dash.core.legend import Legend
from s2dash.core.missions import CLASSI, CLOUDS
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import SCL, Masking, Scene, masked_shares
from s2dash.errors import UnreadableFile
from s2dash.export.bundle import readme
from s2dash.export.handover import Handover
from s2dash.ingest import cloud_polygons
from s2dash.ingest.cloud_masks import with_cloud_masks
from s2dash.ingest.cloud_polygons import burnt, read_polygons
from s2dash.ingest.gather import gather
from s2dash.ingest.pile import GivenFile
from s2dash.ingest.product.choose import choose_files
from s2dash.raster.reading import read_preview_stack
from s2dash.settings import ARCHIVE_LIMITS, AREA_LIMITS

SIZE_M = 1200
SHAPE = (SIZE_M // 60, SIZE_M // 60)
GRID = placed(SHAPE, 60)
BANDS = ("B01", "B02", "B04", "B08", "B10")
Clouds = Sequence[tuple[str, Sequence[tuple[float, float]]]]


def flags() -> np.ndarray:
    """Opaque, cirrus and snow at 60 m, each a few columns; the first two overlap."""
    found = np.zeros((3, *SHAPE), dtype=np.uint8)
    found[0, :, 2:6] = 1
    found[1, :, 4:9] = 1
    found[2, :, 12:14] = 1
    return found


def classes_of(flagged: np.ndarray) -> np.ndarray:
    return np.select([flagged[0] != 0, flagged[1] != 0, flagged[2] != 0], [9, 10, 11], 5)


def box(west: float, south: float, east: float, north: float) -> list[tuple[float, float]]:
    """A closed ring, in metres from the product's corner eastwards and southwards."""
    x, y = ORIGIN_XY
    return [(x + a, y - b) for a, b in ((west, north), (west, south), (east, south), (east, north), (west, north))]


POLYGONS: Clouds = (
    ("OPAQUE", box(120, SIZE_M, 360, 0)),
    ("CIRRUS", box(240, SIZE_M, 540, 0)),
    ("CIRRUS", box(900, 300, 960, 0)),
)


def granule_of(safe: Path) -> Path:
    (found,) = (safe / "GRANULE").iterdir()
    return found


def product(folder: Path, clouds: Callable[[Path], Any] | None, level: str = "L1C", **how: Any) -> Path:
    """A product with whatever `clouds` writes into its folder of masks."""
    how = {"size_m": SIZE_M, "bands": BANDS, "all_sizes": False, "with_extras": False} | how
    safe = write_safe(folder, level=level, **how)
    if clouds is not None:
        quality = granule_of(safe) / "QI_DATA"
        quality.mkdir(exist_ok=True)
        clouds(quality)
    return safe


def write_pixels(quality: Path, values: np.ndarray | None = None, **how: Any) -> Path:
    return write_band(quality / "MSK_CLASSI_B00.jp2", flags() if values is None else values, GRID, **how)


def write_polygons(quality: Path, clouds: Clouds = POLYGONS, **how: Any) -> Path:
    path = quality / "MSK_CLOUDS_B00.gml"
    path.write_text(cloud_gml(clouds, size_m=SIZE_M, **how))
    return path


def hidden(scene: Scene, **choices: Any) -> np.ndarray:
    """Which pixels of the scene's grid the default recipe, or one with other choices, leaves out."""
    recipe = replace(default_recipe(scene).plain(), k=2, params=(("n_init", 1),), **choices)
    found = pipeline.run_live(pipeline.fitted_to(scene, recipe)).classmap.labels
    assert found is not None
    return np.asarray(found == 0)


def test_bits_of_an_eopf_product_hide_what_the_pixels_of_a_safe_hide(tmp_path: Path) -> None:
    safe = taken_in(product(tmp_path, write_pixels), tmp_path / "safe")
    bits = sum(flag.astype(int) << place for place, flag in enumerate(flags()))
    ours = taken_in(write_eopf(tmp_path, level="L1C", bands=BANDS, cloud_bits=bits), tmp_path / "zarr")
    assert [(mask.kind, mask.quality) for mask in ours.masks] == [(SCL, CLASSI)]
    assert np.array_equal(read_preview_stack(ours)[-1], read_preview_stack(safe)[-1])
    assert np.array_equal(read_preview_stack(ours)[-1], fine(classes_of(flags())))
    assert np.array_equal(hidden(ours), hidden(safe))
    assert ours.notes == safe.notes


def test_probabilities_of_an_eopf_product_stand_in_for_a_classification_that_is_missing(tmp_path: Path) -> None:
    cloud, snow = np.zeros((60, 60)), np.zeros((60, 60))
    cloud[:, 10:20], cloud[:, 20:30], snow[:, 28:40] = 40, 80, 90
    how = {"bands": ("B02", "B08"), "percent": {"cld": cloud, "snw": snow}}
    scene = taken_in(write_eopf(tmp_path, with_scl=False, **how), tmp_path / "without")
    classes = np.full((60, 60), 5)
    classes[:, 28:40], classes[:, 10:20], classes[:, 20:30] = 11, 8, 9
    assert np.array_equal(read_preview_stack(scene)[-1], np.kron(classes, np.ones((2, 2), int)))
    assert any("has no scene classification: clouds are what it holds for likely" in note for note in scene.notes)
    assert np.array_equal(hidden(scene), np.kron((classes == 8) | (classes == 9), np.ones((2, 2), bool)))
    with_scl = taken_in(write_eopf(tmp_path / "with", **how), tmp_path / "with")
    assert [mask.quality for mask in with_scl.masks] == [None]


def fine(classes: np.ndarray) -> np.ndarray:
    return np.kron(classes, np.ones((6, 6), int))


def shares(scene: Scene) -> dict[str, float]:
    everything = Masking(nodata=False, scl=tuple(range(12)))
    return dict(masked_shares(scene, range(len(scene.bands)), read_preview_stack(scene), everything))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product without a mask."""
    return product(tmp_path_factory.mktemp("bare"), None, bands=("B02", "B10"))


class TestFound:
    """By names: in a product, among loose files, old names and new."""

    BAND = "x.SAFE/GRANULE/L1C_T32TQM_A1_20210601T101029/IMG_DATA/T32TQM_20210601T101031_B02.jp2"

    @pytest.mark.parametrize(
        ("beside", "kind"),
        [
            ("x.SAFE/GRANULE/L1C_T32TQM_A1_20210601T101029/QI_DATA/MSK_CLASSI_B00.jp2", CLASSI),
            ("x.SAFE/GRANULE/L1C_T32TQM_A1_20210601T101029/QI_DATA/MSK_CLOUDS_B00.gml", CLOUDS),
            (
                "x.SAFE/GRANULE/L1C_T32TQM_A1_20210601T101029/QI_DATA/"
                "S2A_OPER_MSK_CLOUDS_EPA__20160728T211030_A005640_T32TQM_B00_MSIL1C.gml",
                CLOUDS,
            ),
            ("x.SAFE/GRANULE/L1C_T32TQN_A1_20210601T101029/QI_DATA/MSK_CLASSI_B00.jp2", None),
            ("x.SAFE/GRANULE/L1C_T32TQM_A1_20210601T101029/QI_DATA/MSK_CLOUDS_B01.gml", None),
            ("x.SAFE/GRANULE/L1C_T32TQM_A1_20210601T101029/QI_DATA/MSK_DETFOO_B00.jp2", None),
            ("__MACOSX/x.SAFE/GRANULE/L1C_T32TQM_A1_20210601T101029/QI_DATA/MSK_CLASSI_B00.jp2", None),
        ],
    )
    def test_in_a_product(self, beside: str, kind: str | None) -> None:
        found = choose_files([self.BAND, beside]).clouds
        assert [(one.name, one.kind, one.date) for one in found] == ([(beside, kind, "2021-06-01")] if kind else [])

    def test_among_loose_files(self) -> None:
        (one,) = choose_files(["B02.jp2", "B03.jp2", "MSK_CLOUDS_B00.gml", "MSK_CLASSI_B00.jp2"]).clouds
        assert (one.name, one.date) == ("MSK_CLASSI_B00.jp2", None), "pixels go before polygons"
        assert choose_files(["MSK_CLASSI_B00.jp2"]).clouds == ()

    def test_of_several_dates_nobody_knows_which(self) -> None:
        names = ["T32TQM_20210601T101031_B02.jp2", "T32TQM_20210701T101031_B02.jp2", "MSK_CLASSI_B00.jp2"]
        assert choose_files(names).clouds == ()

    def test_each_date_has_its_own(self) -> None:
        other = self.BAND.replace("20210601", "20210701")
        masks = [one.rpartition("/IMG_DATA")[0] + "/QI_DATA/MSK_CLASSI_B00.jp2" for one in (self.BAND, other)]
        found = choose_files([self.BAND, other, *masks]).clouds
        assert {(one.name, one.date) for one in found} == set(zip(masks, ("2021-06-01", "2021-07-01"), strict=True))

    def test_a_scene_classification_says_more(self) -> None:
        names = ["L2A_T32TQM_20210601T101031_B02_10m.jp2", "L2A_T32TQM_20210601T101031_SCL_20m.jp2"]
        assert choose_files([*names, "MSK_CLASSI_B00.jp2"]).clouds == ()


class TestPixels:
    @pytest.fixture(params=["folder", "loose"])
    def scene(self, request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
        safe = product(tmp_path, write_pixels)
        if request.param == "folder":
            return taken_in(safe, tmp_path)
        return taken_in(sorted(safe.rglob("*.jp2")), tmp_path)

    def test_what_it_hides(self, scene: Scene) -> None:
        (mask,) = scene.masks
        assert (mask.kind, mask.quality) == (SCL, CLASSI)
        assert scene.mask_classes == {9: "opaque cloud", 10: "cirrus", 11: "snow or ice"}
        assert default_recipe(scene).mask_scl == (9, 10)
        classes = fine(classes_of(flags()))
        assert np.array_equal(hidden(scene), np.isin(classes, (9, 10)))
        assert np.array_equal(hidden(scene, mask_scl=(11,)), classes == 11)
        assert not hidden(scene, mask_scl=()).any()
        assert shares(scene) == {
            "opaque cloud": pytest.approx(4 / 20),
            "cirrus": pytest.approx(3 / 20),
            "snow or ice": pytest.approx(2 / 20),
        }
        assert not any("cloud" in note.lower() or "MSK" in note for note in scene.notes)

    def test_labels_are_those_of_the_same_picture_without_where_nothing_is_hidden(self, tmp_path: Path) -> None:
        """A recipe from before there were masks names no class, and gives the labels it gave."""
        kept = {}
        for name, clouds in (("with", write_pixels), ("without", None)):
            scene = taken_in(product(tmp_path / name, clouds), tmp_path / name)
            recipe = replace(default_recipe(scene), mask_scl=())
            kept[name] = pipeline.run_live(pipeline.fitted_to(scene, recipe)).classmap.labels
        assert np.array_equal(kept["with"], kept["without"])

    def test_where_bands_have_no_coordinates_of_their_own(self, tmp_path: Path) -> None:
        def bare(quality: Path) -> Path:
            return write_pixels(quality, with_crs=False, with_transform=False)

        scene = taken_in(product(tmp_path, bare, with_crs=False), tmp_path)
        assert np.array_equal(hidden(scene), np.isin(fine(classes_of(flags())), (9, 10)))

    def test_a_cut_of_the_bands_takes_its_part_of_the_mask(self, tmp_path: Path) -> None:
        (path,) = product(tmp_path, None, bands=("B02",)).rglob("*_B02.jp2")
        with rasterio.open(path) as dataset:
            values = dataset.read(1)[25:100, 13:96]
        cut = write_band(tmp_path / "B02.jp2", values, placed(values.shape, 10, (130, 250)))
        scene = taken_in([cut, write_pixels(tmp_path)], tmp_path)
        assert scene.grid.shape_rc == values.shape
        assert scene.notes == taken_in([cut], tmp_path / "alone").notes
        assert np.array_equal(hidden(scene), np.isin(fine(classes_of(flags()))[25:100, 13:96], (9, 10)))


class TestPolygons:
    @pytest.mark.parametrize("dimension", [2, 3])
    def test_what_they_hide(self, tmp_path: Path, dimension: int) -> None:
        safe = product(tmp_path, lambda to: write_polygons(to, dimension=dimension), naming="old", baseline="02.04")
        scene = taken_in(safe, tmp_path)
        (mask,) = scene.masks
        assert (mask.quality, scene.mask_classes) == (CLOUDS, {9: "opaque cloud", 10: "cirrus"})
        expected = np.full(SHAPE, 5)
        expected[:, 4:9] = 10
        expected[:5, 15] = 10
        expected[:, 2:6] = 9
        assert np.array_equal(hidden(scene, mask_scl=(9,)), fine(expected) == 9)
        assert np.array_equal(hidden(scene), np.isin(fine(expected), (9, 10)))

    def test_without_clouds(self, tmp_path: Path) -> None:
        scene = taken_in(product(tmp_path, lambda to: write_polygons(to, ())), tmp_path)
        assert scene.has_scl
        assert shares(scene) == {"opaque cloud": 0, "cirrus": 0}
        assert not hidden(scene).any()

    def test_an_empty_mask_may_say_no_place(self, tmp_path: Path) -> None:
        path = tmp_path / "a.gml"
        path.write_text('<eop:Mask xmlns:eop="http://www.opengis.net/eop/2.0"><eop:maskMembers/></eop:Mask>')
        assert (burnt(read_polygons(path, "a"), GRID, "a") == 5).all()

    def test_clouds_beyond_the_scene_hide_nothing(self, tmp_path: Path) -> None:
        path = write_polygons(tmp_path, [("OPAQUE", box(9_000, 9_000, 9_600, 8_400))])
        assert (burnt(read_polygons(path, "a"), GRID, "a") == 5).all()

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["OPAQUE", "CIRRUS", "SHADOW"]),
                *(st.integers(-3, 22) for _ in range(4)),
            ),
            max_size=6,
        )
    )
    def test_boxes_on_the_lattice_are_exact(
        self, tmp_path_factory: pytest.TempPathFactory, boxes: list[tuple[str, int, int, int, int]]
    ) -> None:
        """Each pixel is opaque where any opaque polygon holds its centre, else cirrus where any of cirrus does."""
        solid = [(kind, *sorted((a, b)), *sorted((c, d))) for kind, a, b, c, d in boxes if a != b and c != d]
        rings = [(kind, box(60 * a, 60 * d, 60 * b, 60 * c)) for kind, a, b, c, d in solid]
        path = write_polygons(tmp_path_factory.mktemp("gml"), rings)
        expected = np.full(SHAPE, 5)
        rows, cols = np.indices(SHAPE)
        for code, wanted in ((10, "CIRRUS"), (9, "OPAQUE")):
            for kind, west, east, top, bottom in solid:
                if kind == wanted:
                    expected[(rows >= top) & (rows < bottom) & (cols >= west) & (cols < east)] = code
        assert np.array_equal(burnt(read_polygons(path, "a"), GRID, "a"), expected)

    def test_holes_are_clear(self, tmp_path: Path) -> None:
        path = write_polygons(tmp_path, [("OPAQUE", box(120, 600, 600, 120))])
        hole = " ".join(f"{x:.0f} {y:.0f}" for x, y in box(240, 480, 480, 240))
        inner = f"<gml:interior><gml:LinearRing><gml:posList>{hole}</gml:posList></gml:LinearRing></gml:interior>"
        path.write_text(path.read_text().replace("</gml:Polygon>", f"{inner}</gml:Polygon>"))
        found = burnt(read_polygons(path, "a"), GRID, "a")
        expected = np.full(SHAPE, 5)
        expected[2:10, 2:10] = 9
        expected[4:8, 4:8] = 5
        assert np.array_equal(found, expected)


def cut_in_half(quality: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 2, (3, 600, 600), dtype=np.uint8)
    path = write_band(quality / "MSK_CLASSI_B00.jp2", noise, placed((600, 600), 2))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def text(content: str) -> Callable[[Path], Any]:
    return lambda quality: (quality / "MSK_CLOUDS_B00.gml").write_text(content)


BOMB = '<!DOCTYPE m [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><eop:Mask xmlns:eop="e">&b;</eop:Mask>'
FAR = placed(SHAPE, 60, (90_000, 90_000))
OTHER_ZONE = Grid(SHAPE, GRID.transform, "EPSG:32633")
MANY_TAGS = '<eop:Mask xmlns:eop="e">' + "<a/>" * (ARCHIVE_LIMITS.most_metadata_tags + 1) + "</eop:Mask>"


class TestWhatCannotBeUsed:
    """The picture loads without the mask, and a sentence says so."""

    @pytest.mark.parametrize(
        ("clouds", "why"),
        [
            (cut_in_half, "MSK_CLASSI_B00.jp2 is damaged"),
            (lambda to: (to / "MSK_CLASSI_B00.jp2").write_bytes(b""), "MSK_CLASSI_B00.jp2 is empty"),
            (lambda to: (to / "MSK_CLASSI_B00.jp2").write_bytes(b"\x89PNG" * 99), "is a PNG picture"),
            (lambda to: write_pixels(to, flags()[:1]), "has 1 bands in place of three"),
            (lambda to: write_band(to / "MSK_CLASSI_B00.jp2", flags(), OTHER_ZONE), "EPSG:32633 but the bands in"),
            (lambda to: write_band(to / "MSK_CLASSI_B00.jp2", flags(), FAR), "shows another place"),
            (lambda to: write_polygons(to, epsg=32633), "is in EPSG:32633 but the bands in EPSG:32632"),
            (lambda to: write_polygons(to, epsg=4326), "is in degrees"),
            (lambda to: write_polygons(to, epsg=99_999), "names EPSG:99999, which is not known"),
            (lambda to: write_polygons(to, origin_xy=(100_000, 100_000)), "speaks of another place"),
            (text(""), "is not well-formed XML"),
            (text("<mask/>"), "is not the cloud mask of a Sentinel-2 product"),
            (text(BOMB), "holds a DOCTYPE"),
            (text(MANY_TAGS), "far more complex than real metadata"),
            (text(cloud_gml([("OPAQUE", box(0, 60, 60, 0)[:2])])), "ring has 2 points"),
            (text(cloud_gml(POLYGONS).replace(' srsDimension="2"', ' srsDimension="9"')), "do not come in pairs"),
            (text(cloud_gml(POLYGONS).replace("EPSG:8.7:32632", "local")), "a coordinate system that we do not read"),
            (text(cloud_gml([("OPAQUE", [(np.nan, 1.0)] * 5)])), "not finite"),
        ],
    )
    def test_is_said(self, tmp_path: Path, bare: Path, clouds: Callable[[Path], Any], why: str) -> None:
        safe = shutil.copytree(bare, tmp_path / bare.name)
        quality = granule_of(safe) / "QI_DATA"
        quality.mkdir()
        clouds(quality)
        gathered = gather([GivenFile(safe.name, safe)], tmp_path, "", None, lambda share: None)
        assert len(gathered.clouds) == 1
        found = with_cloud_masks(gathered, tmp_path)
        assert found.files == gathered.files
        (note,) = set(found.provenance.notes) - set(gathered.provenance.notes)
        assert note.startswith("The product's cloud mask is not used. ")
        assert why in note

    @pytest.mark.parametrize("clouds", [cut_in_half, text(BOMB)])
    def test_the_picture_is_there(self, tmp_path: Path, clouds: Callable[[Path], Any]) -> None:
        scene = taken_in(product(tmp_path, clouds, bands=("B02", "B10")), tmp_path)
        assert not scene.has_scl
        assert scene.band_names == ("B02", "B10")
        assert any("The product's cloud mask is not used. MSK_CL" in note for note in scene.notes)
        assert not hidden(scene).any()

    @pytest.mark.parametrize(
        ("limit", "why"),
        [
            ({"most_vertices": 14}, "holds more than 14 points"),
            ({"most_polygons": 1}, "holds more than 1 polygons"),
            ({"most_bytes": 500}, "bytes, and 500 are allowed"),
            ({"most_edge_rows": 30}, "holds too many long edges"),
        ],
    )
    def test_polygons_that_cost_too_much(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: dict[str, int], why: str
    ) -> None:
        fewer = replace(AREA_LIMITS, **limit)
        monkeypatch.setattr(cloud_polygons, "AREA_LIMITS", fewer)
        path = write_polygons(tmp_path, [*POLYGONS, *POLYGONS])
        with pytest.raises(UnreadableFile, match=why):
            burnt(read_polygons(path, "a.gml"), GRID, "a.gml")

    def test_polygons_that_cross_themselves_cost_no_more(self, tmp_path: Path) -> None:
        """Nothing is repaired: burning counts windings, of any ring."""
        rng = np.random.default_rng(0)
        knot = [(ORIGIN_XY[0] + x, ORIGIN_XY[1] - y) for x, y in rng.uniform(60, SIZE_M - 60, (20_000, 2))]
        path = write_polygons(tmp_path, [("OPAQUE", [*knot, knot[0]])])
        began = time.process_time()
        found = burnt(read_polygons(path, "a.gml"), GRID, "a.gml")
        assert time.process_time() - began < 5
        assert (found[[0, -1]] == 5).all()
        assert (found[8:12, 8:12] == 9).mean() > 0.9

    def test_a_bow_tie_is_cloud_on_both_sides(self, tmp_path: Path) -> None:
        x, y = ORIGIN_XY
        tie = [(x, y), (x + 1200, y - 1200), (x + 1200, y), (x, y - 1200), (x, y)]
        found = burnt(read_polygons(write_polygons(tmp_path, [("OPAQUE", tie)]), "a"), GRID, "a")
        assert (found[1:-1, [0, -1]] == 9).all()
        assert (found[[0, -1], 5:15] == 5).all()

    def test_half_of_the_scene(self, tmp_path: Path) -> None:
        half = Grid(SHAPE, GRID.transform @ Affine.translation(10, 0), GRID.crs_wkt)
        safe = product(tmp_path, lambda to: write_band(to / "MSK_CLASSI_B00.jp2", flags() * 0, half))
        scene = taken_in(safe, tmp_path)
        assert scene.grid.shape_rc == (120, 120), "the picture is not cut to its mask"
        (note,) = [note for note in scene.notes if "MSK_CLASSI" in note]
        assert note == "MSK_CLASSI_B00.jp2 says nothing of 50.0% of the scene; clouds there are not left out."


def told(path: Path, folder: Path) -> str:
    """What the text in the zip of `Hand over` says."""
    scene = taken_in(path, folder)
    fitted = pipeline.fitted_to(scene, replace(default_recipe(scene).plain(), k=2, params=(("n_init", 1),)))
    return readme(Handover(pipeline.run_live(fitted), Legend(())), "map.tif")


@pytest.mark.parametrize(("clouds", "kind"), [(write_pixels, CLASSI), (write_polygons, CLOUDS)])
def test_names_of_classes_are_told_by_it(tmp_path: Path, clouds: Callable[[Path], Path], kind: str) -> None:
    scene = taken_in(product(tmp_path, clouds), tmp_path)
    found = classification_of(scene)
    assert found is not None
    assert found[1].quality == kind
    names, source = names_of(found[1])
    assert source == "the product's cloud mask"
    assert {names[code].name for code in scene.mask_classes} <= {"Cloud", "Thin cloud", "Snow or ice"}


def test_each_scene_of_a_batch_has_its_own(tmp_path: Path) -> None:
    masks = {"first": flags(), "second": np.roll(flags(), 5, axis=2)}
    zips = [
        zip_folder(
            product(tmp_path / name, lambda quality, mask=mask: write_pixels(quality, mask)), tmp_path / f"{name}.zip"
        )
        for name, mask in masks.items()
    ]
    assert cli.main(["batch", *map(str, zips), "-o", str(tmp_path / "out"), "--k", "3", "--mosaic", "none"]) == 0
    classes = set()
    for name, mask in masks.items():
        with rasterio.open(tmp_path / "out" / f"{name}-classes.tif") as dataset:
            labels = dataset.read(1)
        assert np.array_equal(labels == 0, np.isin(fine(classes_of(mask)), (9, 10)))
        classes |= set(np.unique(labels))
    assert classes == {0, 1, 2, 3}


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    zipped = zip_folder(product(tmp_path, write_pixels), tmp_path / "p.zip")
    out = tmp_path / "out.tif"

    def masked(*words: str) -> dict[str, float]:
        assert cli.main(["classify", str(zipped), "-o", str(out), "--k", "2", *words]) == 0
        found: dict[str, float] = json.loads(capsys.readouterr().out)["masked"]
        return {cause: share for cause, share in found.items() if cause not in ("no data", "saturated", "together")}

    assert masked() == {"opaque cloud": 0.2, "cirrus": 0.15}
    with rasterio.open(out) as dataset:
        assert np.array_equal(dataset.read(1) == 0, np.isin(fine(classes_of(flags())), (9, 10)))
    assert "Left out as no data, by MSK_CLASSI: opaque cloud; cirrus." in told(zipped, tmp_path)
    assert masked("--mask-scl", "9,11") == {"opaque cloud": 0.2, "snow or ice": 0.1}
