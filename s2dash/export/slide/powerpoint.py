"""The slide as a PowerPoint file: words and legend to be edited there, pictures in their places."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2dash import __version__
from s2dash.export.contents import Export, one_line, staged
from s2dash.export.handover import Handover
from s2dash.export.locator import globe_svg
from s2dash.export.slide import picture_files
from s2dash.export.slide.contents import SlideContents, SlideRow, slide_contents
from s2dash.export.slide.layout import HEIGHT, MARGIN, WIDTH, Box
from s2dash.export.typeset import svg_png

if TYPE_CHECKING:
    # At run time loaded where a file is written, as typst is.
    from pptx.presentation import Presentation
    from pptx.slide import Slide

_EMU = 6350
"""Of PowerPoint in one unit of the slide: 1920 units are its 13.33 inches."""
_POINTS = 0.5
"""In one unit."""
_DENSITY = 2
_FONT = "Calibri"
"""On every computer with PowerPoint, and as narrow as the page's own; LibreOffice has Carlito in its place."""
_INK, _QUIET, _LINE, _PALE = "0B1512", "46524E", "D3DBD8", "7A8682"
_LETTER_WIDTH, _LINE_HEIGHT = 0.56, 1.2
"""Of the size of a font: of letters on average, wide fonts included, and from line to line."""
_LEAST_SIZE = 10
_CELL_MARGIN = 12
_RULE, _MARK_GAP = 2, 6
"""Units that lines are thick."""
_MOST_NOTES_CHARACTERS = 2_000
_AT = datetime(2020, 1, 1, tzinfo=UTC)
"""When a file says that it was made: the same each time, so that equal maps give equal files."""
_TITLE_ONLY_LAYOUT = 5


def write_powerpoint(handover: Handover, out: Path) -> None:
    """Write the slide as a PowerPoint file; raises as `slide.write_slide` does."""
    content = powerpoint_bytes(handover)
    with staged(out) as path:
        path.write_bytes(content)


def powerpoint_bytes(handover: Handover) -> bytes:
    """The file that `write_powerpoint` writes."""
    import pptx

    contents = slide_contents(handover)
    presentation = pptx.Presentation()
    presentation.slide_width, presentation.slide_height = WIDTH * _EMU, HEIGHT * _EMU
    slide = presentation.slides.add_slide(presentation.slide_layouts[_TITLE_ONLY_LAYOUT])
    _head(slide, handover, contents)
    _pictures(slide, handover, contents)
    _scale(slide, contents)
    _legend(slide, contents)
    _foot(slide, contents)
    _facts(presentation, contents)
    notes = one_line(handover.about.notes, _MOST_NOTES_CHARACTERS)
    if notes:
        slide.notes_slide.notes_text_frame.text = notes
    buffer = io.BytesIO()
    presentation.save(buffer)
    return _without_clock(buffer.getvalue())


def _head(slide: Slide, handover: Handover, contents: SlideContents) -> None:
    globe = globe_svg(handover.result.classmap.grid)
    width = 1620 if globe else WIDTH - 2 * MARGIN
    title = slide.shapes.title
    title.left, title.top, title.width, title.height = _emu(Box(MARGIN, 44, width, 84))
    _write(title.text_frame, contents.title, _fitting(contents.title, 56, width, 84), bold=True)
    _words(slide, Box(MARGIN, 126, width, 44), contents.subtitle, 27, _QUIET)
    if globe:
        shape = slide.shapes.add_picture(io.BytesIO(svg_png(globe, 136)), *_emu(Box(1720, 44, 136, 136)))
        _describe(shape, "Where on the Earth")


def _pictures(slide: Slide, handover: Handover, contents: SlideContents) -> None:
    files = picture_files(handover, contents, _DENSITY)
    for box, words, png in zip(contents.layout.pictures, contents.captions, files, strict=True):
        _words(slide, Box(box.left, box.top - 38, max(box.width, 160), 34), words, 22, _QUIET, bold=True)
        _describe(slide.shapes.add_picture(io.BytesIO(png), *_emu(box)), words)


def _scale(slide: Slide, contents: SlideContents) -> None:
    top = contents.layout.scale_top
    if contents.scale is None:
        _words(slide, Box(MARGIN, top, 700, 32), contents.no_place, 20, _QUIET)
        return
    from pptx.enum.shapes import MSO_SHAPE

    width = round(contents.scale.width)
    _shape(slide, MSO_SHAPE.RECTANGLE, Box(MARGIN, top + 4, width, 8), _INK)
    _shape(slide, MSO_SHAPE.RECTANGLE, Box(MARGIN + width // 2, top + 5, width - width // 2 - 1, 6), "FFFFFF")
    _words(slide, Box(MARGIN, top + 14, 200, 32), contents.scale.words, 20, _INK)
    if contents.lies.north_deg is not None:
        left = MARGIN + max(width, 110) + 36
        arrow = _shape(slide, MSO_SHAPE.ISOSCELES_TRIANGLE, Box(left, top, 20, 34), _INK)
        arrow.rotation = contents.lies.north_deg
        _words(slide, Box(left + 30, top + 2, 40, 32), "N", 20, _INK, bold=True)


def _legend(slide: Slide, contents: SlideContents) -> None:
    layout, heads = contents.layout, [head for head in contents.heads if head]
    count = len(contents.rows) + 1
    frame = slide.shapes.add_table(count, len(heads) + 1, *_emu(layout.legend))
    _describe(frame, "Legend")
    table = frame.table
    properties = table._tbl.tblPr  # python-pptx has no other way to leave out the banded look
    properties.set("bandRow", "0")
    properties.set("firstRow", "0")
    widths = [58, layout.legend.width - 58 - 110 * (len(heads) - 1), *[110] * (len(heads) - 1)]
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width * _EMU
    height = layout.row_height
    for number, row in enumerate(table.rows):
        row.height = (height if number else layout.rows_top - layout.legend.top) * _EMU
    for column, head in enumerate(heads, 1):
        _cell(table.cell(0, column), head, 19, _QUIET, is_right=column > 1)
    _cell(table.cell(0, 0), "", 19, _QUIET)
    size = min(layout.font_size, round(height * 0.55))
    for number, row in enumerate(contents.rows, 1):
        _row(table, number, row, size, _fitting(row.name, size, widths[1] - _CELL_MARGIN, height), len(heads))
    _rules(table)


def _row(table: Any, number: int, row: SlideRow, size: int, name_size: int, columns: int) -> None:
    ink = _PALE if row.is_pale else _INK
    swatch = table.cell(number, 0)
    _cell(swatch, row.number, min(size, 18), row.ink.lstrip("#").upper() or ink, is_centred=True, bold=True)
    _plain(swatch, row.colour.lstrip("#").upper() or None)
    for column, words in enumerate((row.name, row.share, row.area)[:columns], 1):
        _cell(table.cell(number, column), words, name_size if column == 1 else size, ink, is_right=column > 1)


def _rules(table: Any) -> None:
    """A fine line under each row, and a gap between one mark of a class and the next."""
    for number, row in enumerate(table.rows):
        for column, cell in enumerate(row.cells):
            is_mark = column == 0 and number > 0
            for side in ("lnT", "lnB") if number else ("lnB",):  # of both neighbours, or the table's own look wins
                _border(cell, side, *(("FFFFFF", _MARK_GAP) if is_mark else (_LINE, _RULE)))


def _border(cell: Any, side: str, colour: str, width: int) -> None:
    """One side of a cell, for which python-pptx has no way; the schema wants it before the cell's fill."""
    from pptx.oxml import parse_xml
    from pptx.oxml.ns import nsdecls

    line = parse_xml(
        f'<a:{side} {nsdecls("a")} w="{width * _EMU}"><a:solidFill><a:srgbClr val="{colour}"/></a:solidFill></a:{side}>'
    )
    properties = cell._tc.get_or_add_tcPr()
    properties.insert(sum(one.tag.endswith(("lnT", "lnB")) for one in properties), line)


def _foot(slide: Slide, contents: SlideContents) -> None:
    from pptx.enum.shapes import MSO_SHAPE

    legend, rows = contents.layout.legend, len(contents.rows)
    top = contents.layout.rows_top + rows * contents.layout.row_height + 12
    _shape(slide, MSO_SHAPE.RECTANGLE, Box(MARGIN, 1022, WIDTH - 2 * MARGIN, _RULE), _LINE)
    for i, note in enumerate(contents.notes):
        _words(slide, Box(legend.left, top + 28 * i, legend.width, 28), note, 17, _QUIET)
    _words(slide, Box(MARGIN, 1026, 1200, 34), contents.attribution, 19, _QUIET)
    _words(slide, Box(WIDTH - MARGIN - 576, 1026, 576, 34), contents.author, 19, _QUIET, is_right=True)


def _fitting(words: str, size: int, width: int, height: int) -> int:
    """The largest size up to `size` at which words have room, by the usual width of letters: readers' fonts differ."""
    for smaller in range(size, _LEAST_SIZE, -1):
        lines = -(-len(words) * smaller * _LETTER_WIDTH // width)
        if lines <= 1 or lines * smaller * _LINE_HEIGHT <= height:
            return smaller
    return _LEAST_SIZE


def _words(
    slide: Slide, box: Box, words: str, size: int, colour: str, bold: bool = False, is_right: bool = False
) -> None:
    if words:
        shape = slide.shapes.add_textbox(*_emu(box))
        _write(shape.text_frame, words, size, colour, bold, is_right)


def _write(frame: Any, words: str, size: int, colour: str = _INK, bold: bool = False, is_right: bool = False) -> None:
    from pptx.enum.text import MSO_ANCHOR, PP_ALIGN

    frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0
    frame.vertical_anchor = MSO_ANCHOR.MIDDLE
    frame.word_wrap = True
    frame.text = words
    paragraph = frame.paragraphs[0]
    paragraph.alignment = PP_ALIGN.RIGHT if is_right else PP_ALIGN.LEFT
    _font(paragraph, size, colour, bold)


def _font(paragraph: Any, size: int, colour: str, bold: bool) -> None:
    """Of the words themselves: PowerPoint takes a paragraph's own for what nobody may change.

    Where there are none, of those to come, else an empty cell would be as high as letters of 18 points.
    """
    from pptx.dml.color import RGBColor
    from pptx.text.text import Font
    from pptx.util import Pt

    fonts = [run.font for run in paragraph.runs] or [Font(paragraph._p.get_or_add_endParaRPr())]
    for font in fonts:
        font.name, font.bold = _FONT, bold
        font.size = Pt(max(1, round(size * _POINTS * 2) / 2))
        font.color.rgb = RGBColor.from_string(colour)


def _cell(
    cell: Any,
    words: str,
    size: int,
    colour: str,
    is_right: bool = False,
    is_centred: bool = False,
    bold: bool = False,
) -> None:
    from pptx.enum.text import MSO_ANCHOR, PP_ALIGN

    cell.text = words
    cell.margin_top = cell.margin_bottom = 0
    cell.margin_left = 0 if is_centred else _CELL_MARGIN * _EMU
    cell.margin_right = 0
    cell.vertical_anchor = MSO_ANCHOR.MIDDLE
    paragraph = cell.text_frame.paragraphs[0]
    paragraph.alignment = PP_ALIGN.RIGHT if is_right else PP_ALIGN.CENTER if is_centred else PP_ALIGN.LEFT
    _font(paragraph, size, colour, bold)
    _plain(cell, None)


def _plain(cell: Any, colour: str | None) -> None:
    """A cell in one colour, or in none."""
    from pptx.dml.color import RGBColor

    if colour is None:
        cell.fill.background()
    else:
        cell.fill.solid()
        cell.fill.fore_color.rgb = RGBColor.from_string(colour)


def _shape(slide: Slide, kind: Any, box: Box, colour: str) -> Any:
    from pptx.dml.color import RGBColor
    from pptx.oxml.ns import qn

    shape = slide.shapes.add_shape(kind, *_emu(box))
    shape.fill.solid()
    shape.fill.fore_color.rgb = RGBColor.from_string(colour)
    shape.line.fill.background()
    shape._element.remove(shape._element.find(qn("p:style")))  # whose shadow LibreOffice draws in any case
    return shape


def _describe(shape: Any, words: str) -> None:
    """What a picture or table is, for those who listen."""
    shape.name = words
    shape._element._nvXxPr.cNvPr.set("descr", words)  # python-pptx has no other way


def _emu(box: Box) -> tuple[int, int, int, int]:
    return box.left * _EMU, box.top * _EMU, box.width * _EMU, box.height * _EMU


def _facts(presentation: Presentation, contents: SlideContents) -> None:
    facts = presentation.core_properties
    facts.title, facts.author = contents.title, contents.author
    facts.last_modified_by, facts.comments = f"s2dash {__version__}", contents.attribution
    facts.created = facts.modified = _AT.replace(tzinfo=None)
    facts.revision = 1


def _without_clock(content: bytes) -> bytes:
    """The same zip, whose members all say one time."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as given, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name in given.namelist():
            made.writestr(zipfile.ZipInfo(name, _AT.timetuple()[:6]), given.read(name), zipfile.ZIP_DEFLATED)
    return out.getvalue()


EXPORT = Export(
    key="powerpoint",
    card="picture",
    label="Slide (PowerPoint)",
    short="PowerPoint",
    suffix="-slide.pptx",
    mime="application/vnd.openxmlformats-officedocument.presentationml.presentation",
    help="The same slide to be edited: title, legend and notes as words, the two pictures in their places.",
    needs_full=False,
    needs_place=False,
    write=write_powerpoint,
)
