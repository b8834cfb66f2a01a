"""The command line: what it prints, what it writes, how it fails, and that it gives the labels of the page."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate
from scenes import TEN_METRE, write_raster, write_scene
from waiting import PATIENCE_SECONDS

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.classify.algorithms import ALGORITHMS
from s2dash.classify.clean_up import sieve
from s2dash.classify.evaluate import Scores
from s2dash.cli import main as cli
from s2dash.cli import recipe_flags
from s2dash.core.edits import ClassEdits, Merge, Sieve, Split
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.errors import S2DashError
from s2dash.settings import GDAL_ENVIRONMENT

ROOT = Path(__file__).resolve().parents[1]
QUICK = ("--param", "n_init=2")


@pytest.fixture(autouse=True)
def _environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line sets GDAL's environment for its process, which here goes on."""
    for name, value in GDAL_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def scene_path(tmp_path: Path) -> Path:
    return write_scene(tmp_path / "scene.tif", (60, 90), masked=((slice(0, 6), slice(0, 90)),))


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
def fail(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that must be refused with status 2 and no output; returns the last line of standard error."""

    def call(*argv: object) -> str:
        try:
            status = cli.main([str(word) for word in argv])
        except SystemExit as stopped:
            status = int(stopped.code or 0)
        printed = capsys.readouterr()
        assert status == 2
        assert printed.out == ""
        return printed.err.strip().splitlines()[-1]

    return call


def labels(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def python(*argv: object, **how: Any) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "s2dash", *map(str, argv)]
    return subprocess.run(words, capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE_SECONDS, check=False, **how)


class TestInfo:
    def test_says_what_is_known(self, scene_path: Path, run: Callable[..., dict[str, Any]]) -> None:
        info = run("info", scene_path)
        stable = "width height crs pixel_size bands level baseline offset nodata_share masked_share warnings"
        assert set(stable.split()) <= set(info)
        assert (info["width"], info["height"], info["crs"]) == (90, 60, "EPSG:32633")
        assert info["pixel_size"] == [10, 10]
        assert info["bands"] == list(TEN_METRE)
        assert (info["nodata_share"], info["masked_share"]) == (0, 0.1)
        assert any("zero in every band" in words for words in info["warnings"])

    def test_counts_tagged_nodata(self, tmp_path: Path, run: Callable[..., dict[str, Any]]) -> None:
        path = write_scene(tmp_path / "a.tif", (20, 30), nodata=9, masked=((slice(0, 5), slice(0, 30)),))
        info = run("info", path)
        assert (info["nodata_share"], info["masked_share"]) == (0.25, 0.25)
        assert info["warnings"] == []

    def test_without_coordinates(self, tmp_path: Path, run: Callable[..., dict[str, Any]]) -> None:
        info = run("info", write_scene(tmp_path / "a.tif", (20, 30), crs=None))
        assert info["crs"] is None
        assert any("No place" in words for words in info["warnings"])

    def test_a_striped_file_is_read_too(self, tmp_path: Path, run: Callable[..., dict[str, Any]]) -> None:
        info = run("info", write_scene(tmp_path / "a.tif", (20, 30), tiled=False))
        assert info["bands"] == list(TEN_METRE)

    def test_band_names_can_be_given(self, tmp_path: Path, run: Callable[..., dict[str, Any]]) -> None:
        path = write_scene(tmp_path / "a.tif", (20, 30), descriptions=None)
        assert run("info", path, "--band-names", "B8,B4,B3,B2")["bands"] == ["B08", "B04", "B03", "B02"]


class TestClassify:
    def test_writes_a_cog_and_its_side_car(
        self, scene_path: Path, tmp_path: Path, run: Callable[..., dict[str, Any]]
    ) -> None:
        out = tmp_path / "out.tif"
        run("classify", scene_path, "-o", out, "--k", 5)
        assert cog_validate(out, quiet=True)[0]
        with rasterio.open(out) as dataset, rasterio.open(scene_path) as source:
            assert (dataset.count, dataset.dtypes, dataset.nodata) == (1, ("uint8",), 0)
            assert (dataset.crs, dataset.transform, dataset.shape) == (source.crs, source.transform, source.shape)
            tags = dataset.tags()
            assert [tags[f"CLASS_{n}"] for n in range(1, 6)] == [f"Class {n}" for n in range(1, 6)]
            assert Recipe.from_json(tags["S2DASH_RECIPE"]).k == 5
            assert len({dataset.colormap(1)[n] for n in range(1, 6)}) == 5
        assert set(np.unique(labels(out))) == set(range(6))
        assert not labels(out)[:6].any()
        assert "Class 5" in (tmp_path / "out.tif.aux.xml").read_text(encoding="utf-8")
        assert {p.name for p in tmp_path.iterdir()} == {"scene.tif", "out.tif", "out.tif.aux.xml"}

    def test_summary(self, scene_path: Path, tmp_path: Path, run: Callable[..., dict[str, Any]]) -> None:
        summary = run("classify", scene_path, "-o", tmp_path / "out.tif", "--k", 5)
        assert {"classes", "scores", "seconds", "recipe", "warnings"} <= set(summary)
        found = labels(tmp_path / "out.tif")
        assert [entry["id"] for entry in summary["classes"]] == [1, 2, 3, 4, 5]
        for entry in summary["classes"]:
            assert set(entry) == {"id", "name", "count", "share", "area_ha", "mean_reflectance"}
            assert entry["count"] == (found == entry["id"]).sum()
            assert entry["area_ha"] == pytest.approx(0.01 * entry["count"])
            assert list(entry["mean_reflectance"]) == list(TEN_METRE)
        assert sum(entry["share"] for entry in summary["classes"]) == pytest.approx(1, abs=1e-5)
        assert Recipe.from_json(json.dumps(summary["recipe"])).k == 5
        assert 0 < summary["scores"]["silhouette"] <= 1
        assert summary["seconds"]["total"] >= summary["seconds"]["work"] > 0

    def test_without_coordinates_there_are_no_hectares(
        self, tmp_path: Path, run: Callable[..., dict[str, Any]]
    ) -> None:
        path = write_scene(tmp_path / "a.tif", (20, 30), crs=None)
        summary = run("classify", path, "-o", tmp_path / "out.tif", "--k", 3)
        assert [entry["area_ha"] for entry in summary["classes"]] == [None, None, None]

    def test_edits_are_replayed(
        self,
        scene_path: Path,
        tmp_path: Path,
        run: Callable[..., dict[str, Any]],
        fail: Callable[..., str],
    ) -> None:
        edits = ClassEdits(
            names={2: "Sea"}, colours={2: "#112233"}, codes={2: "523"}, steps=(Merge((3,), 2), Split(1)), order=(4, 2)
        )
        file, plain, out = tmp_path / "e.json", tmp_path / "plain.tif", tmp_path / "out.tif"
        file.write_text(edits.to_json())
        run("classify", scene_path, "-o", plain, *QUICK, "--k", 4)
        printed = run("classify", scene_path, "-o", out, *QUICK, "--k", 4, "--edits", file)
        assert [(one["id"], one["name"]) for one in printed["classes"]] == [
            *((4, "Class 4"), (2, "Sea"), (1, "Class 1"), (3, "Class 3"))
        ]
        assert ClassEdits.from_dict(printed["edits"]) == edits
        before, after = labels(plain), labels(out)
        assert np.array_equal(after[before == 3], np.full((before == 3).sum(), 2))
        assert set(np.unique(after[before == 1]).tolist()) == {1, 3}
        with rasterio.open(out) as dataset:
            assert ClassEdits.from_json(dataset.tags()["S2DASH_EDITS"]).steps == edits.steps
            assert dataset.tags()["CODE_2"] == "523"
            assert dataset.colormap(1)[2][:3] == (0x11, 0x22, 0x33)
        file.write_text('{"version":1,"steps":[{"step":"melt"}]}')
        assert "melt" in fail("classify", scene_path, "-o", out, "--edits", file)
        file.write_text(ClassEdits(steps=(Merge((9,), 1),)).to_json())
        assert "class 9" in fail("classify", scene_path, "-o", out, *QUICK, "--edits", file)
        assert "cannot be read" in fail("classify", scene_path, "-o", out, "--edits", tmp_path / "none.json")

    def test_likely_names_are_taken_but_for_ones_own(
        self,
        scene_path: Path,
        tmp_path: Path,
        run: Callable[..., dict[str, Any]],
        fail: Callable[..., str],
    ) -> None:
        file, out, reference = tmp_path / "e.json", tmp_path / "out.tif", tmp_path / "older.tif"
        file.write_text(ClassEdits(names={2: "Bay"}).to_json())
        by_rule = run("classify", scene_path, "-o", out, *QUICK, "--k", 3, "--edits", file, "--suggest-names")
        names = {entry["id"]: entry["name"] for entry in by_rule["classes"]}
        assert {one["source"] for one in by_rule["suggested_names"]} == {"rule"}
        for one in by_rule["suggested_names"]:
            assert one["taken"] == (one["sureness"] != "perhaps" and one["id"] != 2)
            assert (names[one["id"]] == one["name"]) == one["taken"]
        write_raster(reference, np.full((1, 60, 90), 1, np.uint8))
        (tmp_path / "older.tif.aux.xml").write_text(
            '<PAMDataset><PAMRasterBand band="1"><CategoryNames><Category/><Category>Fen</Category></CategoryNames>'
            "</PAMRasterBand></PAMDataset>"
        )
        words = ("classify", scene_path, "-o", out, *QUICK, "--k", 3, "--edits", file, "--suggest-names", reference)
        printed = run(*words)
        fens = [one["id"] for one in printed["classes"] if one["count"] >= 20 and one["id"] != 2]
        assert fens
        assert printed["classes"][1]["name"] == "Bay"
        with rasterio.open(out) as dataset:
            assert {(dataset.tags()[f"CLASS_{n}"], dataset.tags()[f"CODE_{n}"]) for n in fens} == {("Fen", "1")}
            assert "CODE_2" not in dataset.tags()
        reference.write_bytes(b"none")
        assert "older.tif is no raster" in fail(*words)
        assert "would write over" in fail(*words[:3], reference, *words[4:])
        reference.unlink()
        assert "There is no file" in fail(*words)

    def test_specks_are_cleaned_up_by_edits(
        self, scene_path: Path, tmp_path: Path, run: Callable[..., dict[str, Any]]
    ) -> None:
        file, plain, out = tmp_path / "e.json", tmp_path / "plain.tif", tmp_path / "out.tif"
        file.write_text(ClassEdits(steps=(Sieve(20, "pixels", 4),)).to_json())
        run("classify", scene_path, "-o", plain, *QUICK, "--k", 8)
        run("classify", scene_path, "-o", out, *QUICK, "--k", 8, "--edits", file)
        assert not np.array_equal(labels(plain), labels(out))
        assert np.array_equal(sieve(labels(plain), 20, 4), labels(out))

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_every_algorithm(
        self, scene_path: Path, tmp_path: Path, run: Callable[..., dict[str, Any]], algorithm: str
    ) -> None:
        summary = run("classify", scene_path, "-o", tmp_path / "out.tif", "--k", 3, "--algorithm", algorithm)
        assert summary["recipe"]["algorithm"] == algorithm
        assert len(summary["classes"]) == 3

    def test_a_striped_file_gives_the_labels_of_a_tiled_one(
        self, tmp_path: Path, run: Callable[..., dict[str, Any]]
    ) -> None:
        for name, tiled in (("a", True), ("b", False)):
            path = write_scene(tmp_path / f"{name}.tif", (40, 50), tiled=tiled)
            run("classify", path, "-o", tmp_path / f"{name}-out.tif", *QUICK)
        assert np.array_equal(labels(tmp_path / "a-out.tif"), labels(tmp_path / "b-out.tif"))

    def test_large_scenes_go_window_by_window(
        self, tmp_path: Path, run: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write_scene(tmp_path / "a.tif", (120, 90))
        monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 4_000)
        summary = run("classify", path, "-o", tmp_path / "out.tif", "--smooth", 3, *QUICK)
        assert labels(tmp_path / "out.tif").min() == 1
        assert sum(entry["count"] for entry in summary["classes"]) == 120 * 90


class TestRecipeFlags:
    FLAGS = (
        ("--bands", "B02,b4", "bands", ("B02", "B04")),
        ("--bands", "all", "bands", TEN_METRE),
        ("--indices", "NDVI,NDWI", "indices", ("NDVI", "NDWI")),
        ("--indices", "none", "indices", ()),
        ("--scale", "robust", "scale", "robust"),
        ("--clip", "1,99", "clip", (1.0, 99.0)),
        ("--clip", "none", "clip", None),
        ("--pca", "0.95", "pca", 0.95),
        ("--pca", "3", "pca", 3),
        ("--pca", "none", "pca", None),
        ("--smooth", "3", "smooth", 3),
        ("--smooth", "none", "smooth", 0),
        ("--smooth", "edge", "smooth", "edge"),
        ("--favour-rare", "yes", "favour_rare", True),
        ("--distance", "mahalanobis", "distance", "mahalanobis"),
        ("--transform", "log", "transform", "log"),
        ("--components", "4", "components", 4),
        ("--components", "none", "components", None),
        ("--mask", "none", "mask", "none"),
        ("--mask-scl", "9,3", "mask_scl", (3, 9)),
        ("--mask-scl", "default", "mask_scl", (0, 1, 3, 8, 9, 10)),
        ("--mask-scl", "none", "mask_scl", ()),
        ("--mask-saturated", "yes", "mask_saturated", True),
        ("--pixel-size", "10", "pixel_size", 10.0),
        ("--pixel-size", "finest", "pixel_size", None),
        ("--atmosphere", "dos1", "atmosphere", "dos1"),
        ("--algorithm", "bisecting-kmeans", "algorithm", "bisecting-kmeans"),
        ("--k", "7", "k", 7),
        ("--param", "tol=0.01", "params", (("tol", 0.01),)),
        ("--seed", "11", "seed", 11),
        ("--sample", "500", "sample", 500),
        ("--sample", "all", "sample", None),
    )

    def parsed(self, scene_path: Path, *words: str) -> Recipe:
        arguments = cli._parser().parse_args(["classify", str(scene_path), "-o", "o.tif", *words])
        scene = ingest.open_in_place(scene_path)
        assert scene is not None
        return recipe_flags.recipe_of(arguments, scene)

    @pytest.mark.parametrize(("flag", "text", "field", "expected"), FLAGS)
    def test_sets_its_field_and_no_other(
        self, scene_path: Path, flag: str, text: str, field: str, expected: object
    ) -> None:
        plain = self.parsed(scene_path, "--preparation", "plain")
        changed = self.parsed(scene_path, "--preparation", "plain", flag, text)
        assert getattr(changed, field) == expected
        assert dataclasses.replace(changed, **{field: getattr(plain, field)}) == plain

    def test_one_flag_prepares_pixels_and_others_count_more(self, scene_path: Path) -> None:
        plain = self.parsed(scene_path, "--preparation", "plain")
        better = self.parsed(scene_path, "--preparation", "edges-kept")
        assert (better.transform, better.components, better.smooth) == ("sqrt", 6, "edge")
        assert better.plain() == plain
        assert (plain.transform, plain.components, plain.pca, plain.smooth) == ("none", None, None, 0)
        changed = self.parsed(scene_path, "--preparation", "edges-kept", "--pca", "3", "--transform", "log")
        assert (changed.transform, changed.components, changed.pca, changed.smooth) == ("log", None, 3, "edge")

    @pytest.mark.parametrize("algorithm", ["kmeans", "birch"])
    def test_a_preparation_leaves_distance_to_algorithms_that_have_none(self, scene_path: Path, algorithm: str) -> None:
        better = self.parsed(scene_path, "--algorithm", algorithm, "--preparation", "edges-kept")
        assert better.distance == ("mahalanobis" if algorithm == "kmeans" else "euclidean")
        assert better.smooth == "edge"

    def test_every_field_of_a_recipe_has_a_flag(self) -> None:
        assert {field for _, _, field, _ in self.FLAGS} == {field.name for field in dataclasses.fields(Recipe)}

    def test_without_flags_it_is_the_default(self, scene_path: Path) -> None:
        scene = ingest.open_in_place(scene_path)
        assert scene is not None
        assert self.parsed(scene_path) == default_recipe(scene)

    def test_params_add_to_those_of_a_recipe(self, scene_path: Path, tmp_path: Path) -> None:
        saved = tmp_path / "r.json"
        saved.write_text(Recipe(("B02",), params=(("max_iter", 9), ("n_init", 3))).to_json())
        recipe = self.parsed(scene_path, "--recipe", str(saved), "--param", "n_init=5")
        assert recipe.params == (("max_iter", 9), ("n_init", 5))
        assert recipe.bands == ("B02",)

    def test_replay_gives_identical_labels(
        self, scene_path: Path, tmp_path: Path, run: Callable[..., dict[str, Any]]
    ) -> None:
        saved = tmp_path / "r.json"
        choices = ("--k", 6, "--seed", 3, "--indices", "NDVI", "--clip", "2,98", "--smooth", 3, "--bands", "B02,B08")
        first = run("classify", scene_path, "-o", tmp_path / "a.tif", *choices, *QUICK, "--save-recipe", saved)
        again = run("classify", scene_path, "-o", tmp_path / "b.tif", "--recipe", saved)
        assert np.array_equal(labels(tmp_path / "a.tif"), labels(tmp_path / "b.tif"))
        assert first["recipe"] == again["recipe"] == json.loads(saved.read_text())
        assert first["classes"] == again["classes"]

    def test_how_sure_classes_are_is_a_second_file(
        self, scene_path: Path, tmp_path: Path, run: Callable[..., dict[str, Any]]
    ) -> None:
        run("classify", scene_path, "-o", tmp_path / "a.tif", "--k", 4, *QUICK, "--how-sure", tmp_path / "sure.tif")
        with rasterio.open(tmp_path / "sure.tif") as dataset:
            percent, nodata = dataset.read(1), dataset.nodata
        assert np.array_equal(percent == nodata, labels(tmp_path / "a.tif") == 0)
        assert 0 < percent[percent != nodata].std() < 100

    def test_reports_and_slides_of_each_kind(
        self, scene_path: Path, tmp_path: Path, run: Callable[..., dict[str, Any]]
    ) -> None:
        begins = {"a.html": b"<!doctype html>", "b.PDF": b"%PDF-", "c.png": b"\x89PNG", "d.pptx": b"PK"}
        flags = [("--slide" if name[0] in "cd" else "--report", tmp_path / name) for name in begins]
        run("classify", scene_path, "-o", tmp_path / "a.tif", "--title", "Mine", *QUICK, *(w for f in flags for w in f))
        for name, begin in begins.items():
            assert (tmp_path / name).read_bytes().startswith(begin)
        assert "<h1 dir=auto>Mine</h1>" in (tmp_path / "a.html").read_text()

    def test_what_is_said_of_the_map_is_in_its_file(
        self, scene_path: Path, tmp_path: Path, run: Callable[..., dict[str, Any]], fail: Callable[..., str]
    ) -> None:
        said = ("--title", "Marsh", "--place", "Virginia", "--date", "Jan 2016", "--by", "Shore", "--notes", "a\nb")
        run("classify", scene_path, "-o", tmp_path / "a.tif", "--k", 4, *QUICK, *said)
        with rasterio.open(tmp_path / "a.tif") as dataset:
            tags = dataset.tags()
        assert [tags[name] for name in ("TITLE", "PLACE", "DATE", "AUTHOR", "NOTES")] == [*said[1:9:2], "a b"]
        assert "--title" in fail("classify", scene_path, "-o", tmp_path / "b.tif", "--title", "x" * 121)

    def test_the_recipe_in_the_tags_can_be_replayed(
        self, scene_path: Path, tmp_path: Path, run: Callable[..., dict[str, Any]]
    ) -> None:
        run("classify", scene_path, "-o", tmp_path / "a.tif", "--k", 4, *QUICK)
        with rasterio.open(tmp_path / "a.tif") as dataset:
            (tmp_path / "r.json").write_text(dataset.tags()["S2DASH_RECIPE"])
        run("classify", scene_path, "-o", tmp_path / "b.tif", "--recipe", tmp_path / "r.json")
        assert np.array_equal(labels(tmp_path / "a.tif"), labels(tmp_path / "b.tif"))


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (("--bands", "B11"), "B11"),
            (("--bands", ","), "No band is chosen"),
            (("--bands", "B02,blue"), "twice"),
            (("--indices", "NBR"), "NBR"),
            (("--scale", "log"), "scale"),
            (("--clip", "99,1"), "clip"),
            (("--clip", "1"), "clip"),
            (("--smooth", "5"), "smooth"),
            (("--smooth", "much"), "smooth"),
            (("--mask", "clouds"), "mask"),
            (("--mask-scl", "clouds"), "--mask-scl"),
            (("--mask-scl", "12"), "0 to 11"),
            (("--mask-saturated", "maybe"), "yes or no"),
            (("--pixel-size", "20"), "have 10"),
            (("--pixel-size", "-1"), "above 0"),
            (("--pixel-size", "small"), "finest"),
            (("--atmosphere", "thick"), "dos1"),
            (("--pca", "most"), "--pca takes a share"),
            (("--pca", "1.5"), "share between 0 and 1"),
            (("--pca", "0"), "1 to 1,000"),
            (("--area", "no-such-file.geojson"), "no-such-file.geojson"),
            (("--offset", "much"), "much"),
            (("--quantification", "0"), "above 0"),
            (("--tile", "33UUU", "--band-names", "x"), "names are given"),
            (("--algorithm", "watershed"), "watershed"),
            (("--k", "1"), "k = 1"),
            (("--k", "300"), "2 to 255"),
            (("--k", "eight"), "eight"),
            (("--param", "n_init"), "NAME=VALUE"),
            (("--param", "n_init=0"), "1 to 100"),
            (("--param", "n_init=nan"), "finite"),
            (("--param", "starts=4"), "starts"),
            (("--seed", "-1"), "seed"),
            (("--sample", "some"), "sample"),
            (("--sample", "5"), "sample"),
            (("--recipe", "no-such-file.json"), "no-such-file.json"),
            (("--colour", "red"), "--colour"),
            (("--algorithm", "spectral-angle-kmeans", "--scale", "standard"), "scaling"),
            (("--k", "200", "--sample", "100"), "k = 200"),
        ],
    )
    def test_choices_that_do_not_fit(
        self, scene_path: Path, tmp_path: Path, fail: Callable[..., str], words: tuple[str, ...], says: str
    ) -> None:
        out = tmp_path / "out.tif"
        out.write_bytes(b"older")
        assert says in fail("classify", scene_path, "-o", out, *words)
        assert out.read_bytes() == b"older"
        assert {p.name for p in tmp_path.iterdir()} == {"scene.tif", "out.tif"}

    def test_nothing_is_left_where_nothing_was(
        self, scene_path: Path, tmp_path: Path, fail: Callable[..., str]
    ) -> None:
        fail("classify", scene_path, "-o", tmp_path / "out.tif", "--bands", "B11", "--save-recipe", tmp_path / "r.json")
        assert [p.name for p in tmp_path.iterdir()] == ["scene.tif"]

    def test_ambiguous_bands_list_the_candidates(self, tmp_path: Path, fail: Callable[..., str]) -> None:
        names = ("B02_2018-04-19", "B03_2018-04-19", "B02_2018-06-08")
        path = write_scene(tmp_path / "a.tif", (20, 30), names=names)
        line = fail("classify", path, "-o", tmp_path / "out.tif", "--bands", "B02")
        assert "B02_2018-04-19, B02_2018-06-08" in line

    def test_output_equal_to_the_input(self, scene_path: Path, tmp_path: Path, fail: Callable[..., str]) -> None:
        before = scene_path.read_bytes()
        linked = tmp_path / "linked.tif"
        os.link(scene_path, linked)
        (tmp_path / "symbolic.tif").symlink_to(scene_path)
        for out in (scene_path, tmp_path / "." / "scene.tif", linked, tmp_path / "symbolic.tif"):
            assert "would write over" in fail("classify", scene_path, "-o", out)
        assert scene_path.read_bytes() == before

    def test_output_equal_to_the_recipe(self, scene_path: Path, tmp_path: Path, fail: Callable[..., str]) -> None:
        saved = tmp_path / "r.json"
        saved.write_text(Recipe(("B02",)).to_json())
        assert "would write over" in fail("classify", scene_path, "-o", saved, "--recipe", saved)
        assert Recipe.from_json(saved.read_text()).bands == ("B02",)

    def test_output_that_cannot_be(self, scene_path: Path, tmp_path: Path, fail: Callable[..., str]) -> None:
        assert "folder" in fail("classify", scene_path, "-o", tmp_path)
        assert "no folder" in fail("classify", scene_path, "-o", tmp_path / "none" / "out.tif")

    @pytest.mark.parametrize("command", [("info",), ("classify", "-o", "out.tif")])
    def test_input_that_cannot_be(
        self, scene_path: Path, tmp_path: Path, fail: Callable[..., str], command: tuple[str, ...]
    ) -> None:
        (tmp_path / "photo.tif").write_bytes(b"\xff\xd8\xff\xe0")
        cut = tmp_path / "cut.tif"
        cut.write_bytes(scene_path.read_bytes()[:5_000])
        assert "no file" in fail(*command, tmp_path / "none.tif")
        (tmp_path / "empty").mkdir()
        assert "no Sentinel-2 bands" in fail(*command, tmp_path / "empty")
        assert "JPEG" in fail(*command, tmp_path / "photo.tif")
        assert "damaged" in fail(*command, cut)
        assert "given twice" in fail(*command, scene_path, scene_path)

    def test_all_nodata(self, tmp_path: Path, fail: Callable[..., str]) -> None:
        path = write_raster(tmp_path / "a.tif", np.zeros((4, 20, 30), "uint16"), descriptions=TEN_METRE)
        assert "fewer than 2 pixels with data" in fail("classify", path, "-o", tmp_path / "out.tif")

    @pytest.mark.parametrize("text", ["", "[" * 100_000, '{"bands": ["B02"], "k": null}', "\x80\x02", '{"k": 1e999}'])
    def test_recipes_that_are_none(self, scene_path: Path, tmp_path: Path, fail: Callable[..., str], text: str) -> None:
        (tmp_path / "r.json").write_bytes(text.encode("latin-1"))
        fail("classify", scene_path, "-o", tmp_path / "out.tif", "--recipe", tmp_path / "r.json")

    def test_a_side_car_name_that_is_the_input_is_left_alone(
        self, scene_path: Path, tmp_path: Path, fail: Callable[..., str]
    ) -> None:
        odd = Path(shutil.copy(scene_path, tmp_path / "out.tif.aux.xml"))
        before = odd.read_bytes()
        fail("classify", odd, "-o", tmp_path / "out.tif")
        assert odd.read_bytes() == before

    def test_the_saved_recipe_never_replaces_the_input(
        self, scene_path: Path, tmp_path: Path, fail: Callable[..., str]
    ) -> None:
        before = scene_path.read_bytes()
        out = tmp_path / "out.tif"
        for saved in (scene_path, out):
            assert "--save-recipe" in fail("classify", scene_path, "-o", out, "--save-recipe", saved)
            assert "--how-sure" in fail("classify", scene_path, "-o", out, "--how-sure", saved)
        assert "no folder" in fail("classify", scene_path, "-o", out, "--save-recipe", tmp_path / "none" / "r.json")
        once = tmp_path / "a.pdf"
        assert "--report" in fail("classify", scene_path, "-o", out, "--how-sure", once, "--report", once)
        assert scene_path.read_bytes() == before
        assert not out.exists()


class TestAsAProgram:
    def test_help_and_version(self) -> None:
        assert "classify" in python("--help").stdout
        flags = python("classify", "--help").stdout
        assert all(
            f"--{field.name.removesuffix('s').replace('_', '-')}" in flags for field in dataclasses.fields(Recipe)
        )
        assert python("--version").stdout.startswith("s2dash ")

    def test_output_and_progress_go_separate_ways(self, scene_path: Path, tmp_path: Path) -> None:
        done = python("classify", scene_path, "-o", tmp_path / "out.tif", "--k", 3, *QUICK)
        assert done.returncode == 0
        assert len(json.loads(done.stdout)["classes"]) == 3
        assert "%" in done.stderr
        assert "Warning" not in done.stderr

    def test_without_coordinates_nobody_is_bothered_with_warnings(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", (20, 30), crs=None, tiled=False)
        done = python("classify", path, "-o", tmp_path / "out.tif", "--k", 3, *QUICK)
        assert done.returncode == 0, done.stderr
        assert "Warning" not in done.stderr

    def test_bad_input_ends_with_status_2_and_one_line(self, tmp_path: Path) -> None:
        done = python("info", tmp_path / "none.tif")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.splitlines()[-1].startswith("s2dash: There is no file")
        assert "Traceback" not in done.stderr

    def test_names_outside_ascii_do_not_break_a_plain_terminal(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "wälder.tif", (20, 30), descriptions=("B02", "Höhe", "B04", "B08"))
        environment = os.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
        done = python("info", path, env=environment)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["bands"][1] == "Höhe"


def test_examples_are_listed_where_they_lie(run: Callable[..., dict[str, Any]]) -> None:
    assert [Path(one["path"]) for one in run("examples").values()] == [one.path for one in ingest.EXAMPLES]


def test_page_and_command_line_give_the_same_labels(tmp_path: Path, run: Callable[..., dict[str, Any]]) -> None:
    """With the defaults, on the sample scene: what the page runs is what the command line writes."""
    run("classify", ingest.SAMPLE_PATH, "-o", tmp_path / "out.tif")
    scene = ingest.sample_scene()
    page = pipeline.run_live(pipeline.fitted_to(scene, default_recipe(scene))).classmap.labels
    assert page is not None
    assert np.array_equal(labels(tmp_path / "out.tif"), page)


@pytest.mark.parametrize("nodata", [None, 9])
def test_what_a_large_scene_hides_is_counted_without_another_pass(
    tmp_path: Path, run: Callable[..., dict[str, Any]], nodata: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 2_000)
    monkeypatch.setattr("s2dash.raster.reading.read_preview_stack", None)
    strip = ((slice(0, 6), slice(0, 90)),)
    for masked, share in ((strip, 0.1), ((), 0.0)):
        path = write_scene(tmp_path / "scene.tif", (60, 90), nodata=nodata, masked=masked)
        assert run("classify", path, "-o", tmp_path / "out.tif", *QUICK)["masked"] == {"together": share}


def test_every_error_has_a_status() -> None:
    for kind in S2DashError.__subclasses__():
        assert any(issubclass(kind, listed) for listed in cli.EXIT_STATUS)


def test_an_error_stands_on_a_line_of_its_own(tmp_path: Path) -> None:
    values = np.resize(np.array([5, 9], "uint16"), (1, 40, 50))
    two_values = write_raster(tmp_path / "few.tif", values)
    words = [sys.executable, "-m", "s2dash", "classify", two_values, "-o", tmp_path / "out.tif", "--k", "4"]
    done = subprocess.run(words, capture_output=True, cwd=ROOT, timeout=120, check=False)
    assert done.returncode == 2
    assert b"\r" in done.stderr  # the progress had begun
    assert done.stderr.rstrip(b"\n").split(b"\n")[-1].startswith(b"s2dash: k = 4")


UNWRITABLE = ("/proc/x.tif", "/dev/null", "FILE/x.tif", "GONE/x.tif", "LONG")


@pytest.mark.parametrize("flag", ["-o", "--save-recipe"])
@pytest.mark.parametrize("where", UNWRITABLE)
def test_an_output_that_cannot_be_written_is_said_before_anything_is_computed(
    scene_path: Path, tmp_path: Path, fail: Callable[..., str], monkeypatch: pytest.MonkeyPatch, flag: str, where: str
) -> None:
    monkeypatch.setattr(pipeline, "run", lambda *_, **__: pytest.fail("computed"))
    (tmp_path / "file").write_text("")
    names = {"FILE/x.tif": tmp_path / "file" / "x.tif", "GONE/x.tif": tmp_path / "gone" / "x.tif"}
    target = names.get(where) or (tmp_path / f"{'n' * 300}.tif" if where == "LONG" else Path(where))
    other = () if flag == "-o" else ("-o", tmp_path / "out.tif")
    before = sorted(tmp_path.iterdir())
    said = fail("classify", scene_path, flag, target, *other)
    assert said.startswith("s2dash: ")
    assert flag in said or str(target.parent) in said
    assert sorted(tmp_path.iterdir()) == before


def test_a_refusal_of_the_system_during_the_run_is_a_sentence(
    scene_path: Path, tmp_path: Path, fail: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/labels.tif")

    monkeypatch.setattr(pipeline, "run", full)
    said = fail("classify", scene_path, "-o", tmp_path / "out.tif")
    assert "No space left on device" in said
    assert not (tmp_path / "out.tif").exists()


def test_a_folder_that_goes_away_before_the_recipe_is_saved_is_a_sentence(
    scene_path: Path, tmp_path: Path, fail: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "recipes"
    place.mkdir()
    score = pipeline.sample_scores

    def scores_and_remove(fitted: pipeline.Fitted) -> Scores:
        place.rmdir()
        return score(fitted)

    monkeypatch.setattr(pipeline, "sample_scores", scores_and_remove)
    words = ("classify", scene_path, "-o", tmp_path / "out.tif", "--save-recipe", place / "r.json", *QUICK)
    assert "cannot be written" in fail(*words)
