"""What stands at the top of each card: a small, real picture of what its files show, drawn cheaply."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from s2dash.core.classmap import Result
from s2dash.core.legend import Legend
from s2dash.export import EXPORTS, Handover
from s2dash.export.contents import Card, ClassFacts, listed_facts
from s2dash.ui import text

_SIDE = 360
"""Pixels of the longer side of the map."""
_MOST_ROWS = 7
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
