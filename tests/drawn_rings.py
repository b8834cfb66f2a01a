"""Rings as they are drawn on the map, in degrees, from columns and rows of a grid."""

from __future__ import annotations

from collections.abc import Sequence

from affine import Affine
from pyproj import Transformer
from scenes import UTM, UTM_10M

from s2dash.core.scene_reading import Ring


def ring_of(corners: Sequence[tuple[float, float]], transform: Affine = UTM_10M, crs: str = UTM) -> Ring:
    """A closed ring of longitude and latitude through these columns and rows."""
    place = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    ring = tuple(place.transform(*(transform @ corner)) for corner in corners)
    return (*ring, ring[0])
