"""The report as one HTML file: styles, script and pictures are in it, and it may load nothing else."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape
from pathlib import Path

from s2dash.core.accuracy import Accuracy
from s2dash.export.report.contents import LIMITS, ReportContents

_HERE = Path(__file__).parent
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def html_text(contents: ReportContents) -> str:
    """The whole page; all text from outside is escaped, and its policy lets it load nothing."""
    css, js = ((_HERE / f"report.{kind}").read_text("utf-8") for kind in ("css", "js"))
    body = "".join(
        [
            _header(contents),
            _maps(contents),
            _section("Classes", _classes(contents)),
            _section("How far it can be trusted", _trust(contents)),
            _section("Light by class", _spectra(contents)) if contents.spectra else "",
            _section("How it was made", _made(contents)),
            _section("What it cannot tell", _list(LIMITS)),
            _footer(contents),
        ]
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(contents.title)}</title><style>{css}</style></head>"
        f"<body><main>{body}</main><script>{js}</script></body></html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _header(contents: ReportContents) -> str:
    facts = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in contents.facts)
    notes = "".join(f"<p>{escape(note)}</p>" for note in contents.notes)
    globe = _image(contents.globe.encode(), "svg+xml", "Where on the Earth", "globe") if contents.globe else ""
    return f"<header><div><h1 dir=auto>{escape(contents.title)}</h1><dl>{facts}</dl>{notes}</div>{globe}</header>"


def _maps(contents: ReportContents) -> str:
    width, height = contents.size_wh
    right = _image(contents.classes_png, "png", contents.classes_label, "right")
    scale = ""
    if contents.scale:
        part, words = contents.scale
        scale = f'<p class="scale"><i style="width:{100 * part:.2f}%"></i>{escape(words)}</p>'
    below = scale or f'<p class="quiet">{escape(contents.no_place)}</p>'
    if contents.picture_png is None:
        return f'<figure><div class="swipe" style="aspect-ratio:{width}/{height}">{right}</div>{below}</figure>'
    left = _image(contents.picture_png, "png", contents.picture_label, "left")
    return (
        f'<figure><div class="swipe" style="aspect-ratio:{width}/{height}">{left}{right}'
        f'<span class="said l">{escape(contents.picture_label)}</span>'
        f'<span class="said r">{escape(contents.classes_label)}</span>'
        '<input type="range" min="0" max="1000" value="500" aria-label="Where the classes begin"><i class="line"></i>'
        f"</div>{below}</figure>"
    )


def _classes(contents: ReportContents) -> str:
    heads = ["Class", *(["Code"] if contents.has_codes else []), "Share", *(["Hectares"] if contents.has_area else [])]
    if contents.is_checked:
        heads += ["Checked: hectares", "Of what is mapped so, right", "Of what is there, found"]
    body = []
    for row in contents.rows:
        cells = [f"<td>{escape(row.code)}</td>"] if contents.has_codes else []
        bar = f'<i class="bar" style="width:{100 * row.width:.1f}%;background:{row.colour}"></i>'
        cells.append(f"<td class=n>{row.share}{bar}</td>")
        cells += [f"<td class=n>{row.area}</td>"] if contents.has_area else []
        if contents.is_checked:
            cells += [f"<td class=n>{escape(text)}</td>" for text in (row.checked_area, row.users, row.producers)]
        swatch = f'<b style="background:{row.colour};color:{row.ink}">{row.number}</b>'
        body.append(f'<tr><th scope="row">{swatch}<span dir=auto>{escape(row.name)}</span></th>{"".join(cells)}</tr>')
    return _table(heads, body)


def _table(heads: Iterable[str], rows: Iterable[str]) -> str:
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Table"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _trust(contents: ReportContents) -> str:
    words = _list(contents.trust)
    accuracy = contents.accuracy
    if accuracy is None:
        return words
    return words + f'<p class="quiet">{escape(accuracy.design)}</p><h3>Confusion matrix</h3>' + _matrix(accuracy)


def _matrix(accuracy: Accuracy) -> str:
    rows = []
    for name, counts in zip(accuracy.map_names, accuracy.matrix, strict=True):
        cells = "".join(
            f'<td class="n{" same" if other == name else ""}">{count}</td>'
            for other, count in zip(accuracy.reference_names, counts, strict=True)
        )
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    return _table(["Mapped as ↓ is →", *accuracy.reference_names], rows)


def _spectra(contents: ReportContents) -> str:
    return (
        '<p class="quiet">How much light each class reflects on average, band by band; the numbers are those of the '
        "classes.</p>" + _image((contents.spectra or "").encode(), "svg+xml", "Mean reflectance by band", "chart")
    )


def _made(contents: ReportContents) -> str:
    steps = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in contents.steps)
    notes = f"<h3>Notes of the run</h3>{_list(contents.warnings)}" if contents.warnings else ""
    return (
        f"<dl>{steps}</dl>{notes}<details><summary>Recipe, for s2dash</summary>"
        f"<pre>{escape(contents.recipe_json)}</pre></details>"
    )


def _footer(contents: ReportContents) -> str:
    return f"<footer><p>{escape(contents.attribution)}</p><p>Made with {escape(contents.versions)}.</p></footer>"


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _image(content: bytes, kind: str, alt: str, of: str) -> str:
    data = base64.b64encode(content).decode()
    return f'<img class="{of}" alt="{escape(alt)}" src="data:image/{kind};base64,{data}">'
