"""What the kinds of files are good for, by what people want to do: a card of the window `Hand over` for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from s2dash.export.contents import Card


@dataclass(frozen=True)
class CardWords:
    """What a card says."""

    title: str
    good_for: str


CARDS: Mapping[Card, CardWords] = {
    "picture": CardWords("Picture or slide", "To show in a talk or put in a letter, with legend."),
    "report": CardWords("Report", "To read and to file: map, areas, spectra, check, how it was made."),
    "tables": CardWords("Tables", "To calculate with: shares, hectares, spectra."),
    "gis": CardWords("Map for a GIS", "To open in QGIS or ArcGIS in the right place, with colours and names."),
    "outlines": CardWords("Outlines", "To edit or count by parcel. One polygon for each patch."),
    "recipe": CardWords("Recipe", "To make the same map again, here or by the command line."),
}
"""In the order of the window; an export whose card is `all` stands at its foot."""
