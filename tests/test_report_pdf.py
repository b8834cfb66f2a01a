"""The report as PDF, read as its users' programs read it: all that it says, selectable, with fonts, and alone."""

from __future__ import annotations

import ctypes
import html
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pypdfium2
import pytest
from pypdfium2 import raw
from scenes import make_scene, prepared_on
from test_confusion import accuracy
from test_export import HOSTILE, make_legend, make_result

from s2dash.classify import pipeline
from s2dash.classify.point import class_spreads
from s2dash.classify.sureness import SureSteps
from s2dash.core.about import About
from s2dash.core.edits import ClassEdits, LeaveOut, Merge
from s2dash.core.legend import default_legend
from s2dash.core.recipe import default_recipe
from s2dash.core.sureness import Sureness
from s2dash.export import Handover, export_bytes
from s2dash.export.contents import class_facts
from s2dash.export.report.blocks import Drawing, Swatch, Table
from s2dash.export.report.clearness import clearness_blocks
from s2dash.export.report.contents import ReportContents, ReportMaps, report_contents

NAMES = ("مستنقع", '#import "x": *', "$x^2$ <b>=1+1", "W" * 60, "\u202emirrored \\u{41} // no", "_Sea_ @ref")
NOTES = "#panic()\nBy eye."
A4_POINTS = (595.3, 841.9)
MARGIN = 51.0


@pytest.fixture(scope="module")
def handover(tmp_path_factory: pytest.TempPathFactory) -> Handover:
    """A checked map of a scene that is there, with names that mean no good."""
    scene = make_scene(tmp_path_factory.mktemp("report"), names=("B02", "B03", "B04", "B08", "B11", "B12"))
    fitted = pipeline.fit(prepared_on(scene, replace(default_recipe(scene), k=6)))
    legend = default_legend([f"#10{number:02x}80" for number in fitted.numbers], fitted.numbers)
    legend = legend.edited(dict(zip(fitted.numbers, NAMES, strict=True)), {})
    checked = accuracy(tuple(entry.name for entry in legend.entries), ("Z" * 200,))
    checked = msgspec.structs.replace(checked, design="Drawn at random.")
    about = About(title="Marsh #strong[x]", place="Virginia", author="Shore & Watch", notes=NOTES)
    return Handover(pipeline.run_live(fitted), legend, about, accuracy=checked, spreads=class_spreads(fitted))


@pytest.fixture(scope="module")
def document(handover: Handover) -> Iterator[pypdfium2.PdfDocument]:
    with pypdfium2.PdfDocument(export_bytes("report_pdf", handover)) as opened:
        yield opened


def text_of(page: pypdfium2.PdfPage) -> str:
    return page.get_textpage().get_text_range()


def bare(words: str) -> str:
    """Without what lines are broken by."""
    return re.sub(r"[\s\u200b\ufffe]", "", words)


def words_in(value: object) -> Iterator[str]:
    """Every text of a report's contents, whatever it is part of."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Drawing | Swatch | ReportMaps):
        return
    elif isinstance(value, tuple):
        for one in value:
            yield from words_in(one)
    elif is_dataclass(value):
        for field in fields(value):
            if field.name not in ("kind", "globe", "summary"):
                yield from words_in(getattr(value, field.name))


def all_words(contents: ReportContents) -> list[str]:
    maps = contents.maps
    assert maps.scale is not None
    return [*filter(None, words_in(contents)), maps.satellite_label, maps.classes_label, maps.scale[1]]


def test_both_forms_say_all_of_the_same(handover: Handover, document: pypdfium2.PdfDocument) -> None:
    paper = bare(" ".join(text_of(page) for page in document))
    screen = bare(html.unescape(export_bytes("report", handover).decode()))
    said = all_words(report_contents(handover))
    assert len(said) > 150
    missing = [words for words in said if bare(words) not in screen]
    assert missing == []
    is_cut = re.compile("W{60}|Z{200}|#import").search
    # Letters of scripts from right to left come in the order of the eye, and some names of columns are cut.
    missing = [words for words in said if bare(words) not in paper and "م" not in words and not is_cut(words)]
    assert missing == []


def test_what_was_done_is_told_plainly() -> None:
    edits = ClassEdits(steps=(Merge(classes=(3, 4), into=3), LeaveOut(number=5)))
    said = list(words_in(report_contents(Handover(replace(make_result(), edits=edits), make_legend()))))
    assert "People then changed the classes in 2 steps, each told below as an edit." in said
    assert any("here in 2 bands" in words and "put together into 5 classes" in words for words in said)
    assert not any("smoothed" in words for words in said)


def test_how_clear_classes_are_adds_up_to_the_steps_of_the_map() -> None:
    result = make_result(k=3)
    labels = result.classmap.labels
    assert labels is not None
    percents = np.where(labels == 0, 255, np.random.default_rng(0).integers(0, 101, labels.shape) // labels.clip(1))
    sureness = Sureness(lambda window: percents[window.slices_rc].astype(np.uint8), lambda path: None)
    blocks = list(
        clearness_blocks(Handover(result, make_legend(3), sureness=sureness), class_facts(result, make_legend(3)))
    )
    steps = SureSteps.of(percents.astype(np.uint8))(percents.astype(np.uint8))
    assert isinstance(blocks[-1], Table)
    for number, row in enumerate(blocks[-1].rows, 1):
        own = steps[labels == number]
        assert [cell.text for cell in row.cells] == [f"{100 * (own == step).mean():.1f} %" for step in (1, 2, 3)]
    assert list(clearness_blocks(Handover(result, make_legend(3)), ())) == []


def test_names_are_words_and_not_markup(document: pypdfium2.PdfDocument) -> None:
    first = bare(text_of(document[0]))
    for words in ("Marsh #strong[x]", '#import "x": *', "$x^2$ <b>=1+1", "\\u{41} // no", "_Sea_ @ref", "#panic()"):
        assert bare(words) in first


def test_pages_are_a4_and_counted_under_a_running_title(document: pypdfium2.PdfDocument) -> None:
    count = len(document)
    assert 3 <= count <= 5
    for number, page in enumerate(document, 1):
        assert page.get_size() == pytest.approx(A4_POINTS, abs=0.5)
        lines = text_of(page).split("\r\n")
        assert any(line.endswith(f"{number} of {count}") for line in lines)
        assert (lines[0] == "Marsh #strong[x]") or number == 1


def test_nothing_runs_over_the_edge(document: pypdfium2.PdfDocument) -> None:
    for page in document:
        width, height = page.get_size()
        letters = page.get_textpage()
        boxes = np.array([letters.get_charbox(i) for i in range(letters.count_chars())])
        boxes = boxes[boxes[:, 2] > boxes[:, 0]]
        assert boxes[:, 0].min() >= MARGIN - 2
        assert boxes[:, 2].max() <= width - MARGIN + 2
        assert boxes[:, 1].min() > 20
        assert boxes[:, 3].max() < height - 20


def test_fonts_are_in_the_file_and_it_asks_for_nothing(document: pypdfium2.PdfDocument) -> None:
    names = set()
    for page in document:
        assert raw.FPDFPage_GetAnnotCount(page) == 0
        for one in page.get_objects([raw.FPDF_PAGEOBJ_TEXT]):
            font = raw.FPDFTextObj_GetFont(one)
            assert raw.FPDFFont_GetIsEmbedded(font) == 1
            name = ctypes.create_string_buffer(100)
            raw.FPDFFont_GetBaseFontName(font, name, 100)
            names.add(name.value.decode())
    assert any("SourceSansPro" in name for name in names)
    assert raw.FPDFDoc_GetJavaScriptActionCount(document) == 0
    assert raw.FPDFDoc_GetAttachmentCount(document) == 0


def test_it_says_what_it_is(handover: Handover, document: pypdfium2.PdfDocument) -> None:
    known = document.get_metadata_dict()
    assert (known["Title"], known["Author"]) == ("Marsh #strong[x]", "Shore & Watch")
    assert known["Subject"].startswith("Land cover in 6 classes: Virginia, ")
    assert not known["CreationDate"]
    sections = [bookmark.get_title() for bookmark in document.get_toc() if bookmark.level == 0]
    assert sections == [section.title for section in report_contents(handover).sections]
    assert raw.FPDFCatalog_IsTagged(document)


def test_the_map_has_exactly_the_colours_of_the_legend(handover: Handover, document: pypdfium2.PdfDocument) -> None:
    images = [one.get_bitmap().to_pil().convert("RGB") for one in document[0].get_objects([raw.FPDF_PAGEOBJ_IMAGE])]
    found = [{f"#{bytes(colour).hex()}" for _, colour in image.getcolors(1 << 24)} for image in images]
    assert {entry.colour for entry in handover.legend.entries} in [colours - {"#e4e9e7"} for colours in found]
    assert len(images) == 2


def test_the_same_map_gives_the_same_bytes() -> None:
    handover = Handover(make_result(), make_legend())
    assert export_bytes("report_pdf", handover) == export_bytes("report_pdf", handover)


@pytest.mark.parametrize("k", [2, 40])
def test_any_number_of_classes_and_names_keeps_to_the_page(k: int, tmp_path: Path) -> None:
    handover = Handover(make_result(k=k), make_legend(k, HOSTILE), accuracy=accuracy(("x" * 200, *map(str, range(k)))))
    with pypdfium2.PdfDocument(export_bytes("report_pdf", handover)) as document:
        test_nothing_runs_over_the_edge(document)
        assert "Light by class" in "".join(map(text_of, document))
