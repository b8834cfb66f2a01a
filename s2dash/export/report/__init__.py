"""The report of a map: one HTML file that works offline, and the same on paper as PDF."""

from __future__ import annotations

from pathlib import Path

from s2dash.export.contents import Export, staged
from s2dash.export.handover import Handover
from s2dash.export.report.contents import report_contents
from s2dash.export.report.html_page import html_text
from s2dash.export.report.pdf import pdf_bytes
from s2dash.export.views import classes_png

_MOST_SIDE = 1400


def write_html(handover: Handover, out: Path) -> None:
    """Write the report. A preview is taken, and said to be one.

    Raises OutputConflict where it cannot be written, and as `report_contents`.
    """
    contents = report_contents(handover)
    lies, satellite = contents.maps.lies, contents.maps.satellite
    # At most two pixels for each of the map's, which browsers enlarge as they like.
    longest = min(_MOST_SIDE, max(handover.result.classmap.grid.shape_rc) * 2)
    size_wh = lies.size_wh(longest)
    picture = None if satellite is None else satellite.png(lies, size_wh)
    text = html_text(contents, size_wh, picture, classes_png(handover, lies, size_wh))
    with staged(out) as path:
        path.write_text(text, encoding="utf-8")


def write_pdf(handover: Handover, out: Path) -> None:
    """Write the same report as PDF, A4; takes and raises what `write_html` does."""
    content = pdf_bytes(handover)
    with staged(out) as path:
        path.write_bytes(content)


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
PDF = Export(
    key="report_pdf",
    card="report",
    label="Report (PDF)",
    short="PDF",
    suffix="-report.pdf",
    mime="application/pdf",
    help="The same on A4, to print, to send and to file: words can be selected and searched.",
    needs_full=False,
    needs_place=False,
    write=write_pdf,
)
