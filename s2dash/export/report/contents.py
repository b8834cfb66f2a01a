"""What a report says, put into words once for its HTML and its PDF: head, pictures, sections and foot."""

from __future__ import annotations

from dataclasses import dataclass

from s2dash import __version__
from s2dash.core.accuracy_words import overall_words
from s2dash.export.contents import ClassFacts, about_facts, listed_facts, one_line, ordinal
from s2dash.export.ground import Drawn, drawn, length_words, round_length_m
from s2dash.export.handover import Handover
from s2dash.export.locator import globe_svg
from s2dash.export.picture import area_decimals, hectares, percent
from s2dash.export.report.blocks import Section
from s2dash.export.report.sections import MOST_WORDS, sections
from s2dash.export.views import SatellitePicture, satellite_picture


@dataclass(frozen=True, eq=False)
class ReportMaps:
    """The two pictures of a report and what stands around them."""

    lies: Drawn
    satellite: SatellitePicture | None
    satellite_label: str
    classes_label: str
    scale: tuple[float, str] | None
    """Length of the bar as a part of the picture's width, and what it is on the ground."""
    no_place: str
    """Why there is no scale; else empty."""


@dataclass(frozen=True, eq=False)
class ReportContents:
    """A report's words and pictures."""

    title: str
    author: str
    summary: str
    """In a sentence or two, for lists of files."""
    facts: tuple[tuple[str, str], ...]
    """Name and text of what is known of the picture and its map."""
    notes: tuple[str, ...]
    """The user's, a paragraph each."""
    maps: ReportMaps
    globe: str | None
    sections: tuple[Section, ...]
    attribution: str
    made_with: str


def report_contents(handover: Handover) -> ReportContents:
    """Raises RecipeError or BrokenResult where legend, counts and labels do not fit each other."""
    result, said = handover.result, about_facts(handover.about)
    classes = listed_facts(result, handover.legend)
    facts = _facts(handover)
    return ReportContents(
        title=one_line(handover.title) or "Land cover",
        author=said.get("author", ""),
        summary=_summary(handover, facts, classes),
        facts=facts,
        notes=tuple(one_line(line, MOST_WORDS) for line in handover.about.notes.splitlines() if line.strip()),
        maps=_maps(handover, classes),
        globe=globe_svg(result.classmap.grid),
        sections=sections(handover, classes),
        attribution=one_line(
            ". ".join(filter(None, (result.scene.attribution, handover.source_of_lender))), MOST_WORDS
        ),
        made_with=f"Made with s2dash {__version__}, {one_line(result.engine)}; result {one_line(result.digest)[:16]}.",
    )


def _summary(handover: Handover, facts: tuple[tuple[str, str], ...], classes: tuple[ClassFacts, ...]) -> str:
    known = dict(facts)
    where = ", ".join(known[name] for name in ("Place", "Date of the picture", "Area") if name in known)
    words = f"Land cover in {len(classes)} {'class' if len(classes) == 1 else 'classes'}{f': {where}' * bool(where)}."
    checked = "" if handover.accuracy is None else f" {overall_words(handover.accuracy)}"
    return words + checked


def _maps(handover: Handover, classes: tuple[ClassFacts, ...]) -> ReportMaps:
    lies, satellite = drawn(handover.result.classmap.grid), _picture(handover)
    return ReportMaps(
        lies=lies,
        satellite=satellite,
        satellite_label="" if satellite is None else satellite.label,
        classes_label=next((f"Only {c.name}" for c in classes if c.id == handover.alone), "Classes"),
        scale=_scale(lies),
        no_place="" if lies.width_m else "No place in this file: no scale, no hectares.",
    )


def _picture(handover: Handover) -> SatellitePicture | None:
    return satellite_picture(handover.result.scene, handover.lender)


def _facts(handover: Handover) -> tuple[tuple[str, str], ...]:
    result, about = handover.result, handover.about
    grid, total = result.classmap.grid, result.mapped_ha
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
        ("Area", "" if total is None else f"{hectares(total, area_decimals(total))} hectares"),
        ("No data", percent(result.masked_share) + " of the picture" if result.masked_share > 0 else ""),
        ("Preview", preview),
        ("Coordinate system", grid.crs.name if grid.crs is not None else ""),
    )
    return tuple((name, one_line(text)) for name, text in known if text)


def _scale(lies: Drawn) -> tuple[float, str] | None:
    if lies.width_m is None:
        return None
    length_m = round_length_m(lies.width_m * 0.25)
    return length_m / lies.width_m, length_words(length_m)
