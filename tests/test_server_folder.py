"""The server's own folder: what visitors see of it, and that nothing outside it can be reached."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest
from waiting import PATIENCE_SECONDS

from s2dash.errors import UnreadableFile
from s2dash.server import server_folder
from s2dash.server.server_folder import FolderEntry, list_entries, resolve
from s2dash.settings import data_folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with scenes, and beside it what nobody may reach."""
    (tmp_path / "secret.tif").write_bytes(b"secret")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "B02.tif").write_bytes(b"secret")
    root = tmp_path / "scenes"
    (root / "2024" / "June").mkdir(parents=True)
    (root / "S2A.SAFE" / "GRANULE").mkdir(parents=True)
    (root / "S2A.SAFE" / "MTD.xml").write_bytes(b"<x/>")
    for name, size in {"b.TIF": 5, "a.jp2": 3, "c.zip": 2_000, "d.tiff": 1, "notes.txt": 1, ".hidden.tif": 1}.items():
        (root / name).write_bytes(b"x" * size)
    (root / "2024" / "June" / "B 02.tif").write_bytes(b"june")
    return root


def link(at: Path, target: Path | str) -> None:
    try:
        at.symlink_to(target)
    except OSError:
        pytest.skip("this system makes no links")


def test_lists_what_can_be_opened_in_order(root: Path) -> None:
    assert list_entries(root) == (
        FolderEntry("2024", "folder", None),
        FolderEntry("S2A.SAFE", "product", None),
        FolderEntry("a.jp2", "file", 3),
        FolderEntry("b.TIF", "file", 5),
        FolderEntry("c.zip", "file", 2_000),
        FolderEntry("d.tiff", "file", 1),
    )
    assert list_entries(root, "2024/June") == (FolderEntry("B 02.tif", "file", 4),)
    assert list_entries(root, "S2A.SAFE") == (FolderEntry("GRANULE", "folder", None),)


def test_lists_only_so_many(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_folder, "MOST_ENTRIES", 3)
    assert [entry.name for entry in list_entries(root)] == ["2024", "S2A.SAFE", "a.jp2"]


def test_resolves_what_it_lists(root: Path) -> None:
    for place in ("", "2024", "2024/June"):
        names = [f"{place}/{entry.name}" if place else entry.name for entry in list_entries(root, place)]
        assert resolve(root, names) == tuple((root / name).resolve() for name in names)
    assert resolve(root, []) == ()


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../secret.tif",
        "2024/../../secret.tif",
        "2024/../a.jp2",
        "/etc/passwd",
        "//etc/passwd",
        "a\0.tif",
        "gone.tif",
        "a.jp2/x",
    ],
)
def test_refuses_what_is_not_below(root: Path, name: str) -> None:
    with pytest.raises(UnreadableFile, match="is not in the server's folder"):
        resolve(root, [name])
    if name:
        with pytest.raises(UnreadableFile):
            list_entries(root, name)


def test_refuses_the_full_path_of_something_within(root: Path) -> None:
    with pytest.raises(UnreadableFile):
        resolve(root, [str(root / "a.jp2")])


@given(
    parts=st.lists(
        st.sampled_from(["..", ".", "2024", "June", "secret.tif", "outside", "B02.tif", "", "a.jp2"]), max_size=7
    )
)
def test_no_path_leads_out(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    base = tmp_path_factory.getbasetemp() / "no_path_leads_out"
    root = base / "scenes"
    (root / "2024" / "June").mkdir(parents=True, exist_ok=True)
    (root / "a.jp2").touch()
    (base / "secret.tif").touch()
    try:
        (path,) = resolve(root, ["/".join(parts)])
    except UnreadableFile:
        return
    assert path.is_relative_to(root.resolve())


def test_links_may_stay_within_but_not_lead_out(root: Path) -> None:
    link(root / "latest.tif", "2024/June/B 02.tif")
    link(root / "out.tif", root.parent / "secret.tif")
    link(root / "outside", root.parent / "outside")
    link(root / "loop.tif", "loop.tif")
    link(root / "nowhere.tif", "nowhere at all.tif")
    names = {entry.name for entry in list_entries(root)}
    assert "latest.tif" in names
    assert not names & {"out.tif", "outside", "loop.tif", "nowhere.tif"}
    assert resolve(root, ["latest.tif"]) == ((root / "2024" / "June" / "B 02.tif").resolve(),)
    for name in ("out.tif", "outside", "outside/B02.tif", "loop.tif", "nowhere.tif"):
        with pytest.raises(UnreadableFile):
            resolve(root, [name])
    with pytest.raises(UnreadableFile):
        list_entries(root, "outside")


@pytest.mark.parametrize("place", ["S2A.SAFE/B02.jp2", "S2A.SAFE/GRANULE/deep"])
def test_refuses_a_product_with_a_link_that_leads_out(root: Path, place: str) -> None:
    link(root / place, root.parent / "outside")
    with pytest.raises(UnreadableFile, match="lies elsewhere"):
        resolve(root, ["S2A.SAFE"])


def test_refuses_a_folder_of_very_many_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_folder, "MOST_PRODUCT_FILES", 0)
    with pytest.raises(UnreadableFile, match="more than 0 files"):
        resolve(root, ["S2A.SAFE"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_refuses_what_is_no_file(root: Path) -> None:
    os.mkfifo(root / "pipe.tif")
    assert "pipe.tif" not in {entry.name for entry in list_entries(root)}
    with pytest.raises(UnreadableFile, match="is not a file"):
        resolve(root, ["pipe.tif"])


def test_a_root_that_is_a_link_is_the_folder_it_leads_to(root: Path, tmp_path: Path) -> None:
    link(tmp_path / "alias", root)
    assert list_entries(tmp_path / "alias") == list_entries(root)
    assert resolve(tmp_path / "alias", ["a.jp2"]) == ((root / "a.jp2").resolve(),)


def test_a_missing_root_is_said_without_its_path(tmp_path: Path) -> None:
    for call in (list_entries, lambda root: resolve(root, ["a.tif"])):
        with pytest.raises(UnreadableFile, match="cannot be found") as refused:
            call(tmp_path / "gone")
        assert str(tmp_path) not in str(refused.value)


def test_the_administrator_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for empty in (None, "", "  "):
        monkeypatch.delenv("S2DASH_DATA_FOLDER", raising=False)
        if empty is not None:
            monkeypatch.setenv("S2DASH_DATA_FOLDER", empty)
        assert data_folder() is None
    monkeypatch.setenv("S2DASH_DATA_FOLDER", str(tmp_path))
    assert data_folder() == tmp_path


# ---- the picker ----------------------------------------------------------------------------------------------------

PAGE = """
from pathlib import Path
import streamlit as st
from s2dash.ui.server_files import server_files

for path in server_files(Path({root!r}), key="server"):
    st.text(f"opened {{path}}")
"""


@pytest.fixture
def page(root: Path) -> AppTest:
    return AppTest.from_string(PAGE.format(root=str(root)), default_timeout=PATIENCE_SECONDS).run()


def opened(page: AppTest) -> list[str]:
    assert not page.exception
    return [text.value.removeprefix("opened ") for text in page.text]


def test_files_are_opened_on_the_button_and_once(page: AppTest, root: Path) -> None:
    assert page.button[0].disabled
    page.multiselect[0].set_value(["a.jp2", "S2A.SAFE"]).run()
    assert opened(page) == []
    page.button[0].click().run()
    assert opened(page) == [str((root / name).resolve()) for name in ("a.jp2", "S2A.SAFE")]
    page.run()
    assert opened(page) == []


def test_folders_are_entered_and_left(page: AppTest, root: Path) -> None:
    page.selectbox[0].set_value("2024").run()
    page.selectbox[0].set_value("2024/June").run()
    assert page.selectbox[0].options == ["Top folder", "2024", "2024 / June"]
    assert page.multiselect[0].options == ["B 02.tif · 0 kB"]
    page.multiselect[0].set_value(["B 02.tif"]).run()
    page.button[0].click().run()
    assert opened(page) == [str((root / "2024/June/B 02.tif").resolve())]
    page.selectbox[0].set_value("").run()
    assert page.selectbox[0].options == ["Top folder", "2024"]


def test_a_file_that_went_meanwhile_is_said(page: AppTest, root: Path) -> None:
    page.multiselect[0].set_value(["a.jp2"]).run()
    listed = list_entries(root)
    (root / "a.jp2").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("s2dash.ui.server_files.list_entries", lambda *_: listed)
        page.button[0].click().run()
    assert opened(page) == []
    assert any("is not in the server" in words.value for words in page.markdown)


def test_a_missing_folder_is_said(page: AppTest, root: Path) -> None:
    root.rename(root.with_name("moved"))
    page.run()
    assert not page.exception
    assert any("cannot be found" in words.value for words in page.markdown)
