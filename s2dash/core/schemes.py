"""Schemes of names for classes: lists with a name, a colour and a code each, of which people choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SchemeEntry:
    """One class of a scheme."""

    code: str
    """As the scheme writes it; empty where it has none."""
    name: str
    colour: str
    """`#rrggbb`; empty where it has none."""


@dataclass(frozen=True)
class Scheme:
    """A list of classes that belong together."""

    title: str
    entries: tuple[SchemeEntry, ...]

    def entry_named(self, name: str) -> SchemeEntry | None:
        """The class of this name, whatever its capital letters; None where there is none."""
        return next((entry for entry in self.entries if entry.name.casefold() == name.casefold()), None)


def _scheme(title: str, rows: Sequence[tuple[str, str, str]]) -> Scheme:
    return Scheme(title, tuple(SchemeEntry(*row) for row in rows))


_SIMPLE = (
    ("", "Water", "#3479c7"),
    ("", "Trees", "#2f6b3c"),
    ("", "Dense plants", "#557d5a"),
    ("", "Grass", "#b9ea85"),
    ("", "Crops", "#a9bd4b"),
    ("", "Wetland", "#4ba1a8"),
    ("", "Sparse plants", "#c8975d"),
    ("", "Bare ground", "#b68535"),
    ("", "Sand", "#f9eed0"),
    ("", "Rock", "#8d8a86"),
    ("", "Built-up", "#b0413e"),
    ("", "Snow or ice", "#f1eeeb"),
    ("", "Cloud", "#c7c3c1"),
    ("", "Shadow or dark ground", "#50505a"),
)
SIMPLE = _scheme("Simple list", _SIMPLE)
"""The product's own list."""

_WORLDCOVER = (
    ("10", "Tree cover", "#006400"),
    ("20", "Shrubland", "#ffbb22"),
    ("30", "Grassland", "#ffff4c"),
    ("40", "Cropland", "#f096ff"),
    ("50", "Built-up", "#fa0000"),
    ("60", "Bare or sparse vegetation", "#b4b4b4"),
    ("70", "Snow and ice", "#f0f0f0"),
    ("80", "Permanent water bodies", "#0064c8"),
    ("90", "Herbaceous wetland", "#0096a0"),
    ("95", "Mangroves", "#00cf75"),
    ("100", "Moss and lichen", "#fae6a0"),
)
WORLDCOVER = _scheme("ESA WorldCover", _WORLDCOVER)
"""Of the product user manual, version 2.0 (Zanaga et al., 2022), with its colours."""

_CORINE_1 = (
    ("1", "Artificial surfaces", "#ff0000"),
    ("2", "Agricultural areas", "#ffffa8"),
    ("3", "Forest and semi-natural areas", "#00a600"),
    ("4", "Wetlands", "#a6a6ff"),
    ("5", "Water bodies", "#00ccf2"),
)
_CORINE_2 = (
    ("11", "Urban fabric", "#ff0000"),
    ("12", "Industry, commerce, transport", "#cc4df2"),
    ("13", "Mines, dumps, construction", "#a600cc"),
    ("14", "Artificial green areas", "#ffa6ff"),
    ("21", "Arable land", "#ffffa8"),
    ("22", "Permanent crops", "#e68000"),
    ("23", "Pastures", "#e6e64d"),
    ("24", "Mixed agricultural areas", "#ffe64d"),
    ("31", "Forests", "#00a600"),
    ("32", "Shrubs and herbaceous plants", "#a6ff80"),
    ("33", "Open spaces with few plants", "#cccccc"),
    ("41", "Inland wetlands", "#a6a6ff"),
    ("42", "Maritime wetlands", "#ccccff"),
    ("51", "Inland waters", "#00ccf2"),
    ("52", "Marine waters", "#e6f2ff"),
)
_CORINE_3 = (
    ("111", "Continuous urban fabric", "#e6004d"),
    ("112", "Discontinuous urban fabric", "#ff0000"),
    ("121", "Industrial or commercial units", "#cc4df2"),
    ("122", "Road and rail networks", "#cc0000"),
    ("123", "Port areas", "#e6cccc"),
    ("124", "Airports", "#e6cce6"),
    ("131", "Mineral extraction sites", "#a600cc"),
    ("132", "Dump sites", "#a64d00"),
    ("133", "Construction sites", "#ff4dff"),
    ("141", "Green urban areas", "#ffa6ff"),
    ("142", "Sport and leisure facilities", "#ffe6ff"),
    ("211", "Non-irrigated arable land", "#ffffa8"),
    ("212", "Permanently irrigated land", "#ffff00"),
    ("213", "Rice fields", "#e6e600"),
    ("221", "Vineyards", "#e68000"),
    ("222", "Fruit trees and berry plantations", "#f2a64d"),
    ("223", "Olive groves", "#e6a600"),
    ("231", "Pastures", "#e6e64d"),
    ("241", "Annual crops with permanent crops", "#ffe6a6"),
    ("242", "Complex cultivation patterns", "#ffe64d"),
    ("243", "Agriculture with natural vegetation", "#e6cc4d"),
    ("244", "Agro-forestry areas", "#f2cca6"),
    ("311", "Broad-leaved forest", "#80ff00"),
    ("312", "Coniferous forest", "#00a600"),
    ("313", "Mixed forest", "#4dff00"),
    ("321", "Natural grasslands", "#ccf24d"),
    ("322", "Moors and heathland", "#a6ff80"),
    ("323", "Sclerophyllous vegetation", "#a6e64d"),
    ("324", "Transitional woodland-shrub", "#a6f200"),
    ("331", "Beaches, dunes, sands", "#e6e6e6"),
    ("332", "Bare rocks", "#cccccc"),
    ("333", "Sparsely vegetated areas", "#ccffcc"),
    ("334", "Burnt areas", "#000000"),
    ("335", "Glaciers and perpetual snow", "#a6e6cc"),
    ("411", "Inland marshes", "#a6a6ff"),
    ("412", "Peat bogs", "#4d4dff"),
    ("421", "Salt marshes", "#ccccff"),
    ("422", "Salines", "#e6e6ff"),
    ("423", "Intertidal flats", "#a6a6e6"),
    ("511", "Water courses", "#00ccf2"),
    ("512", "Water bodies", "#80f2e6"),
    ("521", "Coastal lagoons", "#00ffa6"),
    ("522", "Estuaries", "#a6ffe6"),
    ("523", "Sea and ocean", "#e6f2ff"),
)
CORINE_1 = _scheme("CORINE, level 1", _CORINE_1)
CORINE_2 = _scheme("CORINE, level 2", _CORINE_2)
CORINE_3 = _scheme("CORINE, level 3", _CORINE_3)
"""Codes and colours of CORINE Land Cover (Copernicus Land Monitoring Service); long names are shortened.

Levels 1 and 2 have no colours of their own and take that of a class within.
"""

_LCCS = (
    ("A11", "Cultivated areas", "#f0d86e"),
    ("A12", "Natural land vegetation", "#4f8a43"),
    ("A23", "Cultivated flooded areas", "#9fc9a1"),
    ("A24", "Flooded natural vegetation", "#3f9c8f"),
    ("B15", "Artificial surfaces", "#c0392b"),
    ("B16", "Bare areas", "#c9b08a"),
    ("B27", "Artificial water, snow, ice", "#7fb2e5"),
    ("B28", "Natural water, snow and ice", "#2a6fb0"),
)
LCCS = _scheme("LCCS, basic", _LCCS)
"""The eight major types of the Land Cover Classification System (FAO, 2000), in shorter words."""

SCHEMES: tuple[Scheme, ...] = (SIMPLE, WORLDCOVER, CORINE_1, CORINE_2, LCCS)
"""Those that are offered."""
