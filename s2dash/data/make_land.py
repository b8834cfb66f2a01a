"""How `land.json`, the outline of the land on the globe of slides and reports, was made; run once and kept."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyogrio
import shapely

_TOLERANCE_DEG = 0.25
_LEAST_ISLAND_DEG2 = 1.0
_LEAST_SEA_DEG2 = 8.0


def land_rings(countries: Path) -> list[list[list[float]]]:
    """Closed rings of longitude and latitude, a tenth of a degree each, islands and lakes below a size left out."""
    shapes = shapely.from_wkb(pyogrio.raw.read(countries)[2])
    # Borders that do not quite meet would stay as slits.
    land = shapely.union_all(shapely.buffer(shapes, 0.001)).simplify(_TOLERANCE_DEG)
    parts = [part for part in land.geoms if part.area > _LEAST_ISLAND_DEG2]
    seas = [ring for part in parts for ring in part.interiors if shapely.Polygon(ring).area > _LEAST_SEA_DEG2]
    return [
        [[round(x, 1), round(y, 1)] for x, y in ring.coords] for ring in [*(part.exterior for part in parts), *seas]
    ]


if __name__ == "__main__":
    rings = land_rings(Path(sys.argv[1]))
    Path(__file__).with_name("land.json").write_text(json.dumps(rings, separators=(",", ":")) + "\n")
