"""A pack holds every file of a map, each as it was written, and says what brings all of it back."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import write_scene
from test_export import GRIDS, HOSTILE, make_legend, make_result
from test_hand_over import abouts
from test_run_list import LISTED, PLAIN

from s2dash.cli import main as cli
from s2dash.core.about import About
from s2dash.core.accuracy import Check, CheckPlace, Stratum
from s2dash.core.classmap import Result
from s2dash.core.legend import Legend, clean_name
from s2dash.core.pack import MANIFEST_NAME, README_NAME, SUMS_NAME, Manifest, PackedScene, sums_of, sums_text
from s2dash.core.run_list import ListedRun
from s2dash.core.scene_reading import AreaFile, SceneReading
from s2dash.core.types import CancelToken
from s2dash.errors import Cancelled, RecipeError, UnreadableValue
from s2dash.export import EXPORTS, Handover
from s2dash.export.pack import Pack, write_pack
from s2dash.export.pack.contents import exports_of, folder_of, is_zip
from s2dash.ingest.area.vectors import pyogrio_of_ours

RING = ((10.0, 50.0), (11.0, 50.0), (11.0, 51.0), (10.0, 50.0))
CHECK = Check(
    seed=1,
    allocation="By the rule.",
    strata=(Stratum(name="=1+1", pixels=9),),
    places=(CheckPlace(row=1, col=2, x=0.5, y=-3e6, stratum="=1+1", answer="\u202eRTL"),),
)


def pack_of(result: Result, legend: Legend, check: Check | None = None) -> Pack:
    listed = replace(PLAIN, run=replace(PLAIN.run, recipe=result.recipe), legend=legend, check=check)
    listed = replace(listed, run=replace(listed.run, reading=SceneReading(area=(AreaFile("drawn", drawn=(RING,)),))))
    handover = Handover(result, legend, About(title='=1+1 "<b>\u202e😀'))
    return Pack(handover, Manifest((listed,), 1, handover.about, PackedScene(title="Scene", files=("a.tif",))), check)


@pytest.fixture(scope="module")
def pack() -> Pack:
    return pack_of(make_result(k=len(HOSTILE)), make_legend(len(HOSTILE), HOSTILE), check=CHECK)


@pytest.fixture(scope="module")
def written(pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pack") / "map.zip"
    assert write_pack(pack, out) == ()
    return out


@pytest.fixture(scope="module")
def unpacked(written: Path) -> Path:
    folder = written.parent / "unpacked"
    shutil.unpack_archive(written, folder)
    return folder


def names_in(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


# ---- what is within --------------------------------------------------------------------------------------------------


def test_every_kind_of_file_is_in_the_folder_of_its_card(pack: Pack, written: Path) -> None:
    names = names_in(written)
    assert [*dict.fromkeys(one.card for one in exports_of(pack.handover))] == [
        *dict.fromkeys(one.card for one in EXPORTS.values() if one.is_of(pack.handover))
    ]
    for export in exports_of(pack.handover):
        folder, name = folder_of(export), export.file_name(pack.handover)
        assert is_zip(export) or f"{folder}/{name}" in names
        assert any(one.startswith(f"{folder}/") for one in names)
    assert {README_NAME, MANIFEST_NAME, SUMS_NAME} < set(names)
    assert len(set(names)) == len(names)
    assert all(name.isascii() and " " not in name for name in names)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="there is no sha256sum")
def test_sha256sum_finds_every_file_as_it_was_written(unpacked: Path) -> None:
    said = subprocess.run(["sha256sum", "--strict", "-c", SUMS_NAME], cwd=unpacked, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
    files = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert {line.rpartition(": ")[0] for line in said.stdout.splitlines()} == files - {SUMS_NAME}


def test_its_users_libraries_open_its_files(unpacked: Path) -> None:
    with rasterio.open(next(unpacked.glob("gis/*-classes.tif"))) as dataset:
        assert dataset.count == 1
    for path in (*unpacked.glob("outlines/*.gpkg"), *unpacked.glob("outlines/*.fgb"), *unpacked.glob("outlines/*.shp")):
        assert pyogrio_of_ours().read_info(path, layer="classes" if path.suffix == ".gpkg" else None)["features"] > 0
    book = openpyxl.load_workbook(next(unpacked.glob("tables/*.xlsx")))
    assert book.sheetnames[0] == "Areas"
    points = pyogrio_of_ours().raw.read(next(unpacked.glob("check/*-check-points.gpkg")))
    assert len(points[2]) == len(CHECK.places)
    assert json.loads(next(unpacked.glob("area/*.geojson")).read_text())["type"] == "FeatureCollection"


def test_its_words_say_what_is_there_and_what_is_not(unpacked: Path) -> None:
    words = (unpacked / README_NAME).read_bytes().decode()
    assert "\r\n" in words
    assert "\u202e" not in words
    assert "not within" in words
    assert "a.tif" in words
    assert all(f"{folder.name}/" in words for folder in unpacked.iterdir() if folder.is_dir())


def test_the_same_map_gives_the_same_bytes(pack: Pack, written: Path, tmp_path: Path) -> None:
    write_pack(pack, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == written.read_bytes()


def test_without_a_place_there_is_what_needs_none(tmp_path: Path) -> None:
    write_pack(pack_of(make_result(GRIDS["no CRS"]), make_legend()), tmp_path / "map.zip")
    folders = {name.partition("/")[0] for name in names_in(tmp_path / "map.zip") if "/" in name}
    assert {"pictures", "report", "tables", "recipe"} <= folders
    assert not {"gis", "outlines"} & folders


def test_what_cannot_be_made_is_left_out_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handover: Handover, out: Path) -> None:
        raise RecipeError("It has too many corners.")

    monkeypatch.setitem(EXPORTS, "workbook", replace(EXPORTS["workbook"], write=refuse))
    said = "Excel: It has too many corners."
    assert write_pack(pack_of(make_result(), make_legend()), tmp_path / "a.zip") == (said,)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert said in archive.read(README_NAME).decode()
        assert not [name for name in archive.namelist() if name.endswith(".xlsx")]


def test_nothing_is_left_of_a_preview_or_of_one_that_was_cancelled(pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(RecipeError):
        write_pack(pack_of(make_result(step=4), make_legend()), tmp_path / "map.zip")
    stop = CancelToken()
    with pytest.raises(Cancelled):
        write_pack(pack, tmp_path / "map.zip", lambda share, what: stop.cancel() if share > 0.1 else None, stop)
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_writes_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene, out = write_scene(tmp_path / "scene.tif", (60, 90)), tmp_path / "map.zip"
    words = [scene, "-o", tmp_path / "map.tif", "--pack", out, "--param", "n_init=2", "--title", "Mine", "--k", "3"]
    assert cli.main(["classify", *map(str, words)]) == 0, capsys.readouterr().err
    assert {"gis/Mine-how-sure.tif", "recipe/Mine-classes.py"} < set(names_in(out))
    with zipfile.ZipFile(out) as archive:
        manifest = Manifest.from_json(archive.read(MANIFEST_NAME).decode())
    assert manifest.about.title == "Mine"
    assert manifest.shown_run.run.recipe.k == 3
    assert manifest.scene.files == ("scene.tif",)


# ---- what brings it back ---------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(st.lists(LISTED, min_size=1, max_size=2, unique_by=lambda one: one.number), abouts, st.text(max_size=30))
def test_a_manifest_comes_back_equal(runs: Sequence[ListedRun], about: About, title: str) -> None:
    scene = PackedScene(title=title, files=(title,))
    manifest = Manifest(tuple(runs), runs[-1].number, about, scene, "s2dash 1")
    assert Manifest.from_json(manifest.to_json()) == manifest


@given(st.lists(st.text(max_size=200), min_size=1, max_size=5))
def test_names_of_classes_come_back_whatever_they_are(names: list[str]) -> None:
    named = make_legend(len(names), tuple(clean_name(name) or "x" for name in names))
    manifest = Manifest((replace(PLAIN, legend=named),), 1)
    assert Manifest.from_json(manifest.to_json()).shown_run.legend == named


GOOD = json.loads(Manifest((PLAIN,), 1).to_json())


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"version": 2}, "newer s2dash"),
        ({"shown": 7}, "which of its maps"),
        ({"runs": []}, "not a pack"),
        ({"runs": [GOOD["runs"][0]] * 2}, "which of its maps"),
        ({"runs": [GOOD["runs"][0]] * 101}, "not a pack"),
        ({"scene": {"folder": "../.."}}, "not a pack"),
        ({"scene": {"example": "../x"}}, "not a pack"),
        ({"more": 1}, "not a pack"),
        ({"about": {"title": "x" * 500}}, "not a pack"),
    ],
)
def test_what_nobody_wrote_is_refused(changed: dict[str, object], words: str) -> None:
    with pytest.raises(UnreadableValue, match=words):
        Manifest.from_json(json.dumps(GOOD | changed))


@given(st.dictionaries(st.text("abc/._-", min_size=1, max_size=9), st.binary(min_size=32, max_size=32).map(bytes.hex)))
def test_checksums_come_back(sums: dict[str, str]) -> None:
    assert sums_of(sums_text([*sums.items()])) == sums


@pytest.mark.parametrize("text", ["x", "0" * 64, "0" * 64 + "  ", "z" * 64 + "  a", ("0" * 64 + "  a\n") * 2])
def test_what_is_no_list_of_checksums_is_refused(text: str) -> None:
    with pytest.raises(UnreadableValue):
        sums_of(text)
