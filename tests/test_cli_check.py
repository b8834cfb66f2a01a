"""The command `check`: places to look at, a map scored by them and by known ground, files that say the same."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scenes import UTM, UTM_10M, write_raster
from test_known_ground import box, vectors

from s2dash.cli import main as cli
from s2dash.core.accuracy import Accuracy
from s2dash.settings import GDAL_ENVIRONMENT

NAMES = {1: "Sea", 2: "Marsh", 3: "Sand"}


@pytest.fixture(autouse=True)
def _environment_is_put_back(monkeypatch: pytest.MonkeyPatch, door_is_here: None) -> None:
    """The command line sets GDAL's environment for its process, which here goes on."""
    for name, value in GDAL_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Runs a command that must succeed; returns the JSON it prints."""

    def call(*argv: object) -> dict[str, Any]:
        status = cli.main([str(word) for word in argv])
        printed = capsys.readouterr()
        assert status == 0, printed.err
        return json.loads(printed.out)

    return call


@pytest.fixture
def labels() -> np.ndarray:
    """Fields of ten pixels, the first row of pixels without data."""
    rows, cols = np.indices((90, 120)) // 10
    held = ((rows + 2 * cols) % 3 + 1).astype(np.uint8)
    held[0] = 0
    return held


@pytest.fixture
def map_path(tmp_path: Path, labels: np.ndarray) -> Path:
    tags = {f"CLASS_{number}": name for number, name in NAMES.items()}
    return write_raster(tmp_path / "map.tif", labels[None], nodata=0, tags=tags, crs=UTM, transform=UTM_10M)


def fill_in(path: Path, wrong_each: int) -> None:
    """Answer as the map says, but for each so many."""
    rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    for number, row in enumerate(rows[1:]):
        row[2] = "Snow" if number % wrong_each == 0 else row[1]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def test_places_are_drawn_answered_and_score_the_map(
    run: Callable[..., dict[str, Any]], map_path: Path, tmp_path: Path
) -> None:
    points = tmp_path / "points.csv"
    assert run("check", map_path, "--draw", 60, points, "--seed", 5)["places"] == 60
    fill_in(points, 10)
    files = [tmp_path / name for name in ("a.json", "t.csv", "m.csv", "p.png")]
    flags = [word for pair in zip(("--json", "--table", "--matrix", "--picture"), files, strict=True) for word in pair]
    said = run("check", map_path, "--points", points, *flags)
    assert said["words"][0].startswith("About 90 % of the map is right, between ")
    assert said["files"] == [str(path) for path in files]
    found = Accuracy.from_json(files[0].read_text())
    assert found.answers == 60
    assert found.overall is not None
    assert said["overall"]["value"] == pytest.approx(found.overall.value, abs=1e-4)
    assert [one.mapped_share for one in found.classes[:3]] == pytest.approx([1 / 3] * 3, abs=0.02)
    assert sum(one.mapped_ha or 0 for one in found.classes) == pytest.approx(89 * 120 / 100)
    assert len(files[1].read_text(encoding="utf-8-sig").splitlines()) == 1 + 1 + 4
    assert files[2].read_text(encoding="utf-8-sig").startswith("mapped_as,Sea,Marsh,Sand,Snow,total")
    assert files[3].read_bytes().startswith(b"\x89PNG")


def test_points_as_geopackage_are_the_same_places(
    run: Callable[..., dict[str, Any]], map_path: Path, tmp_path: Path
) -> None:
    for name in ("a.gpkg", "a.csv"):
        run("check", map_path, "--draw", 40, tmp_path / name)
    said = [run("check", map_path, "--points", tmp_path / name) for name in ("a.gpkg", "a.csv")]
    assert said[0]["words"] == said[1]["words"]
    assert said[0]["words"][0].startswith("Too few to say")


@pytest.fixture
def fields(tmp_path: Path, labels: np.ndarray) -> Path:
    """A polygon for each field, with its class under another name."""
    shapes = [box(row + 1, col + 1, 8, 8) for row in range(0, 90, 10) for col in range(0, 120, 10)]
    known = [f"known {NAMES[int(labels[row + 5, col + 5])]}" for row in range(0, 90, 10) for col in range(0, 120, 10)]
    return vectors(tmp_path / "fields.gpkg", shapes, {"id": list(range(108)), "crop": known, "kind": ["x"] * 108})


@pytest.mark.parametrize("way", ["majority", "one-to-one"])
def test_polygons_score_the_map(run: Callable[..., dict[str, Any]], map_path: Path, fields: Path, way: str) -> None:
    said = run("check", map_path, "--reference", fields, "--way", way)
    assert said["overall"]["value"] == 1
    assert said["answers"] == 54
    assert said["mapping"] == {name: f"known {name}" for name in NAMES.values()}
    assert "Pontius" in said["kappa"]["caveat"]


def test_by_hand(run: Callable[..., dict[str, Any]], map_path: Path, fields: Path) -> None:
    given = ["--by-hand", "Sea=known Sea", "--by-hand", "Marsh=known Sand"]
    said = run("check", map_path, "--reference", fields, "--column", "crop", *given)
    assert said["answers"] == 108
    assert said["overall"]["value"] == pytest.approx(1 / 3, abs=0.01)
    assert any("Counted as wrong" in words and "Sand" in words for words in said["words"])


def test_another_map_scores_it(run: Callable[..., dict[str, Any]], map_path: Path) -> None:
    said = run("check", map_path, "--reference", map_path)
    assert said["overall"]["value"] == 1
    assert said["mapping"] == {name: name for name in NAMES.values()}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--draw", "10", "a.csv"], "30 to 200"),
        (["--draw", "50", "a.shp"], "end in .csv or .gpkg"),
        (["--points", "gone.csv"], "There is no file"),
        (["--reference", "FIELDS", "--column", "nothing"], r"no column nothing.*crop"),
        (["--reference", "FIELDS", "--by-hand", "Ice=known Sea"], r"no class 'Ice'.*Marsh"),
        (["--reference", "FIELDS", "--json", "MAP"], "would write over"),
    ],
)
def test_what_cannot_be_is_said(
    capsys: pytest.CaptureFixture[str], map_path: Path, fields: Path, words: list[str], expected: str
) -> None:
    places = {"FIELDS": str(fields), "MAP": str(map_path)}
    named = [places.get(word, str(map_path.parent / word) if "." in word else word) for word in words]
    assert cli.main(["check", str(map_path), *named]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert re.search(expected, message), message
