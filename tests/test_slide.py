"""The slide as a picture and as PowerPoint: what stands where, and what each says when its users' library reads it."""

from __future__ import annotations

import dataclasses
import io
import shutil
import subprocess
from pathlib import Path

import msgspec
import numpy as np
import pptx
import pypdfium2
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from test_export import GRIDS, HOSTILE, make_legend, make_result
from waiting import PATIENCE_SECONDS

from s2dash.classify import pipeline
from s2dash.core.about import About
from s2dash.core.edits import ClassEdits, LeaveOut, Merge
from s2dash.core.grid import Grid
from s2dash.core.legend import clean_name, default_legend
from s2dash.core.recipe import default_recipe
from s2dash.export import Handover, export_bytes
from s2dash.export.contents import class_facts
from s2dash.export.locator import globe_svg
from s2dash.export.slide.contents import slide_contents
from s2dash.export.slide.layout import BOTTOM, HEIGHT, MARGIN, MOST_ROWS, TOP, WIDTH, layout_of
from s2dash.export.typeset import svg_png
from s2dash.ingest import SAMPLE_PATH, open_in_place
from s2dash.raster.location import FileLocation

SOFFICE = shutil.which("soffice")
ABOUT = About(
    title="Land cover", place="Accomack County", date="12 January 2016", author="Shore Watch", notes="By eye."
)


def words_of(content: bytes) -> list[str]:
    """All that a PowerPoint file says: its shapes, cells and notes."""
    [slide] = pptx.Presentation(io.BytesIO(content)).slides
    said = [shape.text_frame.text for shape in slide.shapes if shape.has_text_frame]
    tables = [shape.table for shape in slide.shapes if shape.has_table]
    said += [cell.text for table in tables for row in table.rows for cell in row.cells]
    return [*said, *([slide.notes_slide.notes_text_frame.text] if slide.has_notes_slide else [])]


@given(
    aspect=st.floats(0.01, 100),
    count=st.integers(1, 2),
    rows=st.integers(1, MOST_ROWS),
    notes=st.integers(0, 3),
    longest=st.integers(0, 60),
)
def test_everything_has_its_place(aspect: float, count: int, rows: int, notes: int, longest: int) -> None:
    layout = layout_of(aspect, count, rows, notes, longest)
    for box in layout.pictures:
        assert box.left >= MARGIN
        assert box.left + box.width < layout.legend.left
        assert box.top > TOP
        assert box.top + box.height < layout.scale_top <= BOTTOM - 40
    assert layout.legend.left + layout.legend.width <= WIDTH - MARGIN
    assert layout.rows_top + rows * layout.row_height + 26 * notes <= BOTTOM
    assert layout.font_size < layout.row_height


@pytest.mark.parametrize("name", GRIDS)
def test_contents_of_every_grid(name: str) -> None:
    contents = slide_contents(Handover(make_result(GRIDS[name]), make_legend()))
    assert (contents.scale is None) == bool(contents.no_place)
    if contents.scale is not None:
        assert 20 <= contents.scale.width <= max(260, contents.layout.pictures[0].width)
    assert (contents.heads[2] == "Hectares") == GRIDS[name].has_place


class TestWords:
    def test_what_the_user_said_comes_first(self) -> None:
        contents = slide_contents(Handover(make_result(), make_legend(), ABOUT))
        assert contents.title == "Land cover"
        assert contents.subtitle.startswith("Accomack County · 12 January 2016 · ")
        assert contents.author == "Shore Watch"

    def test_the_class_alone_is_named_and_the_others_are_pale(self) -> None:
        contents = slide_contents(Handover(make_result(), make_legend(5, ("Sea", "Wood")), alone=2))
        assert contents.captions[-1] == "Only Wood"
        assert [row.is_pale for row in contents.rows] == [True, False, True, True, True]

    def test_edits_are_told(self) -> None:
        edits = ClassEdits(steps=(Merge(classes=(3, 4), into=3), LeaveOut(number=5)))
        result = dataclasses.replace(make_result(), edits=edits)
        notes = slide_contents(Handover(result, make_legend())).notes
        [note] = [words for words in notes if words.startswith("Edited")]
        assert "class 4 merged into class 3; class 5 left out" in note

    def test_a_preview_says_that_its_figures_are_of_it(self) -> None:
        notes = slide_contents(Handover(make_result(step=11), make_legend())).notes
        assert notes[0] == "Preview of every 11th pixel: all figures are of the preview."

    def test_many_classes_are_put_together(self) -> None:
        result = make_result(k=60)
        rows = slide_contents(Handover(result, make_legend(60))).rows
        assert len(rows) == MOST_ROWS
        assert rows[-1].name == f"and {60 - MOST_ROWS + 1} smaller classes"
        named = {int(row.number) for row in rows[:-1]}
        least = min(row.count for row in result.rows if row.id in named)
        assert all(row.count <= least for row in result.rows if row.id not in named)


class TestPicture:
    @pytest.mark.slow
    def test_of_the_sample_scene(self, tmp_path: Path) -> None:
        scene = open_in_place(FileLocation(SAMPLE_PATH))
        recipe = dataclasses.replace(default_recipe(scene), k=4, smooth=0, components=None)
        result, fitted = pipeline.run(scene, recipe, tmp_path / "labels.tif")
        legend = default_legend(("#3479c7", "#557d5a", "#b68535", "#f9eed0"), fitted.numbers)
        handover = Handover(result, legend, ABOUT)
        image = Image.open(io.BytesIO(export_bytes("slide", handover)))
        assert image.size == (2 * WIDTH, 2 * HEIGHT)
        contents = slide_contents(handover)
        assert contents.captions == ("True colour", "Classes")
        satellite, classes = (self.inside(image, box) for box in contents.layout.pictures)
        assert {f"#{colour:06x}" for colour in np.unique(classes)} == {entry.colour for entry in legend.entries}
        assert len(np.unique(satellite)) > 1000

    def inside(self, image: Image.Image, box: object) -> np.ndarray:
        """Colours as 0xrrggbb: numbers are told apart much sooner than rows of three."""
        left, top, width, height = dataclasses.astuple(box)  # type: ignore[call-overload]
        at = (2 * left + 4, 2 * top + 4, 2 * (left + width) - 4, 2 * (top + height) - 4)
        return np.asarray(image.convert("RGB").crop(at)) @ (1 << np.array((16, 8, 0)))


class TestPowerPoint:
    def test_says_all_that_the_slide_says(self) -> None:
        names = tuple(name for name in HOSTILE if name.isprintable())
        result, legend = make_result(k=len(names)), make_legend(len(names), names)
        said = words_of(export_bytes("powerpoint", Handover(result, legend, ABOUT)))
        for facts in class_facts(result, legend):
            assert facts.name in said
            assert str(facts.id) in said
        for words in ("Land cover", "Shore Watch", "By eye.", "Contains modified Copernicus Sentinel data 2018"):
            assert words in said

    @pytest.mark.slow
    def test_hostile_words_stay_words(self) -> None:
        for name in HOSTILE:
            said = words_of(export_bytes("powerpoint", Handover(make_result(title=name), make_legend(5, (name,)))))
            assert (clean_name(name) or "Class 1") in said

    def test_words_have_their_own_fonts_that_can_be_changed(self) -> None:
        """PowerPoint goes back to those of paragraphs."""
        content = export_bytes("powerpoint", Handover(make_result(), make_legend(), ABOUT))
        [slide] = pptx.Presentation(io.BytesIO(content)).slides
        assert slide.element.xpath("//a:defRPr") == []
        assert all(run.xpath("./a:rPr/@sz") for run in slide.element.xpath("//p:cSld//a:r"))

    def test_the_same_map_gives_the_same_bytes(self) -> None:
        handover = Handover(make_result(), make_legend(), ABOUT)
        assert export_bytes("powerpoint", handover) == export_bytes("powerpoint", handover)


@pytest.mark.slow
@pytest.mark.skipif(SOFFICE is None, reason="LibreOffice Impress is not installed")
def test_impress_shows_all_of_it_on_the_slide(tmp_path: Path) -> None:
    names = tuple(f"A class with a name as long as people write them, {i}" for i in range(1, 31))
    title = "A title that goes on and on, as those of departments do, with number 2024/11-B and the words of the law"
    handover = Handover(make_result(k=30), make_legend(30, names), msgspec.structs.replace(ABOUT, title=title))
    path = tmp_path / "slide.pptx"
    path.write_bytes(export_bytes("powerpoint", handover))
    own = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    words = [str(SOFFICE), own, "--headless", "--convert-to", "pdf", "--outdir", str(tmp_path), str(path)]
    subprocess.run(words, check=True, capture_output=True, timeout=PATIENCE_SECONDS)
    with pypdfium2.PdfDocument(path.with_suffix(".pdf")) as document:
        [page] = document
        letters = page.get_textpage()
        size = WIDTH / page.get_width()
        boxes = np.array([letters.get_charbox(i) for i in range(letters.count_chars())]) * size
        said = "".join(letters.get_text_range().split())
        tops = {
            words: HEIGHT - size * _top(letters, words) for words in ("law", "30 classes", "smaller classes", "No data")
        }
    for row in slide_contents(handover).rows:
        assert "".join(row.name.split()) in said
    drawn = boxes[boxes[:, 2] > boxes[:, 0]]
    assert drawn[:, 0].min() >= MARGIN - 2
    assert drawn[:, 2].max() <= WIDTH - MARGIN + 2
    # One below the other: a title of two lines, the subtitle, the last row of the legend, the note under it.
    assert list(tops.values()) == sorted(tops.values())
    assert tops["30 classes"] - tops["law"] > 20
    assert tops["No data"] - tops["smaller classes"] > 20
    assert tops["No data"] < BOTTOM + 8


def _top(letters: pypdfium2.PdfTextPage, words: str) -> float:
    """Height of the first letter of words over the bottom of the page, points."""
    found = letters.search(words).get_next()
    assert found is not None, words
    return float(letters.get_charbox(found[0])[3])


class TestGlobe:
    @pytest.mark.parametrize(
        ("longitude", "latitude", "is_land"),
        [(-75.7, 37.6, False), (2, 47, True), (179.9, 0, False), (40, -85, True), (25, 0, True), (140, 80, False)],
    )
    def test_the_middle_is_land_where_the_scene_is_on_land(
        self, longitude: float, latitude: float, is_land: bool
    ) -> None:
        """Seen through the eyes of a reader of the drawing: the colour within the mark."""
        grid = Grid((10, 10), Affine(1e-4, 0, longitude, 0, -1e-4, latitude), "EPSG:4326")
        svg = globe_svg(grid)
        assert svg is not None
        image = np.asarray(Image.open(io.BytesIO(svg_png(svg, 200))).convert("RGB"))
        red, _, blue = (int(v) for v in image[200, 200])
        assert (blue < red + 14) == is_land

    def test_none_without_a_place(self) -> None:
        assert globe_svg(GRIDS["no CRS"]) is None
