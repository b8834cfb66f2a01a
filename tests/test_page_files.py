"""The page without a browser: files of every kind coming in, and the choices that only some scenes have."""

from __future__ import annotations

import errno
import gc
import html
import io
import json
import re
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hostile_areas import shapefile
from loose import ground, placed, write_band
from page_driver import Page, downloads, start
from products import ORIGIN_XY, pixel_centres, scl_classes, write_safe, zip_folder
from pyproj import Transformer
from scenes import make_scene, write_raster, write_scene
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from waiting import PATIENCE_SECONDS, wait_until

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import Scene
from s2dash.core.sentinel2 import SCL_MASKED
from s2dash.core.types import CancelToken, Progress
from s2dash.settings import DATA_FOLDER_VARIABLE
from s2dash.ui import text, uploads

__all__ = ["downloads", "start"]  # fixtures

SIZE_M = 1200
HALF = ORIGIN_XY[0] + SIZE_M / 2
Start = Callable[[Scene], Page]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("products")


@pytest.fixture(scope="module")
def product(made: Path) -> bytes:
    """A zipped Level-2A product with a strip that has no data, clouds and all its grids."""
    return zip_folder(write_safe(made / "l2a", size_m=SIZE_M, empty_m=120), made / "l2a.zip").read_bytes()


@pytest.fixture(scope="module")
def level_1c(made: Path) -> bytes:
    return zip_folder(write_safe(made / "l1c", level="L1C", size_m=600), made / "l1c.zip").read_bytes()


@pytest.fixture(scope="module")
def safe_scene(made: Path, product: bytes) -> Scene:
    return ingest.ingest(made / "l2a.zip", made / "taken in")


@pytest.fixture
def page(start: Start, safe_scene: Scene) -> Page:
    return start(safe_scene)


@pytest.fixture
def stack_page(start: Start, tmp_path: Path) -> Page:
    """A scene of one grid that knows nothing of clouds or saturation."""
    return start(make_scene(tmp_path))


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder where everything temporary goes from now on."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def labels_of(scene: Scene, recipe: Recipe) -> np.ndarray:
    scene = pipeline.resolve(scene, recipe).scene
    labels = pipeline.run_live(pipeline.fitted_to(scene, recipe)).classmap.labels
    assert labels is not None
    return labels


def classes_at(pixel_m: int = 10) -> np.ndarray:
    """The scene classification of the product as it was written, at 20 m, seen on a grid of that pixel size."""
    at_20m = scl_classes(*pixel_centres(ORIGIN_XY, SIZE_M, 20))
    at_20m[:, : 120 // 20] = 0
    return np.kron(at_20m, np.ones((20 // pixel_m, 20 // pixel_m), np.uint8))


def geojson(*corners_xy: tuple[float, float]) -> bytes:
    """A polygon by corners in metres of the products' zone."""
    there = Transformer.from_crs("EPSG:32632", "OGC:CRS84", always_xy=True)
    ring = [there.transform(*corner) for corner in (*corners_xy, corners_xy[0])]
    return json.dumps({"type": "Polygon", "coordinates": [ring]}).encode()


def western_half() -> bytes:
    west, north, south = ORIGIN_XY[0] - 500, ORIGIN_XY[1] + 500, ORIGIN_XY[1] - SIZE_M - 500
    return geojson((west, north), (HALF, north), (HALF, south), (west, south))


def is_offered(page: Page, kind: str, label: str) -> bool:
    return label in [widget.label.split(" · ")[0] for widget in page.test.get(kind)]


# ---- choices that a product has ------------------------------------------------------------------------------------

CHANGES: dict[str, tuple[str, str, object, dict[str, Any]]] = {
    "shadows stay": ("checkbox", "Cloud shadow", False, {"mask_scl": tuple(c for c in SCL_MASKED if c != 3)}),
    "no water": ("checkbox", "Water", True, {"mask_scl": tuple(sorted((*SCL_MASKED, 6)))}),
    "saturated stay": ("toggle", "Leave out saturated pixels", False, {"mask_saturated": False}),
    "all stay": ("toggle", "Leave out pixels without data", False, {"mask": "none"}),
    "20 m": ("selectbox", "Pixel size", 20.0, {"pixel_size": 20.0}),
    "60 m": ("selectbox", "Pixel size", 60.0, {"pixel_size": 60.0}),
}


def test_a_product_begins_with_its_defaults(page: Page, safe_scene: Scene) -> None:
    assert page.recipe == default_recipe(safe_scene)
    assert page.recipe.mask_scl == SCL_MASKED
    assert page.recipe.mask_saturated
    hidden = np.isin(classes_at(), SCL_MASKED)
    np.testing.assert_array_equal(page.geotiff == 0, hidden)


@pytest.mark.parametrize("what", CHANGES)
def test_a_choice_changes_recipe_and_map(page: Page, safe_scene: Scene, what: str) -> None:
    kind, label, value, fields = CHANGES[what]
    frame = page.map_frame
    page.choose(kind, label, value)
    assert page.recipe == replace(default_recipe(safe_scene), **fields)
    assert page.map_frame == frame
    labels = page.geotiff
    np.testing.assert_array_equal(labels, labels_of(safe_scene, page.recipe))
    if page.recipe.pixel_size is None:
        left_out = page.recipe.mask_scl if page.recipe.mask == "auto" else ()
        np.testing.assert_array_equal(labels == 0, np.isin(classes_at(), left_out))
    else:
        side = SIZE_M // int(page.recipe.pixel_size)
        assert labels.shape == (side, side)
        assert f"{side} × {side} at {value:g} m" in page.words


def test_switched_off_as_a_whole_the_masks_cannot_be_chosen(page: Page) -> None:
    masks = [("toggle", "Leave out saturated pixels"), ("checkbox", "Cloud shadow"), ("checkbox", "Water")]
    assert not any(page.widget(*mask).disabled for mask in masks)
    page.choose("toggle", "Leave out pixels without data", False)
    assert all(page.widget(*mask).disabled for mask in masks)
    assert "nothing masked" in page.words


def test_each_mask_says_what_it_hides(page: Page) -> None:
    shown = {box.label.split(" · ")[0]: box.label for box in page.test.checkbox}
    classes = classes_at()
    for label, code in {"Cloud shadow": 3, "Vegetation": 4, "Water": 6, "Cloud, high probability": 9}.items():
        assert shown[label] == f"{label} · {text.share(float((classes == code).mean()))}"
    assert shown["Snow or ice"] == "Snow or ice"
    assert page.widget("toggle", "Leave out pixels without data").label.endswith(" · 10.0 %")


def test_the_finest_pixel_size_is_that_of_the_chosen_bands(page: Page) -> None:
    def shown() -> str:
        return str(page.widget("selectbox", "Pixel size").options[0])

    assert shown() == "Finest of the chosen bands (10 m)"
    page.choose("multiselect", "Bands", ["B05", "B12"])
    assert shown() == "Finest of the chosen bands (20 m)"
    assert page.recipe.pixel_size is None
    assert page.geotiff.shape == (60, 60)
    page.choose("multiselect", "Indices", ["NDVI"])  # of bands at 10 m
    assert page.geotiff.shape == (120, 120)


def test_haze_is_offered_for_level_1c(page: Page, level_1c: bytes) -> None:
    assert not is_offered(page, "toggle", "Subtract haze (dark objects)")
    page.upload("l1c.zip", level_1c).choose("multiselect", "Indices", ["NDVI"])
    before = page.recipe
    assert before.atmosphere == "none"
    classes = page.tiles[1]
    page.choose("toggle", "Subtract haze (dark objects)", True)
    assert page.recipe == replace(before, atmosphere="dos1")
    assert page.tiles[1] != classes


# ---- another scene -------------------------------------------------------------------------------------------------


def test_choices_stay_when_another_product_comes(page: Page, made: Path) -> None:
    page.choose("checkbox", "Cloud, high probability", False).choose("checkbox", "Water", True)
    page.choose("toggle", "Leave out saturated pixels", False).choose("selectbox", "Pixel size", 20.0)
    before = page.recipe
    other = zip_folder(write_safe(made / "other", size_m=600, sensed="2025-07-11"), made / "other.zip")
    page.upload("other.zip", other.read_bytes())
    assert "11 Jul 2025" in html.unescape(page.words)
    assert page.recipe == before
    assert page.widget("checkbox", "Water").value


def test_a_scene_without_these_choices_has_no_traces_of_them(page: Page, level_1c: bytes, tmp_path: Path) -> None:
    page.upload("l1c.zip", level_1c).choose("toggle", "Subtract haze (dark objects)", True)
    page.press("Try the sample scene")
    page.choose("checkbox", "Water", True).choose("selectbox", "Pixel size", 60.0)
    stack = write_scene(tmp_path / "stack.tif")
    page.upload("stack.tif", stack.read_bytes())
    assert page.title == "### stack"
    assert not page.test.checkbox
    assert not is_offered(page, "selectbox", "Pixel size")
    assert not is_offered(page, "toggle", "Leave out saturated pixels")
    assert page.recipe == default_recipe(ingest.ingest(stack, tmp_path / "taken in"))
    page.press("Try the sample scene")
    assert page.recipe.mask_scl == SCL_MASKED


def test_where_no_bands_were_chosen_a_new_scene_has_all_its_own(stack_page: Page, product: bytes) -> None:
    stack_page.upload("l2a.zip", product)
    assert len(stack_page.bands) == 10
    stack_page.press("Try the sample scene")
    assert stack_page.bands == ["B02", "B03", "B04", "B08"]
    stack_page.choose("multiselect", "Bands", ["B02", "B08"]).upload("l2a.zip", product)
    assert stack_page.bands == ["B02", "B08"]


# ---- how numbers are read ------------------------------------------------------------------------------------------


def mean_reflectance(page: Page) -> str:
    return page.downloads["Class table (CSV)"].content().decode("utf-8-sig")


def test_other_numbers_change_indices_and_the_sentence_but_neither_map_nor_labels_of_bands(page: Page) -> None:
    page.choose("segmented_control", "Preparation", "plain")
    assert "1000 subtracted" in page.words
    recipe, frame, labels, table = page.recipe, page.map_frame, page.geotiff, mean_reflectance(page)
    page.choose("number_input", "Subtract", 0.0)
    assert "Set by hand:color[&#58;] divided by 10000, offset 0." in page.words
    assert "1000 subtracted" not in page.words
    assert (page.recipe, page.map_frame) == (recipe, frame)
    np.testing.assert_array_equal(page.geotiff, labels)
    assert mean_reflectance(page) != table
    page.choose("multiselect", "Indices", ["NDVI"])
    as_stored = page.geotiff
    page.choose("number_input", "Subtract", 1000.0)
    assert page.recipe.indices == ("NDVI",)
    assert not np.array_equal(page.geotiff, as_stored)
    page.choose("number_input", "Then divide by", 5000.0)
    assert "divided by 5000" in page.words
    page.choose("number_input", "Then divide by", 10_000.0).choose("multiselect", "Indices", [])
    assert "1000 subtracted" in page.words
    assert mean_reflectance(page) == table
    assert page.map_frame == frame


def test_each_scene_has_numbers_of_its_own(page: Page, level_1c: bytes) -> None:
    page.choose("number_input", "Subtract", 0.0).upload("l1c.zip", level_1c)
    assert page.widget("number_input", "Subtract").value == 1000
    assert "Set by hand" not in page.words


def test_numbers_stay_with_an_area_and_without(page: Page) -> None:
    page.choose("number_input", "Subtract", 0.0)
    page.upload_together(("west.geojson", western_half()), label="Area to keep")
    assert "Set by hand" in page.words
    page.press("Use the whole scene again")
    assert "Set by hand" in page.words


# ---- an area -------------------------------------------------------------------------------------------------------


def test_an_area_is_all_that_counts_until_it_is_taken_away(page: Page) -> None:
    recipe, frame, labels = page.recipe, page.map_frame, page.geotiff
    page.upload_together(("west.geojson", western_half()), label="Area to keep")
    assert "Only the area you gave counts. Outside · 50.0 %" in page.words
    assert not is_offered(page, "file_uploader", "Area to keep")
    assert (page.recipe, page.map_frame) == (recipe, frame)
    inside = page.geotiff
    assert not inside[:, 60:].any()
    np.testing.assert_array_equal(inside[:, :60] == 0, labels[:, :60] == 0)
    page.choose("selectbox", "Pixel size", 20.0)
    assert not page.geotiff[:, 30:].any()
    page.choose("toggle", "Leave out pixels without data", False)
    assert not page.geotiff[:, 30:].any()
    assert page.geotiff[:, :30].all()
    page.choose("toggle", "Leave out pixels without data", True).choose("selectbox", "Pixel size", 0.0)
    page.press("Use the whole scene again")
    assert is_offered(page, "file_uploader", "Area to keep")
    assert "Only the area" not in page.words
    np.testing.assert_array_equal(page.geotiff, labels)
    assert (page.recipe, page.map_frame) == (recipe, frame)


def test_an_area_may_be_a_raster(stack_page: Page, tmp_path: Path) -> None:
    inside = np.zeros((48, 64), np.uint8)
    inside[10:20, 5:40] = 1
    mask = write_raster(tmp_path / "mask.tif", inside[None])
    stack_page.upload_together(("mask.tif", mask.read_bytes()), label="Area to keep")
    np.testing.assert_array_equal(stack_page.geotiff > 0, inside > 0)


def test_the_files_of_a_shapefile_are_one_area(page: Page) -> None:
    parts = shapefile([shapely.from_geojson(western_half())])
    page.upload_together(*((f"west{ending}", part) for ending, part in parts.items()), label="Area to keep")
    assert "Only the area you gave counts. Outside · 50.0 %" in page.words


def test_what_was_said_of_an_area_goes_with_it(page: Page) -> None:
    far = geojson((0, 0), (100, 0), (100, 100))
    two = {"type": "GeometryCollection", "geometries": [json.loads(western_half()), json.loads(far)]}
    page.upload_together(("two.geojson", json.dumps(two).encode()), label="Area to keep")
    assert "outside the scene" in page.words
    page.press("Use the whole scene again")
    assert "outside the scene" not in page.words


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("points.geojson", b'{"type": "Point", "coordinates": [9, 46]}', "points.geojson holds no polygons"),
        ("cut.geojson", b'{"type": "Polyg', "cut.geojson"),
        ("elsewhere.geojson", geojson((0, 0), (1000, 0), (1000, 1000)), "outside"),
        ("letter.gpkg", b"Dear all", "letter.gpkg"),
        ("mask.tif", b"II*\x00\x08\x00\x00\x00", "mask.tif"),
    ],
)
def test_an_area_that_cannot_be_used_is_said_and_the_scene_stays(
    page: Page, temporary: Path, name: str, content: bytes, words: str
) -> None:
    labels, tiles = page.geotiff, page.tiles
    page.upload_together((name, content), label="Area to keep")
    assert words in page.words
    assert "The map still shows the last scene." in page.words
    assert page.tiles == tiles
    np.testing.assert_array_equal(page.geotiff, labels)
    assert is_offered(page, "file_uploader", "Area to keep")
    assert list(temporary.iterdir()) == []
    page.press("Try the sample scene")
    assert "The map still shows" not in page.words


# ---- files of all kinds --------------------------------------------------------------------------------------------


def test_a_zipped_product_becomes_the_scene(stack_page: Page, product: bytes) -> None:
    stack_page.upload("S2B whatever.zip", product)
    assert stack_page.title == "### Tile 32TQM"
    assert "Sentinel-2 Level-2A" in stack_page.words
    assert "120 × 120 at 10 m · 12 bands" in stack_page.words
    assert "Level-2A, baseline 05.11:color[&#58;] 1000 subtracted." in stack_page.words
    assert stack_page.geotiff.shape == (120, 120)
    assert stack_page.downloads["Download GeoTIFF"].file_name == "Land-cover-in-tile-32TQM-classes.tif"


def test_loose_bands_of_three_grids_make_one_scene(stack_page: Page, tmp_path: Path) -> None:
    sizes = {"B02_10m.jp2": 10, "B03_10m.jp2": 10, "B11_20m.jp2": 20, "B01_60m.jp2": 60}
    files = [
        write_band(
            tmp_path / f"T32TQM_20250601T101031_{name}",
            np.rint(ground((600 // size, 600 // size), seed) * 10_000).astype("uint16"),
            placed((600 // size, 600 // size), size),
        )
        for seed, (name, size) in enumerate(sizes.items())
    ]
    stack_page.upload_together(*((path.name, path.read_bytes()) for path in files))
    assert "60 × 60 at 10 m · 4 bands" in stack_page.words
    assert stack_page.bands == ["B02", "B03", "B11"]
    assert stack_page.widget("selectbox", "Pixel size").options[1:] == ["10 m", "20 m", "60 m"]
    assert stack_page.geotiff.shape == (60, 60)


def test_two_dates_are_one_scene_with_both_in_its_names(stack_page: Page, tmp_path: Path) -> None:
    days = ("2018-04-19", "2018-06-23")
    files = [write_scene(tmp_path / f"field_{day}.tif", seed=seed) for seed, day in enumerate(days)]
    stack_page.upload_together(*((path.name, path.read_bytes()) for path in files))
    assert "8 bands" in stack_page.words
    wanted = ["B08_2018-04-19", "B08_2018-06-23"]
    stack_page.choose("multiselect", "Bands", wanted)
    assert stack_page.recipe.bands == tuple(wanted)
    assert stack_page.geotiff.all()


@pytest.fixture
def classification_alone(tmp_path: Path) -> tuple[str, bytes]:
    path = write_band(tmp_path / "SCL.tif", classes_at(20), placed((60, 60), 20))
    return path.name, path.read_bytes()


def test_files_that_cannot_be_used_are_said_and_leave_nothing(
    stack_page: Page, temporary: Path, product: bytes, classification_alone: tuple[str, bytes], tmp_path: Path
) -> None:
    stack = write_scene(tmp_path / "stack.tif").read_bytes()
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("readme.txt", "nothing here")
    refused: dict[str, list[tuple[str, bytes]]] = {
        "half.zip": [("half.zip", product[: len(product) // 2])],
        "letters.zip": [("letters.zip", empty.getvalue())],
        "scene classification": [classification_alone],
        "zip beside other files": [("l2a.zip", product), ("stack.tif", stack)],
        "holiday.tif is a photo": [("stack.tif", stack), ("holiday.tif", b"\xff\xd8\xff\xe0\x00\x10JFIF")],
    }
    tiles, rows, recipe = stack_page.tiles, stack_page.rows, stack_page.recipe
    for words, files in refused.items():
        stack_page.upload_together(*files)
        said = [fragment for fragment in stack_page.fragments if "The map still shows the last scene." in fragment]
        assert len(said) == 1
        assert words in said[0]
        assert (stack_page.title, stack_page.tiles, stack_page.rows) == ("### scene", tiles, rows)
        assert stack_page.recipe == recipe
        assert list(temporary.iterdir()) == []


def kinds_in(temporary: Path) -> list[str]:
    """What the folders here are of."""
    return sorted(re.sub(r"-[^-]*$", "", path.name) for path in temporary.iterdir())


def test_what_is_on_disk_is_the_scene_in_use_and_nothing_else(
    stack_page: Page, product: bytes, level_1c: bytes, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s2dash.ui.runs.kept.MOST_SCENES", 1)

    def kinds() -> list[str]:
        stack_page.run()  # until then Streamlit holds the values of the run before
        gc.collect()
        return kinds_in(temporary)

    stack_page.upload("l2a.zip", product)
    assert kinds() == ["s2dash-scene", "s2dash-upload"]  # as it came, for a pack
    stack_page.upload_together(("west.geojson", western_half()), label="Area to keep")
    assert kinds() == ["s2dash-area", "s2dash-scene", "s2dash-upload"]
    stack_page.upload("l1c.zip", level_1c)
    assert kinds() == ["s2dash-scene", "s2dash-upload"]
    stack_page.press("Try the sample scene")
    assert kinds() == []


def test_streamlit_holds_no_file_in_memory_that_has_been_taken(
    stack_page: Page, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    held: list[int] = []
    remove = MemoryUploadedFileManager.remove_file

    def recorded(self: MemoryUploadedFileManager, session_id: str, file_id: str) -> None:
        remove(self, session_id, file_id)
        held.append(len(self.file_storage[session_id]))

    monkeypatch.setattr(MemoryUploadedFileManager, "remove_file", recorded)
    days = ("2018-04-19", "2018-06-23")
    files = [write_scene(tmp_path / f"field_{day}.tif") for day in days]
    stack_page.upload_together(*((path.name, path.read_bytes()) for path in files))
    stack_page.upload_together(("west.geojson", western_half()), label="Area to keep")
    assert held == [1, 0, 0]


def test_a_full_disk_is_said_and_the_scene_stays(
    stack_page: Page, monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", no_room)
    stack_page.upload("stack.tif", b"II*\x00")
    assert "The server has no room for these files." in stack_page.words
    stack_page.upload_together(("west.geojson", western_half()), label="Area to keep")
    assert stack_page.words.count("The server has no room for these files.") == 2
    assert stack_page.title == "### scene"
    assert list(temporary.iterdir()) == []


def test_a_visit_that_ends_leaves_nothing(start: Start, product: bytes, temporary: Path, tmp_path: Path) -> None:
    page = start(make_scene(tmp_path)).upload("l2a.zip", product)
    page.upload_together(("west.geojson", western_half()), label="Area to keep")
    assert len(list(temporary.iterdir())) == 3
    del page

    def is_empty() -> bool:
        gc.collect()
        return not list(temporary.iterdir())

    wait_until(is_empty)  # the scene is still held while it is copied into the store of sessions


def test_files_of_the_server_s_own_folder(
    start: Start, monkeypatch: pytest.MonkeyPatch, temporary: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "on the server"
    safe = write_safe(folder / "2025", size_m=600)
    monkeypatch.setenv(DATA_FOLDER_VARIABLE, str(folder))
    page = start(make_scene(tmp_path))
    assert page.widget("button", "Open").disabled
    page.choose("selectbox", "Folder on the server", "2025")
    page.choose("multiselect", "Files on the server", [safe.name]).press("Open")
    assert page.title == "### Tile 32TQM"
    assert page.geotiff.shape == (60, 60)
    assert list(safe.glob("MTD_*.xml"))
    page.choose("slider", "Number of classes (k)", 3)
    assert len(page.rows) == 3


def test_without_a_folder_of_the_server_none_is_offered(stack_page: Page) -> None:
    assert not is_offered(stack_page, "multiselect", "Files on the server")
    assert not is_offered(stack_page, "button", "Open")


# ---- reading that takes long ---------------------------------------------------------------------------------------


@dataclass
class SlowReading:
    """Stands for `ingest.ingest`: gets somewhere, then waits until it may go on or is cancelled."""

    real: Callable[..., Scene]
    may_go_on: threading.Event = field(default_factory=threading.Event)
    tokens: list[CancelToken] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)

    def __call__(
        self,
        paths: Any,
        folder: Path,
        title: str | None,
        progress: Progress,
        cancel: CancelToken,
        names: Any,
        **how: Any,
    ) -> Scene:
        self.tokens.append(cancel)
        self.folders.append(folder)
        folder.mkdir()
        progress(0.4, "Reading the files")
        while not self.may_go_on.wait(0.01):
            cancel.check()
        return self.real(paths, folder, title, progress, cancel, names, **how)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowReading]:
    reading = SlowReading(ingest.ingest)
    monkeypatch.setattr(ingest, "ingest", reading)
    monkeypatch.setattr(uploads, "_AT_ONCE_SECONDS", 0.05)
    yield reading
    reading.may_go_on.set()


def bars(page: Page) -> list[str]:
    return [bar.proto.text for bar in page.test.get("progress")]


def test_a_long_reading_has_a_line_and_the_page_goes_on(
    stack_page: Page, slow: SlowReading, product: bytes, temporary: Path
) -> None:
    tiles = stack_page.tiles
    stack_page.upload("l2a.zip", product)
    (bar,) = bars(stack_page)
    assert re.fullmatch(r"Reading the files … \d+ s left", bar)
    assert is_offered(stack_page, "button", "Cancel")
    assert (stack_page.title, stack_page.tiles) == ("### scene", tiles)
    stack_page.choose("slider", "Number of classes (k)", 5)
    assert stack_page.title == "### scene"
    assert len(stack_page.rows) == stack_page.recipe.k == 5
    assert len(bars(stack_page)) == 1
    slow.may_go_on.set()
    wait_until(lambda: stack_page.run().title == "### Tile 32TQM")
    assert bars(stack_page) == []
    assert not is_offered(stack_page, "button", "Cancel")
    assert stack_page.recipe.k == 5
    assert [path.name for path in temporary.glob("s2dash-scene-*")] == [slow.folders[0].parent.name]


def test_a_long_reading_can_be_cancelled(stack_page: Page, slow: SlowReading, product: bytes, temporary: Path) -> None:
    tiles, rows = stack_page.tiles, stack_page.rows
    stack_page.upload("l2a.zip", product).press("Cancel")
    assert slow.tokens[0].is_cancelled
    assert bars(stack_page) == []
    assert not is_offered(stack_page, "button", "Cancel")
    assert (stack_page.title, stack_page.tiles, stack_page.rows) == ("### scene", tiles, rows)
    assert "The map still shows" not in stack_page.words
    wait_until(lambda: list(temporary.iterdir()) == [])
    slow.may_go_on.set()
    stack_page.upload("l2a.zip", product)
    wait_until(lambda: stack_page.run().title == "### Tile 32TQM")


def test_other_files_take_the_place_of_what_is_being_read(
    stack_page: Page, slow: SlowReading, product: bytes, temporary: Path, tmp_path: Path
) -> None:
    stack_page.upload("l2a.zip", product)
    stack_page.upload("next.tif", write_scene(tmp_path / "next.tif").read_bytes())
    assert [token.is_cancelled for token in slow.tokens] == [True, False]
    assert len(bars(stack_page)) == 1
    slow.may_go_on.set()
    wait_until(lambda: stack_page.run().title == "### next")
    wait_until(lambda: kinds_in(temporary) == ["s2dash-scene", "s2dash-upload"])


def test_the_sample_takes_the_place_of_what_is_being_read(
    stack_page: Page, slow: SlowReading, product: bytes, temporary: Path
) -> None:
    stack_page.upload("l2a.zip", product).press("Try the sample scene")
    assert slow.tokens[0].is_cancelled
    assert bars(stack_page) == []
    wait_until(lambda: list(temporary.iterdir()) == [])


def test_a_visit_that_ends_while_a_file_is_read_leaves_nothing(
    start: Start, slow: SlowReading, product: bytes, temporary: Path, tmp_path: Path
) -> None:
    page = start(make_scene(tmp_path)).upload("l2a.zip", product)
    assert list(temporary.iterdir()) != []
    del page
    slow.may_go_on.set()

    def is_clean() -> bool:
        gc.collect()
        return list(temporary.iterdir()) == []

    wait_until(is_clean)


def test_an_area_meant_for_the_last_scene_is_not_put_on_the_next(
    page: Page, monkeypatch: pytest.MonkeyPatch, level_1c: bytes, temporary: Path
) -> None:
    may_go_on = threading.Event()
    real = ingest.with_area

    def waits(*args: Any) -> Scene:
        assert may_go_on.wait(PATIENCE_SECONDS)
        return real(*args)

    monkeypatch.setattr(ingest, "with_area", waits)
    monkeypatch.setattr(uploads, "_AT_ONCE_SECONDS", 0.05)
    page.upload_together(("west.geojson", western_half()), label="Area to keep")
    assert len(bars(page)) == 1
    page.open("scene")
    monkeypatch.setattr(uploads, "_AT_ONCE_SECONDS", PATIENCE_SECONDS)
    page.upload("l1c.zip", level_1c)
    assert "Level-1C" in page.words
    assert bars(page) == []
    may_go_on.set()
    wait_until(lambda: kinds_in(temporary) == ["s2dash-scene", "s2dash-upload"])
    page.run()
    assert "Level-1C" in page.words
    assert "Only the area you gave counts" not in page.words


def test_a_reading_that_breaks_is_said_and_the_scene_stays(
    stack_page: Page, monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    def breaks(*_: object) -> object:
        raise OSError("No space left on device")

    monkeypatch.setattr(ingest, "ingest", breaks)
    rows = stack_page.rows
    stack_page.upload("stack.tif", b"II*\x00")
    assert "Something went wrong on our side" in stack_page.words
    assert (stack_page.title, stack_page.rows) == ("### scene", rows)
    assert list(temporary.iterdir()) == []


# ---- what was left out, and what metadata would have told ----------------------------------------------------------


def loose_bands(folder: Path, *others: str) -> list[tuple[str, bytes]]:
    """Two bands and other layers of one date, by name."""
    grid = placed((60, 60), 10)
    values = {name: ground((60, 60), seed) * 10_000 for seed, name in enumerate(("B02", "B08", *others))}
    paths = [
        write_band(folder / f"T32TNS_20200601T100601_{name}_10m.tif", one.astype("uint16"), grid)
        for name, one in values.items()
    ]
    return [(path.name, path.read_bytes()) for path in paths]


def test_files_that_were_left_out_can_be_used_by_hand(
    stack_page: Page, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack_page.upload_together(*loose_bands(tmp_path, "AOT", "WVP"))
    assert stack_page.bands == ["B02", "B08"]
    stack_page.widget("multiselect", "Use as bands").set_value(["T32TNS_20200601T100601_AOT_10m.tif"])
    stack_page.press("Read again with these")
    scene = stack_page.test.session_state["loaded"].scene
    aot = next(band for band in scene.bands if band.is_helper)
    assert "AOT" in aot.name
    assert len(scene.left_out) == 1
    assert stack_page.recipe.bands == ("B02", "B08")
    monkeypatch.setattr("s2dash.ui.runs.kept.MOST_SCENES", 1)
    stack_page.press("Try the sample scene")
    stack_page.run()
    gc.collect()
    assert list(temporary.iterdir()) == []


def test_the_form_of_names_shows_the_files(stack_page: Page, tmp_path: Path) -> None:
    grid = placed((60, 60), 10)
    paths = [write_band(tmp_path / f"x{n}.tif", ground((60, 60), n), grid) for n in (7, 9)]
    stack_page.upload_together(*((path.name, path.read_bytes()) for path in paths))
    stack_page.widget("selectbox", "x9.tif").set_value("B08")
    stack_page.press("Use these names")
    assert stack_page.bands == ["x7", "B08"]


def test_metadata_that_cannot_be_read_leave_two_numbers_to_give(stack_page: Page, tmp_path: Path) -> None:
    broken = ("MTD_MSIL2A.xml", b"<?xml version='1.0'?><n1:Level-2A_User_Product xmlns:n1='x'><a>")
    stack_page.upload_together(*loose_bands(tmp_path), broken)
    assert stack_page.bands == ["B02", "B08"]
    scene = stack_page.test.session_state["loaded"].scene
    assert any(note.startswith("Not used: MTD_MSIL2A.xml is damaged") for note in scene.notes)
    assert ingest.doubts_offset(scene)
    stack_page.choose("number_input", "Subtract", 1000.0)
    stack_page.choose("number_input", "Then divide by", 5000.0)
    assert "divided by 5000, offset -1000." in stack_page.words
