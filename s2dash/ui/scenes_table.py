"""The table of a run over many scenes: how far each is, and the share of every class in those that are finished."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType

from s2dash.batch import SceneReport
from s2dash.batch.manifest import TableRow
from s2dash.core.sight import ink_on
from s2dash.ui import text

NO_THUMBNAILS: Mapping[str, Sequence[str]] = MappingProxyType({})
_STATES = {
    "waiting": "waiting",
    "learning": "learning from it …",
    "labelling": "classifying …",
    "done": "✓ done",
    "unchanged": "✓ done",
}

CSS = """
.scenes{overflow:auto;max-height:min(50vh,30rem);font-size:.9rem;font-variant-numeric:tabular-nums;
  --hair:color-mix(in srgb,currentColor 14%,transparent)}
.scenes table{border-collapse:collapse;min-width:100%}
.scenes caption{clip-path:inset(50%);height:1px;overflow:hidden;position:absolute;white-space:nowrap;width:1px}
.scenes :is(th,td){padding:.45rem .6rem;text-align:start;white-space:nowrap;border-bottom:1px solid var(--hair)}
.scenes :is(th,td):first-child{padding-inline-start:0}
.scenes thead th{font-size:.82rem;font-weight:500;position:sticky;top:0;background:var(--paper);z-index:1}
.scenes thead th span{display:inline-flex;align-items:center;justify-content:center;min-width:1.7rem;height:1.35rem;
  border-radius:5px;font-weight:650;box-shadow:inset 0 0 0 1px color-mix(in srgb,currentColor 25%,transparent)}
.scenes tbody th{font-weight:600;max-width:20rem;overflow:hidden;text-overflow:ellipsis}
.scenes :is(th,td).figure{text-align:end}
.scenes .seen{background:none;border:0;border-radius:6px;display:inline-flex;gap:3px;margin:0 .6rem 0 2px;
  padding:2px;vertical-align:middle}
.scenes .seen img{background:color-mix(in srgb,currentColor 8%,transparent);border-radius:4px;height:40px;
  object-fit:cover;width:40px}
.scenes button.seen{cursor:zoom-in}
.scenes button.seen:is(:hover,:focus-visible,[aria-pressed=true]){box-shadow:0 0 0 2px var(--brand);outline:0}
.scenes td.failed{white-space:normal}
.scenes td.failed b{color:var(--bad);font-weight:600}
@media (max-width:640px){
  .scenes :is(th,td){padding-inline:.4rem}
  .scenes tbody th{max-width:8rem}
  .scenes .seen{display:flex;margin:2px 0 2px 2px;width:max-content}
  .scenes th:first-child{position:sticky;left:0;background:var(--paper);z-index:1}
  .scenes thead th:first-child{z-index:2}
  .scenes td.failed div{max-width:10rem;overflow-wrap:anywhere}
}
"""


def scenes_table(
    reports: Sequence[SceneReport],
    thumbnails: Mapping[str, Sequence[str]] = NO_THUMBNAILS,
    looked_at: str | None = None,
    can_look: bool = False,
) -> str:
    """The table as HTML, one row for each scene; all text from outside is escaped.

    Areas are in one unit for all scenes. A scene that failed has its reason in place of figures.

    Parameters
    ----------
    thumbnails : addresses of small pictures by the name of their scene
    looked_at : name of the scene whose picture is shown beside the table
    can_look : whether thumbnails are buttons (`scenes_list`)
    """
    finished = [report.finished for report in reports if report.finished is not None]
    classes = finished[0].rows if finished else ()
    areas_ha = [_area_ha(one.rows) for one in finished]
    unit = text.area_unit(max((area for area in areas_ha if area is not None), default=0.0))
    has_area = any(area is not None for area in areas_ha)
    heads = ['<th scope="col">Scene</th>', '<th scope="col">State</th>']
    if has_area:
        heads.append(f'<th scope="col" class="figure">{unit.heading}</th>')
    heads += [_class_head(row) for row in classes]
    columns = has_area + len(classes)
    seen = {name: _seen(name, addresses, looked_at, can_look) for name, addresses in thumbnails.items()}
    rows = "".join(_row(report, unit, has_area, columns, seen.get(report.source.name, "")) for report in reports)
    caption = "Scenes, and the share of each class in them" if finished else "Scenes"
    return (
        f'<div class="scenes" tabindex="0" role="region" aria-label="{caption}"><table><caption>{caption}</caption>'
        f"<thead><tr>{''.join(heads)}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _class_head(row: TableRow) -> str:
    ink = ink_on(row.colour)
    name = escape(row.name)
    return (
        f'<th scope="col" class="figure" title="{name}" aria-label="{name}">'
        f'<span style="background:{escape(row.colour)};color:{ink}">{row.id}</span></th>'
    )


def _seen(name: str, addresses: Sequence[str], looked_at: str | None, can_look: bool) -> str:
    images = "".join(f'<img src="{escape(one)}" alt="" loading="lazy" decoding="async">' for one in addresses)
    if not can_look:
        return f'<span class="seen">{images}</span>'
    label, pressed = escape(f"Look at {name}"), str(name == looked_at).lower()
    return (
        f'<button type="button" class="seen" data-look="{escape(name)}" aria-label="{label}" aria-pressed="{pressed}" '
        f'title="Picture and classes, larger">{images}</button>'
    )


def _row(report: SceneReport, unit: text.AreaUnit, has_area: bool, columns: int, seen: str) -> str:
    name = escape(report.source.name)
    head = f'<th scope="row" title="{name}">{seen}{name}</th>'
    if report.state == "failed":
        why = f"<div><b>failed</b> {escape(report.error)}</div>"
        return f'<tr>{head}<td class="failed" colspan="{columns + 1}">{why}</td></tr>'
    cells = [f"<td>{_STATES[report.state]}</td>"]
    if report.finished is None:
        cells += ["<td></td>"] * columns
    else:
        area_ha = _area_ha(report.finished.rows)
        if has_area:
            cells.append(f'<td class="figure">{"–" if area_ha is None else unit.figure(area_ha)}</td>')
        cells += [f'<td class="figure">{text.share(row.share)}</td>' for row in report.finished.rows]
    return f"<tr>{head}{''.join(cells)}</tr>"


def _area_ha(rows: Sequence[TableRow]) -> float | None:
    """The area of all classes together, hectares; None without a place."""
    areas = [row.area_ha for row in rows if row.area_ha is not None]
    return sum(areas) if areas else None
