"""What bands come packed in: archives inside archives and tars, ENVI and SNAP's files; and what is only named.

Each that opens is tried with variants that must not hurt: all are refused in a sentence, and leave nothing.
"""

from __future__ import annotations

import gzip
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from answers import wrong_words
from loose import ground, placed, read_all, taken_in, write_band
from pyproj import CRS

from s2dash.errors import UnreadableFile
from s2dash.ingest import tar_archive
from s2dash.ingest.assemble.plan import plan_scene
from s2dash.ingest.assemble.values import InputFile, Provenance
from s2dash.ingest.gather import gather
from s2dash.ingest.inputs import Inputs
from s2dash.ingest.kinds import kind_of
from s2dash.ingest.pile import GivenFile
from s2dash.settings import ARCHIVE_LIMITS

SHAPE = (24, 30)
BANDS = ("B02", "B03", "B08")


def values_of(number: int) -> np.ndarray:
    return np.rint(ground(SHAPE, number) * 10_000).astype("uint16")


def bands(folder: Path, names: Sequence[str] = BANDS) -> list[Path]:
    return [write_band(folder / f"{name}.tif", values_of(n), placed(SHAPE, 10)) for n, name in enumerate(names)]


def zipped(path: Path, files: Sequence[Path]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.name)
    return path


def tarred(path: Path, files: Sequence[Path], prefix: str = "", form: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix in (".gz", ".tgz") else "w", format=form) as archive:
        for file in files:
            archive.add(file, f"{prefix}{file.name}")
    return path


def gathered(path: Path, tmp_path: Path) -> Inputs:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    return gather([GivenFile(path.name, path)], scratch, "title", None, lambda share: None)


def refusal(path: Path, tmp_path: Path) -> str:
    """What is said of a file that is refused, through the door; nothing is left of it."""
    with pytest.raises(UnreadableFile) as caught:
        taken_in(path, tmp_path)
    assert not (tmp_path / "taken-in").exists()
    return str(caught.value)


def entry(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info


class TestTar:
    @pytest.mark.parametrize("ending", ["tar", "tar.gz", "tgz"])
    def test_opens(self, tmp_path: Path, ending: str) -> None:
        path = tarred(tmp_path / f"export.{ending}", bands(tmp_path / "in"))
        scene = taken_in(path, tmp_path)
        assert scene.band_names == BANDS
        assert np.array_equal(read_all(scene).values, [values_of(n) for n in range(3)])

    @pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    @pytest.mark.parametrize("prefix", ["", "./", "a folder/", f"{'long ' * 15}/{'name ' * 8}/", "Überflug/"])
    def test_every_form_of_names(self, tmp_path: Path, form: int, prefix: str) -> None:
        path = tarred(tmp_path / "a.tar", bands(tmp_path / "in"), prefix, form)
        assert [member.name.split("/")[-1] for member in tar_archive.list_members(path)] == [
            f"{name}.tif" for name in BANDS
        ]
        assert [file.name for file in gathered(path, tmp_path).files] == [f"{name}.tif" for name in BANDS]

    def test_folders_and_texts_in_it(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "scene_MTL.txt").write_text("GROUP")
        bands(tmp_path / "in")
        path = tmp_path / "a.tar"
        with tarfile.open(path, "w") as archive:
            archive.add(tmp_path / "in", ".")
        inputs = gathered(path, tmp_path)
        assert [file.name for file in inputs.files] == [f"{name}.tif" for name in BANDS]
        assert inputs.provenance.notes == ("Left out, as no band: scene_MTL.txt.",)

    def test_two_gzip_members_are_one_stream(self, tmp_path: Path) -> None:
        plain = tarred(tmp_path / "a.tar", bands(tmp_path / "in")).read_bytes()
        path = tmp_path / "b.tar.gz"
        path.write_bytes(gzip.compress(plain[:1000]) + gzip.compress(plain[1000:]))
        assert len(tar_archive.list_members(path)) == 3

    def test_is_told_by_its_bytes(self, tmp_path: Path) -> None:
        tar = tarred(tmp_path / "a.tar", bands(tmp_path / "in"))
        other = tmp_path / "download"
        other.write_bytes(tar.read_bytes())
        assert tar_archive.is_tar(other)
        (tmp_path / "x.gz").write_bytes(gzip.compress(b"no tar" * 200))
        assert not tar_archive.is_tar(tmp_path / "x.gz")
        assert not tar_archive.is_tar(bands(tmp_path / "in")[0])

    @pytest.mark.parametrize(
        ("info", "words"),
        [
            (entry("../../B02.tif"), "leads outside"),
            (entry("/etc/B02.tif"), "absolute name"),
            (entry("C:B02.tif"), "absolute name"),
            (entry("a\\B02.tif"), "backslash"),
            (entry("a\nB02.tif"), "control characters"),
            (entry("a//B02.tif"), "empty part"),
            (entry("B02.tif", kind=tarfile.SYMTYPE, link="/etc/passwd"), "is a link"),
            (entry("B02.tif", kind=tarfile.LNKTYPE, link="B03.tif"), "is a link"),
            (entry("B02.tif", kind=tarfile.CHRTYPE), "neither a file nor a folder"),
            (entry("B02.tif", kind=tarfile.BLKTYPE), "neither a file nor a folder"),
            (entry("B02.tif", kind=tarfile.FIFOTYPE), "neither a file nor a folder"),
            (entry("B02.tif", kind=tarfile.GNUTYPE_SPARSE), "neither a file nor a folder"),
            (entry("B02.tif", kind=b"V"), "neither a file nor a folder"),
            (entry("B02.tif/"), "name of a folder"),
            (entry("b" * 600 + "/B02.tif"), "too long"),
            (entry("/".join("a" * 60) + "/B02.tif"), "too long"),
        ],
    )
    @pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    def test_what_an_entry_may_not_be(self, tmp_path: Path, info: tarfile.TarInfo, words: str, form: int) -> None:
        path = tmp_path / "a.tar"
        with tarfile.open(path, "w", format=form) as archive:
            archive.add(bands(tmp_path / "in")[0], "B03.tif")
            archive.addfile(info)
        with pytest.raises(UnreadableFile, match=words) as caught:
            gathered(path, tmp_path)
        assert "Unpack it and give its files, or pack them as zip." in str(caught.value)

    @pytest.mark.parametrize("names", [("B02.tif", "b02.TIF"), ("a", "a/B02.tif")])
    def test_names_that_clash(self, tmp_path: Path, names: tuple[str, str]) -> None:
        path = tmp_path / "a.tar"
        with tarfile.open(path, "w") as archive:
            for name in names:
                archive.addfile(entry(name))
        with pytest.raises(UnreadableFile, match=r"is there twice|a file and a folder at once"):
            gathered(path, tmp_path)

    @pytest.mark.parametrize("share", [0.02, 0.2, 0.5])
    @pytest.mark.parametrize("ending", ["tar", "tar.gz"])
    def test_cut_short(self, tmp_path: Path, share: float, ending: str) -> None:
        path = tarred(tmp_path / f"a.{ending}", bands(tmp_path / "in"))
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])
        assert "damaged or cut short" in refusal(path, tmp_path) or share < 0.1

    def test_a_size_beyond_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tar"
        path.write_bytes(entry("B02.tif", 10**9).tobuf(tarfile.GNU_FORMAT) + bytes(5_000))
        with pytest.raises(UnreadableFile, match="damaged or cut short"):
            gathered(path, tmp_path)

    @pytest.mark.parametrize("size", [10**13, 2**80])
    def test_sizes_beyond_limits(self, tmp_path: Path, size: int) -> None:
        path = tmp_path / "a.tar"
        path.write_bytes(entry("B02.tif", size).tobuf(tarfile.GNU_FORMAT) + bytes(5_000))
        with pytest.raises(UnreadableFile, match="are allowed"):
            gathered(path, tmp_path)

    def test_a_negative_size(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tar"
        path.write_bytes(entry("B02.tif", -512).tobuf(tarfile.GNU_FORMAT) + bytes(5_000))
        with pytest.raises(UnreadableFile, match="damaged"):
            gathered(path, tmp_path)

    def test_a_header_that_would_fill_memory(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tar"
        header = entry("x", 10**10, tarfile.XHDTYPE).tobuf(tarfile.GNU_FORMAT)
        path.write_bytes(header + bytes(5_000))
        with pytest.raises(UnreadableFile, match="has a header of 10,000,000,000 bytes"):
            gathered(path, tmp_path)

    @pytest.mark.parametrize("record", [b"999 path=a\n", b"0 path=a\n", b"path=a\n", b"9 size=-1\n", b"13 size=1e99\n"])
    def test_extended_headers_that_lie(self, tmp_path: Path, record: bytes) -> None:
        path = tmp_path / "a.tar"
        header = entry("x", len(record), tarfile.XHDTYPE).tobuf(tarfile.GNU_FORMAT)
        path.write_bytes(header + record.ljust(512, b"\0") + entry("B02.tif").tobuf() + bytes(1024))
        with pytest.raises(UnreadableFile, match="damaged"):
            gathered(path, tmp_path)

    def test_a_sparse_file_of_pax(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tar"
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
            info = entry("B02.tif")
            info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.realsize": "99999999999"}
            archive.addfile(info)
        with pytest.raises(UnreadableFile, match="sparse"):
            gathered(path, tmp_path)

    def test_bombs(self, tmp_path: Path) -> None:
        path = tmp_path / "bomb.tar.gz"
        limits = replace(ARCHIVE_LIMITS, free_declared_bytes=1_000_000)
        with gzip.open(path, "wb") as out:
            out.write(entry("B02.tif", 30_000_000).tobuf())
            out.write(bytes(30_001_152))
        with pytest.raises(UnreadableFile, match="more than real pictures do"):
            tar_archive.list_members(path, limits)

    def test_many_entries(self, tmp_path: Path) -> None:
        path = tmp_path / "many.tar"
        with tarfile.open(path, "w") as archive:
            for number in range(200):
                archive.addfile(entry(f"{number}.tif"))
        with pytest.raises(UnreadableFile, match="more than 100 entries"):
            tar_archive.list_members(path, replace(ARCHIVE_LIMITS, most_members=100))

    def test_nothing_is_left_of_one_that_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tar"
        with tarfile.open(path, "w") as archive:
            archive.add(bands(tmp_path / "in")[0], "B02.tif")
            archive.addfile(entry("B03.tif", kind=tarfile.SYMTYPE, link="/etc/passwd"))
        assert "is a link to somewhere else" in refusal(path, tmp_path)


class TestArchivesInArchives:
    @pytest.mark.parametrize("inner", ["a.zip", "a.tar", "a.tar.gz"])
    @pytest.mark.parametrize("outer", ["download.zip", "download.tar", "folder"])
    def test_one_level_opens(self, tmp_path: Path, inner: str, outer: str) -> None:
        files = bands(tmp_path / "in")
        packed = (zipped if inner.endswith("zip") else tarred)(tmp_path / inner, files)
        if outer == "folder":
            given = tmp_path / "folder"
            given.mkdir()
            packed = packed.rename(given / inner)
        else:
            given = (zipped if outer.endswith("zip") else tarred)(tmp_path / outer, [packed])
        assert [file.name for file in gathered(given, tmp_path).files] == [f"{name}.tif" for name in BANDS]
        assert packed.exists()

    def test_through_the_door(self, tmp_path: Path) -> None:
        inner = zipped(tmp_path / "inner.zip", bands(tmp_path / "in"))
        scene = taken_in(zipped(tmp_path / "outer.zip", [inner]), tmp_path)
        assert scene.band_names == BANDS

    def test_two_levels_do_not(self, tmp_path: Path) -> None:
        one = zipped(tmp_path / "one.zip", bands(tmp_path / "in"))
        two = zipped(tmp_path / "two.zip", [one])
        with pytest.raises(UnreadableFile, match=r"two\.zip lies in an archive and holds archives itself"):
            gathered(zipped(tmp_path / "three.zip", [two]), tmp_path)

    def test_several_are_shown_the_way_to_many_scenes(self, tmp_path: Path) -> None:
        files = bands(tmp_path / "in")
        inner = [zipped(tmp_path / f"{n}.zip", files) for n in range(3)]
        with pytest.raises(UnreadableFile, match=r"holds 3 archives, such as 0\.zip.*Many scenes"):
            gathered(zipped(tmp_path / "outer.zip", inner), tmp_path)

    def test_bands_go_before_archives(self, tmp_path: Path) -> None:
        files = bands(tmp_path / "in")
        inner = zipped(tmp_path / "extra.zip", files[:1])
        inputs = gathered(zipped(tmp_path / "outer.zip", [*files, inner]), tmp_path)
        assert [file.name for file in inputs.files] == [f"{name}.tif" for name in BANDS]
        assert inputs.provenance.notes == ("Left out, as no band: extra.zip.",)

    def test_what_is_inside_is_checked_like_any(self, tmp_path: Path) -> None:
        inner = tmp_path / "inner.zip"
        with zipfile.ZipFile(inner, "w") as archive:
            archive.writestr("../../B02.tif", b"II*\x00")
        said = refusal(zipped(tmp_path / "outer.zip", [inner]), tmp_path)
        assert said.startswith("inner.zip is refused: its entry “../../B02.tif” has a name that leads outside")

    def test_a_bomb_inside(self, tmp_path: Path) -> None:
        inner = tmp_path / "inner.zip"
        with (
            zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
            archive.open("B02.tif", "w", force_zip64=True) as out,
        ):
            for _ in range(400):
                out.write(bytes(1_000_000))
        assert "more than real pictures do" in refusal(zipped(tmp_path / "outer.zip", [inner]), tmp_path)


ENVI = """ENVI
description = {{File Imported into ENVI.}}
samples = {width}
lines   = {height}
bands   = {count}
header offset = {offset}
file type = ENVI Standard
data type = {kind}
interleave = {interleave}
byte order = {order}
{more}
"""
UTM_32 = "map info = {UTM, 1, 1, 600000, 5100000, 10, 10, 32, North, WGS-84, units=Meters}"
CODES = {"u1": 1, "i2": 2, "i4": 3, "f4": 4, "f8": 5, "u2": 12, "u4": 13}


def envi(
    folder: Path,
    values: np.ndarray,
    interleave: str = "bsq",
    kind: str = "u2",
    order: int = 0,
    more: str = UTM_32,
    offset: int = 0,
    stem: str = "stack",
    ending: str = ".dat",
    changed: dict[str, object] | None = None,
) -> tuple[Path, Path]:
    """An ENVI raster of values of shape (bands, rows, cols): pixels and header."""
    folder.mkdir(parents=True, exist_ok=True)
    moved = {"bsq": values, "bil": values.transpose(1, 0, 2), "bip": values.transpose(1, 2, 0)}[interleave]
    pixels, header = folder / f"{stem}{ending}", folder / f"{stem}.hdr"
    pixels.write_bytes(bytes(offset) + moved.astype(("<", ">")[order] + kind).tobytes())
    count, height, width = values.shape
    facts = {"width": width, "height": height, "count": count, "offset": offset, "kind": CODES[kind]}
    facts |= {"interleave": interleave, "order": order, "more": more}
    header.write_text(ENVI.format(**(facts | (changed or {}))))
    return pixels, header


def stack() -> np.ndarray:
    return np.stack([values_of(n) for n in range(4)])


def gathered_all(paths: Sequence[Path], tmp_path: Path) -> Inputs:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    return gather([GivenFile(path.name, path) for path in paths], scratch, "title", None, lambda share: None)


def _of(inputs: Inputs) -> tuple[tuple[InputFile, ...], Provenance]:
    return inputs.files, inputs.provenance


def raster(inputs: Inputs) -> rasterio.DatasetReader:
    (file,) = inputs.files
    return rasterio.open(file.location.path, driver="GTiff")


class TestEnvi:
    @pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
    @pytest.mark.parametrize("kind", list(CODES))
    @pytest.mark.parametrize("order", [0, 1])
    def test_every_layout(self, tmp_path: Path, interleave: str, kind: str, order: int) -> None:
        values = (stack() // 50).astype("u1") if kind == "u1" else stack()
        pair = envi(tmp_path, values, interleave, kind, order, offset=order * 100)
        with raster(gathered_all(pair, tmp_path)) as dataset:
            assert dataset.dtypes == (np.dtype(kind).name,) * 4
            assert np.array_equal(dataset.read(), values)
            assert dataset.crs.to_epsg() == 32632
            assert dataset.transform == placed(SHAPE, 10).transform

    @pytest.mark.parametrize("ending", [".dat", ".img", ".bsq", ".bil", ".raw", ".bin", "", ".DAT"])
    def test_every_name(self, tmp_path: Path, ending: str) -> None:
        pair = envi(tmp_path, stack(), ending=ending)
        inputs = gathered_all(pair, tmp_path)
        assert [file.name for file in inputs.files] == [f"stack{ending}"]
        assert inputs.provenance.notes == ()

    def test_the_header_of_a_whole_name(self, tmp_path: Path) -> None:
        pixels, header = envi(tmp_path, stack())
        pair = pixels, header.rename(tmp_path / "stack.dat.hdr")
        assert [file.name for file in gathered_all(pair, tmp_path).files] == ["stack.dat"]

    @pytest.mark.parametrize("how", ["loose", "folder", "zip", "tar", "beside"])
    def test_through_the_door(self, tmp_path: Path, how: str) -> None:
        pair = envi(tmp_path / "in", stack(), more=UTM_32 + "\nband names = {B2, B3,\n B4, B8}")
        given = {
            "loose": list(pair),
            "folder": tmp_path / "in",
            "zip": zipped(tmp_path / "a.zip", pair),
            "tar": tarred(tmp_path / "a.tar", pair),
            "beside": pair[0],
        }[how]
        scene = taken_in(given, tmp_path)
        assert scene.band_names == ("B02", "B03", "B04", "B08")
        assert np.array_equal(read_all(scene).values, stack())
        assert scene.grid.crs_label == "EPSG:32632"

    def test_names_numbers_and_nodata(self, tmp_path: Path) -> None:
        more = "\n".join(
            [
                "band names = {Band 1, Band 2, Band 3, Band 4}",
                "wavelength = {0.490, 0.560, 0.700, 1.0}",
                "wavelength units = Micrometers",
                "data ignore value = 0",
                "reflectance scale factor = 10000",
                "acquisition time = 2023-06-05T10:06:01Z",
            ]
        )
        with raster(gathered_all(envi(tmp_path, stack(), more=more), tmp_path)) as dataset:
            assert dataset.descriptions == ("B02", "B03", "B05", "1000 nm")
            assert dataset.scales == (1e-4,) * 4
            assert dataset.nodata == 0
            assert dataset.crs is None
            assert dataset.tags()["ACQUISITION_DATE"] == "2023-06-05"

    def test_names_that_only_count_are_none(self, tmp_path: Path) -> None:
        pair = envi(tmp_path, stack(), more="band names = {Band 1, Band 2, Band 3, Band 4}")
        with raster(gathered_all(pair, tmp_path)) as dataset:
            assert dataset.descriptions == (None,) * 4

    @pytest.mark.parametrize(
        ("more", "epsg"),
        [
            ("map info = {UTM, 1, 1, 600000, 5100000, 10, 10, 50, South, WGS-84}", 32750),
            ("map info = {Geographic Lat/Lon, 1, 1, 12, 48, 1e-4, 1e-4, WGS-84, units=Degrees}", 4326),
            ("map info = {Arbitrary, 1, 1, 0, 0, 1, 1, 0, North}", None),
            (
                "map info = {X, 1, 1, 600000, 5100000, 10, 10}\ncoordinate system string = {"
                + CRS.from_epsg(32633).to_wkt("WKT1_ESRI")
                + "}",
                32633,
            ),
        ],
    )
    def test_places(self, tmp_path: Path, more: str, epsg: int | None) -> None:
        with raster(gathered_all(envi(tmp_path, stack(), more=more), tmp_path)) as dataset:
            assert (dataset.crs.to_epsg() if dataset.crs else None) == epsg

    def test_a_reference_pixel_and_a_turn(self, tmp_path: Path) -> None:
        more = "map info = {UTM, 3, 2, 600020, 5099990, 10, 10, 32, North, WGS-84, rotation=90}"
        with raster(gathered_all(envi(tmp_path, stack(), more=more), tmp_path)) as dataset:
            assert dataset.transform @ (2, 1) == pytest.approx((600_020, 5_099_990))
            assert dataset.transform @ (3, 1) == pytest.approx((600_020, 5_100_000))

    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            ({"width": 10**9}, "declares 1,000,000,000 rows or columns; at most 200,000"),
            ({"width": 200_000, "height": 200_000}, "declares 40,000,000,000 pixels"),
            ({"count": 70_000}, "declares 70,000 bands; at most 400"),
            ({"width": 31}, "but its header says"),
            ({"height": 25}, "but its header says"),
            ({"width": 0}, "declares no pixels"),
            ({"width": -30}, "“samples = -30”, which cannot be"),
            ({"width": "3e1"}, "which cannot be"),
            ({"width": 10**25}, "which cannot be"),
            ({"width": ""}, "which cannot be"),
            ({"offset": -8}, "“header offset = -8”, which cannot be"),
            ({"offset": 10**17}, "but its header says"),
            ({"kind": 6}, "complex numbers"),
            ({"kind": 99}, "“data type = 99”, which cannot be"),
            ({"order": 7}, "which cannot be"),
            ({"interleave": "/etc/passwd"}, "which cannot be"),
            ({"more": "file compression = 1"}, "packed pixels"),
            ({"more": "map info = {UTM, 1, 1, nan, inf, 10, 10, 32, North, WGS-84}"}, "which cannot be"),
            ({"more": "map info = {UTM, 1, 1, 5, 5, 0, 10, 32, North, WGS-84}"}, "which cannot be"),
            ({"more": "map info = {UTM, 1, 1, 1e300, 5, 10, 10, 32, North, WGS-84}"}, "nowhere on the Earth"),
            ({"more": "data ignore value = <script>"}, "which cannot be"),
            ({"more": "reflectance scale factor = -1"}, "which cannot be"),
        ],
    )
    def test_headers_that_lie_are_refused(self, tmp_path: Path, changed: dict[str, object], words: str) -> None:
        pair = envi(tmp_path / "in", stack(), changed=changed)
        with pytest.raises(UnreadableFile) as caught:
            plan_scene(*_of(gathered_all(pair, tmp_path)), tmp_path)
        assert words in str(caught.value)
        assert wrong_words(str(caught.value)) is None

    def test_a_header_cannot_name_another_file(self, tmp_path: Path) -> None:
        """Whatever it says: the pixels are those of the file that was given with it."""
        secret = tmp_path / "secret"
        secret.write_bytes(bytes(stack().nbytes))
        more = f"{UTM_32}\ndata file = {secret}\nband names = {{../../etc/passwd, {secret}, c, d}}"
        with raster(gathered_all(envi(tmp_path / "in", stack(), more=more), tmp_path)) as dataset:
            assert np.array_equal(dataset.read(), stack())

    @pytest.mark.parametrize("word", ['EXTENSION["PROJ4","+proj=longlat +nadgrids=/etc/passwd"]', "BOUNDCRS[]"])
    def test_a_coordinate_system_cannot_name_files(self, tmp_path: Path, word: str) -> None:
        wkt = CRS.from_epsg(4326).to_wkt("WKT1_GDAL")[:-1] + f",{word}]"
        more = f"map info = {{X, 1, 1, 12, 48, 1e-4, 1e-4}}\ncoordinate system string = {{{wkt}}}"
        with raster(gathered_all(envi(tmp_path, stack(), more=more), tmp_path)) as dataset:
            assert dataset.crs is None

    @pytest.mark.parametrize("data", [b"", b"\xff" * 5_000, b"ENVI\n" + b"a = {" * 50_000, b"ENVI\n" + b"= " * 400_000])
    def test_headers_of_noise(self, tmp_path: Path, data: bytes) -> None:
        pixels, header = envi(tmp_path / "in", stack())
        header.write_bytes(data)
        with pytest.raises(UnreadableFile):
            gathered_all((pixels, header), tmp_path)

    def test_an_endless_header(self, tmp_path: Path) -> None:
        pixels, header = envi(tmp_path / "in", stack())
        header.write_bytes(b"ENVI\n" + bytes(3_000_000))
        with pytest.raises(UnreadableFile, match="far larger than the header"):
            gathered_all((pixels, header), tmp_path)

    def test_nothing_is_left_of_one_that_is_refused(self, tmp_path: Path) -> None:
        pair = envi(tmp_path / "in", stack(), changed={"width": 31})
        assert "but its header says" in refusal(zipped(tmp_path / "a.zip", pair), tmp_path)

    def test_one_of_esri_is_named(self, tmp_path: Path) -> None:
        pixels, header = envi(tmp_path / "in", stack(), ending=".bil")
        header.write_text("NROWS 24\nNCOLS 30\nNBANDS 4\n")
        with pytest.raises(UnreadableFile, match="not a header of ENVI"):
            gathered_all((pixels, header), tmp_path)


DIM = """<?xml version="1.0" encoding="ISO-8859-1"?>
<Dimap_Document name="subset.dim">
<Coordinate_Reference_System><WKT>{wkt}</WKT></Coordinate_Reference_System>
<Geoposition><IMAGE_TO_MODEL_TRANSFORM>10.0,0.0,0.0,-10.0,600000.0,5100000.0</IMAGE_TO_MODEL_TRANSFORM></Geoposition>
<Production><PRODUCT_SCENE_RASTER_START_TIME>05-JUN-2023 10:06:01.024</PRODUCT_SCENE_RASTER_START_TIME></Production>
<Data_Access>{files}</Data_Access><Image_Interpretation>{bands}</Image_Interpretation>
</Dimap_Document>"""
FILE = '<Data_File><DATA_FILE_PATH href="{href}"/><BAND_INDEX>{n}</BAND_INDEX></Data_File>'
BAND = """<Spectral_Band_Info><BAND_INDEX>{n}</BAND_INDEX><BAND_NAME>{name}</BAND_NAME>
<BAND_WAVELENGTH>{wave}</BAND_WAVELENGTH><SCALING_FACTOR>1.0E-4</SCALING_FACTOR><SCALING_OFFSET>-0.1</SCALING_OFFSET>
<LOG10_SCALED>false</LOG10_SCALED><NO_DATA_VALUE_USED>true</NO_DATA_VALUE_USED><NO_DATA_VALUE>0.0</NO_DATA_VALUE>
{more}</Spectral_Band_Info>"""
SNAP = {"B2": 492.4, "B3": 559.8, "B8": 832.8, "view_zenith_mean": 0, "quality_flags": 0}


def dimap(folder: Path, files: str = "", names: dict[str, float] | None = None) -> Path:
    """A product as SNAP writes it; returns the description."""
    names = names or SNAP
    for n, name in enumerate(names):
        envi(folder / "subset.data", values_of(n)[None], order=1, stem=name, ending=".img", more="")
    flags = "<FLAG_CODING_NAME>x</FLAG_CODING_NAME>"
    description = folder / "subset.dim"
    description.write_text(
        DIM.format(
            wkt=CRS.from_epsg(32632).to_wkt("WKT1_GDAL"),
            files=files or "".join(FILE.format(href=f"subset.data/{name}.hdr", n=n) for n, name in enumerate(names)),
            bands="".join(
                BAND.format(n=n, name=name, wave=wave, more=flags if "flags" in name else "")
                for n, (name, wave) in enumerate(names.items())
            ),
        )
    )
    return description


class TestDimap:
    @pytest.mark.parametrize("how", ["folder", "zip", "both", "beside"])
    def test_opens(self, tmp_path: Path, how: str) -> None:
        description = dimap(tmp_path / "in")
        given: Path | list[Path] = description
        if how == "folder":
            given = tmp_path / "in"
        elif how == "both":
            given = [description, tmp_path / "in" / "subset.data"]
        elif how == "zip":
            given = tmp_path / "product.zip"
            with zipfile.ZipFile(given, "w") as archive:
                for path in (tmp_path / "in").rglob("*.*"):
                    if path.is_file():
                        archive.write(path, path.relative_to(tmp_path / "in"))
        scene = taken_in(given, tmp_path)
        assert scene.band_names == ("B02", "B03", "B08")
        assert np.array_equal(read_all(scene).values, [values_of(n) for n in range(3)])
        assert scene.grid == placed(SHAPE, 10) or scene.grid.crs_label == "EPSG:32632"
        assert scene.grid.transform == placed(SHAPE, 10).transform
        assert set(scene.nodata) == {0.0}
        assert scene.reflectance.sentence == "The file says: times 0.0001, minus 0.1."
        assert any(note.startswith("Left out") and "quality_flags.img" in note for note in scene.notes)

    def test_bands_without_wavelengths_all_count_but_flags(self, tmp_path: Path) -> None:
        dimap(tmp_path / "in", names={"NDVI": 0, "NDWI": 0, "pixel_flags": 0})
        inputs = gathered(tmp_path / "in", tmp_path)
        assert [file.name for file in inputs.files] == ["NDVI.img", "NDWI.img"]

    def test_without_its_folder_it_says_so(self, tmp_path: Path) -> None:
        description = dimap(tmp_path / "in")
        with pytest.raises(UnreadableFile, match=r"subset\.dim is the description of a SNAP product.*subset\.data"):
            taken_in(description, tmp_path, names=["subset.dim"])

    def test_the_folder_without_its_description_opens(self, tmp_path: Path) -> None:
        dimap(tmp_path / "in").unlink()
        inputs = gathered(tmp_path / "in" / "subset.data", tmp_path)
        assert [file.name for file in inputs.files] == ["B2.img", "B3.img", "B8.img"]

    @pytest.mark.parametrize("href", ["/etc/passwd", "../../../etc/passwd", "file:///etc/passwd", "http://localhost/x"])
    def test_paths_in_the_description_are_never_followed(self, tmp_path: Path, href: str) -> None:
        dimap(tmp_path / "in", files="".join(FILE.format(href=href, n=n) for n in range(5)))
        inputs = gathered(tmp_path / "in", tmp_path)
        for number, file in enumerate(inputs.files):
            with rasterio.open(file.location.path) as dataset:
                assert np.array_equal(dataset.read(1), values_of(number))

    @pytest.mark.parametrize(
        ("xml", "words"),
        [
            ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Dimap_Document>&a;</Dimap_Document>', "DOCTYPE"),
            ("<Dimap_Document>", "not well-formed"),
            ("<other/>", "is not the description of a SNAP product"),
            ("<Dimap_Document>" + "<a/>" * 500_000 + "</Dimap_Document>", "far more complex"),
            ("<Dimap_Document>" + " " * 10_000_001 + "</Dimap_Document>", "bytes"),
        ],
    )
    def test_descriptions_that_must_not_hurt(self, tmp_path: Path, xml: str, words: str) -> None:
        dimap(tmp_path / "in").write_text(xml)
        with pytest.raises(UnreadableFile, match=words):
            gathered(tmp_path / "in", tmp_path)


SENTENCES = {
    "stack.vrt": (b'<VRTDataset rasterXSize="2">', "a virtual raster", "gdal_translate stack.vrt stack.tif"),
    "doc.vrt": (b"<?xml version='1.0'?>\n<VRTDataset>", "a virtual raster", "gdal_translate doc.vrt doc.tif"),
    "a.nc": (b"CDF\x01\0\0", "a NetCDF file", "gdalinfo a.nc"),
    "b.nc": (b"\x89HDF\r\n\x1a\n", "a NetCDF file", "gdalinfo b.nc"),
    "c.h5": (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "QGIS"),
    "d.hdf": (b"\x0e\x03\x13\x01", "an HDF4 file", "QGIS"),
    "e.img": (b"EHFA_HEADER_TAG\0", "an ERDAS Imagine raster", "gdal_translate e.img e.tif"),
    "f.rar": (b"Rar!\x1a\x07", "a RAR archive", "Unpack it"),
    "g.7z": (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it"),
    "h.tar.bz2": (b"BZh91AY", "a file packed by bzip2", "Unpack it"),
    "h.tar.xz": (b"\xfd7zXZ\0", "a file packed by xz", "Unpack it"),
    "B02.tif.gz": (gzip.compress(b"II*\0" * 300), "a single file packed by gzip", "Unpack it"),
    "i.sid": (b"msid\x01", "a MrSID picture", "export it as GeoTIFF"),
    "j.ecw": (b"\x65\x02", "an ECW picture", "export it as GeoTIFF"),
    "k.gpkg": (b"SQLite format 3\0", "a database or GeoPackage", "area"),
    "l.shp": (b"\0\0\x27\x0a", "a shapefile", "area"),
    "m.kml": (b"<?xml version='1.0'?><kml xmlns='x'>", "a KML file", "area"),
    "n.las": (b"LASF", "a point cloud", "bands"),
    "o.grd": (b"DSBB", "a Surfer grid", "gdal_translate"),
    "p.grib": (b"GRIB", "a GRIB file", "gdal_translate"),
    "q.npy": (b"\x93NUMPY", "an array of NumPy", "GeoTIFF"),
    "r.asc": (b"ncols 10\nnrows 20\n", "an ASCII grid", "gdal_translate"),
    "s.bin": (b"<!DOCTYPE html><html>", "a web page", "download again"),
    "t.bin": (b"version https://git-lfs.github.com/spec/v1\n", "the pointer of Git LFS", "git lfs pull"),
    "u.tif.crdownload": (b"\0\0\0\0", "a download that was not finished", "Download it again"),
    "my stack.vrt": (b"<VRTDataset>", "a virtual raster", "gdal_translate 'my stack.vrt' 'my stack.tif'"),
    "$(reboot).vrt": (b"<VRTDataset>", "a virtual raster", "gdal_translate '$(reboot).vrt' '$(reboot).tif'"),
    "v.hdr": (b"ENVI\nsamples = 3", "the header of a raster (ENVI)", "v.dat"),
    "w.dim": (b"<Dimap_Document>", "the description of a SNAP product", "SNAP"),
    "x.dat": (b"\x10\x27", "neither a GeoTIFF nor a JP2", "x.hdr"),
    "y.gif": (b"GIF89a", "a GIF picture, not satellite bands", "GeoTIFF"),
}


@pytest.mark.parametrize("name", list(SENTENCES))
def test_each_kind_is_named_with_the_step_that_converts_it(tmp_path: Path, name: str) -> None:
    start, words, step = SENTENCES[name]
    path = tmp_path / name
    path.write_bytes(start)
    with pytest.raises(UnreadableFile) as caught:
        gathered(path, tmp_path)
    said = str(caught.value)
    assert said.startswith(f"{name} is {words}")
    assert step in said
    assert wrong_words(said) is None
    if kind_of(name, start).tells == 2:
        assert "not satellite bands" not in said


@pytest.mark.parametrize("name", ["stack.vrt", "a.nc", "c.h5", "f.rar", "w.dim"])
def test_and_so_inside_an_archive(tmp_path: Path, name: str) -> None:
    start, words, _ = SENTENCES[name]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(f"folder/{name}", start)
        archive.writestr("folder/notes.txt", "words")
    with pytest.raises(UnreadableFile) as caught:
        gathered(tmp_path / "a.zip", tmp_path)
    assert str(caught.value).startswith(f"a.zip holds no bands that are read here: {name} is {words}")


@pytest.mark.parametrize("how", ["zip", "zip without its folder", "folder", "folder around"])
def test_zarr_that_is_no_product_is_named(tmp_path: Path, how: str) -> None:
    name = "S2B_MSIL2A_20250601T100559_N0511_R022_T33TWM_20250601T120000.zarr"
    inner = {".zgroup": b"{}", "measurements/b02/.zarray": b"{}", "measurements/b02/0.0": bytes(50)}
    if how.startswith("zip"):
        given = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(given, "w") as archive:
            for path, data in inner.items():
                archive.writestr(path if "without" in how else f"{name}/{path}", data)
    else:
        given = tmp_path / name
        for path, data in inner.items():
            (given / path).parent.mkdir(parents=True, exist_ok=True)
            (given / path).write_bytes(data)
        if how == "folder around":
            around = tmp_path / "downloads"
            around.mkdir()
            given = given.rename(around / name).parent
    with pytest.raises(UnreadableFile) as caught:
        gathered(given, tmp_path)
    assert str(caught.value).startswith(name[:60])
    assert "is a Zarr store, but no Sentinel-2 product of EOPF: it has no measurements/reflectance" in str(caught.value)
