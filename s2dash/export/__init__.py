"""What a result can be saved as. A new kind of file is one new module and one line in `EXPORTS`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from s2dash.errors import UnknownName
from s2dash.export import bundle, geotiff, picture, polygons, recipe_file, report, script, slide, table, workbook
from s2dash.export.contents import Export
from s2dash.export.handover import Handover
from s2dash.export.slide import powerpoint

__all__ = ["EXPORTS", "Export", "Handover", "export_bytes"]

EXPORTS: dict[str, Export] = {
    export.key: export
    for export in (
        picture.EXPORT,
        slide.EXPORT,
        powerpoint.EXPORT,
        report.HTML,
        report.PDF,
        workbook.EXPORT,
        table.EXPORT,
        geotiff.EXPORT,
        bundle.EXPORT,
        polygons.GEOPACKAGE,
        polygons.FLATGEOBUF,
        polygons.SHAPEFILE,
        recipe_file.EXPORT,
        recipe_file.EDITS,
        script.SCRIPT,
        script.NOTEBOOK,
    )
}
"""Kinds of files by key, in the order in which a card of the page (`cards.py`) has its own."""


def export_bytes(key: str, handover: Handover) -> bytes:
    """The whole file as bytes, for a download.

    Raises UnknownName for a key that is not in `EXPORTS`, and what `Export.write` raises.
    """
    if key not in EXPORTS:
        raise UnknownName(f"There is no export {key}. There are {', '.join(EXPORTS)}.")
    with tempfile.TemporaryDirectory(prefix="s2dash-") as folder:
        path = Path(folder) / f"export{EXPORTS[key].suffix}"
        EXPORTS[key].write(handover, path)
        return path.read_bytes()
