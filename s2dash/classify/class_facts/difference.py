"""How two parts of a class differ, by their means: in green plants, in water, else in brightness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from s2dash.core.band_means import band_means
from s2dash.core.scene import Scene

_Kind = Literal["green", "wet", "bright"]
_PLAIN_TO_SEE = 0.1
"""By so much NDVI, or MNDWI or in its place NDWI, parts differ at least to be told apart by it."""
_LEAST = {"green": 0.2, "wet": 0.0}
"""Below it nothing is green, or wet, and a difference tells of neither."""


@dataclass(frozen=True)
class Difference:
    """In what two parts of a class differ, and in which band most."""

    kind: _Kind
    more: Literal[0, 1]
    """Which of the two has more of it."""
    band: int
    """Position in the scene of the band in which their mean reflectances lie furthest apart."""


def difference(scene: Scene, parts: np.ndarray) -> Difference | None:
    """How two parts of a class differ; None where no band is known of both.

    Parameters
    ----------
    parts : ndarray of shape (2, bands), mean reflectance of each part, NaN where unknown

    Of NDVI (Rouse et al. 1974) and MNDWI (Xu 2006; NDWI, McFeeters 1996, without shortwave infrared) the one that
    differs more counts, where it differs plainly and one of the parts is green, or wet, at all.
    """
    ground = list(scene.optical_bands())
    apart = np.abs(parts[1] - parts[0])[ground]
    if not np.isfinite(apart).any():
        return None
    means = band_means(parts, [band.standard for band in scene.bands])
    found: dict[_Kind, np.ndarray | None] = {
        "green": means.ndvi,
        "wet": means.mndwi if means.mndwi is not None else means.ndwi,
    }
    plain = {
        kind: values
        for kind, values in found.items()
        if values is not None and values.max() >= _LEAST[kind] and abs(values[1] - values[0]) >= _PLAIN_TO_SEE
    }
    kind: _Kind = max(plain, key=lambda one: abs(plain[one][1] - plain[one][0]), default="bright")
    values = plain.get(kind, means.brightness)
    return Difference(kind, 1 if values[1] > values[0] else 0, ground[int(np.nanargmax(apart))])
