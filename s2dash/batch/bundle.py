"""The outputs of a batch in one zip, for a download."""

from __future__ import annotations

import zipfile
from pathlib import Path

from s2dash.batch.plan import Report


def write_zip(report: Report, folder: Path, out: Path) -> None:
    """Write class maps, table, recipe and mosaics of a report into a zip; what the next run needs stays out."""
    names = [name for done in report.finished for name, _ in done.files]
    with zipfile.ZipFile(out, "w") as archive:
        for name in (*names, *report.files):
            # GeoTIFF files are compressed already.
            how = zipfile.ZIP_STORED if name.endswith(".tif") else zipfile.ZIP_DEFLATED
            archive.write(folder / name, name, how)
