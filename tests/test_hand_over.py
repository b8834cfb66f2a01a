"""What is said of a map is asked once, goes everywhere, and comes back; every file stands on a card of the window."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_driver import Page, downloads, start
from PIL import Image
from rasterio.io import MemoryFile
from scenes import make_scene
from test_export import HOSTILE, OF_ANY_RESULT, make_legend, make_result

from s2dash.core import about
from s2dash.core.about import About
from s2dash.core.scene import Scene
from s2dash.errors import UnreadableValue
from s2dash.export import EXPORTS, Handover, export_bytes
from s2dash.export.cards import CARDS
from s2dash.export.geotiff import about_tags, sidecar_xml
from s2dash.ingest import EXAMPLES, proposed_about, sample_scene
from s2dash.server.session_store import Keeper, SessionStore, Snapshot
from s2dash.server.session_store.keeper import Writer
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
