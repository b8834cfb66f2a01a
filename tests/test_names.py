"""What bands are called and which of them are used: helper layers, words of other programs, names that only count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from field_scenes import SHAPE_RC, covers, numbers
from scenes import write_raster

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.core import sentinel2
from s2dash.core.helper_layers import OTHER, SCENE_CLASSES, VALID, helper_kind, helper_kind_of_file
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import FILE_MASK, SCL, Scene
from s2dash.ingest.describe import named_bands
from s2dash.ingest.product.choose import only_counted
from s2dash.ingest.titles import title_of_names

pytestmark = pytest.mark.usefixtures("door_is_here")

FOUR = ("B02", "B03", "B04", "B08")


def _opened(folder: Path, *paths: Path) -> Scene:
    return ingest.ingest(list(paths), folder / "taken")


def _cloudy() -> np.ndarray:
    classes = np.where(covers() == 1, 6, 4)
    classes[20:40, 20:50] = 9
    return classes


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *((text, SCENE_CLASSES) for text in ("SCL", "0_SCL", "SCL_20m", "scene_classification")),
        *((text, VALID) for text in ("dataMask", "data_mask")),
        *((text, OTHER) for text in ("QA10", "QA60", "MSK_CLDPRB", "CLD", "SNW", "CLP", "CLM", "AOT", "WVP", "TCI_R")),
        *((text, OTHER) for text in ("Fmask", "SZA", "sunZenithAngles", "viewAzimuthMean", "view_zenith_mean_B1")),
        *((text, OTHER) for text in ("udm", "udm2", "QA_PIXEL", "QA_RADSAT", "pixel_qa", "SR_QA_AEROSOL", "ST_QA")),
        *((text, OTHER) for text in ("oa_fmask", "oa_s2cloudless_prob", "oa_nbart_contiguity", "true_color", "visual")),
        *((text, None) for text in ("B02", "red", "NDVI", "slope", "water", "coastal_aerosol", "snow", "", "band 1")),
    ],
)
def test_helper_layers_are_told_by_name(text: str, kind: str | None) -> None:
    assert helper_kind(text) == kind


@pytest.mark.parametrize(
    ("stem", "is_helper"),
    [
        ("LC08_L2SP_190028_20200715_20200912_02_T1_QA_PIXEL", True),
        ("HLS.S30.T33TWM.2021133T173901.v2.0.Fmask", True),
        ("2023-06-05_Sentinel-2_L2A_True_color", True),
        ("20230601_100000_3B_udm2", True),
        ("20230601_LEVEL2_SEN2A_QAI", True),
        ("SENTINEL2A_20230601-100601-000_L2A_T33TWM_C_V3-1_EDG_R1", True),
        ("S2B_33TWM_20230815_0_L2A_snow", True),
        ("snow", False),
        ("NDVI", False),
        ("T33TWM_20230605_B02", False),
    ],
)
def test_helper_files_are_told_by_the_last_words_of_their_names(stem: str, is_helper: bool) -> None:
    assert (helper_kind_of_file(stem) is not None) == is_helper


def test_helper_layers_of_a_stack_are_used_only_where_they_are_chosen(tmp_path: Path) -> None:
    helpers = np.stack([np.full(SHAPE_RC, 120), np.arange(np.prod(SHAPE_RC)).reshape(SHAPE_RC) % 256])
    stored = np.concatenate([numbers(FOUR), _cloudy()[None], helpers]).astype("uint16")
    path = write_raster(tmp_path / "S2_SR.tif", stored, descriptions=("B2", "B3", "B4", "B8", "SCL", "AOT", "TCI_R"))
    scene = _opened(tmp_path, path)
    assert scene.band_names == (*FOUR, "AOT", "TCI_R")
    assert default_recipe(scene).bands == FOUR
    assert any("AOT, TCI_R" in note for note in scene.notes)
    assert scene.positions(["B02", "AOT"]) == (0, 4)
    loose = [write_raster(tmp_path / f"x_{b}.tif", stored[i : i + 1]) for i, b in enumerate(FOUR)]
    loose.append(write_raster(tmp_path / "x_SCL.tif", stored[4:5].astype("uint8")))
    labels = []
    for number, one in enumerate((scene, ingest.ingest(loose, tmp_path / "apart"))):
        path = tmp_path / f"labels_{number}.tif"
        result, _ = pipeline.run(one, default_recipe(one).plain(), path)
        labels.append(result.classmap.labels)
    assert labels[0] is not None
    np.testing.assert_array_equal(labels[0], labels[1])
    assert (labels[0][20:40, 20:50] == 0).all()


def test_a_tiled_stack_with_helper_layers_reads_the_same_where_it_lies(tmp_path: Path) -> None:
    stored = np.concatenate([_cloudy()[None], numbers(FOUR)]).astype("uint16")
    how = {"descriptions": ("SCL", *FOUR), "blockxsize": 64, "blockysize": 64}
    scene = ingest.open_in_place(write_raster(tmp_path / "tiled.tif", stored, **how))
    assert scene is not None
    assert scene.band_names == FOUR
    assert [(mask.kind, mask.layer.index) for mask in scene.masks] == [(SCL, 1)]
    assert [layer.index for layer in scene.layers] == [2, 3, 4, 5]


def test_a_data_mask_in_a_stack_is_a_mask(tmp_path: Path) -> None:
    valid = np.ones((1, *SHAPE_RC))
    valid[:, :10] = 0
    stored = np.concatenate([numbers(FOUR), valid]).astype("uint16")
    scene = _opened(tmp_path, write_raster(tmp_path / "r.tif", stored, descriptions=(*FOUR, "dataMask")))
    assert scene.band_names == FOUR
    assert [mask.kind for mask in scene.masks] == [FILE_MASK]


@pytest.mark.parametrize(
    ("text", "band"),
    [
        *(("red", "B04"), ("nir", "B08"), ("nir08", "B8A"), ("nir09", "B09"), ("rededge1", "B05"), ("rededge3", "B07")),
        *(
            ("swir16", "B11"),
            ("swir22", "B12"),
            ("coastal", "B01"),
            ("nbart_red_edge_1", "B05"),
            ("nbart_nir_2", "B8A"),
        ),
        *(("nbart_swir_2", "B11"), ("nbart_swir_3", "B12"), ("BROADNIR", "B08"), ("SWIR2", "B12"), ("FRE_B2", "B02")),
        *(("B2 (490 nm)", "B02"), ("blue 2023-06-01", "B02"), ("NDVI", None), ("slope", None), ("redness", None)),
    ],
)
def test_words_of_other_programs_name_bands(text: str, band: str | None) -> None:
    assert sentinel2.standard_band_name(text) == band


@pytest.mark.parametrize(
    ("stem", "band"),
    [
        ("S2A_33TWM_20230815_0_L2A_red", "B04"),
        ("S2A_33TWM_20230815_0_L2A_nir08", "B8A"),
        ("ga_s2am_ard_3-2-1_56JKT_2023-01-01_final_nbart_red_edge_2", "B06"),
        ("NDVI_2023-06-01", None),
        ("DEM", None),
    ],
)
def test_the_last_words_of_a_file_name_name_its_band(stem: str, band: str | None) -> None:
    assert sentinel2.band_in_file_name(stem) == band


def test_dates_tell_named_bands_apart_after_naming() -> None:
    bands = named_bands(["blue 2023-06-01", "nir 2023-06-01", "blue 2023-06-11", "nir 2023-06-11"])
    assert [band.name for band in bands] == ["B02_2023-06-01", "B08_2023-06-01", "B02_2023-06-11", "B08_2023-06-11"]


def test_files_that_are_only_counted_name_no_bands() -> None:
    assert only_counted(["band2.tif", "band1.tif", "band3.tif"]) == ("band1.tif", "band2.tif", "band3.tif")
    assert only_counted(["band2.tif", "band3.tif", "band4.tif"]) == ()
    assert only_counted(["B01.tif", "B02.tif"]) == ()


def test_descriptions_that_only_count_are_unnamed_bands(tmp_path: Path) -> None:
    names = [f"Band {n}" for n in range(1, 5)]
    path = write_raster(tmp_path / "c.tif", numbers(FOUR).astype("uint16"), descriptions=names)
    scene = _opened(tmp_path, path)
    assert scene.band_names == FOUR
    assert scene.names_are_guessed


def test_a_fourth_band_that_is_tagged_alpha_and_varies_is_a_band(tmp_path: Path) -> None:
    stored = np.clip(numbers(("B04", "B03", "B02", "B08")) / 40, 1, 254).astype("uint8")
    scene = _opened(tmp_path, write_raster(tmp_path / "rgbn.tif", stored[:3], alpha=stored[3]))
    assert len(scene.bands) == 4
    assert not scene.masks


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (("es.tif",), "es"),
        (("B02_10m.tif", "B03_10m.tif"), "Your scene"),
        (("AOT.tif", "B01.tif"), "Your scene"),
        (("S2_B02.tif", "S2_B03.tif"), "S2"),
        (("rome_2023-06-01.tif", "rome_2023-06-11.tif"), "rome"),
        (("rome_20230601.tif", "rome_20230611.tif"), "rome"),
        (("2023-06-01_NDVI.tif", "2023-07-01_NDVI.tif"), "Your scene"),
        (("rome_B02.tif", "rome_B03.tif", "metadata.json", "rome.prj"), "rome"),
        (("LC08.tar.gz",), "LC08"),
    ],
)
def test_a_title_is_what_names_share_and_never_a_list(names: tuple[str, ...], title: str) -> None:
    assert title_of_names(names) == title


def test_files_that_are_only_counted_are_all_used(tmp_path: Path) -> None:
    stored = numbers(FOUR).astype("uint16")
    paths = [write_raster(tmp_path / f"band{n}.tif", stored[n - 1 : n]) for n in range(1, 5)]
    scene = _opened(tmp_path, *paths)
    assert scene.band_names == FOUR
    assert any("only count" in note for note in scene.notes)


@pytest.mark.parametrize(
    "names",
    [
        ("lyr.1", "lyr.2", "lyr.3", "lyr.4"),
        ("X1", "X2", "X3", "X4"),
        ("c_1", "c_2", "c_3", "c_4"),
        ("Band 0", "Band 1", "Band 2", "Band 3"),
        ("1", "2", "3", "4"),
        ("Band 1",) * 4,
    ],
)
def test_names_that_programs_count_by_are_none(tmp_path: Path, names: tuple[str, ...]) -> None:
    path = write_raster(tmp_path / "c.tif", numbers(FOUR).astype("uint16"), descriptions=names)
    scene = _opened(tmp_path, path)
    assert scene.band_names == FOUR
    assert scene.names_are_guessed


def test_twelve_bands_counted_by_letter_are_none_of_the_mission(tmp_path: Path) -> None:
    twelve = tuple(name for name in sentinel2.BANDS if name != "B10")
    stored = numbers(twelve).astype("uint16")
    path = write_raster(tmp_path / "c.tif", stored, descriptions=[f"B{n}" for n in range(1, 13)])
    assert _opened(tmp_path, path).band_names == twelve


@pytest.mark.parametrize(
    "names",
    [
        ("490 nm", "560 nm", "665 nm", "842 nm"),
        ("(0.4924 Micrometers)", "(0.5598 Micrometers)", "(0.6646 Micrometers)", "(0.8328 Micrometers)"),
        ("Band 1: 490 nm", "Band 2: 560 nm", "Band 3: 665 nm", "Band 4: 833 nm"),
        ("Band 1: B02", "Band 1: B03", "Band 1: B04", "Band 1: B08"),
        ("Band 1 (Blue)", "Band 2 (Green)", "Band 3 (Red)", "Band 4 (NIR)"),
        tuple(f"S2A_33TWM_20230815_0_L2A_{word}" for word in ("blue", "green", "red", "nir")),
        tuple(f"/data/GRANULE/L2A_T33TWM_A041099/IMG_DATA/R10m/T33TWM_20230601T100601_{b}_10m.jp2" for b in FOUR),
        ("blue_median", "green_median", "red_median", "nir_median"),
        ("Blau", "Grün", "Rot", "NIR"),
    ],
)
def test_names_of_bands_are_found_in_what_programs_write(tmp_path: Path, names: tuple[str, ...]) -> None:
    path = write_raster(tmp_path / "c.tif", numbers(FOUR).astype("uint16"), descriptions=names)
    scene = _opened(tmp_path, path)
    assert scene.band_names == FOUR
    assert not scene.names_are_guessed


def test_names_in_tags_count_where_there_are_no_descriptions(tmp_path: Path) -> None:
    backwards = FOUR[::-1]
    stored = numbers(backwards).astype("uint16")
    listed = write_raster(tmp_path / "list.tif", stored, tags={"long_name": "('B08', 'B04', 'B03', 'B02')"})
    tagged = write_raster(tmp_path / "tags.tif", stored)
    with rasterio.open(tagged, "r+") as dataset:
        for number, band in enumerate(backwards, 1):
            dataset.update_tags(number, name=band)
    assert _opened(tmp_path, listed).band_names == backwards
    assert ingest.ingest(tagged, tmp_path / "again").band_names == backwards


def test_wavelengths_of_many_narrow_bands_are_another_sensors(tmp_path: Path) -> None:
    names = [f"{nm} nm" for nm in (480, 490, 500, 560)]
    scene = _opened(tmp_path, write_raster(tmp_path / "c.tif", numbers(FOUR).astype("uint16"), descriptions=names))
    assert scene.band_names == tuple(names)


def test_the_narrow_infrared_of_force_is_told_from_the_broad_one(tmp_path: Path) -> None:
    stored = numbers(("B04", "B08", "B8A")).astype("uint16")
    scene = _opened(tmp_path, write_raster(tmp_path / "c.tif", stored, descriptions=("RED", "BROADNIR", "NIR")))
    assert scene.band_names == ("B04", "B08", "B8A")


def test_spread_is_no_brightness() -> None:
    assert sentinel2.standard_band_name("B4_stdDev") is None
    assert sentinel2.standard_band_name("B4_median") == "B04"


@pytest.mark.parametrize("wavelength_nm", [490, 492.4, 560, 664.6, 704, 833, 842, 865, 1610, 2202])
def test_bands_lie_where_metadata_and_measured_responses_put_them(wavelength_nm: float) -> None:
    name = sentinel2.band_at(wavelength_nm)
    assert name is not None
    assert abs(sentinel2.BANDS[name].wavelength_nm - wavelength_nm) < 15


@pytest.mark.parametrize("wavelength_nm", [482, 531, 610, 655, 850, 2100])
def test_bands_of_other_sensors_are_not_where_sentinel_2_has_its_own(wavelength_nm: float) -> None:
    assert sentinel2.band_at(wavelength_nm) is None
