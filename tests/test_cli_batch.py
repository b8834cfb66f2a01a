"""The command `batch`: what it prints, its exit status, products and folders as scenes, stopping and going on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from drawn_rings import ring_of
from field_scenes import numbers, outside, write_clip
from products import write_safe, zip_folder
from scenes import TEN_METRE, write_raster, write_scene
from waiting import PATIENCE_SECONDS, wait_until

from s2dash.classify.clean_up import sieve
from s2dash.cli import main as cli
from s2dash.cli import scene_flags
from s2dash.core.edits import ClassEdits, LeaveOut, Merge, RegroupInside, Sieve, Split
from s2dash.core.recipe import Recipe
from s2dash.settings import GDAL_ENVIRONMENT

ROOT = Path(__file__).resolve().parents[1]
QUICK = ("--k", "4", "--param", "n_init=2")

Call = Callable[..., tuple[int, dict[str, Any], list[str]]]


@pytest.fixture(autouse=True)
def _environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line sets GDAL's environment for its process, which here goes on."""
    for name, value in GDAL_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command; returns the exit status, the JSON it prints (empty without any) and lines of standard error."""

    def run(*argv: object) -> tuple[int, dict[str, Any], list[str]]:
        try:
            status = cli.main([str(word) for word in argv])
        except SystemExit as stopped:
            status = int(stopped.code or 0)
        printed = capsys.readouterr()
        return status, json.loads(printed.out or "{}"), printed.err.replace("\r", "\n").strip().splitlines()

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two scenes."""
    inside = tmp_path / "scenes"
    inside.mkdir()
    write_scene(inside / "one.tif", (40, 50), seed=1)
    write_scene(inside / "two.tif", (40, 50), seed=1, tiled=False)
    return inside


def labels(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return np.asarray(dataset.read(1))


def test_a_folder_of_scenes(folder: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "new" / "out"
    status, printed, said = call("batch", folder, "-o", out, *QUICK)
    assert status == 0
    assert [(one["scene"], one["state"]) for one in printed["scenes"]] == [("one", "done"), ("two", "done")]
    assert (printed["finished"], printed["failed"]) == (2, 0)
    assert {Path(path).name for path in printed["files"]} == {
        *("classes.csv", "classes.json", "recipe.json", "mosaic.vrt")
    }
    assert sum(one["count"] for one in printed["scenes"][0]["classes"]) == 2000
    assert np.array_equal(labels(out / "one-classes.tif"), labels(out / "two-classes.tif"))
    assert (out / "one-classes.tif.aux.xml").exists()
    assert Recipe.from_json((out / "recipe.json").read_text()).k == 4
    assert any("Scene 2 of 2, two" in line for line in said)

    status, printed, _ = call("batch", folder, "-o", out, *QUICK)
    assert [one["state"] for one in printed["scenes"]] == ["unchanged", "unchanged"]
    status, printed, _ = call("batch", folder, "-o", out, *QUICK, "--again", "--mosaic", "none")
    assert [one["state"] for one in printed["scenes"]] == ["done", "done"]
    assert not (out / "mosaic.vrt").exists()
    status, printed, _ = call("batch", folder, "-o", out, *QUICK, "--offset", "-1000")
    assert [one["state"] for one in printed["scenes"]] == ["done", "done"]


def test_reports_and_slides_of_each_scene_lie_beside_its_map(folder: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "out"
    words = ("batch", folder, "-o", out, *QUICK, "--mosaic", "none")
    call(*words)
    for state in ("done", "unchanged"):
        _, printed, _ = call(*words, "--report", "pdf", "--report", "html", "--slide", "png")
        assert [one["state"] for one in printed["scenes"]] == [state, state]
        for name in ("one", "two"):
            assert (out / f"{name}-report.pdf").read_bytes().startswith(b"%PDF-")
            assert "How far each class spreads" in (out / f"{name}-report.html").read_text("utf-8")
            assert (out / f"{name}-slide.png").exists()
    call(*words)
    assert not (out / "one-report.pdf").exists()


def test_products_zipped_and_not(tmp_path: Path, call: Call) -> None:
    """Two tiles side by side, one with the offset of newer products; the same ground has the same class."""
    new = write_safe(tmp_path / "new", with_scl=False)
    old = write_safe(tmp_path / "old", with_scl=False, offset=None, baseline="03.01", sensed="2021-06-01")
    zipped = zip_folder(old, tmp_path / "old.zip")
    recipe = tmp_path / "r.json"
    recipe.write_text(Recipe(bands=("B03", "B04", "B08"), k=4, params=(("n_init", 2),)).to_json())
    status, printed, _ = call("batch", new, zipped, "--recipe", recipe, "-o", tmp_path / "out", "--mosaic", "cog")
    assert status == 0, printed
    one, other = (labels(Path(scene["output"])) for scene in printed["scenes"])
    assert one.shape == (120, 120)
    assert (one == other).mean() > 0.99
    assert len({scene["attribution"] for scene in printed["scenes"]}) == 2
    assert (labels(tmp_path / "out" / "mosaic.tif") > 0).all()


def test_a_bad_scene_is_told_last(folder: Path, tmp_path: Path, call: Call) -> None:
    (folder / "bad.tif").write_bytes(b"no picture")
    status, printed, said = call("batch", folder, "-o", tmp_path / "out", *QUICK)
    assert status == 2
    assert said[-1] == "s2dash: 1 of 3 scenes failed; the other 2 are done."
    assert any(line.startswith("s2dash: bad failed: ") for line in said)
    assert printed["scenes"][0]["error"]
    assert printed["failed"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--k", "500"), "k = 500"),
        (("--fit-on", "three"), "They are one, two"),
        (("--recipe", "nowhere.json"), "nowhere.json"),
        (("--algorithm", "magic"), "magic"),
        (("--mosaic", "paper"), "paper"),
        (("--area", "nowhere.geojson"), "nowhere.geojson"),
    ],
)
def test_refusals(folder: Path, tmp_path: Path, call: Call, words: tuple[str, ...], said: str) -> None:
    status, printed, errors = call("batch", folder, "-o", tmp_path / "out", *words)
    assert (status, printed) == (2, {})
    assert said in errors[-1]
    assert not list(tmp_path.glob("out/*.tif"))


def test_fit_on_the_first_or_a_named_scene(folder: Path, tmp_path: Path, call: Call) -> None:
    write_scene(folder / "three.tif", (40, 50), seed=9)
    paths = [folder / f"{name}.tif" for name in ("three", "one", "two")]
    maps = {}
    for place, how in (("first", "first"), ("name", "three"), ("path", str(paths[0])), ("other", "one")):
        status, _, _ = call("batch", *paths, "-o", tmp_path / place, *QUICK, "--fit-on", how)
        assert status == 0
        maps[place] = (tmp_path / place / "two-classes.tif").read_bytes()
    assert maps["first"] == maps["name"] == maps["path"] != maps["other"]


def test_a_saved_recipe_runs_again(folder: Path, tmp_path: Path, call: Call) -> None:
    saved = tmp_path / "saved.json"
    call("batch", folder, "-o", tmp_path / "a", *QUICK, "--bands", "B02,b8", "--save-recipe", saved)
    assert Recipe.from_json(saved.read_text()).bands == ("B02", "B08")
    status, _, _ = call("batch", folder, "-o", tmp_path / "b", "--recipe", saved)
    assert status == 0
    one, other = ((tmp_path / place / "one-classes.tif").read_bytes() for place in "ab")
    assert one == other


def test_an_area_is_regrouped_in_every_scene(folder: Path, tmp_path: Path, call: Call) -> None:
    means = ((0.07, 0.05, 0.04, 0.2), (0.2, 0.25, 0.3, 0.35))
    step = RegroupInside((ring_of(((5, 4), (30, 4), (30, 30), (5, 30))),), ("B02", "B03", "B04", "B08"), means)
    file, out = tmp_path / "e.json", tmp_path / "out"
    file.write_text(ClassEdits(steps=(step,)).to_json())
    call("batch", folder, "-o", out, *QUICK)
    before = labels(out / "one-classes.tif")
    status, _, _ = call("batch", folder, "-o", out, *QUICK, "--edits", file)
    assert status == 0
    after, inside = labels(out / "one-classes.tif"), np.zeros(before.shape, dtype=bool)
    inside[4:30, 5:30] = True
    inside &= before != 0
    assert np.array_equal(after[~inside], before[~inside])
    assert set(np.unique(after[inside]).tolist()) == {5, 6}
    assert np.array_equal(labels(out / "two-classes.tif"), after)


def test_edits_hold_for_every_scene(folder: Path, tmp_path: Path, call: Call) -> None:
    file, out = tmp_path / "e.json", tmp_path / "out"
    file.write_text(ClassEdits(names={1: "Sea"}, steps=(LeaveOut(2), Split(3))).to_json())
    call("batch", folder, "-o", out, *QUICK)
    before = labels(out / "one-classes.tif")
    status, printed, _ = call("batch", folder, "-o", out, *QUICK, "--edits", file)
    assert status == 0
    assert [one["state"] for one in printed["scenes"]] == ["done", "done"]
    after = labels(out / "one-classes.tif")
    assert np.array_equal(labels(out / "two-classes.tif"), after)
    assert set(np.unique(after[before == 3]).tolist()) == {2, 3}
    assert not after[before == 2].any()
    assert [one["name"] for one in printed["scenes"][0]["classes"]] == ["Sea", "Class 2", "Class 3", "Class 4"]
    with rasterio.open(out / "mosaic.vrt") as dataset:
        assert "S2DASH_EDITS" in dataset.tags()
    saved = ClassEdits.from_json((out / "edits.json").read_text())
    assert (saved.steps, saved.names[1]) == (ClassEdits.from_json(file.read_text()).steps, "Sea")
    assert str(out / "edits.json") in printed["files"]
    call("batch", folder, "-o", out, *QUICK, "--edits", out / "edits.json")
    assert np.array_equal(labels(out / "one-classes.tif"), after)
    call("batch", folder, "-o", out, *QUICK)
    assert not (out / "edits.json").exists()
    file.write_text("{")
    assert call("batch", folder, "-o", out, *QUICK, "--edits", file)[0] != 0


def test_specks_are_cleaned_up_in_every_scene_by_hectares(folder: Path, tmp_path: Path, call: Call) -> None:
    file, out = tmp_path / "e.json", tmp_path / "out"
    call("batch", folder, "-o", out, *QUICK)
    before = labels(out / "one-classes.tif")
    steps = (Merge((1,), 2), Sieve(0.3, "ha", 4), Split(3))
    file.write_text(ClassEdits(steps=steps).to_json())
    status, printed, _ = call("batch", folder, "-o", out, *QUICK, "--edits", file)
    assert status == 0
    assert [one["state"] for one in printed["scenes"]] == ["done", "done"]
    after = labels(out / "one-classes.tif")
    before[before == 1] = 2
    after[after == 1] = 3  # the other part of the class that was split
    assert np.array_equal(after, sieve(before, 30, 4))


def test_band_names_are_given_for_every_scene(tmp_path: Path, call: Call) -> None:
    for name in ("a", "b"):
        write_scene(tmp_path / f"{name}.tif", (30, 40), descriptions=None)
    command = ("batch", tmp_path / "a.tif", tmp_path / "b.tif", "-o", tmp_path / "out", *QUICK)
    status, printed, _ = call(*command, "--band-names", ",".join(reversed(TEN_METRE)))
    assert status == 0
    assert printed["recipe"]["bands"] == list(reversed(TEN_METRE))


def test_another_area_is_another_scene(folder: Path, tmp_path: Path, call: Call) -> None:
    """By its content, not by its name."""
    mask = tmp_path / "mask.tif"
    inside = np.ones((1, 40, 50), dtype="uint8")
    states = []
    for rows in (slice(0, 10), slice(0, 10), slice(30, 40)):
        inside[:] = 1
        inside[:, rows] = 0
        write_raster(mask, inside)
        status, printed, _ = call("batch", folder, "-o", tmp_path / "out", *QUICK, "--area", mask)
        assert status == 0
        states.append({one["state"] for one in printed["scenes"]})
        assert not labels(tmp_path / "out" / "one-classes.tif")[rows].any()
    assert states == [{"done"}, {"unchanged"}, {"done"}]


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_request_to_end_lets_finished_scenes_stay(tmp_path: Path) -> None:
    folder, out = tmp_path / "scenes", tmp_path / "out"
    folder.mkdir()
    for number in range(40):
        write_scene(folder / f"s{number:02}.tif", (60, 60), seed=number)
    command = [sys.executable, "-m", "s2dash", "batch", str(folder), "-o", str(out), *QUICK]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: list(out.glob("*-classes.tif")) or process.poll() is not None)
    process.send_signal(signal.SIGTERM)
    printed, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 2, errors
    assert printed == ""
    finished = len(list(out.glob("*-classes.tif")))
    last = errors.replace("\r", "\n").strip().splitlines()[-1]
    assert last.startswith(f"s2dash: Stopped. {finished} of 40 scenes are finished and stay in ")
    assert 0 < finished < 40
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("flag", ["-o", "--save-recipe"])
def test_a_place_that_cannot_be_written_is_said_before_any_scene_is_opened(
    folder: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    monkeypatch.setattr(scene_flags, "open_scene", lambda *_, **__: pytest.fail("opened"))
    target = Path("/proc/out") if flag == "-o" else Path("/proc/r.json")
    status, printed, lines = call("batch", folder, flag, target, *(() if flag == "-o" else ("-o", tmp_path / "out")))
    assert (status, printed) == (2, {})
    assert lines[-1].startswith("s2dash: ")
    assert "/proc" in lines[-1]


def test_fill_that_no_tag_states_is_no_class_of_any_scene(tmp_path: Path, call: Call) -> None:
    scenes = tmp_path / "clips"
    scenes.mkdir()
    for name, dtype, fill in (("one", "float32", 0), ("two", "int16", -9999), ("three", "uint16", 0)):
        write_clip(scenes / f"{name}.tif", dtype, fill)
    status, printed, _ = call("batch", scenes, "-o", tmp_path / "out", *QUICK)
    assert status == 0
    for one in printed["scenes"]:
        assert np.array_equal(labels(tmp_path / "out" / f"{one['scene']}-classes.tif") == 0, outside())
        assert any("count as nodata" in words for words in one["warnings"])


def test_files_that_are_left_out_come_in_by_name(tmp_path: Path, call: Call) -> None:
    values = numbers(("B02", "B08", "B11")).astype("uint16")
    paths = [
        write_raster(tmp_path / f"x_{n}.tif", one[None]) for n, one in zip(("B02", "B08", "AOT"), values, strict=True)
    ]
    _, printed, _ = call("info", *paths)
    assert printed["bands"] == ["B02", "B08"]
    _, printed, _ = call("info", *paths, "--also", "x_AOT.tif")
    assert printed["bands"] == ["B02", "B08", "x_AOT"]
    status, _, said = call("info", *paths, "--also", "x_WVP.tif")
    assert status == 2
    assert "no picture x_WVP.tif" in said[-1]
