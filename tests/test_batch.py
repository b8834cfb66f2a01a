"""Many scenes with one set of classes: labels that agree, resuming, scenes that fail, numbers that differ, mosaics."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rio_cogeo.cogeo import cog_validate
from scenes import UTM_10M, land_cover, open_scene, write_raster

from s2dash.batch import Given, Opener, Plan, RecipeChoice, Report, gather_sources, mosaic, run_batch, source_named
from s2dash.classify import pipeline
from s2dash.core.legend import default_legend
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import Reflectance, Scene
from s2dash.core.types import CancelToken, Progress
from s2dash.errors import InputError, OutputConflict, RecipeError, UnknownName
from s2dash.raster.location import Location

NAMES = ("B02", "B03", "B04", "B08", "B11")
SHAPE_RC = (90, 120)
LEFT = (slice(0, 60), slice(0, 80))
RIGHT = (slice(30, 90), slice(40, 120))
RECIPE = Recipe(bands=NAMES, k=5, params=(("n_init", 2),))

Cut = tuple[slice, slice]
Batch = Callable[..., Report]


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Land cover that tiles are cut from."""
    return land_cover(SHAPE_RC, NAMES, seed=5).astype(np.uint16)


def write_tile(path: Path, picture: np.ndarray, cut: Cut, **how: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    place = UTM_10M @ Affine.translation(cut[1].start, cut[0].start)
    how = {"descriptions": NAMES, "nodata": 0, "transform": place} | how
    return write_raster(path, picture[:, cut[0], cut[1]], **how)


@pytest.fixture
def tiles(tmp_path: Path, picture: np.ndarray) -> list[Path]:
    """Two tiles that overlap; a corner of the first has no data."""
    holed = picture.copy()
    holed[:, 50:60, 60:80] = 0
    folder = tmp_path / "in"
    return [write_tile(folder / "left.tif", holed, LEFT), write_tile(folder / "right.tif", picture, RIGHT)]


def open_tile(place: Location, folder: Path, progress: Progress, cancel: CancelToken) -> Scene:
    assert place.path is not None
    return open_scene(place.path)


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    """Runs a batch of these paths into `out`; further arguments are those of Plan."""

    def call(
        paths: Sequence[Path], recipe: Recipe = RECIPE, fit_on: str | None = None, out: str = "out", **how: Any
    ) -> Report:
        running = {key: how.pop(key) for key in ("progress", "cancel", "watch") if key in how}
        sources = gather_sources(paths, tmp_path / out)
        chosen = source_named(sources, fit_on) if fit_on else None
        choice = RecipeChoice(lambda scene: recipe, recipe.to_json())
        how = {"opener": Opener(open_tile), "mosaic": "none"} | how
        plan = Plan(sources, tmp_path / out, recipe=choice, fit_on=chosen, **how)
        return run_batch(plan, **running)

    return call


def labels(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return np.asarray(dataset.read(1))


def outputs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def states(report: Report) -> dict[str, str]:
    return {one.source.name: one.state for one in report.scenes}


def table(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / "classes.csv").read_bytes().decode("utf-8-sig"))))


def merged(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    out = np.zeros(SHAPE_RC, dtype=np.uint8)
    out[RIGHT] = right
    out[LEFT] = np.where(left, left, out[LEFT])
    return out


# ---- the same classes everywhere -----------------------------------------------------------------------------------


def test_labels_agree_where_tiles_overlap(batch: Batch, tiles: list[Path], tmp_path: Path) -> None:
    assert states(batch(tiles)) == {"left": "done", "right": "done"}
    left, right = (labels(tmp_path / "out" / f"{name}-classes.tif") for name in ("left", "right"))
    shared = left[30:60, 40:80]
    assert (shared[20:, 20:] == 0).all()
    assert np.array_equal(shared[shared > 0], right[0:30, 0:40][shared > 0])
    with (
        rasterio.open(tmp_path / "out" / "left-classes.tif") as one,
        rasterio.open(tmp_path / "out" / "right-classes.tif") as other,
    ):
        assert one.colormap(1) == other.colormap(1)
        assert one.tags()["CLASS_3"] == other.tags()["CLASS_3"]


@pytest.mark.parametrize("sample", [500, 100_000, None])
def test_order_changes_nothing_but_the_table(
    batch: Batch, tiles: list[Path], tmp_path: Path, sample: int | None
) -> None:
    recipe = replace(RECIPE, sample=sample)
    batch(tiles, recipe, out="one", mosaic="vrt")
    batch(tiles[::-1], recipe, out="other", mosaic="vrt")
    one, other = outputs(tmp_path / "one"), outputs(tmp_path / "other")
    different = {name for name in one if one[name] != other[name]}
    assert different == {"classes.csv", "classes.json"}
    rows, reversed_rows = table(tmp_path / "one"), table(tmp_path / "other")
    assert rows == reversed_rows[5:] + reversed_rows[:5]


def test_classes_run_from_dark_to_bright(batch: Batch, tiles: list[Path], tmp_path: Path, picture: np.ndarray) -> None:
    batch(tiles)
    together = merged(*(labels(tmp_path / "out" / f"{name}-classes.tif") for name in ("left", "right")))
    means = [picture[:, together == i].mean() for i in range(1, 6)]
    assert means == sorted(means)


def test_one_scene_alone_is_what_classify_makes_of_it(batch: Batch, tiles: list[Path], tmp_path: Path) -> None:
    batch(tiles[:1])
    result, _ = pipeline.run(open_scene(tiles[0]), RECIPE, tmp_path / "labels.tif")
    assert np.array_equal(labels(tmp_path / "out" / "left-classes.tif"), result.classmap.labels)


def test_large_scenes_share_the_pool_by_their_size(
    batch: Batch, tmp_path: Path, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 500)
    whole = write_tile(tmp_path / "in" / "whole.tif", picture, (slice(0, 90), slice(0, 120)))
    small = write_tile(tmp_path / "in" / "small.tif", picture, (slice(0, 45), slice(0, 60)))
    batch([whole, small], replace(RECIPE, sample=1000))
    with np.load(tmp_path / "out" / "batch-sample.npz") as arrays:
        assert arrays["raw"].shape[1] == pytest.approx(1000, abs=2)
    assert (
        labels(tmp_path / "out" / "whole-classes.tif")[:45, :60].tolist()
        == labels(tmp_path / "out" / "small-classes.tif").tolist()
    )


def test_fit_on_one_scene(batch: Batch, tiles: list[Path], tmp_path: Path) -> None:
    batch(tiles, fit_on="right")
    fitted = pipeline.fitted_to(open_scene(tiles[1]), RECIPE)
    for path in tiles:
        expected = pipeline.run_live(fitted.on(open_scene(path))).classmap.labels
        assert np.array_equal(labels(tmp_path / "out" / f"{path.stem}-classes.tif"), expected)


def test_classes_that_exist_already(batch: Batch, tiles: list[Path], tmp_path: Path) -> None:
    fitted = pipeline.fitted_to(open_scene(tiles[1]), RECIPE)
    legend = default_legend(("#000001", "#000002", "#000003", "#000004", "#000005")).edited({2: "=wood"}, {})
    batch(tiles, given=Given(fitted, legend))
    assert [row["name"] for row in table(tmp_path / "out")[:2]] == ["Class 1", "'=wood"]
    assert [row["colour"] for row in table(tmp_path / "out")[:2]] == ["#000001", "#000002"]
    assert json.loads((tmp_path / "out" / "classes.json").read_text())[1]["name"] == "=wood"


# ---- numbers that differ -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"scale": "none"},
        {"scale": "robust", "clip": (1.0, 99.0), "indices": ("NDVI",)},
        {"smooth": 3},
        {"smooth": "edge"},
        {"smooth": "edge", "transform": "sqrt", "components": 3, "indices": ("NDVI",)},
        {"algorithm": "spectral-angle-kmeans", "scale": "none", "params": ()},
        {"algorithm": "bisecting-kmeans", "params": ()},
        {"pca": 3},
    ],
    ids=str,
)
def test_offsets_and_quantifications_give_the_same_classes(
    batch: Batch, tiles: list[Path], tmp_path: Path, picture: np.ndarray, changes: dict[str, Any]
) -> None:
    """The right tile stored as reflectance x 10,000 + 1000, and as a number from 0 to 1."""
    recipe = replace(RECIPE, **changes)
    batch(tiles, recipe, out="plain")
    shifted = write_tile(tmp_path / "shifted" / "right.tif", picture + 1000, RIGHT)
    small = write_tile(tmp_path / "small" / "right.tif", picture / np.float32(10_000), RIGHT)
    for path, quantification, offset in ((shifted, 10_000, -1000), (small, 1, 0)):
        numbers = Reflectance(quantification, (float(offset),) * len(NAMES), "")

        def open_as(place: Location, *rest: Any, other: Path = path, numbers: Reflectance = numbers) -> Scene:
            scene = open_tile(place, *rest)
            return scene.with_reflectance(numbers) if place.path == other else scene

        batch([tiles[0], path], recipe, out=f"{path.parent.name} out", opener=Opener(open_as))
        for name in ("left", "right"):
            plain, found = (
                labels(tmp_path / out / f"{name}-classes.tif") for out in ("plain", f"{path.parent.name} out")
            )
            assert (found == plain).mean() > 0.999


def test_a_fit_moves_to_other_numbers_and_back(tiles: list[Path]) -> None:
    scene = open_scene(tiles[0])
    fitted = pipeline.fitted_to(scene, replace(RECIPE, clip=(1.0, 99.0)))
    other = scene.with_reflectance(Reflectance(500.0, (3.0, 1.0, 4.0, 1.0, 5.0), ""))
    moved = fitted.on(other)
    assert np.allclose(moved.space.transform(moved.sample.raw), fitted.space.transform(fitted.sample.raw), atol=1e-5)
    assert np.allclose(other.to_reflectance(moved.sample.bands), scene.to_reflectance(fitted.sample.bands))
    back = moved.on(scene)
    assert np.allclose(back.space.shift, fitted.space.shift)
    assert np.array_equal(back.mean_reflectance, fitted.mean_reflectance)


def test_bands_are_matched_by_name(batch: Batch, tiles: list[Path], tmp_path: Path, picture: np.ndarray) -> None:
    order = (3, 0, 4, 2, 1)
    shuffled = write_tile(
        tmp_path / "in2" / "right.tif", picture[list(order)], RIGHT, descriptions=[NAMES[i] for i in order]
    )
    batch(tiles, out="plain")
    batch([tiles[0], shuffled], out="shuffled")
    for name in ("left", "right"):
        file = f"{name}-classes.tif"
        assert np.array_equal(labels(tmp_path / "plain" / file), labels(tmp_path / "shuffled" / file))


# ---- resuming ------------------------------------------------------------------------------------------------------


def test_finished_scenes_are_skipped(batch: Batch, tiles: list[Path], tmp_path: Path) -> None:
    batch(tiles, mosaic="cog")
    before = outputs(tmp_path / "out")
    stamps = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.tif")}
    assert states(batch(tiles, mosaic="cog")) == {"left": "unchanged", "right": "unchanged"}
    assert outputs(tmp_path / "out") == before
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.tif")} == stamps
    assert states(batch(tiles, again=True)) == {"left": "done", "right": "done"}


def test_a_changed_scene_changes_a_pooled_fit(batch: Batch, tiles: list[Path], picture: np.ndarray) -> None:
    batch(tiles)
    write_tile(tiles[1], np.maximum(picture // 2, 1), RIGHT)
    assert states(batch(tiles)) == {"left": "done", "right": "done"}


def test_a_changed_scene_is_done_anew_alone_where_the_fit_is_another_ones(batch: Batch, tiles: list[Path]) -> None:
    batch(tiles, fit_on="left")
    os.utime(tiles[1], ns=(1, 1))
    assert states(batch(tiles, fit_on="left")) == {"left": "unchanged", "right": "done"}


def test_a_changed_recipe_is_done_anew(batch: Batch, tiles: list[Path]) -> None:
    batch(tiles)
    assert set(states(batch(tiles, replace(RECIPE, k=4))).values()) == {"done"}


def test_a_lost_output_is_made_again_from_the_kept_sample(batch: Batch, tiles: list[Path], tmp_path: Path) -> None:
    batch(tiles)
    before = outputs(tmp_path / "out")
    (tmp_path / "out" / "left-classes.tif").unlink()
    learnt: list[str] = []
    report = batch(tiles, watch=lambda one: learnt.append(one.state))
    assert states(report) == {"left": "done", "right": "unchanged"}
    assert "learning" not in learnt
    assert outputs(tmp_path / "out") == before


def test_many_scenes_are_smoothed_in_one_space(batch: Batch, tiles: list[Path], tmp_path: Path) -> None:
    recipe = replace(RECIPE, transform="sqrt", components=3, smooth="edge")
    batch(tiles, recipe)
    before = outputs(tmp_path / "out")
    (tmp_path / "out" / "left-classes.tif").unlink()
    learnt: list[str] = []
    batch(tiles, recipe, watch=lambda one: learnt.append(one.state))
    assert "learning" not in learnt
    assert outputs(tmp_path / "out") == before
    batch(tiles[:1], recipe, out="one")
    scene = open_scene(tiles[0])
    alone = pipeline.run_live(pipeline.fitted_to(scene, recipe)).classmap.labels
    assert np.array_equal(labels(tmp_path / "one" / "left-classes.tif"), alone)


def test_a_spoilt_sample_is_drawn_again(batch: Batch, tiles: list[Path], tmp_path: Path) -> None:
    batch(tiles)
    (tmp_path / "out" / "batch-sample.npz").write_bytes(b"PK")
    assert set(states(batch(tiles)).values()) == {"unchanged"}


@pytest.mark.parametrize("stop_at", [0, 1])
def test_stopping_keeps_what_is_finished(batch: Batch, tiles: list[Path], tmp_path: Path, stop_at: int) -> None:
    cancel = CancelToken()

    def watch(report: Any) -> None:
        if report.state == "labelling" and report.source.name == ("left", "right")[stop_at]:
            cancel.cancel()

    report = batch(tiles, cancel=cancel, watch=watch)
    assert report.was_stopped
    assert len(report.finished) == stop_at
    assert len(list((tmp_path / "out").glob("*-classes.tif"))) == stop_at
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]
    assert len({row["scene"] for row in table(tmp_path / "out")} if stop_at else ()) == stop_at
    assert list(states(batch(tiles)).values()).count("unchanged") == stop_at


@pytest.mark.parametrize("again", [False, True])
def test_a_stopped_run_leaves_nothing_of_two_fits(batch: Batch, tiles: list[Path], tmp_path: Path, again: bool) -> None:
    batch(tiles, mosaic="vrt")
    cancel = CancelToken()

    def watch(report: Any) -> None:
        if report.state == "labelling" and report.source.name == "right":
            cancel.cancel()

    other = replace(RECIPE, k=RECIPE.k + 1)
    assert batch(tiles, other, mosaic="vrt", cancel=cancel, watch=watch, again=again).was_stopped
    out = tmp_path / "out"
    assert [path.name for path in out.glob("*-classes.tif")] == ["left-classes.tif"]
    assert not list(out.glob("mosaic*"))
    assert Recipe.from_json((out / "recipe.json").read_text()).k == other.k
    assert {row["scene"] for row in table(out)} == {"left"}
    assert states(batch(tiles, other, mosaic="vrt"))["left"] == "unchanged"
    assert list(out.glob("mosaic*"))


def test_what_a_killed_run_left_goes(batch: Batch, tiles: list[Path], tmp_path: Path) -> None:
    left_behind = tmp_path / "out" / ".s2dash-batch" / "half"
    left_behind.mkdir(parents=True)
    (left_behind / "left-classes.tif").touch()
    batch(tiles)
    assert not left_behind.parent.exists()


def test_two_runs_do_not_share_a_folder(batch: Batch, tiles: list[Path]) -> None:
    def meanwhile(report: Any) -> None:
        with pytest.raises(OutputConflict, match="Another batch"):
            batch(tiles)

    assert states(batch(tiles, watch=meanwhile)) == {"left": "done", "right": "done"}


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "s2dash batch 1"}', '{"format": "mine", "x": 1}'])
def test_a_foreign_manifest_is_left_alone(batch: Batch, tiles: list[Path], tmp_path: Path, text: str) -> None:
    (tmp_path / "out").mkdir()
    manifest = tmp_path / "out" / "batch.json"
    manifest.write_text(text)
    with pytest.raises(OutputConflict, match="remove that file"):
        batch(tiles)
    assert manifest.read_text() == text


def test_a_manifest_names_no_file_elsewhere(batch: Batch, tiles: list[Path], tmp_path: Path) -> None:
    batch(tiles, mosaic="vrt")
    manifest = tmp_path / "out" / "batch.json"
    facts = json.loads(manifest.read_text())
    facts["mosaic"]["files"] = [["../in/left.tif", 1]]
    manifest.write_text(json.dumps(facts))
    with pytest.raises(OutputConflict):
        batch(tiles)
    assert tiles[0].exists()


# ---- scenes that fail ----------------------------------------------------------------------------------------------


def test_a_bad_scene_does_not_stop_the_others(
    batch: Batch, tiles: list[Path], tmp_path: Path, picture: np.ndarray
) -> None:
    batch(tiles, out="good")
    broken = tmp_path / "in" / "broken.tif"
    broken.write_bytes(tiles[0].read_bytes()[: tiles[0].stat().st_size // 2])
    lacking = write_tile(tmp_path / "in" / "lacking.tif", picture[:4], LEFT, descriptions=NAMES[:4])
    report = batch([broken, lacking, tmp_path / "in" / "nowhere.tif", *tiles])
    assert states(report) == {
        **{"broken": "failed", "lacking": "failed", "nowhere": "failed"},
        **{"left": "done", "right": "done"},
    }
    assert len(report.failed) == 3
    assert "no band B11" in next(one.error for one in report.failed if one.source.name == "lacking")
    for name in ("left", "right"):
        file = f"{name}-classes.tif"
        assert np.array_equal(labels(tmp_path / "good" / file), labels(tmp_path / "out" / file))
    again = batch([broken, *tiles])
    assert states(again) == {"broken": "failed", "left": "unchanged", "right": "unchanged"}


def test_a_repaired_scene_joins_the_pool(batch: Batch, tiles: list[Path], picture: np.ndarray) -> None:
    good = tiles[1].read_bytes()
    tiles[1].write_bytes(b"II*\0 nothing")
    assert states(batch(tiles)) == {"left": "done", "right": "failed"}
    tiles[1].write_bytes(good)
    assert states(batch(tiles)) == {"left": "done", "right": "done"}


def test_without_any_good_scene(batch: Batch, tiles: list[Path], tmp_path: Path) -> None:
    for path in tiles:
        path.write_bytes(b"II*\0 nothing")
    with pytest.raises(InputError, match="None of the 2 scenes"):
        batch(tiles)
    with pytest.raises(InputError, match="left"):
        batch(tiles, fit_on="left")


def test_a_recipe_that_fits_nothing(batch: Batch, tiles: list[Path]) -> None:
    with pytest.raises((RecipeError, InputError), match="B99"):
        batch(tiles, replace(RECIPE, bands=("B99",)))


def test_outputs_do_not_write_over_scenes(batch: Batch, tiles: list[Path], tmp_path: Path) -> None:
    with pytest.raises(OutputConflict, match="holds the scenes"):
        batch([tmp_path / "in"], out="in")
    taken = tmp_path / "out" / "left-classes.tif"
    taken.parent.mkdir()
    taken.write_bytes(tiles[0].read_bytes())
    with pytest.raises(OutputConflict, match="written over"):
        batch([taken])


# ---- which scenes --------------------------------------------------------------------------------------------------


def test_a_folder_stands_for_the_scenes_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    (folder / "S2A.SAFE" / "GRANULE").mkdir(parents=True)
    (folder / "other").mkdir()
    for name in ("b.tif", "A.zip", ".hidden.tif", "notes.txt", "x_B02.tif", "x_B03.jp2"):
        (folder / name).touch()
    product = tmp_path / "renamed"
    product.mkdir()
    (product / "MTD_MSIL2A.xml").touch()
    bands = tmp_path / "bands"
    bands.mkdir()
    (bands / "x_B02.jp2").touch()
    found = gather_sources([folder, product, bands, folder / "b.tif"])
    assert [source.location.file_name for source in found] == ["A.zip", "b.tif", "S2A.SAFE", "renamed", "bands"]
    assert [source.name for source in found] == ["A", "b", "S2A", "renamed", "bands"]


def test_names_are_told_apart_whatever_the_order(tmp_path: Path) -> None:
    paths = [tmp_path / part for part in ("a/scene.tif", "b/scene.tif", "b/Scene.zip", "c/ä ö.tif", "c/other.tif")]
    names = {source.location.path: source.name for source in gather_sources(paths)}
    assert len({name.casefold() for name in names.values()}) == len(paths)
    assert names[paths[0]] == "a-scene"
    assert names[paths[4]] == "other"
    assert {source.location.path: source.name for source in gather_sources(paths[::-1])} == names


def test_a_scene_by_name_or_path(tmp_path: Path) -> None:
    sources = gather_sources([tmp_path / "a.tif", tmp_path / "b.tif"])
    assert (
        source_named(sources, "b") == source_named(sources, "b.tif") == source_named(sources, str(tmp_path / "b.tif"))
    )
    with pytest.raises(UnknownName, match="They are a, b"):
        source_named(sources, "c")


# ---- the table and the mosaic --------------------------------------------------------------------------------------


def test_the_table_adds_up(batch: Batch, tiles: list[Path], tmp_path: Path) -> None:
    batch(tiles)
    rows = table(tmp_path / "out")
    for name in ("left", "right"):
        own = [row for row in rows if row["scene"] == name]
        found = labels(tmp_path / "out" / f"{name}-classes.tif")
        assert [int(row["pixels"]) for row in own] == [int((found == i).sum()) for i in range(1, 6)]
        assert sum(float(row["share_percent"]) for row in own) == pytest.approx(100, abs=0.01)
        assert sum(float(row["area_ha"]) for row in own) == pytest.approx((found > 0).sum() / 100)
    assert [row["pixels"] for row in json.loads((tmp_path / "out" / "classes.json").read_text())] == [
        int(row["pixels"]) for row in rows
    ]


@pytest.mark.parametrize("kind", ["vrt", "cog"])
def test_the_mosaic_is_the_merged_labels(batch: Batch, tiles: list[Path], tmp_path: Path, kind: str) -> None:
    batch(tiles, mosaic=kind)
    out = tmp_path / "out"
    path = out / ("mosaic.vrt" if kind == "vrt" else "mosaic.tif")
    expected = merged(*(labels(out / f"{name}-classes.tif") for name in ("left", "right")))
    assert (expected == 0).any()
    with rasterio.open(path) as made, rasterio.open(out / "left-classes.tif") as left:
        assert np.array_equal(made.read(1), expected)
        assert (made.nodata, made.crs, made.transform) == (0, left.crs, UTM_10M)
        assert [made.colormap(1)[i] for i in range(1, 6)] == [left.colormap(1)[i] for i in range(1, 6)]
        assert made.tags()["CLASS_5"] == "Class 5"
    if kind == "cog":
        assert cog_validate(path, quiet=True)[0]
        assert "<Category>Class 5</Category>" in (out / "mosaic.tif.aux.xml").read_text()


def test_the_mosaic_moves_with_its_folder(batch: Batch, tiles: list[Path], tmp_path: Path) -> None:
    batch(tiles, mosaic="vrt")
    expected = labels(tmp_path / "out" / "mosaic.vrt")
    (tmp_path / "out").rename(tmp_path / "moved")
    assert np.array_equal(labels(tmp_path / "moved" / "mosaic.vrt"), expected)


def test_another_kind_of_mosaic_takes_the_place_of_the_last(batch: Batch, tiles: list[Path], tmp_path: Path) -> None:
    batch(tiles, mosaic="cog")
    batch(tiles, mosaic="vrt")
    assert [path.name for path in (tmp_path / "out").glob("mosaic*")] == ["mosaic.vrt"]
    batch(tiles, mosaic="none")
    assert not list((tmp_path / "out").glob("mosaic*"))


def test_grids_that_differ_get_a_mosaic_each(
    batch: Batch, tiles: list[Path], tmp_path: Path, picture: np.ndarray
) -> None:
    folder = tmp_path / "in"
    west = write_tile(folder / "west.tif", picture, RIGHT, crs="EPSG:32632")
    half = write_tile(folder / "half.tif", picture, RIGHT, transform=UTM_10M @ Affine.translation(0.5, 0))
    nowhere = write_tile(folder / "nowhere.tif", picture, RIGHT, crs=None, transform=UTM_10M)
    report = batch([*tiles, west, half, nowhere], mosaic="vrt")
    made = sorted(path.name for path in (tmp_path / "out").glob("mosaic*"))
    assert made == ["mosaic-EPSG32632.vrt", "mosaic-EPSG32633-1.vrt", "mosaic-EPSG32633-2.vrt"]
    assert any("3 different grids" in note for note in report.notes)
    assert any("nowhere-classes.tif has no place" in note for note in report.notes)


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("EPSG:32633", UTM_10M @ Affine.rotation(30)),
        ("EPSG:32633", Affine(10, 0, 500_000, 0, 10, 5_200_000)),
        ("EPSG:4326", Affine(1e-4, 0, 12, 0, -1e-4, 48)),
    ],
    ids=["rotated", "south-up", "degrees"],
)
def test_mosaics_of_other_grids(batch: Batch, tmp_path: Path, picture: np.ndarray, crs: str, transform: Affine) -> None:
    paths = [
        write_tile(
            tmp_path / "in" / f"{name}.tif",
            picture,
            cut,
            crs=crs,
            transform=transform @ Affine.translation(cut[1].start, cut[0].start),
        )
        for name, cut in (("left", LEFT), ("right", RIGHT))
    ]
    batch(paths, mosaic="cog")
    expected = merged(*(labels(tmp_path / "out" / f"{name}-classes.tif") for name in ("left", "right")))
    with rasterio.open(tmp_path / "out" / "mosaic.tif") as made:
        assert np.array_equal(made.read(1), expected)
        assert made.transform.almost_equals(transform)
        assert made.crs == rasterio.CRS.from_user_input(crs)
    mosaics, _ = mosaic.plan_mosaics([tmp_path / "out" / f"{name}-classes.tif" for name in ("left", "right")])
    vrt = tmp_path / "out" / "again.vrt"
    mosaic.write_mosaic(mosaics[0], default_legend(("#000000",) * 5), {}, vrt)
    with rasterio.open(vrt) as made:
        assert made.crs == rasterio.CRS.from_user_input(crs)
        assert np.array_equal(made.read(1), expected)


# ---- progress ------------------------------------------------------------------------------------------------------


def test_progress_runs_to_its_end(batch: Batch, tiles: list[Path]) -> None:
    told: list[tuple[float, str]] = []
    batch(tiles, progress=lambda share, what: told.append((share, what)), mosaic="vrt")
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert any(words.startswith("Scene 2 of 2, right: ") for _, words in told)


def test_the_default_recipe_comes_from_the_scenes(batch: Batch, tiles: list[Path], tmp_path: Path) -> None:
    plan = Plan(
        gather_sources(tiles),
        tmp_path / "out",
        Opener(open_tile),
        RecipeChoice(lambda scene: replace(default_recipe(scene).plain(), params=(("n_init", 2),)), ""),
        mosaic="none",
    )
    report = run_batch(plan)
    assert report.recipe is not None
    assert report.recipe.bands == NAMES
    assert Recipe.from_json((tmp_path / "out" / "recipe.json").read_text()) == report.recipe
