"""Names and metadata of Sentinel-2 products: what is found in them, which files are chosen, what offset follows."""

from __future__ import annotations

import itertools
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hostile_files import write_file
from hypothesis import given, settings
from hypothesis import strategies as st
from products import (
    EPSG,
    L2A_BANDS,
    ORIGIN_XY,
    pixel_centres,
    product_metadata,
    reflectance,
    scl_classes,
    tile_metadata,
    write_safe,
    zip_folder,
)

from s2dash.core.sentinel2 import BANDS
from s2dash.errors import UnknownName, UnreadableFile
from s2dash.ingest.product.choose import Choice, choose_files
from s2dash.ingest.product.metadata import ProductMetadata, parse_metadata
from s2dash.ingest.product.names import baseline_from_name, file_facts, is_outside_series
from s2dash.ingest.product.radiometry import offset_rule
from s2dash.settings import ARCHIVE_LIMITS

pytestmark = pytest.mark.usefixtures("door_is_here")

SAFE = "S2A_MSIL2A_20181229T095411_N0211_R079_T33SVB_20181229T112231.SAFE"
GRANULE = f"{SAFE}/GRANULE/L2A_T33SVB_A018380_20181229T095413"
OLD_L1C = "S2A_OPER_MSI_L1C_TL_SGS__20151126T124456_A002192_T32TQM"
OLD_SAFE = "S2A_OPER_PRD_MSIL1C_PDMC_20151127T001549_R022_V20151125T102251_20151125T102251.SAFE"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("T33UUU_20170216T102101_B02.jp2", ("B02", None, "33UUU", "2017-02-16", "Level-1C")),
        ("T33UUU_20170216T102101_B02_10m.jp2", ("B02", 10, "33UUU", "2017-02-16", "Level-2A")),
        ("T33UUU_20170216T102101_B8A_20m.jp2", ("B8A", 20, "33UUU", "2017-02-16", "Level-2A")),
        ("T33UUU_20170216T102101_SCL_60m.jp2", ("SCL", 60, "33UUU", "2017-02-16", "Level-2A")),
        ("L2A_T32TQM_20161206T101402_B02_10m.jp2", ("B02", 10, "32TQM", "2016-12-06", "Level-2A")),
        (f"{OLD_L1C}_B02.jp2", ("B02", None, "32TQM", "2015-11-26", "Level-1C")),
        (f"{OLD_SAFE}/GRANULE/x/{OLD_L1C}_B02.jp2", ("B02", None, "32TQM", "2015-11-25", "Level-1C")),
        (
            "S2A_USER_MSI_L2A_TL_SGS__20160605T124456_A002192_T32TQM_B02_10m.jp2",
            ("B02", 10, "32TQM", "2016-06-05", "Level-2A"),
        ),
        (
            "S2A_USER_SCL_L2A_TL_SGS__20160605T124456_A002192_T32TQM_20m.jp2",
            ("SCL", 20, "32TQM", "2016-06-05", "Level-2A"),
        ),
        (
            f"{GRANULE}/IMG_DATA/R10m/T33SVB_20181229T095411_B03_10m.jp2",
            ("B03", 10, "33SVB", "2018-12-29", "Level-2A"),
        ),
        (f"{GRANULE}/IMG_DATA/R20m/B05.jp2", ("B05", 20, "33SVB", "2018-12-29", "Level-2A")),
        (f"{GRANULE}\\IMG_DATA\\R60m\\B09.jp2", ("B09", 60, "33SVB", "2018-12-29", "Level-2A")),
        ("B02.tif", ("B02", None, None, None, None)),
        ("B02.jp2", ("B02", None, None, None, None)),
        ("b8a.TIFF", ("B8A", None, None, None, None)),
        ("B02 (1).tif", ("B02", None, None, None, None)),
        ("blue.tif", ("B02", None, None, None, None)),
        ("SCL.tif", ("SCL", None, None, None, "Level-2A")),
        (
            "2019-04-16-00_00_2019-04-16-23_59_Sentinel-2_L2A_B02_(Raw).tiff",
            ("B02", None, None, "2019-04-16", "Level-2A"),
        ),
        (
            "2019-04-16-00:00_2019-04-16-23:59_Sentinel-2_L1C_B12_(Raw).tiff",
            ("B12", None, None, "2019-04-16", "Level-1C"),
        ),
        ("S2A_33TWL_20230815_0_L2A_B02.tif", ("B02", None, "33TWL", "2023-08-15", "Level-2A")),
        ("S2A_33TWL_20230815_0_L2A_SCL.tif", ("SCL", None, "33TWL", "2023-08-15", "Level-2A")),
        ("S2B_5VNK_20200704_0_L2A_B11.tif", ("B11", None, "05VNK", "2020-07-04", "Level-2A")),
        ("my scene/2020-05-17/B04_20m.tif", ("B04", 20, None, "2020-05-17", None)),
    ],
)
def test_names_of_bands(name: str, expected: tuple[object, ...]) -> None:
    facts = file_facts(name)
    assert facts is not None
    assert (facts.band, facts.pixel_m, facts.tile, facts.date, facts.level) == expected
    assert facts.name == name


@pytest.mark.parametrize(
    "name",
    [
        "T33UUU_20170216T102101_TCI.jp2",
        "T33UUU_20170216T102101_AOT_10m.jp2",
        "T33UUU_20170216T102101_WVP_10m.jp2",
        "T33UUU_20170216T102101_PVI.jp2",
        "L2A_PVI.tif",
        f"{GRANULE}/QI_DATA/MSK_CLDPRB_20m.jp2",
        f"{GRANULE}/QI_DATA/MSK_DETFOO_B02.jp2",
        "MSK_QUALIT_B02.jp2",
        f"{GRANULE}/QI_DATA/T33SVB_20181229T095411_B02_60m.jp2",
        f"{GRANULE}/QI_DATA/MSK_NODATA_B02.gml",
        "S2A_OPER_MSK_DEFECT_L1C_TL_SGS__20151126T124456_A002192_T32TQM_B01_MSI.gml",
        "S2A_USER_CLD_L2A_TL_SGS__20160605T124456_A002192_T32TQM_20m.jp2",
        "S2A_USER_SNW_L2A_TL_SGS__20160605T124456_A002192_T32TQM_20m.jp2",
        "S2A_USER_DEM_L2A_TL_SGS__20160605T124456_A002192_T32TQM_20m.jp2",
        "T33UUU_20170216T102101_B02_10m.jp2.ovr",
        "T33UUU_20170216T102101_B02_10m.jp2.msk",
        "T33UUU_20170216T102101_B02_10m.jp2.aux.xml",
        "HTML/B02.html",
        "B02.png",
        "B02",
        "B02.vrt",
        "__MACOSX/x/._T33UUU_20170216T102101_B02.jp2",
        "x/._T33UUU_20170216T102101_B02.jp2",
        "__MACOSX/x/T33UUU_20170216T102101_B02.jp2",
        "B02_B03_B04.tif",
        "scene.tif",
        "forest_5b.tif",
        "B13.jp2",
        "B00.jp2",
        "MTD_MSIL2A.xml",
        "",
        ".",
        "/",
        ".jp2",
    ],
)
def test_names_of_other_things(name: str) -> None:
    assert file_facts(name) is None


@pytest.mark.parametrize("text", ["05DEC", "61TQM", "00TQM", "32TIM", "32AQM", "32TQW", "12345"])
def test_what_is_no_tile(text: str) -> None:
    facts = file_facts(f"x_{text}_B02.tif")
    assert facts is not None
    assert facts.tile is None


@pytest.mark.parametrize("day", ["20191301", "20190230", "20140101", "2019_0101", "120190101", "2019"])
def test_what_is_no_date(day: str) -> None:
    facts = file_facts(f"x_{day}_B02.tif")
    assert facts is not None
    assert facts.date is None


_NAME_PARTS = ("T33UUU", "20170216T102101", "V2019", "B02", "B8A", "SCL", "_10m", "R20m", "L2A", "MSIL1C", "N0511")
_SCRAPS = (*_NAME_PARTS, "N9999", ".jp2", ".tif", "/", "\\", "_", "-", "99", "\0", "\u0663", "\u017f", "\ud800")


@given(name=st.one_of(st.text(max_size=30), st.lists(st.sampled_from(_SCRAPS), max_size=9).map("".join)))
def test_any_name_is_answered(name: str) -> None:
    facts = file_facts(name)
    assert facts is None or (facts.band in BANDS or facts.is_scl)
    baseline = baseline_from_name(name)
    assert baseline is None or (baseline != "99.99" and len(baseline) == 5 and baseline.isascii())
    choice = choose_files([name])
    assert [f.name for f in choice.bands] == ([name] if facts else [])


def _shuffled(names: list[str], seed: int) -> list[str]:
    random.Random(seed).shuffle(names)
    return names


def _files(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("naming", ["new", "old"])
@pytest.mark.parametrize("level", ["L1C", "L2A"])
@pytest.mark.parametrize("tiles", [1, 2])
def test_chooses_one_file_a_band(tmp_path: Path, level: str, naming: str, tiles: int) -> None:
    write_safe(tmp_path, level=level, naming=naming, tiles=tiles, size_m=120)
    names = _files(tmp_path)
    choice = choose_files(_shuffled(names, 1))
    expected = [band for band in BANDS if level == "L1C" or band != "B10"]
    assert [facts.band for facts in choice.bands] == expected + ["SCL"] * (level == "L2A")
    assert {facts.tile for facts in choice.bands} == {choice.tile} == {"32TQM"}
    assert {facts.date for facts in choice.bands} == {"2025-06-01"}
    assert {facts.level for facts in choice.bands} == {choice.level} == {f"Level-{level[1:]}"}
    if level == "L2A":
        finest = {band: min(p for p, bands in L2A_BANDS.items() if band in bands) for band in expected}
        assert {f.band: f.pixel_m for f in choice.bands} == {**finest, "SCL": 20}
    assert len(choice.metadata) == 1
    assert len(choice.tile_metadata) == 1
    assert "32TQM" in choice.tile_metadata[0]
    assert choice.other_rasters == ()
    assert len(choice.notes) == tiles - 1
    assert choice == choose_files(_shuffled(names, 2))


def test_another_tile_on_request(tmp_path: Path) -> None:
    write_safe(tmp_path, tiles=3, size_m=60, bands=["B02", "B03"])
    names = _files(tmp_path)
    for wanted in ("32TQP", "T32TQP", " t32tqp "):
        choice = choose_files(names, wanted)
        assert {facts.tile for facts in choice.bands} == {"32TQP"}
        assert "32TQP" in choice.tile_metadata[0]
        assert len(choice.metadata) == 1
        assert "32TQM, 32TQN" in choice.notes[0]
    for wrong in ("32TQQ", "nonsense"):
        with pytest.raises(UnknownName, match="32TQM, 32TQN, 32TQP"):
            choose_files(names, wrong)


def test_tile_with_most_bands_wins() -> None:
    names = ["T32TQN_20250601T101031_B02_10m.jp2", "T32TQN_20250601T101031_B02_20m.jp2"]
    names += [f"T32TQP_20250601T101031_{band}_10m.jp2" for band in ("B02", "B03")]
    choice = choose_files(names)
    assert choice.tile == "32TQP"
    assert choice.notes == ("There is more than one tile: 32TQP is used, 2 files were left out (32TQN).",)


def test_first_tile_wins_a_tie() -> None:
    names = [f"T{tile}_20250601T101031_B02.jp2" for tile in ("32TQP", "32TQN", "32TQM")]
    assert choose_files(names).tile == "32TQM"


def test_all_dates_of_a_tile_are_kept() -> None:
    names = [
        f"S2A_33TWL_{day}_0_L2A_{band}.tif"
        for day, band in itertools.product(("20230818", "20230815"), ("B03", "B02", "SCL"))
    ]
    choice = choose_files(names)
    assert [(f.date, f.band) for f in choice.bands] == [
        (date, band) for date in ("2023-08-15", "2023-08-18") for band in ("B02", "B03", "SCL")
    ]
    assert choice.notes == ()


def test_two_levels_are_not_mixed() -> None:
    l1c = [f"T33UUU_20170216T102101_{band}.jp2" for band in BANDS]
    l2a = [f"T33UUU_20170216T102101_{band}_20m.jp2" for band in (*BANDS, "SCL") if band != "B10"]
    metadata = ["MTD_MSIL1C.xml", "MTD_MSIL2A.xml"]
    choice = choose_files([*l1c, *l2a, *metadata])
    assert {f.level for f in choice.bands} == {choice.level} == {"Level-2A"}
    assert choice.metadata == ("MTD_MSIL2A.xml",)
    assert choice.notes == ("There is more than one level: Level-2A is used, 13 files were left out (Level-1C).",)
    few = choose_files([*l1c, l2a[1], *metadata])
    assert few.level == "Level-1C"
    assert few.metadata == ("MTD_MSIL1C.xml",)


def test_same_band_twice_is_told() -> None:
    choice = choose_files(["b/B02.tif", "a/B02.jp2", "B03.tif", "B03_20m.tif", "B02.tif", "B02.tif"])
    assert [f.name for f in choice.bands] == ["B02.tif", "B03.tif"]
    assert choice.notes == ("Several files are of band B02: B02.tif is used.",)


def test_stacks_and_metadata_of_a_pile() -> None:
    names = ["stack.tif", "B02.tif", "TCI.tif", "MTD_MSIL2A (1).xml", "MTD_TL.xml", "report.xml", "B02.tif.aux.xml"]
    choice = choose_files(names)
    assert choice.other_rasters == ("stack.tif",)
    assert choice.metadata == ("MTD_MSIL2A (1).xml",)
    assert choice.tile_metadata == ("MTD_TL.xml",)


def test_metadata_of_another_product_is_left_alone(tmp_path: Path) -> None:
    first = write_safe(tmp_path, size_m=60, bands=["B02", "B03"])
    second = write_safe(tmp_path, size_m=60, bands=["B02"], level="L1C", sensed="2025-06-11")
    choice = choose_files(_files(tmp_path))
    assert [name.split("/")[0] for name in choice.metadata] == [first.name]
    assert second.name not in {f.name.split("/")[0] for f in choice.bands}


def test_nothing_known() -> None:
    assert choose_files([]) == Choice((), (), (), (), None, None, ())


@pytest.mark.shared
def test_real_piles(shared_data: Path) -> None:
    l1c, cogs, dates = (
        choose_files(_files(shared_data / folder))
        for folder in ("19UDP_l1c_jp2", "29RKH_l2a_cogs", "33TWL_jp2_named_tif")
    )
    assert [f.band for f in l1c.bands] == list(BANDS)
    assert [f.band for f in cogs.bands] == [b for b in BANDS if b != "B10"] + ["SCL"]
    assert len(dates.bands) == 10
    assert {f.date for f in dates.bands} == {"2023-08-15", "2023-08-18"}
    assert l1c.notes + cogs.notes + dates.notes == ()


@pytest.mark.shared
def test_real_product(shared_data: Path) -> None:
    """Its MTD_MSIL2A.xml is the metadata of the tile, so the baseline in it decides."""
    (path,) = shared_data.glob("*.zip")
    with zipfile.ZipFile(path) as product:
        choice = choose_files(product.namelist())
        metadata = parse_metadata(product.read(choice.metadata[0]))
    assert len(choice.bands) == 12
    assert (metadata.level, metadata.baseline, metadata.date) == ("Level-2A", "02.11", "2018-12-29")
    assert metadata.tile == choice.tile == "33SVB"
    assert metadata.geocoding is not None
    assert metadata.geocoding.epsg == 32633
    assert metadata.geocoding.upper_left_xy[10] == (399960, 4200000)
    assert metadata.geocoding.shape_rc[60] == (1830, 1830)
    assert not metadata.states_radiometry
    rule = offset_rule(choice.level, None, metadata)
    assert rule.sentence == "Level-2A, baseline 02.11: no offset."
    assert rule.offsets == {}


def test_hostile_products(tmp_path: Path) -> None:
    def metadata_of(name: str) -> tuple[Choice, bytes]:
        with zipfile.ZipFile(write_file(tmp_path, f"zip_{name}.zip")) as product:
            choice = choose_files(product.namelist())
            return choice, product.read(choice.metadata[0]) if choice.metadata else b""

    choice, _ = metadata_of("two_granules")
    assert (choice.tile, len(choice.bands)) == ("32TQM", 13)
    assert choice.notes == ("There is more than one tile: 32TQM is used, 1 file was left out (32TQN).",)
    choice, _ = metadata_of("no_metadata")
    rule = offset_rule(choice.level, baseline_from_name(choice.bands[0].name))
    assert rule.offsets["B02"] == -1000
    assert rule.warning
    choice, _ = metadata_of("sidecars")
    assert len(choice.bands) == 13
    with pytest.raises(UnreadableFile, match="DOCTYPE"):
        parse_metadata(metadata_of("xml_entity")[1])
    title = parse_metadata(metadata_of("html_names")[1]).title
    assert title is not None
    assert len(title) <= 60


@pytest.mark.parametrize("naming", ["new", "old"])
@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_metadata_of_products(level: str, naming: str) -> None:
    text = product_metadata(level, naming=naming, offset=-1000, quantification=10_000)
    metadata = parse_metadata(text.encode())
    assert metadata == ProductMetadata(
        level=f"Level-{level[1:]}",
        baseline="05.11",
        date="2025-06-01",
        title="S2B_MSIL2A_20250601T101031_N0511_R022_T32TQM_20250601T133000",
        tile="32TQM",
        quantification=10_000,
        offsets=dict.fromkeys(BANDS, -1000.0),
        nodata=0,
        saturated=65_535,
        geocoding=None,
    )


@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_metadata_of_2015(level: str) -> None:
    text = product_metadata(
        level, naming="old", baseline="02.00", offset=None, quantification=1000, nodata=1, saturated=0
    )
    metadata = parse_metadata(text.encode())
    assert (metadata.quantification, metadata.nodata, metadata.saturated, metadata.offsets) == (1000, 1, 0, {})
    rule = offset_rule(None, None, metadata)
    assert rule.sentence == f"Level-{level[1:]}, baseline 02.00: no offset, divided by 1000."
    assert rule.warning is None


def test_metadata_of_tiles() -> None:
    metadata = parse_metadata(tile_metadata(size_m=1200).encode())
    assert (metadata.tile, metadata.baseline, metadata.date) == ("32TQM", "05.11", "2025-06-01")
    assert not metadata.states_radiometry
    geocoding = metadata.geocoding
    assert geocoding is not None
    assert geocoding.epsg == EPSG
    assert geocoding.upper_left_xy == dict.fromkeys((10, 20, 60), ORIGIN_XY)
    assert geocoding.shape_rc == {10: (120, 120), 20: (60, 60), 60: (20, 20)}


def test_ninth_slot_is_b8a() -> None:
    text = product_metadata(offset=None).replace(
        "</Product_Image_Characteristics>",
        '<L><BOA_ADD_OFFSET band_id="8">-900</BOA_ADD_OFFSET><BOA_ADD_OFFSET band_id="7">-800</BOA_ADD_OFFSET></L>'
        "</Product_Image_Characteristics>",
    )
    metadata = parse_metadata(text.encode())
    assert metadata.offsets == {"B8A": -900, "B08": -800}
    assert offset_rule(None, None, metadata).sentence == "Level-2A, baseline 05.11: an offset from -900 to 0, by band."


def test_any_namespace_and_encoding() -> None:
    plain = product_metadata()
    expected = parse_metadata(plain.encode())
    bare = plain.replace("n1:", "").replace("xmlns:n1", "xmlns")
    assert parse_metadata(bare.encode()) == expected
    assert parse_metadata(plain.replace("UTF-8", "UTF-16").encode("utf-16")) == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (">10000<", ">0<"),
        (">10000<", ">-10000<"),
        (">10000<", ">nan<"),
        (">10000<", ">inf<"),
        (">10000<", ">1e999<"),
        (">10000<", ">1_0<"),
        (">10000<", "><"),
        (">10000<", ">ten<"),
        (">-1000<", ">nan<"),
        (">-1000<", ">-1e9<"),
        (">-1000<", "><"),
        ('band_id="3"', 'band_id="13"'),
        ('band_id="3"', 'band_id="-1"'),
        ('band_id="3"', 'band_id="2.5"'),
        ('band_id="3"', ""),
        (">65535<", ">1e5<"),
        (">65535<", ">x<"),
    ],
)
def test_numbers_that_cannot_be(old: str, new: str) -> None:
    text = product_metadata()
    assert old in text
    if new == "><" and old == ">10000<":
        # An empty value says nothing; the usual one holds.
        assert parse_metadata(text.replace(old, new).encode()).quantification is None
        return
    with pytest.raises(UnreadableFile, match=r"MTD_MSIL2A\.xml gives .* which cannot be"):
        parse_metadata(text.replace(old, new).encode(), "MTD_MSIL2A.xml")


@pytest.mark.parametrize(
    ("old", "new"), [("ULX>600000", "ULX>nan"), ("<ULY>5100000</ULY>", ""), ("<NROWS>120<", "<NROWS>-1<")]
)
def test_places_that_cannot_be(old: str, new: str) -> None:
    text = tile_metadata()
    assert old in text
    with pytest.raises(UnreadableFile, match="cannot be"):
        parse_metadata(text.replace(old, new).encode())


@pytest.mark.parametrize("code", ["EPSG:4326", "EPSG:32600", "EPSG:32661", "EPSG:32761", "", "EPSG:326321", "x"])
def test_other_systems_give_no_place(code: str) -> None:
    text = tile_metadata().replace("EPSG:32632", code)
    assert parse_metadata(text.encode()).geocoding is None


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        (b"", "not well-formed"),
        (b"PK\x03\x04", "not well-formed"),
        (b"<a>", "not well-formed"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "not well-formed"),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "not well-formed"),
        (b"<html/>", "not the metadata"),
        (b"<Level-1B_User_Product/>", "not the metadata"),
        (b"<!DOCTYPE a><Level-2A_User_Product/>", "DOCTYPE"),
        (b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>', "DOCTYPE"),
        (b'<!DOCTYPE a [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><a>&b;</a>', "DOCTYPE"),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd"><a/>', "DOCTYPE"),
        (b"<a>" * (ARCHIVE_LIMITS.most_metadata_tags + 1), "complex"),
        (b" " * (ARCHIVE_LIMITS.most_metadata_bytes + 1), "10,000,001 bytes"),
    ],
)
def test_documents_that_are_refused(xml: bytes, words: str) -> None:
    with pytest.raises(UnreadableFile, match=words) as caught:
        parse_metadata(xml)
    assert str(caught.value).startswith("The metadata file ")


def test_deep_documents_do_no_harm() -> None:
    deep = b"<a>" * 199_000 + b"</a>" * 199_000
    assert parse_metadata(b"<Level-2A_User_Product>" + deep + b"</Level-2A_User_Product>").offsets == {}


@given(xml=st.binary(max_size=200))
def test_any_bytes_are_refused_properly(xml: bytes) -> None:
    with pytest.raises(UnreadableFile):
        parse_metadata(xml)


@settings(max_examples=200)
@given(data=st.data(), is_tile=st.booleans())
def test_changed_documents_raise_nothing_else(data: st.DataObject, is_tile: bool) -> None:
    text = (tile_metadata() if is_tile else product_metadata()).encode()
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    changed = text[:start] + data.draw(st.binary(max_size=20)) + text[end:]
    try:
        metadata = parse_metadata(changed)
    except UnreadableFile:
        return
    assert metadata.quantification is None or 1 <= metadata.quantification <= 1e6
    assert all(np.isfinite(value) and name in BANDS for name, value in metadata.offsets.items())
    rule = offset_rule(None, None, metadata)
    assert rule.quantification >= 1
    assert rule.sentence.endswith(".")


@pytest.mark.parametrize(
    ("name", "baseline", "is_outside"),
    [
        ("S2B_MSIL2A_20250601T101031_N0511_R022_T32TQM_20250601T133000.SAFE/x/B02.jp2", "05.11", False),
        ("S2B_MSIL2A_20250601T101031_N9999_R022_T32TQM_20250601T133000.SAFE/x/B02.jp2", None, True),
        ("S2A_OPER_MSI_L1C_TL_SGS__20151126T124456_A002192_T32TQM_N02.00", "02.00", False),
        ("B02.jp2", None, False),
        ("AN0511B.jp2", None, False),
        ("", None, False),
    ],
)
def test_baselines_in_names(name: str, baseline: str | None, is_outside: bool) -> None:
    assert baseline_from_name(name) == baseline
    assert is_outside_series(name) == is_outside


@pytest.mark.parametrize(
    ("level", "baseline", "offset", "sentence"),
    [
        ("Level-2A", "05.11", -1000, "Level-2A, baseline 05.11: 1000 subtracted."),
        ("Level-1C", "04.00", -1000, "Level-1C, baseline 04.00: 1000 subtracted."),
        ("Level-2A", "03.01", 0, "Level-2A, baseline 03.01: no offset."),
        ("Level-2A", None, 0, "Level-2A, baseline unknown: no offset."),
        ("Level-2A", "99.99", 0, "Level-2A, baseline unknown: no offset."),
        (None, "02.04", 0, "Level unknown, baseline 02.04: no offset."),
    ],
)
def test_offset_without_metadata(level: str | None, baseline: str | None, offset: float, sentence: str) -> None:
    rule = offset_rule(level, baseline)
    assert rule.quantification == 10_000
    assert {rule.offsets.get(band, 0) for band in BANDS} == {offset}
    assert rule.sentence == sentence
    assert rule.warning
    is_known = baseline not in (None, "99.99")
    assert rule.warning.startswith("The processing baseline is unknown") != is_known


@pytest.mark.parametrize(
    ("baseline", "offset", "warns"),
    [("05.11", -1000, False), ("03.01", None, False), ("05.11", None, True), ("03.01", -1000, True)],
)
def test_metadata_decide(baseline: str, offset: float | None, warns: bool) -> None:
    """Whatever the name says; but where they contradict their own baseline, the user is told."""
    metadata = parse_metadata(product_metadata(baseline=baseline, offset=offset).encode())
    for named in (None, "02.00", "05.00"):
        rule = offset_rule("Level-1C", named, metadata)
        assert {rule.offsets.get(band, 0) for band in BANDS} == {offset or 0}
        assert rule.sentence.startswith(f"Level-2A, baseline {baseline}: ")
        assert bool(rule.warning) == warns


@pytest.mark.parametrize("jp2", [True, False])
def test_written_products_hold_the_pattern(tmp_path: Path, jp2: bool) -> None:
    write_safe(tmp_path, size_m=240, tiles=2, jp2=jp2, empty_m=60)
    choice = choose_files(_files(tmp_path), "32TQN")
    origin_xy = (ORIGIN_XY[0] + 240, ORIGIN_XY[1])
    for facts in choice.bands:
        with rasterio.open(tmp_path / facts.name) as dataset:
            assert dataset.driver == ("JP2OpenJPEG" if jp2 else "GTiff")
            assert dataset.crs.to_epsg() == EPSG
            assert (dataset.bounds.left, dataset.bounds.top) == origin_xy
            assert dataset.res == (facts.likely_pixel_m, facts.likely_pixel_m)
            pixels = dataset.read(1)
        x, y = pixel_centres(origin_xy, 240, facts.likely_pixel_m)
        empty = 60 // facts.likely_pixel_m
        assert not pixels[:, :empty].any()
        if facts.is_scl:
            assert np.array_equal(pixels[:, empty:], scl_classes(x, y)[:, empty:])
        else:
            found = (pixels[:, empty:] - 1000.0) / 10_000
            assert np.allclose(found, reflectance(facts.band, x, y)[:, empty:], atol=0.6e-4)


def test_written_products_are_the_same_each_time(tmp_path: Path) -> None:
    zips = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        safe = write_safe(tmp_path / name, size_m=120)
        zips.append(zip_folder(safe, tmp_path / f"{name}.zip").read_bytes())
    assert zips[0] == zips[1]


def test_written_products_can_lack_things(tmp_path: Path) -> None:
    safe = write_safe(
        tmp_path, size_m=60, bands=["B02"], with_scl=False, with_metadata=False, with_tile_metadata=False,
        with_extras=False, with_crs=False, all_sizes=False,
    )  # fmt: skip
    (name,) = _files(safe)
    with rasterio.Env(GDAL_PAM_ENABLED="NO"), pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        rasterio.open(safe / name).close()
