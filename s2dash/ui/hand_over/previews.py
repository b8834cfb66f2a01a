"""What stands at the top of each card: a small, real picture of what its files show, drawn cheaply."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from s2dash.classify.clean_up import sieve
from s2dash.core.classmap import Result
from s2dash.core.legend import Legend
from s2dash.export import EXPORTS, Handover
from s2dash.export.contents import Card, ClassFacts, listed_facts
from s2dash.export.outlines import SMOOTH, outlines
from s2dash.ui import text

_SIDE = 360
"""Pixels of the longer side of the map."""
_MOST_ROWS = 7
_OUTLINED, _LEAST_OUTLINED = (56, 124), 40
"""Rows and columns whose patches of so many pixels are drawn as polygons."""
_CLOSE = 3
"""How much nearer the map for a GIS is seen."""


def previews(live: Result, handover: Handover) -> Mapping[Card, str]:
    """HTML of each card's preview; `live` is the result whose labels are in memory. All words are escaped."""
    labels = live.classmap.labels
    assert labels is not None, "a live result has its labels in memory"
    small = f'<img alt="" src="{_png(_thinned(labels), handover.legend)}">'
    height, width = labels.shape
    middle = labels[height // 3 : height // 3 + max(1, height // _CLOSE), : max(1, width * 2 // _CLOSE)]
    close = f'<img alt="" src="{_png(_thinned(middle), handover.legend)}">'
    classes = listed_facts(handover.result, handover.legend)[:_MOST_ROWS]
    inside: dict[Card, str] = {
        "picture": f"{small}<div>{_title(handover)}{_legend(classes)}</div>",
        "report": f"<div>{_title(handover)}{small}{'<i></i>' * 4}</div>",
        "tables": _table(classes),
        "gis": close,
        "outlines": f'<img alt="" src="{_outlines(labels, handover)}">',
        "recipe": f"<code>{_command(handover)}</code>",
    }
    return {card: f'<div aria-hidden="true" class="seen {card}">{drawn}</div>' for card, drawn in inside.items()}


def _thinned(labels: np.ndarray) -> np.ndarray:
    """Every n-th label of a window."""
    step = max(1, -(-max(labels.shape) // _SIDE))
    return labels[::step, ::step]


def _png(labels: np.ndarray, legend: Legend) -> str:
    """Labels in the legend's colours, as an address that images take."""
    picture = Image.fromarray(np.ascontiguousarray(labels), mode="P")
    picture.putpalette(legend.rgba().tobytes(), "RGBA")
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=3)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _outlines(labels: np.ndarray, handover: Handover) -> str:
    """Some patches of the map's middle as polygons, as an address that images take."""
    (height, width), (rows, cols) = labels.shape, _OUTLINED
    top, left = max(0, (height - rows) // 2), max(0, (width - cols) // 2)
    window = sieve(np.ascontiguousarray(labels[top : top + rows, left : left + cols]), _LEAST_OUTLINED)
    colours = {entry.id: entry.colour for entry in handover.legend.entries}
    paths = [
        f'<path d="{_path(shape)}" fill="{colours[label]}" fill-opacity=".38" stroke="{colours[label]}"/>'
        for some in outlines([(0, window)], handover.result.classmap.grid, SMOOTH)
        for shape, label in zip(some.shapes, some.labels.tolist(), strict=True)
    ]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {window.shape[1]} {window.shape[0]}" '
        f'fill-rule="evenodd" stroke-width=".7" preserveAspectRatio="none">{"".join(paths)}</svg>'
    )
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _path(shape: Any) -> str:
    """Rings of a polygon as the path of an SVG."""
    rings = (np.asarray(ring.coords).tolist() for ring in (shape.exterior, *shape.interiors))
    return "".join("M" + "L".join(f"{x:g},{y:g}" for x, y in ring) + "Z" for ring in rings)


def _title(handover: Handover) -> str:
    return f"<b>{html.escape(handover.title)}</b>"


def _legend(classes: Sequence[ClassFacts]) -> str:
    rows = (f'<li><i style="background:{one.colour}"></i>{html.escape(one.name)}</li>' for one in classes)
    return f"<ul>{''.join(rows)}</ul>"


def _table(classes: Sequence[ClassFacts]) -> str:
    has_areas = all(one.row.area_ha is not None for one in classes)
    head = "<tr><th>class</th><th>share</th>" + ("<th>hectares</th>" if has_areas else "") + "</tr>"
    rows = (
        f"<tr><td>{html.escape(one.name)}</td><td>{text.share(one.row.share)}</td>"
        + (f"<td>{text.number(one.row.area_ha)}</td>" if one.row.area_ha is not None else "")
        + "</tr>"
        for one in classes
    )
    return f"<table>{head}{''.join(rows)}</table>"


def _command(handover: Handover) -> str:
    """How the command line makes the map again from these very files."""
    recipe, edits = EXPORTS["recipe"], EXPORTS["edits"]
    chosen = handover.result.recipe
    lines = [
        "python -m s2dash classify \\",
        "  YOUR-PICTURE.tif -o classes.tif \\",
        f"  --recipe {recipe.file_name(handover)}" + (" \\" if edits.is_of(handover) else ""),
        *([f"  --edits {edits.file_name(handover)}"] if edits.is_of(handover) else []),
        f"# {chosen.algorithm}, k = {chosen.k}, seed {chosen.seed}",
        f"# {len(chosen.bands)} bands: {' '.join(chosen.bands)}",
    ]
    return "<br>".join(html.escape(line).replace("  ", "&nbsp; ") for line in lines)
