"""The whole app in a browser, as people use it: first visit, choices, uploads, downloads, legend, looks, keyboard."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from app_driver import PATIENCE_MS, AppPage
from PIL import Image
from playwright.sync_api import expect
from rasterio.warp import transform_bounds
from scenes import write_scene

from s2dash.classify import pipeline
from s2dash.core.recipe import Recipe, default_recipe
from s2dash.core.scene import LIVE_PIXELS, Scene
from s2dash.ingest import ingest, sample_scene
from s2dash.tiles.placing import TilePlaces, tile_places

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=hacked=1> _x_ **y** :red[z] `c`"


@pytest.fixture
def open_app(new_page: Callable[..., Visit], app_url: str) -> Iterator[Callable[..., AppPage]]:
    """`open_app(width=1280, height=800, dark=False)`; at the end nobody may have seen an error or asked elsewhere."""
    opened: list[AppPage] = []

    def visit(**look: Any) -> AppPage:
        opened.append(AppPage(new_page(**look), app_url))
        return opened[-1]

    yield visit
    for app in opened:
        assert app.visit.foreign == []


def assert_is_result(path: Path, scene: Scene, recipe: Recipe, folder: Path) -> None:
    """The GeoTIFF has the place and, pixel for pixel, the labels that the pipeline gives."""
    result, _ = pipeline.run(scene, recipe, folder / "expected.tif")
    labels = result.classmap.labels
    if labels is None:
        assert result.classmap.path is not None
        with rasterio.open(result.classmap.path) as dataset:
            labels = dataset.read(1)
    with rasterio.open(path) as dataset:
        np.testing.assert_array_equal(dataset.read(1), labels)
        assert dataset.transform == scene.grid.transform
        assert dataset.nodata == 0
        assert Recipe.from_json(dataset.tags()["S2DASH_RECIPE"]) == recipe


# ---- the first visit -----------------------------------------------------------------------------------------------


@pytest.mark.main_path
def test_the_first_screen_is_a_map_of_the_sample_to_take_away(open_app: Callable[..., AppPage], tmp_path: Path) -> None:
    app = open_app()
    app.expect_up_to_date()
    expect(app.page.get_by_role("heading", name="Virginia coast")).to_be_visible()
    expect(app.frame.get_by_text("Contains modified Copernicus Sentinel data 2016")).to_be_visible()
    assert app.on_map(
        "return [...document.querySelectorAll('.leaflet-classes-pane img')].every(i => i.naturalWidth === 256);"
    )
    box = app.frame_element.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 800
    sample = sample_scene()
    assert_is_result(app.download_to(tmp_path), sample, default_recipe(sample), tmp_path)


# ---- choices -------------------------------------------------------------------------------------------------------


@pytest.mark.main_path
def test_the_map_follows_every_choice_and_keeps_its_view(open_app: Callable[..., AppPage], tmp_path: Path) -> None:
    app = open_app()
    app.expect_up_to_date()
    app.on_map(
        "const c = s2dash.map.getCenter(); s2dash.map.setView([c.lat + .01, c.lng - .01], 14.5, {animate: false})"
    )
    app.on_map("window.isSameFrame = true;")
    for _ in range(6):
        app.frame.get_by_role("slider", name=re.compile("Swipe")).press("ArrowRight")
    kept = app.view
    element = app.frame_element.element_handle()
    token = app.wait_for_classes()
    seen = {token}

    def follows(classes: int) -> None:
        nonlocal token
        token = app.wait_for_classes(other_than=token)
        app.expect_up_to_date(classes)
        assert app.view == pytest.approx(kept)
        assert app.on_map("return window.isSameFrame;") is True
        assert app.frame_element.evaluate("(now, before) => now === before", element) is True
        seen.add(token)

    app.k_slider.press("ArrowLeft")
    follows(7)
    app.k_slider.press("ArrowLeft")
    follows(6)
    app.page.get_by_role("radio", name="10 m", exact=True).click()
    follows(6)
    app.control("combobox", "Bands").press("Backspace")
    app.page.keyboard.press("Escape")
    follows(6)
    app.choose_algorithm("Mini-batch k-means")
    follows(6)
    assert len(seen) == 6
    sample = sample_scene()
    recipe = replace(default_recipe(sample), bands=("B02", "B03", "B04"), algorithm="minibatch-kmeans", k=6)
    assert_is_result(app.download_to(tmp_path), sample, recipe, tmp_path)

    for view in ("Classes", "Picture", "Swipe"):
        app.page.get_by_role("radiogroup", name="View").get_by_role("radio", name=view, exact=True).click()
        expect(app.body).to_have_attribute("data-view", view)
    assert app.view == pytest.approx(kept)


def test_many_quick_changes_end_with_the_last(open_app: Callable[..., AppPage], tmp_path: Path) -> None:
    app = open_app()
    app.expect_up_to_date()
    for _ in range(5):
        app.k_slider.press("ArrowRight")
    for _ in range(9):
        app.k_slider.press("ArrowLeft")
    app.expect_up_to_date(4)
    sample = sample_scene()
    recipe = replace(default_recipe(sample), k=4)
    assert_is_result(app.download_to(tmp_path), sample, recipe, tmp_path)


def test_without_a_band_the_map_stays_and_a_line_says_what_to_do(open_app: Callable[..., AppPage]) -> None:
    app = open_app()
    app.expect_up_to_date()
    token = app.token
    app.page.get_by_test_id("stMultiSelect").first.get_by_role("button", name="Clear all").click()
    words = app.page.get_by_text("Choose at least one band", exact=True).locator("visible=true")
    expect(words.first).to_be_visible()
    expect(app.rows).to_have_count(8)
    assert app.token == token
    assert app.on_map("return document.querySelectorAll('.leaflet-classes-pane img').length > 0;")
    app.page.get_by_role("radio", name="Water", exact=True).click()
    app.wait_for_classes(other_than=token)
    app.expect_up_to_date()


# ---- uploads -------------------------------------------------------------------------------------------------------


@pytest.mark.main_path
def test_an_upload_is_classified_and_downloaded_as_the_pipeline_does(
    open_app: Callable[..., AppPage], tmp_path: Path
) -> None:
    path = write_scene(tmp_path / "my valley.tif", (150, 210), ("B02", "B03", "B04", "B08", "B11"))
    app = open_app()
    app.upload_as_scene(path)
    scene = ingest(path, tmp_path / "ingested")
    downloaded = app.download_to(tmp_path)
    assert downloaded.name.startswith("my-valley")
    assert_is_result(downloaded, scene, default_recipe(scene), tmp_path)
    with rasterio.open(path) as dataset:
        west, south, east, north = transform_bounds(dataset.crs, "EPSG:4326", *dataset.bounds)
    assert app.on_map(f"return s2dash.map.getBounds().contains([[{south}, {west}], [{north}, {east}]]);")


def test_a_file_that_cannot_be_read_is_named_and_the_scene_stays(
    open_app: Callable[..., AppPage], tmp_path: Path
) -> None:
    photo = tmp_path / "holiday.tif"
    photo.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(2_000))
    app = open_app()
    app.expect_up_to_date()
    token = app.token
    app.upload(photo)
    expect(app.page.get_by_text("holiday.tif is a photo")).to_be_visible(timeout=PATIENCE_MS)
    expect(app.page.get_by_text("The map still shows the last scene.")).to_be_visible()
    app.close_window()
    expect(app.page.get_by_role("heading", name="Virginia coast")).to_be_visible()
    assert app.token == token


@pytest.mark.main_path
def test_names_from_outside_are_text_wherever_they_stand(open_app: Callable[..., AppPage], tmp_path: Path) -> None:
    path = write_scene(tmp_path / f"{HOSTILE}.tif", (40, 50), ("a", "b", "c"), descriptions=(HOSTILE, "odd_b", "c"))
    app = open_app()
    app.upload_as_scene(path)
    app.control("combobox", "Bands").click()
    for name in ("c", "odd_b"):
        app.press_until("Backspace", app.page.get_by_role("option", name=name, exact=True))
    app.page.keyboard.press("Escape")
    app.page.get_by_role("tab", name="Scatter").click()
    app.page.get_by_role("tab", name="This run in words").click()
    expect(app.page.get_by_text(f"Picture. {HOSTILE}")).to_be_visible()
    assert app.page.locator("img[src=x]").count() == 0
    assert app.frame.locator("img[src=x]").count() == 0
    assert app.page.evaluate("window.hacked") is None
    assert app.on_map("return window.hacked === undefined;") is True


@pytest.mark.main_path
def test_a_large_scene_is_classified_in_full_on_request(open_app: Callable[..., AppPage], tmp_path: Path) -> None:
    path = write_scene(tmp_path / "large.tif", (1100, 1000), ("B04", "B08"), blockxsize=256, blockysize=256)
    app = open_app()
    app.upload_as_scene(path)
    app.open_hand_over()
    expect(app.window.get_by_text("Makes the full map first, of 1,100,000 pixels").first).to_be_visible()
    app.control("button", "Download GeoTIFF").click()
    expect(app.window.get_by_test_id("stDownloadButton").get_by_text("Download GeoTIFF").first).to_be_visible()
    app.close_window()
    expect(app.page.get_by_text("Every pixel is classified.")).to_be_visible(timeout=PATIENCE_MS)
    expect(app.control("button", "Classify full scene")).to_have_count(0)
    scene = ingest(path, tmp_path / "ingested")
    assert scene.grid.pixel_count > LIVE_PIXELS
    assert_is_result(app.download_to(tmp_path), scene, default_recipe(scene), tmp_path)


def test_zooming_in_shows_every_pixel_before_and_after_the_full_run(
    open_app: Callable[..., AppPage], tmp_path: Path
) -> None:
    path = write_scene(tmp_path / "large.tif", (1100, 1000), ("B02", "B03", "B04"), blockxsize=256, blockysize=256)
    app = open_app()
    app.upload_as_scene(path)
    # The map is of smoothed pixels from then on.
    expect(app.control("button", "Classify full scene")).to_be_visible(timeout=PATIENCE_MS)
    scene = ingest(path, tmp_path / "ingested")
    result, _ = pipeline.run(scene, default_recipe(scene), tmp_path / "labels.tif")
    assert result.classmap.path is not None
    with rasterio.open(result.classmap.path) as dataset:
        labels = dataset.read(1)
    app.on_map("s2dash.map.setZoom(15, { animate: false });")

    def tiles(layer: str) -> Iterator[tuple[np.ndarray, TilePlaces]]:
        """What is shown of the scene, with the pixels that it is of."""
        loaded = f".leaflet-{layer}-pane img.leaflet-tile-loaded[src*='/15/']"
        app.frame.locator(loaded).first.wait_for()
        urls = app.on_map(f'return [...document.querySelectorAll("{loaded}")].map((tile) => tile.src);')
        assert len(urls) >= 4
        for url in urls:
            z, x, y = map(int, url.removesuffix(".png").split("/")[-3:])
            places = tile_places(scene.grid, 1, z, x, y)
            if places is not None:
                image = Image.open(io.BytesIO(app.page.request.get(url).body()))
                yield np.asarray(image)[places.slices_rc], places

    def assert_tiles_show_every_pixel() -> None:
        app.page.wait_for_function("() => !document.querySelector('[data-stale=true]')")
        for shown, places in tiles("classes"):
            assert places.inside.all()
            assert (shown == labels[places.rows, places.cols]).all()
        for shown, places in tiles("picture"):
            # Of the live picture, all pixels of a square would have one colour.
            squares = np.stack([places.rows // scene.live_step, places.cols // scene.live_step], axis=-1).reshape(-1, 2)
            colours = np.concatenate([squares, shown[..., :3].reshape(-1, 3)], axis=1)
            assert len(np.unique(colours, axis=0)) > 2 * len(np.unique(squares, axis=0))

    assert scene.live_step == 2
    expect(app.frame.get_by_text("True colour", exact=True)).to_be_visible()
    assert_tiles_show_every_pixel()
    token = app.token
    app.control("button", "Classify full scene").click()
    app.wait_for_classes(other_than=token)
    assert_tiles_show_every_pixel()


# ---- the legend ----------------------------------------------------------------------------------------------------


@pytest.mark.main_path
def test_the_legend_isolates_renames_and_recolours_and_the_download_follows(
    open_app: Callable[..., AppPage], tmp_path: Path
) -> None:
    app = open_app()
    app.expect_up_to_date()
    kept, token = app.view, app.token

    app.control("button", "Show only class 3").click()
    alone = app.wait_for_classes(other_than=token)
    expect(app.control("button", "Show only class 3")).to_have_attribute("aria-pressed", "true")
    app.control("button", "Show all classes").click()
    app.wait_for_classes(other_than=alone)
    assert app.token == token

    name = app.page.get_by_label("Name of class 2", exact=True)
    name.fill("Tidal marsh & mud")
    name.press("Enter")
    app.page.get_by_label("Colour of class 2", exact=True).fill("#12ab34")
    app.wait_for_classes(other_than=token)
    expect(name).to_have_value("Tidal marsh & mud")
    expect(app.page.get_by_label("Colour of class 2", exact=True)).to_have_value("#12ab34")
    assert app.view == pytest.approx(kept)

    shown = app.rows.locator("input[type=text]")
    order = app.page.get_by_label("Order of the classes")
    order.select_option("Largest first")
    shares = [float(share.split()[0]) for share in app.rows.locator(".share").all_inner_texts()]
    assert shares == sorted(shares, reverse=True)
    order.select_option("Classes by name")
    names = [one.input_value() for one in shown.all()]
    assert names[-1] == "Tidal marsh & mud"
    assert names[:-1] == [f"Class {number}" for number in (1, *range(3, len(names) + 1))]
    order.select_option("Classes by number")

    app.page.wait_for_function("() => !document.querySelector('[data-stale=true]')")
    downloaded = app.download_to(tmp_path)
    with rasterio.open(downloaded) as dataset:
        assert dataset.tags()["CLASS_2"] == "Tidal marsh & mud"
        assert dataset.colormap(1)[2][:3] == (0x12, 0xAB, 0x34)
        assert dataset.tags()["CLASS_1"] == "Class 1"
    sample = sample_scene()
    assert_is_result(downloaded, sample, default_recipe(sample), tmp_path)


@pytest.mark.parametrize(("width", "height", "classes"), [(1280, 800, 8), (1280, 800, 13), (390, 844, 8)])
def test_names_of_28_characters_fit_and_longer_ones_say_so(
    open_app: Callable[..., AppPage], width: int, height: int, classes: int
) -> None:
    app = open_app(width=width, height=height)
    app.expect_up_to_date()
    if classes != 8:
        app.k_slider.press("ArrowRight")
        for _ in range(classes - 9):
            app.page.keyboard.press("ArrowRight")
        app.expect_up_to_date(classes)
    name = app.page.get_by_label("Name of class 1", exact=True)
    for words in ("Salt marsh with open pools 2", "Wet ground under pine forest", "Old meadows and hay fields 1"):
        assert len(words) == 28
        name.fill(words)
        assert name.evaluate("e => e.scrollWidth <= e.clientWidth")
    longer = "Wet ground under pine forest and between the dunes"
    name.fill(longer)
    name.press("Enter")
    expect(name).to_have_attribute("title", longer)
    expect(name).to_have_css("text-overflow", "ellipsis")


TYPE_AND_PRESS = """([name, text, waitMs]) => {
    const find = (root, selector) => {
        for (const e of root.querySelectorAll('*')) {
            if (e.matches(selector)) return e;
            const within = e.shadowRoot && find(e.shadowRoot, selector);
            if (within) return within;
        }
        return null;
    };
    const input = find(document, `[aria-label="${name}"]`);
    const button = find(document, '.st-key-handover button');
    input.focus();
    input.value = text;
    input.dispatchEvent(new InputEvent('input', {bubbles: true, composed: true}));
    if (waitMs === null) button.click();
    else { input.blur(); setTimeout(() => button.click(), waitMs); }
}"""
"""Types a name and presses `Hand over`: in one go, or so long after the name was left."""


@pytest.mark.parametrize("wait_ms", [None, 0, 60])
def test_a_name_typed_just_before_a_download_is_in_the_file(
    open_app: Callable[..., AppPage], tmp_path: Path, wait_ms: int | None
) -> None:
    app = open_app()
    app.expect_up_to_date()
    for round_, name in enumerate(("Salt marsh", "Open sea")):
        app.page.evaluate(TYPE_AND_PRESS, ["Name of class 3", name, wait_ms])
        expect(app.window).to_be_visible(timeout=PATIENCE_MS)
        folder = tmp_path / f"{round_}"
        folder.mkdir()
        with rasterio.open(app.download_to(folder)) as dataset:
            assert dataset.tags()["CLASS_3"] == name
    expect(app.page.get_by_label("Name of class 3", exact=True)).to_have_value("Open sea")


def test_a_name_typed_just_before_is_in_the_table_too_and_by_keys(
    open_app: Callable[..., AppPage], tmp_path: Path
) -> None:
    app = open_app()
    app.expect_up_to_date()
    name = app.page.get_by_label("Name of class 8", exact=True)
    name.focus()
    app.page.keyboard.press("ControlOrMeta+a")
    app.page.keyboard.type("Dunes")
    app.control("button", "Hand over").press("Enter")
    button = app.control("button", "Class table (CSV)")
    expect(button).to_be_visible(timeout=PATIENCE_MS)
    with app.page.expect_download(timeout=PATIENCE_MS) as waiting:
        button.press("Enter")
    assert "Dunes" in waiting.value.path().read_text("utf-8-sig")
    app.close_window()


# ---- looks and keyboard --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height", "dark"), [(1280, 800, True), (390, 844, False), (390, 844, True)])
def test_the_page_fits_in_either_theme(open_app: Callable[..., AppPage], width: int, height: int, dark: bool) -> None:
    app = open_app(width=width, height=height, dark=dark)
    app.expect_up_to_date()
    wider = app.page.evaluate(
        "() => [document.documentElement, document.querySelector('[data-testid=stMain]')]"
        ".map(e => e.scrollWidth - e.clientWidth)"
    )
    assert max(wider) <= 0
    assert app.on_map("return document.documentElement.dataset.theme;") == ("dark" if dark else "light")
    background = app.page.evaluate("() => getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", background)[:3])) / 3
    assert (brightness < 128) is dark
    if width < 500:
        app.open_settings()


def test_the_main_controls_are_reached_and_driven_by_keys(open_app: Callable[..., AppPage]) -> None:
    app = open_app()
    app.expect_up_to_date()
    token = app.token
    wanted = {"Bands", "Number of classes (k)", "Algorithm"}
    app.page.get_by_role("button", name="Try the sample scene").focus()
    reached: list[str] = []
    for _ in range(60):
        app.page.keyboard.press("Tab")
        reached.append(str(app.page.evaluate("() => document.activeElement.getAttribute('aria-label') || ''")))
        if reached[-1] == "Number of classes (k)":
            app.page.keyboard.press("ArrowLeft")
        if wanted <= set(reached):
            break
    assert wanted <= set(reached)
    app.page.keyboard.press("ArrowDown")
    app.page.keyboard.press("ArrowDown")
    app.page.keyboard.press("Enter")
    app.wait_for_classes(other_than=token)
    app.expect_up_to_date(7)
    expect(app.page.get_by_test_id("stSelectbox").filter(has_text="Algorithm")).not_to_contain_text("K-means")


def test_backgrounds_are_the_only_thing_ever_asked_elsewhere(new_page: Callable[..., Visit], app_url: str) -> None:
    app = AppPage(new_page(), app_url)
    app.visit.expect_complaint(r"net::ERR_FAILED \[https://tile\.openstreetmap\.org/")
    assert app.visit.foreign == []
    app.frame.get_by_role("button", name="Background map").press("Enter")
    app.frame.get_by_role("radio", name="OpenStreetMap").press("Space")
    expect(app.frame.get_by_role("status")).to_contain_text("cannot be reached", timeout=PATIENCE_MS)
    assert app.visit.foreign
    assert all(url.startswith("https://tile.openstreetmap.org/") for url in app.visit.foreign)
    assert "png" in app.visit.foreign[0]
