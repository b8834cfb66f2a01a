"""The report as one HTML file: styles, script and pictures are in it, and it may load nothing else."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape
from pathlib import Path

from s2dash.export.report.blocks import (
    Block,
    Cell,
    Code,
    Drawing,
    Heading,
    Pairs,
    Remark,
    Row,
    Section,
    Sentences,
    Swatch,
    Table,
)
from s2dash.export.report.contents import ReportContents, ReportMaps

_HERE = Path(__file__).parent
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def html_text(contents: ReportContents, size_wh: tuple[int, int], satellite: bytes | None, classes: bytes) -> str:
    """The whole page; all text from outside is escaped, and its policy lets it load nothing.

    `satellite` and `classes` are PNGs of that size.
    """
    css, js = ((_HERE / f"report.{kind}").read_text("utf-8") for kind in ("css", "js"))
    maps = _maps(contents.maps, size_wh, satellite, classes)
    body = "".join([_header(contents), maps, *map(_section, contents.sections), _footer(contents)])
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(contents.title)}</title><style>{css}</style></head>"
        f"<body><main>{body}</main><script>{js}</script></body></html>\n"
    )


def _header(contents: ReportContents) -> str:
    notes = "".join(f"<p>{escape(note)}</p>" for note in contents.notes)
    globe = _image(contents.globe.encode(), "svg+xml", "Where on the Earth", "globe") if contents.globe else ""
    facts = _pairs(contents.facts)
    return f"<header><div><h1 dir=auto>{escape(contents.title)}</h1>{facts}{notes}</div>{globe}</header>"


def _maps(maps: ReportMaps, size_wh: tuple[int, int], satellite: bytes | None, classes: bytes) -> str:
    width, height = size_wh
    right = _image(classes, "png", maps.classes_label, "right")
    scale = ""
    if maps.scale:
        part, words = maps.scale
        scale = f'<p class="scale"><i style="width:{100 * part:.2f}%"></i>{escape(words)}</p>'
    below = scale or f'<p class="quiet">{escape(maps.no_place)}</p>'
    if satellite is None:
        return f'<figure><div class="swipe" style="aspect-ratio:{width}/{height}">{right}</div>{below}</figure>'
    left = _image(satellite, "png", maps.satellite_label, "left")
    return (
        f'<figure><div class="swipe" style="aspect-ratio:{width}/{height}">{left}{right}'
        f'<span class="said l">{escape(maps.satellite_label)}</span>'
        f'<span class="said r">{escape(maps.classes_label)}</span>'
        '<input type="range" min="0" max="1000" value="500" aria-label="Where the classes begin"><i class="line"></i>'
        f"</div>{below}</figure>"
    )


def _section(section: Section) -> str:
    return f"<section><h2>{escape(section.title)}</h2>{''.join(map(_block, section.blocks))}</section>"


def _block(block: Block) -> str:
    match block:
        case Sentences((line,)):
            return f"<p>{escape(line)}</p>"
        case Sentences(lines):
            return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"
        case Remark(words):
            return f'<p class="quiet">{escape(words)}</p>'
        case Heading(words):
            return f"<h3>{escape(words)}</h3>"
        case Pairs(pairs):
            return _pairs(pairs)
        case Table():
            return _table(block)
        case Drawing(svg, words):
            return _image(svg.encode(), "svg+xml", words, "chart")
        case Code(title, text):
            return f"<details><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>"


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    told = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in pairs)
    return f"<dl>{told}</dl>"


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in table.heads)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Table"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(map(_row, table.rows))}</tbody></table></div>"
    )


def _row(row: Row) -> str:
    cells = "".join(_cell(cell, row.swatch) for cell in row.cells)
    mark = ""
    if row.swatch is not None:
        look = f"background:{row.swatch.colour};color:{row.swatch.ink}"
        mark = f'<b style="{look}">{escape(row.swatch.number)}</b>'
    total = ' class="total"' * row.is_total
    return f'<tr{total}><th scope="row">{mark}<span dir=auto>{escape(row.name)}</span></th>{cells}</tr>'


def _cell(cell: Cell, swatch: Swatch | None) -> str:
    bar = ""
    if cell.bar is not None and swatch is not None:
        bar = f'<i class="bar" style="width:{100 * cell.bar:.1f}%;background:{swatch.colour}"></i>'
    below = f"<small>{escape(cell.below)}</small>" * bool(cell.below)
    looks = ["n"] * (not cell.is_words) + ["same"] * cell.is_strong
    return f'<td class="{" ".join(looks)}">{escape(cell.text)}{below}{bar}</td>'


def _footer(contents: ReportContents) -> str:
    return f"<footer><p>{escape(contents.attribution)}</p><p>{escape(contents.made_with)}</p></footer>"


def _image(content: bytes, kind: str, alt: str, of: str) -> str:
    data = base64.b64encode(content).decode()
    return f'<img class="{of}" alt="{escape(alt)}" src="data:image/{kind};base64,{data}">'
