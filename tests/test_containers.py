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
from loose import ground, placed, read_all, taken_in, write_band

from s2dash.errors import UnreadableFile
from s2dash.ingest import tapes
from s2dash.ingest.inputs import Inputs, gather
from s2dash.ingest.kinds import kind_of
from s2dash.ingest.pile import Given
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
    return gather([Given(path.name, path)], scratch, "title", None, lambda share: None)


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
        assert [member.name.split("/")[-1] for member in tapes.list_members(path)] == [f"{name}.tif" for name in BANDS]
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
        assert len(tapes.list_members(path)) == 3

    def test_is_told_by_its_bytes(self, tmp_path: Path) -> None:
        tar = tarred(tmp_path / "a.tar", bands(tmp_path / "in"))
        other = tmp_path / "download"
        other.write_bytes(tar.read_bytes())
        assert tapes.is_tar(other)
        (tmp_path / "x.gz").write_bytes(gzip.compress(b"no tar" * 200))
        assert not tapes.is_tar(tmp_path / "x.gz")
        assert not tapes.is_tar(bands(tmp_path / "in")[0])

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
            tapes.list_members(path, limits)

    def test_many_entries(self, tmp_path: Path) -> None:
        path = tmp_path / "many.tar"
        with tarfile.open(path, "w") as archive:
            for number in range(200):
                archive.addfile(entry(f"{number}.tif"))
        with pytest.raises(UnreadableFile, match="more than 100 entries"):
            tapes.list_members(path, replace(ARCHIVE_LIMITS, most_members=100))

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


SENTENCES = {
    "stack.vrt": (b'<VRTDataset rasterXSize="2">', "a GDAL virtual raster", "gdal_translate stack.vrt stack.tif"),
    "doc.vrt": (b"<?xml version='1.0'?>\n<VRTDataset>", "a GDAL virtual raster", "gdal_translate doc.vrt doc.tif"),
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
    "my stack.vrt": (b"<VRTDataset>", "a GDAL virtual raster", "gdal_translate 'my stack.vrt' 'my stack.tif'"),
    "$(reboot).vrt": (b"<VRTDataset>", "a GDAL virtual raster", "gdal_translate '$(reboot).vrt' '$(reboot).tif'"),
    "v.hdr": (b"ENVI\nsamples = 3", "the header of a raster (ENVI)", "v.dat"),
    "w.dim": (b"<Dimap_Document>", "the description of a SNAP product", "w.data"),
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
def test_zarr_is_named_and_where_the_safe_is(tmp_path: Path, how: str) -> None:
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
    assert "is Zarr, which is not read here yet. A Sentinel-2 product is offered as .SAFE too" in str(caught.value)
