"""What is said of a map is asked once, goes everywhere, and comes back; every file stands on a card of the window."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_driver import Page, downloads, start
from PIL import Image
from rasterio.io import MemoryFile
from scenes import make_scene
from test_export import HOSTILE, OF_ANY_RESULT, make_legend, make_result
from waiting import wait_until

from s2dash.classify.sureness_file import write_sureness
from s2dash.core import about
from s2dash.core.about import About
from s2dash.core.scene import Scene
from s2dash.errors import OutputConflict, UnreadableValue
from s2dash.export import EXPORTS, Handover, export_bytes
from s2dash.export.cards import CARDS
from s2dash.export.geotiff import about_tags, sidecar_xml
from s2dash.ingest import EXAMPLES, proposed_about, sample_scene
from s2dash.ingest.area.vectors import pyogrio_of_ours
from s2dash.server.session_store import Keeper, SessionStore, Snapshot
from s2dash.server.session_store.keeper import Writer
from s2dash.settings import RUN_LIMITS
from s2dash.ui.hand_over.window import shown_label

__all__ = ["downloads", "start"]  # fixtures

SAID = About(
    title="Salt marsh 2016", place="Accomack County", date="12 January", author="Shore Watch", notes="By eye.\nTwice."
)
lines, texts = st.text(max_size=120), st.text(max_size=2000)
abouts = st.builds(About, title=lines, place=lines, date=lines, author=lines, notes=texts)


@pytest.fixture
def page(start: Callable[[Scene], Page], tmp_path: Path) -> Page:
    return start(make_scene(tmp_path, names=("B02", "B03", "B04", "B08")))


# ---- the value -------------------------------------------------------------------------------------------------------


@given(st.dictionaries(st.text("abcdef", max_size=8), abouts, max_size=3))
def test_what_was_said_comes_back_as_it_was(said: dict[str, About]) -> None:
    assert about.from_json(about.to_json(said)) == said


@pytest.mark.parametrize(
    "text", ["", "[]", '{"a": {"titel": ""}}', '{"a": {"title": 3}}', '{"a": {"title": "%s"}}' % ("x" * 121)]
)
def test_what_nobody_wrote_is_refused(text: str) -> None:
    with pytest.raises(UnreadableValue):
        about.from_json(text)


@given(abouts)
def test_tags_are_clean_lines_and_nothing_empty(said: About) -> None:
    for words in about_tags(said).values():
        assert words
        assert words == " ".join(words.split())
        assert words.isprintable()


# ---- what is proposed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.key)
def test_an_example_proposes_where_and_when(example: object) -> None:
    scene = sample_scene(example.key)  # type: ignore[attr-defined]
    proposed = proposed_about(scene)
    assert proposed.title.startswith("Land cover")
    assert proposed.place
    assert scene.date is not None
    assert proposed.date.endswith(scene.date[:4])


def test_a_tile_is_named_and_anything_else_has_the_scenes_title_and_no_date() -> None:
    assert proposed_about(make_result(title="Tile 29RKH").scene).title == "Land cover in tile 29RKH"
    assert proposed_about(make_result(title="my coast").scene) == About(title="my coast")


# ---- every file ------------------------------------------------------------------------------------------------------


def test_every_file_has_a_card_and_a_name_that_holds_what_is_seen_of_it() -> None:
    for export in EXPORTS.values():
        assert export.card in {*CARDS, "all"}
        assert export.short in export.label
        assert "".join(shown_label(export.label, export.short).replace(":gray[", "").split("]")) == export.label


@pytest.mark.parametrize("key", OF_ANY_RESULT)
def test_hostile_words_leave_every_file_well_formed_and_plainly_named(key: str) -> None:
    said = About(title='=1+1 "<b>\u202e😀' + "x" * 100, place="\x00\r\n", author=HOSTILE[0], notes="</a>\n" * 300)
    handover = Handover(make_result(k=len(HOSTILE)), make_legend(len(HOSTILE), HOSTILE), said)
    assert export_bytes(key, handover)
    assert EXPORTS[key].file_name(handover).isascii()


def test_geotiff_and_its_side_car_say_what_was_said() -> None:
    handover = Handover(make_result(), make_legend(), SAID)
    with MemoryFile(export_bytes("geotiff", handover)) as file, file.open() as dataset:
        tags = dataset.tags()
    assert (tags["TITLE"], tags["TIFFTAG_DOCUMENTNAME"]) == (SAID.title, SAID.title)
    assert (tags["PLACE"], tags["DATE"], tags["TIFFTAG_ARTIST"]) == (SAID.place, SAID.date, SAID.author)
    assert tags["NOTES"] == "By eye. Twice."
    assert '<MDI key="AUTHOR">Shore Watch</MDI>' in sidecar_xml(handover.result, handover.legend, SAID)
    assert "Metadata" not in sidecar_xml(handover.result, handover.legend)


def test_picture_zip_and_file_names_say_what_was_said() -> None:
    handover = Handover(make_result(), make_legend(), SAID)
    picture = Image.open(io.BytesIO(export_bytes("picture", handover)))
    assert (picture.text["Title"], picture.text["Author"]) == (SAID.title, SAID.author)  # type: ignore[attr-defined]
    with zipfile.ZipFile(io.BytesIO(export_bytes("bundle", handover))) as archive:
        words = archive.read("README.txt").decode()
        assert "Salt-marsh-2016-classes.tif" in archive.namelist()
    for line in ("Salt marsh 2016", "Place: Accomack County", "Picture of: 12 January", "By: Shore Watch"):
        assert f"{line}\r\n" in words


# ---- the window ------------------------------------------------------------------------------------------------------


def test_a_name_typed_is_in_the_files_and_the_author_goes_on_to_the_next_scene(page: Page, tmp_path: Path) -> None:
    assert page.open("hand over").widget("text_input", "Title").value == "scene"
    page.choose("text_input", "Title", SAID.title).choose("text_input", "By", SAID.author)
    assert page.downloads["Class table (CSV)"].file_name == "Salt-marsh-2016-classes.csv"
    with MemoryFile(page.downloads["Download GeoTIFF"].content()) as file, file.open() as dataset:
        assert dataset.tags()["TITLE"] == SAID.title
    page.choose("slider", "Number of classes (k)", 4)
    assert page.open("hand over").widget("text_input", "Title").value == SAID.title
    page.upload("other.tif", (tmp_path / "scene.tif").read_bytes())
    assert page.open("hand over").widget("text_input", "By").value == SAID.author


SURE = "How sure (GeoTIFF)"


@pytest.fixture
def large(start: Callable[[Scene], Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    """The page with a scene larger than its live picture, whose full run waits for the button."""
    monkeypatch.setattr("s2dash.core.scene.scene.LIVE_PIXELS", 6_000)
    monkeypatch.setattr("s2dash.ui.full_run.RUN_LIMITS", replace(RUN_LIMITS, at_once_seconds=0))
    return start(make_scene(tmp_path, (150, 130), names=("B02", "B03", "B04", "B08")))


def test_how_sure_a_large_map_is_is_worked_out_once_and_goes_into_all_files(large: Page, tmp_path: Path) -> None:
    assert SURE not in large.downloads
    large.press(SURE)  # the full map, and then how sure it is
    wait_until(lambda: SURE in large.run().downloads)
    classes = large.geotiff
    content = large.downloads[SURE].content()
    with MemoryFile(content) as file, file.open() as dataset:
        percent = dataset.read(1)
    assert percent.shape == (150, 130)
    assert np.array_equal(percent == 255, classes == 0)
    with zipfile.ZipFile(io.BytesIO(large.downloads["GIS bundle (zip)"].content())) as archive:
        assert archive.read("scene-how-sure.tif") == content
        assert "scene-how-sure.tif" in archive.read("README.txt").decode()
    (tmp_path / "x.gpkg").write_bytes(large.downloads["Outlines (GeoPackage)"].content())
    meta, _, _, columns = pyogrio_of_ours().raw.read(tmp_path / "x.gpkg", read_geometry=False, layer="classes")
    table = dict(zip(meta["fields"], columns, strict=True))
    mean = np.average(table["confidence"], weights=table["hectares"])
    assert mean == pytest.approx(percent[classes > 0].mean(), abs=0.05)


def test_working_it_out_can_be_cancelled_and_asked_for_again(large: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def waits_for_cancel(*given: Any) -> None:
        wait_until(lambda: given[-1].is_cancelled)
        write_sureness(*given)

    large.press("Classify full scene")
    wait_until(lambda: "Download GeoTIFF" in large.run().downloads)
    assert "Without confidence" in large.words
    with monkeypatch.context() as patch:
        patch.setattr("s2dash.server.jobs.write_sureness", waits_for_cancel)
        assert large.press(SURE).widget("button", SURE).disabled
        assert "Without confidence" not in large.words
        large.press("Cancel")
        wait_until(lambda: not large.run().widget("button", SURE).disabled)
    large.press(SURE)
    wait_until(lambda: SURE in large.run().downloads)


def test_why_it_cannot_be_worked_out_is_said(large: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise OutputConflict("No room is left.")

    monkeypatch.setattr("s2dash.server.jobs.write_sureness", breaks)
    large.press("Classify full scene")
    wait_until(lambda: "Download GeoTIFF" in large.run().downloads)
    large.press(SURE)
    wait_until(lambda: "No room is left" in large.words or "No room is left" in large.run().words)
    assert not large.widget("button", SURE).disabled


def test_cards_without_files_are_not_there(page: Page) -> None:
    page.open("hand over")
    titles = [one.value.removeprefix("##### ") for one in page.test.markdown if one.value.startswith("##### ")]
    offered = {export.card for export in EXPORTS.values()}
    expected = [words.title for card, words in CARDS.items() if card in offered]
    assert [title for title in titles if title in {words.title for words in CARDS.values()}] == expected


def test_what_was_said_is_kept_with_the_session(tmp_path: Path) -> None:
    store = SessionStore(tmp_path / "kept")
    writer = Writer(store)
    keeper = Keeper(writer)
    for said in ({"scene": SAID}, {"scene": SAID, "other": About(author="Somebody")}, {}):
        keeper.keep(Snapshot(runs=(), shown=None, made=0, said=said))
        assert writer.settle(keeper.address)
        found = store.open(keeper.address)
        assert found is not None
        assert found.said == said
