"""Pictures of other missions than Sentinel-2: their bands, numbers, quality bits, titles and sources."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from field_scenes import SHAPE_RC, covers, numbers, reflectance
from loose import taken_in
from scenes import UTM, UTM_10M, write_raster, write_scene

from s2dash import ingest
from s2dash.classify.indices import available_indices
from s2dash.cli.main import main
from s2dash.core import missions
from s2dash.core.missions import MISSIONS, classes_of_bits, said_by_name
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import SCL, Scene
from s2dash.errors import UnreadableFile

pytestmark = pytest.mark.usefixtures("door_is_here")

THIRTY_M = UTM_10M @ UTM_10M.scale(3)
OLI_LIKE = {1: "B01", 2: "B02", 3: "B03", 4: "B04", 5: "B08", 6: "B11", 7: "B12"}
TM_LIKE = {1: "B02", 2: "B03", 3: "B04", 4: "B08", 5: "B11", 7: "B12"}
C2 = (2.75e-5, -0.2)
LANDSAT_8 = "LC08_L2SP_190028_20200715_20200912_02_T1"
LANDSAT_5 = "LT05_L2SP_044034_19950701_20200912_02_T1"
LEVEL_1 = "LC08_L1TP_044034_20160925_20170221_01_T1"


def stored(bands: Sequence[str], scale: float, offset: float, dtype: str = "uint16") -> np.ndarray:
    """Reflectance of known covers as a product stores it."""
    return np.rint((reflectance(bands) - offset) / scale).clip(1, None).astype(dtype)


def clouded() -> np.ndarray:
    """Where a made quality band says cloud, shape (rows, cols), bool."""
    rows, cols = np.mgrid[0 : SHAPE_RC[0], 0 : SHAPE_RC[1]]
    return np.asarray((rows - 40) ** 2 + (cols - 60) ** 2 < 150)


def qa_pixel() -> np.ndarray:
    """Bits of Collection 2: clear (6), or cloud (3) with high confidence (8, 9); shadow (4) along the first rows."""
    bits = np.where(clouded(), (1 << 3) | (3 << 8), 1 << 6)
    bits[:3] = 1 << 4
    return bits.astype("uint16")


def loose(
    folder: Path, prefix: str, bands: Mapping[str, np.ndarray], transform: Any = THIRTY_M, **how: Any
) -> list[Path]:
    """One file for each band, `PREFIX_BAND.TIF`."""
    folder.mkdir(exist_ok=True)
    return [
        write_raster(folder / f"{prefix}{name}.TIF", values[None], transform=transform, **how)
        for name, values in bands.items()
    ]


def landsat_8(folder: Path, **how: Any) -> list[Path]:
    stack = stored(list(OLI_LIKE.values()), *C2)
    return loose(folder, f"{LANDSAT_8}_", {f"SR_B{n}": band for n, band in zip(OLI_LIKE, stack, strict=True)}, **how)


def mean_by_standard(scene: Scene) -> dict[str, float]:
    """Mean reflectance of each band, by the Sentinel-2 band it stands for."""
    from s2dash.raster.reading import read_preview_stack

    stack = read_preview_stack(scene)
    made = scene.to_reflectance(stack[: len(scene.bands)])
    return {band.standard or band.name: float(made[i].mean()) for i, band in enumerate(scene.bands)}


def require_right_light(scene: Scene, standards: Sequence[str]) -> None:
    """Each band holds the reflectance of the light that it is said to be of."""
    found = mean_by_standard(scene)
    expected = dict(zip(standards, reflectance(standards).mean(axis=(1, 2)), strict=True))
    for standard, value in expected.items():
        assert found[standard] == pytest.approx(value, abs=0.002), standard


# ---- names


@pytest.mark.parametrize(
    ("name", "mission", "product", "place", "date"),
    [
        (f"{LANDSAT_8}_SR_B5.TIF", "landsat-8", "C2 L2", "190028", "2020-07-15"),
        (f"{LEVEL_1}_B5.TIF", "landsat-8", "L1", "044034", "2016-09-25"),
        ("LT05_L1TP_044034_19950701_20160926_01_T1_sr_band5.tif", "landsat-5", "C1 SR", "044034", "1995-07-01"),
        ("LE07_L1TP_044034_20010701_20160926_01_T1_B8.TIF", "landsat-7", "L1", "044034", "2001-07-01"),
        ("LC09_L1TP_044034_20220925_20220926_02_T1_B5.TIF", "landsat-9", "L1", "044034", "2022-09-25"),
        ("LC80440342016259LGN00_B5.TIF", "landsat-8", "L1", "044034", "2016-09-15"),
        ("LC08_044034_20160925.tif", "landsat-8", None, "044034", "2016-09-25"),
        ("LC08_CU_003010_20200101_20210502_02_SR_B5.TIF", "landsat-8", "C2 L2", None, "2020-01-01"),
        ("HLS.L30.T33TWM.2021133T173901.v2.0.B05.tif", "hls-l30", "HLS", None, "2021-05-13"),
        ("HLS.S30.T33TWM.2019001T173901.v1.5.B05.tif", "hls-s30", "HLS", None, "2019-01-01"),
        ("20230601_100000_00_2477_3B_AnalyticMS_SR_8b_clip.tif", "planetscope", "Planet SR", None, "2023-06-01"),
        ("20170405_183423_1013_3B_AnalyticMS.tif", "planetscope", "Planet radiance", None, "2017-04-05"),
        ("ga_ls8c_nbart_3-2-1_090084_2020-01-01_final_band05.tif", "landsat-8", "DEA", None, "2020-01-01"),
        ("landsat8_median.tif", "landsat-8", None, None, None),
        ("LM05_L1TP_044034_19850701_20180926_01_T2_B1.TIF", "landsat-5-mss", "L1", "044034", "1985-07-01"),
        ("LM02_L1TP_047034_19760701_20180926_02_T2_B5.TIF", "landsat-2", "L1", "047034", "1976-07-01"),
    ],
)
def test_names_tell_the_mission(name: str, mission: str, product: str | None, place: str | None, date: str) -> None:
    said = said_by_name(name)
    assert said is not None
    assert (said.mission.key, said.product, said.place, said.date) == (mission, product, place, date)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "T33UUU_20200101T100000_B02.jp2",
            "S2A_MSIL2A_20230601T100601_N0509_R022_T33TWM_20230601T160000.SAFE/B05.jp2",
        ),
        *(
            "clip.tif",
            "S2_median.tif",
            "B08.tif",
            "2019-04-16_Sentinel-2_L2A_B02_(Raw).tiff",
            "20200101_120000_clip.tif",
        ),
    ],
)
def test_names_of_sentinel_2_and_of_nothing_tell_no_other_mission(name: str) -> None:
    assert said_by_name(name) is None


@pytest.mark.parametrize("key", MISSIONS)
def test_each_band_of_a_mission_is_found_by_its_own_name(key: str) -> None:
    mission = MISSIONS[key]
    for band in mission.bands:
        found = missions.own_band(mission, band.name)
        assert found is not None
        assert (found.name, found.standard, found.mission) == (band.name, band.standard, key)


def test_numbers_mean_other_light_on_each_mission() -> None:
    by_mission = {key: missions.own_band(MISSIONS[key], "B5") for key in ("landsat-5", "landsat-8", "hls-l30")}
    assert {key: band.standard for key, band in by_mission.items() if band} == {
        "landsat-5": "B11",
        "landsat-8": "B08",
        "hls-l30": "B08",
    }


# ---- quality bits


@pytest.mark.parametrize(
    ("kind", "bits", "code"),
    [
        *(
            (missions.QA_PIXEL, bits, code)
            for bits, code in ((1, 0), (2, 8), (4, 10), (8, 9), (16, 3), (32, 11), (64, 5))
        ),
        *((missions.QA_PIXEL, 128, 6), (missions.QA_PIXEL, 21824, 5), (missions.QA_PIXEL, 22280, 9)),
        *(
            (missions.PIXEL_QA, bits, code)
            for bits, code in ((1, 0), (322, 5), (324, 6), (328, 3), (336, 11), (352, 9))
        ),
        *((missions.PIXEL_QA, 834, 10), (missions.BQA, 1, 0), (missions.BQA, 2720, 5), (missions.BQA, 2800, 9)),
        *((missions.BQA, 2976, 3), (missions.BQA, 3744, 11), (missions.BQA, 6816, 10)),
        *(
            (missions.FMASK, bits, code)
            for bits, code in ((255, 0), (64, 5), (66, 9), (4, 8), (8, 3), (16, 11), (96, 6))
        ),
        *((missions.DEA_FMASK, 0, 0), (missions.DEA_FMASK, 2, 9), (missions.UDM, 1, 0), (missions.UDM, 2, 9)),
    ],
)
def test_bits_become_classes(kind: str, bits: int, code: int) -> None:
    for dtype in ("uint16", "int32", "float32"):
        assert classes_of_bits(kind, np.array([[[bits]]], dtype=dtype))[0, 0] == code
    assert code in missions.quality_classes(kind)


def test_usable_data_of_planet_becomes_classes() -> None:
    mask = np.zeros((8, 1, 7), dtype="uint8")
    for place in range(6):
        mask[place, 0, place] = 1
    assert classes_of_bits(missions.UDM2, mask).tolist() == [[5, 11, 3, 10, 8, 9, 0]]


def test_what_is_not_a_number_in_a_quality_band_is_no_data() -> None:
    assert classes_of_bits(missions.QA_PIXEL, np.array([[[np.nan, np.inf, -9999, 1e9]]])).tolist() == [[0, 0, 0, 0]]


# ---- Landsat


def test_loose_bands_of_landsat_8_level_2(tmp_path: Path) -> None:
    files = landsat_8(tmp_path)
    quality = loose(tmp_path, f"{LANDSAT_8}_", {"QA_PIXEL": qa_pixel(), "QA_RADSAT": qa_pixel() * 0}, nodata=1)
    heat = loose(tmp_path, f"{LANDSAT_8}_", {"ST_B10": stored(["B08"], *C2)[0]})
    scene = taken_in([*files, *quality, *heat], tmp_path)
    assert scene.title == "Landsat 8, path 190, row 28"
    assert (scene.sensor, scene.level, scene.date) == ("Landsat 8", "Level-2", "2020-07-15")
    assert scene.attribution == "Landsat 8 image courtesy of the U.S. Geological Survey"
    assert scene.band_names == tuple(f"SR_B{n}" for n in OLI_LIKE)
    assert [band.standard for band in scene.bands] == list(OLI_LIKE.values())
    assert scene.bands[4].description == "SR_B5 · near infrared · 865 nm"
    assert scene.bands[4].wavelength_nm == 865
    assert scene.reflectance.sentence == "Landsat 8, Collection 2 Level-2: times 2.75e-05, minus 0.2."
    require_right_light(scene, list(OLI_LIKE.values()))
    assert any("ST_B10 (thermal infrared)" in note for note in scene.notes)
    assert any("QA_RADSAT" in note for note in scene.notes)
    (mask,) = scene.masks
    assert (mask.kind, mask.quality) == (SCL, "QA_PIXEL")
    assert scene.mask_classes[9] == "cloud"
    assert default_recipe(scene).mask_scl == (0, 3, 8, 9, 10)


def test_bands_of_landsat_4_to_7_are_other_light_than_those_of_8(tmp_path: Path) -> None:
    stack = stored(list(TM_LIKE.values()), *C2)
    files = loose(tmp_path, f"{LANDSAT_5}_", {f"SR_B{n}": band for n, band in zip(TM_LIKE, stack, strict=True)})
    scene = taken_in(files, tmp_path)
    assert (scene.title, scene.sensor, scene.year) == ("Landsat 5, path 44, row 34", "Landsat 5", 1995)
    assert [band.standard for band in scene.bands] == list(TM_LIKE.values())
    require_right_light(scene, list(TM_LIKE.values()))


def test_indices_and_band_names_work_by_what_bands_are(tmp_path: Path) -> None:
    scene = taken_in(landsat_8(tmp_path), tmp_path)
    ndvi = available_indices(scene)["NDVI"]
    assert {letter: scene.band_names[i] for letter, i in ndvi.positions} == {"N": "SR_B5", "R": "SR_B4"}
    assert scene.positions(["B5"]) == (4,)
    assert scene.positions(["nir"]) == (4,)
    assert scene.positions(["SR_B2"]) == (1,)


def mtl(level_2: bool = False) -> str:
    """The part of an MTL file that is read."""
    groups = {
        "PRODUCT_CONTENTS": {"PROCESSING_LEVEL": "L2SP" if level_2 else "L1TP", "COLLECTION_NUMBER": "02"},
        "IMAGE_ATTRIBUTES": {
            **{"SPACECRAFT_ID": "LANDSAT_8", "WRS_PATH": 44, "WRS_ROW": 34, "DATE_ACQUIRED": "2016-09-25"},
            **{"SUN_ELEVATION": 30.0},
        },
        "LEVEL1_RADIOMETRIC_RESCALING": {
            **{f"REFLECTANCE_MULT_BAND_{n}": 2e-5 for n in range(1, 10)},
            **{f"REFLECTANCE_ADD_BAND_{n}": -0.1 for n in range(1, 10)},
        },
    }
    if level_2:
        groups["LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"] = {
            **{f"REFLECTANCE_MULT_BAND_{n}": 2.75e-5 for n in range(1, 8)},
            **{f"REFLECTANCE_ADD_BAND_{n}": -0.2 for n in range(1, 8)},
        }
    return json.dumps({"LANDSAT_METADATA_FILE": groups})


def mtl_text(level_2: bool = False) -> str:
    lines = ["GROUP = LANDSAT_METADATA_FILE"]
    for group, values in json.loads(mtl(level_2))["LANDSAT_METADATA_FILE"].items():
        lines += [f"  GROUP = {group}"]
        lines += [f'    {k} = "{v}"' if isinstance(v, str) else f"    {k} = {v}" for k, v in values.items()]
        lines += [f"  END_GROUP = {group}"]
    return "\n".join([*lines, "END_GROUP = LANDSAT_METADATA_FILE", "END"])


def mtl_xml(level_2: bool = False) -> str:
    groups = json.loads(mtl(level_2))["LANDSAT_METADATA_FILE"].items()
    inner = "".join(f"<{g}>{''.join(f'<{k}>{v}</{k}>' for k, v in values.items())}</{g}>" for g, values in groups)
    return f'<?xml version="1.0"?><LANDSAT_METADATA_FILE>{inner}</LANDSAT_METADATA_FILE>'


@pytest.mark.parametrize(("ending", "text"), [("txt", mtl_text()), ("json", mtl()), ("xml", mtl_xml())])
@pytest.mark.parametrize("name", [LEVEL_1, ""])
def test_level_1_takes_numbers_and_the_suns_height_from_its_mtl(
    tmp_path: Path, ending: str, text: str, name: str
) -> None:
    # At 30 degrees half of the light arrives: reflectance is twice what the factors give.
    stack = stored(list(OLI_LIKE.values()), 4e-5, -0.2)
    files = loose(tmp_path, f"{name}_" if name else "", {f"B{n}": b for n, b in zip(OLI_LIKE, stack, strict=True)})
    beside = tmp_path / f"{LEVEL_1}_MTL.{ending}"
    beside.write_text(text)
    scene = taken_in([*files, beside], tmp_path)
    assert scene.sensor == "Landsat 8"
    assert "MTL" in scene.reflectance.sentence
    assert "30.0°" in scene.reflectance.sentence
    assert scene.level == "Level-1"
    require_right_light(scene, list(OLI_LIKE.values()))


def test_level_2_takes_its_own_numbers_from_an_mtl_that_has_both(tmp_path: Path) -> None:
    files = landsat_8(tmp_path)
    (tmp_path / f"{LANDSAT_8}_MTL.txt").write_text(mtl_text(level_2=True))
    scene = taken_in(files[0].parent, tmp_path.parent / f"{tmp_path.name} out")
    require_right_light(scene, list(OLI_LIKE.values()))


def test_level_1_without_metadata_says_so(tmp_path: Path) -> None:
    stack = stored(list(OLI_LIKE.values()), 2e-5, -0.1)
    files = loose(tmp_path, f"{LEVEL_1}_", {f"B{n}": band for n, band in zip(OLI_LIKE, stack, strict=True)})
    scene = taken_in(files, tmp_path)
    require_right_light(scene, list(OLI_LIKE.values()))
    assert any("MTL" in note for note in scene.notes)


def test_collection_1_surface_reflectance(tmp_path: Path) -> None:
    stack = numbers(list(TM_LIKE.values())).astype("int16")
    name = "LT05_L1TP_044034_19950701_20160926_01_T1_"
    files = loose(tmp_path, name, {f"sr_band{n}": b for n, b in zip(TM_LIKE, stack, strict=True)}, nodata=-9999)
    bits = np.where(clouded(), 352, 322).astype("uint16")
    files += loose(tmp_path, name, {"pixel_qa": bits, "radsat_qa": bits * 0, "sr_cloud_qa": bits * 0})
    scene = taken_in(files, tmp_path)
    assert scene.band_names == tuple(f"SR_B{n}" for n in TM_LIKE)
    require_right_light(scene, list(TM_LIKE.values()))
    assert [mask.quality for mask in scene.masks] == ["pixel_qa"]


GEE_L2 = [*(f"SR_B{n}" for n in range(1, 8)), "SR_QA_AEROSOL", "ST_B10", "ST_ATRAN", "QA_PIXEL", "QA_RADSAT"]


def earth_engine(dtype: str = "uint16", applied: bool = False) -> np.ndarray:
    """Bands as Earth Engine exports LANDSAT/LC08/C02/T1_L2; fractions where its scale was applied."""
    bands = reflectance(list(OLI_LIKE.values())) if applied else stored(list(OLI_LIKE.values()), *C2)
    heat = reflectance(["B08"])[0] * 100 + 280 if applied else np.full(SHAPE_RC, 44_000)
    none = np.zeros(SHAPE_RC)
    return np.stack([*bands, none + 8, heat, none + 9000, qa_pixel(), none]).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32", "float64"])
def test_whole_exports_of_earth_engine(tmp_path: Path, dtype: str) -> None:
    path = write_raster(tmp_path / "landsat_export.tif", earth_engine(dtype), descriptions=GEE_L2, transform=THIRTY_M)
    scene = taken_in(path, tmp_path)
    assert scene.sensor == "Landsat 8/9"
    assert scene.attribution == "Landsat image courtesy of the U.S. Geological Survey"
    helpers = {band.name for band in scene.bands if band.is_helper}
    assert helpers == {"SR_QA_AEROSOL", "ST_B10", "ST_ATRAN", "QA_RADSAT"}
    assert all(any(name in note for note in scene.notes) for name in helpers)
    assert default_recipe(scene).bands == tuple(f"SR_B{n}" for n in range(2, 8))
    require_right_light(scene, list(OLI_LIKE.values()))
    assert [mask.quality for mask in scene.masks] == ["QA_PIXEL"]


def test_a_stack_that_is_reflectance_already_stays(tmp_path: Path) -> None:
    values = earth_engine("float32", applied=True)
    path = write_raster(tmp_path / "scaled.tif", values, descriptions=GEE_L2, transform=THIRTY_M)
    scene = taken_in(path, tmp_path)
    assert (scene.reflectance.quantification, scene.reflectance.offset) == (1, 0)
    require_right_light(scene, list(OLI_LIKE.values()))


def test_numbers_that_were_made_reflectance_x_10000_are_not_scaled_again(tmp_path: Path) -> None:
    values = numbers(list(OLI_LIKE.values())).astype("int16")
    names = [f"SR_B{n}" for n in OLI_LIKE]
    scene = taken_in(write_raster(tmp_path / "x.tif", values, descriptions=names, transform=THIRTY_M), tmp_path)
    assert scene.reflectance.quantification == 10_000
    require_right_light(scene, list(OLI_LIKE.values()))


def test_scale_tags_of_the_file_win_over_what_is_usual(tmp_path: Path) -> None:
    values = stored(list(OLI_LIKE.values()), 1e-4, -0.05)
    path = write_raster(tmp_path / f"{LANDSAT_8}.tif", values, descriptions=[f"SR_B{n}" for n in OLI_LIKE])
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = [1e-4] * 7, [-0.05] * 7
    scene = taken_in(path, tmp_path)
    assert scene.reflectance.sentence == "The file says: times 0.0001, minus 0.05."
    require_right_light(scene, list(OLI_LIKE.values()))


@pytest.mark.parametrize(
    ("names", "sensor", "standards"),
    [
        ([f"SR_B{n}" for n in TM_LIKE] + ["ST_B6", "QA_PIXEL"], "Landsat 4-7", list(TM_LIKE.values())),
        (["blue", "green", "red", "nir08", "swir16", "swir22", "lwir11", "qa_pixel"], "Landsat 8/9", None),
        (["B1", "B2", "B3", "B4", "B5", "B7", "B6_VCID_1", "QA_PIXEL"], "Landsat 7", list(TM_LIKE.values())),
    ],
)
def test_names_of_catalogues_tell_landsat(
    tmp_path: Path, names: list[str], sensor: str, standards: list[str] | None
) -> None:
    standards = standards or ["B02", "B03", "B04", "B08", "B11", "B12"]
    values = np.stack([*reflectance(standards), reflectance(["B08"])[0] * 100 + 280, qa_pixel()]).astype("float32")
    scene = taken_in(write_raster(tmp_path / "stack.tif", values, descriptions=names, transform=THIRTY_M), tmp_path)
    assert scene.sensor == sensor
    assert [band.standard for band in scene.bands][:6] == standards
    assert scene.bands[6].is_helper
    require_right_light(scene, standards)


def test_unnamed_stacks_are_in_the_order_of_their_mission(tmp_path: Path) -> None:
    values = stored(list(OLI_LIKE.values()), *C2)
    scene = taken_in(write_raster(tmp_path / f"{LANDSAT_8}_stack.tif", values, transform=THIRTY_M), tmp_path)
    assert scene.names_are_guessed
    assert scene.band_names == tuple(f"B{n}" for n in OLI_LIKE)
    require_right_light(scene, list(OLI_LIKE.values()))


@pytest.mark.parametrize(("name", "scale"), [("Landsat8_composite", C2), ("landsat_8_dn", (2e-5, -0.1))])
def test_values_tell_the_product_where_no_name_does(tmp_path: Path, name: str, scale: tuple[float, float]) -> None:
    values = stored(list(OLI_LIKE.values()), *scale)
    scene = taken_in(write_raster(tmp_path / f"{name}.tif", values, transform=THIRTY_M), tmp_path)
    assert scene.reflectance.sentence.startswith("By its values Landsat 8")
    require_right_light(scene, list(OLI_LIKE.values()))


@pytest.mark.parametrize(("name", "sensor"), [("landsat_1995", "Landsat 4-7"), ("landsat_2020", "Landsat 8/9")])
def test_a_mere_word_is_enough_where_nothing_speaks_against_it(tmp_path: Path, name: str, sensor: str) -> None:
    values = reflectance(["B02", "B03", "B04", "B08"]).astype("float32")
    names = ["Blue", "Green", "Red", "NIR"]
    scene = taken_in(write_raster(tmp_path / f"{name}.tif", values, descriptions=names), tmp_path)
    assert scene.sensor == sensor
    assert scene.band_names == tuple(names)
    ours = write_raster(tmp_path / f"{name}_S2.tif", values, descriptions=["B02", "B03", "B04", "B8A"])
    assert taken_in(ours, tmp_path / "ours").sensor == "Sentinel-2"


def test_landsat_of_browsers(tmp_path: Path) -> None:
    prefix = "2020-07-15-00_00_2020-07-15-23_59_Landsat_8-9_L2_"
    stack = stored(["B02", "B04", "B08"], 1 / 65_535, 0)
    scene = taken_in(
        loose(tmp_path, prefix, {f"B0{n}_(Raw)": band for n, band in zip((2, 4, 5), stack, strict=True)}), tmp_path
    )
    assert (scene.sensor, scene.date) == ("Landsat 8/9", "2020-07-15")
    require_right_light(scene, ["B02", "B04", "B08"])


def test_a_stack_of_dates_has_no_single_day(tmp_path: Path) -> None:
    stack = stored(["B04", "B08"], *C2)
    days = ("20160925", "20161011")
    names = [f"LC08_044034_{day}_SR_B{n}" for day in days for n in (4, 5)]
    path = write_raster(tmp_path / "stack.tif", np.concatenate([stack, stack]), descriptions=names, transform=THIRTY_M)
    scene = taken_in(path, tmp_path)
    assert scene.date is None
    assert scene.band_names == ("SR_B4_2016-09-25", "SR_B5_2016-09-25", "SR_B4_2016-10-11", "SR_B5_2016-10-11")


def test_two_dates_keep_their_own_names_and_days(tmp_path: Path) -> None:
    other = LANDSAT_8.replace("20200715", "20200731")
    files = landsat_8(tmp_path)[1:5]
    stack = stored(list(OLI_LIKE.values()), *C2)
    files += loose(tmp_path, f"{other}_", {f"SR_B{n}": stack[n - 1] for n in range(2, 6)})
    scene = taken_in(files, tmp_path)
    assert "SR_B5_2020-07-15" in scene.band_names
    assert "SR_B5_2020-07-31" in scene.band_names
    assert {"NDVI_2020-07-15", "NDVI_2020-07-31"} <= set(available_indices(scene))


def test_8_bits_of_the_first_landsats_with_their_mtl(tmp_path: Path) -> None:
    name = "LT05_L1TP_044034_19950701_20160926_02_T1"
    factors = {1: 0.0013, 2: 0.0027, 3: 0.0023, 4: 0.0026, 5: 0.0018, 7: 0.0026}
    bands = zip(factors.items(), reflectance(list(TM_LIKE.values())), strict=True)
    stack = {f"B{n}": np.rint((band + 0.005) / (2 * factor)).astype("uint8") for (n, factor), band in bands}
    groups = json.loads(mtl())["LANDSAT_METADATA_FILE"]
    groups["IMAGE_ATTRIBUTES"]["SPACECRAFT_ID"] = "LANDSAT_5"
    groups["LEVEL1_RADIOMETRIC_RESCALING"] = {
        **{f"REFLECTANCE_MULT_BAND_{n}": factor for n, factor in factors.items()},
        **{f"REFLECTANCE_ADD_BAND_{n}": -0.0025 for n in factors},
    }
    beside = tmp_path / f"{name}_MTL.json"
    beside.write_text(json.dumps({"LANDSAT_METADATA_FILE": groups}))
    scene = taken_in([*loose(tmp_path, f"{name}_", stack), beside], tmp_path)
    assert scene.sensor == "Landsat 5"
    require_right_light(scene, list(TM_LIKE.values()))


def test_two_landsats_of_one_place_share_its_title(tmp_path: Path) -> None:
    other = LANDSAT_8.replace("LC08", "LC09").replace("20200715", "20220731")
    stack = stored(["B04", "B08"], *C2)
    files = landsat_8(tmp_path)[3:5] + loose(tmp_path, f"{other}_", dict(zip(("SR_B4", "SR_B5"), stack, strict=True)))
    assert taken_in(files, tmp_path).title == "Landsat 8 and Landsat 9, path 190, row 28"


# ---- HLS


def hls(folder: Path, product: str, like: Mapping[str, str], version: str = "v2.0") -> list[Path]:
    prefix = f"HLS.{product}.T33TWM.2021133T173901.{version}."
    stack = numbers(list(like.values())).astype("int16")
    bands = dict(zip(like, stack, strict=True))
    bits = np.where(clouded(), 66, 64).astype("uint8")
    return [
        *loose(folder, prefix, bands, nodata=-9999),
        *loose(folder, prefix, {"Fmask": bits, "SAA": bits, "VZA": bits}),
    ]


@pytest.mark.parametrize("version", ["v1.5", "v2.0"])
def test_hls_l30_has_the_numbers_of_landsat_8(tmp_path: Path, version: str) -> None:
    like = {f"B{n:02}": standard for n, standard in OLI_LIKE.items()}
    scene = taken_in(hls(tmp_path, "L30", like, version), tmp_path)
    assert (scene.sensor, scene.title, scene.date) == ("HLS L30", "Tile 33TWM", "2021-05-13")
    assert "Copernicus" not in scene.attribution
    assert "NASA" in scene.attribution
    assert {band.name: band.standard for band in scene.bands} == like
    require_right_light(scene, list(like.values()))
    assert [mask.quality for mask in scene.masks] == ["Fmask"]


def test_hls_s30_has_the_numbers_of_sentinel_2(tmp_path: Path) -> None:
    like = {name: name for name in ("B02", "B03", "B04", "B05", "B8A", "B11", "B12")}
    scene = taken_in(hls(tmp_path, "S30", like), tmp_path)
    assert scene.sensor == "HLS S30"
    assert scene.attribution.startswith("Contains modified Copernicus Sentinel data 2021")
    assert [band.standard for band in scene.bands] == list(like)
    require_right_light(scene, list(like))


@pytest.mark.parametrize(
    ("names", "sensor"), [("B2 B3 B4 B5 B6 B7 Fmask", "HLS L30"), ("B2 B3 B4 B8A B11 B12 Fmask", "HLS S30")]
)
def test_hls_of_earth_engine(tmp_path: Path, names: str, sensor: str) -> None:
    standards = ["B02", "B03", "B04", "B08" if sensor == "HLS L30" else "B8A", "B11", "B12"]
    bits = np.where(clouded(), 66, 64)
    values = np.stack([*reflectance(standards), bits]).astype("float64")
    path = write_raster(tmp_path / "hls_export.tif", values, descriptions=names.split(), transform=THIRTY_M)
    scene = taken_in(path, tmp_path)
    assert scene.sensor == sensor
    assert [band.standard for band in scene.bands] == standards
    assert [mask.quality for mask in scene.masks] == ["Fmask"]
    require_right_light(scene, standards)


def test_an_fmask_beside_bands_of_10_m_is_not_that_of_hls(tmp_path: Path) -> None:
    names = ["B2", "B3", "B4", "B8A", "B11", "B12", "Fmask"]
    values = np.stack([*numbers(["B02", "B03", "B04", "B8A", "B11", "B12"]), clouded() * 4]).astype("uint16")
    scene = taken_in(write_raster(tmp_path / "stack.tif", values, descriptions=names), tmp_path)
    assert scene.sensor == "Sentinel-2"
    assert not scene.masks
    assert scene.bands[-1].is_helper


# ---- PlanetScope

DOVE = "20230601_100000_00_2477_3B_AnalyticMS_SR"
EIGHT = {
    **{"coastal_blue": "B01", "blue": "B02", "green_i": "B03", "green": "B03", "yellow": "B04"},
    **{"red": "B04", "rededge": "B05", "nir": "B08"},
}


@pytest.mark.parametrize("described", [True, False])
def test_eight_bands_of_planetscope(tmp_path: Path, described: bool) -> None:
    values = numbers(list(EIGHT.values())).astype("uint16")
    names = list(EIGHT) if described else None
    path = write_raster(tmp_path / f"{DOVE}_8b_clip.tif", values, descriptions=names, nodata=0)
    usable = np.zeros((8, *SHAPE_RC), dtype="uint8")
    usable[0], usable[5] = ~clouded(), clouded()
    udm2 = write_raster(tmp_path / "20230601_100000_00_2477_3B_udm2_clip.tif", usable)
    scene = taken_in([path, udm2], tmp_path)
    assert (scene.sensor, scene.date) == ("PlanetScope", "2023-06-01")
    assert scene.attribution == "Image © Planet Labs PBC"
    assert scene.band_names == tuple(EIGHT)
    assert scene.bands[2].standard is None
    assert scene.bands[2].wavelength_nm == 531
    assert [mask.quality for mask in scene.masks] == ["udm2"]
    assert scene.mask_classes[10] == "light haze"
    require_right_light(scene, ["B01", "B02", "B05", "B08"])


def test_four_bands_of_planetscope_as_radiance(tmp_path: Path) -> None:
    name = "20170405_183423_1013_3B_AnalyticMS"
    coefficients = (2.0e-5, 2.2e-5, 2.5e-5, 3.5e-5)
    bands = ["B02", "B03", "B04", "B08"]
    values = np.stack([np.rint(b / c) for b, c in zip(reflectance(bands), coefficients, strict=True)]).astype("uint16")
    path = write_raster(tmp_path / f"{name}.tif", values, nodata=0)
    bare = taken_in(path, tmp_path / "bare")
    assert bare.band_names == ("blue", "green", "red", "nir")
    assert any("radiance" in note for note in bare.notes)
    space = 'xmlns:ps="http://schemas.planet.com/ps/v1/planet_product_metadata_geocorrected_level"'
    inner = "".join(
        f"<ps:bandSpecificMetadata><ps:bandNumber>{n}</ps:bandNumber>"
        f"<ps:reflectanceCoefficient>{c}</ps:reflectanceCoefficient></ps:bandSpecificMetadata>"
        for n, c in enumerate(coefficients, 1)
    )
    beside = tmp_path / f"{name}_metadata.xml"
    beside.write_text(f"<ps:EarthObservation {space}>{inner}</ps:EarthObservation>")
    scene = taken_in([path, beside], tmp_path)
    assert not any("radiance" in note for note in scene.notes)
    require_right_light(scene, bands)


# ---- unknown, mixed, and Sentinel-2 as before


@pytest.mark.parametrize(
    ("name", "descriptions", "count", "dtype"),
    [
        ("x086q72fv2f9q1x4a.tiff", [f"A{n:02}" for n in range(63)], 63, "int8"),
        ("grid_14.05_45.15_2024.tiff", None, 128, "float32"),
        ("indices.tif", ["NDVI", "NDWI", "slope"], 3, "float32"),
        ("NDVI.tif", None, 1, "float32"),
        ("change.tif", None, 3, "float32"),
        ("naip_m_4212.tif", ["Red", "Green", "Blue", "NIR"], 4, "uint8"),
        ("MOD09A1.tif", ["sur_refl_b01", "sur_refl_b02", "sur_refl_b03"], 3, "int16"),
    ],
)
def test_of_an_unknown_sensor_nothing_is_attributed(
    tmp_path: Path, name: str, descriptions: list[str] | None, count: int, dtype: str
) -> None:
    rng = np.random.default_rng(0)
    size = 100 if dtype.endswith("int8") else 3_000 if dtype == "int16" else 0.6
    centres = rng.uniform(1 if dtype in ("uint8", "int16") else -size, size, (4, count))
    values = centres[covers() - 1].transpose(2, 0, 1) + rng.normal(0, size / 100, (count, *SHAPE_RC))
    path = write_raster(tmp_path / name, values.astype(dtype), descriptions=descriptions)
    scene = ingest.open_in_place(path) or taken_in(path, tmp_path)
    assert scene.attribution == ""
    assert scene.sensor == "Unknown sensor"
    assert any("no source is attributed" in note for note in scene.notes)


def test_bands_of_two_missions_together_are_said_and_told_apart(tmp_path: Path) -> None:
    landsat = landsat_8(tmp_path)[1:5]
    values = numbers(["B02", "B03", "B04", "B08"]).astype("uint16")
    folder = tmp_path / "sentinel"
    sentinel = loose(folder, "T33TWM_20200715T100601_", dict(zip(("B02", "B03", "B04", "B08"), values, strict=True)))
    scene = taken_in([*landsat, *sentinel], tmp_path)
    assert set(scene.sensor.split(" and ")) == {"Landsat 8", "Sentinel-2"}
    assert "Copernicus" in scene.attribution
    assert "Geological Survey" in scene.attribution
    assert any("several missions" in note for note in scene.notes)
    found = {
        name: [scene.bands[i].root for _, i in index.positions] for name, index in available_indices(scene).items()
    }
    ndvi = [roots for name, roots in found.items() if name.startswith("NDVI")]
    assert sorted(map(sorted, ndvi)) == [["B04", "B08"], ["SR_B4", "SR_B5"]]


@pytest.mark.parametrize("names", [("B02", "B03", "B04", "B08"), ("blue", "green", "red", "nir"), None])
def test_sentinel_2_is_what_it_was(tmp_path: Path, names: tuple[str, ...] | None) -> None:
    path = write_scene(tmp_path / "scene.tif", descriptions=names)
    scene = ingest.open_in_place(path)
    assert scene is not None
    assert scene.band_names == ("B02", "B03", "B04", "B08")
    assert all(band.own is None for band in scene.bands)
    assert scene.sensor == "Sentinel-2"
    assert scene.attribution == "Contains modified Copernicus Sentinel data"


def test_a_band_that_keeps_its_name_stays_what_it_is(tmp_path: Path) -> None:
    scene = taken_in(landsat_8(tmp_path), tmp_path)
    renamed = ingest.rename_bands(scene, list(scene.band_names))
    assert renamed.bands == scene.bands
    changed = ingest.rename_bands(scene, ["B01", *scene.band_names[1:]])
    assert changed.bands[0].own is None
    assert changed.bands[4] == scene.bands[4]


# ---- the command line and what it writes


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main([str(argument) for argument in arguments]) == 0
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return printed


def test_the_command_line_leaves_clouds_out_and_names_the_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_raster(tmp_path / "export.tif", earth_engine(), descriptions=GEE_L2, transform=THIRTY_M)
    info = run(capsys, "info", path)
    assert (info["sensor"], info["level"]) == ("Landsat 8/9", "Level-2")
    assert info["masked"]["cloud"] == pytest.approx(clouded().mean(), abs=1e-6)
    assert "cloud shadow" in info["masked"]
    out = tmp_path / "classes.tif"
    made = run(capsys, "classify", path, "-o", out, "--k", "4")
    assert made["attribution"] == "Landsat image courtesy of the U.S. Geological Survey"
    with rasterio.open(out) as dataset:
        assert dataset.tags()["ATTRIBUTION"] == made["attribution"]
        assert dataset.tags()["S2DASH_SENSOR"] == "Landsat 8/9"
        labels = dataset.read(1)
    assert (labels[clouded()] == 0).all()
    clear = ~clouded()
    clear[:3] = False
    for label in range(1, 5):
        assert np.unique(covers()[clear & (labels == label)]).size == 1


def test_nothing_is_written_where_no_source_is_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0, 1, (4, 8))[covers() - 1].transpose(2, 0, 1) + rng.normal(0, 0.1, (8, *SHAPE_RC))
    names = [f"A{n:02}" for n in range(8)]
    path = write_raster(tmp_path / "embedding.tif", values.astype("float32"), descriptions=names, crs=UTM)
    out = tmp_path / "classes.tif"
    made = run(capsys, "classify", path, "-o", out, "--k", "4")
    assert made["attribution"] is None
    with rasterio.open(out) as dataset:
        assert not {"ATTRIBUTION", "TIFFTAG_COPYRIGHT"} & set(dataset.tags())


def test_the_quality_of_one_mission_says_nothing_of_bands_of_another(tmp_path: Path) -> None:
    landsat = [*landsat_8(tmp_path)[1:5], *loose(tmp_path, f"{LANDSAT_8}_", {"QA_PIXEL": qa_pixel()}, nodata=1)]
    values = numbers(["B04", "B08"]).astype("uint16")
    bands = dict(zip(("B04", "B08"), values, strict=True))
    scene = taken_in([*landsat, *loose(tmp_path / "s2", "T33TWM_20200715T100601_", bands)], tmp_path)
    (mask,) = scene.masks
    assert {scene.bands[i].root for i in mask.positions} == {f"SR_B{n}" for n in range(2, 6)}


def test_a_quality_band_alone_is_refused_and_heat_alone_is_a_picture(tmp_path: Path) -> None:
    (quality,) = loose(tmp_path, f"{LANDSAT_8}_", {"QA_PIXEL": qa_pixel()}, nodata=1)
    with pytest.raises(UnreadableFile, match="quality band"):
        taken_in(quality, tmp_path)
    (tmp_path / f"{LANDSAT_8}_MTL.txt").write_text(mtl_text(level_2=True))
    heat = loose(tmp_path, f"{LANDSAT_8}_", {"ST_B10": stored(["B08"], *C2)[0]})
    assert taken_in(heat, tmp_path).band_names == ("ST_B10",)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x_metadata.xml", '<!DOCTYPE x [<!ENTITY a "b">]><x/>'),
        ("x_metadata.xml", "<not closed"),
        (f"{LANDSAT_8}_MTL.json", "[" * 100_000),
        (f"{LANDSAT_8}_MTL.txt", "GROUP = LANDSAT\nEND\n"),
        (f"{LANDSAT_8}_MTL.json", '{"LANDSAT_METADATA_FILE": {"IMAGE": {"SPACECRAFT_ID": "LANDSAT_77"}}}'),
        (f"{LANDSAT_8}_MTL.txt", 'SPACECRAFT_ID = "LANDSAT_8"\nSUN_ELEVATION = nan\nREFLECTANCE_MULT_BAND_5 = 1e999'),
    ],
)
def test_metadata_that_say_nothing_usable_change_nothing(tmp_path: Path, name: str, text: str) -> None:
    beside = tmp_path / name
    beside.write_text(text)
    bands = loose(tmp_path, f"{LANDSAT_8}_", {f"SR_B{n}": stored([OLI_LIKE[n]], *C2)[0] for n in (4, 5)})
    scene = taken_in([*bands, beside], tmp_path)
    assert scene.sensor == "Landsat 8"
    require_right_light(scene, ["B04", "B08"])
