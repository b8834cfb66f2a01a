"""The class table as CSV, safe and clean to open in a spreadsheet.

The attribution is a last column, the same in every row: the table stays rectangular, sorts, filters
and parses without special rows, and each row copied out of it still carries its source.
"""

from __future__ import annotations

import csv
import io
import math
import re
from pathlib import Path

from s2dash.core.classmap import Result
from s2dash.core.legend import Legend
from s2dash.export.contents import Export, listed_facts, one_line, require_full, staged
from s2dash.export.digits import REFLECTANCE_DECIMALS, SHARE_DECIMALS, hectare_decimals

_FORMULA = re.compile(r"(^|;)(?=[\s\"]*[=+\-@\uff1d\uff0b\uff0d\uff20])")
"""Where a spreadsheet might see a formula begin: at a cell's start, or after a semicolon, which splits
cells in countries with a decimal comma. The last four are the full-width forms."""


def csv_text(result: Result, legend: Legend) -> str:
    """The table as text, one row a class as the legend lists them, lines ended by CR LF.

    Columns: id, name, code (where any class has one), colour (`#rrggbb`), pixels, share_percent (of the pixels that
    are not masked), area_ha (empty without a place), the mean reflectance of each band of the scene over the sample
    that was fitted on (of an embedding its mean value), attribution.
    Decimals are as many as a pixel or a measurement is worth (`digits`).
    Raises RecipeError for a preview.
    """
    require_full(result)
    scene = result.scene
    out = io.StringIO()
    writer = csv.writer(out)
    classes = listed_facts(result, legend)
    hectares = f".{hectare_decimals(scene.grid)}f"
    has_codes = any(c.code for c in classes)
    what = "embedding" if scene.is_embedding else "reflectance"
    reflectances = [f"{what} {name}" for name in scene.band_names]
    named = ["id", "name", *(["code"] if has_codes else []), "colour"]
    writer.writerow([*named, "pixels", "share_percent", "area_ha", *map(text_cell, reflectances), "attribution"])
    for c in classes:
        means = [_number(value, f".{REFLECTANCE_DECIMALS}f") for value in c.row.mean_reflectance]
        means += [""] * (len(scene.bands) - len(means))
        share = _number(100 * c.row.share, f".{SHARE_DECIMALS}f")
        counted = [c.row.count, share, _number(c.row.area_ha, hectares)]
        code = [text_cell(c.code)] if has_codes else []
        writer.writerow([c.id, text_cell(c.name), *code, c.colour, *counted, *means, text_cell(scene.attribution)])
    return out.getvalue()


def write_table(result: Result, legend: Legend, out: Path) -> None:
    """Write `csv_text` as UTF-8 with a byte order mark, by which Excel knows UTF-8.

    Raises RecipeError for a preview, OutputConflict where `out` cannot be written.
    """
    text = csv_text(result, legend)
    with staged(out) as path:
        path.write_bytes(csv_bytes(text))


def csv_bytes(text: str) -> bytes:
    """CSV text as bytes that Excel reads as UTF-8."""
    return text.encode("utf-8-sig")


def text_cell(text: str) -> str:
    """Text from outside as a cell that no spreadsheet takes for a formula: `=1+1` becomes `'=1+1`."""
    return _FORMULA.sub(r"\1'", one_line(text))


def _number(value: float | None, form: str) -> str:
    return "" if value is None or not math.isfinite(value) else format(value, form)


EXPORT = Export(
    key="table",
    card="tables",
    label="Class table (CSV)",
    short="CSV",
    suffix="-classes.csv",
    mime="text/csv",
    help="Name, pixels, share, hectares and mean of each band in each class, for a spreadsheet.",
    needs_full=True,
    needs_place=False,
    write=lambda handover, out: write_table(handover.result, handover.legend, out),
)
