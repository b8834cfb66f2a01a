"""The tables of a map as one Excel workbook: areas, spectra, how right, what changed, and what it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from s2dash.core.run import current_versions
from s2dash.export.accuracy_sheets import add_accuracy
from s2dash.export.contents import ClassFacts, Export, listed_facts, one_line, require_full
from s2dash.export.digits import REFLECTANCE_DECIMALS, SHARE_DECIMALS, hectare_decimals
from s2dash.export.excel import CODE_WIDTH, NAME_WIDTH, NUMBER_WIDTH, WORDS_WIDTH, ExcelSheet, decimals, new_book
from s2dash.export.handover import Handover
from s2dash.export.recipe_words import recipe_words

_MOST_WORDS = 2_000
_SPREAD = (
    "10th percentile: a tenth of the pixels of a class is darker",
    "90th percentile: a tenth of the pixels of a class is brighter",
)
_SPREAD_OF_EMBEDDING = (
    "10th percentile: a tenth of the pixels of a class lies below",
    "90th percentile: a tenth of the pixels of a class lies above",
)


def write_workbook(handover: Handover, out: Path) -> None:
    """Write the workbook; raises RecipeError for a preview, OutputConflict where `out` cannot be written."""
    require_full(handover.result)
    with new_book(out, one_line(handover.title)) as book:
        _areas(ExcelSheet(book, "Areas"), handover)
        _spectra(ExcelSheet(book, "Spectra"), handover)
        if handover.accuracy is not None:
            add_accuracy(book, handover.accuracy)
        if handover.change is not None:
            handover.change.add_sheets(book)
        _about(ExcelSheet(book, "About"), handover)


def _areas(sheet: ExcelSheet, handover: Handover) -> None:
    result = handover.result
    classes = listed_facts(result, handover.legend)
    hectares = decimals(hectare_decimals(result.scene.grid))
    columns = [("Class", 8), ("Name", NAME_WIDTH), ("Code", CODE_WIDTH), ("Colour", 12)]
    numbers = [("Pixels", NUMBER_WIDTH), ("Share of the mapped ground", NUMBER_WIDTH), ("Hectares", NUMBER_WIDTH)]
    sheet.head([*columns, *numbers])
    for c in classes:
        counted = [(c.row.count, "#,##0"), (c.row.share, f"0.{'0' * SHARE_DECIMALS}%"), (c.row.area_ha, hectares)]
        sheet.row([(c.id, "0"), (c.name, ""), (c.code, ""), (c.colour, ""), *counted])
        sheet.swatch(3, c.colour, c.colour)
    pixels = sum(c.row.count for c in classes)
    masked = result.classmap.grid.pixel_count - pixels
    whole = 1.0 if pixels else None
    sheet.total(
        [("", ""), ("Mapped", ""), ("", ""), ("", ""), (pixels, "#,##0"), (whole, "0%"), (result.mapped_ha, hectares)]
    )
    sheet.row([("", ""), ("No data or left out", ""), ("", ""), ("", ""), (masked, "#,##0")])


def _spectra(sheet: ExcelSheet, handover: Handover) -> None:
    scene = handover.result.scene
    named = [(one_line(band.name), 12) for band in scene.bands]
    what = "Mean embedding value" if scene.is_embedding else "Mean reflectance"
    sheet.head([("Class", 8), (what, NAME_WIDTH), *named])
    if not scene.is_embedding:
        sheet.row([("", ""), ("Wavelength, nm", ""), *((band.wavelength_nm, "0") for band in scene.bands)])
    classes, spreads = listed_facts(handover.result, handover.legend), handover.spreads
    _reflectances(sheet, classes, [c.row.mean_reflectance for c in classes])
    known = [c for c in classes if c.id in spreads]
    spread_words = _SPREAD_OF_EMBEDDING if scene.is_embedding else _SPREAD
    for end, words in enumerate(spread_words if known else ()):
        sheet.part(words)
        _reflectances(sheet, known, [spreads[c.id][end] for c in known])


def _reflectances(sheet: ExcelSheet, classes: Sequence[ClassFacts], values: Sequence[Iterable[float]]) -> None:
    """A row for each class with a value for each band."""
    form = f"0.{'0' * REFLECTANCE_DECIMALS}"
    for c, of_bands in zip(classes, values, strict=True):
        sheet.row([(c.id, "0"), (c.name, ""), *((float(value), form) for value in of_bands)])
        sheet.swatch(0, c.colour, c.id)


def _about(sheet: ExcelSheet, handover: Handover) -> None:
    result, about = handover.result, handover.about
    said = {"Place": about.place, "Date": about.date, "Author": about.author, "Notes": about.notes}
    attribution = one_line(result.scene.attribution)
    sheet.head([("What", NAME_WIDTH), (one_line(handover.title) or "Class map", WORDS_WIDTH)], 1)
    pairs = [
        *((name, one_line(words, _MOST_WORDS)) for name, words in said.items() if words),
        ("Scene", one_line(result.scene.title)),
        *([("Source", attribution)] if attribution else []),
        *recipe_words(result),
        *(("Note", one_line(words, _MOST_WORDS)) for words in result.warnings),
        ("Classes", "Groups of pixels that look alike; their names are the user's."),
        ("Spectra", "Means over the pixels that were learnt from."),
        ("Made with", ", ".join(f"{name} {version}" for name, version in current_versions().items())),
    ]
    for name, words in pairs:
        sheet.row([(one_line(name), ""), (words, "")])


EXPORT = Export(
    key="workbook",
    card="tables",
    label="Tables (Excel)",
    short="Excel",
    suffix="-classes.xlsx",
    mime="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    help="Areas, spectra, accuracy where the map was checked, transitions where two dates are compared, and how it was "
    "made: sheets to calculate with.",
    needs_full=True,
    needs_place=False,
    write=write_workbook,
)
