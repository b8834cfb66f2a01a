"""The report on paper: A4, set by Typst from the same contents as the HTML."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from s2dash.export.handover import Handover
from s2dash.export.report.blocks import Block, Drawing, Row, Section, Table
from s2dash.export.report.contents import ReportContents, report_contents
from s2dash.export.typeset import typeset
from s2dash.export.views import classes_png

_TEMPLATE = Path(__file__).with_name("report.typ")
_MOST_SIDE = 1400
"""Pixels of a picture's longer side: above 300 an inch where both stand side by side."""


def pdf_bytes(handover: Handover) -> bytes:
    """The file; raises as `report_contents`."""
    contents = report_contents(handover)
    files = dict(_files(handover, contents))
    return typeset(_TEMPLATE, _values(contents, files), files, "pdf")


def _files(handover: Handover, contents: ReportContents) -> Iterator[tuple[str, bytes]]:
    """Pictures by the names that the template knows them by."""
    lies, satellite = contents.maps.lies, contents.maps.satellite
    size_wh = lies.size_wh(_MOST_SIDE)
    if satellite is not None:
        yield "satellite.jpg", satellite.jpeg(lies, size_wh)
    yield "classes.png", classes_png(handover, lies, size_wh)
    if contents.globe is not None:
        yield "globe.svg", contents.globe.encode()
    for number, svg in enumerate(_drawings(contents)):
        yield f"drawing{number}.svg", svg.encode()


def _drawings(contents: ReportContents) -> list[str]:
    return [block.svg for section in contents.sections for block in section.blocks if isinstance(block, Drawing)]


def _values(contents: ReportContents, files: dict[str, bytes]) -> dict[str, Any]:
    maps = contents.maps
    pictures = [("satellite.jpg", maps.satellite_label), ("classes.png", maps.classes_label)]
    names = {svg: f"drawing{number}.svg" for number, svg in enumerate(_drawings(contents))}
    return {
        "title": contents.title,
        "author": contents.author,
        "summary": contents.summary,
        "facts": contents.facts,
        "notes": contents.notes,
        "pictures": [picture for picture in pictures if picture[0] in files],
        "aspect": maps.lies.aspect,
        "scale": maps.scale,
        "north": maps.lies.north_deg,
        "no_place": maps.no_place,
        "globe": "globe.svg" in files,
        "sections": [_section(section, names) for section in contents.sections],
        "attribution": contents.attribution,
        "made_with": contents.made_with,
    }


def _section(section: Section, names: dict[str, str]) -> dict[str, Any]:
    return {"title": section.title, "blocks": [_block(block, names) for block in section.blocks]}


def _block(block: Block, names: dict[str, str]) -> dict[str, Any]:
    if isinstance(block, Drawing):
        return {"kind": block.kind, "file": names[block.svg], "words": block.words}
    if isinstance(block, Table):
        return {**asdict(block), "rows": [_row(row) for row in block.rows]}
    return asdict(block)


def _row(row: Row) -> dict[str, Any]:
    ink = {} if row.swatch is None else {"ink": row.swatch.ink}
    return {**asdict(row), **ink}
