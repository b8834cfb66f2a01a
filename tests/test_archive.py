"""Zips of strangers: what real ones hold comes out whole, and whatever else is refused before anything is written."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_files import write_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from products import write_safe, zip_folder

from s2dash.errors import UnreadableFile
from s2dash.ingest import zip_archive
from s2dash.ingest.zip_archive import Member, extract, is_zip, list_members
from s2dash.settings import ARCHIVE_LIMITS, ArchiveLimits

REFUSED = ("encrypted", "lying_size", "slip", "symlink", "symlink_folder", "cut_half")
PASSED = ("band_is_vrt", "no_metadata", "of_tif", "sidecars", "two_granules", "html_names", "xml_entity")

Change = Callable[[zipfile.ZipInfo], None]


def make_zip(path: Path, *entries: tuple[str, bytes], change: Change | None = None) -> Path:
    """A zip with these entries; `change` edits what the table of contents says of the last one."""
    with zipfile.ZipFile(path, "w") as out:
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100644 << 16
            out.writestr(info, content)
        if change:
            change(out.infolist()[-1])
    return path


def refusal(path: Path, limits: ArchiveLimits = ARCHIVE_LIMITS) -> str:
    with pytest.raises(UnreadableFile) as caught:
        list_members(path, limits)
    message = str(caught.value)
    assert path.name in message
    assert message.count(". ") <= 1
    assert len(message) < 400
    return message


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("with_folders", [False, True])
def test_product_comes_out_whole(tmp_path: Path, method: int, with_folders: bool) -> None:
    safe = write_safe(tmp_path, size_m=240)
    path = zip_folder(safe, tmp_path / "product.zip", method=method, with_folders=with_folders)
    assert is_zip(path)
    members = list_members(path)
    assert {m.name for m in members} == {p.relative_to(tmp_path).as_posix() for p in safe.rglob("*") if p.is_file()}
    for member in members:
        target = tmp_path / "out"
        extract(path, member, target)
        source = (tmp_path / member.name).read_bytes()
        assert target.read_bytes() == source
        assert member.size == len(source)


def test_zip64_and_data_in_front_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as out, out.open("B02.tif", "w", force_zip64=True) as member:
        member.write(b"pixels")
    path.write_bytes(b"#!/bin/sh\n" + path.read_bytes())
    (found,) = list_members(path)
    extract(path, found, tmp_path / "B02")
    assert (tmp_path / "B02").read_bytes() == b"pixels"


def test_table_of_contents_in_zip64(tmp_path: Path) -> None:
    """Real zips of 4 GB have the long form of the end record; a small one is made by hand here."""
    path = make_zip(tmp_path / "a.zip", ("B02.tif", b"pixels"))
    raw = path.read_bytes()
    end = raw.rindex(b"PK\x05\x06")
    count, size, start = struct.unpack("<HLL", raw[end + 10 : end + 20])
    long_end = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    short_end = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path.write_bytes(raw[:end] + long_end + locator + short_end)
    assert list_members(path) == (Member("B02.tif", 6),)


@pytest.mark.parametrize("start", [b"", b"PK", b"II*\0", b"\0\0\0\x0cjP  ", b"<?xml"])
def test_tells_zips_by_their_first_bytes(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "named.zip"
    path.write_bytes(start)
    assert not is_zip(path)


def test_missing_file_is_unreadable(tmp_path: Path) -> None:
    for call in (is_zip, list_members):
        with pytest.raises(UnreadableFile, match=r"none\.zip"):
            call(tmp_path / "none.zip")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../B02.jp2", "outside"),
        ("a/../../B02.jp2", "outside"),
        ("..", "outside"),
        ("/etc/B02.jp2", "absolute"),
        ("//server/B02.jp2", "absolute"),
        ("C:/B02.jp2", "absolute"),
        ("c:B02.jp2", "absolute"),
        ("a\\..\\B02.jp2", "backslash"),
        ("a//B02.jp2", "empty part"),
        ("a/B02\n.jp2", "control"),
        ("a/\x7fB02.jp2", "control"),
        ("a/\x85B02.jp2", "control"),
        ("a/" * 45 + "B02.jp2", "too long"),
        ("a" * 300 + ".jp2", "too long"),
        ("/".join(["a" * 200] * 4), "too long"),
    ],
)
def test_names_that_are_refused(tmp_path: Path, name: str, words: str) -> None:
    path = make_zip(tmp_path / "x.zip", ("good/B03.jp2", b"ok"), (name, b"bad"))
    message = refusal(path)
    assert words in message
    assert message.isprintable()


def test_name_with_a_nul_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", ("aB02.jp2", b"bad"))
    path.write_bytes(path.read_bytes().replace(b"aB02", b"a\0B2"))
    assert "control" in refusal(path)


@pytest.mark.parametrize(
    "name",
    ["B02.jp2", "./a/B02.jp2", "Übung/Band 02 (1).tif", "2019-04-16-00:00_B02_(Raw).tiff", "…", "a/b/.hidden", "B02.."],
)
def test_names_that_pass(tmp_path: Path, name: str) -> None:
    assert list_members(make_zip(tmp_path / "x.zip", (name, b"ok"))) == (Member(name, 2),)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("B02.jp2", "B02.jp2", "twice"),
        ("a/B02.jp2", "A/b02.JP2", "twice"),
        ("a/B02.jp2", "./a/B02.jp2", "twice"),
        ("\u00e9.tif", "e\u0301.tif", "twice"),
        ("d", "d/B02.jp2", "at once"),
        ("D/e/B02.jp2", "d/E", "at once"),
        ("d", "d/", "at once"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_entries_that_clash(tmp_path: Path, first: str, second: str, words: str) -> None:
    entries = [(first, b"" if first.endswith("/") else b"1"), (second, b"" if second.endswith("/") else b"2")]
    assert words in refusal(make_zip(tmp_path / "x.zip", *entries))
    assert words in refusal(make_zip(tmp_path / "y.zip", *reversed(entries)))


def _mode(mode: int) -> Change:
    def change(info: zipfile.ZipInfo) -> None:
        info.external_attr = mode << 16

    return change


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (stat.S_IFLNK | 0o777, "link"),
        (stat.S_IFIFO | 0o644, "neither"),
        (stat.S_IFCHR | 0o644, "neither"),
        (stat.S_IFBLK | 0o644, "neither"),
        (stat.S_IFSOCK | 0o644, "neither"),
        (stat.S_IFDIR | 0o755, "neither"),
    ],
)
def test_kinds_that_are_refused(tmp_path: Path, mode: int, words: str) -> None:
    path = make_zip(tmp_path / "x.zip", ("B03.jp2", b"ok"), ("B02.jp2", b"/etc/passwd"), change=_mode(mode))
    assert words in refusal(path)
    with pytest.raises(UnreadableFile, match=words):
        extract(path, Member("B02.jp2", 11), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_windows_link_is_refused(tmp_path: Path) -> None:
    def change(info: zipfile.ZipInfo) -> None:
        info.external_attr = 0x420

    assert "link" in refusal(make_zip(tmp_path / "x.zip", ("B02.jp2", b"C:/"), change=change))


@pytest.mark.parametrize("mode", [0, stat.S_IFREG | 0o4777])
def test_kinds_that_pass(tmp_path: Path, mode: int) -> None:
    assert list_members(make_zip(tmp_path / "x.zip", ("B02.jp2", b"ok"), change=_mode(mode)))


@pytest.mark.parametrize("bits", [0x1, 0x41, 0x2000])
def test_passwords_are_refused(tmp_path: Path, bits: int) -> None:
    def change(info: zipfile.ZipInfo) -> None:
        info.flag_bits |= bits

    path = make_zip(tmp_path / "x.zip", ("B02.jp2", b"secret"), change=change)
    assert "password" in refusal(path)
    with pytest.raises(UnreadableFile, match="password"):
        extract(path, Member("B02.jp2", 6), tmp_path / "out")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 93, 9])
def test_unusual_methods_say_what_to_do(tmp_path: Path, method: int) -> None:
    def change(info: zipfile.ZipInfo) -> None:
        info.compress_type = method

    message = refusal(make_zip(tmp_path / "x.zip", ("B02.jp2", b"data"), change=change))
    assert str(method) in message
    assert "Repack it with the standard method" in message


def _sizes(unpacked: int, stored: int | None = None) -> Change:
    def change(info: zipfile.ZipInfo) -> None:
        info.compress_type = zipfile.ZIP_DEFLATED
        info.file_size = unpacked
        info.compress_size = info.compress_size if stored is None else stored

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_sizes(ARCHIVE_LIMITS.most_member_bytes + 1), "allowed"),
        (_sizes(ARCHIVE_LIMITS.free_declared_bytes + 1), "more than real"),
        (_sizes(10, 30_000), "cannot be true"),
        (_sizes(5000, 5000), "overlaps"),
    ],
)
def test_declared_sizes_that_are_refused(tmp_path: Path, change: Change, words: str) -> None:
    path = make_zip(tmp_path / "x.zip", ("B03.jp2", b"ok"), ("B02.jp2", b"a" * 1000), change=change)
    assert words in refusal(path)


def test_all_together_are_limited(tmp_path: Path) -> None:
    entries = [(f"B0{n}.tif", bytes(1000)) for n in range(1, 8)]
    path = make_zip(tmp_path / "x.zip", *entries)
    tight = ArchiveLimits(most_total_bytes=6999)
    assert "7,000" in refusal(path, tight)
    assert "6,999" in refusal(path, tight)
    assert len(list_members(path, ArchiveLimits(most_total_bytes=7000))) == 7
    assert "7 entries" in refusal(path, ArchiveLimits(most_members=6))


def test_many_small_bombs_are_one_bomb(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for number in range(50):
            out.writestr(f"{number}.tif", bytes(100_000))
    assert "more than real" in refusal(path, ArchiveLimits(free_declared_bytes=1_000_000))
    assert list_members(path)


def test_overlapping_entries_are_refused(tmp_path: Path) -> None:
    """A hundred names for the same stored bytes, each allowed by itself."""

    def change(info: zipfile.ZipInfo) -> None:
        info.header_offset = 0

    path = make_zip(tmp_path / "x.zip", ("B03.jp2", b"1" * 500), ("B04.jp2", b"2" * 500), change=change)
    assert "overlaps" in refusal(path)


def test_long_table_of_contents_is_not_read(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", *((f"{n}.tif", b"") for n in range(30_000)))
    assert "table of contents" in refusal(path, ArchiveLimits(most_directory_bytes=1 << 20))
    assert "30,000 entries" in refusal(path)


def test_no_files_is_an_error(tmp_path: Path) -> None:
    assert "holds no files" in refusal(make_zip(tmp_path / "x.zip"))
    assert "holds no files" in refusal(make_zip(tmp_path / "y.zip", ("folder/", b"")))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0.01, 0.99))
def test_cut_short_says_so(tmp_path: Path, share: float) -> None:
    path = make_zip(tmp_path / "x.zip", ("B02.jp2", bytes(range(256)) * 20), ("B03.jp2", b"abc" * 2000))
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    assert "x.zip is cut short: upload or download it again." in refusal(path)


def test_target_is_absent_after_any_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_zip(tmp_path / "x.zip", ("B02.jp2", b"pixels" * 100))
    out = tmp_path / "out"
    out.mkdir()
    target = out / "B02.jp2"
    raw = path.read_bytes()
    broken = tmp_path / "broken.zip"
    broken.write_bytes(raw.replace(b"pixelspixels", b"pixelsPIXELS", 1))
    failures = [
        (broken, Member("B02.jp2", 600)),
        (path, Member("B02.jp2", 599)),
        (path, Member("B99.jp2", 600)),
        (tmp_path / "none.zip", Member("B02.jp2", 600)),
    ]
    for source, member in failures:
        target.write_bytes(b"older")
        with pytest.raises(UnreadableFile, match=source.name):
            extract(source, member, target)
        assert list(out.iterdir()) == []

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zip_archive, "Path", type("FullPath", (type(path),), {"replace": full}))
    with pytest.raises(UnreadableFile, match="No space left"):
        extract(path, Member("B02.jp2", 600), target)
    assert list(out.iterdir()) == []


def test_lie_about_the_size_is_found_while_unpacking(tmp_path: Path) -> None:
    """More or less than declared never arrives, even where the checks before it were passed by."""
    content = b"a" * 5000
    for declared in (4000, 6000):
        path = tmp_path / "x.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
            out.writestr("B02.tif", content)
            out.infolist()[0].file_size = declared
        with pytest.raises(UnreadableFile, match="damaged"):
            extract(path, Member("B02.tif", declared), tmp_path / "out")
        assert not (tmp_path / "out").exists()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_changed_bytes_raise_nothing_else(tmp_path: Path, data: st.DataObject) -> None:
    path = make_zip(tmp_path / "x.zip", ("a/B02.jp2", b"pixels" * 9), ("a/B03.jp2", b"more"))
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(4, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw)
    target = tmp_path / "out"
    target.unlink(missing_ok=True)
    try:
        for member in list_members(path):
            extract(path, member, target)
            assert target.stat().st_size == member.size
    except UnreadableFile:
        assert len(list(tmp_path.iterdir())) <= 2


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_zips_are_refused(tmp_path: Path, name: str) -> None:
    refusal(write_file(tmp_path, f"zip_{name}.zip"))


@pytest.mark.parametrize("name", PASSED)
def test_zips_that_later_steps_judge_pass(tmp_path: Path, name: str) -> None:
    path = write_file(tmp_path, f"zip_{name}.zip")
    for member in list_members(path):
        extract(path, member, tmp_path / "out")
        assert (tmp_path / "out").stat().st_size == member.size


@pytest.mark.shared
def test_real_products_pass(shared_data: Path) -> None:
    for path in shared_data.glob("*.zip"):
        assert len(list_members(path)) == 14
