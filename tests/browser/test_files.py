"""Files of every kind brought to the app in a browser, up to the map of classes; and hostile ones, which stay text."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import numpy as np
import pytest
import rasterio
import shapely
import waiting
from app_driver import APP, PATIENCE_MS, AppPage
from hostile_files import CLASS_NAMES, write_file
from loose import ground, placed, write_band
from playwright.sync_api import Locator, expect
from products import ORIGIN_XY, product_metadata, write_safe, zip_folder
from pyproj import Transformer
from scenes import write_scene
from test_area import gp_blob, write_geopackage

from s2dash import ingest
from s2dash.classify import pipeline
from s2dash.core.recipe import default_recipe
from s2dash.server.uploads import size_words
from s2dash.settings import DATA_FOLDER_VARIABLE

if TYPE_CHECKING:
    from conftest import Visit

pytestmark = pytest.mark.browser

TITLE = "Land cover explorer"
SIZE_M = 1200
SCRIPTS = (
    "<script>hacked=1;document.title='hacked'</script><img src=x onerror=hacked=1>",
    "<svg onload=hacked=1></svg>`${hacked=1}`{{hacked=1}}",
    "![a](https://foreign.example/a.png)<img src=https://foreign.example/b.png>",
    "=HYPERLINK(1) :red[red] $x$ **bold** [a](javascript:hacked=1)",
)
"""Each runs, asks another host or shows as something else wherever it is not taken as text."""
IN_FILE_NAMES = "<img src=x onerror=hacked=1>`${hacked=1}` **bold** :red[red]"


@dataclass(frozen=True)
class Server:
    url: str
    temporary: Path
    """Where the server puts whatever it holds for its visitors."""
    folder: Path
    """What it offers to everyone."""

    def held(self, kind: str = "*") -> set[str]:
        """Names of the folders there; a visitor who left may still have some."""
        return {path.name for path in self.temporary.glob(f"s2dash-{kind}-*")}


@pytest.fixture(scope="module")
def server(start_app: Callable[..., str], chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Server:
    temporary, folder = tmp_path_factory.mktemp("temporary"), tmp_path_factory.mktemp("offered")
    environment = {"TMPDIR": str(temporary), DATA_FOLDER_VARIABLE: str(folder)}
    return Server(start_app(APP, environment=environment), temporary, folder)


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Level-2A product of three grids, baseline 05.11, offset -1000, with clouds."""
    return write_safe(tmp_path_factory.mktemp("product"), size_m=SIZE_M)


@pytest.fixture
def open_app(new_page: Callable[..., Visit], server: Server) -> Iterator[Callable[..., AppPage]]:
    """`open_app(width=1280, ...)`; at the end nothing may have run, failed, or asked another host for anything."""
    opened: list[AppPage] = []

    def visit(**look: Any) -> AppPage:
        opened.append(AppPage(new_page(**look), server.url))
        return opened[-1]

    yield visit
    for app in opened:
        assert app.visit.foreign == []
        assert app.page.title() == TITLE
        for frame in app.page.frames:
            assert frame.evaluate("window.hacked") is None
            assert frame.evaluate("document.querySelector('img[src=x], svg[onload]')") is None


def unfold(app: AppPage, label: str) -> Locator:
    """Open one of the sidebar's sections, where it is not open by itself; returns it."""
    section = app.page.get_by_test_id("stExpander").filter(has=app.page.get_by_text(label, exact=True))
    if section.locator("details[open]").count() == 0:
        section.locator("summary").click()
    expect(section.locator("details")).to_have_attribute("open", "", timeout=PATIENCE_MS)
    # A list that is opened while its box still moves closes again.
    section.evaluate("e => Promise.all(e.getAnimations({subtree: true}).map(a => a.finished.catch(() => null)))")
    return section


def expect_title(app: AppPage, title: str) -> None:
    expect(app.page.get_by_role("heading", name=title)).to_be_visible(timeout=PATIENCE_MS)


def expect_read_as(app: AppPage, sentence: str) -> None:
    expect(app.open_scene_window().get_by_text(sentence, exact=True)).to_be_visible(timeout=PATIENCE_MS)
    app.close_window()


def choose(app: AppPage, label: str, option: str) -> None:
    app.control("combobox", label).click()
    app.page.get_by_role("option", name=option, exact=True).click()


def open_there(app: AppPage, section: Locator, option: str) -> None:
    """Open one of the server's files by what the picker calls it."""
    choose(app, "Files on the server", option)
    app.page.keyboard.press("Escape")
    button = section.get_by_test_id("stButton").get_by_role("button", name="Open")
    expect(button).to_be_enabled(timeout=PATIENCE_MS)
    button.press("Enter")  # by key: the button moves while the list above it closes


def wait_until(app: AppPage, is_so: Callable[[], bool]) -> None:
    waiting.wait_until(is_so, app.pause)


def polygon() -> shapely.Polygon:
    """The western half of the product, in longitude and latitude."""
    west, north = ORIGIN_XY[0] - 100, ORIGIN_XY[1] + 100
    box = shapely.box(west, north - SIZE_M - 200, ORIGIN_XY[0] + SIZE_M / 2, north)
    there = Transformer.from_crs("EPSG:32632", "OGC:CRS84", always_xy=True)
    return shapely.transform(box, lambda xy: np.column_stack(there.transform(*xy.T)))


# ---- what people bring ---------------------------------------------------------------------------------------------


@pytest.mark.main_path
def test_a_zipped_product_with_an_area_and_another_pixel_size(
    open_app: Callable[..., AppPage], safe: Path, tmp_path: Path
) -> None:
    zipped = zip_folder(safe, tmp_path / "product.zip")
    area = tmp_path / "west.geojson"
    area.write_text(json.dumps(shapely.geometry.mapping(polygon())))
    app = open_app()
    token = app.token
    app.upload(zipped)
    expect_title(app, "Tile 32TQM")
    token = app.wait_for_classes(other_than=token)
    app.expect_up_to_date()
    expect(app.page.get_by_text("120 × 120 at 10 m · 12 bands")).to_be_visible()
    expect_read_as(app, "Level-2A, baseline 05.11: 1000 subtracted.")
    scene = ingest.ingest(zipped, tmp_path / "taken in")
    result, _ = pipeline.run(scene, default_recipe(scene), tmp_path / "labels.tif")
    with rasterio.open(app.download_to(tmp_path)) as dataset:
        np.testing.assert_array_equal(dataset.read(1), result.classmap.labels)

    frame = app.frame_element.element_handle()
    choose(app, "Pixel size", "20 m")
    token = app.wait_for_classes(other_than=token)
    expect(app.page.get_by_text("60 × 60 at 20 m")).to_be_visible()
    section = unfold(app, "Leave out")
    app.upload(area, "Area to keep")
    expect(section.get_by_text("Only the area you gave counts. Outside · 50.0 %")).to_be_visible(timeout=PATIENCE_MS)
    token = app.wait_for_classes(other_than=token)
    section.get_by_text("Cloud, high probability").click()
    app.wait_for_classes(other_than=token)
    app.expect_up_to_date()
    expect(section.get_by_role("button", name="Use the whole scene again")).to_be_visible()
    assert app.frame_element.evaluate("(now, before) => now === before", frame) is True
    with rasterio.open(app.download_to(tmp_path)) as dataset:
        labels = dataset.read(1)
    assert labels.shape == (60, 60)
    assert not labels[:, 30:].any()
    assert labels[:, :30].any()


def test_loose_bands_of_three_grids_then_a_bad_file_while_sections_are_open(
    open_app: Callable[..., AppPage], tmp_path: Path
) -> None:
    sizes = {"B02_10m": 10, "B04_10m": 10, "B08_10m": 10, "B11_20m": 20, "B09_60m": 60}
    shapes = {name: (600 // size, 600 // size) for name, size in sizes.items()}
    paths = [
        write_band(
            tmp_path / f"T32TQM_20250601T101031_{name}.jp2",
            np.rint(ground(shapes[name], seed) * 10_000).astype("uint16"),
            placed(shapes[name], size),
        )
        for seed, (name, size) in enumerate(sizes.items())
    ]
    app = open_app()
    token = app.token
    app.upload(paths)
    expect(app.page.get_by_text("60 × 60 at 10 m · 5 bands")).to_be_visible(timeout=PATIENCE_MS)
    token = app.wait_for_classes(other_than=token)
    app.expect_up_to_date()

    masks = unfold(app, "Leave out")
    app.open_scene_window()
    numbers = unfold(app, "Change how numbers are read")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04" + bytes(300))
    app.upload(broken)
    expect(app.page.get_by_text("broken.zip is cut short")).to_be_visible(timeout=PATIENCE_MS)
    expect(app.page.get_by_text("The map still shows the last scene.")).to_be_visible()
    expect(numbers.get_by_role("spinbutton", name="Then divide by")).to_be_visible()
    app.close_window()
    expect(masks.get_by_text("Leave out pixels without data")).to_be_visible()
    points = tmp_path / "points.geojson"
    points.write_text('{"type": "Point", "coordinates": [9, 46]}')
    app.upload(points, "Area to keep")
    expect(masks.get_by_text("points.geojson holds no polygons")).to_be_visible(timeout=PATIENCE_MS)
    assert app.token == token


def test_a_folder_is_sent_in_pieces(
    open_app: Callable[..., AppPage], server: Server, safe: Path, tmp_path: Path
) -> None:
    app = open_app()
    token = app.token
    app.open_scene_window()
    section = unfold(app, "Large files or folders")
    with app.page.expect_file_chooser() as chooser:
        section.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(safe)
    expect_title(app, "Tile 32TQM")
    app.wait_for_classes(other_than=token)
    app.expect_up_to_date()
    expect(app.page.get_by_text("120 × 120 at 10 m · 12 bands")).to_be_visible()
    expect_read_as(app, "Level-2A, baseline 05.11: 1000 subtracted.")
    wait_until(app, lambda: not server.held("upload"))


def test_a_product_that_lies_on_the_server(open_app: Callable[..., AppPage], server: Server, safe: Path) -> None:
    there = server.folder / "2025" / safe.name
    link_tree(safe, there)
    app = open_app()
    token = app.token
    app.open_scene_window()
    section = unfold(app, "Large files or folders")
    choose(app, "Folder on the server", "2025")
    open_there(app, section, f"{safe.name} · product")
    expect_title(app, "Tile 32TQM")
    app.wait_for_classes(other_than=token)
    app.expect_up_to_date()
    app.k_slider.press("ArrowLeft")
    app.expect_up_to_date(7)
    assert any(there.rglob("*.jp2"))


def link_tree(source: Path, target: Path) -> None:
    """The same files in another folder, as hard links."""
    for path in sorted(source.rglob("*")):
        twin = target / path.relative_to(source)
        if path.is_file():
            twin.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, twin)


# ---- reading that takes long ---------------------------------------------------------------------------------------


@pytest.fixture
def slow_product(server: Server) -> str:
    """Bands that take many seconds to decode, on the server; returns what the picker calls them."""
    side = 3200
    folder = server.folder / "noise.SAFE"
    shutil.rmtree(folder, ignore_errors=True)  # of a first try
    noise = np.random.default_rng(0).integers(1, 10_000, (side, side)).astype("uint16")
    first = write_band(folder / "T32TQM_20250601T101031_B02_10m.jp2", noise, placed((side, side), 10))
    for band in ("B01", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"):
        os.link(first, folder / first.name.replace("B02", band))
    return "noise.SAFE · product"


def test_long_reading_shows_how_far_it_is_and_can_be_cancelled(
    open_app: Callable[..., AppPage], server: Server, slow_product: str
) -> None:
    app = open_app()
    before = server.held()
    app.open_scene_window()
    section = unfold(app, "Large files or folders")
    open_there(app, section, slow_product)
    cancel = app.page.get_by_role("button", name="Cancel", exact=True)
    expect(app.window.get_by_role("button", name="Cancel", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    app.close_window()
    expect(cancel).to_be_visible(timeout=PATIENCE_MS)
    expect(app.page.get_by_text(re.compile(r"Reading the files … \d+ s left"))).to_be_visible(timeout=PATIENCE_MS)
    assert server.held() - before  # what an earlier visit held may go meanwhile
    cancel.click()
    expect(cancel).to_have_count(0)
    expect(app.page.get_by_text("Reading the files")).to_have_count(0)
    expect_title(app, "Virginia coast")
    app.k_slider.press("ArrowLeft")
    app.expect_up_to_date(7)
    wait_until(app, lambda: server.held() <= before)


def test_on_a_phone_the_window_says_what_is_wrong_and_the_sidebar_stays_behind_it(
    open_app: Callable[..., AppPage], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04" + bytes(300))
    app = open_app(width=390, height=844)
    heading = app.page.get_by_role("heading", name="What to look at")
    for _ in range(2):
        app.upload(broken)
        expect(app.page.get_by_text("broken.zip is cut short")).to_be_in_viewport(timeout=PATIENCE_MS)
        app.close_window()
        expect(heading).to_be_in_viewport(timeout=PATIENCE_MS)
        app.page.get_by_test_id("stSidebar").hover()
        app.page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
        expect(heading).not_to_be_in_viewport(timeout=PATIENCE_MS)


# ---- texts from strangers ------------------------------------------------------------------------------------------


def look_everywhere(app: AppPage, folder: Path) -> None:
    """Open whatever shows texts of the scene: tabs, menus, tooltips, the downloads that are text."""
    app.control("combobox", "Bands").click()
    app.page.keyboard.press("Escape")
    for tab in ("Scatter", "How good", "This run in words", "Spectra"):
        app.page.get_by_role("tab", name=tab).click()
    expect(app.page.get_by_role("tabpanel").get_by_test_id("stVegaLiteChart").first).to_be_visible(timeout=PATIENCE_MS)
    app.page.get_by_test_id("stVegaLiteChart").first.scroll_into_view_if_needed()
    marks = app.page.get_by_test_id("stVegaLiteChart").first.locator(
        "path[aria-roledescription=point], .mark-symbol path"
    )
    for number in range(min(3, marks.count())):
        marks.nth(number).hover(force=True)
    app.open_hand_over()
    with app.page.expect_download(timeout=PATIENCE_MS) as waiting:
        app.page.get_by_role("button", name="Class table (CSV)").click()
    path = folder / "classes.csv"
    waiting.value.save_as(path)
    assert re.fullmatch(r"[A-Za-z0-9._-]+", waiting.value.suggested_filename)
    with path.open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert cells
    for cell in cells:
        assert not re.match(r"[=+@\t\r]|-(?![\d.])", cell)
    app.close_window()


def name_classes(app: AppPage, *names: str) -> None:
    for number, name in enumerate(names, 1):
        box = app.page.get_by_label(f"Name of class {number}", exact=True)
        box.fill(name)
        box.press("Enter")
    app.page.wait_for_function("() => !document.querySelector('[data-stale=true]')")


def test_hostile_texts_are_text_wherever_they_stand(
    open_app: Callable[..., AppPage], server: Server, tmp_path: Path
) -> None:
    bands = ("B04", *SCRIPTS)
    path = write_scene(
        server.folder / f"{IN_FILE_NAMES}.tif",
        (60, 60),
        bands,
        descriptions=bands,
        tags={"TIFFTAG_IMAGEDESCRIPTION": SCRIPTS[0]},
    )
    app = open_app()
    token = app.token
    app.open_scene_window()
    section = unfold(app, "Large files or folders")
    open_there(app, section, f"{path.name} · {size_words(path.stat().st_size)}")
    expect_title(app, IN_FILE_NAMES)
    token = app.wait_for_classes(other_than=token)
    app.expect_up_to_date()
    name_classes(app, *SCRIPTS)
    look_everywhere(app, tmp_path)
    app.open_scene_window()
    app.page.get_by_role("button", name="Check the band names").click()
    expect(app.page.get_by_role("button", name="Use these names")).to_be_visible()
    app.page.keyboard.press("Escape")
    photo = tmp_path / f"{IN_FILE_NAMES}.jpg"
    photo.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(300))
    app.upload(photo)
    expect(app.page.get_by_text("is a photo")).to_be_visible(timeout=PATIENCE_MS)


def test_a_hostile_product_and_a_hostile_area_are_text(
    open_app: Callable[..., AppPage], safe: Path, tmp_path: Path
) -> None:
    copied = tmp_path / safe.name
    link_tree(safe, copied)
    metadata = copied / "MTD_MSIL2A.xml"
    metadata.unlink()
    hostile = escape(SCRIPTS[0])
    metadata.write_text(product_metadata(safe=hostile, baseline=hostile, sensed=hostile))
    area = tmp_path / f"{IN_FILE_NAMES}.gpkg"
    second = SCRIPTS[1].replace("'", "''")
    write_geopackage(
        area,
        [gp_blob(polygon())],
        script=f"INSERT INTO gpkg_contents (table_name, data_type, srs_id) VALUES ('{second}', 'features', 4326);"
        f"INSERT INTO gpkg_geometry_columns VALUES ('{second}', 'geom', 'POLYGON', 4326, 0, 0);"
        f'CREATE TABLE "{second}" (fid INTEGER PRIMARY KEY, geom BLOB);'
        f"INSERT INTO \"{second}\" VALUES (1, X'{gp_blob(polygon()).hex()}');",
    )
    app = open_app()
    token = app.token
    app.upload(zip_folder(copied, tmp_path / f"{IN_FILE_NAMES}.zip"))
    expect(app.page.get_by_text("120 × 120 at 10 m · 12 bands")).to_be_visible(timeout=PATIENCE_MS)
    token = app.wait_for_classes(other_than=token)
    app.expect_up_to_date()
    unfold(app, "Leave out")
    app.upload(area, "Area to keep")
    expect(app.page.get_by_text("Only the area you gave counts.")).to_be_visible(timeout=PATIENCE_MS)
    app.wait_for_classes(other_than=token)
    app.expect_up_to_date()
    app.page.locator(".st-key-strip").get_by_role("button", name="note").first.click()
    expect(app.page.get_by_text(SCRIPTS[1][:25]).locator("visible=true").first).to_be_visible()
    look_everywhere(app, tmp_path)


def test_known_hostile_files_are_text(open_app: Callable[..., AppPage], tmp_path: Path) -> None:
    app = open_app()
    for name in ("zip_html_names.zip", "text_description_ctrl.tif"):
        token = app.token
        app.upload(write_file(tmp_path, name))
        app.wait_for_classes(other_than=token)
        app.expect_up_to_date()
        look_everywhere(app, tmp_path)
    name_classes(app, *(line[:200] for line in CLASS_NAMES.splitlines()[:8]))
    look_everywhere(app, tmp_path)
