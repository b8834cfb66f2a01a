"""The page without a browser: what it shows after each thing that people do, and that nothing ever breaks it."""

from __future__ import annotations

import io
import re
import threading
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from page_driver import Downloads, Page, downloads, start
from rasterio.io import MemoryFile
from scenes import make_scene, write_raster, write_scene
from waiting import PATIENCE_SECONDS, wait_until

from s2dash.classify import pipeline
from s2dash.classify.algorithms import ALGORITHMS
from s2dash.classify.pipeline import apply_algorithm
from s2dash.core.palette import PALETTES
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import LIVE_PIXELS, Scene
from s2dash.ingest import EXAMPLES, sample_scene
from s2dash.server.live_engine import LiveRequest
from s2dash.server.state import server_state
from s2dash.settings import RUN_LIMITS
from s2dash.ui import full_run, legend_and_charts, strip
from s2dash.ui.legend_event import LegendEvent
from s2dash.ui.runs import kept

__all__ = ["downloads", "start"]  # fixtures

HOSTILE = "<img src=x onerror=alert(1)> :material/bug_report: [a](https://b.example) $x$ `c`"
SIX = ("B02", "B03", "B04", "B08", "B11", "B12")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make_scene(tmp_path, names=SIX)


@pytest.fixture
def page(start: Callable[[Scene], Page], scene: Scene) -> Page:
    return start(scene)


def labels_of(scene: Scene, recipe: Recipe, folder: Path) -> np.ndarray:
    result, _ = pipeline.run(scene, recipe, folder / "labels of a test.tif")
    assert result.classmap.labels is not None
    return result.classmap.labels


def geotiff_bytes(folder: Path, *args: Any, **how: Any) -> bytes:
    return write_scene(folder / "to upload.tif", *args, **how).read_bytes()


# ---- the first screen ----------------------------------------------------------------------------------------------


def test_the_first_screen_is_a_finished_map_of_the_sample(downloads: Downloads) -> None:
    page = Page(downloads)
    assert "Bands" in [widget.label for widget in page.test.multiselect]
    sample = sample_scene()
    assert page.recipe == default_recipe(sample)
    assert page.bands == list(default_recipe(sample).bands)
    assert page.widget("slider", "Number of classes (k)").value == 8
    assert page.widget("selectbox", "Algorithm").value == "kmeans"
    assert page.title == "### Virginia coast"
    assert len(page.rows) == 8
    assert len(page.tiles) == 2
    assert "Up to date" in page.words
    assert page.geotiff.shape == sample.grid.shape_rc
    assert sample.attribution in page.words


def test_the_main_controls_have_their_names(page: Page) -> None:
    named = {kind: [widget.label for widget in page.test.get(kind)] for kind in ("multiselect", "slider", "selectbox")}
    assert "Bands" in named["multiselect"]
    assert "Number of classes (k)" in named["slider"]
    assert "Algorithm" in named["selectbox"]
    assert page.widget("button", "Try the sample scene")
    assert page.widget("file_uploader", "Sentinel-2 files")
    assert not page.downloads["Download GeoTIFF"].disabled
    assert "Classify full scene" not in [button.label for button in page.test.button]
    k = page.widget("slider", "Number of classes (k)")
    assert (k.min, k.max) == (2, 20)


def test_every_widget_with_a_label_to_see_explains_itself(page: Page) -> None:
    kinds = ("multiselect", "slider", "selectbox", "number_input", "toggle", "file_uploader", "download_button")
    protos = [b.proto for b in page.test.button]
    for window in ("scene", "hand over"):
        page.open(window)
        protos += [widget.proto for kind in kinds for widget in page.test.get(kind)]
    assert len(protos) >= 15
    seen = [proto for proto in protos if not (hasattr(proto, "label_visibility") and proto.label_visibility.value)]
    assert [proto.label for proto in seen if not proto.help.strip()] == []


def test_every_setting_of_an_algorithm_is_offered_with_help(page: Page) -> None:
    for algorithm in ALGORITHMS.values():
        page.choose("selectbox", "Algorithm", algorithm.name)
        offered = {w.label: w.proto.help for kind in ("number_input", "selectbox") for w in page.test.get(kind)}
        for param in algorithm.params:
            assert offered[param.label] == param.help
        assert page.recipe.algorithm == algorithm.name


# ---- choices -------------------------------------------------------------------------------------------------------

CHANGES: dict[str, tuple[str, str, object, dict[str, Any]]] = {
    "k": ("slider", "Number of classes (k)", 5, {"k": 5}),
    "algorithm": (
        "selectbox",
        "Algorithm",
        "gaussian-mixture",
        {"algorithm": "gaussian-mixture", "distance": "euclidean"},
    ),
    "distance": ("selectbox", "Distance", "euclidean", {"distance": "euclidean"}),
    "bands": ("multiselect", "Bands", ["B12", "B08"], {"bands": ("B08", "B12")}),
    "one band": ("multiselect", "Bands", ["B08"], {"bands": ("B08",)}),
    "indices": ("multiselect", "Indices", ["NDVI", "NDWI"], {"indices": ("NDVI", "NDWI")}),
    "scaling": ("selectbox", "Scaling", "none", {"scale": "none"}),
    "outliers": ("selectbox", "Outliers", "Cut the lowest and highest 2 %", {"clip": (2.0, 98.0)}),
    "smoothing": ("selectbox", "Smoothing", 3, {"smooth": 3}),
    "components": ("selectbox", "Principal components (PCA)", "First 2 components", {"pca": 2, "components": None}),
    "seed": ("number_input", "Seed", 3, {"seed": 3}),
    "sample": ("selectbox", "Pixels to learn from", 20_000, {"sample": 20_000}),
    "mask": ("toggle", "Leave out pixels without data", False, {"mask": "none"}),
    "setting": ("number_input", ALGORITHMS["kmeans"].params[0].label, 3, {"params": None}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_choice_changes_the_result_at_once(page: Page, scene: Scene, tmp_path: Path, what: str) -> None:
    kind, label, value, fields = CHANGES[what]
    if what == "setting":
        fields = {"params": ((ALGORITHMS["kmeans"].params[0].name, value),)}
    picture, classes = page.tiles
    page.choose(kind, label, value)
    assert page.recipe == replace(default_recipe(scene), **fields)
    assert len(page.rows) == page.recipe.k
    assert page.tiles[0] == picture
    assert page.tiles[1] != classes
    np.testing.assert_array_equal(page.geotiff, labels_of(scene, page.recipe, tmp_path))
    assert label in [widget.label for widget in page.test.get(kind)]


def test_an_algorithm_that_takes_no_scaling_says_so_and_gives_the_choices_back(page: Page, scene: Scene) -> None:
    page.choose("multiselect", "Indices", ["NDVI"]).choose("selectbox", "Scaling", "robust")
    before = page.recipe
    page.choose("selectbox", "Algorithm", "spectral-angle-kmeans")
    assert page.recipe == apply_algorithm(before, "spectral-angle-kmeans")
    assert page.widget("selectbox", "Scaling").disabled
    assert page.widget("multiselect", "Indices").disabled
    assert "looks at bands as they are" in page.words
    page.choose("selectbox", "Algorithm", "kmeans")
    assert page.recipe == before


def test_choices_that_do_not_fit_are_said_in_words_and_keep_the_map(page: Page) -> None:
    tiles, recipe = page.tiles, page.recipe
    page.choose("multiselect", "Bands", ["B08"])
    last = page.recipe
    assert last != recipe
    page.choose("selectbox", "Algorithm", "spectral-angle-kmeans")
    assert "Choose at least 2 bands" in page.words
    assert "The map shows the last result" in page.words
    assert page.recipe == last
    page.choose("multiselect", "Bands", list(SIX)).choose("selectbox", "Algorithm", "kmeans")
    assert page.recipe == recipe
    assert page.tiles == tiles


def test_without_a_band_the_last_map_stays_and_a_line_says_what_to_do(page: Page) -> None:
    tiles, rows, recipe = page.tiles, page.rows, page.recipe
    page.choose("multiselect", "Bands", [])
    assert "Choose at least one band" in page.words
    assert page.tiles == tiles
    assert page.rows == rows
    assert page.recipe == recipe
    page.choose("multiselect", "Bands", ["B02", "B03"])
    assert "Choose at least one band" not in page.words
    assert page.recipe.bands == ("B02", "B03")


def test_the_picture_under_the_classes_can_be_any_three_bands(page: Page) -> None:
    picture, classes = page.tiles
    layers = page.widget("selectbox", "Picture")
    page.choose("selectbox", "Picture", "Three bands …")
    assert len(page.widget("selectbox", "Shown as red").options) == len(SIX)
    page.choose("selectbox", "Shown as red", "B12")
    assert page.tiles[0] != picture
    assert page.tiles[1] == classes
    page.choose("selectbox", "Picture", "False colour")
    assert page.tiles[0] != picture
    assert len(layers.options) == 3


def test_a_palette_changes_colours_and_no_labels(page: Page) -> None:
    labels = page.geotiff
    seen = set()
    for name in PALETTES:
        page.choose("selectbox", "Colours", name)
        seen.add(tuple(row["colour"] for row in page.rows))
        np.testing.assert_array_equal(page.geotiff, labels)
    assert len(seen) == len(PALETTES)


# ---- the legend ----------------------------------------------------------------------------------------------------


def test_edits_of_the_legend_go_into_every_download(page: Page) -> None:
    labels, tiles = page.geotiff, page.tiles
    page.edit_legend(LegendEvent({2: "Salt marsh"}, {2: "#123456"}))
    assert (page.rows[1]["name"], page.rows[1]["colour"]) == ("Salt marsh", "#123456")
    assert page.tiles[1] != tiles[1]
    for choice in (("slider", "Number of classes (k)", 4), ("slider", "Number of classes (k)", 8)):
        page.choose(*choice)  # names belong to a result, and come back with it
    with MemoryFile(page.downloads["Download GeoTIFF"].content()) as file, file.open() as dataset:
        assert dataset.tags()["CLASS_2"] == "Salt marsh"
        assert dataset.colormap(1)[2][:3] == (0x12, 0x34, 0x56)
        np.testing.assert_array_equal(dataset.read(1), labels)
    table = page.downloads["Class table (CSV)"].content().decode("utf-8-sig")
    assert "Salt marsh" in table
    assert "#123456" in table.lower()
    with zipfile.ZipFile(io.BytesIO(page.downloads["GIS bundle (zip)"].content())) as bundle:
        sidecar = next(name for name in bundle.namelist() if name.endswith(".aux.xml"))
        assert b"Salt marsh" in bundle.read(sidecar)
    assert page.downloads["Map picture (PNG)"].content().startswith(b"\x89PNG")


def test_a_class_keeps_its_name_and_colour_from_map_to_map(page: Page) -> None:
    page.edit_legend(LegendEvent({1: "Open sea"}, {1: "#123456"}))
    at_eight = [(row["name"], row["colour"]) for row in page.rows]
    for k in (5, 6, 12):
        page.choose("slider", "Number of classes (k)", k)
        named = [row for row in page.rows if row["name"] == "Open sea"]
        assert [row["colour"] for row in named] == ["#123456"]
        assert "carried over" in named[0]["about"]
        others = [row for row in page.rows if row not in named]
        assert [row["name"] for row in others] == [f"Class {row['id']}" for row in others]
        assert len({row["colour"] for row in page.rows}) == k
    page.choose("slider", "Number of classes (k)", 8)
    assert [(row["name"], row["colour"]) for row in page.rows] == at_eight
    assert not any("carried over" in row["about"] for row in page.rows)


def test_how_sure_the_classes_are_is_a_way_to_look(page: Page) -> None:
    before = page.tiles
    page.test.session_state["view chosen"] = "How sure"
    page.run()
    assert page.tiles != before
    assert all(row["second"].endswith("could be either") for row in page.rows)
    with MemoryFile(page.downloads["How sure (GeoTIFF)"].content()) as file, file.open() as dataset:
        assert np.array_equal(dataset.read(1) == dataset.nodata, page.geotiff == 0)
    page.test.session_state["view chosen"] = "Classes"
    page.run()
    assert page.tiles == before
    assert not any(row["second"] for row in page.rows)


def test_a_class_shown_alone_changes_the_map_only(page: Page) -> None:
    labels, (picture, classes) = page.geotiff, page.tiles
    page.edit_legend(LegendEvent(isolates=True, isolated=3))
    assert page.tiles[0] == picture
    assert page.tiles[1] != classes
    np.testing.assert_array_equal(page.geotiff, labels)
    page.edit_legend(LegendEvent(isolates=True, isolated=None))
    assert page.tiles == [picture, classes]


# ---- uploads -------------------------------------------------------------------------------------------------------


def test_an_uploaded_geotiff_becomes_the_scene(page: Page, tmp_path: Path) -> None:
    content = geotiff_bytes(tmp_path, (37, 53), ("B03", "B08", "B11"), seed=5)
    page.upload("my coast.tif", content)
    assert page.title == "### my coast"
    assert page.bands == ["B03", "B08", "B11"]
    assert "53 × 37 at 10 m · 3 bands" in page.words
    made = MemoryFile(page.downloads["Download GeoTIFF"].content())
    with MemoryFile(content) as given, given.open() as scene_file, made, made.open() as map_file:
        assert map_file.crs == scene_file.crs
        assert map_file.transform == scene_file.transform
        assert map_file.shape == scene_file.shape
    page.press("Try the sample scene")
    assert page.title == "### scene"


def test_each_other_example_becomes_the_scene(downloads: Downloads) -> None:
    page = Page(downloads)
    for example in EXAMPLES[1:]:
        page.press(example.title)
        assert page.title == f"### {example.title}"
        assert "Up to date" in page.words
    page.press("Try the sample scene")
    assert page.title == "### Virginia coast"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("holiday.tif", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(400), "photo"),
        ("empty.tif", b"", "empty"),
        ("cut.tif", b"II*\x00\x08\x00\x00\x00", "cut.tif"),
        ("notes.tif", b"Dear all,\nplease find attached", "notes.tif"),
    ],
)
def test_what_cannot_be_read_is_said_and_keeps_the_scene(page: Page, name: str, content: bytes, words: str) -> None:
    tiles, rows, bands = page.tiles, page.rows, page.bands
    page.upload(name, content)
    assert words in page.words
    assert "The map still shows the last scene." in page.words
    assert (page.tiles, page.rows, page.bands, page.title) == (tiles, rows, bands, "### scene")
    page.choose("slider", "Number of classes (k)", 6)
    assert words in page.words
    assert len(page.rows) == 6


def test_the_words_go_once_another_file_is_read(page: Page, tmp_path: Path) -> None:
    page.upload("holiday.tif", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00")
    page.upload("good.tif", geotiff_bytes(tmp_path))
    assert "photo" not in page.words
    assert page.title == "### good"


def test_a_new_scene_takes_away_only_the_bands_it_lacks(page: Page, tmp_path: Path) -> None:
    page.choose("multiselect", "Bands", ["B03", "B08", "B12"]).choose("slider", "Number of classes (k)", 6)
    page.choose("multiselect", "Indices", ["NDVI", "NBR"])
    page.upload("next.tif", geotiff_bytes(tmp_path, names=("B03", "B04", "B08", "B11")))
    assert page.bands == ["B03", "B08"]
    assert page.recipe.bands == ("B03", "B08")
    assert page.recipe.indices == ("NDVI",)
    assert page.recipe.k == 6
    assert "B11" in page.widget("multiselect", "Bands").options[3]


def test_a_scene_with_none_of_the_chosen_bands_starts_with_its_own(page: Page, tmp_path: Path) -> None:
    page.choose("multiselect", "Bands", ["B02"])
    page.upload("next.tif", geotiff_bytes(tmp_path, names=("B05", "B06")))
    assert page.bands == ["B05", "B06"]


def test_an_equal_file_under_another_name_is_a_scene_of_its_own(page: Page, tmp_path: Path) -> None:
    content = geotiff_bytes(tmp_path)
    for name in ("first", "second"):
        page.upload(f"{name}.tif", content)
        assert page.title == f"### {name}"
        assert page.downloads["Download GeoTIFF"].file_name.startswith(name)


def test_bands_without_names_are_guessed_and_can_be_corrected(page: Page, tmp_path: Path) -> None:
    page.upload("plain.tif", geotiff_bytes(tmp_path, descriptions=()))
    assert page.bands == ["B02", "B03", "B04", "B08"]
    page.press("Please check: band names")
    assert "which band is which" in page.words
    page.widget("selectbox", "Band 1").set_value("B05")
    page.press("Use these names")
    assert set(page.bands) == set(page.recipe.bands) == {"B05", "B03", "B04", "B08"}


def test_bands_given_one_name_stay_apart(page: Page, tmp_path: Path) -> None:
    page.upload("plain.tif", geotiff_bytes(tmp_path, descriptions=()))
    page.widget("selectbox", "Band 1").set_value("B03")
    page.press("Use these names")
    assert len(set(page.recipe.bands)) == len(page.recipe.bands) == 4


@pytest.mark.parametrize(
    "described",
    [(HOSTILE, *SIX[1:4]), (HOSTILE, "a\nb\tc", "=1+1", "**B**", "B02 <b>", "\u202eevil")],
    ids=["one among others", "all"],
)
def test_names_from_outside_are_shown_as_text(page: Page, tmp_path: Path, described: Sequence[str]) -> None:
    names = SIX[: len(described)]
    page.upload(f"{HOSTILE.replace('/', '-')}.tif", geotiff_bytes(tmp_path, names=names, descriptions=described))
    page.choose("slider", "Number of classes (k)", 3)
    for fragment in page.fragments:
        shown = re.sub(r"```\n.*?\n```", "", fragment, flags=re.DOTALL)
        for active in ("<img", "<b>", "[a](", "$x$", ":material/bug", "`c`", "\u202e"):
            assert active not in shown
    assert page.rows
    for download in page.downloads.values():
        assert re.fullmatch(r"[A-Za-z0-9._-]+", download.file_name)
        assert download.content()


# ---- unusual scenes ------------------------------------------------------------------------------------------------


def test_a_scene_of_one_band(page: Page, tmp_path: Path) -> None:
    page.upload("one.tif", geotiff_bytes(tmp_path, names=("B08",)))
    assert page.bands == ["B08"]
    assert page.recipe.bands == ("B08",)
    assert len(page.rows) == 8
    assert "1 band" in page.words
    assert page.widget("selectbox", "Picture").options == ["One band"]
    assert page.widget("multiselect", "Indices").disabled
    assert "A scatter plot needs two bands" in page.words


def test_a_scene_without_a_place(page: Page, tmp_path: Path) -> None:
    page.upload("nowhere.tif", geotiff_bytes(tmp_path, crs=None))
    assert "No place in this file" in page.words
    above_map = [words for words in page.fragments if "No place" in words and "**Picture.**" not in words]
    assert len(above_map) == 1
    assert len(page.rows) == 8
    assert page.rows[0]["amount"].replace(",", "").isdigit()
    for label in ("Download GeoTIFF", "GIS bundle (zip)"):
        assert page.downloads[label].disabled
        assert "has no place" in page.downloads[label].help
    assert page.downloads["Class table (CSV)"].content()


def test_a_scene_without_any_data_is_refused_and_the_last_one_stays(page: Page, tmp_path: Path) -> None:
    path = write_raster(tmp_path / "void.tif", np.zeros((4, 40, 50), np.uint16), descriptions=SIX[:4], nodata=0)
    page.upload("void.tif", path.read_bytes())
    assert page.title != "### void"
    assert "fewer than 2 pixels with data" in page.words
    assert len(page.rows) == 8


def test_a_scene_partly_masked_says_how_much(start: Callable[[Scene], Page], tmp_path: Path) -> None:
    page = start(make_scene(tmp_path, (40, 50), masked=[(slice(0, 10), slice(None))], nodata=0))
    assert "25.0 % masked" in page.words
    assert not page.geotiff[:10].any()
    assert page.geotiff[10:].all()


def test_more_classes_than_distinct_pixels_is_said_in_words(start: Callable[[Scene], Page], tmp_path: Path) -> None:
    values = np.ones((2, 40, 50), np.uint16) * np.array([100, 200, 300, 400, 500], np.uint16).repeat(10)
    path = write_raster(tmp_path / "flat.tif", values, descriptions=("B02", "B03"))
    page = start(make_scene(tmp_path)).upload("flat.tif", path.read_bytes())
    assert "k = 8 but the picture has only 5 distinct pixels" in page.words
    assert page.rows == []
    page.choose("slider", "Number of classes (k)", 5)
    assert len(page.rows) == 5
    page.choose("slider", "Number of classes (k)", 6)
    assert "k = 6 but" in page.words
    assert "The map shows the last result." in page.words
    assert len(page.rows) == 5


# ---- scenes larger than the live picture ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large_scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    large = make_scene(tmp_path_factory.mktemp("large"), (1100, 1000), ("B04", "B08"), blockxsize=256, blockysize=256)
    assert large.grid.pixel_count > LIVE_PIXELS
    return large


def run_until_full(page: Page) -> None:
    wait_until(lambda: "Download GeoTIFF" in page.run().downloads)


def offers_to_make_it_first(page: Page) -> bool:
    """Whether `Download GeoTIFF` is a button that makes the full map."""
    return "Download GeoTIFF" not in page.downloads and not page.widget("button", "Download GeoTIFF").disabled


def test_a_large_scene_is_downloaded_once_it_is_classified_in_full(
    start: Callable[[Scene], Page], large_scene: Scene, tmp_path: Path
) -> None:
    page = start(large_scene)
    assert offers_to_make_it_first(page)
    assert "Makes the full map first, of 1,100,000 pixels" in page.words
    assert "Preview" in page.words
    assert "1,100,000 pixels" in page.words
    page.press("Classify full scene")
    run_until_full(page)
    assert "Preview" not in page.words
    assert "Classify full scene" not in [b.label for b in page.test.button]
    result, _ = pipeline.run(large_scene, page.recipe, tmp_path / "labels.tif")
    assert result.classmap.path is not None
    with rasterio.open(result.classmap.path) as dataset:
        np.testing.assert_array_equal(page.geotiff, dataset.read(1))

    page.edit_legend(LegendEvent({1: "Named after the run"}))
    with MemoryFile(page.downloads["Download GeoTIFF"].content()) as file, file.open() as made:
        assert made.tags()["CLASS_1"] == "Named after the run"
    page.choose("slider", "Number of classes (k)", 3)
    assert offers_to_make_it_first(page)
    assert "Makes the full map first, about " in page.words
    assert page.widget("button", "Classify full scene")


def test_a_card_that_needs_the_full_map_makes_it_and_then_downloads(
    start: Callable[[Scene], Page], large_scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, goes_on = pipeline.run_full, threading.Event()

    def waits(*given: Any) -> Any:
        assert goes_on.wait(PATIENCE_SECONDS)
        return whole(*given)

    monkeypatch.setattr(pipeline, "run_full", waits)
    page = start(large_scene)
    page.open("hand over").press("Class table (CSV)")
    assert page.widget("button", "Download GeoTIFF").disabled
    assert "Class table (CSV)" not in page.downloads
    goes_on.set()
    run_until_full(page)
    assert page.downloads["Class table (CSV)"].content()


def test_a_job_can_be_cancelled_and_begun_again(
    start: Callable[[Scene], Page], large_scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pipeline.run_full

    def waits_for_cancel(fitted: Any, path: Path, progress: Any, cancel: Any) -> Any:
        wait_until(lambda: cancel.is_cancelled)
        return whole(fitted, path, progress, cancel)

    page = start(large_scene)
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "run_full", waits_for_cancel)
        page.press("Classify full scene")
        assert page.open("hand over").widget("button", "Download GeoTIFF").disabled
        page.press("Cancel")
        wait_until(lambda: "Classify full scene" in [b.label for b in page.run().test.button])
    assert offers_to_make_it_first(page)
    page.press("Classify full scene")
    run_until_full(page)


def test_a_job_that_breaks_is_said_and_the_preview_stays(
    start: Callable[[Scene], Page], large_scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> object:
        raise OSError("No space left on device")

    monkeypatch.setattr(pipeline, "run_full", breaks)
    page = start(large_scene)
    page.press("Classify full scene")
    # The run that the button begins may meet the end of the job already.
    said = "Something went wrong on our side"
    wait_until(lambda: said in page.words or said in page.run().words)
    assert offers_to_make_it_first(page)
    assert len(page.rows) == 8


def test_what_is_as_quick_as_k_means_is_an_algorithm() -> None:
    assert set(full_run._AS_QUICK_AS_K_MEANS) <= set(ALGORITHMS)


def allow_at_once(patch: pytest.MonkeyPatch, seconds: float) -> None:
    patch.setattr("s2dash.ui.full_run.RUN_LIMITS", replace(RUN_LIMITS, at_once_seconds=seconds))


def test_a_scene_that_is_soon_done_is_run_in_full_by_itself(
    start: Callable[[Scene], Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 6_000)
    allow_at_once(monkeypatch, 3_600)
    page = start(make_scene(tmp_path, (150, 130)))
    run_until_full(page)
    assert page.geotiff.shape == (150, 130)
    allow_at_once(monkeypatch, 1e-6)
    page.choose("slider", "Number of classes (k)", 3)
    assert page.widget("button", "Classify full scene")


def test_what_was_cancelled_does_not_begin_again_by_itself(
    start: Callable[[Scene], Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, whole = [], pipeline.run_full

    def waits_for_cancel(fitted: Any, path: Path, progress: Any, cancel: Any) -> Any:
        begun.append(path)
        wait_until(lambda: cancel.is_cancelled)
        return whole(fitted, path, progress, cancel)

    monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 6_000)
    monkeypatch.setattr(pipeline, "run_full", waits_for_cancel)
    allow_at_once(monkeypatch, 3_600)
    page = start(make_scene(tmp_path, (150, 130))).press("Cancel")
    wait_until(lambda: "Classify full scene" in [b.label for b in page.run().test.button])
    page.run()
    assert len(begun) == 1
    assert page.widget("button", "Classify full scene")


def test_what_fails_does_not_begin_again_by_itself(
    start: Callable[[Scene], Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    def breaks(*_: object) -> object:
        begun.append(1)
        raise OSError("No space left on device")

    monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 6_000)
    monkeypatch.setattr(pipeline, "run_full", breaks)
    allow_at_once(monkeypatch, 3_600)
    page = start(make_scene(tmp_path, (150, 130)))
    wait_until(lambda: "Classify full scene" in [b.label for b in page.run().test.button])
    page.run()
    assert len(begun) == 1


# ---- the tabs beneath the map --------------------------------------------------------------------------------------


@pytest.fixture
def made_charts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by each chart that is made."""
    server_state().charts.drop(lambda _: True)
    made: list[str] = []

    def counted(make: Callable[..., Any]) -> Callable[..., Any]:
        def makes(*args: Any) -> Any:
            made.append(make.__name__)
            return make(*args)

        return makes

    monkeypatch.setattr(legend_and_charts, "spectra_chart", counted(legend_and_charts.spectra_chart))
    monkeypatch.setattr(legend_and_charts, "scatter_chart", counted(legend_and_charts.scatter_chart))
    return made


def test_a_chart_is_made_when_its_tab_is_looked_at_and_once(page: Page, made_charts: list[str]) -> None:
    page.run()
    assert made_charts == ["spectra_chart"]
    assert len(page.test.get("vega_lite_chart")) == 1
    page.look_at("Scatter")
    page.run()
    assert made_charts == ["spectra_chart", "scatter_chart"]
    page.look_at("How good")
    assert not page.test.get("vega_lite_chart")
    assert "Silhouette" in page.words
    page.look_at("Spectra")
    assert made_charts == ["spectra_chart", "scatter_chart"]


def test_spectra_stand_beside_the_map_of_a_wide_window_and_are_made_once(page: Page, made_charts: list[str]) -> None:
    page.test.session_state["window is wide"] = True
    page.run()
    assert sorted(made_charts) == ["scatter_chart", "spectra_chart"]
    assert [tab.label for tab in page.test.tabs] == ["Scatter", "How good", "This run in words"]
    page.test.session_state["window is wide"] = False
    page.run()
    assert page.test.tabs[0].label == "Spectra"


def test_charts_follow_names_classes_and_the_class_shown_alone(page: Page, made_charts: list[str]) -> None:
    for change in (
        lambda: page.edit_legend(LegendEvent(names={1: "Sea"})),
        lambda: page.edit_legend(LegendEvent(isolates=True, isolated=1)),
        lambda: page.choose("slider", "Number of classes (k)", 4),
    ):
        before = len(made_charts)
        change()
        assert len(made_charts) == before + 1


def test_scores_are_reckoned_when_they_are_looked_at(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    reckon = pipeline.sample_scores

    def counted(fitted: pipeline.Fitted) -> Any:
        if fitted.recipe.k == 5:  # the map before may still be measured beside the page's work
            asked.append(fitted)
        return reckon(fitted)

    monkeypatch.setattr(pipeline, "sample_scores", counted)
    monkeypatch.setattr(kept, "_measure_soon", lambda answer: None)
    page.choose("slider", "Number of classes (k)", 5)
    assert asked == []
    page.look_at("How good")
    page.run()
    assert len(asked) == 1


# ---- many at once --------------------------------------------------------------------------------------------------


def test_who_waits_is_told_how_many_are_before(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    before = iter([3, 1])
    may_go = threading.Event()
    fit = pipeline.fit

    def held(*given: Any) -> pipeline.Fitted:
        may_go.wait(PATIENCE_SECONDS)
        return fit(*given)

    def heard(_: object, words: str) -> None:
        said.append(words)
        if len(said) == 3:
            may_go.set()

    monkeypatch.setattr(pipeline, "fit", held)
    monkeypatch.setattr(strip.Strip, "busy", heard)
    monkeypatch.setattr(LiveRequest, "others_before", property(lambda _: next(before, 0)))
    page.choose("slider", "Number of classes (k)", 13)
    assert [re.sub(r":\S+: ", "", words) for words in said[:2]] == ["Waiting: 3 before you", "Waiting: 1 before you"]
    assert said[2].endswith("pixels …")
    assert len(page.rows) == 13


def test_the_bar_above_the_map_changes_the_same_choices(page: Page) -> None:
    page.press("More classes").press("More classes").press("Fewer classes")
    assert page.widget("slider", "Number of classes (k)").value == 9
    assert page.recipe.k == 9
    page.choose("selectbox", "Way of grouping", "minibatch-kmeans")
    assert page.recipe.algorithm == "minibatch-kmeans"
    assert page.widget("selectbox", "Algorithm").value == "minibatch-kmeans"
    page.choose("selectbox", "Algorithm", "kmeans")
    assert page.widget("selectbox", "Way of grouping").value == "kmeans"
    page.choose("slider", "Number of classes (k)", 2)
    assert page.widget("button", "Fewer classes").disabled


def test_the_page_says_how_many_classes_isodata_found(page: Page) -> None:
    page.choose("selectbox", "Algorithm", "isodata").choose("slider", "Number of classes (k)", 20)
    count = len(page.rows)
    assert count < 20
    words = page.words
    assert f"{count} of at most 20 classes" in words
    assert f"ISODATA into {count} classes of at most 20" in words
    assert f"ISODATA found {count} classes of at most 20" in words
    assert "The most there can be" in words


def test_which_classes_come_out_again_is_said_on_request(page: Page) -> None:
    page.test.session_state["charts"] = "How good"
    page.run().press("Which classes come out again?")
    assert "Comes out again" in page.words
    page.choose("slider", "Number of classes (k)", 4)
    assert "| Class | Found again |" not in page.words
