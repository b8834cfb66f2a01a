"""What a slide says, put into words once for its picture and its PowerPoint file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from s2dash.core.sight import ink_on
from s2dash.export.contents import ClassFacts, listed_facts, one_line, ordinal
from s2dash.export.ground import Drawn, drawn, length_words, round_length_m
from s2dash.export.handover import Handover
from s2dash.export.picture import area_decimals, hectares, percent
from s2dash.export.recipe_words import step_words
from s2dash.export.slide.layout import MOST_ROWS, SlideLayout, layout_of
from s2dash.export.views import SatellitePicture, satellite_picture

_MOST_EDITS_CHARACTERS = 150


@dataclass(frozen=True)
class SlideRow:
    """One row of the legend."""

    number: str
    """Of the class; empty for rows that are no class."""
    name: str
    share: str
    area: str
    colour: str = ""
    """`#rrggbb`; empty for a row without a swatch."""
    ink: str = ""
    is_pale: bool = False
    """Whether another class stands alone."""


@dataclass(frozen=True)
class ScaleBar:
    """A round length on the ground, as long as it is drawn."""

    width: float
    """Of the slide's units."""
    words: str


@dataclass(frozen=True, eq=False)
class SlideContents:
    """A slide's words and where they stand."""

    title: str
    subtitle: str
    captions: tuple[str, ...]
    """Over the pictures, in their order."""
    heads: tuple[str, str, str]
    rows: tuple[SlideRow, ...]
    notes: tuple[str, ...]
    """Under the legend."""
    attribution: str
    author: str
    no_place: str
    scale: ScaleBar | None
    lies: Drawn
    layout: SlideLayout
    picture: SatellitePicture | None


def slide_contents(handover: Handover) -> SlideContents:
    """Raises RecipeError or BrokenResult where legend and counts do not fit each other."""
    result, about = handover.result, handover.about
    classes = listed_facts(result, handover.legend)
    lies, picture = drawn(result.classmap.grid), satellite_picture(result.scene, handover.lender)
    rows, notes = _rows(handover, classes), _notes(handover, classes)
    longest = max(len(row.name) for row in rows)
    layout = layout_of(lies.aspect, 1 if picture is None else 2, len(rows), len(notes), longest)
    attribution = one_line(result.scene.attribution)
    return SlideContents(
        title=one_line(handover.title) or "Land cover",
        subtitle=_subtitle(handover),
        captions=(*([picture.label] if picture else []), _classes_caption(handover, classes)),
        heads=("Class", "Share", "Hectares" if result.mapped_ha is not None else ""),
        rows=rows,
        notes=notes,
        attribution=attribution,
        author=one_line(about.author),
        no_place="" if lies.width_m else "No place in this file: no scale, no north.",
        scale=_scale(lies, layout),
        lies=lies,
        layout=layout,
        picture=picture,
    )


def _subtitle(handover: Handover) -> str:
    result, about = handover.result, handover.about
    total = result.mapped_ha
    count = len(result.rows)
    parts = [
        about.place,
        about.date or result.scene.date or "",
        "" if total is None else f"{hectares(total, area_decimals(total))} hectares",
        f"{count} class{'es' if count != 1 else ''}",
    ]
    return " · ".join(one_line(part) for part in parts if part)


def _classes_caption(handover: Handover, classes: Sequence[ClassFacts]) -> str:
    alone = next((c.name for c in classes if c.id == handover.alone), None)
    return "Classes" if alone is None else f"Only {alone}"


def _rows(handover: Handover, classes: Sequence[ClassFacts]) -> tuple[SlideRow, ...]:
    """The classes, the smallest together where they are many, no data where there is any."""
    result = handover.result
    decimals = area_decimals(result.mapped_ha or 0)
    kept = _largest(classes)
    rows = [
        SlideRow(
            str(c.id),
            c.name,
            percent(c.row.share),
            hectares(c.row.area_ha, decimals),
            c.colour,
            ink_on(c.colour),
            handover.alone not in (None, c.id),
        )
        for c in kept
    ]
    rest = [c for c in classes if c not in kept]
    if rest:
        areas = [c.row.area_ha for c in rest]
        area = None if any(a is None for a in areas) else sum(a for a in areas if a is not None)
        share = percent(sum(c.row.share for c in rest))
        rows.append(SlideRow("", f"and {len(rest)} smaller classes", share, hectares(area, decimals)))
    return tuple(rows)


def _largest(classes: Sequence[ClassFacts]) -> list[ClassFacts]:
    """As many as a slide names, in the order of the legend."""
    if len(classes) <= MOST_ROWS:
        return list(classes)
    largest = sorted(classes, key=lambda c: -c.row.share)[: MOST_ROWS - 1]
    return [c for c in classes if c in largest]


def _notes(handover: Handover, classes: Sequence[ClassFacts]) -> tuple[str, ...]:
    result = handover.result
    steps = "; ".join(step_words(step) for step in result.edits.steps)
    notes = []
    if not result.is_full:
        notes.append(f"Preview of every {ordinal(result.classmap.step)} pixel: all figures are of the preview.")
    if result.masked_share > 0:
        notes.append(f"No data in {percent(result.masked_share)} of the picture (grey).")
    if steps:
        cut = f"{steps[:_MOST_EDITS_CHARACTERS].rstrip()} …" if len(steps) > _MOST_EDITS_CHARACTERS else steps
        notes.append(f"Edited: {cut}.")
    if handover.source_of_lender:
        notes.append(f"{one_line(handover.source_of_lender)}.")
    return tuple(notes)


def _scale(lies: Drawn, layout: SlideLayout) -> ScaleBar | None:
    if lies.width_m is None:
        return None
    width = layout.pictures[0].width
    metres_per_unit = lies.width_m / width
    length_m = round_length_m(metres_per_unit * min(260, max(90, width * 0.4)))
    return ScaleBar(length_m / metres_per_unit, length_words(length_m))
