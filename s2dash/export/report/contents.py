"""What a report says, put into words once for its HTML and its PDF."""

from __future__ import annotations

from dataclasses import dataclass

from s2dash import __version__
from s2dash.core.accuracy import Accuracy
from s2dash.core.accuracy_words import figures, percent_words, sentences
from s2dash.core.sight import ink_on
from s2dash.export.contents import ClassFacts, listed_facts, one_line, ordinal
from s2dash.export.ground import Drawn, drawn, length_words, round_length_m
from s2dash.export.handover import Handover
from s2dash.export.locator import globe_svg
from s2dash.export.picture import area_decimals, hectares, percent
from s2dash.export.recipe_words import recipe_words
from s2dash.export.report.spectra import spectra_svg
from s2dash.export.views import classes_png, satellite_picture

_MOST_SIDE = 1400
_MOST_NOTE_CHARACTERS = 500
_NOT_CHECKED = (
    "Nobody has checked this map yet. How right it is, only a look at places on the ground or in better pictures can "
    "tell: s2dash asks for some under Check."
)
LIMITS = (
    "Classes are groups of pixels that look alike from above; their names were given by people.",
    "Kinds of ground that reflect light alike share a class: shadow and water, or dry grass and bare soil, may do so.",
    "A pixel that holds several kinds of ground gets one class, so narrow things are lost and borders are sharp only "
    "to about a pixel.",
    "The map shows the day of the picture. What grows, floods or is harvested looks different on another day.",
    "Hectares are those of counted pixels. Where a class is often mistaken, the ground has more or less of it.",
)


@dataclass(frozen=True)
class ReportRow:
    """A class in the table."""

    number: str
    name: str
    code: str
    colour: str
    """`#rrggbb`"""
    ink: str
    share: str
    width: float
    """Its share of the largest share, 0 to 1."""
    area: str
    checked_area: str
    """Estimated hectares with their range; empty where nobody checked."""
    users: str
    producers: str


@dataclass(frozen=True, eq=False)
class ReportContents:
    """A report's words and pictures."""

    title: str
    facts: tuple[tuple[str, str], ...]
    """Name and text of what is known of the picture and its map."""
    notes: tuple[str, ...]
    """The user's, a paragraph each."""
    rows: tuple[ReportRow, ...]
    total: str
    has_area: bool
    has_codes: bool
    is_checked: bool
    trust: tuple[str, ...]
    """How far the map can be trusted, a sentence or two each."""
    accuracy: Accuracy | None
    picture_png: bytes | None
    picture_label: str
    classes_png: bytes
    classes_label: str
    size_wh: tuple[int, int]
    scale: tuple[float, str] | None
    """Length of the bar as a part of the picture's width, and what it is on the ground."""
    no_place: str
    globe: str | None
    spectra: str | None
    steps: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    recipe_json: str
    versions: str
    attribution: str


def report_contents(handover: Handover) -> ReportContents:
    """Raises RecipeError or BrokenResult where legend, counts and labels do not fit each other."""
    result = handover.result
    classes = listed_facts(result, handover.legend)
    lies, size_wh = _lies(handover)
    picture = satellite_picture(result.scene)
    accuracy = handover.accuracy
    decimals = area_decimals(result.mapped_ha or 0)
    total = hectares(result.mapped_ha, decimals)
    return ReportContents(
        title=one_line(handover.title) or "Land cover",
        facts=_facts(handover, total),
        notes=tuple(
            one_line(line, _MOST_NOTE_CHARACTERS) for line in handover.about.notes.splitlines() if line.strip()
        ),
        rows=tuple(_row(c, classes, decimals, accuracy) for c in classes),
        total=total,
        has_area=result.mapped_ha is not None,
        has_codes=any(c.code for c in classes),
        is_checked=accuracy is not None and not accuracy.is_too_few,
        trust=sentences(accuracy) if accuracy is not None else (_NOT_CHECKED,),
        accuracy=accuracy,
        picture_png=None if picture is None else picture.png(lies, size_wh),
        picture_label="" if picture is None else picture.label,
        classes_png=classes_png(handover, lies, size_wh),
        classes_label=next((f"Only {c.name}" for c in classes if c.id == handover.alone), "Classes"),
        size_wh=size_wh,
        scale=_scale(lies),
        no_place="" if lies.width_m else "No place in this file: no scale, no hectares.",
        globe=globe_svg(result.classmap.grid),
        spectra=spectra_svg(result.scene, classes),
        steps=recipe_words(result),
        warnings=tuple(one_line(words, _MOST_NOTE_CHARACTERS) for words in result.warnings),
        recipe_json=result.recipe.to_json(),
        versions=f"s2dash {__version__}, {one_line(result.engine)}; result {one_line(result.digest)[:16]}",
        attribution=one_line(result.scene.attribution),
    )


def _lies(handover: Handover) -> tuple[Drawn, tuple[int, int]]:
    """How the map lies, and the size of its pictures: at most a pixel each, which browsers enlarge as they like."""
    lies = drawn(handover.result.classmap.grid)
    longest = min(_MOST_SIDE, max(handover.result.classmap.grid.shape_rc) * 2)
    width = longest if lies.aspect >= 1 else max(1, round(longest * lies.aspect))
    return lies, (width, max(1, round(width / lies.aspect)))


def _facts(handover: Handover, total: str) -> tuple[tuple[str, str], ...]:
    result, about = handover.result, handover.about
    grid = result.classmap.grid
    size = f"{grid.width:,} × {grid.height:,} pixels"
    if grid.pixel_size_m is not None:
        size += f" of {length_words(float(f'{grid.pixel_size_m[0]:.3g}'))}"
    preview = "" if result.is_full else f"of every {ordinal(result.classmap.step)} pixel: all figures are of it"
    known = (
        ("Place", about.place),
        ("Date of the picture", about.date or result.scene.date or ""),
        ("By", about.author),
        ("Picture", " ".join(filter(None, (result.scene.sensor, result.scene.level)))),
        ("Size", size),
        ("Area", f"{total} hectares" if total else ""),
        ("No data", percent(result.masked_share) + " of the picture" if result.masked_share > 0 else ""),
        ("Preview", preview),
        ("Another date", handover.change.words if handover.change is not None else ""),
        ("Coordinate system", grid.crs.name if grid.crs is not None else ""),
    )
    return tuple((name, one_line(text, _MOST_NOTE_CHARACTERS)) for name, text in known if text)


def _row(c: ClassFacts, classes: tuple[ClassFacts, ...], decimals: int, accuracy: Accuracy | None) -> ReportRow:
    largest = max((one.row.share for one in classes), default=0.0) or 1.0
    found = None
    if accuracy is not None and not accuracy.is_too_few:
        found = next((one for one in accuracy.classes if one.name == c.name), None)
    checked = ""
    if found is not None and found.area_ha is not None:
        value, low, high = figures(found.area_ha)
        checked = f"{value} ({low} to {high})"
    return ReportRow(
        number=str(c.id),
        name=c.name,
        code=c.code,
        colour=c.colour,
        ink=ink_on(c.colour),
        share=percent(c.row.share),
        width=c.row.share / largest,
        area=hectares(c.row.area_ha, decimals),
        checked_area=checked,
        users="" if found is None or found.users is None else percent_words(found.users),
        producers="" if found is None or found.producers is None else percent_words(found.producers),
    )


def _scale(lies: Drawn) -> tuple[float, str] | None:
    if lies.width_m is None:
        return None
    length_m = round_length_m(lies.width_m * 0.25)
    return length_m / lies.width_m, length_words(length_m)
