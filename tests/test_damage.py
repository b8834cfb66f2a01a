"""Damage that GDAL passes over in silence is said, and numbers beyond any measurement are brought down."""

from __future__ import annotations

import logging
import struct
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from answers import wrong_scene, wrong_words
from scenes import UTM, UTM_10M, land_cover, write_raster, write_scene

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.core.recipe import default_recipe
from s2dash.core.scene import Scene
from s2dash.errors import UnreadableFile
from s2dash.ingest import checks
from s2dash.ingest.checks import open_checked, read_grid
from s2dash.ingest.damage import complaint_notes, listening, size_notes

SHAPE = (24, 40)


def taken_in(path: Path) -> Scene:
    folder = path.parent / "scene"
    scene = ingest.ingest(path, folder)
    assert wrong_scene(scene, folder) is None
    return scene


def write_jp2(path: Path, **how: str) -> Path:
    values = land_cover(SHAPE, ("B08",)).astype("uint16")
    profile = {"height": SHAPE[0], "width": SHAPE[1], "count": 1, "dtype": "uint16", "crs": UTM, "transform": UTM_10M}
    lossless = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}
    with rasterio.open(path, "w", **profile, **lossless, **how) as dataset:
        dataset.write(values)
    return path


class TestTwoSizes:
    @pytest.mark.parametrize(
        ("place", "number", "said"),
        [
            (0, struct.pack(">I", 50_000), "its header says 40 x 50,000 pixels in 1 band"),
            (4, struct.pack(">I", 7), "its header says 7 x 24 pixels in 1 band"),
            (8, struct.pack(">H", 3), "its header says 40 x 24 pixels in 3 bands"),
        ],
    )
    def test_is_said(self, tmp_path: Path, place: int, number: bytes, said: str) -> None:
        path = write_jp2(tmp_path / "a.jp2")
        data = bytearray(path.read_bytes())
        start = data.index(b"ihdr") + 4 + place
        data[start : start + len(number)] = number
        path.write_bytes(data)
        (note,) = (note for note in taken_in(path).notes if "contradicts itself" in note)
        assert said in note
        assert "its picture has 40 x 24 pixels in 1 band" in note

    @pytest.mark.parametrize("codec", ["JP2", "J2K"])
    def test_one_size_is_not(self, tmp_path: Path, codec: str) -> None:
        path = write_jp2(tmp_path / "a.jp2", CODEC=codec)
        with open_checked(path) as dataset:
            assert size_notes(dataset, path, "a.jp2") == ()

    @pytest.mark.parametrize("cut", [9, 20, 40, 52])
    def test_what_cannot_be_followed_is_left_alone(self, tmp_path: Path, cut: int) -> None:
        path = write_jp2(tmp_path / "a.jp2")
        with open_checked(path) as dataset:
            short = tmp_path / "short.jp2"
            short.write_bytes(path.read_bytes()[:cut])
            assert size_notes(dataset, short, "short.jp2") == ()


class TestComplaints:
    @pytest.mark.parametrize(
        ("complaint", "part"),
        [
            ('a.tif: TIFFFetchNormalTag:Incorrect count for "GeoPixelScale"; tag ignored', "coordinates"),
            ("CPLE_AppDefined in a.tif: GeoTIFF tags apparently corrupt, they are being ignored.", "coordinates"),
            ('TIFFFetchNormalTag:IO error during reading of "GDALMetadata"; tag ignored', "names and tags"),
            ('TIFFFetchNormalTag:Incorrect count for "GDALNoDataValue"; tag ignored', "nodata value"),
            ('TIFFReadDirectory:Bogus "StripByteCounts" field, ignoring and calculating', "sizes of its blocks"),
            ("Something is corrupt in /srv/secret/a.tif", "details"),
        ],
    )
    def test_become_one_note_in_plain_words(self, complaint: str, part: str) -> None:
        (note,) = complaint_notes([complaint, complaint], "a.tif")
        assert f"damaged in part ({part})" in note
        assert wrong_words(note) is None
        assert "secret" not in note

    @pytest.mark.parametrize(
        "complaint",
        [
            "Sum of Photometric type-related color channels and ExtraSamples doesn't match SamplesPerPixel.",
            'ASCII value for tag "Software" contains null byte in value; value incorrectly truncated during reading',
            "Nonstandard tile width 8, convert file",
        ],
    )
    def test_that_lose_nothing_are_kept_back(self, complaint: str) -> None:
        assert complaint_notes([complaint], "a.tif") == ()

    def test_are_heard_on_this_thread_and_in_this_block(self) -> None:
        log = logging.getLogger("rasterio._env")
        with listening() as heard:
            log.warning("here")
            other = threading.Thread(target=log.warning, args=("elsewhere",))
            other.start()
            other.join()
        log.warning("afterwards")
        assert heard == ["here"]


class TestNumbersBeyondMeasurement:
    @pytest.mark.parametrize(("dtype", "power"), [("float32", 33), ("float64", 300)])
    def test_are_rescaled_and_give_the_same_groups(self, tmp_path: Path, dtype: str, power: int) -> None:
        values = land_cover(SHAPE, ("B03", "B04", "B08")).astype(dtype)
        values[:, :3] = -1
        plain = write_raster(tmp_path / "plain.tif", values, nodata=-1)
        factor = np.dtype(dtype).type(10.0**power)
        huge = write_raster(tmp_path / "huge.tif", values * factor, nodata=float(-factor))
        assert ingest.open_in_place(plain) is not None
        assert ingest.open_in_place(huge) is None
        scene = taken_in(huge)
        assert any("divided by 10 to the power of" in note for note in scene.notes)
        ours, theirs = labels(scene), labels(ingest.ingest(plain, tmp_path / "plain"))
        assert np.array_equal(ours, theirs)
        assert not ours[:3].any()
        assert ours[3:].all()

    def test_a_few_are_masked_and_said(self, tmp_path: Path) -> None:
        values = land_cover(SHAPE, ("B03", "B04")).astype("float32")
        values[0, 2, 3], values[1, 5, 6] = np.inf, -3e38
        path = write_raster(tmp_path / "a.tif", values)
        for scene in (taken_in(path), ingest.open_in_place(path)):
            assert scene is not None
            assert sum("infinite or too large" in note for note in scene.notes) == 1
            assert sorted(zip(*np.nonzero(labels(scene) == 0), strict=True)) == [(2, 3), (5, 6)]

    def test_a_tagged_nodata_value_of_any_size_is_no_wonder(self, tmp_path: Path) -> None:
        lowest = float(np.finfo("float32").min)
        hole = (slice(0, 20), slice(0, 40))
        path = write_scene(tmp_path / "a.tif", SHAPE, dtype="float32", nodata=lowest, masked=[hole])
        assert not any("too large" in note for note in taken_in(path).notes)


def labels(scene: Scene) -> np.ndarray:
    recipe = replace(default_recipe(scene).plain(), k=3, params=(("n_init", 2),))
    found = pipeline.run_live(pipeline.fitted_to(scene, recipe)).classmap.labels
    assert found is not None
    return found


def test_both_values_of_one_bit_count(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 2, (1, *SHAPE)).astype("uint8")
    scene = taken_in(write_raster(tmp_path / "a.tif", values, nbits=1))
    recipe = replace(default_recipe(scene).plain(), k=2, params=(("n_init", 1),))
    found = pipeline.run_live(pipeline.fitted_to(scene, recipe)).classmap.labels
    assert np.array_equal(found, values[0] + 1)


def test_damaged_pixels_of_the_operators_own_file_are_told(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", SHAPE, compress="zstd")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(UnreadableFile, match=r"a\.tif is damaged") as refused:
        ingest.open_in_place(path)
    assert wrong_words(str(refused.value)) is None


def test_more_than_can_be_looked_at_together_is_refused(tmp_path: Path) -> None:
    """A picture of many bands compresses to little and would fill the server's memory."""
    values = np.broadcast_to(np.random.default_rng(0).random((400, 1, 512)), (400, 512, 512))
    path = write_raster(tmp_path / "a.tif", values, compress="zstd", blockxsize=256, blockysize=256)
    with pytest.raises(UnreadableFile, match="400 bands of 64-bit numbers take 838,860,800 bytes") as refused:
        ingest.ingest(path, tmp_path / "scene")
    assert wrong_words(str(refused.value)) is None


@pytest.mark.parametrize(
    "transform",
    [
        Affine(1e-300, 0, 0, 0, -1e-300, 0),
        Affine(1e200, 0, 0, 0, -1e-200, 0),
        Affine(10, 10, 0, 10, 10 + 1e-9, 0),
        Affine(10, 0, 1e300, 0, -10, 0),
        Affine(10, 0, float("nan"), 0, -10, 0),
        Affine(10, 0, float("inf"), 0, -10, 0),
    ],
)
def test_grids_that_cannot_be_reckoned_with_are_refused(transform: Affine) -> None:
    class Header:
        height, width, crs = 16, 16, None

    Header.transform = transform
    with pytest.raises(UnreadableFile, match="lie nowhere on the Earth"):
        read_grid(Header(), "a.tif")


def test_what_refers_to_other_files_is_refused_in_any_band(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", SHAPE)
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(2, ns=checks._REFUSED_DOMAINS[0], OVERVIEW_FILE="/etc/passwd")
    with pytest.raises(UnreadableFile, match="refers to other files"):
        ingest.ingest(path, tmp_path / "scene")


FILLING = """
import sys
from pathlib import Path
import numpy as np
from s2dash.ingest.sandbox import confine
from s2dash.settings import INGEST_LIMITS
confine([], Path(sys.argv[1]), INGEST_LIMITS)
try:
    np.ones(INGEST_LIMITS.memory_bytes, "uint8")
except MemoryError:
    print("no more")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory that a process fills")
def test_the_reading_process_cannot_fill_more_than_its_memory(tmp_path: Path) -> None:
    """20 kB of JPEG 2000 in code blocks of 4 x 4 pixels make a decoder's own tables of gigabytes: no header says so."""
    here = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", FILLING, str(tmp_path)], capture_output=True, text=True, check=True, cwd=here
    )
    assert done.stdout == "no more\n"


@pytest.mark.parametrize("rows", [40, 96])
def test_rows_that_are_not_in_a_tiff_are_said(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "a.tif"
    how = {"driver": "GTiff", "width": 80, "height": 96, "count": 2, "dtype": "uint16", "blockysize": 8}
    values = np.random.default_rng(0).integers(1, 5_000, (2, rows, 80)).astype("uint16")
    with rasterio.open(
        path, "w", sparse_ok=True, crs="EPSG:32633", transform=Affine(10, 0, 5e5, 0, -10, 5e6), **how
    ) as dataset:
        dataset.write(values, window=((0, rows), (0, 80)))
    notes = ingest.ingest(path, tmp_path / "taken").notes
    said = "a.tif declares 96 rows, but holds only the first 40; the rest has no data."
    assert any(said in note for note in notes) == (rows == 40)
