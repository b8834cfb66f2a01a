"""The page's charts: mean spectra of the classes, and a scatter of two features."""

from __future__ import annotations

from s2dash.ui.charts.class_spectrum import class_spectrum_alt, class_spectrum_chart
from s2dash.ui.charts.scatter import MOST_SCATTER_POINTS, scatter_alt, scatter_chart
from s2dash.ui.charts.spec import Chart, Spec
from s2dash.ui.charts.spectra import (
    SPECTRA_BESIDE_HEIGHT_PX,
    SPECTRA_HEIGHT_PX,
    spectra_alt,
    spectra_chart,
    spectra_name,
    spread_apart,
)
from s2dash.ui.charts.words import in_two_lines

__all__ = [
    "MOST_SCATTER_POINTS",
    "SPECTRA_BESIDE_HEIGHT_PX",
    "SPECTRA_HEIGHT_PX",
    "Chart",
    "Spec",
    "class_spectrum_alt",
    "class_spectrum_chart",
    "in_two_lines",
    "scatter_alt",
    "scatter_chart",
    "spectra_alt",
    "spectra_chart",
    "spectra_name",
    "spread_apart",
]
