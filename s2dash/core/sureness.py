"""The Sureness value: how sure the class of each pixel of a map is, as files that are handed over tell it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2dash.core.types import Window

UNKNOWN = 255
"""Stands for no data among percents."""


@dataclass(frozen=True, eq=False)
class Sureness:
    """How sure the classes of all pixels of a map are, wherever that lies."""

    read: Callable[[Window], np.ndarray]
    """Percent of each pixel of a window, shape (rows, cols), uint8, 0 to 100; `UNKNOWN` where there is none."""
    write: Callable[[Path], None]
    """Write all as a GeoTIFF of one band; what stood under that name stays untouched on failure."""
