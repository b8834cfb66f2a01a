"""The report of a map: one HTML file that works offline."""

from __future__ import annotations

from pathlib import Path

from s2dash.export.contents import Export, staged
from s2dash.export.handover import Handover
from s2dash.export.report.contents import report_contents
from s2dash.export.report.html_page import html_text


def write_html(handover: Handover, out: Path) -> None:
    """Write the report. A preview is taken, and said to be one.

    Raises OutputConflict where it cannot be written, and as `report_contents`.
    """
    text = html_text(report_contents(handover))
    with staged(out) as path:
        path.write_text(text, encoding="utf-8")


HTML = Export(
    key="report",
    card="report",
    label="Report (HTML)",
    short="HTML",
    suffix="-report.html",
    mime="text/html",
    help="Map, classes, hectares, spectra, how far it can be trusted and how it was made, in one file for any browser.",
    needs_full=False,
    needs_place=False,
    write=write_html,
)
