"""By what the live engine keeps things of scenes, and how much memory they hold."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from s2dash.classify.space import FeatureSpace
from s2dash.core.byte_cache import Held, held_by_arrays
from s2dash.core.scene import Pixels
from s2dash.raster.location import Location

Key: TypeAlias = tuple[str, tuple[Location, ...], *tuple[object, ...]]
"""Digest and files of a scene, and what was made of it."""


def is_of_gone_files(key: Key) -> bool:
    """Whether any of a scene's files is no longer there."""
    return any(location.is_missing for location in key[1])


def held_of_pixels(pixels: Pixels) -> Held:
    """What smoothed pixels hold."""
    return held_by_arrays(pixels.values, pixels.valid)


def held_of_space(space: FeatureSpace) -> Held:
    """What the space of features holds."""
    return held_by_arrays(*(value for value in vars(space).values() if isinstance(value, np.ndarray)))
